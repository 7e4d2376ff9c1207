//! The lab: a handle for the caller, and a thread of its own on which everything runs.
//!
//! The thread is the children's parent: on Linux a managed node asks the kernel to be killed when the *thread* that
//! started it ends. So children are started on the lab's thread, which ends after the last of them.

use crate::etcd::{self, EtcdOptions, SignsOfLife};
use crate::files::data_dir::{DataDir, WantedData};
use crate::files::record::DataOf;
use crate::nodes::engine::Engine;
use crate::nodes::{Happened, Nodes, Surroundings};
use crate::raftdeck::keys::Keys;
use crate::raftdeck::{Beginnings, Raftdeck};
use crate::setup::options::{LabError, LabOptions};
use crate::setup::program::Program;
use raftdeck_links::{ClockReader, ClusterClock, Listeners, Outlet};
use raftdeck_model::{Capabilities, Command, CommandId, News, Source, Update};
use raftdeck_source::Receipt;
use std::io;
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
    /// Starts a cluster of raftdeck nodes and returns without waiting until it is ready.
    ///
    /// Every update goes to `sink`, first [`News::Cluster`]. The sink is called on the lab's own thread and blocks everything while
    /// it works, so it should only pass the update on; it must not own the lab.
    pub fn start(
        mut options: LabOptions,
        sink: impl Fn(Update) + Send + Sync + 'static,
    ) -> Result<Self, LabError> {
        options.validate()?;
        let program = Program::at(&options.executable);
        let data_dir = DataDir::prepare(&WantedData {
            path: options.data_dir.as_deref(),
            nodes: options.nodes,
            engine: DataOf::Raftdeck,
            guard: options.guard.as_deref(),
        })?;
        let nodes = data_dir.record().nodes();
        if options.direct {
            options.settle_ports(&nodes)?;
        }
        let ports = options.reserve_ports(&nodes)?;
        let listeners = if options.direct { Ok(Listeners::none()) } else { Listeners::bind(&nodes) }
            .map_err(LabError::system("the ports of the links cannot be opened"))?;
        let keys = Keys::cut(options.client_token.clone())
            .map_err(LabError::system("the system has no random numbers for its tokens"))?;
        let clock = ClusterClock::start(options.rate);
        let (reader, capabilities) = (clock.reader(), Raftdeck::capabilities(&options));
        let with = Beginnings { options, data_dir, listeners, keys, ports, program, clock };
        Self::run(capabilities, reader, sink, |surroundings| Raftdeck::start(with, surroundings))
    }

    /// The same for a cluster of etcd members.
    pub fn start_etcd(
        options: EtcdOptions,
        sink: impl Fn(Update) + Send + Sync + 'static,
    ) -> Result<Self, LabError> {
        let signs = SignsOfLife::default();
        let with = etcd::Beginnings::prepare(options, signs.clone())?;
        let clock = ClusterClock::start(with.rate());
        let sink = move |update: Update| {
            signs.note(&update);
            sink(update);
        };
        Self::run(etcd::Beginnings::capabilities(), clock.reader(), sink, |surroundings| {
            with.start(surroundings)
        })
    }

    /// Runs an engine on a thread of its own.
    fn run<E: Engine>(
        capabilities: Capabilities,
        clock: ClockReader,
        sink: impl Fn(Update) + Send + Sync + 'static,
        start: impl FnOnce(Surroundings) -> io::Result<Nodes<E>> + Send + 'static,
    ) -> Result<Self, LabError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(LabError::system("its runtime cannot be made"))?;
        let (commands, queue) = mpsc::channel(MAX_COMMANDS);
        let left_out = LeftOut::default();
        let stop = CancellationToken::new();
        let outlet = Outlet::new(clock.clone(), sink);
        let surroundings = Surroundings { outlet: outlet.clone(), stop: stop.clone(), clock };
        let cluster = Cluster {
            capabilities: capabilities.clone(),
            outlet,
            queue,
            left_out: Arc::clone(&left_out),
            stop: stop.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("lab".to_owned())
            .spawn(move || runtime.block_on(async move { cluster.run(start(surroundings)).await }))
            .map_err(LabError::system("its thread cannot be started"))?;
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
    outlet: Outlet,
    queue: mpsc::Receiver<Command>,
    left_out: LeftOut,
    stop: CancellationToken,
}

impl Cluster {
    async fn run<E: Engine>(self, nodes: io::Result<Nodes<E>>) {
        let Self { capabilities, outlet, mut queue, left_out, stop } = self;
        let mut nodes = match nodes {
            Ok(nodes) => nodes,
            Err(error) => {
                outlet.complain(format!("the links cannot be opened: {error}"));
                return stop.cancelled().await;
            }
        };
        while let Some(next) = next(&stop, &mut queue, &mut nodes).await {
            match next {
                LabInput::Command(Command { id, what }) => {
                    let receipt = Receipt::new(id, outlet.clone());
                    match capabilities.allow(&what) {
                        Ok(()) => nodes.carry_out(what, receipt),
                        Err(lacking) => receipt.refuse(lacking.to_string()),
                    }
                }
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
enum LabInput<E> {
    /// A command was received.
    Command(Command),
    /// Something happened without a command.
    Happened(Happened<E>),
}

/// `None`: the lab is stopped.
async fn next<E: Engine>(
    stop: &CancellationToken,
    queue: &mut mpsc::Receiver<Command>,
    nodes: &mut Nodes<E>,
) -> Option<LabInput<E::Happened>> {
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        Some(command) = queue.recv() => Some(LabInput::Command(command)),
        happened = nodes.next() => Some(LabInput::Happened(happened)),
    }
}
