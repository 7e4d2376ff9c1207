//! The page: one HTML file that needs nothing else, asks nothing of anyone, and runs no program.

use super::debrief::debrief;
use super::facts::{checks, injected, left_in_force, observed, person, steps, violation};
use super::figures::{key_figures, requests};
use super::head::head;
use super::picture::timeline;
use super::spacetime::spacetime;
use super::words::{glyph, visible};
use crate::outcome::Outcome;
use maud::{DOCTYPE, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// What a browser lets the page do, so that it can not make a request even if a text broke out of its place.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// A run as one HTML page: the verdict, the timeline, the messages, all checks, and what to learn. It fits screens from 480 pixels, light
/// and dark ones, and paper.
#[must_use]
pub fn html(outcome: &Outcome) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="color-scheme" content="light dark";
                title { (glyph(outcome.verdict)) " " (outcome.title) ": " (outcome.verdict.to_string()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (head(outcome))
                    (key_figures(outcome))
                    (timeline(outcome))
                    (injected(outcome))
                    (requests(outcome))
                    (spacetime(outcome))
                    (checks(outcome))
                    (steps(outcome))
                    (person(outcome))
                    (violation(outcome))
                    (left_in_force(outcome))
                    (observed(outcome))
                    (debrief(outcome))
                }
            }
        }
    };
    visible(&page.into_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Context, Moments, Score, Timeline, Verdict};
    use crate::report::sample;
    use std::time::Duration;

    /// An outcome of which nothing is known.
    fn empty() -> Outcome {
        Outcome {
            checks: Vec::new(),
            context: Context::default(),
            left: Vec::new(),
            links: Vec::new(),
            moments: Moments::default(),
            person: Vec::new(),
            requests: None,
            score: Score::default(),
            steps: Vec::new(),
            timeline: Timeline::default(),
            verdict: Verdict::Aborted,
            violation: None,
            worst_lateness: Duration::ZERO,
            ..sample::passed()
        }
    }

    #[test]
    fn it_makes_no_request_and_runs_no_program() {
        for outcome in
            [sample::simulated(), sample::passed(), sample::failed(), sample::inconclusive(), empty()]
        {
            let mut page = html(&outcome).to_lowercase();
            for link in &outcome.links {
                let link = link.to_lowercase();
                page = page.replace(&format!("<a href=\"{link}\" rel=\"noreferrer\">{link}</a>"), "");
            }
            for forbidden in [
                "http:",
                "https:",
                "<script",
                "url(",
                "@import",
                "src=",
                "<link",
                "<img",
                "<iframe",
                "style=\"",
                "javascript:",
            ] {
                assert!(!page.contains(forbidden), "{forbidden}");
            }
            assert!(page.contains("default-src 'none'"));
        }
    }

    #[test]
    fn no_text_breaks_out_of_its_place() {
        for hostile in [
            "<script>alert(1)</script>",
            "\"><img src=x onerror=y>",
            "</style></svg></title><b>",
            "' onload='x",
            "]]>&lt;",
        ] {
            let page = html(&sample::hostile(hostile));
            let shape = |page: &str| page.matches('<').count();
            assert_eq!(shape(&page), shape(&html(&sample::hostile("harmless"))), "{hostile}");
            assert!(
                !page.contains("<script") && !page.contains("<img") && !page.contains("<b>\""),
                "{hostile}"
            );
        }
        assert!(!html(&sample::hostile("a\u{1b}[2J\u{202E}b")).contains(['\u{1b}', '\u{202E}']));
    }

    #[test]
    fn a_run_of_which_nothing_is_known_gives_a_sensible_page() {
        let page = html(&empty());
        for forbidden in ["NaN", "inf", "class=\"value\">0", "Infinity"] {
            assert!(!page.replace("information", "").contains(forbidden), "{forbidden}");
        }
        for text in
            ["aborted", "not seen", "Nothing was checked.", "Nothing was injected.", "There were no steps."]
        {
            assert!(page.contains(text), "{text}");
        }
    }

    #[test]
    fn no_requests_and_no_fault_give_a_sensible_page() {
        for outcome in [sample::passed(), sample::failed()] {
            let mut bare = outcome.clone();
            bare.timeline.requests.clear();
            bare.timeline.gaps.clear();
            bare.moments.fault = None;
            assert!(!html(&bare).contains("NaN"));
            bare.context.election_ms = (0, 0);
            assert!(!html(&bare).contains("NaN"));
            bare.moments =
                Moments { begun: Duration::from_secs(9), ended: Duration::from_secs(9), ..bare.moments };
            assert!(!html(&bare).contains("NaN"));
        }
    }

    #[test]
    fn the_sections_come_in_the_order_of_what_people_look_for() {
        let mut outcome = sample::failed();
        outcome.person = sample::passed().person;
        let page = html(&outcome);
        let order = [
            "class=\"word\"",
            "id=\"score\"",
            "id=\"context\"",
            "id=\"figures\"",
            "id=\"timeline\"",
            "id=\"messages\"",
            "id=\"checks\"",
            "id=\"steps\"",
            "id=\"person\"",
            "section id=\"violation\"",
            "id=\"left\"",
            "id=\"observed\"",
            "id=\"debrief\"",
        ];
        let places: Vec<usize> =
            order.iter().map(|id| page.find(id).unwrap_or_else(|| panic!("{id} is missing"))).collect();
        assert!(places.is_sorted(), "{places:?}");
    }

    #[test]
    fn every_element_is_closed() {
        for outcome in
            [sample::simulated(), sample::passed(), sample::failed(), sample::inconclusive(), empty()]
        {
            let page = html(&outcome);
            for name in [
                "section", "svg", "g", "line", "path", "rect", "text", "table", "tr", "td", "div", "p", "ol",
                "ul", "li",
            ] {
                let open =
                    page.matches(&format!("<{name} ")).count() + page.matches(&format!("<{name}>")).count();
                assert_eq!(open, page.matches(&format!("</{name}>")).count(), "{name}");
            }
        }
    }

    #[test]
    fn a_run_in_the_simulator_has_every_picture() {
        let page = html(&sample::simulated());
        for text in [
            "<h3>Close to the fault</h3>",
            "class=\"strip\"",
            "class=\"latency\"",
            "class=\"arrow delivered election\"",
            "gap ",
        ] {
            assert!(page.contains(text), "{text}");
        }
        assert!(!page.contains("NaN") && !page.contains("not seen"));
    }

    #[test]
    fn the_same_outcome_gives_the_same_page() {
        assert_eq!(html(&sample::passed()), html(&sample::passed()));
    }
}
