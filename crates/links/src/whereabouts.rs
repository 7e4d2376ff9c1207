//! The present addresses of each node, and its present life.
//!
//! Only the supervisor of a node's process writes here. Links and telemetry watch, and close a connection as soon as the life it
//! belongs to has ended; nothing here opens a socket.

use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::sync::watch;

/// A node's presence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// Goes up with every start and every end of its process, so a connection can tell that its life has ended even when the next one
    /// has already begun.
    pub life: u64,
    /// Where it is in this life.
    pub place: NodeLocation,
}

/// What can be reached of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeLocation {
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

/// The write end, for the owner of the process, which alone changes a node's whereabouts. At first there is no process.
#[derive(Debug, Default)]
pub struct Presence(watch::Sender<Whereabouts>);

impl Presence {
    /// For its observers.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Whereabouts> {
        self.0.subscribe()
    }

    /// A new life begins.
    pub fn starting(&self) {
        self.0.send_modify(|now| *now = Whereabouts { life: now.life + 1, place: NodeLocation::Starting });
    }

    /// The node has said where it listens.
    pub fn serving(&self, raft: SocketAddr, client: SocketAddr) {
        self.0.send_modify(|now| now.place = NodeLocation::Serving { raft, client });
    }

    /// The life has ended.
    pub fn down(&self) {
        self.0.send_modify(|now| *now = Whereabouts { life: now.life + 1, place: NodeLocation::Down });
    }
}

/// The whereabouts of all nodes.
pub type Places = BTreeMap<NodeId, watch::Receiver<Whereabouts>>;

/// Returns when this life has ended, or the owner of the node is gone.
pub async fn life_over(mut place: watch::Receiver<Whereabouts>, life: u64) {
    // An error means that the owner is gone, and every life with it.
    let _ = place.wait_for(|now| now.life != life).await;
}
