//! The words that all reports share: for times, for bounds, for states, and for what is not known.

use crate::bound::Millis;
use crate::outcome::{BandState, CheckKind, CheckState, Outcome, Verdict};
use raftdeck_raft::Role;
use std::cmp::Ordering;
use std::time::Duration;

/// What stands for a moment that did not come, or that nobody saw.
pub(super) const NOT_SEEN: &str = "not seen";

/// What stands for a value that does not exist.
pub(super) const NONE: &str = "none";

/// The same text with a visible sign in place of each character that a terminal would obey, that XML 1.0 forbids, or that reverses the
/// order of the text after it. Line ends and tabs stay.
pub(super) fn visible(text: &str) -> String {
    let sign = |c: char| if is_hidden(c) { '\u{FFFD}' } else { c };
    text.chars().map(sign).collect()
}

fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FFFE}' | '\u{FFFF}' => true,
        other => other.is_control(),
    }
}

/// The same text on one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text's first characters, with an ellipsis if that is not all of it.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let text = one_line(text);
    if text.chars().count() <= most {
        return text;
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// A duration, or that it was not seen.
pub(super) fn seen(time: Option<Duration>) -> String {
    time.map_or(NOT_SEEN.to_owned(), |time| Millis(time).to_string())
}

/// A duration, or that there is none.
pub(super) fn time_or_none(time: Option<Duration>) -> String {
    time.map_or(NONE.to_owned(), |time| Millis(time).to_string())
}

/// Percent with one decimal, or that there is none. It says 100.0 only if it is: rounding must not hide a lost request.
pub(super) fn percent_or_none(percent: Option<f64>) -> String {
    percent.map_or(NONE.to_owned(), percent_told)
}

fn percent_told(percent: f64) -> String {
    if (99.95..100.0).contains(&percent) {
        return ">99.9 %".to_owned();
    }
    format!("{percent:.1} %")
}

/// How many T a duration is: `1.3T`. `None`: a T has no length.
pub(super) fn in_t(time: Duration, t: Duration) -> Option<String> {
    (!t.is_zero()).then(|| format!("{:.1}T", time.as_secs_f64() / t.as_secs_f64()))
}

/// The moment that times are told from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    at: Duration,
    /// What happened then.
    pub(super) name: &'static str,
}

impl Origin {
    /// The fault, or the beginning of a drill that had none.
    pub(super) fn of(outcome: &Outcome) -> Self {
        match outcome.moments.fault {
            Some(at) => Self { at, name: "the fault" },
            None => Self { at: outcome.moments.begun, name: "the start" },
        }
    }

    /// When it was, in cluster time.
    pub(super) fn at(self) -> Duration {
        self.at
    }

    /// Milliseconds from it until this time, negative before it.
    pub(super) fn millis_until(self, at: Duration) -> f64 {
        (at.as_secs_f64() - self.at.as_secs_f64()) * 1000.0
    }

    /// A time told from it: `+180 ms`, `−1.2 s`, `0 ms`.
    pub(super) fn told(self, at: Duration) -> String {
        match at.cmp(&self.at) {
            Ordering::Equal => "0 ms".to_owned(),
            Ordering::Greater => format!("+{}", Millis(at.saturating_sub(self.at))),
            Ordering::Less => format!("−{}", Millis(self.at.saturating_sub(at))),
        }
    }
}

/// A time told from an origin to a tenth of a millisecond: `+182.6 ms`.
pub(super) fn told_finely(origin: Origin, at: Duration) -> String {
    let millis = origin.millis_until(at);
    match millis {
        _ if at == origin.at() => "0 ms".to_owned(),
        _ if millis.abs() >= 10_000.0 => origin.told(at),
        _ => format!("{}{:.1} ms", if millis < 0.0 { "−" } else { "+" }, millis.abs()),
    }
}

/// A bound in words: `..4T` is `at most 4T (600 ms)`, or `at most 4T` where a T has no length.
#[must_use]
pub fn bound_told(bound: &str, t: Duration) -> String {
    match bound.split_once("..") {
        Some(("", most)) => format!("at most {}", end_told(most, t)),
        Some((least, "")) => format!("at least {}", end_told(least, t)),
        Some((least, most)) => format!("{} to {}", end_told(least, t), end_told(most, t)),
        None => format!("exactly {}", end_told(bound, t)),
    }
}

fn end_told(end: &str, t: Duration) -> String {
    let end = end.trim();
    let factor = end.strip_suffix('T').and_then(|factor| factor.parse::<f64>().ok());
    match factor.and_then(|factor| Duration::try_from_secs_f64(factor * t.as_secs_f64()).ok()) {
        Some(time) if !time.is_zero() => format!("{end} ({})", Millis(time)),
        _ => end.to_owned(),
    }
}

/// A sign for a verdict, so that its colour is never needed.
pub(super) fn glyph(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "✓",
        Verdict::Failed => "✕",
        Verdict::Inconclusive => "?",
        Verdict::Aborted => "■",
    }
}

/// What a node is, in a word.
pub(super) fn band_name(state: BandState) -> &'static str {
    match state {
        BandState::Role(Role::Leader) => "leader",
        BandState::Role(Role::Follower) => "follower",
        BandState::Role(Role::Candidate) => "candidate",
        BandState::Role(Role::PreCandidate) => "pre-candidate",
        BandState::Down => "down",
        BandState::Paused => "paused",
        BandState::Unknown => "not known",
    }
}

/// What kind of check it is, in words.
pub(super) fn kind_name(kind: CheckKind) -> &'static str {
    match kind {
        CheckKind::Assertion => "assertion",
        CheckKind::Probe => "probe",
        CheckKind::Always => "in every drill",
    }
}

/// Whether a check holds: a sign, a word, and why not.
pub(super) fn state_told(state: &CheckState) -> (&'static str, &'static str, &str) {
    match state {
        CheckState::Holds => ("✓", "holds", ""),
        CheckState::Broken(why) => ("✕", "broken", why),
        CheckState::Unknown(why) => ("?", "unknown", why),
    }
}

/// A count with its noun: `1 run`, `2 runs`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A text in which Markdown finds nothing to obey.
pub(super) fn markdown(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '$' => escaped.extend(['\\', c]),
            other => escaped.push(other),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_or_xml_forbids_becomes_visible() {
        assert_eq!(
            visible("a\u{1b}[31m\u{0}b\u{9b}\u{FFFF}\u{202E}c"),
            "a\u{FFFD}[31m\u{FFFD}b\u{FFFD}\u{FFFD}\u{FFFD}c"
        );
        assert_eq!(visible("a\n\tb ü 中"), "a\n\tb ü 中");
    }

    #[test]
    fn bounds_are_told_in_words_with_the_length_of_a_t() {
        let t = Duration::from_millis(150);
        assert_eq!(bound_told("..4T", t), "at most 4T (600 ms)");
        assert_eq!(bound_told("99%..", t), "at least 99%");
        assert_eq!(bound_told("1T..2T", t), "1T (150 ms) to 2T (300 ms)");
        assert_eq!(bound_told("0", t), "exactly 0");
        assert_eq!(bound_told("..1e999T", t), "at most 1e999T", "no time is that long");
    }

    #[test]
    fn times_are_told_from_the_fault() {
        let mut outcome = crate::report::sample::passed();
        let origin = Origin::of(&outcome);
        assert_eq!(origin.told(Duration::from_millis(5180)), "+180 ms");
        assert_eq!(origin.told(Duration::from_secs(4)), "−1000 ms");
        assert_eq!(origin.told(Duration::from_secs(5)), "0 ms");
        assert_eq!(told_finely(origin, Duration::from_micros(5_182_640)), "+182.6 ms");
        assert_eq!(told_finely(origin, Duration::from_micros(4_999_500)), "−0.5 ms");
        outcome.moments.fault = None;
        assert_eq!(Origin::of(&outcome).name, "the start");
    }

    #[test]
    fn rounding_never_makes_all_of_most() {
        assert_eq!(percent_or_none(Some(99.99)), ">99.9 %");
        assert_eq!(percent_or_none(Some(100.0)), "100.0 %");
        assert_eq!(percent_or_none(None), "none");
    }

    #[test]
    fn long_text_is_shortened_by_characters() {
        assert_eq!(shortened("ü\nü  ü", 5), "ü ü ü");
        assert_eq!(shortened("üüüüüü", 3), "üü…");
    }
}
