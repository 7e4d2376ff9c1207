//! Every line is as it is documented.

use super::*;
use raftdeck_model::{
    ChangeStep, ClientOp, CommandId, Disturbance, FaultId, FrameKind, LinkState, NodeAddresses, RequestFate,
};
use raftdeck_protocol::{Answer, Read, RefusalReason};
use raftdeck_raft::{LogId, Term, Timing};

const N1: NodeId = NodeId(1);

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn told(update: &News) -> String {
    let lines = JsonLines::default().tell(update, at(9));
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.into_iter().next().unwrap()
}

fn traced(trace: TraceEvent) -> String {
    told(&News::Trace { node: N1, trace })
}

#[test]
fn the_documented_lines_are_the_lines_printed() {
    let nodes = (1..=3).map(NodeId).collect();
    let cluster = News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() };
    let process = |state| told(&News::Process { node: N1, state });
    let addresses = NodeAddresses { raft: "a:1".into(), client: "a:2".into(), http: "a:3".into() };
    let term = Term(2);
    let printed = [
        told(&cluster),
        process(ProcessState::Starting { pid: Some(4711) }),
        process(ProcessState::Killed),
        process(ProcessState::Failed { how: "exit status 1".into(), last_words: vec!["no".into()] }),
        told(&News::Ready { node: N1, addresses }),
        traced(TraceEvent::Started {
            term: Term(0),
            last: LogIndex(0),
            vote: None,
            purged: LogId::default(),
            runs: Vec::new(),
        }),
        traced(TraceEvent::TimedOut { waited: at(214) }),
        traced(TraceEvent::ElectionStarted { term, pre_vote: true }),
        traced(TraceEvent::VoteGranted { candidate: NodeId(3), term, pre_vote: true }),
        traced(TraceEvent::RoleChanged { from: Role::PreCandidate, to: Role::Leader, term }),
        traced(TraceEvent::SteppedDown { reason: StepDownReason::HigherTerm, term }),
        traced(TraceEvent::LeaderChanged { leader: None, term }),
        traced(TraceEvent::Committed { through: LogIndex(42) }),
        traced(TraceEvent::Truncated { from: LogIndex(8), to: LogIndex(9) }),
        told(&News::Link { from: N1, to: NodeId(3), state: LinkState::Cut }),
        told(&News::Missed { node: N1, count: 12 }),
    ];
    assert_eq!(
        printed.join("\n"),
        r#"{"event":"cluster","nodes":[1,2,3],"heartbeat_ms":50,"election_ms":[150,300],"data_dir":null,"at_ms":9}
{"event":"process","node":1,"state":"starting","pid":4711,"at_ms":9}
{"event":"process","node":1,"state":"killed","at_ms":9}
{"event":"process","node":1,"state":"failed","how":"exit status 1","last_words":["no"],"at_ms":9}
{"event":"ready","node":1,"raft":"a:1","client":"a:2","http":"a:3","at_ms":9}
{"event":"started","node":1,"term":0,"last":0,"at_ms":9}
{"event":"timeout","node":1,"waited_ms":214,"at_ms":9}
{"event":"election","node":1,"term":2,"pre_vote":true,"at_ms":9}
{"event":"vote","node":1,"candidate":3,"term":2,"pre_vote":true,"granted":true,"at_ms":9}
{"event":"role","node":1,"from":"pre_candidate","to":"leader","term":2,"at_ms":9}
{"event":"step_down","node":1,"reason":"higher_term","term":2,"at_ms":9}
{"event":"leader","node":1,"leader":null,"term":2,"at_ms":9}
{"event":"commit","node":1,"index":42,"at_ms":9}
{"event":"truncate","node":1,"from":8,"to":9,"at_ms":9}
{"event":"link","from":1,"to":3,"state":"cut","at_ms":9}
{"event":"missed","node":1,"count":12,"at_ms":9}"#
    );
}

#[test]
fn the_documented_lines_about_members_disks_and_snapshots_are_the_lines_printed() {
    let term = Term(2);
    let ids = |ids: &[u64]| ids.iter().copied().map(NodeId).collect();
    let membership = Membership { outgoing: ids(&[1, 2, 3]), ..Membership::of(ids(&[1, 2, 3, 4])) };
    let (learner, to, last) = (NodeId(4), NodeId(3), LogId { term, index: LogIndex(1000) });
    let tuning = Tuning { timing: Timing::FAST, pre_vote: true, check_quorum: true };
    let later = [
        traced(TraceEvent::MembershipChanged { index: LogIndex(12), membership }),
        traced(TraceEvent::MembershipCommitted { index: LogIndex(12) }),
        traced(TraceEvent::CaughtUp { learner, round: 1, took: at(12) }),
        traced(TraceEvent::PromotionGivenUp { learner }),
        traced(TraceEvent::TransferStarted { to }),
        traced(TraceEvent::TransferGivenUp { to }),
        traced(TraceEvent::ToldToCampaign { leader: NodeId(2) }),
        traced(TraceEvent::SnapshotTaken { last, size: 4096 }),
        traced(TraceEvent::SnapshotSending { to: learner, last }),
        traced(TraceEvent::SnapshotInstalled { last, kept_log: false }),
        traced(TraceEvent::Purged { through: last }),
        traced(TraceEvent::Tuned { tuning }),
        traced(TraceEvent::Paused),
        traced(TraceEvent::DiskSlow { waited: at(312) }),
        traced(TraceEvent::DiskStalled { waited: at(500) }),
        traced(TraceEvent::DiskRecovered { waited: at(4100) }),
        traced(TraceEvent::FollowerDiskStalled { follower: to, waited: at(500) }),
        traced(TraceEvent::FollowerDiskRecovered { follower: to }),
        traced(TraceEvent::SteppedDown { reason: StepDownReason::DiskStalled, term }),
        traced(TraceEvent::StrangerIgnored {
            from: NodeId(2),
            incarnation: None,
            expected: Some(Incarnation([0xab; 16])),
        }),
        traced(TraceEvent::WentBack { follower: to, confirmed: LogIndex(9), found: LogIndex(4) }),
        traced(TraceEvent::Refilled { follower: to, through: LogIndex(9) }),
        traced(TraceEvent::SnapshotRefused {
            follower: to,
            last,
            reason: raftdeck_raft::SnapshotRefusal::Undecodable,
        }),
    ];
    assert_eq!(
        later.join("\n"),
        r#"{"event":"membership","node":1,"index":12,"voters":[1,2,3,4],"outgoing":[1,2,3],"learners":[],"at_ms":9}
{"event":"membership_committed","node":1,"index":12,"at_ms":9}
{"event":"caught_up","node":1,"learner":4,"round":1,"took_ms":12,"at_ms":9}
{"event":"promotion_given_up","node":1,"learner":4,"at_ms":9}
{"event":"transfer","node":1,"to":3,"at_ms":9}
{"event":"transfer_given_up","node":1,"to":3,"at_ms":9}
{"event":"told_to_campaign","node":1,"leader":2,"at_ms":9}
{"event":"snapshot_taken","node":1,"last":1000,"size":4096,"at_ms":9}
{"event":"snapshot_sending","node":1,"to":4,"last":1000,"at_ms":9}
{"event":"snapshot_installed","node":1,"last":1000,"kept_log":false,"at_ms":9}
{"event":"purge","node":1,"through":1000,"at_ms":9}
{"event":"tuned","node":1,"heartbeat_ms":50,"election_ms":[150,300],"pre_vote":true,"check_quorum":true,"at_ms":9}
{"event":"paused","node":1,"at_ms":9}
{"event":"disk_slow","node":1,"waited_ms":312,"at_ms":9}
{"event":"disk_stalled","node":1,"waited_ms":500,"at_ms":9}
{"event":"disk_recovered","node":1,"waited_ms":4100,"at_ms":9}
{"event":"follower_disk_stalled","node":1,"follower":3,"waited_ms":500,"at_ms":9}
{"event":"follower_disk_recovered","node":1,"follower":3,"at_ms":9}
{"event":"step_down","node":1,"reason":"disk_stalled","term":2,"at_ms":9}
{"event":"stranger_ignored","node":1,"from":2,"disk":null,"expected":"abababababababababababababababab","at_ms":9}
{"event":"went_back","node":1,"follower":3,"confirmed":9,"found":4,"at_ms":9}
{"event":"refilled","node":1,"follower":3,"through":9,"at_ms":9}
{"event":"snapshot_refused","node":1,"follower":3,"last":1000,"reason":"it cannot be decoded: a newer release made it","at_ms":9}"#
    );
}

#[test]
fn the_documented_lines_about_what_a_person_has_to_do_are_the_lines_printed() {
    let kind = NoticeKind::EmptyDisk { disk: Incarnation([0xab; 16]), address: "a:1".into() };
    let notice = Notice { about: NodeId(3), kind, text: "n3 is back".into() };
    let reported = [
        told(&News::Notice { node: N1, notice: notice.clone() }),
        told(&News::NoticeOver { node: N1, notice }),
        told(&News::PeerRefused { node: N1, peer: NodeId(3), reason: RefusalReason::Token }),
        told(&News::PeerAdmitted { node: N1, peer: NodeId(3) }),
        told(&News::Change { node: NodeId(3), step: ChangeStep::Replacing }),
    ];
    assert_eq!(
        reported.join("\n"),
        r#"{"event":"notice","node":1,"about":3,"kind":"empty_disk","text":"n3 is back","at_ms":9}
{"event":"notice_over","node":1,"about":3,"kind":"empty_disk","at_ms":9}
{"event":"peer_refused","node":1,"peer":3,"reason":"the token is missing or wrong","at_ms":9}
{"event":"peer_admitted","node":1,"peer":3,"at_ms":9}
{"event":"change","node":3,"step":"replacing","at_ms":9}"#
    );
}

#[test]
fn what_comes_of_commands_is_printed_as_documented() {
    let hundredth = ClockRate::from_millionths(10_000).unwrap();
    let what = Disturbance::Rules { words: "cut 1>3".into(), rules: Vec::new() };
    let op = ClientOp::Read(Read::Get { key: "a".into() });
    let client =
        |outcome| told(&News::Client { id: CommandId(1), request: op.clone().into(), outcome, took: at(1) });
    let by_name = ClientRequest {
        client: ClientName::Named("alice".to_owned()),
        at: Some(NodeId(3)),
        consistency: Consistency::Stale,
        ..op.clone().into()
    };
    let failed = |fate| ClientOutcome::Failed { reason: "no".into(), fate };
    let body = ResponseBody::Done { answer: Answer::Value(Some("blue".into())), at: LogId::default() };
    let commanded = [
        told(&News::Time(ClusterTime { rate: hundredth, now: at(5) })),
        told(&News::InForce { faults: vec![Fault { id: FaultId(3), what }] }),
        client(ClientOutcome::Answered { node: NodeId(2), body }),
        client(failed(RequestFate::InDoubt)),
        told(&News::Client {
            id: CommandId(1),
            request: by_name,
            outcome: failed(RequestFate::NothingChanged),
            took: at(1),
        }),
        told(&News::Refused { id: CommandId(2), reason: "no".into() }),
        answer("rules", &["cut 1>3".into()], at(9)),
    ];
    assert_eq!(
        commanded.join("\n"),
        r#"{"event":"time","rate":0.01,"now_us":5000,"at_ms":9}
{"event":"in_force","faults":[{"id":3,"words":"cut 1>3"}],"at_ms":9}
{"event":"client","id":1,"asked":"get a","node":2,"answer":"blue","at_ms":9}
{"event":"client","id":1,"asked":"get a","failed":"no","fate":"in_doubt","at_ms":9}
{"event":"client","id":1,"client":"alice","asked":"get a","at":3,"consistency":"stale","failed":"no","fate":"nothing_changed","at_ms":9}
{"event":"refused","id":2,"reason":"no","at_ms":9}
{"event":"answer","to":"rules","lines":["cut 1>3"],"at_ms":9}"#
    );
}

#[test]
fn commits_are_gathered_and_the_last_one_is_told() {
    let mut json = JsonLines::default();
    let committed = |index| {
        let trace = TraceEvent::Committed { through: LogIndex(index) };
        News::Trace { node: N1, trace }
    };
    assert_eq!(json.tell(&committed(1), at(10)).len(), 1);
    for index in 2..1000 {
        assert!(json.tell(&committed(index), at(50)).is_empty());
    }
    assert_eq!(json.next_due(), Some(at(110)));
    assert!(json.due_lines(at(109)).is_empty());
    assert_eq!(json.due_lines(at(110)), [r#"{"event":"commit","node":1,"index":999,"at_ms":110}"#]);
    assert_eq!(json.next_due(), None, "nothing is held back");
}

fn reported(id: u64, state: MessageState) -> MessageReport {
    MessageReport {
        id: MessageId(id),
        from: N1,
        to: NodeId(2),
        kind: FrameKind::VoteReply,
        term: Term(3),
        index: None,
        granted: Some(true),
        entries: 0,
        fields: "yes".to_owned(),
        sent: Duration::from_micros(812),
        state,
    }
}

#[test]
fn each_state_of_a_message_is_a_line_and_only_where_messages_are_asked_for() {
    let mut json = JsonLines::with_messages();
    let mut lines = |states: &[MessageState], skipped| {
        let messages = states.iter().map(|state| reported(12, *state)).collect();
        json.tell(&News::Messages { messages, skipped }, at(9))
    };
    let line = |rest: &str| {
        format!(
            r#"{{"event":"message","id":12,"from":1,"to":2,"kind":"VoteReply","term":3,"granted":true,"entries":0,"fields":"yes","sent_us":812,{rest},"at_ms":9}}"#
        )
    };
    let (held, due) = (MessageState::Held, MessageState::UnderWay { due: at(2) });
    assert_eq!(lines(&[held], 0), [line(r#""state":"held""#)]);
    assert_eq!(lines(&[held], 0), [""; 0], "it was told");
    assert_eq!(lines(&[due], 0), [line(r#""state":"under_way","then_us":2000"#)]);
    let delivered = MessageState::Delivered { at: at(3) };
    let skipped = r#"{"event":"messages_skipped","count":7,"at_ms":9}"#.to_owned();
    assert_eq!(lines(&[delivered], 7), [line(r#""state":"delivered","then_us":3000"#), skipped]);
    let all = News::Messages { messages: vec![reported(1, held)], skipped: 1 };
    assert!(JsonLines::default().tell(&all, at(9)).is_empty(), "nobody asked for messages");
}
