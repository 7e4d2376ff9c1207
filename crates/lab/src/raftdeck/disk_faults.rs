//! Disk faults in the files of raftdeck's own nodes: how much a full disk lets them write, and lost writes. The node itself only sees a
//! failed write, or a shorter log.

use raftdeck_raft::NodeId;
use raftdeck_storage::fs::DiskFs;
use raftdeck_storage::log_end;
use std::io;
use std::path::Path;

/// The size limit of a node's files that lets its log grow by this much more. The log's own file is preallocated, and the next file
/// would be new. So that the disk is full before a next file is needed, the log gets at most half of the room left in its file.
pub(crate) fn limit(data: &Path, more: u64) -> io::Result<u64> {
    let end = log_end(&DiskFs, data).map_err(io::Error::other)?;
    Ok(end.map_or(more, |log| log.end + more.min(log.size.saturating_sub(log.end) / 2)))
}

/// Takes this many bytes from the end of a log that no process writes, as if they had never been synced, and returns how many its
/// last file has left. What is left is a valid, shorter log: a file that was merely truncated would be refused.
pub(crate) fn lose_tail(node: NodeId, data: &Path, bytes: u64) -> Result<u64, String> {
    raftdeck_storage::lose_tail(&DiskFs, data, bytes)
        .map_err(|error| format!("the log of {node} cannot be shortened: {error}"))?
        .ok_or_else(|| format!("{node} has no log that could lose its tail"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::{HardState, LogId, Persist, Term, Ticket};
    use raftdeck_storage::LogStore;
    use std::fs;

    const N2: NodeId = NodeId(2);

    fn open(dir: &Path) -> (LogStore, Term) {
        let (store, recovered) = LogStore::open(&DiskFs, dir, N2, "deck").unwrap();
        (store, recovered.restored.hard_state.term)
    }

    /// A log of ten writes, of which each is of another term.
    fn log(dir: &Path) {
        let mut store = open(dir).0;
        for term in 1..=10 {
            let write = Persist {
                ticket: Ticket { seq: term, last: LogId::default() },
                hard_state: Some(HardState { term: Term(term), vote: Some(N2) }),
                reset: None,
                truncate: None,
                purge: None,
                entries: Vec::new(),
                then_send: Vec::new(),
            };
            store.append(&[write]).unwrap();
        }
    }

    #[test]
    fn a_log_loses_its_tail_and_stays_a_log() {
        for (bytes, lost) in [(0, 0), (1, 1), (20, 1), (21, 2), (100, 5), (10_000, 10), (u64::MAX, 10)] {
            let dir = tempfile::tempdir().unwrap();
            log(dir.path());
            let before = log_end(&DiskFs, dir.path()).unwrap().unwrap();
            let left = lose_tail(N2, dir.path(), bytes).unwrap();
            assert_eq!(left, (before.end.saturating_sub(bytes)).max(before.start));
            assert_eq!(fs::metadata(&before.file).unwrap().len(), before.size);
            assert_eq!(open(dir.path()).1, Term(10 - lost), "{bytes} bytes");
        }
    }

    #[test]
    fn what_has_no_log_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for data in [dir.path().to_owned(), dir.path().join("missing")] {
            assert_eq!(lose_tail(N2, &data, 9).unwrap_err(), "n2 has no log that could lose its tail");
        }
        let path = dir.path().join("log-0000000001");
        fs::write(&path, "short").unwrap();
        let error = lose_tail(N2, dir.path(), 9).unwrap_err();
        assert!(error.starts_with("the log of n2 cannot be shortened"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"short");
    }

    #[test]
    fn the_limit_counts_from_where_the_log_ends() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(limit(dir.path(), 50).unwrap(), 50);
        log(dir.path());
        let log = log_end(&DiskFs, dir.path()).unwrap().unwrap();
        assert_eq!(limit(dir.path(), 50).unwrap(), log.end + 50);
        let most = limit(dir.path(), u64::MAX).unwrap();
        assert!(log.end < most && most < log.size - 1000, "{most} of {}", log.size);
    }
}
