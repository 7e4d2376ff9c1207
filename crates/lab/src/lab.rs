//! The lab: a handle for the caller, and a thread of its own on which everything runs.
//!
//! The thread is the children's parent: on Linux a managed node asks the kernel to be killed when the *thread* that
//! started it ends. So children are started on the lab's thread, which ends after the last of them.

use crate::files::data_dir::DataDir;
use crate::nodes::{Happened, Nodes, Surroundings};
use crate::receipt::Receipt;
use crate::setup::held::HeldPort;
use crate::setup::keys::Keys;
use crate::setup::options::{LabError, LabOptions};
use crate::setup::program::Program;
use raftdeck_links::{ClusterClock, Listeners, Outlet};
use raftdeck_model::{Ability, Capabilities, Command, CommandId, MAX_NODES, News, Source, Update};
use raftdeck_raft::NodeId;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The most commands that wait to be carried out. Each takes the lab microseconds.
const MAX_COMMANDS: usize = 1024;

/// Commands that found no room.
type LeftOut = Arc<Mutex<Vec<CommandId>>>;

/// A running cluster. Dropping it stops it, like [`Lab::stop`].
#[derive(Debug)]
pub struct Lab {
    commands: mpsc::Sender<Command>,
    /// Commands that found no room and are not refused yet.
    left_out: LeftOut,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
    capabilities: Capabilities,
}

impl Lab {
    /// Starts a cluster and returns without waiting until it is ready.
    ///
    /// Every update goes to `sink`, first [`News::Cluster`]. The sink is called on the lab's own thread and blocks everything while
    /// it works, so it should only pass the update on; it must not own the lab.
    pub fn start(
        mut options: LabOptions,
        sink: impl Fn(Update) + Send + Sync + 'static,
    ) -> Result<Self, LabError> {
        options.validate()?;
        let system = |what| move |source| LabError::System { what, source };
        let program = Program::at(&options.executable);
        let data_dir = DataDir::prepare(&options)?;
        let nodes = data_dir.record().nodes();
        if options.direct {
            options.settle_ports(&nodes)?;
        }
        let reserved = options.reserve_ports(&nodes)?;
        let listeners = if options.direct { Ok(Listeners::none()) } else { Listeners::bind(&nodes) }
            .map_err(system("the ports of the links cannot be opened"))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(system("its runtime cannot be made"))?;
        let (commands, queue) = mpsc::channel(MAX_COMMANDS);
        let left_out = LeftOut::default();
        let stop = CancellationToken::new();
        let keys = Keys::cut(options.client_token.clone())
            .map_err(system("the system has no random numbers for its tokens"))?;
        let clock = ClusterClock::start(options.rate);
        let capabilities = capabilities(&options);
        let cluster = Cluster {
            capabilities: capabilities.clone(),
            keys,
            outlet: Outlet::new(clock.reader(), sink),
            clock,
            queue,
            left_out: Arc::clone(&left_out),
            stop: stop.clone(),
            options,
            data_dir,
            ports: reserved,
            program,
        };
        let thread = std::thread::Builder::new()
            .name("lab".to_owned())
            .spawn(move || runtime.block_on(cluster.run(listeners)))
            .map_err(system("its thread cannot be started"))?;
        Ok(Self { commands, left_out, stop, thread: Some(thread), capabilities })
    }

    /// Ends every process and returns when all are gone, after a moment at most: a node has 300 ms to end in an orderly way. The data
    /// stays if a directory was named, and is removed if not.
    pub fn stop(self) {
        drop(self);
    }
}

impl Source for Lab {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn send(&self, command: Command) {
        if let Err(error) = self.commands.try_send(command) {
            let id = error.into_inner().id;
            self.left_out.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        }
    }
}

fn capabilities(options: &LabOptions) -> Capabilities {
    let mut capabilities = Capabilities::all();
    if options.direct {
        let why =
            "messages cannot be changed: the nodes are connected without links (start without --direct)";
        capabilities = capabilities.without(Ability::Links, why);
    }
    if !cfg!(target_os = "linux") {
        capabilities =
            capabilities.without(Ability::DiskRoom, "only Linux can limit the files of a running process");
    }
    capabilities
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic of the lab's thread has been printed by its hook, and its children ended with it.
            let _ = thread.join();
        }
    }
}

/// What the lab's thread starts with.
struct Cluster {
    capabilities: Capabilities,
    keys: Keys,
    options: LabOptions,
    data_dir: DataDir,
    ports: Vec<(NodeId, HeldPort)>,
    program: Program,
    clock: ClusterClock,
    outlet: Outlet,
    queue: mpsc::Receiver<Command>,
    left_out: LeftOut,
    stop: CancellationToken,
}

impl Cluster {
    async fn run(self, listeners: Listeners) {
        let Self {
            capabilities,
            keys,
            options,
            data_dir,
            ports,
            program,
            clock,
            outlet,
            mut queue,
            left_out,
            stop,
        } = self;
        let (left, mut leaving) = mpsc::channel(usize::from(MAX_NODES));
        let surroundings =
            Surroundings { clock, outlet: outlet.clone(), stop: stop.clone(), left, keys, ports, program };
        let mut nodes = match Nodes::start(options, data_dir, listeners, surroundings) {
            Ok(nodes) => nodes,
            Err(error) => {
                outlet.complain(format!("the links cannot be opened: {error}"));
                return stop.cancelled().await;
            }
        };
        while let Some(next) = next(&stop, &mut queue, &mut leaving, &mut nodes).await {
            match next {
                LabInput::Command(Command { id, what }) => {
                    let receipt = Receipt::new(id, outlet.clone());
                    match capabilities.allow(&what) {
                        Ok(()) => nodes.carry_out(what, receipt),
                        Err(lacking) => receipt.refuse(lacking.to_string()),
                    }
                }
                LabInput::Left(node, receipt) => nodes.dismiss(node, receipt),
                LabInput::Happened(happened) => nodes.hear(happened),
            }
            let left_out = std::mem::take(&mut *left_out.lock().unwrap_or_else(PoisonError::into_inner));
            for id in left_out {
                outlet.tell(News::Refused {
                    id,
                    reason: format!("more than {MAX_COMMANDS} commands are pending: this one was dropped"),
                });
            }
        }
        nodes.end().await;
    }
}

/// The lab's inputs. None of them is waited for by blocking.
enum LabInput {
    /// A command was received.
    Command(Command),
    /// A node is no longer a member of the cluster.
    Left(NodeId, Receipt),
    /// Something happened without a command.
    Happened(Happened),
}

/// `None`: the lab is stopped.
async fn next(
    stop: &CancellationToken,
    queue: &mut mpsc::Receiver<Command>,
    leaving: &mut mpsc::Receiver<(NodeId, Receipt)>,
    nodes: &mut Nodes,
) -> Option<LabInput> {
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        Some(command) = queue.recv() => Some(LabInput::Command(command)),
        Some((node, receipt)) = leaving.recv() => Some(LabInput::Left(node, receipt)),
        happened = nodes.next() => Some(LabInput::Happened(happened)),
    }
}
