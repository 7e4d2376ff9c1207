//! What a run gives: the verdict, what was measured, what was asserted, and the story. Reports and tables are made from it alone.
//!
//! Durations are cluster time since the cluster's start, unless stated otherwise, and microseconds when they are serialized.

use crate::bound::Measured;
use crate::file::Severity;
use raftdeck_model::{FrameKind, MessageReport};
use raftdeck_raft::{NodeId, Role, Term};
use serde::{Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// The version of an outcome's JSON shape.
pub const OUTCOME_SCHEMA: u32 = 1;

/// How a drill ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The fault took, and everything that must hold did.
    Passed,
    /// Something that must hold did not, or a safety property was violated.
    Failed,
    /// It cannot be judged: the cluster was never steady, the fault did not take, or the machine was too busy.
    Inconclusive,
    /// It was given up: by a person, by one of its own conditions, or because its time was over.
    Aborted,
}

impl Verdict {
    /// The exit status of the program.
    #[must_use]
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 3,
            Self::Inconclusive => 4,
            Self::Aborted => 5,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::Aborted => "aborted",
        })
    }
}

/// What a run gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The version of this shape.
    pub schema: u32,
    /// The drill.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
    /// The sections that explain it.
    pub paper: Vec<String>,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, in a sentence without its full stop.
    pub reason: String,
    /// The score of 0 to 100, and its parts.
    pub score: Score,
    /// On what it ran.
    pub context: Context,
    /// When what happened.
    pub moments: Moments,
    /// The requests of the workload, in numbers. `None`: there was none.
    pub requests: Option<RequestFigures>,
    /// What must hold and what should: assertions, probes, and what is judged in every drill.
    pub checks: Vec<CheckResult>,
    /// What the person did and answered.
    pub person: Vec<PersonResult>,
    /// The steps, each with how it went.
    pub steps: Vec<StepResult>,
    /// The story.
    pub timeline: Timeline,
    /// A violated safety property.
    pub violation: Option<ViolationReport>,
    /// What is still in force after the heal, each in the words of the cluster: empty unless it could not be healed.
    pub left: Vec<String>,
    /// The latest that the runner was called in real time: more than half a T, and times cannot be judged.
    #[serde(serialize_with = "micros")]
    pub worst_lateness: Duration,
    /// What to learn from it.
    pub debrief: String,
    /// Where to read on.
    pub links: Vec<String>,
}

/// On what a drill ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Context {
    /// `lab` (real processes), `sim` (the simulator), or another source's name.
    pub engine: String,
    /// How many nodes it began with.
    pub nodes: u8,
    /// The seed, if one decided chance.
    pub seed: Option<u64>,
    /// The heartbeat interval in milliseconds.
    pub heartbeat_ms: u64,
    /// The least and the greatest election timeout in milliseconds. The least one is T.
    pub election_ms: (u64, u64),
    /// The version of the program.
    pub version: String,
    /// The command that runs it again.
    pub command: String,
}

impl Context {
    /// One T: the least election timeout.
    #[must_use]
    pub fn t(&self) -> Duration {
        Duration::from_millis(self.election_ms.0)
    }
}

/// When what happened. `None`: it did not, or nobody saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moments {
    /// The drill began.
    #[serde(serialize_with = "micros")]
    pub begun: Duration,
    /// The steady state before the fault was reached.
    #[serde(serialize_with = "opt_micros")]
    pub steady: Option<Duration>,
    /// The fault was ordered, by the drill or the person (`T_fault`).
    #[serde(serialize_with = "opt_micros")]
    pub fault: Option<Duration>,
    /// The first vote request after it, a PreVote included (`T_detect`).
    #[serde(serialize_with = "opt_micros")]
    pub detect: Option<Duration>,
    /// The first heartbeat of the next leader reached a follower (`T_lead`).
    #[serde(serialize_with = "opt_micros")]
    pub lead: Option<Duration>,
    /// The first write that was acknowledged after that (`T_write`).
    #[serde(serialize_with = "opt_micros")]
    pub write: Option<Duration>,
    /// The heal began.
    #[serde(serialize_with = "opt_micros")]
    pub heal: Option<Duration>,
    /// The steady state after the heal was reached (`T_healed`).
    #[serde(serialize_with = "opt_micros")]
    pub healed: Option<Duration>,
    /// The drill ended.
    #[serde(serialize_with = "micros")]
    pub ended: Duration,
}

impl Moments {
    /// From the fault to the first heartbeat of the next leader.
    #[must_use]
    pub fn takeover(&self) -> Option<Duration> {
        Some(self.lead?.saturating_sub(self.fault?))
    }

    /// From the fault to its detection, as MTTD counts it.
    #[must_use]
    pub fn to_detect(&self) -> Option<Duration> {
        Some(self.detect?.saturating_sub(self.fault?))
    }

    /// From the fault to the first acknowledged write under the next leader, as MTTR counts it.
    #[must_use]
    pub fn to_write(&self) -> Option<Duration> {
        Some(self.write?.saturating_sub(self.fault?))
    }
}

/// The requests of a workload, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RequestFigures {
    /// From the steady state to the fault.
    pub before: PhaseFigures,
    /// From the fault to the heal.
    pub during: PhaseFigures,
    /// From the heal to the end.
    pub after: PhaseFigures,
    /// A request was available if it was acknowledged within this time of being due.
    #[serde(serialize_with = "micros")]
    pub within: Duration,
    /// The longest time without an acknowledged request since the fault.
    #[serde(serialize_with = "opt_micros")]
    pub longest_gap: Option<Duration>,
}

/// The requests that were due in a part of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PhaseFigures {
    /// How many were due.
    pub due: u64,
    /// Of these, acknowledged in time.
    pub in_time: u64,
    /// Of these, acknowledged at all.
    pub acknowledged: u64,
    /// Of these, certainly not carried out, including those that were never sent because all clients were waiting.
    pub failed: u64,
    /// Of these, writes whose outcome is unknown.
    pub in_doubt: u64,
    /// The median latency of those acknowledged, from when they were due.
    #[serde(serialize_with = "opt_micros")]
    pub p50: Option<Duration>,
    /// The 99th percentile.
    #[serde(serialize_with = "opt_micros")]
    pub p99: Option<Duration>,
    /// The greatest.
    #[serde(serialize_with = "opt_micros")]
    pub max: Option<Duration>,
}

impl PhaseFigures {
    /// Acknowledged in time, in percent of those due; at most 100. `None`: none was due.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a run has far fewer requests than an f64 counts exactly")]
    pub fn availability(&self) -> Option<f64> {
        (self.due > 0).then(|| self.in_time as f64 * 100.0 / self.due as f64)
    }
}

/// What kind of check it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// An assertion of the file.
    Assertion,
    /// A probe of the file.
    Probe,
    /// Judged in every drill.
    Always,
}

/// Whether a check holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "why")]
pub enum CheckState {
    /// It holds.
    Holds,
    /// It does not; how things are instead.
    Broken(String),
    /// It cannot be judged; why.
    Unknown(String),
}

/// A check and its result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckResult {
    /// Its name.
    pub name: String,
    /// What kind it is.
    pub kind: CheckKind,
    /// What is measured or must hold.
    pub expr: String,
    /// The range in which it must be, as the file says it.
    pub bound: Option<String>,
    /// What was measured.
    pub measured: Option<Measured>,
    /// Whether the drill fails if it does not hold.
    pub severity: Severity,
    /// Whether it holds.
    pub state: CheckState,
}

/// What a person did or answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum PersonResult {
    /// A question.
    Answer {
        /// The question.
        question: String,
        /// The answer that was chosen; `None`: none was.
        chosen: Option<String>,
        /// Whether it is right.
        is_right: bool,
        /// The right answer.
        right: String,
        /// What is said about the chosen answer, if it is wrong.
        misconception: String,
    },
    /// A task.
    Task {
        /// The task.
        task: String,
        /// How long it took from when it was set, in real time; `None`: it was not achieved in time.
        #[serde(serialize_with = "opt_micros")]
        took: Option<Duration>,
        /// How long until the first command that counts, in real time.
        #[serde(serialize_with = "opt_micros")]
        first_key: Option<Duration>,
        /// The time allowed, in cluster time.
        #[serde(serialize_with = "micros")]
        deadline: Duration,
        /// Commands that were refused or did not lead to the goal.
        wrong_keys: u32,
        /// How many hints were taken.
        hints: u32,
        /// The points, 0 to 100.
        points: u8,
    },
}

/// A step and how it went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepResult {
    /// What it is, in a few words: its lines, its condition, its question.
    pub text: String,
    /// What was shown.
    pub caption: Option<String>,
    /// When it began; `None`: it was not reached.
    #[serde(serialize_with = "opt_micros")]
    pub begun: Option<Duration>,
    /// When it was done.
    #[serde(serialize_with = "opt_micros")]
    pub done: Option<Duration>,
    /// Whether it is the fault.
    pub is_fault: bool,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// The score.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// 0 to 100. `None`: there is nothing to score, as the verdict is inconclusive or the run was aborted.
    pub total: Option<u8>,
    /// Its parts.
    pub parts: Vec<ScorePart>,
}

/// A part of the score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScorePart {
    /// What it is for.
    pub name: String,
    /// Its weight in proportion to the others.
    pub weight: u8,
    /// Its points, 0 to 100.
    pub points: u8,
}

/// The story of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Timeline {
    /// What each node was, by id.
    pub nodes: Vec<NodeBands>,
    /// What was injected: each line that was carried out, and each command of a person.
    pub injected: Vec<Happening>,
    /// What was observed: elections, leaders, processes, steps back.
    pub observed: Vec<Happening>,
    /// Each request of the workload, in the order in which they were due.
    pub requests: Vec<RequestPoint>,
    /// Times without an acknowledged request of at least one T, or longer than any five intervals between requests.
    pub gaps: Vec<Gap>,
    /// The messages of the decisive moment: from the fault until the next leader was followed, or around a violation.
    pub messages: Vec<MessageReport>,
    /// How many more there were.
    pub messages_skipped: u64,
}

/// What a node was, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeBands {
    /// The node.
    pub node: NodeId,
    /// What it was, without gaps, in order.
    pub bands: Vec<Band>,
}

/// What a node was for a time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Band {
    /// From when.
    #[serde(serialize_with = "micros")]
    pub from: Duration,
    /// Until when.
    #[serde(serialize_with = "micros")]
    pub until: Duration,
    /// What it was.
    pub state: BandState,
    /// Its term, if it is known.
    pub term: Option<Term>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BandState {
    /// It runs in this role.
    Role(Role),
    /// It has no process.
    Down,
    /// Its process is paused.
    Paused,
    /// It has not reported yet.
    Unknown,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Happening {
    /// When.
    #[serde(serialize_with = "micros")]
    pub at: Duration,
    /// At which node, if it is about one.
    pub node: Option<NodeId>,
    /// What, in one clause.
    pub text: String,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestEnd {
    /// It was answered with success.
    Acknowledged,
    /// It certainly was not carried out.
    Failed,
    /// It may have been carried out.
    InDoubt,
    /// It was never sent: all clients were waiting for too long.
    NotSent,
}

/// A request of the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RequestPoint {
    /// When it was due.
    #[serde(serialize_with = "micros")]
    pub due: Duration,
    /// When it ended.
    #[serde(serialize_with = "micros")]
    pub ended: Duration,
    /// Whether it reads.
    pub reads: bool,
    /// How it ended.
    pub end: RequestEnd,
}

/// A time without an acknowledged request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The last acknowledgement before it.
    #[serde(serialize_with = "micros")]
    pub from: Duration,
    /// The first one after it, or the end of the run.
    #[serde(serialize_with = "micros")]
    pub until: Duration,
}

impl Gap {
    /// How long it is.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.until.saturating_sub(self.from)
    }
}

/// A violated safety property.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ViolationReport {
    /// Which property.
    pub property: String,
    /// The node that showed it, if it is one node's.
    pub node: Option<NodeId>,
    /// When.
    #[serde(serialize_with = "micros")]
    pub at: Duration,
    /// What happened.
    pub sentence: String,
    /// The kinds of messages that led to it, newest last, as [`Timeline::messages`] lists them.
    pub last_messages: Vec<(NodeId, NodeId, FrameKind)>,
}

/// Serializes a duration in microseconds.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub(crate) fn micros<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

#[allow(clippy::ref_option, reason = "serde calls it so")]
pub(crate) fn opt_micros<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => micros(time, serializer),
        None => serializer.serialize_none(),
    }
}
