//! All links of a cluster: where they listen, and what can be done to what is on them.

use crate::link::Link;
use crate::outlet::Outlet;
use crate::reports::Reports;
use crate::time::ClockReader;
use crate::traffic::{Opened, Traffic};
use crate::whereabouts::Places;
use raftdeck_model::{FaultId, MessageId, Rule, Watch, Which};
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// A directed pair: sender, receiver.
pub(crate) type Pair = (NodeId, NodeId);

/// The links' listeners, before they accept.
pub(crate) struct Listeners(BTreeMap<Pair, (TcpListener, SocketAddr)>);

impl Listeners {
    /// None: the nodes reach each other without links.
    pub(crate) fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// One for each directed pair, each on a free port of this machine only.
    pub(crate) fn bind(nodes: &[NodeId]) -> io::Result<Self> {
        let others = |from: NodeId| nodes.iter().map(move |&to| (from, to)).filter(|(from, to)| from != to);
        Self::bind_all(nodes.iter().copied().flat_map(others))
    }

    /// One each way between a new node and every other.
    pub(crate) fn bind_new(node: NodeId, others: &[NodeId]) -> io::Result<Self> {
        Self::bind_all(others.iter().flat_map(|&other| [(node, other), (other, node)]))
    }

    fn bind_all(pairs: impl Iterator<Item = Pair>) -> io::Result<Self> {
        let mut listeners = BTreeMap::new();
        for pair in pairs {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            listeners.insert(pair, (listener, address));
        }
        Ok(Self(listeners))
    }
}

/// What became of something in force by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LinkNews {
    /// A watch saw its message: these rules are in force now, under its name.
    Fired(FaultId, Vec<Rule>),
    /// The rules of this name are over: they were about so many messages, and hold none any more.
    Over(FaultId),
}

/// The links at work.
pub(crate) struct Links {
    traffic: Arc<Traffic>,
    clock: ClockReader,
    served: BTreeMap<Pair, Served>,
    /// The nodes reach each other without links, at these addresses.
    direct: Option<Direct>,
}

/// Where a node listens itself.
type Direct = Box<dyn Fn(NodeId) -> SocketAddr + Send>;

struct Served {
    address: SocketAddr,
    task: AbortHandle,
}

impl Links {
    /// Starts tasks for each link; they end with the runtime.
    pub(crate) fn open(
        listeners: Listeners,
        places: &Places,
        reports: &Arc<Reports>,
        clock: ClockReader,
        outlet: Outlet,
    ) -> io::Result<Self> {
        let traffic = Arc::new(Traffic::new(clock.clone(), Arc::clone(reports), outlet));
        let mut links = Self { traffic, clock, served: BTreeMap::new(), direct: None };
        links.add(listeners, places)?;
        Ok(links)
    }

    /// Lets the nodes reach each other without links, where they listen themselves.
    pub(crate) fn bypass(&mut self, address: impl Fn(NodeId) -> SocketAddr + Send + 'static) {
        self.direct = Some(Box::new(address));
    }

    /// Starts tasks for each new link.
    pub(crate) fn add(&mut self, listeners: Listeners, places: &Places) -> io::Result<()> {
        for (pair, (listener, address)) in listeners.0 {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let Opened { gate, signals } = self.traffic.open(pair);
            let link = Link {
                pair,
                gate,
                source: places[&pair.0].clone(),
                target: places[&pair.1].clone(),
                traffic: Arc::clone(&self.traffic),
                signals,
                clock: self.clock.clone(),
                is_founded: Arc::default(),
            };
            let task = tokio::spawn(link.serve(listener)).abort_handle();
            self.served.insert(pair, Served { address, task });
        }
        Ok(())
    }

    /// Closes every link of a node, with all that it carries.
    pub(crate) fn remove(&mut self, node: NodeId) {
        for (&pair, link) in self.served.iter().filter(|((from, to), _)| *from == node || *to == node) {
            link.task.abort();
            self.traffic.close(pair);
        }
        self.served.retain(|(from, to), _| *from != node && *to != node);
    }

    /// Whether the nodes reach each other without links.
    pub(crate) fn are_bypassed(&self) -> bool {
        self.direct.is_some()
    }

    /// Where `from` dials to reach `to`.
    pub(crate) fn address(&self, pair: Pair) -> Option<SocketAddr> {
        match &self.direct {
            Some(address) => Some(address(pair.1)),
            None => self.served.get(&pair).map(|link| link.address),
        }
    }

    /// Whether there is such a link.
    pub(crate) fn has(&self, pair: Pair) -> bool {
        self.served.contains_key(&pair)
    }

    /// Rules come into force, under this name, which is a new one. A cut or a hold without `next` catches what is under
    /// way on its links too.
    pub(crate) fn disturb(&self, id: FaultId, rules: Vec<Rule>) {
        self.traffic.disturb(id, rules);
    }

    /// A watch begins. When it fires its rules come into force under the same name. With `next`, it fires at the last of so
    /// many messages.
    pub(crate) fn watch(&self, id: FaultId, watch: Watch) {
        self.traffic.watch(id, watch);
    }

    /// What came into force under this name is over; what only it held goes on, and what only it
    /// made late arrives as if it had been sent now. `false`: the links know nothing of it.
    pub(crate) fn undo(&self, id: FaultId) -> bool {
        self.traffic.undo(id)
    }

    /// What rules have made late arrives as if it had been sent now.
    pub(crate) fn hurry(&self) {
        self.traffic.hurry();
    }

    /// Lets messages go on by hand; says how many. In a frozen world they arrive at once.
    pub(crate) fn release(&self, which: &Which) -> usize {
        self.traffic.release(which)
    }

    /// Loses messages that are held or under way; says how many.
    pub(crate) fn drop(&self, which: &Which) -> usize {
        self.traffic.discard(which)
    }

    /// Tells at once what became of messages.
    pub(crate) fn tell_news(&self) {
        self.traffic.tell_news();
    }

    /// From now on chance is decided by this seed, and the frames of each link are numbered anew.
    pub(crate) fn seed(&self, seed: u64) {
        self.traffic.seed(seed);
    }

    /// Delivers the oldest message of all links at once, held or under way. `None`: there is none.
    pub(crate) fn deliver_oldest(&self) -> Option<MessageId> {
        self.traffic.deliver_oldest()
    }

    /// When the next message arrives, in cluster time.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.traffic.next_due()
    }

    /// What became of things in force without anybody's command. Waits until there is something. Cancel-safe.
    pub(crate) async fn news(&self) -> Vec<LinkNews> {
        self.traffic.news().await
    }
}

#[cfg(test)]
mod tests;
