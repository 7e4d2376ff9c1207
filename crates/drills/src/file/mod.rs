//! A drill as it is written down: TOML, read by [`Drill::read`].
//!
//! Lines and conditions are those of scripts ([`raftdeck_script`]). Durations are written as there: `20ms`, `1.5s`, or in `T`, the
//! least election timeout of the cluster, so that a drill holds at every timing.

mod check;
mod mistake;
mod needs;
mod phrase;
mod phrases;
mod read;

pub use mistake::FileMistake;
pub use phrase::Phrase;
pub(crate) use phrase::world_of;
pub(crate) use phrases::{FORBIDDEN, ID_RULE, MAX_CAPTION, Phrases, is_id};
pub(crate) use read::of_toml;

use schemars::JsonSchema;
use serde::Deserialize;

/// The version of the format that this crate reads.
pub const SCHEMA: u32 = 1;

/// A drill.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "A raftdeck drill")]
pub struct Drill {
    /// The version of the format: 1.
    pub schema: u32,
    /// Its name on the command line: lower-case letters, digits and `-`.
    pub id: String,
    /// A title of a few words.
    pub title: String,
    /// What happens in it and why it matters, in a few sentences.
    pub description: String,
    /// Words to search by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The sections that explain it: of the Raft paper (`§5.2`), the thesis (`thesis §9.6`), or another source.
    #[serde(default)]
    pub paper: Vec<String>,
    /// How much it asks of a person.
    #[serde(default)]
    pub difficulty: Difficulty,
    /// The cluster that it runs on.
    #[serde(default)]
    pub cluster: ClusterSpec,
    /// How long it may take.
    #[serde(default)]
    pub budget: Budget,
    /// The conditions of the steady state. They are verified before the fault and again after the heal. None: there is a leader, and
    /// all nodes are up.
    #[serde(default)]
    pub steady: Vec<SteadyCheck>,
    /// The load of client requests, which measures availability. None: no load.
    pub workload: Option<WorkloadSpec>,
    /// Conditions that are checked while the drill runs.
    #[serde(default, rename = "probe")]
    pub probes: Vec<Probe>,
    /// Conditions under which the drill is given up at once. It heals then too.
    #[serde(default, rename = "abort")]
    pub aborts: Vec<Abort>,
    /// What is done, waited for and asked, in order. The first step with `verify` is the fault.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
    /// What must hold of the whole run.
    #[serde(default, rename = "assert")]
    pub asserts: Vec<Assert>,
    /// How it heals.
    #[serde(default)]
    pub heal: Heal,
    /// What the score is made of.
    #[serde(default)]
    pub score: ScoreWeights,
    /// What to say at the end.
    #[serde(default)]
    pub debrief: Debrief,
}

/// How much a drill asks of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Difficulty {
    /// One fault with one consequence.
    #[default]
    Easy,
    /// A fault whose consequence depends on the protocol's details.
    Medium,
    /// Several faults, or a consequence that surprises people who know Raft.
    Hard,
}

impl Difficulty {
    /// Its name in a file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Medium => "medium",
            Self::Hard => "hard",
        }
    }
}

/// Which engine a drill is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EngineSpec {
    /// Real processes.
    Lab,
    /// The simulator.
    Sim,
    /// Either.
    #[default]
    Any,
}

/// A timing by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TimingSpec {
    /// Heartbeats every 50 ms, election timeouts from 150 to 300 ms.
    Fast,
    /// Heartbeats every 500 ms, election timeouts from 1 to 2 s.
    Debug,
    /// Heartbeats every 3 s, election timeouts from 5 to 8 s.
    Demo,
}

/// The cluster that a drill runs on.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ClusterSpec {
    /// Which engine it is for.
    pub engine: EngineSpec,
    /// How many nodes, 1 to 15.
    pub nodes: u8,
    /// The timing, unless the command line says another.
    pub timing: Option<TimingSpec>,
    /// The seed of all chance, unless the command line says another.
    pub seed: Option<u64>,
    /// Further settings of the nodes.
    pub options: ClusterOptions,
}

impl Default for ClusterSpec {
    fn default() -> Self {
        Self {
            engine: EngineSpec::Any,
            nodes: 3,
            timing: None,
            seed: None,
            options: ClusterOptions::default(),
        }
    }
}

/// Further settings of the nodes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ClusterOptions {
    /// A node takes a snapshot after this many entries.
    pub snapshot_entries: Option<u64>,
    /// The most bytes of entries in one message.
    pub append_bytes: Option<u32>,
    /// Every sync of a node's disk takes this much longer.
    pub sync_delay: Option<Phrase>,
    /// A disk counts as stalled when it has not finished a write for this long.
    pub disk_stall: Option<Phrase>,
    /// Nodes take the end of their leader's connection for its end.
    pub detect_crash: bool,
}

/// How long a drill may take.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Budget {
    /// In real time, from the start to the verdict. It is aborted after that.
    pub wall: Phrase,
    /// In cluster time, from the steady state to the heal. It is aborted after that.
    pub cluster: Phrase,
}

impl Default for Budget {
    fn default() -> Self {
        Self { wall: Phrase::from("60s"), cluster: Phrase::from("200T") }
    }
}

/// A condition of the steady state.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SteadyCheck {
    /// What it is, in a few words.
    pub name: String,
    /// A condition, as after `wait` in a script.
    pub expr: Phrase,
    /// How long it may take until it holds; 40T by default.
    pub within: Option<Phrase>,
}

/// The load of client requests: an open loop, in which requests are due at a fixed rate whether earlier ones were answered or not.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct WorkloadSpec {
    /// How many clients share the requests, 1 to 12. Each has a session of its own and sends one request at a time.
    pub clients: u8,
    /// Requests due for each T of cluster time, 1 to 200.
    pub rate: u16,
    /// How often each operation occurs in proportion to the others.
    pub mix: Mix,
    /// How many keys are used, 1 to 1000.
    pub keys: u16,
    /// A request counts as available if it is acknowledged within this time of being due.
    pub within: Phrase,
}

impl Default for WorkloadSpec {
    fn default() -> Self {
        Self { clients: 4, rate: 12, mix: Mix::default(), keys: 8, within: Phrase::from("1T") }
    }
}

/// How often each operation occurs in proportion to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Mix {
    /// Writes of a new value.
    pub put: u8,
    /// Linearizable reads.
    pub get: u8,
    /// Removals.
    pub delete: u8,
}

impl Default for Mix {
    fn default() -> Self {
        Self { put: 3, get: 1, delete: 0 }
    }
}

/// A condition that is checked while the drill runs.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Probe {
    /// What it is, in a few words.
    pub name: String,
    /// A condition, as after `wait` in a script.
    pub expr: Phrase,
    /// When it is checked.
    pub mode: ProbeMode,
    /// For `continuous` and `during`: how often it is checked, in cluster time; by default at every update.
    pub every: Option<Phrase>,
    /// Whether the drill fails if it does not hold.
    #[serde(default)]
    pub severity: Severity,
}

/// When a probe is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeMode {
    /// Once, in the steady state before the fault.
    Start,
    /// Once, in the steady state after the heal.
    End,
    /// At both.
    Edge,
    /// All the time from the one to the other.
    Continuous,
    /// While the fault is in force: from the fault to the heal.
    During,
}

/// A condition under which a drill is given up at once.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Abort {
    /// A condition, as after `wait` in a script.
    pub expr: Phrase,
    /// Why, in a sentence.
    pub reason: String,
}

/// One step: exactly one of `do`, `wait`, `ask`, `act` and `caption`; `act` may have a `do` as well, which acts where nobody plays. A
/// caption may stand in every step: it is shown when the step begins.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Step {
    /// Lines of a script.
    #[serde(rename = "do")]
    pub lines: Option<Phrase>,
    /// A condition that is waited for. If it does not hold in time, the drill fails.
    pub wait: Option<Phrase>,
    /// A question to the person. Where nobody plays it is passed over.
    pub ask: Option<Ask>,
    /// What the person has to do. Where nobody plays, `do` does it.
    pub act: Option<Act>,
    /// What is shown.
    pub caption: Option<String>,
    /// Begins at this cluster time after the steady state was reached.
    pub at: Option<Phrase>,
    /// Begins this much cluster time after the step before.
    pub after: Option<Phrase>,
    /// For `wait` and `verify`: how long it may take until the condition holds; 20T by default.
    pub within: Option<Phrase>,
    /// A condition which proves that the fault took. If it does not hold in time, the verdict is inconclusive.
    pub verify: Option<Phrase>,
}

/// A question to the person.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ask {
    /// The question.
    pub question: String,
    /// The answers to choose from, 2 to 6.
    pub options: Vec<AskOption>,
    /// What is said after the answer.
    #[serde(default)]
    pub reveal: String,
}

/// An answer to choose.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AskOption {
    /// The answer.
    pub text: String,
    /// Whether it is right.
    #[serde(default)]
    pub right: bool,
    /// What a person believes who chooses it, and what is true instead.
    #[serde(default)]
    pub misconception: String,
}

/// What the person has to do.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Act {
    /// What is to be achieved, in a sentence.
    pub task: String,
    /// The condition that holds when it is achieved.
    pub goal: Phrase,
    /// The time for it. After that, `do` does it, and the person gets no points for it.
    pub deadline: Phrase,
    /// Hints, in the order in which they are given.
    #[serde(default)]
    pub hints: Vec<Hint>,
}

/// A hint.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hint {
    /// What is said.
    pub text: String,
    /// The part of the points for this act that it costs, in percent.
    #[serde(default)]
    pub cost: u8,
}

/// Something that must hold of the whole run.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Assert {
    /// What it is, in a few words.
    pub name: String,
    /// A measure, such as `D` or `availability during`, or a condition that must hold at the end.
    pub expr: Phrase,
    /// The range in which the measure must be: `..4T`, `99%..`, `0`. Required for measures.
    pub bound: Option<Phrase>,
    /// Whether the drill fails if it does not hold.
    #[serde(default)]
    pub severity: Severity,
}

/// How much an assertion counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The drill fails if it does not hold.
    #[default]
    Must,
    /// It costs points if it does not hold.
    Should,
}

/// How a drill heals. Whatever the file says, everything that came into force during the drill is undone after these lines, and nodes
/// that it took down are started again.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Heal {
    /// Lines of a script.
    #[serde(rename = "do")]
    pub lines: Option<Phrase>,
}

/// What the score of 0 to 100 is made of, in proportion. What a run did not have, such as questions where nobody plays, does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ScoreWeights {
    /// The assertions and probes that hold.
    pub assertions: u8,
    /// The questions that were answered right.
    pub questions: u8,
    /// What the person did: in time, without wrong keys and hints.
    pub actions: u8,
}

impl Default for ScoreWeights {
    fn default() -> Self {
        Self { assertions: 40, questions: 20, actions: 40 }
    }
}

/// What is said at the end.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Debrief {
    /// What happened and what to do next time, in paragraphs.
    pub text: String,
    /// Where to read on: addresses.
    pub links: Vec<String>,
}

impl Step {
    /// Whether this step is the fault, if it is the first such step.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        self.verify.is_some()
    }

    /// What it does, in one line: its task, its question, its lines, its condition, or its caption.
    #[must_use]
    pub fn in_words(&self) -> String {
        if let Some(act) = &self.act {
            return act.task.clone();
        }
        if let Some(ask) = &self.ask {
            return ask.question.clone();
        }
        match (&self.lines, &self.wait) {
            (Some(phrase), _) => phrase.lines().collect::<Vec<_>>().join("; "),
            (_, Some(phrase)) => format!("wait {phrase}"),
            _ => self.caption.clone().unwrap_or_default(),
        }
    }
}

impl Ask {
    /// The same with its options in another order: the same one each time, and not that of the file, in which the right answer often
    /// stands first.
    #[must_use]
    pub fn mixed(mut self) -> Self {
        let sum: usize = self.question.bytes().map(usize::from).sum();
        let by = sum % self.options.len().max(1);
        self.options.rotate_left(by);
        self
    }
}

impl Drill {
    /// Which step is the fault, counted from 0.
    #[must_use]
    pub fn fault_step(&self) -> Option<usize> {
        self.steps.iter().position(Step::is_fault)
    }
}

#[cfg(test)]
mod tests;
