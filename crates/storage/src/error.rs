//! Errors as sentences for operators: what failed, on which path, what to do.

use crate::outline::WriteMisfit;
use raftdeck_raft::{ClusterId, LogId, LogIndex, NodeId};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// What to do with a member that can no longer rely on its disk. The identity of an empty directory is a new one, so the
/// cluster takes it in only as a new member.
const REPLACE: &str = "leave the other members running, empty this member's data directory, start it again, and run \
                       `raftdeck client member replace ID` with its id, if a majority of the members still has its disks \
                       (docs/members.md)";

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory is not there and cannot be made.
    #[error(
        "cannot create the data directory {}: {cause}; choose another directory, or let this user write there",
        dir.display()
    )]
    CreateDir {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Another process has it.
    #[error(
        "data directory {} is in use by {holder}; stop that one first, or give this node a directory of its own with --data-dir",
        dir.display()
    )]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The holder, in words: `process 1234`.
        holder: String,
    },
    /// The system refused an operation.
    #[error(
        "cannot {action} {}: {}; check that this user may read and write there and that the disk is sound",
        path.display(),
        in_words(cause)
    )]
    Access {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The cluster's name does not fit into the header.
    #[error("the cluster's name has {bytes} bytes; shorten it to at most {limit}")]
    ClusterName {
        /// Its length.
        bytes: usize,
        /// The most there may be.
        limit: usize,
    },
    /// The founding members and their addresses are together too long to be recorded.
    #[error(
        "the founding members take {bytes} bytes; name fewer of them, or shorter addresses: at most {limit} are allowed"
    )]
    TooManyFounders {
        /// Their length.
        bytes: usize,
        /// The most there may be.
        limit: usize,
    },
    /// The list of members that it started with can no longer be read. A guess could split the cluster in two.
    #[error(
        "{}, which holds the founding members of this node, is invalid: {what}. Nothing was changed. Check \
         the disk and keep a copy of the file. If you know for certain how this directory was first started, move the \
         file away and start with the same --cluster or --join; otherwise {REPLACE}",
        file.display()
    )]
    Founders {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file that identifies this data directory can no longer be read.
    #[error(
        "{}, which holds the identity of this data directory, is invalid: {what}. Nothing was changed. Restore \
         the file if there is a copy of exactly this one, or {REPLACE}",
        file.display()
    )]
    Identity {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The cluster's secret can no longer be read. The other members have it too.
    #[error(
        "{}, which holds the cluster's secret, is invalid: {what}. Nothing was changed. Check the disk, and move \
         the file away: the other members send the secret again",
        file.display()
    )]
    Secret {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The directory has lost its identity.
    #[error(
        "the file identity is missing from data directory {}: it was removed. Put it back, or {REPLACE}",
        dir.display()
    )]
    NoIdentity {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory was started before, and its log is gone.
    #[error(
        "{} is missing, although this data directory was used before: its log was removed, and with it the \
         votes and entries that this member acknowledged. Put it back, or {REPLACE}",
        file.display()
    )]
    LogGone {
        /// What is missing.
        file: PathBuf,
    },
    /// The directory belongs to another cluster of the same name.
    #[error(
        "data directory {} belongs to cluster {owner}, not to cluster {cluster} of the same name; give this node an empty \
         directory, or start it with the members of its own cluster",
        dir.display()
    )]
    OtherCluster {
        /// The directory.
        dir: PathBuf,
        /// Its cluster.
        owner: ClusterId,
        /// The cluster that it met.
        cluster: ClusterId,
    },
    /// The directory belongs to another member.
    #[error(
        "data directory {} belongs to node {owner}, not to {node}; give each node a directory of its own, \
         or start this one as {owner}",
        dir.display()
    )]
    WrongNode {
        /// The directory.
        dir: PathBuf,
        /// The owner.
        owner: NodeId,
        /// The client or node that asked.
        node: NodeId,
    },
    /// The directory belongs to a member of another cluster.
    #[error(
        "data directory {} belongs to cluster {owner:?}, not to {cluster:?}; give each cluster directories of its own, \
         or start this node with the cluster it was created for",
        dir.display()
    )]
    WrongCluster {
        /// The directory.
        dir: PathBuf,
        /// Its cluster.
        owner: String,
        /// The cluster asked for.
        cluster: String,
    },
    /// Written by a later version of this program.
    #[error(
        "{} has format version {found}, and this program reads version {reads}; start it with the newer program that \
         wrote it, or give this one another data directory",
        file.display()
    )]
    Newer {
        /// The log.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The version of this program.
        reads: u32,
    },
    /// The file does not begin as a log does.
    #[error(
        "{} is not a raftdeck log, or its first bytes are damaged; choose another data directory, or {REPLACE}",
        file.display()
    )]
    NotALog {
        /// The file.
        file: PathBuf,
    },
    /// A part of the log is gone.
    #[error(
        "{} is missing, and the log needs it: a segment file was removed. Put it back, or {REPLACE}",
        file.display()
    )]
    MissingSegment {
        /// The segment.
        file: PathBuf,
    },
    /// A file was made longer than it is, or shorter. It gets its length before anything is stored in it.
    #[error(
        "{} has {found} bytes and was made with {made}: {}. This member can no longer vouch for what it has acknowledged, \
         so it does not start. Put back the file as it was; or check the disk, keep a copy of the file, and {REPLACE}",
        file.display(),
        if found < made { "its end was cut off" } else { "something was added to it" }
    )]
    WrongLength {
        /// The segment.
        file: PathBuf,
        /// Its length.
        found: u64,
        /// The length that it should have.
        made: u64,
    },
    /// The log ends before a place that it once went to.
    #[error(
        "{} holds the log up to byte {found}, and it went up to byte {recorded} before: the file is an older copy, or its end \
         was erased. This member can no longer vouch for what it has acknowledged, so it does not start. Put back the \
         newest copy of the file; or check the disk, keep a copy of the file, and {REPLACE}",
        file.display()
    )]
    LostTail {
        /// The segment.
        file: PathBuf,
        /// Where its last frame ends.
        found: u64,
        /// Where it ended once.
        recorded: u64,
    },
    /// There are parts of a log, and nothing says whose it is.
    #[error(
        "{} is missing, and other parts of its log are present: it was removed. Put it back, \
         or {REPLACE}",
        file.display()
    )]
    Headless {
        /// What is missing.
        file: PathBuf,
    },
    /// A log of an older version could not be written in today's format.
    #[error("{}, which an older version of this program wrote, cannot be brought into today's format: {cause}", file.display())]
    BringOver {
        /// The log.
        file: PathBuf,
        /// What went wrong.
        cause: StorageError,
    },
    /// The log starts behind the newest snapshot: what is between them is gone.
    #[error(
        "{} starts after entry {purged}, and the newest snapshot beside it ends with entry {snapshot}: a \
         snapshot file was removed. Put it back, or {REPLACE}",
        file.display()
    )]
    NoSnapshot {
        /// The log.
        file: PathBuf,
        /// The entry before its first.
        purged: LogIndex,
        /// The last entry in a snapshot; 0: there is none.
        snapshot: LogIndex,
    },
    /// The log, or a snapshot, holds bytes that no crash explains. Dropping them could lose what this member has acknowledged.
    #[error(
        "{} is damaged at byte {offset}: {what}. This member can no longer vouch for what it has acknowledged, so it \
         does not start. Check the disk, keep a copy of the file, and {REPLACE}",
        file.display()
    )]
    Corrupt {
        /// The log or snapshot.
        file: PathBuf,
        /// Where the first damaged byte is, or the record that it is in starts.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
}

/// Why something was not stored. After any of these nothing more is stored until the directory is opened again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StorageError {
    /// The write failed.
    #[error(
        "cannot write to {}: {}; the node must stop. Check the disk and its free space, and start the node again: \
         what was acknowledged is safe",
        path.display(),
        in_words(cause)
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// The data may or may not be on the disk, and no further sync could tell.
    #[error(
        "cannot sync {}: {}; the node must stop. Check the disk, and start the node again: what was acknowledged \
         is safe",
        path.display(),
        in_words(cause)
    )]
    Sync {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// The writes do not fit what is stored; stored, they would make the log unreadable.
    #[error("refused to write to {}: {misfit}; this is a bug in the node, which must stop", path.display())]
    Misfit {
        /// The file.
        path: PathBuf,
        /// How.
        misfit: WriteMisfit,
    },
    /// The writes of one call are together larger than a frame may be.
    #[error(
        "refused to write {bytes} bytes to {} at once: at most {limit} are allowed; the node must stop",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How much it would have been.
        bytes: usize,
        /// The most there may be.
        limit: usize,
    },
    /// The system refused another operation.
    #[error(
        "cannot {action} {}: {}; the node must stop. Check the disk, and start the node again: what was \
         acknowledged is safe",
        path.display(),
        in_words(cause)
    )]
    Access {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// A durable snapshot, or a part of the log, can no longer be read as it was written.
    #[error(
        "{} is damaged at byte {offset}: {what}; the node must stop. Check the disk, keep a copy of the file, and \
         {REPLACE}",
        path.display()
    )]
    Damaged {
        /// The snapshot or segment.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A snapshot that was asked for is not there.
    #[error("there is no snapshot through entry {} of term {}; this is a bug in the node, which must stop", last.index, last.term)]
    NoSnapshot {
        /// The last entry that it would include.
        last: LogId,
    },
    /// An earlier call failed; this is what it said.
    #[error("the store has been closed since an earlier failure: {first}")]
    Poisoned {
        /// The first failure.
        first: Box<StorageError>,
    },
}

/// What the system said. That there is no more room, it says in several ways: a limit on the size of files, or on what
/// one user may store, is as final as the end of the disk.
fn in_words(cause: &io::Error) -> String {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match cause.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => format!("disk full ({cause})"),
        _ => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_run_out_of_room_is_a_full_disk() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge] {
            let cause = Arc::new(io::Error::from(kind));
            let error = StorageError::Write { path: "raft.log".into(), cause };
            assert!(error.to_string().starts_with("cannot write to raft.log: disk full ("), "{error}");
        }
        let cause = Arc::new(io::Error::from(io::ErrorKind::PermissionDenied));
        let error = StorageError::Write { path: "raft.log".into(), cause };
        assert!(error.to_string().starts_with("cannot write to raft.log: permission denied;"), "{error}");
    }
}
