//! Logs of real members, captured: of one that is elected, hands over, and campaigns in vain when the others are gone.

use raftdeck_etcd::{LogReader, MemberId, MemberIds, StartStage};
use raftdeck_model::LogLevel;
use raftdeck_raft::{LogId, LogIndex, NodeId, StepDownReason, Term, TraceEvent};

/// What a captured log says: its stages, and its events in short.
fn read(log: &str, ids: &MemberIds) -> (Vec<StartStage>, Vec<String>) {
    let mut reader = LogReader::default();
    let lines: Vec<_> = log.lines().map(|line| reader.read(line, ids)).collect();
    let stages = lines.iter().filter_map(|line| line.stage.clone()).collect();
    (stages, lines.iter().flat_map(|line| &line.events).map(short).collect())
}

fn short(event: &TraceEvent) -> String {
    match event {
        TraceEvent::Started { term, last, .. } => format!("starts {term} {last}"),
        TraceEvent::RoleChanged { to, term, .. } => format!("{to} {term}"),
        TraceEvent::ElectionStarted { term, pre_vote } => {
            format!("asks {}{term}", if *pre_vote { "pre " } else { "" })
        }
        TraceEvent::VoteReceived { from, granted: true, votes, needed, .. } => {
            format!("{votes}/{needed} {from}")
        }
        TraceEvent::VoteGranted { candidate, term, .. } => format!("votes {candidate} {term}"),
        TraceEvent::SteppedDown { reason: StepDownReason::HigherTerm, term } => format!("higher {term}"),
        TraceEvent::LeaderChanged { leader: Some(leader), term } => format!("follows {leader} {term}"),
        TraceEvent::LeaderChanged { leader: None, term } => format!("nobody {term}"),
        TraceEvent::TransferStarted { to } => format!("to {to}"),
        other => panic!("{other:?}"),
    }
}

fn ids(members: [&str; 3]) -> MemberIds {
    let mut ids = MemberIds::default();
    for (node, member) in (1..).zip(members) {
        ids.learn(NodeId(node), MemberId::parse(member).expect("an id"));
    }
    ids
}

fn stages(member: &str, cluster: u64, ports: [u16; 2]) -> Vec<StartStage> {
    let address = |port| format!("127.0.0.1:{port}");
    vec![
        StartStage::Identified { member: MemberId::parse(member).expect("an id"), cluster: Some(cluster) },
        StartStage::ServesPeers { address: address(ports[0]) },
        StartStage::ServesClients { address: address(ports[1]) },
    ]
}

#[test]
fn etcd_3_4_tells_an_election_without_pre_votes() {
    let ids = ids(["21227de82b9cbbee", "a028de8f2d81c3bc", "864ea93f7ba6c45b"]);
    let (found, events) = read(include_str!("logs/3.4.23.jsonl"), &ids);
    assert_eq!(found, stages("864ea93f7ba6c45b", 0xc4f5_1b93_438a_7327, [23431, 23430]));
    let told = "starts 0 0|candidate 2|asks 2|1/2 n3|2/2 n1|leader 2|follows n3 2|to n1|follower 3|higher 3|votes n1 3\
        |nobody 3|follows n1 3|candidate 4|asks 4|1/2 n3|nobody 4|asks 5|1/2 n3";
    assert_eq!(events, told.split('|').collect::<Vec<_>>());
}

#[test]
fn etcd_3_5_tells_an_election_with_pre_votes() {
    let told = |first: &str, second: &str| {
        format!(
            "starts 0 0|pre-candidate 1|asks pre 2|1/2 n1|2/2 {first}|candidate 2|asks 2|1/2 n1|2/2 {second}|leader 2\
            |follows n1 2|to n2|follower 3|higher 3|votes n2 3|nobody 3|follows n2 3|pre-candidate 3|asks pre 4|1/2 n1\
            |nobody 3|asks pre 4|1/2 n1"
        )
    };
    let members = ["e33f55e7b4d4d33c", "91b8a393217f0624", "7a4fe60375b2c99f"];
    let (found, events) = read(include_str!("logs/3.5.1.jsonl"), &ids(members));
    assert_eq!(found, stages(members[0], 0x4a0e_96fc_94d0_5496, [23511, 23510]));
    assert_eq!(events, told("n3", "n3").split('|').collect::<Vec<_>>());

    let members = ["7d343348ac494a51", "4e532173b9aefd17", "55c919576758f4ae"];
    let (found, events) = read(include_str!("logs/3.5.30.jsonl"), &ids(members));
    assert_eq!(found, stages(members[0], 0x49fb_0441_cfce_daa4, [23611, 23610]));
    assert_eq!(events, told("n2", "n3").split('|').collect::<Vec<_>>());
}

#[test]
fn an_installed_snapshot_is_told_once() {
    let lines = [
        r#"{"level":"info","logger":"raft","msg":"log [committed=0, applied=0, unstable.offset=1, len(unstable.Entries)=0] starts to restore snapshot [index: 133, term: 4]"}"#,
        r#"{"level":"info","logger":"raft","msg":"a7eb1d9bcba07e28 [commit: 133, lastindex: 133, lastterm: 4] restored snapshot [index: 133, term: 4]"}"#,
        r#"{"level":"info","logger":"raft","msg":"a7eb1d9bcba07e28 [commit: 133] restored snapshot [index: 133, term: 4]"}"#,
    ];
    let mut reader = LogReader::default();
    let events = lines.iter().flat_map(|line| reader.read(line, &MemberIds::default()).events);
    let last = LogId { term: Term(4), index: LogIndex(133) };
    assert_eq!(events.collect::<Vec<_>>(), [TraceEvent::SnapshotInstalled { last, kept_log: false }]);
}

#[test]
fn a_line_reads_as_a_sentence_with_nodes_in_it() {
    let ids = ids(["21227de82b9cbbee", "a028de8f2d81c3bc", "864ea93f7ba6c45b"]);
    let read = |line: &str| {
        let line = LogReader::default().read(line, &ids);
        (line.level, line.text)
    };
    let raft = r#"{"level":"info","ts":"2026-12-01T00:08:23.569Z","caller":"raft/raft.go:1523","logger":"raft","msg":"raft.node: a028de8f2d81c3bc elected leader 864ea93f7ba6c45b at term 2"}"#;
    assert_eq!(read(raft), (LogLevel::Info, "raft.node: n2 elected leader n3 at term 2".to_owned()));
    let voters = r#"{"level":"info","msg":"a028de8f2d81c3bc switched to configuration voters=(2387609188577360878 5)"}"#;
    assert_eq!(read(voters).1, "n2 switched to configuration voters=(n1 5)");
    let fields = r#"{"level":"fatal","msg":"discovery failed","error":"bad\nthing","list":[],"count":3,"stacktrace":"main"}"#;
    assert_eq!(read(fields), (LogLevel::Error, "discovery failed count=3 error=bad\\nthing".to_owned()));
    let panic = "panic: tocommit(12) is out of range [lastIndex(11)]";
    assert_eq!(read(panic), (LogLevel::Warn, panic.to_owned()));
}
