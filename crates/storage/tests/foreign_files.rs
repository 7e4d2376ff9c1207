//! What happens to a data directory behind the program's back: each of its files shortened, lengthened, missing, taken from
//! another node, exchanged with another one, or put back from a backup. Each case recovers to all that was acknowledged, or is
//! refused by the name of the file; on the virtual disk and on a real one.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use raftdeck_raft::{Incarnation, LogId, NodeId, Persist, Restored};
use raftdeck_storage::fs::{DiskFs, FileSystem, MemoryFs};
use raftdeck_storage::{Founders, Life, LogOptions, LogStore, OpenError, Recovered, lose_tail};
use scene::{CLUSTER, appends, carry_out, entry, id, meta, purges, votes};
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

/// Groups of a few entries fit into these.
const SEGMENTS: LogOptions = LogOptions { segment_bytes: 700, cache_bytes: usize::MAX, background: false };

/// The files of a directory by their names.
type Files = BTreeMap<String, Vec<u8>>;

/// Where the directories are: in memory, or on a disk.
trait Ground {
    fn fs(&self) -> &dyn FileSystem;
    fn dir(&self) -> &Path;

    /// The directory with these files and no others.
    fn put(&self, files: &Files) {
        for path in self.fs().list(self.dir()).unwrap_or_default() {
            self.fs().remove(&path).unwrap();
        }
        self.fs().create_dir_all(self.dir()).unwrap();
        for (name, bytes) in files {
            let mut file = self.fs().open(&self.dir().join(name)).unwrap();
            file.write_at(0, bytes).unwrap();
            file.sync_data().unwrap();
        }
        self.fs().sync_dir(self.dir()).unwrap();
    }

    fn files(&self) -> Files {
        let read = |path: &Path| {
            let file = self.fs().open(path).unwrap();
            let mut bytes = vec![0; usize::try_from(file.size().unwrap()).unwrap()];
            file.read_at(0, &mut bytes).unwrap();
            bytes
        };
        let paths = self.fs().list(self.dir()).unwrap();
        paths
            .iter()
            .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), read(path)))
            .collect()
    }

    /// What the directory of `node` holds, also after one more write and start: or why it is refused.
    fn recovered(&self, node: NodeId) -> Result<(LogId, Restored), OpenError> {
        let open = || start(self, node);
        let (mut store, first, _) = open()?;
        store.papers().origin(&founders(), false)?;
        let snapshot = first.restored.snapshot.as_ref().map_or(LogId::default(), |(meta, _)| meta.last);
        if snapshot != LogId::default() {
            first.snapshots.content(snapshot).unwrap();
        }
        let term = first.restored.hard_state.term.0 + 1;
        store.append(&[votes(term, 3)]).unwrap();
        drop((store, first.snapshots));
        let (_, second, _) = open().unwrap();
        assert_eq!(second.restored.entries, first.restored.entries);
        Ok((snapshot, Restored { snapshot: None, ..first.restored }))
    }
}

struct Memory(MemoryFs);

impl Ground for Memory {
    fn fs(&self) -> &dyn FileSystem {
        &self.0
    }

    fn dir(&self) -> &Path {
        scene::dir()
    }
}

struct Disk(TempDir);

impl Ground for Disk {
    fn fs(&self) -> &dyn FileSystem {
        &DiskFs
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }
}

fn founders() -> Founders {
    (1..=3).map(|node| (NodeId(node), format!("127.0.0.1:808{node}"))).collect()
}

/// Starts a member in the directory, which has an identity then.
fn start<G: Ground + ?Sized>(ground: &G, node: NodeId) -> Result<(LogStore, Recovered, Life), OpenError> {
    let fresh = Incarnation([u8::try_from(node.0).unwrap(); 16]);
    LogStore::start_life(ground.fs(), ground.dir(), node, CLUSTER, &SEGMENTS, fresh)
}

/// A directory, as it was at some moments of its life, the last one included.
struct History {
    node: NodeId,
    moments: Vec<Files>,
    state: Restored,
    snapshot: LogId,
}

impl History {
    fn last(&self) -> &Files {
        self.moments.last().unwrap()
    }
}

/// A log of several segments behind a snapshot and a released beginning; after each group its files are copied.
fn life(ground: &dyn Ground, node: NodeId) -> History {
    ground.put(&Files::new());
    let open = || start(ground, node).unwrap();
    let (mut store, recovered, _) = open();
    let mut snapshots = recovered.snapshots;
    store.papers().origin(&founders(), true).unwrap();
    let mut state = Restored::default();
    let mut moments = Vec::new();
    for index in 1..=24_u64 {
        let term = 1 + index / 10;
        let write = match index {
            1 => vec![votes(1, 2), one(term, index)],
            10 | 20 => vec![votes(term, node.0), one(term, index)],
            18 => {
                let last = id(2, 12);
                snapshots.save(&meta(2, 12), [vec![b's'; 300].into()].into_iter()).unwrap();
                snapshots.remove_unused(&[last]).unwrap();
                vec![one(term, index), purges(2, 12)]
            }
            _ => vec![one(term, index)],
        };
        store.append(&write).unwrap();
        store.tend().unwrap();
        for write in &write {
            carry_out(&mut state, write);
        }
        moments.push(ground.files());
        if index == 21 {
            drop(store);
            (store, ..) = open();
        }
    }
    drop(store);
    let mut last = ground.files();
    last.retain(|name, _| !name.starts_with("log.spare-"));
    moments.push(last);
    History { node, moments, state, snapshot: id(2, 12) }
}

fn one(term: u64, index: u64) -> Persist {
    appends([entry(term, index, &format!("{index} {}", "x".repeat(90)))])
}

/// One thing that was done to a directory: its files then, and the names of those that a refusal may be about.
struct Case {
    what: String,
    files: Files,
    names: Vec<String>,
}

impl Case {
    fn new(what: String, life: &History, names: &[&str], change: impl FnOnce(&mut Files)) -> Self {
        let mut files = life.last().clone();
        change(&mut files);
        Self { what, files, names: names.iter().map(|name| (*name).to_owned()).collect() }
    }
}

/// Everything that can be done to one file or to two.
fn cases(life: &History, other: &History) -> Vec<Case> {
    let last = life.last();
    let mut cases = Vec::new();
    for (name, bytes) in last {
        for length in (0..bytes.len()).filter(|length| *length < 50 || length % 7 == 0) {
            let what = format!("{name} shortened to {length}");
            cases.push(Case::new(what, life, &[name], |files| files.get_mut(name).unwrap().truncate(length)));
        }
        for more in [1, 16, 5000] {
            let what = format!("{name} lengthened by {more}");
            cases.push(Case::new(what, life, &[name], |files| {
                let length = files[name].len();
                files.get_mut(name).unwrap().resize(length + more, 0);
            }));
        }
        cases.push(Case::new(format!("{name} missing"), life, &[name], |files| {
            files.remove(name);
        }));
        for (stranger, theirs) in other.last() {
            let is_alike = stranger.split(['-', '.']).next() == name.split(['-', '.']).next();
            if is_alike {
                let what = format!("{name} is {stranger} of another node");
                cases.push(Case::new(what, life, &[name], |files| {
                    files.insert(name.clone(), theirs.clone());
                }));
            }
        }
        for (second, theirs) in
            last.range::<String, _>((std::ops::Bound::Excluded(name), std::ops::Bound::Unbounded))
        {
            let what = format!("{name} and {second} exchanged");
            cases.push(Case::new(what, life, &[name, second], |files| {
                files.insert(name.clone(), theirs.clone());
                files.insert(second.clone(), bytes.clone());
            }));
        }
    }
    for (moment, files) in life.moments.iter().enumerate() {
        for (name, bytes) in files.iter().filter(|(name, bytes)| last.get(*name) != Some(bytes)) {
            // An older copy of what became another segment since is found where that one should be.
            let what = format!("{name} as it was at moment {moment}");
            cases.push(Case::new(what, life, &[name], |files| {
                files.insert(name.clone(), bytes.clone());
            }));
        }
    }
    cases
}

/// Tries all cases; gives the number of those that were refused and of those that lost nothing.
fn judged(ground: &dyn Ground, every: usize) -> (usize, usize) {
    let (other, life) = (life(ground, NodeId(2)), life(ground, NodeId(1)));
    ground.put(life.last());
    assert_eq!(ground.recovered(life.node).unwrap(), (life.snapshot, life.state.clone()));
    let (mut refused, mut sound) = (0, 0);
    let cases = cases(&life, &other);
    // Cuts are many, and most are alike.
    let chosen = |(at, case): &(usize, &Case)| at % every == 0 || !case.what.contains("shortened");
    for (_, Case { what, files, names }) in cases.iter().enumerate().filter(chosen) {
        ground.put(files);
        match ground.recovered(life.node) {
            Ok((snapshot, restored)) => {
                assert_eq!((snapshot, &restored), (life.snapshot, &life.state), "{what}: silently lost");
                sound += 1;
            }
            Err(error) => {
                let sentence = error.to_string();
                let names_it = names.iter().any(|name| sentence.contains(name.as_str()));
                assert!(names_it || is_about_the_directory(&error), "{what}: {sentence}");
                refused += 1;
            }
        }
    }
    (refused, sound)
}

/// The log says whose the directory is, so the directory is what a refusal of another node's names. Whether a snapshot is
/// missing shows at the log.
fn is_about_the_directory(error: &OpenError) -> bool {
    matches!(error, OpenError::WrongNode { .. } | OpenError::NoSnapshot { .. })
}

#[test]
fn whatever_happens_to_one_file_nothing_is_silently_lost_on_the_virtual_disk() {
    let (refused, sound) = judged(&Memory(MemoryFs::new()), 1);
    assert!(refused > 500 && sound > 20, "{refused} refused, {sound} sound");
}

#[test]
fn whatever_happens_to_one_file_nothing_is_silently_lost_on_a_real_disk() {
    let (refused, sound) = judged(&Disk(TempDir::new().unwrap()), 19);
    assert!(refused > 100 && sound > 10, "{refused} refused, {sound} sound");
}

/// The name of the newest segment, and of the log's end.
fn newest(files: &Files) -> String {
    files.keys().rfind(|name| name.starts_with("log-")).unwrap().clone()
}

#[test]
fn an_older_copy_of_the_newest_segment_is_refused_by_name_and_both_places() {
    let ground = Memory(MemoryFs::new());
    let life = life(&ground, NodeId(1));
    let name = newest(life.last());
    let older = life.moments.iter().rev().find(|files| files.get(&name) != life.last().get(&name)).unwrap();
    let mut files = life.last().clone();
    files.insert(name.clone(), older[&name].clone());
    ground.put(&files);
    let error = ground.recovered(NodeId(1)).unwrap_err();
    let OpenError::LostTail { found, recorded, .. } = error else { panic!("{error}") };
    assert_eq!(
        error.to_string(),
        format!(
            "/data/n1/{name} holds the log up to byte {found}, and it went up to byte {recorded} before: the file is an older \
             copy, or its end was erased. This member can no longer vouch for what it has acknowledged, so it does not \
             start. Put back the newest copy of the file; or check the disk, keep a copy of the file, and leave the other members running, \
             empty this member's data directory, start it again, and run `raftdeck client member replace ID` with its \
             id, if a majority of the members still has its disks (docs/members.md)"
        )
    );
    assert_eq!(ground.files(), files, "nothing was changed");
}

#[test]
fn a_shortened_segment_is_refused_by_name_with_both_lengths_and_what_to_do() {
    let ground = Disk(TempDir::new().unwrap());
    let life = life(&ground, NodeId(1));
    let name = newest(life.last());
    let mut files = life.last().clone();
    files.get_mut(&name).unwrap().truncate(400);
    ground.put(&files);
    assert_eq!(
        ground.recovered(NodeId(1)).unwrap_err().to_string(),
        format!(
            "{} has 400 bytes and was made with 700: its end was cut off. This member can no longer vouch for what it has \
             acknowledged, so it does not start. Put back the file as it was; or check the disk, keep a copy of the \
             file, and leave the other members running, \
             empty this member's data directory, start it again, and run `raftdeck client member replace ID` with its \
             id, if a majority of the members still has its disks (docs/members.md)",
            ground.dir().join(name).display()
        )
    );
    assert_eq!(ground.files(), files, "nothing was changed");
}

#[test]
fn the_segment_that_is_missing_is_the_one_that_is_named_also_if_it_was_the_only_one() {
    let ground = Memory(MemoryFs::new());
    let life = life(&ground, NodeId(1));
    let segments: Vec<_> = life.last().keys().filter(|name| name.starts_with("log-")).cloned().collect();
    assert!(segments.len() > 2 && segments[0] != "log-0000000001", "{segments:?}");
    let refusal = |gone: &[String]| {
        let mut files = life.last().clone();
        files.retain(|name, _| !gone.contains(name));
        ground.put(&files);
        ground.recovered(NodeId(1)).unwrap_err().to_string()
    };
    for name in &segments {
        let error = refusal(std::slice::from_ref(name));
        assert!(error.starts_with(&format!("/data/n1/{name} is missing")), "{error}");
    }
    let error = refusal(&segments);
    assert!(error.starts_with(&format!("/data/n1/{} is missing", newest(life.last()))), "{error}");
    // Not even the file that names the owner is left, and what is there still tells that there was a log.
    for kept in ["founders", "snapshot-2-12", "log.end"] {
        let gone: Vec<_> = life.last().keys().filter(|name| *name != kept).cloned().collect();
        let error = refusal(&gone);
        assert!(error.starts_with("/data/n1/raft.log is missing"), "{error}");
    }
}

/// A log that has lost its tail on purpose is a sound, shorter one.
#[test]
fn a_log_whose_tail_is_taken_opens_and_holds_what_was_before_it() {
    let ground = Memory(MemoryFs::new());
    let life = life(&ground, NodeId(1));
    for bytes in [0, 1, 120, 300, 10_000] {
        ground.put(life.last());
        lose_tail(ground.fs(), ground.dir(), bytes).unwrap().unwrap();
        let (_, restored) = ground.recovered(NodeId(1)).unwrap();
        assert!(life.state.entries.starts_with(&restored.entries), "{bytes}");
        assert_eq!(restored.entries == life.state.entries, bytes == 0, "{bytes}");
    }
}

/// The log of version 3: its segments do not state how long they were made, so that is known only of the newest one.
mod version_3 {
    use super::*;
    use raftdeck_storage::fs::Survival;
    use scene::{history, log, open_with, segment, states};

    const LOG: &str = "726166746465636b03000000bbe5c59a06000000d32b740e01046465636b";
    const SEGMENT: &str = "\
        726166746473656703000000c9a1233f0d000000cc963d13d56a52dcd3d7d07301000000000000000072646601040000\
        00b812d8a0defb3f470201010272646601160000007c7daf282cce8ad30101010104626c756501010201000101030103\
        6f6c647264660117000000306a893e04da2c0300030102030105677265656e0102040103726564020200726466010a00\
        0000fed40f19492212bc0102050101780203010372646601040000003e70c3168979c231010306007264660200000000\
        000000006564884d";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// The history as that version wrote it, in a file of this length.
    fn holding(length: usize) -> MemoryFs {
        let fs = MemoryFs::new();
        fs.put(&log(), &bytes(LOG));
        let mut image = bytes(SEGMENT);
        image.resize(length, 0);
        fs.put(&segment(1), &image);
        fs
    }

    #[test]
    fn is_read_and_goes_on_in_today_s_segments() {
        for length in [1 << 20, 2 << 20, 64 << 20] {
            let fs = holding(length);
            let (mut store, recovered) = open_with(&fs, &LogOptions::default()).unwrap();
            assert_eq!(recovered.restored, *states().last().unwrap());
            let mut state = states().pop().unwrap();
            for index in 7..30 {
                let group = appends([entry(3, index, &"y".repeat(length / 10))]);
                store.append(std::slice::from_ref(&group)).unwrap();
                carry_out(&mut state, &group);
            }
            drop(store);
            assert_eq!(fs.contents(&segment(1)).unwrap()[8], 3);
            assert_eq!(fs.contents(&segment(2)).unwrap()[8], 4);
            fs.crash(Survival::Process);
            let (_store, recovered) = open_with(&fs, &LogOptions::default()).unwrap();
            assert_eq!(recovered.restored.hard_state, state.hard_state);
            assert_eq!(recovered.restored.entries.last(), state.entries.last());
            if length > 1 << 20 {
                break;
            }
        }
        assert!(!history().is_empty());
    }

    #[test]
    fn a_newest_segment_that_was_cut_off_is_refused_with_both_lengths() {
        for length in [200, 226, 300, 35_086, (1 << 20) - 1, (1 << 20) + 1, (2 << 20) - 16] {
            let fs = holding(length);
            let error = open_with(&fs, &LogOptions::default()).unwrap_err().to_string();
            let made = if length < 1 << 20 { 1 << 20 } else { 2 << 20 };
            let expected =
                format!("log-0000000001 has {length} bytes and was made with {made}: its end was cut off.");
            assert!(error.contains(&expected), "{error}");
        }
    }

    /// A file that is made for one group has just the length that this needs; and any length is right that is asked for.
    #[test]
    fn a_segment_that_is_full_with_its_only_group_and_one_of_full_size_are_sound() {
        // The header and the first group.
        let image = bytes(SEGMENT)[..61].to_vec();
        for (length, sound) in [(61, true), (77, true), (62, false), (76, false), (78, false)] {
            let fs = holding(length);
            let mut only = image.clone();
            only.resize(length, 0);
            fs.put(&segment(1), &only);
            match open_with(&fs, &LogOptions::default()) {
                Ok((_store, recovered)) => assert!(sound && recovered.restored == states()[1], "{length}"),
                Err(error) => {
                    assert!(!sound && error.to_string().contains("was made with"), "{length}: {error}");
                }
            }
        }
        // All groups would fit as well, and do not make it full.
        assert!(open_with(&holding(bytes(SEGMENT).len()), &LogOptions::default()).is_err());
        let options = LogOptions { segment_bytes: 3 << 20, ..LogOptions::default() };
        let (_store, recovered) = open_with(&holding(3 << 20), &options).unwrap();
        assert_eq!(recovered.restored, *states().last().unwrap());
    }
}
