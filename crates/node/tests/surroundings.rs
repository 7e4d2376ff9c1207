//! What a node is told of its surroundings: that the end of a leader's connection is its end, and that its disk is slow.

mod support;

use std::time::{Duration, Instant};
use support::wire::status;
use support::{Cluster, PATIENCE, QUICK, block_on, eventually, put};

#[test]
fn a_leader_whose_connections_end_is_replaced_long_before_its_time_is_up() {
    let times = ["--heartbeat", "50", "--election", "12000..13000"];
    let mut cluster = Cluster::start(3, &[&times[..], &["--detect-crash"]].concat());
    // The first leader is found by the timer. So much patience has nothing else here.
    let first = eventually("somebody leads", || {
        let all =
            cluster.running().map(|node| Some(status(node)?.raft.leader?.0)).collect::<Option<Vec<_>>>()?;
        all.windows(2).all(|pair| pair[0] == pair[1]).then_some(all[0])
    });
    let client = cluster.client();
    block_on(client.write(put("before", "1"), PATIENCE)).expect("is taken");
    let killed = Instant::now();
    cluster.kill(first);
    let (next, _) = cluster.leader_without(Some(first));
    assert_ne!(next, first);
    block_on(client.write(put("after", "1"), PATIENCE)).expect("is taken");
    assert!(killed.elapsed() < Duration::from_secs(8), "{:?}", killed.elapsed());
}

#[test]
fn a_disk_can_be_made_slow_and_the_log_says_so() {
    let cluster = Cluster::start(1, &[&QUICK[..], &["--sync-delay", "20ms"]].concat());
    block_on(cluster.client().write(put("color", "blue"), PATIENCE)).expect("is taken");
    let status = status(cluster.node(1)).expect("it answers");
    assert!(status.fsync_micros >= 20_000, "{status:?}");
    assert!(status.fsyncs >= 3, "a term, a leader's first entry, a session and a write: {status:?}");
    let log = cluster.node(1).log();
    assert!(log.contains("WARN") && log.contains("20000 us longer"), "{log}");
}
