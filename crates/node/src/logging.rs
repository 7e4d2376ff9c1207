//! The node's log: on standard error, and in a file if one is asked for. Written by threads of its own and dropped when they
//! cannot keep up: neither a full pipe nor a full disk may stop a node. Standard output is left alone.

mod cleaned;
mod lines;
mod rotated;

use crate::args::{LogArgs, LogFormat};
use crate::usage::UsageError;
use cleaned::CleanedLines;
pub(crate) use lines::Plain;
use lines::{Colourless, Json};
use rotated::{Bounds, Rotated};
use std::backtrace::Backtrace;
use std::io::{self, IsTerminal, Write};
use std::panic::{self, PanicHookInfo};
use std::path::PathBuf;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Lines that wait to be written, for each place.
const LINES: usize = 4096;

/// The bounds of a log file unless others are asked for.
const FILE_BYTES: u64 = 10 << 20;
const FILES: u32 = 5;

/// The log while it is held. What is logged is written out when it is dropped.
pub(crate) struct Log {
    _writers: Vec<WorkerGuard>,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error("the log file {path} cannot be written: {error}")]
    File { path: PathBuf, error: io::Error },
}

type LineLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts the log.
pub(crate) fn start(verbose: bool, args: &LogArgs) -> Result<Log, LogError> {
    let filter = filter(verbose, args.log_filter.as_deref())?;
    let is_json = args.log_format == LogFormat::Json;
    let mut writers = Vec::new();
    let mut places: Vec<LineLayer> = Vec::new();
    let errors = writer(CleanedLines { inner: io::stderr(), is_json }, &mut writers);
    places.push(match (is_json, io::stderr().is_terminal()) {
        (true, _) => layer().event_format(Json).with_ansi(false).with_writer(errors).boxed(),
        (false, true) => layer().with_writer(errors).boxed(),
        (false, false) => layer().event_format(Plain).with_ansi(false).with_writer(errors).boxed(),
    });
    if let Some(path) = &args.log_file {
        let bounds = Bounds {
            bytes: args.log_file_size.unwrap_or(FILE_BYTES),
            files: args.log_file_count.unwrap_or(FILES),
        };
        let file =
            Rotated::open(path, bounds).map_err(|error| LogError::File { path: path.clone(), error })?;
        let file = layer()
            .fmt_fields(Colourless::default())
            .with_ansi(false)
            .with_writer(writer(CleanedLines { inner: file, is_json }, &mut writers));
        places.push(if is_json { file.event_format(Json).boxed() } else { file.boxed() });
    }
    // An error only means that this process logs already, which then continues.
    let _ = tracing_subscriber::registry().with(places).with(filter).try_init();
    panic::set_hook(Box::new(log_panic));
    Ok(Log { _writers: writers })
}

/// Logs a panic and where it came from, within the span in which it happened.
pub(crate) fn log_panic(info: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::force_capture();
    tracing::error!("this is a bug, please report it: {info}\n{backtrace}");
}

/// A thread that writes there.
fn writer(place: impl Write + Send + 'static, writers: &mut Vec<WorkerGuard>) -> NonBlocking {
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(LINES).finish(place);
    writers.push(guard);
    writer
}

fn filter(verbose: bool, given: Option<&str>) -> Result<EnvFilter, UsageError> {
    let usual = if verbose { "info,raftdeck_node=debug,raftdeck_client=debug" } else { "info" };
    match given.filter(|given| !given.trim().is_empty()) {
        None => Ok(EnvFilter::new(usual)),
        Some(value) => EnvFilter::try_new(value)
            .map_err(|error| UsageError::LogFilter { value: value.to_owned(), why: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_makes_no_sense_is_refused() {
        assert!(filter(false, Some("raftdeck_node=debug,warn")).is_ok());
        let error = filter(false, Some("raftdeck_node=loud")).expect_err("is refused");
        assert!(error.to_string().contains("raftdeck_node=loud"), "{error}");
    }
}
