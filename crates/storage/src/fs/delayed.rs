//! A disk that takes longer, or does not finish at all: a delay is added to every sync, and can be changed while
//! syncs are under way. Everything else passes as it is, so what is durable and when stays the inner file system's
//! business. For benchmarks and drills on a machine with a fast disk.

use super::{File, FileSystem, Lock, LockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How much longer syncs take. Clones share it, and [`set`](Self::set) counts for the syncs that are under way too.
#[derive(Clone, Debug, Default)]
pub struct SyncDelay(Arc<SharedDelay>);

#[derive(Debug, Default)]
struct SharedDelay {
    delay: Mutex<Delay>,
    changed: Condvar,
}

/// `None`: no sync finishes.
#[derive(Clone, Copy, Debug)]
struct Delay(Option<Duration>);

impl Default for Delay {
    fn default() -> Self {
        Self(Some(Duration::ZERO))
    }
}

impl SyncDelay {
    /// Every sync takes this much longer.
    #[must_use]
    pub fn new(delay: Duration) -> Self {
        let this = Self::default();
        this.set(Some(delay));
        this
    }

    /// From now on every sync takes this much longer; `None`: none finishes until this is called again.
    pub fn set(&self, delay: Option<Duration>) {
        *self.lock() = Delay(delay);
        self.0.changed.notify_all();
    }

    /// Sleeps as long as a sync that is done otherwise is to be held up, to some microseconds where the system can do that.
    fn hold_up(&self) {
        let mut delay = self.lock();
        if delay.0 == Some(Duration::ZERO) {
            return;
        }
        #[cfg(target_os = "linux")]
        punctual::become_so();
        let start = Instant::now();
        loop {
            delay = match delay.0 {
                None => self.0.changed.wait(delay).unwrap_or_else(PoisonError::into_inner),
                Some(whole) => {
                    let left = whole.saturating_sub(start.elapsed());
                    if left.is_zero() {
                        return;
                    }
                    self.0.changed.wait_timeout(delay, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Delay> {
        // Nothing that holds this lock can panic half-way through a change.
        self.0.delay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds up each sync of a file or directory, after the inner one has succeeded.
#[derive(Debug)]
pub struct DelayedFs {
    inner: Box<dyn FileSystem>,
    delay: SyncDelay,
}

impl DelayedFs {
    /// The same files as `inner`, with syncs that are held up.
    #[must_use]
    pub fn new(inner: Box<dyn FileSystem>, delay: SyncDelay) -> Self {
        Self { inner, delay }
    }
}

impl FileSystem for DelayedFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.inner.create_dir_all(dir)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(DelayedFile { inner: self.inner.open(path)?, delay: self.delay.clone() }))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.inner.exists(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.inner.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.sync_dir(dir)?;
        self.delay.hold_up();
        Ok(())
    }

    fn try_lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError> {
        self.inner.try_lock(path)
    }

    fn handle(&self) -> Box<dyn FileSystem> {
        Box::new(Self { inner: self.inner.handle(), delay: self.delay.clone() })
    }
}

#[derive(Debug)]
struct DelayedFile {
    inner: Box<dyn File>,
    delay: SyncDelay,
}

impl File for DelayedFile {
    fn size(&self) -> io::Result<u64> {
        self.inner.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.inner.read_at(offset, buffer)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_at(offset, bytes)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.inner.sync_data()?;
        self.delay.hold_up();
        Ok(())
    }

    fn let_rest(&self) {
        self.inner.let_rest();
    }
}

#[cfg(target_os = "linux")]
mod punctual {
    use std::cell::Cell;
    use std::num::NonZero;

    thread_local! {
        static IS_SO: Cell<bool> = const { Cell::new(false) };
    }

    /// The system lets a thread oversleep by some 50 microseconds, to wake several at once, unless it is asked not to.
    pub(super) fn become_so() {
        if !IS_SO.replace(true) {
            // Refused, the delay is a little longer.
            let _ = rustix::thread::set_current_timer_slack(NonZero::new(1));
        }
    }
}
