//! The virtual disk itself: what a crash keeps and loses, and that each fault is the one that was asked for.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use raftdeck_storage::fs::{File, FileSystem, LockError, MemoryFs, Survival};
use std::io::ErrorKind;
use std::path::Path;

fn path() -> &'static Path {
    Path::new("/d/file")
}

/// A disk with a file that holds `aaaa` durably, and `bbbb` behind it not yet.
fn half_synced() -> (MemoryFs, Box<dyn File>) {
    let fs = MemoryFs::new();
    fs.create_dir_all(Path::new("/d")).unwrap();
    let mut file = fs.open(path()).unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    file.write_at(0, b"aaaa").unwrap();
    file.sync_data().unwrap();
    file.write_at(4, b"bbbb").unwrap();
    (fs, file)
}

fn after(survival: Survival) -> Vec<u8> {
    let (fs, _file) = half_synced();
    fs.crash(survival);
    fs.contents(path()).unwrap()
}

#[test]
fn a_copy_has_what_a_reader_sees_and_goes_its_own_way() {
    let (fs, mut file) = half_synced();
    let copy = fs.copy();
    file.write_at(0, b"cccc").unwrap();
    fs.put(Path::new("/d/new"), b"new");
    copy.crash(Survival::Nothing);
    assert_eq!(copy.contents(path()).unwrap(), b"aaaabbbb", "all of it is durable");
    assert_eq!(copy.contents(Path::new("/d/new")), None);
    copy.put(path(), b"");
    assert_eq!(fs.contents(path()).unwrap(), b"ccccbbbb");
}

#[test]
fn a_crash_loses_what_was_not_synced_as_far_as_asked() {
    assert_eq!(after(Survival::Process), b"aaaabbbb");
    assert_eq!(after(Survival::Nothing), b"aaaa");
    assert_eq!(after(Survival::Prefix(0)), b"aaaa");
    assert_eq!(after(Survival::Prefix(3)), b"aaaabbb");
    assert_eq!(after(Survival::Prefix(9)), b"aaaabbbb");
}

#[test]
fn the_death_of_a_process_makes_nothing_durable() {
    let (fs, _file) = half_synced();
    fs.crash(Survival::Process);
    fs.crash(Survival::Nothing);
    assert_eq!(fs.contents(path()).unwrap(), b"aaaa");
}

#[test]
fn sectors_survive_in_any_combination_and_the_same_for_the_same_seed() {
    let after = |seed| {
        let (fs, mut file) = half_synced();
        file.write_at(508, &[b'c'; 1032]).unwrap();
        fs.crash(Survival::Sectors(seed));
        fs.contents(path()).unwrap()
    };
    let images: Vec<_> = (0..64).map(after).collect();
    assert_eq!(images, (0..64).map(after).collect::<Vec<_>>());
    let has = |image: &Vec<u8>, at: usize| image.get(at).is_some_and(|byte| *byte == b'c');
    assert!(images.iter().any(|image| !has(image, 511) && has(image, 512) && has(image, 1023)));
    assert!(images.iter().any(|image| has(image, 511) && !has(image, 512) && has(image, 1539)));
    // The new length without the data.
    assert!(images.iter().any(|image| image.len() == 1540 && !has(image, 1539)));
    assert!(images.iter().all(|image| image.starts_with(b"aaaa")));
}

#[test]
fn a_cut_is_lost_like_a_write() {
    let (fs, mut file) = half_synced();
    file.set_len(2).unwrap();
    assert_eq!(fs.contents(path()).unwrap(), b"aa");
    fs.crash(Survival::Nothing);
    assert_eq!(fs.contents(path()).unwrap(), b"aaaa");
}

#[test]
fn data_of_a_failed_sync_stays_readable_and_a_later_sync_does_not_save_it() {
    let (fs, mut file) = half_synced();
    fs.fail_sync_after(0);
    file.sync_data().unwrap_err();
    file.sync_data().unwrap();
    assert_eq!(fs.contents(path()).unwrap(), b"aaaabbbb");
    fs.crash(Survival::Prefix(100));
    assert_eq!(fs.contents(path()).unwrap(), b"aaaa");
}

#[test]
fn a_name_is_durable_after_its_directory_was_synced() {
    let (fs, _file) = half_synced();
    fs.rename(path(), Path::new("/d/renamed")).unwrap();
    fs.open(Path::new("/d/new")).unwrap();
    fs.crash(Survival::Nothing);
    assert!(fs.exists(path()).unwrap());
    assert!(!fs.exists(Path::new("/d/renamed")).unwrap());
    assert!(!fs.exists(Path::new("/d/new")).unwrap());

    fs.rename(path(), Path::new("/d/renamed")).unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    fs.crash(Survival::Nothing);
    assert!(!fs.exists(path()).unwrap());
    assert!(fs.exists(Path::new("/d/renamed")).unwrap());
}

#[test]
fn a_removal_is_durable_after_its_directory_was_synced() {
    let (fs, mut file) = half_synced();
    fs.remove(path()).unwrap();
    assert!(!fs.exists(path()).unwrap());
    assert_eq!(fs.list(Path::new("/d")).unwrap(), [""; 0].map(std::path::PathBuf::from));
    assert_eq!(fs.remove(path()).unwrap_err().kind(), ErrorKind::NotFound);
    // Whoever has it open goes on.
    file.write_at(8, b"cccc").unwrap();
    let mut bytes = [0; 12];
    file.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"aaaabbbbcccc");
    fs.crash(Survival::Process);
    assert!(!fs.exists(path()).unwrap());
    fs.crash(Survival::Nothing);
    assert_eq!(fs.contents(path()).unwrap(), b"aaaa");

    fs.remove(path()).unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    fs.crash(Survival::Nothing);
    assert!(!fs.exists(path()).unwrap());
}

#[test]
fn a_name_given_anew_is_of_the_new_file() {
    let (fs, file) = half_synced();
    fs.remove(path()).unwrap();
    fs.open(path()).unwrap().write_at(0, b"new").unwrap();
    assert_eq!(file.size().unwrap(), 8);
    assert_eq!(fs.contents(path()).unwrap(), b"new");
    fs.crash(Survival::Nothing);
    assert_eq!(fs.contents(path()).unwrap(), b"aaaa");
}

#[test]
fn changes_of_names_survive_in_any_combination_each_wholly() {
    let [a, b, c] = ["/d/a", "/d/b", "/d/c"].map(Path::new);
    let after = |seed| {
        let (fs, _file) = half_synced();
        fs.rename(path(), a).unwrap();
        fs.open(b).unwrap();
        fs.open(c).unwrap();
        fs.remove(c).unwrap();
        fs.crash(Survival::Sectors(seed));
        assert_ne!(fs.exists(path()).unwrap(), fs.exists(a).unwrap(), "a rename is done or not");
        [a, b, c].map(|path| fs.exists(path).unwrap())
    };
    let outcomes: std::collections::BTreeSet<_> = (0..100).map(after).collect();
    assert_eq!(outcomes.len(), 8);
    assert_eq!(after(7), after(7));
}

#[test]
fn a_directory_lists_its_own_names() {
    let (fs, _file) = half_synced();
    fs.create_dir_all(Path::new("/d/below")).unwrap();
    fs.open(Path::new("/d/below/deep")).unwrap();
    fs.open(Path::new("/d/b")).unwrap();
    assert_eq!(fs.list(Path::new("/d")).unwrap(), ["/d/b", "/d/file"].map(std::path::PathBuf::from));
    assert_eq!(fs.list(Path::new("/nowhere")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_full_disk_takes_what_fits_and_rewrites_in_place() {
    let (fs, mut file) = half_synced();
    fs.set_capacity(Some(10));
    let error = file.write_at(6, b"cccccc").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(fs.contents(path()).unwrap(), b"aaaabbcccc");
    file.write_at(0, b"dddd").unwrap();
    fs.set_capacity(None);
    file.write_at(10, b"e").unwrap();
    assert_eq!(fs.contents(path()).unwrap(), b"ddddbbcccce");
}

#[test]
fn a_halted_machine_changes_nothing_until_it_crashes() {
    let (fs, mut file) = half_synced();
    fs.halt_after(1);
    file.write_at(8, b"c").unwrap();
    file.sync_data().unwrap_err();
    file.write_at(0, b"x").unwrap_err();
    fs.open(path()).unwrap_err();
    fs.crash(Survival::Prefix(100));
    assert_eq!(fs.contents(path()).unwrap(), b"aaaabbbbc");
    fs.open(path()).unwrap();
}

#[test]
fn handles_and_locks_do_not_outlive_a_crash() {
    let (fs, mut file) = half_synced();
    let lock = Path::new("/d/LOCK");
    let held = fs.try_lock(lock).unwrap();
    assert!(matches!(fs.try_lock(lock), Err(LockError::Held { .. })));
    fs.crash(Survival::Process);
    file.write_at(0, b"x").unwrap_err();
    file.read_at(0, &mut [0]).unwrap_err();
    let next = fs.try_lock(lock).unwrap();
    // What is left of the dead process must not release its successor's lock.
    drop(held);
    assert!(matches!(fs.try_lock(lock), Err(LockError::Held { .. })));
    drop(next);
    fs.try_lock(lock).unwrap();
}

#[test]
fn bits_flip_where_asked() {
    let (fs, mut file) = half_synced();
    fs.flip_bit(path(), 8);
    fs.flip_bit(path(), 8000);
    assert_eq!(fs.contents(path()).unwrap(), b"a`aabbbb");
    file.sync_data().unwrap();
    fs.crash(Survival::Nothing);
    assert_eq!(fs.contents(path()).unwrap(), b"a`aabbbb");
}

#[test]
fn reading_past_the_end_and_missing_directories_are_errors() {
    let (fs, file) = half_synced();
    let mut two = [0; 2];
    file.read_at(6, &mut two).unwrap();
    assert_eq!(&two, b"bb");
    assert_eq!(file.read_at(7, &mut two).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(file.read_at(u64::MAX, &mut two).unwrap_err().kind(), ErrorKind::FileTooLarge);
    assert_eq!(fs.open(Path::new("/nowhere/file")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs.create_dir_all(Path::new("/d/file/below")).unwrap_err().kind(), ErrorKind::NotADirectory);
}

#[test]
fn the_sync_that_was_named_fails_and_no_other() {
    let (fs, mut file) = half_synced();
    fs.fail_sync_after(2);
    assert_eq!([(); 4].map(|()| file.sync_data().is_ok()), [true, true, false, true]);
}

#[test]
fn what_is_not_synced_is_counted_and_survives_up_to_so_many_bytes() {
    let (fs, mut file) = half_synced();
    file.write_at(8, b"cccccc").unwrap();
    file.set_len(20).unwrap();
    assert_eq!((fs.unsynced(path()), fs.unsynced(Path::new("/d/none"))), (10, 0));
    let survives = |bytes| {
        let fs = fs.copy();
        fs.put(path(), b"aaaa");
        let mut file = fs.open(path()).unwrap();
        file.write_at(4, b"bbbb").unwrap();
        file.write_at(8, b"cccccc").unwrap();
        fs.crash(Survival::Prefix(bytes));
        fs.contents(path()).unwrap()
    };
    assert_eq!((survives(4), survives(6)), (b"aaaabbbb".to_vec(), b"aaaabbbbcc".to_vec()));
    file.sync_data().unwrap();
    assert_eq!(fs.unsynced(path()), 0);
}

#[test]
fn a_file_without_a_name_lives_as_long_as_its_handle() {
    let (fs, mut file) = half_synced();
    fs.remove(path()).unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    assert!(!fs.exists(path()).unwrap());
    file.write_at(8, b"cc").unwrap();
    let mut bytes = [0; 10];
    file.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"aaaabbbbcc");
}

/// A file that was made and taken away again may be there after a crash, and then it can be read.
#[test]
fn a_name_that_comes_back_is_of_a_file() {
    let mut came_back = 0;
    for seed in 0..64 {
        let (fs, new) = (half_synced().0, Path::new("/d/new"));
        let mut file = fs.open(new).unwrap();
        file.write_at(0, b"n").unwrap();
        file.sync_data().unwrap();
        drop(file);
        fs.remove(new).unwrap();
        fs.crash(Survival::Sectors(seed));
        if fs.exists(new).unwrap() {
            assert_eq!(fs.contents(new).unwrap(), b"n", "seed {seed}");
            came_back += 1;
        }
    }
    assert!(came_back > 5, "{came_back} of 64");
}

#[test]
fn what_is_put_is_durable_and_nothing_else_becomes_so_or_is_undone() {
    let (fs, dir) = (half_synced().0, Path::new("/d"));
    let (new, moved) = (Path::new("/d/new"), Path::new("/d/moved"));
    fs.open(new).unwrap();
    fs.remove(path()).unwrap();
    fs.put(path(), b"put");
    fs.sync_dir(dir).unwrap();
    fs.crash(Survival::Nothing);
    assert_eq!(fs.contents(path()).unwrap(), b"put", "its removal was before that");
    assert!(fs.exists(new).unwrap(), "the sync was for that, too");
    // Also where nothing was synced since it was removed, whatever survives of that.
    for seed in 0..32 {
        let fs = half_synced().0;
        fs.remove(path()).unwrap();
        fs.put(path(), b"put");
        fs.crash(Survival::Sectors(seed));
        assert_eq!(fs.contents(path()).unwrap(), b"put", "seed {seed}");
    }
    // Also where it was renamed before.
    fs.rename(path(), moved).unwrap();
    fs.put(path(), b"again");
    fs.sync_dir(dir).unwrap();
    fs.crash(Survival::Nothing);
    assert_eq!(fs.contents(path()).unwrap(), b"again");
}

#[test]
fn what_is_put_into_an_open_file_is_seen_by_its_handle() {
    let (fs, file) = half_synced();
    fs.put(path(), b"put");
    let mut bytes = [0; 3];
    file.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"put");
    fs.remove(path()).unwrap();
    fs.sync_dir(Path::new("/d")).unwrap();
    file.read_at(0, &mut bytes).unwrap();
    drop(file);
}
