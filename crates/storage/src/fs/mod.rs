//! The file system as the log store sees it: few operations, each with a stated promise about durability.
//!
//! Two implementations: [`DiskFs`] is the real one, [`MemoryFs`] a virtual disk that can crash, tear writes,
//! fill up and fail. [`DelayedFs`] makes either one slower. Nothing here knows what the files contain.

mod content;
mod delayed;
mod disk;
mod memory;
pub mod private;

pub use delayed::{DelayedFs, SyncDelay};
pub use disk::DiskFs;
pub use memory::{MemoryFs, Survival};

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

/// A file system.
pub trait FileSystem: Send + Sync + Debug {
    /// Creates a directory and what is missing above it. Their names are durable when it returns, also where an
    /// earlier, interrupted call had created them.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Opens a file for reading and writing, and creates it, empty, if it is missing. A created file's name is
    /// durable after [`FileSystem::sync_dir`].
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Whether there is something at `path`.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Renames a file, replacing any file of the new name. A crash leaves either the old state or the
    /// new one; it is surely the new one after [`FileSystem::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name. Handles to it continue to work. A crash may bring the name back, until
    /// [`FileSystem::sync_dir`].
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, in no particular order.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;

    /// Makes the names in a directory durable: those that were created or given are there after a crash, and those
    /// that were taken away are not.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the lock that the file at `path` represents, without waiting. It is released when the [`Lock`] is
    /// dropped, and when the process ends, however it ends.
    fn try_lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError>;

    /// Another handle to the same file system.
    fn handle(&self) -> Box<dyn FileSystem>;
}

/// An open file. What was written is visible to readers immediately and durable after [`File::sync_data`].
pub trait File: Send + Debug {
    /// Its length in bytes.
    fn size(&self) -> io::Result<u64>;

    /// Fills `buffer` from `offset` on, or fails with [`io::ErrorKind::UnexpectedEof`].
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`; the file grows as needed. After an error any part may be written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file, or extends it with zeros.
    fn set_len(&mut self, len: u64) -> io::Result<()>;

    /// Makes the content and the length durable. After an error nothing is known about what was written since
    /// the last success, and a further call proves nothing about it: the system may have marked the lost pages
    /// as clean.
    fn sync_data(&mut self) -> io::Result<()>;

    /// This will not be read soon: the memory that the system keeps its content in can serve something else. Only advice.
    fn let_rest(&self) {}
}

/// A lock that is held; dropping it releases it.
pub trait Lock: Send + Debug {}

/// Why a lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Someone else has it.
    #[error("held by {holder}")]
    Held {
        /// The holder, in words: `process 1234`.
        holder: String,
    },
    /// The lock file could not be used.
    #[error(transparent)]
    Io(#[from] io::Error),
}
