//! What happened, in plain words: for the event feed, a classroom, and a screen reader.
//!
//! [`sentence`] gives at most one sentence for an update, and always the same one; [`Teller`] also takes earlier
//! updates into account. Nothing here formats for a width, or knows a screen.

mod concerns;
mod disturbances;
mod memory;
mod requests;
mod situation;
mod succession;
mod teller;
mod time_and_faults;
mod traces;

pub use requests::{answered, asked, requested};
pub use situation::situation;
pub use succession::Succession;
pub use teller::Teller;

use crate::app::data::is_look;
use crate::times::span;
use raftdeck_model::{ChangeStep, Known, LinkState, News, NodeAddresses, ProcessState, WorkloadFigures};
use raftdeck_protocol::printable;
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

/// How important a sentence is to a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// For close observation: every vote that arrives, every entry.
    Detail,
    /// A step on the way: a vote given, a link cut.
    Minor,
    /// What the story is about: a leader elected, a node killed, an answer to a client.
    Major,
}

/// A plain sentence, without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// How much it matters.
    pub weight: Weight,
    /// The node that it is about, if it is about one.
    pub node: Option<NodeId>,
    /// The sentence. One line, no control characters.
    pub text: String,
}

impl Sentence {
    fn new(weight: Weight, node: Option<NodeId>, text: impl Into<String>) -> Self {
        Self { weight, node, text: one_line(&text.into()) }
    }
}

/// What an update says in plain words; `None` for what is shown elsewhere or is too frequent: statuses, passing messages, log
/// excerpts, and the nodes' own output.
#[must_use]
pub fn sentence(update: &News) -> Option<Sentence> {
    use Weight::{Major, Minor};
    Some(match update {
        News::Cluster { nodes, heartbeat_ms, election_ms, data_dir } => {
            Sentence::new(Major, None, cluster(nodes, *heartbeat_ms, *election_ms, data_dir))
        }
        News::Process { node, state } => process(*node, state),
        News::Ready { node, addresses } => Sentence::new(Minor, Some(*node), ready(*node, addresses)),
        News::Trace { node, trace } => return traces::sentence(*node, trace),
        News::Notice { .. }
        | News::NoticeOver { .. }
        | News::PeerRefused { .. }
        | News::PeerAdmitted { .. } => return concerns::sentence(update),
        News::Missed { node, count } => Sentence::new(
            Minor,
            Some(*node),
            format!("{} of {node} {} lost here", counted(*count, "event"), was_were(*count)),
        ),
        News::Link { from, to, state } => {
            let text = match state {
                LinkState::Open => format!("the link from {from} to {to} is open"),
                LinkState::Cut => format!("the link from {from} to {to} is cut"),
                LinkState::Refused => format!("connections from {from} to {to} are refused"),
            };
            Sentence::new(Minor, None, text)
        }
        // A look at the keys tells nothing new, and none is told in a recording either.
        News::Client { id, .. } | News::Refused { id, .. } if is_look(*id) => return None,
        News::Client { request, outcome, took, .. } => requests::client(request, outcome, *took),
        News::Change { node, step } => return change(*node, *step),
        News::Workload(figures) if figures.running => return None,
        News::Workload(figures) => Sentence::new(Major, None, workload_over(figures)),
        News::Refused { reason, .. } | News::Trouble { reason } => {
            Sentence::new(Major, None, reason.as_str())
        }
        News::Status { .. }
        | News::Frames { .. }
        | News::Messages { .. }
        | News::Time(_)
        | News::InForce { .. }
        | News::Done { .. }
        | News::Log { .. }
        | News::Output { .. } => {
            return None;
        }
    })
}

/// Where a node is reached, as far as that is known.
fn ready(node: NodeId, addresses: &NodeAddresses) -> String {
    let NodeAddresses { raft, client, http } = addresses;
    let known: Vec<String> = [("peers", raft), ("clients", client), ("HTTP", http)]
        .into_iter()
        .filter(|(_, address)| !address.is_empty())
        .map(|(whom, address)| format!("{whom} at {address}"))
        .collect();
    format!("{node} is ready: {}", known.join(", "))
}

fn cluster(
    nodes: &[NodeId],
    heartbeat_ms: u64,
    election_ms: (u64, u64),
    data_dir: &Known<Option<String>>,
) -> String {
    let members = match nodes {
        [] => "no nodes".to_owned(),
        [only] => format!("one node, {only}"),
        [first, .., last] if last.0.saturating_sub(first.0) < nodes.len() as u64 => {
            format!("{} nodes, {first} to {last}", nodes.len())
        }
        some => format!("{} nodes, {}", some.len(), ids(&some.iter().copied().collect())),
    };
    let (least, greatest) = election_ms;
    let data = match data_dir {
        Known::Is(Some(dir)) => format!("; data is kept in {dir}"),
        Known::Is(None) => "; data is kept only while it runs".to_owned(),
        Known::Unknown => String::new(),
    };
    format!(
        "a cluster of {members}: heartbeat {}, election timeout {} to {}{data}",
        span(Duration::from_millis(heartbeat_ms)),
        span(Duration::from_millis(least)),
        span(Duration::from_millis(greatest))
    )
}

fn process(node: NodeId, state: &ProcessState) -> Sentence {
    let (weight, text) = match state {
        ProcessState::Starting { pid } => (Weight::Minor, format!("{node} is starting{}", pid_words(*pid))),
        ProcessState::Running { pid } => (Weight::Minor, format!("{node} is running{}", pid_words(*pid))),
        ProcessState::Paused { .. } => (Weight::Major, format!("{node} was paused")),
        ProcessState::Killed => (Weight::Major, format!("{node} was killed")),
        ProcessState::Stopped => (Weight::Major, format!("{node} was stopped")),
        ProcessState::Failed { how, last_words } => {
            let mut text = format!("{node} failed: {how}");
            if let Some(last) = last_words.iter().rev().find(|line| !line.trim().is_empty()) {
                let _ = write!(text, "; its last words: {}", last.trim());
            }
            (Weight::Major, text)
        }
        ProcessState::Unreachable { why } => (Weight::Major, format!("{node} does not answer: {why}")),
    };
    Sentence::new(weight, Some(node), text)
}

/// `, process 4711`, for a node with a known process id.
fn pid_words(pid: Option<u32>) -> String {
    pid.map(|pid| format!(", process {pid}")).unwrap_or_default()
}

/// The nodes' numbers as runs without a hole: each run's first and last.
pub(crate) fn runs(nodes: impl IntoIterator<Item = NodeId>) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for NodeId(id) in nodes.into_iter().collect::<BTreeSet<_>>() {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(id) => *last = id,
            _ => runs.push((id, id)),
        }
    }
    runs
}

/// `n1 n2 n3`.
#[must_use]
pub fn ids(nodes: &BTreeSet<NodeId>) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn change(node: NodeId, step: ChangeStep) -> Option<Sentence> {
    use Weight::{Major, Minor};
    let (weight, text) = match step {
        ChangeStep::Joined => (Major, format!("{node} has joined the cluster and votes from now on")),
        ChangeStep::Learning => {
            (Major, format!("{node} has joined the cluster as a learner: it gets the log and does not vote"))
        }
        ChangeStep::Left => {
            (Major, format!("{node} has left the cluster; its process has ended and its data is gone"))
        }
        // The new leader reports it itself, and an abandoned change is reported with the reason.
        ChangeStep::HandedOver | ChangeStep::GivenUp => return None,
        _ => (Minor, changing(node, step)),
    };
    Some(Sentence::new(weight, Some(node), text))
}

/// The state of a node whose change has not ended.
#[must_use]
pub fn changing(node: NodeId, step: ChangeStep) -> String {
    match step {
        ChangeStep::Starting => format!("{node} is new and starts"),
        ChangeStep::Joining => format!("{node} waits to be added as a learner"),
        ChangeStep::Promoting => format!("{node} catches up as a learner"),
        ChangeStep::Leaving => format!("{node} is being removed"),
        ChangeStep::Replacing => format!("{node} is being replaced: its old disk is removed first"),
        ChangeStep::HandingOver => format!("{node} is to take over the leadership"),
        ChangeStep::Joined
        | ChangeStep::Learning
        | ChangeStep::Left
        | ChangeStep::HandedOver
        | ChangeStep::GivenUp => {
            format!("nothing changes for {node}")
        }
    }
}

fn workload_over(figures: &WorkloadFigures) -> String {
    let WorkloadFigures { acknowledged, failed, unknown, longest_gap_ms, .. } = figures;
    let outcome = format!("{failed} failed, {unknown} in doubt");
    match (acknowledged, longest_gap_ms) {
        (0, _) => format!("the workload is over: no write was acknowledged, {outcome}"),
        (acknowledged, 0) => {
            format!("the workload is over: {} acknowledged, {outcome}", counted(*acknowledged, "write"))
        }
        (acknowledged, gap) => format!(
            "the workload is over: {} acknowledged, {outcome}; the longest time without one was {}",
            counted(*acknowledged, "write"),
            span(Duration::from_millis(*gap))
        ),
    }
}

/// A size in words: `512 bytes`, `64 kB`.
fn bytes(size: u64) -> String {
    match size {
        0..10_000 => format!("{size} bytes"),
        10_000..10_000_000 => format!("{} kB", size / 1000),
        _ => format!("{} MB", size / 1_000_000),
    }
}

pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn was_were(count: u64) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

/// Text from a node or a file name may contain anything; a sentence is one line that moves no cursor.
fn one_line(text: &str) -> String {
    printable::visible(text).into_owned()
}

#[cfg(test)]
mod tests;
