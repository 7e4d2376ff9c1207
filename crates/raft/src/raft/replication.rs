//! Log replication: appending, sending, answering, repairing, committing (paper §5.3, §5.4).

use super::{ProposeError, Raft, RoleState};
use crate::effect::Effects;
use crate::identity::Sender;
use crate::log::{Log, bytes_of};
use crate::message::{AppendEntries, AppendOutcome, AppendReply, ConflictHint, Envelope, Message};
use crate::mutants::{Mutant, is_active};
use crate::progress::{Progress, Window};
use crate::trace::{StepDownReason, TraceEvent};
use crate::types::{Entry, LogId, LogIndex, NodeId, Payload, Term, Timestamp};
use bytes::Bytes;

impl AppendEntries {
    /// Whether it could come from a correct leader: entries follow `prev` without gaps, terms never fall and
    /// none is above the leader's.
    fn is_well_formed(&self) -> bool {
        let mut last = self.prev;
        for entry in &self.entries {
            let sound = match &entry.payload {
                Payload::Membership(membership) => membership.is_sound(),
                _ => true,
            };
            if entry.id.index != last.index.next() || entry.id.term < last.term || !sound {
                return false;
            }
            last = entry.id;
        }
        last.term <= self.term && (self.prev.index > LogIndex::ZERO || self.prev == LogId::default())
    }

    /// The index of its last entry, or of `prev` if it has none.
    fn through(&self) -> LogIndex {
        self.entries.last().map_or(self.prev.index, |entry| entry.id.index)
    }
}

impl Raft {
    pub(super) fn append_command(&mut self, command: Bytes) -> Result<LogId, ProposeError> {
        let RoleState::Leader(leadership) = &self.role else {
            return Err(ProposeError::NotLeader { leader: self.leader });
        };
        if let Some(waited) = self.stalled_for() {
            return Err(ProposeError::DiskStalled { waited });
        }
        // thesis §3.10: so that the next leader can catch up with this one.
        if leadership.transfer.is_some() {
            return Err(ProposeError::Busy);
        }
        let payload = Payload::Command(command);
        let total = self.uncommitted_bytes.saturating_add(payload.size());
        // One command is always taken, however large: otherwise it never could be.
        if self.uncommitted_bytes > 0 && total > self.config.max_uncommitted_bytes {
            return Err(ProposeError::Busy);
        }
        Ok(self.append(payload))
    }

    /// Appends one entry of its own term, as the leader (paper §5.3).
    pub(super) fn append(&mut self, payload: Payload) -> LogId {
        let id = LogId { term: self.hard_state.term, index: self.log.last().index.next() };
        self.push(Entry { id, payload });
        id
    }

    /// Sends every follower what it has not been sent yet, as far as its window allows.
    pub(super) fn replicate(&mut self, now: Timestamp) {
        self.send_snapshots(now);
        let window = self.window();
        let RoleState::Leader(leadership) = &mut self.role else { return };
        let (term, commit, round) = (self.hard_state.term, self.committed, leadership.round);
        let mut on_disk = Vec::new();
        for (peer, progress) in &mut leadership.peers {
            let mut first = progress.next;
            while progress.may_send(window) {
                if self.log.first() <= first && first < self.log.first_in_memory() {
                    on_disk.push(first);
                    break;
                }
                let (entries, bytes) = self.log.slice_bytes(first, self.config.max_append_bytes);
                let entries: Vec<Entry> = entries.cloned().collect();
                let Some(last) = entries.last().map(|entry| entry.id.index) else { break };
                let prev = prev_of(&self.log, first);
                let append = AppendEntries { term, prev, entries, commit, round };
                self.effects.send.push(envelope(*peer, append));
                progress.sent(last, bytes);
                first = last.next();
            }
        }
        for first in on_disk {
            self.read_back(first, self.log.first_in_memory().previous());
        }
    }

    /// Sends a follower the entries that come next for it, as far as its window allows.
    pub(super) fn send_entries(&mut self, peer: NodeId, entries: Vec<Entry>) {
        let window = self.window();
        let RoleState::Leader(leadership) = &mut self.role else { return };
        let Some(progress) = leadership.peers.get_mut(&peer) else { return };
        let Some(last) = entries.last().map(|entry| entry.id.index) else { return };
        if progress.may_send(window) {
            let (term, commit, round) = (self.hard_state.term, self.committed, leadership.round);
            let prev = prev_of(&self.log, progress.next);
            let bytes = entries.iter().map(bytes_of).sum();
            self.effects.send.push(envelope(peer, AppendEntries { term, prev, entries, commit, round }));
            progress.sent(last, bytes);
        }
    }

    fn window(&self) -> Window {
        Window { messages: self.config.max_inflight, bytes: self.config.max_inflight_bytes }
    }

    /// Starts a new round of heartbeats: keeps the followers from campaigning, tells them the commit index,
    /// finds lost messages, and proves for waiting reads that it still leads.
    pub(super) fn heartbeat(&mut self, now: Timestamp) {
        let RoleState::Leader(leadership) = &mut self.role else { return };
        leadership.round += 1;
        leadership.heartbeat_due = now + self.config.tuning.timing.heartbeat;
        leadership.reads.assign(leadership.round);
        leadership.lease.round_sent(leadership.round, now);
        leadership.end_farewells();
        let (term, commit, round) = (self.hard_state.term, self.committed, leadership.round);
        for (peer, progress) in &leadership.peers {
            let prev = prev_of(&self.log, progress.next);
            let append = AppendEntries { term, prev, entries: Vec::new(), commit, round };
            self.effects.send.push(envelope(*peer, append));
        }
    }

    pub(super) fn handle_append_entries(&mut self, from: NodeId, append: AppendEntries, now: Timestamp) {
        if append.term < self.hard_state.term {
            // The answer's term tells the old leader that its term has ended.
            let outcome = self.refuse(append.prev.index);
            self.answer(from, 0, outcome);
            return;
        }
        if !append.is_well_formed() {
            return;
        }
        if !self.follow(from, append.term, now) {
            return;
        }
        // Each answer would wait for the disk, and nothing bounds how many.
        if append.entries.is_empty() && self.say_stalled(from, append.round, now) {
            return;
        }
        let append = self.without_released(append);
        let outcome = if self.log.contains(append.prev) {
            let through = append.through();
            self.take_entries(append.entries, through);
            // Not its last index: what stands past `through` may still conflict.
            let past_message = is_active(Mutant::CommitPastMessage);
            let vouched_for = if past_message { self.log.last().index } else { through };
            self.commit_through(append.commit.min(vouched_for));
            let all = is_active(Mutant::AcknowledgeLastIndex);
            AppendOutcome::Matched { through: if all { self.log.last().index } else { through } }
        } else {
            self.refuse(append.prev.index)
        };
        self.answer(from, append.round, outcome);
    }

    /// What was released is committed, so the leader's log has the same there (Leader Completeness): its message is
    /// taken as if it began where this log does.
    fn without_released(&self, mut append: AppendEntries) -> AppendEntries {
        let base = self.log.base();
        if append.prev.index < base.index {
            append.prev = base;
            append.entries.retain(|entry| entry.id.index > base.index);
        }
        append
    }

    /// Accepts the sender as the leader of this term. `false`: the term is so far ahead that it takes more than one message to
    /// get there.
    pub(super) fn follow(&mut self, leader: NodeId, term: Term, now: Timestamp) -> bool {
        assert!(
            term > self.hard_state.term || !matches!(self.role, RoleState::Leader(_)),
            "Election Safety: {leader} claims to lead term {term}, which this member leads"
        );
        let reason = if term > self.hard_state.term {
            StepDownReason::HigherTerm
        } else {
            StepDownReason::OtherLeader
        };
        let within_reach = self.within_reach(term);
        self.step_down(within_reach, reason, now);
        if within_reach < term {
            return false;
        }
        self.set_leader(Some(leader));
        self.leader_heard = now;
        self.hurries_until = None;
        if self.promises() {
            self.stands_by_until = now + self.config.tuning.timing.election_min;
        }
        self.restart_election_timer(now);
        true
    }

    /// Says where the leader may look instead of at `refused` (paper §5.3, end).
    fn refuse(&self, refused: LogIndex) -> AppendOutcome {
        let hint = match self.log.term(refused) {
            Some(term) => ConflictHint {
                term: Some(term),
                // What is committed is shared.
                first: self.log.run_of(term).map_or(refused, |run| run.first).max(self.committed.next()),
            },
            None => ConflictHint { term: None, first: self.log.last().index.next() },
        };
        AppendOutcome::Conflict { refused, hint }
    }

    /// Answers once everything is durable, also if nothing new was written: what the answer vouches for may
    /// still be on its way to the disk.
    fn answer(&mut self, leader: NodeId, round: u64, outcome: AppendOutcome) {
        let stands_by = self.promises() && round > 0;
        let reply = AppendReply { term: self.hard_state.term, round, outcome, stands_by };
        if is_active(Mutant::AnswerBeforeDurable) {
            self.send(leader, Message::AppendReply(reply));
        } else {
            self.send_when_durable(leader, Message::AppendReply(reply));
        }
    }

    /// Takes over the leader's entries. Removes its own only where they really differ: a late message with fewer
    /// entries must not shorten the log.
    fn take_entries(&mut self, mut entries: Vec<Entry>, through: LogIndex) {
        if is_active(Mutant::TruncateWithoutConflict) && through < self.log.last().index {
            self.remove_from(through.next());
        }
        let known = entries.iter().take_while(|entry| self.log.contains(entry.id)).count();
        entries.drain(..known);
        let Some(first) = entries.first().map(|entry| entry.id.index) else { return };
        if first <= self.log.last().index {
            self.remove_from(first);
        }
        for entry in entries {
            self.push(entry);
        }
    }

    /// Appends an entry, and puts the membership that it may bring in force. Neighbours of one term are reported
    /// once.
    fn push(&mut self, entry: Entry) {
        let LogId { term: of, index } = entry.id;
        match self.effects.trace.last_mut() {
            Some(TraceEvent::Appended { last, term, .. }) if *term == of && last.next() == index => {
                *last = index;
            }
            _ => self.trace(TraceEvent::Appended { first: index, last: index, term: of }),
        }
        self.uncommitted_bytes += entry.payload.size();
        let membership = match &entry.payload {
            Payload::Membership(membership) => Some((**membership).clone()),
            _ => None,
        };
        self.log.push(entry);
        if let Some(membership) = membership {
            self.take_membership(index, membership);
        }
    }

    fn remove_from(&mut self, from: LogIndex) {
        assert!(from > self.committed, "committed entries are never removed (Leader Completeness)");
        let to = self.log.last().index;
        let removed = self.log.between(from.previous(), to).map(|e| e.payload.size()).sum::<usize>();
        self.uncommitted_bytes = self.uncommitted_bytes.saturating_sub(removed);
        self.log.truncate(from);
        self.durability.truncated(from);
        self.trace(TraceEvent::Truncated { from, to });
        if self.memberships.truncate(from) {
            self.membership_changed();
        }
    }

    pub(super) fn handle_append_reply(&mut self, sender: Sender, reply: AppendReply, now: Timestamp) {
        if reply.term > self.hard_state.term {
            self.step_down(self.within_reach(reply.term), StepDownReason::HigherTerm, now);
            return;
        }
        let (base, last) = (self.log.base().index, self.log.last().index);
        let follower = sender.id;
        if reply.term < self.hard_state.term {
            return;
        }
        let answering = answering(&mut self.role, &mut self.effects, sender, reply.round);
        let Some((progress, round)) = answering else { return };
        let has_recovered = progress.heard(reply.round, now);
        if reply.stands_by || is_active(Mutant::LeaseWithoutPromise) {
            progress.promised(reply.round);
        }
        match reply.outcome {
            AppendOutcome::Matched { through } if through <= last => {
                if progress.matched(through, base) {
                    if progress.confirmed(round) {
                        self.trace(TraceEvent::Refilled { follower, through });
                    }
                    self.advance_commit();
                }
            }
            // More than this leader ever sent: not the answer of a correct follower.
            AppendOutcome::Matched { .. } => {}
            AppendOutcome::Conflict { refused, hint } => {
                // Of the term they differ in, the leader may have entries too: those are shared (Log Matching).
                let shared = hint.term.and_then(|term| self.log.last_of(term)).map(LogIndex::next);
                let shared = shared.unwrap_or_default();
                if progress.has_lost(refused, hint, reply.round) {
                    let confirmed = progress.matched;
                    progress.went_back(refused, hint, shared);
                    let found = hint.first.min(refused).previous();
                    self.trace(TraceEvent::WentBack { follower, confirmed, found });
                } else if progress.conflict(refused, hint, shared) {
                    let next = progress.next;
                    self.trace(TraceEvent::Conflict { follower, next });
                }
            }
        }
        if has_recovered {
            self.trace(TraceEvent::FollowerDiskRecovered { follower });
        }
    }

    /// Commits what a majority has on disk, as the leader.
    pub(super) fn advance_commit(&mut self) {
        let RoleState::Leader(leadership) = &self.role else { return };
        let counts_early = is_active(Mutant::LeaderCountsItselfEarly);
        let own = if counts_early { self.log.last().index } else { self.durability.log() };
        let matched = |progress: &Progress| progress.counted(progress.matched);
        let Some(reached) = self.reached(leadership, own, matched) else { return };
        // paper §5.4.2, Figure 8: counting says nothing about entries of earlier terms.
        let of_own_term = self.log.term(reached) == Some(self.hard_state.term);
        if of_own_term || is_active(Mutant::CommitEarlierTermByCounting) {
            self.commit_through(reached);
        }
    }

    /// Commits through `index` if that is news.
    fn commit_through(&mut self, index: LogIndex) {
        if index <= self.committed {
            return;
        }
        assert!(index <= self.log.last().index, "what is committed is in the log");
        let bytes = self.log.between(self.committed, index).map(|e| e.payload.size()).sum::<usize>();
        // Saturating only for the mutant that starts it anew.
        self.uncommitted_bytes = self.uncommitted_bytes.saturating_sub(bytes);
        let earlier = std::mem::replace(&mut self.committed, index);
        self.trace(TraceEvent::Committed { through: index });
        self.commit_memberships(earlier);
    }
}

/// The follower that answers a message of this round, at a leader, and the leader's newest round. If it answers from another disk than before, that
/// is told.
pub(super) fn answering<'a>(
    role: &'a mut RoleState,
    effects: &mut Effects,
    sender: Sender,
    answered: u64,
) -> Option<(&'a mut Progress, u64)> {
    let RoleState::Leader(leadership) = role else { return None };
    if answered > leadership.round {
        return None;
    }
    let progress = leadership.peers.get_mut(&sender.id)?;
    if let Some(confirmed) = progress.answers_from(sender.incarnation) {
        let (follower, found) = (sender.id, LogIndex::ZERO);
        effects.trace.push(TraceEvent::WentBack { follower, confirmed, found });
    }
    Some((progress, leadership.round))
}

fn envelope(to: NodeId, append: AppendEntries) -> Envelope {
    Envelope { to, message: Message::AppendEntries(append) }
}

/// The entry just before `next`. If that is gone, the first one that is known: a follower that has it needs nothing
/// of what is gone.
fn prev_of(log: &Log, next: LogIndex) -> LogId {
    let index = next.previous();
    log.term(index).map_or(log.base(), |term| LogId { term, index })
}
