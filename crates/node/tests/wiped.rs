//! Real nodes that lose their data directories and come back under their ids: they found nothing, vote for nobody, count for
//! nothing, and are told so; and they are taken in again by one command.

mod support;

use raftdeck_client::{Changed, ReplaceStep};
use raftdeck_protocol::{NodeStatus, NoticeKind};
use raftdeck_raft::{Incarnation, MembershipChange, NodeId, Role};
use std::fs;
use std::time::Duration;
use support::wire::status;
use support::{
    Cluster, Launch, Node, PATIENCE, QUICK, STEADY, block_on, block_on_for, eventually, own_host, put,
};

const LONG: Duration = Duration::from_mins(1);

fn write(cluster: &Cluster, key: &str) {
    block_on(cluster.client().write(put(key, "1"), PATIENCE)).expect("the cluster takes writes");
}

fn of(cluster: &Cluster, id: u64) -> NodeStatus {
    eventually("the node says how it is", || status(cluster.node(id)))
}

/// Stops a node, empties its data directory, and starts it again as it was started before.
fn wipe(cluster: &mut Cluster, id: u64) {
    if cluster.is_running(id) {
        cluster.kill(id);
    }
    fs::remove_dir_all(cluster.data_dir(id)).expect("it was there");
    cluster.restart(id);
}

/// A cluster that holds a key, its leader, and a member that does not lead.
fn led(size: usize, args: &[&str]) -> (Cluster, u64, u64) {
    let cluster = Cluster::start(size, args);
    let (leader, _) = cluster.leader();
    write(&cluster, "a");
    let other = if leader == 1 { 2 } else { 1 };
    (cluster, leader, other)
}

/// Waits until a node has a notice with these words in it.
fn await_notice(cluster: &Cluster, id: u64, words: &str) -> String {
    eventually(&format!("n{id} says {words:?}"), || {
        let notices = status(cluster.node(id))?.notices;
        notices.into_iter().map(|notice| notice.text).find(|text| text.contains(words))
    })
}

/// Empties a member's disk, and waits until the leader has noticed.
fn empty(cluster: &mut Cluster, leader: u64, id: u64) {
    wipe(cluster, id);
    await_notice(cluster, leader, &format!("n{id} is back with an empty disk"));
}

fn disk(status: &NodeStatus) -> Incarnation {
    status.incarnation.expect("a node tells")
}

/// Replaces a member, and gives the steps that were taken.
fn replace(cluster: &Cluster, id: u64) -> (Vec<ReplaceStep>, Changed) {
    let mut steps = Vec::new();
    let client = cluster.client();
    let replaced = client.replace_member(NodeId(id), None, PATIENCE, |step, _| steps.push(step));
    let replaced = block_on_for(LONG, replaced).expect("it is replaced");
    (steps, replaced)
}

/// The script that made two histories of one name: all stopped, two of three emptied, these two started, then the third.
#[test]
fn two_emptied_founders_of_three_found_nothing_and_the_third_keeps_what_it_has() {
    let mut cluster = Cluster::start(3, &QUICK);
    cluster.leader();
    for nth in 1..=5 {
        write(&cluster, &format!("old-{nth}"));
    }
    cluster.await_equal();
    let before = of(&cluster, 1);
    cluster.kill_all();
    for id in [2, 3] {
        fs::remove_dir_all(cluster.data_dir(id)).unwrap();
        cluster.restart(id);
    }
    await_notice(&cluster, 2, "founding: waiting for n1");
    cluster.restart(1);
    for id in [2, 3] {
        await_notice(&cluster, id, "is back with an empty disk, and does not vote");
        await_notice(&cluster, id, &format!("raftdeck client member replace n{id}"));
        await_notice(&cluster, 1, &format!("n{id} is back with an empty disk"));
        let says = |who, what: &str| cluster.node(who).log().contains(what).then_some(());
        eventually("n1's log says it", || says(1, &format!("n{id} is back with an empty disk")));
        eventually("its own log says it", || says(id, "is back with an empty disk"));
    }
    // For many election timeouts.
    eventually("n1 has tried for long", || (of(&cluster, 1).uptime_micros > 3_000_000).then_some(()));
    for id in 1..=3 {
        let answered = cluster.node(id).http("PUT", "/set", r#"{"key":"new","value":"1"}"#);
        assert_eq!(answered.status, 503, "{answered:?}");
        let raft = of(&cluster, id).raft;
        assert_ne!(raft.role, Role::Leader);
        assert_eq!((raft.leader, raft.has_quorum), (None, false), "n{id}");
    }
    let answered = cluster.node(2).http("PUT", "/set", r#"{"key":"new","value":"1"}"#);
    assert!(answered.body.contains("n2 is back with an empty disk"), "{answered:?}");
    let (two, after) = (of(&cluster, 2), of(&cluster, 1));
    assert_eq!((two.raft.term.0, two.raft.last.index.0, two.cluster), (0, 0, None));
    assert_eq!(
        (after.raft.last.index >= before.raft.last.index, after.cluster, disk(&after)),
        (true, before.cluster, disk(&before)),
        "what n1 has is as it was"
    );
}

#[test]
fn one_emptied_member_of_three_counts_for_nothing_until_it_is_replaced_and_then_for_as_much_as_before() {
    let mut cluster = Cluster::start(3, &STEADY);
    let (leader, _) = cluster.leader();
    for nth in 1..=5 {
        write(&cluster, &format!("old-{nth}"));
    }
    let emptied = (1..=3).find(|id| *id != leader).unwrap();
    let old = disk(&of(&cluster, emptied));
    wipe(&mut cluster, emptied);
    for id in 1..=3 {
        await_notice(&cluster, id, &format!("n{emptied} is back with an empty disk"));
        await_notice(&cluster, id, &format!("raftdeck client member replace n{emptied}"));
    }
    write(&cluster, "without it");
    let seen = of(&cluster, leader);
    let peer = seen.raft.peers.iter().find(|peer| peer.id == NodeId(emptied)).expect("a member");
    assert!(peer.matched < seen.raft.committed, "what it confirmed before is not counted: {peer:?}");
    assert_eq!(of(&cluster, emptied).raft.last.index.0, 0, "and it is sent nothing");

    let (steps, replaced) = replace(&cluster, emptied);
    assert_eq!(steps, [ReplaceStep::Removed, ReplaceStep::Added, ReplaceStep::Promoted]);
    assert!(replaced.membership.voters.contains(&NodeId(emptied)));
    let new = disk(&of(&cluster, emptied));
    assert_ne!(new, old);
    assert_eq!(replaced.membership.incarnations.get(&NodeId(emptied)), Some(&new));
    cluster.await_equal();
    assert_eq!(of(&cluster, emptied).keys, 6);
    assert_eq!(of(&cluster, emptied).cluster, of(&cluster, leader).cluster);
    for id in 1..=3 {
        eventually("nobody has anything to say", || {
            status(cluster.node(id))?.notices.is_empty().then_some(())
        });
    }
    // It votes again: with it, the other two are a majority when one of them is away.
    let other = (1..=3).find(|id| ![leader, emptied].contains(id)).unwrap();
    cluster.kill(other);
    write(&cluster, "with it");
    // And it is known by its disk after another start, as it was started at first.
    cluster.kill(emptied);
    cluster.restart(emptied);
    write(&cluster, "after a start");
    assert_eq!(disk(&of(&cluster, emptied)), new);
    // To ask again changes nothing.
    assert_eq!(replace(&cluster, emptied).0, []);
}

#[test]
fn a_replacement_that_broke_off_after_any_step_is_completed_by_the_same_command() {
    let (mut cluster, leader, emptied) = led(3, &STEADY);
    let all = [ReplaceStep::Removed, ReplaceStep::Added, ReplaceStep::Promoted];
    for done in 1..=2 {
        empty(&mut cluster, leader, emptied);
        let (client, mut steps) = (cluster.client(), 0);
        // The command is killed when it has taken this many steps.
        let broke_off = block_on_for(LONG, async {
            let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
            let replacing = client.replace_member(NodeId(emptied), None, PATIENCE, |step, _| {
                let _ = tell.send(step);
            });
            tokio::pin!(replacing);
            loop {
                tokio::select! {
                    biased;
                    Some(_) = told.recv() => {
                        steps += 1;
                        if steps == done {
                            return true;
                        }
                    }
                    replaced = &mut replacing => return replaced.is_err(),
                }
            }
        });
        assert!(broke_off);
        let (steps, _) = replace(&cluster, emptied);
        assert!(all.ends_with(&steps), "{steps:?}");
        assert!(steps.len() <= 3 - done, "{done} were done before: {steps:?}");
        cluster.await_equal();
    }
}

#[test]
fn the_leader_dies_in_the_middle_of_a_replacement_and_the_same_command_completes_it() {
    let (mut cluster, leader, emptied) = led(5, &QUICK);
    empty(&mut cluster, leader, emptied);
    let remove = vec![MembershipChange::Remove { node: NodeId(emptied) }];
    block_on_for(LONG, cluster.client().change_membership(remove, PATIENCE)).expect("it is removed");
    cluster.kill(leader);
    cluster.leader_without(Some(emptied));
    let (steps, _) = replace(&cluster, emptied);
    assert_eq!(steps, [ReplaceStep::Added, ReplaceStep::Promoted]);
    cluster.await_equal();
}

#[test]
fn two_nodes_that_joined_and_were_emptied_vote_for_nobody() {
    let mut cluster = Cluster::start(3, &QUICK);
    write(&cluster, "a");
    for _ in 0..2 {
        let (id, address) = cluster.join(&QUICK);
        let (add, promote) = joined(id, &address);
        let client = cluster.client();
        block_on_for(LONG, client.change_membership(vec![add], PATIENCE)).expect("it is added");
        promote_when_known(&cluster, &promote);
    }
    cluster.leader();
    cluster.await_equal();
    for id in [4, 5] {
        wipe(&mut cluster, id);
    }
    await_notice(&cluster, 1, "n4 is back with an empty disk");
    await_notice(&cluster, 1, "n5 is back with an empty disk");
    // Three of five are left; with one of them away there is no majority, whatever the two that forgot would say.
    let (leader, _) = cluster.leader_of(&[1, 2, 3]);
    cluster.kill(leader);
    let rest: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
    eventually("the two that are left have tried for long", || {
        let tried = |id: &u64| Some(status(cluster.node(*id))?.raft.leader.is_none());
        rest.iter().map(tried).collect::<Option<Vec<_>>>()?.iter().all(|tried| *tried).then_some(())
    });
    eventually("and for longer", || {
        let uptime = status(cluster.node(4))?.uptime_micros;
        (uptime > 3_000_000).then_some(())
    });
    for id in [4, 5] {
        let raft = of(&cluster, id).raft;
        assert_eq!((raft.term.0, raft.vote), (0, None), "n{id} votes for nobody");
    }
    for id in rest {
        assert_eq!(of(&cluster, id).raft.leader, None);
    }
    cluster.restart(leader);
    cluster.leader_of(&[1, 2, 3]);
}

fn joined(id: u64, address: &str) -> (MembershipChange, MembershipChange) {
    let node = NodeId(id);
    (
        MembershipChange::AddLearner { node, address: address.to_owned(), incarnation: None },
        MembershipChange::Promote { node },
    )
}

/// A learner is promoted once the leader has met it.
fn promote_when_known(cluster: &Cluster, promote: &MembershipChange) {
    eventually("it is promoted", || {
        let client = cluster.client();
        block_on_for(LONG, client.change_membership(vec![promote.clone()], PATIENCE)).ok()
    });
}

#[test]
fn a_member_that_was_removed_emptied_and_added_again_is_a_new_one_and_leads_nothing_on_its_own() {
    let (mut cluster, _, id) = led(3, &QUICK);
    let address = cluster.node(id).addresses().raft.clone();
    let remove = vec![MembershipChange::Remove { node: NodeId(id) }];
    block_on_for(LONG, cluster.client().change_membership(remove, PATIENCE)).expect("it is removed");
    wipe(&mut cluster, id);
    await_notice(&cluster, id, "member add");
    let (add, promote) = joined(id, &address);
    block_on_for(LONG, cluster.client().change_membership(vec![add], PATIENCE)).expect("it is added");
    promote_when_known(&cluster, &promote);
    cluster.await_equal();
    write(&cluster, "b");
    cluster.await_equal();
    let statuses: Vec<_> = (1..=3).map(|id| of(&cluster, id)).collect();
    assert!(statuses.iter().all(|status| status.cluster == statuses[0].cluster && status.keys == 2));
    let leaders = statuses.iter().filter(|status| status.raft.role == Role::Leader).count();
    assert_eq!(leaders, 1);
}

#[test]
fn a_removed_member_is_told_so_also_if_it_never_saw_the_entry() {
    let (mut cluster, _, id) = led(3, &STEADY);
    cluster.kill(id);
    let remove = vec![MembershipChange::Remove { node: NodeId(id) }];
    block_on_for(LONG, cluster.client().change_membership(remove, PATIENCE)).expect("it is removed");
    cluster.restart(id);
    let text = await_notice(&cluster, id, &format!("n{id} was removed from this cluster"));
    assert!(text.contains("member add"), "{text}");
    let kinds: Vec<_> = of(&cluster, id).notices.into_iter().map(|notice| notice.kind).collect();
    assert_eq!(kinds, [NoticeKind::Removed]);
    assert!(cluster.node(id).log().contains("was removed from this cluster"));
}

#[test]
fn a_node_that_joined_starts_again_with_or_without_join() {
    let mut cluster = Cluster::start(3, &STEADY);
    cluster.leader();
    write(&cluster, "a");
    let (id, address) = cluster.join(&STEADY);
    let (add, promote) = joined(id, &address);
    block_on_for(LONG, cluster.client().change_membership(vec![add], PATIENCE)).expect("it is added");
    promote_when_known(&cluster, &promote);
    let three = (1..=3).map(|id| cluster.node(id).addresses().raft.clone()).collect::<Vec<_>>().join(",");
    cluster.kill(id);
    let name = id.to_string();
    let starts: [&[&str]; 4] = [
        &["--node-id", &name, "--bind", &address],
        &["--node-id", &name, "--bind", &address, "--cluster", &three],
        &["--node-id", &name, "--bind", &address, "--cluster", &three, "--join"],
        &["--node-id", &name, "--bind", &address, "--join"],
    ];
    for args in starts {
        let node = Launch::new(args).args(&STEADY).data(&cluster.data_dir(id)).ready();
        eventually("it follows the leader", || status(&node)?.raft.leader.map(drop));
        assert_eq!(warnings(&node), Vec::<String>::new(), "{args:?}");
        node.kill();
    }
}

fn warnings(node: &Node) -> Vec<String> {
    let is_warning = |line: &&str| line.starts_with("WARN") && line.contains("data directory");
    node.log().lines().filter(is_warning).map(str::to_owned).collect()
}

#[test]
fn a_majority_founds_nothing_and_everybody_says_for_whom_it_waits() {
    let dir = tempfile::tempdir().unwrap();
    let host = own_host();
    let cluster = [8080, 8081, 8082].map(|port| format!("{host}:{port}")).join(",");
    let launch = |id: u64| {
        Launch::new(&["--node-id", &id.to_string(), "--cluster", &cluster])
            .args(&QUICK)
            .data(&dir.path().join(id.to_string()))
    };
    let nodes = [launch(1).ready(), launch(2).ready()];
    for node in &nodes {
        eventually("it waits for n3", || {
            let health = node.health()?;
            let expected = format!("founding: waiting for n3 at {host}:8082");
            (health["notices"][0]["message"] == expected.as_str()).then_some(())
        });
        for (method, path, body) in [("PUT", "/set", r#"{"key":"a","value":"b"}"#), ("GET", "/get?key=a", "")]
        {
            let answered = node.http(method, path, body);
            assert_eq!(answered.status, 503, "{answered:?}");
            assert!(answered.body.contains("founding: waiting for n3 at"), "{answered:?}");
        }
    }
    let third = launch(3).ready();
    for node in nodes.iter().chain([&third]) {
        eventually("it takes writes", || {
            (node.http("PUT", "/set", r#"{"key":"a","value":"b"}"#).status == 200).then_some(())
        });
        assert_eq!(node.health().unwrap()["notices"], serde_json::json!([]));
    }
    let clusters: Vec<_> = nodes.iter().chain([&third]).map(|node| status(node).unwrap().cluster).collect();
    assert!(clusters[0].is_some() && clusters.iter().all(|cluster| *cluster == clusters[0]));
}

#[test]
fn the_members_of_a_cluster_without_a_token_get_one_secret_of_their_own() {
    let cluster = Cluster::start(3, &QUICK);
    cluster.leader();
    let secret = |id: u64| fs::read(cluster.data_dir(id).join("secret")).ok();
    for id in 1..=3 {
        eventually("it has the secret", || secret(id));
    }
    cluster.assert_serves("secret");
    let peers = |id: u64| of(&cluster, id).raft.peers.len();
    let (leader, _) = cluster.leader();
    assert_eq!(peers(leader), 2);
}
