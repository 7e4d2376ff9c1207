//! raftdeck's own wire: length-prefixed frames, and the handshake of four frames in `raftdeck_protocol::handshake`. The dialer sends,
//! and a connection of a peer carries nothing back after its handshake.

use super::session::{ConnectionPurpose, HandshakeStep, Session, Side, Wire};
use crate::pair::{Entrance, Origin, Pair};
use bytes::{BufMut, Bytes, BytesMut};
use raftdeck_model::FrameKind;
use raftdeck_model::glance::{Detail, Glance};
use raftdeck_protocol::frame::{self, FrameError, MAX_FRAME, MAX_HANDSHAKE, MAX_HELLO_REPLY, PREFIX};
use raftdeck_protocol::handshake::decode_hello;
use raftdeck_protocol::shared::{PeerOutline, peer_outline};
use raftdeck_protocol::{Hello, HelloReply, Role};
use raftdeck_raft::{AppendOutcome, LogIndex, Message, NodeId};
use std::io;
use std::net::SocketAddr;
use tokio_util::codec::{Decoder, Encoder};

/// The wire of raftdeck's nodes.
#[derive(Clone, Copy, Debug, Default)]
pub struct RaftdeckWire;

impl Wire for RaftdeckWire {
    type Session = RaftdeckSession;

    fn session(&self, entrance: Entrance, _source: SocketAddr) -> RaftdeckSession {
        RaftdeckSession { entrance, shows: DialerRole::Nothing, stage: HandshakeStage::Begun }
    }

    fn glance(&self, frame: &[u8]) -> Option<Glance> {
        peer_outline(frame).ok().map(|outline| glance(&outline))
    }
}

/// One connection of a node to another.
#[derive(Debug)]
pub struct RaftdeckSession {
    entrance: Entrance,
    shows: DialerRole,
    stage: HandshakeStage,
}

/// How far the handshake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HandshakeStage {
    Begun,
    /// The dialer has said hello.
    Greeted,
    /// The dialer has answered the listener's challenge.
    Confirmed,
    Accepted,
}

/// The role that the dialer claims.
#[derive(Clone, Copy, Debug)]
enum DialerRole {
    /// It has not said hello, or its hello is invalid.
    Nothing,
    /// A member, on this data directory.
    Peer(Pair, Origin),
    Founder(Pair),
    /// A client or a manager.
    Other,
}

impl From<Hello> for DialerRole {
    fn from(Hello { role, standing, .. }: Hello) -> Self {
        match role {
            Role::Peer { id, to, .. } => Self::Peer((id, to), standing.map(|standing| standing.incarnation)),
            Role::Founder { id, to } => Self::Founder((id, to)),
            Role::Client | Role::Manager => Self::Other,
        }
    }
}

impl Session for RaftdeckSession {
    type Decoder = RaftdeckCodec;
    type Encoder = RaftdeckCodec;

    fn decoder(&self, from: Side) -> RaftdeckCodec {
        let most = match (from, self.shows) {
            (Side::Dialer, _) if self.stage != HandshakeStage::Accepted => MAX_HANDSHAKE,
            (Side::Dialer, DialerRole::Peer(..)) => MAX_FRAME,
            (Side::Dialer | Side::Listener, _) => MAX_HELLO_REPLY,
        };
        RaftdeckCodec { most }
    }

    fn encoder(&self, to: Side) -> RaftdeckCodec {
        let most = match to {
            Side::Dialer => MAX_HELLO_REPLY,
            Side::Listener => MAX_FRAME,
        };
        RaftdeckCodec { most }
    }

    fn heard(&mut self, from: Side, frame: &[u8]) -> HandshakeStep {
        match (from, self.stage) {
            (Side::Dialer, HandshakeStage::Begun) => {
                // If it is no hello, the receiver says why not.
                self.shows = decode_hello(frame).map_or(DialerRole::Nothing, DialerRole::from);
                self.stage = HandshakeStage::Greeted;
                HandshakeStep::Speaks(Side::Listener)
            }
            (Side::Dialer, _) => {
                self.stage = HandshakeStage::Confirmed;
                HandshakeStep::Speaks(Side::Listener)
            }
            (Side::Listener, _) => self.answered(frame),
        }
    }

    fn dialer(&self) -> Option<NodeId> {
        match (self.entrance, self.shows) {
            (Entrance::Pair((from, _)), _) => Some(from),
            (Entrance::Member(_), DialerRole::Peer((from, _), _) | DialerRole::Founder((from, _))) => {
                Some(from)
            }
            (Entrance::Member(_), DialerRole::Nothing | DialerRole::Other) => None,
        }
    }

    fn purpose(&self) -> ConnectionPurpose {
        match self.shows {
            DialerRole::Peer(..) => ConnectionPurpose::Member,
            DialerRole::Founder(_) => ConnectionPurpose::Founding,
            DialerRole::Nothing | DialerRole::Other => ConnectionPurpose::Other,
        }
    }
}

impl RaftdeckSession {
    fn answered(&mut self, frame: &[u8]) -> HandshakeStep {
        match (frame::decode("handshake reply", frame), self.stage) {
            (Ok(HelloReply::Accepted { .. }), HandshakeStage::Confirmed) => {
                self.stage = HandshakeStage::Accepted;
                self.accepted()
            }
            (Ok(HelloReply::Challenge(_)), HandshakeStage::Greeted) => HandshakeStep::Speaks(Side::Dialer),
            _ => HandshakeStep::Refused,
        }
    }

    fn accepted(&self) -> HandshakeStep {
        match self.shows {
            DialerRole::Peer(pair, origin) if self.entrance.is_for(pair) => {
                HandshakeStep::Messages { from: Side::Dialer, origin }
            }
            DialerRole::Founder(pair) if self.entrance.is_for(pair) => HandshakeStep::Talk,
            // The dialer is not the node that this link is for: its messages would be shown as that node's.
            DialerRole::Nothing | DialerRole::Peer(..) | DialerRole::Founder(_) | DialerRole::Other => {
                HandshakeStep::Closed
            }
        }
    }
}

impl Entrance {
    /// Whether this dialer is expected here.
    fn is_for(self, pair: Pair) -> bool {
        self.listener() == pair.1 && self.dialer().is_none_or(|dialer| dialer == pair.0)
    }
}

/// A length of four bytes, and that many bytes.
#[derive(Clone, Copy, Debug)]
pub struct RaftdeckCodec {
    /// The longest frame, in bytes, without its length.
    most: usize,
}

impl Decoder for RaftdeckCodec {
    type Item = Bytes;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
        let frame = frame::take(buffer, self.most).map_err(io::Error::other)?;
        if frame.is_none() {
            buffer.reserve(frame::missing(buffer, self.most).map_err(io::Error::other)?);
        }
        Ok(frame)
    }
}

impl Encoder<Bytes> for RaftdeckCodec {
    type Error = io::Error;

    fn encode(&mut self, frame: Bytes, buffer: &mut BytesMut) -> io::Result<()> {
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        if frame.len() > self.most {
            return Err(io::Error::other(FrameError::TooLong { len: frame.len(), max: self.most }));
        }
        buffer.reserve(PREFIX + frame.len());
        buffer.put_u32(length);
        buffer.put_slice(&frame);
        Ok(())
    }
}

fn glance(PeerOutline { message, entries, data }: &PeerOutline) -> Glance {
    let plain = |kind| Glance::new(kind, message.term());
    match message {
        Message::PreVote(request) | Message::RequestVote(request) => {
            let is_pre_vote = matches!(message, Message::PreVote(_));
            let kind = if is_pre_vote { FrameKind::PreVote } else { FrameKind::RequestVote };
            let detail = Detail::Candidate { last: request.last, transfer: request.transfer };
            Glance { detail, ..plain(kind) }
        }
        Message::PreVoteReply(reply) => {
            Glance { granted: Some(reply.granted), ..plain(FrameKind::PreVoteReply) }
        }
        Message::VoteReply(reply) => Glance { granted: Some(reply.granted), ..plain(FrameKind::VoteReply) },
        Message::AppendEntries(append) => {
            let kind = if *entries == 0 { FrameKind::Heartbeat } else { FrameKind::AppendEntries };
            let last = LogIndex(append.prev.index.0.saturating_add(*entries));
            let detail = Detail::Append { prev: append.prev, commit: append.commit };
            Glance { index: Some(last), entries: *entries, detail, ..plain(kind) }
        }
        Message::AppendReply(reply) => {
            let (matched, detail) = match reply.outcome {
                AppendOutcome::Matched { through } => (Some(through), Detail::None),
                AppendOutcome::Conflict { refused, hint } => (None, Detail::Conflict { refused, hint }),
            };
            Glance {
                index: matched,
                granted: Some(matched.is_some()),
                detail,
                ..plain(FrameKind::AppendReply)
            }
        }
        Message::TimeoutNow(_) => plain(FrameKind::TimeoutNow),
        Message::InstallSnapshot(piece) => {
            let end = piece.offset.saturating_add(*data);
            let detail = Detail::Piece { offset: piece.offset, end, size: piece.size };
            Glance { index: Some(piece.meta.last.index), detail, ..plain(FrameKind::InstallSnapshot) }
        }
        Message::SnapshotReply(reply) => {
            // An answer to any but the last piece says neither yes nor no.
            let (granted, detail) = if reply.installed {
                (Some(true), Detail::Installed)
            } else {
                (None, Detail::NextPiece(reply.next_offset))
            };
            Glance { index: Some(reply.last.index), granted, detail, ..plain(FrameKind::SnapshotReply) }
        }
        Message::DiskStalled(report) => {
            Glance { detail: Detail::Stalled(report.waited), ..plain(FrameKind::DiskStalled) }
        }
    }
}

#[cfg(test)]
mod tests;
