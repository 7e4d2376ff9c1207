//! A cluster: its members by node id, and how they are reached.

use crate::access::{AccessError, EtcdAccess};
use crate::address::ClientUrl;
use crate::dial::Dialer;
use crate::endpoint::Endpoint;
use crate::ids::MemberIds;
use crate::member::{Member, MemberId};
use crate::token::Token;
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An etcd cluster as a client sees it. Cheap to clone; all clones share the members, the connections and the user's token.
///
/// It dials only the members that it was told ([`Etcd::set_member`]) or has found ([`Etcd::find_members`]). Nothing is dialed before it is needed.
#[derive(Clone)]
pub struct Etcd {
    pub(crate) shared: Arc<EtcdShared>,
}

pub(crate) struct EtcdShared {
    dialer: Arc<Dialer>,
    token: Arc<Token>,
    roster: Mutex<Roster>,
}

#[derive(Default)]
struct Roster {
    endpoints: BTreeMap<NodeId, Endpoint>,
    ids: MemberIds,
    /// The node that is asked first.
    first: Option<NodeId>,
}

impl Etcd {
    /// A cluster that is reached with this access. Reads its files; no member is known yet.
    pub fn new(access: EtcdAccess) -> Result<Self, AccessError> {
        let token = Token::of(access.user.clone());
        let dialer = Dialer::new(access);
        // Where no file is named, TLS may not be spoken at all.
        if dialer.access().ca.is_some() || dialer.access().certificate.is_some() {
            dialer.prepare()?;
        }
        let shared = EtcdShared { dialer: dialer.into(), token: token.into(), roster: Mutex::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// One client URL, whether or not its member is known. It shares the access and the token, and has a connection of its own.
    #[must_use]
    pub fn endpoint(&self, url: ClientUrl) -> Endpoint {
        Endpoint::new(url, Arc::clone(&self.shared.dialer), Arc::clone(&self.shared.token))
    }

    /// From now on this node is reached at this URL, and is this member, if that is known.
    pub fn set_member(&self, node: NodeId, url: ClientUrl, member: Option<MemberId>) {
        let mut roster = self.shared.lock();
        if roster.endpoints.get(&node).is_none_or(|endpoint| *endpoint.url() != url) {
            roster.endpoints.insert(node, self.endpoint(url));
        }
        if let Some(member) = member {
            roster.ids.learn(node, member);
        }
    }

    /// From now on this node is not asked. Its member id stays known.
    pub fn unset_member(&self, node: NodeId) {
        self.shared.lock().endpoints.remove(&node);
    }

    /// The node is gone, and so is its member id.
    pub fn forget_member(&self, node: NodeId) {
        let mut roster = self.shared.lock();
        roster.endpoints.remove(&node);
        roster.ids.forget(node);
    }

    /// Where this node is reached.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<Endpoint> {
        self.shared.lock().endpoints.get(&node).cloned()
    }

    /// Which node is which member.
    #[must_use]
    pub fn ids(&self) -> MemberIds {
        self.shared.lock().ids.clone()
    }

    /// Gives each of these members a node id, if it has none.
    pub(crate) fn number(&self, members: &[Member]) -> MemberIds {
        let mut roster = self.shared.lock();
        roster.ids.number(members);
        roster.ids.clone()
    }

    /// From now on this node is asked first, which saves a hop if it is the leader.
    pub fn ask_first(&self, node: NodeId) {
        self.shared.lock().first = Some(node);
    }

    /// All nodes, the one that is to be asked first before the others.
    pub(crate) fn candidates(&self) -> Vec<(NodeId, Endpoint)> {
        let roster = self.shared.lock();
        let mut all: Vec<_> = roster.endpoints.iter().map(|(node, end)| (*node, end.clone())).collect();
        all.sort_by_key(|(node, _)| Some(*node) != roster.first);
        all
    }
}

impl EtcdShared {
    fn lock(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
