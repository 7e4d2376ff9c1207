//! Which nodes a kept data directory has: those that it began with, except those that were removed, and those that were added later.
//!
//! The nodes themselves know the membership; this only says which processes to start, and how. It is written before a node is started
//! for the first time and after it has left the cluster. So a lab that is killed in between starts one process too many, which the
//! others ignore, and never one too few.

use raftdeck_model::MAX_NODES;
use raftdeck_raft::NodeId;
use raftdeck_storage::fs::private;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// The file's name.
const NAME: &str = "deck.json";

/// The most bytes that are read: a record is much shorter.
const MOST_BYTES: u64 = 64 << 10;

/// What the nodes of a directory are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataOf {
    /// raftdeck's own.
    #[default]
    Raftdeck,
    /// Members of etcd.
    Etcd,
}

impl std::fmt::Display for DataOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Raftdeck => "raftdeck nodes",
            Self::Etcd => "etcd members",
        })
    }
}

/// The record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LabRecord {
    /// The cluster was started with the nodes 1 to this.
    initial: u64,
    /// The nodes that there are.
    nodes: BTreeSet<NodeId>,
    /// What the nodes are.
    #[serde(default)]
    engine: DataOf,
    /// The next id. No id is used twice: to the others, a new node with an old id would be one that lost its memory.
    next: u64,
}

impl LabRecord {
    /// A cluster that starts with this many nodes.
    pub(crate) fn new(nodes: u8, engine: DataOf) -> Self {
        let initial = u64::from(nodes);
        Self { initial, nodes: (1..=initial).map(NodeId).collect(), engine, next: initial + 1 }
    }

    /// What the nodes are.
    pub(crate) fn engine(&self) -> DataOf {
        self.engine
    }

    /// What a directory holds; `None` if it holds no record.
    pub(crate) fn load(dir: &Path) -> io::Result<Option<Self>> {
        let path = dir.join(NAME);
        let mut text = Vec::new();
        let read = private::open(&path, OpenOptions::new().read(true))
            .and_then(|file| file.take(MOST_BYTES).read_to_end(&mut text));
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        let damaged = |why: &str| io::Error::other(format!("{NAME} in it is damaged: {why}"));
        let record: Self = serde_json::from_slice(&text).map_err(|error| damaged(&error.to_string()))?;
        let (first, last) = (record.nodes.first(), record.nodes.last());
        let in_order = first.is_some_and(|id| id.0 > 0) && last.is_some_and(|id| id.0 < record.next);
        let most = usize::from(MAX_NODES);
        if !in_order || record.nodes.len() > most || record.initial == 0 || record.initial >= record.next {
            return Err(damaged("its set of nodes is invalid"));
        }
        Ok(Some(record))
    }

    /// Writes it atomically.
    pub(crate) fn save(&self, dir: &Path) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        serde_json::to_writer(&mut file, self)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(dir.join(NAME))?;
        Ok(())
    }

    /// The nodes, in order of id.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        self.nodes.iter().copied().collect()
    }

    /// The nodes that the cluster began with, removed ones included.
    pub(crate) fn initial(&self) -> impl Iterator<Item = NodeId> {
        (1..=self.initial).map(NodeId)
    }

    /// Whether a lab that was asked for this many nodes may start these: the number is either that at first or that of now.
    pub(crate) fn is_of(&self, nodes: u8) -> bool {
        u64::from(nodes) == self.initial || usize::from(nodes) == self.nodes.len()
    }

    /// Whether a node was added later.
    pub(crate) fn is_late(&self, node: NodeId) -> bool {
        node.0 > self.initial
    }

    /// The id of the next node to be added.
    pub(crate) fn next(&self) -> NodeId {
        NodeId(self.next)
    }

    /// Adds a node and returns its id.
    pub(crate) fn add(&mut self) -> NodeId {
        let node = NodeId(self.next);
        self.next += 1;
        self.nodes.insert(node);
        node
    }

    /// Removes a node.
    pub(crate) fn remove(&mut self, node: NodeId) {
        self.nodes.remove(&node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_no_id_comes_twice() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(LabRecord::load(dir.path()).unwrap(), None);
        let mut record = LabRecord::new(3, DataOf::Raftdeck);
        assert_eq!(record.add(), NodeId(4));
        record.remove(NodeId(4));
        record.remove(NodeId(2));
        assert_eq!(record.add(), NodeId(5));
        record.save(dir.path()).unwrap();
        let loaded = LabRecord::load(dir.path()).unwrap().unwrap();
        assert_eq!(loaded, record);
        assert_eq!(loaded.nodes(), [1, 3, 5].map(NodeId));
        assert_eq!(loaded.initial().count(), 3);
        assert!(loaded.is_late(NodeId(5)) && !loaded.is_late(NodeId(3)));
        assert!(loaded.is_of(3) && !loaded.is_of(5));
    }

    #[test]
    fn a_record_of_nothing_possible_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for text in [
            "",
            "{}",
            r#"{"initial":3,"nodes":[],"next":4}"#,
            r#"{"initial":3,"nodes":[0],"next":4}"#,
            r#"{"initial":3,"nodes":[9],"next":4}"#,
            r#"{"initial":0,"nodes":[1],"next":2}"#,
        ] {
            std::fs::write(dir.path().join(NAME), text).unwrap();
            let error = LabRecord::load(dir.path()).unwrap_err().to_string();
            assert!(error.contains("deck.json in it is damaged"), "{text}: {error}");
        }
    }
}
