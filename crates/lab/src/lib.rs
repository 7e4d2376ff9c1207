//! Whole clusters in real time: nodes as child processes, a link for each directed pair, faults, and one stream of updates about all of it.
//!
//! The lab knows a node only by what crosses its sockets, its exit status and its files. Everything it reports is an
//! [`Update`](raftdeck_model::Update); everything it can be asked to do is a [`Command`](raftdeck_model::Command).
//!
//! [`Lab::start`] starts a cluster on a thread of its own. The handle it returns takes commands, and ends every process when it is
//! stopped or dropped.

mod etcd;
mod faults;
mod files;
mod lab;
mod nodes;
mod processes;
mod raftdeck;
mod requests;
mod setup;

pub use etcd::{EtcdOptions, KEEP_MEMBER, keep_member};
pub use files::record::DataOf;
pub use files::temporary::{STAND_BY, TemporaryFolder, stand_by};
pub use lab::Lab;
pub use setup::options::{LabError, LabOptions, node_count};
