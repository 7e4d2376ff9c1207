//! The rate of a clock: how much of a node's time passes in a second of real time.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::time::Duration;

/// From standing still to real time, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ClockRate(u32);

impl ClockRate {
    /// Real time.
    pub const REAL: Self = Self(1_000_000);

    /// Time is frozen.
    pub const FROZEN: Self = Self(0);

    /// This many millionths of real time. `None` if that is faster than real time.
    #[must_use]
    pub const fn from_millionths(millionths: u32) -> Option<Self> {
        if millionths <= Self::REAL.0 { Some(Self(millionths)) } else { None }
    }

    /// In millionths of real time.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// Whether time is frozen.
    #[must_use]
    pub const fn is_frozen(self) -> bool {
        self.0 == 0
    }

    /// How much time passes in this much real time.
    #[must_use]
    pub fn passes_in(self, real: Duration) -> Duration {
        let nanos = real.as_nanos() * u128::from(self.0) / u128::from(Self::REAL.0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How much real time it takes until this much time has passed, rounded up; `None`: forever.
    #[must_use]
    pub fn takes(self, time: Duration) -> Option<Duration> {
        if time.is_zero() {
            return Some(Duration::ZERO);
        }
        let nanos = (time.as_nanos() * u128::from(Self::REAL.0)).div_ceil(u128::from(self.0).max(1));
        (!self.is_frozen()).then(|| Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

impl Default for ClockRate {
    fn default() -> Self {
        Self::REAL
    }
}

/// Bounds hold for what comes from elsewhere too.
impl<'de> Deserialize<'de> for ClockRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millionths = u32::deserialize(deserializer)?;
        Self::from_millionths(millionths).ok_or_else(|| {
            serde::de::Error::custom(format!("a clock rate of {millionths} millionths is over 1"))
        })
    }
}

/// `1`, `1/100`, `0.3`, `0`.
impl fmt::Display for ClockRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0"),
            1_000_000 => f.write_str("1"),
            millionths if Self::REAL.0.is_multiple_of(millionths) => {
                write!(f, "1/{}", Self::REAL.0 / millionths)
            }
            millionths => write!(f, "{}", f64::from(millionths) / f64::from(Self::REAL.0)),
        }
    }
}

/// How fast the clock of one node runs by the time of its cluster, in millionths: a clock that drifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ClockFactor(u32);

impl ClockFactor {
    /// It is right.
    pub const TRUE: Self = Self(1_000_000);
    /// The slowest: a hundredth.
    pub const SLOWEST: Self = Self(10_000);
    /// The fastest: tenfold.
    pub const FASTEST: Self = Self(10_000_000);

    /// This many millionths of the cluster's time; `None` if that is slower than the slowest or faster than the fastest.
    #[must_use]
    pub const fn from_millionths(millionths: u32) -> Option<Self> {
        if Self::SLOWEST.0 <= millionths && millionths <= Self::FASTEST.0 {
            Some(Self(millionths))
        } else {
            None
        }
    }

    /// In millionths of the cluster's time.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// How far the clock advances in this much cluster time.
    #[must_use]
    pub fn passes_in(self, time: Duration) -> Duration {
        let nanos = time.as_nanos() * u128::from(self.0) / u128::from(Self::TRUE.0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How much of the cluster's time it takes until the clock has gone so far, rounded up.
    #[must_use]
    pub fn takes(self, gone: Duration) -> Duration {
        let nanos = (gone.as_nanos() * u128::from(Self::TRUE.0)).div_ceil(u128::from(self.0));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Default for ClockFactor {
    fn default() -> Self {
        Self::TRUE
    }
}

/// Bounds hold for what comes from elsewhere too.
impl<'de> Deserialize<'de> for ClockFactor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millionths = u32::deserialize(deserializer)?;
        Self::from_millionths(millionths).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "a clock factor of {millionths} millionths is not from 0.01 to 10"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_drifts_gains_or_loses_and_is_never_there_too_early() {
        let factor = |millionths| ClockFactor::from_millionths(millionths).unwrap();
        assert_eq!(factor(2_000_000).passes_in(Duration::from_secs(1)), Duration::from_secs(2));
        assert_eq!(factor(500_000).takes(Duration::from_secs(1)), Duration::from_secs(2));
        for slow in [factor(333_333), factor(7_777_777)] {
            let gone = Duration::from_millis(7);
            assert!(slow.passes_in(slow.takes(gone)) >= gone);
        }
        for wrong in [0, 9_999, 10_000_001] {
            assert_eq!(ClockFactor::from_millionths(wrong), None);
            let written = postcard::to_stdvec(&wrong).unwrap();
            assert!(postcard::from_bytes::<ClockFactor>(&written).is_err());
        }
    }

    #[test]
    fn time_passes_at_the_rate_and_takes_its_inverse() {
        let hundredth = ClockRate::from_millionths(10_000).unwrap();
        assert_eq!(hundredth.passes_in(Duration::from_secs(1)), Duration::from_millis(10));
        assert_eq!(hundredth.takes(Duration::from_millis(10)), Some(Duration::from_secs(1)));
        assert_eq!(ClockRate::REAL.takes(Duration::from_secs(9)), Some(Duration::from_secs(9)));
        assert_eq!(ClockRate::FROZEN.passes_in(Duration::from_hours(9)), Duration::ZERO);
        assert_eq!(ClockRate::FROZEN.takes(Duration::from_nanos(1)), None);
        assert_eq!(ClockRate::FROZEN.takes(Duration::ZERO), Some(Duration::ZERO));
        let third = ClockRate::from_millionths(333_333).unwrap();
        let time = Duration::from_millis(7);
        assert!(third.passes_in(third.takes(time).unwrap()) >= time, "never too early");
    }

    #[test]
    fn nothing_is_faster_than_real_time() {
        assert_eq!(ClockRate::from_millionths(1_000_001), None);
        assert_eq!(ClockRate::from_millionths(1_000_000), Some(ClockRate::REAL));
        let written = postcard::to_stdvec(&1_000_001_u32).unwrap();
        assert!(postcard::from_bytes::<ClockRate>(&written).is_err());
    }

    #[test]
    fn a_rate_is_shown_as_people_say_it() {
        let shown = |millionths| ClockRate::from_millionths(millionths).unwrap().to_string();
        assert_eq!(
            [0, 1000, 10_000, 500_000, 300_000, 1_000_000].map(shown),
            ["0", "1/1000", "1/100", "1/2", "0.3", "1"]
        );
    }
}
