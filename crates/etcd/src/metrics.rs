//! A member's figures by `/metrics`, as far as something is done with them.

use crate::endpoint::Endpoint;
use crate::error::CallError;
use raftdeck_model::Known;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A member's figures. What a version of etcd does not report is unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Whether it knows a leader.
    pub has_leader: Known<bool>,
    /// How often it has seen the leader change.
    pub leader_changes: Known<u64>,
    /// Proposals that wait for their commit.
    pub proposals_pending: Known<u64>,
    /// Proposals that failed.
    pub proposals_failed: Known<u64>,
    /// How many keys its store holds.
    pub keys: Known<u64>,
    /// How many syncs of its log it has made.
    pub fsyncs: Known<u64>,
    /// How long these took together, in seconds.
    pub fsync_seconds: Known<f64>,
    /// When its process started, in seconds since the Unix epoch.
    pub started: Known<f64>,
}

impl Metrics {
    /// Reads the text format of Prometheus. Lines that are not known are skipped.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut metrics = Self::default();
        for line in text.lines() {
            if let Some((name, value)) = line.split_once(' ')
                && let Ok(value) = value.trim().parse::<f64>()
            {
                metrics.take(name, value);
            }
        }
        metrics
    }

    fn take(&mut self, name: &str, value: f64) {
        match name {
            "etcd_server_has_leader" => self.has_leader = Known::Is(value > 0.0),
            "etcd_server_leader_changes_seen_total" => self.leader_changes = count(value),
            "etcd_server_proposals_pending" => self.proposals_pending = count(value),
            "etcd_server_proposals_failed_total" => self.proposals_failed = count(value),
            "etcd_debugging_mvcc_keys_total" => self.keys = count(value),
            "etcd_disk_wal_fsync_duration_seconds_count" => self.fsyncs = count(value),
            "etcd_disk_wal_fsync_duration_seconds_sum" => self.fsync_seconds = Known::Is(value),
            "process_start_time_seconds" => self.started = Known::Is(value),
            _ => {}
        }
    }

    /// How long the syncs since an earlier reading took on average, in microseconds; unknown if there were none.
    #[must_use]
    pub fn fsync_micros_since(&self, earlier: &Self) -> Known<u64> {
        let (Known::Is(now), Known::Is(before)) = (self.fsyncs, earlier.fsyncs) else {
            return Known::Unknown;
        };
        let (Known::Is(seconds), Known::Is(seconds_before)) = (self.fsync_seconds, earlier.fsync_seconds)
        else {
            return Known::Unknown;
        };
        // After a restart they count from 0 again.
        match u32::try_from(now.saturating_sub(before)) {
            Ok(syncs @ 1..) => count((seconds - seconds_before) / f64::from(syncs) * 1e6),
            _ => Known::Unknown,
        }
    }

    /// The time since its process started, in microseconds by this machine's clock.
    #[must_use]
    pub fn uptime_micros(&self, now: SystemTime) -> Known<u64> {
        let Known::Is(started) = self.started else { return Known::Unknown };
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        count((now.as_secs_f64() - started) * 1e6)
    }
}

/// A count; unknown if it is none.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked, and a count has no fraction"
)]
fn count(value: f64) -> Known<u64> {
    // Above, not every whole number is one of these.
    const MOST: f64 = 9_007_199_254_740_992.0;
    if (0.0..=MOST).contains(&value) { Known::Is(value as u64) } else { Known::Unknown }
}

impl Endpoint {
    /// The member's figures.
    pub async fn metrics(&self, deadline: Duration) -> Result<Metrics, CallError> {
        let body = self.get("/metrics", deadline).await?;
        Ok(Metrics::parse(&String::from_utf8_lossy(&body)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP etcd_server_has_leader Whether or not a leader exists.\n\
        # TYPE etcd_server_has_leader gauge\n\
        etcd_server_has_leader 1\n\
        etcd_debugging_mvcc_keys_total 3\n\
        etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.001\"} 4\n\
        etcd_disk_wal_fsync_duration_seconds_sum 0.005\n\
        etcd_disk_wal_fsync_duration_seconds_count 10\n\
        process_start_time_seconds 1.79608227881e+09\n";

    #[test]
    fn what_is_reported_is_read_and_the_rest_is_unknown() {
        let metrics = Metrics::parse(TEXT);
        assert_eq!((metrics.has_leader, metrics.keys, metrics.fsyncs), (true.into(), 3.into(), 10.into()));
        assert_eq!(metrics.proposals_pending, Known::Unknown);
        let now = UNIX_EPOCH + Duration::from_secs(1_796_082_279);
        assert_eq!(metrics.uptime_micros(now), Known::Is(190_000));
    }

    #[test]
    fn the_time_of_the_newest_syncs_is_that_since_the_reading_before() {
        let before = Metrics::parse(TEXT);
        let after = Metrics { fsyncs: 12.into(), fsync_seconds: 0.006.into(), ..Metrics::default() };
        assert_eq!(after.fsync_micros_since(&before), Known::Is(500));
        assert_eq!(before.fsync_micros_since(&before), Known::Unknown);
        let restarted = Metrics { fsyncs: 1.into(), fsync_seconds: 0.001.into(), ..Metrics::default() };
        assert_eq!(restarted.fsync_micros_since(&before), Known::Unknown);
    }
}
