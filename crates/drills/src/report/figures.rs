//! The key figures in a row, and the requests of each phase in a table.

use super::words::{NONE, in_t, percent_or_none, seen, time_or_none};
use crate::outcome::{Outcome, PhaseFigures};
use maud::{Markup, html};
use std::time::Duration;

/// The key figures.
pub(super) fn key_figures(outcome: &Outcome) -> Markup {
    let moments = &outcome.moments;
    let t = outcome.context.t();
    let requests = outcome.requests.as_ref();
    let gap = requests.and_then(|requests| requests.longest_gap);
    let availability = requests.and_then(|requests| requests.during.availability());
    let since = |time| since_told(time, moments.fault.is_some(), t);
    html! {
        section class="figures" id="figures" {
            (figure("D: new leader", &seen(moments.takeover()), &since(moments.takeover())))
            (figure("detected", &seen(moments.to_detect()), &since(moments.to_detect())))
            (figure("first write", &seen(moments.to_write()), &no_load_or(outcome, || since(moments.to_write()))))
            (figure("longest gap", &time_or_none(gap), &no_load_or(outcome, || gap_told(gap, t))))
            (figure("available during", &percent_or_none(availability), &no_load_or(outcome, || {
                requests.map_or(NONE.to_owned(), |requests| due_told(&requests.during))
            })))
        }
    }
}

fn figure(name: &str, value: &str, note: &str) -> Markup {
    html! { div { p class="name" { (name) } p class="value" { (value) } p class="note" { (note) } } }
}

fn since_told(time: Option<Duration>, has_fault: bool, t: Duration) -> String {
    match time {
        Some(time) => {
            in_t(time, t).map_or("after the fault".to_owned(), |told| format!("{told} after the fault"))
        }
        None if has_fault => "after the fault".to_owned(),
        None => "there was no fault".to_owned(),
    }
}

fn gap_told(gap: Option<Duration>, t: Duration) -> String {
    gap.and_then(|gap| in_t(gap, t))
        .map_or("no acknowledged request".to_owned(), |told| format!("{told}, from the fault on"))
}

fn due_told(figures: &PhaseFigures) -> String {
    match figures.due {
        0 => "no request was due".to_owned(),
        due => format!("{} of {due} requests in time", figures.in_time),
    }
}

fn no_load_or(outcome: &Outcome, told: impl FnOnce() -> String) -> String {
    if outcome.requests.is_some() { told() } else { "there was no workload".to_owned() }
}

/// The requests of each phase.
pub(super) fn requests(outcome: &Outcome) -> Markup {
    let Some(figures) = &outcome.requests else { return html! {} };
    if [figures.before, figures.during, figures.after].iter().all(|phase| phase.due == 0) {
        return html! { section id="requests" { h2 { "Requests" } p { "No request was due." } } };
    }
    let phases = [("before", figures.before), ("during", figures.during), ("after", figures.after)];
    html! {
        section id="requests" {
            h2 { "Requests" }
            p class="hint" {
                "In time: acknowledged within " (time_or_none(Some(figures.within))) " of being due. "
                "Latency counts from when a request was due."
            }
            div class="scroll" {
                table class="numbers" {
                    thead { tr {
                        @for name in ["phase", "due", "in time", "acknowledged", "failed", "in doubt", "available", "p50", "p99", "max"] {
                            th scope="col" { (name) }
                        }
                    } }
                    tbody { @for (name, phase) in &phases { (phase_row(name, phase)) } }
                }
            }
        }
    }
}

fn phase_row(name: &str, phase: &PhaseFigures) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            td { (phase.due) } td { (phase.in_time) } td { (phase.acknowledged) } td { (phase.failed) } td { (phase.in_doubt) }
            td { (percent_or_none(phase.availability())) }
            td { (time_or_none(phase.p50)) } td { (time_or_none(phase.p99)) } td { (time_or_none(phase.max)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_figures_of_a_takeover_have_units() {
        let page = key_figures(&sample::passed()).into_string();
        for text in ["200 ms", "180 ms", "215 ms", "1.3T after the fault"] {
            assert!(page.contains(text), "{text} in {page}");
        }
    }

    #[test]
    fn what_was_not_seen_is_never_zero() {
        let mut outcome = sample::inconclusive();
        outcome.requests = None;
        let page = key_figures(&outcome).into_string();
        assert_eq!(page.matches("class=\"value\">not seen<").count(), 3);
        assert_eq!(page.matches("class=\"value\">none<").count(), 2);
        assert!(!page.contains(">0"));
        assert!(requests(&outcome).into_string().is_empty());
    }
}
