//! Results on standard output: one JSON object, or a table for people.

use crate::error::BenchError;
use console::style;
use serde::Serialize;
use std::io::{self, Write};

/// Prints a report. A reader that closes the output early is not a failure.
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

/// The maximum length of a line of a title.
const WIDTH: usize = 78;

/// What was measured, and how: the name, then the conditions, on as many lines as they need.
pub(crate) fn title(name: &str, circumstances: &[String]) -> String {
    let indent = name.len() + 4;
    let mut lines = vec![String::new()];
    for (place, circumstance) in circumstances.iter().enumerate() {
        let comma = if place + 1 < circumstances.len() { "," } else { "" };
        let word = format!("{circumstance}{comma}");
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(&word),
            Some(line) if indent + line.len() + 1 + word.len() <= WIDTH => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    let text = lines.join(&format!("\n{}", " ".repeat(indent)));
    format!("\n  {}  {text}\n\n", style(name).bold().cyan())
}

/// The line below a table's heading.
pub(crate) fn rule(width: usize) -> String {
    format!("  {}\n", style("─".repeat(width)).dim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_has_as_many_lines_as_it_needs() {
        let circumstances = ["a".repeat(40), "b".repeat(29), "c".to_owned(), "d".to_owned()];
        let text = console::strip_ansi_codes(&title("write", &circumstances)).into_owned();
        let lines: Vec<&str> = text.trim_matches('\n').lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].starts_with("  write  aaaa") && lines[0].ends_with("a,"), "{text}");
        assert_eq!(lines[1], format!("{}{}, c, d", " ".repeat(9), "b".repeat(29)));
    }
}
