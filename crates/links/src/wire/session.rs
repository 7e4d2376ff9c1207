//! A wire's view of a connection between two nodes: which side speaks, what follows, and how bytes become frames.
//! Opens no socket and waits for nothing.

use crate::pair::{Entrance, Origin, Pair};
use bytes::Bytes;
use raftdeck_model::glance::Glance;
use raftdeck_raft::NodeId;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio_util::codec::{Decoder, Encoder};

/// How nodes of one kind talk to each other.
pub trait Wire: Clone + Send + Sync + 'static {
    /// One connection.
    type Session: Session;

    /// A connection to this entrance was accepted, from this address.
    fn session(&self, entrance: Entrance, source: SocketAddr) -> Self::Session;

    /// Looks at a frame without copying what it carries. `None`: it is no message. It is passed on nevertheless, and rules
    /// about messages do not apply to it.
    fn glance(&self, frame: &[u8]) -> Option<Glance>;

    /// What to write before a message of this many bytes on a connection of its own, if none of the nodes' connections leads to the
    /// receiver. What the receiver says to it is dropped. `None`: the message is lost.
    fn request(&self, _pair: Pair, _bytes: usize) -> Option<Bytes> {
        None
    }
}

/// One connection, from its first frame on. The side that dials speaks first.
pub trait Session: Send + 'static {
    /// How often a receiver must hear something on each of its connections. An empty frame is written that often: an encoder makes a
    /// sign of life of it. `None`: a connection may be silent.
    const SIGN_OF_LIFE: Option<Duration> = None;

    /// Cuts bytes into frames. An error closes the connection: a decoder refuses what is too long before it is all there.
    type Decoder: Decoder<Item = Bytes, Error = io::Error> + Send + Unpin + 'static;

    /// Puts frames into bytes.
    type Encoder: Encoder<Bytes, Error = io::Error> + Send + Unpin + 'static;

    /// Decodes what this side sends from now on. Asked for when the connection begins, and again when the handshake has ended.
    fn decoder(&self, from: Side) -> Self::Decoder;

    /// Encodes what this side receives from now on. Asked for equally often.
    fn encoder(&self, to: Side) -> Self::Encoder;

    /// A frame of the handshake, which is passed on to the other side, whatever it says.
    fn heard(&mut self, from: Side, frame: &[u8]) -> HandshakeStep;

    /// The node that dials, as its first frame says, or as the entrance does. Asked once, when that frame has been heard. `None`: it is
    /// unknown, and the connection carries no messages.
    fn dialer(&self) -> Option<NodeId>;

    /// What the connection is for. Asked once, when the dialer's first frame has been heard.
    fn purpose(&self) -> ConnectionPurpose;
}

/// One of the two sides of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that connected.
    Dialer,
    /// The one that accepted the connection.
    Listener,
}

/// What follows a frame of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeStep {
    /// This side speaks next. If the dialer speaks out of turn, the connection is closed.
    Speaks(Side),
    /// The two have agreed: one of them sends messages from now on, and nothing else. What the receiver says is passed back, whatever the
    /// rules are.
    Messages {
        /// This side.
        from: Side,
        /// The sender's data directory. What it sends is carried on connections of the same origin only.
        origin: Origin,
    },
    /// After its first frame, the dialer sends one message and nothing else. The link answers it with this, whatever happens to the
    /// message. The listener never sees the connection.
    OneMessage(Bytes),
    /// After its first frame, the dialer sends one message and after it a body, in frames of which the last one is empty. The body is read
    /// when the message arrives, and then goes to the listener, which answers. If the message is lost, so is the body, and the link answers
    /// with this.
    MessageWithBody(Bytes),
    /// The listener has accepted the dialer, and what the two say is no message: it is passed on in order, a cut holds it, and
    /// nothing of it is lost.
    Talk,
    /// The listener has not accepted the dialer: what the listener still says is passed back, and nothing more is taken in.
    Refused,
    /// The connection is closed immediately.
    Closed,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionPurpose {
    /// The dialer is a member of a cluster and is to send messages: a cut of its way holds its handshake.
    Member,
    /// The listener is to send messages: a cut of its way holds the handshake.
    Stream,
    /// A request and its answer, and no message: a cut of either way holds the request.
    Exchange,
    /// The dialer founds a cluster. As long as no member has dialed on this link, there is no cluster yet whose links could be cut,
    /// so it is not held.
    Founding,
    /// Anything else. It is held as that of a member.
    Other,
}
