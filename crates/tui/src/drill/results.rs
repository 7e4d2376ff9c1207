//! What runs gave, as text, JSON and files.

use super::rank;
use crate::files;
use color_eyre::eyre::{Result, WrapErr};
use raftdeck_drills::{Outcome, Verdict, report};
use std::path::Path;

/// The outcomes of one or more runs.
pub(super) struct Results<'a> {
    pub(super) outcomes: &'a [Outcome],
    /// Whether a table of all runs is the result, rather than each run.
    pub(super) is_table: bool,
}

/// Whether a run was interrupted by a person or a signal.
pub(super) fn is_interrupted(outcome: &Outcome) -> bool {
    outcome.verdict == Verdict::Aborted && outcome.reason.contains("interrupted")
}

impl Results<'_> {
    /// In words: each run, or the table of all.
    pub(super) fn text(&self) -> String {
        if self.is_table {
            return report::table(self.outcomes);
        }
        self.outcomes.iter().map(report::text).collect::<Vec<_>>().join("\n")
    }

    /// A JSON object for each run.
    pub(super) fn json(&self) -> Result<String> {
        let lines: Result<Vec<String>, _> = self.outcomes.iter().map(serde_json::to_string).collect();
        Ok(lines.wrap_err("an outcome cannot be written as JSON")?.join("\n") + "\n")
    }

    /// Writes the files that were asked for.
    pub(super) fn write(
        &self,
        html: Option<&Path>,
        junit: Option<&Path>,
        table: Option<&Path>,
    ) -> Result<()> {
        if let Some((file, worst)) = html.zip(self.worst()) {
            write(file, &report::html(worst))?;
        }
        if let Some(file) = junit {
            write(file, &report::junit(self.outcomes))?;
        }
        if let Some(file) = table {
            write(file, &report::markdown_table(self.outcomes))?;
        }
        Ok(())
    }

    /// The run to look at: the one with the worst verdict, and of those with the same the one with the longest time to the next leader.
    fn worst(&self) -> Option<&Outcome> {
        self.outcomes.iter().max_by_key(|outcome| (rank(outcome.verdict), outcome.moments.takeover()))
    }
}

pub(super) fn write(file: &Path, text: &str) -> Result<()> {
    files::replace(file, text).wrap_err_with(|| format!("{} cannot be written", file.display()))
}
