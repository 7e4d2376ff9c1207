//! Members of etcd, unmodified: each a child process whose peers dial it through the lab's links.
//!
//! All that the lab knows of a member is what etcd says to any client, to any peer and in its log.

mod capabilities;
mod changes;
mod clients;
mod keeper;
mod observers;
mod options;
mod output;
mod ports;
mod program;
mod record;
mod relay;

pub use keeper::{KEEP_MEMBER, keep_member};
pub use options::EtcdOptions;

use crate::files::data_dir::{DataDir, WantedData};
use crate::files::record::DataOf;
use crate::nodes::engine::{Engine, JoinAs};
use crate::nodes::{Nodes, Surroundings, millis};
use crate::processes::process::Launch;
use crate::processes::supervisor::{FirstStart, SupervisorTask};
use crate::setup::options::LabError;
use crate::setup::program::Program;
use changes::{Change, Changes, Newcomer};
use clients::Clients;
use observers::Observers;
pub(crate) use observers::SignsOfLife;
use output::EtcdProcess;
use ports::MemberPorts;
use program::FoundProgram;
use raftdeck_etcd::{Etcd as Cluster, EtcdAccess, EtcdVersion};
use raftdeck_links::{EtcdWire, Links, Listeners, Whereabouts};
use raftdeck_model::{Capabilities, ClientName, ClientOp, ClientRequest, Disturbance, Order, Step};
use raftdeck_protocol::{ClockRate, Write};
use raftdeck_raft::{LogIndex, NodeId, Term, TraceEvent, Tuning};
use raftdeck_source::{Receipt, Workload};
use record::EtcdRecord;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// The engine.
pub(crate) struct Etcd {
    options: EtcdOptions,
    version: Option<EtcdVersion>,
    /// The program that becomes a member, and etcd's own.
    keeper: Arc<Program>,
    program: Program,
    record: EtcdRecord,
    /// Of every node that there is.
    processes: BTreeMap<NodeId, EtcdProcess>,
    /// The events of nodes that are not observed yet.
    events: BTreeMap<NodeId, mpsc::Receiver<TraceEvent>>,
    /// The members at their own addresses.
    cluster: Cluster,
    wire: EtcdWire,
    observers: Observers,
    clients: Clients,
    workload: Workload<Clients>,
    changes: Changes,
    /// What changes of the membership mean for the nodes.
    due: mpsc::Receiver<Change>,
}

/// What the engine is started with: all that can fail before a process is started.
pub(crate) struct Beginnings {
    options: EtcdOptions,
    found: FoundProgram,
    data_dir: DataDir,
    record: EtcdRecord,
    ports: BTreeMap<NodeId, MemberPorts>,
    listeners: Listeners,
    signs: SignsOfLife,
}

impl Beginnings {
    pub(crate) fn prepare(options: EtcdOptions, signs: SignsOfLife) -> Result<Self, LabError> {
        options.validate()?;
        let found = FoundProgram::find(options.etcd.as_deref())?;
        let data_dir = DataDir::prepare(&WantedData {
            path: options.data_dir.as_deref(),
            nodes: options.nodes,
            engine: DataOf::Etcd,
            guard: options.guard.as_deref(),
        })?;
        let path = data_dir.path().to_owned();
        let unfit = |why: String| LabError::EtcdRecord { path: path.clone(), why };
        let recorded = EtcdRecord::load(&path).map_err(|error| unfit(error.to_string()))?;
        let mut ports = BTreeMap::new();
        for node in data_dir.record().nodes() {
            let member = recorded.as_ref().map(|record| record.member(node));
            if member == Some(None) {
                return Err(unfit(format!("etcd.json in it does not know {node}")));
            }
            let link = member.flatten().map(|member| member.link);
            ports.insert(node, MemberPorts::choose(node, options.base_port, link).map_err(&unfit)?);
        }
        let links: BTreeMap<NodeId, u16> = ports.iter().map(|(node, ports)| (*node, ports.link)).collect();
        let record = match recorded {
            Some(record) => record,
            None => EtcdRecord::new(token()?, &links),
        };
        record.save(&path).map_err(|error| unfit(error.to_string()))?;
        let listeners = Listeners::bind_members_at(links)
            .map_err(LabError::system("the ports of the links cannot be opened"))?;
        Ok(Self { options, found, data_dir, record, ports, listeners, signs })
    }

    pub(crate) fn capabilities() -> Capabilities {
        capabilities::of_etcd()
    }

    pub(crate) fn rate(&self) -> ClockRate {
        self.options.rate
    }

    /// Starts every node in the data directory.
    pub(crate) fn start(self, surroundings: Surroundings) -> io::Result<Nodes<Etcd>> {
        let Self { options, found, data_dir, record, ports, listeners, signs } = self;
        let outlet = surroundings.outlet.clone();
        let cluster = Cluster::new(EtcdAccess::default()).map_err(io::Error::other)?;
        let observers = Observers::new(outlet.clone(), cluster.clone(), options.tuning(found.version), signs);
        let clients = Clients::new(cluster.clone(), outlet.clone());
        let (changes, due) = Changes::new(cluster.clone(), outlet.clone());
        let wire = EtcdWire::default();
        let mut engine = Etcd {
            keeper: Arc::new(Program::at(&options.executable)),
            program: Program::at(&found.path),
            version: found.version,
            options,
            record,
            processes: BTreeMap::new(),
            events: BTreeMap::new(),
            cluster,
            wire: wire.clone(),
            observers,
            workload: Workload::new(clients.clone(), outlet.clone()),
            clients,
            changes,
            due,
        };
        for (node, ports) in ports {
            engine.has_ports(node, ports);
        }
        engine.know_members();
        let wiped: Vec<NodeId> =
            data_dir.record().nodes().into_iter().filter(|node| engine.is_wiped(*node)).collect();
        if let Some(caveat) = found.caveat() {
            outlet.complain(caveat);
        }
        let nodes = Nodes::start(engine, wire, data_dir, listeners, surroundings)?;
        for node in wiped {
            outlet.complain(wiped_data(node));
        }
        Ok(nodes)
    }
}

impl Etcd {
    fn has_ports(&mut self, node: NodeId, ports: MemberPorts) {
        let (events, observed) = self.observers.events();
        self.processes.insert(node, EtcdProcess { ports, etcd: self.cluster.clone(), events });
        self.events.insert(node, observed);
    }

    /// The links, the clients and the observers know which node is which member.
    fn know_members(&self) {
        for (node, member) in self.record.ids() {
            self.wire.learn(node, member.0);
            if let Some(process) = self.processes.get(&node)
                && let Ok(url) = format!("127.0.0.1:{}", process.ports.clients).parse()
            {
                self.cluster.set_member(node, url, Some(member));
            }
        }
    }

    fn is_wiped(&self, node: NodeId) -> bool {
        self.record.member(node).is_some_and(|member| member.is_wiped)
    }

    /// The command line of a member.
    fn args(&self, node: NodeId, data: &Path) -> Vec<OsString> {
        let timing = self.options.timing();
        let ports = self.processes.get(&node).map(|process| process.ports);
        let at = |port: Option<u16>| format!("http://127.0.0.1:{}", port.unwrap_or_default());
        let clients = at(ports.map(|ports| ports.clients));
        let is_founding = self.record.member(node).is_some_and(|member| member.is_founding);
        let program = self.program.executable().unwrap_or_else(|_| self.program.name().to_owned());
        let mut args: Vec<OsString> = vec![KEEP_MEMBER.into(), program.into()];
        let mut give = |name: &str, value: OsString| args.extend([name.into(), value]);
        give("--name", node.to_string().into());
        give("--data-dir", data.into());
        give("--listen-peer-urls", at(ports.map(|ports| ports.peers)).into());
        give("--initial-advertise-peer-urls", self.record.url(node).unwrap_or_default().into());
        give("--listen-client-urls", clients.clone().into());
        give("--advertise-client-urls", clients.into());
        give("--initial-cluster", self.record.initial_cluster(node).into());
        give("--initial-cluster-state", if is_founding { "new" } else { "existing" }.into());
        give("--initial-cluster-token", self.record.token().into());
        give("--heartbeat-interval", millis(timing.heartbeat).to_string().into());
        give("--election-timeout", millis(timing.election_min).to_string().into());
        if let Some(entries) = self.options.snapshot_entries {
            give("--snapshot-count", entries.to_string().into());
        }
        let log_flags =
            self.version.map_or(&["--logger=zap", "--log-outputs=stderr"][..], EtcdVersion::log_flags);
        args.extend(log_flags.iter().map(OsString::from));
        args
    }
}

impl Engine for Etcd {
    type Wire = EtcdWire;
    type Happened = Change;

    fn tuning(&self) -> Tuning {
        self.options.tuning(self.version)
    }

    fn launch(nodes: &Nodes<Self>, node: NodeId) -> Launch {
        let engine = &nodes.engine;
        let kind = engine.processes.get(&node).expect("invariant: a node has its ports before it is kept");
        Launch {
            program: Arc::clone(&engine.keeper),
            args: engine.args(node, &nodes.data_dir.of(node)),
            secrets: Vec::new(),
            kind: Arc::new(kind.clone()),
        }
    }

    fn set_up(&self, _: &mut Links<EtcdWire>) {}

    fn first_start(&self, node: NodeId) -> FirstStart {
        if self.is_wiped(node) { FirstStart::WhenTold } else { FirstStart::AtOnce }
    }

    fn make_room(&mut self, node: NodeId, _: &[NodeId]) -> Result<Listeners, String> {
        let ports = MemberPorts::choose(node, self.options.base_port, None)?;
        let listeners = Listeners::bind_members_at([(node, ports.link)])
            .map_err(|error| format!("its links' port cannot be opened: {error}"))?;
        self.has_ports(node, ports);
        self.record.announce(node, ports.link);
        Ok(listeners)
    }

    fn keeps(&mut self, node: NodeId, place: watch::Receiver<Whereabouts>) {
        if let Some(events) = self.events.remove(&node) {
            self.observers.watch(node, place.clone(), events);
        }
        self.clients.add(node, place);
    }

    fn forgets(nodes: &mut Nodes<Self>, node: NodeId) {
        let engine = &mut nodes.engine;
        engine.processes.remove(&node);
        engine.wire.forget(node);
        engine.cluster.forget_member(node);
        engine.clients.remove(node);
        engine.clients.obey(&nodes.in_force.all());
        engine.record.remove(node);
        nodes.save_members();
    }

    fn refuses(&self, order: &Order) -> Option<String> {
        match *order {
            Order::Restart(node) if self.is_wiped(node) => Some(wiped_data(node)),
            Order::ReplaceNode(node) if !self.is_wiped(node) && self.record.member(node).is_some() => {
                Some(format!("{node} was not replaced: the membership lists the disk that it has"))
            }
            _ => capabilities::refuses(order).map(str::to_owned),
        }
    }

    fn wipes(nodes: &mut Nodes<Self>, node: NodeId) {
        nodes.engine.record.wipe(node);
        nodes.save_members();
    }

    async fn next(&mut self) -> Change {
        match self.due.recv().await {
            Some(change) => change,
            None => std::future::pending().await,
        }
    }

    fn hear(nodes: &mut Nodes<Self>, change: Change) {
        match change {
            Change::Admitted(node, member, start, told) => {
                nodes.engine.record.admit(node, member);
                nodes.save_members();
                nodes.engine.know_members();
                nodes.renew_launches();
                nodes.instruct_undoing(node, SupervisorTask::Restart, start);
                // An error: whoever waits for it has given up.
                let _ = told.send(());
            }
            Change::Left(node, receipt) => nodes.dismiss(node, receipt),
        }
    }

    fn obey(nodes: &mut Nodes<Self>, changed: &Disturbance, _: bool, receipt: Receipt) {
        match changed {
            Disturbance::ClientAt(..) | Disturbance::ClientLinks(..) => {
                nodes.engine.clients.obey(&nodes.in_force.all());
                receipt.done();
            }
            // Refused before, for want of the ability.
            _ => receipt.refuse(capabilities::TIMERS),
        }
    }

    fn admits(&self, client: &ClientName) -> Result<(), String> {
        self.clients.admit(client)
    }

    fn set_rate(_: &mut Nodes<Self>, _: ClockRate, receipt: Receipt) {
        receipt.refuse(capabilities::TIME);
    }

    fn step(_: &mut Nodes<Self>, _: Step, receipt: Receipt) {
        receipt.refuse(capabilities::TIME);
    }

    fn refresh(nodes: &mut Nodes<Self>, receipt: Receipt) {
        nodes.engine.workload.refresh(receipt.part());
        let paused = nodes.paused();
        let asked = nodes.ids().into_iter().filter(|node| !paused.contains(node)).collect();
        let observers = nodes.engine.observers.clone();
        tokio::spawn(async move {
            observers.look(asked).await;
            receipt.done();
        });
    }

    fn ask(nodes: &mut Nodes<Self>, request: ClientRequest, receipt: Receipt) {
        nodes.engine.clients.ask(request, receipt);
    }

    /// etcd's clients have no sessions.
    fn open_session(_: &mut Nodes<Self>, receipt: Receipt) {
        receipt.done();
    }

    fn propose(nodes: &mut Nodes<Self>, node: NodeId, write: Write, receipt: Receipt) {
        let request = ClientRequest { at: Some(node), ..ClientOp::Write(write).into() };
        nodes.engine.clients.ask(request, receipt);
    }

    fn fetch_log(_: &mut Nodes<Self>, _: NodeId, _: LogIndex, _: u32, receipt: Receipt) {
        receipt.refuse(capabilities::LOGS);
    }

    fn workload(nodes: &mut Nodes<Self>, on: bool, receipt: Receipt) {
        nodes.engine.workload.switch(on, receipt);
    }

    fn add(nodes: &mut Nodes<Self>, joins_as: JoinAs, receipt: Receipt) {
        match nodes.keep_newcomer() {
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
        let place = nodes.places.get(&node).cloned();
        let (Some(place), Some(url)) = (place, nodes.engine.record.url(node)) else { return };
        let (done, obeyed) = oneshot::channel();
        nodes.instruct_undoing(node, SupervisorTask::Report(done), receipt.part());
        nodes.engine.changes.replace(Newcomer { node, url, place }, obeyed, receipt);
    }

    fn transfer(nodes: &mut Nodes<Self>, node: NodeId, receipt: Receipt) {
        nodes.engine.changes.transfer(node, receipt);
    }

    /// A message of the leader that tells the node to campaign, as in a hand-over, is put on the link between them.
    fn campaign(nodes: &mut Nodes<Self>, node: NodeId, receipt: Receipt) {
        match nodes.tell_to_campaign(node) {
            Ok(()) => receipt.done(),
            Err(why) => receipt.refuse(format!("{node} cannot be told to campaign: {why}")),
        }
    }

    fn time_out(_: &mut Nodes<Self>, _: NodeId, receipt: Receipt) {
        receipt.refuse(capabilities::TIME_OUT);
    }

    fn skew(_: &mut Nodes<Self>, _: NodeId, _: Duration, receipt: Receipt) {
        receipt.refuse(capabilities::TIME);
    }
}

impl Nodes<Etcd> {
    /// Opens the links of one more node. It is started when the cluster has added it.
    fn keep_newcomer(&mut self) -> Result<Newcomer, String> {
        let (node, presence) = self.make_room()?;
        self.save_members();
        let place = presence.watch();
        self.keep(node, presence, FirstStart::WhenTold);
        let url = self.engine.record.url(node).unwrap_or_default();
        Ok(Newcomer { node, url, place })
    }

    fn save_members(&self) {
        if let Err(error) = self.engine.record.save(self.data_dir.path()) {
            self.outlet.complain(format!("the members cannot be recorded: {error}"));
        }
    }

    fn tell_to_campaign(&self, node: NodeId) -> Result<(), String> {
        let leader = self.outlet.leader();
        if leader == Some(node) {
            return Err("it leads already".to_owned());
        }
        // Without a leader any other member's message does: etcd does not look who sends it.
        let from = leader.or_else(|| self.ids().into_iter().find(|other| *other != node));
        let from = from.ok_or("no other member could tell it")?;
        let term = self.engine.observers.term().unwrap_or(Term(1));
        let order = self.engine.wire.timeout_now((from, node), term);
        let (frame, glance) = order.ok_or("one of the two is no member")?;
        let is_put = self.links.traffic().put_in((from, node), frame, glance);
        if is_put { Ok(()) } else { Err(format!("there is no link from {from} to it")) }
    }
}

fn wiped_data(node: NodeId) -> String {
    format!("the data of {node} was wiped, and etcd takes back no member without its data: replace it")
}

/// A random `--initial-cluster-token`.
fn token() -> Result<String, LabError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(io::Error::other)
        .map_err(LabError::system("the system has no random numbers for its tokens"))?;
    Ok(format!("raftdeck-{:016x}", u64::from_be_bytes(bytes)))
}
