//! What sources of running raftdeck clusters share.
//!
//! A source tells [`Update`](raftdeck_model::Update)s about a cluster and carries out [`Command`](raftdeck_model::Command)s. [`Watchers`] tell
//! the telemetry of nodes, [`ask()`] sends one request to one node, [`Workload`] writes steadily, and a [`Receipt`] has a command answered exactly
//! once. Which nodes there are, and where, is not decided here; no process is started.

mod ask;
mod causes;
mod outcome;
mod receipt;
mod telemetry;
mod workload;

pub use ask::{Unanswered, ask};
pub use outcome::{ask_cluster, ask_node, body_of, fate};
pub use receipt::Receipt;
pub use telemetry::{Contact, LifeEvents, Milestones, Watchers};
pub use workload::{Workload, Writes};
