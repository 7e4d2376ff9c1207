//! Random schedules: whatever is lost, repeated, reordered, delayed or crashed, the properties of the paper's
//! Figure 3 hold, and when the trouble ends the cluster works again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use proptest::prelude::*;
use raftdeck_raft::{Entry, LogIndex, MembershipChange, NodeId, ReadId, ReadMode, Role, Term};
use std::collections::BTreeMap;
use std::time::Duration;
use support::*;

#[derive(Clone, Debug)]
enum Trouble {
    /// Deliver the message at this place of the wire, wherever that is.
    Deliver(usize),
    Lose(usize),
    Repeat(usize),
    FinishWrite(u64),
    TimeOut(u64),
    Propose(u64),
    Crash(u64),
    Restart(u64),
    Cut(u64, u64),
    Heal,
    Pass(u64),
    /// Nothing bad happens for a while: without this hardly any leader would be elected.
    Live(u64),
    /// Begin to take a snapshot.
    Snapshot(u64),
    /// Let the disk do its next work on snapshots.
    FinishJob(u64),
    /// The next snapshot that arrives whole is damaged.
    Damage(u64),
    /// Ask a member for a change that concerns another.
    Change(u64, Ask, u64),
    Transfer(u64, u64),
    Campaign(u64),
    Read(u64, bool),
    Pause(u64),
    /// The connection of two is lost.
    Disconnect(u64, u64),
}

#[derive(Clone, Copy, Debug)]
enum Ask {
    Add,
    Promote,
    AddAndPromote,
    Remove,
    /// Promotes it and removes who is asked.
    TakeOver,
}

fn steps(ask: Ask, asked: NodeId, node: NodeId) -> Vec<MembershipChange> {
    let add = MembershipChange::AddLearner { node, address: format!("{node}:1"), incarnation: None };
    let (promote, remove) = (MembershipChange::Promote { node }, MembershipChange::Remove { node });
    match ask {
        Ask::Add => vec![add],
        Ask::Promote => vec![promote],
        Ask::AddAndPromote => vec![add, promote],
        Ask::Remove => vec![remove],
        Ask::TakeOver => vec![add, promote, MembershipChange::Remove { node: asked }],
    }
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let node = 1..=5_u64;
    prop_oneof![
        30 => any::<usize>().prop_map(Trouble::Deliver),
        3 => any::<usize>().prop_map(Trouble::Lose),
        3 => any::<usize>().prop_map(Trouble::Repeat),
        20 => node.clone().prop_map(Trouble::FinishWrite),
        6 => node.clone().prop_map(Trouble::TimeOut),
        6 => node.clone().prop_map(Trouble::Propose),
        2 => node.clone().prop_map(Trouble::Crash),
        3 => node.clone().prop_map(Trouble::Restart),
        2 => (node.clone(), node.clone()).prop_map(|(a, b)| Trouble::Cut(a, b)),
        1 => Just(Trouble::Heal),
        4 => (1..200_u64).prop_map(Trouble::Pass),
        5 => (20..150_u64).prop_map(Trouble::Live),
        4 => node.clone().prop_map(Trouble::Snapshot),
        12 => node.clone().prop_map(Trouble::FinishJob),
        1 => node.clone().prop_map(Trouble::Damage),
        8 => (node.clone(), ask(), node.clone()).prop_map(|(at, ask, node)| Trouble::Change(at, ask, node)),
        2 => (node.clone(), node.clone()).prop_map(|(from, to)| Trouble::Transfer(from, to)),
        2 => node.clone().prop_map(Trouble::Campaign),
        5 => (node.clone(), any::<bool>()).prop_map(|(at, lease)| Trouble::Read(at, lease)),
        1 => node.clone().prop_map(Trouble::Pause),
        4 => (node.clone(), node).prop_map(|(a, b)| Trouble::Disconnect(a, b)),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        Just(Ask::Add),
        Just(Ask::Promote),
        Just(Ask::AddAndPromote),
        Just(Ask::Remove),
        Just(Ask::TakeOver)
    ]
}

/// Everything that was ever true and must stay so.
#[derive(Default)]
struct Judge {
    leaders: BTreeMap<Term, NodeId>,
    /// The entry applied at an index, by anyone, ever.
    applied: BTreeMap<LogIndex, Entry>,
    counted: BTreeMap<NodeId, usize>,
    durable: BTreeMap<NodeId, (Term, Option<NodeId>)>,
    /// Of each read what it must see at least: all that anybody had applied when it was asked for.
    reads: BTreeMap<ReadId, LogIndex>,
    reads_answered: BTreeMap<NodeId, usize>,
}

impl Judge {
    fn check(&mut self, cluster: &Cluster) {
        for (id, member) in &cluster.members {
            self.check_hard_state(*id, member);
            if member.raft.is_none() {
                self.counted.remove(id);
                continue;
            }
            let status = cluster.status(*id);
            if status.role == Role::Leader {
                let leader = *self.leaders.entry(status.term).or_insert(*id);
                assert_eq!(leader, *id, "Election Safety: two leaders in term {}", status.term);
                let raft = cluster.members[id].raft.as_ref().unwrap();
                let log: Vec<&Entry> = raft.entries(LogIndex(1), usize::MAX).collect();
                for (index, entry) in self.applied.range(status.purged.next()..) {
                    let first = log.first().map_or(status.last.index.next(), |entry| entry.id.index);
                    if entry.id.term < status.term && *index >= first {
                        let place = usize::try_from(index.0 - first.0).unwrap();
                        assert_eq!(log.get(place), Some(&entry), "Leader Completeness");
                    }
                }
            }
            let indices = member.applied.iter().map(|e| e.id.index.0);
            assert!(indices.eq(1..=member.applied.len() as u64), "{id} applies each entry once, in order");
            let seen = self.counted.entry(*id).or_default();
            for entry in &member.applied[*seen..] {
                let first = self.applied.entry(entry.id.index).or_insert_with(|| entry.clone());
                assert_eq!(first, entry, "State Machine Safety at index {}", entry.id.index);
            }
            *seen = member.applied.len();
            let answered = self.reads_answered.entry(*id).or_default();
            for read in &member.reads[*answered..] {
                let floor = self.reads[&read.id];
                assert!(
                    !read.granted || status.applied >= floor,
                    "{id}: a read misses what was committed before it"
                );
            }
            *answered = member.reads.len();
        }
    }

    fn ask_to_read(&mut self, cluster: &mut Cluster, at: NodeId, mode: ReadMode) {
        let floor = self.applied.keys().next_back().copied().unwrap_or_default();
        let (now, id) = (cluster.now, ReadId(self.reads.len() as u64 + 1));
        self.reads.insert(id, floor);
        // Refused where the member does not lead.
        let _ = cluster.raft(at).read(id, mode, now);
        cluster.collect(at);
    }

    fn check_hard_state(&mut self, id: NodeId, member: &Member) {
        let now = (member.disk.hard_state.term, member.disk.hard_state.vote);
        let before = self.durable.insert(id, now).unwrap_or_default();
        assert!(now.0 >= before.0, "{id}: a durable term never falls");
        let kept = now.0 > before.0 || before.1.is_none() || now.1 == before.1;
        assert!(kept, "{id}: a durable vote is not changed within its term");
    }

    fn check_logs_match(cluster: &Cluster) {
        let mut first: BTreeMap<(LogIndex, Term), Entry> = BTreeMap::new();
        for member in cluster.members.values() {
            let Some(raft) = &member.raft else { continue };
            for entry in raft.entries(LogIndex(1), usize::MAX) {
                let same = first.entry((entry.id.index, entry.id.term)).or_insert_with(|| entry.clone());
                assert_eq!(same, entry, "Log Matching");
            }
        }
    }
}

fn cause(cluster: &mut Cluster, trouble: &Trouble, names: &mut u64, judge: &mut Judge) {
    let now = cluster.now;
    let up = |cluster: &Cluster, id: u64| cluster.members[&NodeId(id)].raft.is_some();
    let place = |cluster: &Cluster, at: usize| (!cluster.wire.is_empty()).then(|| at % cluster.wire.len());
    match *trouble {
        Trouble::Deliver(at) => {
            if let Some((from, to, message)) = place(cluster, at).and_then(|i| cluster.wire.remove(i)) {
                cluster.deliver(from, to, message);
            }
        }
        Trouble::Lose(at) => {
            let _ = place(cluster, at).and_then(|i| cluster.wire.remove(i));
        }
        Trouble::Repeat(at) => {
            if let Some(i) = place(cluster, at) {
                let again = cluster.wire[i].clone();
                cluster.wire.push_back(again);
            }
        }
        Trouble::FinishWrite(id) if up(cluster, id) => {
            cluster.finish_write(NodeId(id));
        }
        Trouble::TimeOut(id) if up(cluster, id) => cluster.time_out(NodeId(id)),
        Trouble::Propose(id) if up(cluster, id) => {
            *names += 1;
            // Refused where the member does not lead.
            let _ = cluster.propose(NodeId(id), &format!("w{names}"));
        }
        Trouble::Crash(id) => cluster.crash(NodeId(id)),
        Trouble::Restart(id) if !up(cluster, id) => cluster.restart(NodeId(id)),
        Trouble::Cut(a, b) => cluster.cut(NodeId(a), NodeId(b)),
        Trouble::Heal => cluster.heal(),
        Trouble::Live(ms) => cluster.run(Duration::from_millis(ms)),
        Trouble::Snapshot(id) if up(cluster, id) => cluster.take_snapshot(NodeId(id)),
        Trouble::FinishJob(id) if up(cluster, id) => {
            cluster.finish_job(NodeId(id));
        }
        Trouble::Damage(id) => cluster.member(NodeId(id)).files.damage_next = true,
        // Refused where it does not lead, and where it is invalid.
        Trouble::Change(at, ask, node) if up(cluster, at) => {
            let _ = cluster.change(NodeId(at), &steps(ask, NodeId(at), NodeId(node)));
        }
        Trouble::Transfer(from, to) if up(cluster, from) => {
            let _ = cluster.raft(NodeId(from)).transfer_leadership(NodeId(to), now);
            cluster.collect(NodeId(from));
        }
        Trouble::Campaign(id) if up(cluster, id) => {
            cluster.raft(NodeId(id)).campaign(now);
            cluster.collect(NodeId(id));
        }
        Trouble::Read(id, by_lease) if up(cluster, id) => {
            let mode = if by_lease { ReadMode::Lease } else { ReadMode::Index };
            judge.ask_to_read(cluster, NodeId(id), mode);
        }
        Trouble::Pause(id) if up(cluster, id) => cluster.raft(NodeId(id)).handle_pause(now),
        Trouble::Disconnect(a, b) => cluster.disconnect(NodeId(a), NodeId(b)),
        Trouble::Pass(ms) => cluster.now = cluster.now + Duration::from_millis(ms),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn safety_holds_through_any_trouble_and_the_cluster_works_again_after_it(
        seed in 0_u64..1_000_000,
        founders in 1..=5_u64,
        pre_vote: bool,
        check_quorum: bool,
        retained_entries in 0_u64..4,
        small_pieces: bool,
        log_cache_bytes in prop::sample::select(vec![0, 300, 32 << 20]),
        detectors in 0_u8..32,
        troubles in prop::collection::vec(trouble(), 0..400),
    ) {
        let members = (1..=5).map(|i| {
            let mut config = config(NodeId(i), if i <= founders { founders } else { 0 });
            config.tuning.pre_vote = pre_vote;
            config.tuning.check_quorum = check_quorum;
            config.max_inflight = 4;
            config.max_append_bytes = 40;
            config.max_inflight_bytes = 120;
            config.max_piece_bytes = if small_pieces { 30 } else { 1 << 20 };
            config.retained_entries = retained_entries;
            config.log_cache_bytes = log_cache_bytes;
            config.detect_crash = detectors >> (i - 1) & 1 == 1;
            (config, disk(&[]))
        });
        let mut cluster = Cluster::with(members.collect(), seed);
        let mut judge = Judge::default();
        let mut names = 0;
        for trouble in &troubles {
            cause(&mut cluster, trouble, &mut names, &mut judge);
            judge.check(&cluster);
        }
        Judge::check_logs_match(&cluster);

        cluster.heal();
        for id in cluster.ids() {
            if cluster.members[&id].raft.is_none() {
                cluster.restart(id);
            }
        }
        // Without these a member that missed its removal may disturb the others forever (thesis §4.2.3).
        let now = cluster.now;
        for id in cluster.ids() {
            let mut tuning = cluster.status(id).tuning;
            (tuning.pre_vote, tuning.check_quorum) = (true, true);
            cluster.raft(id).tune(tuning, now).unwrap();
        }
        cluster.settle();
        // Deadlines that passed in the trouble are met first: they may still depose a leader.
        cluster.run(Duration::from_secs(1));
        cluster.run_until("one leader that all members follow, and no change half done", |c| {
            let leaders = c.leaders();
            leaders.len() == 1 && {
                let led = c.status(leaders[0]);
                let follows = |id: &NodeId| c.status(*id).leader == Some(leaders[0]);
                let done = !led.membership.is_joint() && led.membership_index <= led.committed;
                done && led.transfer.is_none() && led.membership.members().iter().all(follows)
            }
        });
        let leader = cluster.leaders()[0];
        let members = cluster.status(leader).membership.members();
        let id = cluster.propose(leader, "after the trouble").unwrap();
        cluster.run_until("the write is applied everywhere", |c| {
            members.iter().all(|member| c.members[member].applied.iter().any(|e| e.id == id))
        });
        judge.check(&cluster);
        Judge::check_logs_match(&cluster);
    }
}
