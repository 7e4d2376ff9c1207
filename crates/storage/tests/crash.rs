//! Crashes at every step, and random sequences of writes, faults, crashes and recoveries, against a model: what was
//! acknowledged is there, what was not is there wholly or not at all, and what recovery hands out is durable.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use proptest::prelude::*;
use raftdeck_raft::{HardState, LogId, LogIndex, NodeId, Persist, Restored, Term};
use raftdeck_storage::fs::{FileSystem, MemoryFs, Survival};
use raftdeck_storage::{LogOptions, LogStore, OpenError, Recovered, Snapshots};
use scene::{
    appends, barrier, carry_out, dir, entry, history, meta, open_with, sized, snapshot_file, states,
};

/// Opens with segments so small that most groups begin a new one, or hold a few.
fn open(fs: &MemoryFs) -> Result<(LogStore, Recovered), OpenError> {
    open_with(fs, &sized(118))
}

/// How many bytes of any one file are not durable, but for the one that is never synced.
fn unsynced(fs: &MemoryFs) -> usize {
    let mut names = fs.list(dir()).unwrap_or_default();
    names.retain(|path| !path.ends_with("log.end"));
    names.iter().map(|path| fs.unsynced(path)).max().unwrap_or(0)
}

/// Every way in which unsynced bytes may survive: each prefix, and a number of choices of sectors.
fn survivals(unsynced: usize) -> impl Iterator<Item = Survival> {
    let prefixes = (0..=unsynced).map(Survival::Prefix);
    [Survival::Process, Survival::Nothing].into_iter().chain(prefixes).chain((0..32).map(Survival::Sectors))
}

/// Writes the history until the machine stops after this many changes; gives back how many groups were acknowledged,
/// or `None` if all were, with changes to spare.
fn write_until(fs: &MemoryFs, changes: u64) -> Option<usize> {
    fs.halt_after(changes);
    let Ok((mut store, _)) = open(fs) else { return Some(0) };
    history().iter().position(|group| store.append(group).is_err() || store.tend().is_err())
}

#[test]
fn a_crash_at_any_step_keeps_what_was_acknowledged() {
    let states = states();
    let mut cases = 0;
    for changes in 0.. {
        let fs = MemoryFs::new();
        let Some(acknowledged) = write_until(&fs, changes) else { break };
        for survival in survivals(unsynced(&fs)) {
            let fs = MemoryFs::new();
            write_until(&fs, changes);
            fs.crash(survival);
            let (_, recovered) = open(&fs).unwrap();
            let allowed = &states[acknowledged..=acknowledged + 1];
            assert!(
                allowed.contains(&recovered.restored),
                "{survival:?} after {changes} changes: {recovered:?}"
            );
            cases += 1;
        }
    }
    assert!(cases > 1000, "only {cases} cases were tried");
}

#[test]
fn a_crash_at_any_step_of_a_recovery_changes_nothing() {
    let states = states();
    let last_two = &states[states.len() - 2..];
    // The last group's frame is written and not synced, and tears in the middle.
    let torn = || {
        let fs = MemoryFs::new();
        let (mut store, _) = open(&fs).unwrap();
        let (last, before) =
            history().split_last().map(|(last, before)| (last.clone(), before.to_vec())).unwrap();
        for group in &before {
            store.append(group).unwrap();
        }
        fs.halt_after(1);
        store.append(&last).unwrap_err();
        fs
    };
    for first in survivals(unsynced(&torn())) {
        for changes in 0..8 {
            let halted = || {
                let fs = torn();
                fs.crash(first);
                fs.halt_after(changes);
                let state = open(&fs).map(|(_, recovered)| recovered.restored).ok();
                (fs, state)
            };
            for second in survivals(unsynced(&halted().0)) {
                let (fs, handed_out) = halted();
                fs.crash(second);
                let (_, recovered) = open(&fs).unwrap();
                assert!(last_two.contains(&recovered.restored), "{first:?}, {changes} changes, {second:?}");
                if let Some(state) = handed_out {
                    assert_eq!(recovered.restored, state, "{first:?}, {changes} changes, {second:?}");
                }
            }
        }
    }
}

#[test]
fn data_whose_sync_failed_is_durable_once_a_recovery_hands_it_out() {
    let fs = MemoryFs::new();
    let (mut store, _) = open_with(&fs, &SEGMENTS).unwrap();
    let [first, second, ..] = &history()[..] else { panic!("a history of several groups") };
    store.append(first).unwrap();
    fs.fail_sync_after(0);
    store.append(second).unwrap_err();
    // The process restarts on a system whose cache has the write and takes it for clean.
    fs.crash(Survival::Process);
    let (_, recovered) = open_with(&fs, &SEGMENTS).unwrap();
    assert_eq!(recovered.restored, states()[2]);
    fs.crash(Survival::Nothing);
    let (_, recovered) = open_with(&fs, &SEGMENTS).unwrap();
    assert_eq!(recovered.restored, states()[2]);
}

/// One thing that happens to a store.
#[derive(Clone, Debug)]
enum Step {
    Append {
        group: Vec<Shape>,
        fault: Option<Fault>,
        crash: Survival,
    },
    /// Saves a snapshot of the log but the last this many entries.
    Save {
        keep: u64,
        size: usize,
        fault: Option<Fault>,
        crash: Survival,
    },
    /// Receives a snapshot from a leader, and lets it take the log's place if it goes so far beyond its end.
    Install {
        ahead: u64,
        fault: Option<Fault>,
        crash: Survival,
    },
    /// Prepares and takes back segments.
    Tend {
        fault: Option<Fault>,
        crash: Survival,
    },
    Crash(Survival),
    HaltedRecovery {
        changes: u64,
        crash: Survival,
    },
}

/// What goes wrong during an append.
#[derive(Clone, Debug)]
enum Fault {
    Halt(u64),
    FailedSync { after: u64 },
    FullDisk { room: usize },
}

/// A write, relative to what is stored.
#[derive(Clone, Debug)]
struct Shape {
    new_term: Option<u64>,
    remove: u64,
    /// Purge the log but for this many entries, as far as the snapshot goes.
    purge_but: Option<u64>,
    sizes: Vec<usize>,
}

impl Shape {
    /// The write that this shape means after `state`.
    fn write(&self, state: &Restored) -> Persist {
        let mut state = state.clone();
        let mut write = barrier();
        let purged = state.purged.index.0;
        let last = purged + state.entries.len() as u64;
        if self.remove > 0 && last > purged {
            let from = LogIndex(last.saturating_sub(self.remove).max(purged) + 1);
            write.truncate = Some(from);
            state.entries.retain(|entry| entry.id.index < from);
        }
        let snapshot = state.snapshot.as_ref().map_or(LogIndex::ZERO, |(meta, _)| meta.last.index);
        write.purge = self.purge_but.and_then(|keep| {
            let through = LogIndex(last.saturating_sub(keep)).min(snapshot);
            state.entries.iter().find(|entry| entry.id.index == through).map(|entry| entry.id)
        });
        let last = state.entries.last().map_or(state.purged, |entry| entry.id);
        let mut term = state.hard_state.term.0;
        if self.new_term.is_some() || term == 0 {
            term += 1;
            let vote = self.new_term.filter(|vote| *vote > 0).map(NodeId);
            write.hard_state = Some(HardState { term: Term(term), vote });
        }
        let first = last.index.0 + 1;
        let entries = (first..).zip(&self.sizes).map(|(index, size)| entry(term, index, &"x".repeat(*size)));
        Persist { entries: appends(entries).entries, ..write }
    }
}

fn survival() -> impl Strategy<Value = Survival> {
    prop_oneof![
        Just(Survival::Process),
        Just(Survival::Nothing),
        (0_usize..3000).prop_map(Survival::Prefix),
        any::<u64>().prop_map(Survival::Sectors),
    ]
}

fn shape() -> impl Strategy<Value = Shape> {
    let sizes = proptest::collection::vec(prop_oneof![0_usize..20, 300_usize..1200], 0..4);
    let new_term = proptest::option::weighted(0.2, 0_u64..4);
    let purge_but = proptest::option::weighted(0.3, 0_u64..4);
    (new_term, prop_oneof![4 => Just(0), 1 => 1_u64..4], purge_but, sizes)
        .prop_map(|(new_term, remove, purge_but, sizes)| Shape { new_term, remove, purge_but, sizes })
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    let fault = prop_oneof![
        (0_u64..12).prop_map(Fault::Halt),
        (0_u64..2).prop_map(|after| Fault::FailedSync { after }),
        (0_usize..1500).prop_map(|room| Fault::FullDisk { room }),
    ];
    proptest::option::weighted(0.3, fault)
}

fn step() -> impl Strategy<Value = Step> {
    let append = (proptest::collection::vec(shape(), 1..4), fault(), survival());
    let save = (0_u64..4, 0_usize..2000, fault(), survival());
    let install = (0_u64..5, fault(), survival());
    prop_oneof![
        8 => append.prop_map(|(group, fault, crash)| Step::Append { group, fault, crash }),
        3 => save.prop_map(|(keep, size, fault, crash)| Step::Save { keep, size, fault, crash }),
        1 => install.prop_map(|(ahead, fault, crash)| Step::Install { ahead, fault, crash }),
        4 => (fault(), survival()).prop_map(|(fault, crash)| Step::Tend { fault, crash }),
        1 => survival().prop_map(Step::Crash),
        1 => (0_u64..12, survival()).prop_map(|(changes, crash)| Step::HaltedRecovery { changes, crash }),
    ]
}

/// A few groups fit into each.
const SEGMENTS: LogOptions = LogOptions { segment_bytes: 1500, cache_bytes: usize::MAX, background: false };

/// A store under test beside the model of it.
struct Scene {
    fs: MemoryFs,
    store: LogStore,
    snapshots: Snapshots,
    acknowledged: Restored,
}

impl Scene {
    fn new() -> Self {
        let fs = MemoryFs::new();
        let (store, recovered) = open_with(&fs, &SEGMENTS).unwrap();
        Self { fs, store, snapshots: recovered.snapshots, acknowledged: Restored::default() }
    }

    fn play(&mut self, step: &Step) {
        match step {
            Step::Append { group, fault, crash } => self.append(group, fault.as_ref(), *crash),
            Step::Save { keep, size, fault, crash } => self.save(*keep, *size, fault.as_ref(), *crash),
            Step::Install { ahead, fault, crash } => self.install(*ahead, fault.as_ref(), *crash),
            Step::Tend { fault, crash } => {
                self.arm(fault.as_ref());
                let done = self.store.tend().is_ok();
                self.settle(done, self.acknowledged.clone(), fault.as_ref(), *crash);
            }
            Step::Crash(survival) => {
                self.fs.crash(*survival);
                self.recover(&[]);
            }
            Step::HaltedRecovery { changes, crash } => {
                self.fs.crash(Survival::Process);
                self.fs.halt_after(*changes);
                drop(open_with(&self.fs, &SEGMENTS));
                self.fs.crash(*crash);
                self.recover(&[]);
            }
        }
    }

    fn append(&mut self, group: &[Shape], fault: Option<&Fault>, crash: Survival) {
        let mut attempted = self.acknowledged.clone();
        let mut writes = Vec::new();
        for shape in group {
            let write = shape.write(&attempted);
            carry_out(&mut attempted, &write);
            writes.push(write);
        }
        self.arm(fault);
        let result = self.store.append(&writes);
        self.settle(result.is_ok(), attempted, fault, crash);
    }

    fn save(&mut self, keep: u64, size: usize, fault: Option<&Fault>, crash: Survival) {
        let mut attempted = self.acknowledged.clone();
        let before = attempted.snapshot.as_ref().map_or(LogId::default(), |(meta, _)| meta.last);
        let Some(last) = attempted.entries.iter().rev().nth(usize::try_from(keep).unwrap()) else { return };
        if last.id.index <= before.index {
            return;
        }
        let meta = meta(last.id.term.0, last.id.index.0);
        let content = vec![b's'; size];
        attempted.snapshot = Some((meta.clone(), snapshot_file(&meta, &content).len() as u64));
        self.arm(fault);
        let result = self.snapshots.save(&meta, std::iter::once(content.into()));
        let result = result.and_then(|_| self.snapshots.remove_unused(&[meta.last]));
        self.settle(result.is_ok(), attempted, fault, crash);
    }

    fn install(&mut self, ahead: u64, fault: Option<&Fault>, crash: Survival) {
        let before = self.acknowledged.clone();
        let last = before.entries.last().map_or(before.purged, |entry| entry.id).index.0;
        let snapshot = before.snapshot.as_ref().map_or(0, |(meta, _)| meta.last.index.0);
        let meta = meta(before.hard_state.term.0, last.max(snapshot) + ahead + 1);
        let file = snapshot_file(&meta, b"from the leader");
        let mut received = before;
        received.snapshot = Some((meta.clone(), file.len() as u64));
        let mut installed = received.clone();
        let reset = Persist { reset: Some(meta.last), ..barrier() };
        carry_out(&mut installed, &reset);

        self.arm(fault);
        let result = file
            .chunks(30)
            .zip(0..)
            .try_for_each(|(piece, number)| self.snapshots.receive(&meta, number * 30, piece))
            .and_then(|()| self.snapshots.finish(&meta))
            .and_then(|_| self.snapshots.remove_unused(&[meta.last]));
        let arrived = result.is_ok();
        if arrived {
            self.acknowledged = received.clone();
        }
        let done = arrived && self.store.append(&[reset]).is_ok();
        // The step under way is the reception or, after it, the reset.
        self.settle(done, if arrived { installed } else { received }, fault, crash);
    }

    fn arm(&self, fault: Option<&Fault>) {
        match fault {
            Some(Fault::Halt(changes)) => self.fs.halt_after(*changes),
            Some(Fault::FailedSync { after }) => self.fs.fail_sync_after(*after),
            Some(Fault::FullDisk { room }) => {
                let paths = self.fs.list(dir()).unwrap();
                let used: usize = paths.iter().map(|path| self.fs.contents(path).unwrap().len()).sum();
                self.fs.set_capacity(Some(used + room));
            }
            None => {}
        }
    }

    /// What was done is acknowledged. After a fault the disk crashes, whether it was noticed or not.
    fn settle(&mut self, done: bool, attempted: Restored, fault: Option<&Fault>, crash: Survival) {
        if done {
            self.acknowledged = attempted.clone();
        } else {
            assert!(fault.is_some());
        }
        if fault.is_some() {
            self.fs.crash(crash);
            self.fs.set_capacity(None);
            self.recover(&[attempted]);
        }
    }

    /// Opens the store again, which must hold what was acknowledged or one of the other states.
    fn recover(&mut self, others: &[Restored]) {
        let (store, recovered) = open_with(&self.fs, &SEGMENTS).unwrap();
        let state = recovered.restored;
        assert!(
            state == self.acknowledged || others.contains(&state),
            "{state:?} after {:?}",
            self.acknowledged
        );
        (self.store, self.snapshots, self.acknowledged) = (store, recovered.snapshots, state);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_sequence_of_writes_faults_and_crashes_keeps_what_was_acknowledged(
        steps in proptest::collection::vec(step(), 1..25),
    ) {
        let mut scene = Scene::new();
        for step in &steps {
            scene.play(step);
        }
        scene.fs.crash(Survival::Nothing);
        scene.recover(&[]);
    }
}
