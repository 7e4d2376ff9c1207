//! What is known of a cluster: the one fold of a source's updates.
//!
//! Every observer of a cluster folds the [`Update`]s of its [source](crate) into a [`World`] and reads that: the deck, scripts, the
//! lines of `raftdeck up`. So all of them agree, above all on the leader ([`World::leader`]). It only remembers updates; it asks no
//! node and guesses nothing. Pure: the same updates give equal worlds.

mod as_updates;
mod concerns;
mod log_rows;
mod members;
mod node;
mod reach;
mod verdict;

pub use concerns::Concern;
pub use log_rows::LogRow;
pub use members::MemberStanding;
pub use node::{Node, Phase, percent};
pub use reach::Reach;
pub use verdict::{Campaign, Verdict};

use crate::known::Known;
use crate::message::{LinkState, MessageId, MessageReport};
use crate::rule::Fault;
use crate::update::{ChangeStep, ClusterTime, News, Update};
use crate::view::{PeerView, RaftView};
use crate::workload::WorkloadFigures;
use imbl::OrdMap;
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{LogIndex, NodeId, Term};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// The range of entries in the logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The first that is in some log; those before it are only in snapshots. 0 if there is none.
    pub first: LogIndex,
    /// The last that is in some log.
    pub last: LogIndex,
}

/// What is known of a cluster. A clone is cheap: the large parts are shared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    nodes: BTreeMap<NodeId, Node>,
    cut: BTreeMap<(NodeId, NodeId), LinkState>,
    changes: BTreeMap<NodeId, ChangeStep>,
    open: OrdMap<MessageId, MessageReport>,
    in_force: Arc<Vec<Fault>>,
    /// When the newest update was reported.
    now: Duration,
    time: ClusterTime,
    /// The last rate of time that was not frozen.
    last_rate: ClockRate,
    workload: Option<WorkloadFigures>,
    /// Heartbeat interval.
    pub heartbeat: Duration,
    /// Least and greatest election timeout.
    pub election: (Duration, Duration),
    /// Where the data is; `None`: it is removed with the cluster.
    pub data_dir: Known<Option<String>>,
}

impl World {
    /// Applies an update. Says whether it changed anything besides timers.
    pub fn fold(&mut self, update: &Update) -> bool {
        self.now = self.now.max(update.at);
        match &update.what {
            News::Cluster { nodes, heartbeat_ms, election_ms, data_dir } => {
                self.set_up(nodes);
                self.heartbeat = Duration::from_millis(*heartbeat_ms);
                self.election = (Duration::from_millis(election_ms.0), Duration::from_millis(election_ms.1));
                self.data_dir = data_dir.clone();
                true
            }
            News::Process { node, state } => self.with(*node, |node| node.set_process(state.clone())),
            News::Ready { node, addresses } => {
                self.with(*node, |node| node.addresses = Some(addresses.clone()))
            }
            News::Status { node, status } => {
                self.nodes.get_mut(node).is_some_and(|node| node.set_status(status, update.at))
            }
            News::Link { from, to, state } => self.link(*from, *to, *state),
            News::Change { node, step } if step.is_last() => self.changes.remove(node).is_some(),
            News::Change { node, step } => self.changes.insert(*node, *step) != Some(*step),
            News::Messages { messages, .. } => self.note(messages),
            News::InForce { faults } => {
                self.in_force = Arc::new(faults.clone());
                true
            }
            News::Time(time) => {
                self.time = *time;
                if !time.rate.is_frozen() {
                    self.last_rate = time.rate;
                }
                true
            }
            News::Workload(figures) => self.workload.replace(*figures) != Some(*figures),
            // The nodes' statuses contain these too.
            News::Notice { .. }
            | News::NoticeOver { .. }
            | News::PeerRefused { .. }
            | News::PeerAdmitted { .. } => true,
            News::Trace { .. }
            | News::Missed { .. }
            | News::Frames { .. }
            | News::Client { .. }
            | News::Log { .. }
            | News::Output { .. }
            | News::Done { .. }
            | News::Refused { .. }
            | News::Trouble { .. } => false,
        }
    }

    fn set_up(&mut self, nodes: &[NodeId]) {
        let members: BTreeSet<NodeId> = nodes.iter().copied().collect();
        self.nodes.retain(|id, _| members.contains(id));
        self.cut.retain(|(from, to), _| members.contains(from) && members.contains(to));
        self.changes.retain(|id, _| members.contains(id));
        self.open = std::mem::take(&mut self.open)
            .into_iter()
            .filter(|(_, message)| members.contains(&message.from) && members.contains(&message.to))
            .collect();
        for id in members {
            self.nodes.entry(id).or_insert_with(|| Node::new(id));
        }
    }

    fn with(&mut self, id: NodeId, change: impl FnOnce(&mut Node)) -> bool {
        self.nodes.get_mut(&id).map(change).is_some()
    }

    fn link(&mut self, from: NodeId, to: NodeId, state: LinkState) -> bool {
        if !self.nodes.contains_key(&from) || !self.nodes.contains_key(&to) {
            return false;
        }
        let before = match state {
            LinkState::Cut | LinkState::Refused => self.cut.insert((from, to), state),
            LinkState::Open => self.cut.remove(&(from, to)),
        };
        before.unwrap_or_default() != state
    }

    /// Messages of nodes that do not exist are not on any link.
    fn note(&mut self, messages: &[MessageReport]) -> bool {
        for message in messages {
            let is_known = |id| self.nodes.contains_key(&id);
            if message.state.is_over() {
                self.open.remove(&message.id);
            } else if message.from != message.to && is_known(message.from) && is_known(message.to) {
                self.open.insert(message.id, message.clone());
            }
        }
        !messages.is_empty()
    }

    /// The members in order of id.
    #[must_use]
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = &Node> + ExactSizeIterator {
        self.nodes.values()
    }

    /// The members' ids in order.
    #[must_use]
    pub fn ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether no member is known yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// One member.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// Whether this directed link lets no message pass: it is cut, or its connections are refused.
    #[must_use]
    pub fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.cut.contains_key(&(from, to))
    }

    /// What this directed link is now.
    #[must_use]
    pub fn link_state(&self, from: NodeId, to: NodeId) -> LinkState {
        self.cut.get(&(from, to)).copied().unwrap_or_default()
    }

    /// Whether any link is cut.
    #[must_use]
    pub fn any_cut(&self) -> bool {
        !self.cut.is_empty()
    }

    /// All links of one member, both ways.
    #[must_use]
    pub fn links_of(&self, id: NodeId) -> Vec<(NodeId, NodeId)> {
        let others = self.nodes.keys().copied().filter(|other| *other != id);
        others.flat_map(|other| [(id, other), (other, id)]).collect()
    }

    /// Whether a member is cut off from every other, both ways.
    #[must_use]
    pub fn is_isolated(&self, id: NodeId) -> bool {
        self.nodes.len() > 1 && self.links_of(id).iter().all(|link| self.cut.contains_key(link))
    }

    /// The members that a member cannot hear, cannot reach, or both.
    #[must_use]
    pub fn cut_from(&self, id: NodeId) -> Vec<NodeId> {
        let cut = |other: &NodeId| self.is_cut(id, *other) || self.is_cut(*other, id);
        self.nodes.keys().copied().filter(cut).collect()
    }

    /// The leader, by one definition for all observers. Of the nodes that believe they lead ([`Node::leads`]), it is the one with the
    /// highest term, as the others are no longer leaders (paper §5.1). Of two with that term it is the one that has heard from a
    /// majority.
    #[must_use]
    pub fn leader(&self) -> Option<&Node> {
        self.leaders()
            .max_by_key(|(term, node)| (*term, node.live().is_some_and(|status| !status.lacks_quorum())))
            .map(|(_, node)| node)
    }

    /// Every node that believes it leads, with its term: a leader that is cut off cannot know better.
    pub fn leaders(&self) -> impl Iterator<Item = (Term, &Node)> {
        self.nodes().filter_map(|node| Some((node.leads()?, node)))
    }

    /// The nodes that have no process.
    #[must_use]
    pub fn down(&self) -> BTreeSet<NodeId> {
        self.nodes().filter(|node| node.is_down()).map(|node| node.id).collect()
    }

    /// The changes of members and leaders in progress, in order of id.
    pub fn changes(&self) -> impl Iterator<Item = (NodeId, ChangeStep)> {
        self.changes.iter().map(|(node, step)| (*node, *step))
    }

    /// The progress of this node's change, if there is one.
    #[must_use]
    pub fn change(&self, id: NodeId) -> Option<ChangeStep> {
        self.changes.get(&id).copied()
    }

    /// The messages that are held or under way, in the order in which they were sent.
    #[must_use]
    pub fn open_messages(&self) -> impl DoubleEndedIterator<Item = &MessageReport> + ExactSizeIterator {
        self.open.values()
    }

    /// Everything that is in force and can be undone, oldest first.
    #[must_use]
    pub fn in_force(&self) -> &[Fault] {
        &self.in_force
    }

    /// Cluster time when the newest update was reported.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The rate of cluster time, and the time when the rate last changed.
    #[must_use]
    pub fn time(&self) -> ClusterTime {
        self.time
    }

    /// The last rate of time that was not frozen.
    #[must_use]
    pub fn last_rate(&self) -> ClockRate {
        self.last_rate
    }

    /// The steady workload's last figures, if it was ever switched on.
    #[must_use]
    pub fn workload(&self) -> Option<WorkloadFigures> {
        self.workload
    }

    /// What the leader knows of a member.
    #[must_use]
    pub fn as_leader_sees(&self, id: NodeId) -> Option<&PeerView> {
        self.leader()?.live()?.peers.items().iter().find(|peer| peer.id == id)
    }

    /// From the first index that any member still has in its log to the [end](Self::log_end) of the logs.
    #[must_use]
    pub fn extent(&self) -> Extent {
        let last = self.log_end();
        let extents =
            self.nodes().filter_map(Node::raft).filter_map(|s| Some((s.purged.copied()?, s.last_index()?)));
        // A node without entries has no first index.
        let first = extents
            .filter(|(purged, last)| last > purged)
            .map(|(purged, _)| purged)
            .min()
            .unwrap_or_default();
        Extent { first: LogIndex(first.0.saturating_add(1)).min(last), last }
    }

    /// The last index that any member has.
    #[must_use]
    pub fn last_index(&self) -> LogIndex {
        self.nodes().filter_map(Node::raft).filter_map(RaftView::last_index).max().unwrap_or_default()
    }

    /// The highest commit index that any member knows.
    #[must_use]
    pub fn committed(&self) -> LogIndex {
        self.nodes().filter_map(Node::raft).filter_map(|s| s.committed.copied()).max().unwrap_or_default()
    }

    /// The highest term that any member knows.
    #[must_use]
    pub fn term(&self) -> Term {
        self.nodes().filter_map(Node::raft).map(|s| s.term).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
