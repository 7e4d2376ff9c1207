//! The time axis that all pictures of a run share, and rows for labels that must not overlap.

use super::words::Origin;
use maud::{Markup, Render, html};
use std::fmt::Write;
use std::time::Duration;

/// How wide a picture is.
pub(super) const WIDTH: f64 = 1160.0;
/// Where the axis begins; what its rows are stands left of it.
pub(super) const LEFT: f64 = 84.0;
/// Where it ends; labels of late moments reach into the rest.
pub(super) const RIGHT: f64 = WIDTH - 112.0;
/// How tall the axis is below a picture.
pub(super) const AXIS_HEIGHT: f64 = 40.0;

const LEAST_BETWEEN: f64 = 84.0;
const LEAST_BETWEEN_T: f64 = 44.0;

/// A coordinate, written with one decimal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Px(pub(super) f64);

impl Render for Px {
    fn render_to(&self, buffer: &mut String) {
        let finite = if self.0.is_finite() { self.0 } else { 0.0 };
        write!(buffer, "{finite:.1}").expect("a String takes all that is written");
    }
}

/// A count as a coordinate.
pub(super) fn count(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// How wide a text is at most, at the size of labels.
pub(super) fn label_width(text: &str) -> f64 {
    count(text.chars().count()) * 6.4 + 8.0
}

/// A part of a picture, drawn at its place.
pub(super) struct Part {
    /// How tall it is.
    pub(super) height: f64,
    /// What it looks like.
    pub(super) markup: Markup,
}

/// The part of a run that a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// From when.
    pub(super) from: Duration,
    /// Until when.
    pub(super) until: Duration,
}

/// Where a time is in a picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// The part of the run that is shown, which is never empty.
    window: Window,
    /// The moment that times are told from.
    pub(super) origin: Origin,
    t: Duration,
}

/// A mark on the axis: where, and what it says.
pub(super) type Tick = (f64, String);

impl Axis {
    /// An axis for this part of a run. `t` is the length of a T.
    pub(super) fn new(window: Window, origin: Origin, t: Duration) -> Self {
        let until = window.until.max(window.from.saturating_add(Duration::from_millis(1)));
        Self { window: Window { until, ..window }, origin, t }
    }

    /// Where a time is, at the edge if it is outside.
    pub(super) fn x(&self, at: Duration) -> f64 {
        let share = at.saturating_sub(self.window.from).as_secs_f64() / self.span().as_secs_f64();
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    /// Whether a time is shown.
    pub(super) fn shows(&self, at: Duration) -> bool {
        (self.window.from..=self.window.until).contains(&at)
    }

    /// The shown part of a time with a length. `None`: none of it is.
    pub(super) fn clip(&self, from: Duration, until: Duration) -> Option<(f64, f64)> {
        let overlaps = from <= self.window.until && until >= self.window.from;
        overlaps.then(|| (self.x(from), self.x(until)))
    }

    fn span(&self) -> Duration {
        self.window.until.saturating_sub(self.window.from)
    }

    /// Marks at round times.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let span = self.span().as_secs_f64() * 1000.0;
        let step = round_step(span * LEAST_BETWEEN / (RIGHT - LEFT));
        self.multiples(step).into_iter().map(|(x, millis)| (x, time_label(millis, step))).collect()
    }

    /// Marks at whole numbers of T. None if a T has no length.
    pub(super) fn t_ticks(&self) -> Vec<Tick> {
        let t = self.t.as_secs_f64() * 1000.0;
        if t <= 0.0 {
            return Vec::new();
        }
        let span = self.span().as_secs_f64() * 1000.0;
        let step = round_step((span / t * LEAST_BETWEEN_T / (RIGHT - LEFT)).max(1.0));
        let told = |millis: f64| format!("{}T", signed((millis / t).round(), 0));
        self.multiples(step * t).into_iter().map(|(x, millis)| (x, told(millis))).collect()
    }

    /// The multiples of a step that are shown, with their milliseconds since the origin.
    fn multiples(&self, step: f64) -> Vec<(f64, f64)> {
        let from = self.origin.millis_until(self.window.from);
        let span = self.span().as_secs_f64() * 1000.0;
        let mut found = Vec::new();
        let mut next = (from / step - 1e-6).ceil() * step;
        while next <= from + span + step * 1e-6 && found.len() < 64 {
            found.push((LEFT + ((next - from) / span).clamp(0.0, 1.0) * (RIGHT - LEFT), next));
            next += step;
        }
        found
    }

    /// The lines at round times behind a picture.
    pub(super) fn grid(&self, from: f64, until: f64) -> Markup {
        html! {
            g class="grid" {
                @for (x, _) in self.ticks() {
                    line x1=(Px(x)) x2=(Px(x)) y1=(Px(from)) y2=(Px(until)) {}
                }
            }
        }
    }

    /// The axis with its labels: times in the first row, T in the second one.
    pub(super) fn scale(&self, y: f64) -> Part {
        let markup = html! {
            g class="scale" {
                line x1=(Px(LEFT)) x2=(Px(RIGHT)) y1=(Px(y)) y2=(Px(y)) {}
                text class="row" x=(Px(LEFT - 34.0)) y=(Px(y + 15.0)) { "time" }
                @for (x, label) in self.ticks() {
                    line x1=(Px(x)) x2=(Px(x)) y1=(Px(y)) y2=(Px(y + 5.0)) {}
                    text x=(Px(x)) y=(Px(y + 15.0)) { (label) }
                }
                @for (x, label) in self.t_ticks() {
                    line class="t" x1=(Px(x)) x2=(Px(x)) y1=(Px(y - 3.0)) y2=(Px(y)) {}
                    text class="t" x=(Px(x)) y=(Px(y + 30.0)) { (label) }
                }
                @if !self.t.is_zero() {
                    text class="row t" x=(Px(LEFT - 34.0)) y=(Px(y + 30.0)) { "in T" }
                }
            }
        };
        Part { height: AXIS_HEIGHT, markup }
    }
}

/// The least of 1, 2, 5, 10, 20, … (and a tenth, a hundredth, … of these) that is not less than this.
fn round_step(least: f64) -> f64 {
    let decade = 10_f64.powf(least.max(0.1).log10().floor());
    [1.0, 2.0, 5.0]
        .map(|factor| factor * decade)
        .into_iter()
        .find(|step| *step >= least * 0.999)
        .unwrap_or(10.0 * decade)
}

fn time_label(millis: f64, step: f64) -> String {
    if step >= 1000.0 {
        return format!("{} s", signed(millis / 1000.0, 0));
    }
    if step >= 100.0 && millis.abs() >= 10_000.0 {
        return format!("{} s", signed(millis / 1000.0, 1));
    }
    format!("{} ms", signed(millis, usize::from(step < 1.0)))
}

fn signed(value: f64, decimals: usize) -> String {
    let figure = format!("{:.decimals$}", value.abs());
    let is_zero = figure.chars().all(|c| c == '0' || c == '.');
    let sign = match () {
        () if is_zero => "",
        () if value < 0.0 => "−",
        () => "+",
    };
    format!("{sign}{figure}")
}

/// Rows of labels. Labels are placed from left to right, each in the first row in which neither it nor a line down from its left end
/// crosses another label.
#[derive(Debug)]
pub(super) struct Rows {
    ends: Vec<f64>,
    most: usize,
}

impl Rows {
    /// At most this many rows.
    pub(super) fn new(most: usize) -> Self {
        Self { ends: Vec::new(), most }
    }

    /// The row for a label from here to there. `None`: all rows are taken there.
    pub(super) fn place(&mut self, from: f64, until: f64) -> Option<usize> {
        let row = self.ends.iter().rposition(|end| *end > from).map_or(0, |taken| taken + 1);
        if row >= self.most {
            return None;
        }
        self.ends.truncate(row);
        self.ends.push(until);
        Some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn axis(from: u64, until: u64) -> Axis {
        let window = Window { from: Duration::from_millis(from), until: Duration::from_millis(until) };
        Axis::new(window, Origin::of(&sample::passed()), Duration::from_millis(150))
    }

    #[test]
    fn the_fault_is_zero_and_ticks_have_units() {
        let axis = axis(4000, 9000);
        let labels: Vec<String> = axis.ticks().into_iter().map(|(_, label)| label).collect();
        assert!(labels.contains(&"0 ms".to_owned()) && labels.contains(&"−500 ms".to_owned()), "{labels:?}");
        let (zero, _) = axis.ticks().into_iter().find(|(_, label)| label == "0 ms").unwrap();
        assert!((zero - axis.x(Duration::from_secs(5))).abs() < 0.01);
        assert!(axis.t_ticks().iter().any(|(_, label)| label == "+10T"), "{:?}", axis.t_ticks());
    }

    #[test]
    fn labels_of_the_axis_do_not_overlap_at_any_length() {
        for span in [1, 3, 70, 400, 999, 5000, 30_000, 1_000_000, 90_000_000] {
            for ticks in [axis(4990, 4990 + span).ticks(), axis(4990, 4990 + span).t_ticks()] {
                for pair in ticks.windows(2) {
                    let least = label_width(&pair[0].1).midpoint(label_width(&pair[1].1)) - 8.0;
                    assert!(pair[1].0 - pair[0].0 >= least, "{span}: {pair:?}");
                }
            }
            assert!(!axis(4990, 4990 + span).ticks().is_empty());
        }
    }

    #[test]
    fn a_run_of_no_length_still_has_an_axis() {
        let axis = axis(0, 0);
        assert!(axis.x(Duration::ZERO).is_finite() && axis.x(Duration::from_secs(7)).is_finite());
        let empty = Window { from: Duration::ZERO, until: Duration::ZERO };
        let without_t = Axis::new(empty, axis.origin, Duration::ZERO);
        assert!(without_t.t_ticks().is_empty());
    }

    #[test]
    fn rows_keep_labels_and_their_lines_apart() {
        let mut rows = Rows::new(3);
        assert_eq!(rows.place(0.0, 100.0), Some(0));
        assert_eq!(rows.place(10.0, 110.0), Some(1));
        assert_eq!(
            rows.place(105.0, 180.0),
            Some(2),
            "a line from the first row would cross the second label"
        );
        assert_eq!(rows.place(106.0, 180.0), None, "no row is left");
        assert_eq!(rows.place(200.0, 220.0), Some(0));
    }
}
