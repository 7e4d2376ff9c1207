//! The node's log, on standard error. Written by a thread of its own and dropped when nobody reads it: a full pipe
//! must not stop a node. Standard output is left alone.

use crate::settings::UsageError;
use std::backtrace::Backtrace;
use std::fmt;
use std::io::{self, IsTerminal};
use std::panic::{self, PanicHookInfo};
use tracing::{Event, Subscriber};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

/// The variable that takes a filter.
const FILTER: &str = "RAFTDECK_LOG";

/// Lines that wait to be written.
const LINES: usize = 4096;

/// Starts the log. What is logged is written out when the guard is dropped.
pub(crate) fn start(verbose: bool) -> Result<WorkerGuard, UsageError> {
    let filter = filter(verbose, std::env::var(FILTER).ok())?;
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(LINES).finish(io::stderr());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    // An error only says that this process logs already, which then goes on.
    let _ = if io::stderr().is_terminal() {
        lines.try_init()
    } else {
        lines.with_ansi(false).event_format(Plain).try_init()
    };
    panic::set_hook(Box::new(log_panic));
    Ok(guard)
}

/// Logs a panic and where it came from, within the span in which it happened.
pub(crate) fn log_panic(info: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::force_capture();
    tracing::error!("this is a defect, please report it: {info}\n{backtrace}");
}

fn filter(verbose: bool, given: Option<String>) -> Result<EnvFilter, UsageError> {
    let usual = if verbose { "info,raftdeck_node=debug,raftdeck_client=debug" } else { "info" };
    match given.filter(|given| !given.trim().is_empty()) {
        None => Ok(EnvFilter::new(usual)),
        Some(value) => EnvFilter::try_new(&value)
            .map_err(|error| UsageError::LogFilter { value, why: error.to_string() }),
    }
}

/// `LEVEL target: message`, for programs that read along.
pub(crate) struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "{} {}: ", event.metadata().level(), event.metadata().target())?;
        // What it happened in, such as a request with its id.
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<N>>().map_or("", |fields| fields.as_str());
            write!(writer, "{}{{{fields}}}: ", span.name())?;
        }
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_makes_no_sense_is_refused() {
        assert!(filter(false, Some("raftdeck_node=debug,warn".to_owned())).is_ok());
        let error = filter(false, Some("raftdeck_node=loud".to_owned())).expect_err("is refused");
        assert!(error.to_string().contains("RAFTDECK_LOG=raftdeck_node=loud"), "{error}");
    }
}
