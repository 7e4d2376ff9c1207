//! Where each node is to be found at the moment, and in which of its lives.
//!
//! A node's supervisor is the only one who writes here. Links and telemetry watch, and let go of a connection as
//! soon as the life it belongs to is over; nothing here opens a socket.

use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::sync::watch;

/// A node's presence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Whereabouts {
    /// Goes up with every start and every end of its process, so a connection can tell that it belongs to a life
    /// that is over even when the next one has already begun.
    pub(crate) life: u64,
    /// Where it is in this life.
    pub(crate) place: Place,
}

/// What can be reached of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// There is no process.
    #[default]
    Down,
    /// There is one, but it has not said where it listens.
    Starting,
    /// It serves.
    Serving {
        /// For its peers.
        raft: SocketAddr,
        /// For clients.
        client: SocketAddr,
    },
}

/// The supervisor's end: it alone changes a node's whereabouts.
pub(crate) struct Presence(watch::Sender<Whereabouts>);

impl Presence {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Whereabouts::default()))
    }

    /// For whoever wants to know.
    pub(crate) fn watch(&self) -> watch::Receiver<Whereabouts> {
        self.0.subscribe()
    }

    /// A new life begins.
    pub(crate) fn starting(&self) {
        self.0.send_modify(|now| *now = Whereabouts { life: now.life + 1, place: Place::Starting });
    }

    /// The node has said where it listens.
    pub(crate) fn serving(&self, raft: SocketAddr, client: SocketAddr) {
        self.0.send_modify(|now| now.place = Place::Serving { raft, client });
    }

    /// The life is over.
    pub(crate) fn down(&self) {
        self.0.send_modify(|now| *now = Whereabouts { life: now.life + 1, place: Place::Down });
    }
}

/// Everybody's whereabouts.
pub(crate) type Places = BTreeMap<NodeId, watch::Receiver<Whereabouts>>;

/// Returns when this life is over, or the lab is.
pub(crate) async fn life_over(mut place: watch::Receiver<Whereabouts>, life: u64) {
    // An error means that the supervisor is gone, and every life with it.
    let _ = place.wait_for(|now| now.life != life).await;
}
