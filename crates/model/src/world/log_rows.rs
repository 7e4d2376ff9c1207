//! The logs side by side, cut at one moment.
//!
//! Each node reports its log on its own, many times a second. Under load the newest reports of two nodes are hundreds of entries
//! apart, although their logs are not. So a row also counts what the leader's own report says about a follower (its match index), and
//! all rows end where the leader's log ended in its report.

use super::{Node, World};
use crate::known::Known;
use crate::view::RaftView;
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{LogIndex, Term};

/// A node's log as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct LogRow<'a> {
    /// The node.
    pub node: &'a Node,
    /// Its last report.
    pub status: &'a RaftView,
    /// The last entry that it is known to have, no later than the [end](World::log_end) of all rows.
    pub last: LogIndex,
    /// The highest index that it is known to have and to know as committed.
    pub committed: Known<LogIndex>,
    /// Whether the node does not run now: this is what was known last.
    pub is_last_known: bool,
    /// The leader's report, for entries that the node's own report does not have yet.
    leader: Option<&'a RaftView>,
}

impl LogRow<'_> {
    /// The term of its entry at an index; `None`: it has no entry there, or only in its snapshot.
    #[must_use]
    pub fn term_at(&self, index: LogIndex) -> Option<Term> {
        if index > self.last {
            return None;
        }
        let own = self.status.term_at(index);
        own.or_else(|| self.leader.filter(|_| self.status.last_index() < Some(index))?.term_at(index))
    }

    /// Whether it has an entry, in its log or in its snapshot.
    #[must_use]
    pub fn has(&self, index: LogIndex) -> bool {
        self.term_at(index).is_some() || self.status.purged >= index
    }
}

impl World {
    /// Where all rows end: at the leader's last entry, or further, where a node has entries of another term.
    #[must_use]
    pub fn log_end(&self) -> LogIndex {
        let Some(leader) = self.leader().and_then(Node::live) else { return self.last_index() };
        let Some(end) = leader.last_index() else { return self.last_index() };
        let ends = self.nodes().filter_map(Node::raft).filter_map(|status| status.last.copied());
        // What others have of the leader's own term, it had before them: its report is only older.
        let further = ends.filter(|last| last.term != leader.term).map(|last| last.index);
        further.max().map_or(end, |further| further.max(end))
    }

    /// The logs of all nodes that have reported one, in order of id.
    pub fn log_rows(&self) -> impl Iterator<Item = LogRow<'_>> {
        let end = self.log_end();
        self.nodes().filter_map(move |node| self.log_row(node, end))
    }

    fn log_row<'a>(&'a self, node: &'a Node, end: LogIndex) -> Option<LogRow<'a>> {
        let status = node.raft()?;
        let own = status.last_index().unwrap_or_default();
        let confirmed = self.confirmed(node, status);
        let leader = confirmed.map(|(_, leader)| leader);
        let matched = confirmed.map_or(own, |(matched, _)| matched.max(own));
        let mut committed = status.committed;
        if let (Some((matched, leader)), ClockRate::REAL) = (confirmed, self.time().rate) {
            // In real time a heartbeat brings the commit index sooner than the next report.
            let known = leader.committed.copied().unwrap_or_default().min(matched);
            committed = committed.map(|own| known.max(*own));
        }
        let is_last_known = node.live().is_none();
        Some(LogRow { node, status, last: matched.min(end), committed, is_last_known, leader })
    }

    /// How far the leader's report confirms a follower's log, if that is further than the follower's own report.
    fn confirmed(&self, node: &Node, status: &RaftView) -> Option<(LogIndex, &RaftView)> {
        let leader = self.leader().filter(|leader| leader.id != node.id && node.live().is_some())?.live()?;
        // A follower that has lost confirmed entries does not have what it confirmed.
        let peer = self.as_leader_sees(node.id).filter(|peer| peer.owes.some().is_none())?;
        let matched = peer.matched.copied()?;
        let is_behind = status.last_index() < Some(matched);
        (status.term == leader.term && is_behind).then_some((matched, leader))
    }
}
