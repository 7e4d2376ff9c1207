//! The ground that segments are built on: files of full length, so that a sync of what is written into them has nothing to
//! do but to write that. Prepares them ahead of need, and takes back those no longer needed, to be used again.
//! Touches no file that the log still needs, and writes into none before it has lost the name of a segment for good.
//!
//! A file that is being prepared, or lies ready, is called `log.spare-N`; a crash leaves it behind, and the next start
//! removes it.

use crate::error::{OpenError, StorageError};
use crate::fs::{File, FileSystem};
use crate::segment;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// The first segment of a log has this many bytes, and each has twice as many as the one before it, up to the full size: a
/// log that little is written to takes little room. One that is needed before it could be prepared is as small.
pub(crate) const FIRST: u64 = 1 << 20;

/// The most files that lie ready. When a log is purged, several segments may come free together.
const MOST_SPARES: usize = 4;

/// The bytes in one sync while a file is filled with zeros: a concurrent sync of the log waits for at most that many.
const STEP: u64 = 1 << 20;

/// The bytes in one write of zeros. Larger pieces take the system several times as long (Linux 6.18, ext4: 64 MiB in pieces
/// of 64 KiB take 25 ms of processor time, in pieces of 1 MiB 180 ms).
const PIECE: u64 = 64 << 10;

/// A file that a segment can be written into.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) path: PathBuf,
    pub(crate) file: Box<dyn File>,
    pub(crate) size: u64,
    /// It holds what a segment has left; otherwise zeros.
    pub(crate) recycled: bool,
    /// The system does not have it in memory: to write a part of a page would mean to read that first.
    cold: bool,
}

/// A segment that is no longer needed.
#[derive(Debug)]
pub(crate) struct Released {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
}

impl Released {
    /// One that was never looked at, and is only removed.
    pub(crate) fn unknown(dir: &Path, sequence: u64) -> Self {
        Self { path: dir.join(segment::name(sequence)), size: 0 }
    }
}

/// What a store knows of its ground. If it has a thread, that is joined when this is dropped.
#[derive(Debug)]
pub(crate) struct Ground {
    work: Arc<GroundShared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct GroundShared {
    fs: Box<dyn FileSystem>,
    dir: PathBuf,
    /// The full size of a segment.
    full: u64,
    state: Mutex<GroundState>,
    /// There is something to do, or the end has come.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GroundState {
    /// A file of this size should lie ready.
    wanted: Option<u64>,
    released: Vec<Released>,
    /// Segments that are full, and still as they were written in the system's memory. Others are cold.
    full: Vec<(PathBuf, Box<dyn File>)>,
    spares: VecDeque<Spare>,
    /// Counts the files that were given the name of a spare one.
    number: u64,
    failure: Option<StorageError>,
    ends: bool,
}

enum GroundJob {
    Prepare(u64),
    /// Has the system read a file that lies ready.
    Warm(Spare),
    /// Makes room: of the files that fit, at most this many are kept, the first ones.
    TakeBack(Vec<Released>, usize),
}

impl Ground {
    pub(crate) fn new(fs: Box<dyn FileSystem>, dir: &Path, full: u64, background: bool) -> io::Result<Self> {
        let (state, changed) = (Mutex::default(), Condvar::new());
        let work = Arc::new(GroundShared { fs, dir: dir.to_owned(), full, state, changed });
        let mut ground = Self { work: Arc::clone(&work), thread: None };
        if background {
            let thread = thread::Builder::new().name("log-ground".to_owned());
            ground.thread = Some(thread.spawn(move || work.run())?);
        }
        Ok(ground)
    }

    /// The size of the next segment after one of this size.
    pub(crate) fn size_after(&self, size: u64) -> u64 {
        size.saturating_mul(2).min(self.work.full).max(self.first_size())
    }

    pub(crate) fn first_size(&self) -> u64 {
        first_size(self.work.full)
    }

    /// A file of this size will be needed.
    pub(crate) fn want(&self, size: u64) {
        self.work.state().wanted = Some(size);
        self.work.changed.notify_one();
    }

    /// These are no longer needed.
    pub(crate) fn release(&self, segments: impl IntoIterator<Item = Released>) {
        self.work.state().released.extend(segments);
        self.work.changed.notify_one();
    }

    /// This segment is full. When memory is needed for another one, the memory that the system keeps this one in is used for
    /// that: fresh memory can take several times as long (in a virtual machine 64 MiB took 25 ms of processor time in memory
    /// that was in use before, and 100 to 200 ms in other).
    pub(crate) fn full(&self, path: PathBuf, file: Box<dyn File>) {
        self.work.state().full.push((path, file));
    }

    /// A file for a segment that begins with this many bytes: one that lies ready, or else one that is made now.
    pub(crate) fn take(&self, needed: u64) -> Result<Spare, StorageError> {
        if self.thread.is_none() {
            // Otherwise it might never be done.
            self.work.take_back()?;
        }
        let mut state = self.work.state();
        let fits = |warm: bool| move |spare: &Spare| spare.size >= needed && !(warm && spare.cold);
        let ready =
            state.spares.iter().position(fits(true)).or_else(|| state.spares.iter().position(fits(false)));
        if let Some(spare) = ready.and_then(|place| state.spares.remove(place)) {
            return Ok(spare);
        }
        drop(state);
        if needed <= self.first_size() {
            self.work.create(self.first_size())
        } else {
            // It is full with what it begins with.
            let spare = self.work.create(0)?;
            Ok(Spare { size: needed, ..spare })
        }
    }

    /// Does all that is due, unless a thread does.
    pub(crate) fn tend(&self) -> Result<(), StorageError> {
        if self.thread.is_none() {
            while self.work.step() {}
        }
        self.check()
    }

    /// What went wrong, if anything did.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        match &self.work.state().failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(()),
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.work.state().ends = true;
        self.work.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It has nothing left to report, and a panic in it was reported where it happened.
            let _ = thread.join();
        }
    }
}

impl GroundShared {
    fn run(&self) {
        loop {
            let state = self.state();
            let idle = |state: &mut GroundState| !state.ends && !state.is_due();
            let state = self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
            if state.ends {
                return;
            }
            drop(state);
            self.step();
        }
    }

    /// Does one thing that is due; `false`: there is none.
    fn step(&self) -> bool {
        let Some(job) = self.state().next(self.full) else { return false };
        if let Err(failure) = self.carry_out(job) {
            self.state().failure.get_or_insert(failure);
        }
        true
    }

    /// Takes back what was released, and leaves everything else.
    fn take_back(&self) -> Result<(), StorageError> {
        let job = self.state().next_release();
        job.map_or(Ok(()), |job| self.carry_out(job))
    }

    fn carry_out(&self, job: GroundJob) -> Result<(), StorageError> {
        match job {
            GroundJob::Prepare(size) => {
                self.let_rest();
                match self.create(size) {
                    Ok(spare) => self.state().spares.push_back(spare),
                    // The log may still have room where it is, and is told when it needs more.
                    Err(StorageError::Write { cause, .. }) if is_full(&cause) => {}
                    Err(error) => return Err(error),
                }
                Ok(())
            }
            GroundJob::Warm(spare) => {
                self.let_rest();
                let warm = self.warm(spare)?;
                self.state().spares.push_front(warm);
                Ok(())
            }
            GroundJob::TakeBack(released, room) => self.recycle(released, room),
        }
    }

    /// Gives the memory of full segments back to the system.
    fn let_rest(&self) {
        let full = std::mem::take(&mut self.state().full);
        for (_, file) in full {
            file.let_rest();
        }
    }

    /// Makes a file that is full of zeros, durably. If it cannot be done it leaves nothing behind.
    fn create(&self, size: u64) -> Result<Spare, StorageError> {
        let path = self.next_path();
        let mut file = self.fs.open(&path).map_err(failed("create", &path))?;
        let mut filled = file.set_len(0).map_err(write_failed(&path));
        let zeros = vec![0; usize::try_from(PIECE.min(size)).expect("no more than PIECE")];
        let mut end = 0;
        while filled.is_ok() && end < size && !self.state().ends {
            let piece = usize::try_from(PIECE.min(size - end)).expect("no more than PIECE");
            filled = file.write_at(end, &zeros[..piece]).map_err(write_failed(&path));
            end += piece as u64;
            if filled.is_ok() && (end.is_multiple_of(STEP) || end == size) {
                filled = file.sync_data().map_err(sync_failed(&path));
            }
        }
        match filled {
            Ok(()) => Ok(Spare { path, file, size, recycled: false, cold: false }),
            Err(error) => {
                // The error that counts is the first one.
                let _ = self.fs.remove(&path);
                Err(error)
            }
        }
    }

    /// Reads a file, so that the system has it in memory.
    fn warm(&self, spare: Spare) -> Result<Spare, StorageError> {
        let mut piece = vec![0; usize::try_from(PIECE).expect("a small number")];
        let size = spare.file.size().map_err(failed("read", &spare.path))?;
        let mut at = 0;
        while at < size && !self.state().ends {
            let length = usize::try_from(PIECE.min(size - at)).expect("no more than PIECE");
            spare.file.read_at(at, &mut piece[..length]).map_err(failed("read", &spare.path))?;
            at += length as u64;
        }
        Ok(Spare { cold: false, ..spare })
    }

    /// Gives segments the names of spare files, as far as there is room for them, and removes the rest.
    fn recycle(&self, released: Vec<Released>, mut room: usize) -> Result<(), StorageError> {
        let mut spares = Vec::new();
        for Released { path, size } in released {
            let cold = self.state().gone(&path);
            if size == self.full && room > 0 {
                room -= 1;
                let spare = self.next_path();
                self.fs.rename(&path, &spare).map_err(failed("rename", &path))?;
                let file = self.fs.open(&spare).map_err(failed("open", &spare))?;
                spares.push(Spare { path: spare, file, size, recycled: true, cold });
            } else {
                self.fs.remove(&path).map_err(failed("remove", &path))?;
            }
        }
        // Before anything is written into them: a crash must not bring the name back over what is not that segment.
        self.fs.sync_dir(&self.dir).map_err(sync_failed(&self.dir))?;
        self.state().spares.extend(spares);
        Ok(())
    }

    fn next_path(&self) -> PathBuf {
        let mut state = self.state();
        state.number += 1;
        self.dir.join(format!("{SPARE}{}", state.number))
    }

    fn state(&self) -> MutexGuard<'_, GroundState> {
        // Nothing is done under the lock that could leave it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GroundState {
    /// This file is no longer a segment. Returns whether it was cold.
    fn gone(&mut self, path: &Path) -> bool {
        let before = self.full.len();
        self.full.retain(|(full, _)| full != path);
        self.full.len() == before
    }

    fn is_due(&self) -> bool {
        self.failure.is_none() && (!self.released.is_empty() || self.wanted.is_some())
    }

    fn next(&mut self, full: u64) -> Option<GroundJob> {
        if !self.is_due() {
            return None;
        }
        if let Some(job) = self.next_release() {
            return Some(job);
        }
        let size = self.wanted.take()?.min(full);
        let fits = |spare: &Spare| spare.size >= size;
        if self.spares.iter().any(|spare| fits(spare) && !spare.cold) {
            return None;
        }
        let cold = self.spares.iter().position(fits).and_then(|place| self.spares.remove(place));
        Some(cold.map_or(GroundJob::Prepare(size), GroundJob::Warm))
    }

    fn next_release(&mut self) -> Option<GroundJob> {
        if self.released.is_empty() {
            return None;
        }
        let room = MOST_SPARES.saturating_sub(self.spares.len());
        Some(GroundJob::TakeBack(std::mem::take(&mut self.released), room))
    }
}

/// The beginning of the names of files that lie ready.
const SPARE: &str = "log.spare-";

/// The size of a log's first segment if a full one has this many bytes.
pub(crate) fn first_size(full: u64) -> u64 {
    full.min(FIRST)
}

/// Removes the files that lay ready when the process ended: how far they were prepared is unknown.
pub(crate) fn remove_left_overs(fs: &dyn FileSystem, dir: &Path) -> Result<(), OpenError> {
    let access = |action, path: &Path| {
        let path = path.to_owned();
        move |cause| OpenError::Access { action, path, cause }
    };
    for path in fs.list(dir).map_err(access("list", dir))? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(SPARE) {
            fs.remove(&path).map_err(access("remove", &path))?;
        }
    }
    Ok(())
}

pub(crate) fn is_full(cause: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(cause.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    move |cause| StorageError::Access { action, path: path.to_owned(), cause: Arc::new(cause) }
}

pub(crate) fn write_failed(path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    move |cause| StorageError::Write { path: path.to_owned(), cause: Arc::new(cause) }
}

pub(crate) fn sync_failed(path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    move |cause| StorageError::Sync { path: path.to_owned(), cause: Arc::new(cause) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::MemoryFs;
    use std::time::{Duration, Instant};

    /// No multiple of [`PIECE`].
    const FULL: u64 = 100_000;

    fn dir() -> &'static Path {
        Path::new("/data")
    }

    fn ground(fs: &MemoryFs, background: bool) -> Ground {
        fs.create_dir_all(dir()).unwrap();
        Ground::new(fs.handle(), dir(), FULL, background).unwrap()
    }

    /// A segment's file with this many bytes in it.
    fn segment(fs: &MemoryFs, sequence: u64, size: u64) -> Released {
        let path = dir().join(segment::name(sequence));
        fs.put(&path, &vec![7; usize::try_from(size).unwrap()]);
        Released { path, size }
    }

    fn names(fs: &MemoryFs) -> Vec<String> {
        let paths = fs.list(dir()).unwrap();
        paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_is_prepared_has_its_size_and_is_no_more_than_a_full_segment() {
        let fs = MemoryFs::new();
        let ground = ground(&fs, false);
        for size in [1000, FULL, 2 * FULL] {
            ground.want(size);
            ground.tend().unwrap();
            let spare = ground.take(size.min(FULL)).unwrap();
            assert_eq!((spare.size, spare.recycled), (size.min(FULL), false));
            assert_eq!(fs.contents(&spare.path).unwrap(), vec![0; usize::try_from(spare.size).unwrap()]);
        }
    }

    #[test]
    fn what_lies_ready_is_not_taken_for_more_than_it_has() {
        let fs = MemoryFs::new();
        let ground = ground(&fs, false);
        ground.want(1000);
        ground.tend().unwrap();
        assert_eq!(ground.take(1001).unwrap().size, FULL);
        assert_eq!(ground.take(FULL + 1).unwrap().size, FULL + 1);
        assert_eq!(ground.take(1000).unwrap().size, 1000);
    }

    #[test]
    fn full_segments_are_kept_up_to_a_number_and_all_others_go() {
        let fs = MemoryFs::new();
        let ground = ground(&fs, false);
        ground.release((1..=3).map(|sequence| segment(&fs, sequence, 1000)));
        ground.tend().unwrap();
        assert_eq!(names(&fs), Vec::<String>::new());
        for from in [4, 10] {
            ground.release((from..from + 6).map(|sequence| segment(&fs, sequence, FULL)));
            ground.tend().unwrap();
            assert_eq!(names(&fs), ["log.spare-1", "log.spare-2", "log.spare-3", "log.spare-4"]);
        }
        let spare = ground.take(FULL).unwrap();
        assert!(spare.recycled && spare.size == FULL);
    }

    /// One that the system has in memory still is preferred; if there is none, the other one is read when it is wanted.
    #[test]
    fn cold_files_are_taken_last_and_warmed_when_they_are_wanted() {
        let fs = MemoryFs::new();
        let ground = ground(&fs, false);
        let (cold, warm) = (segment(&fs, 1, FULL), segment(&fs, 2, FULL));
        ground.full(warm.path.clone(), fs.open(&warm.path).unwrap());
        ground.release([cold, warm]);
        ground.tend().unwrap();
        assert!(ground.work.state().full.is_empty());
        let first = ground.take(FULL).unwrap();
        assert!(!first.cold && first.path.ends_with("log.spare-2"));
        assert!(ground.work.state().spares[0].cold);
        ground.want(FULL);
        ground.tend().unwrap();
        assert_eq!(ground.work.state().spares.len(), 1, "nothing was prepared beside it");
        let second = ground.take(FULL).unwrap();
        assert!(!second.cold && second.path.ends_with("log.spare-1"));
    }

    #[test]
    fn full_segments_rest_when_memory_is_needed_for_another() {
        let fs = MemoryFs::new();
        let ground = ground(&fs, false);
        let full = segment(&fs, 1, FULL);
        ground.full(full.path.clone(), fs.open(&full.path).unwrap());
        assert_eq!(ground.work.state().full.len(), 1);
        ground.want(FULL);
        ground.tend().unwrap();
        assert_eq!(ground.work.state().full.len(), 0);
    }

    #[test]
    fn a_full_disk_is_no_failure_of_what_is_prepared_and_anything_else_is_the_last_thing_done() {
        let fs = MemoryFs::new();
        let ground = ground(&fs, false);
        fs.set_capacity(Some(10));
        ground.want(FULL);
        ground.tend().unwrap();
        assert_eq!(names(&fs), Vec::<String>::new());
        fs.set_capacity(None);
        // It is created and cut, and cannot be written to.
        fs.halt_after(2);
        ground.want(FULL);
        assert!(matches!(ground.tend(), Err(StorageError::Write { .. })));
        fs.crash(crate::fs::Survival::Process);
        ground.release([segment(&fs, 1, 1000)]);
        assert!(ground.tend().is_err());
        assert!(names(&fs).contains(&segment::name(1)));
    }

    #[test]
    fn there_is_something_to_do_while_something_is_wanted_or_released_and_nothing_failed() {
        let released = || Released::unknown(dir(), 1);
        assert!(!GroundState::default().is_due());
        assert!(GroundState { wanted: Some(1), ..GroundState::default() }.is_due());
        assert!(GroundState { released: vec![released()], ..GroundState::default() }.is_due());
        let failure = Some(StorageError::Misfit {
            path: dir().to_owned(),
            misfit: crate::outline::WriteMisfit::TruncateAtZero,
        });
        assert!(
            !GroundState { wanted: Some(1), released: vec![released()], failure, ..GroundState::default() }
                .is_due()
        );
    }

    #[test]
    fn the_thread_does_what_is_due_and_ends_with_the_ground() {
        let fs = MemoryFs::new();
        let ground = ground(&fs, true);
        ground.want(FULL);
        let deadline = Instant::now() + Duration::from_secs(30);
        while ground.work.state().spares.is_empty() {
            assert!(Instant::now() < deadline, "nothing was prepared");
            thread::yield_now();
        }
        let work = Arc::clone(&ground.work);
        drop(ground);
        assert_eq!(Arc::strong_count(&work), 1, "the thread is still there");
    }
}
