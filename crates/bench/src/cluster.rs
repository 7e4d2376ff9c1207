//! The cluster under test: one that the benchmark starts through the lab, or a running one that it only sends
//! requests to.

use crate::args::OwnArgs;
use crate::error::BenchError;
use crate::processes::processor_time;
use raftdeck_client::{Access, Client, Options};
use raftdeck_lab::{Lab, LabOptions, TemporaryFolder};
use raftdeck_model::{Command, CommandId, News, Order, ProcessState, Source as _};
use raftdeck_protocol::NodeStatus;
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a cluster may take until all its nodes serve.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long a node may take to report its state.
const STATUS_WITHIN: Duration = Duration::from_secs(2);

/// One node as its process shows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// Its process, while there is one.
    pub(crate) pid: Option<u32>,
    /// Where clients reach it, while it serves.
    pub(crate) client: Option<String>,
    /// Since when it serves.
    pub(crate) ready: Option<Instant>,
    /// How it ended unexpectedly.
    pub(crate) failed: Option<String>,
}

/// All nodes.
pub(crate) type Nodes = BTreeMap<NodeId, Node>;

/// A cluster that was started for a benchmark. When it is dropped, it ends and its data is removed.
#[derive(Debug)]
pub(crate) struct OwnCluster {
    // First field: the nodes end before their data is removed.
    lab: Lab,
    /// How many commands were sent.
    sent: AtomicU64,
    nodes: watch::Receiver<Nodes>,
    dir: TemporaryFolder,
}

impl OwnCluster {
    /// Starts it; returns before it serves.
    pub(crate) fn start(args: &OwnArgs, nodes: u8) -> Result<Self, BenchError> {
        Self::start_with(args, nodes, &["node"])
    }

    /// The same, with further arguments for the nodes.
    pub(crate) fn start_with(args: &OwnArgs, nodes: u8, node: &[&str]) -> Result<Self, BenchError> {
        let program = std::env::current_exe()
            .map_err(BenchError::system("this program's own file, which runs the nodes, cannot be found"))?;
        let mut options = LabOptions {
            timing: args.timing(),
            snapshot_entries: args.snapshot_entries,
            sync_delay: args.sync_delay,
            detect_crash: args.detect_crash,
            direct: true,
            watched: false,
            ..LabOptions::new(program, node, nodes)
        };
        options.validate().map_err(|error| BenchError::Usage(error.to_string()))?;
        let dir = data_dir(args.data_dir.as_deref())?;
        options.data_dir = Some(dir.path().join("nodes"));
        let (told, nodes) = watch::channel(Nodes::new());
        let lab = Lab::start(options, move |update| {
            told.send_if_modified(|nodes| note(nodes, update.what));
        })?;
        Ok(Self { lab, sent: AtomicU64::new(0), nodes, dir })
    }

    /// The directory for its data and that of whatever is compared with it.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn tell(&self, what: Order) {
        let id = CommandId(self.sent.fetch_add(1, Ordering::Relaxed) + 1);
        self.lab.send(Command { id, what });
    }

    /// The nodes as they are now.
    pub(crate) fn nodes(&self) -> Nodes {
        self.nodes.borrow().clone()
    }

    /// Waits until the nodes are as wanted.
    pub(crate) async fn wait_for(
        &self,
        what: &str,
        mut wanted: impl FnMut(&Nodes) -> bool,
    ) -> Result<(), BenchError> {
        let mut nodes = self.nodes.clone();
        let met = nodes.wait_for(|nodes| wanted(nodes) || nodes.values().any(|node| node.failed.is_some()));
        let ended = || BenchError::Node("the cluster has ended".to_owned());
        let late = |_| BenchError::Node(format!("{what}: not within {} s", READY_WITHIN.as_secs()));
        let nodes = timeout(READY_WITHIN, met).await.map_err(late)?.map_err(|_| ended())?;
        let failed = nodes.iter().find_map(|(id, node)| Some((id, node.failed.as_ref()?)));
        failed.map_or(Ok(()), |(id, how)| Err(BenchError::Node(format!("{id} {how}"))))
    }

    /// Waits until every node serves.
    pub(crate) async fn ready(&self) -> Result<(), BenchError> {
        let all = |nodes: &Nodes| !nodes.is_empty() && nodes.values().all(|node| node.client.is_some());
        self.wait_for("the nodes serve", all).await
    }

    /// Waits until a node that was started after `then` serves; returns since when it does.
    pub(crate) async fn ready_since(&self, node: NodeId, then: Instant) -> Result<Instant, BenchError> {
        let mut since = None;
        let serves = |nodes: &Nodes| {
            since = nodes.get(&node).and_then(|node| node.ready).filter(|ready| *ready >= then);
            since.is_some()
        };
        self.wait_for("a restarted node serves", serves).await?;
        since.ok_or_else(|| BenchError::Node(format!("{node} ended")))
    }

    /// Where clients reach the nodes that serve.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.nodes.borrow().values().filter_map(|node| node.client.clone()).collect()
    }
}

/// A folder for the measured data, where temporary files go if no directory was named.
pub(crate) fn data_dir(parent: Option<&Path>) -> Result<TemporaryFolder, BenchError> {
    let made = parent.map_or_else(|| TemporaryFolder::make(&std::env::temp_dir()), TemporaryFolder::make);
    let whereabouts =
        parent.map_or_else(|| "temporary files go".to_owned(), |path| path.display().to_string());
    let made =
        made.map_err(BenchError::system(format!("no data directory can be made where {whereabouts}")))?;
    Ok(match std::env::current_exe() {
        Ok(program) => made.guarded_by(&program),
        Err(_) => made,
    })
}

#[cfg(target_os = "linux")]
fn is_in_memory(dir: &Path) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    rustix::fs::statfs(dir).is_ok_and(|system| system.f_type as u64 == TMPFS)
}

#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &Path) -> bool {
    false
}

/// Notes an update; returns whether it was about a node's process.
fn note(nodes: &mut Nodes, news: News) -> bool {
    match news {
        News::Cluster { nodes: all, .. } => {
            for node in all {
                nodes.entry(node).or_default();
            }
        }
        News::Process { node, state } => {
            let failed = match &state {
                ProcessState::Failed { how, last_words } => {
                    Some([std::slice::from_ref(how), last_words].concat().join("\n  "))
                }
                _ => None,
            };
            let node = nodes.entry(node).or_default();
            *node = match state {
                ProcessState::Starting { pid } => Node { pid, ..Node::default() },
                ProcessState::Running { pid } | ProcessState::Paused { pid } => {
                    Node { pid, ..std::mem::take(node) }
                }
                ProcessState::Killed
                | ProcessState::Stopped
                | ProcessState::Failed { .. }
                | ProcessState::Unreachable { .. } => Node { failed, ..Node::default() },
            };
        }
        News::Ready { node, addresses } => {
            let node = nodes.entry(node).or_default();
            (node.client, node.ready) = (Some(addresses.client), Some(Instant::now()));
        }
        _ => return false,
    }
    true
}

/// A cluster under load.
#[derive(Debug)]
pub(crate) enum Cluster {
    Own(Box<OwnCluster>),
    /// It runs already; its nodes' addresses, and the clients' credentials.
    Given(Vec<String>, Access),
}

impl Cluster {
    pub(crate) fn addresses(&self) -> Vec<String> {
        match self {
            Self::Own(own) => own.addresses(),
            Self::Given(addresses, _) => addresses.clone(),
        }
    }

    /// The options of its clients.
    pub(crate) fn options(&self) -> Options {
        let access = match self {
            Self::Own(_) => Access::default(),
            Self::Given(_, access) => access.clone(),
        };
        Options { access, ..Options::default() }
    }

    /// Whether its data is in memory, so that no sync reaches a disk. Unknown for a given cluster.
    pub(crate) fn is_in_memory(&self) -> bool {
        matches!(self, Self::Own(own) if is_in_memory(own.dir()))
    }

    /// The processor time that each of its processes has used so far, as far as it is known.
    pub(crate) fn processor_times(&self) -> BTreeMap<NodeId, Duration> {
        let Self::Own(own) = self else { return BTreeMap::new() };
        let times = own.nodes().into_iter();
        times.filter_map(|(id, node)| Some((id, processor_time(node.pid?)?))).collect()
    }

    /// The state of each of its nodes that answers.
    pub(crate) async fn statuses(&self) -> BTreeMap<NodeId, NodeStatus> {
        let mut statuses = BTreeMap::new();
        for address in self.addresses() {
            let Ok(client) = Client::new(std::slice::from_ref(&address), self.options()) else {
                continue;
            };
            if let Ok(status) = client.status(&address, STATUS_WITHIN).await {
                statuses.insert(status.raft.id, status);
            }
        }
        statuses
    }
}
