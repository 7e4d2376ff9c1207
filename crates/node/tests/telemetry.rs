//! What a watcher is told, and that one that does not listen slows nobody.

mod support;

use futures::StreamExt;
use raftdeck_client::{Options, Subscription};
use raftdeck_protocol::{NodeStatus, Telemetry};
use raftdeck_raft::{Role, TraceEvent};
use std::time::Duration;
use support::{Cluster, PATIENCE, QUICK, block_on, put};

async fn next(subscription: &mut Subscription) -> Telemetry {
    let telemetry = tokio::time::timeout(PATIENCE, subscription.next()).await;
    telemetry.expect("something comes").expect("the node is there").expect("the connection holds")
}

async fn status_where(subscription: &mut Subscription, wanted: impl Fn(&NodeStatus) -> bool) -> NodeStatus {
    loop {
        if let Telemetry::Status(status) = next(subscription).await
            && wanted(&status)
        {
            return *status;
        }
    }
}

#[test]
fn a_watcher_sees_the_state_and_what_happens() {
    let cluster = Cluster::start(3, &QUICK);
    let (leader, term) = cluster.leader();
    block_on(async {
        let address = cluster.node(leader).addresses().raft.clone();
        let mut watching = Subscription::open(&address, &Options::default()).await.expect("any port will do");
        assert_eq!(watching.node().0, leader);
        let status = status_where(&mut watching, |_| true).await;
        assert_eq!((status.raft.role, status.raft.term.0), (Role::Leader, term));
        assert_eq!(status.raft.peers.len(), 2);
        assert!(status.uptime_micros > 0 && status.fsync_micros > 0);

        let done = cluster.client().write(put("color", "blue"), PATIENCE).await.unwrap();
        let mut newest = None;
        loop {
            if let Telemetry::Event { seq, event, .. } = next(&mut watching).await {
                assert!(newest.is_none_or(|newest| seq == newest + 1), "no event is left out");
                newest = Some(seq);
                if matches!(event, TraceEvent::Committed { through } if through >= done.at.index) {
                    break;
                }
            }
        }
        let after = status_where(&mut watching, |status| status.keys == 1).await;
        assert!(after.raft.applied >= done.at.index);
        assert_ne!(after.state_hash, status.state_hash);
    });
}

#[test]
fn statuses_come_often_enough_to_renew_ages_and_seldom_enough_not_to_burden() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("warm");
    block_on(async {
        let address = cluster.node(1).addresses().client.clone();
        let mut watching = Subscription::open(&address, &Options::default()).await.unwrap();
        let client = cluster.client();
        let writing = async {
            for nth in 0.. {
                client.write(put("busy", &nth.to_string()), PATIENCE).await.unwrap();
            }
        };
        let mut uptimes = Vec::new();
        let watching = async {
            while uptimes.len() < 40 {
                uptimes.push(status_where(&mut watching, |_| true).await.uptime_micros);
            }
        };
        tokio::select! { () = writing => unreachable!("it never ends"), () = watching => {} }
        // The first comes whenever a watcher does. A node may look at its clock a moment sooner or later in its pass.
        let took = uptimes[39] - uptimes[1];
        assert!(took + 1_000 >= 38 * 1_000_000 / u64::from(NodeStatus::MAX_PER_SECOND), "{uptimes:?}");
    });
}

#[test]
fn a_quiet_node_still_renews_its_ages() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("warm");
    block_on(async {
        let address = cluster.node(1).addresses().client.clone();
        let mut watching = Subscription::open(&address, &Options::default()).await.unwrap();
        let first = status_where(&mut watching, |_| true).await;
        let later = status_where(&mut watching, |status| status.uptime_micros > first.uptime_micros).await;
        assert_eq!(later.raft.committed, first.raft.committed);
    });
}

#[test]
fn watchers_that_read_nothing_slow_nobody() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("warm");
    let address = cluster.node(1).addresses().client.clone();
    block_on(async {
        let mut deaf = Vec::new();
        for _ in 0..20 {
            deaf.push(Subscription::open(&address, &Options::default()).await.unwrap());
        }
        // More events than the node keeps for anybody.
        let client = cluster.client();
        for batch in 0..10 {
            let writes = (0..500).map(|nth| client.write(put(&format!("{batch}-{nth}"), ""), PATIENCE));
            for done in futures::future::join_all(writes).await {
                done.expect("writes go on");
            }
        }
        for watcher in &mut deaf {
            status_where(watcher, |status| status.keys > 5000).await;
        }
    });
}

#[test]
fn a_subscription_ends_with_the_node() {
    let mut cluster = Cluster::start(1, &QUICK);
    let address = cluster.node(1).addresses().client.clone();
    block_on(async {
        let mut watching = Subscription::open(&address, &Options::default()).await.unwrap();
        next(&mut watching).await;
        cluster.kill(1);
        let end = async { while let Some(Ok(_)) = watching.next().await {} };
        tokio::time::timeout(PATIENCE, end).await.expect("it ends");
        assert!(watching.next().await.is_none());
        let options = Options { patience: Duration::from_millis(100), ..Options::default() };
        assert!(Subscription::open(&address, &options).await.is_err());
    });
}
