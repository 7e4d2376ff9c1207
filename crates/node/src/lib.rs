//! The headless node: sockets, disk thread, HTTP, telemetry.
//!
//! One task, the driver, owns the [`Replica`](raftdeck_replica::Replica); connections bring it input through bounded
//! queues, and it hands writes to the disk thread and messages to the peers' connections without ever waiting for
//! either. A node has no fault-injection code, and it does not know whether it is watched.
//!
//! # A node in a program of yours
//!
//! [`Node::start`] runs a node on threads of its own, with its own data directory and ports; several run side by side in one
//! process. It installs no signal handler, no panic hook and no logger, and never ends the process: what it logs goes to
//! your `tracing` subscriber, and why it ended is what [`Node::wait`] and [`Node::stop`] give back.
//!
//! ```
//! use raftdeck_node::{Node, NodeId, NodeOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let data_dir = directory.path().join("n1");
//! // A cluster of this node alone, on free ports.
//! let node = Node::start(NodeOptions::new(NodeId(1), &["127.0.0.1:0"], data_dir))?;
//! let client = node.client();
//!
//! // Whatever runtime the program has; the node needs none of it.
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! runtime.block_on(async {
//!     client.put("color", "blue").await?;
//!     assert_eq!(client.get("color").await?.as_deref(), Some(&b"blue"[..]));
//!     Ok::<(), raftdeck_client::ClientError>(())
//! })?;
//!
//! // Waits until the ports and the data directory are free again.
//! node.stop()?;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/embed_node.rs` is a cluster of three in one process. What a client can do is told in [`raftdeck_client`].
//!
//! # A node as a process
//!
//! [`run`] is all of `raftdeck-node`: it reads the environment, logs to standard error, ends on SIGTERM and SIGINT.

mod acquaintances;
mod answering;
mod args;
mod arrivals;
mod belonging;
mod book;
mod browsers;
mod build_info;
mod changes;
mod clients;
mod clock;
mod data_dir;
mod disk;
mod driver;
mod found;
mod founder_line;
mod founders;
mod handle;
mod http;
mod http2;
mod http_port;
mod lane;
mod ledger;
mod listen;
mod logging;
mod meet;
mod memory;
mod meters;
#[cfg(target_os = "linux")]
pub mod name;
mod narrate;
mod node;
mod node_position;
pub mod open_files;
mod options;
mod outbox;
mod parent;
mod peers;
mod ports;
mod ready;
mod refusals;
mod requests;
mod security;
mod service;
mod settings;
mod snapshots;
mod speech;
mod telemetry;
mod tls;
mod tokens;
mod trust;
mod usage;
mod watches;

pub use args::{LogArgs, LogFormat, NodeArgs, parse_millis, parse_sync_delay};
pub use build_info::{BuildInfo, VERSION};
pub use disk::{DiskError, DiskThreadGone};
pub use handle::Node;
pub use node::{Addresses, NodeError, OptionsError, StartError};
pub use options::NodeOptions;
pub use raftdeck_client::TlsFiles;
pub use raftdeck_protocol::Secret;
pub use raftdeck_raft::{NodeId, Timing};

/// What takes in text from anywhere and can be called alone, for fuzz targets.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::http::query::{Query, QueryError};
}

use logging::LogError;
use settings::Settings;
use std::env;
use std::error::Error;
use std::process::ExitCode;

/// The README's example is compiled with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The tables that `raftdeck` reads of the configuration file that it shares with `raftdeck-node`.
pub const OTHER_TABLES: &[&str] = &[
    "deck", "client", "bench", "sim", "drill", "lesson", "teach", "learn", "museum", "paper", "man", "paths",
    "config", "tls", "replay", "check", "context", "attach",
];

/// Runs a node until it is told to stop (SIGTERM, SIGINT) or cannot continue. Its exit code is 0 after a stop, 1 after a
/// failure and 2 if the command line is invalid.
#[must_use]
pub fn run(args: &NodeArgs) -> ExitCode {
    // What is no text is none of the values that are known, and never taken for a variable that is not set.
    let environment = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let settings = match Settings::resolve(args, &environment) {
        Ok(settings) => settings,
        Err(error) => return refused(2, &error),
    };
    #[cfg(target_os = "linux")]
    if args.managed {
        name::show();
    }
    let _log = match logging::start(args.verbose, &args.log) {
        Ok(log) => log,
        Err(error @ LogError::Usage(_)) => return refused(2, &error),
        Err(error @ LogError::File { .. }) => return refused(1, &error),
    };
    if args.managed
        && let Err(error) = parent::tie()
    {
        tracing::error!("cannot tie this process to its parent: {error}");
        return ExitCode::FAILURE;
    }
    match service::run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// There is no log yet that could say it.
fn refused(status: u8, error: &dyn Error) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(status)
}
