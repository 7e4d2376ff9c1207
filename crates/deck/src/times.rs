//! How times are written, everywhere in the deck: how long something took, and when it happened.

use std::time::Duration;

/// How long: `0.3 ms`, `214 ms`, `1.2 s`, `2:05`. The last is in minutes and seconds.
#[must_use]
pub fn span(time: Duration) -> String {
    match time.as_millis() {
        0..10 => format!("{}.{} ms", time.as_millis(), time.subsec_micros() % 1000 / 100),
        ms @ 10..1000 => format!("{ms} ms"),
        ms @ 1000..100_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        ms => format!("{}:{:02}", ms / 60_000, ms / 1000 % 60),
    }
}

/// When, in cluster time since the start: `0:12.413`.
#[must_use]
pub fn stamp(at: Duration) -> String {
    let (minutes, seconds) = (at.as_secs() / 60, at.as_secs() % 60);
    format!("{minutes}:{seconds:02}.{:03}", at.subsec_millis())
}

/// What is left of a countdown: seconds with one decimal, so that its width stays the same.
#[must_use]
pub fn tenths(time: Duration) -> String {
    format!("{}.{} s", time.as_secs(), time.subsec_millis() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_the_unit_that_reads_well() {
        for (micros, words) in [
            (0, "0.0 ms"),
            (350, "0.3 ms"),
            (9_999, "9.9 ms"),
            (10_000, "10 ms"),
            (999_999, "999 ms"),
            (1_000_000, "1.0 s"),
            (99_999_999, "99.9 s"),
            (100_000_000, "1:40"),
            (3_725_000_000, "62:05"),
        ] {
            assert_eq!(span(Duration::from_micros(micros)), words);
        }
    }

    #[test]
    fn a_moment_has_minutes_seconds_and_milliseconds() {
        assert_eq!(stamp(Duration::from_micros(12_413_900)), "0:12.413");
        assert_eq!(stamp(Duration::from_millis(71_005)), "1:11.005");
    }
}
