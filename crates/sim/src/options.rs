//! What a run is asked for, and what a seed makes of it: one seed draws a cluster's limits, delays and clients, so that
//! many seeds try many clusters.

use crate::blow::Themes;
use crate::live::LiveOptions;
use crate::rng::Rng;
use raftdeck_raft::{Config, Membership, Timing, Tuning};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The most nodes that a cluster starts with.
pub const MAX_NODES: u8 = 9;

/// A second of virtual time.
pub(crate) const SECOND: u64 = 1_000_000;

/// A kind of fault, and the nemesis that makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// Members stop between any two effects, with or without the loss of what was not synced.
    Crash,
    /// Syncs fail, disks are full or slow, bits flip.
    Disk,
    /// Links are cut, in one direction or both.
    Partition,
    /// Messages are lost, late, repeated, out of order, or come again long after.
    Network,
    /// Members stop for a while and continue.
    Pause,
    /// Clocks run fast or slow, and wall clocks jump.
    Clock,
    /// Members join, are promoted and removed.
    Membership,
    /// The leadership is handed over, or campaigned for.
    Transfer,
    /// Snapshots are taken at any time.
    Snapshot,
    /// PreVote, CheckQuorum and timing are switched.
    Tune,
    /// Members lose their disks, and are removed and taken in again as new ones.
    Wipe,
    /// Members' directories are put back as they were at an earlier moment.
    Restore,
    /// Clients give up, repeat themselves and come in crowds.
    Client,
    /// A disk finishes nothing for a while, then continues.
    Stall,
}

impl FaultKind {
    /// Every kind, in the order of the report.
    pub const ALL: [Self; 14] = [
        Self::Crash,
        Self::Disk,
        Self::Partition,
        Self::Network,
        Self::Pause,
        Self::Clock,
        Self::Membership,
        Self::Transfer,
        Self::Snapshot,
        Self::Tune,
        Self::Wipe,
        Self::Restore,
        Self::Client,
        Self::Stall,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Disk => "disk",
            Self::Partition => "partition",
            Self::Network => "network",
            Self::Pause => "pause",
            Self::Clock => "clock",
            Self::Membership => "membership",
            Self::Transfer => "transfer",
            Self::Snapshot => "snapshot",
            Self::Tune => "tune",
            Self::Wipe => "wipe",
            Self::Restore => "restore",
            Self::Client => "client",
            Self::Stall => "stall",
        }
    }

    /// Its place in [`FaultKind::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

/// Some kinds of faults: `all`, `none`, or names separated by commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultKinds(Vec<FaultKind>);

/// A name that is no kind of fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{name}\" is not a kind of fault: give all, none, or a comma-separated list of {}", known())]
pub struct UnknownFault {
    name: String,
}

fn known() -> String {
    FaultKind::ALL.map(FaultKind::name).join(", ")
}

impl FaultKinds {
    /// Every kind.
    #[must_use]
    pub fn all() -> Self {
        Self(FaultKind::ALL.to_vec())
    }

    /// No faults at all.
    #[must_use]
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// These.
    #[must_use]
    pub fn of(kinds: &[FaultKind]) -> Self {
        Self(FaultKind::ALL.into_iter().filter(|kind| kinds.contains(kind)).collect())
    }

    /// Which they are.
    #[must_use]
    pub fn kinds(&self) -> &[FaultKind] {
        &self.0
    }
}

impl FromStr for FaultKinds {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        match text.trim() {
            "all" => return Ok(Self::all()),
            "none" => return Ok(Self::none()),
            _ => {}
        }
        let mut kinds = Vec::new();
        for name in text.split(',').map(str::trim) {
            let kind = FaultKind::ALL.into_iter().find(|kind| kind.name() == name);
            kinds.push(kind.ok_or_else(|| UnknownFault { name: name.to_owned() })?);
        }
        Ok(Self::of(&kinds))
    }
}

impl fmt::Display for FaultKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            0 => f.write_str("none"),
            len if len == FaultKind::ALL.len() => f.write_str("all"),
            _ => f.write_str(&self.0.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(",")),
        }
    }
}

/// What a run is asked for. Together with the seed it decides everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many nodes the cluster starts with, 1 to [`MAX_NODES`].
    pub nodes: u8,
    /// What goes wrong.
    pub faults: FaultKinds,
    /// For how many virtual seconds faults happen.
    pub secs: u32,
}

impl Options {
    /// Everything goes wrong for ten virtual seconds.
    #[must_use]
    pub fn new(nodes: u8) -> Self {
        Self { nodes, faults: FaultKinds::all(), secs: 10 }
    }

    pub(crate) fn quiet_from(&self) -> u64 {
        u64::from(self.secs) * SECOND
    }
}

/// What one seed makes of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) clients: usize,
    /// A client rests at most this long between two operations.
    pub(crate) think: u64,
    pub(crate) keys: u64,
    /// A message takes this long.
    pub(crate) delay: (u64, u64),
    /// A sync takes this long.
    pub(crate) sync: (u64, u64),
    pub(crate) detection: Detection,
    /// The size of a log's segments.
    pub(crate) segment_bytes: u64,
}

/// Which nodes detect crashes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Detection {
    Nobody,
    Everybody,
    /// All but the first and a few more, which are others after a restart; this decides.
    Most(u64),
}

impl Detection {
    /// Whether this member does in this life.
    pub(crate) fn is_on(self, id: raftdeck_raft::NodeId, life: u32) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::Most(pick) => id.0 > 1 && Rng::new(pick, id.0 * 1000 + u64::from(life)).chance(850),
        }
    }
}

impl Setup {
    pub(crate) fn draw(seed: u64, options: &Options) -> Self {
        // Only who may tune sees clusters that are tuned from the start.
        let tunes = options.faults.kinds().contains(&FaultKind::Tune);
        let mut rng = Rng::new(seed, 1);
        let timing = Timing::FAST;
        // Some keep all of their log, and it on the disk alone.
        let is_forgetful = rng.chance(120);
        let is_forgetful = Themes::draw(seed, options).map_or(is_forgetful, |themes| themes.read_back());
        let config = Config {
            id: raftdeck_raft::NodeId(1),
            incarnation: None,
            membership: Membership::default(),
            tuning: Tuning {
                timing,
                pre_vote: !tunes || rng.chance(800),
                check_quorum: !tunes || rng.chance(750),
            },
            max_append_bytes: rng.pick(&[64, 400, 1 << 20]),
            max_inflight: rng.pick(&[1, 2, 8, 256]),
            max_inflight_bytes: rng.pick(&[200, 2000, 8 << 20]),
            max_uncommitted_bytes: rng.pick(&[400, 4000, 64 << 20, 64 << 20]),
            max_piece_bytes: rng.pick(&[48, 300, 1 << 20]),
            snapshot_entries: rng.pick(&[Some(4), Some(16), Some(60), None]),
            snapshot_bytes: rng.pick(&[1000, 64 << 20]),
            retained_entries: rng.pick(&[0, 0, 3, 20]),
            log_cache_bytes: rng.pick(&[0, 300, 3000, 32 << 20]),
            detect_crash: false,
            disk_stall: None,
        };
        let config = if is_forgetful {
            let (snapshot_entries, snapshot_bytes) = (None, 64 << 20);
            Config {
                max_append_bytes: 1 << 20,
                log_cache_bytes: 0,
                snapshot_entries,
                snapshot_bytes,
                ..config
            }
        } else {
            config
        };
        Self {
            config,
            clients: rng.index(4) + 2,
            think: rng.pick(&[20_000, 100_000, 300_000]),
            keys: rng.between(1, 5),
            delay: rng.pick(&[(200, 800), (500, 3000), (100, 20_000)]),
            sync: rng.pick(&[(100, 500), (500, 3000), (1000, 25_000)]),
            detection: match rng.below(8) {
                0 => Detection::Everybody,
                1..4 => Detection::Most(rng.next()),
                _ => Detection::Nobody,
            },
            // So small that many are begun, and used again.
            segment_bytes: 2000,
        }
    }
}

impl Setup {
    /// That of a driven cluster: as real nodes are by themselves.
    pub(crate) fn driven(options: &LiveOptions) -> Self {
        let id = raftdeck_raft::NodeId(1);
        let mut config = Config::new(id, std::collections::BTreeSet::new(), options.timing);
        if let Some(entries) = options.snapshot_entries {
            config.snapshot_entries = Some(entries);
            config.retained_entries = entries / RETAINED_PART;
        }
        config.disk_stall = options.disk_stall;
        config.max_append_bytes = options
            .append_bytes
            .map_or(config.max_append_bytes, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        Self {
            config,
            clients: 0,
            think: 0,
            keys: 0,
            delay: (0, 0),
            sync: (500, 1500),
            detection: if options.detect_crash { Detection::Everybody } else { Detection::Nobody },
            segment_bytes: 64 << 10,
        }
    }
}

/// Of the entries between two snapshots, this part stays in the log for followers that are a little behind.
const RETAINED_PART: u64 = 10;

/// This duration in microseconds, the unit of virtual time.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
