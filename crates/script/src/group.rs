//! The groups of words.

use std::fmt;

/// The group of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Nodes' processes and disks.
    Process,
    /// The cluster and its clients.
    Cluster,
    /// Messages on their way.
    Links,
    /// Partitions and bad networks by their names.
    Shapes,
    /// Cluster time.
    Time,
    /// The key-value store.
    Store,
    /// Scripts, and looking at things.
    Scripts,
}

impl Group {
    /// All groups, in the order in which they are shown.
    pub const ALL: [Self; 7] =
        [Self::Process, Self::Cluster, Self::Links, Self::Shapes, Self::Time, Self::Store, Self::Scripts];
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "Nodes",
            Self::Cluster => "The cluster and its clients",
            Self::Links => "Messages",
            Self::Shapes => "Shapes",
            Self::Time => "Time",
            Self::Store => "The store",
            Self::Scripts => "Scripts",
        })
    }
}
