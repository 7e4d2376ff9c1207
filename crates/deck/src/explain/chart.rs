//! Explains the charts.

use super::Explanation;
use super::words::press;
use crate::actions::ActionId;
use crate::app::App;
use crate::app::subject::{Chart, Subject};
use raftdeck_model::concepts::Concept;

/// Explains a chart.
pub(super) fn of(app: &App, chart: Chart) -> Explanation {
    let (concept, what) = match chart {
        Chart::Throughput => (
            Concept::CommitIndex,
            "How many writes were acknowledged in each second. A write is acknowledged once its entry is committed and applied.",
        ),
        Chart::Latency => (
            Concept::Latency,
            "How long writes took from the request to the answer: half of them were faster than p50, 99 of 100 faster than p99.",
        ),
        Chart::Availability => (
            Concept::Availability,
            "When writes were acknowledged. A gap is a time without any acknowledgement although clients wrote.",
        ),
        Chart::Elections => (
            Concept::Election,
            "When nodes campaigned and who became leader. Each election begins a new term.",
        ),
        Chart::Bytes => (
            Concept::AppendEntries,
            "How much the nodes sent to each other. In a quiet cluster these are heartbeats and their answers.",
        ),
        Chart::Fsync => (
            Concept::Fsync,
            "How long each node took to make a write safe on its disk. A commit waits for the fastest majority of them.",
        ),
        Chart::Lag => (
            Concept::ReplicationLag,
            "How many entries each follower's log is behind the leader's, as the leader knows it.",
        ),
    };
    let mut told = Explanation { what: what.to_owned(), ..Explanation::by(concept, name(chart).to_owned()) };
    if matches!(chart, Chart::Throughput | Chart::Latency | Chart::Availability) {
        writes(app, &mut told);
    }
    for other in Chart::ALL.into_iter().filter(|other| *other != chart) {
        told.see(name(other), Subject::Chart(other));
    }
    if let Some(leader) = app.world.leader() {
        told.see(format!("{}, the leader", leader.id), Subject::Node(leader.id));
    }
    told.see_concept(concept);
    told
}

fn name(chart: Chart) -> &'static str {
    match chart {
        Chart::Throughput => "throughput",
        Chart::Latency => "latency",
        Chart::Availability => "availability",
        Chart::Elections => "elections",
        Chart::Bytes => "links",
        Chart::Fsync => "fsync",
        Chart::Lag => "replication lag",
    }
}

/// The steady workload's figures.
fn writes(app: &App, told: &mut Explanation) {
    let Some(figures) = app.world.workload().filter(|figures| figures.running) else {
        told.because("The steady workload is off.");
        told.advise(press(app, ActionId::Workload, "starts it"));
        return;
    };
    told.because(format!(
        "The steady workload had {} writes acknowledged in the last second.",
        figures.per_second
    ));
    if figures.longest_gap_ms > 0 {
        told.because(format!("Its longest gap so far is {} ms.", figures.longest_gap_ms));
    }
    told.advise(press(app, ActionId::Workload, "stops the workload"));
    told.advise(press(app, ActionId::KillLeader, "kills the leader: a gap follows"));
}
