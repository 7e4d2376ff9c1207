//! Round numbers for scales and times, and figures as text.

use std::time::Duration;

/// The least round number that is not less.
#[must_use]
pub(super) fn round_up(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.iter().map(|step| step * power).find(|top| *top >= value * 0.999).unwrap_or(value)
}

/// The same in bytes: round in bytes, KiB, MiB or GiB.
#[must_use]
pub(super) fn round_up_bytes(value: f64) -> f64 {
    let (unit, _) = unit(value);
    round_up(value / unit) * unit
}

fn unit(bytes: f64) -> (f64, &'static str) {
    const UNITS: [(f64, &str); 4] =
        [(1.0, "B"), (1024.0, "KiB"), (1_048_576.0, "MiB"), (1_073_741_824.0, "GiB")];
    UNITS.into_iter().rev().find(|(unit, _)| bytes >= *unit).unwrap_or(UNITS[0])
}

/// A number in as many digits as matter: `0.4`, `49`, `12k`.
#[must_use]
pub(super) fn number(value: f64) -> String {
    if value >= 999_500.0 {
        format!("{:.1}M", value / 1e6)
    } else if value >= 9_999.5 {
        format!("{:.0}k", value / 1e3)
    } else if value >= 9.95 || (value - value.round()).abs() < 0.05 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

/// Bytes: `812 B`, `3.1 KiB`.
#[must_use]
pub(super) fn bytes(value: f64) -> String {
    let (unit, name) = unit(value);
    format!("{} {name}", number(value / unit))
}

/// Microseconds in milliseconds, without the unit: `0.9`, `12`, `1312`.
#[must_use]
pub(super) fn ms(micros: f64) -> String {
    let ms = micros / 1e3;
    if ms >= 9_999.5 { format!("{ms:.0}") } else { number(ms) }
}

/// A span of time in the largest unit that it fills: `250 ms`, `13 s`, `5 min`, `8 h`.
#[must_use]
pub(super) fn span(time: Duration) -> String {
    match time.as_millis() {
        ms @ 0..1000 => format!("{ms} ms"),
        ms @ 1000..120_000 if ms % 1000 == 0 || ms >= 10_000 => format!("{} s", (ms + 500) / 1000),
        ms @ 1000..120_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        ms @ 120_000..7_200_000 => format!("{} min", (ms + 30_000) / 60_000),
        ms => format!("{} h", (ms + 1_800_000) / 3_600_000),
    }
}

/// The time between two marks of the axis, in microseconds, if a mark needs this much.
#[must_use]
pub(super) fn marks(least: u64) -> u64 {
    const STEPS: [u64; 20] = [
        10_000,
        20_000,
        50_000,
        100_000,
        200_000,
        500_000,
        1_000_000,
        2_000_000,
        5_000_000,
        10_000_000,
        15_000_000,
        30_000_000,
        60_000_000,
        120_000_000,
        300_000_000,
        600_000_000,
        1_800_000_000,
        3_600_000_000,
        7_200_000_000,
        14_400_000_000,
    ];
    STEPS.into_iter().find(|step| *step >= least).unwrap_or(28_800_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        let tops = [0.0, 0.3, 1.0, 1.1, 4.9, 49.0, 50.0, 51.0, 312.0].map(round_up);
        let expected = [1.0, 0.3, 1.0, 1.5, 5.0, 50.0, 50.0, 60.0, 400.0];
        assert!(tops.iter().zip(expected).all(|(top, expected)| (top - expected).abs() < 1e-9), "{tops:?}");
        assert_eq!(bytes(round_up_bytes(3_100.0)), "4 KiB");
        assert_eq!(bytes(round_up_bytes(290.0)), "300 B");
        assert!((round_up(f64::NAN) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn figures_have_the_digits_that_matter() {
        assert_eq!([0.0, 0.42, 4.0, 9.96, 49.4, 12_345.0].map(number), ["0", "0.4", "4", "10", "49", "12k"]);
        assert_eq!([900.0, 4_100.0, 12_000.0, 1_312_000.0].map(ms), ["0.9", "4.1", "12", "1312"]);
        assert_eq!([812.0, 3_174.0].map(bytes), ["812 B", "3.1 KiB"]);
        let spans = [250, 1_000, 1_500, 13_000, 300_000, 28_800_000];
        assert_eq!(
            spans.map(|ms| span(Duration::from_millis(ms))),
            ["250 ms", "1 s", "1.5 s", "13 s", "5 min", "8 h"]
        );
        assert_eq!([2_600_000, 12_000_000].map(marks), [5_000_000, 15_000_000]);
    }
}
