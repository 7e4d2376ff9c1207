//! What each action does.

use crate::actions::{Action, ActionId, Group};
use crate::app::answer::PaletteAnswer;
use crate::app::confirm::{self, Confirm};
use crate::app::menu::Menu;
use crate::app::notice::Notice;
use crate::app::output::Turn;
use crate::app::prompt::Purpose;
use crate::app::tape::{self, Aside};
use crate::app::{
    App, Effect, Focus, View, copy, data, drills, explain, finding, focus, lessons, output, palette,
    presenter, scripted, selection, themes,
};
use crate::tabs::{TabId, TabRequest};
use crate::view::Pane;
use raftdeck_drills::PersonInput;
use raftdeck_model::{ClientRequest, Disturbance, MessageSelection, Node, Order, Step};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{LogIndex, NodeId};
use raftdeck_script::{faster, slower};
use std::time::Duration;

/// How far the mouse wheel scrolls, in lines or entries.
pub(super) const WHEEL: usize = 3;

/// Performs an action if it is possible, else says why not.
pub(super) fn attempt(app: &mut App, action: &Action, number: Option<u32>, now: Duration) -> Vec<Effect> {
    match action.can(app) {
        Ok(()) => {
            app.notice = None;
            perform(app, action.id, number, now)
        }
        Err(reason) => {
            app.notice = Some(Notice::new(reason.0, now));
            if action.acts_on_cluster() {
                drills::note_refusal(app);
            }
            Vec::new()
        }
    }
}

fn perform(app: &mut App, id: ActionId, number: Option<u32>, now: Duration) -> Vec<Effect> {
    if Action::of(id).is_some_and(|action| action.group == Group::Lessons) {
        return lessons::perform(app, id, number, now);
    }
    match id {
        ActionId::Kill
        | ActionId::KillLeader
        | ActionId::Restart
        | ActionId::RestartDown
        | ActionId::Pause
        | ActionId::Partition
        | ActionId::Isolate
        | ActionId::Heal => return fault(app, id),
        ActionId::RemoveNode => app.confirm = app.selected.map(Confirm::Remove),
        ActionId::Transfer | ActionId::Elect | ActionId::ReplaceNode => {
            return of_selected(app, id);
        }
        ActionId::AddNode => return app.send([Order::AddNode]),
        ActionId::Workload => {
            let runs = app.world.workload().is_some_and(|figures| figures.running);
            return app.send([Order::Workload(!runs)]);
        }
        ActionId::Freeze
        | ActionId::Step
        | ActionId::StepTimer
        | ActionId::Faster
        | ActionId::Slower
        | ActionId::Undo => {
            let order = timely(app, id, now);
            return app.send([order]);
        }
        ActionId::ReleaseMessage | ActionId::DropMessage | ActionId::HoldAlike => return of_message(app, id),
        ActionId::GoOn => scripted::resume(app),
        ActionId::Explain => explain::open(app),
        ActionId::Present => app.presenter.toggle(),
        ActionId::HideKeys => app.presenter.hides_keys = !app.presenter.hides_keys,
        ActionId::PageBack | ActionId::PageOn if app.presenter.is_on && app.view == View::Cluster => {
            let order = presenter::remote(app, id == ActionId::PageOn, now);
            return app.send(order);
        }
        ActionId::LinkFaults => {
            let about =
                app.messages.chosen().filter(|_| app.view == View::Messages && !app.messages.follows());
            app.menu = Some(Menu::faults(about));
        }
        ActionId::InForce => app.menu = Some(Menu::in_force(app.world.in_force())),
        ActionId::Palette => app.prompt.open(Purpose::Command, ""),
        ActionId::Status => app.answer = Some(PaletteAnswer::Status),
        ActionId::Write => {
            let line = if app.view == View::Data { data::write_line(app, "put") } else { None };
            app.prompt.open(Purpose::Write, &line.unwrap_or_default());
        }
        ActionId::KeyPrevious
        | ActionId::KeyNext
        | ActionId::DeleteKey
        | ActionId::ValueForm
        | ActionId::ValueBack
        | ActionId::ValueOn => data::perform(app, id),
        ActionId::SelectNumber => select_number(app, number, now),
        ActionId::SelectPrevious => select(app, selection::step(&app.world.ids(), app.selected, false)),
        ActionId::SelectNext => select(app, selection::step(&app.world.ids(), app.selected, true)),
        ActionId::TargetPrevious
        | ActionId::TargetNext
        | ActionId::FocusTarget
        | ActionId::ShowLess
        | ActionId::ShowMore
        | ActionId::CaptureLess
        | ActionId::CaptureMore
        | ActionId::ShowTargets => of_output(app, id),
        ActionId::Drills
        | ActionId::DrillPrevious
        | ActionId::DrillNext
        | ActionId::SortDrills
        | ActionId::StartDrill
        | ActionId::StopDrill
        | ActionId::Answer
        | ActionId::Continue
        | ActionId::Hint
        | ActionId::GiveUp
        | ActionId::Again
        | ActionId::NextDrill
        | ActionId::ToCatalogue => return of_drills(app, id, number, now),
        ActionId::Copy => return copy::selected(app).map(Effect::Copy).into_iter().collect(),
        ActionId::CopyCurl => return copy::curl(app).map(Effect::Copy).into_iter().collect(),
        ActionId::Mouse => return give_mouse(app, now),
        ActionId::Help => app.help = Some(0),
        ActionId::Themes => themes::open(app),
        ActionId::PreviousTab => return show_tab(app.tabs().neighbour(false)),
        ActionId::NextTab => return show_tab(app.tabs().neighbour(true)),
        ActionId::TabNumber => return number_tab(app, number, now),
        ActionId::CloseTab => app.confirm = Some(Confirm::CloseTab),
        ActionId::Quit => return confirm::quit_by_key(app),
        ActionId::Suspend => return vec![Effect::Suspend],
        _ => look(app, id, now),
    }
    Vec::new()
}

/// Moves what is shown.
fn look(app: &mut App, id: ActionId, now: Duration) {
    match id {
        ActionId::Find => finding::open(app),
        ActionId::FindNext => finding::turn(app, true, now),
        ActionId::FindPrevious => finding::turn(app, false, now),
        ActionId::PreviousRow => step_row(app, false),
        ActionId::NextRow => step_row(app, true),
        ActionId::OtherPane => focus::switch(app),
        ActionId::Zoom => focus::zoom(app),
        ActionId::Back => focus::back(app, now),
        ActionId::MessageBack => step_message(app, 1, false),
        ActionId::MessageOn => step_message(app, 1, true),
        ActionId::NextOpen => app.messages.to_open(),
        ActionId::FoldHeartbeats => app.messages.toggle_fold(),
        ActionId::NextView => app.view = app.view.step(true),
        ActionId::PreviousView => app.view = app.view.step(false),
        ActionId::MomentBack => step_charts(app, -1),
        ActionId::MomentOn => step_charts(app, 1),
        ActionId::ZoomOut => zoom_charts(app, false),
        ActionId::ZoomIn => zoom_charts(app, true),
        ActionId::EntryBack => step_log(app, -1),
        ActionId::EntryOn => step_log(app, 1),
        ActionId::PageBack => page(app, false),
        ActionId::PageOn => page(app, true),
        ActionId::ToStart => to_start(app),
        ActionId::ToEnd => to_end(app),
        _ => {}
    }
}

fn of_output(app: &mut App, id: ActionId) {
    match id {
        ActionId::TargetPrevious => output::choose(app, app.output.neighbour(false)),
        ActionId::TargetNext => output::choose(app, app.output.neighbour(true)),
        ActionId::FocusTarget => app.output.is_focused = !app.output.is_focused,
        ActionId::ShowLess => app.output.show(false),
        ActionId::ShowMore => app.output.show(true),
        ActionId::CaptureLess => app.output.capture(false),
        ActionId::CaptureMore => app.output.capture(true),
        ActionId::ShowTargets => app.output.hides_targets = !app.output.hides_targets,
        _ => {}
    }
}

fn show_tab(id: Option<TabId>) -> Vec<Effect> {
    id.map(|id| Effect::Tab(TabRequest::Show(id))).into_iter().collect()
}

/// Tabs are numbered from 1 on.
fn number_tab(app: &mut App, number: Option<u32>, now: Duration) -> Vec<Effect> {
    let Some(number) = number else { return Vec::new() };
    let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let Some(label) = place.and_then(|place| app.tabs().labels().get(place)) else {
        let text = format!("there is no tab {number}: there are {}", app.tabs().labels().len());
        app.notice = Some(Notice::new(text, now));
        return Vec::new();
    };
    show_tab(Some(label.id))
}

/// The terminal gets the mouse, or the deck gets it back.
fn give_mouse(app: &mut App, now: Duration) -> Vec<Effect> {
    app.settings.mouse = !app.settings.mouse;
    let text = if app.settings.mouse {
        "the mouse is the deck's again"
    } else {
        "the mouse is the terminal's: it selects text; M takes it back"
    };
    app.notice = Some(Notice::new(text, now));
    vec![Effect::CaptureMouse(app.settings.mouse)]
}

fn of_drills(app: &mut App, id: ActionId, number: Option<u32>, now: Duration) -> Vec<Effect> {
    match id {
        ActionId::Drills => app.view = View::Drills,
        ActionId::DrillPrevious => drills::step(app, 1, false),
        ActionId::DrillNext => drills::step(app, 1, true),
        ActionId::SortDrills => app.drills.catalogue.turn_order(),
        ActionId::StartDrill => {
            let id = app.drills.catalogue.selected().map(|drill| drill.id.clone());
            return id.map(|id| drills::ask_to_start(app, &id)).unwrap_or_default();
        }
        ActionId::StopDrill => drills::ask_to_stop(app),
        ActionId::Answer => {
            drills::answer(app, number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0), now);
        }
        ActionId::Continue => drills::person(app, PersonInput::Continue),
        ActionId::Hint => drills::person(app, PersonInput::Hint),
        ActionId::GiveUp => drills::person(app, PersonInput::GiveUp),
        ActionId::Again | ActionId::NextDrill => {
            let Some(last) = app.drills.ended().map(|outcome| outcome.id.clone()) else { return Vec::new() };
            let next = app.drills.catalogue.after(&last).map(|drill| drill.id.clone());
            let id = if id == ActionId::Again { last } else { next.unwrap_or(last) };
            return drills::ask_to_start(app, &id);
        }
        ActionId::ToCatalogue => drills::to_catalogue(app),
        _ => {}
    }
    Vec::new()
}

fn timely(app: &mut App, id: ActionId, now: Duration) -> Order {
    let rate = app.clock.wished(now);
    let rate = match id {
        ActionId::Step => return Order::Step(Step::Message),
        ActionId::StepTimer => return Order::Step(Step::Timer),
        ActionId::Undo => return Order::Undo(None),
        ActionId::Faster => faster(rate),
        ActionId::Slower => slower(rate),
        _ if rate.is_frozen() => app.world.last_rate(),
        _ => ClockRate::FROZEN,
    };
    app.clock.ask(rate, now);
    Order::SetRate(rate)
}

fn of_message(app: &mut App, id: ActionId) -> Vec<Effect> {
    let Some(message) = app.messages.chosen() else { return Vec::new() };
    let commands = match id {
        ActionId::ReleaseMessage => vec![Order::Release(MessageSelection::Message(message.id))],
        ActionId::DropMessage => vec![Order::Drop(MessageSelection::Message(message.id))],
        _ => {
            let words = format!("hold {}>{} only {}", message.from.0, message.to.0, message.kind.name());
            hold_or_not(app, &words)
        }
    };
    app.send(commands)
}

/// Brings a rule into force, or undoes it if it is in force.
fn hold_or_not(app: &App, words: &str) -> Vec<Order> {
    let commands = palette::commands(words, &app.world);
    let wanted = commands.iter().find_map(|command| match command {
        Order::Disturb(Disturbance::Rules { rules, .. }) => Some(rules),
        _ => None,
    });
    let same = |what: &Disturbance| matches!(what, Disturbance::Rules { rules, .. } if Some(rules) == wanted);
    match app.world.in_force().iter().find(|fault| same(&fault.what)) {
        Some(fault) => vec![Order::Undo(Some(fault.id))],
        None => commands,
    }
}

fn of_selected(app: &mut App, id: ActionId) -> Vec<Effect> {
    let Some(selected) = app.selected else { return Vec::new() };
    let command = match id {
        ActionId::Transfer => Order::Transfer(selected),
        ActionId::Elect => Order::Campaign(selected),
        ActionId::ReplaceNode => Order::ReplaceNode(selected),
        _ => return Vec::new(),
    };
    app.send([command])
}

fn fault(app: &mut App, id: ActionId) -> Vec<Effect> {
    let leader = app.world.leader().map(|node| node.id);
    let commands = match id {
        ActionId::KillLeader => {
            // So that the next key can restart it.
            app.selected = leader.or(app.selected);
            leader.map(Order::Kill).into_iter().collect()
        }
        ActionId::RestartDown => app.world.down().into_iter().map(Order::Restart).collect(),
        ActionId::Partition => leader.map_or_else(Vec::new, |leader| {
            app.set_partition(leader);
            isolate(app, leader)
        }),
        ActionId::Heal => vec![Order::Heal],
        _ => app.selected_node().map_or_else(Vec::new, |node| fault_of(app, id, node)),
    };
    app.send(commands)
}

/// What a key does to the selected node.
fn fault_of(app: &App, id: ActionId, node: &Node) -> Vec<Order> {
    match id {
        ActionId::Kill => vec![Order::Kill(node.id)],
        ActionId::Restart => vec![Order::Restart(node.id)],
        ActionId::Pause if node.is_paused() => vec![Order::Resume(node.id)],
        ActionId::Pause => vec![Order::Pause(node.id)],
        ActionId::Isolate => isolate(app, node.id),
        _ => Vec::new(),
    }
}

fn isolate(app: &App, node: NodeId) -> Vec<Order> {
    palette::commands(&format!("isolate {}", node.0), &app.world)
}

pub(super) fn start(app: &mut App, request: ClientRequest, now: Duration) -> Vec<Effect> {
    if app.tape.is_past() {
        app.notice = Some(Notice::new(app.tape.why_not(), now));
        return Vec::new();
    }
    if app.operations.is_full() {
        app.notice = Some(Notice::new("too many operations are waiting already", now));
        return Vec::new();
    }
    app.notice = None;
    let command = app.command(Order::Client(request.clone()));
    tape::note(app, Aside::Began { id: command.id, request, now });
    vec![Effect::Send(command)]
}

/// Selects a node; the keys move among the nodes from now on.
pub(super) fn select(app: &mut App, id: Option<NodeId>) {
    app.selected = id;
    if app.focus == Focus::Events {
        focus::leave_events(app);
    }
}

fn select_number(app: &mut App, number: Option<u32>, now: Duration) {
    let Some(id) = number.map(|number| NodeId(number.into())) else { return };
    if app.world.node(id).is_some() {
        select(app, Some(id));
        app.presenter.shine(id);
    } else {
        app.notice = Some(Notice::new(format!("there is no node {id}"), now));
    }
}

/// Up and down in the Cluster view: among the nodes, or among the events.
fn step_row(app: &mut App, on: bool) {
    match app.focus {
        Focus::Nodes => app.selected = selection::step(&app.world.ids(), app.selected, on),
        Focus::Events => {
            let (shown, sight) = (app.shown_events(), app.events_in_sight());
            app.events.step(&shown, sight, 1, on);
        }
    }
}

/// Moves the cursor of the Messages view by this many messages.
pub(super) fn step_message(app: &mut App, by: usize, newer: bool) {
    app.messages.step(by, newer);
}

/// Moves the cursor of the Logs view by this many entries.
pub(super) fn step_log(app: &mut App, by: i64) {
    let (extent, columns) = (app.logs.extent(&app.world), app.landed.rows(Pane::Entries));
    app.logs.step(by, extent, columns);
}

/// How many columns of time are on the screen.
pub(super) fn chart_columns(app: &App) -> u16 {
    u16::try_from(app.landed.rows(Pane::Charts)).unwrap_or(u16::MAX)
}

/// Moves the cursor of the Charts view by this many columns.
pub(super) fn step_charts(app: &mut App, by: i64) {
    let columns = chart_columns(app);
    app.charts.step(by, columns);
}

fn zoom_charts(app: &mut App, closer: bool) {
    let columns = chart_columns(app);
    app.charts.zoom(closer, columns);
}

fn page(app: &mut App, on: bool) {
    match app.view {
        View::Cluster => page_feed(app, on),
        View::Logs => {
            let by =
                i64::try_from(app.landed.rows(Pane::Entries).saturating_sub(1).max(1)).unwrap_or(i64::MAX);
            step_log(app, if on { by } else { -by });
        }
        View::Messages => step_message(app, app.landed.rows(Pane::Messages).saturating_sub(1).max(1), on),
        View::Charts => {
            let by = i64::from(chart_columns(app).saturating_sub(1).max(1));
            step_charts(app, if on { by } else { -by });
        }
        View::Data => data::step(app, app.landed.rows(Pane::Data).saturating_sub(1).max(1), on),
        View::Drills => drills::scroll(app, app.landed.rows(Pane::Drill).saturating_sub(1).max(1), on),
        View::Output => turn_output(app, on),
    }
}

fn page_feed(app: &mut App, on: bool) {
    let (shown, sight) = (app.shown_events(), app.events_in_sight());
    match (app.focus, sight) {
        (Focus::Nodes, _) => app.events.page(&shown, sight, on),
        (Focus::Events, Some((first, last))) => {
            let page = shown.iter().filter(|number| (first..=last).contains(*number)).count();
            app.events.step(&shown, sight, page.saturating_sub(1).max(1), on);
        }
        (Focus::Events, None) => {}
    }
}

pub(super) fn scroll_feed(app: &mut App, by: usize, on: bool) {
    let (shown, sight) = (app.shown_events(), app.events_in_sight());
    app.events.scroll(&shown, sight, by, on);
}

/// Turns half a page of the Output view.
pub(super) fn turn_output(app: &App, on: bool) {
    app.output.handle.turn(if on { Turn::On } else { Turn::Back });
}

fn to_start(app: &mut App) {
    match app.view {
        View::Cluster => {
            let shown = app.shown_events();
            app.events.to_start(&shown);
        }
        View::Logs => {
            app.logs.go_to(LogIndex(1), app.world.extent(), app.landed.rows(Pane::Entries));
        }
        View::Messages => app.messages.to_start(),
        View::Charts => app.charts.go_to_start(),
        View::Data => app.data.to_first(),
        View::Drills => drills::step(app, usize::MAX, false),
        View::Output => app.output.handle.turn(Turn::Oldest),
    }
}

fn to_end(app: &mut App) {
    match app.view {
        View::Cluster => app.events.follow(),
        View::Logs => app.logs.follow(),
        View::Messages => app.messages.to_end(),
        View::Charts => app.charts.follow(),
        View::Data => data::step(app, usize::MAX, true),
        View::Drills => drills::step(app, usize::MAX, true),
        View::Output => app.output.handle.turn(Turn::Newest),
    }
}
