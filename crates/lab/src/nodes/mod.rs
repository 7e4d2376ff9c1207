//! All nodes of a lab and everything that belongs to each of them: its supervisor, its links. They are created and removed together, so
//! that nothing of a removed node is left. What differs between engines is decided by the [`Engine`].
//!
//! The nodes themselves decide the *membership*.

use crate::faults::in_force::InForce;
use crate::files::data_dir::{DataDir, wipe};
use crate::processes::process::Launch;
use crate::processes::supervisor::{FirstStart, Instruction, Supervisor, SupervisorTask};
use raftdeck_links::{ClockReader, LinkNews, Links, Listeners, Outlet, Places, Presence};
use raftdeck_model::{ChangeStep, ClientRequest, Disturbance, MAX_NODES, News, Order, SEEK_NEEDS_RECORDING};
use raftdeck_raft::NodeId;
use raftdeck_source::Receipt;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) mod engine;
mod faults;

use engine::{Engine, JoinAs};

/// The most instructions that wait for one node's supervisor, which may be busy with an ending process for half a second.
const MAX_INSTRUCTIONS: usize = 64;

/// Additional room for instructions that undo something: a refused undo would leave a node paused although the ledger says it is not.
/// It is enough for one heal; further ones that wait for the same node would change nothing.
const MAX_UNDOING: usize = 16;

/// Everything that commands act on.
pub(crate) struct Nodes<E: Engine> {
    /// What is the engine's own.
    pub(crate) engine: E,
    pub(crate) data_dir: DataDir,
    pub(crate) outlet: Outlet,
    pub(crate) places: Places,
    pub(crate) links: Links<E::Wire>,
    pub(crate) in_force: InForce,
    stop: CancellationToken,
    kept: BTreeMap<NodeId, NodeHandle>,
    supervisors: JoinSet<NodeId>,
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
pub(crate) enum Happened<E> {
    /// A node's process has ended and is not restarted.
    Ended(NodeId),
    /// What happened to rules.
    OnLinks(Vec<LinkNews>),
    /// What happened to the engine.
    ToEngine(E),
}

/// What commands need besides the nodes.
pub(crate) struct Surroundings {
    /// Where news goes.
    pub(crate) outlet: Outlet,
    /// Stops everything.
    pub(crate) stop: CancellationToken,
    /// The clock of the links, which gives the time of all updates.
    pub(crate) clock: ClockReader,
}

impl<E: Engine> Nodes<E> {
    /// Starts every node in the data directory. [`News::Cluster`] is reported first.
    pub(crate) fn start(
        engine: E,
        wire: E::Wire,
        data_dir: DataDir,
        listeners: Listeners,
        surroundings: Surroundings,
    ) -> io::Result<Self> {
        let Surroundings { outlet, stop, clock } = surroundings;
        let ids = data_dir.record().nodes();
        let presences: Vec<(NodeId, Presence)> =
            ids.into_iter().map(|node| (node, Presence::default())).collect();
        let places: Places = presences.iter().map(|(node, presence)| (*node, presence.watch())).collect();
        let mut links = Links::open(wire, listeners, &places, clock.clone(), outlet.clone())?;
        let traffic = Arc::clone(links.traffic());
        engine.set_up(&mut links);
        tokio::spawn(async move { traffic.tell_all().await });
        let in_force = InForce::new(outlet.clone());
        let (kept, supervisors, leaving) = (BTreeMap::new(), JoinSet::new(), BTreeMap::new());
        let mut nodes =
            Self { engine, data_dir, outlet, places, links, in_force, stop, kept, supervisors, leaving };
        nodes.introduce();
        nodes.outlet.tell(News::Time(clock.time()));
        for (node, presence) in presences {
            let first = nodes.engine.first_start(node);
            nodes.keep(node, presence, first);
        }
        Ok(nodes)
    }

    /// Reports which nodes there are.
    pub(crate) fn introduce(&self) {
        let timing = self.engine.tuning().timing;
        self.outlet.tell(News::Cluster {
            nodes: self.places.keys().copied().collect(),
            heartbeat_ms: millis(timing.heartbeat),
            election_ms: (millis(timing.election_min), millis(timing.election_max)),
            data_dir: self.data_dir.kept().map(|path| path.display().to_string()).into(),
        });
    }

    /// Keeps a node that has its whereabouts and its links, and starts it.
    pub(crate) fn keep(&mut self, node: NodeId, presence: Presence, first: FirstStart) {
        let place = presence.watch();
        let (launch, launches) = watch::channel(E::launch(self, node));
        let (instructions, receiver) = mpsc::channel(MAX_INSTRUCTIONS + MAX_UNDOING);
        let stop = self.stop.child_token();
        let in_force = self.in_force.clone();
        let supervisor =
            Supervisor::new(node, launches, self.data_dir.of(node), in_force, self.outlet.clone(), presence);
        self.supervisors.spawn(supervisor.run(first, receiver, stop.clone()));
        self.kept.insert(node, NodeHandle { instructions, launch, stop });
        self.engine.keeps(node, place);
    }

    /// Nodes that start from now on are started under the present circumstances.
    pub(crate) fn renew_launches(&self) {
        for (&node, kept) in &self.kept {
            kept.launch.send_replace(E::launch(self, node));
        }
    }

    /// All nodes that there are, in order of id.
    pub(crate) fn ids(&self) -> Vec<NodeId> {
        self.kept.keys().copied().collect()
    }

    /// The paused nodes, which answer nothing.
    pub(crate) fn paused(&self) -> BTreeSet<NodeId> {
        let paused = |what| match what {
            Disturbance::Paused(node) => Some(node),
            _ => None,
        };
        self.in_force.all().into_iter().filter_map(|fault| paused(fault.what)).collect()
    }

    /// Carries out an order, or starts it and passes the receipt on.
    pub(crate) fn carry_out(&mut self, order: Order, receipt: Receipt) {
        if let Some(why) = self.engine.refuses(&order) {
            return receipt.refuse(why);
        }
        match order {
            Order::Kill(node) => self.instruct(node, SupervisorTask::Kill, receipt),
            Order::Stop(node) => self.instruct(node, SupervisorTask::Stop, receipt),
            Order::Restart(node) => self.instruct(node, SupervisorTask::Restart, receipt),
            Order::Wipe(node) => self.wipe(node, receipt),
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
            Order::SetRate(rate) => E::set_rate(self, rate, receipt),
            Order::Seek(_) => receipt.refuse(SEEK_NEEDS_RECORDING),
            Order::Step(step) => E::step(self, step, receipt),
            Order::Client(request) => self.ask(request, receipt),
            Order::OpenSession => E::open_session(self, receipt),
            Order::Propose(node, write) => {
                self.with(node, receipt, |nodes, receipt| E::propose(nodes, node, write, receipt));
            }
            Order::FetchLog { node, first, limit } => {
                self.with(node, receipt, |nodes, receipt| E::fetch_log(nodes, node, first, limit, receipt));
            }
            Order::Refresh => {
                self.links.traffic().tell_news();
                E::refresh(self, receipt);
            }
            Order::AddNode => self.add(JoinAs::Voter, receipt),
            Order::AddLearner => self.add(JoinAs::Learner, receipt),
            Order::Promote(node) => {
                self.with(node, receipt, |nodes, receipt| E::promote(nodes, node, receipt));
            }
            Order::RemoveNode(node) => {
                self.with(node, receipt, |nodes, receipt| E::remove(nodes, node, receipt));
            }
            Order::ReplaceNode(node) => {
                if let Some(receipt) = self.can_instruct(node, receipt) {
                    E::replace(self, node, receipt);
                }
            }
            Order::Transfer(node) => {
                self.with(node, receipt, |nodes, receipt| E::transfer(nodes, node, receipt));
            }
            Order::Campaign(node) => {
                self.with(node, receipt, |nodes, receipt| E::campaign(nodes, node, receipt));
            }
            Order::TimeOut(node) => {
                self.with(node, receipt, |nodes, receipt| E::time_out(nodes, node, receipt));
            }
            Order::SkewClock(node, by) => {
                self.with(node, receipt, |nodes, receipt| E::skew(nodes, node, by, receipt));
            }
            Order::Workload(on) => E::workload(self, on, receipt),
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
    fn with(&mut self, node: NodeId, receipt: Receipt, act: impl FnOnce(&mut Self, Receipt)) {
        if let Some(receipt) = self.there_is(node, receipt) {
            act(self, receipt);
        }
    }

    /// Returns the receipt if there is such a node and its supervisor has room for one more instruction.
    fn can_instruct(&self, node: NodeId, receipt: Receipt) -> Option<Receipt> {
        self.there_is(node, receipt).and_then(|receipt| self.has_room(node, receipt))
    }

    /// Instructs the node's supervisor, unless too many instructions wait there already.
    pub(crate) fn instruct(&self, node: NodeId, task: SupervisorTask, receipt: Receipt) {
        if let Some(receipt) = self.can_instruct(node, receipt) {
            self.instruct_undoing(node, task, receipt);
        }
    }

    /// The same for an instruction that undoes something. A node that no longer exists needs nothing undone.
    pub(crate) fn instruct_undoing(&self, node: NodeId, task: SupervisorTask, receipt: Receipt) {
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

    fn wipe(&mut self, node: NodeId, receipt: Receipt) {
        if let Some(receipt) = self.can_instruct(node, receipt) {
            E::wipes(self, node);
            self.instruct_undoing(node, SupervisorTask::Wipe, receipt);
        }
    }

    fn ask(&mut self, request: ClientRequest, receipt: Receipt) {
        match request.at {
            Some(node) => self.with(node, receipt, |nodes, receipt| E::ask(nodes, request, receipt)),
            None => E::ask(self, request, receipt),
        }
    }

    fn add(&mut self, joins_as: JoinAs, receipt: Receipt) {
        if self.kept.len() >= usize::from(MAX_NODES) {
            return receipt.refuse(format!("there are {MAX_NODES} nodes already, which is the maximum"));
        }
        E::add(self, joins_as, receipt);
    }

    /// Opens the links of one more node and records it. The caller keeps it.
    pub(crate) fn make_room(&mut self) -> Result<(NodeId, Presence), String> {
        let node = self.data_dir.record().next();
        let others: Vec<NodeId> = self.places.keys().copied().collect();
        let listeners = self.engine.make_room(node, &others)?;
        self.data_dir.add().map_err(|error| format!("it cannot be recorded: {error}"))?;
        let presence = Presence::default();
        self.places.insert(node, presence.watch());
        if let Err(error) = self.links.add(listeners, &self.places) {
            self.forget(node);
            return Err(format!("its links cannot be opened: {error}"));
        }
        self.introduce();
        Ok((node, presence))
    }

    /// Ends a node that has left the cluster.
    pub(crate) fn dismiss(&mut self, node: NodeId, receipt: Receipt) {
        let Some(kept) = self.kept.remove(&node) else { return receipt.done() };
        self.leaving.insert(node, receipt);
        kept.stop.cancel();
    }

    /// Waits until something happens that is to be acted on. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Happened<E::Happened> {
        let Self { supervisors, engine, links, .. } = self;
        loop {
            tokio::select! {
                Some(ended) = supervisors.join_next() => if let Ok(node) = ended {
                    return Happened::Ended(node);
                },
                happened = engine.next() => return Happened::ToEngine(happened),
                news = links.traffic().news() => return Happened::OnLinks(news),
            }
        }
    }

    /// Handles it.
    pub(crate) fn hear(&mut self, happened: Happened<E::Happened>) {
        match happened {
            Happened::Ended(node) => self.bury(node),
            Happened::ToEngine(happened) => E::hear(self, happened),
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
        self.links.remove(node);
        self.in_force.is_gone(node);
        E::forgets(self, node);
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

/// Whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
