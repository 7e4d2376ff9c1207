//! When the cluster served, and when it did not.
//!
//! While a workload runs, a gap is a time in which no write was acknowledged, by the source's own count. Otherwise it is a time
//! without a leader that can commit, once there has been one.

use super::bucket::{Gap, GapEnd, GapKind, Micros};
use super::history::History;
use raftdeck_model::WorkloadFigures;

/// A shorter time without an acknowledged write is no gap: an ordinary write may take so long.
pub(crate) const LEAST_GAP: Micros = 100_000;

/// What is remembered to judge the next time.
#[derive(Clone, Debug, Default)]
pub(super) struct Availability {
    /// The time up to here is judged.
    judged: Micros,
    /// Whether a leader that can commit is known; `None`: none was there yet.
    serves: Option<bool>,
    /// Whether a workload runs.
    loaded: bool,
    /// The gap that lasts.
    open: Option<Gap>,
    /// The longest gap of the workload so far, in milliseconds.
    longest_ms: u64,
}

impl Availability {
    /// Time has passed in which nothing else is known to have changed.
    pub(super) fn pass(&mut self, at: Micros, history: &mut History) {
        if self.loaded {
            return;
        }
        match self.serves {
            Some(true) => self.up(at, history),
            Some(false) => self.lasts(at, history),
            None => self.judged = at,
        }
    }

    /// From now on there is a leader that can commit, or there is none.
    pub(super) fn serves(&mut self, at: Micros, serves: Option<bool>, history: &mut History) {
        // What there is before the first leader is the start, and no gap.
        let serves = match (self.serves, serves) {
            (None, Some(false)) => None,
            (before, now) => now.or(before.map(|_| false)),
        };
        let before = std::mem::replace(&mut self.serves, serves);
        if self.loaded || before == serves {
            return;
        }
        if serves == Some(false) {
            self.begins(at, GapKind::NoLeader);
        } else {
            self.ends(at, GapEnd::Over, history);
        }
    }

    /// The workload's figures, and when those before came, if it ran.
    pub(super) fn load(
        &mut self,
        at: Micros,
        figures: &WorkloadFigures,
        before: Option<Micros>,
        history: &mut History,
    ) {
        if !self.loaded {
            self.ends(at, GapEnd::Over, history);
            self.judged = at;
            self.longest_ms = figures.longest_gap_ms;
        }
        let begun = before.is_some_and(|_| self.loaded);
        self.loaded = figures.running;
        if begun {
            self.ended(at, figures, history);
        }
        let gap = figures.gap_ms.saturating_mul(1000);
        let last = at.saturating_sub(gap);
        if figures.running {
            // What follows the last acknowledgement is judged when the next one has come, or when it has become a gap.
            if gap >= LEAST_GAP {
                self.up(last, history);
                if self.open.is_none() {
                    self.begins(last, GapKind::NoWrite);
                }
                self.lasts(at, history);
            } else {
                self.up(last, history);
            }
        } else {
            self.judged = at;
            if self.serves == Some(false) {
                self.begins(at, GapKind::NoLeader);
            }
        }
        self.longest_ms = figures.longest_gap_ms;
    }

    /// A gap that ended since the figures before.
    fn ended(&mut self, at: Micros, figures: &WorkloadFigures, history: &mut History) {
        let last = at.saturating_sub(figures.gap_ms.saturating_mul(1000));
        let Some(gap) = figures.ended_gap else {
            // Figures are in whole milliseconds.
            if self.open.is_some_and(|open| last > open.start.saturating_add(2_000)) {
                self.ends_unseen(figures, history);
            }
            return;
        };
        if gap.length_micros < LEAST_GAP {
            return;
        }
        let start = at.saturating_sub(gap.ago_micros).saturating_sub(gap.length_micros);
        let is_open = self.open.is_some_and(|open| open.start.abs_diff(start) < LEAST_GAP / 2);
        if !is_open {
            self.ends(self.judged, GapEnd::AtLeast, history);
            self.up(start, history);
            self.begins(start, GapKind::NoWrite);
        }
        let start = self.open.map_or(start, |open| open.start);
        self.ends(start.saturating_add(gap.length_micros), GapEnd::Over, history);
    }

    /// An older source does not tell when a gap ended. If it is the longest so far, its length is known nevertheless.
    fn ends_unseen(&mut self, figures: &WorkloadFigures, history: &mut History) {
        let Some(open) = self.open else { return };
        let seen = self.judged;
        if figures.longest_gap_ms > self.longest_ms {
            let end = open.start.saturating_add(figures.longest_gap_ms.saturating_mul(1000));
            self.ends(end.max(seen), GapEnd::Over, history);
        } else {
            self.ends(seen, GapEnd::AtLeast, history);
        }
    }

    fn begins(&mut self, start: Micros, kind: GapKind) {
        self.open = Some(Gap { start, length: 0, end: GapEnd::Open, kind });
    }

    /// The cluster served from what is judged until then.
    fn up(&mut self, until: Micros, history: &mut History) {
        if until > self.judged {
            history.spread(self.judged, until, |bucket, seconds, _| bucket.up += seconds);
            self.judged = until;
        }
    }

    /// The gap goes on at least until then.
    fn lasts(&mut self, until: Micros, history: &mut History) {
        let Some(mut gap) = self.open else { return };
        let from = self.judged.max(gap.start);
        if until > from {
            history.spread(from, until, |bucket, seconds, _| {
                bucket.down += seconds;
                bucket.down_since = Some(gap.start);
            });
            self.judged = until;
        }
        gap.length = until.saturating_sub(gap.start);
        self.open = Some(gap);
        history.note_gap(gap);
    }

    fn ends(&mut self, at: Micros, end: GapEnd, history: &mut History) {
        self.lasts(at.max(self.judged), history);
        if let Some(gap) = self.open.take() {
            history.note_gap(Gap { length: at.max(gap.start) - gap.start, end, ..gap });
        }
    }
}
