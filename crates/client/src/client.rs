//! The client's operations, each with a deadline. How they are sent is in [`crate::asking`]; requests to one node
//! alone, and those that only its manager may send, are here as well. The short forms are in [`crate::keys`].

use crate::access::Access;
use crate::address::{self, AddressError};
use crate::asking::{Answered, ClusterQuestion, Limit, NoAnswer, answer_of, misplaced, within};
use crate::backoff::Backoff;
use crate::client_port;
use crate::connection::Connection;
use crate::directory::Directory;
use crate::error::{ClientError, ConnectError};
use crate::session::Session;
use crate::trail::FailedAddresses;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::kv::NamedWrite;
use raftdeck_protocol::{
    Answer, Consistency, Hello, LogLine, Manage, NodeStatus, Read, RequestBody, ResponseBody, Write,
};
use raftdeck_raft::{self as raft, LogId, LogIndex, Membership, MembershipChange, NodeId, Term};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{Instant, sleep, timeout_at};

/// How a client behaves. `..Options::default()` fills in what is not chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The cluster it insists on; empty: any.
    pub cluster: String,
    /// How long a node may be silent before another one is asked. Also the timeout of a connection attempt. 400 ms by
    /// default; choose more for distant nodes.
    pub patience: Duration,
    /// The default deadline of operations: [`Client::connect`], [`Client::get`], [`Client::put`], [`Client::delete`],
    /// [`Client::compare_and_set`], and [`Client::list`] for each page. 5 s by default.
    pub deadline: Duration,
    /// Ask only the nodes whose addresses were given, and ignore leader hints: as a client that reaches no others.
    pub confined: bool,
    /// Its credentials.
    pub access: Access,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cluster: String::new(),
            patience: Duration::from_millis(400),
            deadline: Duration::from_secs(5),
            confined: false,
            access: Access::default(),
        }
    }
}

/// An operation that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// Its outcome.
    pub answer: Answer,
    /// For a write its entry; for a read the newest entry that the answer includes.
    pub at: LogId,
    /// The node that answered.
    pub node: NodeId,
}

/// A change of the membership that is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The membership that it led to.
    pub membership: Membership,
    /// The term of the leader that answered.
    pub term: Term,
    /// The entry that holds the membership.
    pub index: LogIndex,
    /// The node that answered.
    pub node: NodeId,
}

/// A leadership that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transferred {
    /// The present leader.
    pub leader: NodeId,
    /// Its term.
    pub term: Term,
    /// The node that answered: the previous leader, or, if its answer was lost, the present one.
    pub node: NodeId,
}

/// The leader, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// Its id.
    pub node: NodeId,
    /// The address under which it was asked, as it was given or learned.
    pub address: String,
}

/// A client of one cluster. Cheap to clone; clones share connections, the session, and what was learned.
///
/// All its methods may be called at the same time, from any number of tasks of one tokio runtime. The connections live in that
/// runtime: with another one, use another client.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<ClientShared>,
}

#[derive(Debug)]
struct ClientShared {
    hello: Hello,
    access: Access,
    patience: Duration,
    deadline: Duration,
    directory: Mutex<Directory>,
    /// Opened at the first write.
    session: Mutex<Option<Arc<Session>>>,
    /// Held while it is being opened.
    opening: AsyncMutex<()>,
}

impl Client {
    /// A client that starts with these addresses (`HOST:PORT`, names allowed, any port of a node). Connects when
    /// it is first used; needs a tokio runtime from then on. Unreachable nodes are noticed only then.
    pub fn new(addresses: &[impl AsRef<str>], options: Options) -> Result<Self, AddressError> {
        let addresses: Vec<String> = addresses.iter().map(|address| address.as_ref().to_owned()).collect();
        if addresses.is_empty() {
            return Err(AddressError::None);
        }
        for given in &addresses {
            address::split(given)?;
        }
        let shared = ClientShared {
            hello: Hello::new(options.cluster, Role::Client),
            patience: options.patience,
            deadline: options.deadline,
            directory: Mutex::new(Directory::new(&addresses, options.confined)),
            access: options.access,
            session: Mutex::default(),
            opening: AsyncMutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The same as [`new`](Self::new), and connects to one of the nodes immediately: all are tried, and the first that
    /// accepts this client is enough. It need not lead, and there need not be a leader yet. The client also asks for the
    /// addresses of the other members, for at most [`Options::patience`], so that one address is enough.
    ///
    /// It fails as soon as every address has refused, with the reason of each; a silent address is waited for until
    /// [`Options::deadline`]. Nothing is tried twice: a program that may start before its cluster does tries again,
    /// or uses [`new`](Self::new), whose operations wait.
    pub async fn connect(addresses: &[impl AsRef<str>], options: Options) -> Result<Self, ConnectError> {
        let client = Self::new(addresses, options)?;
        let within = client.deadline();
        let mut attempts: FuturesUnordered<_> = client
            .directory()
            .targets()
            .into_iter()
            .map(|target| {
                let (hello, access) = (client.hello(), client.access());
                async move { (target.connect(hello, access, within).await, target) }
            })
            .collect();
        let mut tried = FailedAddresses::default();
        while let Some((attempt, target)) = attempts.next().await {
            match attempt {
                Ok(_) => {
                    drop(attempts);
                    // A node of an earlier release does not say.
                    let _ = client.members(client.patience()).await;
                    return Ok(client);
                }
                Err(error) => tried.add(target.address(), &error),
            }
        }
        Err(ConnectError::Unreachable { tried: tried.to_string() })
    }

    /// The caller knows the leader: ask it first, even if it was silent a moment ago.
    pub fn set_leader_hint(&self, address: &str) -> Result<(), AddressError> {
        address::split(address)?;
        let mut directory = self.directory();
        let target = directory.at(address);
        target.mark_heard();
        directory.set_leader(&target);
        Ok(())
    }

    /// Changes something, once, however often it is sent: in a session, which is opened at the first write (thesis
    /// §6.3). An error says whether it may have happened ([`ClientError::may_have_happened`]).
    ///
    /// Dropping the future does not undo the write: if it was sent it may happen, but it is not sent again.
    pub async fn write(&self, write: Write, deadline: Duration) -> Result<Completed, ClientError> {
        write.check().map_err(ClientError::Limit)?;
        let limit = Limit::new(deadline);
        let mut write = write;
        loop {
            let session = match self.open_session() {
                Some(session) => session,
                None => self.session(limit).await?,
            };
            let slot = match session.try_slot() {
                Some(slot) => slot,
                None => timeout_at(limit.until, session.slot()).await.map_err(|_| ClientError::Busy)?,
            };
            let question = ClusterQuestion::Write(slot, write);
            match self.ask(&question, limit).await {
                Ok(answered) => return done(answered),
                Err(NoAnswer::Failed(error)) => return Err(error),
                Err(NoAnswer::SessionExpired) => self.leave_session(&session),
            }
            let ClusterQuestion::Write(_, again) = question else { unreachable!("it was made above") };
            write = again;
        }
    }

    /// Changes something, once, under a name that is used for no other write (1 to
    /// [`MAX_NAME`](raftdeck_protocol::kv::MAX_NAME) bytes). It may be repeated by any client, through any node, also
    /// after a restart: the answer is that of the first time. An error says whether it may have happened;
    /// [`ClientError::NameInUse`] says that the name is another write's.
    ///
    /// A name is remembered for an hour after it was last used, longer where little is written, but of more than
    /// [`MAX_NAMES`](raftdeck_protocol::kv::MAX_NAMES), or of names whose answers take more than 64 MiB (each mismatch holds the
    /// present value), the one that was unused for the longest time is forgotten. Asked again after that, it is another write.
    pub async fn write_named(
        &self,
        name: Bytes,
        write: Write,
        deadline: Duration,
    ) -> Result<Completed, ClientError> {
        let named = NamedWrite { name, write };
        named.check().map_err(ClientError::Limit)?;
        self.ask(&ClusterQuestion::WriteNamed(named), Limit::new(deadline))
            .await
            .map_err(error)
            .and_then(done)
    }

    /// A linearizable read.
    pub async fn read(&self, read: Read, deadline: Duration) -> Result<Completed, ClientError> {
        self.read_with(read, Consistency::Linearizable, deadline).await
    }

    /// A read of the stated consistency. [`Consistency::Stale`] takes the answer of any node, and asks the probable
    /// leader first.
    pub async fn read_with(
        &self,
        read: Read,
        consistency: Consistency,
        deadline: Duration,
    ) -> Result<Completed, ClientError> {
        read.check().map_err(ClientError::Limit)?;
        let question = match consistency {
            Consistency::Linearizable => ClusterQuestion::Look(RequestBody::Read(read)),
            Consistency::Lease => ClusterQuestion::Look(RequestBody::ReadWith { read, consistency }),
            Consistency::Stale => ClusterQuestion::LookAnywhere(RequestBody::ReadWith { read, consistency }),
        };
        self.ask(&question, Limit::new(deadline)).await.map_err(error).and_then(done)
    }

    /// A read at one node, which may be stale.
    pub async fn stale_at(
        &self,
        address: &str,
        read: Read,
        deadline: Duration,
    ) -> Result<Completed, ClientError> {
        read.check().map_err(ClientError::Limit)?;
        let body = RequestBody::ReadWith { read, consistency: Consistency::Stale };
        self.ask_one(address, body, deadline).await.and_then(done)
    }

    /// Changes the membership; answers when the new one is committed. Never retried when the first attempt may have
    /// worked: then the nodes' states are polled until they show it, or the deadline passes
    /// ([`ClientError::MembershipUnknown`]).
    pub async fn change_membership(
        &self,
        changes: Vec<MembershipChange>,
        deadline: Duration,
    ) -> Result<Changed, ClientError> {
        let limit = Limit::new(deadline);
        let question = ClusterQuestion::Once(RequestBody::ChangeMembership(changes.clone()));
        match self.ask(&question, limit).await.map_err(error) {
            Ok(Answered { body: ResponseBody::MembershipChanged { membership, at }, node }) => {
                Ok(Changed { membership, term: at.term, index: at.index, node })
            }
            Ok(Answered { body, node }) => Err(misplaced(&node.to_string(), &body)),
            Err(ClientError::Unknown { why }) => {
                // Only a leader's: a member that lags behind may not have heard of the node that is to be removed.
                let shown = |status: &NodeStatus| {
                    let raft = &status.raft;
                    let committed = raft.membership_index <= raft.committed;
                    let is_done = leads(status) && committed && shows(&raft.membership, &changes);
                    let membership = is_done.then(|| raft.membership.clone())?;
                    Some(Changed { membership, term: raft.term, index: raft.membership_index, node: raft.id })
                };
                self.look_for(shown, limit).await.ok_or(ClientError::MembershipUnknown { why })
            }
            Err(error) => Err(error),
        }
    }

    /// Hands the leadership to a voter; answers when that one leads. Retried only if the first attempt certainly did
    /// nothing.
    pub async fn transfer(&self, to: NodeId, deadline: Duration) -> Result<Transferred, ClientError> {
        let limit = Limit::new(deadline);
        let question = ClusterQuestion::Once(RequestBody::TransferLeadership { to });
        match self.ask(&question, limit).await.map_err(error) {
            Ok(Answered { body: ResponseBody::Transferred { leader, term }, node }) => {
                Ok(Transferred { leader, term, node })
            }
            Ok(Answered { body, node }) => Err(misplaced(&node.to_string(), &body)),
            Err(ClientError::Unknown { why }) => {
                let shown = |status: &NodeStatus| {
                    let is_done = leads(status) && status.raft.id == to;
                    is_done.then_some(Transferred { leader: to, term: status.raft.term, node: to })
                };
                self.look_for(shown, limit).await.ok_or(ClientError::TransferUnknown { to, why })
            }
            Err(error) => Err(error),
        }
    }

    /// Opens the session that writes need, unless it is open already. The first write does so by itself; this does it earlier.
    pub async fn prepare(&self, deadline: Duration) -> Result<(), ClientError> {
        self.session(Limit::new(deadline)).await.map(drop)
    }

    /// Finds the leader. It has confirmed its leadership with a majority when it answers; a moment later another node
    /// may lead.
    pub async fn find_leader(&self, deadline: Duration) -> Result<Leader, ClientError> {
        // Only a leader answers one. Whether there is such a key is of no interest.
        let done = self.read(Read::Get { key: vec![0].into() }, deadline).await?;
        let leading = self.directory().leading();
        let address = leading.map_or_else(String::new, |target| target.address().to_owned());
        Ok(Leader { node: done.node, address })
    }

    /// Where the members are, as far as the first node that answers knows: their client addresses, or else their Raft addresses.
    /// From now on this client also connects to them, even when the addresses that it was given no longer answer, unless it is
    /// confined to those.
    pub async fn members(&self, deadline: Duration) -> Result<BTreeMap<NodeId, String>, ClientError> {
        let question = ClusterQuestion::LookAnywhere(RequestBody::Members);
        let answered = self.ask(&question, Limit::new(deadline)).await.map_err(error)?;
        let ResponseBody::Members(members) = answered.body else {
            return Err(misplaced(&answered.node.to_string(), &answered.body));
        };
        self.directory().learn(&members);
        Ok(members)
    }

    /// Each node that this client knows by its id, and one of its addresses: as it was given, or else as it was learned. Sends no request.
    #[must_use]
    pub fn known_nodes(&self) -> BTreeMap<NodeId, String> {
        self.directory().nodes()
    }

    /// The addresses that this client knows: those given, then those learned from the nodes, each as it was given or learned. A
    /// node may be known under two addresses.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.directory().addresses()
    }

    /// Sends a node a request that only its manager may send. On its own connection.
    pub async fn manage(&self, address: &str, what: Manage, deadline: Duration) -> Result<(), ClientError> {
        let asked = async {
            let (hello, access) = self.meant_for(address);
            let hello = Hello { role: Role::Manager, ..hello };
            let (dialed, _) = client_port::dial(address, &hello, deadline, &access)
                .await
                .map_err(|error| ClientError::unreached(error, deadline))?;
            let connection = Connection::start(dialed);
            match answer_of(address, &connection, RequestBody::Manage(what)).await? {
                ResponseBody::Managed => Ok(()),
                ResponseBody::Failed(failure) => {
                    Err(ClientError::Rejected { node: connection.node(), why: failure.to_string() })
                }
                other => Err(misplaced(address, &other)),
            }
        };
        within(address, deadline, asked).await
    }

    /// One node's own state. Any address will do, known or not; needs no leader.
    pub async fn status(&self, address: &str, deadline: Duration) -> Result<NodeStatus, ClientError> {
        match self.ask_one(address, RequestBody::Status, deadline).await?.body {
            ResponseBody::Status(status) => Ok(*status),
            other => Err(misplaced(address, &other)),
        }
    }

    /// One node's own log from `first`, at most `limit` entries, committed or not.
    pub async fn log(
        &self,
        address: &str,
        first: u64,
        limit: u32,
        deadline: Duration,
    ) -> Result<Vec<LogLine>, ClientError> {
        match self.ask_one(address, RequestBody::Log { first, limit }, deadline).await?.body {
            ResponseBody::Log(lines) => Ok(lines),
            other => Err(misplaced(address, &other)),
        }
    }

    pub(crate) fn directory(&self) -> MutexGuard<'_, Directory> {
        self.shared.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn hello(&self) -> &Hello {
        &self.shared.hello
    }

    /// The hello and the credentials for an address, and the node that must be there if a hint named it.
    pub(crate) fn meant_for(&self, address: &str) -> (Hello, Access) {
        let expects = self.directory().expected_at(address);
        let access = expects.map_or_else(|| self.access().clone(), |node| self.access().to_node(node));
        (Hello { expects, ..self.hello().clone() }, access)
    }

    pub(crate) fn access(&self) -> &Access {
        &self.shared.access
    }

    pub(crate) fn patience(&self) -> Duration {
        self.shared.patience
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.shared.deadline
    }

    fn open_session(&self) -> Option<Arc<Session>> {
        self.current_session().as_ref().map(Arc::clone)
    }

    fn current_session(&self) -> MutexGuard<'_, Option<Arc<Session>>> {
        self.shared.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open session, or a new one; writes that come meanwhile wait for the same one.
    async fn session(&self, limit: Limit) -> Result<Arc<Session>, ClientError> {
        let Ok(_opening) = timeout_at(limit.until, self.shared.opening.lock()).await else {
            let last = "another write was still opening the session".to_owned();
            return Err(ClientError::NoLeader { after: limit.after, last });
        };
        if let Some(open) = self.open_session() {
            return Ok(open);
        }
        let opened = self.ask(&ClusterQuestion::OpenSession, limit).await.map_err(error)?;
        let ResponseBody::Done { answer: Answer::SessionOpened(id), .. } = opened.body else {
            return Err(misplaced(&opened.node.to_string(), &opened.body));
        };
        let session = Arc::new(Session::new(id));
        *self.current_session() = Some(Arc::clone(&session));
        Ok(session)
    }

    /// The cluster has expired the session.
    fn leave_session(&self, expired: &Arc<Session>) {
        self.current_session().take_if(|session| Arc::ptr_eq(session, expired));
    }

    /// Polls the state of every known node until one shows the expected change.
    async fn look_for<T>(&self, shown: impl Fn(&NodeStatus) -> Option<T>, limit: Limit) -> Option<T> {
        let mut pauses = Backoff::new(Duration::from_millis(20), Duration::from_millis(200));
        while Instant::now() < limit.until {
            let addresses = self.directory().addresses();
            let span = self.patience().min(limit.left());
            let asked = addresses.iter().map(|address| self.status(address, span));
            let found = futures::future::join_all(asked).await.into_iter().flatten().find_map(|s| shown(&s));
            if found.is_some() {
                return found;
            }
            sleep(pauses.pause().min(limit.left())).await;
        }
        None
    }
}

fn done(answered: Answered) -> Result<Completed, ClientError> {
    match answered.body {
        ResponseBody::Done { answer, at } => Ok(Completed { answer, at, node: answered.node }),
        other => Err(misplaced(&answered.node.to_string(), &other)),
    }
}

fn error(stop: NoAnswer) -> ClientError {
    match stop {
        NoAnswer::Failed(error) => error,
        NoAnswer::SessionExpired => unreachable!("only a write is asked in a session"),
    }
}

pub(crate) fn leads(status: &NodeStatus) -> bool {
    status.raft.role == raft::Role::Leader && status.raft.has_quorum
}

/// Whether a membership is what these changes lead to.
fn shows(membership: &Membership, changes: &[MembershipChange]) -> bool {
    let is_done = |change: &MembershipChange| match change {
        MembershipChange::AddLearner { node, .. } => membership.contains(*node),
        MembershipChange::Promote { node } => membership.voters.contains(node),
        MembershipChange::Remove { node } => !membership.contains(*node),
        MembershipChange::Identify { cluster, incarnations } => {
            let is_known = |(node, disk): (&NodeId, _)| membership.incarnations.get(node) == Some(disk);
            cluster.is_none_or(|cluster| membership.cluster == Some(cluster))
                && incarnations.iter().all(is_known)
        }
    };
    !membership.is_joint() && changes.iter().all(is_done)
}
