//! The first frame each way.

use crate::secret::Secret;
use raftdeck_raft::NodeId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The first bytes of every connection's first frame.
pub const MAGIC: [u8; 4] = *b"RFTD";

/// The version of everything after the magic. A node speaks exactly one.
pub const VERSION: u16 = 3;

/// What the side that connects says first.
///
/// The magic and the version come first in the encoding, so a later version can be recognised by an earlier one
/// even if the rest of the frame has changed ([`decode_hello`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`MAGIC`].
    pub magic: [u8; 4],
    /// [`VERSION`].
    pub version: u16,
    /// Which cluster the sender believes it talks to; empty for "any".
    pub cluster: String,
    /// Who connects.
    pub role: Role,
    /// A secret, where one is required.
    pub token: Option<Secret>,
}

impl Hello {
    /// A hello of this version.
    #[must_use]
    pub fn new(cluster: impl Into<String>, role: Role) -> Self {
        Self { magic: MAGIC, version: VERSION, cluster: cluster.into(), role, token: None }
    }
}

/// Who connects, and as what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// A member that will send Raft messages.
    Peer {
        /// Its id.
        id: NodeId,
        /// Whom it wants to reach; a mistake in the addresses is found here.
        to: NodeId,
        /// Where its clients connect, `HOST:PORT`: followers hand this on as a hint.
        client_address: String,
        /// Where it is answered, `HOST:PORT`, for who knows no better way to it; empty: it does not know.
        raft_address: String,
    },
    /// Somebody who reads and writes keys, or watches.
    Client,
    /// The process that started this node and may set its clock.
    Manager,
}

/// The answer to a [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HelloReply {
    /// Welcome.
    Accepted {
        /// The answering node.
        id: NodeId,
        /// Its cluster.
        cluster: String,
    },
    /// Go away, and why. The connection is closed after this.
    Refused(RefusalReason),
}

/// Why a connection was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefusalReason {
    /// The first frame was not a raftdeck hello.
    NotRaftdeck,
    /// Another version of the protocol.
    Version {
        /// The answering node's.
        ours: u16,
        /// As received.
        theirs: u16,
    },
    /// Another cluster.
    Cluster {
        /// The answering node's.
        ours: String,
        /// As received.
        theirs: String,
    },
    /// The answering node is not the one that was wanted: an address list is wrong.
    WrongNode {
        /// The answering node.
        ours: NodeId,
        /// Who was wanted.
        wanted: NodeId,
    },
    /// The peer is not a member of this cluster.
    UnknownPeer {
        /// As received.
        id: NodeId,
    },
    /// This port does not serve that role: peers use the Raft port, clients the client port.
    WrongPort,
    /// The token that this role needs here is missing, or wrong.
    Token,
    /// This port speaks TLS only.
    TlsNeeded,
    /// The certificate does not name the node that it was shown for.
    Certificate {
        /// Who it had to name.
        id: NodeId,
    },
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRaftdeck => write!(f, "the first frame is not a raftdeck handshake"),
            Self::Version { ours, theirs } => {
                write!(
                    f,
                    "protocol version {theirs} is not spoken here, version {ours} is: use the same release on both sides"
                )
            }
            // Escaped: what a stranger says must not make up lines of a log, nor control a terminal.
            Self::Cluster { ours, theirs } => {
                write!(f, "this node belongs to cluster {ours:?}, not {theirs:?}")
            }
            Self::WrongNode { ours, wanted } => {
                write!(f, "this is {ours}, not {wanted}: check the order of --cluster")
            }
            Self::UnknownPeer { id } => write!(f, "{id} is not a member of this cluster"),
            Self::WrongPort => write!(
                f,
                "wrong port for this role: peers connect to the Raft port, clients to the client port (Raft port + 1000)"
            ),
            Self::Token => write!(f, "the token is missing or wrong"),
            Self::TlsNeeded => {
                write!(f, "this port speaks TLS only: give --tls-ca, --tls-cert and --tls-key")
            }
            Self::Certificate { id } => write!(f, "the certificate does not name {id}"),
        }
    }
}

/// Reads a hello, and tells an older or newer version from garbage.
pub fn decode_hello(bytes: &[u8]) -> Result<Hello, RefusalReason> {
    let Ok((magic, rest)) = postcard::take_from_bytes::<[u8; 4]>(bytes) else {
        return Err(RefusalReason::NotRaftdeck);
    };
    if magic != MAGIC {
        return Err(RefusalReason::NotRaftdeck);
    }
    let Ok((version, _)) = postcard::take_from_bytes::<u16>(rest) else {
        return Err(RefusalReason::NotRaftdeck);
    };
    if version != VERSION {
        return Err(RefusalReason::Version { ours: VERSION, theirs: version });
    }
    crate::frame::decode("handshake", bytes).map_err(|_| RefusalReason::NotRaftdeck)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_shows_a_strangers_words_escaped() {
        let reason = RefusalReason::Cluster {
            ours: "mine".to_owned(),
            theirs: "a\nINFO all is well \u{1b}[2J".to_owned(),
        };
        assert_eq!(
            reason.to_string(),
            r#"this node belongs to cluster "mine", not "a\nINFO all is well \u{1b}[2J""#
        );
    }
}
