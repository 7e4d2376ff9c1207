//! What a member is started with.

use crate::identity::Incarnation;
use crate::membership::Membership;
use crate::types::NodeId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// The heartbeat interval and the range that election timeouts are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// A leader sends a heartbeat this often.
    pub heartbeat: Duration,
    /// The least election timeout. Also how long a follower stands by a leader it has heard from.
    pub election_min: Duration,
    /// The greatest election timeout. Also how long a leader continues without a majority.
    pub election_max: Duration,
}

impl Timing {
    /// 50 ms, 150 to 300 ms: the paper's figures (§9.3), for a local network.
    pub const FAST: Self = Self::millis(50, 150, 300);
    /// 500 ms, 1 to 2 s: slow enough to read along.
    pub const DEBUG: Self = Self::millis(500, 1000, 2000);
    /// 3 s, 5 to 8 s: slow enough to talk about each message.
    pub const DEMO: Self = Self::millis(3000, 5000, 8000);

    const fn millis(heartbeat: u64, min: u64, max: u64) -> Self {
        Self {
            heartbeat: Duration::from_millis(heartbeat),
            election_min: Duration::from_millis(min),
            election_max: Duration::from_millis(max),
        }
    }
}

/// A member's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its id.
    pub id: NodeId,
    /// Its data directory. `None` only where no member has an identity.
    pub incarnation: Option<Incarnation>,
    /// The membership that the cluster starts with, the same at every member that starts with it; empty at a member
    /// that joins later. The log and snapshots take precedence over it.
    pub membership: Membership,
    /// What can be changed while it runs.
    pub tuning: Tuning,
    /// The most bytes of entries in one AppendEntries. One entry is always sent, however large.
    pub max_append_bytes: usize,
    /// The most AppendEntries with entries that are on their way to one peer without an answer.
    pub max_inflight: usize,
    /// The most bytes of entries on their way to one peer without an answer.
    pub max_inflight_bytes: usize,
    /// Over this many bytes of uncommitted entries a leader answers "busy".
    pub max_uncommitted_bytes: usize,
    /// The most bytes in one piece of a snapshot.
    pub max_piece_bytes: usize,
    /// If given, a snapshot is due when this many entries were applied since the last one.
    pub snapshot_entries: Option<u64>,
    /// Also when the entries applied since the last one have more than this many bytes, and more than that snapshot has:
    /// so all snapshots together write no more to the disk than the log does.
    pub snapshot_bytes: usize,
    /// This many entries before a snapshot's end are kept for followers that are a little behind, as long as they have no
    /// more than `snapshot_bytes`. So the log on the disk holds about twice `snapshot_bytes` or twice the size of a snapshot,
    /// whatever is more, and what is applied while a snapshot is written.
    pub retained_entries: u64,
    /// The newest entries of the log are kept in memory up to this many bytes, besides those that are not applied or not
    /// durable yet. Earlier ones are read back from the disk where they are needed ([`EntriesToRead`](crate::EntriesToRead)).
    pub log_cache_bytes: usize,
    /// The loss of the leader's connection ([`Raft::handle_disconnected`](crate::Raft::handle_disconnected)) starts a
    /// campaign immediately. No member with this stands by its leader beyond that, so no lease can rest on it, and as a
    /// leader it serves no read by a lease.
    pub detect_crash: bool,
    /// A disk that has not finished a write for this long, while one waits for it, is stalled: a leader hands over or steps
    /// down, and no member with such a disk campaigns. `None`: the greatest election timeout, at least
    /// [`Config::LEAST_DISK_STALL`].
    pub disk_stall: Option<Duration>,
}

impl Config {
    /// Unless configured otherwise, no disk counts as stalled before this time: an ordinary one may take some hundred
    /// milliseconds for a sync when it is busy.
    pub const LEAST_DISK_STALL: Duration = Duration::from_millis(500);

    /// After how long without a finished write the disk is stalled.
    #[must_use]
    pub fn disk_stall(&self) -> Duration {
        self.disk_stall.unwrap_or(self.tuning.timing.election_max.max(Self::LEAST_DISK_STALL))
    }

    /// A configuration with PreVote and CheckQuorum on and the usual limits. `voters` is the membership that the
    /// cluster starts with; empty for a member that joins later.
    #[must_use]
    pub fn new(id: NodeId, voters: BTreeSet<NodeId>, timing: Timing) -> Self {
        Self {
            id,
            incarnation: None,
            membership: Membership::of(voters),
            tuning: Tuning { timing, pre_vote: true, check_quorum: true },
            max_append_bytes: 1 << 20,
            max_inflight: 256,
            max_inflight_bytes: 8 << 20,
            max_uncommitted_bytes: 64 << 20,
            max_piece_bytes: 1 << 20,
            snapshot_entries: None,
            snapshot_bytes: 256 << 20,
            retained_entries: 1_000,
            log_cache_bytes: 32 << 20,
            detect_crash: false,
            disk_stall: None,
        }
    }

    /// Says whether the values are consistent.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.id.0 == 0 || self.membership.contains(NodeId(0)) {
            return Err(ConfigError::ZeroId);
        }
        if !self.membership.voters.is_empty() && !self.membership.is_voter(self.id) {
            return Err(ConfigError::NotAVoter { id: self.id });
        }
        if self.disk_stall.is_some_and(|limit| limit.is_zero()) {
            return Err(ConfigError::ZeroDiskStall);
        }
        self.tuning.validate()
    }
}

/// What can be changed while a member runs ([`Raft::tune`](crate::Raft::tune)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning {
    /// Heartbeat and election timeouts.
    pub timing: Timing,
    /// Ask before campaigning (thesis §9.6).
    pub pre_vote: bool,
    /// Step down as a leader without a majority; stand by a live leader as a follower (thesis §6.2, §4.2.3).
    pub check_quorum: bool,
}

impl Tuning {
    /// Says whether the values are consistent.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let Timing { heartbeat, election_min, election_max } = self.timing;
        if heartbeat.is_zero() || heartbeat >= election_min {
            return Err(ConfigError::Heartbeat { heartbeat, election_min });
        }
        if election_min >= election_max {
            return Err(ConfigError::ElectionRange { min: election_min, max: election_max });
        }
        Ok(())
    }
}

/// Why a [`Config`] cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Ids start at 1.
    #[error("a node id of 0 is not allowed: ids start at 1")]
    ZeroId,
    /// The member is not in its own cluster.
    #[error("{id} is not one of the cluster's members")]
    NotAVoter {
        /// The member.
        id: NodeId,
    },
    /// Every write takes some time.
    #[error("the time after which a disk counts as stalled must be greater than zero")]
    ZeroDiskStall,
    /// Heartbeats must come more often than elections.
    #[error(
        "the heartbeat ({heartbeat:?}) must be above zero and shorter than the least election timeout ({election_min:?})"
    )]
    Heartbeat {
        /// As given.
        heartbeat: Duration,
        /// As given.
        election_min: Duration,
    },
    /// The range is empty: equal timeouts would split votes forever.
    #[error("the election timeout's range {min:?}..{max:?} is empty: the second must be greater")]
    ElectionRange {
        /// As given.
        min: Duration,
        /// As given.
        max: Duration,
    },
    /// A fixed election timeout is too short.
    #[error("an election timeout of {timeout:?} is under the least one, {least:?}: choose that one or more")]
    ShortTimeout {
        /// As given.
        timeout: Duration,
        /// The least election timeout.
        least: Duration,
    },
}
