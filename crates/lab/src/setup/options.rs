//! The options of a lab, and their validation.
//!
//! Every foreseeable failure is found here, before the first process is started.

use crate::files::record::DataOf;
use crate::setup::any_path;
use crate::setup::held::HeldPort;
use raftdeck_model::MAX_NODES;
use raftdeck_protocol::address::{CLIENT_OFFSET, HTTP_OFFSET};
use raftdeck_protocol::{ClockRate, Secret};
use raftdeck_raft::{Config, ConfigError, NodeId, Timing, Tuning};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Reads how many nodes a cluster is to have, 1 to [`MAX_NODES`]; or says in a sentence what is possible.
pub fn node_count(given: &str) -> Result<u8, String> {
    match given.parse() {
        Ok(nodes) if (1..=MAX_NODES).contains(&nodes) => Ok(nodes),
        _ => Err(format!("a cluster has 1 to {MAX_NODES} nodes; 3 or 5 are usual")),
    }
}

/// The lowest base port that is tried. All that are tried are below the ports that systems usually give out as ephemeral.
const FREE_FROM: u16 = 18_000;

/// What a lab is started with. Can be written down for another process, which then starts the lab.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LabOptions {
    /// The program that is a node, or can act as one.
    #[serde(with = "any_path")]
    pub executable: PathBuf,
    /// The arguments that make it a node, such as `node`; the lab's own follow.
    pub node_args: Vec<String>,
    /// The number of nodes, 1 to [`MAX_NODES`]. A kept data directory may hold others: those added and removed later.
    pub nodes: u8,
    /// Heartbeat and election timeouts.
    pub timing: Timing,
    /// Where the nodes keep their data, one directory each. `None`: a temporary directory that is removed when the
    /// lab stops.
    #[serde(with = "any_path::option")]
    pub data_dir: Option<PathBuf>,
    /// The first node's Raft port; the next node has the next one. `None` or 0: free ports, new ones at each start.
    pub base_port: Option<u16>,
    /// Makes the nodes' random choices the same each time. `None`: they differ.
    pub seed: Option<u64>,
    /// A node takes a snapshot after this many entries. `None`: the nodes' default.
    pub snapshot_entries: Option<u64>,
    /// The most bytes of entries in one message. `None`: the nodes' default.
    pub append_bytes: Option<u32>,
    /// Every sync of a node's disk takes this much longer. `None`: no delay.
    pub sync_delay: Option<Duration>,
    /// A node's disk counts as stalled when it has not finished a write for this long; in whole milliseconds. `None`: the nodes' default.
    pub disk_stall: Option<Duration>,
    /// The nodes treat a closed leader connection as a crash of the leader.
    pub detect_crash: bool,
    /// The initial rate of cluster time. [`ClockRate::FROZEN`]: nothing happens until a command changes that.
    pub rate: ClockRate,
    /// The nodes reach each other without links: their messages are neither seen nor affected.
    pub direct: bool,
    /// The lab subscribes to the nodes' telemetry. Without it the lab knows only the state of their processes, and the nodes
    /// spend nothing on telemetry: for measurements.
    pub watched: bool,
    /// The token that clients must present. `None`: any process that can connect may read and write keys.
    pub client_token: Option<Secret>,
    /// The program that stands by for a temporary folder when it is given [`STAND_BY`](crate::STAND_BY), so that the folder is
    /// removed immediately when the lab is killed. Without one it is removed when the next lab starts.
    #[serde(with = "any_path::option")]
    pub guard: Option<PathBuf>,
}

/// Why a lab cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No nodes, or too many.
    #[error("{nodes} nodes are not possible: a cluster has 1 to {MAX_NODES}, usually 3 or 5")]
    Nodes {
        /// The number asked for.
        nodes: u8,
    },
    /// The timing is invalid.
    #[error("this timing is invalid: {0}")]
    Timing(#[from] ConfigError),
    /// The data directory cannot be used.
    #[error("the data directory {} cannot be used: {source}; name another one or change its permissions", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// Another lab works in the data directory.
    #[error(
        "the data directory {} is in use by another cluster{}; stop that one first, or name another directory",
        path.display(),
        holder.map(|pid| format!(", of process {pid}")).unwrap_or_default()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process, if it is known.
        holder: Option<u32>,
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
    /// The data directory holds nodes of another engine.
    #[error("the data in {} is that of {found}, not of {wanted}: name another directory", path.display())]
    OtherEngine {
        /// The directory.
        path: PathBuf,
        /// What it has.
        found: DataOf,
        /// What was asked for.
        wanted: DataOf,
    },
    /// The record of nodes in the data directory cannot be read.
    #[error("the data directory {} cannot be used: {source}", path.display())]
    Record {
        /// The directory.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The base port is too high.
    #[error(
        "base port {base} is too high for {nodes} nodes: with client and HTTP ports above it, it is at most {}",
        u16::MAX - HTTP_OFFSET - (u16::from(*nodes) - 1)
    )]
    BasePort {
        /// The base port asked for.
        base: u16,
        /// The number of nodes asked for.
        nodes: u8,
    },
    /// A port that is needed is not available.
    #[error(
        "port {port}, which {node} needs for {purpose}, cannot be used: {source}; choose another base port"
    )]
    Port {
        /// The port.
        port: u16,
        /// The node.
        node: NodeId,
        /// `Raft`, `clients` or `HTTP`.
        purpose: &'static str,
        /// The error.
        source: io::Error,
    },
    /// There is no etcd.
    #[error("etcd is not installed here: {remedy}, or name its program with --etcd-bin")]
    NoEtcd {
        /// How it is installed.
        remedy: &'static str,
    },
    /// There is no etcd where it was said to be.
    #[error("{} is not a program that can be run: name etcd's program with --etcd-bin", path.display())]
    NoSuchEtcd {
        /// Where.
        path: PathBuf,
    },
    /// The election timeout is longer than etcd allows.
    #[error("etcd takes no election timeout above 50 s: choose a shorter one")]
    EtcdTiming,
    /// The rate of time is not possible.
    #[error("the clocks of etcd's members cannot be slowed at the start: leave out --rate")]
    EtcdRate,
    /// The base port is too high.
    #[error(
        "base port {base} is too high for {nodes} etcd members: with the ports for clients and links above it, it is at most {}",
        u16::MAX - 2000 - (u16::from(*nodes) - 1)
    )]
    EtcdBasePort {
        /// The base port asked for.
        base: u16,
        /// The number of members asked for.
        nodes: u8,
    },
    /// The record of the members in the data directory does not fit.
    #[error("the etcd members in {} cannot be started: {why}", path.display())]
    EtcdRecord {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The operating system refused what the lab itself needs.
    #[error("the lab cannot run: {what}: {source}")]
    System {
        /// What failed.
        what: &'static str,
        /// The error.
        source: io::Error,
    },
}

impl LabError {
    /// The operating system refused this.
    pub(crate) fn system(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}

impl LabOptions {
    /// `nodes` fast nodes of this program, on free ports, with data that is removed with the lab.
    #[must_use]
    pub fn new(executable: impl Into<PathBuf>, node_args: &[&str], nodes: u8) -> Self {
        Self {
            executable: executable.into(),
            node_args: node_args.iter().map(|arg| (*arg).to_owned()).collect(),
            nodes,
            timing: Timing::FAST,
            data_dir: None,
            base_port: None,
            seed: None,
            snapshot_entries: None,
            append_bytes: None,
            sync_delay: None,
            disk_stall: None,
            detect_crash: false,
            rate: ClockRate::REAL,
            direct: false,
            watched: true,
            client_token: None,
            guard: None,
        }
    }

    /// What every node works with by default.
    pub(crate) fn tuning(&self) -> Tuning {
        Tuning { timing: self.timing, pre_vote: true, check_quorum: true }
    }

    /// All members, in order of id.
    #[must_use]
    pub fn members(&self) -> Vec<NodeId> {
        (1..=u64::from(self.nodes)).map(NodeId).collect()
    }

    /// How many files and connections the process that runs this cluster has open at the same time, with room for its other work: a
    /// few for each node, and for each link its listener and its two ends.
    #[must_use]
    pub fn open_files(&self) -> u64 {
        let nodes = u64::from(self.nodes);
        let links = if self.direct { 0 } else { nodes * nodes.saturating_sub(1) };
        64 + 8 * nodes + 3 * links
    }

    /// Checks what does not depend on the machine.
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
            Some(base) => base.saturating_add(u16::try_from(node.0.saturating_sub(1)).unwrap_or(u16::MAX)),
        }
    }

    /// Chooses ports that are free for all of these nodes, if none were named: nodes that reach each other without links must know
    /// each other's ports before the first one starts.
    pub(crate) fn settle_ports(&mut self, nodes: &[NodeId]) -> Result<(), LabError> {
        if self.base_port.is_some_and(|base| base != 0) {
            return Ok(());
        }
        // Other labs on this machine choose ports as well: each begins elsewhere.
        let begin = u16::try_from(std::process::id() % 1000).unwrap_or_default();
        let mut refused = None;
        for base in (0..1000).map(|step| FREE_FROM + (begin + step) % 1000 * 10) {
            self.base_port = Some(base);
            match self.reserve_ports(nodes) {
                Ok(_) => return Ok(()),
                Err(error) => refused = Some(error),
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Takes every port that these nodes will need, or says which one is not available. The ports are held for the nodes until the
    /// returned value is dropped.
    pub(crate) fn reserve_ports(&self, nodes: &[NodeId]) -> Result<Vec<(NodeId, HeldPort)>, LabError> {
        let mut reserved = Vec::new();
        for &node in nodes {
            let base = self.port(node);
            if base == 0 {
                continue;
            }
            for (offset, purpose) in [(0, "Raft"), (CLIENT_OFFSET, "clients"), (HTTP_OFFSET, "HTTP")] {
                let failed = |port| move |source| LabError::Port { port, node, purpose, source };
                let none = || failed(base)(io::Error::other("the port is above 65535"));
                let port = base.checked_add(offset).ok_or_else(none)?;
                reserved.push((node, HeldPort::take(port).map_err(failed(port))?));
            }
        }
        Ok(reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> LabOptions {
        LabOptions::new("raftdeck", &["node"], 3)
    }

    #[test]
    fn a_cluster_has_one_to_fifteen_nodes() {
        for nodes in [1, 3, 9, 15] {
            LabOptions { nodes, ..options() }.validate().unwrap();
        }
        for nodes in [0, 16, 100] {
            let error = LabOptions { nodes, ..options() }.validate().unwrap_err();
            assert!(
                error.to_string().contains(&format!("{nodes} nodes are not possible: a cluster has 1 to 15")),
                "{error}"
            );
        }
    }

    #[test]
    fn timing_that_cannot_work_is_refused() {
        let timing = Timing { heartbeat: Timing::FAST.election_max, ..Timing::FAST };
        assert!(matches!(LabOptions { timing, ..options() }.validate(), Err(LabError::Timing(_))));
    }

    #[test]
    fn a_base_port_leaves_room_for_every_port_of_every_node() {
        let highest = u16::MAX - 3000 - 2;
        LabOptions { base_port: Some(highest), ..options() }.validate().unwrap();
        let error = LabOptions { base_port: Some(highest + 1), ..options() }.validate().unwrap_err();
        assert!(error.to_string().contains(&highest.to_string()), "{error}");
    }

    #[test]
    fn a_port_in_use_is_named_with_its_purpose() {
        // Below the system's ephemeral ports, so that no other process takes one in between.
        let (base, mut reserved) = (20_000..30_000)
            .step_by(10)
            .find_map(|base| {
                let options = LabOptions { base_port: Some(base), ..options() };
                let reserved = options.reserve_ports(&options.members());
                Some((base, reserved.ok()?))
            })
            .unwrap();
        assert_eq!(reserved.len(), 9, "three ports for each of three nodes");
        let taken = reserved.pop().unwrap();
        drop(reserved);
        let options = LabOptions { base_port: Some(base), ..options() };
        let error = options.reserve_ports(&options.members()).unwrap_err();
        let sentence = error.to_string();
        assert!(
            sentence.starts_with(&format!("port {}, which n3 needs for HTTP", base + 3002)),
            "{sentence}"
        );
        drop(taken);
    }
}
