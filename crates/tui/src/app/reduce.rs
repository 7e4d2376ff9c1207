//! From a message to a changed state and effects: each kind of message goes to its feature.

use crate::actions::{Action, ActionId};
use crate::app::cluster::Cluster;
use crate::app::notice::Notice;
use crate::app::prompt::Outcome;
use crate::app::{App, Effect, Msg, View, selection};
use crate::keys;
use crate::view::{Pane, Target};
use crossterm::event::{
    KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use raftdeck_lab::{ClientOp, Command, Update};
use raftdeck_raft::{LogIndex, NodeId};
use std::time::Duration;

/// How far the mouse wheel scrolls, in lines or entries.
const WHEEL: usize = 3;

/// Takes one message. Pure: the same state, message and time give the same state and effects.
pub fn update(app: &mut App, msg: Msg, now: Duration) -> Vec<Effect> {
    let mut effects = match msg {
        Msg::Lab(update) => {
            lab(app, update, now);
            Vec::new()
        }
        Msg::Key(event) => key(app, event, now),
        Msg::Mouse(event) => mouse(app, event, now),
        Msg::Paste(text) => {
            if app.prompt.is_open() {
                app.prompt.paste(&text);
                app.mark_changed();
            }
            Vec::new()
        }
        Msg::Resize(..) => {
            app.mark_changed();
            Vec::new()
        }
        Msg::Wake => {
            app.flights.tidy(now);
            app.mark_changed();
            Vec::new()
        }
    };
    if app.notice.as_ref().is_some_and(|notice| !notice.stands(now)) {
        app.notice = None;
        app.mark_changed();
    }
    if app.view == View::Logs {
        effects.extend(app.logs.ask(&app.cluster, now).into_iter().map(Effect::Lab));
    }
    effects
}

fn lab(app: &mut App, update: Update, now: Duration) {
    let mut changed = app.feed.tell(&update, now);
    match update {
        Update::Cluster { nodes, heartbeat_ms, election_ms, data_dir } => {
            app.cluster.set_up(&nodes, heartbeat_ms, election_ms, data_dir);
            app.changes.keep(&nodes);
            app.selected = selection::keep(&app.cluster.ids(), app.selected);
            changed = true;
        }
        Update::Process { node, state } => {
            app.cluster.process(node, state);
            changed = true;
        }
        Update::Ready { node, addresses } => {
            app.cluster.ready(node, addresses);
            changed = true;
        }
        Update::Status { node, status } => changed |= app.cluster.status(node, status, now),
        Update::Link { from, to, state } => {
            app.cluster.link(from, to, state);
            changed = true;
        }
        Update::Time(_) | Update::Messages { .. } | Update::InForce { .. } => {}
        Update::Frames { frames } => {
            app.cluster.frames(&frames, now);
            let App { flights, cluster, .. } = app;
            let shown = flights.tell(&frames, cluster.heartbeat, |id| cluster.node(id).is_some(), now);
            changed |= shown && app.view == View::Cluster;
        }
        ref answer @ Update::Client { .. } => {
            app.operations.end(answer, now);
            changed = true;
        }
        Update::Log { node, lines } => {
            if app.cluster.node(node).is_some() {
                app.logs.tell(node, &lines, &app.cluster, now);
            }
            changed |= app.view == View::Logs;
        }
        Update::Output { node, level, line } => {
            app.output.tell(node, level, &line, app.selected);
            changed |= app.view == View::Output;
        }
        Update::Change { node, step } => {
            app.changes.tell(node, step);
            changed = true;
        }
        Update::Workload(figures) => {
            changed |= app.workload != Some(figures);
            app.workload = Some(figures);
        }
        Update::Refused { reason } => {
            app.notice = Some(Notice::new(reason, now));
            changed = true;
        }
        Update::Trace { .. } | Update::Missed { .. } => {}
    }
    if changed {
        app.mark_changed();
    }
}

fn key(app: &mut App, event: KeyEvent, now: Duration) -> Vec<Effect> {
    if event.kind == KeyEventKind::Release {
        return Vec::new();
    }
    app.mark_changed();
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    if ctrl && matches!(event.code, KeyCode::Char('c' | 'C')) {
        return vec![Effect::Quit];
    }
    if ctrl && matches!(event.code, KeyCode::Char('z' | 'Z')) {
        return vec![Effect::Suspend];
    }
    if app.prompt.is_open() {
        return match app.prompt.key(event) {
            Outcome::Editing | Outcome::Cancelled => Vec::new(),
            Outcome::Entered(op) => start(app, op, now),
        };
    }
    if let Some(first) = app.help {
        return help_key(app, first, event);
    }
    let Some(action) = keys::meant(app.view, &event) else { return Vec::new() };
    let number = match event.code {
        KeyCode::Char(c) => c.to_digit(10),
        _ => None,
    };
    attempt(app, action, number, now)
}

fn help_key(app: &mut App, first: usize, event: KeyEvent) -> Vec<Effect> {
    let page = app.landed.rows(Pane::Help).max(1);
    let last = app.landed.last_help_line();
    match event.code {
        KeyCode::Char('q') => return vec![Effect::Quit],
        KeyCode::Char('?') | KeyCode::Esc | KeyCode::Enter => app.help = None,
        KeyCode::Up => app.help = Some(first.saturating_sub(1)),
        KeyCode::Down => app.help = Some((first + 1).min(last)),
        KeyCode::PageUp => app.help = Some(first.saturating_sub(page)),
        KeyCode::PageDown => app.help = Some((first + page).min(last)),
        _ => {}
    }
    Vec::new()
}

/// Takes an action if it can be taken, else says why not.
fn attempt(app: &mut App, action: &Action, number: Option<u32>, now: Duration) -> Vec<Effect> {
    match (action.enabled)(app) {
        Ok(()) => {
            app.notice = None;
            perform(app, action.id, number, now)
        }
        Err(reason) => {
            app.notice = Some(Notice::new(reason.0, now));
            Vec::new()
        }
    }
}

fn perform(app: &mut App, id: ActionId, number: Option<u32>, now: Duration) -> Vec<Effect> {
    match id {
        ActionId::Kill
        | ActionId::KillLeader
        | ActionId::Restart
        | ActionId::RestartDown
        | ActionId::Pause
        | ActionId::Partition
        | ActionId::Isolate
        | ActionId::Heal => return fault(app, id),
        ActionId::Transfer | ActionId::Elect | ActionId::RemoveNode => return of_selected(app, id),
        ActionId::AddNode => return vec![Effect::Lab(Command::AddNode)],
        ActionId::Workload => {
            let runs = app.workload.is_some_and(|figures| figures.running);
            return vec![Effect::Lab(Command::Workload(!runs))];
        }
        ActionId::Write => app.prompt.open(),
        ActionId::SelectNumber => select_number(app, number, now),
        ActionId::SelectPrevious => app.selected = selection::step(&app.cluster.ids(), app.selected, false),
        ActionId::SelectNext => app.selected = selection::step(&app.cluster.ids(), app.selected, true),
        ActionId::NextView => app.view = app.view.step(true),
        ActionId::PreviousView => app.view = app.view.step(false),
        ActionId::EntryBack => step_log(app, -1),
        ActionId::EntryOn => step_log(app, 1),
        ActionId::PageBack => page(app, false),
        ActionId::PageOn => page(app, true),
        ActionId::ToStart => to_start(app),
        ActionId::ToEnd => to_end(app),
        ActionId::NodeFilter => app.output.toggle_node_filter(),
        ActionId::Level => app.output.next_level(),
        ActionId::Help => app.help = Some(0),
        ActionId::Quit => return vec![Effect::Quit],
        ActionId::Suspend => return vec![Effect::Suspend],
    }
    Vec::new()
}

fn of_selected(app: &App, id: ActionId) -> Vec<Effect> {
    let Some(selected) = app.selected else { return Vec::new() };
    let command = match id {
        ActionId::Transfer => Command::Transfer(selected),
        ActionId::Elect => Command::Campaign(selected),
        ActionId::RemoveNode => Command::RemoveNode(selected),
        _ => return Vec::new(),
    };
    vec![Effect::Lab(command)]
}

fn fault(app: &mut App, id: ActionId) -> Vec<Effect> {
    let Some(selected) = app.selected_node() else { return Vec::new() };
    let (selected, paused) = (selected.id, selected.is_paused());
    let leader = app.cluster.leader().map(|node| node.id);
    let commands = match id {
        ActionId::Kill => vec![Command::Kill(selected)],
        ActionId::KillLeader => leader.map(Command::Kill).into_iter().collect(),
        ActionId::Restart => vec![Command::Restart(selected)],
        ActionId::RestartDown => down(&app.cluster).into_iter().map(Command::Restart).collect(),
        ActionId::Pause if paused => vec![Command::Resume(selected)],
        ActionId::Pause => vec![Command::Pause(selected)],
        ActionId::Partition => leader.into_iter().map(|leader| cut_off(&mut app.cluster, leader)).collect(),
        ActionId::Isolate => vec![Command::Cut(app.cluster.links_of(selected))],
        ActionId::Heal => vec![Command::Heal],
        _ => Vec::new(),
    };
    commands.into_iter().map(Effect::Lab).collect()
}

fn down(cluster: &Cluster) -> Vec<NodeId> {
    cluster.nodes().filter(|node| node.is_down()).map(|node| node.id).collect()
}

fn cut_off(cluster: &mut Cluster, leader: NodeId) -> Command {
    cluster.set_partition(leader);
    Command::Cut(cluster.links_of(leader))
}

fn start(app: &mut App, op: ClientOp, now: Duration) -> Vec<Effect> {
    let Some(id) = app.operations.start(op.clone(), now) else {
        app.notice = Some(Notice::new("too many operations are waiting already", now));
        return Vec::new();
    };
    app.notice = None;
    vec![Effect::Lab(Command::Client { id, op })]
}

fn select_number(app: &mut App, number: Option<u32>, now: Duration) {
    let Some(id) = number.map(|number| NodeId(number.into())) else { return };
    if app.cluster.node(id).is_some() {
        app.selected = Some(id);
    } else {
        app.notice = Some(Notice::new(format!("there is no node {id}"), now));
    }
}

fn step_log(app: &mut App, by: i64) {
    let (extent, columns) = (app.cluster.extent(), app.landed.rows(Pane::Entries));
    app.logs.step(by, extent, columns);
}

fn page(app: &mut App, on: bool) {
    match app.view {
        View::Cluster => scroll_feed(app, app.landed.rows(Pane::Feed).saturating_sub(1).max(1), on),
        View::Logs => {
            let by =
                i64::try_from(app.landed.rows(Pane::Entries).saturating_sub(1).max(1)).unwrap_or(i64::MAX);
            step_log(app, if on { by } else { -by });
        }
        View::Output => scroll_output(app, app.landed.rows(Pane::Output).saturating_sub(1).max(1), on),
    }
}

fn scroll_feed(app: &mut App, by: usize, on: bool) {
    if on { app.feed.scroll_on(by) } else { app.feed.scroll_back(by) }
}

fn scroll_output(app: &mut App, by: usize, on: bool) {
    if on { app.output.scroll_on(by) } else { app.output.scroll_back(by, app.selected) }
}

fn to_start(app: &mut App) {
    match app.view {
        View::Cluster => app.feed.to_start(),
        View::Logs => {
            app.logs.go_to(LogIndex(1), app.cluster.extent(), app.landed.rows(Pane::Entries));
        }
        View::Output => scroll_output(app, usize::MAX, false),
    }
}

fn to_end(app: &mut App) {
    match app.view {
        View::Cluster => app.feed.to_end(),
        View::Logs => app.logs.follow(),
        View::Output => app.output.to_end(),
    }
}

fn mouse(app: &mut App, event: MouseEvent, now: Duration) -> Vec<Effect> {
    let target = app.landed.at(event.column, event.row);
    match event.kind {
        MouseEventKind::Down(MouseButton::Left) => click(app, target, now),
        MouseEventKind::ScrollUp => wheel(app, target, false),
        MouseEventKind::ScrollDown => wheel(app, target, true),
        _ => Vec::new(),
    }
}

fn click(app: &mut App, target: Option<Target>, now: Duration) -> Vec<Effect> {
    app.mark_changed();
    if app.help.is_some() {
        if target != Some(Target::Pane(Pane::Help)) {
            app.help = None;
        }
        return Vec::new();
    }
    match target {
        Some(Target::Node(id)) if app.cluster.node(id).is_some() => app.selected = Some(id),
        Some(Target::View(view)) => app.view = view,
        Some(Target::Action(id)) if !app.prompt.is_open() => {
            return Action::of(id).map(|action| attempt(app, action, None, now)).unwrap_or_default();
        }
        Some(Target::Entry(index)) => {
            app.logs.go_to(index, app.cluster.extent(), app.landed.rows(Pane::Entries));
        }
        _ => {}
    }
    Vec::new()
}

fn wheel(app: &mut App, target: Option<Target>, on: bool) -> Vec<Effect> {
    app.mark_changed();
    if let Some(first) = app.help {
        let to =
            if on { (first + WHEEL).min(app.landed.last_help_line()) } else { first.saturating_sub(WHEEL) };
        app.help = Some(to);
        return Vec::new();
    }
    match (app.view, target) {
        (View::Cluster, Some(Target::Pane(Pane::Feed))) => scroll_feed(app, WHEEL, on),
        (View::Logs, _) => step_log(app, if on { 1 } else { -1 }),
        (View::Output, _) => scroll_output(app, WHEEL, on),
        _ => {}
    }
    Vec::new()
}
