//! Whole clusters in real time: nodes as child processes, a link for each directed pair, faults, and one stream of
//! updates that tells all of it.
//!
//! The lab knows a node only by what crosses its sockets, its exit status and its files. Everything it has to tell
//! is an [`Update`](raftdeck_model::Update); everything it can be told is a [`Command`](raftdeck_model::Command).
//!
//! [`Lab::start`] starts a cluster on a thread of its own; the handle it returns takes commands, and ends every
//! process when it is stopped or dropped.

mod ask;
mod causes;
mod changes;
mod clients;
mod data_dir;
mod disk_faults;
mod held;
mod in_force;
mod keys;
mod lab;
mod launch;
mod lines;
mod nodes;
mod options;
mod process;
mod program;
mod receipt;
mod record;
mod relay;
mod slow;
mod stepper;
mod supervisor;
mod telemetry;
mod tempo;
mod temporary;
mod workload;

pub use lab::Lab;
pub use options::{LabError, LabOptions, node_count};
pub use temporary::{STAND_BY, TemporaryFolder, stand_by};
