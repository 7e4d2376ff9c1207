//! What one session write costs a member, besides its sockets and its disk. `cargo bench -p raftdeck-replica`.
//!
//! `leader`: proposed, made durable, committed, applied, answered, by the only voter. `follower`: received, made durable,
//! committed, applied. Both in groups, as a driver under load forms them, over the stated number of keys; after each 64 MiB
//! a snapshot is taken, and held for a while as if it were being written.

use bytes::Bytes;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use raftdeck_protocol::kv::{Action, Command, LoggedTime, SessionId, SessionWrite};
use raftdeck_protocol::{Answer, Consistency, Read, ResponseBody, Write, frame};
use raftdeck_raft::{
    AppendEntries, Config, Entry, LogId, Message, NodeId, Payload, Restored, Term, Timestamp, Timing,
};
use raftdeck_replica::{Outputs, Replica, RequestToken, StateImage};

/// How many writes are under way.
const GROUP: u64 = 256;
const VALUE: usize = 256;
const KEYS: [u64; 2] = [1_000, 100_000];
/// A snapshot stays in memory for this many groups.
const HELD: u64 = 100;

fn main() {
    divan::main();
}

/// A member with sessions and keys.
struct Member {
    replica: Replica,
    now: Timestamp,
    last: LogId,
    sessions: Vec<Client>,
    keys: u64,
    chance: u64,
    value: Bytes,
    tokens: u64,
    groups: u64,
    held: Option<(StateImage, u64)>,
}

#[derive(Clone, Copy)]
struct Client {
    session: SessionId,
    sequence: u64,
}

impl Member {
    fn new(voters: u64) -> Self {
        let mut config = Config::new(NodeId(1), (1..=voters).map(NodeId).collect(), Timing::FAST);
        config.snapshot_entries = None;
        let now = Timestamp(0);
        let replica = Replica::new(config, 1, Restored::default(), None, now).expect("a valid configuration");
        let value = vec![7; VALUE].into();
        let (last, sessions) = (LogId::default(), Vec::new());
        Self { replica, now, last, sessions, keys: 1, chance: 1, value, tokens: 0, groups: 0, held: None }
    }

    /// The only voter, which leads, with `clients` sessions and all keys.
    fn leader(clients: u64, keys: u64) -> Self {
        let mut member = Self::new(1);
        member.now = member.replica.next_deadline();
        member.replica.handle_deadline(member.now);
        member.carry_out();
        for client in 0..clients {
            member.replica.open_session(RequestToken(client), LoggedTime(1));
        }
        for (_, body) in member.carry_out() {
            let ResponseBody::Done { answer: Answer::SessionOpened(session), .. } = body else {
                panic!("{body:?}")
            };
            member.sessions.push(Client { session, sequence: 0 });
        }
        member.fill(keys, |member, write| {
            let token = member.token();
            member.replica.write(token, write, LoggedTime(1));
        });
        member
    }

    /// One of three voters, which follows n2, with `clients` sessions and all keys.
    fn follower(clients: u64, keys: u64) -> Self {
        let mut member = Self::new(3);
        let mut entries = Vec::new();
        for _ in 0..clients {
            entries.push(member.entry(Action::OpenSession));
            member.sessions.push(Client { session: SessionId(member.last.index.0), sequence: 0 });
        }
        member.receive(entries);
        let mut entries = Vec::new();
        member.fill(keys, |member, write| entries.push(member.entry(Action::Write(write))));
        member.receive(entries);
        member
    }

    fn fill(&mut self, keys: u64, mut write: impl FnMut(&mut Self, Write)) {
        self.keys = keys;
        for number in 0..keys {
            let value = self.value.clone();
            write(self, Write::Put { key: key(number), value });
            if number % GROUP == 0 {
                self.carry_out();
            }
        }
        self.carry_out();
    }

    fn token(&mut self) -> RequestToken {
        self.tokens += 1;
        RequestToken(self.tokens)
    }

    /// The next write of a group: each session has as many under way as its share is.
    fn next_write(&mut self, number: u64) -> SessionWrite {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let key = key((self.chance >> 33) % self.keys);
        let clients = self.sessions.len() as u64;
        let client = &mut self.sessions[usize::try_from(number % clients).expect("few")];
        client.sequence += 1;
        let acknowledged = client.sequence.saturating_sub(GROUP / clients);
        let write = Write::Put { key, value: self.value.clone() };
        SessionWrite { session: client.session, sequence: client.sequence, acknowledged, write }
    }

    fn entry(&mut self, action: Action) -> Entry {
        self.last = LogId { term: Term(1), index: self.last.index.next() };
        let command = Command { at: LoggedTime(self.last.index.0), action };
        Entry { id: self.last, payload: Payload::Command(frame::encode(&command)) }
    }

    /// From n2, committed at once.
    fn receive(&mut self, entries: Vec<Entry>) {
        let Some(first) = entries.first() else { return };
        let index = first.id.index.previous();
        let prev = LogId { term: Term(u64::from(index.0 > 0)), index };
        let commit = entries.last().expect("not empty").id.index;
        let append = AppendEntries { term: Term(1), prev, entries, commit, round: 1 };
        self.replica.handle_message(NodeId(2).into(), Message::AppendEntries(append), self.now);
        self.carry_out();
    }

    /// Does what the replica asks for, with a disk that is done at once, until it asks for nothing more.
    fn carry_out(&mut self) -> Vec<(RequestToken, ResponseBody)> {
        let mut answers = Vec::new();
        loop {
            let Outputs { persist, replies, .. } = self.replica.take_outputs(self.now);
            answers.extend(replies);
            if persist.is_empty() {
                break;
            }
            for persist in persist {
                self.replica.handle_persisted(persist.ticket, self.now);
            }
        }
        self.snapshot();
        answers
    }

    fn snapshot(&mut self) {
        self.groups += 1;
        match &self.held {
            Some((image, since)) if self.groups - since > HELD => {
                let meta = image.meta().clone();
                self.held = None;
                self.replica.handle_snapshot_saved(meta, 1 << 20);
            }
            None if self.replica.snapshot_due() => self.held = Some((self.replica.image(), self.groups)),
            _ => {}
        }
    }
}

fn key(number: u64) -> Bytes {
    format!("key-{number:08}").into()
}

/// Each client has one write under way.
#[divan::bench(args = KEYS, sample_count = 1000)]
fn leader_with_256_sessions(bencher: Bencher, keys: u64) {
    lead(bencher, GROUP, keys);
}

/// One client has all writes under way.
#[divan::bench(args = KEYS, sample_count = 1000)]
fn leader_with_one_session(bencher: Bencher, keys: u64) {
    lead(bencher, 1, keys);
}

fn lead(bencher: Bencher, clients: u64, keys: u64) {
    let member = std::cell::RefCell::new(Member::leader(clients, keys));
    bencher
        .counter(ItemsCount::new(GROUP))
        .with_inputs(|| (0..GROUP).map(|number| member.borrow_mut().next_write(number)).collect())
        .bench_local_values(|writes: Vec<SessionWrite>| {
            let mut member = member.borrow_mut();
            for write in writes {
                let token = member.token();
                let at = LoggedTime(token.0);
                member.replica.session_write(token, write, at);
            }
            let answers = member.carry_out();
            assert_eq!(answers.len() as u64, GROUP);
            answers
        });
}

#[divan::bench(args = KEYS, sample_count = 1000)]
fn follower_with_256_sessions(bencher: Bencher, keys: u64) {
    follow(bencher, GROUP, keys);
}

#[divan::bench(args = KEYS, sample_count = 1000)]
fn follower_with_one_session(bencher: Bencher, keys: u64) {
    follow(bencher, 1, keys);
}

fn follow(bencher: Bencher, clients: u64, keys: u64) {
    let member = std::cell::RefCell::new(Member::follower(clients, keys));
    bencher
        .counter(ItemsCount::new(GROUP))
        .with_inputs(|| {
            let mut member = member.borrow_mut();
            (0..GROUP)
                .map(|number| {
                    let write = member.next_write(number);
                    member.entry(Action::SessionWrite(write))
                })
                .collect()
        })
        .bench_local_values(|entries: Vec<Entry>| member.borrow_mut().receive(entries));
}

/// A read by lease is granted at once: what is left is to wait for it and to answer it.
#[divan::bench(args = KEYS, sample_count = 1000)]
fn leader_reads_by_lease(bencher: Bencher, keys: u64) {
    let mut member = Member::leader(1, keys);
    bencher.counter(ItemsCount::new(GROUP)).bench_local(|| {
        for number in 0..GROUP {
            let read = Read::Get { key: key(number * keys / GROUP) };
            let token = member.token();
            member.replica.read(token, read, Consistency::Lease, member.now);
        }
        let answers = member.carry_out();
        assert_eq!(answers.len() as u64, GROUP);
        black_box(answers)
    });
}
