//! Each way to say who a node is, and each way to get it wrong.

use super::*;

fn nothing(_: &str) -> Option<String> {
    None
}

fn args(id: Option<u64>, bind: Option<&str>, cluster: Option<&str>) -> NodeArgs {
    NodeArgs {
        node_id: id.map(NodeId),
        bind: bind.map(str::to_owned),
        cluster: cluster.map(|list| list.split(',').map(str::to_owned).collect()),
        cluster_name: "raftdeck".to_owned(),
        ..NodeArgs::default()
    }
}

fn from_environment(pairs: &[(&str, &str)]) -> Result<Settings, UsageError> {
    let look_up =
        |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Settings::resolve(&args(None, None, None), &look_up)
}

fn refusal(result: Result<Settings, UsageError>) -> String {
    result.expect_err("is refused").to_string()
}

const THREE: &str = "127.0.0.1:8080,127.0.0.1:8081,127.0.0.1:8082";

#[test]
fn the_rank_in_the_cluster_is_the_id() {
    let by_id = Settings::resolve(&args(Some(2), None, Some(THREE)), &nothing).unwrap();
    let by_bind = Settings::resolve(&args(None, Some("localhost:8081"), Some(THREE)), &nothing).unwrap();
    for settings in [by_id, by_bind] {
        assert_eq!(settings.id, NodeId(2));
        assert_eq!(settings.raft.to_string(), "127.0.0.1:8081");
        assert_eq!(settings.client.to_string(), "127.0.0.1:9081");
        assert_eq!(settings.http.to_string(), "127.0.0.1:11081");
        assert_eq!(settings.members[&NodeId(3)], "127.0.0.1:8082");
        assert_eq!(settings.data_dir, PathBuf::from("./raftdeck-data/n2"));
    }
}

#[test]
fn a_node_without_a_cluster_is_a_cluster_of_one() {
    let settings = Settings::resolve(&args(None, Some("127.0.0.1:0"), None), &nothing).unwrap();
    assert_eq!((settings.id, settings.members.len()), (NodeId(1), 1));
    assert_eq!((settings.client.port(), settings.http.port()), (0, 0));
}

#[test]
fn free_ports_need_only_the_others_addresses() {
    let cluster = "127.0.0.1:0,127.0.0.1:7002,127.0.0.1:7003";
    let settings = Settings::resolve(&args(Some(1), Some("127.0.0.1:0"), Some(cluster)), &nothing).unwrap();
    assert_eq!(settings.raft.port(), 0);
    let error = refusal(Settings::resolve(&args(Some(2), Some("127.0.0.1:0"), Some(cluster)), &nothing));
    assert!(error.contains("n1 port 0"), "{error}");
}

#[test]
fn contradictions_are_refused_with_a_sentence() {
    let cases = [
        (
            args(Some(1), Some("127.0.0.1:8081"), Some(THREE)),
            "is n2's address in --cluster, but --node-id is n1",
        ),
        (args(Some(4), None, Some(THREE)), "ids go from 1 to 3"),
        (args(Some(2), None, None), "starts without others is n1, but --node-id is n2"),
        (args(None, None, Some(THREE)), "which of the 3 nodes"),
        (args(Some(1), None, Some("127.0.0.1:8080,localhost:8080")), "twice"),
        (args(Some(1), None, Some("127.0.0.1")), "write HOST:PORT"),
        (args(None, Some("127.0.0.1:64000"), None), "leaves no room"),
        (args(None, Some("0.0.0.0:8080"), None), "--insecure"),
        (
            NodeArgs { cluster_name: "x".repeat(257), ..args(None, None, None) },
            "--cluster-name has 257 bytes: shorten it to at most 256",
        ),
    ];
    for (args, part) in cases {
        let error = refusal(Settings::resolve(&args, &nothing));
        assert!(error.contains(part), "{error:?} does not say {part:?}");
    }
}

#[test]
fn a_timing_that_cannot_work_is_refused() {
    let mut slow = args(None, None, None);
    slow.heartbeat = Some(std::time::Duration::from_secs(1));
    assert!(refusal(Settings::resolve(&slow, &nothing)).contains("heartbeat"));
}

#[test]
fn an_open_address_is_advertised_by_the_name_that_the_others_use() {
    let mut open = args(Some(1), Some("0.0.0.0:8080"), Some("node-a:8080,node-b:8080"));
    open.insecure = true;
    let settings = Settings::resolve(&open, &nothing).unwrap();
    assert_eq!(settings.advertised("0.0.0.0:9080".parse().unwrap()), "node-a:9080");
    assert_eq!(settings.advertised("127.0.0.1:9080".parse().unwrap()), "127.0.0.1:9080");
}

#[test]
fn three_variables_are_enough() {
    let peers = "http://localhost:8082,http://localhost:8083/";
    let settings = from_environment(&[("NODE_ID", "n1"), ("PORT", "8081"), ("PEERS", peers)]).unwrap();
    assert_eq!(settings.id, NodeId(1));
    assert_eq!(settings.http.port(), 8081);
    assert_eq!(settings.raft.port(), 18081);
    assert_eq!(settings.client.port(), 19081);
    assert_eq!(settings.members[&NodeId(3)], "localhost:18083");
    let first = from_environment(&[("KVSTORE_PORT", "8081"), ("PORT", "1"), ("PEERS", peers)]).unwrap();
    assert_eq!(first.http.port(), 8081);
}

#[test]
fn with_nothing_or_a_port_alone_the_port_is_https_and_the_others_lie_above_it() {
    let ports = |settings: Settings| (settings.http.port(), settings.raft.port(), settings.client.port());
    for (variables, http) in [
        (&[][..], 8080),
        (&[("PORT", "8090")], 8090),
        (&[("KVSTORE_PORT", "8091"), ("PORT", "1"), ("NODE_ID", "n1")], 8091),
        (&[("PORT", "54535")], 54_535),
    ] {
        let settings = from_environment(variables).unwrap();
        assert_eq!((settings.id, settings.members.len()), (NodeId(1), 1));
        assert!(settings.http.ip().is_loopback() && settings.raft.ip().is_loopback());
        assert_eq!(ports(settings), (http, http + 10_000, http + 11_000));
    }
    let free = from_environment(&[("PORT", "0")]).unwrap();
    assert_eq!((ports(free.clone()), free.data_dir), ((0, 0, 0), PathBuf::from("./raftdeck-data/n1")));
    for (http, port) in [("9000", 9000), (":9000", 9000), ("localhost:9000", 9000)] {
        let given = NodeArgs { http: Some(http.to_owned()), ..args(None, None, None) };
        let settings = Settings::resolve(&given, &|name| (name == "PORT").then(|| "1".to_owned())).unwrap();
        assert_eq!(ports(settings), (port, port + 10_000, port + 11_000));
    }
}

#[test]
fn with_a_bind_or_a_cluster_the_port_is_rafts_and_a_variable_moves_http_alone() {
    for args in [args(None, Some("127.0.0.1:8080"), None), args(Some(1), None, Some(THREE))] {
        let settings = Settings::resolve(&args, &|name| (name == "PORT").then(|| "8090".to_owned())).unwrap();
        assert_eq!((settings.raft.port(), settings.client.port(), settings.http.port()), (8080, 9080, 8090));
        assert_eq!(settings.data_dir, PathBuf::from("./raftdeck-data/n1"));
    }
}

#[test]
fn variables_that_contradict_are_refused_with_the_way_out() {
    let cases: [(&[(&str, &str)], &str); 9] = [
        (&[("NODE_ID", "n3"), ("PORT", "8081"), ("PEERS", "http://localhost:8082")], "--cluster"),
        (&[("PEERS", "http://localhost:8082")], "PORT is not"),
        (&[("PORT", "8081"), ("PEERS", "http://a:8081,http://b:8081")], "--cluster"),
        (&[("PORT", "60000"), ("PEERS", "http://localhost:8082")], "54535"),
        (&[("PORT", "60000")], "at most 54535, or name the Raft ports with --bind"),
        (&[("PORT", "54536")], "at most 54535"),
        (&[("NODE_ID", "n2"), ("PORT", "8082")], "--cluster or PEERS"),
        (&[("PORT", "high")], "PORT=high"),
        (&[("NODE_ID", "first")], "NODE_ID=first"),
    ];
    for (pairs, part) in cases {
        let error = refusal(from_environment(pairs));
        assert!(error.contains(part), "{error:?} does not say {part:?}");
    }
}

#[test]
fn a_managed_node_ignores_variables_meant_for_others() {
    let mut managed = args(None, Some("127.0.0.1:0"), None);
    managed.managed = true;
    // But for tokens, which its manager hands it in no other way.
    let look_up = |name: &str| (!name.ends_with("_TOKEN")).then(|| format!("nonsense for {name}"));
    assert_eq!(Settings::resolve(&managed, &look_up).unwrap().http.port(), 0);
}

fn joining(id: Option<u64>, bind: Option<&str>, cluster: Option<&str>) -> NodeArgs {
    NodeArgs { join: true, ..args(id, bind, cluster) }
}

#[test]
fn a_node_that_joins_starts_without_a_cluster_whatever_addresses_it_knows() {
    let bare = joining(Some(4), Some("127.0.0.1:8083"), None);
    let informed = joining(Some(4), Some("127.0.0.1:8083"), Some(THREE));
    let listed = joining(Some(3), None, Some(THREE));
    for (args, id, port) in [(bare, 4, 8083), (informed, 4, 8083), (listed, 3, 8082)] {
        let settings = Settings::resolve(&args, &nothing).unwrap();
        assert_eq!((settings.id, settings.raft.port()), (NodeId(id), port));
        assert!(settings.founders().is_empty());
    }
}

#[test]
fn joining_needs_an_id_and_an_address() {
    let cases = [
        (joining(None, Some("127.0.0.1:8083"), None), "--node-id"),
        (joining(Some(4), None, None), "--bind"),
        (joining(Some(4), None, Some(THREE)), "--bind"),
        (joining(Some(4), Some("127.0.0.1:8081"), Some(THREE)), "is n2's address in --cluster"),
    ];
    for (args, part) in cases {
        let error = refusal(Settings::resolve(&args, &nothing));
        assert!(error.contains(part), "{error:?} does not say {part:?}");
    }
    let peers = |name: &str| (name == "PEERS").then(|| "http://localhost:8082".to_owned());
    let error = refusal(Settings::resolve(&joining(Some(4), Some("127.0.0.1:8083"), None), &peers));
    assert!(error.contains("unset PEERS"), "{error}");
}

#[test]
fn addresses_of_peers_are_taken_but_not_ones_own() {
    let mut given = args(Some(1), None, Some(THREE));
    given.peer_address = vec![(NodeId(2), "10.0.0.2:1".to_owned()), (NodeId(9), "10.0.0.9:1".to_owned())];
    let settings = Settings::resolve(&given, &nothing).unwrap();
    assert_eq!(settings.peer_addresses[&NodeId(9)], "10.0.0.9:1");
    given.peer_address = vec![(NodeId(1), "10.0.0.1:1".to_owned())];
    assert!(refusal(Settings::resolve(&given, &nothing)).contains("this node itself"));
    given.peer_address = vec![(NodeId(2), "nowhere".to_owned())];
    assert!(refusal(Settings::resolve(&given, &nothing)).contains("HOST:PORT"));
}

#[test]
fn tuning_and_snapshots_reach_the_core() {
    let mut given = args(None, None, None);
    let settings = Settings::resolve(&given, &nothing).unwrap();
    let config = settings.config(&settings.founders());
    assert!(config.tuning.pre_vote && config.tuning.check_quorum);
    given.pre_vote = Some(false);
    given.check_quorum = Some(false);
    given.snapshot_entries = Some(50);
    given.snapshot_bytes = Some(900);
    given.append_bytes = Some(7);
    let settings = Settings::resolve(&given, &nothing).unwrap();
    let config = settings.config(&settings.founders());
    assert!(!config.tuning.pre_vote && !config.tuning.check_quorum);
    assert_eq!((config.snapshot_entries, config.retained_entries), (Some(50), 5));
    assert_eq!((config.snapshot_bytes, config.max_append_bytes), (900, 7));
}
