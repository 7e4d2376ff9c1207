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

/// A line that a node logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutputLine<'a> {
    /// Its level.
    pub(crate) level: LogLevel,
    /// Its text, without what only repeats the level or the time.
    pub(crate) text: Cow<'a, str>,
}

/// The processes of an engine.
pub(crate) trait ProcessKind: Debug + Send + Sync {
    /// What this line says about where the node listens: from now on it counts as running. `None`: the line says something else.
    fn ready(&self, node: NodeId, line: &str) -> Option<ReadyLine>;

    /// Reads a line of the log. Called once for each line, in order.
    fn log_line<'a>(&self, node: NodeId, line: &'a str) -> OutputLine<'a>;

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
