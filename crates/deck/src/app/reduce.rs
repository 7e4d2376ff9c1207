//! From a message to a changed state and effects: each kind of message goes to its feature.

use crate::actions::ActionId;
use crate::app::confirm::{confirm_key, forget_absent};
use crate::app::entered::{entered, menu_key};
use crate::app::explain::explain_key;
use crate::app::lessons::{LessonCover, contents_key};
use crate::app::notice::Notice;
use crate::app::perform::attempt;
use crate::app::pointer::mouse;
use crate::app::prompt::{PromptOutcome, Purpose};
use crate::app::tape::{self, Aside};
use crate::app::themes::picker_key;
use crate::app::{
    App, Effect, Msg, View, copy, data, drills, finding, lessons, offers, output, scripted, selection,
    session, themes,
};
use crate::keys;
use crate::view::Pane;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use raftdeck_model::{FrameFate, FrameKind, FrameReport, LinkState, MessageReport, News, Update};
use std::time::Duration;

/// Takes one message. Pure: the same state, message and time give the same state and effects.
pub fn update(app: &mut App, msg: Msg, now: Duration) -> Vec<Effect> {
    let selected = app.selected;
    let mut effects = take_in(app, msg, now);
    tape::go_on(app, now);
    finding::tidy(app);
    if app.notice.as_ref().is_some_and(|notice| !notice.stands(now)) {
        app.notice = None;
        app.mark_changed();
    }
    let then = app.shown_at(now);
    output::go_on(app, selected, then);
    effects.extend(app.output.take_changes().into_iter().map(Effect::Log));
    if app.tape.is_past() {
        send_nothing(app, &mut effects, now);
        return effects;
    }
    effects.extend(scripted::go_on(app, now));
    effects.extend(session::open(app));
    if app.view == View::Logs && app.is_in_sight {
        app.logs.hold(&app.world, now);
        let orders = app.logs.ask(&app.world, app.landed.rows(Pane::Entries), now);
        effects.extend(app.send_quietly(orders));
    }
    if app.view == View::Data && app.is_in_sight {
        effects.extend(data::ask(app, now));
    }
    let of_drill = drills::go_on(app, &effects, now);
    effects.extend(of_drill);
    effects.extend(lessons::go_on(app, now));
    effects
}

fn take_in(app: &mut App, msg: Msg, now: Duration) -> Vec<Effect> {
    match msg {
        Msg::Told(update) => {
            told(app, update, now);
            Vec::new()
        }
        Msg::Loaded(contents) => {
            if let Some(scripted) = &mut app.scripted {
                scripted.loaded(contents);
            }
            Vec::new()
        }
        Msg::Written(result) => {
            if let Some(scripted) = &mut app.scripted {
                scripted.written(result);
            }
            Vec::new()
        }
        Msg::Settings(files) => {
            themes::reload(app, &files, now);
            Vec::new()
        }
        Msg::ThemeKept(result) => {
            themes::kept(app, result, now);
            Vec::new()
        }
        Msg::Copied { text, to } => {
            app.notice = Some(Notice::new(copy::told(&text, to), now));
            app.mark_changed();
            Vec::new()
        }
        Msg::Key(event) => key(app, event, now),
        Msg::Mouse(event) => mouse(app, event, now),
        Msg::Paste(text) => {
            paste(app, &text, now);
            Vec::new()
        }
        Msg::Wrote { part, level, text } => {
            tape::note(app, Aside::Wrote { part, level, text, now });
            app.mark_changed_if(app.view == View::Output);
            Vec::new()
        }
        Msg::LinesLost(count) => {
            app.output.lose(count);
            Vec::new()
        }
        Msg::Exhibit(files) => {
            lessons::exhibit_came(app, files, now);
            Vec::new()
        }
        Msg::StartLesson(start) => lessons::begin(app, *start),
        Msg::Audience(news) => {
            lessons::hear_audience(app, news, now);
            Vec::new()
        }
        Msg::Resize(..) => {
            app.mark_changed();
            Vec::new()
        }
        Msg::ClusterStarted { capabilities, context } => {
            app.begin_anew(capabilities, now);
            lessons::began(app, &context, now);
            drills::began(app, context, now);
            Vec::new()
        }
        Msg::ClusterFailed(why) => {
            let capabilities = app.tape.capabilities().unwrap_or(app.capabilities()).clone();
            app.begin_anew(capabilities, now);
            lessons::refused(app, &why, now);
            drills::refused(app, why);
            Vec::new()
        }
        Msg::Wake if app.tape.is_past() => Vec::new(),
        Msg::Wake => {
            app.flights.tidy(now);
            app.messages.tidy(now, app.clock.at(now));
            if app.is_only_motion(now) {
                app.moved = true;
            } else {
                app.mark_changed();
            }
            Vec::new()
        }
        Msg::Due => Vec::new(),
        Msg::TabRefused(why) => {
            app.notice = Some(Notice::staying(why, now));
            app.mark_changed();
            Vec::new()
        }
    }
}

/// While the past is shown, nothing is sent.
fn send_nothing(app: &mut App, effects: &mut Vec<Effect>, now: Duration) {
    let count = effects.len();
    effects.retain(|effect| !matches!(effect, Effect::Send(_)));
    if effects.len() < count {
        app.notice = Some(Notice::new(app.tape.why_not(), now));
        app.mark_changed();
    }
}

/// The source told something.
fn told(app: &mut App, update: Update, now: Duration) {
    let is_quiet = match &update.what {
        News::Done { id } | News::Refused { id, .. } => app.quiet.remove(id),
        _ => false,
    };
    if tape::keep(app, &update, is_quiet, now) {
        hear(app, update, is_quiet, now);
        tape::kept(app);
    }
}

/// Hears an update: one that was told just now, or again one that was told at this time. What was told before has no effect but to be
/// shown.
pub(super) fn hear(app: &mut App, update: Update, is_quiet: bool, now: Duration) {
    let is_present = !app.tape.is_replaying();
    let heard = app.feed.hear(&update, now);
    app.mark_changed_if(heard);
    if is_quiet {
        return;
    }
    if data::hear_look(app, &update, now) {
        return;
    }
    let is_first = app.world.is_empty();
    let mut changed = app.world.fold(&update);
    app.succession.hear(&update, &app.world);
    app.charts.hear(&update, &app.world, app.clock.is_slow());
    data::hear(app, &update, now);
    if is_present {
        drills::hear(app, &update, now);
        lessons::hear(app, &update, now);
    }
    if is_affair_of_drill(&update.what) {
        return app.mark_changed_if(changed);
    }
    if let Some(scripted) = app.scripted.as_mut().filter(|_| is_present) {
        scripted.hear(&update.what);
    }
    changed |= app.feed.tell(&update, now);
    match update.what {
        News::Cluster { .. } => {
            if is_present {
                choose_among(app, is_first, now);
            }
            app.world.ids().into_iter().for_each(|id| app.output.know(id));
            let App { messages, world, .. } = app;
            messages.keep(|id| world.node(id).is_some());
            app.gauges.keep(&app.world);
        }
        News::Status { node, .. } => {
            if let Some(node) = app.world.node(node) {
                app.gauges.note(&app.world, node, now);
            }
            app.commits.tell(app.world.committed(), now);
        }
        News::Link { from, to, state } => {
            if is_present {
                app.forget_healed_partition();
            }
            if state == LinkState::Open {
                app.flights.forget_lost(from, to);
            }
        }
        News::Time(time) => {
            app.clock.tell(time, now);
            app.messages.set_slow(app.clock.is_slow());
            if app.clock.is_slow() {
                // Each message is at its true place now.
                app.flights.clear();
            }
        }
        News::Messages { messages, skipped } => changed = on_the_links(app, messages, skipped, now),
        News::Frames { frames } => passed(app, frames, now),
        ref answer @ News::Client { .. } => {
            app.operations.end(answer, update.at, now);
            changed = true;
        }
        News::Log { node, lines } => {
            if app.world.node(node).is_some() {
                app.logs.tell(node, &lines, &app.world, now);
            }
            changed |= matches!(app.view, View::Logs | View::Data);
        }
        News::Output { node, level, line } => {
            app.output.tell(&output::node_target(node), level, &line, (now, update.at));
            changed |= app.view == View::Output;
        }
        News::Refused { id, reason } => {
            app.operations.refused(id, &reason, update.at);
            if is_present {
                drills::note_refusal(app);
                app.notice = Some(Notice::new(reason, now));
            }
            changed = true;
        }
        News::Trouble { reason } => {
            if is_present {
                app.notice = Some(Notice::new(reason, now));
            }
            changed = true;
        }
        News::Process { .. }
        | News::Ready { .. }
        | News::InForce { .. }
        | News::Notice { .. }
        | News::NoticeOver { .. }
        | News::PeerRefused { .. }
        | News::PeerAdmitted { .. }
        | News::Change { .. }
        | News::Workload(_)
        | News::Trace { .. }
        | News::Missed { .. } => {}
        News::Done { id } => changed |= app.operations.done(id, update.at),
    }
    app.mark_changed_if(changed);
}

/// What the person has chosen, after nodes have come or gone.
fn choose_among(app: &mut App, is_first: bool, now: Duration) {
    let ids = app.world.ids();
    app.selected = if is_first { ids.first().copied() } else { selection::keep(&ids, app.selected) };
    forget_absent(app, now);
    app.presenter.keep(|id| ids.contains(&id));
    app.forget_healed_partition();
}

/// Whether this answers the running drill and no person: a request of its workload, or a command.
fn is_affair_of_drill(news: &News) -> bool {
    match news {
        News::Client { id, .. } => drills::is_of_workload(*id),
        News::Done { id } | News::Refused { id, .. } => drills::is_of_run(*id) || lessons::is_of_lesson(*id),
        _ => false,
    }
}

/// Takes messages on the links. Says whether the screen changes.
fn on_the_links(app: &mut App, messages: Vec<MessageReport>, skipped: u64, now: Duration) -> bool {
    let known = |id| app.world.node(id).is_some();
    let told = messages.into_iter().filter(|m| m.from != m.to && known(m.from) && known(m.to)).collect();
    let slow = app.clock.is_slow();
    let any = app.messages.tell(told, skipped, slow, now, app.clock.at(now));
    // In real time, passing messages are shown as a sample on the links.
    any && (app.view == View::Messages || slow || app.messages.held() > 0)
}

/// Takes messages that passed: counts them, and draws a sample of them, unless they are drawn at their true places.
fn passed(app: &mut App, mut frames: Vec<FrameReport>, now: Duration) {
    app.beats.add(heartbeats(&frames), now);
    if app.clock.is_slow() {
        return;
    }
    let App { flights, world, messages, .. } = app;
    frames.retain(|frame| !messages.is_slow(frame.from, frame.to));
    flights.tell(&frames, world.heartbeat, |id| world.node(id).is_some(), now);
}

fn heartbeats(frames: &[FrameReport]) -> u64 {
    let arrived =
        |frame: &&FrameReport| frame.kind == FrameKind::Heartbeat && frame.fate == FrameFate::Delivered;
    frames.iter().filter(arrived).map(|frame| frame.count).fold(0, u64::saturating_add)
}

fn key(app: &mut App, event: KeyEvent, now: Duration) -> Vec<Effect> {
    if event.kind == KeyEventKind::Release {
        return Vec::new();
    }
    app.mark_changed();
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    if ctrl && matches!(event.code, KeyCode::Char('z' | 'Z')) {
        return vec![Effect::Suspend];
    }
    if app.lessons.cover.take_if(|cover| *cover == LessonCover::Blank).is_some() {
        return Vec::new();
    }
    // What lies over the view takes the key first, and the uppermost first of all: q, Esc and Ctrl-C close it.
    if app.confirm.is_some() {
        return confirm_key(app, event, now);
    }
    if app.prompt.is_open() {
        return prompt_key(app, event, now);
    }
    if let Some(first) = app.help {
        return help_key(app, first, event, now);
    }
    if app.answer.is_some() {
        if closes(event) || matches!(event.code, KeyCode::Enter | KeyCode::Char(' ')) {
            app.answer = None;
        }
        return Vec::new();
    }
    if let Some(LessonCover::Contents(at)) = app.lessons.cover {
        return contents_key(app, event, at);
    }
    if let Some(picker) = app.picker {
        return picker_key(app, picker, event);
    }
    if app.menu.is_some() {
        return menu_key(app, event, now);
    }
    if let Some(effects) = explain_key(app, event, now) {
        return effects;
    }
    let Some(action) = keys::meant(app, &event) else {
        say_unbound(app, &event, now);
        return Vec::new();
    };
    let number = match event.code {
        KeyCode::Char(c) => c.to_digit(10),
        _ => None,
    };
    attempt(app, action, number, now)
}

/// Says that a key does nothing: once, and not again while that is still on the screen.
fn say_unbound(app: &mut App, event: &KeyEvent, now: Duration) {
    let Some(key) = keys::name(event) else { return };
    let text = format!("{key} does nothing here; {} lists the keys", app.key_of(ActionId::Help));
    if app.notice.as_ref().is_none_or(|notice| notice.text != text) {
        app.notice = Some(Notice::new(text, now));
    }
}

/// Pasted text belongs in a prompt: as keys it could do anything.
fn paste(app: &mut App, text: &str, now: Duration) {
    app.mark_changed();
    if !app.prompt.is_open() {
        app.notice = Some(Notice::new("text can be pasted into a prompt: w, : or / opens one", now));
        return;
    }
    app.prompt.paste(text);
    if app.prompt.purpose() == Purpose::Find {
        finding::typed(app);
    }
}

fn prompt_key(app: &mut App, event: KeyEvent, now: Duration) -> Vec<Effect> {
    let is_find = app.prompt.purpose() == Purpose::Find;
    match app.prompt.key(event) {
        PromptOutcome::Editing if is_find => finding::typed(app),
        PromptOutcome::Cancelled if is_find => finding::cancelled(app),
        PromptOutcome::Editing | PromptOutcome::Cancelled => {}
        PromptOutcome::Entered(purpose, line) => return entered(app, purpose, &line, now),
        PromptOutcome::Complete(forward) => {
            if app.prompt.purpose() == Purpose::Command {
                let offers = offers::offers(&app.prompt.typed(), app);
                let ways: Vec<String> = offers.into_iter().map(|offer| offer.line).collect();
                app.prompt.complete(&ways, forward);
            }
        }
    }
    Vec::new()
}

/// Whether a key closes whatever lies over the view.
pub(super) fn closes(event: KeyEvent) -> bool {
    match event.code {
        KeyCode::Esc => true,
        KeyCode::Char('q') => !event.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT),
        KeyCode::Char('c' | 'C') => event.modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}

/// The key that opened the help page closes it.
fn is_help(app: &App, event: &KeyEvent) -> bool {
    keys::meant(app, event).is_some_and(|action| action.id == ActionId::Help)
}

fn help_key(app: &mut App, first: usize, event: KeyEvent, now: Duration) -> Vec<Effect> {
    let page = app.landed.rows(Pane::Help).max(1);
    let last = app.landed.last_help_line();
    match event.code {
        KeyCode::Esc if finding::clear(app) => {}
        _ if closes(event) || is_help(app, &event) => app.help = None,
        KeyCode::Enter => app.help = None,
        KeyCode::Char('/') => finding::open(app),
        KeyCode::Char('n') if finding::is_active(app) => finding::turn(app, true, now),
        KeyCode::Char('N') if finding::is_active(app) => finding::turn(app, false, now),
        KeyCode::Up => app.help = Some(first.saturating_sub(1)),
        KeyCode::Down | KeyCode::Char('j') => app.help = Some((first + 1).min(last)),
        KeyCode::PageUp => app.help = Some(first.saturating_sub(page)),
        KeyCode::PageDown => app.help = Some((first + page).min(last)),
        KeyCode::Home | KeyCode::Char('g') => app.help = Some(0),
        KeyCode::End | KeyCode::Char('G') => app.help = Some(last),
        _ => {}
    }
    Vec::new()
}
