//! One member as it is seen from outside.

use crate::log::Log;
use raftdeck_raft::{LogIndex, Membership, NodeId, Role, Status, Term};
use std::collections::BTreeMap;

/// What is known of a member's log.
#[derive(Clone, Debug, Default)]
pub(crate) enum Knowledge {
    /// Nothing: some of its trace is missing.
    #[default]
    Nothing,
    /// A status told, but statuses and traces come by different ways. Becomes known when the next status agrees with
    /// it and the trace since.
    Perhaps(Log),
    /// All of it behind its start.
    Known(Log),
}

/// A member as it was seen last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub(crate) is_running: bool,
    pub(crate) role: Option<Role>,
    pub(crate) term: Term,
    /// Its vote, and in which term.
    pub(crate) vote: Option<(Term, NodeId)>,
    pub(crate) log: Knowledge,
    /// The log is on its disk through here.
    pub(crate) durable: LogIndex,
    /// Missing: it did not say since it started, or some of its trace is lost.
    pub(crate) committed: Option<LogIndex>,
    pub(crate) applied: LogIndex,
    /// The newest snapshot; missing: it did not say since it started.
    pub(crate) snapshot: Option<LogIndex>,
    /// A disk that it had before, and that is gone, had entries through here. A leader may still count answers to those.
    pub(crate) former: LogIndex,
    /// Term and vote on that disk: a candidate may still count that vote.
    pub(crate) former_disk: Option<(Term, Option<NodeId>)>,
    /// Term and vote on its disk; missing: its disk is not watched.
    pub(crate) disk: Option<(Term, Option<NodeId>)>,
    /// As a leader: the term, the membership's index, and the index that it reached with each member.
    pub(crate) reached: (Term, LogIndex, BTreeMap<NodeId, LogIndex>),
    /// The membership that it reported, if other than the first.
    pub(crate) membership: Option<Membership>,
}

impl Member {
    pub(crate) fn known_log(&self) -> Option<&Log> {
        match &self.log {
            Knowledge::Known(log) => Some(log),
            Knowledge::Nothing | Knowledge::Perhaps(_) => None,
        }
    }

    /// It crashed: what it had only in memory is gone. Its log stays for comparison with what it starts with.
    pub(crate) fn stop(&mut self) {
        self.is_running = false;
        self.role = None;
        self.committed = None;
        self.applied = LogIndex::ZERO;
        self.snapshot = None;
        // A vote that was not durable never left the member.
        self.vote = self.disk.and_then(|(term, vote)| vote.map(|vote| (term, vote)));
        self.term = self.disk.map_or(Term(0), |(term, _)| term);
    }

    /// Its disk is gone, and with it all that it knew.
    pub(crate) fn lose_disk(&mut self) {
        let former_disk = self.disk.or(self.former_disk);
        *self = Self { former: self.former.max(self.durable), former_disk, ..Self::default() };
    }

    /// Some of its trace is lost.
    pub(crate) fn miss(&mut self) {
        self.log = Knowledge::Nothing;
        self.durable = LogIndex::ZERO;
        self.committed = None;
        self.snapshot = None;
        self.role = None;
        self.membership = None;
    }

    /// Notes the match indices of a leader's status. Gives back the follower whose index went back, if one did. One that is
    /// removed and comes again starts anew, and one that has lost what it confirmed does not count.
    pub(crate) fn note_reached(&mut self, status: &Status) -> Option<NodeId> {
        let matched: BTreeMap<NodeId, LogIndex> =
            status.peers.iter().map(|peer| (peer.id, peer.matched)).collect();
        let (term, membership, before) = &self.reached;
        let same = (*term, *membership) == (status.term, status.membership_index);
        let owes = |id: &NodeId| status.peers.iter().any(|peer| peer.id == *id && peer.owes.is_some());
        let fell =
            |(id, index): &(&NodeId, &LogIndex)| matched.get(id).is_some_and(|now| now < *index) && !owes(id);
        let fallen = before.iter().filter(|_| same).find(fell);
        let fallen = fallen.map(|(id, _)| *id);
        self.reached = (status.term, status.membership_index, matched);
        fallen
    }

    /// Learns the log from statuses while it is not known from the trace.
    pub(crate) fn learn_log(&mut self, status: &Status) {
        let told = whole_log(status);
        self.log = match (std::mem::take(&mut self.log), told) {
            (Knowledge::Known(log), _) => Knowledge::Known(log),
            (Knowledge::Perhaps(log), Some(told)) if log == told => Knowledge::Known(log),
            (_, Some(told)) => Knowledge::Perhaps(told),
            (_, None) => Knowledge::Nothing,
        };
    }
}

/// The log that a status describes, if it holds all of its runs.
fn whole_log(status: &Status) -> Option<Log> {
    let runs = &status.term_runs;
    let is_whole = runs.first().map_or(status.last.index == LogIndex::ZERO, |run| run.first == LogIndex(1));
    // Of a log whose beginning is released the status does not tell the term before; its first run is left out for
    // it, so that the next one's beginning is known.
    if is_whole {
        return Log::new(raftdeck_raft::LogId::default(), runs);
    }
    let (first, rest) = runs.split_first()?;
    Log::new(raftdeck_raft::LogId { term: first.term, index: first.last }, rest)
}
