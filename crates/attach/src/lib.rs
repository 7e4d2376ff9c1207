//! A source for clusters that something else started.
//!
//! [`Attached::start`] finds a cluster from some of its nodes' addresses, and follows it from then on: nodes that do not answer, come back, move to
//! another address, join or leave. It starts and ends no process and has no links between the nodes. What it cannot do is in its
//! [`Capabilities`](raftdeck_model::Capabilities), with the reason.
//!
//! Of a node that does not answer nothing more is known ([`ProcessState::Unreachable`](raftdeck_model::ProcessState::Unreachable)): it may run, and lead.

mod attached;
mod changes;
mod cluster;
mod members;
mod options;
mod requests;

pub use attached::Attached;
pub use options::{AttachError, AttachOptions};
