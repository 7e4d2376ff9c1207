//! JUnit XML, which build servers read: a suite for each run, a case for its verdict and one for each check.

use super::words::{NONE, bound_told, kind_name, visible};
use crate::bound::Measured;
use crate::file::Severity;
use crate::outcome::{CheckResult, CheckState, Outcome, Verdict};
use maud::{Markup, PreEscaped, html};
use std::time::Duration;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// How a case ends, in the terms of JUnit.
#[derive(Clone, Debug, PartialEq, Eq)]
enum CaseEnd {
    Passed,
    /// Passed, with something to say.
    Noted(String),
    Failure(String),
    Error(String),
    Skipped(String),
}

/// A case.
struct Case {
    name: String,
    /// A measured time. JUnit has no place for other values.
    time: Option<Duration>,
    end: CaseEnd,
}

/// Runs as JUnit XML.
///
/// The first case of each suite is `verdict`: failed is a failure, aborted an error, and inconclusive skipped. Then comes each check. One
/// that must hold and does not is a failure; one that should hold and does not passes with a note; one that could not be judged is
/// skipped. The time of a case is the time that was measured, and that of a suite is the cluster time of the run, in seconds.
#[must_use]
pub fn junit(outcomes: &[Outcome]) -> String {
    let suites: Vec<(&Outcome, Vec<Case>)> =
        outcomes.iter().map(|outcome| (outcome, cases(outcome))).collect();
    let all = || suites.iter().flat_map(|(_, cases)| cases);
    let time: Duration = outcomes.iter().map(length).fold(Duration::ZERO, Duration::saturating_add);
    let markup = html! {
        (PreEscaped(DECLARATION))
        testsuites name="raftdeck drills" tests=(all().count()) failures=(failures(all())) errors=(errors(all())) skipped=(skipped(all()))
            time=(seconds(time)) {
            @for (outcome, cases) in &suites { (suite(outcome, cases)) }
        }
    };
    visible(&markup.into_string())
}

fn failures<'a>(cases: impl Iterator<Item = &'a Case>) -> usize {
    cases.filter(|case| matches!(case.end, CaseEnd::Failure(_))).count()
}

fn errors<'a>(cases: impl Iterator<Item = &'a Case>) -> usize {
    cases.filter(|case| matches!(case.end, CaseEnd::Error(_))).count()
}

fn skipped<'a>(cases: impl Iterator<Item = &'a Case>) -> usize {
    cases.filter(|case| matches!(case.end, CaseEnd::Skipped(_))).count()
}

fn length(outcome: &Outcome) -> Duration {
    outcome.moments.ended.saturating_sub(outcome.moments.begun)
}

fn seconds(time: Duration) -> String {
    format!("{:.6}", time.as_secs_f64())
}

fn suite(outcome: &Outcome, cases: &[Case]) -> Markup {
    let context = &outcome.context;
    let properties = [
        ("verdict", outcome.verdict.to_string()),
        ("engine", context.engine.clone()),
        ("nodes", context.nodes.to_string()),
        ("seed", context.seed.map_or(NONE.to_owned(), |seed| seed.to_string())),
        ("version", context.version.clone()),
        ("command", context.command.clone()),
    ];
    html! {
        testsuite name=(outcome.id) tests=(cases.len()) failures=(failures(cases.iter())) errors=(errors(cases.iter()))
            skipped=(skipped(cases.iter())) time=(seconds(length(outcome))) {
            properties { @for (name, value) in &properties { property name=(name) value=(value) {} } }
            @for case in cases { (case_markup(outcome, case)) }
        }
    }
}

fn case_markup(outcome: &Outcome, case: &Case) -> Markup {
    html! {
        testcase classname={ "raftdeck.drill." (outcome.id) } name=(case.name) time=[case.time.map(seconds)] {
            @match &case.end {
                CaseEnd::Passed => {},
                CaseEnd::Noted(note) => system-out { (note) },
                CaseEnd::Failure(why) => failure message=(why) { (again(outcome, why)) },
                CaseEnd::Error(why) => error message=(why) { (again(outcome, why)) },
                CaseEnd::Skipped(why) => skipped message=(why) {},
            }
        }
    }
}

fn again(outcome: &Outcome, why: &str) -> String {
    format!("{why}\nRun it again: {}", outcome.context.command)
}

fn cases(outcome: &Outcome) -> Vec<Case> {
    let verdict = Case { name: "verdict".to_owned(), time: None, end: verdict_end(outcome) };
    let checks = outcome.checks.iter().map(|check| Case {
        name: check.name.clone(),
        time: match check.measured {
            Some(Measured::Time(time)) => Some(time),
            Some(Measured::Percent(_) | Measured::Count(_)) | None => None,
        },
        end: check_end(check, outcome.context.t()),
    });
    [verdict].into_iter().chain(checks).collect()
}

fn verdict_end(outcome: &Outcome) -> CaseEnd {
    let mut why = format!("{}: {}", outcome.verdict, outcome.reason);
    if let Some(violation) = &outcome.violation {
        why = format!("{why}. {} was violated: {}", violation.property, violation.sentence);
    }
    if !outcome.left.is_empty() {
        why = format!("{why}. Still in force: {}", outcome.left.join("; "));
    }
    match outcome.verdict {
        Verdict::Passed => CaseEnd::Passed,
        Verdict::Failed => CaseEnd::Failure(why),
        Verdict::Inconclusive => CaseEnd::Skipped(why),
        Verdict::Aborted => CaseEnd::Error(why),
    }
}

fn check_end(check: &CheckResult, t: Duration) -> CaseEnd {
    match (&check.state, check.severity) {
        (CheckState::Holds, _) => CaseEnd::Passed,
        (CheckState::Broken(why), Severity::Must) => CaseEnd::Failure(check_told(check, why, t)),
        (CheckState::Broken(why), Severity::Should) => {
            CaseEnd::Noted(format!("should hold and does not: {}", check_told(check, why, t)))
        }
        (CheckState::Unknown(why), _) => CaseEnd::Skipped(format!("could not be judged: {why}")),
    }
}

fn check_told(check: &CheckResult, why: &str, t: Duration) -> String {
    let bound = check
        .bound
        .as_deref()
        .map_or(String::new(), |bound| format!(", which must be {}", bound_told(bound, t)));
    let measured = check.measured.map_or("not measured".to_owned(), |measured| measured.to_string());
    format!("{why} ({}: {}{bound}, is {measured})", kind_name(check.kind), check.expr)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn told(cases: &[Case]) -> Vec<(&str, &CaseEnd)> {
        cases.iter().map(|case| (case.name.as_str(), &case.end)).collect()
    }

    fn count(xml: &str, element: &str) -> usize {
        xml.matches(&format!("<{element} ")).count() + xml.matches(&format!("<{element}>")).count()
    }

    #[test]
    fn each_run_is_a_suite_and_each_check_a_case_beside_the_verdict() {
        let outcomes = [sample::passed(), sample::failed(), sample::inconclusive()];
        let xml = junit(&outcomes);
        assert!(xml.starts_with("<?xml version=\"1.0\""));
        assert_eq!((count(&xml, "testsuites"), count(&xml, "testsuite")), (1, 3));
        let checks: usize = outcomes.iter().map(|outcome| outcome.checks.len()).sum();
        assert_eq!(count(&xml, "testcase"), checks + outcomes.len());
        for element in [
            "testsuites",
            "testsuite",
            "testcase",
            "failure",
            "skipped",
            "error",
            "system-out",
            "property",
            "properties",
        ] {
            assert_eq!(count(&xml, element), xml.matches(&format!("</{element}>")).count(), "{element}");
        }
    }

    #[test]
    fn the_counts_are_those_of_the_elements() {
        let mut aborted = sample::passed();
        aborted.verdict = Verdict::Aborted;
        let xml = junit(&[sample::passed(), sample::failed(), sample::inconclusive(), aborted]);
        for (attribute, element) in
            [("failures", "failure"), ("errors", "error"), ("skipped", "skipped"), ("tests", "testcase")]
        {
            let expected = format!("{attribute}=\"{}\"", count(&xml, element));
            assert!(xml.lines().nth(1).unwrap().contains(&expected), "{expected}");
            assert!(count(&xml, element) > 0, "{element}");
        }
    }

    #[test]
    fn what_must_hold_fails_and_what_should_hold_is_noted() {
        let failed = cases(&sample::failed());
        let end = |name: &str| &failed.iter().find(|case| case.name == name).unwrap().end;
        assert!(matches!(end("verdict"), CaseEnd::Failure(_)), "{:?}", told(&failed));
        assert!(
            matches!(end("the next leader is there soon"), CaseEnd::Failure(why) if why.contains("at most 4T (600 ms)"))
        );
        assert!(matches!(end("most requests succeed"), CaseEnd::Noted(_)), "{:?}", told(&failed));
        let inconclusive = cases(&sample::inconclusive());
        assert!(
            inconclusive.iter().all(|case| !matches!(case.end, CaseEnd::Failure(_) | CaseEnd::Error(_))),
            "{:?}",
            told(&inconclusive)
        );
        assert!(matches!(inconclusive[0].end, CaseEnd::Skipped(_)));
    }

    #[test]
    fn an_aborted_run_is_an_error() {
        let mut outcome = sample::passed();
        outcome.verdict = Verdict::Aborted;
        let xml = junit(&[outcome]);
        assert!(xml.contains("<error message=\"aborted: "), "{xml}");
    }

    #[test]
    fn times_are_seconds_and_what_was_not_measured_has_none() {
        let xml = junit(&[sample::passed()]);
        assert!(xml.contains("name=\"the next leader is there soon\" time=\"0.200000\""), "{xml}");
        assert!(xml.contains("name=\"most requests succeed\">"), "{xml}");
        assert!(xml.contains("<property name=\"seed\" value=\"7\">"));
    }

    #[test]
    fn every_text_is_within_its_place_and_allowed_in_xml() {
        for hostile in [
            "\"><failure/>",
            "]]></system-out>",
            "<!--",
            "<![CDATA[",
            "&nbsp;",
            "a\u{0}\u{8}\u{b}\u{1b}\u{1f}\u{FFFE}\u{FFFF}b",
        ] {
            let xml = junit(&[sample::hostile(hostile)]);
            let shape = |xml: &str| xml.matches('<').count();
            assert_eq!(shape(&xml), shape(&junit(&[sample::hostile("harmless")])), "{hostile:?}");
            assert!(!xml.contains(|c: char| (c < ' ' && !matches!(c, '\n' | '\t' | '\r'))
                || matches!(c, '\u{FFFE}' | '\u{FFFF}')));
            assert!(
                xml.split('&')
                    .skip(1)
                    .all(|rest| ["amp;", "lt;", "gt;", "quot;"].iter().any(|e| rest.starts_with(e))),
                "{hostile:?}"
            );
        }
    }

    #[test]
    fn no_runs_are_an_empty_file_of_suites() {
        let xml = junit(&[]);
        assert!(
            xml.contains("<testsuites") && xml.contains("tests=\"0\"") && xml.ends_with("</testsuites>"),
            "{xml}"
        );
    }
}
