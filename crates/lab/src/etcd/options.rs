//! The options of a cluster of etcd members, and their validation.

use crate::setup::any_path;
use crate::setup::options::LabError;
use raftdeck_etcd::EtcdVersion;
use raftdeck_model::MAX_NODES;
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{Config, NodeId, Timing, Tuning};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// etcd takes no election timeout above this.
const MOST_ELECTION: Duration = Duration::from_secs(50);

/// An election timeout has at least this many heartbeats.
const HEARTBEATS: u32 = 5;

/// How far the ports are apart that belong to one member: where it listens for peers, for clients, and where its peers dial its links.
pub(super) const CLIENT_OFFSET: u16 = 1000;
pub(super) const LINK_OFFSET: u16 = 2000;

/// What a cluster of etcd members is started with. Can be written down for another process, which then starts it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EtcdOptions {
    /// The program that becomes a member when it is given [`KEEP_MEMBER`](crate::KEEP_MEMBER): see [`keep_member`](crate::keep_member).
    #[serde(with = "any_path")]
    pub executable: PathBuf,
    /// etcd's own program. `None`: the one in `PATH`.
    #[serde(with = "any_path::option")]
    pub etcd: Option<PathBuf>,
    /// The number of members, 1 to [`MAX_NODES`]. A kept data directory may hold others: those added and removed later.
    pub nodes: u8,
    /// Heartbeat and election timeouts; see [`EtcdOptions::timing`].
    pub wanted: Timing,
    /// Where the members keep their data, one directory each. `None`: a temporary directory that is removed when the lab stops.
    #[serde(with = "any_path::option")]
    pub data_dir: Option<PathBuf>,
    /// The first member's port for its peers; the next member has the next one. Clients are at 1000 above, the links at 2000 above. `None`:
    /// free ports.
    pub base_port: Option<u16>,
    /// A member takes a snapshot after this many entries. `None`: etcd's default.
    pub snapshot_entries: Option<u64>,
    /// The initial rate of cluster time.
    pub rate: ClockRate,
    /// The program that stands by for a temporary folder, as in [`LabOptions`](crate::LabOptions).
    #[serde(with = "any_path::option")]
    pub guard: Option<PathBuf>,
}

impl EtcdOptions {
    /// `nodes` fast members of the etcd in `PATH`, on free ports, with data that is removed with the lab.
    #[must_use]
    pub fn new(executable: impl Into<PathBuf>, nodes: u8) -> Self {
        Self {
            executable: executable.into(),
            etcd: None,
            nodes,
            wanted: Timing::FAST,
            data_dir: None,
            base_port: None,
            snapshot_entries: None,
            rate: ClockRate::REAL,
            guard: None,
        }
    }

    /// The timing that etcd gets: the least election timeout as wanted, of which etcd draws one to two times; heartbeats as wanted, but at
    /// least five in an election timeout, as etcd demands.
    #[must_use]
    pub fn timing(&self) -> Timing {
        let election_min = self.wanted.election_min;
        let heartbeat = self.wanted.heartbeat.min(election_min / HEARTBEATS);
        Timing { heartbeat, election_min, election_max: election_min * 2 }
    }

    /// What the members work with.
    pub(super) fn tuning(&self, version: Option<EtcdVersion>) -> Tuning {
        let pre_vote = version.is_none_or(EtcdVersion::pre_vote_by_default);
        Tuning { timing: self.timing(), pre_vote, check_quorum: true }
    }

    /// How many files and connections the process that runs this cluster has open at the same time.
    #[must_use]
    pub fn open_files(&self) -> u64 {
        let nodes = u64::from(self.nodes);
        64 + 16 * nodes + 8 * nodes * nodes
    }

    /// Checks what does not depend on the machine.
    pub fn validate(&self) -> Result<(), LabError> {
        if self.nodes == 0 || self.nodes > MAX_NODES {
            return Err(LabError::Nodes { nodes: self.nodes });
        }
        let members = (1..=u64::from(self.nodes)).map(NodeId).collect();
        Config::new(NodeId(1), members, self.timing()).validate()?;
        if self.wanted.election_min > MOST_ELECTION {
            return Err(LabError::EtcdTiming);
        }
        if self.rate != ClockRate::REAL {
            return Err(LabError::EtcdRate);
        }
        match self.base_port {
            Some(base) if base > u16::MAX - LINK_OFFSET - (u16::from(self.nodes) - 1) => {
                Err(LabError::EtcdBasePort { base, nodes: self.nodes })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etcd_gets_the_least_election_timeout_and_at_least_five_heartbeats_in_it() {
        let of = |wanted| EtcdOptions { wanted, ..EtcdOptions::new("raftdeck", 3) }.timing();
        let millis = Duration::from_millis;
        let timing = |heartbeat, min, max| Timing {
            heartbeat: millis(heartbeat),
            election_min: millis(min),
            election_max: millis(max),
        };
        assert_eq!(of(Timing::FAST), timing(30, 150, 300));
        assert_eq!(of(Timing::DEBUG), timing(200, 1000, 2000));
        assert_eq!(of(Timing::DEMO), timing(1000, 5000, 10_000));
        assert_eq!(of(timing(10, 1000, 1000)), timing(10, 1000, 2000));
    }

    #[test]
    fn what_etcd_cannot_do_is_refused_before_anything_is_started() {
        let options = || EtcdOptions::new("raftdeck", 3);
        options().validate().unwrap();
        let long = Timing { election_min: Duration::from_secs(51), ..Timing::DEMO };
        let refused = [
            EtcdOptions { nodes: 0, ..options() },
            EtcdOptions { wanted: long, ..options() },
            EtcdOptions { base_port: Some(63_600), ..options() },
        ];
        for options in refused {
            assert!(options.validate().is_err(), "{options:?}");
        }
    }
}
