//! The lab: a handle for the caller, and behind it one thread on which everything runs.
//!
//! The thread is the children's parent: on Linux a managed node asks the kernel to be killed when the *thread* that
//! started it ends, so children are started on the lab's thread, which ends after the last of them.

use crate::data_dir::DataDir;
use crate::held::HeldPort;
use crate::keys::Keys;
use crate::links::Listeners;
use crate::model::{Command, Update};
use crate::nodes::{Happened, Nodes, Surroundings};
use crate::options::{LabError, LabOptions, MAX_NODES};
use crate::outlet::Outlet;
use raftdeck_raft::NodeId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Commands that wait to be carried out. Each takes the lab microseconds.
const MAX_COMMANDS: usize = 1024;

/// A running cluster. Dropping it stops it, like [`Lab::stop`].
#[derive(Debug)]
pub struct Lab {
    commands: mpsc::Sender<Command>,
    /// Commands that found no room, not told of yet.
    left_out: Arc<AtomicU64>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Lab {
    /// Starts a cluster and returns without waiting until it is ready.
    ///
    /// Everything it has to tell goes to `sink`, first of all [`Update::Cluster`]. The sink is called on the lab's
    /// own thread and holds up everything while it works, so it should only pass the update on; it must not
    /// own the lab.
    pub fn start(
        mut options: LabOptions,
        sink: impl Fn(Update) + Send + Sync + 'static,
    ) -> Result<Self, LabError> {
        options.validate()?;
        let system = |what| move |source| LabError::System { what, source };
        let data_dir = DataDir::prepare(&options)?;
        let nodes = data_dir.record().nodes();
        if options.direct {
            options.settle_ports(&nodes)?;
        }
        let reserved = options.reserve_ports(&nodes)?;
        let listeners = if options.direct { Ok(Listeners::none()) } else { Listeners::bind(&nodes) }
            .map_err(system("the links' ports cannot be opened"))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(system("its runtime cannot be made"))?;
        let (commands, queue) = mpsc::channel(MAX_COMMANDS);
        let left_out = Arc::new(AtomicU64::new(0));
        let stop = CancellationToken::new();
        let keys = Keys::cut(options.client_token.clone())
            .map_err(system("the system has no random numbers for its tokens"))?;
        let cluster = Cluster {
            keys,
            outlet: Outlet::new(sink),
            queue,
            left_out: Arc::clone(&left_out),
            stop: stop.clone(),
            options,
            data_dir,
            ports: reserved,
        };
        let thread = std::thread::Builder::new()
            .name("lab".to_owned())
            .spawn(move || runtime.block_on(cluster.run(listeners)))
            .map_err(system("its thread cannot be started"))?;
        Ok(Self { commands, left_out, stop, thread: Some(thread) })
    }

    /// Tells the lab to do something. Never blocks; what comes of it is told through the sink.
    pub fn send(&self, command: Command) {
        if self.commands.try_send(command).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Ends every process and returns when all are gone, after at most a moment: a node has 300 ms to end in peace.
    /// The data stays if a directory was named, and goes if not.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic of the lab's thread has been printed by its hook, and its children died with it.
            let _ = thread.join();
        }
    }
}

/// What the lab's thread starts with.
struct Cluster {
    keys: Keys,
    options: LabOptions,
    data_dir: DataDir,
    ports: Vec<(NodeId, HeldPort)>,
    outlet: Outlet,
    queue: mpsc::Receiver<Command>,
    left_out: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl Cluster {
    async fn run(self, listeners: Listeners) {
        let Self { keys, options, data_dir, ports, outlet, mut queue, left_out, stop } = self;
        let (left, mut leaving) = mpsc::channel(usize::from(MAX_NODES));
        let surroundings = Surroundings { outlet: outlet.clone(), stop: stop.clone(), left, keys, ports };
        let mut nodes = match Nodes::start(options, data_dir, listeners, surroundings) {
            Ok(nodes) => nodes,
            Err(error) => {
                outlet.refuse(format!("the links cannot be opened: {error}"));
                return stop.cancelled().await;
            }
        };
        while let Some(next) = next(&stop, &mut queue, &mut leaving, &mut nodes).await {
            match next {
                Next::Command(command) => nodes.carry_out(command),
                Next::Left(node) => nodes.dismiss(node),
                Next::Happened(happened) => nodes.hear(happened),
            }
            let left_out = left_out.swap(0, Ordering::Relaxed);
            if left_out > 0 {
                outlet.refuse(format!("{left_out} commands came too fast and were left out"));
            }
        }
        nodes.end().await;
    }
}

/// What the lab acts on. Nothing of it is waited for.
enum Next {
    /// It was told something.
    Command(Command),
    /// A node is no member of the cluster any more.
    Left(NodeId),
    /// Something happened by itself.
    Happened(Happened),
}

/// `None`: the lab is stopped.
async fn next(
    stop: &CancellationToken,
    queue: &mut mpsc::Receiver<Command>,
    leaving: &mut mpsc::Receiver<NodeId>,
    nodes: &mut Nodes,
) -> Option<Next> {
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        Some(command) = queue.recv() => Some(Next::Command(command)),
        Some(node) = leaving.recv() => Some(Next::Left(node)),
        happened = nodes.next() => Some(Next::Happened(happened)),
    }
}
