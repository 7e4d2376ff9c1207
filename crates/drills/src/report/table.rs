//! A table of repeated runs: a row for each drill and engine.

use super::words::{NONE, NOT_SEEN, markdown, one_line, percent_or_none, visible};
use crate::bound::Millis;
use crate::outcome::{Outcome, Verdict};
use std::fmt::Write;
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

const COLUMNS: [&str; 10] = [
    "drill",
    "engine",
    "runs",
    "verdicts",
    "D median",
    "D worst",
    "gap median",
    "gap worst",
    "available median",
    "available worst",
];
/// The columns of words; the others are figures and stand at the right.
const WORDS: [usize; 3] = [0, 1, 3];

type Row = [String; COLUMNS.len()];

/// Runs as columns for a terminal: a row for each drill and engine, in the order of their first runs. Medians and worst values are of those
/// runs in which there was one; "availability" is that during the fault.
#[must_use]
pub fn table(outcomes: &[Outcome]) -> String {
    let rows = rows(outcomes);
    let header = COLUMNS.map(str::to_owned);
    let widths: Vec<usize> = (0..COLUMNS.len())
        .map(|column| {
            [&header].into_iter().chain(&rows).map(|row| row[column].width()).max().unwrap_or_default()
        })
        .collect();
    [&header].into_iter().chain(&rows).fold(String::new(), |mut text, row| {
        let cells: Vec<String> =
            row.iter().enumerate().map(|(i, cell)| padded(cell, widths[i], WORDS.contains(&i))).collect();
        writeln!(text, "{}", cells.join("  ").trim_end()).expect("a String takes all that is written");
        text
    })
}

/// A text filled up with spaces to this many columns of a terminal.
pub(super) fn padded(text: &str, width: usize, is_left: bool) -> String {
    let spaces = " ".repeat(width.saturating_sub(text.width()));
    if is_left { format!("{text}{spaces}") } else { format!("{spaces}{text}") }
}

/// The same as a table in Markdown.
#[must_use]
pub fn markdown_table(outcomes: &[Outcome]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule =
        (0..COLUMNS.len()).map(|i| if WORDS.contains(&i) { "---".to_owned() } else { "---:".to_owned() });
    let mut text = line(&COLUMNS.map(str::to_owned)) + &line(&rule.collect::<Vec<_>>());
    for row in rows(outcomes) {
        text += &line(&row.map(|cell| markdown(&cell)));
    }
    text
}

fn rows(outcomes: &[Outcome]) -> Vec<Row> {
    let mut groups: Vec<Vec<&Outcome>> = Vec::new();
    for outcome in outcomes {
        let key = |outcome: &Outcome| (outcome.id.clone(), outcome.context.engine.clone());
        match groups.iter_mut().find(|group| key(group[0]) == key(outcome)) {
            Some(group) => group.push(outcome),
            None => groups.push(vec![outcome]),
        }
    }
    groups.iter().map(|group| row(group)).collect()
}

fn row(runs: &[&Outcome]) -> Row {
    let (d_median, d_worst) = takeovers(runs);
    let gaps = sorted(runs.iter().filter_map(|run| run.requests.as_ref()?.longest_gap));
    let mut shares: Vec<f64> =
        runs.iter().filter_map(|run| run.requests.as_ref()?.during.availability()).collect();
    shares.sort_by(f64::total_cmp);
    [
        visible(&one_line(&runs[0].id)),
        visible(&one_line(&runs[0].context.engine)),
        runs.len().to_string(),
        verdicts(runs),
        d_median,
        d_worst,
        told_or(median(&gaps, between), NONE),
        told_or(gaps.last().copied(), NONE),
        percent_or_none(median(&shares, f64::midpoint)),
        percent_or_none(shares.first().copied()),
    ]
}

/// How many runs ended how, the verdicts that occur.
pub(super) fn verdicts(runs: &[&Outcome]) -> String {
    let counted = |verdict: Verdict| {
        let count = runs.iter().filter(|run| run.verdict == verdict).count();
        (count > 0).then(|| format!("{count} {verdict}"))
    };
    let all = [Verdict::Passed, Verdict::Failed, Verdict::Inconclusive, Verdict::Aborted];
    all.into_iter().filter_map(counted).collect::<Vec<_>>().join(", ")
}

/// The median and the worst D. A run with a fault and no next leader is worse than any other if others had one.
fn takeovers(runs: &[&Outcome]) -> (String, String) {
    let seen = sorted(runs.iter().filter_map(|run| run.moments.takeover()));
    let missing =
        runs.iter().filter(|run| run.moments.fault.is_some() && run.moments.takeover().is_none()).count();
    let worst = match seen.last() {
        Some(_) if missing > 0 => format!("{NOT_SEEN} in {missing}"),
        other => told_or(other.copied(), NOT_SEEN),
    };
    (told_or(median(&seen, between), NOT_SEEN), worst)
}

pub(super) fn sorted(times: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times
}

fn told_or(time: Option<Duration>, otherwise: &str) -> String {
    time.map_or(otherwise.to_owned(), |time| Millis(time).to_string())
}

pub(super) fn between(low: Duration, high: Duration) -> Duration {
    low.saturating_add(high.saturating_sub(low) / 2)
}

/// The middle value, or that between the two middle ones. `None`: there are no values.
pub(super) fn median<T: Copy>(sorted: &[T], between: impl Fn(T, T) -> T) -> Option<T> {
    let (low, high) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some(between(*low, *high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn with_takeover(millis: u64) -> Outcome {
        let mut outcome = sample::passed();
        outcome.moments.lead = outcome.moments.fault.map(|fault| fault + Duration::from_millis(millis));
        outcome
    }

    #[test]
    fn a_row_for_each_drill_and_engine_with_medians_and_worst_values() {
        let mut lab = sample::passed();
        lab.context.engine = "lab".to_owned();
        let outcomes = [with_takeover(200), lab, with_takeover(300), with_takeover(900), sample::failed()];
        let table = table(&outcomes);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3, "{table}");
        let cells: Vec<&str> = lines[1].split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells[..6], ["leader-kill", "sim", "3", "3 passed", "300 ms", "900 ms"], "{table}");
    }

    #[test]
    fn a_leader_that_never_came_is_the_worst() {
        let mut never = sample::passed();
        never.moments.lead = None;
        assert_eq!(
            takeovers(&[&with_takeover(200), &never]),
            ("200 ms".to_owned(), "not seen in 1".to_owned())
        );
        assert_eq!(takeovers(&[&never]), (NOT_SEEN.to_owned(), NOT_SEEN.to_owned()));
        let steady = sample::inconclusive();
        assert_eq!(takeovers(&[&with_takeover(200), &steady]).1, "200 ms", "it had no fault");
    }

    #[test]
    fn the_median_of_two_is_between_them() {
        assert_eq!(median(&[1.0, 2.0], f64::midpoint), Some(1.5));
        assert_eq!(median(&[1.0, 2.0, 9.0], f64::midpoint), Some(2.0));
        assert_eq!(median::<f64>(&[], f64::midpoint), None);
    }

    #[test]
    fn columns_are_aligned() {
        let table = table(&[sample::passed(), sample::failed()]);
        let ends: Vec<usize> = table.lines().map(UnicodeWidthStr::width).collect();
        assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{table}");
    }

    #[test]
    fn markdown_has_a_cell_for_each_column_whatever_the_texts_are() {
        for hostile in ["a|b\nc", "<b>&", "`*_", "\\|"] {
            let table = markdown_table(&[sample::hostile(hostile)]);
            let lines: Vec<&str> = table.lines().collect();
            assert_eq!(lines.len(), 3, "{table}");
            for line in lines {
                let bars = line.replace("\\\\", "").replace("\\|", "").matches('|').count();
                assert_eq!(bars, COLUMNS.len() + 1, "{line}");
                assert!(!line.contains('<'));
            }
        }
    }

    #[test]
    fn no_runs_are_a_header() {
        assert_eq!(table(&[]).lines().count(), 1);
        assert_eq!(markdown_table(&[]).lines().count(), 2);
    }
}
