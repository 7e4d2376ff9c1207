//! Where updates come from: a source is started, driven in real time, and recorded.

pub(crate) mod driven;
pub mod engine;
pub mod tape;
