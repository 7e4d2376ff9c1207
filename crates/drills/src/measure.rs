//! What a run measures, by the names that assertions use.

use crate::bound::Unit;
use raftdeck_script::nearest;

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// From the steady state to the fault.
    Before,
    /// From the fault to the heal.
    During,
    /// From the heal to the end.
    After,
    /// From the fault to the end. The default.
    Since,
}

/// Which latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantile {
    /// The median.
    P50,
    /// The 99th percentile.
    P99,
    /// The greatest.
    Max,
}

/// What is measured. Times are cluster time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// `D`: from the fault to the first heartbeat of the next leader, as its first follower received it.
    Takeover,
    /// `detect`: from the fault to the first vote request, a PreVote included.
    Detect,
    /// `first-write`: from the fault to the first write that is acknowledged after the next leader's first heartbeat, or after the
    /// fault if there is no other leader.
    FirstWrite,
    /// `healing`: from the heal to the steady state.
    Healing,
    /// `gap`: the longest time without an acknowledged request of the workload.
    Gap(Phase),
    /// `availability`: the share of due requests that were acknowledged in time.
    Availability(Phase),
    /// `latency p99`: of acknowledged requests, from when they were due.
    Latency(Quantile, Phase),
    /// `slowdown p99`: the latency during the fault, in percent of that before.
    Slowdown(Quantile),
    /// `acknowledged`: requests that were answered with success, in time or not.
    Acknowledged(Phase),
    /// `in-doubt`: writes whose outcome their client does not know.
    InDoubt(Phase),
    /// `terms`: by how much the highest term rose.
    Terms(Phase),
    /// `elections`: how many campaigns for votes began, pre-votes not counted.
    Elections(Phase),
    /// `leaders`: how often a node became leader.
    Leaders(Phase),
    /// `snapshots`: how many snapshots were installed by followers.
    Snapshots(Phase),
    /// `time to CONDITION`: from the fault until this condition first holds.
    TimeTo(String),
}

/// The names of measures, each with its unit, whether a phase may follow, and what it is.
pub const MEASURES: [(&str, Unit, bool, &str); 15] = [
    ("D", Unit::Time, false, "from the fault to the first heartbeat of the next leader"),
    ("detect", Unit::Time, false, "from the fault to the first vote request, a PreVote included"),
    (
        "first-write",
        Unit::Time,
        false,
        "from the fault to the first acknowledged write under the next leader",
    ),
    ("healing", Unit::Time, false, "from the heal to the steady state"),
    ("gap", Unit::Time, true, "the longest time without an acknowledged request"),
    ("availability", Unit::Percent, true, "the share of due requests that were acknowledged in time"),
    ("latency", Unit::Time, true, "latency p50, latency p99 or latency max, from when a request was due"),
    (
        "slowdown",
        Unit::Percent,
        false,
        "slowdown p50, p99 or max: the latency during the fault, in percent of that before",
    ),
    ("acknowledged", Unit::Count, true, "requests that were answered with success, in time or not"),
    ("in-doubt", Unit::Count, true, "writes whose outcome their client does not know"),
    ("terms", Unit::Count, true, "by how much the highest term rose"),
    ("elections", Unit::Count, true, "campaigns for votes, pre-votes not counted"),
    ("leaders", Unit::Count, true, "how often a node became leader"),
    ("snapshots", Unit::Count, true, "snapshots that followers installed"),
    ("time", Unit::Time, false, "time to CONDITION: from the fault until the condition first holds"),
];

const PHASES: [(&str, Phase); 3] =
    [("before", Phase::Before), ("during", Phase::During), ("after", Phase::After)];

impl Measure {
    /// Parses a measure. `None`: it is a condition.
    pub fn parse(given: &str) -> Result<Option<Self>, String> {
        let mut words = given.split_whitespace();
        let first = words.next().ok_or("an assertion needs a measure or a condition")?;
        let rest: Vec<&str> = words.collect();
        let Some((name, _, takes_phase, _)) = MEASURES.iter().find(|(name, ..)| *name == first) else {
            return Ok(None);
        };
        if *name == "time" {
            return match rest.split_first() {
                Some((&"to", condition)) if !condition.is_empty() => {
                    Ok(Some(Self::TimeTo(condition.join(" "))))
                }
                _ => Err("time needs to and a condition: time to role 2 follower".to_owned()),
            };
        }
        let (quantile, rest) = match (*name, rest.as_slice()) {
            ("latency" | "slowdown", [first, rest @ ..]) => (Some(quantile(first)?), rest),
            ("latency" | "slowdown", []) => return Err(format!("{name} needs p50, p99 or max: {name} p99")),
            (_, rest) => (None, rest),
        };
        let phase = match rest {
            [] => Phase::Since,
            [given] if *takes_phase => phase(given)?,
            [given, ..] => return Err(format!("\"{given}\" is unexpected after {name}")),
        };
        let quantile = quantile.unwrap_or(Quantile::P99);
        Ok(Some(match *name {
            "D" => Self::Takeover,
            "detect" => Self::Detect,
            "first-write" => Self::FirstWrite,
            "healing" => Self::Healing,
            "gap" => Self::Gap(phase),
            "availability" => Self::Availability(phase),
            "latency" => Self::Latency(quantile, phase),
            "slowdown" => Self::Slowdown(quantile),
            "acknowledged" => Self::Acknowledged(phase),
            "in-doubt" => Self::InDoubt(phase),
            "terms" => Self::Terms(phase),
            "elections" => Self::Elections(phase),
            "leaders" => Self::Leaders(phase),
            _ => Self::Snapshots(phase),
        }))
    }

    /// The condition in an assertion: all of it, or that of `time to`. `None`: it is another measure.
    pub(crate) fn condition_of(given: &str) -> Option<String> {
        match Self::parse(given) {
            Ok(None) => Some(given.to_owned()),
            Ok(Some(Self::TimeTo(condition))) => Some(condition),
            _ => None,
        }
    }

    /// Its unit.
    #[must_use]
    pub fn unit(&self) -> Unit {
        match self {
            Self::Takeover
            | Self::Detect
            | Self::FirstWrite
            | Self::Healing
            | Self::Gap(_)
            | Self::Latency(..)
            | Self::TimeTo(_) => Unit::Time,
            Self::Availability(_) | Self::Slowdown(_) => Unit::Percent,
            Self::Acknowledged(_)
            | Self::InDoubt(_)
            | Self::Terms(_)
            | Self::Elections(_)
            | Self::Leaders(_)
            | Self::Snapshots(_) => Unit::Count,
        }
    }

    /// Whether it needs the requests of a workload.
    #[must_use]
    pub fn needs_load(&self) -> bool {
        matches!(
            self,
            Self::FirstWrite
                | Self::Gap(_)
                | Self::Availability(_)
                | Self::Latency(..)
                | Self::Slowdown(_)
                | Self::Acknowledged(_)
                | Self::InDoubt(_)
        )
    }
}

fn quantile(given: &str) -> Result<Quantile, String> {
    match given {
        "p50" => Ok(Quantile::P50),
        "p99" => Ok(Quantile::P99),
        "max" => Ok(Quantile::Max),
        other => Err(format!("\"{other}\" is not a latency: p50, p99 or max")),
    }
}

fn phase(given: &str) -> Result<Phase, String> {
    PHASES.iter().find(|(name, _)| *name == given).map(|(_, phase)| *phase).ok_or_else(|| {
        match nearest(given, PHASES.iter().map(|(name, _)| *name)) {
            Some(meant) => format!("\"{given}\" is not a part of a drill: did you mean {meant}?"),
            None => format!("\"{given}\" is not a part of a drill: before, during or after"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_a_measure_of_its_unit_and_all_else_is_a_condition() {
        for (name, unit, takes_phase, _) in MEASURES {
            let given = match name {
                "latency" | "slowdown" => format!("{name} p99"),
                "time" => "time to leader".to_owned(),
                _ => name.to_owned(),
            };
            let measure = Measure::parse(&given).unwrap().unwrap();
            assert_eq!(measure.unit(), unit, "{given}");
            let with_phase = Measure::parse(&format!("{given} during"));
            assert_eq!(with_phase.is_ok(), takes_phase || name == "time", "{given}");
        }
        assert_eq!(Measure::parse("leader"), Ok(None));
        assert_eq!(Measure::parse("gap during"), Ok(Some(Measure::Gap(Phase::During))));
        assert_eq!(Measure::condition_of("time to leader 2").as_deref(), Some("leader 2"));
        for (given, why) in [
            ("gap durng", "did you mean during?"),
            ("latency", "needs p50"),
            ("latency p98", "p50, p99 or max"),
            ("D during", "unexpected"),
            ("time", "time to role 2"),
        ] {
            let mistake = Measure::parse(given).unwrap_err();
            assert!(mistake.contains(why), "{given}: {mistake}");
        }
    }
}
