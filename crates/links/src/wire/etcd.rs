//! etcd's own wire: HTTP/1.1 between members, as `rafthttp` of etcd 3.4 to 3.6 speaks it. TLS between members is not read.
//!
//! A member dials each other one for two streams, on which that one sends: a response that never ends, in the framing of the stream. A
//! message for which there is no stream, and each snapshot, is a request of its own (`POST`). Each connection carries one request, since
//! both sides are told to close it after that (`head`). All other requests pass untouched, and a cut holds them.
//!
//! A frame is one whole `raftpb.Message` in protocol buffers, whichever connection it came from. A stream of kind `msgapp` leaves out
//! what its frames have in common, so that a lost one would change the meaning of all that follow: `stream` makes whole messages
//! of them, and each is sent on as such. The members' own signs of life end here, and the links give theirs (an empty frame), so that a
//! stream outlives a rule that lets nothing pass.
//!
//! Members call each other by 64-bit ids. [`EtcdWire`] knows whose they are.

use super::session::Wire;
use crate::pair::{Entrance, Pair};
use bytes::Bytes;
use head::SenderHeaders;
use raftdeck_model::FrameKind;
use raftdeck_model::glance::Glance;
use raftdeck_raft::{NodeId, Term};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod body;
mod codec;
mod head;
mod message;
mod session;
mod stream;

pub use codec::{EtcdDecoder, EtcdEncoder};
pub use session::EtcdSession;
pub use stream::StreamKind;

/// The longest message. etcd's entries are at most a few megabytes long.
pub const MAX_MESSAGE: usize = 64 << 20;

/// The wire of etcd's members. All clones know the same members.
#[derive(Clone, Debug, Default)]
pub struct EtcdWire(Arc<Mutex<Members>>);

/// What is known of the members.
#[derive(Debug, Default)]
struct Members {
    nodes: BTreeMap<u64, NodeId>,
    ids: BTreeMap<NodeId, u64>,
    /// What each has said of itself in its last request.
    senders: BTreeMap<NodeId, SenderHeaders>,
    owner: Option<Owner>,
}

/// Says whose an address is from which a connection comes.
#[derive(Clone)]
struct Owner(Arc<dyn Fn(SocketAddr) -> Option<NodeId> + Send + Sync>);

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Owner")
    }
}

impl EtcdWire {
    /// From now on this node has this member id, and no other.
    pub fn learn(&self, node: NodeId, member_id: u64) {
        let mut members = self.lock();
        members.forget(node);
        members.nodes.insert(member_id, node);
        members.ids.insert(node, member_id);
    }

    /// This node is no member any more.
    pub fn forget(&self, node: NodeId) {
        self.lock().forget(node);
    }

    /// Some requests do not say which member sends them (`/version`, `/members`, `/leases`, `/raft/probing`). From now on this is asked
    /// for the owner of the address that such a request comes from. As long as nothing is asked, or nobody is found, a cut does not hold
    /// it.
    pub fn ask_for_owner(&self, owner: impl Fn(SocketAddr) -> Option<NodeId> + Send + Sync + 'static) {
        self.lock().owner = Some(Owner(Arc::new(owner)));
    }

    /// The node that a connection comes from, if that can be said.
    fn owner(&self, source: SocketAddr) -> Option<NodeId> {
        let owner = self.lock().owner.clone();
        owner.and_then(|Owner(owner)| owner(source))
    }

    /// The node with this member id.
    #[must_use]
    pub fn node(&self, member_id: u64) -> Option<NodeId> {
        self.lock().nodes.get(&member_id).copied()
    }

    /// The member id of this node.
    #[must_use]
    pub fn member_id(&self, node: NodeId) -> Option<u64> {
        self.lock().ids.get(&node).copied()
    }

    /// A message that has the receiver campaign at once, as if the leader of this term had sent it (§3.10 of the thesis). `None`: one of
    /// the two is no known member.
    #[must_use]
    pub fn timeout_now(&self, (from, to): Pair, term: Term) -> Option<(Bytes, Glance)> {
        let frame = message::timeout_now(self.member_id(from)?, self.member_id(to)?, term.0);
        Some((frame, Glance::new(FrameKind::TimeoutNow, term)))
    }

    /// A member has said this of itself.
    fn note_sender(&self, node: NodeId, headers: SenderHeaders) {
        self.lock().senders.insert(node, headers);
    }

    fn lock(&self) -> MutexGuard<'_, Members> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    fn forget(&mut self, node: NodeId) {
        if let Some(id) = self.ids.remove(&node) {
            self.nodes.remove(&id);
        }
        self.senders.remove(&node);
    }
}

impl Wire for EtcdWire {
    type Session = EtcdSession;

    fn session(&self, entrance: Entrance, source: SocketAddr) -> EtcdSession {
        EtcdSession::new(self.clone(), entrance, source)
    }

    fn glance(&self, frame: &[u8]) -> Option<Glance> {
        message::glance(frame)
    }

    fn request(&self, (from, _): Pair, bytes: usize) -> Option<Bytes> {
        Some(self.lock().senders.get(&from)?.post(bytes))
    }
}

#[cfg(test)]
mod tests;
