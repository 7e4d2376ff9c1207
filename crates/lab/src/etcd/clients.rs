//! Requests of the deck and of scripts to etcd's store: each is a task of its own, so that a slow one delays no other, and their number is
//! bounded. Each client reaches each member through a relay of its own.

use crate::etcd::relay::Bytes;
use crate::requests::paths::Paths;
use raftdeck_client::LocalUsers;
use raftdeck_etcd::{Etcd, EtcdAccess, MemberIds};
use raftdeck_links::{Outlet, Whereabouts};
use raftdeck_model::{ClientName, ClientOp, ClientOutcome, ClientRequest, Fault, News, RequestFate};
use raftdeck_protocol::{ResponseBody, Write};
use raftdeck_raft::NodeId;
use raftdeck_source::{Receipt, Writes};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};

/// How long the cluster may take for a request. Longer than the longest usual election.
const DEADLINE: Duration = Duration::from_secs(5);

/// The most requests in progress.
const MAX_UNDER_WAY: usize = 64;

/// The lab's clients of its own cluster. Clones share their state.
#[derive(Clone)]
pub(super) struct Clients {
    known: Arc<Mutex<KnownClients>>,
    /// Knows which node is which member.
    ids: Etcd,
    outlet: Outlet,
    requests: Arc<Semaphore>,
}

struct KnownClients {
    paths: Paths<Bytes>,
    /// The clients that were used.
    clients: BTreeMap<ClientName, Etcd>,
}

impl Clients {
    pub(super) fn new(ids: Etcd, outlet: Outlet) -> Self {
        let users = LocalUsers::only_own().unwrap_or(LocalUsers::Any);
        let known = KnownClients { paths: Paths::new(users), clients: BTreeMap::new() };
        let requests = Arc::new(Semaphore::new(MAX_UNDER_WAY));
        Self { known: Arc::new(Mutex::new(known)), ids, outlet, requests }
    }

    /// Adds a node.
    pub(super) fn add(&self, node: NodeId, place: watch::Receiver<Whereabouts>) {
        self.lock().paths.add(node, place);
    }

    /// Removes a node.
    pub(super) fn remove(&self, node: NodeId) {
        let mut known = self.lock();
        known.paths.remove(node);
        known.clients.values().for_each(|client| client.forget_member(node));
    }

    /// Whether there is such a client, or room for one more.
    pub(super) fn admit(&self, client: &ClientName) -> Result<(), String> {
        self.lock().paths.admit(client)
    }

    /// Applies what is in force to the clients, and nothing else.
    pub(super) fn obey(&self, faults: &[Fault]) {
        self.lock().paths.obey(faults);
    }

    /// Sends a client's request; the outcome is reported.
    pub(super) fn ask(&self, request: ClientRequest, receipt: Receipt) {
        if let Err(why) = self.admit(&request.client) {
            return receipt.refuse(why);
        }
        let Ok(permit) = Arc::clone(&self.requests).try_acquire_owned() else {
            return receipt.refuse(format!(
                "{MAX_UNDER_WAY} requests are under way already: wait until one of them is answered"
            ));
        };
        let client = self.client(&request);
        let clients = self.clone();
        tokio::spawn(async move {
            let begun = Instant::now();
            let outcome = match client {
                Ok(client) => clients.named(&request, client.ask(&request, DEADLINE).await),
                Err(reason) => ClientOutcome::Failed { reason, fate: RequestFate::NothingChanged },
            };
            drop(permit);
            clients.outlet.tell(News::Client { id: receipt.id(), request, outcome, took: begun.elapsed() });
            receipt.done();
        });
    }

    /// The client of a request, which knows the members that it reaches, or why it reaches none.
    fn client(&self, request: &ClientRequest) -> Result<Etcd, String> {
        let name = &request.client;
        let (leader, ids) = (self.outlet.leader(), self.ids.ids());
        let mut known = self.lock();
        let ways = match request.at {
            Some(node) => [(node, known.paths.way(name, node)?)].into(),
            None => known.paths.ways(name),
        };
        if ways.is_empty() {
            return Err(name.nobody_to_ask(!known.paths.addresses(|_| true).is_empty()));
        }
        let client = match known.clients.get(name) {
            Some(client) => client.clone(),
            None => Etcd::new(EtcdAccess::default()).map_err(|error| error.to_string())?,
        };
        known.clients.insert(name.clone(), client.clone());
        drop(known);
        reach(&client, &ways, &ids);
        if let Some(leader) = leader {
            client.ask_first(leader);
        }
        Ok(client)
    }

    /// With nodes in the place of the addresses of relays.
    fn named(&self, request: &ClientRequest, outcome: ClientOutcome) -> ClientOutcome {
        match outcome {
            ClientOutcome::Failed { reason, fate } => {
                ClientOutcome::Failed { reason: self.lock().paths.with_nodes(&request.client, reason), fate }
            }
            answered @ ClientOutcome::Answered { .. } => answered,
        }
    }

    fn lock(&self) -> MutexGuard<'_, KnownClients> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From now on the client reaches these nodes, and no others.
fn reach(client: &Etcd, ways: &BTreeMap<NodeId, String>, ids: &MemberIds) {
    for (node, member) in ids.iter() {
        match ways.get(&node).and_then(|way| way.parse().ok()) {
            Some(url) => client.set_member(node, url, Some(member)),
            None => client.unset_member(node),
        }
    }
}

impl Writes for Clients {
    async fn write(&self, write: Write, within: Duration) -> Result<(), RequestFate> {
        let request = ClientRequest::from(ClientOp::Write(write));
        let client = self.client(&request).map_err(|_| RequestFate::NothingChanged)?;
        match client.ask(&request, within).await {
            ClientOutcome::Answered { body: ResponseBody::Done { .. }, .. } => Ok(()),
            ClientOutcome::Answered { .. } => Err(RequestFate::NothingChanged),
            ClientOutcome::Failed { fate, .. } => Err(fate),
        }
    }
}
