//! One connection between etcd's members: what its request is for, and what follows it.

use super::EtcdWire;
use super::body::Framing;
use super::codec::{EtcdDecoder, EtcdEncoder};
use super::head::Head;
use super::stream::StreamKind;
use crate::pair::Entrance;
use crate::wire::{ConnectionPurpose, HandshakeStep, Session, Side};
use bytes::Bytes;
use raftdeck_raft::NodeId;
use std::net::SocketAddr;
use std::time::Duration;

/// The answer to a message that a link has taken in.
const TAKEN: &[u8] = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

/// One connection.
#[derive(Debug)]
pub struct EtcdSession {
    wire: EtcdWire,
    entrance: Entrance,
    source: SocketAddr,
    dialer: Option<NodeId>,
    request: Request,
    /// How what follows the heads is framed. `None`: the heads are not all there.
    follows: Option<Framing>,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    /// A stream on which this member sends to that one.
    Stream { kind: StreamKind, from: u64, to: u64 },
    /// One message.
    Post,
    /// A snapshot.
    Snapshot,
    /// Anything else.
    Other,
}

impl EtcdSession {
    pub(super) fn new(wire: EtcdWire, entrance: Entrance, source: SocketAddr) -> Self {
        Self { wire, entrance, source, dialer: entrance.dialer(), request: Request::Other, follows: None }
    }

    fn requested(&mut self, frame: &[u8]) -> HandshakeStep {
        let Some(head) = Head::read(frame) else { return HandshakeStep::Closed };
        let sender = head.member_id("x-server-from");
        self.dialer = self.dialer.or_else(|| self.wire.node(sender?));
        if let Some((node, headers)) = self.dialer.zip(head.sender()) {
            self.wire.note_sender(node, headers);
        }
        self.request = self.kind_of(&head, sender);
        if self.request == Request::Other {
            self.dialer = self.dialer.or_else(|| self.wire.owner(self.source));
        }
        match (self.request, self.dialer) {
            (Request::Stream { .. }, _) => HandshakeStep::Speaks(Side::Listener),
            // It comes again, when the links may know its sender.
            (Request::Post | Request::Snapshot, None) => HandshakeStep::Closed,
            (Request::Post, Some(_)) => {
                self.follows = Some(Framing::of(&head));
                HandshakeStep::OneMessage(Bytes::from_static(TAKEN))
            }
            (Request::Snapshot, Some(_)) => {
                self.follows = Some(Framing::of(&head));
                HandshakeStep::MessageWithBody(Bytes::from_static(TAKEN))
            }
            (Request::Other, _) => {
                self.follows = Some(Framing::UntilClosed);
                HandshakeStep::Talk
            }
        }
    }

    fn kind_of(&self, head: &Head<'_>, sender: Option<u64>) -> Request {
        let listener =
            || head.member_id("x-raft-to").or_else(|| self.wire.member_id(self.entrance.listener()));
        let stream = |kind| {
            let ids = listener().zip(sender);
            ids.map_or(Request::Other, |(from, to)| Request::Stream { kind, from, to })
        };
        match head.request() {
            Some(("GET", path)) if path.starts_with("/raft/stream/message/") => stream(StreamKind::Message),
            Some(("GET", path)) if path.starts_with("/raft/stream/msgapp/") => stream(StreamKind::MsgApp),
            Some(("POST", "/raft")) => Request::Post,
            Some(("POST", "/raft/snapshot")) => Request::Snapshot,
            _ => Request::Other,
        }
    }

    fn answered(&mut self, frame: &[u8]) -> HandshakeStep {
        let Some(head) = Head::read(frame) else { return HandshakeStep::Closed };
        self.follows = Some(Framing::of(&head));
        match (head.status(), self.dialer) {
            (Some(200), Some(_)) => HandshakeStep::Messages { from: Side::Listener, origin: None },
            // No rule could be about the messages of a member that the links do not know.
            (Some(200), None) => HandshakeStep::Closed,
            _ => {
                self.request = Request::Other;
                HandshakeStep::Refused
            }
        }
    }
}

impl Session for EtcdSession {
    /// A member closes a stream on which it has read nothing for five seconds.
    const SIGN_OF_LIFE: Option<Duration> = Some(Duration::from_millis(1500));

    type Decoder = EtcdDecoder;
    type Encoder = EtcdEncoder;

    fn decoder(&self, from: Side) -> EtcdDecoder {
        match (self.follows, self.request, from) {
            (None, ..) => EtcdDecoder::head(),
            (Some(framing), Request::Stream { kind, from, to }, Side::Listener) => {
                EtcdDecoder::stream(kind, framing, from, to)
            }
            (Some(framing), Request::Post, Side::Dialer) => EtcdDecoder::post(framing),
            (Some(framing), Request::Snapshot, Side::Dialer) => EtcdDecoder::snapshot(framing),
            (Some(_), ..) => EtcdDecoder::raw(),
        }
    }

    fn encoder(&self, to: Side) -> EtcdEncoder {
        match (self.follows, self.request, to) {
            (Some(framing), Request::Stream { kind, .. }, Side::Dialer) => EtcdEncoder::stream(kind, framing),
            (Some(framing), Request::Snapshot, Side::Listener) => EtcdEncoder::snapshot(framing),
            _ => EtcdEncoder::raw(),
        }
    }

    fn heard(&mut self, from: Side, frame: &[u8]) -> HandshakeStep {
        match from {
            Side::Dialer => self.requested(frame),
            Side::Listener => self.answered(frame),
        }
    }

    fn dialer(&self) -> Option<NodeId> {
        self.dialer
    }

    fn purpose(&self) -> ConnectionPurpose {
        match self.request {
            Request::Stream { .. } => ConnectionPurpose::Stream,
            Request::Post | Request::Snapshot => ConnectionPurpose::Member,
            Request::Other => ConnectionPurpose::Exchange,
        }
    }
}
