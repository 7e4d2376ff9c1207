//! The handshake: four frames that identify and authenticate both sides without revealing a token.
//!
//! | frame | direction | what it carries |
//! | --- | --- | --- |
//! | [`Hello`] | dialer to listener | version, cluster, role, standing, a challenge |
//! | [`HelloReply::Challenge`] | listener to dialer | its id and standing, its own challenge, one proof for each token that opens it to that role |
//! | [`Confirmation`] | dialer to listener | the dialer's proof, or why it does not continue |
//! | [`HelloReply::Accepted`] | listener to dialer | the cluster's name |
//!
//! The listener may answer [`HelloReply::Refused`] instead of either of its frames. A refusal with
//! [`RefusalReason::WrongPort`] is followed by one more frame, [`Ports`]; a dialer that does not know it has closed the
//! connection by then. A proof is an HMAC-SHA256 under a
//! token over both sides' frames ([`Challenge::transcript`]). The listener proves first: a dialer that holds a token
//! shows its own proof only to a listener that knows the token, so a process that listens on a port which is not its
//! own learns nothing. Without a token for a role, the listener requires no proof from that role.

pub use raftdeck_raft::Standing;
use raftdeck_raft::{ClusterId, Incarnation, NodeId};
use serde::{Deserialize, Serialize};
use std::fmt;
use subtle::ConstantTimeEq;

/// The first bytes of every connection's first frame.
pub const MAGIC: [u8; 4] = *b"RFTD";

/// The version of everything after the magic. A node speaks exactly one.
pub const VERSION: u16 = 4;

/// The maximum number of proofs that a listener gives: one for each token that permits the same role.
pub const MAX_PROOFS: usize = 4;

/// The first frame of the connecting side.
///
/// The magic and the version come first in the encoding, so a later version can be recognised by an earlier one
/// even if the rest of the frame has changed ([`decode_hello`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`MAGIC`].
    pub magic: [u8; 4],
    /// [`VERSION`].
    pub version: u16,
    /// Which cluster the dialer believes it talks to; empty for "any".
    pub cluster: String,
    /// The role in which it connects.
    pub role: Role,
    /// Which node it means to reach, if it knows: another one refuses. Peers and founders say so in their role. A process in
    /// between could otherwise pass the handshake on to another node of the cluster.
    pub expects: Option<NodeId>,
    /// Of a node: which data directory, and which start of it.
    pub standing: Option<Standing>,
    /// Random, of this connection only.
    pub challenge: Nonce,
}

impl Hello {
    /// A hello of this version, with no challenge yet: the side that dials puts a random one in.
    #[must_use]
    pub fn new(cluster: impl Into<String>, role: Role) -> Self {
        Self {
            magic: MAGIC,
            version: VERSION,
            cluster: cluster.into(),
            role,
            expects: None,
            standing: None,
            challenge: Nonce::default(),
        }
    }

    /// Which node the dialer means to reach, if it says so.
    #[must_use]
    pub fn wanted(&self) -> Option<NodeId> {
        match self.role {
            Role::Peer { to, .. } | Role::Founder { to, .. } => Some(to),
            Role::Client | Role::Manager => self.expects,
        }
    }
}

/// The role in which a process connects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// A member that will send Raft messages.
    Peer {
        /// Its id.
        id: NodeId,
        /// Which node it wants to reach; a mistake in the addresses is found here.
        to: NodeId,
        /// Where its clients connect, `HOST:PORT`: followers hand this on as a hint.
        client_address: String,
        /// The address for answers, `HOST:PORT`, for nodes that know no better one; empty: it does not know.
        raft_address: String,
    },
    /// A program that reads and writes keys, or watches.
    Client,
    /// The process that started this node and may set its clock.
    Manager,
    /// A node that wants to know how far the listener is with founding the cluster. Answered with a [`Note`](crate::founding::Note).
    Founder {
        /// Its id.
        id: NodeId,
        /// Which node it wants to reach.
        to: NodeId,
    },
}

/// Random bytes that are used once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nonce(pub [u8; 32]);

/// An HMAC-SHA256 over a transcript. Compared in constant time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Proof(pub [u8; 32]);

impl PartialEq for Proof {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Proof {}

/// The listener's answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HelloReply {
    /// To a [`Confirmation`]: accepted. What follows depends on the role.
    Accepted {
        /// The answering node.
        id: NodeId,
        /// Its cluster.
        cluster: String,
    },
    /// To either frame: refused, and why. The connection is closed after this.
    Refused(RefusalReason),
    /// To a [`Hello`]: the listener's identity. Go on with a [`Confirmation`].
    Challenge(Challenge),
}

/// The addresses of a node's ports, each `HOST:PORT` as the node itself knows it. Other machines may reach the same ports under
/// another host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Its peers.
    pub raft: String,
    /// Clients.
    pub client: String,
    /// HTTP.
    pub http: String,
}

/// The listener's identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The answering node.
    pub id: NodeId,
    /// Which data directory, and which start of it.
    pub standing: Option<Standing>,
    /// Random, of this connection only.
    pub challenge: Nonce,
    /// Its own proofs: one for each token that permits this role, at most [`MAX_PROOFS`]. Empty: no proof is
    /// required.
    pub proofs: Vec<Proof>,
}

impl Challenge {
    /// What both sides' proofs are over: the hello's frame as it was sent, and everything of this but the proofs. Each side's
    /// proof also covers the name of that side, so that no proof can be sent back to the side that made it.
    #[must_use]
    pub fn transcript(&self, hello: &[u8], side: Side) -> Vec<u8> {
        let Self { id, standing, challenge, proofs: _ } = self;
        let side = match side {
            Side::Listener => "raftdeck 4 listener",
            Side::Dialer => "raftdeck 4 dialer",
        };
        crate::frame::encode(&(side, hello, (id, standing, challenge))).to_vec()
    }
}

/// One of the two sides of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that connected.
    Dialer,
    /// The one that accepted the connection.
    Listener,
}

/// What the dialer answers to a [`Challenge`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confirmation {
    /// It continues, and proves that it knows one of the listener's tokens, if it knows any.
    Proof(Option<Proof>),
    /// It declines, and says why; it closes the connection after this.
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
    /// The answering node is not the expected one: an address list is wrong.
    WrongNode {
        /// The answering node.
        ours: NodeId,
        /// The node that was expected.
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
        /// The node that it must name.
        id: NodeId,
    },
    /// The listener did not prove that it knows the dialer's token.
    Unproven,
    /// The peer does not know the secret that the members of this cluster share.
    Secret {
        /// Which peer.
        id: NodeId,
    },
    /// The peer belongs to another cluster of the same name.
    OtherCluster {
        /// Of the node that refuses.
        ours: ClusterId,
        /// As shown.
        theirs: ClusterId,
    },
    /// The membership names another data directory for this id.
    Incarnation {
        /// Which node.
        id: NodeId,
        /// As the membership says.
        known: Incarnation,
        /// As shown.
        shown: Incarnation,
    },
    /// This data directory was started before with a greater number, or twice with the same: it is a copy, or was restored
    /// from one.
    OldBoot {
        /// Which node.
        id: NodeId,
        /// The number of the latest start met.
        met: u64,
        /// As shown.
        shown: u64,
    },
    /// The connection was opened on this machine by another user than the one who runs the node, and the node has no
    /// token with which that user could authenticate.
    OtherUser {
        /// The user id of the node.
        own: u32,
    },
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRaftdeck => write!(f, "the first frame is not a raftdeck handshake"),
            Self::Version { ours, theirs } => {
                write!(
                    f,
                    "protocol version {theirs} is not supported here, version {ours} is: use the same release on both sides"
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
            Self::Unproven => write!(
                f,
                "the listening side does not prove that it knows the token: the token is wrong or not required there, or another program listens on this port"
            ),
            Self::Secret { id } => write!(
                f,
                "{id} does not know the secret of this cluster, so it runs on an empty or foreign data directory: start it on its own one, or add it as new (raftdeck client member replace {id})"
            ),
            Self::OtherCluster { ours, theirs } => write!(
                f,
                "cluster {ours} here, cluster {theirs} there: two clusters of the same name; point one of them at its own addresses, or start this node on an empty data directory"
            ),
            Self::Incarnation { id, known, shown } => write!(
                f,
                "the membership lists disk {known} for {id}, which has disk {shown}: start it on its own data directory, or add the new one (raftdeck client member replace {id})"
            ),
            Self::OldBoot { id, met, shown } => write!(
                f,
                "{id} presents start {shown} of a data directory that was seen at start {met}: it is a copy or was restored from a backup; empty it and add it as new (raftdeck client member replace {id})"
            ),
            Self::OtherUser { own } => write!(
                f,
                "this node has no client token, so on this machine it answers only the user that runs it (uid {own}) and root: \
                 start it with --client-token-file and send the token"
            ),
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
