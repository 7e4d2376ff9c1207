//! Requests to the store, of the deck and of scripts: each is a task of its own, and their number is bounded.

use crate::options::AttachOptions;
use raftdeck_client::{Access, Client, Options};
use raftdeck_links::Outlet;
use raftdeck_model::{ClientName, ClientOp, ClientOutcome, ClientRequest, MAX_CLIENTS, News, RequestFate};
use raftdeck_protocol::Write;
use raftdeck_protocol::request::MAX_LOG_LINES;
use raftdeck_raft::{LogIndex, NodeId};
use raftdeck_source::{Receipt, Writes, ask_cluster, ask_node, body_of, fate};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long the cluster may take for a request. Longer than the longest usual election.
const DEADLINE: Duration = Duration::from_secs(5);

/// The most requests in progress.
const MAX_UNDER_WAY: usize = 64;

/// How long a node may be silent before a client asks another one.
const PATIENCE: Duration = Duration::from_secs(1);

/// The clients of a cluster elsewhere.
pub(crate) struct Requests {
    own: Client,
    named: BTreeMap<ClientName, Client>,
    access: Access,
    outlet: Outlet,
    addresses: BTreeMap<NodeId, String>,
    room: Arc<Semaphore>,
}

/// The deck's own client, as a workload writes with it.
#[derive(Clone)]
pub(crate) struct OwnClient(Client);

impl Writes for OwnClient {
    async fn write(&self, write: Write, within: Duration) -> Result<(), RequestFate> {
        self.0.write(write, within).await.map(|_| ()).map_err(|error| fate(&error))
    }
}

impl Requests {
    pub(crate) fn new(own: Client, options: &AttachOptions, outlet: Outlet) -> Self {
        let room = Arc::new(Semaphore::new(MAX_UNDER_WAY));
        let (named, addresses) = (BTreeMap::new(), BTreeMap::new());
        Self { own, named, access: options.access.clone(), outlet, addresses, room }
    }

    /// The deck's own client.
    pub(crate) fn own(&self) -> OwnClient {
        OwnClient(self.own.clone())
    }

    /// The members are at these addresses from now on.
    pub(crate) fn know(&mut self, addresses: BTreeMap<NodeId, String>) {
        self.addresses = addresses;
    }

    /// Sends a client's request; the outcome is reported.
    pub(crate) fn ask(&mut self, request: ClientRequest, receipt: Receipt) {
        let client = match self.client(&request.client) {
            Ok(client) => client,
            Err(why) => return receipt.refuse(why),
        };
        if let Some(node) = request.at {
            return self.ask_one(node, request, receipt);
        }
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        let outlet = self.outlet.clone();
        tokio::spawn(async move {
            let begun = Instant::now();
            let outcome = ask_cluster(&client, &request, DEADLINE).await;
            drop(permit);
            tell(&outlet, begun, request, outcome, receipt);
        });
    }

    /// Hands a write to one node, once and without a session.
    pub(crate) fn propose(&self, node: NodeId, write: Write, receipt: Receipt) {
        let request = ClientRequest { at: Some(node), ..ClientOp::Write(write).into() };
        self.ask_one(node, request, receipt);
    }

    fn ask_one(&self, node: NodeId, request: ClientRequest, receipt: Receipt) {
        let Some(address) = self.address(node) else { return receipt.refuse(no_address(node)) };
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        let (outlet, access, body) = (self.outlet.clone(), self.access.to_node(node), body_of(&request));
        tokio::spawn(async move {
            let begun = Instant::now();
            let outcome = ask_node(&access, (node, &address), body, DEADLINE).await;
            drop(permit);
            tell(&outlet, begun, request, outcome, receipt);
        });
    }

    /// The deck's own client opens its session, if it has none.
    pub(crate) fn open_session(&self, receipt: Receipt) {
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        let client = self.own.clone();
        tokio::spawn(async move {
            let opened = client.prepare(DEADLINE).await;
            drop(permit);
            match opened {
                Ok(()) => receipt.done(),
                Err(error) => receipt.refuse(format!("no session was opened: {error}")),
            }
        });
    }

    /// Asks one node for a part of its log, which is reported.
    pub(crate) fn fetch_log(&self, (node, first, limit): (NodeId, LogIndex, u32), receipt: Receipt) {
        let Some(address) = self.address(node) else { return receipt.refuse(no_address(node)) };
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        let (client, outlet) = (self.own.clone(), self.outlet.clone());
        tokio::spawn(async move {
            let fetched = client.log(&address, first.0, limit.min(MAX_LOG_LINES), DEADLINE).await;
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

    /// The client of this name: each has a session of its own.
    fn client(&mut self, name: &ClientName) -> Result<Client, String> {
        if *name == ClientName::Own {
            return Ok(self.own.clone());
        }
        if let Some(client) = self.named.get(name) {
            return Ok(client.clone());
        }
        if self.named.len() >= MAX_CLIENTS {
            return Err(name.no_room());
        }
        let options = Options { patience: PATIENCE, access: self.access.clone(), ..Options::default() };
        let client = Client::new(&self.own.addresses(), options).map_err(|error| error.to_string())?;
        self.named.insert(name.clone(), client.clone());
        Ok(client)
    }

    /// Where a node takes requests: as the client has found it there, or as the members tell it.
    fn address(&self, node: NodeId) -> Option<String> {
        self.addresses.get(&node).cloned().or_else(|| self.own.known_nodes().remove(&node))
    }

    /// A place among the requests in progress, and the receipt; if there is none, the command is refused.
    fn permit(&self, receipt: Receipt) -> Option<(OwnedSemaphorePermit, Receipt)> {
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            return Some((permit, receipt));
        }
        receipt.refuse(format!(
            "{MAX_UNDER_WAY} requests are under way already: wait until one of them is answered"
        ));
        None
    }
}

fn tell(outlet: &Outlet, begun: Instant, request: ClientRequest, outcome: ClientOutcome, receipt: Receipt) {
    outlet.tell(News::Client { id: receipt.id(), request, outcome, took: begun.elapsed() });
    receipt.done();
}

fn no_address(node: NodeId) -> String {
    format!("the address of {node} is not known, so it cannot be asked")
}
