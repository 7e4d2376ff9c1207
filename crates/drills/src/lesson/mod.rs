//! A lesson as it is written down: TOML, read by [`Lesson::read`].
//!
//! A lesson is a row of chapters, each on a fresh cluster, so that any of them can be started alone. A chapter is a row of steps: it
//! shows something, asks, sets a task, or lets people play. Its lines and conditions are those of drills and scripts.

mod catalogue;
mod check;
mod lesson_result;
mod misconception;
mod rehearse;
mod run;

pub use catalogue::{LESSONS, TEMPLATE, built_in_lesson, lessons};
pub use lesson_result::{Answered, LessonProgress, LessonResult, MisconceptionCount};
pub use misconception::{Misconception, shared_misconceptions};
pub use rehearse::{Rehearsed, rehearse_chapter};
pub use run::{
    ChapterOptions, ChapterRun, DISCUSSION, LessonInput, Poll, PollStage, Question, QuestionEnd, Scene,
    ScenePart, Task, answers_in,
};

use crate::file::{Act, ClusterSpec, Hint, Phrase};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the format that this crate reads.
pub const LESSON_SCHEMA: u32 = 1;

/// A lesson.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "A raftdeck lesson")]
pub struct Lesson {
    /// The version of the format: 1.
    pub schema: u32,
    /// Its name on the command line: lower-case letters, digits and `-`.
    pub id: Phrase,
    /// A title of a few words.
    pub title: Phrase,
    /// For whom it is and what they know at its end, in a few sentences.
    pub description: Phrase,
    /// How long it takes, in minutes.
    pub minutes: u16,
    /// Words to search by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The sections that explain it: of the Raft paper (`§5.2`), the thesis (`thesis §9.6`), or another source.
    #[serde(default)]
    pub paper: Vec<String>,
    /// Misconceptions that its questions are about, beside the shared ones.
    #[serde(default, rename = "misconception")]
    pub misconceptions: Vec<Misconception>,
    /// Its chapters, in order.
    #[serde(rename = "chapter")]
    pub chapters: Vec<Chapter>,
}

/// A chapter: a row of steps on a cluster of its own, or a drill.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Chapter {
    /// Its name within the lesson: lower-case letters, digits and `-`.
    pub id: Phrase,
    /// A title of a few words.
    pub title: Phrase,
    /// How long it takes, in minutes.
    pub minutes: u16,
    /// The cluster that it runs on. Its timing is `debug` unless it says another.
    #[serde(default)]
    pub cluster: ClusterSpec,
    /// The id of a built-in drill, which is the whole chapter.
    pub drill: Option<Phrase>,
    /// What is shown, asked and done, in order.
    #[serde(default, rename = "step")]
    pub steps: Vec<LessonStep>,
}

/// One step. It shows something (`caption`, and possibly `do` and `wait`), asks (`ask` and `reveal`), sets a task (`act` and `do`), or
/// lets people play (`free`).
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LessonStep {
    /// What the class reads: one to three short sentences.
    pub caption: Option<String>,
    /// What only the teacher reads.
    pub notes: Option<String>,
    /// The view of the deck that is shown.
    pub view: Option<ViewName>,
    /// The nodes that are pointed at on the picture: `leader`, `2`, `1,2`, `$old`.
    pub mark: Option<Phrase>,
    /// Lines of a script, which are carried out when the step begins.
    #[serde(rename = "do")]
    pub lines: Option<Phrase>,
    /// A condition that is waited for after the lines.
    pub wait: Option<Phrase>,
    /// How long it may take until `wait` holds, in cluster time; 20T by default.
    pub within: Option<Phrase>,
    /// Cluster time is frozen when the step is done, until the next step that does something.
    pub freeze: bool,
    /// A question.
    pub ask: Option<LessonAsk>,
    /// How the cluster shows the answer.
    pub reveal: Option<Reveal>,
    /// A task for somebody at the keyboard; `do` is its model solution.
    pub act: Option<Act>,
    /// What people may try. Everything is healed when they go on.
    pub free: Option<String>,
}

/// A question of a lesson.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LessonAsk {
    /// The question.
    pub question: Phrase,
    /// The answers to choose from: three or four, one of which is right.
    pub options: Vec<Choice>,
    /// Hints, in the order in which they are given.
    #[serde(default)]
    pub hints: Vec<Hint>,
}

/// An answer to choose.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Choice {
    /// The answer.
    pub text: String,
    /// Whether it is right.
    #[serde(default)]
    pub right: bool,
    /// The id of the misconception that somebody has who chooses it.
    pub misconception: Option<Phrase>,
    /// What is said to somebody who chooses it.
    pub because: String,
}

/// How the cluster shows the answer: it goes on until the moment that decides.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reveal {
    /// Lines of a script.
    #[serde(rename = "do")]
    pub lines: Option<Phrase>,
    /// The condition that holds at the moment that decides.
    pub wait: Option<Phrase>,
    /// How long it may take until `wait` holds, in cluster time; 20T by default.
    pub within: Option<Phrase>,
    /// The nodes that are pointed at on the picture then.
    pub mark: Option<Phrase>,
    /// The view of the deck that is shown.
    pub view: Option<ViewName>,
    /// What was just seen, and why.
    pub explain: String,
}

/// A view of the deck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ViewName {
    /// The ring of nodes, the table and the events.
    Cluster,
    /// The logs side by side.
    Logs,
    /// The messages in space and time.
    Messages,
    /// Figures over time.
    Charts,
    /// Keys and values.
    Data,
}

impl LessonAsk {
    /// The same with its options in another order: the same one each time, and not that of the file, in which the right answer often
    /// stands first.
    #[must_use]
    pub fn mixed(mut self) -> Self {
        let sum: usize = self.question.text().bytes().map(usize::from).sum();
        let by = sum % self.options.len().max(1);
        self.options.rotate_left(by);
        self
    }

    /// Which option is right, counted from 0.
    #[must_use]
    pub fn right(&self) -> usize {
        self.options.iter().position(|option| option.right).unwrap_or_default()
    }
}

impl LessonStep {
    /// What it is about, in one line: its caption, its question, its task.
    #[must_use]
    pub fn in_words(&self) -> &str {
        let ask = self.ask.as_ref().map(|ask| ask.question.text());
        let act = self.act.as_ref().map(|act| act.task.as_str());
        ask.or(act).or(self.free.as_deref()).or(self.caption.as_deref()).unwrap_or_default()
    }
}

impl Lesson {
    /// Which chapter has this id, counted from 0.
    #[must_use]
    pub fn chapter(&self, id: &str) -> Option<usize> {
        self.chapters.iter().position(|chapter| chapter.id.text() == id)
    }

    /// The misconception of this id: one of the lesson's own, or a shared one.
    #[must_use]
    pub fn misconception(&self, id: &str) -> Option<&Misconception> {
        let own = self.misconceptions.iter().find(|known| known.id.text() == id);
        own.or_else(|| shared_misconceptions().iter().find(|known| known.id.text() == id))
    }

    /// How many questions it has.
    #[must_use]
    pub fn questions(&self) -> usize {
        self.chapters.iter().flat_map(|chapter| &chapter.steps).filter(|step| step.ask.is_some()).count()
    }
}

#[cfg(test)]
mod tests;
