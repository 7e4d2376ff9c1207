//! A wire: the protocol between two nodes, as far as a relay between them has to know it.
//!
//! A relay reads whole frames and writes whole frames. What a wire says about them:
//!
//! 1. [`Session`] is one connection: a state machine without I/O, which hears every frame of the handshake, from either side, and
//!    says who speaks next ([`HandshakeStep`]). What it hears is passed through untouched.
//! 2. The session gives the codecs ([`tokio_util::codec`]) that cut the bytes of each side into frames and put frames back into bytes.
//!    They may keep state and may differ from one kind of connection to another, so two nodes can have several kinds of
//!    connections. A frame may be split over any number of reads.
//! 3. After the handshake a connection carries messages one way: from the dialer to the listener, or the other way round. A wire may
//!    also have connections that bring one message each, and some that carry none.
//! 4. [`Wire::glance`] says what a message is about.
//!
//! A message does not depend on the connection that brought it. It is written with the encoder of whichever connection to the receiver
//! is the newest when it is due. So the frames between decoder and encoder must mean the same on every connection: a wire whose
//! bytes depend on what went before them (as etcd's `msgapp` stream) decodes them to messages that stand alone, and encodes them so.

pub mod etcd;
mod raftdeck;
mod session;

pub use etcd::EtcdWire;
pub use raftdeck::{RaftdeckCodec, RaftdeckSession, RaftdeckWire};
pub use session::{ConnectionPurpose, HandshakeStep, Session, Side, Wire};
