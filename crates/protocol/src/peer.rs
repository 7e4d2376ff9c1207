//! What travels between members.

use raftdeck_raft::{AppendOutcome, Incarnation, LogId, LogIndex, Message, NodeId, Sender, Term};
use serde::{Deserialize, Serialize};

/// The highest term, and the highest index, that a message may name. A cluster that elects a leader every
/// millisecond, or commits a thousand entries in each, takes a hundred thousand years and more to get there. Higher
/// ones are forged, and a member that accepted them would soon run out of numbers. A member goes up by at most 2^20
/// terms at one message, whatever that names, so no member gets near the limit and has its next campaign refused.
pub const MAX_NUMBER: u64 = 1 << 62;

/// One Raft message on a peer connection, which carries them in one direction only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerFrame {
    /// Its sender. Must be the id of the connection's handshake.
    pub from: NodeId,
    /// The data directory it ran on when it sent this. A frame may outlive its connection, and its sender's disk.
    pub incarnation: Incarnation,
    /// What it says.
    pub message: Message,
}

/// A message that no member would send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("term or index {number} is over the limit of {MAX_NUMBER}")]
pub struct NumberError {
    /// As received.
    pub number: u64,
}

impl PeerFrame {
    /// Where it comes from, as the core takes it.
    #[must_use]
    pub fn sender(&self) -> Sender {
        Sender::new(self.from, self.incarnation)
    }

    /// Checks the limit on terms and indices.
    pub fn check(&self) -> Result<(), NumberError> {
        let message = &self.message;
        term(message.term())?;
        match message {
            Message::PreVote(request) | Message::RequestVote(request) => id(request.last),
            Message::AppendEntries(append) => {
                id(append.prev)?;
                index(append.commit)?;
                append.entries.iter().try_for_each(|entry| id(entry.id))
            }
            Message::AppendReply(reply) => match reply.outcome {
                AppendOutcome::Matched { through } => index(through),
                AppendOutcome::Conflict { refused, hint } => {
                    index(refused)?;
                    hint.term.map_or(Ok(()), term)?;
                    index(hint.first)
                }
            },
            Message::InstallSnapshot(piece) => {
                id(piece.meta.last)?;
                index(piece.meta.membership_index)
            }
            Message::SnapshotReply(reply) => id(reply.last),
            Message::PreVoteReply(_)
            | Message::VoteReply(_)
            | Message::TimeoutNow(_)
            | Message::DiskStalled(_) => Ok(()),
        }
    }
}

fn id(LogId { term: of, index: at }: LogId) -> Result<(), NumberError> {
    term(of)?;
    index(at)
}

fn term(Term(number): Term) -> Result<(), NumberError> {
    if number > MAX_NUMBER { Err(NumberError { number }) } else { Ok(()) }
}

fn index(LogIndex(number): LogIndex) -> Result<(), NumberError> {
    term(Term(number))
}
