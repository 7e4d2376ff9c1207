//! The row of tabs: what each cluster is called, and how it is in a word.

use crate::app::App;
use crate::tabs::TabId;
use raftdeck_model::Verdict;
use raftdeck_raft::NodeId;

/// How a cluster is, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TabState {
    /// Its nodes are starting.
    Starting,
    /// A node leads, and can commit.
    Leads {
        /// Which.
        leader: NodeId,
        /// Whether some node needs attention, such as a stalled disk.
        has_concern: bool,
    },
    /// No node leads.
    NoLeader,
    /// Nothing can be committed.
    NoQuorum,
    /// No node runs.
    AllDown,
    /// No node answers.
    Unreachable,
    /// A drill, a lesson or a script waits for a person.
    Waits,
}

impl TabState {
    /// That of a cluster.
    #[must_use]
    pub fn of(app: &App) -> Self {
        if app.waits_for_person() {
            return Self::Waits;
        }
        // Of processes that are not the deck's own, only the silence is known.
        let is_elsewhere = app.is_elsewhere();
        let world = app.world();
        match world.verdict() {
            Verdict::Starting { ready: 0, of: 1.. } | Verdict::AllDown if is_elsewhere => Self::Unreachable,
            Verdict::Starting { .. } => Self::Starting,
            Verdict::Leads { leader, .. } => {
                let has_concern = world.ids().into_iter().any(|id| world.concern(id).is_some());
                Self::Leads { leader, has_concern }
            }
            Verdict::Electing { .. } => Self::NoLeader,
            Verdict::NoQuorum { .. } | Verdict::NoMajority { .. } => Self::NoQuorum,
            Verdict::AllDown => Self::AllDown,
            Verdict::Unknown { .. } => Self::Unreachable,
        }
    }

    /// In words.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Starting => "starting".to_owned(),
            Self::Leads { leader, has_concern: false } => format!("{leader} leads"),
            Self::Leads { leader, has_concern: true } => format!("{leader} leads, trouble"),
            Self::NoLeader => "no leader".to_owned(),
            Self::NoQuorum => "no quorum".to_owned(),
            Self::AllDown => "all down".to_owned(),
            Self::Unreachable => "unreachable".to_owned(),
            Self::Waits => "waits for you".to_owned(),
        }
    }
}

/// A tab, as the row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TabLabel {
    /// Which.
    pub id: TabId,
    /// What it is called.
    pub name: String,
    /// How its cluster is.
    pub state: TabState,
    /// Whether its nodes go on without the deck.
    pub is_elsewhere: bool,
    /// Whether its updates are recorded.
    pub is_recording: bool,
}

/// All tabs, as one of them knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TabRow {
    labels: Vec<TabLabel>,
    shown: TabId,
    contexts: Vec<String>,
}

impl TabRow {
    pub(super) fn new(labels: Vec<TabLabel>, shown: TabId, contexts: &[String]) -> Self {
        Self { labels, shown, contexts: contexts.to_vec() }
    }

    /// Whether there is more than one, so that they have to be told apart.
    #[must_use]
    pub fn is_several(&self) -> bool {
        self.labels.len() > 1
    }

    /// All of them, in order.
    #[must_use]
    pub fn labels(&self) -> &[TabLabel] {
        &self.labels
    }

    /// The place of the tab in sight.
    #[must_use]
    pub fn place(&self) -> usize {
        self.labels.iter().position(|label| label.id == self.shown).unwrap_or(0)
    }

    /// The tab in sight, if there are several.
    #[must_use]
    pub fn shown(&self) -> Option<&TabLabel> {
        self.labels.get(self.place()).filter(|_| self.is_several())
    }

    /// The tab after that in sight, or before it. The last one is followed by the first.
    #[must_use]
    pub fn neighbour(&self, on: bool) -> Option<TabId> {
        let count = self.labels.len();
        let step = if on { 1 } else { count.checked_sub(1)? };
        self.labels.get((self.place() + step) % count).map(|label| label.id)
    }

    /// The contexts that have no tab.
    pub fn closed(&self) -> impl Iterator<Item = &str> {
        let is_open = |name: &&String| self.labels.iter().any(|label| label.name == **name);
        self.contexts.iter().filter(move |name| !is_open(name)).map(String::as_str)
    }
}
