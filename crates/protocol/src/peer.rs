//! What travels between members.

use raftdeck_raft::{Message, NodeId};
use serde::{Deserialize, Serialize};

/// One Raft message on a peer connection, which carries them in one direction only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerFrame {
    /// Who says it. Must be the id of the connection's handshake.
    pub from: NodeId,
    /// What it says.
    pub message: Message,
}
