//! Anything that can be watched and controlled.

use crate::command::{Command, Order};
use crate::insight::Insight;
use crate::rule::Disturbance;
use crate::update::Update;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A cluster to watch and to control: real processes, a simulation, a recording. It sends [`Update`](crate::Update)s to its observer,
/// and ends when it is dropped.
pub trait Source {
    /// What it can do.
    fn capabilities(&self) -> &Capabilities;

    /// Sends it a command. Never blocks; its outcome is reported, finally by [`News::Done`](crate::News::Done) or
    /// [`News::Refused`](crate::News::Refused).
    fn send(&self, command: Command);
}

/// A cluster whose time its caller advances: a simulation, a recording.
pub trait VirtualSource {
    /// Carries out a command.
    fn send(&mut self, command: Command);

    /// When the next event happens without a command, in cluster time; `None`: none does, as time is frozen or everything has ended.
    fn next(&self) -> Option<Duration>;

    /// Lets everything happen up to this cluster time.
    fn run_until(&mut self, at: Duration);

    /// Takes the updates since the last call.
    fn take(&mut self) -> Vec<Update>;
}

/// What an order requires of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// To kill, stop, restart, pause and resume nodes.
    Processes,
    /// To pause a node's process for a part of the time.
    Slowness,
    /// To take disks and their data from nodes, and the ends of their logs.
    Data,
    /// To hold up a node's disk.
    DiskPace,
    /// To fill up a node's disk.
    DiskRoom,
    /// To cut links, and to have rules about messages.
    Links,
    /// To slow down, freeze and step cluster time, and to set single nodes' clocks wrong.
    Time,
    /// To set the nodes' election timeouts and heartbeats, and to switch PreVote and CheckQuorum.
    Timers,
    /// To read and write keys.
    Store,
    /// To add, promote, remove and replace nodes.
    Members,
    /// To hand over the leadership, and to have a node campaign.
    Leadership,
    /// To read the nodes' logs.
    Logs,
}

/// What something needs of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// That it can do this.
    Ability(Ability),
    /// That it reports this.
    Insight(Insight),
}

impl Ability {
    /// All abilities.
    pub const ALL: [Self; 12] = [
        Self::Processes,
        Self::Slowness,
        Self::Data,
        Self::DiskPace,
        Self::DiskRoom,
        Self::Links,
        Self::Time,
        Self::Timers,
        Self::Store,
        Self::Members,
        Self::Leadership,
        Self::Logs,
    ];
}

/// Why a source that is no recording refuses [`Order::Seek`].
pub const SEEK_NEEDS_RECORDING: &str = "only a recording can be searched: the time of a running cluster cannot be skipped (step TIME advances it)";

/// What a source can do and reports, and why it cannot do the rest, so that this is known before an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    lacks: BTreeMap<Ability, String>,
    #[serde(default)]
    untold: BTreeMap<Insight, String>,
    /// Whether its updates are from a recording.
    #[serde(default)]
    is_recorded: bool,
}

impl Capabilities {
    /// Of a source that can do everything.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The same without this ability, and the reason, in a sentence without its full stop.
    #[must_use]
    pub fn without(mut self, ability: Ability, reason: impl Into<String>) -> Self {
        self.lacks.insert(ability, reason.into());
        self
    }

    /// The same of a source that does not report this, and the reason, in a sentence without its full stop.
    #[must_use]
    pub fn untold(mut self, insight: Insight, reason: impl Into<String>) -> Self {
        self.untold.insert(insight, reason.into());
        self
    }

    /// Of a source that can do only this, and the reason why it cannot do the rest, in a sentence without its full stop.
    #[must_use]
    pub fn only(abilities: &[Ability], reason: &str) -> Self {
        let lacking = Ability::ALL.into_iter().filter(|ability| !abilities.contains(ability));
        lacking.fold(Self::all(), |capabilities, ability| capabilities.without(ability, reason))
    }

    /// The same of a source that plays a recording.
    #[must_use]
    pub fn recorded(self) -> Self {
        Self { is_recorded: true, ..self }
    }

    /// Whether the source plays a recording.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.is_recorded
    }

    /// Whether the source has this ability.
    pub fn has(&self, ability: Ability) -> Result<(), Lacking<'_>> {
        match self.lacks.get(&ability) {
            Some(reason) => Err(Lacking(reason)),
            None => Ok(()),
        }
    }

    /// Whether the source reports this.
    pub fn tells(&self, insight: Insight) -> Result<(), Lacking<'_>> {
        match self.untold.get(&insight) {
            Some(reason) => Err(Lacking(reason)),
            None => Ok(()),
        }
    }

    /// Whether the source can do or reports what is needed.
    pub fn meets(&self, need: Need) -> Result<(), Lacking<'_>> {
        match need {
            Need::Ability(ability) => self.has(ability),
            Need::Insight(insight) => self.tells(insight),
        }
    }

    /// Whether the source has what this order needs.
    pub fn allow(&self, order: &Order) -> Result<(), Lacking<'_>> {
        order.needs().map_or(Ok(()), |ability| self.has(ability))
    }
}

/// Why a source cannot do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lacking<'a>(&'a str);

impl fmt::Display for Lacking<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Order {
    /// The ability that it requires of its source; `None`: every source can do it.
    #[must_use]
    pub fn needs(&self) -> Option<Ability> {
        Some(match self {
            Self::Kill(_) | Self::Restart(_) | Self::Pause(_) | Self::Resume(_) | Self::Stop(_) => {
                Ability::Processes
            }
            Self::Slow(..) => Ability::Slowness,
            Self::Wipe(_) | Self::WipeUnsafe(_) | Self::LoseTail(..) => Ability::Data,
            Self::FillDisk(..) => Ability::DiskRoom,
            Self::Cut(_) | Self::Mend(_) | Self::Release(_) | Self::Drop(_) | Self::Seed(_) => Ability::Links,
            Self::Disturb(what) => what.needs(),
            Self::SetRate(_) | Self::Step(_) | Self::Seek(_) | Self::SkewClock(..) => Ability::Time,
            Self::Client(_) | Self::OpenSession | Self::Propose(..) | Self::Workload(_) => Ability::Store,
            Self::AddNode
            | Self::AddLearner
            | Self::Promote(_)
            | Self::RemoveNode(_)
            | Self::ReplaceNode(_) => Ability::Members,
            Self::Transfer(_) | Self::Campaign(_) | Self::TimeOut(_) => Ability::Leadership,
            Self::FetchLog { .. } => Ability::Logs,
            Self::Heal | Self::Undo(_) | Self::Refresh => return None,
        })
    }
}

impl Disturbance {
    fn needs(&self) -> Ability {
        match self {
            Self::Rules { .. } | Self::Watch(_) => Ability::Links,
            Self::Paused(_) => Ability::Processes,
            Self::Slowed(..) => Ability::Slowness,
            Self::DiskFull(..) => Ability::DiskRoom,
            Self::Disk(..) => Ability::DiskPace,
            Self::Clock(..) => Ability::Time,
            Self::Timers(_)
            | Self::PreVote(..)
            | Self::CheckQuorum(..)
            | Self::Timeouts(..)
            | Self::Heartbeat(..) => Ability::Timers,
            Self::ClientAt(..) | Self::ClientLinks(..) => Ability::Store,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::NodeId;

    #[test]
    fn a_source_that_can_do_little_lacks_all_the_rest() {
        let capabilities = Capabilities::only(&[Ability::Time], "this is a recording");
        assert_eq!(capabilities.allow(&Order::Seek(std::time::Duration::ZERO)), Ok(()));
        let lacking = Ability::ALL.into_iter().filter(|ability| capabilities.has(*ability).is_err());
        assert_eq!(lacking.count(), Ability::ALL.len() - 1);
        assert_eq!(
            Ability::ALL.into_iter().collect::<std::collections::BTreeSet<_>>().len(),
            Ability::ALL.len()
        );
    }

    #[test]
    fn what_is_not_reported_is_said_with_its_reason() {
        let capabilities = Capabilities::all().untold(Insight::Votes, "no member reports its vote");
        let needed = capabilities.meets(Need::Insight(Insight::Votes));
        assert_eq!(needed.unwrap_err().to_string(), "no member reports its vote");
        assert_eq!(capabilities.meets(Need::Insight(Insight::Members)), Ok(()));
        assert_eq!(capabilities.meets(Need::Ability(Ability::Links)), Ok(()));
        let earlier = r#"{"lacks":{"links":"no"}}"#;
        let read: Capabilities = serde_json::from_str(earlier).expect("capabilities of an earlier version");
        assert_eq!(read, Capabilities::all().without(Ability::Links, "no"));
    }

    #[test]
    fn what_is_lacking_is_said_with_its_reason() {
        let capabilities = Capabilities::all().without(Ability::Slowness, "time is virtual here");
        let slow = Order::Slow(NodeId(1), 50);
        assert_eq!(capabilities.allow(&slow).unwrap_err().to_string(), "time is virtual here");
        let again = Order::Disturb(Disturbance::Slowed(NodeId(1), 50));
        assert!(capabilities.allow(&again).is_err(), "it is the same in other words");
        for order in [Order::Kill(NodeId(1)), Order::Heal, Order::Undo(None)] {
            assert_eq!(capabilities.allow(&order), Ok(()));
        }
    }
}
