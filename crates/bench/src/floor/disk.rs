//! A preallocated file that is overwritten repeatedly, and synced.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// As large as a segment of the store's log.
const SIZE: usize = 64 << 20;

/// The file, and how far it is written in this pass.
#[derive(Debug)]
pub(super) struct Disk {
    file: File,
    at: usize,
    size: usize,
    delay: Duration,
    pub(super) syncs: u64,
}

impl Disk {
    /// Makes the file and fills it with zeros, so that later writes change no metadata.
    pub(super) fn create(path: &Path, delay: Duration) -> io::Result<Self> {
        let mut file = File::create(path)?;
        let zeros = vec![0; 1 << 20];
        for _ in 0..SIZE / zeros.len() {
            file.write_all(&zeros)?;
        }
        file.sync_all()?;
        Ok(Self { file, at: 0, size: SIZE, delay, syncs: 0 })
    }

    /// Appends. At the end of the file it starts again at the beginning; data larger than the file makes the file larger.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.at + bytes.len() > self.size {
            self.at = 0;
        }
        self.file.write_all_at(bytes, self.at as u64)?;
        self.at += bytes.len();
        self.size = self.size.max(self.at);
        Ok(())
    }

    /// Makes the appended data durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.syncs += 1;
        if !self.delay.is_zero() {
            std::thread::sleep(self.delay);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_file_is_followed_by_its_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut disk = Disk::create(&path, Duration::ZERO).unwrap();
        disk.at = SIZE - 3;
        disk.write(b"abc").unwrap();
        disk.write(b"def").unwrap();
        disk.sync().unwrap();
        let content = std::fs::read(path).unwrap();
        assert_eq!(
            (&content[..4], &content[SIZE - 4..], content.len()),
            (&b"def\0"[..], &b"\0abc"[..], SIZE)
        );
        assert_eq!(disk.syncs, 1);
    }
}
