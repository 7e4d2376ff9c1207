//! The moments of a run as vertical lines with labels, and what was injected as labelled ticks.

use super::axis::{Axis, LEFT, Part, Px, Rows, count, label_width};
use super::words::{in_t, shortened};
use crate::outcome::{Happening, Outcome};
use maud::{Markup, html};
use std::time::Duration;

const ROW: f64 = 16.0;
const MOST_LABELS: usize = 4;
const MOST_CHARACTERS: usize = 28;

/// A moment: its name, its class, and when it was.
type Moment = (&'static str, &'static str, Duration);

/// The moments that were seen, by time.
fn moments(outcome: &Outcome) -> Vec<Moment> {
    let m = outcome.moments;
    let mut seen: Vec<Moment> = [
        ("fault", "fault", m.fault),
        ("detected", "seen", m.detect),
        ("new leader", "seen", m.lead),
        ("first write", "seen", m.write),
        ("heal", "heal", m.heal),
        ("healed", "heal", m.healed),
        ("✕ violation", "fault", outcome.violation.as_ref().map(|violation| violation.at)),
    ]
    .into_iter()
    .filter_map(|(name, class, at)| Some((name, class, at?)))
    .collect();
    seen.sort_by_key(|(_, _, at)| *at);
    seen
}

fn moment_label(name: &str, at: Duration, axis: &Axis, t: Duration) -> String {
    let since = at.checked_sub(axis.origin.at()).filter(|since| !since.is_zero());
    match since.and_then(|since| in_t(since, t)) {
        Some(in_t) => format!("{name} {} · +{in_t}", axis.origin.told(at)),
        None => format!("{name} {}", axis.origin.told(at)),
    }
}

/// The labels of the moments, each in a row of its own where they would overlap. The lines go down from the label to `bottom`.
pub(super) fn flags(outcome: &Outcome, axis: &Axis, top: f64) -> (Part, impl FnOnce(f64) -> Markup + use<>) {
    let mut rows = Rows::new(8);
    let mut placed = Vec::new();
    for (name, class, at) in moments(outcome).into_iter().filter(|(_, _, at)| axis.shows(*at)) {
        let label = moment_label(name, at, axis, outcome.context.t());
        let x = axis.x(at);
        let row = rows.place(x, x + label_width(&label)).unwrap_or_default();
        placed.push((x, top + count(row) * ROW, class, label));
    }
    let height = placed.iter().map(|(_, y, ..)| y - top + ROW).fold(0.0, f64::max);
    let markup = html! {
        @for (x, y, class, label) in &placed {
            text class={ "flag " (class) } x=(Px(x + 4.0)) y=(Px(y + 11.0)) { (label) }
        }
    };
    let lines = move |bottom: f64| {
        html! {
            @for (x, y, class, _) in &placed {
                line class={ "mark " (class) } x1=(Px(*x)) x2=(Px(*x)) y1=(Px(*y)) y2=(Px(bottom)) {}
            }
        }
    };
    (Part { height: height + 6.0, markup }, lines)
}

/// What was injected: a tick each, with its number in the list below the picture and as much of its text as fits.
pub(super) fn injected(happenings: &[Happening], axis: &Axis, top: f64) -> Part {
    let mut rows = Rows::new(MOST_LABELS);
    let mut placed = Vec::new();
    for (i, happening) in happenings.iter().enumerate().filter(|(_, happening)| axis.shows(happening.at)) {
        let x = axis.x(happening.at);
        let label = format!("{} {}", i + 1, shortened(&happening.text, MOST_CHARACTERS));
        let row = rows.place(x, x + label_width(&label) + 6.0);
        placed.push((x, row, label, &happening.text));
    }
    if placed.is_empty() {
        return Part { height: 0.0, markup: html! {} };
    }
    let lines = placed.iter().filter_map(|(_, row, ..)| *row).max().unwrap_or_default() + 1;
    let unlabelled = if placed.iter().any(|(_, row, ..)| row.is_none()) { 10.0 } else { 0.0 };
    let bottom = top + count(lines) * ROW + unlabelled;
    let markup = html! {
        g class="injected" {
            text class="row" x=(Px(LEFT - 10.0)) y=(Px(top + 12.0)) { "injected" }
            @for (x, row, label, text) in &placed {
                @let y = row.map_or(bottom - 4.0, |row| top + count(row) * ROW + 8.0);
                g {
                    title { (text) }
                    path d={ "M" (Px(*x)) " " (Px(y)) "V" (Px(bottom)) } {}
                    path class="tip" d={ "M" (Px(x - 4.0)) " " (Px(y - 3.0)) "h8l-4 7z" } {}
                    @if row.is_some() { text x=(Px(x + 7.0)) y=(Px(y + 4.0)) { (label) } }
                }
            }
        }
    };
    Part { height: bottom - top + 4.0, markup }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::axis::Window;
    use crate::report::sample;
    use crate::report::words::Origin;

    #[test]
    fn moments_come_by_time_and_say_how_many_t_after_the_fault() {
        let outcome = sample::passed();
        let names: Vec<&str> = moments(&outcome).iter().map(|(name, ..)| *name).collect();
        assert_eq!(names, ["fault", "detected", "new leader", "first write", "heal", "healed"]);
        assert!(moments(&sample::failed()).iter().any(|(name, ..)| *name == "✕ violation"));
        let window = Window { from: Duration::ZERO, until: Duration::from_secs(9) };
        let axis = Axis::new(window, Origin::of(&outcome), outcome.context.t());
        let told = moment_label("detected", Duration::from_millis(5180), &axis, outcome.context.t());
        assert_eq!(told, "detected +180 ms · +1.2T");
    }

    #[test]
    fn what_does_not_fit_keeps_its_tick() {
        let at = Duration::from_secs(5);
        let many = vec![Happening { at, node: None, text: "kill leader".to_owned() }; 9];
        let outcome = sample::passed();
        let window = Window { from: Duration::ZERO, until: Duration::from_secs(9) };
        let axis = Axis::new(window, Origin::of(&outcome), outcome.context.t());
        let drawn = injected(&many, &axis, 0.0).markup.into_string();
        assert_eq!(drawn.matches("class=\"tip\"").count(), 9);
        assert_eq!(drawn.matches("kill leader</text>").count(), MOST_LABELS);
    }
}
