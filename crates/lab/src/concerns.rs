//! What nodes report that a person has to do something about: see the model's room of that name.

pub(crate) use raftdeck_model::concerns::Concerns;
