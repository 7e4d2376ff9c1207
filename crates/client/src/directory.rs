//! The nodes that a client knows, the leader as far as it is known, and the node to ask next. Sends nothing itself.

use crate::access::Access;
use crate::address;
use crate::client_port;
use crate::connection::Connection;
use crate::dial::DialError;
use raftdeck_protocol::Hello;
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex as AsyncMutex;

/// The most addresses learned from hints; the oldest makes room.
const MAX_LEARNED: usize = 32;

/// A silent node is skipped for this long, unless there is no other.
const SILENCE: Duration = Duration::from_secs(1);

/// One address and the connection to it, if there is one.
#[derive(Debug)]
pub(crate) struct Target {
    address: String,
    /// The node that is there according to a hint: another one is refused. With TLS the certificate of a given
    /// address must name its host.
    expected: Option<NodeId>,
    link: AsyncMutex<Link>,
    seen: Mutex<ConnectionRecord>,
}

#[derive(Debug)]
struct Link {
    /// The address that is dialled: the client address, also when another one of the node was given.
    address: String,
    connection: Option<Arc<Connection>>,
}

#[derive(Debug, Default)]
struct ConnectionRecord {
    /// Which node is there, unless the last attempt to connect failed.
    node: Option<NodeId>,
    /// Which one was there last.
    last: Option<NodeId>,
    silent_since: Option<Instant>,
}

impl Target {
    fn new(address: &str, expected: Option<NodeId>) -> Self {
        Self {
            address: address.to_owned(),
            expected,
            link: AsyncMutex::new(Link { address: address.to_owned(), connection: None }),
            seen: Mutex::default(),
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The open connection, or a new one; callers that come meanwhile wait for the same one.
    pub(crate) async fn connect(
        &self,
        hello: &Hello,
        access: &Access,
        within: Duration,
    ) -> Result<Arc<Connection>, DialError> {
        let Ok(connection) = tokio::time::timeout(within, self.open(hello, access, within)).await else {
            self.mark_silent();
            return Err(DialError::Silent { address: self.address.clone(), within });
        };
        if matches!(connection, Err(DialError::Silent { .. })) {
            self.mark_silent();
        }
        connection
    }

    /// The open connection, if there is one and no other task is connecting.
    pub(crate) fn connected(&self) -> Option<Arc<Connection>> {
        let link = self.link.try_lock().ok()?;
        link.connection.as_ref().filter(|connection| connection.is_open()).map(Arc::clone)
    }

    async fn open(
        &self,
        hello: &Hello,
        access: &Access,
        within: Duration,
    ) -> Result<Arc<Connection>, DialError> {
        let mut link = self.link.lock().await;
        if let Some(connection) = link.connection.as_ref().filter(|connection| connection.is_open()) {
            return Ok(Arc::clone(connection));
        }
        let access = self.expected.map_or_else(|| access.clone(), |node| access.to_node(node));
        let hello = Hello { expects: self.expected, ..hello.clone() };
        let dialed = client_port::dial(&link.address, &hello, within, &access).await;
        let connection = dialed.map(|(dialed, elsewhere)| {
            if let Some(elsewhere) = elsewhere {
                link.address = elsewhere;
            }
            Arc::new(Connection::start(dialed))
        });
        link.connection = connection.as_ref().ok().map(Arc::clone);
        let mut seen = self.seen();
        seen.node = link.connection.as_ref().map(|connection| connection.node());
        if link.connection.is_some() {
            seen.last = seen.node;
            seen.silent_since = None;
        }
        connection
    }

    pub(crate) fn mark_silent(&self) {
        self.seen().silent_since = Some(Instant::now());
    }

    pub(crate) fn mark_heard(&self) {
        self.seen().silent_since = None;
    }

    fn is_silent(&self) -> bool {
        self.seen().silent_since.is_some_and(|since| since.elapsed() < SILENCE)
    }

    fn node(&self) -> Option<NodeId> {
        self.seen().node
    }

    fn seen(&self) -> MutexGuard<'_, ConnectionRecord> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The nodes that one round of an operation has asked already. Each is asked once a round.
#[derive(Debug, Default)]
pub(crate) struct Round {
    asked: Vec<Arc<Target>>,
}

impl Round {
    pub(crate) fn add(&mut self, target: &Arc<Target>) {
        self.asked.push(Arc::clone(target));
    }

    fn has(&self, target: &Arc<Target>) -> bool {
        self.asked.iter().any(|asked| {
            Arc::ptr_eq(asked, target) || (asked.node().is_some() && asked.node() == target.node())
        })
    }
}

/// The nodes a client knows of.
#[derive(Debug)]
pub(crate) struct Directory {
    /// As given at the start.
    given: Vec<Arc<Target>>,
    /// From hints, oldest first.
    learned: Vec<Arc<Target>>,
    leader: Option<Arc<Target>>,
    /// Hints lead to given addresses only.
    confined: bool,
}

impl Directory {
    pub(crate) fn new(addresses: &[String], confined: bool) -> Self {
        let mut directory = Self { given: Vec::new(), learned: Vec::new(), leader: None, confined };
        for address in addresses {
            if directory.find(address).is_none() {
                directory.given.push(Arc::new(Target::new(address, None)));
            }
        }
        directory
    }

    /// The target for an address; a new one is added.
    pub(crate) fn at(&mut self, address: &str) -> Arc<Target> {
        self.hinted(address, None)
    }

    /// The same, if the node there is known.
    fn hinted(&mut self, address: &str, node: Option<NodeId>) -> Arc<Target> {
        // Another node may be there by now.
        let outdated = |target: &Arc<Target>| {
            target.address == address
                && node.is_some()
                && target.expected.is_some()
                && target.expected != node
        };
        self.learned.retain(|target| !outdated(target));
        if let Some(target) = self.find(address) {
            return Arc::clone(target);
        }
        if self.learned.len() == MAX_LEARNED {
            self.learned.remove(0);
        }
        let target = Arc::new(Target::new(address, node));
        self.learned.push(Arc::clone(&target));
        target
    }

    /// Adds members by the addresses that a node reported. A confined client does not use them.
    pub(crate) fn learn(&mut self, members: &BTreeMap<NodeId, String>) {
        if self.confined {
            return;
        }
        for (id, address) in members {
            let is_known = self.all().any(|target| target.node() == Some(*id));
            if !is_known && address::split(address).is_ok() {
                self.hinted(address, Some(*id));
            }
        }
    }

    /// Each node that is known by its id, and one of its addresses: as given, or else as learned.
    pub(crate) fn nodes(&self) -> BTreeMap<NodeId, String> {
        let mut nodes = BTreeMap::new();
        for target in self.all() {
            if let Some(id) = target.seen().last.or(target.expected) {
                nodes.entry(id).or_insert_with(|| target.address.clone());
            }
        }
        nodes
    }

    /// The node that is expected at an address, if known.
    pub(crate) fn expected_at(&self, address: &str) -> Option<NodeId> {
        self.find(address)?.expected
    }

    /// The node to ask next in this round: the leader first, then the others; silent ones only when there is no
    /// other. `None` when the round has ended.
    pub(crate) fn choose(&self, round: &mut Round) -> Option<Arc<Target>> {
        let everybody_is_silent = self.all().all(|target| target.is_silent());
        let chosen = self
            .leader
            .iter()
            .chain(self.all())
            .find(|target| !round.has(target) && (everybody_is_silent || !target.is_silent()))?;
        round.add(chosen);
        Some(Arc::clone(chosen))
    }

    /// The leader, as far as is known, unless it is silent.
    pub(crate) fn leading(&self) -> Option<Arc<Target>> {
        self.leader.as_ref().filter(|target| !target.is_silent()).map(Arc::clone)
    }

    /// This one answered as a leader does.
    pub(crate) fn set_leader(&mut self, target: &Arc<Target>) {
        if !self.leader.as_ref().is_some_and(|leader| Arc::ptr_eq(leader, target)) {
            self.leader = Some(Arc::clone(target));
        }
    }

    /// This one does not lead; the leader, if it knows it. A node that is already known by its id is preferred to the
    /// address in the hint, which may be one that only the nodes can reach.
    pub(crate) fn follow(&mut self, id: Option<NodeId>, address: Option<&str>) {
        let known = id.and_then(|id| self.all().find(|target| target.node() == Some(id)).map(Arc::clone));
        self.leader = known.or_else(|| {
            let address = address.filter(|address| address::split(address).is_ok())?;
            if self.confined { self.find(address).map(Arc::clone) } else { Some(self.hinted(address, id)) }
        });
    }

    /// This one is no longer to be asked first.
    pub(crate) fn forget_leader(&mut self, target: &Arc<Target>) {
        if self.leader.as_ref().is_some_and(|leader| Arc::ptr_eq(leader, target)) {
            self.leader = None;
        }
    }

    pub(crate) fn targets(&self) -> Vec<Arc<Target>> {
        self.all().map(Arc::clone).collect()
    }

    /// All addresses that are known.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.all().map(|target| target.address.clone()).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.given.iter().chain(&self.learned)
    }

    fn find(&self, address: &str) -> Option<&Arc<Target>> {
        self.all().find(|target| target.address == address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Directory {
        Directory::new(&["a:1".to_owned(), "b:1".to_owned(), "c:1".to_owned()], false)
    }

    fn ask_all(directory: &Directory) -> Vec<String> {
        let mut round = Round::default();
        std::iter::from_fn(|| directory.choose(&mut round)).map(|target| target.address.clone()).collect()
    }

    #[test]
    fn a_round_asks_each_once_and_the_leader_first() {
        let mut directory = three();
        assert_eq!(ask_all(&directory), ["a:1", "b:1", "c:1"]);
        directory.follow(Some(NodeId(3)), Some("c:1"));
        assert_eq!(ask_all(&directory), ["c:1", "a:1", "b:1"]);
        directory.follow(None, None);
        assert_eq!(ask_all(&directory), ["a:1", "b:1", "c:1"]);
    }

    #[test]
    fn a_confined_client_asks_nobody_else() {
        let mut directory = Directory::new(&["a:1".to_owned(), "b:1".to_owned()], true);
        directory.follow(Some(NodeId(3)), Some("c:1"));
        assert_eq!(ask_all(&directory), ["a:1", "b:1"]);
        directory.follow(Some(NodeId(2)), Some("b:1"));
        assert_eq!(ask_all(&directory), ["b:1", "a:1"]);
    }

    #[test]
    fn a_silent_node_is_left_out_unless_all_are_silent() {
        let mut directory = three();
        directory.follow(None, Some("a:1"));
        directory.at("a:1").mark_silent();
        assert_eq!(ask_all(&directory), ["b:1", "c:1"]);
        directory.at("b:1").mark_silent();
        directory.at("c:1").mark_silent();
        assert_eq!(ask_all(&directory), ["a:1", "b:1", "c:1"]);
        directory.at("b:1").mark_heard();
        assert_eq!(ask_all(&directory), ["b:1"]);
    }

    #[test]
    fn learned_addresses_are_bounded() {
        let mut directory = three();
        for port in 1..=100 {
            directory.follow(None, Some(&format!("learned:{port}")));
        }
        assert_eq!(directory.learned.len(), MAX_LEARNED);
        assert_eq!(ask_all(&directory)[0], "learned:100");
        directory.follow(None, Some("no address"));
        assert_eq!(ask_all(&directory)[0], "a:1");
    }
}
