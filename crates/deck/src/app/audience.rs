//! What a class sees on its phones, and what the phones answer: the contract between the deck, which decides both, and the server,
//! which carries them. Nothing here knows a connection.
//!
//! While a poll is open or closed, nobody sees a count: people would follow the majority instead of thinking.

use serde::Serialize;

/// What every phone shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AudiencePage {
    /// The lesson's title.
    pub lesson: String,
    /// The chapter's title.
    pub chapter: String,
    /// What the class reads at this step.
    pub caption: String,
    /// The question, if there is one.
    pub poll: Option<PollPage>,
}

/// A question to the class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PollPage {
    /// Which poll of the session this is: larger than that of each poll before. The same question asked again is another poll.
    pub number: u64,
    /// The question.
    pub question: String,
    /// What can be answered.
    pub options: Vec<String>,
    /// How far the poll is.
    pub state: PollState,
}

/// How far a poll is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum PollState {
    /// Answers are taken, and can be changed.
    Open,
    /// No more answers are taken, and the counts are not shown yet.
    Closed,
    /// The counts are shown, the right answer is not.
    Counted {
        /// How many chose each option.
        counts: Vec<u32>,
    },
    /// The right answer is shown.
    Revealed {
        /// How many chose each option.
        counts: Vec<u32>,
        /// The right option, from 0.
        right: usize,
        /// What was just seen, and why.
        explanation: String,
    },
}

/// What the phones have done, as the server tells the deck: at most ten times a second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudienceNews {
    /// How many phones are connected now.
    pub joined: u32,
    /// The poll that the counts are of; 0 before the first.
    pub poll: u64,
    /// How many chose each of its options: one answer a phone.
    pub counts: Vec<u32>,
}
