//! Going back: the deck keeps what it hears, and shows the world as it was at any of its updates.
//!
//! The past is heard again, by the functions that heard it first and with the same times, so every view shows it as it did then. What
//! is heard again has no effect: nothing is sent to the source, and neither scripts nor drills hear it. Meanwhile what the source goes
//! on to tell is only kept; the deck hears it when it comes back to the present.
//!
//! A position is a number of updates: the world after this many of them. Copies of what was known at some positions (`Keyframe`) are
//! kept as well, so that going back does not begin at the beginning.

mod aside;
mod heard;
mod play;
mod reel;
mod travel;

#[cfg(test)]
mod tests;

pub(in crate::app) use aside::{Aside, note};
pub(in crate::app) use play::go_on;
pub use play::{jump, play};
pub use travel::show;
pub(in crate::app) use travel::{keep, kept};

use crate::app::App;
use heard::Heard;
use play::Playing;
use raftdeck_model::{Capabilities, News, Update};
use raftdeck_protocol::ClockRate;
use reel::{Kept, Reel, SEGMENT};
use std::time::Duration;

/// Why a key that would change the cluster does nothing while the past is shown.
pub const PAST: &str = "this is the past: PageDown goes on to the present";

/// The same while a recording is shown.
const RECORDED: &str = "this is a recording: it cannot be changed";

/// The most memory that the updates take, packed: ten minutes of five nodes under load. Beyond it the oldest are forgotten.
const MAX_BYTES: usize = 48 << 20;

/// The most copies of what was known. Each takes a few MiB.
const MAX_KEYFRAMES: usize = 6;

/// At first a copy is made after this many segments.
const KEYFRAME_SEGMENTS: usize = 4;

/// What was known at a position.
#[derive(Debug)]
struct Keyframe {
    at: usize,
    /// When the last update before it was heard.
    moment: Moment,
    heard: Heard,
}

/// When an update was heard.
#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    /// In the deck's time.
    now: Duration,
    /// In cluster time.
    time: Duration,
}

/// The present, while the past is shown.
#[derive(Debug)]
struct Present {
    heard: Heard,
    /// How many updates it includes, and how many asides after the last one.
    at: usize,
    asides: usize,
    capabilities: Capabilities,
}

/// What the deck heard since the cluster began, and which part of it is shown. A plain deck keeps nothing.
#[derive(Debug, Default)]
pub struct Tape {
    /// What to do with updates.
    mode: TapeMode,
    reel: Reel,
    /// The oldest one is where the tape begins.
    keyframes: Vec<Keyframe>,
    /// A copy is made this many updates after the last one.
    spacing: usize,
    /// How many updates the screen shows, when the last one of them was heard, and how much of the deck's time passed after it.
    shown: usize,
    at: Moment,
    ahead: Duration,
    /// When the newest update was heard.
    newest: Moment,
    /// What the deck took note of since then.
    asides: Vec<Aside>,
    present: Option<Box<Present>>,
    playing: Option<Playing>,
    most_bytes: usize,
}

/// What a tape does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum TapeMode {
    /// Nothing.
    #[default]
    Off,
    /// It keeps what a source tells.
    Keeping,
    /// It has all that there is: nothing is live.
    Whole,
    /// In its place while it is heard again, in the past.
    Replaying,
    /// In its place while the deck hears what it missed.
    CatchingUp,
}

impl Tape {
    /// A tape that begins with what the deck knows now.
    fn begin(heard: Heard, mode: TapeMode, moment: Moment) -> Self {
        let first = Keyframe { at: 0, moment, heard };
        let spacing = KEYFRAME_SEGMENTS * SEGMENT;
        let (keyframes, most_bytes) = (vec![first], MAX_BYTES);
        Self { mode, keyframes, spacing, most_bytes, at: moment, newest: moment, ..Self::default() }
    }

    /// A whole recording. Nothing is live: its end is the end.
    #[must_use]
    pub fn of(updates: impl IntoIterator<Item = Update>) -> Self {
        let mut tape = Self::begin(Heard::default(), TapeMode::Whole, Moment::default());
        let (mut now, mut rate) = (Duration::ZERO, ClockRate::REAL);
        for update in updates {
            // How long it took then, as far as the rate of cluster time tells.
            let passed = tape.time_of(&update).saturating_sub(tape.newest.time);
            now = now.saturating_add(rate.takes(passed).unwrap_or(passed));
            if let News::Time(time) = &update.what {
                rate = time.rate;
            }
            tape.push(update, false, now);
        }
        tape.newest = tape.at;
        tape
    }

    /// The oldest position that can be gone back to.
    #[must_use]
    pub fn from(&self) -> usize {
        self.keyframes.first().map_or(0, |oldest| oldest.at)
    }

    /// How many updates were heard: the position of the end.
    #[must_use]
    pub fn len(&self) -> usize {
        self.reel.len()
    }

    /// Whether nothing was heard.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of them the screen shows.
    #[must_use]
    pub fn shown(&self) -> usize {
        self.shown
    }

    /// Whether there is something after what the screen shows.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.is_past() && self.shown < self.len()
    }

    /// Whether it is played just now.
    #[must_use]
    pub fn is_playing(&self) -> bool {
        self.playing.is_some()
    }

    /// How much memory the kept updates take, about, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.reel.bytes()
    }

    /// Whether what is shown is not a cluster that could be changed: it is the past, or a recording.
    #[must_use]
    pub fn is_past(&self) -> bool {
        self.present.is_some() || matches!(self.mode, TapeMode::Whole | TapeMode::Replaying)
    }

    /// Whether the screen shows the past of a cluster that lives.
    #[must_use]
    pub fn has_present(&self) -> bool {
        self.present.is_some()
    }

    /// Why nothing can be changed now.
    pub(crate) fn why_not(&self) -> &'static str {
        if self.present.is_some() { PAST } else { RECORDED }
    }

    /// Whether anything is kept.
    pub(in crate::app) fn is_on(&self) -> bool {
        self.mode != TapeMode::Off
    }

    /// Whether what the deck hears now happened long ago.
    pub(in crate::app) fn is_replaying(&self) -> bool {
        self.mode == TapeMode::Replaying
    }

    /// When, in the deck's time, what the screen shows at `now` was the present.
    pub(in crate::app) fn moment(&self, now: Duration) -> Duration {
        if self.present.is_some() || self.mode == TapeMode::Whole {
            self.at.now.saturating_add(self.ahead)
        } else {
            now
        }
    }

    /// When the screen next changes while it is played.
    pub(in crate::app) fn next_change(&self, now: Duration) -> Option<Duration> {
        self.playing.as_ref().map(|playing| playing.next_change(now))
    }

    /// Whether what the source tells is kept.
    pub(in crate::app) fn is_keeping(&self) -> bool {
        self.mode == TapeMode::Keeping
    }

    /// What the source can do, when the present is shown.
    pub(in crate::app) fn capabilities(&self) -> Option<&Capabilities> {
        self.present.as_ref().map(|present| &present.capabilities)
    }

    /// The cluster time of an update. The program's own updates have the number 0, and a time that is only estimated.
    fn time_of(&self, update: &Update) -> Duration {
        if update.seq == 0 { self.newest.time } else { self.newest.time.max(update.at) }
    }

    /// Keeps an update. Says whether a segment is full.
    fn push(&mut self, update: Update, is_quiet: bool, now: Duration) -> bool {
        let time = self.time_of(&update);
        self.newest = Moment { now, time };
        let asides = std::mem::take(&mut self.asides);
        self.reel.push(Kept { now, time, is_quiet, asides, update })
    }

    /// Keeps an aside. Says whether it waits until the deck comes back to the present.
    fn takes_aside(&mut self, aside: &Aside) -> bool {
        if self.mode == TapeMode::Keeping {
            self.asides.push(aside.clone());
        }
        self.present.is_some()
    }

    fn stand_in(mode: TapeMode) -> Self {
        Self { mode, ..Self::default() }
    }

    /// Takes note of what is known at a position where a segment begins.
    fn mark(&mut self, app: &App, at: usize) {
        let newest = self.keyframes.last().map_or(0, |newest| newest.at);
        if at < newest.saturating_add(self.spacing) || !at.is_multiple_of(SEGMENT) {
            return;
        }
        if self.keyframes.len() == MAX_KEYFRAMES {
            let mut keep = false;
            self.keyframes.retain(|_| {
                keep = !keep;
                keep
            });
            self.spacing *= 2;
        }
        self.keyframes.push(Keyframe { at, moment: self.at, heard: Heard::of(app) });
    }

    /// Forgets the oldest updates, if there are too many. Those that a copy begins with can be forgotten.
    fn forget_oldest(&mut self) {
        self.reel.close();
        while self.bytes() > self.most_bytes && self.keyframes.len() > 1 {
            self.keyframes.remove(0);
            self.reel.forget(self.from());
        }
    }

    /// The last copy of what was known that is no later than this position.
    fn keyframe(&self, to: usize) -> Option<&Keyframe> {
        self.keyframes.iter().rev().find(|keyframe| keyframe.at <= to)
    }
}

impl App {
    /// From now on keeps what is heard, so that it can be gone back to, of this cluster and of those that take its place.
    pub fn keep_tape(&mut self) {
        self.begin_tape(Duration::ZERO);
    }

    pub(in crate::app) fn begin_tape(&mut self, now: Duration) {
        let moment = Moment { now, time: self.clock.at(now) };
        self.tape = Tape::begin(Heard::of(self), TapeMode::Keeping, moment);
    }

    /// Shows this tape in place of a cluster, from its beginning. `capabilities`: those of a recording.
    pub fn load_tape(&mut self, tape: Tape, capabilities: Capabilities, now: Duration) {
        self.begin_anew(capabilities, now);
        self.tape = tape;
    }

    /// What is kept of what was heard.
    #[must_use]
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// When, in the deck's time, what the screen shows at `now` was the present.
    pub(crate) fn shown_at(&self, now: Duration) -> Duration {
        self.tape.moment(now)
    }
}
