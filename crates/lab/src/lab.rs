//! The lab: a handle for the caller, and behind it one thread on which everything runs.
//!
//! The thread is the children's parent: on Linux a managed node asks the kernel to be killed when the *thread* that
//! started it ends, so children are started on the lab's thread, which ends after the last of them.

use crate::clients::Clients;
use crate::data_dir::DataDir;
use crate::links::{Links, Listeners, Pair};
use crate::model::{Command, LinkState, Update};
use crate::options::{LabError, LabOptions};
use crate::outlet::Outlet;
use crate::process::Launch;
use crate::reports::Reports;
use crate::supervisor::{Order, Supervisor};
use crate::telemetry;
use crate::whereabouts::{Places, Presence};
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Commands that wait to be carried out. Each takes the lab microseconds.
const MAX_COMMANDS: usize = 1024;

/// Orders that wait for one node's supervisor, which may be busy with an ending process for half a second.
const MAX_ORDERS: usize = 64;

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
        options: LabOptions,
        sink: impl Fn(Update) + Send + Sync + 'static,
    ) -> Result<Self, LabError> {
        options.validate()?;
        let system = |what| move |source| LabError::System { what, source };
        let data_dir = DataDir::prepare(&options)?;
        let reserved = options.reserve_ports()?;
        let listeners =
            Listeners::bind(&options.members()).map_err(system("the links' ports cannot be opened"))?;
        drop(reserved);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(system("its runtime cannot be made"))?;
        let (commands, queue) = mpsc::channel(MAX_COMMANDS);
        let left_out = Arc::new(AtomicU64::new(0));
        let stop = CancellationToken::new();
        let cluster = Cluster {
            outlet: Outlet::new(sink),
            queue,
            left_out: Arc::clone(&left_out),
            stop: stop.clone(),
            options,
            data_dir,
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
    options: LabOptions,
    data_dir: DataDir,
    outlet: Outlet,
    queue: mpsc::Receiver<Command>,
    left_out: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl Cluster {
    async fn run(mut self, listeners: Listeners) {
        self.outlet.tell(self.introduction());
        let launches: BTreeMap<NodeId, Launch> = self
            .options
            .members()
            .into_iter()
            .map(|node| (node, launch(&self.options, &self.data_dir, &listeners, node)))
            .collect();
        let mut places = Places::new();
        let mut orders = BTreeMap::new();
        let mut supervisors = JoinSet::new();
        for (node, launch) in launches {
            let (presence, place) = Presence::new();
            places.insert(node, place);
            let (sender, receiver) = mpsc::channel(MAX_ORDERS);
            orders.insert(node, sender);
            let supervisor = Supervisor::new(node, launch, self.outlet.clone(), presence);
            supervisors.spawn(supervisor.run(receiver, self.stop.clone()));
        }
        match self.open(listeners, &places, orders) {
            Ok(mut controls) => self.obey(&mut controls).await,
            Err(error) => self.outlet.refuse(format!("the links cannot be opened: {error}")),
        }
        self.stop.cancelled().await;
        // Each returns when its process is reaped.
        while supervisors.join_next().await.is_some() {}
    }

    fn open(
        &self,
        listeners: Listeners,
        places: &Places,
        orders: BTreeMap<NodeId, mpsc::Sender<Order>>,
    ) -> io::Result<Controls> {
        let reports = Arc::new(Reports::default());
        let links = Links::open(listeners, places, &reports)?;
        let outlet = self.outlet.clone();
        tokio::spawn(async move { reports.tell_all(&outlet).await });
        let leaders = telemetry::start(places, &self.outlet);
        let clients = Clients::new(places.clone(), leaders, self.outlet.clone());
        Ok(Controls { outlet: self.outlet.clone(), orders, links, clients })
    }

    /// Carries out commands until the lab is stopped. None of them is waited for.
    async fn obey(&mut self, controls: &mut Controls) {
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                Some(command) = self.queue.recv() => controls.carry_out(command),
            }
            let left_out = self.left_out.swap(0, Ordering::Relaxed);
            if left_out > 0 {
                self.outlet.refuse(format!("{left_out} commands came too fast and were left out"));
            }
        }
    }

    fn introduction(&self) -> Update {
        let timing = self.options.timing;
        Update::Cluster {
            nodes: self.options.members(),
            heartbeat_ms: millis(timing.heartbeat),
            election_ms: (millis(timing.election_min), millis(timing.election_max)),
            data_dir: self.data_dir.kept().map(|path| path.display().to_string()),
        }
    }
}

/// Everything that commands act on.
struct Controls {
    outlet: Outlet,
    orders: BTreeMap<NodeId, mpsc::Sender<Order>>,
    links: Links,
    clients: Clients,
}

impl Controls {
    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Kill(node) => self.order(node, Order::Kill),
            Command::Restart(node) => self.order(node, Order::Restart),
            Command::Pause(node) => self.order(node, Order::Pause),
            Command::Resume(node) => self.order(node, Order::Resume),
            Command::Cut(pairs) => self.set_links(&pairs, LinkState::Cut),
            Command::Mend(pairs) => self.set_links(&pairs, LinkState::Open),
            Command::Heal => {
                self.set_links(&self.links.cut(), LinkState::Open);
                self.orders.keys().for_each(|&node| self.order(node, Order::ResumeIfPaused));
            }
            Command::Client { id, op } => self.clients.ask(id, op),
            Command::FetchLog { node, first, limit } => self.clients.fetch_log(node, first, limit),
        }
    }

    fn order(&self, node: NodeId, order: Order) {
        match self.orders.get(&node) {
            None => self.outlet.refuse(format!("there is no {node} in this cluster")),
            Some(supervisor) => {
                if supervisor.try_send(order).is_err() {
                    self.outlet.refuse(format!("{node} has been told too much at once: try again"));
                }
            }
        }
    }

    fn set_links(&self, pairs: &[Pair], state: LinkState) {
        for &(from, to) in pairs {
            if !self.links.has((from, to)) {
                self.outlet.refuse(format!("there is no link from {from} to {to}"));
            } else if self.links.set((from, to), state) {
                self.outlet.tell(Update::Link { from, to, state });
            }
        }
    }
}

/// How a node is started: it finds itself at its own address in the list, and every other node behind a link.
fn launch(options: &LabOptions, data_dir: &DataDir, listeners: &Listeners, node: NodeId) -> Launch {
    let own = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port(node)));
    let address = |&member: &NodeId| listeners.address((node, member)).unwrap_or(own).to_string();
    let cluster = options.members().iter().map(address).collect::<Vec<_>>().join(",");
    let timing = options.timing;
    let election = format!("{}..{}", millis(timing.election_min), millis(timing.election_max));
    let mut args: Vec<OsString> = options.node_args.iter().map(OsString::from).collect();
    args.push("--managed".into());
    let mut give = |name: &str, value: OsString| args.extend([name.into(), value]);
    give("--node-id", node.0.to_string().into());
    give("--bind", own.to_string().into());
    give("--cluster", cluster.into());
    give("--data-dir", data_dir.of(node).into());
    give("--heartbeat", millis(timing.heartbeat).to_string().into());
    give("--election", election.into());
    if let Some(seed) = options.seed {
        give("--seed", seed.wrapping_add(node.0).to_string().into());
    }
    Launch { executable: options.executable.clone(), args }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
