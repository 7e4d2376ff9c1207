//! From the present to the past, within the past, and back.

use super::heard::Heard;
use super::reel::SEGMENT;
use super::{Moment, PAST, Present, Tape, TapeMode, aside};
use crate::app::confirm::Confirm;
use crate::app::reduce::hear;
use crate::app::{App, selection};
use raftdeck_model::{Capabilities, Update};
use std::time::Duration;

/// Takes an update of the source to the tape. Says whether the deck hears it now: not while it shows the past.
pub(in crate::app) fn keep(app: &mut App, update: &Update, is_quiet: bool, now: Duration) -> bool {
    match app.tape.mode {
        TapeMode::Keeping => {}
        // There is no source: something comes late.
        TapeMode::Whole => return false,
        TapeMode::Off | TapeMode::Replaying | TapeMode::CatchingUp => return true,
    }
    let is_full = app.tape.push(update.clone(), is_quiet, now);
    if app.tape.present.is_none() {
        app.tape.shown = app.tape.len();
        app.tape.at = app.tape.newest;
        return true;
    }
    if is_full && app.tape.bytes() > app.tape.most_bytes {
        make_room(app);
    }
    false
}

/// The deck has heard an update that was kept.
pub(in crate::app) fn kept(app: &mut App) {
    if app.tape.mode != TapeMode::Keeping || !app.tape.len().is_multiple_of(SEGMENT) {
        return;
    }
    let mut tape = std::mem::take(&mut app.tape);
    tape.mark(app, tape.len());
    tape.forget_oldest();
    app.tape = tape;
}

/// Shows the world as it was after the first `to` updates. At the end of a tape that is kept, the deck is live again.
pub fn show(app: &mut App, to: usize) {
    app.tape.playing = None;
    app.tape.ahead = Duration::ZERO;
    app.mark_changed();
    let (from, len) = (app.tape.from(), app.tape.len());
    let to = to.clamp(from, len);
    if !app.tape.is_on() || (to == app.tape.shown && app.tape.shown >= from) {
        return;
    }
    if to == len && app.tape.present.is_some() {
        return come_back(app);
    }
    let mut tape = std::mem::replace(&mut app.tape, Tape::stand_in(TapeMode::Replaying));
    let before = begin_at(app, &mut tape, to);
    let begins_anew = before.is_some();
    if let Some(heard) = before.filter(|_| tape.mode == TapeMode::Keeping && tape.present.is_none()) {
        leave(app, &mut tape, heard);
    }
    advance(app, &mut tape, to);
    tape.reel.close();
    app.tape = tape;
    settle(app, begins_anew);
}

/// Puts the present aside.
fn leave(app: &mut App, tape: &mut Tape, heard: Heard) {
    let past = Capabilities::only(&[], PAST);
    let past = if app.capabilities.is_recorded() { past.recorded() } else { past };
    let capabilities = std::mem::replace(&mut app.capabilities, past);
    let (at, asides) = (tape.len(), tape.asides.len());
    tape.present = Some(Box::new(Present { heard, at, asides, capabilities }));
}

/// Goes to the last copy before a position, unless what is shown is nearer. Returns what the deck knew instead.
fn begin_at(app: &mut App, tape: &mut Tape, to: usize) -> Option<Heard> {
    let shown = Some(tape.shown).filter(|shown| *shown <= to && *shown >= tape.from());
    let keyframe = tape.keyframe(to).filter(|keyframe| shown.is_none_or(|shown| keyframe.at > shown))?;
    let (at, moment) = (keyframe.at, keyframe.moment);
    let before = keyframe.heard.clone().put(app);
    app.data.show_told();
    (tape.shown, tape.at) = (at, moment);
    Some(before)
}

/// Hears the updates up to a position again.
pub(super) fn advance(app: &mut App, tape: &mut Tape, to: usize) {
    while tape.shown < to {
        let together = tape.reel.read(tape.shown);
        let Some(kept) = together.first().cloned() else { return };
        for aside in kept.asides {
            aside::hear(app, aside);
        }
        hear(app, kept.update, kept.is_quiet, kept.now);
        (tape.at, tape.ahead) = (Moment { now: kept.now, time: kept.time }, Duration::ZERO);
        tape.shown += 1;
        tape.mark(app, tape.shown);
    }
}

/// What the deck does once it shows another moment.
fn settle(app: &mut App, begins_anew: bool) {
    let then = app.tape.at.now;
    app.flights.tidy(then);
    app.messages.tidy(then, app.clock.at(then));
    app.output.settle(then, app.clock.at(then));
    if app.tape.is_past() {
        app.logs.let_go();
    }
    if begins_anew {
        app.output.draw_anew();
    }
    let is_kept = |number| app.feed.numbered(number).is_some();
    if app.events.anchor().is_some_and(|anchor| !is_kept(anchor.number())) {
        app.events.follow();
    }
    if app.tape.mode == TapeMode::Whole {
        let ids = app.world.ids();
        app.selected = selection::keep(&ids, app.selected).or(ids.first().copied());
    }
    // What was asked about the present is no longer asked.
    app.confirm = app.confirm.take().filter(|confirm| *confirm == Confirm::Quit);
}

/// Comes back to the present: all that was told meanwhile is heard now.
fn come_back(app: &mut App) {
    let mut tape = std::mem::replace(&mut app.tape, Tape::stand_in(TapeMode::CatchingUp));
    let Some(present) = tape.present.take() else {
        app.tape = tape;
        return;
    };
    app.capabilities = present.capabilities;
    present.heard.put(app);
    catch_up(app, &mut tape, present.at, present.asides);
    tape.reel.close();
    app.tape = tape;
    settle(app, true);
}

/// Hears what was kept and not heard yet, after this many updates and so many asides.
fn catch_up(app: &mut App, tape: &mut Tape, from: usize, asides: usize) {
    (tape.shown, tape.at) = (from, tape.newest);
    let mut heard_asides = asides;
    while let Some(kept) = tape.reel.read(tape.shown).first().cloned() {
        for aside in kept.asides.into_iter().skip(std::mem::take(&mut heard_asides)) {
            aside::hear(app, aside);
        }
        hear(app, kept.update, kept.is_quiet, kept.now);
        (tape.at, tape.ahead) = (Moment { now: kept.now, time: kept.time }, Duration::ZERO);
        tape.shown += 1;
        tape.mark(app, tape.shown);
    }
    for aside in tape.asides.iter().skip(heard_asides).cloned() {
        aside::hear(app, aside);
    }
    tape.forget_oldest();
}

/// While the past is shown, the present goes on behind it, so that copies of it are made and the oldest updates can be forgotten.
fn make_room(app: &mut App) {
    let mut tape = std::mem::replace(&mut app.tape, Tape::stand_in(TapeMode::CatchingUp));
    let Some(present) = tape.present.take() else {
        app.tape = tape;
        return;
    };
    let (shown, at) = (tape.shown, tape.at);
    let kept = (app.selected, app.presenter, app.notice.take(), app.confirm.take());
    let past = std::mem::replace(&mut app.capabilities, present.capabilities);
    let past_heard = present.heard.put(app);
    catch_up(app, &mut tape, present.at, present.asides);
    let heard = past_heard.put(app);
    let (now_at, asides) = (tape.len(), tape.asides.len());
    let capabilities = std::mem::replace(&mut app.capabilities, past);
    (app.selected, app.presenter, app.notice, app.confirm) = kept;
    tape.present = Some(Box::new(Present { heard, at: now_at, asides, capabilities }));
    (tape.shown, tape.at) = (shown, at);
    tape.reel.close();
    app.tape = tape;
    app.output.draw_anew();
}
