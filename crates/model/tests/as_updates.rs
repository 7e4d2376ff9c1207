//! A world that is told anew is the same world, whatever has become of its nodes.

use proptest::collection::vec;
use proptest::prelude::*;
use raftdeck_model::{
    ChangeStep, ClusterTime, Disturbance, Fault, FaultId, FrameKind, LinkState, MessageId, MessageReport,
    MessageState, News, NodeAddresses, NodeView, ProcessState, RaftView, Update, WorkloadFigures, World,
};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{Config, NodeId, Raft, Restored, Role, Status, Term, Timestamp, Timing};
use std::time::Duration;

fn node() -> impl Strategy<Value = NodeId> {
    (1..5u64).prop_map(NodeId)
}

fn process() -> impl Strategy<Value = ProcessState> {
    prop_oneof![
        1 => any::<Option<u32>>().prop_map(|pid| ProcessState::Starting { pid }),
        4 => any::<Option<u32>>().prop_map(|pid| ProcessState::Running { pid }),
        3 => any::<Option<u32>>().prop_map(|pid| ProcessState::Paused { pid }),
        1 => Just(ProcessState::Killed),
        1 => Just(ProcessState::Stopped),
        1 => ".{0,9}".prop_map(|how| ProcessState::Failed { last_words: vec![how.clone()], how }),
    ]
}

fn status(id: NodeId, role: Role, term: u64) -> Box<NodeView> {
    let config = Config::new(id, (1..=4).map(NodeId).collect(), Timing::FAST);
    let raft = Raft::new(config, 1, Restored::default(), Timestamp::default()).expect("an empty disk");
    Box::new(Status { role, term: Term(term), ..raft.status(Timestamp::default()) }.into())
}

/// A leader of which nothing else is known.
fn little(id: NodeId, term: u64) -> Box<NodeView> {
    Box::new(NodeView::new(RaftView::new(id, Term(term), Role::Leader)))
}

fn message() -> impl Strategy<Value = MessageReport> {
    let state = prop_oneof![
        Just(MessageState::Held),
        (0..9u64).prop_map(|due| MessageState::UnderWay { due: Duration::from_micros(due) }),
        Just(MessageState::Delivered { at: Duration::ZERO }),
    ];
    (0..9u64, node(), node(), state).prop_map(|(id, from, to, state)| MessageReport {
        id: MessageId(id),
        from,
        to,
        kind: FrameKind::VoteReply,
        term: Term(id),
        index: None,
        granted: Some(true),
        entries: 0,
        fields: "yes".to_owned(),
        sent: Duration::from_micros(id),
        state,
    })
}

fn addresses() -> NodeAddresses {
    let at = |port: &str| format!("127.0.0.1:{port}");
    NodeAddresses { raft: at("1"), client: at("2"), http: at("3") }
}

fn told() -> impl Strategy<Value = News> {
    let steps = [ChangeStep::Starting, ChangeStep::Joining, ChangeStep::Joined, ChangeStep::GivenUp];
    prop_oneof![
        1 => (vec(node(), 0..5), any::<u64>(), any::<bool>()).prop_map(|(nodes, ms, kept)| News::Cluster {
            nodes,
            heartbeat_ms: ms,
            election_ms: (ms / 2, ms),
            data_dir: kept.then(|| "data".to_owned()).into(),
        }),
        10 => (node(), process()).prop_map(|(node, state)| News::Process { node, state }),
        1 => node().prop_map(|node| News::Ready { node, addresses: addresses() }),
        10 => (node(), prop::sample::select(vec![Role::Leader, Role::Follower]), 0..3u64)
            .prop_map(|(node, role, term)| News::Status { node, status: status(node, role, term) }),
        3 => (node(), node(), prop::sample::select(vec![LinkState::Open, LinkState::Cut, LinkState::Refused]))
            .prop_map(|(from, to, state)| News::Link { from, to, state }),
        2 => (node(), prop::sample::select(steps.to_vec()))
            .prop_map(|(node, step)| News::Change { node, step }),
        3 => (node(), 0..3u64).prop_map(|(node, term)| News::Status { node, status: little(node, term) }),
        2 => vec(message(), 0..4).prop_map(|messages| News::Messages { messages, skipped: 1 }),
        1 => vec(node(), 0..3).prop_map(|nodes| News::InForce {
            faults: nodes.into_iter().map(|n| Fault { id: FaultId(n.0), what: Disturbance::Paused(n) }).collect()
        }),
        1 => (any::<bool>(), 0..9u64)
            .prop_map(|(running, gap_ms)| News::Workload(WorkloadFigures { running, gap_ms, ..WorkloadFigures::default() })),
        2 => (0..3u32, 0..9u64).prop_map(|(rate, now)| News::Time(ClusterTime {
            rate: ClockRate::from_millionths(rate * 1000).expect("it is slow"),
            now: Duration::from_millis(now),
        })),
    ]
}

fn folded(updates: &[Update]) -> World {
    let mut world = World::default();
    for update in updates {
        world.fold(update);
    }
    world
}

fn of_three(news: Vec<News>) -> World {
    let nodes = vec![NodeId(1), NodeId(2), NodeId(3)];
    let first = News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() };
    let numbered = std::iter::once(first).chain(news).zip(1..);
    let updates: Vec<Update> =
        numbered.map(|(what, seq)| Update { at: Duration::from_millis(seq), seq, what }).collect();
    folded(&updates)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_world_told_anew_is_the_same_world(news in vec(told(), 0..60)) {
        let world = of_three(news);
        let updates = world.as_updates();
        prop_assert_eq!(folded(&updates), world);
        let numbers: Vec<u64> = updates.iter().map(|update| update.seq).collect();
        prop_assert_eq!(numbers, (1..=updates.len() as u64).collect::<Vec<_>>());
    }
}

#[test]
fn an_empty_world_told_anew_is_empty() {
    assert_eq!(folded(&World::default().as_updates()), World::default());
}

/// What a node said before it was stopped and went on is known, and does not make it the leader.
#[test]
fn a_leader_that_has_told_nothing_since_it_went_on_is_told_as_one() {
    let n1 = NodeId(1);
    let process = |state| News::Process { node: n1, state };
    let world = of_three(vec![
        process(ProcessState::Running { pid: Some(7) }),
        News::Status { node: n1, status: status(n1, Role::Leader, 4) },
        process(ProcessState::Paused { pid: Some(7) }),
        process(ProcessState::Running { pid: Some(7) }),
    ]);
    let again = folded(&world.as_updates());
    assert_eq!(again, world);
    assert!(again.leader().is_none(), "it has not said so since");
    assert_eq!(again.node(n1).and_then(|node| node.current()).map(|status| status.term), Some(Term(4)));
}
