//! The headless node: sockets, disk thread, HTTP, telemetry.
//!
//! One task, the driver, owns the [`Replica`](raftdeck_replica::Replica); connections bring it input through bounded
//! queues, and it hands writes to the disk thread and messages to the peers' connections without ever waiting for
//! either. A node has no fault-injection code, and it knows nothing of who watches it.

mod args;
mod book;
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

pub use args::{LogArgs, LogFormat, NodeArgs, parse_sync_delay};

use logging::LogError;
use settings::Settings;
use std::env;
use std::error::Error;
use std::process::ExitCode;

/// The tables that `raftdeck` reads of the configuration file that it shares with `raftdeck-node`.
pub const OTHER_TABLES: &[&str] = &["deck", "client", "bench", "sim", "man", "paths", "config", "tls"];

/// Runs a node until it is told to stop (SIGTERM, SIGINT) or cannot go on. Its exit code is 0 after a stop, 1 after a
/// failure and 2 if the command line makes no sense.
#[must_use]
pub fn run(args: &NodeArgs) -> ExitCode {
    let environment = |name: &str| env::var(name).ok();
    let settings = match Settings::resolve(args, &environment) {
        Ok(settings) => settings,
        Err(error) => return refused(2, &error),
    };
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
    match node::run(&settings) {
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
