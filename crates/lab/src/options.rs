//! What a lab is started with, and whether that can be done.
//!
//! Everything that can be known to fail is found here, before the first process is started.

use raftdeck_protocol::address::{CLIENT_OFFSET, HTTP_OFFSET};
use raftdeck_raft::{Config, ConfigError, NodeId, Timing};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

/// The most nodes of one lab.
pub const MAX_NODES: u8 = 15;

/// What a lab is started with.
#[derive(Clone, Debug)]
pub struct LabOptions {
    /// The program that is a node, or can be one.
    pub executable: PathBuf,
    /// The arguments that make it one, such as `node`; the lab's own follow.
    pub node_args: Vec<String>,
    /// How many nodes, 1 to [`MAX_NODES`].
    pub nodes: u8,
    /// Heartbeat and election timeouts.
    pub timing: Timing,
    /// Where the nodes keep their data, one directory each. `None`: a temporary directory that is removed when the
    /// lab stops.
    pub data_dir: Option<PathBuf>,
    /// The first node's Raft port; the next node has the next one. `None` or 0: free ports, new ones at each start.
    pub base_port: Option<u16>,
    /// Makes the nodes' random choices the same each time. `None`: new ones.
    pub seed: Option<u64>,
}

/// Why a lab cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// None, or too many.
    #[error("a cluster has 1 to {MAX_NODES} nodes, {nodes} is not possible: 3 or 5 are usual")]
    Nodes {
        /// As asked.
        nodes: u8,
    },
    /// The timing makes no sense.
    #[error("this timing cannot work: {0}")]
    Timing(#[from] ConfigError),
    /// The data directory cannot be used.
    #[error("the data directory {} cannot be used: {source}; name another one or change its permissions", path.display())]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No temporary directory can be made.
    #[error("no temporary directory can be made: {0}; set TMPDIR, or name a data directory")]
    TemporaryDir(io::Error),
    /// The data directory holds another cluster. Nodes would lose what they acknowledged: a majority of the old
    /// members need not overlap with a majority of the new ones.
    #[error(
        "the data in {} is that of {found} nodes, not {wanted}: start with {found} nodes, or name another directory",
        path.display()
    )]
    OtherCluster {
        /// The directory.
        path: PathBuf,
        /// Nodes it has data of.
        found: usize,
        /// Nodes asked for.
        wanted: u8,
    },
    /// The base port is too high.
    #[error(
        "base port {base} is too high for {nodes} nodes: with client and HTTP ports above it, it is at most {}",
        u16::MAX - HTTP_OFFSET - (u16::from(*nodes) - 1)
    )]
    BasePort {
        /// As asked.
        base: u16,
        /// As asked.
        nodes: u8,
    },
    /// A port that is needed cannot be had.
    #[error(
        "port {port}, which {node} needs for {purpose}, cannot be used: {source}; choose another base port"
    )]
    Port {
        /// Which.
        port: u16,
        /// Whose.
        node: NodeId,
        /// `Raft`, `clients` or `HTTP`.
        purpose: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The operating system refused what the lab itself needs.
    #[error("the lab cannot run: {what}: {source}")]
    System {
        /// What failed.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl LabOptions {
    /// All members, in order of id.
    #[must_use]
    pub fn members(&self) -> Vec<NodeId> {
        (1..=u64::from(self.nodes)).map(NodeId).collect()
    }

    /// Checks what needs no look at the machine.
    pub fn validate(&self) -> Result<(), LabError> {
        if self.nodes == 0 || self.nodes > MAX_NODES {
            return Err(LabError::Nodes { nodes: self.nodes });
        }
        Config::new(NodeId(1), self.members().into_iter().collect(), self.timing).validate()?;
        match self.base_port {
            Some(base) if base > u16::MAX - HTTP_OFFSET - (u16::from(self.nodes) - 1) => {
                Err(LabError::BasePort { base, nodes: self.nodes })
            }
            _ => Ok(()),
        }
    }

    /// The Raft port of a node, 0 for any free one. Checked by [`LabOptions::validate`].
    pub(crate) fn port(&self, node: NodeId) -> u16 {
        match self.base_port {
            None | Some(0) => 0,
            Some(base) => base.saturating_add(u16::try_from(node.0 - 1).unwrap_or(u16::MAX)),
        }
    }

    /// Takes every port that the nodes will need, or says which one cannot be had. The ports are free again when
    /// the listeners are dropped.
    pub(crate) fn reserve_ports(&self) -> Result<Vec<TcpListener>, LabError> {
        let mut reserved = Vec::new();
        for node in self.members() {
            let base = self.port(node);
            if base == 0 {
                continue;
            }
            for (offset, purpose) in [(0, "Raft"), (CLIENT_OFFSET, "clients"), (HTTP_OFFSET, "HTTP")] {
                let port = base + offset;
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                    .map_err(|source| LabError::Port { port, node, purpose, source })?;
                reserved.push(listener);
            }
        }
        Ok(reserved)
    }
}

/// The directory that holds the nodes' directories.
#[derive(Debug)]
pub(crate) enum DataDir {
    /// The user's, kept.
    Kept(PathBuf),
    /// The lab's own, removed when this value is dropped.
    Temporary(tempfile::TempDir),
}

impl DataDir {
    /// Makes the directory, or makes sure that it can be used for these nodes.
    pub(crate) fn prepare(options: &LabOptions) -> Result<Self, LabError> {
        let Some(path) = &options.data_dir else {
            let made = tempfile::Builder::new().prefix("raftdeck-").tempdir();
            return made.map(Self::Temporary).map_err(LabError::TemporaryDir);
        };
        check_writable(path).map_err(|source| LabError::DataDir { path: path.clone(), source })?;
        let found =
            nodes_with_data(path).map_err(|source| LabError::DataDir { path: path.clone(), source })?;
        if found != 0 && found != usize::from(options.nodes) {
            return Err(LabError::OtherCluster { path: path.clone(), found, wanted: options.nodes });
        }
        Ok(Self::Kept(path.clone()))
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(made) => made.path(),
        }
    }

    /// Where a node keeps its data.
    pub(crate) fn of(&self, node: NodeId) -> PathBuf {
        self.path().join(node.to_string())
    }
}

fn check_writable(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)?;
    // Permissions, a full disk and a read-only mount all show when something is written.
    tempfile::tempfile_in(path).map(|_| ())
}

/// The highest id of a node that has data here; 0 if none has.
fn nodes_with_data(path: &Path) -> io::Result<usize> {
    let mut highest = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let id = entry.file_name().to_str().and_then(|name| name.strip_prefix('n')?.parse::<usize>().ok());
        let Some(id) = id.filter(|_| entry.path().is_dir()) else { continue };
        if id > highest && std::fs::read_dir(entry.path())?.next().is_some() {
            highest = id;
        }
    }
    Ok(highest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> LabOptions {
        LabOptions {
            executable: "raftdeck".into(),
            node_args: vec!["node".to_owned()],
            nodes: 3,
            timing: Timing::FAST,
            data_dir: None,
            base_port: None,
            seed: None,
        }
    }

    #[test]
    fn a_cluster_has_one_to_fifteen_nodes() {
        for nodes in [1, 3, 9, 15] {
            LabOptions { nodes, ..options() }.validate().unwrap();
        }
        for nodes in [0, 16, 100] {
            let error = LabOptions { nodes, ..options() }.validate().unwrap_err();
            assert!(error.to_string().contains(&format!("1 to 15 nodes, {nodes} is not")), "{error}");
        }
    }

    #[test]
    fn timing_that_cannot_work_is_refused() {
        let timing = Timing { heartbeat: Timing::FAST.election_max, ..Timing::FAST };
        assert!(matches!(LabOptions { timing, ..options() }.validate(), Err(LabError::Timing(_))));
    }

    #[test]
    fn a_base_port_leaves_room_for_every_port_of_every_node() {
        let highest = u16::MAX - 2000 - 2;
        LabOptions { base_port: Some(highest), ..options() }.validate().unwrap();
        let error = LabOptions { base_port: Some(highest + 1), ..options() }.validate().unwrap_err();
        assert!(error.to_string().contains(&highest.to_string()), "{error}");
    }

    #[test]
    fn a_port_in_use_is_named_with_its_purpose() {
        // Below the ports that the system gives out by itself, so that nobody takes one in between.
        let (base, mut reserved) = (20_000..30_000)
            .step_by(10)
            .find_map(|base| {
                let reserved = LabOptions { base_port: Some(base), ..options() }.reserve_ports();
                Some((base, reserved.ok()?))
            })
            .unwrap();
        assert_eq!(reserved.len(), 9, "three ports for each of three nodes");
        let taken = reserved.pop().unwrap();
        drop(reserved);
        let error = LabOptions { base_port: Some(base), ..options() }.reserve_ports().unwrap_err();
        let sentence = error.to_string();
        assert!(
            sentence.starts_with(&format!("port {}, which n3 needs for HTTP", base + 2002)),
            "{sentence}"
        );
        drop(taken);
    }

    #[test]
    fn a_temporary_directory_goes_with_its_value() {
        let made = DataDir::prepare(&options()).unwrap();
        let path = made.path().to_owned();
        assert!(path.is_dir());
        drop(made);
        assert!(!path.exists());
    }

    #[test]
    fn a_directory_that_is_a_file_is_refused_by_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let data_dir = Some(file.path().to_owned());
        let error = DataDir::prepare(&LabOptions { data_dir, ..options() }).unwrap_err();
        assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
    }

    #[test]
    fn the_data_of_another_number_of_nodes_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let with = |nodes| LabOptions { nodes, data_dir: Some(dir.path().to_owned()), ..options() };
        for id in 1..=3 {
            let node = dir.path().join(format!("n{id}"));
            std::fs::create_dir(&node).unwrap();
            std::fs::write(node.join("log"), "x").unwrap();
        }
        std::fs::create_dir(dir.path().join("n5")).unwrap();
        std::fs::write(dir.path().join("notes"), "x").unwrap();
        DataDir::prepare(&with(3)).unwrap();
        for nodes in [1, 5] {
            let error = DataDir::prepare(&with(nodes)).unwrap_err();
            assert!(error.to_string().contains("is that of 3 nodes"), "{error}");
        }
    }
}
