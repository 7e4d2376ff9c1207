//! All links of a cluster: where each listens, and which two nodes it connects.

use crate::carrier::{Carrier, CarrierInput};
use crate::link::{Link, PairTraffic};
use crate::outlet::Outlet;
use crate::pair::Pair;
use crate::time::ClockReader;
use crate::traffic::{OpenedLane, Traffic};
use crate::whereabouts::Places;
use crate::wire::{Session, Wire};
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// The links' listeners, before they accept. There are always both links between two nodes, or none.
pub struct Listeners(BTreeMap<Pair, (TcpListener, SocketAddr)>);

impl Listeners {
    /// None: the nodes reach each other without links.
    #[must_use]
    pub fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// One for each directed pair, each on a free port of this machine only.
    pub fn bind(nodes: &[NodeId]) -> io::Result<Self> {
        let others = |from: NodeId| nodes.iter().map(move |&to| (from, to)).filter(|(from, to)| from != to);
        Self::bind_all(nodes.iter().copied().flat_map(others))
    }

    /// One each way between a new node and every other.
    pub fn bind_new(node: NodeId, others: &[NodeId]) -> io::Result<Self> {
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

/// The links at work, between nodes that speak this wire.
pub struct Links<W: Wire> {
    wire: W,
    traffic: Arc<Traffic>,
    clock: ClockReader,
    served: BTreeMap<Pair, ServedNode<W::Session>>,
    /// How many connections were accepted by all of them.
    accepted: Arc<AtomicU64>,
    /// The nodes reach each other without links, at these addresses.
    direct: Option<Direct>,
}

/// Where a node listens itself.
type Direct = Box<dyn Fn(NodeId) -> SocketAddr + Send>;

struct ServedNode<S: Session> {
    address: SocketAddr,
    way: Arc<PairTraffic<S>>,
    /// The tasks that accept connections and carry messages.
    tasks: Vec<AbortHandle>,
}

impl<W: Wire> Links<W> {
    /// Starts tasks for each link; they end with the runtime. What passes is reported only while [`Traffic::tell_all`] is polled.
    ///
    /// # Panics
    /// If a listener is for a node that has no place.
    pub fn open(
        wire: W,
        listeners: Listeners,
        places: &Places,
        clock: ClockReader,
        outlet: Outlet,
    ) -> io::Result<Self> {
        let traffic = Arc::new(Traffic::new(clock.clone(), outlet));
        let (served, accepted) = (BTreeMap::new(), Arc::default());
        let mut links = Self { wire, traffic, clock, served, accepted, direct: None };
        links.add(listeners, places)?;
        Ok(links)
    }

    /// What is on the links, and what can be done to it.
    #[must_use]
    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Lets the nodes reach each other without links, at their own addresses.
    pub fn bypass(&mut self, address: impl Fn(NodeId) -> SocketAddr + Send + 'static) {
        self.direct = Some(Box::new(address));
    }

    /// Starts tasks for each new link.
    ///
    /// # Panics
    /// If a listener is for a node that has no place.
    pub fn add(&mut self, listeners: Listeners, places: &Places) -> io::Result<()> {
        let mut new = Vec::new();
        for (pair, (listener, address)) in listeners.0 {
            new.push((pair, tokio::net::TcpListener::from_std(listener)?));
            self.open_way(pair, address, places);
        }
        // Each link needs the lanes of both directions.
        for ((from, to), listener) in new {
            let link = Link {
                wire: self.wire.clone(),
                forth: Arc::clone(&self.served[&(from, to)].way),
                back: Arc::clone(&self.served[&(to, from)].way),
                source: places[&from].clone(),
                target: places[&to].clone(),
                traffic: Arc::clone(&self.traffic),
                accepted: Arc::clone(&self.accepted),
                is_founded: AtomicBool::default(),
            };
            let task = tokio::spawn(link.serve(listener)).abort_handle();
            self.served.entry((from, to)).and_modify(|served| served.tasks.push(task));
        }
        Ok(())
    }

    /// From now on messages of this pair can be carried.
    fn open_way(&mut self, pair: Pair, address: SocketAddr, places: &Places) {
        let OpenedLane { gate, signals } = self.traffic.open(pair);
        let (carrier, handed) = mpsc::unbounded_channel::<CarrierInput<W::Session>>();
        let traffic = Arc::clone(&self.traffic);
        let (target, clock) = (places[&pair.1].clone(), self.clock.clone());
        let writes = Carrier::new(pair, target, traffic, Arc::clone(&signals), clock).run(handed);
        let tasks = vec![tokio::spawn(writes).abort_handle()];
        let way = Arc::new(PairTraffic { pair, gate, signals, carrier });
        self.served.insert(pair, ServedNode { address, way, tasks });
    }

    /// Closes every link of a node, with all that it carries.
    pub fn remove(&mut self, node: NodeId) {
        for (&pair, link) in self.served.iter().filter(|((from, to), _)| *from == node || *to == node) {
            link.tasks.iter().for_each(AbortHandle::abort);
            self.traffic.close(pair);
        }
        self.served.retain(|(from, to), _| *from != node && *to != node);
    }

    /// Whether the nodes reach each other without links.
    #[must_use]
    pub fn are_bypassed(&self) -> bool {
        self.direct.is_some()
    }

    /// Where the first of the pair dials to reach the second. `None`: there is no such link.
    #[must_use]
    pub fn address(&self, pair: Pair) -> Option<SocketAddr> {
        match &self.direct {
            Some(address) => Some(address(pair.1)),
            None => self.served.get(&pair).map(|link| link.address),
        }
    }

    /// Whether there is such a link.
    #[must_use]
    pub fn has(&self, pair: Pair) -> bool {
        self.served.contains_key(&pair)
    }
}

#[cfg(test)]
mod tests;
