//! The node's state at one moment, as Prometheus wants it. Computed for each scrape, so that a former leader's view
//! of its followers disappears with its leadership.

use metrics::{Unit, describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::PrometheusBuilder;
use raftdeck_protocol::NodeStatus;
use raftdeck_raft::{self as raft, Role};
use std::fs;
use std::time::Duration;

/// The state as text in the exposition format. `watches` is how many streams of changes there are.
pub(super) fn text(status: &NodeStatus, watches: usize) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    with_local_recorder(&recorder, || {
        role(&status.raft);
        log(&status.raft);
        disk(&status.raft);
        peers(&status.raft);
        times(status);
        set("raftdeck_keys", "Keys in the state machine.", status.keys);
        set("raftdeck_sessions", "Client sessions that are open.", status.sessions);
        set("raftdeck_http_watches", "Streams of changes that are open over HTTP.", watches as u64);
        process();
    });
    recorder.handle().render()
}

fn role(raft: &raft::Status) {
    set("raftdeck_term", "The node's term.", raft.term.0);
    set("raftdeck_is_leader", "1 on the leader, 0 elsewhere.", u64::from(raft.role == Role::Leader));
    describe_gauge!("raftdeck_role", "1 for the node's role, 0 for the others.");
    for role in [Role::Follower, Role::PreCandidate, Role::Candidate, Role::Leader] {
        gauge!("raftdeck_role", "role" => role.to_string()).set(f64::from(u8::from(raft.role == role)));
    }
    set(
        "raftdeck_has_quorum",
        "1 if the node leads and heard from a majority, or follows a leader that it heard from, within the least election timeout.",
        u64::from(raft.has_quorum),
    );
    set("raftdeck_voters", "Members that vote.", raft.membership.voters.len() as u64);
    set("raftdeck_learners", "Members that are learners.", raft.membership.learners.len() as u64);
}

fn log(raft: &raft::Status) {
    set("raftdeck_last_log_index", "The index of the last entry of the log.", raft.last.index.0);
    set("raftdeck_durable_index", "The last entry that is on this node's disk.", raft.durable.0);
    set("raftdeck_commit_index", "The last committed entry that the node knows of.", raft.committed.0);
    set("raftdeck_applied_index", "The last entry that is applied to the state machine.", raft.applied.0);
    set("raftdeck_snapshot_index", "The last entry in the newest snapshot.", raft.snapshot.index.0);
    set("raftdeck_purged_index", "The log begins after this index.", raft.purged.0);
}

fn disk(raft: &raft::Status) {
    describe_gauge!(
        "raftdeck_disk_wait_seconds",
        Unit::Seconds,
        "How long a pending write has been waiting for the disk; 0 if none is pending."
    );
    gauge!("raftdeck_disk_wait_seconds").set(raft.disk_wait.unwrap_or_default().as_secs_f64());
    set(
        "raftdeck_disk_stalled",
        "1 while the disk is stalled: the node does not campaign, and leads only if no other node can.",
        u64::from(raft.disk_stalled),
    );
}

/// Of a leader.
fn peers(raft: &raft::Status) {
    describe_gauge!(
        "raftdeck_peer_match_index",
        "The highest index known to be on a follower's disk. Only on the leader."
    );
    describe_gauge!(
        "raftdeck_peer_lag_entries",
        "How many entries a follower lacks of the leader's log. Only on the leader."
    );
    describe_gauge!(
        "raftdeck_peer_last_heard_seconds",
        Unit::Seconds,
        "The time since a follower last answered. Only on the leader."
    );
    describe_gauge!(
        "raftdeck_peer_disk_stalled",
        "1 if a follower reports that its disk is stalled. Only on the leader."
    );
    for peer in &raft.peers {
        let id = peer.id.to_string();
        let lag = raft.last.index.0.saturating_sub(peer.matched.0);
        gauge!("raftdeck_peer_match_index", "peer" => id.clone()).set(number(peer.matched.0));
        gauge!("raftdeck_peer_lag_entries", "peer" => id.clone()).set(number(lag));
        let stalled = f64::from(u8::from(peer.disk_stalled.is_some()));
        gauge!("raftdeck_peer_disk_stalled", "peer" => id.clone()).set(stalled);
        if let Some(heard) = peer.last_heard {
            gauge!("raftdeck_peer_last_heard_seconds", "peer" => id).set(heard.as_secs_f64());
        }
    }
}

fn times(status: &NodeStatus) {
    let up = Duration::from_micros(status.uptime_micros).as_secs_f64();
    describe_gauge!(
        "raftdeck_uptime_seconds",
        Unit::Seconds,
        "The time since the start, by the node's own clock."
    );
    gauge!("raftdeck_uptime_seconds").set(up);
    describe_gauge!("raftdeck_lease_seconds", Unit::Seconds, "How long the leader's lease still holds.");
    gauge!("raftdeck_lease_seconds").set(status.raft.lease.as_secs_f64());
    if let Some(age) = status.raft.heartbeat_age {
        let what = "The time since the leader was last heard from. Absent while no leader is known.";
        describe_gauge!("raftdeck_heartbeat_age_seconds", Unit::Seconds, what);
        gauge!("raftdeck_heartbeat_age_seconds").set(age.as_secs_f64());
    }
}

/// What the process takes up, under the names that every process uses. Only where the system tells it in files.
fn process() {
    if let Some(kib) = fs::read_to_string("/proc/self/status").ok().and_then(|status| resident_kib(&status)) {
        set("process_resident_memory_bytes", "Resident memory.", kib * 1024);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        set("process_open_fds", "Open file descriptors.", open.count() as u64);
    }
}

fn resident_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

fn set(name: &'static str, what: &'static str, value: u64) {
    describe_gauge!(name, what);
    gauge!(name).set(number(value));
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus has only floats")]
fn number(value: u64) -> f64 {
    value as f64
}
