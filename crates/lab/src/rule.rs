//! What can be done to messages on their way: rules, as values that can be listed, saved and undone.
//!
//! How a rule is carried out is the links' affair; how people write it down is the grammar's.

use crate::model::{FrameKind, LinkState};
use raftdeck_protocol::{ClockRate, DiskPace};
use raftdeck_raft::{LogIndex, NodeId, Term};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Which directed links.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All, those of nodes that are added later included.
    All,
    /// From one of these to one of those; `None`: any.
    Between {
        /// The senders.
        from: Option<BTreeSet<NodeId>>,
        /// The receivers.
        to: Option<BTreeSet<NodeId>>,
    },
    /// Just these, `(from, to)`.
    Links(BTreeSet<(NodeId, NodeId)>),
    /// All to and all from these nodes.
    Of(BTreeSet<NodeId>),
}

impl Scope {
    /// Whether this link is one of them.
    #[must_use]
    pub fn covers(&self, from: NodeId, to: NodeId) -> bool {
        let among =
            |some: &Option<BTreeSet<NodeId>>, node| some.as_ref().is_none_or(|some| some.contains(&node));
        match self {
            Self::All => true,
            Self::Between { from: senders, to: receivers } => among(senders, from) && among(receivers, to),
            Self::Links(links) => links.contains(&(from, to)),
            Self::Of(nodes) => nodes.contains(&from) || nodes.contains(&to),
        }
    }
}

/// Which messages on those links. Empty: all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Matching {
    /// Of one of these kinds; empty: of any.
    pub kinds: BTreeSet<FrameKind>,
    /// Of these terms.
    pub terms: Option<RangeInclusive<Term>>,
    /// Whose last index is one of these.
    pub indices: Option<RangeInclusive<LogIndex>>,
    /// Only so many that match, from when the rule came into force; then it is over.
    pub next: Option<u64>,
}

/// How much longer a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delay {
    /// Always so long.
    Fixed(Duration),
    /// Any time from the first to the second, all alike.
    Uniform(Duration, Duration),
    /// Normally distributed with this mean and standard deviation, never under zero.
    Normal(Duration, Duration),
}

/// A probability, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Probability(pub u32);

/// What becomes of a message that a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It is lost.
    Cut,
    /// It takes longer. Later messages do not overtake it.
    Delay(Delay),
    /// It is lost with this probability.
    Lose(Probability),
    /// It comes twice with this probability.
    Duplicate(Probability),
    /// With this probability it takes up to so much longer, and others overtake it.
    Reorder(Probability, Duration),
    /// All that pass a link share so many bytes a second.
    Limit(u64),
    /// It stays on the link until it is released or dropped by hand, or the rule is undone.
    Hold,
}

impl Effect {
    /// Whether messages arrive later by it.
    pub(crate) fn makes_late(&self) -> bool {
        matches!(self, Self::Delay(_) | Self::Reorder(..) | Self::Limit(_))
    }
}

/// One rule about messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// On which links.
    pub scope: Scope,
    /// About which messages.
    pub matching: Matching,
    /// What becomes of them.
    pub effect: Effect,
}

/// A rule that waits for a message: when it is sent, before it goes on, the other rules come into force.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Watch {
    /// On which links.
    pub scope: Scope,
    /// For which message.
    pub matching: Matching,
    /// What then comes into force, for that message already.
    pub then: Vec<Rule>,
}

/// The name of something in force, for as long as the lab runs. Counts up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FaultId(pub u64);

/// Something in force that can be undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Its name.
    pub id: FaultId,
    /// What it is.
    pub what: Disturbance,
}

/// All that can be in force.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disturbance {
    /// Rules about messages that were made together: a shape by its name (`isolate 2`), or one rule, in the words it can
    /// be made with.
    Rules {
        /// In words.
        words: String,
        /// The rules.
        rules: Vec<Rule>,
    },
    /// A rule that waits for its message.
    Watch(Watch),
    /// A node's process is paused.
    Paused(NodeId),
    /// A node's process is paused for a part of the time, in percent.
    Slowed(NodeId, u8),
    /// A node can write only so many bytes more to each of its files.
    DiskFull(NodeId, u64),
    /// A node's disk is held up. To disturb it with a free one lets it go.
    Disk(NodeId, DiskPace),
    /// The nodes' election timeouts are not random.
    Timers(Timers),
    /// The deck's own client reaches only these nodes. To disturb it with none of them lets it reach all again.
    ClientAt(BTreeSet<NodeId>),
}

/// How long election timeouts are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timers {
    /// Random, as Raft wants it.
    #[default]
    Random,
    /// All alike: a vote is split again and again.
    Aligned,
    /// Each its own, far from the others': no vote is ever split.
    Spread,
}

/// Which messages on the links are released or dropped by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// This one.
    Message(MessageId),
    /// All on these links.
    On(Scope, Matching),
}

/// The name of one message that passed a link, for as long as the lab runs. Counts up in the order in which the links
/// took them in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId(pub u64);

/// How far the frozen world goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The oldest message on the links is delivered, held or not. No time passes. When there is none, the world goes on to the
    /// next timer.
    Message,
    /// To the next timer of any node.
    Timer,
    /// To the next change of a role.
    Role,
    /// To the next commit.
    Commit,
    /// For so much cluster time.
    For(Duration),
}

/// How cluster time passes, and how far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterTime {
    /// How fast it passes.
    pub rate: ClockRate,
    /// How far it is: since the lab started.
    pub now: Duration,
}

/// One message on a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageReport {
    /// Its name.
    pub id: MessageId,
    /// Who sent.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// What it is.
    pub kind: FrameKind,
    /// Its term.
    pub term: Term,
    /// For an AppendEntries the last index; for a successful answer the matched index.
    pub index: Option<LogIndex>,
    /// For an answer: whether it says yes.
    pub granted: Option<bool>,
    /// How many entries it carries.
    pub entries: u64,
    /// Its other fields in words: `prev 4 in term 2, commit 3`.
    pub fields: String,
    /// When the link took it in, in cluster time.
    pub sent: Duration,
    /// Where it is.
    pub state: MessageState,
}

/// Where a message is. Times are cluster time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum MessageState {
    /// On its way; it arrives then.
    UnderWay {
        /// When.
        due: Duration,
    },
    /// Held until it is released.
    Held,
    /// With the receiver.
    Delivered {
        /// Since then.
        at: Duration,
    },
    /// Lost.
    Lost {
        /// When.
        at: Duration,
    },
}

impl MessageState {
    /// Whether nothing more will come of it.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Delivered { .. } | Self::Lost { .. })
    }
}

impl From<bool> for LinkState {
    /// Of whether it is cut.
    fn from(cut: bool) -> Self {
        if cut { Self::Cut } else { Self::Open }
    }
}
