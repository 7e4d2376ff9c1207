//! Store requests of the deck and of scripts: each is a task of its own, so that a slow one delays no other, and
//! their number is bounded.
//!
//! The client crate sends them. This module knows the clients, the nodes' present addresses and the probable leader.
//! Each client reaches each node through a relay of its own (`relay.rs`).

use crate::raftdeck::relay::Frames;
use crate::requests::paths::Paths;
use raftdeck_client::{Access, Client, LocalUsers, Options};
use raftdeck_links::{Outlet, Whereabouts};
use raftdeck_model::{ClientName, ClientOp, ClientOutcome, ClientRequest, Fault, News, RequestFate};
use raftdeck_protocol::request::MAX_LOG_LINES;
use raftdeck_protocol::{RequestBody, Write};
use raftdeck_raft::{LogIndex, NodeId};
use raftdeck_source::{Receipt, Writes, ask_cluster, ask_node, body_of, fate};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How long the cluster may take for a request. Longer than the longest usual election.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long a node may take to show its log.
const LOG_DEADLINE: Duration = Duration::from_secs(1);

/// The most requests in progress, and the most logs being fetched.
const MAX_UNDER_WAY: usize = 64;

/// The lab's clients of its own cluster. Clones share their state.
#[derive(Clone)]
pub(crate) struct Clients {
    known: Arc<Mutex<KnownClients>>,
    access: Access,
    outlet: Outlet,
    requests: Arc<Semaphore>,
    fetches: Arc<Semaphore>,
}

struct KnownClients {
    paths: Paths<Frames>,
    /// The clients that were used, at the addresses that they reach.
    current: BTreeMap<ClientName, Option<Current>>,
    /// The client that reads the nodes' logs is not one of the named clients, and reaches all nodes.
    onlooker: Option<Current>,
}

/// A client and the addresses that it was made for.
struct Current {
    addresses: Vec<String>,
    client: Client,
}

/// The client for these addresses: the present one, or a new one. Requests in progress continue with the client they have.
fn renewed(
    current: &mut Option<Current>,
    addresses: Vec<String>,
    confined: bool,
    access: &Access,
) -> Option<Client> {
    if current.as_ref().is_none_or(|current| current.addresses != addresses) {
        let options = Options { confined, access: access.clone(), ..Options::default() };
        *current = Client::new(&addresses, options).ok().map(|client| Current { addresses, client });
    }
    Some(current.as_ref()?.client.clone())
}

impl Clients {
    pub(crate) fn new(access: Access, outlet: Outlet) -> Self {
        let requests = Arc::new(Semaphore::new(MAX_UNDER_WAY));
        let fetches = Arc::new(Semaphore::new(MAX_UNDER_WAY));
        // With a token the nodes check access themselves. On a system that cannot tell users apart, the nodes report that.
        let users = match &access.token {
            Some(_) => LocalUsers::Any,
            None => LocalUsers::only_own().unwrap_or(LocalUsers::Any),
        };
        let (paths, current) = (Paths::new(users), BTreeMap::new());
        let known = Arc::new(Mutex::new(KnownClients { paths, current, onlooker: None }));
        Self { known, access, outlet, requests, fetches }
    }

    /// Adds a node.
    pub(crate) fn add(&self, node: NodeId, place: watch::Receiver<Whereabouts>) {
        self.lock().paths.add(node, place);
    }

    /// Removes a node.
    pub(crate) fn remove(&self, node: NodeId) {
        self.lock().paths.remove(node);
    }

    /// Whether there is such a client, or room for one more.
    pub(crate) fn admit(&self, client: &ClientName) -> Result<(), String> {
        self.lock().paths.admit(client)
    }

    /// Applies what is in force to the clients, and nothing else.
    pub(crate) fn obey(&self, faults: &[Fault]) {
        self.lock().paths.obey(faults);
    }

    /// Sends a client's request; the outcome is reported.
    pub(crate) fn ask(&self, request: ClientRequest, receipt: Receipt) {
        if let Err(why) = self.admit(&request.client) {
            return receipt.refuse(why);
        }
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        // By what is in force now, even if something else comes into force before the task runs.
        let one = request.at.map(|node| (node, self.lock().paths.way(&request.client, node)));
        let any = if one.is_none() { self.client(&request.client) } else { None };
        let clients = self.clone();
        tokio::spawn(async move {
            let begun = Instant::now();
            let outcome = match one {
                Some((node, way)) => clients.ask_at(node, way, &request).await,
                None => clients.ask_any(any, &request).await,
            };
            drop(permit);
            clients.outlet.tell(News::Client { id: receipt.id(), request, outcome, took: begun.elapsed() });
            receipt.done();
        });
    }

    /// The deck's own client opens its session, if it has none.
    pub(crate) fn open_session(&self, receipt: Receipt) {
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        let Some(client) = self.client(&ClientName::Own) else {
            return receipt.refuse(ClientName::Own.nobody_to_ask(!self.addresses().is_empty()));
        };
        tokio::spawn(async move {
            let opened = client.prepare(DEADLINE).await;
            drop(permit);
            match opened {
                Ok(()) => receipt.done(),
                Err(error) => receipt.refuse(format!("no session was opened: {error}")),
            }
        });
    }

    /// The client finds the leader itself.
    async fn ask_any(&self, client: Option<Client>, request: &ClientRequest) -> ClientOutcome {
        let Some(client) = client else {
            return unchanged(request.client.nobody_to_ask(!self.addresses().is_empty()));
        };
        self.with_nodes(&request.client, ask_cluster(&client, request, DEADLINE).await)
    }

    /// This node is asked, once; `way` is its address, or why it cannot be asked.
    async fn ask_at(
        &self,
        node: NodeId,
        way: Result<String, String>,
        request: &ClientRequest,
    ) -> ClientOutcome {
        let address = match way {
            Ok(address) => address,
            Err(why) => return unchanged(why),
        };
        let outcome = ask_node(&self.access, (node, &address), body_of(request), DEADLINE).await;
        self.with_nodes(&request.client, outcome)
    }

    /// The same, with the names of the nodes instead of the addresses of relays, which mean nothing to a user.
    fn with_nodes(&self, client: &ClientName, outcome: ClientOutcome) -> ClientOutcome {
        match outcome {
            ClientOutcome::Failed { reason, fate } => {
                ClientOutcome::Failed { reason: self.lock().paths.with_nodes(client, reason), fate }
            }
            answered @ ClientOutcome::Answered { .. } => answered,
        }
    }

    /// Hands a write to one node, once and without a session.
    pub(crate) fn propose(&self, node: NodeId, write: Write, receipt: Receipt) {
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        let Some(address) = self.address(node) else {
            return receipt.refuse(format!("{node} is not running and accepts no writes"));
        };
        let clients = self.clone();
        tokio::spawn(async move {
            let begun = Instant::now();
            let outcome =
                ask_node(&clients.access, (node, &address), RequestBody::Write(write.clone()), DEADLINE)
                    .await;
            drop(permit);
            let request = ClientRequest { at: Some(node), ..ClientOp::Write(write).into() };
            clients.outlet.tell(News::Client { id: receipt.id(), request, outcome, took: begun.elapsed() });
            receipt.done();
        });
    }

    /// A place among the requests in progress, and the receipt; if there is none, the command is refused.
    fn permit(&self, receipt: Receipt) -> Option<(OwnedSemaphorePermit, Receipt)> {
        if let Ok(permit) = Arc::clone(&self.requests).try_acquire_owned() {
            return Some((permit, receipt));
        }
        receipt.refuse(format!(
            "{MAX_UNDER_WAY} requests are under way already: wait until one of them is answered"
        ));
        None
    }

    /// Asks one node for a part of its log, which is reported.
    pub(crate) fn fetch_log(&self, node: NodeId, first: LogIndex, limit: u32, receipt: Receipt) {
        let permit = Arc::clone(&self.fetches).try_acquire_owned().ok();
        let (Some(permit), Some(address), Some(client)) = (permit, self.address(node), self.onlooker())
        else {
            return receipt.refuse(format!("{node} cannot be asked for its log now"));
        };
        let outlet = self.outlet.clone();
        tokio::spawn(async move {
            let fetched = client.log(&address, first.0, limit.min(MAX_LOG_LINES), LOG_DEADLINE).await;
            drop(permit);
            match fetched {
                Ok(lines) => {
                    outlet.tell(News::Log { node, lines });
                    receipt.done();
                }
                Err(error) => receipt.refuse(format!("the log of {node} cannot be fetched: {error}")),
            }
        });
    }

    /// A client that knows the nodes' present addresses and the probable leader. `None` if it reaches no node that serves.
    pub(crate) fn client(&self, name: &ClientName) -> Option<Client> {
        let leader = self.outlet.leader();
        let mut known = self.lock();
        let ways = known.paths.ways(name);
        let addresses: Vec<String> = ways.values().cloned().collect();
        let current = known.current.entry(name.clone()).or_default();
        // The addresses that nodes report would bypass the relays.
        let client = renewed(current, addresses, true, &self.access)?;
        drop(known);
        if let Some((leader, address)) = leader.and_then(|leader| Some((leader, ways.get(&leader)?)))
            && let Err(error) = client.set_leader_hint(address)
        {
            tracing::debug!("{leader} is not an address: {error}");
        }
        Some(client)
    }

    /// A client that may ask any node about itself.
    fn onlooker(&self) -> Option<Client> {
        let mut known = self.lock();
        let addresses = known.paths.addresses(|_| true);
        renewed(&mut known.onlooker, addresses, false, &self.access)
    }

    /// The probable leader, and its client address.
    pub(crate) fn leader(&self) -> Option<(NodeId, String)> {
        let leader = self.outlet.leader()?;
        Some((leader, self.address(leader)?))
    }

    /// The addresses at which the serving nodes take requests.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.lock().paths.addresses(|_| true)
    }

    /// The address at which a node takes requests, if it serves.
    pub(crate) fn address(&self, node: NodeId) -> Option<String> {
        self.lock().paths.address(node)
    }

    fn lock(&self) -> MutexGuard<'_, KnownClients> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writes for Clients {
    async fn write(&self, write: Write, within: Duration) -> Result<(), RequestFate> {
        let client = self.client(&ClientName::Own).ok_or(RequestFate::NothingChanged)?;
        client.write(write, within).await.map(|_| ()).map_err(|error| fate(&error))
    }
}

fn unchanged(reason: impl Into<String>) -> ClientOutcome {
    ClientOutcome::Failed { reason: reason.into(), fate: RequestFate::NothingChanged }
}
