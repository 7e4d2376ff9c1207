//! All links of a cluster: where they listen, and which of them are cut.

use crate::link::Link;
use crate::model::LinkState;
use crate::reports::Reports;
use crate::rule::{FaultId, Matching, MessageId, Rule, Scope, Watch, Which};
use crate::time::ClockReader;
use crate::whereabouts::Places;
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
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
    pub(crate) fn open(
        listeners: Listeners,
        places: &Places,
        reports: &Arc<Reports>,
        _clock: ClockReader,
    ) -> io::Result<Self> {
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

    /// Rules come into force, under this name, which is a new one. A cut or a hold without `next` catches what is under
    /// way on its links too.
    pub(crate) fn disturb(&self, _id: FaultId, _rules: Vec<Rule>) {}

    /// A watch begins. When it fires its rules come into force under the same name.
    pub(crate) fn watch(&self, _id: FaultId, _watch: Watch) {}

    /// What came into force under this name is over; what only it held goes on. `false`: the links know nothing of it.
    pub(crate) fn undo(&self, _id: FaultId) -> bool {
        false
    }

    /// Lets messages go on by hand; says how many. In a frozen world they arrive at once.
    pub(crate) fn release(&self, _which: &Which) -> usize {
        0
    }

    /// Loses messages that are held or under way; says how many.
    pub(crate) fn drop(&self, _which: &Which) -> usize {
        0
    }

    /// From now on chance is decided by this seed, and the frames of each link are numbered anew.
    pub(crate) fn seed(&self, _seed: u64) {}

    /// Whether nothing is under way; what is held does not count.
    pub(crate) fn is_idle(&self) -> bool {
        true
    }

    /// How many such messages are held.
    pub(crate) fn held(&self, _scope: &Scope, _matching: &Matching) -> usize {
        0
    }

    /// Delivers the oldest message of all links at once, held or under way. `None`: there is none.
    pub(crate) fn deliver_oldest(&self) -> Option<MessageId> {
        None
    }

    /// When the next message arrives, in cluster time.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        None
    }

    /// What became of things in force without anybody's command. Waits until there is something. Cancel-safe.
    pub(crate) async fn news(&self) -> Vec<LinkNews> {
        std::future::pending().await
    }

    /// All that are cut.
    pub(crate) fn cut(&self) -> Vec<Pair> {
        let cut = |link: &Opened| *link.gate.borrow() == LinkState::Cut;
        self.links.iter().filter(|(_, link)| cut(link)).map(|(&pair, _)| pair).collect()
    }
}

#[cfg(test)]
mod tests;
