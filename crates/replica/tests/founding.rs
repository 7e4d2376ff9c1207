//! The founding of a cluster over all interleavings of a small case: members ask each other, make their stages durable, crash,
//! and lose their disks, in any order.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

use raftdeck_protocol::founding::{FoundingRecord, Note, NoteStage};
use raftdeck_raft::{Incarnation, LogIndex, NodeId};
use raftdeck_replica::founding::{Founding, FoundingStage, Obstacle, cluster_id};
use std::collections::{BTreeMap, BTreeSet};

const NAME: &str = "test";

/// The nth disk of a member.
fn disk(id: NodeId, nth: u8) -> Incarnation {
    let mut bytes = [0; 16];
    (bytes[0], bytes[1]) = (u8::try_from(id.0).unwrap(), nth);
    Incarnation(bytes)
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    /// How many disks it has lost.
    lost: u8,
    /// On its disk.
    stage: FoundingStage,
    /// In its memory.
    heard: BTreeMap<NodeId, Note>,
    /// An answer on its way to it.
    on_its_way: Option<Note>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct World {
    members: BTreeMap<NodeId, Member>,
    /// What was ever founded.
    founded: BTreeSet<FoundingRecord>,
    /// How many disks may still be lost.
    wipes: u8,
    /// Members are alike: if a single disk may be lost, whose it is makes no difference.
    only_of_first: bool,
}

impl World {
    fn new(members: u64, wipes: u8) -> Self {
        let member =
            Member { lost: 0, stage: FoundingStage::Gathering, heard: BTreeMap::new(), on_its_way: None };
        let members = (1..=members).map(|id| (NodeId(id), member.clone())).collect();
        Self { members, founded: BTreeSet::new(), wipes, only_of_first: wipes == 1 }
    }

    fn founding(&self, id: NodeId) -> Founding {
        let Member { lost, stage, heard, .. } = &self.members[&id];
        let with = self.members.keys().copied().collect();
        let mut founding = Founding::new(id, disk(id, *lost), NAME, with, stage.clone());
        heard.values().cloned().for_each(|note| founding.hear(note));
        founding
    }

    fn note(&self, id: NodeId) -> Note {
        self.founding(id).note(false)
    }

    fn of(&mut self, id: NodeId) -> &mut Member {
        self.members.get_mut(&id).unwrap()
    }

    fn with(&self, id: NodeId, change: impl FnOnce(&mut Member)) -> Self {
        let mut next = self.clone();
        change(next.of(id));
        next
    }

    /// The stage that comes next is durable.
    fn advance(&self, id: NodeId) -> Option<Self> {
        let stage = self.founding(id).next()?;
        let mut next = self.with(id, |member| member.stage = stage.clone());
        if let FoundingStage::Founded(record) = stage {
            next.check_founding(&record);
            next.founded.insert(record);
        }
        Some(next)
    }

    /// A founding that completes shares no disk with another one, and none of its members is founded otherwise.
    fn check_founding(&self, record: &FoundingRecord) {
        assert!(record.0.keys().eq(self.members.keys()), "by all, or by nobody: {record:?}");
        for other in self.founded.iter().filter(|other| *other != record) {
            let shared = other.0.iter().find(|(id, disk)| record.0.get(id) == Some(disk));
            assert_eq!(shared, None, "one disk in two foundings: {self:#?}");
        }
        for (id, Member { stage, .. }) in &self.members {
            if let FoundingStage::Founded(other) = stage {
                assert_eq!(other, record, "{id} is founded in another one: {self:#?}");
            }
        }
    }

    /// Everything that can happen. `in_flight`: answers take time.
    fn steps(&self, in_flight: bool) -> Vec<Self> {
        let mut steps = Vec::new();
        for &id in self.members.keys() {
            steps.extend(self.advance(id));
            let member = &self.members[&id];
            if !matches!(member.stage, FoundingStage::Founded(_)) {
                for &other in self.members.keys().filter(|other| **other != id) {
                    let note = self.note(other);
                    steps.push(self.with(id, |member| {
                        if in_flight {
                            member.on_its_way = Some(note);
                        } else {
                            member.heard.insert(other, note);
                        }
                    }));
                }
                if let Some(note) = &member.on_its_way {
                    steps.push(self.with(id, |member| {
                        member.on_its_way = None;
                        member.heard.insert(note.id, note.clone());
                    }));
                }
            }
            // A crash.
            steps.push(self.with(id, Member::forget));
            if self.wipes > 0 && (id.0 == 1 || !self.only_of_first) {
                let mut wiped = self.with(id, |member| {
                    member.forget();
                    member.lost += 1;
                    member.stage = FoundingStage::Gathering;
                });
                wiped.wipes -= 1;
                steps.push(wiped);
            }
        }
        steps
    }

    /// What it comes to if nothing more goes wrong and everybody reaches everybody.
    fn settled(&self) -> Self {
        let mut world = self.clone();
        for _ in 0..20 {
            let ids: Vec<NodeId> = world.members.keys().copied().collect();
            for &id in &ids {
                let notes =
                    ids.iter().filter(|other| **other != id).map(|other| (*other, world.note(*other)));
                world.of(id).heard = notes.collect();
                world = world.advance(id).unwrap_or(world);
            }
        }
        world
    }

    /// Either all are founded, or those that are not say what to do: nobody waits for somebody who is there.
    fn check_settled(&self) {
        let settled = self.settled();
        for id in settled.members.keys() {
            let founding = settled.founding(*id);
            let is_founded = matches!(founding.stage(), FoundingStage::Founded(_));
            let obstacle = founding.obstacle();
            assert!(
                is_founded
                    != matches!(obstacle, Some(Obstacle::PartlyKnown { .. } | Obstacle::OtherFounding(_))),
                "{id} says {obstacle:?}: {settled:#?}"
            );
        }
    }
}

impl Member {
    fn forget(&mut self) {
        self.heard.clear();
        self.on_its_way = None;
    }
}

/// Visits every world that can be reached.
fn explore(start: World, in_flight: bool) -> usize {
    let mut seen = BTreeSet::from([start.clone()]);
    // What a world settles to depends on its disks alone.
    let mut disks = BTreeSet::new();
    let mut left = vec![start];
    while let Some(world) = left.pop() {
        for next in world.steps(in_flight) {
            if !seen.contains(&next) {
                seen.insert(next.clone());
                left.push(next);
            }
        }
        let World { mut members, founded, only_of_first, .. } = world;
        members.values_mut().for_each(Member::forget);
        let world = World { members, founded, wipes: 0, only_of_first };
        if disks.insert(world.clone()) {
            world.check_settled();
        }
    }
    seen.len()
}

#[test]
fn two_members_found_one_cluster_in_whatever_order_they_ask_persist_crash_and_lose_disks() {
    let worlds = explore(World::new(2, 2), true);
    assert!(worlds > 3_000, "only {worlds} worlds were visited");
}

#[test]
fn three_members_found_one_cluster_too() {
    let worlds = explore(World::new(3, 1), false);
    assert!(worlds > 10_000, "only {worlds} worlds were visited");
}

#[test]
fn many_members_that_lose_many_disks_found_one_cluster_or_say_why_not() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        // xorshift64, so that a failure is the same in every run.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    let mut founded = 0;
    for run in 0..60 {
        let mut world = World::new(3 + run % 3, 4);
        for _ in 0..80 {
            let mut steps = world.steps(true);
            world = steps.swap_remove(draw(steps.len()));
        }
        world.check_settled();
        founded += world.settled().founded.len();
    }
    assert!(founded > 10, "only {founded} foundings were completed");
}

fn ids(ids: &[u64]) -> BTreeSet<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

fn first(id: u64) -> Founding {
    Founding::new(NodeId(id), disk(NodeId(id), 0), NAME, ids(&[1, 2, 3]), FoundingStage::Gathering)
}

fn addresses() -> BTreeMap<NodeId, String> {
    (1..=3).map(|id| (NodeId(id), format!("127.0.0.1:808{}", id - 1))).collect()
}

fn says(founding: &Founding) -> String {
    founding.says(&addresses()).unwrap()
}

/// What n2 says with this stage on its first disk.
fn note(stage: NoteStage) -> Note {
    Note { id: NodeId(2), incarnation: disk(NodeId(2), 0), stage, has_secret: false }
}

fn record(disks: [u8; 3]) -> FoundingRecord {
    FoundingRecord((1..=3).map(NodeId).zip(disks).map(|(id, nth)| (id, disk(id, nth))).collect())
}

#[test]
fn one_member_alone_founds_at_once() {
    let mut founding =
        Founding::new(NodeId(1), disk(NodeId(1), 0), NAME, ids(&[1]), FoundingStage::Gathering);
    while let Some(stage) = founding.next() {
        founding.advance(stage);
    }
    assert!(matches!(founding.stage(), FoundingStage::Founded(_)));
    assert_eq!(founding.obstacle(), None);
}

#[test]
fn a_member_says_for_whom_it_waits_until_it_is_founded() {
    let (mut one, mut two, mut three) = (first(1), first(2), first(3));
    assert_eq!(says(&one), "founding: waiting for n2 at 127.0.0.1:8081 and n3 at 127.0.0.1:8082");
    one.hear(two.note(false));
    assert_eq!(says(&one), "founding: waiting for n3 at 127.0.0.1:8082");
    assert_eq!(one.next(), None, "a majority founds nothing");
    one.hear(three.note(false));
    let adopted = one.next().unwrap();
    one.advance(adopted.clone());
    assert_eq!(one.next(), None, "the others have not adopted it");
    assert_eq!(says(&one), "founding: waiting for n2 at 127.0.0.1:8081 and n3 at 127.0.0.1:8082");
    two.hear(one.note(false));
    assert_eq!(two.next(), Some(adopted.clone()), "what another one has adopted");
    two.advance(adopted.clone());
    three.advance(adopted);
    one.hear(two.note(false));
    one.hear(three.note(false));
    assert_eq!(one.next(), Some(FoundingStage::Founded(record([0, 0, 0]))));
    one.advance(one.next().unwrap());
    assert_eq!(one.says(&addresses()), None);
    // One that slept through it learns from a single member that is founded.
    three.hear(one.note(false));
    assert_eq!(three.next(), Some(FoundingStage::Founded(record([0, 0, 0]))));
    assert_eq!(says(&three), "founding: waiting for n2 at 127.0.0.1:8081");
}

#[test]
fn what_a_stranger_says_and_what_it_says_itself_is_not_heard() {
    let mut one = first(1);
    for id in [1, 9].map(NodeId) {
        let stage = NoteStage::Joining { cluster: None };
        one.hear(Note { id, incarnation: disk(id, 7), stage, has_secret: false });
    }
    assert_eq!(says(&one), "founding: waiting for n2 at 127.0.0.1:8081 and n3 at 127.0.0.1:8082");
}

#[test]
fn what_is_forgotten_of_a_member_that_does_not_answer_is_not_relied_on() {
    let mut one = first(1);
    one.hear(first(2).note(false));
    one.hear(first(3).note(false));
    one.lose(NodeId(3));
    assert_eq!(one.next(), None);
    assert_eq!(says(&one), "founding: waiting for n3 at 127.0.0.1:8082");
}

#[test]
fn a_member_that_is_founded_is_never_founded_again_with_an_empty_disk_beside_it() {
    let known = record([0, 0, 0]).0.into_iter().map(|(id, disk)| (id, Some(disk))).collect();
    let cluster = Some(cluster_id(&record([0, 0, 0]), NAME));
    let mut one =
        Founding::new(NodeId(1), disk(NodeId(1), 1), NAME, ids(&[1, 2, 3]), FoundingStage::Gathering);
    one.hear(note(NoteStage::Member { cluster, members: known, index: LogIndex(1) }));
    one.hear(first(3).note(false));
    assert_eq!(one.next(), None);
    let said = says(&one);
    assert!(
        said.starts_with("founding refused: n2 at 127.0.0.1:8081 belongs to cluster \"test\" ("),
        "{said}"
    );
    assert!(said.contains("n1 is back with an empty disk, and does not vote"), "{said}");
    assert!(said.ends_with("or run `raftdeck client member replace n1`"), "{said}");
}

#[test]
fn a_member_of_a_cluster_without_identity_keeps_others_from_founding() {
    let mut one = first(1);
    let members = ids(&[1, 2, 3]).into_iter().map(|id| (id, None)).collect();
    one.hear(note(NoteStage::Member { cluster: None, members, index: LogIndex(1) }));
    one.hear(first(3).note(false));
    assert_eq!(one.next(), None);
    assert!(says(&one).contains("`raftdeck client member replace n1`"));
    let members = ids(&[2, 3]).into_iter().map(|id| (id, None)).collect();
    one.hear(note(NoteStage::Member { cluster: None, members, index: LogIndex(1) }));
    assert!(says(&one).ends_with(
        "whose members are n2 and n3: n1 is none of them; add it with `raftdeck client member add n1 HOST:PORT`"
    ));
}

#[test]
fn a_member_that_was_added_with_this_disk_waits_for_its_invitation() {
    let mut one = first(1);
    let members = [(NodeId(1), Some(disk(NodeId(1), 0))), (NodeId(2), None)].into();
    one.hear(note(NoteStage::Member { cluster: None, members, index: LogIndex(1) }));
    one.hear(first(3).note(false));
    assert_eq!(one.next(), None);
    assert!(says(&one).contains("has added n1 with this disk: waiting until it hands over"));
}

#[test]
fn lists_that_differ_and_members_that_join_are_named() {
    let mut one = first(1);
    one.hear(note(NoteStage::Gathering { with: ids(&[1, 2]) }));
    one.hear(first(3).note(false));
    assert_eq!(one.next(), None);
    assert_eq!(
        says(&one),
        "founding refused: n2 at 127.0.0.1:8081 was started in a cluster of n1 and n2, this node in one of n1, n2 and n3: give \
         all of them the same --cluster"
    );
    one.hear(note(NoteStage::Joining { cluster: None }));
    assert_eq!(one.next(), None);
    assert!(says(&one).starts_with("founding refused: n2 at 127.0.0.1:8081 was started with --join:"));
}

#[test]
fn a_founding_that_a_wiped_disk_cannot_complete_is_said_and_not_adopted() {
    let mut one = first(1);
    // n2 has adopted one with another disk of this member, then one with another disk of n3.
    for disks in [[1, 0, 0], [0, 0, 1]] {
        one.hear(note(NoteStage::Adopted(record(disks))));
        one.hear(first(3).note(false));
        assert_eq!(one.next(), None);
        assert!(says(&one).contains("stop all of n1, n2 and n3, empty their data directories"));
    }
    one.hear(note(NoteStage::Adopted(record([0, 0, 0]))));
    assert_eq!(one.next(), Some(FoundingStage::Adopted(record([0, 0, 0]))));
}

#[test]
fn a_cluster_has_an_identity_of_its_disks_and_its_name() {
    let one = cluster_id(&record([0, 0, 0]), NAME);
    assert_eq!(one, cluster_id(&record([0, 0, 0]), NAME));
    assert_ne!(one, cluster_id(&record([0, 0, 1]), NAME));
    assert_ne!(one, cluster_id(&record([0, 0, 0]), "other"));
}
