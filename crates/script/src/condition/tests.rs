//! Conditions: how they are written, and when they hold.

use super::*;
use crate::{ScriptLine, parse};
use raftdeck_model::{
    Disturbance, Fault, FaultId, FrameKind, MessageId, MessageReport, MessageState, News, NodeView,
    ProcessState, RaftView, Update, WorkloadFigures, World,
};
use raftdeck_raft::{
    Config, LogId, LogIndex, Membership as Configuration, Raft, Restored, Status, Term, Timestamp, Timing,
};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

fn tell(world: &mut World, what: News) {
    world.fold(&Update { at: Duration::ZERO, seq: 0, what });
}

fn of_new(node: NodeId) -> Status {
    let config = Config::new(node, [N1, N2, N3].into(), Timing::FAST);
    let raft = Raft::new(config, 1, Restored::default(), Timestamp::default()).unwrap();
    raft.status(Timestamp::default())
}

fn tell_status(world: &mut World, status: Status) {
    tell(world, News::Status { node: status.id, status: Box::new(status.into()) });
}

/// Three nodes: n1 leads term 4 and voted for itself, n2 follows, n3 is a candidate in term 5 with one vote. One message is held,
/// two are under way.
fn world() -> World {
    let mut world = World::default();
    let nodes = vec![N1, N2, N3];
    let cluster = News::Cluster {
        nodes: nodes.clone(),
        heartbeat_ms: 50,
        election_ms: (150, 300),
        data_dir: None.into(),
    };
    tell(&mut world, cluster);
    for node in nodes {
        tell(&mut world, News::Process { node, state: ProcessState::Running { pid: Some(1) } });
    }
    let membership = Configuration { learners: [NodeId(4)].into(), ..of_new(N1).membership };
    let committed = LogIndex(9);
    let leader =
        Status { role: Role::Leader, term: Term(4), vote: Some(N1), membership, committed, ..of_new(N1) };
    let snapshot = LogId { term: Term(3), index: LogIndex(7) };
    tell_status(&mut world, Status { snapshot, ..leader });
    tell_status(&mut world, Status { term: Term(4), ..of_new(N2) });
    let votes = vec![(N1, false), (N3, true)];
    tell_status(
        &mut world,
        Status { role: Role::Candidate, term: Term(5), vote: Some(N3), votes, ..of_new(N3) },
    );
    let message = |id, to, state| MessageReport {
        id: MessageId(id),
        from: N1,
        to,
        kind: FrameKind::Heartbeat,
        term: Term(4),
        index: None,
        granted: None,
        entries: 0,
        fields: String::new(),
        sent: Duration::ZERO,
        state,
    };
    let under_way = MessageState::UnderWay { due: Duration::from_millis(1) };
    let messages =
        vec![message(1, N2, MessageState::Held), message(2, N2, under_way), message(3, N3, under_way)];
    tell(&mut world, News::Messages { messages, skipped: 0 });
    tell(&mut world, News::InForce { faults: vec![Fault { id: FaultId(7), what: Disturbance::Paused(N1) }] });
    world
}

fn understood(condition: &str) -> Result<Condition, String> {
    match parse(&format!("expect {condition}"), &world()) {
        Ok(ScriptLine::Expect(condition)) => Ok(condition),
        Ok(other) => panic!("{other:?}"),
        Err(mistake) => Err(mistake.to_string()),
    }
}

fn judged(condition: &str, world: &World) -> Result<(), String> {
    let condition = understood(condition).unwrap_or_else(|mistake| panic!("{condition}: {mistake}"));
    condition.holds(world, 0).map_err(|unmet| unmet.to_string())
}

#[test]
fn each_holds_or_says_how_it_is() {
    for (condition, unmet) in [
        ("vote 1 1", None),
        ("vote 2 none", None),
        ("vote 1 none", Some("n1 voted for n1 in term 4")),
        ("vote 2 1", Some("n2 has not voted in term 4")),
        ("votes 3 1", None),
        ("votes 3 2..", Some("n3 has 1 votes in term 5")),
        ("votes 2 1", Some("n2 is a follower in term 4 and gathers no votes")),
        ("voters 1..3", None),
        ("voters 1,2", Some("the voters are 1,2,3")),
        ("learners none", Some("the learners are 4")),
        ("members 1..3", Some("the members are 1,2,3,4")),
        ("snapshot 1 5..", None),
        ("snapshot 2 1", Some("n2 has no snapshot")),
        ("snapshot 1 9", Some("the newest snapshot of n1 is of 7")),
        ("held 1", None),
        ("held 2 1>2", Some("1 message is held on 1>2")),
        ("under-way 2", None),
        ("under-way 1 >3 only Heartbeat", None),
        ("under-way 0", Some("2 messages are under way")),
        ("idle", Some("2 messages are under way")),
        ("in-force 1", None),
        ("in-force 0", Some("1 thing is in force")),
        ("not leader 2", None),
        ("not leader 1", Some("leader 1 holds")),
        ("not not leader 1", None),
        ("any of leader 2 or leader 1", None),
        ("any leader 2 or vote 2 1", Some("n1 leads, and n2 has not voted in term 4")),
        ("all of leader and idle", Some("2 messages are under way")),
        ("all leader and term 1 4 and not idle", None),
        ("any of all of leader 1 and idle or held 1..", None),
        ("any of held 5 or under-way 2", None),
    ] {
        assert_eq!(judged(condition, &world()).err().as_deref(), unmet, "{condition}");
    }
}

#[test]
fn the_gap_is_that_of_the_workload() {
    let mut world = world();
    let off = "the steady workload has not been on: workload on";
    assert_eq!(judged("gap ..1s", &world), Err(off.to_owned()));
    let figures = WorkloadFigures { running: true, gap_ms: 40, longest_gap_ms: 700, ..Default::default() };
    tell(&mut world, News::Workload(figures));
    assert_eq!(judged("gap ..40ms", &world), Ok(()));
    assert_eq!(judged("gap 1s..", &world), Err("the last acknowledged write was 40 ms ago".to_owned()));
    assert_eq!(judged("longest-gap 500ms..1s", &world), Ok(()));
    let mut off = world.clone();
    tell(&mut off, News::Workload(WorkloadFigures { running: false, ..figures }));
    for condition in ["gap ..1s", "not gap ..1s"] {
        assert_eq!(judged(condition, &off), Err("the steady workload is off: workload on".to_owned()));
    }
    let longest = "the longest time without an acknowledged write is 700 ms";
    assert_eq!(judged("longest-gap ..500ms", &world), Err(longest.to_owned()));
}

/// If it is unknown whether a condition holds, it is also unknown whether its negation holds.
#[test]
fn what_is_unknown_is_neither_so_nor_not_so() {
    let mut world = world();
    let unknown = NodeView::new(RaftView::new(N2, Term(4), Role::Follower));
    tell(&mut world, News::Status { node: N2, status: Box::new(unknown) });
    let vote = Err("the vote of n2 is unknown".to_owned());
    for condition in
        ["vote 2 1", "not vote 2 1", "not all of vote 2 1 and leader 1", "any of vote 2 1 or vote 2 none"]
    {
        assert!(
            judged(condition, &world).is_err_and(|why| why.starts_with("the vote of n2 is unknown")),
            "{condition}"
        );
    }
    assert_eq!(judged("vote 2 none", &world), vote);
    assert_eq!(judged("any of leader 1 or vote 2 1", &world), Ok(()));
    assert_eq!(judged("not all of vote 2 1 and leader 2", &world), Ok(()), "n1 leads, however n2 voted");
    tell(&mut world, News::Process { node: N3, state: ProcessState::Starting { pid: Some(2) } });
    assert!(judged("not role 3 leader", &world).is_err(), "it has not said yet what it is");
    tell(&mut world, News::Process { node: N3, state: ProcessState::Killed });
    assert_eq!(judged("not role 3 leader", &world), Ok(()));
}

/// A leader that was paused and resumes may still lead, and so may a node that is starting.
#[test]
fn who_does_not_lead_is_known_when_everybody_has_told() {
    let mut world = world();
    tell(&mut world, News::Process { node: N1, state: ProcessState::Paused { pid: Some(1) } });
    assert_eq!(judged("leader none", &world), Ok(()));
    assert_eq!(judged("not leader 1", &world), Ok(()));
    tell(&mut world, News::Process { node: N1, state: ProcessState::Running { pid: Some(1) } });
    assert!(judged("leader none", &world).is_err_and(|why| why.contains("n1 has not reported its state")));
    assert_eq!(judged("not leader 1", &world), Err("no node leads".to_owned()));
    let nobody_knows = Err("no node leads".to_owned());
    for condition in ["voter 2", "not voter 2", "not members 1..3", "not learner 3"] {
        assert_eq!(judged(condition, &world), nobody_knows, "{condition}");
    }
}

#[test]
fn what_is_no_condition_says_what_is() {
    for (condition, sentence) in [
        ("any of leader", "or and another condition here"),
        ("all leader or idle", "and and another condition here"),
        ("gap 5s", "is not a range of times: write ..500ms (at most)"),
        ("gap 2s..1s", "the shorter one first"),
        ("vote 1", "the one it voted for"),
        ("members", "nodes, such as members 1,2,3, or none"),
        ("held 2 * next 1", "next counts messages as they pass"),
        ("not", "a condition"),
        (&format!("{}leader", "not ".repeat(9)), "conditions can be nested at most 8 deep"),
    ] {
        let mistake = understood(condition).expect_err(condition);
        assert!(mistake.contains(sentence), "{condition}: {mistake}");
    }
}

/// A condition that does not hold is shown in the words in which it can be written.
#[test]
fn what_is_written_is_read_as_the_same() {
    let examples = crate::WORDS.iter().flat_map(|word| word.examples);
    let waits = examples.filter_map(|example| example.strip_prefix("wait "));
    let plain = waits.map(|wait| wait.split(" within").next().unwrap_or(wait));
    let mut count = 0;
    for condition in plain {
        let Ok(meant) = understood(condition) else { continue };
        assert_eq!(understood(&meant.to_string()).as_ref(), Ok(&meant), "{condition}: {meant}");
        count += 1;
    }
    assert!(count > 25, "{count}");
}
