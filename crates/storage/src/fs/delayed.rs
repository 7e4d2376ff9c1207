//! A disk that takes longer: a stated delay is added to every sync. Everything else passes as it is, so what is durable
//! and when stays the inner file system's business. For benchmarks and drills on a machine whose disk is quicker than most.

use super::{File, FileSystem, Lock, LockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Adds a delay to each sync of a file or directory, after the inner one has succeeded.
#[derive(Debug)]
pub struct DelayedFs {
    inner: Box<dyn FileSystem>,
    delay: Duration,
}

impl DelayedFs {
    /// The same files as `inner`, with syncs that take so much longer.
    #[must_use]
    pub fn new(inner: Box<dyn FileSystem>, delay: Duration) -> Self {
        Self { inner, delay }
    }
}

impl FileSystem for DelayedFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.inner.create_dir_all(dir)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(DelayedFile { inner: self.inner.open(path)?, delay: self.delay }))
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
        wait(self.delay);
        Ok(())
    }

    fn try_lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError> {
        self.inner.try_lock(path)
    }

    fn handle(&self) -> Box<dyn FileSystem> {
        Box::new(Self { inner: self.inner.handle(), delay: self.delay })
    }
}

#[derive(Debug)]
struct DelayedFile {
    inner: Box<dyn File>,
    delay: Duration,
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
        wait(self.delay);
        Ok(())
    }

    fn let_rest(&self) {
        self.inner.let_rest();
    }
}

/// Sleeps so long, to some microseconds where the system can do that.
fn wait(delay: Duration) {
    if delay.is_zero() {
        return;
    }
    #[cfg(target_os = "linux")]
    punctual::become_so();
    thread::sleep(delay);
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
