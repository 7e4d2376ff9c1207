//! The rules in force: see the model's room of that name.

pub(crate) use raftdeck_model::rulebook::{Decision, Passing, Rulebook, matches};
