//! All nodes of a lab and everything that belongs to each of them: its supervisor, its links, its watchers. They are created and
//! removed together, so that nothing of a removed node is left.
//!
//! The nodes themselves decide the *membership*: see `requests::changes`.

use crate::faults::in_force::InForce;
use crate::files::data_dir::{DataDir, wipe};
use crate::news::telemetry::Watchers;
use crate::processes::launch::{Circumstances, launch, millis};
use crate::processes::process::Launch;
use crate::processes::supervisor::{Instruction, Supervisor, SupervisorTask};
use crate::receipt::Receipt;
use crate::requests::changes::{Changes, EmptiedNode, JoinAs, Newcomer};
use crate::requests::clients::Clients;
use crate::requests::workload::Workload;
use crate::setup::held::HeldPort;
use crate::setup::keys::Keys;
use crate::setup::options::LabOptions;
use crate::setup::program::Program;
use crate::time::stepper::{StepEnd, Stepper};
use raftdeck_links::{ClusterClock, LinkNews, Links, Listeners, Outlet, Places, Presence, RaftdeckWire};
use raftdeck_model::{ChangeStep, ClientRequest, Disturbance, MAX_NODES, News, Order, SEEK_NEEDS_RECORDING};
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

mod faults;
mod time;
mod tuning;

/// The most instructions that wait for one node's supervisor, which may be busy with an ending process for half a second.
const MAX_INSTRUCTIONS: usize = 64;

/// Additional room for instructions that undo something: a refused undo would leave a node paused although the ledger says it is not.
/// It is enough for one heal; further ones that wait for the same node would change nothing.
const MAX_UNDOING: usize = 16;

/// Everything that commands act on.
pub(crate) struct Nodes {
    options: LabOptions,
    /// The program that every node is started from.
    program: Arc<Program>,
    data_dir: DataDir,
    keys: Keys,
    /// Held as long as their nodes belong to the cluster.
    ports: Vec<(NodeId, HeldPort)>,
    outlet: Outlet,
    stop: CancellationToken,
    kept: BTreeMap<NodeId, NodeHandle>,
    places: Places,
    links: Links<RaftdeckWire>,
    stepper: Stepper,
    in_force: InForce,
    watchers: Watchers,
    clients: Clients,
    changes: Changes,
    workload: Workload,
    /// Leases may no longer be used for reads.
    forgo_leases: bool,
    /// All reachable nodes have confirmed that.
    leases_forgone: bool,
    /// Commands that wait for it.
    forgoing: JoinSet<Receipt>,
    supervisors: JoinSet<NodeId>,
    /// The command whose step is in progress.
    stepping: Option<Receipt>,
    /// Nodes that have left the cluster and whose processes are ending, with the commands that removed them.
    leaving: BTreeMap<NodeId, Receipt>,
}

/// One node.
struct NodeHandle {
    instructions: mpsc::Sender<Instruction>,
    /// How it is started the next time.
    launch: watch::Sender<Launch>,
    /// Ends it.
    stop: CancellationToken,
}

/// What happened without a command.
pub(crate) enum Happened {
    /// A node's process has ended and is not restarted.
    Ended(NodeId),
    /// What a step was waiting for.
    Reached(StepEnd),
    /// All reachable nodes have forgone leases, and the command with this receipt can continue.
    Forgone(Receipt),
    /// What happened to rules.
    OnLinks(Vec<LinkNews>),
}

/// What commands need besides the nodes.
pub(crate) struct Surroundings {
    /// The clock of the links, which gives the time of all updates.
    pub(crate) clock: ClusterClock,
    /// Where news goes.
    pub(crate) outlet: Outlet,
    /// Stops everything.
    pub(crate) stop: CancellationToken,
    /// Where nodes that have left the cluster are named, for [`Nodes::dismiss`].
    pub(crate) left: mpsc::Sender<(NodeId, Receipt)>,
    /// The cluster's tokens.
    pub(crate) keys: Keys,
    /// The nodes' ports, if they were chosen beforehand.
    pub(crate) ports: Vec<(NodeId, HeldPort)>,
    /// What every node is started from.
    pub(crate) program: Program,
}

impl Nodes {
    /// Starts every node in the data directory. [`News::Cluster`] is reported first.
    pub(crate) fn start(
        options: LabOptions,
        data_dir: DataDir,
        listeners: Listeners,
        surroundings: Surroundings,
    ) -> io::Result<Self> {
        let Surroundings { clock, outlet, stop, left, keys, ports, program } = surroundings;
        let (manager, client) = (keys.manager(), keys.client());
        let ids = data_dir.record().nodes();
        let presences: Vec<(NodeId, Presence)> =
            ids.into_iter().map(|node| (node, Presence::default())).collect();
        let places: Places = presences.iter().map(|(node, presence)| (*node, presence.watch())).collect();
        let mut links = Links::open(RaftdeckWire, listeners, &places, clock.reader(), outlet.clone())?;
        let traffic = Arc::clone(links.traffic());
        traffic.seed(options.seed.unwrap_or_default());
        if options.direct {
            let options = options.clone();
            links.bypass(move |node| SocketAddr::from((Ipv4Addr::LOCALHOST, options.port(node))));
        }
        tokio::spawn(async move { traffic.tell_all().await });
        let watchers = Watchers::start(&outlet, client.clone());
        let clients = Clients::new(client, outlet.clone());
        let changes = Changes::new(clients.clone(), manager.clone(), outlet.clone(), left);
        let workload = Workload::new(clients.clone(), outlet.clone());
        let stepper = Stepper::new(clock, manager, watchers.milestones(), outlet.clone());
        let in_force = InForce::new(outlet.clone());
        let (kept, supervisors, leaving) = (BTreeMap::new(), JoinSet::new(), BTreeMap::new());
        let mut nodes = Self {
            options,
            program: Arc::new(program),
            data_dir,
            keys,
            ports,
            outlet,
            stop,
            kept,
            places,
            links,
            stepper,
            in_force,
            watchers,
            clients,
            changes,
            workload,
            forgo_leases: false,
            leases_forgone: false,
            forgoing: JoinSet::new(),
            supervisors,
            stepping: None,
            leaving,
        };
        nodes.introduce();
        nodes.stepper.tell();
        for (node, presence) in presences {
            nodes.keep(node, presence);
        }
        Ok(nodes)
    }

    /// Reports which nodes there are.
    fn introduce(&self) {
        let timing = self.options.timing;
        self.outlet.tell(News::Cluster {
            nodes: self.places.keys().copied().collect(),
            heartbeat_ms: millis(timing.heartbeat),
            election_ms: (millis(timing.election_min), millis(timing.election_max)),
            data_dir: self.data_dir.kept().map(|path| path.display().to_string()),
        });
    }

    /// Starts a node that has its whereabouts and its links.
    fn keep(&mut self, node: NodeId, presence: Presence) {
        let place = presence.watch();
        let (launch, launches) = watch::channel(self.launch(node));
        let (instructions, receiver) = mpsc::channel(MAX_INSTRUCTIONS + MAX_UNDOING);
        let stop = self.stop.child_token();
        let in_force = self.in_force.clone();
        let supervisor =
            Supervisor::new(node, launches, self.data_dir.of(node), in_force, self.outlet.clone(), presence);
        self.supervisors.spawn(supervisor.run(receiver, stop.clone()));
        self.kept.insert(node, NodeHandle { instructions, launch, stop });
        self.stepper.tempo().add(node, place.clone());
        if self.options.watched {
            self.watchers.watch(node, place.clone());
        }
        self.clients.add(node, place);
    }

    /// Nodes that start from now on know the present nodes.
    fn renew_launches(&self) {
        for (&node, kept) in &self.kept {
            kept.launch.send_replace(self.launch(node));
        }
    }

    fn circumstances(&self) -> Circumstances<'_> {
        let (rate, forgo_leases) = (self.stepper.rate(), self.forgo_leases);
        Circumstances { program: &self.program, keys: &self.keys, rate, forgo_leases }
    }

    fn launch(&self, node: NodeId) -> Launch {
        launch(&self.options, &self.data_dir, &self.links, self.circumstances(), node)
    }

    /// Carries out an order, or starts it and passes the receipt on.
    pub(crate) fn carry_out(&mut self, order: Order, receipt: Receipt) {
        match order {
            Order::Kill(node) => self.instruct(node, SupervisorTask::Kill, receipt),
            Order::Stop(node) => self.instruct(node, SupervisorTask::Stop, receipt),
            Order::Restart(node) => self.instruct(node, SupervisorTask::Restart, receipt),
            Order::Wipe(node) => self.instruct(node, SupervisorTask::Wipe, receipt),
            Order::WipeUnsafe(node) => self.instruct(node, SupervisorTask::Forget, receipt),
            Order::LoseTail(node, bytes) => self.instruct(node, SupervisorTask::LoseTail(bytes), receipt),
            Order::Pause(node) => self.disturb(Disturbance::Paused(node), receipt),
            Order::Resume(node) => self.resume(node, receipt),
            Order::Slow(node, percent) => self.disturb(Disturbance::Slowed(node, percent), receipt),
            Order::FillDisk(node, bytes) => self.disturb(Disturbance::DiskFull(node, bytes), receipt),
            Order::Cut(pairs) => self.cut(&pairs, receipt),
            Order::Mend(pairs) => self.mend(&pairs, receipt),
            Order::Disturb(what) => self.disturb(what, receipt),
            Order::Undo(which) => self.undo(which, receipt),
            Order::Heal => self.heal(receipt),
            Order::Release(which) => self.release(&which, receipt),
            Order::Drop(which) => self.lose(&which, receipt),
            Order::Seed(seed) => {
                self.links.traffic().seed(seed);
                receipt.done();
            }
            Order::SetRate(rate) => self.set_rate(rate, receipt),
            Order::Seek(_) => receipt.refuse(SEEK_NEEDS_RECORDING),
            Order::Step(step) => self.step(step, receipt),
            Order::Client(request) => self.ask(request, receipt),
            Order::OpenSession => self.clients.open_session(receipt),
            Order::Propose(node, write) => {
                self.with(node, receipt, |receipt| self.clients.propose(node, write, receipt));
            }
            Order::FetchLog { node, first, limit } => {
                self.with(node, receipt, |receipt| self.clients.fetch_log(node, first, limit, receipt));
            }
            Order::Refresh => self.refresh(receipt),
            Order::AddNode => self.add(JoinAs::Voter, receipt),
            Order::AddLearner => self.add(JoinAs::Learner, receipt),
            Order::Promote(node) => {
                self.with(node, receipt, |receipt| self.changes.promote(node, receipt));
            }
            Order::RemoveNode(node) => {
                self.with(node, receipt, |receipt| self.changes.remove(node, receipt));
            }
            Order::ReplaceNode(node) => self.replace(node, receipt),
            Order::Transfer(node) => {
                self.with(node, receipt, |receipt| self.changes.transfer(node, receipt));
            }
            Order::Campaign(node) => self.campaign(node, receipt),
            Order::TimeOut(node) => {
                self.with(node, receipt, |receipt| self.changes.time_out(node, receipt));
            }
            Order::SkewClock(node, by) => self.skew(node, by, receipt),
            Order::Workload(on) => self.workload.switch(on, receipt),
        }
    }

    /// Returns the receipt if there is such a node.
    fn there_is(&self, node: NodeId, receipt: Receipt) -> Option<Receipt> {
        if self.kept.contains_key(&node) {
            return Some(receipt);
        }
        receipt.refuse(format!("there is no {node} in this cluster"));
        None
    }

    /// Acts if there is such a node.
    fn with(&self, node: NodeId, receipt: Receipt, act: impl FnOnce(Receipt)) {
        if let Some(receipt) = self.there_is(node, receipt) {
            act(receipt);
        }
    }

    /// Returns the receipt if there is such a node and its supervisor has room for one more instruction.
    fn can_instruct(&self, node: NodeId, receipt: Receipt) -> Option<Receipt> {
        self.there_is(node, receipt).and_then(|receipt| self.has_room(node, receipt))
    }

    /// Instructs the node's supervisor, unless too many instructions wait there already.
    fn instruct(&self, node: NodeId, task: SupervisorTask, receipt: Receipt) {
        if let Some(receipt) = self.can_instruct(node, receipt) {
            self.instruct_undoing(node, task, receipt);
        }
    }

    /// The same for an instruction that undoes something. A node that no longer exists needs nothing undone.
    fn instruct_undoing(&self, node: NodeId, task: SupervisorTask, receipt: Receipt) {
        let Some(kept) = self.kept.get(&node) else { return receipt.done() };
        if let Err(error) = kept.instructions.try_send(Instruction { task, receipt }) {
            error.into_inner().receipt.refuse(too_much(node));
        }
    }

    /// Returns the receipt if the node's supervisor has room for one more instruction.
    fn has_room(&self, node: NodeId, receipt: Receipt) -> Option<Receipt> {
        if self.kept.get(&node).is_none_or(|kept| kept.instructions.capacity() > MAX_UNDOING) {
            return Some(receipt);
        }
        receipt.refuse(too_much(node));
        None
    }

    fn ask(&self, request: ClientRequest, receipt: Receipt) {
        match request.at {
            Some(node) => self.with(node, receipt, |receipt| self.clients.ask(request, receipt)),
            None => self.clients.ask(request, receipt),
        }
    }

    fn campaign(&mut self, node: NodeId, receipt: Receipt) {
        let Some(receipt) = self.there_is(node, receipt) else { return };
        self.forgo_leases();
        let all: Vec<NodeId> = self.kept.keys().copied().collect();
        self.changes.campaign(node, &all, receipt);
    }

    fn skew(&mut self, node: NodeId, by: Duration, receipt: Receipt) {
        let Some(receipt) = self.there_is(node, receipt) else { return };
        // Checked first: a refused command ends no leases.
        if let Some(why) = self.changes.refuses_skew(node, &self.paused()) {
            return receipt.refuse(why);
        }
        self.forgo_leases();
        let all: Vec<NodeId> = self.kept.keys().copied().collect();
        self.changes.skew(node, by, &all, receipt);
    }

    fn replace(&self, node: NodeId, receipt: Receipt) {
        let (Some(receipt), Some(place)) = (self.can_instruct(node, receipt), self.places.get(&node)) else {
            return;
        };
        let (done, obeyed) = oneshot::channel();
        self.instruct_undoing(node, SupervisorTask::Report(done), receipt.part());
        self.changes.replace(EmptiedNode { node, place: place.clone(), obeyed }, receipt);
    }

    fn add(&mut self, joins_as: JoinAs, receipt: Receipt) {
        if self.kept.len() >= usize::from(MAX_NODES) {
            return receipt.refuse(format!("there are {MAX_NODES} nodes already, which is the maximum"));
        }
        match self.try_add() {
            Ok(newcomer) => self.changes.add(newcomer, joins_as, receipt),
            Err(why) => receipt.refuse(format!("no node can be added: {why}")),
        }
    }

    /// Starts a new process with links to all others. Its membership is requested afterwards.
    fn try_add(&mut self) -> Result<Newcomer, String> {
        let node = self.data_dir.record().next();
        let ports = self.options.reserve_ports(&[node]).map_err(|error| error.to_string())?;
        let others: Vec<NodeId> = self.places.keys().copied().collect();
        let to_others = if self.links.are_bypassed() { &[][..] } else { &others };
        let listeners = Listeners::bind_new(node, to_others)
            .map_err(|error| format!("its links' ports cannot be opened: {error}"))?;
        self.data_dir.add().map_err(|error| format!("it cannot be recorded: {error}"))?;
        self.ports.extend(ports);
        let presence = Presence::default();
        self.places.insert(node, presence.watch());
        if let Err(error) = self.links.add(listeners, &self.places) {
            self.forget(node);
            return Err(format!("its links cannot be opened: {error}"));
        }
        let known = |&other: &NodeId| {
            Some((other, self.places.get(&other)?.clone(), self.links.address((other, node))?))
        };
        let others = others.iter().filter_map(known).collect();
        self.introduce();
        let place = presence.watch();
        self.keep(node, presence);
        self.renew_launches();
        self.set_timing();
        Ok(Newcomer { node, place, others })
    }

    /// Ends a node that has left the cluster.
    pub(crate) fn dismiss(&mut self, node: NodeId, receipt: Receipt) {
        let Some(kept) = self.kept.remove(&node) else { return receipt.done() };
        self.leaving.insert(node, receipt);
        kept.stop.cancel();
    }

    /// Waits until something happens that is to be acted on. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Happened {
        let Self { supervisors, stepper, links, forgoing, .. } = self;
        loop {
            tokio::select! {
                Some(ended) = supervisors.join_next() => if let Ok(node) = ended {
                    return Happened::Ended(node);
                },
                Some(forgone) = forgoing.join_next() => if let Ok(receipt) = forgone {
                    return Happened::Forgone(receipt);
                },
                reached = stepper.reached() => return Happened::Reached(reached),
                news = links.traffic().news() => return Happened::OnLinks(news),
            }
        }
    }

    /// Handles it.
    pub(crate) fn hear(&mut self, happened: Happened) {
        match happened {
            Happened::Ended(node) => self.bury(node),
            Happened::Reached(reached) => self.reached(reached),
            Happened::Forgone(receipt) => self.leases_are_forgone(receipt),
            Happened::OnLinks(news) => news.into_iter().for_each(|news| self.hear_of_links(news)),
        }
    }

    /// Removes what is left of a node that was dismissed.
    fn bury(&mut self, node: NodeId) {
        let Some(receipt) = self.leaving.remove(&node) else { return };
        self.forget(node);
        if let Err(error) = wipe(&self.data_dir.of(node)) {
            self.outlet.complain(format!("the data of {node}, which is removed, cannot be wiped: {error}"));
        }
        self.outlet.tell(News::Change { node, step: ChangeStep::Left });
        self.introduce();
        receipt.done();
    }

    fn forget(&mut self, node: NodeId) {
        self.places.remove(&node);
        self.ports.retain(|(owner, _)| *owner != node);
        self.links.remove(node);
        self.stepper.tempo().remove(node);
        self.in_force.is_gone(node);
        self.set_timing();
        self.clients.remove(node);
        self.clients.obey(&self.in_force.all());
        if let Err(error) = self.data_dir.remove(node) {
            self.outlet.complain(format!("the removal of {node} cannot be recorded: {error}"));
        }
        self.renew_launches();
    }

    /// Returns when every process is reaped. All were told to end before.
    pub(crate) async fn end(mut self) {
        while self.supervisors.join_next().await.is_some() {}
    }
}

fn too_much(node: NodeId) -> String {
    format!("{node} has too many pending commands: try again")
}
