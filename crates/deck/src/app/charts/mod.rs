//! What the Charts view shows: figures over time, and which part of that time. All times are cluster time.
//!
//! `watch` turns updates into figures, `history` keeps them within a fixed amount of memory, and the cursor and the
//! zoom say which of them are on the screen.

mod availability;
pub(crate) mod bucket;
pub(crate) mod history;
mod watch;

#[cfg(test)]
mod tests;

use bucket::Micros;
use history::History;
use raftdeck_model::{Update, World};
use std::time::Duration;
use watch::Watch;

/// How much time a column can be, in microseconds.
pub(crate) const ZOOMS: [Micros; 14] = [
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
];

/// At first a column is a quarter of a second: a gap of an election's length is seen, and half a minute is in view.
const FIRST_ZOOM: usize = 5;

/// While the charts follow, they are redrawn at most this often, in real time.
const REDRAW: Duration = Duration::from_millis(250);

/// Figures of coarser columns are brought up to date this often, in cluster time.
const UP_TO_DATE: Micros = 1_000_000;

/// How far back a newest figure counts as the present one.
const PRESENT: Micros = 1_000_000;

/// What was drawn last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charted {
    /// The newest time of which anything was known.
    newest: Micros,
    /// When it was drawn, in the deck's time.
    at: Duration,
    /// Whether newer figures would have been in view.
    is_live: bool,
}

/// Which time is on the screen: columns, counted from the beginning of cluster time. Those before it are empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// The leftmost column.
    pub(crate) first: i64,
    /// How many there are.
    pub(crate) columns: u16,
    /// How much time a column is.
    pub(crate) width: Micros,
    /// The column with the cursor; `None`: the newest is followed.
    pub(crate) cursor: Option<u16>,
}

impl Window {
    /// The time of one of its columns; `None`: it is before the beginning.
    #[must_use]
    pub(crate) fn span(&self, column: u16) -> Option<(Micros, Micros)> {
        let number = u64::try_from(self.first.saturating_add(i64::from(column))).ok()?;
        let from = number.saturating_mul(self.width);
        Some((from, from.saturating_add(self.width)))
    }
}

/// The Charts view's state.
#[derive(Clone, Debug)]
pub struct Charts {
    history: History,
    watch: Watch,
    zoom: usize,
    /// The time under the cursor; `None`: the newest is followed.
    cursor: Option<Micros>,
    /// The leftmost column, while the newest is not followed.
    first: i64,
}

impl Default for Charts {
    fn default() -> Self {
        Self {
            history: History::default(),
            watch: Watch::default(),
            zoom: FIRST_ZOOM,
            cursor: None,
            first: 0,
        }
    }
}

impl Charts {
    /// Notes an update; the world knows it already.
    pub(crate) fn hear(&mut self, update: &Update, world: &World, is_slow: bool) {
        self.watch.hear(update, world, is_slow, &mut self.history);
    }

    /// Keeps where the person reads: the zoom and the cursor.
    pub(super) fn keep_reader(&mut self, before: &Self) {
        (self.zoom, self.cursor, self.first) = (before.zoom, before.cursor, before.first);
    }

    /// The figures.
    #[must_use]
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// How much time a column is.
    #[must_use]
    pub(crate) fn width(&self) -> Micros {
        ZOOMS[self.zoom.min(ZOOMS.len() - 1)]
    }

    /// Whether the newest figures are followed.
    #[must_use]
    pub fn follows(&self) -> bool {
        self.cursor.is_none()
    }

    fn column_of(&self, time: Micros) -> i64 {
        i64::try_from(time / self.width()).unwrap_or(i64::MAX)
    }

    /// The columns of the oldest and of the newest time of which anything is known.
    fn ends(&self) -> (i64, i64) {
        let (oldest, newest) = self.history.known().unwrap_or_default();
        (self.column_of(oldest), self.column_of(newest))
    }

    /// Which column of a window has the newest figures; it may be right of it.
    #[must_use]
    pub(crate) fn newest(&self, window: Window) -> Option<usize> {
        usize::try_from(self.ends().1.checked_sub(window.first)?).ok()
    }

    /// The short column of a window whose time is not over yet: its rates would jump with each update.
    #[must_use]
    pub(crate) fn unfinished(&self, window: Window) -> Option<usize> {
        self.newest(window).filter(|_| window.width <= UP_TO_DATE)
    }

    /// What is in view, if there is room for this many columns.
    #[must_use]
    pub(crate) fn window(&self, columns: u16) -> Window {
        let (oldest, newest) = self.ends();
        let room = i64::from(columns.max(1));
        let following = newest.saturating_sub(room - 1);
        let width = self.width();
        let Some(time) = self.cursor else {
            return Window { first: following, columns, width, cursor: None };
        };
        let cursor = self.column_of(time).clamp(oldest, newest);
        let first = self.first.clamp(cursor.saturating_sub(room - 1), cursor).min(following);
        let cursor = u16::try_from(cursor.saturating_sub(first)).ok();
        Window { first, columns, width, cursor }
    }

    /// Moves the cursor by this many columns. Past the newest column it follows.
    pub(crate) fn step(&mut self, by: i64, columns: u16) {
        let (oldest, newest) = self.ends();
        let window = self.window(columns);
        let from = window.cursor.map_or(newest, |cursor| window.first.saturating_add(i64::from(cursor)));
        self.first = window.first;
        self.go_to_column(from.saturating_add(by).max(oldest), newest);
        self.first = self.window(columns).first;
    }

    fn go_to_column(&mut self, column: i64, newest: i64) {
        let time = u64::try_from(column).unwrap_or(0).saturating_mul(self.width());
        self.cursor = (column < newest && self.history.known().is_some()).then_some(time);
    }

    /// Puts the cursor on a time; it stays where it is on the screen.
    pub(crate) fn go_to(&mut self, time: Micros, columns: u16) {
        self.first = self.window(columns).first;
        self.go_to_column(self.column_of(time), self.ends().1);
    }

    /// To the oldest figures.
    pub(crate) fn go_to_start(&mut self) {
        let (oldest, newest) = self.ends();
        self.first = oldest;
        self.go_to_column(oldest, newest);
    }

    /// To the newest figures, and follows them.
    pub(crate) fn follow(&mut self) {
        self.cursor = None;
    }

    /// Whether a column can be less time, or more.
    #[must_use]
    pub(crate) fn can_zoom(&self, closer: bool) -> bool {
        if closer { self.zoom > 0 } else { self.zoom + 1 < ZOOMS.len() }
    }

    /// A column is less time, or more. The cursor stays where it is on the screen.
    pub(crate) fn zoom(&mut self, closer: bool, columns: u16) {
        if !self.can_zoom(closer) {
            return;
        }
        let place = self.window(columns).cursor.unwrap_or(0);
        self.zoom = if closer { self.zoom - 1 } else { self.zoom + 1 };
        if let Some(time) = self.cursor {
            self.first = self.column_of(time).saturating_sub(i64::from(place));
        }
    }

    /// How many of the newest columns count as the present, if the newest is followed.
    #[must_use]
    pub(crate) fn present(&self) -> u16 {
        u16::try_from(PRESENT.div_ceil(self.width())).unwrap_or(u16::MAX)
    }

    /// What is drawn of this window now.
    #[must_use]
    pub(crate) fn charted(&self, window: Window, now: Duration) -> Charted {
        let newest = self.history.known().map_or(0, |(_, newest)| newest);
        let last = window.first.saturating_add(i64::from(window.columns)).saturating_sub(1);
        Charted { newest, at: now, is_live: self.ends().1 <= last }
    }

    /// When the charts are to be drawn again without any message, given what was drawn last: soon, if there is something newer to
    /// see; never, if nothing new was reported.
    #[must_use]
    pub fn next_change(&self, drawn: Option<Charted>) -> Option<Duration> {
        let drawn = drawn.filter(|drawn| drawn.is_live)?;
        let (_, newest) = self.history.known()?;
        let step = self.width().min(UP_TO_DATE);
        (newest / step > drawn.newest / step).then(|| drawn.at.saturating_add(REDRAW))
    }
}

impl Charts {
    /// How much memory the figures of this many nodes take at most, in bytes.
    #[cfg(test)]
    fn bound(nodes: usize) -> usize {
        let bucket = size_of::<bucket::Bucket>() + nodes * size_of::<bucket::NodeFigures>();
        history::TIERS.iter().map(|(_, kept)| (kept + 1) * bucket).sum()
    }
}

/// A span of time in microseconds.
pub(crate) fn duration(micros: Micros) -> Duration {
    Duration::from_micros(micros)
}
