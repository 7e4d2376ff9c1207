//! Results on standard output: one JSON object, or a table for people.

use crate::error::BenchError;
use serde::Serialize;
use std::io::{self, Write};

/// Prints a report. A reader that has read enough is no failure.
pub(crate) fn print<R: Serialize>(
    report: &R,
    as_json: bool,
    table: impl FnOnce(&R) -> String,
) -> Result<(), BenchError> {
    let failed = |error| BenchError::system("the result cannot be printed")(error);
    let text = if as_json {
        serde_json::to_string(report).map_err(io::Error::other).map_err(failed)? + "\n"
    } else {
        table(report)
    };
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(failed(error)),
        _ => Ok(()),
    }
}
