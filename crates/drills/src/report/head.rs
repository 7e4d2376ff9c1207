//! The top of the page: the title, the verdict, the score, and how to run it again.

use super::words::{NONE, Origin, glyph};
use crate::bound::Millis;
use crate::outcome::{Outcome, Score, Verdict};
use maud::{Markup, html};
use std::time::Duration;

/// All of it.
pub(super) fn head(outcome: &Outcome) -> Markup {
    html! {
        header {
            p class="eyebrow" { "raftdeck drill · " code { (outcome.id) } }
            h1 { (outcome.title) }
            (verdict(outcome))
            @if !outcome.description.is_empty() { p class="lead" { (outcome.description) } }
            @if !outcome.paper.is_empty() { p class="hint" { "Explained in " (outcome.paper.join(", ")) "." } }
        }
        (score(&outcome.score))
        (context(outcome))
    }
}

fn verdict(outcome: &Outcome) -> Markup {
    html! {
        div class={ "verdict " (verdict_class(outcome.verdict)) } {
            span class="glyph" aria-hidden="true" { (glyph(outcome.verdict)) }
            div {
                p class="word" { (outcome.verdict.to_string()) }
                p class="reason" { (outcome.reason) "." }
                @if let Some(violation) = &outcome.violation {
                    p class="reason" { "A safety property was violated: " a href="#violation" { (violation.property) } "." }
                }
            }
        }
    }
}

fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Inconclusive | Verdict::Aborted => "unjudged",
    }
}

fn score(score: &Score) -> Markup {
    html! {
        section class="score" id="score" {
            h2 { "Score" }
            @match score.total {
                Some(total) => p class="total" { strong { (total) } " of 100" },
                None => p class="total" { "none: only a run that passed or failed has a score" },
            }
            @for part in &score.parts {
                p class="part" {
                    span { (part.name) }
                    (bar(part.points))
                    span { (part.points) " of 100, weight " (part.weight) }
                }
            }
        }
    }
}

/// Points as a bar. Its length is an attribute, as no style may stand in the page but the one at its top.
fn bar(points: u8) -> Markup {
    html! {
        svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
            rect class="all" width="100" height="8" {}
            rect class="got" width=(points.min(100)) height="8" {}
        }
    }
}

fn context(outcome: &Outcome) -> Markup {
    let context = &outcome.context;
    let (least, most) = context.election_ms;
    let took = outcome.moments.ended.saturating_sub(outcome.moments.begun);
    let fault = outcome.moments.fault.map(|at| Millis(at.saturating_sub(outcome.moments.begun)).to_string());
    html! {
        section class="context" id="context" {
            h2 { "Run it again" }
            pre { code { (context.command) } }
            dl {
                dt { "seed" } dd { (context.seed.map_or(NONE.to_owned(), |seed| seed.to_string())) }
                dt { "version" } dd { (context.version) }
                dt { "engine" } dd { (engine_told(&context.engine)) }
                dt { "nodes" } dd { (context.nodes) }
                dt { "heartbeat" } dd { (context.heartbeat_ms) " ms" }
                dt { "election timeout" } dd { (least) " to " (most) " ms, so T is " (least) " ms" }
                dt { "length" } dd { (Millis(took).to_string()) " of cluster time" }
                dt { "fault" } dd { (fault.map_or("none".to_owned(), |after| format!("{after} after the start"))) }
                dt { "times" } dd { "counted from " (Origin::of(outcome).name) }
                dt { "runner" } dd { (lateness_told(outcome.worst_lateness)) }
            }
        }
    }
}

fn lateness_told(worst: Duration) -> String {
    if worst.is_zero() { "never late".to_owned() } else { format!("called at most {} late", Millis(worst)) }
}

fn engine_told(engine: &str) -> String {
    match engine {
        "lab" => "lab (real processes)".to_owned(),
        "sim" => "sim (simulator)".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_verdict_comes_before_everything_but_the_title_and_has_a_word_a_sign_and_a_reason() {
        for outcome in [sample::passed(), sample::failed(), sample::inconclusive()] {
            let page = head(&outcome).into_string();
            let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
            let verdict = place(&format!("class=\"word\">{}<", outcome.verdict));
            assert!(place("<h1>") < verdict && verdict < place("id=\"score\""));
            assert!(place(glyph(outcome.verdict)) < verdict);
            assert!(page.contains(&outcome.reason));
        }
    }

    #[test]
    fn what_can_not_be_judged_has_no_score_and_not_a_score_of_zero() {
        let page = head(&sample::inconclusive()).into_string();
        assert!(page.contains("none: only a run that passed or failed has a score"));
        assert!(!page.contains("0</strong> of 100"));
    }

    #[test]
    fn it_says_how_to_run_it_again() {
        let page = head(&sample::passed()).into_string();
        for text in [
            "raftdeck drill run leader-kill --engine sim --seed 7",
            "0.2.0",
            "150 to 300 ms",
            "sim (simulator)",
        ] {
            assert!(page.contains(text), "{text}");
        }
        assert!(head(&sample::failed()).into_string().contains("<dt>seed</dt><dd>none</dd>"));
    }
}
