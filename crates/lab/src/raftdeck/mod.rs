//! raftdeck's own nodes: what the lab knows of them and does with them that no other engine's nodes offer. They have telemetry, a clock
//! that their manager sets, timing that can be tuned, and requests of their own protocol.

pub(crate) mod changes;
pub(crate) mod clients;
mod disk_faults;
pub(crate) mod keys;
mod launch;
pub(crate) mod output;
mod relay;
mod stepper;
mod tempo;
mod time;
mod tuning;

use crate::files::data_dir::DataDir;
use crate::nodes::engine::{Engine, JoinAs};
use crate::nodes::{Nodes, Surroundings};
use crate::processes::process::Launch;
use crate::processes::supervisor::{FirstStart, SupervisorTask};
use crate::setup::held::HeldPort;
use crate::setup::options::LabOptions;
use crate::setup::program::Program;
use changes::{Changes, EmptiedNode, Newcomer};
use clients::Clients;
use keys::Keys;
use launch::{Circumstances, launch};
use raftdeck_links::{ClusterClock, Links, Listeners, RaftdeckWire, Whereabouts};
use raftdeck_model::{Ability, Capabilities, ClientName, ClientRequest, Disturbance, MAX_NODES, Order, Step};
use raftdeck_protocol::{ClockRate, DiskPace, Write};
use raftdeck_raft::{LogIndex, NodeId, Tuning};
use raftdeck_source::{Receipt, Watchers, Workload};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use stepper::{StepEnd, Stepper};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// The engine.
pub(crate) struct Raftdeck {
    options: LabOptions,
    /// The program that every node is started from.
    program: Arc<Program>,
    keys: Keys,
    /// Held as long as their nodes belong to the cluster.
    ports: Vec<(NodeId, HeldPort)>,
    stepper: Stepper,
    watchers: Watchers,
    clients: Clients,
    changes: Changes,
    workload: Workload<Clients>,
    /// Nodes that are no longer members of the cluster.
    left: mpsc::Receiver<(NodeId, Receipt)>,
    /// Leases may no longer be used for reads.
    forgo_leases: bool,
    /// All reachable nodes have confirmed that.
    leases_forgone: bool,
    /// Commands that wait for it.
    forgoing: JoinSet<Receipt>,
    /// The command whose step is in progress.
    stepping: Option<Receipt>,
}

/// What happened without a command.
pub(crate) enum Happened {
    /// What a step was waiting for.
    Reached(StepEnd),
    /// All reachable nodes have forgone leases, and the command with this receipt can continue.
    Forgone(Receipt),
    /// A node is no longer a member of the cluster.
    Left(NodeId, Receipt),
}

/// What the engine is started with.
pub(crate) struct Beginnings {
    pub(crate) options: LabOptions,
    pub(crate) data_dir: DataDir,
    pub(crate) listeners: Listeners,
    pub(crate) keys: Keys,
    /// The nodes' ports, if they were chosen beforehand.
    pub(crate) ports: Vec<(NodeId, HeldPort)>,
    pub(crate) program: Program,
    /// The clock of the links.
    pub(crate) clock: ClusterClock,
}

impl Raftdeck {
    /// What a cluster with these options can do.
    pub(crate) fn capabilities(options: &LabOptions) -> Capabilities {
        let mut capabilities = Capabilities::all();
        if options.direct {
            let why =
                "messages cannot be changed: the nodes are connected without links (start without --direct)";
            capabilities = capabilities.without(Ability::Links, why);
        }
        if !cfg!(target_os = "linux") {
            capabilities = capabilities
                .without(Ability::DiskRoom, "only Linux can limit the files of a running process");
        }
        capabilities
    }

    /// Starts every node in the data directory.
    pub(crate) fn start(with: Beginnings, surroundings: Surroundings) -> io::Result<Nodes<Self>> {
        let Beginnings { options, data_dir, listeners, keys, ports, program, clock } = with;
        let outlet = surroundings.outlet.clone();
        let (manager, client) = (keys.manager(), keys.client());
        let (leaves, left) = mpsc::channel(usize::from(MAX_NODES));
        let watchers = Watchers::start(&outlet, client.clone());
        let clients = Clients::new(client, outlet.clone());
        let engine = Self {
            options,
            program: Arc::new(program),
            keys,
            ports,
            stepper: Stepper::new(clock, manager.clone(), watchers.milestones(), outlet.clone()),
            watchers,
            changes: Changes::new(clients.clone(), manager, outlet.clone(), leaves),
            workload: Workload::new(clients.clone(), outlet),
            clients,
            left,
            forgo_leases: false,
            leases_forgone: false,
            forgoing: JoinSet::new(),
            stepping: None,
        };
        Nodes::start(engine, RaftdeckWire, data_dir, listeners, surroundings)
    }
}

impl Engine for Raftdeck {
    type Wire = RaftdeckWire;
    type Happened = Happened;

    fn tuning(&self) -> Tuning {
        self.options.tuning()
    }

    fn launch(nodes: &Nodes<Self>, node: NodeId) -> Launch {
        let Self { program, keys, forgo_leases, options, stepper, .. } = &nodes.engine;
        let now = Circumstances { program, keys, rate: stepper.rate(), forgo_leases: *forgo_leases };
        launch(options, &nodes.data_dir, &nodes.links, now, node)
    }

    fn set_up(&self, links: &mut Links<RaftdeckWire>) {
        links.traffic().seed(self.options.seed.unwrap_or_default());
        if self.options.direct {
            let options = self.options.clone();
            links.bypass(move |node| SocketAddr::from((Ipv4Addr::LOCALHOST, options.port(node))));
        }
    }

    fn make_room(&mut self, node: NodeId, others: &[NodeId]) -> Result<Listeners, String> {
        // Of an attempt that failed.
        self.ports.retain(|(owner, _)| *owner != node);
        let ports = self.options.reserve_ports(&[node]).map_err(|error| error.to_string())?;
        let to_others = if self.options.direct { &[][..] } else { others };
        let listeners = Listeners::bind_new(node, to_others)
            .map_err(|error| format!("its links' ports cannot be opened: {error}"))?;
        self.ports.extend(ports);
        Ok(listeners)
    }

    fn keeps(&mut self, node: NodeId, place: watch::Receiver<Whereabouts>) {
        self.stepper.tempo().add(node, place.clone());
        if self.options.watched {
            self.watchers.watch(node, place.clone());
        }
        self.clients.add(node, place);
    }

    fn forgets(nodes: &mut Nodes<Self>, node: NodeId) {
        nodes.engine.ports.retain(|(owner, _)| *owner != node);
        nodes.engine.stepper.tempo().remove(node);
        nodes.set_timing();
        nodes.engine.clients.remove(node);
        nodes.engine.clients.obey(&nodes.in_force.all());
    }

    fn refuses(&self, _: &Order) -> Option<String> {
        None
    }

    fn first_start(&self, _: NodeId) -> FirstStart {
        FirstStart::AtOnce
    }

    fn wipes(_: &mut Nodes<Self>, _: NodeId) {}

    async fn next(&mut self) -> Happened {
        let Self { stepper, forgoing, left, .. } = self;
        loop {
            tokio::select! {
                Some((node, receipt)) = left.recv() => return Happened::Left(node, receipt),
                Some(forgone) = forgoing.join_next() => if let Ok(receipt) = forgone {
                    return Happened::Forgone(receipt);
                },
                reached = stepper.reached() => return Happened::Reached(reached),
            }
        }
    }

    fn hear(nodes: &mut Nodes<Self>, happened: Happened) {
        match happened {
            Happened::Reached(reached) => nodes.reached(reached),
            Happened::Forgone(receipt) => nodes.leases_are_forgone(receipt),
            Happened::Left(node, receipt) => nodes.dismiss(node, receipt),
        }
    }

    fn obey(nodes: &mut Nodes<Self>, changed: &Disturbance, in_force: bool, receipt: Receipt) {
        match *changed {
            Disturbance::Disk(node, pace) => {
                nodes.engine.stepper.tempo().set_disk(node, if in_force { pace } else { DiskPace::Free });
                nodes.done_when_settled(receipt);
            }
            Disturbance::ClientAt(..) | Disturbance::ClientLinks(..) => {
                nodes.engine.clients.obey(&nodes.in_force.all());
                receipt.done();
            }
            _ => nodes.set_timing_for(receipt),
        }
    }

    fn admits(&self, client: &ClientName) -> Result<(), String> {
        self.clients.admit(client)
    }

    fn set_rate(nodes: &mut Nodes<Self>, rate: ClockRate, receipt: Receipt) {
        nodes.set_rate(rate, receipt);
    }

    fn step(nodes: &mut Nodes<Self>, step: Step, receipt: Receipt) {
        nodes.step(step, receipt);
    }

    fn refresh(nodes: &mut Nodes<Self>, receipt: Receipt) {
        nodes.refresh(receipt);
    }

    fn ask(nodes: &mut Nodes<Self>, request: ClientRequest, receipt: Receipt) {
        nodes.engine.clients.ask(request, receipt);
    }

    fn open_session(nodes: &mut Nodes<Self>, receipt: Receipt) {
        nodes.engine.clients.open_session(receipt);
    }

    fn propose(nodes: &mut Nodes<Self>, node: NodeId, write: Write, receipt: Receipt) {
        nodes.engine.clients.propose(node, write, receipt);
    }

    fn fetch_log(nodes: &mut Nodes<Self>, node: NodeId, first: LogIndex, limit: u32, receipt: Receipt) {
        nodes.engine.clients.fetch_log(node, first, limit, receipt);
    }

    fn workload(nodes: &mut Nodes<Self>, on: bool, receipt: Receipt) {
        nodes.engine.workload.switch(on, receipt);
    }

    fn add(nodes: &mut Nodes<Self>, joins_as: JoinAs, receipt: Receipt) {
        match nodes.start_newcomer() {
            Ok(newcomer) => nodes.engine.changes.add(newcomer, joins_as, receipt),
            Err(why) => receipt.refuse(format!("no node can be added: {why}")),
        }
    }

    fn promote(nodes: &mut Nodes<Self>, node: NodeId, receipt: Receipt) {
        nodes.engine.changes.promote(node, receipt);
    }

    fn remove(nodes: &mut Nodes<Self>, node: NodeId, receipt: Receipt) {
        nodes.engine.changes.remove(node, receipt);
    }

    fn replace(nodes: &mut Nodes<Self>, node: NodeId, receipt: Receipt) {
        let Some(place) = nodes.places.get(&node).cloned() else { return };
        let (done, obeyed) = oneshot::channel();
        nodes.instruct_undoing(node, SupervisorTask::Report(done), receipt.part());
        nodes.engine.changes.replace(EmptiedNode { node, place, obeyed }, receipt);
    }

    fn transfer(nodes: &mut Nodes<Self>, node: NodeId, receipt: Receipt) {
        nodes.engine.changes.transfer(node, receipt);
    }

    fn campaign(nodes: &mut Nodes<Self>, node: NodeId, receipt: Receipt) {
        nodes.forgo_leases();
        nodes.engine.changes.campaign(node, &nodes.ids(), receipt);
    }

    fn time_out(nodes: &mut Nodes<Self>, node: NodeId, receipt: Receipt) {
        nodes.engine.changes.time_out(node, receipt);
    }

    fn skew(nodes: &mut Nodes<Self>, node: NodeId, by: Duration, receipt: Receipt) {
        // Checked first: a refused command ends no leases.
        if let Some(why) = nodes.engine.changes.refuses_skew(node, &nodes.paused()) {
            return receipt.refuse(why);
        }
        nodes.forgo_leases();
        nodes.engine.changes.skew(node, by, &nodes.ids(), receipt);
    }
}

impl Nodes<Raftdeck> {
    /// Starts a new process with links to all others. Its membership is requested afterwards.
    fn start_newcomer(&mut self) -> Result<Newcomer, String> {
        let others = self.ids();
        let (node, presence) = self.make_room()?;
        let known = |&other: &NodeId| {
            Some((other, self.places.get(&other)?.clone(), self.links.address((other, node))?))
        };
        let others = others.iter().filter_map(known).collect();
        let place = presence.watch();
        self.keep(node, presence, FirstStart::AtOnce);
        self.renew_launches();
        self.set_timing();
        Ok(Newcomer { node, place, others })
    }
}
