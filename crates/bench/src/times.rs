//! Times of trials: a few dozen of them, each one kept. Pure.

use crate::figures;
use crate::print::rule;
use console::style;
use serde::Serialize;
use std::fmt::Write as _;
use std::time::Duration;

/// The longest bar of a distribution, in characters, and the most characters for one trial.
const BAR: u64 = 40;
const ONE: u64 = 2;

/// About how many rows a distribution has.
const ROWS: f64 = 8.0;

/// What many trials took, in milliseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Times {
    pub(crate) median: f64,
    pub(crate) p95: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
    /// Each, in the order of the trials.
    pub(crate) all: Vec<f64>,
}

impl Times {
    pub(crate) fn of(times: &[Duration]) -> Self {
        let all: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        let mut sorted = all.clone();
        sorted.sort_by(f64::total_cmp);
        // The nearest rank: a time that occurred, never an interpolated one.
        let at = |share: f64| {
            let rank = (share * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { median: at(0.5), p95: at(0.95), least: at(0.0), greatest: at(1.0), all }
    }

    /// The heading of a table of times.
    pub(crate) fn heading() -> String {
        let line = format!("{:<24}{:>12}{:>12}{:>12}{:>12}", "", "median", "p95", "least", "greatest");
        format!("  {}\n{}", style(&line).bold(), rule(line.len()))
    }

    /// A row of it with a single time.
    pub(crate) fn single_row(name: &str, ms: f64) -> String {
        format!("  {}{:>12}\n", style(format!("{name:<24}")).dim(), figures::micros(ms * 1e3))
    }

    /// One row of it.
    pub(crate) fn row(&self, name: &str) -> String {
        let times = [self.median, self.p95, self.least, self.greatest];
        let cells: String = times.iter().fold(String::new(), |line, ms| {
            let time = figures::micros(ms * 1e3);
            format!("{line}{time:>12}")
        });
        format!("  {}{cells}\n", style(format!("{name:<24}")).dim())
    }

    /// How many trials took how long, as bars.
    pub(crate) fn distribution(&self) -> String {
        let width = step((self.greatest - self.least) / ROWS);
        let row_of = |ms: f64| (ms / width).floor() as u64;
        let (first, last) = (row_of(self.least), row_of(self.greatest));
        let mut counts = vec![0_u64; (last - first + 1) as usize];
        for ms in &self.all {
            counts[(row_of(*ms) - first) as usize] += 1;
        }
        let most = counts.iter().copied().max().unwrap_or(1).max(BAR / ONE);
        let mut text = String::new();
        for (row, count) in (first..).zip(counts) {
            let from = figures::micros(row as f64 * width * 1e3);
            let bar = "━".repeat((count * BAR).div_ceil(most) as usize);
            let count = if count == 0 { String::new() } else { format!(" {count}") };
            let _ = writeln!(text, "  {}  {}{count}", style(format!("{from:>12}")).dim(), style(bar).cyan());
        }
        text
    }
}

/// The round number of milliseconds (1, 2 or 5 and zeros) that is at least this.
fn step(least: f64) -> f64 {
    let mut power: f64 = 0.1;
    loop {
        for digit in [1.0, 2.0, 5.0] {
            if digit * power >= least {
                return digit * power;
            }
        }
        power *= 10.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_occurred() {
        let times: Vec<Duration> = (1..=20).rev().map(Duration::from_millis).collect();
        let times = Times::of(&times);
        assert_eq!((times.median, times.p95, times.least, times.greatest), (10.0, 19.0, 1.0, 20.0));
        let one = Times::of(&[Duration::from_millis(7)]);
        assert_eq!((one.median, one.p95, one.least, one.greatest), (7.0, 7.0, 7.0, 7.0));
    }

    #[test]
    fn a_distribution_has_all_trials_in_round_steps() {
        let times = [150, 161, 169, 240].map(Duration::from_millis);
        let text = console::strip_ansi_codes(&Times::of(&times).distribution()).into_owned();
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows.len(), 6, "{text}");
        assert!(rows[0].contains("140 ms") && rows[0].ends_with(" 1"), "{text}");
        assert!(rows[1].contains("160 ms") && rows[1].ends_with(" 2"), "{text}");
        assert!(rows[5].contains("240 ms") && rows[5].ends_with(" 1"), "{text}");
        assert_eq!([11.25, 0.01, 50.0].map(step).map(|step| step.to_string()), ["20", "0.1", "50"]);
    }
}
