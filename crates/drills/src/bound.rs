//! The range in which a measured value must be: `..4T`, `99%..`, `0`, `1..3`.

use raftdeck_model::World;
use raftdeck_script::{duration_range, range};
use serde::Serialize;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The unit of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Durations of cluster time.
    Time,
    /// Percent, with fractions.
    Percent,
    /// Whole numbers.
    Count,
}

impl Unit {
    /// A bound of this unit.
    #[must_use]
    pub fn example(self) -> &'static str {
        match self {
            Self::Time => "..4T",
            Self::Percent => "99%..",
            Self::Count => "..3",
        }
    }
}

/// A measured value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// A duration of cluster time, in microseconds when it is serialized.
    Time(#[serde(serialize_with = "crate::outcome::micros")] Duration),
    /// Percent.
    Percent(f64),
    /// A whole number.
    Count(u64),
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => write!(f, "{}", Millis(*time)),
            Self::Percent(percent) => write!(f, "{percent:.1} %"),
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

/// A duration in milliseconds or seconds, for people: `0.8 ms`, `214 ms`, `12.3 s`.
#[derive(Clone, Copy, Debug)]
pub struct Millis(pub Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        match micros {
            0..10_000 => write!(f, "{}.{} ms", micros / 1000, micros % 1000 / 100),
            10_000..10_000_000 => write!(f, "{} ms", micros / 1000),
            _ => write!(f, "{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
        }
    }
}

/// A range of measured values.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// Of durations.
    Time(RangeInclusive<Duration>),
    /// Of percent.
    Percent(RangeInclusive<f64>),
    /// Of whole numbers.
    Count(RangeInclusive<u64>),
}

impl Bound {
    /// Parses a bound of this unit. `world` says how long a `T` is.
    pub fn parse(given: &str, unit: Unit, world: &World) -> Result<Self, String> {
        match unit {
            Unit::Time => duration_range(given, world).map(Self::Time).map_err(|mistake| mistake.to_string()),
            Unit::Count => range(given).map(Self::Count).map_err(|mistake| mistake.to_string()),
            Unit::Percent => percents(given).map(Self::Percent).ok_or_else(|| {
                format!("\"{given}\" is not a range of percent: write 99%.. (at least), ..5% (at most) or 90%..100%")
            }),
        }
    }

    /// Whether a value is within it. A value of another unit is not.
    #[must_use]
    pub fn holds(&self, value: Measured) -> bool {
        match (self, value) {
            (Self::Time(range), Measured::Time(time)) => range.contains(&time),
            (Self::Percent(range), Measured::Percent(percent)) => range.contains(&percent),
            (Self::Count(range), Measured::Count(count)) => range.contains(&count),
            _ => false,
        }
    }
}

fn percents(given: &str) -> Option<RangeInclusive<f64>> {
    let one = |text: &str| {
        let figure = text.strip_suffix('%')?;
        let is_figure = figure.chars().all(|c| c.is_ascii_digit() || c == '.');
        figure.parse::<f64>().ok().filter(|_| is_figure)
    };
    let Some((least, most)) = given.split_once("..") else {
        let value = one(given)?;
        return Some(value..=value);
    };
    let range = match (least, most) {
        ("", "") => return None,
        ("", most) => 0.0..=one(most)?,
        (least, "") => one(least)?..=f64::INFINITY,
        (least, most) => one(least)?..=one(most)?,
    };
    (range.start() <= range.end()).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_holds_for_the_values_of_its_range_and_unit() {
        let mut world = World::default();
        world.election.0 = Duration::from_secs(1);
        let bound = |given, unit| Bound::parse(given, unit, &world).unwrap();
        let most = bound("..4T", Unit::Time);
        assert!(most.holds(Measured::Time(Duration::from_secs(4))));
        assert!(!most.holds(Measured::Time(Duration::from_millis(4001))));
        assert!(!most.holds(Measured::Count(1)), "another unit");
        assert!(bound("99.5%..", Unit::Percent).holds(Measured::Percent(99.5)));
        assert!(!bound("99.5%..", Unit::Percent).holds(Measured::Percent(99.49)));
        assert!(bound("0%", Unit::Percent).holds(Measured::Percent(0.0)));
        assert!(bound("0", Unit::Count).holds(Measured::Count(0)));
        assert!(!bound("1..3", Unit::Count).holds(Measured::Count(4)));
    }

    #[test]
    fn a_bound_of_another_unit_is_a_mistake_that_says_what_to_write() {
        for (given, unit) in [
            ("..4", Unit::Time),
            ("4T", Unit::Time),
            ("99..", Unit::Percent),
            ("..", Unit::Percent),
            ("90%..10%", Unit::Percent),
            ("..4T", Unit::Count),
        ] {
            let mistake = Bound::parse(given, unit, &World::default()).unwrap_err();
            assert!(mistake.contains("write"), "{given}: {mistake}");
        }
    }

    #[test]
    fn times_are_told_as_people_read_them() {
        let told = |micros| Millis(Duration::from_micros(micros)).to_string();
        assert_eq!(
            (told(850), told(214_900), told(12_340_000)),
            ("0.8 ms".into(), "214 ms".into(), "12.3 s".into())
        );
    }
}
