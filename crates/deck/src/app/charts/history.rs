//! Figures over time within a fixed amount of memory: in fine buckets for the newest time, in coarser ones for all the time before.
//!
//! Every figure goes into each tier of buckets. Each tier forgets its oldest bucket when it is full, so the memory is bounded by the
//! number of buckets and of nodes alone: under 10 MiB with 51 nodes, however long the deck runs ([`TIERS`]; a test computes it). A
//! column on the screen reads at most six buckets, so that drawing costs what the width costs and not what the age costs.

use super::bucket::{Bucket, Election, Gap, Gauges, Micros, NodeFigures};
use std::collections::VecDeque;

const SECOND: Micros = 1_000_000;

/// How long a bucket of each tier is, and how many of them are kept: 6 seconds, a minute, 6 minutes, 30 minutes, 8 hours, 24 hours.
pub(crate) const TIERS: [(Micros, usize); 6] = [
    (5_000, 1_200),
    (50_000, 1_200),
    (250_000, 1_440),
    (SECOND, 1_800),
    (10 * SECOND, 2_880),
    (60 * SECOND, 1_440),
];

/// The width of the coarsest buckets.
const COARSEST: Micros = TIERS[TIERS.len() - 1].0;

/// Buckets of one width.
#[derive(Clone, Debug)]
struct Tier {
    width: Micros,
    kept: usize,
    buckets: VecDeque<Bucket>,
    /// What was before this was forgotten.
    begins: Micros,
}

impl Tier {
    /// The bucket of this slot; a new one begins with the present state. `None`: it is older than what is kept.
    fn bucket(&mut self, slot: u64, gauges: &Gauges) -> Option<&mut Bucket> {
        let newest = self.buckets.back().map(|bucket| bucket.slot);
        if newest == Some(slot) {
            return self.buckets.back_mut();
        }
        let place = self.place(slot);
        if self.buckets.get(place).is_none_or(|bucket| bucket.slot != slot) {
            if slot.saturating_mul(self.width) < self.begins {
                return None;
            }
            self.buckets.insert(place, Bucket { slot, gauges: gauges.clone(), ..Bucket::default() });
        }
        if self.buckets.len() <= self.kept {
            return self.buckets.get_mut(place);
        }
        if let Some(oldest) = self.buckets.pop_front() {
            self.begins = oldest.slot.saturating_add(1).saturating_mul(self.width);
        }
        self.buckets.get_mut(place.checked_sub(1)?)
    }

    /// Forgets everything before this time.
    fn begin_anew(&mut self, time: Micros) {
        self.buckets.clear();
        self.begins = time / self.width * self.width;
    }

    /// Where the first bucket of this slot or a later one is.
    fn place(&self, slot: u64) -> usize {
        self.buckets.partition_point(|bucket| bucket.slot < slot)
    }

    /// The buckets that touch a time.
    fn touching(&self, from: Micros, to: Micros) -> impl Iterator<Item = &Bucket> {
        let last = to.saturating_sub(1).max(from) / self.width;
        let first = self.place(from / self.width);
        self.buckets.range(first..).take_while(move |bucket| bucket.slot <= last)
    }
}

/// Figures over time.
#[derive(Clone, Debug)]
pub(crate) struct History {
    tiers: [Tier; TIERS.len()],
    /// The present state.
    gauges: Gauges,
    /// The oldest and the newest time of which anything is known.
    known: Option<(Micros, Micros)>,
}

impl Default for History {
    fn default() -> Self {
        let tier = |(width, kept)| Tier { width, kept, buckets: VecDeque::new(), begins: 0 };
        Self { tiers: TIERS.map(tier), gauges: Gauges::default(), known: None }
    }
}

impl History {
    /// The time of which anything is known; `None`: nothing is.
    #[must_use]
    pub(crate) fn known(&self) -> Option<(Micros, Micros)> {
        let (oldest, newest) = self.known?;
        // Once the coarsest tier has forgotten something, that is forgotten for good.
        Some((oldest.max(self.tiers.last().map_or(0, |tier| tier.begins)), newest))
    }

    fn is_known(&mut self, from: Micros, to: Micros) {
        let (oldest, newest) = self.known.unwrap_or((from, to));
        self.known = Some((oldest.min(from), newest.max(to)));
    }

    /// Spreads something over a time: each bucket is given how many seconds of it are in the bucket, and which part of the whole that
    /// is. A time of no length is in one bucket, with all of it in no seconds.
    pub(crate) fn spread(&mut self, from: Micros, to: Micros, add: impl Fn(&mut Bucket, f32, f32)) {
        self.is_known(from, to);
        let whole = to.saturating_sub(from);
        for tier in &mut self.tiers {
            let last = if whole == 0 { to / tier.width } else { (to - 1) / tier.width };
            let mut first = from / tier.width;
            if last - first >= tier.kept as u64 {
                // It is longer than what is kept: the coarser tiers have it.
                if tier.width < COARSEST {
                    tier.begin_anew(to);
                    continue;
                }
                first = last.saturating_sub(tier.kept as u64 - 1);
            }
            for slot in first..=last {
                let begins = slot.saturating_mul(tier.width).max(from);
                let ends = slot.saturating_add(1).saturating_mul(tier.width).min(to);
                let micros = ends.saturating_sub(begins);
                let part = if whole == 0 { 1.0 } else { ratio(micros, whole) };
                if let Some(bucket) = tier.bucket(slot, &self.gauges) {
                    add(bucket, ratio(micros, SECOND), part);
                }
            }
        }
    }

    /// Notes something of one moment.
    pub(crate) fn note(&mut self, at: Micros, add: impl Fn(&mut Bucket)) {
        self.spread(at, at, |bucket, _, _| add(bucket));
    }

    /// The state changed.
    pub(crate) fn set(&mut self, at: Micros, gauges: Gauges) {
        if gauges == self.gauges {
            return;
        }
        let changed: Vec<NodeFigures> =
            gauges.nodes.iter().filter(|figures| !self.gauges.nodes.contains(figures)).copied().collect();
        let leader = gauges.leader;
        self.gauges = gauges;
        self.note(at, |bucket| {
            bucket.gauges.leader = leader;
            for figures in &changed {
                bucket.note_node(*figures);
            }
        });
    }

    /// A gap began, grew, or ended.
    pub(crate) fn note_gap(&mut self, gap: Gap) {
        self.note(gap.start, |bucket| bucket.note_gap(gap));
    }

    /// Somebody campaigned or won.
    pub(crate) fn note_election(&mut self, election: Election) {
        self.note(election.at, |bucket| bucket.note_election(election));
    }

    /// The gap that began then, if it is remembered.
    #[must_use]
    pub(crate) fn gap(&self, start: Micros) -> Option<Gap> {
        let of = |tier: &Tier| tier.touching(start, start).next().and_then(|bucket| bucket.gap);
        self.tiers.iter().filter_map(of).find(|gap| gap.start == start)
    }

    /// The tier that a column of this width is read from: the coarsest whose buckets are no wider, or, if that one has forgotten this
    /// time, the finest that has not.
    fn tier(&self, from: Micros, width: Micros) -> Option<&Tier> {
        let fine = self.tiers.iter().rposition(|tier| tier.width <= width).unwrap_or(0);
        self.tiers[fine..].iter().find(|tier| tier.begins <= from)
    }

    /// The buckets that make up a column.
    fn of_column(&self, from: Micros, to: Micros) -> impl Iterator<Item = &Bucket> {
        self.tier(from, to - from).into_iter().flat_map(move |tier| tier.touching(from, to))
    }

    /// All that is known of a column of time; `None`: nothing.
    #[must_use]
    pub(crate) fn column(&self, from: Micros, to: Micros) -> Option<Bucket> {
        let mut buckets = self.of_column(from, to);
        let mut column = buckets.next()?.clone();
        buckets.for_each(|later| column.merge(later));
        Some(column)
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "what is drawn has a few hundred steps"
)]
fn ratio(part: Micros, whole: Micros) -> f32 {
    (part as f64 / whole as f64) as f32
}

#[cfg(test)]
mod tests;
