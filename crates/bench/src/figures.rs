//! Figures formatted for people: three significant digits, a fitting unit, thousands separated. Pure.

use std::time::Duration;

/// `182,340`.
pub(crate) fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `182,340/s`; below a hundred with its fraction.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second < 100.0 {
        format!("{}/s", digits(per_second))
    } else {
        format!("{}/s", whole(per_second.round() as u64))
    }
}

/// A number of microseconds as `88.2 us`, `1.32 ms`, `14.1 ms` or `2.50 s`.
pub(crate) fn micros(micros: f64) -> String {
    // A figure that would be rounded to 1000 has the next unit.
    if micros < 999.5 {
        format!("{} us", digits(micros))
    } else if micros < 999_500.0 {
        format!("{} ms", digits(micros / 1e3))
    } else {
        format!("{} s", digits(micros / 1e6))
    }
}

/// Three significant digits, at most four after the point: `0.0123`, `1.32`, `14.1`, `950`.
pub(crate) fn digits(number: f64) -> String {
    let places = match number.abs() {
        0.0 => 0,
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        size if size >= 0.09995 => 3,
        _ => 4,
    };
    format!("{number:.places$}")
}

/// `256 bytes`, `4 KiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        _ if bytes < 1024 => format!("{bytes} bytes"),
        _ if bytes < 1 << 20 => format!("{} KiB", round(bytes as f64 / 1024.0)),
        _ => format!("{} MiB", round(bytes as f64 / f64::from(1 << 20))),
    }
}

/// `5 s`, `0.5 s`.
pub(crate) fn seconds(span: Duration) -> String {
    format!("{} s", round(span.as_secs_f64()))
}

fn round(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// A development over time, as bars of at most this many columns, each the mean of its part.
pub(crate) fn sparkline(samples: &[f64], columns: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let part = samples.len().div_ceil(columns.max(1)).max(1);
    let means: Vec<f64> =
        samples.chunks(part).map(|part| part.iter().sum::<f64>() / part.len() as f64).collect();
    let most = means.iter().copied().fold(0.0, f64::max);
    let bar = |mean: &f64| {
        if most > 0.0 { BARS[((mean / most * 8.0).ceil() as usize).clamp(1, 8) - 1] } else { BARS[0] }
    };
    means.iter().map(bar).collect()
}

/// A number of things: `1 client`, `256 clients`.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", whole(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_kept_apart() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (182_340, "182,340"), (1_000_000, "1,000,000")]
        {
            assert_eq!(whole(number), text);
        }
    }

    #[test]
    fn times_have_three_digits_and_a_unit_that_fits() {
        assert_eq!(micros(88.2), "88.2 us");
        assert_eq!(micros(999.499), "999 us");
        assert_eq!(micros(999.6), "1.00 ms");
        assert_eq!(micros(14_060.0), "14.1 ms");
        assert_eq!(micros(2_500_000.0), "2.50 s");
    }

    #[test]
    fn a_line_of_bars_begins_at_nothing() {
        assert_eq!(sparkline(&[0.0, 1.0, 4.0, 8.0], 10), "▁▁▄█");
        assert_eq!(sparkline(&[8.0, 8.0, 0.0, 2.0, 8.0], 3), "█▁█");
        assert_eq!(sparkline(&[0.0], 3), "▁");
        assert_eq!(sparkline(&[], 3), "");
    }

    #[test]
    fn sizes_rates_and_counts() {
        assert_eq!(
            (bytes(256), bytes(4096), bytes(1536), bytes(1)),
            ("256 bytes".into(), "4 KiB".into(), "1.5 KiB".into(), "1 byte".into())
        );
        assert_eq!((rate(182_340.4), rate(12.34)), ("182,340/s".into(), "12.3/s".into()));
        assert_eq!(
            (digits(0.01234), digits(0.1917), digits(950.0), digits(0.0)),
            ("0.0123".into(), "0.192".into(), "950".into(), "0".into())
        );
        assert_eq!(
            (counted(1, "client"), counted(2048, "client")),
            ("1 client".into(), "2,048 clients".into())
        );
        assert_eq!(
            (seconds(Duration::from_secs(5)), seconds(Duration::from_millis(500))),
            ("5 s".into(), "0.5 s".into())
        );
    }
}
