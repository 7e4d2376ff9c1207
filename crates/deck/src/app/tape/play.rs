//! From one moment to a later one at the pace at which it happened.

use super::travel::{advance, show};
use super::{Moment, Tape, TapeMode};
use crate::app::App;
use std::time::Duration;

/// A longer stretch is shown faster, so that it takes no more real time than this.
const LONGEST: Duration = Duration::from_secs(4);

/// While it is played, the screen changes this often.
const STEP: Duration = Duration::from_millis(50);

/// A stretch that is being played.
#[derive(Clone, Copy, Debug)]
pub(super) struct Playing {
    /// To which position; `None`: to the end, wherever it is then.
    to: Option<usize>,
    /// When it began, and how long it takes, in the deck's time.
    began: Duration,
    takes: Duration,
    /// In cluster time: when what was shown at first happened, and how much happened after it.
    from: Duration,
    whole: Duration,
}

impl Playing {
    pub(super) fn next_change(&self, now: Duration) -> Duration {
        self.began.saturating_add(self.takes).min(now.saturating_add(STEP))
    }

    /// Which cluster time is shown at `now`; `None`: it is over.
    fn time(&self, now: Duration) -> Option<Duration> {
        let since = now.saturating_sub(self.began);
        // In frozen time nothing takes time.
        let is_over = since >= self.takes;
        let passed = || self.whole.mul_f64(since.as_secs_f64() / self.takes.as_secs_f64());
        (!is_over).then(|| self.from.saturating_add(passed()))
    }
}

/// Shows the updates up to a position at their pace, from where the screen is.
pub fn play(app: &mut App, to: usize, now: Duration) {
    let len = app.tape.len();
    (app.tape.playing, app.tape.ahead) = (None, Duration::ZERO);
    if !app.tape.is_behind() || to <= app.tape.shown {
        return show(app, to);
    }
    let from = app.tape.at.time;
    let until = app.tape.reel.read(to.min(len) - 1).first().map_or(from, |kept| kept.time);
    let whole = until.saturating_sub(from);
    let to = Some(to).filter(|to| *to < len);
    app.tape.playing = Some(Playing { to, began: now, takes: whole.min(LONGEST), from, whole });
    go_on(app, now);
}

/// Ends playing: what it goes to is shown at once.
pub fn jump(app: &mut App) {
    if let Some(playing) = app.tape.playing {
        show(app, playing.to.unwrap_or(usize::MAX));
    }
}

/// Goes on playing.
pub(in crate::app) fn go_on(app: &mut App, now: Duration) {
    let Some(playing) = app.tape.playing else { return };
    let to = playing.to.unwrap_or(usize::MAX);
    let Some(time) = playing.time(now) else { return show(app, to) };
    let mut tape = std::mem::replace(&mut app.tape, Tape::stand_in(TapeMode::Replaying));
    while tape.shown < to && tape.reel.read(tape.shown).first().is_some_and(|next| next.time <= time) {
        let next = tape.shown + 1;
        advance(app, &mut tape, next);
    }
    pass(&mut tape, time);
    app.tape = tape;
    app.logs.let_go();
    app.mark_changed();
}

/// Between two updates the deck's time passes as cluster time does.
fn pass(tape: &mut Tape, time: Duration) {
    let Some(next) = tape.reel.read(tape.shown).first() else { return };
    let Moment { now, time: before } = tape.at;
    let (way, whole) = (time.saturating_sub(before), next.time.saturating_sub(before));
    if !whole.is_zero() {
        let passed = next.now.saturating_sub(now).mul_f64((way.as_secs_f64() / whole.as_secs_f64()).min(1.0));
        tape.ahead = passed;
    }
}
