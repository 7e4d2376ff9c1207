//! What happened, in plain words: for the event feed, a classroom, and a screen reader.
//!
//! [`sentence`] gives at most one sentence for an update, and always the same one; [`Teller`] also takes earlier
//! updates into account. Nothing here formats for a width, or knows a screen.

mod concerns;
mod situation;
mod teller;
mod time_and_faults;

pub use situation::situation;
pub use teller::Teller;
pub use time_and_faults::TimeAndFaults;

use raftdeck_model::{
    ChangeStep, ClientName, ClientOp, ClientOutcome, ClientRequest, LinkState, News, ProcessState,
    WorkloadFigures, write,
};
use raftdeck_protocol::kv::Printed;
use raftdeck_protocol::printable::is_unsafe;
use raftdeck_protocol::{Answer, Failure, Read, ResponseBody};
use raftdeck_raft::{
    LogIndex, Membership, NodeId, Role, StepDownReason, Term, TraceEvent, Tuning, VoteRefusal,
};
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
            Sentence::new(Major, None, cluster(nodes, *heartbeat_ms, *election_ms, data_dir.as_deref()))
        }
        News::Process { node, state } => process(*node, state),
        News::Ready { node, addresses } => Sentence::new(
            Minor,
            Some(*node),
            format!(
                "{node} is ready: peers at {}, clients at {}, HTTP at {}",
                addresses.raft, addresses.client, addresses.http
            ),
        ),
        News::Trace { node, trace } => return trace_sentence(*node, trace),
        News::Notice { .. }
        | News::NoticeOver { .. }
        | News::PeerRefused { .. }
        | News::PeerAdmitted { .. } => return concerns::sentence(update),
        News::Missed { node, count } => Sentence::new(
            Minor,
            Some(*node),
            format!("{} of {node} {} missed", counted(*count, "event"), was_were(*count)),
        ),
        News::Link { from, to, state } => {
            let state = match state {
                LinkState::Open => "open again",
                LinkState::Cut => "cut",
            };
            Sentence::new(Minor, None, format!("link {from} -> {to} is {state}"))
        }
        News::Client { request, outcome, took, .. } => client(request, outcome, *took),
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

fn cluster(nodes: &[NodeId], heartbeat_ms: u64, election_ms: (u64, u64), data_dir: Option<&str>) -> String {
    let members = match nodes {
        [] => "no nodes".to_owned(),
        [only] => format!("one node, {only}"),
        [first, .., last] if last.0.saturating_sub(first.0) < nodes.len() as u64 => {
            format!("{} nodes, {first} to {last}", nodes.len())
        }
        some => format!("{} nodes, {}", some.len(), ids(&some.iter().copied().collect())),
    };
    let (least, greatest) = election_ms;
    let data = data_dir
        .map_or_else(|| "data is kept only while it runs".to_owned(), |dir| format!("data is kept in {dir}"));
    format!(
        "a cluster of {members}: heartbeat {heartbeat_ms} ms, election timeout {least} to {greatest} ms; {data}"
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
    };
    Sentence::new(weight, Some(node), text)
}

/// `, process 4711`, for a node with a known process id.
fn pid_words(pid: Option<u32>) -> String {
    pid.map(|pid| format!(", process {pid}")).unwrap_or_default()
}

fn trace_sentence(node: NodeId, trace: &TraceEvent) -> Option<Sentence> {
    use Weight::{Detail, Major, Minor};
    let (weight, text) = match trace {
        TraceEvent::Started { term, last, .. } => {
            let log = if *last == LogIndex::ZERO {
                "with an empty log".to_owned()
            } else {
                format!("with a log through entry {last}")
            };
            (Minor, format!("{node} starts in term {term} {log}"))
        }
        TraceEvent::TimedOut { waited } => (Minor, format!("{node} heard no leader for {}", millis(*waited))),
        TraceEvent::ElectionStarted { term, pre_vote: true } => {
            (Minor, format!("{node} asks for pre-votes in term {term}"))
        }
        TraceEvent::ElectionStarted { term, pre_vote: false } => {
            (Minor, format!("{node} asks for votes in term {term}"))
        }
        TraceEvent::VoteGranted { candidate, term, pre_vote } => {
            (Minor, granted(node, *candidate, *term, *pre_vote))
        }
        TraceEvent::VoteRefused { candidate, term, pre_vote, reason } => {
            (Minor, refused(node, *candidate, *term, *pre_vote, *reason))
        }
        TraceEvent::VoteReceived { from, granted, pre_vote, votes, needed } => {
            let kind = if *pre_vote { "pre-vote" } else { "vote" };
            let answer = if *granted { "yes" } else { "no" };
            (
                Detail,
                format!("{node} hears {answer} from {from} and has {votes} of the {needed} {kind}s it needs"),
            )
        }
        TraceEvent::RoleChanged { to, from, term } => return role_changed(node, *from, *to, *term),
        TraceEvent::SteppedDown { reason, term } => stepped_down(node, *reason, *term),
        // If it leads itself, its change of role has the sentence.
        TraceEvent::LeaderChanged { leader: Some(leader), .. } if *leader == node => return None,
        TraceEvent::LeaderChanged { leader: Some(leader), term } => {
            (Minor, format!("{node} follows {leader} in term {term}"))
        }
        TraceEvent::LeaderChanged { leader: None, term } => {
            (Detail, format!("{node} knows no leader in term {term}"))
        }
        TraceEvent::Appended { first, last, term } => {
            (Detail, format!("{node} appends {} in term {term}", entries(*first, *last)))
        }
        TraceEvent::Truncated { from, to } => {
            (Major, format!("{node} removed {}, which conflicted with the leader's", entries(*from, *to)))
        }
        TraceEvent::Committed { through } => {
            (Detail, format!("{node} has committed entries through {through}"))
        }
        TraceEvent::Conflict { follower, next } => (
            Minor,
            format!("{node} moves the next index of {follower} back to {next}: its log does not match"),
        ),
        TraceEvent::MembershipChanged { membership, .. } if membership.voters.is_empty() => {
            (Detail, format!("{node} belongs to no cluster yet"))
        }
        TraceEvent::MembershipChanged { membership, .. } => (Minor, works_with(node, membership)),
        TraceEvent::MembershipCommitted { index } => {
            (Detail, format!("{node} knows that the configuration of entry {index} is committed"))
        }
        TraceEvent::CaughtUp { learner, round, took } => {
            (Minor, format!("{node} sees {learner} catch up: round {round} took {}", millis(*took)))
        }
        TraceEvent::PromotionGivenUp { learner } => {
            (Major, format!("{node} does not promote {learner}: it is too slow or cannot be reached"))
        }
        TraceEvent::TransferStarted { to } => {
            (Major, format!("{node} hands the leadership to {to} and accepts no writes until that is done"))
        }
        TraceEvent::TransferGivenUp { to } => {
            (Major, format!("{node} stays leader: {to} did not take over in time"))
        }
        TraceEvent::ToldToCampaign { leader } => {
            (Minor, format!("{node} campaigns at once: {leader} hands over the leadership (TimeoutNow)"))
        }
        TraceEvent::Purged { through } => {
            (Detail, format!("{node} compacts its log through entry {}", through.index))
        }
        TraceEvent::Tuned { tuning } => (Minor, tuned(node, *tuning)),
        TraceEvent::Paused => {
            (Minor, format!("{node} notices that it was stopped, or that its clock jumped"))
        }
        TraceEvent::SnapshotTaken { .. }
        | TraceEvent::SnapshotSending { .. }
        | TraceEvent::SnapshotInstalled { .. }
        | TraceEvent::SnapshotRefused { .. } => return snapshot_sentence(node, trace),
        TraceEvent::StrangerIgnored { .. } | TraceEvent::WentBack { .. } | TraceEvent::Refilled { .. } => {
            return distrust_sentence(node, trace);
        }
        TraceEvent::DiskSlow { .. }
        | TraceEvent::DiskStalled { .. }
        | TraceEvent::DiskRecovered { .. }
        | TraceEvent::FollowerDiskStalled { .. }
        | TraceEvent::FollowerDiskRecovered { .. } => return disk_sentence(node, trace),
    };
    Some(Sentence::new(weight, Some(node), text))
}

fn stepped_down(node: NodeId, reason: StepDownReason, term: Term) -> (Weight, String) {
    use Weight::{Major, Minor};
    match reason {
        StepDownReason::HigherTerm => (Major, format!("{node} steps down: it saw term {term}")),
        StepDownReason::OtherLeader => {
            (Minor, format!("{node} gives up its campaign: term {term} has a leader"))
        }
        StepDownReason::Removed => (Major, format!("{node} is no longer a member and steps down")),
        StepDownReason::QuorumLost => (Major, format!("{node} lost its majority and steps down")),
        StepDownReason::DiskStalled => {
            (Major, format!("{node} steps down: its disk does not finish its writes"))
        }
    }
}

fn snapshot_sentence(node: NodeId, trace: &TraceEvent) -> Option<Sentence> {
    use Weight::{Major, Minor};
    let (weight, text) = match trace {
        TraceEvent::SnapshotTaken { last, size } => {
            (Minor, format!("{node} took a snapshot through entry {} ({})", last.index, bytes(*size)))
        }
        TraceEvent::SnapshotSending { to, last } => (
            Minor,
            format!("{node} sends {to} a snapshot through entry {}: older entries are gone", last.index),
        ),
        TraceEvent::SnapshotInstalled { last, kept_log } => {
            let log = if *kept_log { " and keeps the log after it" } else { "" };
            (Major, format!("{node} installs a snapshot through entry {}{log}", last.index))
        }
        TraceEvent::SnapshotRefused { follower, last, reason } => {
            (Major, format!("{follower} refuses the snapshot through entry {}: {reason}", last.index))
        }
        _ => return None,
    };
    Some(Sentence::new(weight, Some(node), text))
}

/// Sentences about nodes that are not those that the cluster knows, or that have lost their data.
fn distrust_sentence(node: NodeId, trace: &TraceEvent) -> Option<Sentence> {
    use Weight::{Major, Minor};
    let (weight, text) = match trace {
        TraceEvent::StrangerIgnored { from, expected: Some(expected), .. } => {
            (Major, format!("{node} ignores {from}: its disk is not {expected}, the one in the membership"))
        }
        TraceEvent::StrangerIgnored { from, expected: None, .. } => {
            (Minor, format!("{node} ignores {from}, which is not a member"))
        }
        TraceEvent::WentBack { follower, confirmed, found } => (
            Major,
            format!(
                "{follower} lost entries that it had acknowledged (it had {confirmed}, now at most {found}): {node} no longer counts it"
            ),
        ),
        TraceEvent::Refilled { follower, through } => {
            (Major, format!("{follower} has its log through {through} again: {node} counts it again"))
        }
        _ => return None,
    };
    Some(Sentence::new(weight, Some(node), text))
}

fn disk_sentence(node: NodeId, trace: &TraceEvent) -> Option<Sentence> {
    use Weight::{Major, Minor};
    let (weight, text) = match trace {
        TraceEvent::DiskSlow { waited } => {
            (Minor, format!("{node}'s disk is slow: it has not finished a write for {}", millis(*waited)))
        }
        TraceEvent::DiskStalled { waited } => {
            (Major, format!("{node}'s disk is stalled: it has not finished a write for {}", millis(*waited)))
        }
        TraceEvent::DiskRecovered { waited } => {
            (Minor, format!("{node}'s disk has finished a write again, after {}", millis(*waited)))
        }
        TraceEvent::FollowerDiskStalled { follower, .. } => {
            (Minor, format!("{node} hears from {follower} that its disk is stalled"))
        }
        TraceEvent::FollowerDiskRecovered { follower } => {
            (Minor, format!("{node} gets answers from {follower} again"))
        }
        _ => return None,
    };
    Some(Sentence::new(weight, Some(node), text))
}

fn works_with(node: NodeId, membership: &Membership) -> String {
    let text = if membership.is_joint() {
        let (old, new) = (ids(&membership.outgoing), ids(&membership.voters));
        format!("{node} uses a joint configuration: it needs a majority of {old} and one of {new}")
    } else {
        format!("{node} uses the configuration with voters {}", ids(&membership.voters))
    };
    match membership.learners.len() {
        0 => text,
        1 => format!("{text}; {} learns", ids(&membership.learners)),
        _ => format!("{text}; {} learn", ids(&membership.learners)),
    }
}

/// `n1 n2 n3`.
#[must_use]
pub fn ids(nodes: &BTreeSet<NodeId>) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn tuned(node: NodeId, tuning: Tuning) -> String {
    let Tuning { timing, pre_vote, check_quorum } = tuning;
    let on = |on: bool| if on { "on" } else { "off" };
    format!(
        "{node} is set to a heartbeat of {}, an election timeout of {} to {}, PreVote {}, CheckQuorum {}",
        millis(timing.heartbeat),
        millis(timing.election_min),
        millis(timing.election_max),
        on(pre_vote),
        on(check_quorum)
    )
}

fn bytes(size: u64) -> String {
    match size {
        0..10_000 => format!("{size} bytes"),
        10_000..10_000_000 => format!("{} kB", size / 1000),
        _ => format!("{} MB", size / 1_000_000),
    }
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
    format!(
        "the workload is over: {} acknowledged, {failed} failed, {unknown} in doubt; the longest gap was {}",
        counted(*acknowledged, "write"),
        millis(Duration::from_millis(*longest_gap_ms))
    )
}

fn granted(node: NodeId, candidate: NodeId, term: Term, pre_vote: bool) -> String {
    match (pre_vote, node == candidate) {
        (true, true) => format!("{node} would vote for itself in term {term} (pre-vote)"),
        (true, false) => format!("{node} would vote for {candidate} in term {term} (pre-vote)"),
        (false, true) => format!("{node} votes for itself in term {term}"),
        (false, false) => format!("{node} votes for {candidate} in term {term}"),
    }
}

fn refused(node: NodeId, candidate: NodeId, term: Term, pre_vote: bool, reason: VoteRefusal) -> String {
    let why = match reason {
        VoteRefusal::OldTerm => format!("term {term} is over"),
        VoteRefusal::AlreadyVoted => "its vote went to another".to_owned(),
        VoteRefusal::StaleLog => format!("the log of {candidate} is behind its own"),
        VoteRefusal::LeaderAlive => "it hears a leader".to_owned(),
        VoteRefusal::DiskStalled => "its disk is stalled, and a vote must be on disk".to_owned(),
        VoteRefusal::NoMembership => "it belongs to no cluster yet".to_owned(),
        VoteRefusal::OtherDisk => "the membership lists another disk for it".to_owned(),
    };
    if pre_vote {
        format!("{node} would not vote for {candidate} in term {term} (pre-vote): {why}")
    } else {
        format!("{node} refuses {candidate} its vote in term {term}: {why}")
    }
}

fn role_changed(node: NodeId, from: Role, to: Role, term: Term) -> Option<Sentence> {
    let (weight, text) = match (from, to) {
        (_, Role::Leader) => (Weight::Major, format!("{node} leads term {term}")),
        (_, Role::Follower) => (Weight::Detail, format!("{node} is a follower in term {term}")),
        // The campaign's own event reports it, with its cause.
        (_, Role::PreCandidate | Role::Candidate) => return None,
    };
    Some(Sentence::new(weight, Some(node), text))
}

fn client(request: &ClientRequest, outcome: &ClientOutcome, took: Duration) -> Sentence {
    let asked = requested(request);
    let took = millis(took);
    let (node, text) = match outcome {
        ClientOutcome::Answered { node, body: ResponseBody::Done { answer, at } } => {
            let answer = answered(answer);
            let place = match request.op {
                ClientOp::Write(_) => format!("entry {} of term {}, {node}, {took}", at.index, at.term),
                ClientOp::Read(_) => format!("{node}, {took}"),
            };
            (Some(*node), format!("{asked}: {answer} ({place})"))
        }
        // Only this failure leaves open whether a write happened, so it must not be called "not done".
        ClientOutcome::Answered { node, body: ResponseBody::Failed(failure @ Failure::Unknown) } => {
            (Some(*node), format!("{asked}: {failure} ({node}, {took})"))
        }
        ClientOutcome::Answered { node, body: ResponseBody::Failed(failure) } => {
            (Some(*node), format!("{asked}: not done: {failure} ({node}, {took})"))
        }
        ClientOutcome::Answered { node, .. } => {
            (Some(*node), format!("{asked}: {node} answered a different request ({took})"))
        }
        ClientOutcome::Failed { reason, .. } => (None, format!("{asked}: {reason} ({took})")),
    };
    Sentence::new(Weight::Major, node, text)
}

/// A request as a person would type it, after the name of its client: `alice: get color stale at 3`.
#[must_use]
pub fn requested(request: &ClientRequest) -> String {
    let who = match &request.client {
        ClientName::Own => String::new(),
        ClientName::Named(name) => format!("{name}: "),
    };
    format!("{who}{}{}", asked(&request.op), write::of_whom(request))
}

/// An operation as a user would type it: `put color blue`, `get color`, `list c`.
#[must_use]
pub fn asked(op: &ClientOp) -> String {
    match op {
        ClientOp::Write(write) => write.to_string(),
        ClientOp::Read(Read::Get { key }) => format!("get {}", Printed(key)),
        ClientOp::Read(Read::List { prefix, .. }) if prefix.is_empty() => "list".to_owned(),
        ClientOp::Read(Read::List { prefix, .. }) => format!("list {}", Printed(prefix)),
    }
}

/// An answer in short: `stored`, `blue`, `no such key`.
#[must_use]
pub fn answered(answer: &Answer) -> String {
    /// The most pairs of a list that fit on a line.
    const PAIRS: usize = 8;
    match answer {
        Answer::Stored => "stored".to_owned(),
        Answer::Deleted { existed: true } => "deleted".to_owned(),
        Answer::Deleted { existed: false } => "there was no such key".to_owned(),
        Answer::Mismatch { current: Some(current) } => {
            format!("not stored, the value is {}", Printed(current))
        }
        Answer::Mismatch { current: None } => "not stored, there is no such key".to_owned(),
        Answer::Value(Some(value)) => Printed(value).to_string(),
        Answer::Value(None) => "no such key".to_owned(),
        Answer::SessionOpened(session) => format!("session {}", session.0),
        Answer::Page { pairs, .. } if pairs.is_empty() => "no keys".to_owned(),
        Answer::Page { pairs, more } => {
            let mut text = String::new();
            for (key, value) in pairs.iter().take(PAIRS) {
                let _ = write!(text, "{} = {}, ", Printed(key), Printed(value));
            }
            let text = text.trim_end_matches(", ");
            match (pairs.len().saturating_sub(PAIRS), more) {
                (0, false) => text.to_owned(),
                (0, true) => format!("{text}, and more"),
                (left, false) => format!("{text}, and {left} more"),
                (left, true) => format!("{text}, and more than {left} more"),
            }
        }
    }
}

fn entries(first: LogIndex, last: LogIndex) -> String {
    if first == last { format!("entry {first}") } else { format!("entries {first} to {last}") }
}

pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn was_were(count: u64) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

/// A duration for people: whole milliseconds, or seconds from ten seconds on; below one millisecond it says so.
#[must_use]
pub fn millis(duration: Duration) -> String {
    if duration < Duration::from_millis(1) {
        "under 1 ms".to_owned()
    } else if duration < Duration::from_secs(10) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{} s", duration.as_secs())
    }
}

/// Text from a node or a file name may contain anything; a sentence is one line that moves no cursor.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
