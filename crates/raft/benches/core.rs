//! What the core costs an entry, without disks, sockets and a state machine. `cargo bench -p raftdeck-raft`.
//!
//! `leader`: proposed, sent to two followers, written, acknowledged by one of them and by its own disk, committed, handed
//! out. `follower`: received, written, committed, handed out. In groups, as a driver under load forms them.

use bytes::Bytes;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use raftdeck_raft::{
    AppendEntries, AppendOutcome, AppendReply, Config, Effects, Entry, LogId, LogIndex, Message, NodeId,
    Payload, Raft, Restored, Term, Timestamp, Timing, VoteReply,
};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const GROUPS: [u64; 3] = [1, 16, 256];

fn main() {
    divan::main();
}

fn member() -> Raft {
    let config = Config::new(N1, (1..=3).map(NodeId).collect(), Timing::FAST);
    Raft::new(config, 1, Restored::default(), Timestamp(1)).expect("the configuration makes sense")
}

/// Takes the effects and lets the disk be done at once.
fn settle(raft: &mut Raft, now: Timestamp) -> Effects {
    let effects = raft.take_effects(now);
    for persist in &effects.persist {
        raft.handle_persisted(persist.ticket, now);
    }
    effects
}

fn leader() -> Raft {
    let mut raft = member();
    let now = raft.next_deadline();
    raft.handle_deadline(now);
    let grant = VoteReply { term: Term(1), granted: true };
    raft.handle_message(N2.into(), Message::PreVoteReply(grant), now);
    settle(&mut raft, now);
    raft.handle_message(N2.into(), Message::VoteReply(grant), now);
    settle(&mut raft, now);
    acknowledge(&mut raft, LogIndex(1), now);
    raft
}

/// Both followers have everything through here.
fn acknowledge(raft: &mut Raft, through: LogIndex, now: Timestamp) {
    for follower in [N2, NodeId(3)] {
        let outcome = AppendOutcome::Matched { through };
        let reply = AppendReply { term: Term(1), round: 1, outcome, stands_by: true };
        raft.handle_message(follower.into(), Message::AppendReply(reply), now);
    }
    black_box(settle(raft, now));
}

#[divan::bench(args = GROUPS)]
fn leads(bencher: Bencher, group: u64) {
    let mut raft = leader();
    let now = Timestamp(200_000);
    let command = Bytes::from(vec![7; 300]);
    bencher.counter(ItemsCount::new(group)).bench_local(|| {
        let mut last = LogIndex::ZERO;
        for _ in 0..group {
            last = raft.propose(command.clone()).expect("it leads").index;
        }
        black_box(settle(&mut raft, now));
        acknowledge(&mut raft, last, now);
    });
}

#[divan::bench(args = GROUPS)]
fn follows(bencher: Bencher, group: u64) {
    let mut raft = member();
    let now = Timestamp(200_000);
    let command = Bytes::from(vec![7; 300]);
    let mut prev = LogId::default();
    bencher.counter(ItemsCount::new(group)).bench_local(|| {
        let id = |i| LogId { term: Term(1), index: LogIndex(prev.index.0 + i) };
        let entries: Vec<Entry> =
            (1..=group).map(|i| Entry { id: id(i), payload: Payload::Command(command.clone()) }).collect();
        let append = AppendEntries { term: Term(1), prev, entries, commit: prev.index, round: 1 };
        prev = id(group);
        raft.handle_message(N2.into(), Message::AppendEntries(append), now);
        black_box(settle(&mut raft, now));
    });
}
