//! Tears a small log at every byte, cuts its file there, and flips its every bit, in files that are new and in such as were used
//! before: each case recovers to a prefix that holds all that was acknowledged, or refuses.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use raftdeck_raft::{Persist, Restored};
use raftdeck_storage::fs::{FileSystem, MemoryFs};
use raftdeck_storage::{OpenError, TornTail};
use scene::{
    dir, end, history, last_snapshot, log, newest, open, pasts, segment, segments, snapshot_file,
    snapshot_path, states_of, votes,
};
use std::path::PathBuf;

/// A log in one segment.
struct Small {
    path: PathBuf,
    /// All of the segment's file.
    bytes: Vec<u8>,
    /// Where the segment's header and each of its frames end.
    ends: Vec<usize>,
    /// What is stored at each of those.
    states: Vec<Restored>,
    /// What the file held before it became this segment.
    old: Option<Vec<u8>>,
    /// The other files that the log needs.
    others: Vec<(PathBuf, Vec<u8>)>,
}

/// The bytes of a seal.
const SEAL: usize = 16;

impl Small {
    /// These groups in the first segment of a log, whose file is new.
    fn fresh(past: &[Vec<Persist>]) -> Self {
        let fs = MemoryFs::new();
        let (mut store, recovered) = open(&fs).unwrap();
        assert_eq!(recovered.restored, Restored::default());
        let mut ends = vec![end(&fs)];
        for group in past {
            store.append(group).unwrap();
            ends.push(end(&fs));
        }
        Self::of(&fs, ends, states_of(past), None)
    }

    /// These groups in a file that was another segment before.
    fn recycled(past: &[Vec<Persist>]) -> Self {
        let fs = MemoryFs::new();
        let (mut store, _) = open(&fs).unwrap();
        // The histories begin with this vote, or a later one.
        let filler = [votes(1, 2)];
        let mut old = None;
        while newest(&fs) < segment(4) {
            store.append(&filler).unwrap();
            if newest(&fs) == segment(2) {
                old = fs.contents(&newest(&fs));
            }
        }
        let mut ends = vec![end(&fs)];
        for group in past {
            store.append(group).unwrap();
            ends.push(end(&fs));
        }
        assert_eq!(newest(&fs), segment(4));
        let mut states = states_of(&[&[filler.to_vec()], past].concat());
        states.remove(0);
        Self::of(&fs, ends, states, old)
    }

    fn of(fs: &MemoryFs, ends: Vec<usize>, states: Vec<Restored>, old: Option<Vec<u8>>) -> Self {
        let path = newest(fs);
        let bytes = fs.contents(&path).unwrap();
        let mut others = vec![(log(), fs.contents(&log()).unwrap())];
        others.extend(segments(fs).into_iter().map(|path| (path.clone(), fs.contents(&path).unwrap())));
        others.retain(|(other, _)| *other != path);
        let snapshot = last_snapshot();
        others.push((snapshot_path(snapshot.last), snapshot_file(&snapshot, b"")));
        Self { path, bytes, ends, states, old, others }
    }

    fn all() -> impl Iterator<Item = Self> {
        pasts().into_iter().flat_map(|past| [Self::fresh(&past), Self::recycled(&past)])
    }

    /// A disk with this log, whose segment holds these bytes instead.
    fn holding(&self, bytes: &[u8]) -> MemoryFs {
        let fs = MemoryFs::new();
        fs.put(&self.path, bytes);
        for (path, bytes) in &self.others {
            fs.put(path, bytes);
        }
        fs
    }

    fn last(&self) -> usize {
        *self.ends.last().unwrap()
    }
}

/// Opens the log, and checks that a repair is for good: it opens again without one and takes more writes.
fn recover(fs: &MemoryFs) -> Result<(Restored, Option<TornTail>), OpenError> {
    let (store, first) = open(fs)?;
    drop(store);
    let (mut store, second) = open(fs).unwrap();
    assert_eq!(second.restored, first.restored);
    assert_eq!(second.repaired, None);
    let term = first.restored.hard_state.term.0 + 1;
    store.append(&[votes(term, 1)]).unwrap();
    drop(store);
    let (_store, third) = open(fs).unwrap();
    assert_eq!(third.restored.entries, first.restored.entries);
    assert_eq!(third.restored.hard_state, scene::hard_state(term, 1));
    Ok((Restored { snapshot: None, ..first.restored }, first.repaired))
}

#[test]
fn a_file_cut_at_any_byte_is_refused_with_both_lengths_and_left_alone() {
    for small in Small::all() {
        let made = small.bytes.len() as u64;
        for cut in 0..small.bytes.len() {
            let fs = small.holding(&small.bytes[..cut]);
            match open(&fs).unwrap_err() {
                OpenError::WrongLength { file, found, made: expected } => {
                    assert_eq!((file, found, expected), (small.path.clone(), cut as u64, made));
                }
                error => {
                    assert!(cut < small.ends[0], "cut at {cut}: {error}");
                    assert!(
                        error
                            .to_string()
                            .contains(&format!("the file has {cut} bytes and ends inside its header"))
                    );
                }
            }
            assert_eq!(fs.contents(&small.path).unwrap(), &small.bytes[..cut]);
        }
        for longer in [1, 16, 1000] {
            let image = [&small.bytes[..], &vec![0; longer]].concat();
            let error = open(&small.holding(&image)).unwrap_err().to_string();
            let expected =
                format!("has {} bytes and was made with {made}: something was added to it.", image.len());
            assert!(error.contains(&expected), "{error}");
        }
    }
}

/// What a crash leaves: the file has its length, and the end of what was written is not there.
#[test]
fn a_log_that_tears_at_any_byte_recovers_every_write_that_is_whole() {
    for small in Small::all() {
        for cut in 0..small.last() + SEAL + 40 {
            let mut image = small.bytes.clone();
            image[cut..].fill(0);
            let recovered = recover(&small.holding(&image));
            // What ends with zeros is whole without them.
            let Some(whole) = small.ends.iter().rposition(|end| image[..*end] == small.bytes[..*end]) else {
                assert!(matches!(recovered, Err(OpenError::Corrupt { .. })), "cut at {cut}: {recovered:?}");
                continue;
            };
            let (restored, repaired) = recovered.unwrap();
            assert_eq!(restored, small.states[whole], "cut at {cut}");
            // At a border between frames, and behind the last seal, nothing is torn.
            let offset = small.ends[whole];
            // Zeros at its end are as if they were not there.
            let torn =
                small.bytes[offset.min(cut)..cut].iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
            let is_torn = torn > 0 && cut < small.last() + SEAL;
            let expected = TornTail { file: small.path.clone(), offset: offset as u64, bytes: torn as u64 };
            if small.old.is_none() {
                assert_eq!(repaired, is_torn.then_some(expected), "cut at {cut}");
            } else if let Some(tail) = repaired {
                assert_eq!(tail.offset, expected.offset, "cut at {cut}");
            }
        }
    }
}

#[test]
fn a_tail_that_reads_as_what_was_there_before_is_torn() {
    for small in Small::all() {
        let before = small.old.clone().unwrap_or_else(|| vec![0; small.bytes.len()]);
        assert_eq!(before.len(), small.bytes.len());
        for cut in small.ends[0]..small.bytes.len() {
            let image = [&small.bytes[..cut], &before[cut..]].concat();
            // A frame that ended as the old bytes did is none the worse.
            let whole = small.ends.iter().rposition(|end| image[..*end] == small.bytes[..*end]).unwrap();
            let (restored, _) = recover(&small.holding(&image)).unwrap();
            assert_eq!(restored, small.states[whole], "old from {cut} on");
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_loses_nothing_that_was_acknowledged() {
    for small in Small::all() {
        let last = small.last();
        for bit in 0..(last + SEAL + 40) * 8 {
            let fs = small.holding(&small.bytes);
            fs.flip_bit(&small.path, bit);
            match recover(&fs) {
                Ok((restored, repaired)) => {
                    assert!(bit / 8 >= last, "bit {bit} was flipped and not refused");
                    assert_eq!(restored, *small.states.last().unwrap(), "bit {bit}");
                    let is_seen = repaired.is_some_and(|tail| tail.offset >= last as u64);
                    assert!(is_seen || small.old.is_some(), "bit {bit}");
                }
                Err(error) => assert!(bit / 8 < last, "bit {bit}, behind the log, was refused: {error}"),
            }
        }
    }
}

#[test]
fn a_damaged_byte_anywhere_loses_nothing_that_was_acknowledged() {
    for small in Small::all() {
        for at in 0..small.last() + SEAL {
            for value in [0x00, 0xff, !small.bytes[at]] {
                let mut damaged = small.bytes.clone();
                damaged[at] = value;
                let recovered = recover(&small.holding(&damaged));
                if damaged == small.bytes || at >= small.last() {
                    assert_eq!(recovered.unwrap().0, *small.states.last().unwrap(), "{value} at {at}");
                } else {
                    recovered.unwrap_err();
                }
            }
        }
    }
}

#[test]
fn a_flipped_bit_in_the_file_that_names_the_owner_is_refused() {
    let small = Small::fresh(&history());
    for bit in 0..small.others[0].1.len() * 8 {
        let fs = small.holding(&small.bytes);
        fs.flip_bit(&log(), bit);
        open(&fs).unwrap_err();
    }
}

#[test]
fn corruption_is_refused_by_file_and_offset_and_the_file_is_left_alone() {
    let small = Small::fresh(&history());
    for (frame, bounds) in small.ends.windows(2).enumerate() {
        let fs = small.holding(&small.bytes);
        fs.flip_bit(&small.path, (bounds[1] - 1) * 8);
        let before = fs.contents(&small.path);
        let error = open(&fs).unwrap_err().to_string();
        let expected = format!(
            "/data/n1/log-0000000001 is damaged at byte {}: a record there does not match its checksum, and a valid one \
             follows at byte {}. This member can no longer vouch for what it has acknowledged, so it does not start. \
             Check the disk, keep a copy of the file, and leave the other members running, empty this member's data \
             directory, start it again, and run `raftdeck client member replace ID` with its id, if a majority of the members still has its disks (docs/members.md)",
            bounds[0], bounds[1]
        );
        assert_eq!(error, expected, "frame {frame}");
        assert_eq!(fs.contents(&small.path), before, "frame {frame}");
    }
}

#[test]
fn damage_to_several_frames_is_refused_as_long_as_something_sound_follows() {
    for mut small in [Small::fresh(&history()), Small::recycled(&history())] {
        let (from, to) = (small.ends[1], small.last());
        small.bytes[from..to].fill(0xaa);
        let error = open(&small.holding(&small.bytes)).unwrap_err();
        assert!(matches!(error, OpenError::Corrupt { offset, .. } if offset == from as u64), "{error}");
    }
}

/// The limit that the crate's documentation states: with the seal lost as well, a damaged last frame is a torn one.
#[test]
fn without_its_seal_a_damaged_last_frame_is_taken_for_a_torn_one() {
    let mut small = Small::fresh(&history());
    let [.., start, end] = small.ends[..] else { panic!("a history of several frames") };
    small.bytes[end..].fill(0);
    for bit in start * 8..end * 8 {
        let fs = small.holding(&small.bytes);
        fs.flip_bit(&small.path, bit);
        let (restored, repaired) = recover(&fs).unwrap();
        assert_eq!(restored, small.states[small.states.len() - 2], "bit {bit}");
        assert_eq!(repaired.unwrap().offset, start as u64, "bit {bit}");
    }
}

#[test]
fn a_recovered_last_frame_gets_its_seal_back() {
    let small = Small::fresh(&history());
    let [.., start, end] = small.ends[..] else { panic!("a history of several frames") };
    for kept in [0, 5] {
        let mut image = small.bytes.clone();
        image[end + kept..].fill(0);
        let fs = small.holding(&image);
        open(&fs).unwrap();
        assert_eq!(fs.contents(&small.path).unwrap(), small.bytes);
        fs.flip_bit(&small.path, end * 8 - 1);
        let error = open(&fs).unwrap_err();
        assert!(matches!(error, OpenError::Corrupt { offset, .. } if offset == start as u64), "{error}");
    }
}

#[test]
fn a_log_inside_a_client_s_value_is_not_taken_for_frames() {
    let small = Small::fresh(&history());
    let fs = MemoryFs::new();
    let (mut store, _) = open(&fs).unwrap();
    store.append(&[votes(1, 1)]).unwrap();
    let acknowledged = end(&fs);
    let mut copy = scene::entry(1, 1, "");
    copy.payload = raftdeck_raft::Payload::Command(small.bytes[small.ends[0]..small.last()].to_vec().into());
    store.append(&[scene::appends([copy])]).unwrap();
    let torn = end(&fs);
    drop(store);
    // The write of the copy tears in its first bytes and before its seal.
    let mut image = fs.contents(&newest(&fs)).unwrap();
    image[torn..].fill(0);
    image[acknowledged + 8] ^= 1;
    let (restored, _) = recover(&small.holding(&image)).unwrap();
    assert_eq!(
        Restored { snapshot: None, ..restored },
        Restored { hard_state: scene::hard_state(1, 1), ..Restored::default() }
    );
}

#[test]
fn an_existing_directory_without_a_log_starts_empty() {
    let fs = MemoryFs::new();
    fs.create_dir_all(dir()).unwrap();
    fs.put(&dir().join("raft.log.new"), b"a header that was never finished, and longer than a real one");
    fs.put(&dir().join("log.new"), b"a segment that was never finished");
    assert_eq!(recover(&fs).unwrap(), (Restored::default(), None));
}

mod any_bytes {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_panic_as_a_log(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let small = Small::fresh(&history());
            let _ = open(&small.holding(&bytes));
            let fs = small.holding(&small.bytes);
            fs.put(&log(), &bytes);
            let _ = open(&fs);
        }

        #[test]
        fn never_panic_behind_a_sound_start(
            keep in 0_usize..400,
            bytes in proptest::collection::vec(prop_oneof![Just(b'r'), Just(b'd'), Just(b'f'), any::<u8>()], 0..600),
        ) {
            let small = Small::fresh(&history());
            let mut image = small.bytes[..keep.clamp(small.ends[0], small.last())].to_vec();
            image.extend(bytes);
            image.resize(small.bytes.len(), 0);
            // The bytes may happen to be those that were cut off.
            let whole = small.ends.iter().rposition(|end| image.starts_with(&small.bytes[..*end])).unwrap();
            let (_, recovered) = open(&small.holding(&image)).unwrap();
            let restored = Restored { snapshot: None, ..recovered.restored };
            prop_assert_eq!(&restored, &small.states[whole]);
        }
    }
}
