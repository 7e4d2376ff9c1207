//! What can be asked of a member at any time: its picture, its log, and its next deadline. Nothing here changes it.

use super::{Leadership, Raft, RoleState};
use crate::status::{PeerStatus, Status};
use crate::types::{Entry, LogIndex, NodeId, Timestamp};
use std::time::Duration;

impl Raft {
    /// This member's id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.config.id
    }

    /// Entries of the log from `first` on, committed or not, at most `limit` of them. If `first` was released they
    /// begin with the first one that is left, and if it is not in memory, with the first one that is.
    #[must_use]
    pub fn entries(
        &self,
        first: LogIndex,
        limit: usize,
    ) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.log.slice(first.max(self.log.first_in_memory()), limit)
    }

    /// When [`handle_deadline`](Self::handle_deadline) is to be called.
    #[must_use]
    pub fn next_deadline(&self) -> Timestamp {
        let timer = self.timer_started + self.election_timeout;
        let disk = self.disk_deadline();
        let RoleState::Leader(leadership) = &self.role else {
            return disk.map_or(timer, |disk| disk.min(timer));
        };
        let quorum_lost = (self.config.tuning.check_quorum)
            .then(|| self.quorum_contact(leadership) + self.config.tuning.timing.election_max);
        let transfer_ends = leadership.transfer.as_ref().map(|transfer| transfer.deadline);
        let due = [Some(leadership.heartbeat_due), quorum_lost, transfer_ends, disk];
        due.into_iter().flatten().min().unwrap_or(timer)
    }

    /// Whether it leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        matches!(self.role, RoleState::Leader(_))
    }

    /// Whether it leads with a stalled disk because no other member could: it accepts no writes, and cannot finish those it has.
    #[must_use]
    pub fn leads_without_disk(&self) -> bool {
        let RoleState::Leader(leadership) = &self.role else { return false };
        self.disk_is_stalled() && leadership.transfer.is_none()
    }

    /// This member's state.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        let election_remaining = match &self.role {
            RoleState::Leader(leadership) => {
                (self.quorum_contact(leadership) + self.config.tuning.timing.election_max).since(now)
            }
            _ => (self.timer_started + self.election_timeout).since(now),
        };
        let heartbeat_age = match self.leader {
            Some(leader) if leader == self.config.id => Some(Duration::ZERO),
            Some(_) => Some(now.since(self.leader_heard)),
            None => None,
        };
        let runs = self.log.runs();
        Status {
            id: self.config.id,
            term: self.hard_state.term,
            role: self.role.role(),
            vote: self.hard_state.vote,
            leader: self.leader,
            last: self.log.last(),
            durable: self.durability.log(),
            disk_wait: self.disk_wait(now),
            disk_stalled: self.disk_is_stalled(),
            committed: self.committed,
            applied: self.applied,
            membership: self.membership().clone(),
            membership_index: self.memberships.latest().0,
            snapshot: self.snapshot_last(),
            purged: self.log.base().index,
            tuning: self.config.tuning,
            transfer: match &self.role {
                RoleState::Leader(leadership) => leadership.transfer.as_ref().map(|transfer| transfer.to),
                _ => None,
            },
            lease: self.lease(now),
            election_timeout: self.election_timeout,
            election_remaining,
            heartbeat_age,
            has_quorum: self.has_quorum(now),
            votes: match &self.role {
                RoleState::PreCandidate(campaign) | RoleState::Candidate(campaign) => campaign.answers(),
                _ => Vec::new(),
            },
            peers: match &self.role {
                RoleState::Leader(leadership) => self.peer_statuses(leadership, now),
                _ => Vec::new(),
            },
            term_runs: runs[runs.len().saturating_sub(Status::MAX_TERM_RUNS)..].to_vec(),
        }
    }

    /// Whether there is more to take immediately: very many committed entries come out a part at a time.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.applied < self.committed && self.applied.next() >= self.log.first_in_memory()
    }

    fn peer_statuses(&self, leadership: &Leadership, now: Timestamp) -> Vec<PeerStatus> {
        let peers = leadership.peers.iter();
        peers
            .map(|(id, progress)| PeerStatus {
                id: *id,
                matched: progress.matched,
                next: progress.next,
                state: progress.state,
                last_heard: progress.last_heard.map(|heard| now.since(heard)),
                snapshot: progress.snapshot_progress(),
                incarnation: progress.incarnation,
                owes: progress.owes(),
                refused_snapshot: progress.refused_snapshot(),
                disk_stalled: self.reported_stall(progress.stall, now),
            })
            .collect()
    }
}
