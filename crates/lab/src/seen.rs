//! What a frame says, as far as rules and screens care.
//!
//! Frames are only looked at here. What cannot be decoded is still passed on, but no rule that looks at messages is about it.

pub(crate) use raftdeck_model::glance::Glance;
use raftdeck_protocol::{PeerFrame, frame};
use raftdeck_raft::Message;

/// The message in a frame, if it is one.
pub(crate) fn message(content: &[u8]) -> Option<Message> {
    frame::decode::<PeerFrame>("peer", content).ok().map(|frame| frame.message)
}
