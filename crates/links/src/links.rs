//! All links of a cluster: where each listens, and which two nodes it connects.

use crate::carrier::{Carrier, CarrierInput};
use crate::link::{Link, PairTraffic, Road, Roads};
use crate::outlet::Outlet;
use crate::pair::{Entrance, Pair};
use crate::time::ClockReader;
use crate::traffic::{OpenedLane, Traffic};
use crate::whereabouts::Places;
use crate::wire::{Session, Wire};
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// The links' listeners, before they accept. There are always both links between two nodes, or none.
pub struct Listeners(BTreeMap<Entrance, (TcpListener, SocketAddr)>);

impl Listeners {
    /// None: the nodes reach each other without links.
    #[must_use]
    pub fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// One for each directed pair, each on a free port of this machine only.
    pub fn bind(nodes: &[NodeId]) -> io::Result<Self> {
        let others = |from: NodeId| nodes.iter().map(move |&to| (from, to)).filter(|(from, to)| from != to);
        Self::bind_all(nodes.iter().copied().flat_map(others).map(Entrance::Pair))
    }

    /// One each way between a new node and every other.
    pub fn bind_new(node: NodeId, others: &[NodeId]) -> io::Result<Self> {
        Self::bind_all(others.iter().flat_map(|&other| [(node, other), (other, node)]).map(Entrance::Pair))
    }

    /// The same as [`Listeners::bind_members`] on these ports.
    pub fn bind_members_at(members: impl IntoIterator<Item = (NodeId, u16)>) -> io::Result<Self> {
        let bind = |(node, port)| Ok((Entrance::Member(node), bind(port)?));
        members.into_iter().map(bind).collect::<io::Result<_>>().map(Self)
    }

    /// One for each of these nodes, at which all others dial it, each on a free port of this machine only.
    pub fn bind_members(nodes: &[NodeId]) -> io::Result<Self> {
        Self::bind_all(nodes.iter().copied().map(Entrance::Member))
    }

    fn bind_all(entrances: impl Iterator<Item = Entrance>) -> io::Result<Self> {
        entrances.map(|entrance| Ok((entrance, bind(0)?))).collect::<io::Result<_>>().map(Self)
    }

    /// Where all other nodes will dial this one.
    #[must_use]
    pub fn entrance(&self, node: NodeId) -> Option<SocketAddr> {
        self.0.get(&Entrance::Member(node)).map(|(_, address)| *address)
    }
}

/// Listens on a port of this machine only; 0: a free one.
fn bind(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// The links at work, between nodes that speak this wire.
pub struct Links<W: Wire> {
    wire: W,
    traffic: Arc<Traffic>,
    clock: ClockReader,
    /// Where connections are accepted.
    served: BTreeMap<Entrance, ServedEntrance>,
    /// What carries the messages of each pair.
    ways: BTreeMap<Pair, ServedWay<W::Session>>,
    roads: Roads<W::Session>,
    /// How many connections were accepted by all of them.
    accepted: Arc<AtomicU64>,
    /// The nodes reach each other without links, at these addresses.
    direct: Option<Direct>,
}

/// Where a node listens itself.
type Direct = Box<dyn Fn(NodeId) -> SocketAddr + Send>;

struct ServedEntrance {
    address: SocketAddr,
    /// The task that accepts connections.
    task: AbortHandle,
}

struct ServedWay<S: Session> {
    way: Arc<PairTraffic<S>>,
    /// The task that carries messages.
    task: AbortHandle,
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
        let mut links = Self {
            wire,
            traffic,
            clock,
            served: BTreeMap::new(),
            ways: BTreeMap::new(),
            roads: Roads::default(),
            accepted: Arc::default(),
            direct: None,
        };
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
        let members: Vec<NodeId> =
            self.served.keys().chain(listeners.0.keys()).filter_map(|entrance| entrance.member()).collect();
        for &entrance in listeners.0.keys() {
            match entrance {
                Entrance::Pair(pair) => self.open_way(pair, places),
                Entrance::Member(node) => {
                    for &other in members.iter().filter(|&&other| other != node) {
                        self.open_way((node, other), places);
                        self.open_way((other, node), places);
                    }
                }
            }
        }
        self.open_roads(places);
        for (entrance, (listener, address)) in listeners.0 {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let link = Link {
                wire: self.wire.clone(),
                entrance,
                roads: Arc::clone(&self.roads),
                target: places[&entrance.listener()].clone(),
                traffic: Arc::clone(&self.traffic),
                accepted: Arc::clone(&self.accepted),
            };
            let task = tokio::spawn(link.serve(listener)).abort_handle();
            self.served.insert(entrance, ServedEntrance { address, task });
        }
        Ok(())
    }

    /// From now on messages of this pair can be carried.
    fn open_way(&mut self, pair: Pair, places: &Places) {
        if self.ways.contains_key(&pair) {
            return;
        }
        let OpenedLane { gate, signals } = self.traffic.open(pair);
        let (carrier, handed) = mpsc::unbounded_channel::<CarrierInput<W::Session>>();
        let traffic = Arc::clone(&self.traffic);
        let (target, clock, wire) = (places[&pair.1].clone(), self.clock.clone(), self.wire.clone());
        let request = Box::new(move |bytes| wire.request(pair, bytes));
        let writes = Carrier::new(pair, target, traffic, Arc::clone(&signals), clock, request).run(handed);
        let task = tokio::spawn(writes).abort_handle();
        let way = Arc::new(PairTraffic { pair, gate, signals, carrier });
        self.ways.insert(pair, ServedWay { way, task });
    }

    /// Each new way becomes a road together with the way back.
    fn open_roads(&mut self, places: &Places) {
        let mut roads = lock(&self.roads);
        for (&pair @ (from, to), forth) in &self.ways {
            let Some(back) = self.ways.get(&(to, from)) else { continue };
            roads.entry(pair).or_insert_with(|| Road {
                forth: Arc::clone(&forth.way),
                back: Arc::clone(&back.way),
                source: places[&from].clone(),
                is_founded: Arc::default(),
            });
        }
    }

    /// Closes every link of a node, with all that it carries.
    pub fn remove(&mut self, node: NodeId) {
        let is_its = |(from, to): &Pair| *from == node || *to == node;
        self.served.retain(|entrance, served| {
            let stays = match entrance {
                Entrance::Pair(pair) => !is_its(pair),
                Entrance::Member(member) => *member != node,
            };
            if !stays {
                served.task.abort();
            }
            stays
        });
        lock(&self.roads).retain(|pair, _| !is_its(pair));
        for (&pair, served) in self.ways.iter().filter(|(pair, _)| is_its(pair)) {
            served.task.abort();
            self.traffic.close(pair);
        }
        self.ways.retain(|pair, _| !is_its(pair));
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
            None => self.served.get(&Entrance::Pair(pair)).map(|served| served.address),
        }
    }

    /// Where all others dial this node. `None`: it has no listener for all of them.
    #[must_use]
    pub fn entrance(&self, node: NodeId) -> Option<SocketAddr> {
        match &self.direct {
            Some(address) => Some(address(node)),
            None => self.served.get(&Entrance::Member(node)).map(|served| served.address),
        }
    }

    /// Whether there is such a link.
    #[must_use]
    pub fn has(&self, pair: Pair) -> bool {
        self.ways.contains_key(&pair)
    }
}

fn lock<S: Session>(roads: &Roads<S>) -> MutexGuard<'_, BTreeMap<Pair, Road<S>>> {
    roads.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
