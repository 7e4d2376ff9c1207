//! What can go wrong with a node's disk: it is full, or has lost what it said it had written. Done from outside, to the
//! process and to its files; the node itself never notices more than a failed write, or a log that is shorter.

use raftdeck_raft::NodeId;
use rustix::process::Pid;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// The file that a node's log is in.
const LOG: &str = "raft.log";

/// The log starts with as many bytes in every version, the last eight of which are the length of what follows in its
/// header, and a checksum. Without its header it would not be a shorter log but none.
const HEAD: usize = 24;
const LENGTH: std::ops::Range<usize> = 16..20;

/// The size that a node's files may have if its log may grow by so much more.
pub(crate) fn limit(data: &Path, more: u64) -> io::Result<u64> {
    match fs::metadata(data.join(LOG)) {
        Ok(log) => Ok(log.len().saturating_add(more)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(more),
        Err(error) => Err(error),
    }
}

/// Lets no file that a process writes grow beyond so many bytes; `None`: as large as the lab's own may be.
#[cfg(target_os = "linux")]
pub(crate) fn limit_files(process: Pid, bytes: Option<u64>) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
    // The child has its limits from here. The hard one stays, because it could not be raised again.
    let Rlimit { current, maximum } = getrlimit(Resource::Fsize);
    let least = |one: Option<u64>, other: Option<u64>| one.into_iter().chain(other).min();
    prlimit(Some(process), Resource::Fsize, Rlimit { current: least(bytes, current), maximum })?;
    Ok(())
}

/// There is no way to limit a running process elsewhere.
#[cfg(not(target_os = "linux"))]
pub(crate) fn limit_files(_: Pid, bytes: Option<u64>) -> io::Result<()> {
    match bytes {
        Some(_) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "not available on this system: only Linux can limit the files of a running process",
        )),
        None => Ok(()),
    }
}

/// Takes so many bytes from the end of a log that nobody writes, as if they had never been synced, and says how many
/// it has left. Its header stays.
pub(crate) fn lose_tail(node: NodeId, data: &Path, bytes: u64) -> Result<u64, String> {
    let path = data.join(LOG);
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => format!("{node} has no log that could lose its tail"),
        _ => format!("the log of {node} cannot be shortened: {}: {error}", path.display()),
    };
    let mut log = File::options().read(true).write(true).open(&path).map_err(failed)?;
    let mut head = [0; HEAD];
    log.read_exact(&mut head).map_err(failed)?;
    let mut length = [0; 4];
    length.copy_from_slice(&head[LENGTH]);
    let header = HEAD as u64 + u64::from(u32::from_le_bytes(length));
    let size = log.metadata().map_err(failed)?.len();
    let left = size.saturating_sub(bytes).max(header.min(size));
    log.set_len(left).and_then(|()| log.sync_all()).map_err(failed)?;
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    const N2: NodeId = NodeId(2);

    /// As a node writes it: 24 bytes, a header body of 9, then frames of 100 bytes together.
    fn log() -> Vec<u8> {
        let mut bytes = b"raftdeck\x02\0\0\0crc!".to_vec();
        bytes.extend(9_u32.to_le_bytes());
        bytes.extend(b"crc!123456789");
        bytes.extend([7; 100]);
        bytes
    }

    #[test]
    fn a_log_loses_its_tail_and_never_its_header() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LOG);
        for (bytes, left) in [(0, 133), (40, 93), (100, 33), (101, 33), (u64::MAX, 33)] {
            fs::write(&path, log()).unwrap();
            assert_eq!(lose_tail(N2, dir.path(), bytes), Ok(left));
            assert_eq!(fs::read(&path).unwrap(), log()[..usize::try_from(left).unwrap()]);
        }
    }

    #[test]
    fn what_has_no_log_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(lose_tail(N2, dir.path(), 9).unwrap_err(), "n2 has no log that could lose its tail");
        fs::write(dir.path().join(LOG), "short").unwrap();
        let error = lose_tail(N2, dir.path(), 9).unwrap_err();
        assert!(error.starts_with("the log of n2 cannot be shortened"), "{error}");
        assert_eq!(fs::read(dir.path().join(LOG)).unwrap(), b"short");
    }

    #[test]
    fn the_limit_counts_from_where_the_log_ends() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(limit(dir.path(), 50).unwrap(), 50);
        fs::write(dir.path().join(LOG), log()).unwrap();
        assert_eq!(limit(dir.path(), 50).unwrap(), 183);
        assert_eq!(limit(dir.path(), u64::MAX).unwrap(), u64::MAX);
    }
}
