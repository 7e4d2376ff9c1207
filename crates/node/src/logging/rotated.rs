//! A log file with a maximum size: a full file is renamed with a number, and the oldest one is removed. Lines stay
//! whole. What cannot be written is lost, and the next line is tried anew, so a disk that was full for a while costs
//! lines and nothing else. The crates that rotate by size panic where a directory is missing, or cut lines.

use raftdeck_storage::fs::private;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The most bytes of one file; a longer line has a file alone.
    pub(crate) bytes: u64,
    /// The most files, the one that is written to included.
    pub(crate) files: u32,
}

/// A log file and those put aside: `PATH`, `PATH.1`, `PATH.2`, the higher the older.
#[derive(Debug)]
pub(crate) struct Rotated {
    path: PathBuf,
    bounds: Bounds,
    /// None after it could not be opened again.
    file: Option<File>,
    length: u64,
    /// The last line may have no end: writing it failed.
    is_torn: bool,
}

impl Rotated {
    /// Goes on with the file at `path`, which is made if need be.
    pub(crate) fn open(path: &Path, bounds: Bounds) -> io::Result<Self> {
        let (file, length) = open(path)?;
        Ok(Self { path: path.to_owned(), bounds, file: Some(file), length, is_torn: false })
    }

    fn aside(&self, number: u32) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{number}"));
        name.into()
    }

    /// Puts the file aside and begins a new one. If that cannot be, what it held is given up: it must not grow.
    fn rotate(&mut self) -> io::Result<()> {
        self.is_torn = false;
        for number in (1..self.bounds.files).rev() {
            let newer = if number == 1 { self.path.clone() } else { self.aside(number - 1) };
            match fs::rename(newer, self.aside(number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return self.empty(),
                _ => {}
            }
        }
        if self.bounds.files == 1 {
            return self.empty();
        }
        self.file = None;
        self.reopen().map(|_| ())
    }

    fn empty(&mut self) -> io::Result<()> {
        let file = self.reopen()?;
        file.set_len(0)?;
        self.length = 0;
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<&mut File> {
        let file = if let Some(file) = self.file.take() {
            file
        } else {
            let (file, length) = open(&self.path)?;
            self.length = length;
            file
        };
        Ok(self.file.insert(file))
    }
}

impl Write for Rotated {
    /// Writes one line, or several whole ones.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let more = lines.len() as u64 + u64::from(self.is_torn);
        if self.length > 0 && self.length.saturating_add(more) > self.bounds.bytes {
            self.rotate()?;
        }
        let end_of_torn: &[u8] = if self.is_torn { b"\n" } else { b"" };
        let all = [end_of_torn, lines].concat();
        let file = self.reopen()?;
        let written = file.write_all(&all);
        self.is_torn = written.is_err();
        if written.is_ok() {
            self.length += all.len() as u64;
        } else {
            // Part of it may be written, and the file itself may no longer work.
            self.file = None;
        }
        written.map(|()| lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The file and its length. Two nodes must not write to one: each would put the other's lines aside.
fn open(path: &Path) -> io::Result<(File, u64)> {
    // A new file is readable by this user alone; an existing one keeps its permissions.
    let file = private::open(path, OpenOptions::new().create(true).append(true))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another node writes to it")),
        // Where files cannot be locked, it is used unlocked.
        Ok(()) | Err(TryLockError::Error(_)) => {
            let length = file.metadata()?.len();
            Ok((file, length))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const BOUNDS: Bounds = Bounds { bytes: 30, files: 3 };

    fn texts(dir: &Path) -> Vec<(String, String)> {
        let mut all: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
            })
            .collect();
        all.sort();
        all
    }

    fn write(log: &mut Rotated, line: &str) {
        log.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn the_newest_lines_are_kept_whole_and_the_oldest_file_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Rotated::open(&path, BOUNDS).unwrap();
        for n in 10..18 {
            write(&mut log, &format!("line {n}......"));
        }
        let two = |n: u32| format!("line {n}......\nline {}......\n", n + 1);
        let kept = [two(16), two(14), two(12)];
        assert_eq!(texts(dir.path()), pairs(&[("log", &kept[0]), ("log.1", &kept[1]), ("log.2", &kept[2])]));
        write(&mut log, "a line that is longer than a file may be");
        write(&mut log, "the next");
        assert_eq!(texts(dir.path())[1].1, "a line that is longer than a file may be\n");
        assert_eq!(texts(dir.path())[0].1, "the next\n");
        assert_eq!(texts(dir.path()).len(), 3);
    }

    #[test]
    fn a_file_that_is_there_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        write(&mut Rotated::open(&path, BOUNDS).unwrap(), "yesterday's line");
        let mut log = Rotated::open(&path, BOUNDS).unwrap();
        write(&mut log, "today");
        write(&mut log, "later today");
        assert_eq!(
            texts(dir.path()),
            pairs(&[("log", "later today\n"), ("log.1", "yesterday's line\ntoday\n")])
        );
    }

    #[test]
    fn a_single_file_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Rotated::open(&dir.path().join("log"), Bounds { bytes: 10, files: 1 }).unwrap();
        for line in ["one", "two", "three"] {
            write(&mut log, line);
        }
        assert_eq!(texts(dir.path()), pairs(&[("log", "three\n")]));
    }

    #[test]
    fn what_cannot_be_put_aside_is_given_up_rather_than_grow() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Rotated::open(&path, BOUNDS).unwrap();
        // A directory that is not empty cannot be replaced by a file, not even by root.
        fs::create_dir_all(dir.path().join("log.1/taken")).unwrap();
        fs::create_dir_all(dir.path().join("log.2/taken")).unwrap();
        for n in 0..100 {
            write(&mut log, &format!("line {n}"));
        }
        assert!(fs::metadata(&path).unwrap().len() <= BOUNDS.bytes);
        assert!(fs::read_to_string(&path).unwrap().ends_with("line 99\n"));
    }

    #[test]
    fn a_line_that_was_cut_short_is_ended_before_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Rotated::open(&path, BOUNDS).unwrap();
        write(&mut log, "whole");
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"tor").unwrap();
        log.is_torn = true;
        write(&mut log, "next");
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole\ntor\nnext\n");
    }

    #[test]
    fn after_a_failure_the_next_line_is_tried_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Rotated::open(&path, BOUNDS).unwrap();
        write(&mut log, "first");
        log.file = Some(File::open(&path).unwrap());
        log.write_all(b"lost\n").unwrap_err();
        write(&mut log, "third");
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\n\nthird\n");
        assert_eq!(log.length, fs::metadata(&path).unwrap().len());
    }

    #[test]
    fn what_is_no_file_of_its_own_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let why = |path: &Path| Rotated::open(path, BOUNDS).unwrap_err().to_string();
        assert!(why(dir.path()).contains("Is a directory"));
        assert!(why(Path::new("/dev/null")).contains("not a regular file"));
        assert!(why(&dir.path().join("missing/log")).contains("No such file"));
        let _first = Rotated::open(&path, BOUNDS).unwrap();
        assert!(why(&path).contains("another node writes to it"));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{mode:o}");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(why(&link).contains("it is a symbolic link"));
    }
}
