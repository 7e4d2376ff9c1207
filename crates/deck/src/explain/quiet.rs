//! One sentence about something on the screen, for when nothing else is to be said: trouble first, then the selected node, then a
//! term of the field. It depends on the state only, so it changes with the state.

use super::explain;
use super::words::first_sentence;
use crate::app::subject::Subject;
use crate::app::{App, View};
use crate::sentences::situation;
use raftdeck_model::concepts::Concept;
use raftdeck_model::{Concern, Node, Phase, RaftView, Verdict};
use raftdeck_raft::Role;
use std::time::Duration;

/// What the quiet line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// What it is about.
    pub subject: Subject,
    /// Its name.
    pub title: String,
    /// One sentence, without a full stop.
    pub text: String,
}

/// What is wrong with the cluster as a whole, in the words of the pane "what is going on", for a screen without it; `None`: the
/// cluster can commit, or nothing is known.
#[must_use]
pub fn cluster_trouble(app: &App) -> Option<String> {
    let is_of_cluster = trouble(app) == Some(Subject::Cluster);
    situation(&app.world, &app.succession).into_iter().next().filter(|_| is_of_cluster)
}

/// The sentence for this moment; `None` before anything is known.
#[must_use]
pub fn quiet(app: &App, now: Duration) -> Option<Quiet> {
    if app.world.is_empty() {
        return None;
    }
    let trouble = trouble(app).map(|subject| about(app, subject, now));
    let selected = || remarkable(app).map(|subject| about(app, subject, now));
    let term = || about(app, Subject::Concept(turn(app, now)), now);
    Some(trouble.or_else(|| new_leader(app, now)).or_else(selected).unwrap_or_else(term))
}

/// Why somebody else leads, while that is news.
fn new_leader(app: &App, now: Duration) -> Option<Quiet> {
    const NEWS: Duration = Duration::from_mins(1);
    let since = app.succession.since().filter(|since| app.clock.at(now).saturating_sub(*since) < NEWS)?;
    let leader = app.world.leader().filter(|_| since > Duration::ZERO)?.id;
    let text = app.succession.brief(leader)?;
    Some(Quiet { subject: Subject::Node(leader), title: "new leader".to_owned(), text })
}

fn about(app: &App, subject: Subject, now: Duration) -> Quiet {
    let told = explain(app, &subject, now);
    let text = if told.why.is_empty() { &told.what } else { &told.why };
    Quiet { text: first_sentence(text), title: told.title, subject }
}

/// What is wrong with the cluster, or else with a node.
fn trouble(app: &App) -> Option<Subject> {
    match app.world.verdict() {
        Verdict::NoQuorum { .. }
        | Verdict::NoMajority { .. }
        | Verdict::Electing { .. }
        | Verdict::AllDown
        | Verdict::Unknown { .. } => {
            return Some(Subject::Cluster);
        }
        Verdict::Leads { stale: Some((id, _)), .. } => return Some(Subject::Node(id)),
        Verdict::Leads { .. } | Verdict::Starting { .. } => {}
    }
    app.world.nodes().find(|node| is_in_trouble(app, node)).map(|node| Subject::Node(node.id))
}

fn is_in_trouble(app: &App, node: &Node) -> bool {
    let campaigns = matches!(node.phase(), Phase::Running(Role::Candidate | Role::PreCandidate));
    let stalled = node.live().is_some_and(|status| status.disk_stalled == true);
    campaigns || stalled || matches!(app.world.concern(node.id), Some(Concern::EmptyDisk { .. }))
}

/// The selected node, if it is neither the leader nor an ordinary follower.
fn remarkable(app: &App) -> Option<Subject> {
    let node = app.selected_node()?;
    let is_ordinary = match node.phase() {
        Phase::Running(Role::Leader) => true,
        Phase::Running(Role::Follower) => {
            node.live().is_some_and(|status| !status.lacks_quorum() && follows(status))
        }
        _ => false,
    };
    (!is_ordinary).then_some(Subject::Node(node.id))
}

fn follows(status: &RaftView) -> bool {
    !status.leader.is(Option::is_none)
}

/// The term of the field whose turn it is, of those that the present view shows.
fn turn(app: &App, now: Duration) -> Concept {
    let shown: &[Concept] = match app.view() {
        View::Cluster => &[
            Concept::Leader,
            Concept::Term,
            Concept::Heartbeat,
            Concept::ElectionTimeout,
            Concept::Quorum,
            Concept::CommitIndex,
            Concept::MatchIndex,
            Concept::Vote,
        ],
        View::Logs => {
            &[Concept::Log, Concept::Entry, Concept::CommitIndex, Concept::LogMatching, Concept::Conflict]
        }
        View::Messages => &[Concept::AppendEntries, Concept::Heartbeat, Concept::Vote, Concept::PreVote],
        View::Charts => &[Concept::Availability, Concept::Latency, Concept::Fsync, Concept::ReplicationLag],
        View::Data => {
            &[Concept::ReplicatedStateMachine, Concept::Linearizability, Concept::InDoubt, Concept::Session]
        }
        View::Drills => &[Concept::Availability, Concept::Election, Concept::Partition, Concept::InDoubt],
        View::Output => &[Concept::Fsync, Concept::Kill, Concept::Pause],
    };
    let minute = usize::try_from(app.clock.at(now).as_secs() / 60).unwrap_or(0);
    shown[minute % shown.len()]
}
