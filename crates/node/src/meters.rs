//! What a node counts while it runs. To count never waits, and costs the driver next to nothing; what the node's state is at a
//! moment is not kept here.

use metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram, with_local_recorder,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use raftdeck_raft::TraceEvent;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The bounds of the histograms' buckets, in seconds: what a sync takes, and what a request takes.
const SYNC_BUCKETS: [f64; 14] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];
const REQUEST_BUCKETS: [f64; 12] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Times that were measured are added up this often; until then each takes up memory.
const ADD_UP: Duration = Duration::from_secs(1);

/// A node's counters. Clones count together.
#[derive(Clone)]
pub(crate) struct Meters {
    recorder: Arc<PrometheusRecorder>,
    elections: Counter,
    leader_changes: Counter,
    requests: Counter,
    slow_writes: Counter,
    stalls: Counter,
    fsyncs: Histogram,
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").finish_non_exhaustive()
    }
}

impl Meters {
    pub(crate) fn new() -> Self {
        let builder = [
            ("raftdeck_fsync_seconds", &SYNC_BUCKETS[..]),
            ("raftdeck_http_request_seconds", &REQUEST_BUCKETS),
        ]
        .into_iter()
        .fold(PrometheusBuilder::new(), |builder, (name, buckets)| {
            let matcher = Matcher::Full(name.to_owned());
            builder.set_buckets_for_metric(matcher, buckets).expect("there are buckets")
        });
        let recorder = Arc::new(builder.build_recorder());
        with_local_recorder(&*Arc::clone(&recorder), || {
            describe();
            Self {
                recorder,
                elections: counter!("raftdeck_elections_total"),
                leader_changes: counter!("raftdeck_leader_changes_total"),
                requests: counter!("raftdeck_client_requests_total"),
                slow_writes: counter!("raftdeck_disk_slow_total"),
                stalls: counter!("raftdeck_disk_stalls_total"),
                fsyncs: histogram!("raftdeck_fsync_seconds"),
            }
        })
    }

    /// The log was made durable.
    pub(crate) fn synced(&self, took: Duration) {
        self.fsyncs.record(took);
    }

    /// This many client requests arrived.
    pub(crate) fn asked(&self, count: usize) {
        self.requests.increment(count as u64);
    }

    pub(crate) fn happened(&self, event: &TraceEvent) {
        match event {
            TraceEvent::ElectionStarted { pre_vote: false, .. } => self.elections.increment(1),
            TraceEvent::LeaderChanged { leader: Some(_), .. } => self.leader_changes.increment(1),
            TraceEvent::DiskSlow { .. } => self.slow_writes.increment(1),
            TraceEvent::DiskStalled { .. } => self.stalls.increment(1),
            _ => {}
        }
    }

    /// A request over HTTP was answered. The number of routes and methods is limited.
    pub(crate) fn answered(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        let route = route.to_owned();
        with_local_recorder(&*self.recorder, || {
            histogram!("raftdeck_http_request_seconds", "route" => route.clone(), "method" => method)
                .record(took);
            let status = status.to_string();
            counter!("raftdeck_http_requests_total", "route" => route, "method" => method, "status" => status)
                .increment(1);
        });
    }

    /// All of it in Prometheus' exposition format.
    pub(crate) fn text(&self) -> String {
        self.recorder.handle().render()
    }

    /// Adds up what was measured, from time to time, until `stop`.
    pub(crate) async fn add_up(self, stop: CancellationToken) {
        let adding = async {
            loop {
                sleep(ADD_UP).await;
                self.recorder.handle().run_upkeep();
            }
        };
        stop.run_until_cancelled(adding).await;
    }
}

fn describe() {
    describe_counter!("raftdeck_elections_total", "Elections that this node has started, without pre-votes.");
    describe_counter!("raftdeck_leader_changes_total", "How often this node has learned of a new leader.");
    describe_counter!(
        "raftdeck_client_requests_total",
        "Requests on the client port, those of this node's HTTP port included."
    );
    describe_counter!(
        "raftdeck_disk_slow_total",
        "How often this node has reported a slow disk; a disk that stays slow is reported repeatedly."
    );
    describe_counter!(
        "raftdeck_disk_stalls_total",
        "How often this node's disk has stalled, so that the node neither leads nor campaigns."
    );
    describe_histogram!(
        "raftdeck_fsync_seconds",
        Unit::Seconds,
        "How long it took to write entries to the log and to make them durable."
    );
    describe_counter!("raftdeck_http_requests_total", "Requests that were answered over HTTP.");
    describe_histogram!(
        "raftdeck_http_request_seconds",
        Unit::Seconds,
        "The time from a request's head to its answer's, over HTTP."
    );
}
