//! A node as the whole of a process: it says on standard output where it serves, and ends on a signal. What a program that
//! embeds a node must not have done to it is here, and in the log and the tie to a parent, which are set up before.

use crate::handle::Node;
use crate::node::{NodeError, StartError};
use crate::ready;
use crate::settings::Settings;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Why the process ends with a failure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// Runs a node until a signal, or until it cannot go on.
pub(crate) fn run(settings: Settings) -> Result<(), RunError> {
    allow_open_files();
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::System)?;
    runtime.block_on(serve(settings))
}

/// All ports' connections together come close to the 1024 files that a process may have open by default. What may be had without
/// asking anybody is taken; if that fails, it stays as it is.
fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

async fn serve(settings: Settings) -> Result<(), RunError> {
    let (signals, _file_too_large) = signals().map_err(StartError::System)?;
    // Nothing else runs here that could be held up.
    let node = Node::launch(settings)?;
    ready::announce(node.id(), node.addresses());
    tokio::select! {
        name = told(signals) => tracing::info!("stopping on {name}"),
        () = node.ended() => {}
    }
    // A disk that hangs ends with the process.
    Ok(node.end()?.0?)
}

/// Those that end the node, and one more that is caught so that a write over the limit on the size of files fails as it does
/// on a full disk, which has its own orderly end, instead of killing the process.
fn signals() -> io::Result<([Signal; 2], Signal)> {
    let file_too_large = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    Ok(([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?], signal(file_too_large)?))
}

async fn told([mut terminate, mut interrupt]: [Signal; 2]) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
