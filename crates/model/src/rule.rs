//! Faults that can be injected and undone: rules about messages, and the other disturbances, as values that can be
//! listed, saved and undone.
//!
//! The source carries a rule out; [`write`](mod@crate::write) has the form in which people write it down.

use crate::client::{ClientLinkFault, ClientName};
use crate::message::{FrameKind, LinkState};
use raftdeck_protocol::{ClockFactor, DiskPace};
use raftdeck_raft::{LogIndex, NodeId, Term};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Which directed links.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All, including those of nodes that are added later.
    All,
    /// From any of `from` to any of `to`; `None`: any node.
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
    /// With a last index in this range.
    pub indices: Option<RangeInclusive<LogIndex>>,
    /// Only this many matching messages, from when the rule came into force; then it has ended.
    pub next: Option<u64>,
}

/// How much longer a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delay {
    /// Always this long.
    Fixed(Duration),
    /// Uniformly distributed between the two.
    Uniform(Duration, Duration),
    /// Normally distributed with this mean and standard deviation, never below zero.
    Normal(Duration, Duration),
}

/// A probability, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Probability(pub u32);

/// What happens to a message that a rule is about.
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
    /// With this probability it takes up to this much longer, and others overtake it.
    Reorder(Probability, Duration),
    /// All messages that pass a link share this many bytes a second.
    Limit(u64),
    /// It stays on the link until it is released or dropped by hand, or the rule is undone.
    Hold,
    /// It is lost, and the connection that carries messages of this pair is closed, as is every new one: both nodes notice.
    Refuse,
}

impl Effect {
    /// Whether it delays messages.
    #[must_use]
    pub fn makes_late(&self) -> bool {
        matches!(self, Self::Delay(_) | Self::Reorder(..) | Self::Limit(_))
    }

    /// Whether it also applies to messages that are already under way.
    #[must_use]
    pub fn sweeps(&self) -> bool {
        matches!(self, Self::Cut | Self::Refuse | Self::Hold)
    }
}

/// One rule about messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// On which links.
    pub scope: Scope,
    /// About which messages.
    pub matching: Matching,
    /// What happens to them.
    pub effect: Effect,
}

impl Rule {
    /// What it makes of its links, if it lets no message pass, of whatever kind.
    #[must_use]
    pub fn closes(&self) -> Option<LinkState> {
        match self.effect {
            _ if self.matching != Matching::default() => None,
            Effect::Cut => Some(LinkState::Cut),
            Effect::Refuse => Some(LinkState::Refused),
            Effect::Delay(_)
            | Effect::Lose(_)
            | Effect::Duplicate(_)
            | Effect::Reorder(..)
            | Effect::Limit(_)
            | Effect::Hold => None,
        }
    }
}

/// What is left of rules that only close links ([`Rule::closes`]) when some of those links are mended: rules that close the others
/// of these pairs in the same way.
#[must_use]
pub fn closing_others(
    rules: &[Rule],
    pairs: impl IntoIterator<Item = (NodeId, NodeId)>,
    mended: &BTreeSet<(NodeId, NodeId)>,
) -> Vec<Rule> {
    let others: Vec<_> = pairs.into_iter().filter(|pair| !mended.contains(pair)).collect();
    let left = |effect: Effect| {
        let alike = || rules.iter().filter(|rule| rule.effect == effect);
        let is_closed = |(from, to): &(NodeId, NodeId)| alike().any(|rule| rule.scope.covers(*from, *to));
        let links: BTreeSet<_> = others.iter().copied().filter(is_closed).collect();
        let scope = (!links.is_empty()).then_some(Scope::Links(links))?;
        Some(Rule { scope, matching: Matching::default(), effect })
    };
    [Effect::Cut, Effect::Refuse].into_iter().filter_map(left).collect()
}

/// A rule that waits for a message: when the message is sent, before it continues, the other rules come into force.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Watch {
    /// On which links.
    pub scope: Scope,
    /// For which message.
    pub matching: Matching,
    /// The rules that then come into force, already for that message.
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
    /// Rules about messages that were made together: a shape by its name (`isolate 2`), or one rule, in the words that make it.
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
    /// A node can write only this many bytes more to each of its files.
    DiskFull(NodeId, u64),
    /// A node's disk is slow or stalled. Setting it to normal ends this.
    Disk(NodeId, DiskPace),
    /// The nodes' election timeouts are not random.
    Timers(Timers),
    /// PreVote is on or off at a node; without a node, at all nodes, including those added later.
    PreVote(Option<NodeId>, bool),
    /// The same for CheckQuorum.
    CheckQuorum(Option<NodeId>, bool),
    /// A node's election timeouts are random between the two.
    Timeouts(NodeId, Duration, Duration),
    /// A node sends heartbeats at this interval while it leads.
    Heartbeat(NodeId, Duration),
    /// A node's clock runs at this rate of cluster time. Setting the normal rate ends it.
    Clock(NodeId, ClockFactor),
    /// A client reaches only these nodes. An empty set lets it reach all again.
    ClientAt(ClientName, BTreeSet<NodeId>),
    /// A fault between a client and these nodes.
    ClientLinks(ClientName, BTreeSet<NodeId>, ClientLinkFault),
}

impl Disturbance {
    /// The nodes that it names; rules and watches name links.
    #[must_use]
    pub fn nodes(&self) -> BTreeSet<NodeId> {
        match self {
            Self::ClientAt(_, nodes) | Self::ClientLinks(_, nodes, _) => nodes.clone(),
            Self::Disk(node, _)
            | Self::Paused(node)
            | Self::Slowed(node, _)
            | Self::DiskFull(node, _)
            | Self::Timeouts(node, ..)
            | Self::Heartbeat(node, _)
            | Self::Clock(node, _) => [*node].into(),
            Self::PreVote(of, _) | Self::CheckQuorum(of, _) => of.iter().copied().collect(),
            Self::Rules { .. } | Self::Watch(_) | Self::Timers(_) => BTreeSet::new(),
        }
    }

    /// The client that it is about.
    #[must_use]
    pub fn client(&self) -> Option<&ClientName> {
        match self {
            Self::ClientAt(client, _) | Self::ClientLinks(client, ..) => Some(client),
            Self::Rules { .. }
            | Self::Watch(_)
            | Self::Paused(_)
            | Self::Slowed(..)
            | Self::DiskFull(..)
            | Self::Disk(..)
            | Self::Timers(_)
            | Self::PreVote(..)
            | Self::CheckQuorum(..)
            | Self::Timeouts(..)
            | Self::Heartbeat(..)
            | Self::Clock(..) => None,
        }
    }

    /// Whether this ends the other one when it comes into force: only one of them can be in force at a time.
    #[must_use]
    pub fn replaces(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Paused(node), Self::Paused(other))
            | (Self::Slowed(node, _), Self::Slowed(other, _))
            | (Self::DiskFull(node, _), Self::DiskFull(other, _))
            | (Self::Disk(node, _), Self::Disk(other, _))
            | (Self::Timeouts(node, ..), Self::Timeouts(other, ..))
            | (Self::Clock(node, _), Self::Clock(other, _))
            | (Self::Heartbeat(node, _), Self::Heartbeat(other, _)) => node == other,
            (Self::PreVote(node, _), Self::PreVote(other, _))
            | (Self::CheckQuorum(node, _), Self::CheckQuorum(other, _)) => node.is_none() || node == other,
            (Self::ClientAt(client, _), Self::ClientAt(other, _)) => client == other,
            (Self::Timers(_), Self::Timers(_) | Self::Timeouts(..)) => true,
            _ => false,
        }
    }

    /// Whether it only ends what it replaces, and is not in force itself. The exception is a setting of one node that differs from
    /// what is in force for all ([`Ledger::only_ends`](crate::Ledger::only_ends)).
    #[must_use]
    pub fn restores(&self) -> bool {
        match self {
            Self::Slowed(_, percent) => *percent == 0,
            Self::Disk(_, pace) => *pace == DiskPace::Free,
            Self::Timers(timers) => *timers == Timers::Random,
            Self::ClientAt(_, nodes) => nodes.is_empty(),
            Self::Clock(_, factor) => *factor == ClockFactor::TRUE,
            Self::PreVote(_, on) | Self::CheckQuorum(_, on) => *on,
            Self::Rules { .. }
            | Self::Watch(_)
            | Self::Paused(_)
            | Self::DiskFull(..)
            | Self::Timeouts(..)
            | Self::Heartbeat(..)
            | Self::ClientLinks(..) => false,
        }
    }
}

/// How long election timeouts are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timers {
    /// Random, as Raft requires.
    #[default]
    Random,
    /// All equal: votes are split repeatedly.
    Aligned,
    /// Each its own, far from the others': no vote is ever split.
    Spread,
}

/// The directed links from each of these nodes to each of those.
#[must_use]
pub fn pairs(from: &BTreeSet<NodeId>, to: &BTreeSet<NodeId>) -> BTreeSet<(NodeId, NodeId)> {
    let from_one = |&from: &NodeId| to.iter().map(move |&to| (from, to));
    from.iter().flat_map(from_one).filter(|(from, to)| from != to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_are_mended_leave_the_others_closed_as_they_were() {
        let rule = |scope, effect| Rule { scope, matching: Matching::default(), effect };
        let n = NodeId;
        let rules = [
            rule(Scope::Of([n(1)].into()), Effect::Cut),
            rule(Scope::Links([(n(2), n(3)), (n(3), n(2))].into()), Effect::Refuse),
        ];
        let all: BTreeSet<_> = [n(1), n(2), n(3)].into();
        let mended = [(n(1), n(2)), (n(2), n(1)), (n(3), n(2))].into();
        let left = closing_others(&rules, pairs(&all, &all), &mended);
        let links = |links: &[(u64, u64)]| Scope::Links(links.iter().map(|&(a, b)| (n(a), n(b))).collect());
        assert_eq!(
            left,
            [rule(links(&[(1, 3), (3, 1)]), Effect::Cut), rule(links(&[(2, 3)]), Effect::Refuse)]
        );
        assert_eq!(closing_others(&rules, pairs(&all, &all), &pairs(&all, &all)), []);
    }

    #[test]
    fn only_a_rule_about_every_message_closes_its_links() {
        let rule = |effect, next| Rule {
            scope: Scope::All,
            matching: Matching { next, ..Matching::default() },
            effect,
        };
        assert_eq!(rule(Effect::Refuse, None).closes(), Some(LinkState::Refused));
        assert_eq!(rule(Effect::Cut, None).closes(), Some(LinkState::Cut));
        assert_eq!(rule(Effect::Cut, Some(3)).closes(), None);
        assert_eq!(rule(Effect::Hold, None).closes(), None);
    }
}
