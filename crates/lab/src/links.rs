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

/// A directed pair: sender, receiver.
pub(crate) type Pair = (NodeId, NodeId);

/// The links' listeners, before they accept.
pub(crate) struct Listeners(BTreeMap<Pair, (TcpListener, SocketAddr)>);

impl Listeners {
    /// One for each directed pair, each on a free port of this machine only.
    pub(crate) fn bind(members: &[NodeId]) -> io::Result<Self> {
        let mut listeners = BTreeMap::new();
        for &from in members {
            for &to in members.iter().filter(|&&to| to != from) {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                listeners.insert((from, to), (listener, address));
            }
        }
        Ok(Self(listeners))
    }

    /// Where `from` dials to reach `to`.
    pub(crate) fn address(&self, pair: Pair) -> Option<SocketAddr> {
        self.0.get(&pair).map(|(_, address)| *address)
    }
}

/// The links at work.
pub(crate) struct Links(BTreeMap<Pair, watch::Sender<LinkState>>);

impl Links {
    /// Starts a task for each link; they end with the runtime.
    pub(crate) fn open(listeners: Listeners, places: &Places, reports: &Arc<Reports>) -> io::Result<Self> {
        let mut gates = BTreeMap::new();
        for ((from, to), (listener, _)) in listeners.0 {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let (sender, gate) = watch::channel(LinkState::Open);
            let link = Link {
                from,
                to,
                gate,
                source: places[&from].clone(),
                target: places[&to].clone(),
                reports: Arc::clone(reports),
            };
            tokio::spawn(link.serve(listener));
            gates.insert((from, to), sender);
        }
        Ok(Self(gates))
    }

    /// Whether there is such a link.
    pub(crate) fn has(&self, pair: Pair) -> bool {
        self.0.contains_key(&pair)
    }

    /// Cuts or mends; says whether that changed anything.
    pub(crate) fn set(&self, pair: Pair, state: LinkState) -> bool {
        self.0.get(&pair).is_some_and(|gate| {
            gate.send_if_modified(|now| {
                let changes = *now != state;
                *now = state;
                changes
            })
        })
    }

    /// All that are cut.
    pub(crate) fn cut(&self) -> Vec<Pair> {
        let cut = |gate: &watch::Sender<LinkState>| *gate.borrow() == LinkState::Cut;
        self.0.iter().filter(|(_, gate)| cut(gate)).map(|(&pair, _)| pair).collect()
    }
}

#[cfg(test)]
mod tests;
