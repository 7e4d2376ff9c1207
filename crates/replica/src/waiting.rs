//! The clients that wait for an answer, and the answers that wait to be taken. Each gets one, unless it goes away.

use crate::RequestToken;
use crate::state::Outcome;
use raftdeck_protocol::{Failure, Read, ResponseBody};
use raftdeck_raft::mutants::{Mutant, is_active};
use raftdeck_raft::{ChangeError, LogId, LogIndex, Membership, NodeId, Role, Term, TraceEvent};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Everybody who waits, by what for, so that nobody is looked for among all.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Writes that wait for their entry to be committed.
    writes: BTreeMap<LogIndex, WaitingWrite>,
    /// The same, to find the one that goes away.
    write_of: BTreeMap<RequestToken, LogIndex>,
    /// Reads that wait for proof of leadership, or for their turn in `granted`.
    reads: BTreeMap<RequestToken, Read>,
    /// Reads that may be answered, in order.
    granted: VecDeque<RequestToken>,
    /// The change of the membership that is under way, also when nobody waits for it any more.
    change: Option<Change>,
    /// Who waits for the leadership to go where.
    transfer: Option<(RequestToken, NodeId)>,
    replies: Vec<(RequestToken, ResponseBody)>,
    /// Went away, perhaps after the answer was made.
    gone: BTreeSet<RequestToken>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    token: Option<RequestToken>,
}

#[derive(Debug)]
struct WaitingWrite {
    id: LogId,
    token: RequestToken,
}

impl Waiting {
    pub(crate) fn reply(&mut self, token: RequestToken, body: ResponseBody) {
        self.replies.push((token, body));
    }

    pub(crate) fn fail(&mut self, token: RequestToken, failure: Failure) {
        self.reply(token, ResponseBody::Failed(failure));
    }

    pub(crate) fn take_replies(&mut self) -> Vec<(RequestToken, ResponseBody)> {
        let mut replies = std::mem::take(&mut self.replies);
        let gone = std::mem::take(&mut self.gone);
        if !gone.is_empty() {
            replies.retain(|(token, _)| !gone.contains(token));
        }
        replies
    }

    /// The client went away.
    pub(crate) fn cancel(&mut self, token: RequestToken) {
        if let Some(index) = self.write_of.remove(&token) {
            self.writes.remove(&index);
        } else if self.reads.remove(&token).is_some() {
            // Its turn in `granted` passes by itself.
        } else if self.change == Some(Change { token: Some(token) }) {
            self.change = Some(Change { token: None });
        } else if self.transfer.is_some_and(|(waiting, _)| waiting == token) {
            self.transfer = None;
        } else if !self.replies.is_empty() {
            self.gone.insert(token);
        }
    }

    pub(crate) fn await_write(&mut self, token: RequestToken, id: LogId) {
        let earlier = self.writes.insert(id.index, WaitingWrite { id, token });
        assert!(earlier.is_none(), "a step-down has answered what waited for an index before");
        self.write_of.insert(token, id.index);
    }

    /// The entry `applied` was applied; `outcome` is what its command came to.
    pub(crate) fn finish_write(&mut self, applied: LogId, outcome: Option<Outcome>) {
        let Some(WaitingWrite { id, token }) = self.writes.remove(&applied.index) else { return };
        self.write_of.remove(&token);
        let body = match outcome {
            Some(Ok((answer, at))) if id == applied => ResponseBody::Done { answer, at },
            Some(Err(failure)) if id == applied => ResponseBody::Failed(failure),
            // Another entry was committed in its place, so this one never will be.
            _ => ResponseBody::Failed(Failure::NotLeader { leader: None, address: None }),
        };
        self.reply(token, body);
    }

    /// A snapshot took the place of the entries through here: what they came to is not known any more.
    pub(crate) fn skip_writes(&mut self, through: LogIndex) {
        let later = self.writes.split_off(&through.next());
        self.give_up(later);
    }

    /// Answers the writes that wait, but for those to be kept.
    fn give_up(&mut self, kept: BTreeMap<LogIndex, WaitingWrite>) {
        for WaitingWrite { token, .. } in std::mem::replace(&mut self.writes, kept).into_values() {
            self.write_of.remove(&token);
            // trap 39: a step-down answers every waiting request.
            if !is_active(Mutant::DropWritesOnStepDown) {
                self.fail(token, Failure::Unknown);
            }
        }
    }

    pub(crate) fn await_read(&mut self, token: RequestToken, read: Read) {
        self.reads.insert(token, read);
    }

    pub(crate) fn grant_read(&mut self, token: RequestToken) {
        self.granted.push_back(token);
    }

    pub(crate) fn refuse_read(&mut self, token: RequestToken) {
        if self.reads.remove(&token).is_some() {
            self.fail(token, Failure::NotLeader { leader: None, address: None });
        }
    }

    /// The next read that may be answered.
    pub(crate) fn next_read(&mut self) -> Option<(RequestToken, Read)> {
        while let Some(token) = self.granted.pop_front() {
            if let Some(read) = self.reads.remove(&token) {
                return Some((token, read));
            }
        }
        None
    }

    pub(crate) fn has_granted_reads(&self) -> bool {
        !self.granted.is_empty()
    }

    /// Whether a change of the membership is under way whose end was not told yet.
    pub(crate) fn is_changing(&self) -> bool {
        self.change.is_some()
    }

    pub(crate) fn await_change(&mut self, token: RequestToken) {
        self.change = Some(Change { token: Some(token) });
    }

    /// The change is committed at this entry and gave this membership, or it failed.
    pub(crate) fn finish_change(&mut self, end: Result<(LogId, Membership), ChangeError>) {
        let Some(Change { token: Some(token) }) = self.change.take() else { return };
        let body = match end {
            Ok((at, membership)) => ResponseBody::MembershipChanged { at, membership },
            // It was under way: the next leader may finish it.
            Err(ChangeError::NotLeader { .. }) => ResponseBody::Failed(Failure::Unknown),
            Err(error) => ResponseBody::Failed(Failure::Change(error)),
        };
        self.reply(token, body);
    }

    pub(crate) fn await_transfer(&mut self, token: RequestToken, to: NodeId) {
        if let Some((earlier, _)) = self.transfer.replace((token, to)) {
            self.fail(earlier, Failure::Unknown);
        }
    }

    /// What happened may be what somebody waits for.
    pub(crate) fn observe(&mut self, event: &TraceEvent) {
        match event {
            TraceEvent::RoleChanged { from: Role::Leader, .. } => self.lose_leadership(),
            TraceEvent::TransferGivenUp { .. } => self.finish_transfer(Err(Failure::TransferGivenUp)),
            TraceEvent::LeaderChanged { leader: Some(leader), term } => {
                self.finish_transfer(Ok((*leader, *term)));
            }
            // Handing over means to lose the leadership and to hear from the next leader; nobody was heard from.
            TraceEvent::TimedOut { .. } => self.finish_transfer(Err(Failure::Unknown)),
            _ => {}
        }
    }

    fn finish_transfer(&mut self, end: Result<(NodeId, Term), Failure>) {
        let Some((token, to)) = self.transfer.take() else { return };
        let body = match end {
            Ok((leader, term)) if leader == to => ResponseBody::Transferred { leader, term },
            Ok(_) => ResponseBody::Failed(Failure::Unknown),
            Err(failure) => ResponseBody::Failed(failure),
        };
        self.reply(token, body);
    }

    /// The entries of waiting writes may still be committed by the next leader, and a change may still be finished.
    fn lose_leadership(&mut self) {
        self.give_up(BTreeMap::new());
        if let Some(Change { token: Some(token) }) = self.change.take() {
            self.fail(token, Failure::Unknown);
        }
    }
}
