//! Which members there are and where, and what is asked of them.

use crate::attached::Inbox;
use crate::changes::Changes;
use crate::members::Members;
use crate::options::{AttachError, AttachOptions};
use crate::requests::{OwnClient, Requests};
use futures::future::join_all;
use raftdeck_client::{Access, Client, ClientError, Options};
use raftdeck_links::Outlet;
use raftdeck_model::{Capabilities, Command, Known, News, Order, SEEK_NEEDS_RECORDING};
use raftdeck_protocol::NodeStatus;
use raftdeck_raft::{NodeId, Role};
use raftdeck_source::{Receipt, Watchers, Workload};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// How long a cluster may take to be found.
const FOUND_WITHIN: Duration = Duration::from_secs(5);

/// How long the search for the members' addresses may take.
const SEARCH: Duration = Duration::from_secs(1);

/// How often the members' addresses are asked for.
const SEARCH_EVERY: Duration = Duration::from_secs(2);

/// How long a node may take to tell its state.
const STATE_WITHIN: Duration = Duration::from_secs(1);

/// The most states that wait to be looked at.
const MAX_STATES: usize = 64;

/// How long a node may be silent before another one is asked: these nodes can be far away.
const PATIENCE: Duration = Duration::from_secs(1);

/// A cluster that was found.
pub(crate) struct Found {
    client: Client,
    /// Of each node that answers.
    states: BTreeMap<NodeId, NodeStatus>,
    addresses: BTreeMap<NodeId, String>,
}

impl Found {
    /// Asks every address, and those that answer for the others.
    pub(crate) async fn by(options: &AttachOptions) -> Result<Self, AttachError> {
        if options.addresses.is_empty() {
            return Err(AttachError::NoAddress);
        }
        let client = client(&options.addresses, &options.access)?;
        let asked = options
            .addresses
            .iter()
            .map(|address| async { (address.clone(), client.status(address, FOUND_WITHIN).await) });
        let (mut states, mut addresses, mut tried) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for (address, answer) in join_all(asked).await {
            match answer {
                Ok(state) => {
                    addresses.insert(state.raft.id, address);
                    states.insert(state.raft.id, state);
                }
                Err(error) => tried.push(format!("{address}: {}", why(&error))),
            }
        }
        if states.is_empty() {
            return Err(AttachError::Unreachable { tried });
        }
        // The client knows best at which address a node takes requests.
        let found = client.members(SEARCH).await.unwrap_or_default();
        for (node, address) in found.into_iter().chain(client.known_nodes()) {
            addresses.entry(node).or_insert(address);
        }
        Ok(Self { client, states, addresses })
    }
}

fn client(addresses: &[String], access: &Access) -> Result<Client, raftdeck_client::AddressError> {
    let options = Options { patience: PATIENCE, access: access.clone(), ..Options::default() };
    Client::new(addresses, options)
}

/// Why a node has not answered, in words about this node alone.
fn why(error: &ClientError) -> String {
    match error {
        ClientError::Unreachable { tried, .. } => tried.clone(),
        other => other.to_string(),
    }
}

/// A cluster that is followed.
pub(crate) struct Cluster {
    client: Client,
    outlet: Outlet,
    members: Members,
    told: mpsc::Receiver<NodeStatus>,
    /// The newest state of each member.
    states: BTreeMap<NodeId, NodeStatus>,
    /// What was reported as the cluster.
    introduced: Option<News>,
    requests: Requests,
    changes: Changes,
    workload: Workload<OwnClient>,
}

impl Cluster {
    /// Reports the cluster, and watches its members.
    pub(crate) fn start(found: Found, options: &AttachOptions, outlet: Outlet) -> Self {
        let Found { client, states, addresses } = found;
        let (tell, told) = mpsc::channel(MAX_STATES);
        let watchers = Watchers::start(&outlet, options.access.clone());
        let requests = Requests::new(client.clone(), options, outlet.clone());
        let mut cluster = Self {
            members: Members::new(outlet.clone(), watchers, tell),
            changes: Changes::new(client.clone(), options.manager(), outlet.clone()),
            workload: Workload::new(requests.own(), outlet.clone()),
            requests,
            introduced: None,
            client,
            outlet,
            told,
            states,
        };
        cluster.settle(&addresses);
        cluster
    }

    /// Follows the cluster until the caller detaches.
    pub(crate) async fn follow(mut self, mut inbox: Inbox, may: &Capabilities) {
        let mut search = interval(SEARCH_EVERY);
        search.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (found, mut places) = mpsc::channel(1);
        loop {
            tokio::select! {
                command = inbox.next() => match command {
                    Some(command) => self.carry_out(command, may),
                    None => return,
                },
                Some(status) = self.told.recv() => self.hear(status),
                Some(addresses) = places.recv() => self.settle(&addresses),
                _ = search.tick() => {
                    let (client, found) = (self.client.clone(), found.clone());
                    tokio::spawn(async move {
                        if let Ok(addresses) = client.members(SEARCH).await {
                            // No room: the search before this one is not looked at yet.
                            let _ = found.try_send(addresses);
                        }
                    });
                }
            }
            inbox.refuse_left_out();
        }
    }

    fn hear(&mut self, status: NodeStatus) {
        let is_other = self.states.get(&status.raft.id).is_none_or(|known| {
            (known.raft.membership_index, leads(known), known.raft.tuning)
                != (status.raft.membership_index, leads(&status), status.raft.tuning)
        });
        self.states.insert(status.raft.id, status);
        if is_other {
            self.settle(&BTreeMap::new());
        }
    }

    /// Watches the members of the newest membership, at these addresses or at those in the membership.
    fn settle(&mut self, addresses: &BTreeMap<NodeId, String>) {
        let Some(newest) = newest(&self.states) else { return };
        let membership = &newest.raft.membership;
        // A cluster that is not founded yet has no members: the nodes that answer are shown.
        let mut ids: BTreeSet<NodeId> = membership.members().into_iter().collect();
        if ids.is_empty() {
            ids = self.states.keys().copied().collect();
        }
        let timing = newest.raft.tuning.timing;
        let introduced = News::Cluster {
            nodes: ids.iter().copied().collect(),
            heartbeat_ms: millis(timing.heartbeat),
            election_ms: (millis(timing.election_min), millis(timing.election_max)),
            data_dir: Known::Unknown,
        };
        if self.introduced.as_ref() != Some(&introduced) {
            self.outlet.tell(introduced.clone());
            self.introduced = Some(introduced);
        }
        let known = membership.addresses.clone();
        self.members.keep(&ids);
        for node in &ids {
            let is_watched = self.members.address(*node).is_some();
            // An address in the membership is the one at which the node was added.
            let fallback = known.get(node).filter(|_| !is_watched);
            self.members.watch(*node, addresses.get(node).or(fallback));
        }
        self.states.retain(|node, _| ids.contains(node));
        self.requests.know(self.members.addresses());
        self.changes.know(self.members.addresses());
    }

    fn carry_out(&mut self, Command { id, what }: Command, may: &Capabilities) {
        let receipt = Receipt::new(id, self.outlet.clone());
        if let Err(lacking) = may.allow(&what) {
            return receipt.refuse(lacking.to_string());
        }
        if let Some(stranger) = stranger(&what, &self.members.ids()) {
            return receipt.refuse(format!("there is no {stranger} in this cluster"));
        }
        match what {
            Order::Client(request) => self.requests.ask(request, receipt),
            Order::OpenSession => self.requests.open_session(receipt),
            Order::Propose(node, write) => self.requests.propose(node, write, receipt),
            Order::FetchLog { node, first, limit } => self.requests.fetch_log((node, first, limit), receipt),
            Order::Workload(on) => self.workload.switch(on, receipt),
            Order::Transfer(node) => self.changes.transfer(node, receipt),
            Order::Promote(node) => self.changes.promote(node, receipt),
            Order::RemoveNode(node) => self.changes.remove(node, receipt),
            Order::ReplaceNode(node) => self.changes.replace(node, receipt),
            Order::TimeOut(node) => self.changes.time_out(node, receipt),
            Order::Campaign(_) => receipt.refuse(
                "a campaign against a healthy leader costs this cluster its leases: hand the leadership over instead",
            ),
            Order::AddNode | Order::AddLearner => receipt.refuse(
                "a node elsewhere is started by hand: start it there with raftdeck node --join, then raftdeck client member add",
            ),
            Order::Seek(_) => receipt.refuse(SEEK_NEEDS_RECORDING),
            Order::Refresh => self.refresh(receipt),
            Order::Undo(_) => receipt.refuse("nothing is in force, so there is nothing to undo"),
            // Nothing is ever in force here.
            Order::Heal => receipt.done(),
            // All others need an ability that this source lacks.
            _ => receipt.refuse("this source cannot do that"),
        }
    }

    /// Reports the present state of every node that answers.
    fn refresh(&self, receipt: Receipt) {
        self.workload.refresh(receipt.part());
        let (client, outlet) = (self.client.clone(), self.outlet.clone());
        let addresses = self.members.addresses();
        tokio::spawn(async move {
            let asked = addresses.iter().map(|(node, address)| {
                let client = &client;
                async move { (*node, client.status(address, STATE_WITHIN).await) }
            });
            for (node, status) in join_all(asked).await {
                if let Ok(status) = status {
                    outlet.tell(News::Status { node, status: Box::new(status.into()) });
                }
            }
            receipt.done();
        });
    }
}

/// The node of an order that is no member.
fn stranger(order: &Order, members: &BTreeSet<NodeId>) -> Option<NodeId> {
    let named = match order {
        Order::Client(request) => request.at,
        Order::Propose(node, _)
        | Order::FetchLog { node, .. }
        | Order::Transfer(node)
        | Order::Promote(node)
        | Order::RemoveNode(node)
        | Order::ReplaceNode(node)
        | Order::TimeOut(node)
        | Order::Campaign(node) => Some(*node),
        _ => None,
    };
    named.filter(|node| !members.contains(node))
}

/// The node with the newest membership: the leader, or else the newest of the others.
fn newest(states: &BTreeMap<NodeId, NodeStatus>) -> Option<&NodeStatus> {
    states.values().max_by_key(|status| (leads(status), status.raft.term, status.raft.membership_index))
}

/// Whether it leads with a majority, so that its membership is the one in force.
fn leads(status: &NodeStatus) -> bool {
    status.raft.role == Role::Leader && status.raft.has_quorum
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
