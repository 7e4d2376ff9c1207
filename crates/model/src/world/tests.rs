//! The fold, above all its leader.

use super::*;
use crate::known::Known;
use crate::message::FrameKind;
use crate::message::MessageState;
use crate::update::ProcessState;
use crate::view::NodeView;
use raftdeck_raft::{
    Config, LogId, PeerStatus, Raft, ReplicationState, Restored, Role, Status, TermRun, Timestamp, Timing,
};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);
const RUNS: ProcessState = ProcessState::Running { pid: Some(1) };
const PAUSED: ProcessState = ProcessState::Paused { pid: Some(1) };

fn tell(world: &mut World, what: News) -> bool {
    world.fold(&Update { at: Duration::from_millis(5), seq: 1, what })
}

fn cluster(nodes: &[u64]) -> News {
    let nodes = nodes.iter().copied().map(NodeId).collect();
    News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() }
}

fn process(node: NodeId, state: ProcessState) -> News {
    News::Process { node, state }
}

fn status(node: NodeId, role: Role, term: u64, has_quorum: bool) -> News {
    let config = Config::new(node, [N1, N2, N3].into(), Timing::FAST);
    let raft =
        Raft::new(config, 1, Restored::default(), Timestamp::default()).unwrap().status(Timestamp::default());
    let raft = Status { role, term: Term(term), has_quorum, ..raft };
    News::Status { node, status: Box::new(raft.into()) }
}

fn leads(node: NodeId, term: u64) -> News {
    status(node, Role::Leader, term, true)
}

/// Three nodes that run.
fn world() -> World {
    let mut world = World::default();
    tell(&mut world, cluster(&[1, 2, 3]));
    for node in [N1, N2, N3] {
        tell(&mut world, process(node, RUNS));
    }
    world
}

fn leader(world: &World) -> Option<NodeId> {
    world.leader().map(|node| node.id)
}

#[test]
fn who_says_so_and_runs_leads() {
    let mut world = world();
    assert_eq!(leader(&world), None);
    assert!(tell(&mut world, leads(N1, 4)));
    assert_eq!(leader(&world), Some(N1));
    assert!(!tell(&mut world, leads(N1, 4)), "nothing new");
    assert!(tell(&mut world, status(N1, Role::Follower, 5, true)));
    assert_eq!(leader(&world), None);
}

#[test]
fn a_leader_that_is_paused_or_has_ended_does_not_lead() {
    for state in
        [PAUSED, ProcessState::Killed, ProcessState::Stopped, ProcessState::Starting { pid: Some(2) }]
    {
        let mut world = world();
        tell(&mut world, leads(N1, 4));
        tell(&mut world, process(N1, state.clone()));
        assert_eq!(leader(&world), None, "{state:?}");
        assert_eq!(world.node(N1).unwrap().raft().unwrap().term, Term(4), "its last account is kept");
    }
}

#[test]
fn a_leader_that_goes_on_leads_again_when_it_says_so() {
    let mut world = world();
    tell(&mut world, leads(N1, 4));
    tell(&mut world, process(N1, PAUSED));
    tell(&mut world, leads(N1, 4));
    tell(&mut world, process(N1, RUNS));
    assert_eq!(leader(&world), None, "what it said came before it went on");
    assert_eq!(world.node(N1).unwrap().phase(), Phase::Running(Role::Leader), "by its last account");
    assert!(tell(&mut world, leads(N1, 4)), "the same words mean something else now");
    assert_eq!(leader(&world), Some(N1));
}

#[test]
fn a_leader_that_tells_of_itself_before_its_process_is_ready_leads() {
    let mut world = world();
    tell(&mut world, process(N1, ProcessState::Starting { pid: Some(2) }));
    tell(&mut world, leads(N1, 4));
    assert_eq!(leader(&world), None);
    tell(&mut world, process(N1, RUNS));
    assert_eq!(leader(&world), Some(N1));
}

#[test]
fn of_several_leaders_the_one_with_the_highest_term_is_meant() {
    let mut world = world();
    tell(&mut world, leads(N3, 3));
    tell(&mut world, leads(N1, 4));
    assert_eq!(leader(&world), Some(N1));
    assert_eq!(world.leaders().count(), 2);
    // Two leaders in one term are impossible. If they are reported nevertheless, the one with a majority counts.
    tell(&mut world, status(N2, Role::Leader, 4, false));
    assert_eq!(leader(&world), Some(N1));
    tell(&mut world, status(N1, Role::Leader, 4, false));
    tell(&mut world, leads(N2, 4));
    assert_eq!(leader(&world), Some(N2));
}

#[test]
fn a_leader_that_was_just_elected_can_commit_before_the_others_report() {
    let mut world = world();
    for node in [N2, N3] {
        tell(&mut world, status(node, Role::Follower, 3, true));
    }
    tell(&mut world, with_log(N1, N1, (4, 1, 0), &[(2, 0), (3, 0)]));
    let Verdict::Leads { reach, .. } = world.verdict() else { panic!("{:?}", world.verdict()) };
    assert_eq!(reach.reached, 3);
}

#[test]
fn a_leader_that_is_cut_off_leads_until_another_does() {
    let mut world = world();
    tell(&mut world, leads(N1, 4));
    for other in [N2, N3] {
        tell(&mut world, status(other, Role::Follower, 4, true));
        tell(&mut world, News::Link { from: N1, to: other, state: LinkState::Cut });
        tell(&mut world, News::Link { from: other, to: N1, state: LinkState::Cut });
    }
    tell(&mut world, status(N1, Role::Leader, 4, false));
    assert_eq!(leader(&world), Some(N1));
    assert!(world.is_isolated(N1));
    let reach = Reach { reached: Known::Is(1), needed: 2, of: 3, is_enough: false };
    assert_eq!(world.verdict(), Verdict::NoQuorum { leader: N1, term: Term(4), reach });
    tell(&mut world, leads(N2, 5));
    assert_eq!(leader(&world), Some(N2));
}

fn message(id: u64, to: NodeId, state: MessageState) -> MessageReport {
    MessageReport {
        id: MessageId(id),
        from: N1,
        to,
        kind: FrameKind::Heartbeat,
        term: Term(1),
        index: None,
        granted: None,
        entries: 0,
        fields: String::new(),
        sent: Duration::ZERO,
        state,
    }
}

#[test]
fn messages_are_open_until_they_have_arrived_or_are_lost_or_their_node_is_gone() {
    let mut world = world();
    let due = MessageState::UnderWay { due: Duration::from_secs(1) };
    let open = [message(1, N2, due), message(2, N3, MessageState::Held), message(3, N2, MessageState::Held)];
    tell(&mut world, News::Messages { messages: open.to_vec(), skipped: 0 });
    let before = world.clone();
    let ids = |world: &World| world.open_messages().map(|message| message.id.0).collect::<Vec<_>>();
    let lost = message(3, N2, MessageState::Lost { at: Duration::ZERO });
    tell(&mut world, News::Messages { messages: vec![lost], skipped: 0 });
    assert_eq!(ids(&world), [1, 2]);
    tell(&mut world, cluster(&[1, 2]));
    assert_eq!(ids(&world), [1]);
    let strange = [message(4, NodeId(9), due), message(5, N1, due)];
    tell(&mut world, News::Messages { messages: strange.to_vec(), skipped: 0 });
    assert_eq!(ids(&world), [1]);
    assert_eq!(ids(&before), [1, 2, 3], "a clone is a moment that stays");
}

#[test]
fn a_change_is_under_way_until_its_last_step() {
    let mut world = world();
    for step in [ChangeStep::Starting, ChangeStep::Joining] {
        assert!(tell(&mut world, News::Change { node: N3, step }));
        assert_eq!(world.change(N3), Some(step));
    }
    tell(&mut world, News::Change { node: N3, step: ChangeStep::GivenUp });
    assert_eq!(world.changes().count(), 0);
}

#[test]
fn the_rate_before_a_freeze_is_remembered() {
    let mut world = world();
    let slow = ClockRate::from_millionths(10_000).unwrap();
    for rate in [slow, ClockRate::FROZEN] {
        tell(&mut world, News::Time(ClusterTime { rate, now: Duration::ZERO }));
    }
    assert_eq!((world.time().rate, world.last_rate()), (ClockRate::FROZEN, slow));
}

/// A status as another engine may report it: a node's role and its term, and nothing else.
fn little(node: NodeId, role: Role) -> News {
    News::Status { node, status: Box::new(NodeView::new(RaftView::new(node, Term(4), role))) }
}

#[test]
fn a_world_of_unknowns_knows_who_leads_and_presumes_nothing() {
    let mut world = world();
    tell(&mut world, little(N1, Role::Leader));
    for node in [N2, N3] {
        tell(&mut world, little(node, Role::Follower));
    }
    assert_eq!(leader(&world), Some(N1));
    let reach = Reach { reached: Known::Unknown, needed: 2, of: 3, is_enough: true };
    let leads = Verdict::Leads { leader: N1, term: Term(4), reach, stale: None, transfer: None };
    assert_eq!(world.verdict(), leads, "nobody says whom the others follow");
    assert_eq!((world.configuration(), world.standing(N2)), (None, MemberStanding::Voter));
    assert_eq!((world.extent(), world.committed()), (Extent::default(), LogIndex(0)));
    assert_eq!((world.transfer(), world.concern(N2)), (None, None));
    assert!(!tell(&mut world, little(N2, Role::Follower)), "nothing new");
}

#[test]
fn to_know_of_no_vote_is_more_than_to_know_nothing_of_it() {
    let mut world = world();
    let vote = |vote| {
        let mut view = NodeView::new(RaftView::new(N2, Term(4), Role::Follower));
        view.raft.vote = vote;
        News::Status { node: N2, status: Box::new(view) }
    };
    for known in [Known::Unknown, Known::Is(None), Known::Is(Some(N1)), Known::Unknown] {
        assert!(tell(&mut world, vote(known)), "{known:?} is news");
    }
}

/// A status with a log of one term, and as a leader these match indices.
fn with_log(
    node: NodeId,
    leader: NodeId,
    (term, last, committed): (u64, u64, u64),
    matched: &[(u64, u64)],
) -> News {
    let role = if node == leader { Role::Leader } else { Role::Follower };
    let mut raft = RaftView::new(node, Term(4), role);
    raft.leader = Known::Is(Some(leader));
    raft.has_quorum = Known::Is(true);
    raft.last = Known::Is(LogId { term: Term(term), index: LogIndex(last) });
    raft.committed = Known::Is(LogIndex(committed));
    raft.purged = Known::Is(LogIndex(0));
    raft.term_runs = Known::Is(vec![TermRun { term: Term(term), first: LogIndex(1), last: LogIndex(last) }]);
    let peer = |(id, matched): &(u64, u64)| {
        PeerView::from(PeerStatus {
            id: NodeId(*id),
            matched: LogIndex(*matched),
            next: LogIndex(matched + 1),
            state: ReplicationState::Replicate,
            last_heard: None,
            snapshot: None,
            disk_stalled: None,
            incarnation: None,
            owes: None,
            refused_snapshot: None,
        })
    };
    if node == leader {
        raft.peers = Known::Is(matched.iter().map(peer).collect());
    }
    News::Status { node, status: Box::new(NodeView::new(raft)) }
}

#[test]
fn the_rows_of_the_logs_end_together_however_old_the_reports_are() {
    let mut world = world();
    tell(&mut world, with_log(N1, N1, (4, 900, 890), &[(2, 895), (3, 400)]));
    // Its report is older than the leader's, the other one's is newer.
    tell(&mut world, with_log(N2, N1, (4, 600, 590), &[]));
    tell(&mut world, with_log(N3, N1, (4, 950, 940), &[]));
    let rows: Vec<(u64, u64)> =
        world.log_rows().map(|row| (row.last.0, row.committed.copied().unwrap().0)).collect();
    assert_eq!(world.log_end(), LogIndex(900));
    assert_eq!(rows, [(900, 890), (895, 890), (900, 940)]);
    let second = world.log_rows().nth(1).unwrap();
    assert_eq!((second.term_at(LogIndex(895)), second.term_at(LogIndex(896))), (Some(Term(4)), None));
    assert!(!second.is_last_known);
    tell(&mut world, process(N2, ProcessState::Killed));
    let second = world.log_rows().nth(1).unwrap();
    assert_eq!((second.last, second.is_last_known), (LogIndex(600), true), "by its own last report");
}

#[test]
fn entries_that_the_leader_does_not_have_stay_in_sight() {
    let mut world = world();
    tell(&mut world, with_log(N1, N1, (4, 10, 10), &[]));
    tell(&mut world, with_log(N3, N1, (3, 14, 10), &[]));
    assert_eq!(world.log_end(), LogIndex(14));
}
