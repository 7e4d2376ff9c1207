//! What differs between the processes of two engines: how they say that they are ready, how they log, and what their files are.

use raftdeck_model::{LogLevel, NodeAddresses};
use raftdeck_raft::NodeId;
use std::borrow::Cow;
use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

/// Where a node listens, by its own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadyLine {
    /// For its peers.
    pub(crate) raft: SocketAddr,
    /// For clients.
    pub(crate) client: SocketAddr,
    /// All its addresses, as text.
    pub(crate) addresses: NodeAddresses,
}

/// A line that a node wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutputLine<'a> {
    /// Its level.
    pub(crate) level: LogLevel,
    /// Its text, without what only repeats the level or the time.
    pub(crate) text: Cow<'a, str>,
    /// What it says about where the node listens: from now on the node counts as running.
    pub(crate) ready: Option<ReadyLine>,
}

/// Reads what one process writes, line by line and in order, from its start to its end.
pub(crate) trait OutputReader: Send {
    /// A line of its standard output. One that says that the node is ready is not shown.
    fn said<'a>(&mut self, line: &'a str) -> OutputLine<'a>;

    /// A line of its log, on its standard error.
    fn logged<'a>(&mut self, line: &'a str) -> OutputLine<'a>;
}

/// The processes of an engine.
pub(crate) trait ProcessKind: Debug + Send + Sync {
    /// Begins to read the output of a process that was just started.
    fn reader(&self, node: NodeId) -> Box<dyn OutputReader>;

    /// What a line may explain about the end of its process; `None`: nothing.
    fn last_words(&self, line: &str) -> Option<String>;

    /// The size limit of the node's files that leaves its log about this much room.
    fn file_limit(&self, data: &Path, more: u64) -> io::Result<u64>;

    /// Empties the disk of a node that does not run, but keeps its identity.
    fn forget(&self, data: &Path) -> io::Result<()>;

    /// Takes this many bytes from the end of the log of a node that does not run, and returns how many are left.
    fn lose_tail(&self, node: NodeId, data: &Path, bytes: u64) -> Result<u64, String>;

    /// Whether a node whose data was wiped can be started again before it is replaced.
    fn starts_without_data(&self) -> bool;
}
