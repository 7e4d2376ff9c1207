//! A node as the whole of a process: it prints its addresses on standard output, and ends on a signal. Everything
//! that changes the whole process, and that an embedded node must not do, is here, in the logger and in the tie to a
//! parent process.

use crate::handle::Node;
use crate::node::{NodeError, StartError};
use crate::open_files::{self, TooFewFiles};
use crate::ready;
use crate::settings::Settings;
use std::io;
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Why the process ends with a failure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Files(#[from] TooFewFiles),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// Runs a node until a signal, or until it cannot continue.
pub(crate) fn run(settings: Settings) -> Result<(), RunError> {
    open_files::allow(open_files::NODE)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::System)?;
    runtime.block_on(serve(settings))
}

async fn serve(settings: Settings) -> Result<(), RunError> {
    let _file_too_large = file_too_large().map_err(StartError::System)?;
    // Nothing else runs here that this could block. Until it is done, SIGTERM and SIGINT are not caught and end the process:
    // a start that the disk blocks must stay interruptible, and the log is sound at any moment.
    let node = Node::launch(settings)?;
    let signals = signals().map_err(StartError::System)?;
    ready::announce(node.id(), node.addresses());
    tokio::select! {
        name = told(signals) => tracing::info!("stopping on {name}"),
        () = node.ended() => {}
    }
    // A disk that hangs ends with the process.
    Ok(node.end()?.0?)
}

/// Those that end the node.
fn signals() -> io::Result<[Signal; 2]> {
    Ok([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?])
}

/// Caught, so that a write over the limit on the size of files fails as it does on a full disk, which has its own orderly end,
/// instead of killing the process.
fn file_too_large() -> io::Result<Signal> {
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))
}

async fn told([mut terminate, mut interrupt]: [Signal; 2]) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
