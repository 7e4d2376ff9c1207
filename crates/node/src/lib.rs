//! The headless node: sockets, disk thread, HTTP, telemetry.
//!
//! One task, the driver, owns the [`Replica`](raftdeck_replica::Replica); connections bring it input through bounded
//! queues, and it hands writes to the disk thread and messages to the peers' connections without ever waiting for
//! either. A node has no fault-injection code, and it knows nothing of who watches it.

mod args;
mod book;
mod changes;
mod clients;
mod clock;
mod disk;
mod driver;
mod founders;
mod http;
mod http_port;
mod lane;
mod listen;
mod logging;
mod meters;
mod narrate;
mod node;
mod outbox;
mod parent;
mod peers;
mod ready;
mod requests;
mod settings;
mod snapshots;
mod telemetry;
mod watches;

pub use args::{NodeArgs, parse_sync_delay};

/// What takes in text from anywhere and can be called alone, for fuzz targets.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::http::query::{Query, QueryError};
}

use settings::Settings;
use std::env;
use std::process::ExitCode;

/// Runs a node until it is told to stop (SIGTERM, SIGINT) or cannot go on. Its exit code is 0 after a stop, 1 after a
/// failure and 2 if the command line makes no sense.
#[must_use]
pub fn run(args: &NodeArgs) -> ExitCode {
    let environment = |name: &str| env::var(name).ok();
    let prepared = Settings::resolve(args, &environment)
        .and_then(|settings| Ok((settings, logging::start(args.verbose)?)));
    let (settings, _log) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    if args.managed
        && let Err(error) = parent::tie()
    {
        tracing::error!("cannot tie this process to its parent: {error}");
        return ExitCode::FAILURE;
    }
    match node::run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
