//! The availability strip: each request at the time at which it was due, in the row that says how it ended, and the gaps.

use super::axis::{Axis, LEFT, Part, Px, Rows, count, label_width};
use crate::bound::Millis;
use crate::outcome::{Gap, Outcome, RequestEnd, RequestPoint};
use maud::{Markup, html};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

const ROW: f64 = 15.0;
const TICK: f64 = 11.0;
const GAP_ROW: f64 = 16.0;

/// How a request counts for a person who waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// Acknowledged in time.
    InTime,
    /// Acknowledged, but late.
    Late,
    /// Certainly not carried out.
    Failed,
    /// Perhaps carried out.
    InDoubt,
    /// Never sent.
    NotSent,
}

impl Delivery {
    const ALL: [Self; 5] = [Self::InTime, Self::Late, Self::Failed, Self::InDoubt, Self::NotSent];

    /// How this request counts if it had to be acknowledged within this time of being due.
    pub(super) fn of(request: &RequestPoint, within: Duration) -> Self {
        match request.end {
            RequestEnd::Acknowledged if request.ended.saturating_sub(request.due) <= within => Self::InTime,
            RequestEnd::Acknowledged => Self::Late,
            RequestEnd::Failed => Self::Failed,
            RequestEnd::InDoubt => Self::InDoubt,
            RequestEnd::NotSent => Self::NotSent,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::InTime => "in time",
            Self::Late => "late",
            Self::Failed => "failed",
            Self::InDoubt => "in doubt",
            Self::NotSent => "not sent",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::InTime => "in-time",
            Self::Late => "late",
            Self::Failed => "failed",
            Self::InDoubt => "in-doubt",
            Self::NotSent => "not-sent",
        }
    }
}

/// The strip: a row for each way of ending that occurs. Nothing at all if there were no requests.
pub(super) fn strip(outcome: &Outcome, axis: &Axis, top: f64) -> Part {
    let (Some(figures), false) = (&outcome.requests, outcome.timeline.requests.is_empty()) else {
        return Part { height: 0.0, markup: html! {} };
    };
    let requests = &outcome.timeline.requests;
    let of =
        |delivery| requests.iter().filter(move |request| Delivery::of(request, figures.within) == delivery);
    let found: Vec<Delivery> =
        Delivery::ALL.into_iter().filter(|delivery| of(*delivery).next().is_some()).collect();
    let gap_labels = gap_labels(&outcome.timeline.gaps, axis);
    let rows_top =
        top + gap_labels.iter().map(|label| count(label.row + 1) * GAP_ROW).fold(0.0, f64::max) + 4.0;
    let bottom = rows_top + ROW * count(found.len());
    let markup = html! {
        (gaps(&outcome.timeline.gaps, &gap_labels, axis, top, (rows_top, bottom)))
        g class="strip" {
            @for (row, delivery) in found.iter().enumerate() {
                @let y = rows_top + ROW * count(row) + (ROW - TICK) / 2.0;
                text class="row" x=(Px(LEFT - 10.0)) y=(Px(y + TICK - 1.0)) { (delivery.name()) }
                path class=(delivery.class()) d=(ticks(of(*delivery), axis, y)) {}
            }
        }
    };
    Part { height: bottom - top + 4.0, markup }
}

/// A short line down for each request, at most one in half a pixel.
fn ticks<'a>(requests: impl Iterator<Item = &'a RequestPoint>, axis: &Axis, y: f64) -> String {
    let shown = requests.filter(|request| axis.shows(request.due));
    let places: BTreeSet<String> = shown.map(|request| half_pixel(axis.x(request.due))).collect();
    places.into_iter().fold(String::new(), |mut path, x| {
        write!(path, "M{x} {y:.1}v{TICK:.0}").expect("a String takes all that is written");
        path
    })
}

/// A coordinate, rounded to half a pixel.
pub(super) fn half_pixel(at: f64) -> String {
    format!("{:.1}", (at * 2.0).round() / 2.0)
}

/// Where a gap's length is written.
struct GapLabel {
    x: f64,
    row: usize,
    text: String,
}

fn gap_labels(gaps: &[Gap], axis: &Axis) -> Vec<GapLabel> {
    let mut rows = Rows::new(3);
    let mut labels = Vec::new();
    for gap in gaps {
        let Some((from, until)) = axis.clip(gap.from, gap.until) else { continue };
        let text = format!("gap {}", Millis(gap.length()));
        let (x, half) = (f64::midpoint(from, until), label_width(&text) / 2.0);
        if let Some(row) = rows.place(x - half, x + half) {
            labels.push(GapLabel { x, row, text });
        }
    }
    labels
}

fn gaps(gaps: &[Gap], labels: &[GapLabel], axis: &Axis, top: f64, (rows_top, bottom): (f64, f64)) -> Markup {
    html! {
        g class="gaps" {
            @for gap in gaps {
                @if let Some((from, until)) = axis.clip(gap.from, gap.until) {
                    rect x=(Px(from)) y=(Px(rows_top - 2.0)) width=(Px((until - from).max(1.0))) height=(Px(bottom - rows_top + 4.0)) {
                        title { "no acknowledged request for " (Millis(gap.length()).to_string()) }
                    }
                }
            }
            @for label in labels {
                text x=(Px(label.x)) y=(Px(top + GAP_ROW * count(label.row) + 12.0)) { (label.text) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::axis::Window;
    use crate::report::sample;
    use crate::report::words::Origin;

    fn drawn(outcome: &Outcome) -> String {
        let window = Window { from: outcome.moments.begun, until: outcome.moments.ended };
        strip(outcome, &Axis::new(window, Origin::of(outcome), outcome.context.t()), 0.0).markup.into_string()
    }

    #[test]
    fn a_request_counts_by_when_it_was_due() {
        let ms = Duration::from_millis;
        let request = |ended, end| RequestPoint { due: ms(100), ended: ms(ended), reads: false, end };
        let of = |ended, end| Delivery::of(&request(ended, end), ms(150));
        assert_eq!(of(250, RequestEnd::Acknowledged), Delivery::InTime);
        assert_eq!(of(251, RequestEnd::Acknowledged), Delivery::Late);
        assert_eq!(of(110, RequestEnd::InDoubt), Delivery::InDoubt);
    }

    #[test]
    fn each_gap_is_marked_with_its_length() {
        let outcome = sample::passed();
        assert_eq!(outcome.timeline.gaps.len(), 1);
        let length = Millis(outcome.timeline.gaps[0].length());
        assert!(drawn(&outcome).contains(&format!("gap {length}")));
    }

    #[test]
    fn the_size_is_bounded_by_the_width_and_not_by_the_requests() {
        let mut outcome = sample::passed();
        let before = drawn(&outcome).len();
        outcome.timeline.requests = outcome.timeline.requests.repeat(50);
        assert_eq!(drawn(&outcome).len(), before);
    }
}
