use super::*;
use raftdeck_model::{
    ClientName, ClientOp, ClientOutcome, ClientRequest, CommandId, NodeAddresses, RequestFate,
};
use raftdeck_protocol::{
    Answer, Consistency, Failure, Notice, NoticeKind, Read, RefusalReason, ResponseBody, Write,
};
use raftdeck_raft::{
    Incarnation, LogId, LogIndex, Membership, Role, StepDownReason, Term, TraceEvent, Tuning, VoteRefusal,
};
use std::collections::BTreeSet;

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

fn says(update: &News) -> Sentence {
    sentence(update).expect("this update has a sentence")
}

fn traced(node: NodeId, trace: TraceEvent) -> Sentence {
    says(&News::Trace { node, trace })
}

fn answer(op: ClientOp, body: ResponseBody) -> String {
    let outcome = ClientOutcome::Answered { node: N2, body };
    says(&News::Client { id: CommandId(1), request: op.into(), outcome, took: Duration::from_millis(4) }).text
}

#[test]
fn an_election_reads_as_a_story() {
    let term = Term(7);
    let steps = [
        (
            N2,
            TraceEvent::TimedOut { waited: Duration::from_micros(214_700) },
            "n2 heard no leader for 214 ms",
        ),
        (N2, TraceEvent::ElectionStarted { term, pre_vote: true }, "n2 asks for pre-votes in term 7"),
        (
            N3,
            TraceEvent::VoteGranted { candidate: N2, term, pre_vote: true },
            "n3 would vote for n2 in term 7 (pre-vote)",
        ),
        (N2, TraceEvent::ElectionStarted { term, pre_vote: false }, "n2 asks for votes in term 7"),
        (
            N2,
            TraceEvent::VoteGranted { candidate: N2, term, pre_vote: false },
            "n2 votes for itself in term 7",
        ),
        (N3, TraceEvent::VoteGranted { candidate: N2, term, pre_vote: false }, "n3 votes for n2 in term 7"),
        (
            N2,
            TraceEvent::VoteReceived { from: N3, granted: true, pre_vote: false, votes: 2, needed: 2 },
            "n2 hears yes from n3 and has 2 of the 2 votes it needs",
        ),
        (N2, TraceEvent::RoleChanged { from: Role::Candidate, to: Role::Leader, term }, "n2 leads term 7"),
        (N3, TraceEvent::LeaderChanged { leader: Some(N2), term }, "n3 follows n2 in term 7"),
    ];
    for (node, trace, words) in steps {
        let sentence = traced(node, trace);
        assert_eq!(sentence.text, words);
        assert_eq!(sentence.node, Some(node));
    }
}

#[test]
fn what_matters_most_is_major() {
    let term = Term(7);
    let major = [
        (TraceEvent::RoleChanged { from: Role::Candidate, to: Role::Leader, term }, "n1 leads term 7"),
        (
            TraceEvent::SteppedDown { reason: StepDownReason::QuorumLost, term },
            "n1 steps down: no majority answered it for an election timeout",
        ),
        (
            TraceEvent::Truncated { from: LogIndex(8), to: LogIndex(9) },
            "n1 removed entries 8 to 9, which conflicted with the leader's",
        ),
        (
            TraceEvent::Truncated { from: LogIndex(8), to: LogIndex(8) },
            "n1 removed entry 8, which conflicted with the leader's",
        ),
    ];
    for (trace, words) in major {
        let sentence = traced(N1, trace);
        assert_eq!((sentence.weight, sentence.text.as_str()), (Weight::Major, words));
    }
}

#[test]
fn a_refused_vote_says_why() {
    let refuse = |reason, pre_vote| {
        let term = Term(4);
        traced(N3, TraceEvent::VoteRefused { candidate: N1, term, pre_vote, reason }).text
    };
    assert_eq!(
        refuse(VoteRefusal::StaleLog, false),
        "n3 refuses n1 its vote in term 4: the log of n1 is behind its own"
    );
    assert_eq!(
        refuse(VoteRefusal::AlreadyVoted, false),
        "n3 refuses n1 its vote in term 4: its vote went to another"
    );
    assert_eq!(
        refuse(VoteRefusal::OldTerm, false),
        "n3 refuses n1 its vote in term 4: it is in a later term"
    );
    assert_eq!(
        refuse(VoteRefusal::OldTerm, true),
        "n3 would not vote for n1 in term 4 (pre-vote): it is already in term 4 or a later one"
    );
    assert_eq!(
        refuse(VoteRefusal::LeaderAlive, true),
        "n3 would not vote for n1 in term 4 (pre-vote): it still stands by a leader"
    );
}

#[test]
fn processes_and_links_are_told_plainly() {
    let process = |state| {
        let sentence = says(&News::Process { node: N1, state });
        (sentence.weight, sentence.text)
    };
    let pid = Some(4711);
    assert_eq!(
        process(ProcessState::Starting { pid }),
        (Weight::Minor, "n1 is starting, process 4711".to_owned())
    );
    assert_eq!(
        process(ProcessState::Running { pid }),
        (Weight::Minor, "n1 is running, process 4711".to_owned())
    );
    assert_eq!(process(ProcessState::Paused { pid }), (Weight::Major, "n1 was paused".to_owned()));
    assert_eq!(process(ProcessState::Killed), (Weight::Major, "n1 was killed".to_owned()));
    let last_words = vec!["first".to_owned(), "the address is in use".to_owned(), String::new()];
    assert_eq!(
        process(ProcessState::Failed { how: "exit status 1".to_owned(), last_words }).1,
        "n1 failed: exit status 1; its last words: the address is in use"
    );
    let link = |state| says(&News::Link { from: N1, to: N3, state }).text;
    assert_eq!(link(LinkState::Cut), "the link from n1 to n3 is cut");
    assert_eq!(link(LinkState::Open), "the link from n1 to n3 is open");
}

#[test]
fn a_client_is_told_what_came_of_its_question() {
    let at = LogId { term: Term(3), index: LogIndex(8) };
    let put = ClientOp::Write(Write::Put { key: "color".into(), value: "blue".into() });
    let get = ClientOp::Read(Read::Get { key: "color".into() });
    let done = |answer| ResponseBody::Done { answer, at };
    assert_eq!(
        answer(put.clone(), done(Answer::Stored)),
        "put color blue: stored (entry 8 of term 3, n2, 4.0 ms)"
    );
    let without_entry = LogId { term: Term(3), index: LogIndex::ZERO };
    assert_eq!(
        answer(put.clone(), ResponseBody::Done { answer: Answer::Stored, at: without_entry }),
        "put color blue: stored (term 3, n2, 4.0 ms)"
    );
    assert_eq!(answer(get.clone(), done(Answer::Value(Some("blue".into())))), "get color: blue (n2, 4.0 ms)");
    assert_eq!(answer(get, done(Answer::Value(None))), "get color: no such key (n2, 4.0 ms)");
    assert_eq!(
        answer(put.clone(), ResponseBody::Failed(Failure::Busy)),
        "put color blue: not done: busy: too many pending writes, try again (n2, 4.0 ms)"
    );
    let unknown = answer(put.clone(), ResponseBody::Failed(Failure::Unknown));
    assert!(!unknown.contains("not done") && unknown.contains("it may have happened"), "{unknown}");
    let outcome =
        ClientOutcome::Failed { reason: "no leader was found".to_owned(), fate: RequestFate::NothingChanged };
    let failed =
        says(&News::Client { id: CommandId(1), request: put.into(), outcome, took: Duration::from_secs(12) });
    assert_eq!(failed.text, "put color blue: no leader was found (12.0 s)");
    assert_eq!(failed.weight, Weight::Major);
    let request = ClientRequest {
        client: ClientName::Named("alice".to_owned()),
        at: Some(NodeId(3)),
        consistency: Consistency::Stale,
        ..ClientOp::Read(Read::Get { key: "color".into() }).into()
    };
    assert_eq!(requested(&request), "alice: get color stale at 3");
}

#[test]
fn a_long_list_is_cut_and_says_so() {
    let pairs = (0..11).map(|i| (format!("k{i}").into(), "v".into())).collect();
    let text = answered(&Answer::Page { pairs, more: false });
    assert!(text.starts_with("k0 = v, k1 = v, "), "{text}");
    assert!(text.ends_with("k7 = v, and 3 more"), "{text}");
    assert_eq!(answered(&Answer::Page { pairs: Vec::new(), more: false }), "no keys");
}

#[test]
fn the_cluster_is_introduced() {
    let nodes = |nodes: Vec<NodeId>, data_dir: Option<&str>| {
        let data_dir = data_dir.map(str::to_owned).into();
        says(&News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir }).text
    };
    let cluster = |count: u64, data_dir: Option<&str>| nodes((1..=count).map(NodeId).collect(), data_dir);
    assert_eq!(
        cluster(3, None),
        "a cluster of 3 nodes, n1 to n3: heartbeat 50 ms, election timeout 150 ms to 300 ms; \
         data is kept only while it runs"
    );
    assert_eq!(
        cluster(1, Some("/data")),
        "a cluster of one node, n1: heartbeat 50 ms, election timeout 150 ms to 300 ms; data is kept in /data"
    );
    let nodes_elsewhere = News::Cluster {
        nodes: vec![NodeId(1)],
        heartbeat_ms: 50,
        election_ms: (150, 300),
        data_dir: Known::Unknown,
    };
    assert_eq!(
        says(&nodes_elsewhere).text,
        "a cluster of one node, n1: heartbeat 50 ms, election timeout 150 ms to 300 ms"
    );
    let some_left = nodes([1, 3, 4].map(NodeId).to_vec(), None);
    assert!(some_left.starts_with("a cluster of 3 nodes, n1 n3 n4: "), "{some_left}");
}

#[test]
fn a_sentence_is_one_line_whatever_it_is_about() {
    let refused = says(&News::Trouble { reason: "no\nsuch\x1b[2Jnode".to_owned() });
    assert_eq!(refused.text, "no␊such␛[2Jnode");
    let addresses =
        NodeAddresses { raft: "a:1".to_owned(), client: "a:2".to_owned(), http: "a:3\r".to_owned() };
    let ready = says(&News::Ready { node: N1, addresses });
    assert_eq!(ready.text, "n1 is ready: peers at a:1, clients at a:2, HTTP at a:3␍");
}

#[test]
fn chatter_has_no_sentence() {
    let silent = [
        News::Frames { frames: Vec::new() },
        News::Log { node: N1, lines: Vec::new() },
        News::Output { node: N1, level: raftdeck_model::LogLevel::Warn, line: "odd".to_owned() },
        News::Trace { node: N1, trace: TraceEvent::LeaderChanged { leader: Some(N1), term: Term(2) } },
        News::Trace {
            node: N1,
            trace: TraceEvent::RoleChanged { from: Role::Follower, to: Role::Candidate, term: Term(2) },
        },
    ];
    for update in silent {
        assert_eq!(sentence(&update), None, "{update:?}");
    }
}

#[test]
fn a_gap_is_told() {
    let missed = |count| says(&News::Missed { node: N1, count }).text;
    assert_eq!(missed(1), "1 event of n1 was lost here");
    assert_eq!(missed(12), "12 events of n1 were lost here");
}

#[test]
fn changes_of_the_cluster_and_snapshots_are_told_in_words_a_class_understands() {
    use Weight::{Detail, Major, Minor};
    let ids = |ids: &[u64]| ids.iter().copied().map(NodeId).collect::<BTreeSet<_>>();
    let learning = Membership { learners: ids(&[4]), ..Membership::of(ids(&[1, 2, 3])) };
    let joint = Membership { outgoing: ids(&[1, 2, 3]), ..Membership::of(ids(&[2, 3])) };
    let index = LogIndex(12);
    let last = LogId { term: Term(2), index: LogIndex(1000) };
    let tuning = Tuning { timing: raftdeck_raft::Timing::FAST, pre_vote: true, check_quorum: false };
    let learner = NodeId(4);
    for (trace, weight, words) in [
        (
            TraceEvent::MembershipChanged { index, membership: learning },
            Minor,
            "n1 uses the configuration with voters n1 n2 n3; n4 learns",
        ),
        (
            TraceEvent::MembershipChanged { index, membership: joint },
            Minor,
            "n1 uses a joint configuration: it needs a majority of n1 n2 n3 and one of n2 n3",
        ),
        (
            TraceEvent::MembershipChanged { index: LogIndex::ZERO, membership: Membership::default() },
            Detail,
            "n1 belongs to no cluster yet",
        ),
        (
            TraceEvent::MembershipCommitted { index },
            Detail,
            "n1 knows that the configuration of entry 12 is committed",
        ),
        (
            TraceEvent::CaughtUp { learner, round: 2, took: Duration::from_millis(30) },
            Minor,
            "n1 sees n4 catch up: round 2 took 30 ms",
        ),
        (
            TraceEvent::PromotionGivenUp { learner },
            Major,
            "n1 does not promote n4: it is too slow or cannot be reached",
        ),
        (
            TraceEvent::TransferStarted { to: N3 },
            Major,
            "n1 starts to hand the leadership to n3 and accepts no writes meanwhile",
        ),
        (TraceEvent::TransferGivenUp { to: N3 }, Major, "n1 stays leader: n3 did not take over in time"),
        (
            TraceEvent::ToldToCampaign { leader: N2 },
            Minor,
            "n1 campaigns at once: n2 hands over the leadership (TimeoutNow)",
        ),
        (
            TraceEvent::SnapshotTaken { last, size: 12_345 },
            Minor,
            "n1 took a snapshot through entry 1000 (12 kB)",
        ),
        (
            TraceEvent::SnapshotSending { to: learner, last },
            Minor,
            "n1 sends n4 a snapshot through entry 1000 instead of log entries",
        ),
        (
            TraceEvent::SnapshotInstalled { last, kept_log: true },
            Major,
            "n1 installs a snapshot through entry 1000 and keeps the log after it",
        ),
        (TraceEvent::Purged { through: last }, Detail, "n1 compacts its log through entry 1000"),
        (
            TraceEvent::Tuned { tuning },
            Minor,
            "n1 is set to a heartbeat of 50 ms, an election timeout of 150 ms to 300 ms, PreVote on, CheckQuorum off",
        ),
        (TraceEvent::Paused, Minor, "n1 notices that it was stopped, or that its clock jumped"),
        (
            TraceEvent::SteppedDown { reason: StepDownReason::Removed, term: Term(3) },
            Major,
            "n1 steps down: it is no longer a voter",
        ),
    ] {
        let told = traced(N1, trace);
        assert_eq!((told.weight, told.text.as_str()), (weight, words));
    }
}

#[test]
fn disks_that_stand_still_forget_or_are_not_the_members_are_told_in_words_a_class_understands() {
    use Weight::{Major, Minor};
    let (index, last) = (LogIndex(12), LogId { term: Term(2), index: LogIndex(1000) });
    let disk = Incarnation([0x3f, 0xa9].repeat(8).try_into().unwrap());
    for (trace, weight, words) in [
        (
            TraceEvent::DiskSlow { waited: Duration::from_millis(312) },
            Minor,
            "n1's disk is slow: it has not finished a write for 312 ms",
        ),
        (
            TraceEvent::DiskStalled { waited: Duration::from_millis(500) },
            Major,
            "n1's disk is stalled: it has not finished a write for 500 ms",
        ),
        (
            TraceEvent::DiskRecovered { waited: Duration::from_millis(720) },
            Minor,
            "n1's disk has finished a write again, after 720 ms",
        ),
        (
            TraceEvent::FollowerDiskStalled { follower: N3, waited: Duration::from_millis(500) },
            Minor,
            "n1 hears from n3 that its disk is stalled",
        ),
        (TraceEvent::FollowerDiskRecovered { follower: N3 }, Minor, "n1 gets answers from n3 again"),
        (
            TraceEvent::SteppedDown { reason: StepDownReason::DiskStalled, term: Term(3) },
            Major,
            "n1 steps down: its disk does not finish its writes",
        ),
        (
            TraceEvent::StrangerIgnored { from: N2, incarnation: None, expected: Some(disk) },
            Major,
            "n1 ignores n2: its disk is not 3fa93fa9, the one in the membership",
        ),
        (
            TraceEvent::StrangerIgnored { from: N2, incarnation: Some(disk), expected: None },
            Minor,
            "n1 ignores n2, which is not a member",
        ),
        (
            TraceEvent::WentBack { follower: N2, confirmed: index, found: LogIndex(4) },
            Major,
            "n2 lost entries that it had acknowledged (it had 12, now at most 4): n1 no longer counts it",
        ),
        (
            TraceEvent::Refilled { follower: N2, through: index },
            Major,
            "n2 has its log through 12 again: n1 counts it again",
        ),
        (
            TraceEvent::SnapshotRefused {
                follower: N2,
                last,
                reason: raftdeck_raft::SnapshotRefusal::Undecodable,
            },
            Major,
            "n2 refuses the snapshot through entry 1000: it cannot be decoded: a newer release made it",
        ),
    ] {
        let told = traced(N1, trace);
        assert_eq!((told.weight, told.text.as_str()), (weight, words));
    }
}

#[test]
fn a_change_that_was_asked_for_is_told_step_by_step_and_the_workload_at_its_end() {
    let told = |step| sentence(&News::Change { node: N3, step }).map(|told| told.text);
    assert_eq!(told(ChangeStep::Promoting).as_deref(), Some("n3 catches up as a learner"));
    assert_eq!(told(ChangeStep::Joined).as_deref(), Some("n3 has joined the cluster and votes from now on"));
    assert_eq!(told(ChangeStep::GivenUp), None, "the reason is told on its own");
    let running = WorkloadFigures { running: true, acknowledged: 1, ..WorkloadFigures::default() };
    assert_eq!(sentence(&News::Workload(running)), None);
    let over = WorkloadFigures { running: false, failed: 2, longest_gap_ms: 240, ..running };
    assert_eq!(
        says(&News::Workload(over)).text,
        "the workload is over: 1 write acknowledged, 2 failed, 0 in doubt; the longest time without one was 240 ms"
    );
    let in_vain = WorkloadFigures { failed: 152, ..WorkloadFigures::default() };
    assert_eq!(
        says(&News::Workload(in_vain)).text,
        "the workload is over: no write was acknowledged, 152 failed, 0 in doubt"
    );
}

#[test]
fn what_a_person_has_to_do_something_about_is_told_in_one_clause() {
    use Weight::{Detail, Major, Minor};
    let disk = Incarnation([0x3f; 16]);
    let notice = |kind| Notice { about: N3, kind, text: "founding: waiting for n2".to_owned() };
    let empty = NoticeKind::EmptyDisk { disk, address: "127.0.0.1:8082".to_owned() };
    for (update, weight, about, words) in [
        (
            News::Notice { node: N1, notice: notice(empty.clone()) },
            Major,
            N3,
            "n3 is back with an empty disk and does not vote until it is replaced",
        ),
        (
            News::Notice { node: N1, notice: notice(NoticeKind::Founding) },
            Minor,
            N1,
            "n1: founding: waiting for n2",
        ),
        (
            News::NoticeOver { node: N1, notice: notice(empty) },
            Detail,
            N1,
            "n1 no longer reports an empty disk of n3",
        ),
        (
            News::PeerRefused { node: N1, peer: N3, reason: RefusalReason::Token },
            Minor,
            N1,
            "no connection between n1 and n3: the token is missing or wrong",
        ),
        (
            News::PeerRefused {
                node: N1,
                peer: N3,
                reason: RefusalReason::Incarnation { id: N3, known: disk, shown: Incarnation([0xa9; 16]) },
            },
            Minor,
            N3,
            "n3 is refused: it has disk a9a9a9a9, and the membership lists disk 3f3f3f3f",
        ),
        (
            News::PeerAdmitted { node: N1, peer: N3 },
            Detail,
            N1,
            "n1 no longer reports a refused connection with n3",
        ),
    ] {
        let told = sentence(&update).unwrap();
        assert_eq!((told.weight, told.node, told.text.as_str()), (weight, Some(about), words));
    }
}
