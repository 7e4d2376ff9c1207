//! What a terminal prints at the end of a run.

use super::words::{
    NONE, bound_told, in_t, one_line, percent_or_none, seen, state_told, time_or_none, visible,
};
use crate::file::Severity;
use crate::outcome::{CheckResult, CheckState, Outcome, PhaseFigures, RequestFigures};
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

const COLUMNS: usize = 80;
const NAMES: usize = 16;
const MOST_CHECKS: usize = 5;
const MOST_LINES: usize = 3;

/// A run in about 25 lines of at most 80 columns: the verdict and the reason, the figures, each check that does not hold, the score, and
/// the command that runs it again. The command stays on one line, however long it is, so that it can be copied.
#[must_use]
pub fn text(outcome: &Outcome) -> String {
    let mut lines = Vec::new();
    verdict(outcome, &mut lines);
    figures(outcome, &mut lines);
    checks(outcome, &mut lines);
    end(outcome, &mut lines);
    let command = one_line(&outcome.context.command);
    lines.push(if command.is_empty() {
        named("run it again", NONE)
    } else {
        format!("{}{command}", name_column("run it again"))
    });
    let mut text = visible(&lines.join("\n"));
    text.push('\n');
    text
}

fn verdict(outcome: &Outcome, lines: &mut Vec<String>) {
    let title = format!("{} ({})", one_line(&outcome.title), one_line(&outcome.id));
    let word = outcome.verdict.to_string().to_uppercase();
    lines.extend(wrapped(&format!("{word}  "), &title, 2));
    lines.extend(wrapped("  ", &format!("{}.", one_line(&outcome.reason)), MOST_LINES));
    if let Some(violation) = &outcome.violation {
        let told = format!("Safety violated: {}. {}", violation.property, violation.sentence);
        lines.extend(wrapped("  ", &told, MOST_LINES));
    }
    lines.push(String::new());
}

fn figures(outcome: &Outcome, lines: &mut Vec<String>) {
    let (moments, t) = (&outcome.moments, outcome.context.t());
    lines.push(named("D, new leader", &since(moments.takeover(), t)));
    lines.push(named("detected", &since(moments.to_detect(), t)));
    lines.push(named("first write", &since(moments.to_write(), t)));
    match &outcome.requests {
        Some(requests)
            if [requests.before, requests.during, requests.after].iter().all(|phase| phase.due == 0) =>
        {
            lines.push(named("requests", "none was due"));
        }
        Some(requests) => load(requests, t, lines),
        None => lines.push(named("requests", "none: the drill has no workload")),
    }
    lines.push(String::new());
}

fn load(requests: &RequestFigures, t: Duration, lines: &mut Vec<String>) {
    let gap = match requests.longest_gap {
        Some(gap) => with_t(gap, t),
        None => NONE.to_owned(),
    };
    lines.push(named("longest gap", &gap));
    let phases = |told: &dyn Fn(&PhaseFigures) -> String| {
        let [before, during, after] = [&requests.before, &requests.during, &requests.after].map(told);
        format!("{before:<14}{during:<14}{after}").trim_end().to_owned()
    };
    lines.push(named("", &format!("{:<14}{:<14}after", "before", "during")));
    lines.push(named("availability", &phases(&|phase| percent_or_none(phase.availability()))));
    lines.push(named("latency p50", &phases(&|phase| time_or_none(phase.p50))));
    lines.push(named("latency p99", &phases(&|phase| time_or_none(phase.p99))));
}

fn since(time: Option<Duration>, t: Duration) -> String {
    time.map_or_else(|| seen(None), |time| format!("{} after the fault", with_t(time, t)))
}

fn with_t(time: Duration, t: Duration) -> String {
    match in_t(time, t) {
        Some(in_t) => format!("{} ({in_t})", seen(Some(time))),
        None => seen(Some(time)),
    }
}

fn checks(outcome: &Outcome, lines: &mut Vec<String>) {
    let count = |is: fn(&CheckState) -> bool| outcome.checks.iter().filter(|check| is(&check.state)).count();
    let (holding, all) = (count(|state| *state == CheckState::Holds), outcome.checks.len());
    let told = match (holding, all) {
        (_, 0) => NONE.to_owned(),
        (holding, all) if holding == all => format!("all {all} hold"),
        (holding, all) => format!("{holding} of {all} hold"),
    };
    lines.push(named("checks", &told));
    let others = broken_told(outcome).into_iter().chain(unknown_told(outcome)).collect::<Vec<_>>();
    let most_lines = if others.len() <= 2 { MOST_LINES } else { 2 };
    for told in others.iter().take(MOST_CHECKS) {
        lines.extend(wrapped("  ", told, most_lines));
    }
    if others.len() > MOST_CHECKS {
        lines.push(format!("  {} more in the full report", others.len() - MOST_CHECKS));
    }
}

/// What does not hold, each with its bound and what was measured; what must hold first.
fn broken_told(outcome: &Outcome) -> Vec<String> {
    let is_broken = |check: &&CheckResult| matches!(check.state, CheckState::Broken(_));
    let mut broken: Vec<&CheckResult> = outcome.checks.iter().filter(is_broken).collect();
    broken.sort_by_key(|check| check.severity == Severity::Should);
    broken.into_iter().map(|check| check_told(check, outcome.context.t())).collect()
}

/// What could not be judged. Where many could not for the same reason, only their names.
fn unknown_told(outcome: &Outcome) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&CheckResult>)> = Vec::new();
    for check in &outcome.checks {
        let CheckState::Unknown(why) = &check.state else { continue };
        match reasons.iter_mut().find(|(reason, _)| reason == why) {
            Some((_, checks)) => checks.push(check),
            None => reasons.push((why, vec![check])),
        }
    }
    let told = |(why, checks): (&str, Vec<&CheckResult>)| match checks.as_slice() {
        [check] => check_told(check, outcome.context.t()),
        checks => {
            let names: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
            format!("? {} unknown: {why} ({})", checks.len(), names.join("; "))
        }
    };
    reasons.into_iter().map(told).collect()
}

fn check_told(check: &CheckResult, t: Duration) -> String {
    let (sign, word, why) = state_told(&check.state);
    let severity = if check.severity == Severity::Should { " (should hold)" } else { "" };
    let bound = check.bound.as_deref().map_or(String::new(), |bound| format!(", {}", bound_told(bound, t)));
    let measured =
        check.measured.map_or("not measured".to_owned(), |measured| format!("measured {measured}"));
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    one_line(&format!("{sign} {word}{severity}: {} ({}{bound}; {measured}){why}", check.name, check.expr))
}

fn end(outcome: &Outcome, lines: &mut Vec<String>) {
    if !outcome.left.is_empty() {
        lines.extend(wrapped("  ", &format!("✕ still in force: {}", outcome.left.join("; ")), 2));
    }
    let parts: Vec<String> =
        outcome.score.parts.iter().map(|part| format!("{} {}", part.name, part.points)).collect();
    let score = match outcome.score.total {
        Some(total) if parts.is_empty() => format!("{total} of 100"),
        Some(total) => format!("{total} of 100 ({})", parts.join(", ")),
        None => NONE.to_owned(),
    };
    lines.extend(wrapped(&name_column("score"), &score, 2));
}

/// A line with a name and a value.
fn named(name: &str, value: &str) -> String {
    format!("{}{value}", name_column(name))
}

fn name_column(name: &str) -> String {
    format!("  {name:<NAMES$}")
}

/// A text in lines of at most 80 columns, the first one after `first` and the others indented as far. If there would be more than `most`
/// lines, the last one ends in an ellipsis.
fn wrapped(first: &str, text: &str, most: usize) -> Vec<String> {
    let room = COLUMNS - first.width();
    let mut parts = broken(&one_line(&visible(text)), room);
    if parts.len() > most {
        parts.truncate(most);
        if let Some(last) = parts.last_mut() {
            while last.width() >= room {
                last.pop();
            }
            last.push('…');
        }
    }
    let indent = " ".repeat(first.width());
    parts
        .iter()
        .enumerate()
        .map(|(i, part)| format!("{}{part}", if i == 0 { first } else { &indent }))
        .collect()
}

/// A text in parts of at most this many columns, broken between words, or within one that is longer.
fn broken(text: &str, room: usize) -> Vec<String> {
    let mut parts = vec![String::new()];
    for word in text.split(' ') {
        let last = parts.last().map_or(0, |part| part.width());
        let space = usize::from(last > 0);
        if last > 0 && last + space + word.width() > room {
            parts.push(String::new());
        } else if space > 0 {
            push(&mut parts, ' ', room);
        }
        word.chars().for_each(|c| push(&mut parts, c, room));
    }
    parts
}

fn push(parts: &mut Vec<String>, c: char, room: usize) {
    if let Some(last) = parts.last_mut() {
        last.push(c);
        if last.width() > room {
            last.pop();
            parts.push(c.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn assert_fits(outcome: &Outcome) {
        let text = text(outcome);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() <= 36, "{} lines", lines.len());
        for line in &lines[..lines.len() - 1] {
            assert!(line.width() <= 80, "{line}");
        }
    }

    #[test]
    fn it_fits_a_terminal() {
        for outcome in [sample::simulated(), sample::passed(), sample::failed(), sample::inconclusive()] {
            assert_fits(&outcome);
            assert!(text(&outcome).lines().all(|line| line.width() <= 80));
            assert!(text(&outcome).lines().count() <= 25);
        }
    }

    #[test]
    fn it_fits_whatever_the_texts_are() {
        for text in [
            "x".repeat(5000),
            "中文 ".repeat(900),
            "word ".repeat(1000),
            String::new(),
            "e\u{301}".repeat(700),
        ] {
            let mut outcome = sample::hostile(&text);
            let check = outcome.checks[0].clone();
            outcome.checks.extend(vec![CheckResult { state: CheckState::Broken(text.clone()), ..check }; 40]);
            assert_fits(&outcome);
        }
    }

    #[test]
    fn the_verdict_and_the_reason_come_first() {
        let text = text(&sample::passed());
        let mut lines = text.lines();
        assert!(lines.next().unwrap().starts_with("PASSED  "));
        assert_eq!(lines.next().unwrap().trim(), format!("{}.", sample::passed().reason));
        for told in ["200 ms (1.3T) after the fault", "180 ms", "215 ms", "100.0 %", "latency p99", "checks"]
        {
            assert!(text.contains(told), "{told} in\n{text}");
        }
        assert!(text.ends_with("raftdeck drill run leader-kill --engine sim --seed 7\n"));
    }

    #[test]
    fn each_broken_check_says_its_bound_and_what_was_measured() {
        let text = text(&sample::failed()).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            text.contains(
                "✕ broken: the next leader is there soon (D, at most 4T (600 ms); measured 1240 ms)"
            ),
            "{text}"
        );
        assert!(text.contains("Safety violated: State Machine Safety"));
    }

    #[test]
    fn checks_that_are_unknown_for_one_reason_are_told_together() {
        let text = text(&sample::inconclusive()).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("? 6 unknown: there was no fault (the next leader is there soon; "), "{text}");
        assert!(text.contains("requests none was due"), "{text}");
    }

    #[test]
    fn what_was_not_seen_is_not_zero() {
        let mut outcome = sample::inconclusive();
        outcome.requests = None;
        let text = text(&outcome);
        assert!(
            text.contains("not seen") && !text.contains(" 0 ms") && text.contains("has no workload"),
            "{text}"
        );
    }

    #[test]
    fn a_terminal_obeys_nothing_in_it() {
        assert!(!text(&sample::hostile("\u{1b}[2J\u{9b}31m\r")).contains(['\u{1b}', '\u{9b}', '\r']));
    }

    #[test]
    fn the_command_is_never_broken() {
        let mut outcome = sample::passed();
        outcome.context.command = format!("raftdeck drill run {}", "a ".repeat(100).trim_end());
        assert!(text(&outcome).contains(&outcome.context.command));
    }
}
