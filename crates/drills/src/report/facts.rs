//! The tables and lists of the page: checks, steps, what the person did, a violation, what is left in force, and what happened.

use super::words::{NONE, Origin, bound_told, counted, kind_name, seen, state_told, time_or_none};
use crate::bound::Millis;
use crate::file::Severity;
use crate::outcome::{CheckResult, CheckState, Happening, Outcome, PersonResult, StepResult};
use maud::{Markup, html};
use std::time::Duration;

/// The most lines of a list that stand in one column.
const MOST_IN_ONE: usize = 12;

/// A table: its columns, and its rows.
fn table(columns: &[&str], rows: &Markup) -> Markup {
    html! {
        div class="scroll" {
            table {
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// What was checked: what does not hold first, otherwise in the order of the outcome.
pub(super) fn checks(outcome: &Outcome) -> Markup {
    let mut checks: Vec<&CheckResult> = outcome.checks.iter().collect();
    checks.sort_by_key(|check| check.state == CheckState::Holds);
    let rows = html! { @for check in checks { (check_row(check, outcome.context.t())) } };
    html! {
        section id="checks" {
            h2 { "Checks" }
            @if outcome.checks.is_empty() { p { "Nothing was checked." } }
            @else { (table(&["result", "check", "what", "bound", "measured", "kind", "severity"], &rows)) }
        }
    }
}

fn check_row(check: &CheckResult, t: Duration) -> Markup {
    let (sign, word, why) = state_told(&check.state);
    html! {
        tr class=(word) {
            td class="state" { b { (sign) " " (word) } @if !why.is_empty() { br; (why) } }
            td { (check.name) }
            td { code { (check.expr) } }
            td class="short" { (check.bound.as_deref().map_or(NONE.to_owned(), |bound| bound_told(bound, t))) }
            td class="short" { (check.measured.map_or("not measured".to_owned(), |measured| measured.to_string())) }
            td class="short" { (kind_name(check.kind)) }
            td class="short" { @match check.severity { Severity::Must => "must hold", Severity::Should => "should hold" } }
        }
    }
}

/// The steps with their times.
pub(super) fn steps(outcome: &Outcome) -> Markup {
    let origin = Origin::of(outcome);
    let rows =
        html! { @for (i, step) in outcome.steps.iter().enumerate() { (step_row(i + 1, step, origin)) } };
    html! {
        section id="steps" {
            h2 { "Steps" }
            @if outcome.steps.is_empty() { p { "There were no steps." } }
            @else { (table(&["", "step", "began", "took", "result"], &rows)) }
        }
    }
}

fn step_row(number: usize, step: &StepResult, origin: Origin) -> Markup {
    let took = step.begun.zip(step.done).map(|(begun, done)| done.saturating_sub(begun));
    let result = match (&step.failure, step.begun, step.done) {
        (Some(_), ..) => "✕ failed",
        (None, Some(_), Some(_)) => "✓ done",
        (None, Some(_), None) => "not finished",
        (None, None, _) => "not reached",
    };
    html! {
        tr class=[step.failure.as_ref().map(|_| "broken")] {
            td { (number) }
            td {
                @if step.is_fault { b class="tag" { "fault" } " " }
                (step.text)
                @if let Some(caption) = &step.caption { br; span class="hint" { (caption) } }
            }
            td class="time" { (step.begun.map_or(NONE.to_owned(), |begun| origin.told(begun))) }
            td class="time" { (time_or_none(took)) }
            td class="state" { b { (result) } @if let Some(why) = &step.failure { br; (why) } }
        }
    }
}

/// What the person answered and did. Nothing at all if nobody played.
pub(super) fn person(outcome: &Outcome) -> Markup {
    if outcome.person.is_empty() {
        return html! {};
    }
    html! {
        section id="person" {
            h2 { "What you did" }
            @for result in &outcome.person { (person_card(result)) }
        }
    }
}

fn person_card(result: &PersonResult) -> Markup {
    match result {
        PersonResult::Answer { question, chosen, is_right, right, misconception } => html! {
            div class="card" {
                p { b { (question) } }
                p {
                    @match (chosen, is_right) {
                        (Some(chosen), true) => { b class="holds" { "✓ right: " } (chosen) },
                        (Some(chosen), false) => { b class="broken" { "✕ wrong: " } (chosen) },
                        (None, _) => b { "? not answered" },
                    }
                }
                @if !is_right { p { "Right is: " (right) } }
                @if !is_right && !misconception.is_empty() { p class="hint" { (misconception) } }
            }
        },
        PersonResult::Task { task, took, first_key, deadline, wrong_keys, hints, points } => html! {
            div class="card" {
                p { b { (task) } }
                p {
                    @match took {
                        Some(took) => { b class="holds" { "✓ done" } " in " (Millis(*took).to_string()) },
                        None => b class="broken" { "✕ not done in time" },
                    }
                    " · " (points) " of 100 points"
                }
                p class="hint" {
                    "First command after " (seen(*first_key)) " · allowed " (Millis(*deadline).to_string()) " of cluster time · "
                    (counted(usize::try_from(*wrong_keys).unwrap_or(usize::MAX), "wrong command")) " · "
                    (counted(usize::try_from(*hints).unwrap_or(usize::MAX), "hint"))
                }
            }
        },
    }
}

/// A violated safety property. Nothing at all if there is none.
pub(super) fn violation(outcome: &Outcome) -> Markup {
    let Some(violation) = &outcome.violation else { return html! {} };
    let origin = Origin::of(outcome);
    html! {
        section id="violation" class="alarm" {
            h2 { "✕ Safety violated: " (violation.property) }
            p class="sentence" { (violation.sentence) }
            p {
                "At " (origin.told(violation.at)) " from " (origin.name)
                @match violation.node {
                    Some(node) => { ", seen at n" (node.0) "." },
                    None => ", seen across nodes.",
                }
            }
            @if !violation.last_messages.is_empty() {
                p { "The messages that led to it, newest last:" }
                ol { @for (from, to, kind) in &violation.last_messages { li { code { (kind.name()) } " from n" (from.0) " to n" (to.0) } } }
            }
        }
    }
}

/// What is still in force. Nothing at all if everything was healed.
pub(super) fn left_in_force(outcome: &Outcome) -> Markup {
    if outcome.left.is_empty() {
        return html! {};
    }
    html! {
        section id="left" class="alarm" {
            h2 { "Still in force after the heal" }
            ul { @for line in &outcome.left { li { code { (line) } } } }
        }
    }
}

/// What was injected, numbered as in the timeline.
pub(super) fn injected(outcome: &Outcome) -> Markup {
    html! {
        section id="injected" {
            h2 { "What was injected" }
            (happenings(&outcome.timeline.injected, Origin::of(outcome), "Nothing was injected."))
        }
    }
}

/// What was observed.
pub(super) fn observed(outcome: &Outcome) -> Markup {
    html! {
        section id="observed" {
            h2 { "What was observed" }
            (happenings(&outcome.timeline.observed, Origin::of(outcome), "Nothing was observed."))
        }
    }
}

fn happenings(happenings: &[Happening], origin: Origin, if_none: &str) -> Markup {
    html! {
        @if happenings.is_empty() { p { (if_none) } }
        @else {
            ol class={ "happenings" @if happenings.len() > MOST_IN_ONE { " long" } } {
                @for happening in happenings {
                    li {
                        span class="time" { (origin.told(happening.at)) }
                        @if let Some(node) = happening.node { " " b { "n" (node.0) } }
                        " " (happening.text)
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn what_is_broken_comes_first_and_says_why() {
        let mut outcome = sample::failed();
        outcome.checks.reverse();
        let page = checks(&outcome).into_string();
        let broken = page.find("✕ broken").unwrap();
        assert!(broken < page.find("✓ holds").unwrap());
        assert!(
            page.contains("at most 4T (600 ms)")
                && page.contains("must hold")
                && page.contains("should hold")
        );
    }

    #[test]
    fn a_violation_names_its_property_and_the_messages_before_it() {
        let page = violation(&sample::failed()).into_string();
        assert!(page.contains("Safety violated: State Machine Safety"), "{page}");
        assert!(page.contains("<code>AppendEntries</code> from n1 to n2"));
        assert!(violation(&sample::passed()).into_string().is_empty());
    }

    #[test]
    fn a_step_that_was_not_reached_has_no_time() {
        let page = steps(&sample::inconclusive()).into_string();
        assert!(page.contains("not reached") && page.contains("<td class=\"time\">none</td>"), "{page}");
    }

    #[test]
    fn a_wrong_answer_says_what_is_right_and_why() {
        let page = person(&sample::passed()).into_string();
        assert!(page.contains("✕ wrong") && page.contains("Right is: ") && page.contains("1 hint"), "{page}");
        assert!(person(&sample::failed()).into_string().is_empty(), "nobody played");
    }

    #[test]
    fn what_is_left_in_force_is_listed() {
        assert!(left_in_force(&sample::failed()).into_string().contains("loss 20% on n1&gt;n2"));
        assert!(left_in_force(&sample::passed()).into_string().is_empty());
    }
}
