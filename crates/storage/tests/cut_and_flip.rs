//! Cuts a small log at every byte and flips its every bit: each case recovers to a prefix that holds all that was
//! acknowledged, or refuses.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use raftdeck_raft::{Persist, Restored};
use raftdeck_storage::fs::{FileSystem, MemoryFs};
use raftdeck_storage::{OpenError, TornTail};
use scene::{dir, history, last_snapshot, log, open, pasts, snapshot_file, snapshot_path, states, states_of};

/// The bytes of a log that holds these groups, with its last seal, and where its header and each of its frames end.
fn small_log(past: &[Vec<Persist>]) -> (Vec<u8>, Vec<usize>) {
    let fs = MemoryFs::new();
    let (mut store, recovered) = open(&fs).unwrap();
    assert_eq!(recovered.restored, Restored::default());
    let size = || fs.contents(&log()).unwrap().len();
    let mut ends = vec![size()];
    for group in past {
        store.append(group).unwrap();
        ends.push(size() - SEAL);
    }
    (fs.contents(&log()).unwrap(), ends)
}

/// The bytes of a seal.
const SEAL: usize = 16;

/// A disk with this log, and with the snapshot that has what may be missing in it.
fn holding(bytes: &[u8]) -> MemoryFs {
    let fs = MemoryFs::new();
    fs.put(&log(), bytes);
    let snapshot = last_snapshot();
    fs.put(&snapshot_path(snapshot.last), &snapshot_file(&snapshot, b""));
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
    Ok((Restored { snapshot: None, ..first.restored }, first.repaired))
}

#[test]
fn a_log_cut_at_any_byte_recovers_every_write_that_is_whole() {
    for past in pasts() {
        let (bytes, ends) = small_log(&past);
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
            assert_eq!(restored, states_of(&past)[whole], "cut at {cut}");
            // At a border between frames, and behind the last seal, nothing is torn.
            let torn = cut - ends[whole];
            let expected = TornTail { file: log(), offset: ends[whole] as u64, bytes: torn as u64 };
            assert_eq!(repaired, (torn > 0 && cut < bytes.len()).then_some(expected), "cut at {cut}");
        }
    }
}

#[test]
fn a_tail_that_reads_as_zeros_is_torn() {
    for past in pasts() {
        let (bytes, ends) = small_log(&past);
        for cut in ends[0]..bytes.len() {
            let mut zeroed = bytes.clone();
            zeroed[cut..].fill(0);
            zeroed.resize(bytes.len() + 700, 0);
            // A frame that ended in zeros is none the worse.
            let whole = ends.iter().rposition(|end| zeroed[..*end] == bytes[..*end]).unwrap();
            assert_eq!(recover(&holding(&zeroed)).unwrap().0, states_of(&past)[whole], "zeros from {cut}");
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_loses_nothing_that_was_acknowledged() {
    for past in pasts() {
        let (bytes, ends) = small_log(&past);
        let last = *ends.last().unwrap();
        for bit in 0..bytes.len() * 8 {
            let fs = holding(&bytes);
            fs.flip_bit(&log(), bit);
            match recover(&fs) {
                Ok((restored, repaired)) => {
                    assert!(bit / 8 >= last, "bit {bit} was flipped and not refused");
                    assert_eq!(restored, *states_of(&past).last().unwrap(), "bit {bit}");
                    assert_eq!(repaired.unwrap().offset, last as u64, "bit {bit}");
                }
                Err(error) => assert!(bit / 8 < last, "bit {bit}, in the seal, was refused: {error}"),
            }
        }
    }
}

#[test]
fn a_damaged_byte_anywhere_loses_nothing_that_was_acknowledged() {
    for past in pasts() {
        let (bytes, ends) = small_log(&past);
        for at in 0..bytes.len() {
            for value in [0x00, 0xff, !bytes[at]] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let recovered = recover(&holding(&damaged));
                if damaged == bytes || at >= *ends.last().unwrap() {
                    assert_eq!(recovered.unwrap().0, *states_of(&past).last().unwrap(), "{value} at {at}");
                } else {
                    recovered.unwrap_err();
                }
            }
        }
    }
}

#[test]
fn corruption_is_refused_by_file_and_offset_and_the_file_is_left_alone() {
    let (bytes, ends) = small_log(&history());
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
    let (mut bytes, ends) = small_log(&history());
    bytes[ends[1]..*ends.last().unwrap()].fill(0xaa);
    let error = open(&holding(&bytes)).unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { offset, .. } if offset == ends[1] as u64), "{error}");
}

/// The limit that the crate's documentation states: with the seal lost as well, a damaged last frame is a torn one.
#[test]
fn without_its_seal_a_damaged_last_frame_is_taken_for_a_torn_one() {
    let (bytes, ends) = small_log(&history());
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
    let (bytes, ends) = small_log(&history());
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
    let (bytes, ends) = small_log(&history());
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
            let (sound, ends) = small_log(&history());
            let mut image = sound[..keep.clamp(ends[0], sound.len())].to_vec();
            image.extend(bytes);
            // The bytes may happen to be those that were cut off.
            let whole = ends.iter().rposition(|end| image.starts_with(&sound[..*end])).unwrap();
            let (_, recovered) = open(&holding(&image)).unwrap();
            let restored = Restored { snapshot: None, ..recovered.restored };
            prop_assert_eq!(&restored, &states()[whole]);
        }
    }
}

mod snapshot {
    use super::*;
    use raftdeck_storage::Snapshots;

    /// Content that makes a file of two pieces.
    fn content() -> Vec<u8> {
        ["a".repeat(70_000).as_bytes(), b"the end"].concat()
    }

    fn file() -> Vec<u8> {
        snapshot_file(&last_snapshot(), b"blue and green")
    }

    /// A disk with an empty log and a snapshot file of these bytes.
    fn beside_a_log(bytes: &[u8]) -> MemoryFs {
        let fs = MemoryFs::new();
        drop(open(&fs).unwrap());
        fs.put(&snapshot_path(last_snapshot().last), bytes);
        fs
    }

    fn refused(bytes: &[u8]) -> OpenError {
        let fs = beside_a_log(bytes);
        let error = open(&fs).unwrap_err();
        assert_eq!(fs.contents(&snapshot_path(last_snapshot().last)).as_deref(), Some(bytes));
        error
    }

    /// What comes of a file that another member sent.
    fn received(bytes: &[u8]) -> Option<u64> {
        let fs = MemoryFs::new();
        let (_store, recovered) = open(&fs).unwrap();
        let mut snapshots: Snapshots = recovered.snapshots;
        snapshots.receive(&last_snapshot(), 0, bytes).unwrap();
        let result = snapshots.finish(&last_snapshot(), &[]).unwrap();
        let left: Vec<_> = fs.list(dir()).unwrap();
        assert_eq!(left.contains(&snapshot_path(last_snapshot().last)), result.is_some());
        assert!(!left.contains(&dir().join("snapshot.received")));
        result
    }

    #[test]
    fn a_file_as_it_was_written_is_taken() {
        open(&beside_a_log(&file())).unwrap();
        assert_eq!(received(&file()), Some(file().len() as u64));
    }

    #[test]
    fn any_flipped_bit_is_refused() {
        for bit in 0..file().len() * 8 {
            let mut bytes = file();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = refused(&bytes);
            assert!(matches!(error, OpenError::Corrupt { .. }), "bit {bit}: {error}");
            assert_eq!(received(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn a_file_cut_at_any_byte_and_one_with_bytes_behind_it_are_refused() {
        for cut in 0..file().len() {
            assert!(matches!(refused(&file()[..cut]), OpenError::Corrupt { .. }), "cut at {cut}");
            assert_eq!(received(&file()[..cut]), None, "cut at {cut}");
        }
        let longer = [&file()[..], b"x"].concat();
        assert!(matches!(refused(&longer), OpenError::Corrupt { .. }));
        assert_eq!(received(&longer), None);
    }

    #[test]
    fn a_file_without_its_last_piece_or_with_another_s_is_refused() {
        let two = snapshot_file(&last_snapshot(), &content());
        let other = snapshot_file(&last_snapshot(), &content().iter().rev().copied().collect::<Vec<_>>());
        assert_eq!(two.len(), other.len());
        let last = two.len() - 12 - 12 - 7;
        for wrong in
            [[&two[..last], &two[two.len() - 12..]].concat(), [&two[..last], &other[last..]].concat()]
        {
            assert!(matches!(refused(&wrong), OpenError::Corrupt { .. }));
            assert_eq!(received(&wrong), None);
        }
    }

    #[test]
    fn damage_is_refused_by_file_and_offset() {
        let mut bytes = snapshot_file(&last_snapshot(), &content());
        let last = bytes.len() - 12 - 1;
        bytes[last] ^= 1;
        assert_eq!(
            refused(&bytes).to_string(),
            format!(
                "/data/n1/snapshot-3-9 is damaged at byte {}: a piece does not match its checksum. This member can no \
                 longer vouch for what it has acknowledged, so it does not start. Check the disk, keep a copy of the \
                 file, leave the other members running, and replace this member by a new one with an empty directory",
                last - 6
            )
        );
    }

    #[test]
    fn a_sound_file_under_another_s_name_is_refused() {
        let error = refused(&snapshot_file(&scene::meta(3, 8), b""));
        assert!(error.to_string().contains("it is another snapshot than its name says"), "{error}");
        assert_eq!(received(&snapshot_file(&scene::meta(3, 8), b"")), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_no_snapshot(
            keep in 0_usize..80,
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        ) {
            let mut image = file()[..keep.min(file().len())].to_vec();
            image.extend(bytes);
            proptest::prop_assume!(image != file());
            refused(&image);
            assert_eq!(received(&image), None);
        }
    }
}
