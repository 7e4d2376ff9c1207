//! The timeline: nodes, requests and latencies over one time axis, of the whole run and close to the fault.

use super::axis::{Axis, LEFT, Part, Px, WIDTH, Window};
use super::bands::{bands, legend};
use super::flags::{flags, injected};
use super::latency::latency;
use super::strip::strip;
use super::words::Origin;
use crate::outcome::{Gap, Outcome};
use maud::{Markup, html};
use std::time::Duration;

/// What the signs of the latency plot mean.
const LATENCY_KEY: &str =
    "from when it was due · dot: write · dash: read · solid line: p50 of the phase · dashed line: p99";

/// The section with the timeline of the whole run and, if the takeover is too short to be read there, a closer one.
pub(super) fn timeline(outcome: &Outcome) -> Markup {
    let whole = Window { from: outcome.moments.begun, until: outcome.moments.ended };
    let close = close_up(outcome);
    let origin = Origin::of(outcome);
    html! {
        section id="timeline" {
            h2 { "Timeline" }
            (legend(&outcome.timeline.nodes))
            p class="hint" {
                "Times are counted from " (origin.name) ". A request stands where it was due."
                @if close.is_some() { " The shaded part is shown larger below." }
            }
            (picture(outcome, whole, close, "The whole run"))
            @if let Some(window) = close {
                h3 { "Close to the fault" }
                (picture(outcome, window, None, "Close to the fault"))
            }
        }
    }
}

/// From a little before the fault until a little after the first write, or what else came last of the takeover. `None`: there was no
/// fault, or the whole run shows it well enough.
fn close_up(outcome: &Outcome) -> Option<Window> {
    let moments = &outcome.moments;
    let fault = moments.fault?;
    let last_moment = [moments.detect, moments.lead, moments.write].into_iter().flatten().max();
    let begins_by_then = |gap: &&Gap| gap.from <= last_moment.unwrap_or(fault) && gap.until > fault;
    let gap_end = outcome.timeline.gaps.iter().filter(begins_by_then).map(|gap| gap.until).max();
    let last = last_moment.max(gap_end)?;
    let span = last.saturating_sub(fault).max(outcome.context.t() * 2);
    let window = Window {
        from: fault.saturating_sub(span / 4).max(moments.begun),
        until: fault.saturating_add(span).saturating_add(span / 4).min(moments.ended),
    };
    let length = |window: Window| window.until.saturating_sub(window.from);
    let whole = moments.ended.saturating_sub(moments.begun);
    (length(window) > Duration::ZERO && length(window) * 2 < whole).then_some(window)
}

/// One picture, in a box that scrolls where the page is narrower.
fn picture(outcome: &Outcome, window: Window, shaded: Option<Window>, name: &str) -> Markup {
    let axis = Axis::new(window, Origin::of(outcome), outcome.context.t());
    let mut stack = Stack::default();
    let (labels, lines) = flags(outcome, &axis, stack.top);
    stack.add(labels);
    let top = stack.top;
    stack.add(injected(&outcome.timeline.injected, &axis, stack.top));
    stack.add(bands(&outcome.timeline.nodes, &axis, stack.top));
    stack.add_titled("requests", "", |top| strip(outcome, &axis, top));
    stack.add_titled("latency", LATENCY_KEY, |top| latency(outcome, &axis, top));
    let bottom = stack.top;
    let scale = axis.scale(bottom);
    let height = bottom + scale.height;
    html! {
        div class="scroll" {
            svg class="picture" role="img" aria-label=(name) width=(WIDTH) height=(Px(height)) viewBox={ "0 0 " (WIDTH) " " (Px(height)) } {
                @if let Some((from, until)) = shaded.and_then(|window| axis.clip(window.from, window.until)) {
                    rect class="shaded" x=(Px(from)) y=(Px(top)) width=(Px((until - from).max(2.0))) height=(Px(bottom - top)) {}
                }
                (axis.grid(top, bottom))
                (lines(bottom))
                @for markup in stack.parts { (markup) }
                (scale.markup)
            }
        }
    }
}

/// Parts from top to bottom.
#[derive(Default)]
struct Stack {
    top: f64,
    parts: Vec<Markup>,
}

impl Stack {
    fn add(&mut self, part: Part) {
        self.top += part.height;
        self.parts.push(part.markup);
    }

    /// Adds a part below a title and what its signs mean, unless it is empty.
    fn add_titled(&mut self, title: &str, key: &str, part: impl FnOnce(f64) -> Part) {
        let part = part(self.top + 18.0);
        if part.height > 0.0 {
            let y = self.top + 14.0;
            self.parts.push(html! {
                text class="row strong" x=(Px(LEFT - 10.0)) y=(Px(y)) { (title) }
                text class="key" x=(Px(LEFT + 4.0)) y=(Px(y)) { (key) }
            });
            self.top += 18.0;
            self.add(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_short_takeover_in_a_long_run_is_shown_closer() {
        let mut outcome = sample::passed();
        let window = close_up(&outcome).unwrap();
        let moments = outcome.moments;
        assert!(window.from < moments.fault.unwrap() && window.until > moments.write.unwrap());
        let page = timeline(&outcome).into_string();
        assert_eq!(
            (page.matches("class=\"picture\"").count(), page.matches("class=\"shaded\"").count()),
            (2, 1)
        );

        let later = Gap { from: Duration::from_secs(6), until: Duration::from_secs(8) };
        outcome.timeline.gaps.push(later);
        assert_eq!(close_up(&outcome), Some(window), "a later gap is not of the takeover");

        outcome.moments.begun = moments.fault.unwrap().saturating_sub(Duration::from_millis(100));
        outcome.moments.ended = moments.write.unwrap() + Duration::from_millis(100);
        assert_eq!(close_up(&outcome), None, "the whole run shows it");
        outcome.moments.fault = None;
        assert_eq!(close_up(&outcome), None, "there is nothing to be close to");
    }
}
