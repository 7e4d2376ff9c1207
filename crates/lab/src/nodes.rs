//! All nodes of a lab and everything that belongs to each of them: its supervisor, its links, whoever watches it. They
//! come and go here as a whole, so that nothing of a node is left when it is gone.
//!
//! Who belongs to the *cluster* is the nodes' own affair: see `changes`.

use crate::changes::{Changes, Newcomer, Returned};
use crate::clients::Clients;
use crate::data_dir::{DataDir, wipe};
use crate::held::HeldPort;
use crate::in_force::InForce;
use crate::keys::Keys;
use crate::launch::{Circumstances, launch, millis};
use crate::links::{LinkNews, Links, Listeners};
use crate::model::{ChangeStep, Command, Update};
use crate::options::{LabOptions, MAX_NODES};
use crate::outlet::Outlet;
use crate::process::Launch;
use crate::reports::Reports;
use crate::rule::Disturbance;
use crate::stepper::{Reached, Stepper};
use crate::supervisor::{Order, Supervisor};
use crate::telemetry::Watchers;
use crate::time::ClusterClock;
use crate::whereabouts::{Places, Presence};
use crate::workload::Workload;
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

mod faults;
mod time;

/// Orders that wait for one node's supervisor, which may be busy with an ending process for half a second.
const MAX_ORDERS: usize = 64;

/// As many more, for what undoes something: an undo that is refused would leave a node paused that nobody holds to be so.
/// Enough for one heal, and others of the same node that wait are as good as the next.
const MAX_UNDOING: usize = 16;

/// Everything that commands act on.
pub(crate) struct Nodes {
    options: LabOptions,
    data_dir: DataDir,
    keys: Keys,
    /// Held as long as their nodes belong to the cluster.
    ports: Vec<(NodeId, HeldPort)>,
    outlet: Outlet,
    stop: CancellationToken,
    kept: BTreeMap<NodeId, Kept>,
    places: Places,
    links: Links,
    stepper: Stepper,
    in_force: InForce,
    watchers: Watchers,
    clients: Clients,
    changes: Changes,
    workload: Workload,
    /// Nobody may serve reads by a lease any more.
    forgo_leases: bool,
    supervisors: JoinSet<NodeId>,
    /// Those that have left the cluster and whose processes are ending.
    leaving: Vec<NodeId>,
}

/// One node.
struct Kept {
    orders: mpsc::Sender<Order>,
    /// How it is started the next time.
    launch: watch::Sender<Launch>,
    /// Ends it.
    stop: CancellationToken,
}

/// What happened without a command.
pub(crate) enum Happened {
    /// A node's process has ended for good.
    Ended(NodeId),
    /// What a step was waiting for.
    Reached(Reached),
    /// What became of rules.
    OnLinks(Vec<LinkNews>),
}

/// What commands need beside the nodes.
pub(crate) struct Surroundings {
    /// Where news goes.
    pub(crate) outlet: Outlet,
    /// The end of everything.
    pub(crate) stop: CancellationToken,
    /// Where nodes that have left the cluster are named, for [`Nodes::dismiss`].
    pub(crate) left: mpsc::Sender<NodeId>,
    /// The cluster's tokens.
    pub(crate) keys: Keys,
    /// The nodes' ports, if they were chosen beforehand.
    pub(crate) ports: Vec<(NodeId, HeldPort)>,
}

impl Nodes {
    /// Starts every node that the data directory knows of. The cluster is told first.
    pub(crate) fn start(
        options: LabOptions,
        data_dir: DataDir,
        listeners: Listeners,
        surroundings: Surroundings,
    ) -> io::Result<Self> {
        let Surroundings { outlet, stop, left, keys, ports } = surroundings;
        let (manager, client) = (keys.manager(), keys.client());
        let ids = data_dir.record().nodes();
        let presences: Vec<(NodeId, Presence)> =
            ids.into_iter().map(|node| (node, Presence::new())).collect();
        let places: Places = presences.iter().map(|(node, presence)| (*node, presence.watch())).collect();
        let reports = Arc::new(Reports::default());
        let clock = ClusterClock::start(options.rate);
        let mut links = Links::open(listeners, &places, &reports, clock.reader(), outlet.clone())?;
        links.seed(options.seed.unwrap_or_default());
        if options.direct {
            let options = options.clone();
            links.bypass(move |node| SocketAddr::from((Ipv4Addr::LOCALHOST, options.port(node))));
        }
        let telling = outlet.clone();
        tokio::spawn(async move { reports.tell_all(&telling).await });
        let watchers = Watchers::start(&outlet, client.clone());
        let clients = Clients::new(watchers.leaders(), client, outlet.clone());
        let changes = Changes::new(clients.clone(), manager.clone(), outlet.clone(), left);
        let workload = Workload::new(clients.clone(), outlet.clone());
        let stepper = Stepper::new(clock, manager, watchers.milestones(), outlet.clone());
        let in_force = InForce::new(outlet.clone());
        let (kept, supervisors, leaving) = (BTreeMap::new(), JoinSet::new(), Vec::new());
        let mut nodes = Self {
            options,
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
            supervisors,
            leaving,
        };
        nodes.introduce();
        nodes.stepper.tell();
        for (node, presence) in presences {
            nodes.keep(node, presence);
        }
        Ok(nodes)
    }

    /// Tells which nodes there are.
    fn introduce(&self) {
        let timing = self.options.timing;
        self.outlet.tell(Update::Cluster {
            nodes: self.places.keys().copied().collect(),
            heartbeat_ms: millis(timing.heartbeat),
            election_ms: (millis(timing.election_min), millis(timing.election_max)),
            data_dir: self.data_dir.kept().map(|path| path.display().to_string()),
        });
    }

    /// Starts a node that has its place and its links.
    fn keep(&mut self, node: NodeId, presence: Presence) {
        let place = presence.watch();
        let (launch, launches) = watch::channel(self.launch(node));
        let (orders, receiver) = mpsc::channel(MAX_ORDERS + MAX_UNDOING);
        let stop = self.stop.child_token();
        let in_force = self.in_force.clone();
        let supervisor =
            Supervisor::new(node, launches, self.data_dir.of(node), in_force, self.outlet.clone(), presence);
        self.supervisors.spawn(supervisor.run(receiver, stop.clone()));
        self.kept.insert(node, Kept { orders, launch, stop });
        self.stepper.tempo().add(node, place.clone());
        if self.options.watched {
            self.watchers.watch(node, place.clone());
        }
        self.clients.add(node, place);
    }

    /// Whoever starts from now on finds the nodes that there are now.
    fn renew_launches(&self) {
        for (&node, kept) in &self.kept {
            kept.launch.send_replace(self.launch(node));
        }
    }

    fn circumstances(&self) -> Circumstances<'_> {
        Circumstances { keys: &self.keys, rate: self.stepper.rate(), forgo_leases: self.forgo_leases }
    }

    fn launch(&self, node: NodeId) -> Launch {
        launch(&self.options, &self.data_dir, &self.links, self.circumstances(), node)
    }

    pub(crate) fn carry_out(&mut self, command: Command) {
        if self.links.are_bypassed() && needs_links(&command) {
            return self.outlet.refuse(
                "nothing can be done to messages: the nodes reach each other without links (start without --direct)",
            );
        }
        match command {
            Command::Kill(node) => self.order(node, Order::Kill),
            Command::Stop(node) => self.order(node, Order::Stop),
            Command::Restart(node) => self.order(node, Order::Restart),
            Command::Wipe(node) => self.order(node, Order::Wipe),
            Command::WipeUnsafe(node) => self.order(node, Order::Forget),
            Command::LoseTail(node, bytes) => self.order(node, Order::LoseTail(bytes)),
            Command::Pause(node) => self.disturb(Disturbance::Paused(node)),
            Command::Resume(node) => self.resume(node),
            Command::Slow(node, percent) => self.disturb(Disturbance::Slowed(node, percent)),
            Command::FillDisk(node, bytes) => self.disturb(Disturbance::DiskFull(node, bytes)),
            Command::Cut(pairs) => self.cut(&pairs),
            Command::Mend(pairs) => self.mend(&pairs),
            Command::Disturb(what) => self.disturb(what),
            Command::Undo(which) => self.undo(which),
            Command::Heal => self.heal(),
            Command::Release(which) => self.release(&which),
            Command::Drop(which) => self.lose(&which),
            Command::Seed(seed) => self.links.seed(seed),
            Command::Sync(number) => {
                self.links.tell_news();
                self.outlet.tell(Update::Synced(number));
            }
            Command::SetRate(rate) => self.set_rate(rate),
            Command::Step(step) => self.step(step),
            Command::Client { id, op } => self.clients.ask(id, op),
            Command::Propose(node, write) => self.with(node, |nodes| nodes.clients.propose(node, write)),
            Command::FetchLog { node, first, limit } => self.clients.fetch_log(node, first, limit),
            Command::AddNode => self.add(),
            Command::RemoveNode(node) => self.with(node, |nodes| nodes.changes.remove(node)),
            Command::ReplaceNode(node) => self.replace(node),
            Command::Transfer(node) => self.with(node, |nodes| nodes.changes.transfer(node)),
            Command::Campaign(node) => self.campaign(node),
            Command::Workload(on) => self.workload.switch(on),
        }
    }

    fn with(&self, node: NodeId, act: impl FnOnce(&Self)) {
        if self.kept.contains_key(&node) {
            act(self);
        } else {
            self.outlet.refuse(format!("there is no {node} in this cluster"));
        }
    }

    /// Tells the node's supervisor, unless too much waits there already.
    fn order(&self, node: NodeId, order: Order) {
        self.with(node, |nodes| {
            if nodes.has_room(node) {
                nodes.order_undoing(node, order);
            }
        });
    }

    /// The same for what undoes something.
    fn order_undoing(&self, node: NodeId, order: Order) {
        let taken = self.kept.get(&node).is_none_or(|kept| kept.orders.try_send(order).is_ok());
        if !taken {
            self.refuse_more(node);
        }
    }

    /// Whether the node's supervisor takes one more order. If it does not, that is told.
    fn has_room(&self, node: NodeId) -> bool {
        let has_room = self.kept.get(&node).is_none_or(|kept| kept.orders.capacity() > MAX_UNDOING);
        if !has_room {
            self.refuse_more(node);
        }
        has_room
    }

    fn refuse_more(&self, node: NodeId) {
        self.outlet.refuse(format!("{node} has been told too much at once: try again"));
    }

    fn campaign(&mut self, node: NodeId) {
        if !std::mem::replace(&mut self.forgo_leases, true) {
            self.renew_launches();
        }
        let all: Vec<NodeId> = self.kept.keys().copied().collect();
        self.with(node, |nodes| nodes.changes.campaign(node, &all));
    }

    fn replace(&self, node: NodeId) {
        let Some(place) = self.places.get(&node).filter(|_| self.kept.contains_key(&node)) else {
            return self.outlet.refuse(format!("there is no {node} in this cluster"));
        };
        if !self.has_room(node) {
            return;
        }
        let (done, obeyed) = oneshot::channel();
        self.order_undoing(node, Order::Report(done));
        self.changes.replace(Returned { node, place: place.clone(), obeyed });
    }

    fn add(&mut self) {
        if self.kept.len() >= usize::from(MAX_NODES) {
            return self.outlet.refuse(format!("there are {MAX_NODES} nodes already, and no room for more"));
        }
        if let Err(why) = self.try_add() {
            self.outlet.refuse(format!("no node can be added: {why}"));
        }
    }

    /// A new process with links to all others, and the asking for its place in the cluster.
    fn try_add(&mut self) -> Result<(), String> {
        let node = self.data_dir.record().next();
        let ports = self.options.reserve_ports(&[node]).map_err(|error| error.to_string())?;
        let others: Vec<NodeId> = self.places.keys().copied().collect();
        let to_others = if self.links.are_bypassed() { &[][..] } else { &others };
        let listeners = Listeners::bind_new(node, to_others)
            .map_err(|error| format!("its links' ports cannot be opened: {error}"))?;
        self.data_dir.add().map_err(|error| format!("it cannot be remembered: {error}"))?;
        self.ports.extend(ports);
        let presence = Presence::new();
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
        self.set_timers();
        self.changes.add(Newcomer { node, place, others });
        Ok(())
    }

    /// Ends a node that has left the cluster.
    pub(crate) fn dismiss(&mut self, node: NodeId) {
        let Some(kept) = self.kept.remove(&node) else { return };
        self.leaving.push(node);
        kept.stop.cancel();
    }

    /// Waits until something happens that is to be acted on. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Happened {
        let Self { supervisors, stepper, links, .. } = self;
        loop {
            tokio::select! {
                Some(ended) = supervisors.join_next() => if let Ok(node) = ended {
                    return Happened::Ended(node);
                },
                reached = stepper.reached() => return Happened::Reached(reached),
                news = links.news() => return Happened::OnLinks(news),
            }
        }
    }

    /// Acts on it.
    pub(crate) fn hear(&mut self, happened: Happened) {
        match happened {
            Happened::Ended(node) => self.bury(node),
            Happened::Reached(reached) => self.reached(reached),
            Happened::OnLinks(news) => news.into_iter().for_each(|news| self.hear_of_links(news)),
        }
    }

    /// Puts away what is left of a node that was dismissed.
    fn bury(&mut self, node: NodeId) {
        let Some(at) = self.leaving.iter().position(|leaving| *leaving == node) else { return };
        self.leaving.swap_remove(at);
        self.forget(node);
        if let Err(error) = wipe(&self.data_dir.of(node)) {
            self.outlet.refuse(format!("the data of {node}, which is removed, cannot be wiped: {error}"));
        }
        self.outlet.tell(Update::Change { node, step: ChangeStep::Left });
        self.introduce();
    }

    fn forget(&mut self, node: NodeId) {
        self.places.remove(&node);
        self.ports.retain(|(owner, _)| *owner != node);
        self.links.remove(node);
        self.stepper.tempo().remove(node);
        self.in_force.is_gone(node);
        self.set_timers();
        self.clients.remove(node);
        if let Err(error) = self.data_dir.remove(node) {
            self.outlet.refuse(format!("that {node} was removed cannot be remembered: {error}"));
        }
        self.renew_launches();
    }

    /// Returns when every process is reaped. They were told to end.
    pub(crate) async fn end(mut self) {
        while self.supervisors.join_next().await.is_some() {}
    }
}

/// Whether a command is about messages.
fn needs_links(command: &Command) -> bool {
    matches!(
        command,
        Command::Cut(_)
            | Command::Mend(_)
            | Command::Release(_)
            | Command::Drop(_)
            | Command::Seed(_)
            | Command::Disturb(Disturbance::Rules { .. } | Disturbance::Watch(_))
    )
}
