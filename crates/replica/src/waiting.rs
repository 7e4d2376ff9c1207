//! The clients that wait for an answer, and the answers that are ready. Each client gets one, unless it goes away.

mod writes;

use crate::RequestToken;
use crate::state::CommandOutcome;
use raftdeck_protocol::{Failure, Read, ResponseBody};
use raftdeck_raft::mutants::{Mutant, is_active};
use raftdeck_raft::{ChangeError, LogId, LogIndex, Membership, NodeId, ReadId, Role, Term, TraceEvent};
use std::collections::{BTreeSet, VecDeque};
use writes::Writes;

/// All waiting clients, by what they wait for, so that none is searched for among all.
#[derive(Debug, Default)]
pub(crate) struct WaitingRequests {
    /// Writes that wait for their entry to be committed.
    writes: Writes,
    /// Reads that wait for proof of leadership: at `i` the one with the id `first_read + i`; `None`: it no longer waits.
    reads: VecDeque<Option<(RequestToken, Read)>>,
    first_read: u64,
    /// Reads that may be answered, in order.
    granted: VecDeque<(RequestToken, Read)>,
    /// The membership change that is under way, even if no client waits for it any longer.
    change: Option<WaitingChange>,
    /// The transfer whose outcome is not known yet, even if no client waits for it any longer.
    transfer: Option<WaitingTransfer>,
    replies: Vec<(RequestToken, ResponseBody)>,
    /// Went away while they waited. What they wait for still comes to its end, and then they are not answered.
    gone: BTreeSet<RequestToken>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WaitingChange {
    token: Option<RequestToken>,
}

#[derive(Clone, Copy, Debug)]
struct WaitingTransfer {
    token: Option<RequestToken>,
    to: NodeId,
}

impl WaitingRequests {
    pub(crate) fn reply(&mut self, token: RequestToken, body: ResponseBody) {
        self.replies.push((token, body));
    }

    pub(crate) fn fail(&mut self, token: RequestToken, failure: Failure) {
        self.reply(token, ResponseBody::Failed(failure));
    }

    pub(crate) fn take_replies(&mut self) -> Vec<(RequestToken, ResponseBody)> {
        let mut replies = std::mem::take(&mut self.replies);
        if !self.gone.is_empty() {
            replies.retain(|(token, _)| !self.gone.remove(token));
            self.forget_strangers(0);
        }
        replies
    }

    /// The client went away.
    pub(crate) fn cancel(&mut self, token: RequestToken) {
        if self.change == Some(WaitingChange { token: Some(token) }) {
            self.change = Some(WaitingChange { token: None });
        } else if let Some(WaitingTransfer { token: waiting, .. }) = &mut self.transfer
            && *waiting == Some(token)
        {
            *waiting = None;
        } else {
            self.gone.insert(token);
            // Not each time: it looks at all waiting requests.
            self.forget_strangers(2 * self.waiting());
        }
    }

    /// How many wait, but for a change or a transfer.
    fn waiting(&self) -> usize {
        self.writes.len() + self.reads.len() + self.granted.len() + self.replies.len()
    }

    /// If more than `most` clients went away although fewer wait, keeps only those that wait.
    fn forget_strangers(&mut self, most: usize) {
        if self.gone.len() <= most.max(self.waiting()) {
            return;
        }
        let reads = self.reads.iter().flatten().chain(&self.granted).map(|(token, _)| *token);
        let replies = self.replies.iter().map(|(token, _)| *token);
        let gone = &self.gone;
        let known = self.writes.tokens().chain(reads).chain(replies).filter(|token| gone.contains(token));
        self.gone = known.collect();
    }

    pub(crate) fn await_write(&mut self, token: RequestToken, id: LogId) {
        self.writes.push(token, id);
    }

    /// The entry `applied` was applied; `outcome` is its command's result.
    pub(crate) fn finish_write(&mut self, applied: LogId, outcome: Option<CommandOutcome>) {
        let Some((token, term)) = self.writes.take(applied.index) else { return };
        let body = match outcome {
            Some(Ok((answer, at))) if term == applied.term => ResponseBody::Done { answer, at },
            Some(Err(failure)) if term == applied.term => ResponseBody::Failed(failure),
            // Another entry was committed in its place, so this one never will be.
            _ => ResponseBody::Failed(Failure::NotLeader { leader: None, address: None }),
        };
        self.reply(token, body);
    }

    /// This many entries will be applied, and this many reads granted: makes room for their answers.
    pub(crate) fn expect_replies(&mut self, entries: usize, reads: usize) {
        self.replies.reserve(entries.min(self.writes.len()) + reads.min(self.reads.len()));
    }

    /// A snapshot replaced the entries through here: their outcome is no longer known.
    pub(crate) fn skip_writes(&mut self, through: LogIndex) {
        while let Some(token) = self.writes.pop(through) {
            // trap 39: a step-down answers every waiting request.
            if !is_active(Mutant::DropWritesOnStepDown) {
                self.fail(token, Failure::Unknown);
            }
        }
    }

    /// The name of the read that comes next.
    pub(crate) fn next_read_id(&self) -> ReadId {
        ReadId(self.first_read + self.reads.len() as u64)
    }

    /// This read has been given [`WaitingRequests::next_read_id`] and waits.
    pub(crate) fn await_read(&mut self, token: RequestToken, read: Read) {
        self.reads.push_back(Some((token, read)));
    }

    /// This read may be answered as soon as it is its turn.
    pub(crate) fn grant(&mut self, token: RequestToken, read: Read) {
        self.granted.push_back((token, read));
    }

    /// The read no longer waits: it may be answered, or this member is no longer leader.
    pub(crate) fn decide_read(&mut self, id: ReadId, granted: bool) {
        let place = id.0.checked_sub(self.first_read).and_then(|place| usize::try_from(place).ok());
        let Some(read) = place.and_then(|place| self.reads.get_mut(place)) else { return };
        let Some((token, read)) = read.take() else { return };
        while let Some(None) = self.reads.front() {
            self.reads.pop_front();
            self.first_read += 1;
        }
        if granted {
            self.grant(token, read);
        } else {
            self.fail(token, Failure::NotLeader { leader: None, address: None });
        }
    }

    /// The next read that may be answered.
    pub(crate) fn next_read(&mut self) -> Option<(RequestToken, Read)> {
        while let Some((token, read)) = self.granted.pop_front() {
            if self.gone.is_empty() || !self.gone.remove(&token) {
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
        self.change = Some(WaitingChange { token: Some(token) });
    }

    /// The change is committed at this entry and gave this membership, or it failed.
    pub(crate) fn finish_change(&mut self, end: Result<(LogId, Membership), ChangeError>) {
        let Some(WaitingChange { token: Some(token) }) = self.change.take() else { return };
        let body = match end {
            Ok((at, membership)) => ResponseBody::MembershipChanged { at, membership },
            // It was under way: the next leader may finish it.
            Err(ChangeError::NotLeader { .. }) => ResponseBody::Failed(Failure::Unknown),
            Err(error) => ResponseBody::Failed(Failure::Change(error)),
        };
        self.reply(token, body);
    }

    /// Whether a transfer was started whose end was not told yet.
    pub(crate) fn is_transferring(&self) -> bool {
        self.transfer.is_some()
    }

    pub(crate) fn await_transfer(&mut self, token: RequestToken, to: NodeId) {
        self.transfer = Some(WaitingTransfer { token: Some(token), to });
    }

    /// A waiting request may depend on this event.
    pub(crate) fn observe(&mut self, event: &TraceEvent) {
        match event {
            TraceEvent::RoleChanged { from: Role::Leader, .. } => self.lose_leadership(),
            TraceEvent::TransferGivenUp { .. } => self.finish_transfer(Err(Failure::TransferGivenUp)),
            TraceEvent::LeaderChanged { leader: Some(leader), term } => {
                self.finish_transfer(Ok((*leader, *term)));
            }
            // A transfer succeeds when the next leader is heard from; none was.
            TraceEvent::TimedOut { .. } => self.finish_transfer(Err(Failure::Unknown)),
            _ => {}
        }
    }

    fn finish_transfer(&mut self, end: Result<(NodeId, Term), Failure>) {
        let Some(WaitingTransfer { token: Some(token), to }) = self.transfer.take() else { return };
        let body = match end {
            Ok((leader, term)) if leader == to => ResponseBody::Transferred { leader, term },
            Ok(_) => ResponseBody::Failed(Failure::Unknown),
            Err(failure) => ResponseBody::Failed(failure),
        };
        self.reply(token, body);
    }

    /// The clients of pending writes are told that the outcome is unknown.
    pub(crate) fn give_up_writes(&mut self) {
        self.skip_writes(LogIndex(u64::MAX));
    }

    /// The entries of waiting writes may still be committed by the next leader, and a change may still be finished.
    fn lose_leadership(&mut self) {
        self.give_up_writes();
        if let Some(WaitingChange { token: Some(token) }) = self.change.take() {
            self.fail(token, Failure::Unknown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_protocol::Answer;

    const TOKEN: RequestToken = RequestToken(1);

    fn leads(leader: Option<u64>, term: u64) -> TraceEvent {
        TraceEvent::LeaderChanged { leader: leader.map(NodeId), term: Term(term) }
    }

    fn lost() -> TraceEvent {
        TraceEvent::RoleChanged { from: Role::Leader, to: Role::Follower, term: Term(2) }
    }

    /// The answer to a pending transfer to n2 after these events.
    fn told(events: &[TraceEvent]) -> Vec<ResponseBody> {
        let mut waiting = WaitingRequests::default();
        waiting.await_transfer(TOKEN, NodeId(2));
        for event in events {
            waiting.observe(event);
        }
        waiting.take_replies().into_iter().map(|(_, body)| body).collect()
    }

    fn unknown() -> ResponseBody {
        ResponseBody::Failed(Failure::Unknown)
    }

    #[test]
    fn a_transfer_is_answered_when_its_end_is_known_and_once() {
        let done = ResponseBody::Transferred { leader: NodeId(2), term: Term(2) };
        assert_eq!(told(&[lost(), leads(None, 2)]), [], "the way there leads over a time without a leader");
        assert_eq!(told(&[lost(), leads(None, 2), leads(Some(2), 2), leads(Some(3), 3)]), [done]);
        assert_eq!(told(&[lost(), leads(Some(3), 2)]), [unknown()]);
        let timed_out = TraceEvent::TimedOut { waited: std::time::Duration::from_secs(1) };
        assert_eq!(told(&[lost(), timed_out]), [unknown()], "nobody is heard from");
        let given_up = TraceEvent::TransferGivenUp { to: NodeId(2) };
        assert_eq!(told(&[given_up]), [ResponseBody::Failed(Failure::TransferGivenUp)]);
    }

    #[test]
    fn a_change_is_answered_by_its_end_or_by_the_loss_of_the_leadership() {
        let end = |end: Option<Result<(LogId, Membership), ChangeError>>, event: Option<TraceEvent>| {
            let mut waiting = WaitingRequests::default();
            waiting.await_change(TOKEN);
            assert!(waiting.is_changing());
            if let Some(end) = end {
                waiting.finish_change(end);
            }
            if let Some(event) = event {
                waiting.observe(&event);
            }
            assert!(!waiting.is_changing());
            waiting.take_replies().into_iter().map(|(_, body)| body).collect::<Vec<_>>()
        };
        let (at, membership) = (LogId::default(), Membership::default());
        let done = ResponseBody::MembershipChanged { at, membership: membership.clone() };
        // A leader that removes itself has done so before it steps down.
        assert_eq!(end(Some(Ok((at, membership))), Some(lost())), [done]);
        assert_eq!(end(None, Some(lost())), [unknown()]);
        assert_eq!(end(Some(Err(ChangeError::NotLeader { leader: None })), Some(lost())), [unknown()]);
        let slow = ChangeError::NotCaughtUp { node: NodeId(4) };
        assert_eq!(end(Some(Err(slow.clone())), None), [ResponseBody::Failed(Failure::Change(slow))]);
    }

    #[test]
    fn who_goes_away_is_not_answered_whatever_it_waits_for() {
        let mut waiting = WaitingRequests::default();
        let id = LogId { term: Term(1), index: LogIndex(7) };
        let tokens: Vec<_> = (1..=6).map(RequestToken).collect();
        waiting.await_write(tokens[0], id);
        waiting.await_read(tokens[1], Read::Get { key: "k".into() });
        waiting.decide_read(ReadId(0), true);
        waiting.await_change(tokens[2]);
        waiting.await_transfer(tokens[3], NodeId(2));
        waiting.fail(tokens[4], Failure::Busy);
        waiting.fail(tokens[5], Failure::Stopping);
        tokens[..5].iter().for_each(|token| waiting.cancel(*token));
        assert!(
            waiting.is_changing() && waiting.is_transferring(),
            "it is still under way, and another one has to wait for it"
        );
        waiting.finish_write(id, None);
        assert!(waiting.next_read().is_none());
        waiting.observe(&lost());
        waiting.observe(&leads(Some(2), 2));
        let left: Vec<_> = waiting.take_replies().into_iter().map(|(token, _)| token).collect();
        assert_eq!(left, [tokens[5]]);
        assert!(waiting.gone.is_empty() && waiting.waiting() == 0);
    }

    #[test]
    fn who_went_away_keeps_nobody_else_from_an_answer() {
        let mut waiting = WaitingRequests::default();
        let [first, second, third] = [1, 2, 3].map(RequestToken);
        let read = || Read::Get { key: "k".into() };
        waiting.grant(first, read());
        waiting.grant(second, read());
        waiting.grant(third, read());
        waiting.cancel(third);
        waiting.cancel(first);
        assert_eq!(waiting.next_read(), Some((second, read())));
        assert_eq!(waiting.next_read(), None);
    }

    #[test]
    fn an_outcome_is_told_to_whose_entry_it_is_and_to_nobody_else() {
        let at = |term| LogId { term: Term(term), index: LogIndex(7) };
        let told = |applied, outcome| {
            let mut waiting = WaitingRequests::default();
            waiting.await_write(TOKEN, at(1));
            waiting.finish_write(applied, Some(outcome));
            waiting.take_replies().pop()
        };
        let stored = || Ok((Answer::Stored, at(1)));
        let done = ResponseBody::Done { answer: Answer::Stored, at: at(1) };
        let another_leader = ResponseBody::Failed(Failure::NotLeader { leader: None, address: None });
        assert_eq!(told(at(1), stored()), Some((TOKEN, done)));
        assert_eq!(told(at(2), stored()), Some((TOKEN, another_leader.clone())));
        assert_eq!(told(at(1), Err(Failure::Busy)), Some((TOKEN, ResponseBody::Failed(Failure::Busy))));
        assert_eq!(told(at(2), Err(Failure::Busy)), Some((TOKEN, another_leader)));
    }

    /// Unknown requests, and those answered meanwhile, may be cancelled as well, any number of times.
    #[test]
    fn who_went_away_is_remembered_only_while_it_waits() {
        let mut waiting = WaitingRequests::default();
        let read = || Read::Get { key: "k".into() };
        for token in 1..=10 {
            waiting.await_write(RequestToken(token), LogId { term: Term(1), index: LogIndex(token) });
            waiting.await_read(RequestToken(100 + token), read());
            waiting.grant(RequestToken(200 + token), read());
            waiting.fail(RequestToken(300 + token), Failure::Busy);
        }
        assert_eq!(waiting.waiting(), 40);
        let waits = [5, 105, 205, 305];
        for token in waits {
            waiting.cancel(RequestToken(token));
        }
        let mut most = 0;
        for token in 1000..2000 {
            waiting.cancel(RequestToken(token));
            most = most.max(waiting.gone.len());
            assert!(waits.iter().all(|token| waiting.gone.contains(&RequestToken(*token))));
        }
        assert_eq!(most, 80, "twice as many as wait");
        waiting.forget_strangers(0);
        assert!(waiting.gone.len() <= 40);
    }
}
