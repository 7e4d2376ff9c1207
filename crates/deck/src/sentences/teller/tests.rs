use super::*;
use raftdeck_model::{ChangeStep, Disturbance, Fault, FaultId};
use raftdeck_protocol::{Notice, NoticeKind, RefusalReason};
use raftdeck_raft::{Incarnation, LogId};
use std::time::Duration;

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);

fn update(what: News) -> Update {
    Update { at: Duration::ZERO, seq: 0, what }
}

fn trace(trace: TraceEvent) -> Update {
    update(News::Trace { node: N1, trace })
}

fn voters(ids: &[u64]) -> Membership {
    Membership::of(ids.iter().copied().map(NodeId).collect())
}

/// The sentences about n1, one of three voters, from its start on.
fn told(traces: &[TraceEvent]) -> Vec<String> {
    let mut teller = teller_of_three();
    let told = traces.iter().flat_map(|event| teller.tell(&trace(event.clone())));
    told.filter(|sentence| sentence.weight > Weight::Detail).map(|sentence| sentence.text).collect()
}

fn teller_of_three() -> Teller {
    let mut teller = Teller::default();
    let nodes = (1..=3).map(NodeId).collect();
    teller.tell(&update(News::Cluster {
        nodes,
        heartbeat_ms: 50,
        election_ms: (150, 300),
        data_dir: None.into(),
    }));
    teller.tell(&trace(TraceEvent::MembershipChanged { index: LogIndex(0), membership: voters(&[1, 2, 3]) }));
    teller
}

#[test]
fn a_campaign_is_told_with_its_cause_and_its_votes() {
    let term = Term(7);
    let received =
        |pre_vote, votes| TraceEvent::VoteReceived { from: N2, granted: true, pre_vote, votes, needed: 2 };
    let traces = [
        TraceEvent::TimedOut { waited: Duration::from_millis(214) },
        TraceEvent::RoleChanged { from: Role::Follower, to: Role::PreCandidate, term: Term(6) },
        TraceEvent::ElectionStarted { term, pre_vote: true },
        received(true, 2),
        TraceEvent::RoleChanged { from: Role::PreCandidate, to: Role::Candidate, term },
        TraceEvent::ElectionStarted { term, pre_vote: false },
        received(false, 2),
        TraceEvent::RoleChanged { from: Role::Candidate, to: Role::Leader, term },
    ];
    assert_eq!(
        told(&traces),
        [
            "n1 heard no leader for 214 ms and asks for pre-votes in term 7",
            "n1 asks for votes in term 7",
            "n1 leads term 7 with 2 of 3 votes",
        ]
    );
}

#[test]
fn a_leader_is_not_said_to_have_fewer_votes_than_it_needed_nor_a_number_that_is_not_known() {
    let term = Term(7);
    let leads = TraceEvent::RoleChanged { from: Role::Candidate, to: Role::Leader, term };
    // The others' votes came before its own was on its disk.
    let received = TraceEvent::VoteReceived { from: N2, granted: true, pre_vote: false, votes: 1, needed: 2 };
    let begins = TraceEvent::ElectionStarted { term, pre_vote: false };
    let told = told(&[begins.clone(), received.clone(), leads.clone()]);
    assert_eq!(told.last().map(String::as_str), Some("n1 leads term 7 with 2 of 3 votes"));
    let mut teller = teller_of_three();
    teller.tell(&trace(begins));
    teller.tell(&update(News::Missed { node: N1, count: 3 }));
    teller.tell(&trace(received));
    let last = teller.tell(&trace(leads));
    assert_eq!(last.iter().map(|told| told.text.as_str()).collect::<Vec<_>>(), ["n1 leads term 7"]);
}

#[test]
fn votes_are_counted_without_a_configuration_if_the_node_says_how_many_it_needs() {
    let term = Term(7);
    let mut teller = Teller::default();
    let mut tell = |event| teller.tell(&trace(event)).pop().map(|told| told.text).unwrap_or_default();
    tell(TraceEvent::ElectionStarted { term, pre_vote: false });
    tell(TraceEvent::VoteReceived { from: N2, granted: true, pre_vote: false, votes: 2, needed: 2 });
    assert_eq!(
        tell(TraceEvent::RoleChanged { from: Role::Candidate, to: Role::Leader, term }),
        "n1 leads term 7 with 2 votes, 2 needed"
    );
}

#[test]
fn lost_updates_are_counted_and_nothing_is_claimed_that_rested_on_them() {
    let term = Term(7);
    let events = [
        TraceEvent::TimedOut { waited: Duration::from_millis(214) },
        TraceEvent::RoleChanged { from: Role::Follower, to: Role::Candidate, term },
        TraceEvent::ElectionStarted { term, pre_vote: false },
        TraceEvent::VoteReceived { from: N2, granted: true, pre_vote: false, votes: 2, needed: 2 },
        TraceEvent::RoleChanged { from: Role::Candidate, to: Role::Leader, term },
        TraceEvent::MembershipCommitted { index: LogIndex(1) },
    ];
    let numbered = |seq: u64| {
        let what = News::Trace { node: N1, trace: events[usize::try_from(seq).unwrap() - 1].clone() };
        Update { at: Duration::ZERO, seq, what }
    };
    let told = |numbers: &[u64]| {
        let mut teller = Teller::default();
        let told = numbers.iter().flat_map(|seq| teller.tell(&numbered(*seq)));
        told.filter(|told| told.weight > Weight::Detail).map(|told| told.text).collect::<Vec<_>>()
    };
    assert_eq!(
        told(&[2, 3]),
        ["1 update before this was not seen", "n1 asks for votes in term 7"],
        "the cause was not seen"
    );
    assert_eq!(
        told(&[1, 2, 3, 5, 6]),
        [
            "n1 heard no leader for 214 ms and asks for votes in term 7",
            "1 update was lost here",
            "n1 leads term 7",
        ],
        "neither votes nor a configuration were seen"
    );
    // The inbox puts what it knows of the lost ones in their place.
    let mut teller = Teller::default();
    teller.tell(&numbered(1));
    let missed = Update { seq: 1, ..update(News::Missed { node: N1, count: 3 }) };
    assert_eq!(teller.tell(&missed)[0].text, "3 events of n1 were lost here");
    assert_eq!(teller.tell(&numbered(6))[0].text, "1 update was lost here", "which was no event of a node");
}

#[test]
fn what_is_in_force_is_told_in_words_unless_links_and_processes_tell_it() {
    let mut teller = Teller::default();
    let fault = |id, what| Fault { id: FaultId(id), what };
    let faults = vec![fault(1, Disturbance::Paused(N2)), fault(2, Disturbance::DiskFull(N1, 512))];
    let told = teller.tell(&update(News::InForce { faults: faults.clone() }));
    let told: Vec<_> = told.iter().map(|told| (told.weight, told.node, told.text.as_str())).collect();
    assert_eq!(
        told,
        [
            (Weight::Detail, Some(N2), "#1 pause 2 is in force: n2's process is stopped"),
            (Weight::Minor, Some(N1), "#2 full 1 512B is in force: n1's disk is full after 512 bytes more"),
        ]
    );
    let over = teller.tell(&update(News::InForce { faults: faults[..1].to_vec() }));
    assert_eq!(over[0].text, "#2 full 1 512B is over");
}

#[test]
fn a_link_is_open_again_and_a_process_resumed_only_if_it_was_seen_otherwise() {
    let mut teller = Teller::default();
    let mut tell = |what| teller.tell(&update(what)).pop().map(|told| told.text).unwrap_or_default();
    let link = |state| News::Link { from: N1, to: N2, state };
    assert_eq!(tell(link(LinkState::Open)), "the link from n1 to n2 is open");
    tell(link(LinkState::Cut));
    assert_eq!(tell(link(LinkState::Open)), "the link from n1 to n2 is open again");
    let runs = || News::Process { node: N1, state: ProcessState::Running { pid: None } };
    assert_eq!(tell(runs()), "n1 is running");
    tell(News::Process { node: N1, state: ProcessState::Paused { pid: None } });
    assert_eq!(tell(runs()), "n1 was resumed");
}

#[test]
fn a_workload_begins_only_where_its_beginning_is_seen() {
    let told = |acknowledged| {
        let figures = WorkloadFigures { running: true, acknowledged, ..WorkloadFigures::default() };
        Teller::default().tell(&update(News::Workload(figures))).pop().map(|told| told.text)
    };
    assert_eq!(told(0).as_deref(), Some("a steady workload of small writes begins"));
    assert_eq!(told(7).as_deref(), Some("a steady workload of small writes is under way"));
}

#[test]
fn a_campaign_that_was_asked_for_is_not_blamed_on_a_silent_leader() {
    let term = Term(7);
    let campaign = [
        TraceEvent::RoleChanged { from: Role::Follower, to: Role::Candidate, term },
        TraceEvent::ElectionStarted { term, pre_vote: false },
    ];
    assert_eq!(told(&campaign), ["n1 asks for votes in term 7 without waiting for an election timeout"]);
    // A member of etcd tells of its campaign, and not of the timeout before.
    let of_etcd = News::Trace {
        node: NodeId(4),
        trace: TraceEvent::Started {
            term,
            last: LogIndex(0),
            vote: None,
            purged: LogId::default(),
            runs: Vec::new(),
        },
    };
    let mut teller = teller_of_three();
    teller.tell(&update(of_etcd));
    let campaign_of = |trace: &TraceEvent| update(News::Trace { node: NodeId(4), trace: trace.clone() });
    let told_of_it = campaign.iter().flat_map(|event| teller.tell(&campaign_of(event)));
    assert_eq!(told_of_it.map(|told| told.text).last().as_deref(), Some("n4 asks for votes in term 7"));
    let handed_over = [&[TraceEvent::ToldToCampaign { leader: N2 }][..], &campaign].concat();
    assert_eq!(told(&handed_over).last().map(String::as_str), Some("n1 asks for votes in term 7"));
}

#[test]
fn a_leader_steps_down_and_a_candidate_gives_up() {
    let term = Term(8);
    let reason = StepDownReason::HigherTerm;
    let from = |from| {
        told(&[
            TraceEvent::RoleChanged { from, to: Role::Follower, term },
            TraceEvent::SteppedDown { reason, term },
        ])
    };
    assert_eq!(from(Role::Leader), ["n1 steps down: it saw term 8"]);
    assert_eq!(from(Role::Candidate), ["n1 gives up its campaign: it saw term 8"]);
    let after_a_gap = [TraceEvent::SteppedDown { reason, term }];
    assert_eq!(told(&after_a_gap), ["n1 becomes a follower: it saw term 8"], "from which role is not known");
}

#[test]
fn a_node_that_asks_in_vain_is_told_of_once() {
    let term = Term(7);
    let again = [
        TraceEvent::TimedOut { waited: Duration::from_millis(214) },
        TraceEvent::ElectionStarted { term, pre_vote: true },
    ];
    assert_eq!(
        told(&[again.clone(), again.clone(), again].concat()),
        ["n1 heard no leader for 214 ms and asks for pre-votes in term 7"]
    );
}

#[test]
fn an_answer_that_is_given_again_is_told_of_once() {
    let (candidate, term, pre_vote) = (N2, Term(7), true);
    let yes = TraceEvent::VoteGranted { candidate, term, pre_vote };
    let reason = raftdeck_raft::VoteRefusal::LeaderAlive;
    let no = TraceEvent::VoteRefused { candidate, term, pre_vote, reason };
    let told = told(&[yes.clone(), yes.clone(), yes.clone(), no.clone(), no, yes]);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[1].contains("would not vote for n2"), "{told:?}");
    assert_eq!(told[0], told[2], "it changed its mind");
}

#[test]
fn what_several_nodes_report_alike_is_told_once_and_again_after_it_was_over() {
    let notice = |text: &str| Notice { about: N2, kind: NoticeKind::Removed, text: text.to_owned() };
    let reports = |id, text| News::Notice { node: NodeId(id), notice: notice(text) };
    let refuses =
        |id, peer| News::PeerRefused { node: NodeId(id), peer: NodeId(peer), reason: RefusalReason::Token };
    let over = |id| News::NoticeOver { node: NodeId(id), notice: notice("n2 was removed") };
    let dies = |id| News::Process { node: NodeId(id), state: ProcessState::Killed };
    let mut teller = Teller::default();
    let mut told =
        |news: &News| teller.tell(&update(news.clone())).pop().map_or(Weight::Detail, |told| told.weight);
    assert_eq!(told(&reports(1, "n2 was removed")), Weight::Major);
    assert_eq!(told(&reports(3, "n2 was removed")), Weight::Detail, "n1 says the same");
    assert_eq!(told(&reports(3, "n2 was replaced")), Weight::Major, "something else");
    told(&dies(3));
    told(&over(1));
    assert_eq!(told(&reports(1, "n2 was removed")), Weight::Major, "nobody said so any more");
    assert_eq!(told(&refuses(1, 2)), Weight::Minor);
    assert_eq!(told(&refuses(2, 1)), Weight::Detail, "the other side of it");
    assert_eq!(told(&refuses(3, 1)), Weight::Detail, "for the same reason");
    let waits = |id, text: &str| {
        let notice =
            Notice { about: NodeId(id), kind: NoticeKind::Founding, text: format!("founding: {text}") };
        News::Notice { node: NodeId(id), notice }
    };
    told(&News::Process { node: NodeId(3), state: ProcessState::Running { pid: Some(7) } });
    assert_eq!(told(&waits(1, "waiting for n2 and n3")), Weight::Detail);
    assert_eq!(told(&waits(1, "waiting for n2")), Weight::Detail, "each founding waits for a moment");
    told(&dies(2));
    assert_eq!(told(&waits(3, "waiting for n1 and n2")), Weight::Detail, "each node, when it starts");
    assert_eq!(told(&waits(3, "waiting for n2 still")), Weight::Minor, "for one that is not there");
    told(&News::Change { node: NodeId(3), step: ChangeStep::Replacing });
    assert_eq!(told(&waits(3, "it is no member")), Weight::Detail, "it is being taken in");
    told(&News::Change { node: NodeId(3), step: ChangeStep::GivenUp });
    assert_eq!(told(&waits(3, "it is no member yet")), Weight::Minor);
    let (known, shown) = (Incarnation([1; 16]), Incarnation([7; 16]));
    let reason = RefusalReason::Incarnation { id: NodeId(3), known, shown };
    told(&News::PeerRefused { node: NodeId(3), peer: N1, reason });
    assert_eq!(told(&waits(3, "refused, as it has another disk")), Weight::Detail, "as was said");
    told(&News::PeerAdmitted { node: NodeId(3), peer: N1 });
    assert_eq!(told(&waits(3, "refused still")), Weight::Minor);
    let kind = NoticeKind::EmptyDisk { disk: shown, address: String::new() };
    let empty = Notice { about: NodeId(3), kind, text: "n3 is back".to_owned() };
    assert_eq!(told(&News::Notice { node: N1, notice: empty }), Weight::Major);
    assert_eq!(told(&waits(3, "refused")), Weight::Detail, "it has an empty disk, as was said");
}

#[test]
fn a_restart_forgets_the_campaign_before_it() {
    let traces = [
        TraceEvent::TimedOut { waited: Duration::from_millis(214) },
        TraceEvent::Started {
            term: Term(3),
            last: LogIndex(4),
            vote: None,
            purged: raftdeck_raft::LogId::default(),
            runs: Vec::new(),
        },
        TraceEvent::ElectionStarted { term: Term(4), pre_vote: false },
    ];
    assert_eq!(
        told(&traces),
        ["n1 starts in term 3 with a log through entry 4", "n1 asks for votes in term 4"]
    );
}

#[test]
fn a_configuration_is_committed_once_and_by_the_leader() {
    let index = LogIndex(9);
    let term = Term(2);
    let (joint, plain) =
        (Membership { outgoing: voters(&[1, 2]).voters, ..voters(&[1, 2, 3]) }, voters(&[1, 2, 3]));
    let committed = TraceEvent::MembershipCommitted { index };
    let traces = [
        committed.clone(),
        TraceEvent::RoleChanged { from: Role::Candidate, to: Role::Leader, term },
        TraceEvent::MembershipChanged { index, membership: joint },
        committed.clone(),
        TraceEvent::MembershipChanged { index, membership: plain },
        committed.clone(),
        committed,
    ];
    assert_eq!(
        told(&traces),
        [
            "n1 leads term 2",
            "n1 uses a joint configuration: it needs a majority of n1 n2 and one of n1 n2 n3",
            "the joint configuration is committed: n1 may leave it",
            "n1 uses the configuration with voters n1 n2 n3",
            "the configuration is committed: n1 n2 n3 vote",
        ]
    );
}
