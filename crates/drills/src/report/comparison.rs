//! The same drill on several engines, side by side.

use super::table::{between, median, padded, sorted, verdicts};
use super::words::{NONE, NOT_SEEN, markdown, one_line, percent_or_none, visible};
use crate::bound::Millis;
use crate::outcome::{CheckState, Context, Outcome, Verdict, opt_micros};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

/// The most reasons that are listed for one engine.
const MOST_REASONS: usize = 5;

/// The same drill on several engines.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The drill.
    pub id: String,
    /// Its title.
    pub title: String,
    /// One for each engine, in the order of their first runs.
    pub engines: Vec<EngineFigures>,
}

/// The runs on one engine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EngineFigures {
    /// Its name.
    pub engine: String,
    /// The heartbeat interval in milliseconds.
    pub heartbeat_ms: u64,
    /// The least and the greatest election timeout in milliseconds.
    pub election_ms: (u64, u64),
    /// How often it ran.
    pub runs: usize,
    /// How many runs ended how, in words.
    pub verdicts: String,
    /// From the fault to the first vote request.
    pub detect: TimeFigures,
    /// From the fault to the first heartbeat of the next leader: D.
    pub takeover: TimeFigures,
    /// From the fault to the first acknowledged write under the next leader.
    pub first_write: TimeFigures,
    /// The longest time without an acknowledged request.
    pub gap: TimeFigures,
    /// The share of due requests that were acknowledged in time during the fault, in percent.
    pub availability: ShareFigures,
    /// Why runs did not pass, and how many for each reason.
    pub reasons: Vec<(usize, Verdict, String)>,
    /// What could not be judged, and why.
    pub unknown: Vec<(String, String)>,
}

/// The median and the range of times over several runs. `None`: no run had one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TimeFigures {
    /// How many runs had one.
    pub seen: usize,
    /// The median.
    #[serde(serialize_with = "opt_micros")]
    pub median: Option<Duration>,
    /// The least.
    #[serde(serialize_with = "opt_micros")]
    pub least: Option<Duration>,
    /// The greatest.
    #[serde(serialize_with = "opt_micros")]
    pub greatest: Option<Duration>,
}

/// The median and the range of shares over several runs, in percent. `None`: no run had one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ShareFigures {
    /// How many runs had one.
    pub seen: usize,
    /// The median.
    pub median: Option<f64>,
    /// The least.
    pub least: Option<f64>,
    /// The greatest.
    pub greatest: Option<f64>,
}

impl Comparison {
    /// Of these runs of one drill. `None`: there are none.
    #[must_use]
    pub fn of(outcomes: &[Outcome]) -> Option<Self> {
        let first = outcomes.first()?;
        let mut engines: Vec<(&str, Vec<&Outcome>)> = Vec::new();
        for outcome in outcomes {
            let engine = outcome.context.engine.as_str();
            match engines.iter_mut().find(|(name, _)| *name == engine) {
                Some((_, runs)) => runs.push(outcome),
                None => engines.push((engine, vec![outcome])),
            }
        }
        let engines =
            engines.into_iter().map(|(_, runs)| EngineFigures::of(&runs, &runs[0].context)).collect();
        Some(Self { id: first.id.clone(), title: first.title.clone(), engines })
    }

    /// As columns for a terminal, an engine each, and below them what is to be known about the figures.
    #[must_use]
    pub fn text(&self) -> String {
        let rows = self.rows();
        let columns = self.engines.len() + 1;
        let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = self.heading() + "\n\n";
        for row in rows {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| padded(cell, *width, true)).collect();
            writeln!(text, "  {}", cells.join("   ").trim_end()).expect("a String takes all that is written");
        }
        let notes = self.notes();
        if !notes.is_empty() {
            text.push('\n');
        }
        notes.iter().fold(text, |text, note| text + "  " + note + "\n")
    }

    /// The same as a table in Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = format!("## {}\n\n", markdown(&self.heading()));
        for (number, row) in self.rows().iter().enumerate() {
            text += &line(&row.iter().map(|cell| markdown(cell)).collect::<Vec<_>>());
            if number == 0 {
                text += &line(&vec!["---".to_owned(); row.len()]);
            }
        }
        text.push('\n');
        self.notes().iter().fold(text, |text, note| text + "- " + &markdown(note) + "\n")
    }

    fn heading(&self) -> String {
        visible(&one_line(&format!("{} ({})", self.title, self.id)))
    }

    /// A row for each figure, the name first; the first row names the engines.
    fn rows(&self) -> Vec<Vec<String>> {
        let row = |name: &str, told: &dyn Fn(&EngineFigures) -> String| {
            let cells = self.engines.iter().map(told);
            [name.to_owned()].into_iter().chain(cells).collect::<Vec<String>>()
        };
        vec![
            row("", &|of| visible(&one_line(&of.engine))),
            row("heartbeat", &|of| format!("{} ms", of.heartbeat_ms)),
            row("election timeout", &|of| format!("{} to {} ms", of.election_ms.0, of.election_ms.1)),
            row("runs", &|of| of.runs.to_string()),
            row("verdicts", &|of| of.verdicts.clone()),
            row("detected", &|of| of.detect.told(NOT_SEEN)),
            row("D, new leader", &|of| of.takeover.told(NOT_SEEN)),
            row("first write", &|of| of.first_write.told(NOT_SEEN)),
            row("longest gap", &|of| of.gap.told(NONE)),
            row("availability", &|of| of.availability.told()),
        ]
    }

    /// What is to be known about the figures: other timings, runs that did not pass, and what could not be judged.
    fn notes(&self) -> Vec<String> {
        let mut notes = vec!["Each figure is a median, with its range in parentheses.".to_owned()];
        let timing = |of: &EngineFigures| (of.heartbeat_ms, of.election_ms);
        if self.engines.windows(2).any(|pair| timing(&pair[0]) != timing(&pair[1])) {
            let unlike = "The engines ran with different timings, so their times differ for that reason too.";
            notes.push(unlike.to_owned());
        }
        for of in &self.engines {
            let reasons = of.reasons.iter().map(|(count, verdict, reason)| {
                format!("{}: {count} of {} {verdict}: {reason}.", of.engine, of.runs)
            });
            notes.extend(reasons.take(MOST_REASONS));
            let mut unknown: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            of.unknown.iter().for_each(|(name, why)| unknown.entry(why).or_default().push(name));
            let told = |(why, names): (&str, Vec<&str>)| {
                format!("{}: not judged ({}): {why}.", of.engine, names.join(", "))
            };
            notes.extend(unknown.into_iter().map(told));
        }
        notes.iter().map(|note| visible(&one_line(note))).collect()
    }
}

impl EngineFigures {
    fn of(runs: &[&Outcome], context: &Context) -> Self {
        let times = |of: &dyn Fn(&Outcome) -> Option<Duration>| {
            TimeFigures::of(&sorted(runs.iter().filter_map(|run| of(run))))
        };
        let mut shares: Vec<f64> =
            runs.iter().filter_map(|run| run.requests.as_ref()?.during.availability()).collect();
        shares.sort_by(f64::total_cmp);
        Self {
            engine: context.engine.clone(),
            heartbeat_ms: context.heartbeat_ms,
            election_ms: context.election_ms,
            runs: runs.len(),
            verdicts: verdicts(runs),
            detect: times(&|run| run.moments.to_detect()),
            takeover: times(&|run| run.moments.takeover()),
            first_write: times(&|run| run.moments.to_write()),
            gap: times(&|run| run.requests.as_ref()?.longest_gap),
            availability: ShareFigures::of(&shares),
            reasons: reasons(runs),
            unknown: unknown(runs),
        }
    }
}

/// Why runs did not pass, the most frequent reason first.
fn reasons(runs: &[&Outcome]) -> Vec<(usize, Verdict, String)> {
    let mut counts: BTreeMap<(Verdict, &str), usize> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.verdict != Verdict::Passed) {
        *counts.entry((run.verdict, &run.reason)).or_default() += 1;
    }
    let mut reasons: Vec<_> =
        counts.into_iter().map(|((verdict, reason), count)| (count, verdict, reason.to_owned())).collect();
    reasons.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
    reasons
}

/// What no run that passed could judge, and why.
fn unknown(runs: &[&Outcome]) -> Vec<(String, String)> {
    let passed = runs.iter().filter(|run| run.verdict == Verdict::Passed);
    let mut unknown: Vec<(String, String)> = passed
        .flat_map(|run| &run.checks)
        .filter_map(|check| match &check.state {
            CheckState::Unknown(why) => Some((check.name.clone(), why.clone())),
            CheckState::Holds | CheckState::Broken(_) => None,
        })
        .collect();
    unknown.sort();
    unknown.dedup();
    unknown
}

impl TimeFigures {
    fn of(sorted: &[Duration]) -> Self {
        Self {
            seen: sorted.len(),
            median: median(sorted, between),
            least: sorted.first().copied(),
            greatest: sorted.last().copied(),
        }
    }

    fn told(&self, otherwise: &str) -> String {
        let Self { median: Some(median), least: Some(least), greatest: Some(greatest), .. } = *self else {
            return otherwise.to_owned();
        };
        if self.seen == 1 {
            return Millis(median).to_string();
        }
        format!("{} ({} to {})", Millis(median), Millis(least), Millis(greatest))
    }
}

impl ShareFigures {
    fn of(sorted: &[f64]) -> Self {
        Self {
            seen: sorted.len(),
            median: median(sorted, f64::midpoint),
            least: sorted.first().copied(),
            greatest: sorted.last().copied(),
        }
    }

    fn told(&self) -> String {
        let Self { median: Some(median), least: Some(least), greatest: Some(greatest), .. } = *self else {
            return NONE.to_owned();
        };
        if self.seen == 1 {
            return percent_or_none(Some(median));
        }
        let [median, least, greatest] = [median, least, greatest].map(|share| percent_or_none(Some(share)));
        format!("{median} ({least} to {greatest})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn on(engine: &str, takeover_ms: u64) -> Outcome {
        let mut outcome = sample::passed();
        outcome.context.engine = engine.to_owned();
        outcome.moments.lead = outcome.moments.fault.map(|fault| fault + Duration::from_millis(takeover_ms));
        outcome
    }

    fn sampled() -> Vec<Outcome> {
        let mut slower = on("etcd", 260);
        slower.context.heartbeat_ms = 30;
        let last = slower.checks.len() - 1;
        slower.checks[last].state = CheckState::Unknown("etcd reports no changes of its log".to_owned());
        let mut busy = sample::inconclusive();
        busy.context = slower.context.clone();
        vec![on("lab", 200), slower, on("lab", 220), busy, on("lab", 310)]
    }

    #[test]
    fn engines_stand_side_by_side_with_medians_ranges_and_what_is_inconclusive() {
        insta::assert_snapshot!(Comparison::of(&sampled()).unwrap().text());
    }

    #[test]
    fn the_same_in_markdown() {
        let markdown = Comparison::of(&sampled()).unwrap().markdown();
        let rows: Vec<&str> = markdown.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(rows.len(), 11, "{markdown}");
        assert!(rows.iter().all(|row| row.matches('|').count() == 4), "{markdown}");
        assert!(rows[7].contains("220 ms (200 ms to 310 ms)"), "{markdown}");
    }

    #[test]
    fn json_has_numbers() {
        let json = serde_json::to_value(Comparison::of(&sampled()).unwrap()).unwrap();
        let lab = &json["engines"][0];
        assert_eq!((&lab["engine"], &lab["runs"]), (&"lab".into(), &3.into()));
        assert_eq!((&lab["takeover"]["median"], &lab["takeover"]["seen"]), (&220_000.into(), &3.into()));
    }

    #[test]
    fn no_runs_are_no_comparison_and_hostile_texts_do_nothing() {
        assert_eq!(Comparison::of(&[]), None);
        let hostile = Comparison::of(&[sample::hostile("\u{1b}[2J|<b>\r\n")]).unwrap();
        assert!(!hostile.text().contains(['\u{1b}', '\r']), "{}", hostile.text());
        assert!(!hostile.markdown().contains(['\u{1b}', '\r', '<']), "{}", hostile.markdown());
    }
}
