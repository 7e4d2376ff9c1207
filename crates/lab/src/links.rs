//! All links of a cluster: where they listen, and which of them are cut.

use crate::link::Link;
use crate::model::LinkState;
use crate::reports::Reports;
use crate::whereabouts::Places;
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// A directed pair: sender, receiver.
pub(crate) type Pair = (NodeId, NodeId);

/// The links' listeners, before they accept.
pub(crate) struct Listeners(BTreeMap<Pair, (TcpListener, SocketAddr)>);

impl Listeners {
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

/// The links at work.
pub(crate) struct Links {
    reports: Arc<Reports>,
    links: BTreeMap<Pair, Opened>,
}

struct Opened {
    gate: watch::Sender<LinkState>,
    address: SocketAddr,
    task: AbortHandle,
}

impl Links {
    /// Starts a task for each link; they end with the runtime.
    pub(crate) fn open(listeners: Listeners, places: &Places, reports: &Arc<Reports>) -> io::Result<Self> {
        let mut links = Self { reports: Arc::clone(reports), links: BTreeMap::new() };
        links.add(listeners, places)?;
        Ok(links)
    }

    /// Starts a task for each new link.
    pub(crate) fn add(&mut self, listeners: Listeners, places: &Places) -> io::Result<()> {
        for ((from, to), (listener, address)) in listeners.0 {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let (gate, state) = watch::channel(LinkState::Open);
            let link = Link {
                from,
                to,
                gate: state,
                source: places[&from].clone(),
                target: places[&to].clone(),
                reports: Arc::clone(&self.reports),
            };
            let task = tokio::spawn(link.serve(listener)).abort_handle();
            self.links.insert((from, to), Opened { gate, address, task });
        }
        Ok(())
    }

    /// Closes every link of a node, with all that it carries.
    pub(crate) fn remove(&mut self, node: NodeId) {
        self.links.retain(|(from, to), link| {
            let stays = *from != node && *to != node;
            if !stays {
                link.task.abort();
            }
            stays
        });
    }

    /// Where `from` dials to reach `to`.
    pub(crate) fn address(&self, pair: Pair) -> Option<SocketAddr> {
        self.links.get(&pair).map(|link| link.address)
    }

    /// Whether there is such a link.
    pub(crate) fn has(&self, pair: Pair) -> bool {
        self.links.contains_key(&pair)
    }

    /// Cuts or mends; says whether that changed anything.
    pub(crate) fn set(&self, pair: Pair, state: LinkState) -> bool {
        self.links.get(&pair).is_some_and(|link| {
            link.gate.send_if_modified(|now| {
                let changes = *now != state;
                *now = state;
                changes
            })
        })
    }

    /// All that are cut.
    pub(crate) fn cut(&self) -> Vec<Pair> {
        let cut = |link: &Opened| *link.gate.borrow() == LinkState::Cut;
        self.links.iter().filter(|(_, link)| cut(link)).map(|(&pair, _)| pair).collect()
    }
}

#[cfg(test)]
mod tests;
