//! Replica n1 with a disk that finishes when told, and peers played by the test.
#![allow(dead_code, reason = "each test file uses a part of this")]

use raftdeck_protocol::kv::{LoggedTime, SessionId, SessionWrite};
use raftdeck_protocol::{Answer, Consistency, Failure, Read, ResponseBody, Write};
use raftdeck_raft::{
    AppendEntries, AppendOutcome, AppendReply, Config, Entry, LogId, LogIndex, Message, NodeId, Payload,
    Restored, Role, Term, Timestamp, Timing, VoteReply,
};
use raftdeck_replica::{Changed, Outputs, Replica, RequestToken, StateImage};

pub(crate) const N1: NodeId = NodeId(1);
pub(crate) const N2: NodeId = NodeId(2);

/// Replica n1 with a disk that finishes when told, and peers played by the test.
pub(crate) struct Table {
    pub(crate) replica: Replica,
    pub(crate) now: Timestamp,
    pub(crate) replies: Vec<(RequestToken, ResponseBody)>,
    pub(crate) changes: Vec<Changed>,
    unfinished: Vec<raftdeck_raft::Ticket>,
    sent: Vec<Message>,
}

impl Table {
    pub(crate) fn new(voters: u64) -> Self {
        Self::restart(voters, Restored::default(), None)
    }

    pub(crate) fn restart(voters: u64, restored: Restored, image: Option<StateImage>) -> Self {
        Self::with(Config::new(N1, (1..=voters).map(NodeId).collect(), Timing::FAST), restored, image)
    }

    pub(crate) fn with(config: Config, restored: Restored, image: Option<StateImage>) -> Self {
        let now = Timestamp(0);
        let replica = Replica::new(config, 1, restored, image, now).expect("a valid configuration");
        Self {
            replica,
            now,
            replies: Vec::new(),
            changes: Vec::new(),
            unfinished: Vec::new(),
            sent: Vec::new(),
        }
    }

    pub(crate) fn collect(&mut self) {
        let Outputs { persist, send, replies, changes, .. } = self.replica.take_outputs(self.now);
        self.unfinished.extend(persist.iter().map(|p| p.ticket));
        self.sent.extend(send.into_iter().map(|e| e.message));
        self.replies.extend(replies);
        self.changes.extend(changes);
    }

    pub(crate) fn finish_writes(&mut self) {
        self.collect();
        while !self.unfinished.is_empty() {
            let ticket = self.unfinished.remove(0);
            self.replica.handle_persisted(ticket, self.now);
            self.collect();
        }
    }

    pub(crate) fn time_out(&mut self) {
        self.now = self.now.max(self.replica.next_deadline());
        self.replica.handle_deadline(self.now);
        self.collect();
    }

    pub(crate) fn hear(&mut self, message: Message) {
        self.replica.handle_message(N2.into(), message, self.now);
        self.collect();
    }

    pub(crate) fn term(&self) -> Term {
        self.replica.status(self.now).term
    }

    /// n1 leads, and n2 has acknowledged its first entry.
    pub(crate) fn lead(&mut self) {
        self.time_out();
        self.hear(Message::PreVoteReply(VoteReply { term: self.term().next(), granted: true }));
        self.finish_writes();
        self.hear(Message::VoteReply(VoteReply { term: self.term(), granted: true }));
        self.finish_writes();
        self.acknowledge();
        assert_eq!(self.replica.status(self.now).role, Role::Leader);
    }

    /// n2 has everything that n1 has, and has answered its newest message.
    pub(crate) fn acknowledge(&mut self) {
        let round = self.sent.iter().rev().find_map(|message| match message {
            Message::AppendEntries(append) => Some(append.round),
            _ => None,
        });
        let outcome = AppendOutcome::Matched { through: self.replica.status(self.now).last.index };
        self.hear(Message::AppendReply(AppendReply {
            term: self.term(),
            round: round.unwrap_or(0),
            outcome,
            stands_by: true,
        }));
    }

    pub(crate) fn put(&mut self, token: u64, value: &'static str) {
        let write = Write::Put { key: "k".into(), value: value.into() };
        self.replica.write(RequestToken(token), write, LoggedTime(self.now.0));
        self.collect();
    }

    pub(crate) fn get(&mut self, token: u64) {
        let read = Read::Get { key: "k".into() };
        self.replica.read(RequestToken(token), read, Consistency::Linearizable, self.now);
        self.collect();
    }

    pub(crate) fn reply(&mut self, token: u64) -> Option<ResponseBody> {
        let at = self.replies.iter().position(|(t, _)| t.0 == token)?;
        Some(self.replies.remove(at).1)
    }
}

pub(crate) fn not_leader(leader: Option<NodeId>) -> ResponseBody {
    ResponseBody::Failed(Failure::NotLeader { leader, address: None })
}

pub(crate) fn id(term: u64, index: u64) -> LogId {
    LogId { term: Term(term), index: LogIndex(index) }
}

/// Sessions, for a table whose n1 leads.
impl Table {
    /// Opens a session; `at` is what the leader's clock shows.
    pub(crate) fn open_session(&mut self, at: u64) -> SessionId {
        self.replica.open_session(RequestToken(u64::MAX), LoggedTime(at));
        self.finish_writes();
        self.acknowledge();
        match self.reply(u64::MAX) {
            Some(ResponseBody::Done { answer: Answer::SessionOpened(session), .. }) => session,
            other => panic!("{other:?}"),
        }
    }

    /// A write that another attempt would not find as it was.
    pub(crate) fn create(&mut self, token: u64, session: SessionId, sequence: u64, at: u64) {
        let value = format!("{sequence}").into();
        let write = Write::CompareAndSet { key: "k".into(), expected: None, value };
        let write = SessionWrite { session, sequence, acknowledged: 0, write };
        self.replica.session_write(RequestToken(token), write, LoggedTime(at));
        self.finish_writes();
    }

    /// n2 leads in `term`: it sends these entries, and says how far it has committed.
    pub(crate) fn follow(&mut self, term: u64, prev: LogId, entries: Vec<Entry>, commit: u64) {
        self.hear(append(term, prev, entries, commit));
        self.finish_writes();
    }

    /// The whole log.
    pub(crate) fn log(&self) -> Vec<Entry> {
        self.replica.entries(LogIndex(1), usize::MAX).cloned().collect()
    }
}

pub(crate) fn noop(term: u64, index: u64) -> Entry {
    Entry { id: id(term, index), payload: Payload::Noop }
}

/// What n2 sends as the leader of `term`.
pub(crate) fn append(term: u64, prev: LogId, entries: Vec<Entry>, commit: u64) -> Message {
    let (term, commit) = (Term(term), LogIndex(commit));
    Message::AppendEntries(AppendEntries { term, prev, entries, commit, round: 1 })
}
