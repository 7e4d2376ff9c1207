//! The members of a cluster, each watched at its present address.

use raftdeck_links::Outlet;
use raftdeck_model::{News, NodeAddresses, ProcessState};
use raftdeck_protocol::NodeStatus;
use raftdeck_raft::NodeId;
use raftdeck_source::{Contact, LifeEvents, Watchers};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// A node reports its state several times a second. One that says nothing for so long is gone, or paused, or cut off from here.
const SILENCE: Duration = Duration::from_secs(3);

/// Why a member whose address nobody tells is not watched.
const NO_ADDRESS: &str = "its address is not known: no node that answers tells it";

/// Where states go, for whoever decides which members there are. What finds no room is repeated soon.
pub(crate) type States = mpsc::Sender<NodeStatus>;

/// The members that are watched.
pub(crate) struct Members {
    outlet: Outlet,
    watchers: Watchers,
    states: States,
    watched: BTreeMap<NodeId, Watched>,
}

struct Watched {
    /// `None`: unknown.
    address: Option<String>,
    task: Option<AbortHandle>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Members {
    pub(crate) fn new(outlet: Outlet, watchers: Watchers, states: States) -> Self {
        Self { outlet, watchers, states, watched: BTreeMap::new() }
    }

    pub(crate) fn ids(&self) -> BTreeSet<NodeId> {
        self.watched.keys().copied().collect()
    }

    /// The address at which a member is asked, if it is known.
    pub(crate) fn address(&self, node: NodeId) -> Option<&str> {
        self.watched.get(&node)?.address.as_deref()
    }

    pub(crate) fn addresses(&self) -> BTreeMap<NodeId, String> {
        let known = |(node, watched): (&NodeId, &Watched)| Some((*node, watched.address.clone()?));
        self.watched.iter().filter_map(known).collect()
    }

    /// These are the members from now on. Those that left are watched no more.
    pub(crate) fn keep(&mut self, members: &BTreeSet<NodeId>) {
        self.watched.retain(|node, _| members.contains(node));
    }

    /// Watches a member here from now on. `None`: where it is, is not known; a former address stays in use.
    pub(crate) fn watch(&mut self, node: NodeId, address: Option<&String>) {
        let is_new = match (self.watched.get(&node), address) {
            (None, _) => true,
            (Some(watched), Some(address)) => watched.address.as_ref() != Some(address),
            (Some(_), None) => false,
        };
        if !is_new {
            return;
        }
        let task = address.map(|address| {
            let (outlet, states) = (self.outlet.clone(), self.states.clone());
            tokio::spawn(watch(self.watchers.clone(), node, address.clone(), outlet, states)).abort_handle()
        });
        if task.is_none() {
            let state = ProcessState::Unreachable { why: NO_ADDRESS.to_owned() };
            self.outlet.tell(News::Process { node, state });
        }
        self.watched.insert(node, Watched { address: address.cloned(), task });
    }
}

async fn watch(watchers: Watchers, node: NodeId, address: String, outlet: Outlet, states: States) {
    let mut heard = LifeEvents::joined();
    let mut last = None;
    let client = address.clone();
    let contact = |contact: Contact| {
        let state = match contact {
            Contact::Heard => ProcessState::Running { pid: None },
            Contact::Lost(why) => ProcessState::Unreachable { why },
        };
        // Each attempt to reach a node that is gone fails for some reason: the first one is news.
        let is_news =
            last.as_ref().is_none_or(|last| std::mem::discriminant(last) != std::mem::discriminant(&state));
        if is_news {
            if matches!(state, ProcessState::Running { .. }) {
                let addresses =
                    NodeAddresses { raft: String::new(), client: client.clone(), http: String::new() };
                outlet.tell(News::Ready { node, addresses });
            } else {
                watchers.forget(node);
            }
            outlet.tell(News::Process { node, state: state.clone() });
            last = Some(state);
        }
    };
    let told = |state: &NodeStatus| drop(states.try_send(state.clone()));
    watchers.listen((node, &address), &mut heard, Some(SILENCE), contact, told).await;
}
