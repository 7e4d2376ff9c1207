//! Cuts a small log at every byte and flips its every bit: each case recovers to a prefix that holds all that was
//! acknowledged, or refuses.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use raftdeck_raft::Restored;
use raftdeck_storage::fs::{FileSystem, MemoryFs};
use raftdeck_storage::{OpenError, TornTail};
use scene::{dir, history, log, open, states};

/// The bytes of a log that holds the history, with its last seal, and where its header and each of its frames end.
fn small_log() -> (Vec<u8>, Vec<usize>) {
    let fs = MemoryFs::new();
    let (mut store, recovered) = open(&fs).unwrap();
    assert_eq!(recovered.restored, Restored::default());
    let size = || fs.contents(&log()).unwrap().len();
    let mut ends = vec![size()];
    for group in history() {
        store.append(&group).unwrap();
        ends.push(size() - SEAL);
    }
    (fs.contents(&log()).unwrap(), ends)
}

/// The bytes of a seal.
const SEAL: usize = 16;

fn holding(bytes: &[u8]) -> MemoryFs {
    let fs = MemoryFs::new();
    fs.put(&log(), bytes);
    fs
}

/// Opens the log, and checks that a repair is for good: it opens again without one and takes more writes.
fn recover(fs: &MemoryFs) -> Result<(Restored, Option<TornTail>), OpenError> {
    let (store, first) = open(fs)?;
    drop(store);
    let (mut store, second) = open(fs).unwrap();
    assert_eq!(second.restored, first.restored);
    assert_eq!(second.repaired, None);
    let term = first.restored.hard_state.term.0 + 1;
    store.append(&[scene::votes(term, 1)]).unwrap();
    drop(store);
    let (_store, third) = open(fs).unwrap();
    assert_eq!(third.restored.entries, first.restored.entries);
    assert_eq!(third.restored.hard_state, scene::hard_state(term, 1));
    Ok((first.restored, first.repaired))
}

#[test]
fn a_log_cut_at_any_byte_recovers_every_write_that_is_whole() {
    let (bytes, ends) = small_log();
    for cut in 0..=bytes.len() {
        let recovered = recover(&holding(&bytes[..cut]));
        let Some(whole) = ends.iter().rposition(|end| *end <= cut) else {
            assert!(
                matches!(recovered, Err(OpenError::Corrupt { .. } | OpenError::NotALog { .. })),
                "cut at {cut}"
            );
            continue;
        };
        let (restored, repaired) = recovered.unwrap();
        assert_eq!(restored, states()[whole], "cut at {cut}");
        // At a border between frames, and behind the last seal, nothing is torn.
        let torn = cut - ends[whole];
        let expected = TornTail { file: log(), offset: ends[whole] as u64, bytes: torn as u64 };
        assert_eq!(repaired, (torn > 0 && cut < bytes.len()).then_some(expected), "cut at {cut}");
    }
}

#[test]
fn a_tail_that_reads_as_zeros_is_torn() {
    let (bytes, ends) = small_log();
    for cut in ends[0]..bytes.len() {
        let mut zeroed = bytes.clone();
        zeroed[cut..].fill(0);
        zeroed.resize(bytes.len() + 700, 0);
        // A frame that ended in zeros is none the worse.
        let whole = ends.iter().rposition(|end| zeroed[..*end] == bytes[..*end]).unwrap();
        assert_eq!(recover(&holding(&zeroed)).unwrap().0, states()[whole], "zeros from {cut}");
    }
}

#[test]
fn a_flipped_bit_anywhere_loses_nothing_that_was_acknowledged() {
    let (bytes, ends) = small_log();
    let last = *ends.last().unwrap();
    for bit in 0..bytes.len() * 8 {
        let fs = holding(&bytes);
        fs.flip_bit(&log(), bit);
        match recover(&fs) {
            Ok((restored, repaired)) => {
                assert!(bit / 8 >= last, "bit {bit} was flipped and not refused");
                assert_eq!(restored, *states().last().unwrap(), "bit {bit}");
                assert_eq!(repaired.unwrap().offset, last as u64, "bit {bit}");
            }
            Err(error) => assert!(bit / 8 < last, "bit {bit}, in the seal, was refused: {error}"),
        }
    }
}

#[test]
fn a_damaged_byte_anywhere_loses_nothing_that_was_acknowledged() {
    let (bytes, ends) = small_log();
    for at in 0..bytes.len() {
        for value in [0x00, 0xff, !bytes[at]] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            let recovered = recover(&holding(&damaged));
            if damaged == bytes || at >= *ends.last().unwrap() {
                assert_eq!(recovered.unwrap().0, *states().last().unwrap(), "{value} at {at}");
            } else {
                recovered.unwrap_err();
            }
        }
    }
}

#[test]
fn corruption_is_refused_by_file_and_offset_and_the_file_is_left_alone() {
    let (bytes, ends) = small_log();
    for (frame, bounds) in ends.windows(2).enumerate() {
        let fs = holding(&bytes);
        fs.flip_bit(&log(), (bounds[1] - 1) * 8);
        let before = fs.contents(&log());
        let error = open(&fs).unwrap_err().to_string();
        let expected = format!(
            "/data/n1/raft.log is damaged at byte {}: a record there does not match its checksum, and a sound one \
             follows at byte {}. This member can no longer vouch for what it has acknowledged, so it does not start. \
             Check the disk, keep a copy of the file, leave the other members running, and replace this member by a \
             new one with an empty directory",
            bounds[0], bounds[1]
        );
        assert_eq!(error, expected, "frame {frame}");
        assert_eq!(fs.contents(&log()), before, "frame {frame}");
    }
}

#[test]
fn damage_to_several_frames_is_refused_as_long_as_something_sound_follows() {
    let (mut bytes, ends) = small_log();
    bytes[ends[1]..*ends.last().unwrap()].fill(0xaa);
    let error = open(&holding(&bytes)).unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { offset, .. } if offset == ends[1] as u64), "{error}");
}

/// The limit that the crate's documentation states: with the seal lost as well, a damaged last frame is a torn one.
#[test]
fn without_its_seal_a_damaged_last_frame_is_taken_for_a_torn_one() {
    let (bytes, ends) = small_log();
    let [.., start, end] = ends[..] else { panic!("a history of several frames") };
    for bit in start * 8..end * 8 {
        let fs = holding(&bytes[..end]);
        fs.flip_bit(&log(), bit);
        let (restored, repaired) = recover(&fs).unwrap();
        assert_eq!(restored, states()[states().len() - 2], "bit {bit}");
        assert_eq!(repaired.unwrap().offset, start as u64, "bit {bit}");
    }
}

#[test]
fn a_recovered_last_frame_gets_its_seal_back() {
    let (bytes, ends) = small_log();
    let [.., start, end] = ends[..] else { panic!("a history of several frames") };
    for tail in [&[][..], &bytes[end..end + 5]] {
        let fs = holding(&[&bytes[..end], tail].concat());
        open(&fs).unwrap();
        assert_eq!(fs.contents(&log()).unwrap(), bytes);
        fs.flip_bit(&log(), end * 8 - 1);
        let error = open(&fs).unwrap_err();
        assert!(matches!(error, OpenError::Corrupt { offset, .. } if offset == start as u64), "{error}");
    }
}

#[test]
fn a_log_inside_a_client_s_value_is_not_taken_for_frames() {
    let (bytes, ends) = small_log();
    let fs = MemoryFs::new();
    let (mut store, _) = open(&fs).unwrap();
    store.append(&[scene::votes(1, 1)]).unwrap();
    let acknowledged = fs.contents(&log()).unwrap().len();
    let mut copy = scene::entry(1, 1, "");
    copy.payload = raftdeck_raft::Payload::Command(bytes[ends[0]..].to_vec().into());
    store.append(&[scene::appends([copy])]).unwrap();
    drop(store);
    // The write of the copy tears in its first bytes and before its seal.
    let mut image = fs.contents(&log()).unwrap();
    image.truncate(image.len() - SEAL);
    image[acknowledged - SEAL + 8] ^= 1;
    let (restored, _) = recover(&holding(&image)).unwrap();
    assert_eq!(restored, Restored { hard_state: scene::hard_state(1, 1), ..Restored::default() });
}

#[test]
fn an_existing_directory_without_a_log_starts_empty() {
    let fs = MemoryFs::new();
    fs.create_dir_all(dir()).unwrap();
    fs.put(&dir().join("raft.log.new"), b"a header that was never finished, and longer than a real one");
    assert_eq!(recover(&fs).unwrap(), (Restored::default(), None));
}

mod any_bytes {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_panic_as_a_log(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = open(&holding(&bytes));
        }

        #[test]
        fn never_panic_behind_a_sound_start(
            keep in 0_usize..300,
            bytes in proptest::collection::vec(prop_oneof![Just(b'r'), Just(b'd'), Just(b'f'), any::<u8>()], 0..600),
        ) {
            let (sound, ends) = small_log();
            let mut image = sound[..keep.clamp(ends[0], sound.len())].to_vec();
            image.extend(bytes);
            // The bytes may happen to be those that were cut off.
            let whole = ends.iter().rposition(|end| image.starts_with(&sound[..*end])).unwrap();
            let (_, recovered) = open(&holding(&image)).unwrap();
            prop_assert_eq!(&recovered.restored, &states()[whole]);
        }
    }
}
