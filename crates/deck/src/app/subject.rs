//! What the screen shows and can explain, by name: a node, an entry, a message, an event, a term of the field.
//!
//! A subject only names. What is true of it now is found at drawing, by [`crate::explain`]; so a subject may be gone by then, and that
//! is said.

use crate::app::{App, View};
use crate::explain::drill;
use bytes::Bytes;
use raftdeck_model::concepts::Concept;
use raftdeck_model::{FaultId, MessageId, World};
use raftdeck_raft::{LogIndex, NodeId, Term};

/// Something on the screen that can be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The cluster as a whole: who leads, or why nobody does.
    Cluster,
    /// A node.
    Node(NodeId),
    /// A node's vote in its present term.
    Vote(NodeId),
    /// A directed link.
    Link {
        /// The sender's side.
        from: NodeId,
        /// The receiver's side.
        to: NodeId,
    },
    /// The entries at an index of the logs.
    Entry(LogIndex),
    /// A message.
    Message(MessageId),
    /// An event of the feed, by its number.
    Event(u64),
    /// A term.
    Term(Term),
    /// A key of the store.
    Key(Bytes),
    /// A fault in force.
    Fault(FaultId),
    /// A chart.
    Chart(Chart),
    /// The drill that the Drills view shows.
    Drill,
    /// A term of the field.
    Concept(Concept),
    /// All terms of the field.
    Glossary,
}

/// A chart of the Charts view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chart {
    /// Writes a second.
    Throughput,
    /// How long writes take.
    Latency,
    /// When writes were acknowledged, and the gaps.
    Availability,
    /// Elections and leaders.
    Elections,
    /// Bytes on the links.
    Bytes,
    /// How long each node's fsync takes.
    Fsync,
    /// How far each follower is behind.
    Lag,
}

impl Chart {
    /// All charts.
    pub const ALL: [Self; 7] = [
        Self::Throughput,
        Self::Latency,
        Self::Availability,
        Self::Elections,
        Self::Bytes,
        Self::Fsync,
        Self::Lag,
    ];
}

impl Subject {
    /// What these words name: a term of the field, a node (`2`, `n2`), `term 4`, `entry 7`, `fault 1`, `cluster`, `terms`.
    #[must_use]
    pub fn named(words: &str, world: &World) -> Option<Self> {
        let words = words.trim();
        let number =
            |after: &str| words.strip_prefix(after)?.trim().trim_start_matches('#').parse::<u64>().ok();
        let node = number("n").or_else(|| number("")).map(NodeId).filter(|id| world.node(*id).is_some());
        let named = match words {
            "cluster" => Some(Self::Cluster),
            "terms" | "all terms" => Some(Self::Glossary),
            _ => Concept::named(words).map(Self::Concept),
        };
        named
            .or(node.map(Self::Node))
            .or_else(|| number("term ").map(|term| Self::Term(Term(term))))
            .or_else(|| number("entry ").map(|index| Self::Entry(LogIndex(index))))
            .or_else(|| number("fault ").map(|id| Self::Fault(FaultId(id))))
    }
}

impl App {
    /// What Enter explains: that which is selected in the present view.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        match self.view {
            View::Cluster => self.selected_event().map(Subject::Event).or_else(|| self.selected_subject()),
            View::Logs => {
                let extent = self.world.extent();
                let entry = Some(self.logs.cursor(extent)).filter(|index| *index != LogIndex::ZERO);
                entry.map(Subject::Entry).or_else(|| self.selected_subject())
            }
            View::Messages => {
                let message = self.messages.chosen().map(|message| Subject::Message(message.id));
                message.or_else(|| self.selected_subject())
            }
            View::Drills => drill::text(self).map(|_| Subject::Drill).or_else(|| self.selected_subject()),
            // The strip at the top: its explanation leads to the other charts.
            View::Charts => Some(Subject::Chart(Chart::Availability)).filter(|_| !self.world.is_empty()),
            View::Data => self.data.selected().cloned().map(Subject::Key).or_else(|| self.selected_subject()),
            View::Output => self.selected_subject(),
        }
    }

    fn selected_subject(&self) -> Option<Subject> {
        self.selected_node().map(|node| Subject::Node(node.id))
    }
}
