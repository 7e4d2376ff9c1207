//! What people at the deck ask of the cluster: each request a task of its own, so that a slow one holds up nothing,
//! and only so many at a time.
//!
//! Asking is the client's business. This room knows where the nodes are at the moment and who seems to lead.

use crate::ask::{Unanswered, ask};
use crate::receipt::Receipt;
use raftdeck_client::{Access, Client, Options};
use raftdeck_links::{Outlet, Place, Places, Whereabouts};
use raftdeck_model::{ClientOp, ClientOutcome, News};
use raftdeck_protocol::request::MAX_LOG_LINES;
use raftdeck_protocol::{RequestBody, ResponseBody, Role, Write};
use raftdeck_raft::{LogIndex, NodeId};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How long the cluster may take for a request. Longer than the longest usual election.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long a node may take to show its log.
const LOG_DEADLINE: Duration = Duration::from_secs(1);

/// Requests under way, and as many logs being fetched.
const MAX_UNDER_WAY: usize = 64;

/// The lab's client of its own cluster. Clones are one.
#[derive(Clone)]
pub(crate) struct Clients {
    known: Arc<Mutex<Known>>,
    access: Access,
    outlet: Outlet,
    requests: Arc<Semaphore>,
    fetches: Arc<Semaphore>,
}

#[derive(Default)]
struct Known {
    places: Places,
    /// Requests reach only these; `None`: all.
    reach: Option<BTreeSet<NodeId>>,
    current: Option<Current>,
    /// Who looks at the nodes' logs is no client of theirs, and reaches all.
    onlooker: Option<Current>,
}

/// A client and what it was made for. Restarted nodes have new addresses.
struct Current {
    addresses: Vec<String>,
    confined: bool,
    client: Client,
}

/// The client for these addresses: the one there is, or a new one. Requests under way go on with the client they have.
fn renewed(
    current: &mut Option<Current>,
    addresses: Vec<String>,
    confined: bool,
    access: &Access,
) -> Option<Client> {
    let fits = |current: &Current| current.addresses == addresses && current.confined == confined;
    if !current.as_ref().is_some_and(fits) {
        let options = Options { confined, access: access.clone(), ..Options::default() };
        *current =
            Client::new(&addresses, options).ok().map(|client| Current { addresses, confined, client });
    }
    Some(current.as_ref()?.client.clone())
}

impl Clients {
    pub(crate) fn new(access: Access, outlet: Outlet) -> Self {
        let requests = Arc::new(Semaphore::new(MAX_UNDER_WAY));
        let fetches = Arc::new(Semaphore::new(MAX_UNDER_WAY));
        let known = Arc::new(Mutex::new(Known::default()));
        Self { known, access, outlet, requests, fetches }
    }

    /// There is one more node.
    pub(crate) fn add(&self, node: NodeId, place: watch::Receiver<Whereabouts>) {
        self.lock().places.insert(node, place);
    }

    /// A node is no more.
    pub(crate) fn remove(&self, node: NodeId) {
        self.lock().places.remove(&node);
    }

    /// From now on requests reach only these nodes; `None`: all. Those under way go on.
    pub(crate) fn reach(&self, only: Option<BTreeSet<NodeId>>) {
        self.lock().reach = only;
    }

    /// Asks the cluster; the outcome is told.
    pub(crate) fn ask(&self, op: ClientOp, receipt: Receipt) {
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        let (client, outlet) = (self.client(), self.outlet.clone());
        tokio::spawn(async move {
            let begun = Instant::now();
            let outcome = match client {
                Some(client) => outcome_of(&client, op.clone()).await,
                None => ClientOutcome::Failed {
                    reason: "no node is ready to be asked; nothing was changed".into(),
                },
            };
            drop(permit);
            outlet.tell(News::Client { id: receipt.id(), op, outcome, took: begun.elapsed() });
            receipt.done();
        });
    }

    /// Hands a write to one node, once and without a session.
    pub(crate) fn propose(&self, node: NodeId, write: Write, receipt: Receipt) {
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        let Some(address) = self.address(node) else {
            return receipt.refuse(format!("{node} does not run and takes no write"));
        };
        let (outlet, access) = (self.outlet.clone(), self.access.clone());
        tokio::spawn(async move {
            let (begun, body) = (Instant::now(), RequestBody::Write(write.clone()));
            let outcome = match ask(&access, (node, &address), Role::Client, body, DEADLINE).await {
                Ok(body) => ClientOutcome::Answered { node, body },
                Err(Unanswered::Refused(failure)) => {
                    ClientOutcome::Answered { node, body: ResponseBody::Failed(failure) }
                }
                Err(Unanswered::Lost(why)) => {
                    ClientOutcome::Failed { reason: format!("{why}; the write may have happened") }
                }
            };
            drop(permit);
            let (id, op) = (receipt.id(), ClientOp::Write(write));
            outlet.tell(News::Client { id, op, outcome, took: begun.elapsed() });
            receipt.done();
        });
    }

    /// A place among the requests under way, and the receipt; if there is none, the command is refused.
    fn permit(&self, receipt: Receipt) -> Option<(OwnedSemaphorePermit, Receipt)> {
        if let Ok(permit) = Arc::clone(&self.requests).try_acquire_owned() {
            return Some((permit, receipt));
        }
        receipt.refuse(format!(
            "{MAX_UNDER_WAY} requests are under way already: wait until one of them is answered"
        ));
        None
    }

    /// Asks one node for a part of its log, which is told.
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

    /// A client that knows where the nodes are now and who seems to lead. `None` if no node serves.
    pub(crate) fn client(&self) -> Option<Client> {
        let leader = self.leader();
        let mut known = self.lock();
        let reach = known.reach.clone();
        let reaches = |node: &NodeId| reach.as_ref().is_none_or(|reach| reach.contains(node));
        let addresses = known.addresses(reaches);
        let client = renewed(&mut known.current, addresses, reach.is_some(), &self.access)?;
        drop(known);
        let leader = leader.filter(|(leader, _)| reaches(leader));
        if let Some((leader, address)) = leader
            && let Err(error) = client.set_leader_hint(&address)
        {
            tracing::debug!("{leader} is no address: {error}");
        }
        Some(client)
    }

    /// A client that may ask any node of itself.
    fn onlooker(&self) -> Option<Client> {
        let mut known = self.lock();
        let addresses = known.addresses(|_| true);
        renewed(&mut known.onlooker, addresses, false, &self.access)
    }

    /// Who seems to lead, and where it takes requests.
    pub(crate) fn leader(&self) -> Option<(NodeId, String)> {
        let leader = self.outlet.leader()?;
        Some((leader, self.address(leader)?))
    }

    /// Where the nodes that serve take requests.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.lock().addresses(|_| true)
    }

    /// Where a node takes requests, if it serves.
    pub(crate) fn address(&self, node: NodeId) -> Option<String> {
        self.lock().address(node)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn addresses(&self, wanted: impl Fn(&NodeId) -> bool) -> Vec<String> {
        self.places.keys().filter(|node| wanted(node)).filter_map(|&node| self.address(node)).collect()
    }

    fn address(&self, node: NodeId) -> Option<String> {
        match self.places.get(&node)?.borrow().place {
            Place::Serving { client, .. } => Some(client.to_string()),
            Place::Down | Place::Starting => None,
        }
    }
}

async fn outcome_of(client: &Client, op: ClientOp) -> ClientOutcome {
    let asked = match op {
        ClientOp::Write(write) => client.write(write, DEADLINE).await,
        ClientOp::Read(read) => client.read(read, DEADLINE).await,
    };
    match asked {
        Ok(done) => {
            let body = ResponseBody::Done { answer: done.answer, at: done.at };
            ClientOutcome::Answered { node: done.node, body }
        }
        Err(error) => ClientOutcome::Failed { reason: error.to_string() },
    }
}
