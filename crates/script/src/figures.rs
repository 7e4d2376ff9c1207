//! Figures: `10ms`, `50ms±10ms`, `5%`, `64KB`, `100KB/s`, `1/100`, `5..7`.

use crate::mistake::Mistake;
use raftdeck_model::{Delay, Probability, World};
use raftdeck_protocol::{ClockFactor, ClockRate};
use raftdeck_raft::Timing;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The longest duration.
const MAX_DURATION: Duration = Duration::from_hours(24);

/// The least election timeout of the cluster, `T` in a script. Of a cluster that is not known yet, the default one.
#[must_use]
pub fn election_timeout(world: &World) -> Duration {
    let least = world.election.0;
    if least.is_zero() { Timing::FAST.election_min } else { least }
}

/// `10ms`, `1.5s`, `500us`, `4T`.
pub(crate) fn duration(given: &str, world: &World) -> Result<Duration, Mistake> {
    let no = || {
        Mistake::new(format!(
            "\"{given}\" is not a time: write 10ms, 1.5s, 500us, 2m or 4T (four least election timeouts)"
        ))
    };
    let (figure, unit) = given.split_at(given.find(|c: char| !is_figure(c)).ok_or_else(no)?);
    let nanos: u64 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "T" => u64::try_from(election_timeout(world).as_nanos()).map_err(|_| no())?,
        _ => return Err(no()),
    };
    let most = u64::try_from(MAX_DURATION.as_nanos()).unwrap_or(u64::MAX);
    let parts = scaled(figure, nanos).ok_or_else(no)?;
    if parts > most {
        return Err(Mistake::new(format!("{given} is too long: the maximum is one day")));
    }
    Ok(Duration::from_nanos(parts))
}

/// A duration greater than zero.
pub(crate) fn some_duration(given: &str, world: &World) -> Result<Duration, Mistake> {
    let duration = duration(given, world)?;
    if duration.is_zero() {
        return Err(Mistake::new(format!("{given} must be longer than zero")));
    }
    Ok(duration)
}

/// `50ms`, `50ms±10ms`, `10ms..90ms`.
pub(crate) fn delay(given: &str, world: &World) -> Result<Delay, Mistake> {
    let duration = |given| duration(given, world);
    if let Some((mean, deviation)) = given.split_once('±').or_else(|| given.split_once("+-")) {
        return Ok(Delay::Normal(duration(mean)?, duration(deviation)?));
    }
    let Some((least, most)) = given.split_once("..") else { return duration(given).map(Delay::Fixed) };
    let (least, most) = (duration(least)?, duration(most)?);
    if least > most {
        return Err(Mistake::new(format!(
            "\"{given}\" begins with the longer time: write the shorter one first"
        )));
    }
    Ok(Delay::Uniform(least, most))
}

/// `10%`, `0.5%`.
pub(crate) fn probability(given: &str) -> Result<Probability, Mistake> {
    let millionths = given.strip_suffix('%').and_then(|figure| scaled(figure, 10_000));
    let in_bounds = millionths.and_then(|millionths| u32::try_from(millionths).ok());
    match in_bounds.filter(|millionths| *millionths <= 1_000_000) {
        Some(millionths) => Ok(Probability(millionths)),
        None => Err(Mistake::new(format!("\"{given}\" is not a probability: write 10%, 0.5%, at most 100%"))),
    }
}

/// `50%`, whole.
pub(crate) fn percent(given: &str) -> Result<u8, Mistake> {
    let percent = given.strip_suffix('%').unwrap_or(given);
    let digits = percent.bytes().all(|c| c.is_ascii_digit());
    percent.parse().ok().filter(|percent| digits && *percent < 100).ok_or_else(|| {
        Mistake::new(format!(
            "\"{given}\" is not a share of the time: write 50%, at most 99%, or 0% for none"
        ))
    })
}

/// `512B`, `64KB`, `1MB`; `KiB` and `MiB` too.
pub(crate) fn size(given: &str) -> Result<u64, Mistake> {
    let no = || Mistake::new(format!("\"{given}\" is not a size: write 512B, 64KB or 1MB"));
    let at = given.find(|c: char| !is_figure(c)).unwrap_or(given.len());
    let (figure, unit) = given.split_at(at);
    let bytes = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        _ => return Err(no()),
    };
    scaled(figure, bytes).ok_or_else(no)
}

/// `100KB/s`.
pub(crate) fn bandwidth(given: &str) -> Result<u64, Mistake> {
    let bytes = given.strip_suffix("/s").and_then(|figure| size(figure).ok());
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| {
        Mistake::new(format!(
            "\"{given}\" is not a bandwidth: write 100KB/s or 1MB/s; to stop everything, use cut"
        ))
    })
}

/// Parses a rate of cluster time: `1/100`, `0.01`, `1`, `0`.
pub fn rate(given: &str) -> Result<ClockRate, Mistake> {
    let millionths = match given.split_once('/') {
        Some(("1", below)) => {
            let below = below.parse::<u32>().ok().filter(|below| (1..=1_000_000).contains(below));
            below.map(|below| u64::from(1_000_000 / below))
        }
        Some(_) => None,
        None => scaled(given, 1_000_000),
    };
    let in_bounds = millionths.and_then(|millionths| u32::try_from(millionths).ok());
    in_bounds.and_then(ClockRate::from_millionths).ok_or_else(|| {
        Mistake::new(format!(
            "\"{given}\" is not a rate: write 1 (real time), 1/100 or 0.01, down to 0 (frozen)"
        ))
    })
}

/// The rate of a clock: `50%`, `0.5`, `1/2`, `2`.
pub(crate) fn clock_factor(given: &str) -> Result<ClockFactor, Mistake> {
    let millionths = match (given.strip_suffix('%'), given.split_once('/')) {
        (Some(percent), _) => scaled(percent, 10_000),
        (None, Some(("1", below))) => whole(below).filter(|below| *below > 0).map(|below| 1_000_000 / below),
        (None, Some(_)) => None,
        (None, None) => scaled(given, 1_000_000),
    };
    let no = || Mistake::new(format!("\"{given}\" is not a clock rate: write 50%, 0.5 or 2"));
    let millionths = millionths.ok_or_else(no)?;
    u32::try_from(millionths).ok().and_then(ClockFactor::from_millionths).ok_or_else(|| {
        Mistake::new(format!(
            "\"{given}\": a clock runs from 1% to 1000% of cluster time; pause stops a node, freeze stops time for all"
        ))
    })
}

/// Parses a range of whole numbers: `5`, `5..7`, `5..`, `..7`.
pub fn range(given: &str) -> Result<RangeInclusive<u64>, Mistake> {
    let no = || {
        Mistake::new(format!("\"{given}\" is not a number: write 5, 5..7, 5.. (and more) or ..7 (at most)"))
    };
    let whole = |figure: &str| whole(figure).ok_or_else(no);
    let Some((least, most)) = given.split_once("..") else {
        let one = whole(given)?;
        return Ok(one..=one);
    };
    let most = most.strip_prefix('=').unwrap_or(most);
    let (least, most) = match (least, most) {
        ("", "") => return Err(no()),
        ("", most) => (0, whole(most)?),
        (least, "") => (whole(least)?, u64::MAX),
        (least, most) => (whole(least)?, whole(most)?),
    };
    if least > most {
        return Err(Mistake::new(format!(
            "\"{given}\" begins with the larger number: write the smaller one first"
        )));
    }
    Ok(least..=most)
}

/// `500ms..2s`, `..500ms`, `2s..`.
pub(crate) fn duration_range(given: &str, world: &World) -> Result<RangeInclusive<Duration>, Mistake> {
    let duration = |given| duration(given, world);
    let no = || {
        Mistake::new(format!(
            "\"{given}\" is not a range of times: write ..500ms (at most), 2s.. (and more) or 1s..2s"
        ))
    };
    let (least, most) = match given.split_once("..").ok_or_else(no)? {
        ("", "") => return Err(no()),
        ("", most) => (Duration::ZERO, duration(most)?),
        (least, "") => (duration(least)?, Duration::MAX),
        (least, most) => (duration(least)?, duration(most)?),
    };
    if least > most {
        return Err(Mistake::new(format!(
            "\"{given}\" begins with the longer time: write the shorter one first"
        )));
    }
    Ok(least..=most)
}

/// A whole number without a sign.
pub(crate) fn whole(given: &str) -> Option<u64> {
    let digits = !given.is_empty() && given.bytes().all(|c| c.is_ascii_digit());
    given.parse().ok().filter(|_| digits)
}

fn is_figure(c: char) -> bool {
    c.is_ascii_digit() || c == '.'
}

/// A decimal figure as a number of parts, this many to one, exact and rounded down.
fn scaled(figure: &str, parts: u64) -> Option<u64> {
    let (whole, fraction) = figure.split_once('.').unwrap_or((figure, ""));
    let digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 18 {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let below: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let below = u64::try_from(below * u128::from(parts) / scale).ok()?;
    whole.checked_mul(parts)?.checked_add(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact() {
        let millis = Duration::from_millis;
        for (given, time) in [
            ("10ms", millis(10)),
            ("1.5s", millis(1500)),
            ("500us", Duration::from_micros(500)),
            ("0.1s", millis(100)),
            ("2m", Duration::from_mins(2)),
            ("7ns", Duration::from_nanos(7)),
            ("0ms", Duration::ZERO),
        ] {
            assert_eq!(duration(given, &World::default()), Ok(time), "{given}");
        }
        for given in ["", "10", "ms", "-1ms", "1h", "10 ms", ".ms", "1e3ms", "99999999999s", "25000m"] {
            assert!(duration(given, &World::default()).is_err(), "{given}");
        }
        let mut world = World::default();
        let of_default = duration("1.5T", &world);
        assert_eq!(of_default, Ok(millis(225)), "the default timing counts until the cluster is known");
        world.election.0 = Duration::from_secs(1);
        assert_eq!(duration("4T", &world), Ok(Duration::from_secs(4)));
        assert_eq!(duration("0.25T", &world), Ok(millis(250)));
        assert!(duration("4t", &world).is_err() && duration("T", &world).is_err());
        assert_eq!(duration_range("..4T", &world), Ok(Duration::ZERO..=Duration::from_secs(4)));
        assert!(some_duration("0s", &World::default()).is_err());
    }

    #[test]
    fn delays_are_fixed_uniform_or_normal() {
        let millis = Duration::from_millis;
        assert_eq!(delay("50ms", &World::default()), Ok(Delay::Fixed(millis(50))));
        for given in ["50ms±10ms", "50ms+-10ms"] {
            assert_eq!(delay(given, &World::default()), Ok(Delay::Normal(millis(50), millis(10))), "{given}");
        }
        assert_eq!(delay("10ms..90ms", &World::default()), Ok(Delay::Uniform(millis(10), millis(90))));
        assert!(
            delay("90ms..10ms", &World::default()).unwrap_err().to_string().contains("shorter one first")
        );
        assert!(delay("50ms±10", &World::default()).is_err());
    }

    #[test]
    fn probabilities_sizes_bandwidths_and_rates_have_bounds() {
        assert_eq!(probability("10%"), Ok(Probability(100_000)));
        assert_eq!(probability("0.5%"), Ok(Probability(5_000)));
        assert_eq!(probability("100%"), Ok(Probability(1_000_000)));
        for given in ["10", "101%", "-1%", "%", "1e1%"] {
            assert!(probability(given).is_err(), "{given}");
        }
        assert_eq!(percent("50%"), Ok(50));
        assert!(percent("100%").is_err() && percent("+5").is_err());
        assert_eq!(size("64KB"), Ok(64_000));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("512"), Ok(512));
        assert!(size("lots").is_err() && size("99999999999999999999").is_err());
        assert_eq!(bandwidth("1.5MB/s"), Ok(1_500_000));
        assert!(bandwidth("100KB").is_err() && bandwidth("0B/s").is_err());
        let millionths = |given| rate(given).map(ClockRate::millionths);
        assert_eq!(millionths("1/100"), Ok(10_000));
        assert_eq!(millionths("0.01"), Ok(10_000));
        assert_eq!(millionths("1"), Ok(1_000_000));
        assert_eq!(millionths("0"), Ok(0));
        for given in ["2", "1/0", "2/3", "-1", "x", "1.000001"] {
            assert!(rate(given).is_err(), "{given}");
        }
    }

    #[test]
    fn ranges_may_be_open() {
        assert_eq!(range("5"), Ok(5..=5));
        assert_eq!(range("5..7"), Ok(5..=7));
        assert_eq!(range("5.."), Ok(5..=u64::MAX));
        assert_eq!(range("..7"), Ok(0..=7));
        for given in ["", "..", "7..5", "a", "1..b", "+1"] {
            assert!(range(given).is_err(), "{given}");
        }
    }
}
