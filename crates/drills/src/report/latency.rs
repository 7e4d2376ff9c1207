//! The latency plot: each acknowledged request by when it was due, on a logarithmic scale, and the quantiles of each phase.

use super::axis::{Axis, LEFT, Part, Px, RIGHT, label_width};
use super::strip::half_pixel;
use crate::bound::Millis;
use crate::outcome::{Moments, Outcome, PhaseFigures, RequestEnd, RequestFigures};
use maud::{Markup, html};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

const HEIGHT: f64 = 150.0;
const LEAST_MILLIS: f64 = 0.01;

/// Where a latency is in the plot, by its decades.
#[derive(Clone, Copy, Debug)]
struct LogScale {
    top: f64,
    least: f64,
    most: f64,
}

impl LogScale {
    /// A scale for these latencies, of at least one decade.
    fn of(latencies: impl Iterator<Item = Duration>, top: f64) -> Self {
        let logs = latencies.map(log_of);
        let (least, most) =
            logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), log| (a.min(log), b.max(log)));
        if least > most {
            return Self { top, least: 0.0, most: 1.0 };
        }
        let least = least.floor();
        Self { top, least, most: most.ceil().max(least + 1.0) }
    }

    fn y(self, latency: Duration) -> f64 {
        self.y_of_log(log_of(latency))
    }

    fn y_of_log(self, log: f64) -> f64 {
        self.top + HEIGHT * (1.0 - (log - self.least) / (self.most - self.least))
    }

    /// The decades, each with its place and its name.
    fn decades(self) -> Vec<(f64, String)> {
        let mut decades = Vec::new();
        let mut log = self.least;
        while log <= self.most + 0.5 {
            decades.push((self.y_of_log(log), decade_name(log)));
            log += 1.0;
        }
        decades
    }
}

fn log_of(latency: Duration) -> f64 {
    (latency.as_secs_f64() * 1000.0).max(LEAST_MILLIS).log10()
}

fn decade_name(log: f64) -> String {
    match log {
        log if log >= 3.0 => format!("{:.0} s", 10_f64.powf(log - 3.0)),
        log if log >= 0.0 => format!("{:.0} ms", 10_f64.powf(log)),
        log => format!("{:.0} µs", 10_f64.powf(log + 3.0)),
    }
}

/// The plot. Nothing at all if no request was acknowledged.
pub(super) fn latency(outcome: &Outcome, axis: &Axis, top: f64) -> Part {
    let acknowledged = || outcome.timeline.requests.iter().filter(|r| r.end == RequestEnd::Acknowledged);
    let (Some(figures), true) = (&outcome.requests, acknowledged().next().is_some()) else {
        return Part { height: 0.0, markup: html! {} };
    };
    let top = top + 14.0;
    let all = acknowledged().map(|r| r.ended.saturating_sub(r.due)).chain([figures.within]);
    let scale = LogScale::of(all, top);
    let points = |reads: bool| {
        let shown = acknowledged().filter(|r| r.reads == reads && axis.shows(r.due));
        dots(
            shown.map(|r| (axis.x(r.due), scale.y(r.ended.saturating_sub(r.due)))),
            if reads { 3 } else { 0 },
        )
    };
    let markup = html! {
        g class="latency" {
            @for (y, name) in scale.decades() {
                line class="decade" x1=(Px(LEFT)) x2=(Px(RIGHT)) y1=(Px(y)) y2=(Px(y)) {}
                text class="row" x=(Px(LEFT - 10.0)) y=(Px(y + 4.0)) { (name) }
            }
            (limit(figures, scale))
            path class="writes" d=(points(false)) {}
            path class="reads" d=(points(true)) {}
            @for (phase, from, until) in phases(figures, &outcome.moments) {
                (quantiles(phase, axis.clip(from, until), scale))
            }
        }
    };
    Part { height: HEIGHT + 32.0, markup }
}

/// A dot or a short line at each place, at most one in half a pixel.
fn dots(places: impl Iterator<Item = (f64, f64)>, length: u8) -> String {
    let places: BTreeSet<(String, String)> = places.map(|(x, y)| (half_pixel(x), half_pixel(y))).collect();
    places.into_iter().fold(String::new(), |mut path, (x, y)| {
        write!(path, "M{x} {y}h{length}").expect("a String takes all that is written");
        path
    })
}

/// The line above which an acknowledged request is late.
fn limit(figures: &RequestFigures, scale: LogScale) -> Markup {
    let y = scale.y(figures.within);
    html! {
        line class="limit" x1=(Px(LEFT)) x2=(Px(RIGHT)) y1=(Px(y)) y2=(Px(y)) {}
        text class="limit" x=(Px(RIGHT + 6.0)) y=(Px(y + 4.0)) { "late: > " (Millis(figures.within).to_string()) }
    }
}

/// The phases that took place: figures, and from when until when.
fn phases<'a>(figures: &'a RequestFigures, moments: &Moments) -> Vec<(&'a PhaseFigures, Duration, Duration)> {
    let begun = moments.steady.unwrap_or(moments.begun);
    let mut phases = vec![(&figures.before, begun, moments.fault.or(moments.heal).unwrap_or(moments.ended))];
    if let Some(fault) = moments.fault {
        phases.push((&figures.during, fault, moments.heal.unwrap_or(moments.ended)));
    }
    if let Some(heal) = moments.heal {
        phases.push((&figures.after, heal, moments.ended));
    }
    phases
}

/// The median and the 99th percentile of a phase, over its time.
fn quantiles(figures: &PhaseFigures, place: Option<(f64, f64)>, scale: LogScale) -> Markup {
    let Some((from, until)) = place.filter(|(from, until)| until - from > 2.0) else { return html! {} };
    let quantile = |name: &str, class: &str, value: Option<Duration>, offset: f64| {
        let Some(value) = value else { return html! {} };
        let (y, label) = (scale.y(value), format!("{name} {}", Millis(value)));
        html! {
            line class=(class) x1=(Px(from)) x2=(Px(until)) y1=(Px(y)) y2=(Px(y)) {}
            @if label_width(&label) < until - from {
                text class="quantile" x=(Px(from + 5.0)) y=(Px(y + offset)) { (label) }
            }
        }
    };
    html! {
        (quantile("p99", "p99", figures.p99, -4.0))
        (quantile("p50", "p50", figures.p50, 13.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decade_is_as_tall_as_the_others_and_has_a_unit() {
        let ms = Duration::from_millis;
        let scale = LogScale::of([ms(2), ms(900)].into_iter(), 0.0);
        let names: Vec<String> = scale.decades().into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["1 ms", "10 ms", "100 ms", "1 s"]);
        let (low, high) = (scale.y(ms(10)) - scale.y(ms(100)), scale.y(ms(1)) - scale.y(ms(10)));
        assert!((low - high).abs() < 0.001 && low > 0.0);
    }

    #[test]
    fn a_latency_of_nothing_and_equal_ones_have_a_place() {
        for latencies in [vec![Duration::ZERO], vec![Duration::from_millis(10); 3], vec![]] {
            let scale = LogScale::of(latencies.into_iter(), 0.0);
            assert!(scale.y(Duration::ZERO).is_finite() && scale.y(Duration::from_millis(10)).is_finite());
        }
    }

    #[test]
    fn without_a_fault_there_is_one_phase() {
        let moments = Moments { ended: Duration::from_secs(3), ..Moments::default() };
        assert_eq!(phases(&RequestFigures::default(), &moments).len(), 1);
    }
}
