//! The real file system. Adds nothing to what the operating system does but the order that durability needs.

use super::{File, FileSystem, Lock, LockError, private};
use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskFs;

impl FileSystem for DiskFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        private::create_dir_all(dir)?;
        // Which levels were missing is not asked: a process killed between creating a level and syncing its
        // name leaves that level looking finished.
        for above in dir.ancestors().skip(1) {
            match self.sync_dir(above) {
                Err(error) if cannot_be_ours(&error) => {}
                other => other?,
            }
        }
        Ok(())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(DiskFile(open_read_write(path)?)))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        match path.try_exists() {
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
            other => other,
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        // The last ancestor of a relative path is the empty path, which means the current directory.
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        fs::File::open(dir)?.sync_all()
    }

    fn try_lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError> {
        let mut file = open_read_write(path)?;
        match file.try_lock() {
            Ok(()) => {
                // The lock is the kernel's, on the open file; the number in the file only names the holder.
                file.set_len(0)?;
                file.seek(SeekFrom::Start(0))?;
                writeln!(file, "{}", std::process::id())?;
                Ok(Box::new(DiskLock { _file: file }))
            }
            Err(TryLockError::WouldBlock) => Err(LockError::Held { holder: holder(&mut file) }),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    fn handle(&self) -> Box<dyn FileSystem> {
        Box::new(*self)
    }
}

/// Whether a directory refused to be synced in a way that one which this process created would not: it may not be
/// read, or its file system has nothing to sync.
fn cannot_be_ours(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported)
}

/// The process that wrote its id into the lock file. A holder that has not yet written it has no name.
fn holder(file: &mut fs::File) -> String {
    let mut text = String::new();
    // Twenty digits are the most that a process id could have; a longer file was not written by a holder.
    match file.take(21).read_to_string(&mut text).ok().and_then(|_| text.trim().parse::<u64>().ok()) {
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}

fn open_read_write(path: &Path) -> io::Result<fs::File> {
    private::open(path, OpenOptions::new().read(true).write(true).create(true).truncate(false))
}

#[derive(Debug)]
struct DiskLock {
    _file: fs::File,
}

impl Lock for DiskLock {}

#[derive(Debug)]
struct DiskFile(fs::File);

impl File for DiskFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        // fdatasync is enough: it covers the file's length, as reading the data back needs it.
        self.0.sync_data()
    }

    fn let_rest(&self) {
        // Without it the system only does more work.
        #[cfg(target_os = "linux")]
        let _ = rustix::fs::fadvise(&self.0, 0, None, rustix::fs::Advice::DontNeed);
    }
}
