//! The museum of bugs: Raft with one guard missing. Each exhibit is a schedule that brings the bug about, step by step, and two
//! recordings of it in the simulator: without the guard, up to the violation, and with all guards in place.
//!
//! An exhibit is read by [`Exhibit::read`], and comes with the program as one of [`EXHIBITS`]. `cargo xtask museum` plays all of them
//! again and compares; with `--write` it writes the recordings and their marks anew.

mod marks;
mod read;
mod shipped;

pub use marks::{ExhibitMarks, RecordingMarks, ViolationMark};
pub use shipped::{EXHIBITS, ShippedExhibit, museum, shipped_exhibit};

use crate::file::{ClusterSpec, Phrase};
use crate::lesson::ViewName;
use raftdeck_raft::NodeId;
use schemars::JsonSchema;
use serde::Deserialize;

/// The version of the format of exhibits.
pub const EXHIBIT_SCHEMA: u32 = 1;

/// How long a condition is waited for, unless the step says otherwise.
pub const DEFAULT_WITHIN: &str = "20T";

/// A bug, and the schedule that brings it about.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Exhibit {
    /// The version of the format: 1.
    pub schema: u32,
    /// Its name on the command line and of its files: lower-case letters, digits and `-`.
    pub id: String,
    /// A title of a few words.
    pub title: String,
    /// The guard that is missing: a name of `raftdeck_raft::mutants::Mutant`.
    pub guard: String,
    /// The rule that the guard enforces, in a sentence.
    pub rule: String,
    /// Where the rule is written: sections of the Raft paper (`§5.2`) or of the thesis (`thesis §9.6`).
    pub paper: Vec<String>,
    /// The property that is violated, as the judge names it.
    pub property: String,
    /// What happens and why it matters, in a paragraph, without telling which rule is missing.
    pub story: String,
    /// The cluster that it is played on.
    #[serde(default)]
    pub cluster: ClusterSpec,
    /// What is done, in order.
    #[serde(rename = "step")]
    pub steps: Vec<ExhibitStep>,
    /// The step in which the violation is reported, counted from 1.
    pub violation_step: usize,
    /// Which rule was broken?
    pub rule_question: ExhibitQuestion,
    /// Which message, or which other event, did it?
    pub event_question: ExhibitQuestion,
    /// What happened, and why it cannot happen with the guard in place.
    pub explain: String,
    /// The bug of a real system that it stands for.
    pub report: BugReport,
}

/// One step of an exhibit.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExhibitStep {
    /// What is seen in it.
    pub caption: String,
    /// Lines of a script.
    #[serde(rename = "do")]
    pub lines: Option<Phrase>,
    /// The condition that holds when the step is done.
    pub wait: Option<Phrase>,
    /// How long it may take until then; [`DEFAULT_WITHIN`] by default.
    pub within: Option<Phrase>,
    /// The nodes to point at on the picture: `2`, `1,2`.
    pub mark: Option<String>,
    /// The view to show.
    pub view: Option<ViewName>,
    /// What is different where the guard is in place.
    pub guarded: Option<GuardedStep>,
}

/// What is different in a step where the guard is in place. What is not given is the same.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct GuardedStep {
    /// What is seen in it.
    pub caption: Option<String>,
    /// Lines of a script. Empty: there is nothing to do.
    #[serde(rename = "do")]
    pub lines: Option<Phrase>,
    /// The condition that holds when the step is done. Empty: none is waited for.
    pub wait: Option<Phrase>,
    /// The nodes to point at on the picture.
    pub mark: Option<String>,
}

/// A question about an exhibit.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExhibitQuestion {
    /// The question.
    pub question: String,
    /// Three or four answers to choose from; one is right.
    pub options: Vec<ExhibitOption>,
}

/// An answer to choose.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExhibitOption {
    /// The answer.
    pub text: String,
    /// Whether it is right.
    #[serde(default)]
    pub right: bool,
    /// What is said to somebody who chose it: why it is right, or why it is not.
    pub because: String,
}

/// A report of the bug in a real system.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BugReport {
    /// The system.
    pub system: String,
    /// The report's title.
    pub title: String,
    /// Its address.
    pub link: String,
    /// What it reports, and how that relates to the exhibit, in a few sentences.
    pub what: String,
}

/// Which of the two runs of an exhibit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExhibitRun {
    /// One guard is missing.
    WithoutGuard,
    /// All guards are in place.
    WithGuard,
}

impl ExhibitRun {
    /// Both, in the order in which they are shown.
    pub const BOTH: [Self; 2] = [Self::WithoutGuard, Self::WithGuard];
}

impl ExhibitStep {
    fn guarded(&self, run: ExhibitRun) -> Option<&GuardedStep> {
        self.guarded.as_ref().filter(|_| run == ExhibitRun::WithGuard)
    }

    /// What is seen in this run.
    #[must_use]
    pub fn caption(&self, run: ExhibitRun) -> &str {
        self.guarded(run).and_then(|guarded| guarded.caption.as_ref()).unwrap_or(&self.caption)
    }

    fn mark(&self, run: ExhibitRun) -> Option<&str> {
        let mark = self.guarded(run).and_then(|guarded| guarded.mark.as_ref()).or(self.mark.as_ref());
        mark.map(String::as_str)
    }

    /// The nodes to point at in this run.
    #[must_use]
    pub fn marked(&self, run: ExhibitRun) -> Vec<NodeId> {
        let ids = self.mark(run).unwrap_or_default().split(',');
        ids.filter_map(|id| id.trim().parse().ok().map(NodeId)).collect()
    }

    /// The lines of a script that it carries out in this run.
    fn lines(&self, run: ExhibitRun) -> Option<&Phrase> {
        self.guarded(run).and_then(|guarded| guarded.lines.as_ref()).or(self.lines.as_ref())
    }

    /// The condition that it waits for in this run.
    fn wait(&self, run: ExhibitRun) -> Option<&Phrase> {
        let wait = self.guarded(run).and_then(|guarded| guarded.wait.as_ref()).or(self.wait.as_ref());
        wait.filter(|wait| !wait.text().trim().is_empty())
    }

    /// Its whole script in this run, with the wait for its condition as the last line.
    #[must_use]
    pub fn script(&self, run: ExhibitRun) -> String {
        let within = self.within.as_ref().map_or(DEFAULT_WITHIN, Phrase::text);
        let wait = self.wait(run).map(|wait| format!("wait {wait} within {within}"));
        let lines = self.lines(run).into_iter().flat_map(Phrase::lines).map(str::to_owned);
        lines.chain(wait).map(|line| line + "\n").collect()
    }
}

#[cfg(test)]
mod tests;
