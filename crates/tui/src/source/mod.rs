//! Where updates come from: a source is started, driven in real time, and recorded.

pub(crate) mod driven;
pub mod elsewhere;
pub mod engine;
pub mod hosted;
pub mod tape;

use raftdeck_model::Update;

/// What a source has to say.
#[derive(Debug)]
pub enum SourceEvent {
    /// What happened, in order.
    Updates(Vec<Update>),
    /// It has ended by itself, which the updates before this tell too; how.
    Ended(String),
}
