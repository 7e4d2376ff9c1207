//! The state in sentences: of the cluster, of a node, of what a view shows.

use super::sentence;
use crate::actions::{ACTIONS, Group};
use crate::app::answer::PaletteAnswer;
use crate::app::{App, View};
use crate::sentences::{counted, situation};
use crate::view::read;
use raftdeck_model::{Known, Node, Phase, RaftView, write};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{NodeId, Role};
use std::fmt;
use std::time::Duration;

/// The state of the cluster: who leads, what is wrong, each node, what is in force.
#[must_use]
pub fn status(app: &App) -> Vec<String> {
    if app.world.is_empty() {
        return vec!["Nothing is known of the cluster yet.".to_owned()];
    }
    let mut lines = situation(&app.world, &app.succession);
    lines.extend(app.world.ids().into_iter().filter_map(|id| node(app, id)));
    lines.extend(in_force(app));
    lines.extend(time(app));
    lines
}

/// A node in a sentence: its state, its term, its log. `None`: there is no such node.
#[must_use]
pub fn node(app: &App, id: NodeId) -> Option<String> {
    let node = app.world.node(id)?;
    let state = state(node);
    let Some(raft) = node.raft() else { return Some(format!("{id}: {state}.")) };
    let known = if node.live().is_some() { "" } else { " when it was last heard" };
    Some(format!("{id}: {state}, term {}{known}, {}.", raft.term, log(raft)))
}

fn state(node: &Node) -> String {
    match node.phase() {
        Phase::Starting => "starting".to_owned(),
        Phase::Paused => "paused".to_owned(),
        Phase::Killed => "killed".to_owned(),
        Phase::Stopped => "stopped".to_owned(),
        Phase::Failed => "failed".to_owned(),
        Phase::Unreachable => "does not answer".to_owned(),
        Phase::Running(Role::Follower) => match node.raft().and_then(|raft| raft.leader.copied()) {
            Some(Some(leader)) => format!("follower of {leader}"),
            Some(None) => "follower without a leader".to_owned(),
            None => "follower".to_owned(),
        },
        Phase::Running(role) => role.to_string(),
    }
}

fn log(raft: &RaftView) -> String {
    let last = raft.last.copied().map(|last| last.index);
    format!("log through entry {}, committed through {}", figure(last), figure(raft.committed.copied()))
}

fn figure(figure: Option<impl fmt::Display>) -> String {
    figure.map_or_else(|| "unknown".to_owned(), |figure| figure.to_string())
}

fn in_force(app: &App) -> Vec<String> {
    let faults = app.world.in_force().iter();
    faults.map(|fault| format!("In force: #{} {}.", fault.id.0, write::disturbance(&fault.what))).collect()
}

fn time(app: &App) -> Option<String> {
    let rate = app.world.time().rate;
    match rate {
        ClockRate::REAL => None,
        rate if rate.is_frozen() => Some("Time is frozen.".to_owned()),
        rate => Some(format!("Time runs at rate {rate}.")),
    }
}

/// What the present view is about.
pub(super) fn of_view(app: &App, now: Duration) -> Vec<String> {
    match app.view {
        View::Cluster => status(app),
        View::Logs => app.world.nodes().map(of_log).collect(),
        View::Drills | View::Data | View::Output => read::view(app, now),
        View::Messages => {
            let [on_the_way, held] =
                [app.messages.under_way(), app.messages.held()].map(|count| count as u64);
            vec![format!("{} on the way, {held} held.", counted(on_the_way, "message"))]
        }
        View::Charts => vec!["The charts are drawn only. s says the state of the cluster.".to_owned()],
    }
}

fn of_log(node: &Node) -> String {
    let id = node.id;
    let Some(raft) = node.raft() else { return format!("{id}: its log is not known.") };
    let terms = match &raft.term_runs {
        Known::Is(runs) => {
            let runs = runs.iter().map(|run| format!("term {} from entry {}", run.term, run.first));
            let runs: Vec<String> = runs.collect();
            if runs.is_empty() { String::new() } else { format!(": {}", runs.join(", ")) }
        }
        Known::Unknown => String::new(),
    };
    format!("{id}: {}{terms}.", log(raft))
}

/// All keys, by what they are for.
pub(super) fn keys(app: &App) -> Vec<String> {
    let mut lines = Vec::new();
    for group in Group::ALL {
        lines.push(format!("{}.", group.name()));
        for action in ACTIONS.iter().filter(|action| action.group == group) {
            let keys = app.keymap().shown(action);
            if !keys.is_empty() {
                lines.push(format!("{keys}: {}.", action.long));
            }
        }
    }
    lines
}

/// What was asked for at the palette.
pub(super) fn answer(app: &App, now: Duration) -> Vec<String> {
    match &app.answer {
        Some(PaletteAnswer::Status) if app.view == View::Cluster => status(app),
        Some(PaletteAnswer::Status) => {
            let mut lines = status(app);
            lines.extend(of_view(app, now));
            lines
        }
        Some(PaletteAnswer::Text { title, text }) => vec![sentence(&format!("{title}: {text}"))],
        None => Vec::new(),
    }
}
