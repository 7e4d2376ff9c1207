//! What keys and updates do to the drills.

use super::DrillStage;
use super::playing::{PersonWait, Playing};
use super::record::DrillRecord;
use crate::app::confirm::Confirm;
use crate::app::lessons::ShelfKind;
use crate::app::notice::Notice;
use crate::app::{App, Effect, View};
use raftdeck_drills::{Context, PersonInput};
use raftdeck_model::Update;
use std::time::Duration;

/// Starts a drill, or first asks whether the present cluster may be stopped.
pub(crate) fn ask_to_start(app: &mut App, id: &str) -> Vec<Effect> {
    app.drills.catalogue.select_id(id);
    let is_nothing_lost = app.drills.owns_cluster && app.world.in_force().is_empty();
    if app.world.is_empty() || is_nothing_lost {
        return start(app, id);
    }
    app.confirm = Some(Confirm::StartDrill(id.to_owned()));
    Vec::new()
}

/// Starts a drill on a fresh cluster.
pub(crate) fn start(app: &mut App, id: &str) -> Vec<Effect> {
    let Some(drill) = app.drills.catalogue.find(id).cloned() else { return Vec::new() };
    app.drills.failure = None;
    app.drills.scroll = 0;
    // Somebody who runs drills has found the way.
    app.lessons.is_tour_offered = false;
    app.view = View::Drills;
    app.drills.stage = DrillStage::Starting(Box::new(drill.clone()));
    vec![Effect::StartDrill(Box::new(drill))]
}

/// Asks whether the running drill is to be stopped.
pub(crate) fn ask_to_stop(app: &mut App) {
    app.confirm = Some(Confirm::StopDrill);
}

/// Stops the running drill.
pub(crate) fn stop(app: &mut App) {
    if let Some(playing) = app.drills.playing_mut() {
        playing.abort();
    }
}

/// The cluster of a drill has started: the run begins.
pub(crate) fn began(app: &mut App, context: Context, now: Duration) {
    if let DrillStage::Starting(drill) = std::mem::take(&mut app.drills.stage) {
        let playing = Playing::new(*drill, context, app.capabilities().clone(), now);
        app.drills.stage = DrillStage::Playing(Box::new(playing));
        app.drills.owns_cluster = true;
        app.view = View::Drills;
    }
}

/// The cluster of a drill could not be started.
pub(crate) fn refused(app: &mut App, why: String) {
    app.drills.stage = DrillStage::Choosing;
    app.drills.failure = Some(why);
    app.drills.owns_cluster = false;
}

/// Passes on what the person says to the run.
pub(crate) fn person(app: &mut App, input: PersonInput) {
    if let Some(playing) = app.drills.playing_mut() {
        playing.input(input);
        app.drills.scroll = 0;
    }
}

/// Answers the question that waits with this option, counted from 1.
pub(crate) fn answer(app: &mut App, number: usize, now: Duration) {
    let Some(PersonWait::Answer(options)) = app.drills.playing().and_then(Playing::waits_for) else { return };
    match number.checked_sub(1).filter(|option| *option < options) {
        Some(option) => person(app, PersonInput::Answer(option)),
        None => app.notice = Some(Notice::new(format!("the answers are 1 to {options}"), now)),
    }
}

/// A key or command of the person was refused: in a task that counts.
pub(crate) fn note_refusal(app: &mut App) {
    if let Some(playing) = app.drills.playing_mut()
        && matches!(playing.waits_for(), Some(PersonWait::Task { .. }))
    {
        playing.input(PersonInput::WrongKey);
    }
}

/// Hears an update, after it was folded.
pub(crate) fn hear(app: &mut App, update: &Update, now: Duration) {
    let App { drills, world, .. } = app;
    if let Some(playing) = drills.playing_mut() {
        playing.hear(update, now, world);
    }
}

/// Goes on with the running drill as far as possible. `effects`: what the person's keys and the deck itself sent just now.
pub(crate) fn go_on(app: &mut App, effects: &[Effect], now: Duration) -> Vec<Effect> {
    let App { drills, world, .. } = app;
    let Some(playing) = drills.playing_mut() else { return Vec::new() };
    for effect in effects {
        if let Effect::Send(command) = effect {
            playing.note_command(command, now, world);
        }
    }
    let (commands, is_new) = playing.go_on(now, world);
    let mut effects: Vec<Effect> = commands.into_iter().map(Effect::Send).collect();
    if is_new {
        drills.scroll = 0;
        app.mark_changed();
    }
    effects.extend(end(app));
    effects
}

/// Keeps the outcome, if the run is over.
fn end(app: &mut App) -> Option<Effect> {
    let outcome = app.drills.playing()?.run().outcome()?.clone();
    let before = app.drills.catalogue.record(&outcome.id);
    let record = DrillRecord::after(before, outcome.verdict, outcome.score.total);
    app.drills.catalogue.note(&outcome.id, record);
    let id = outcome.id.clone();
    app.drills.stage = DrillStage::Ended(Box::new(outcome));
    app.drills.scroll = 0;
    if app.confirm == Some(Confirm::StopDrill) {
        app.confirm = None;
    }
    app.mark_changed();
    Some(Effect::KeepRecord { id, record })
}

/// Leaves the result of the last drill. Its cluster stays.
pub(crate) fn to_catalogue(app: &mut App) {
    app.drills.stage = DrillStage::Choosing;
    app.drills.scroll = 0;
}

/// One row up or down: of the catalogue, or of the text.
pub(crate) fn step(app: &mut App, by: usize, on: bool) {
    if matches!(app.drills.stage, DrillStage::Choosing) {
        let place = match app.lessons.shelf.kind() {
            ShelfKind::Drills => app.drills.catalogue.place(),
            ShelfKind::Lessons | ShelfKind::Museum => app.lessons.shelf.at(),
        };
        select(app, if on { place.saturating_add(by) } else { place.saturating_sub(by) });
    } else {
        scroll(app, by, on);
    }
}

/// Selects the row at this place of the list that is shown.
pub(crate) fn select(app: &mut App, place: usize) {
    match app.lessons.shelf.kind() {
        ShelfKind::Drills => app.drills.catalogue.select(place),
        ShelfKind::Lessons | ShelfKind::Museum => app.lessons.shelf.select(place),
    }
    app.drills.scroll = 0;
}

/// Scrolls the text.
pub(crate) fn scroll(app: &mut App, by: usize, on: bool) {
    let first = app.drills.scroll;
    let last = app.landed.last_drill_line();
    app.drills.scroll = if on { first.saturating_add(by).min(last) } else { first.saturating_sub(by) };
}
