//! The wire format, byte for byte. A change here breaks clusters during an upgrade and clients of older releases:
//! new variants and fields belong at the end, and anything else needs a new protocol version.

use bytes::Bytes;
use raftdeck_protocol::handshake::{
    Challenge, Confirmation, Hello, HelloReply, Nonce, Ports, Proof, RefusalReason, Role, Standing,
};
use raftdeck_protocol::kv::{
    Action, Change, Command, Consistency, LoggedTime, NamedWrite, SessionId, SessionWrite,
};
use raftdeck_protocol::{
    Answer, ClockFactor, ClockRate, DiskPace, Failure, LogLine, Manage, NodeStatus, PeerFrame, Read,
    RefusedPeer, Request, RequestBody, Response, ResponseBody, Telemetry, Write, frame,
};
use raftdeck_raft as raft;
use raftdeck_raft::{
    Boot, ChangeError, ClusterId, Entry, Incarnation, LogId, LogIndex, Membership, MembershipChange, Message,
    NodeId, Payload, SnapshotMeta, Term, Timing, TraceEvent, TransferError, Tuning,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::{Debug, Write as _};
use std::time::Duration;

fn membership() -> Membership {
    Membership {
        voters: [NodeId(1), NodeId(2)].into(),
        outgoing: [NodeId(1)].into(),
        learners: [NodeId(3)].into(),
        addresses: [(NodeId(3), "h:3".to_owned())].into(),
        cluster: Some(ClusterId([0xc1; 16])),
        incarnations: [(NodeId(1), DISK)].into(),
    }
}

const DISK: Incarnation = Incarnation([0xd1; 16]);

const TUNING: Tuning = Tuning { timing: Timing::FAST, pre_vote: true, check_quorum: false };

/// Encodes to exactly these bytes, and back.
fn golden<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, expected: &str) {
    let bytes = frame::encode(value);
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    assert_eq!(hex, expected, "the encoding of {value:?}");
    assert_eq!(&frame::decode::<T>("golden", &bytes).expect("it decodes"), value);
}

fn id(term: u64, index: u64) -> LogId {
    LogId { term: Term(term), index: LogIndex(index) }
}

fn peer(message: Message) -> PeerFrame {
    PeerFrame { from: NodeId(2), incarnation: DISK, message }
}

#[test]
fn handshakes() {
    let standing = Standing {
        incarnation: Incarnation([0xd1; 16]),
        boot: Boot { number: 3, nonce: 300 },
        cluster: Some(ClusterId([0xc1; 16])),
        named_at: Some(id(6, 300)),
    };
    let peer = Role::Peer {
        id: NodeId(1),
        to: NodeId(2),
        client_address: "127.0.0.1:9080".into(),
        raft_address: "127.0.0.1:8080".into(),
    };
    let challenge = Nonce([0xaa; 32]);
    golden(
        &Hello { standing: Some(standing), challenge, ..Hello::new("raftdeck", peer) },
        "524654440408726166746465636b0001020e3132372e302e302e313a393038300e3132372e302e302e313a383038300001d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d103ac0201c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c10106ac02aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    );
    golden(
        &Hello::new("", Role::Client),
        "5246544404000100000000000000000000000000000000000000000000000000000000000000000000",
    );
    golden(
        &Hello { expects: Some(NodeId(3)), ..Hello::new("", Role::Manager) },
        "524654440400020103000000000000000000000000000000000000000000000000000000000000000000",
    );
    golden(
        &Hello::new("", Role::Founder { id: NodeId(1), to: NodeId(2) }),
        "52465444040003010200000000000000000000000000000000000000000000000000000000000000000000",
    );
    let proof = Proof([0xbb; 32]);
    let asked = Challenge { id: NodeId(3), standing: Some(standing), challenge, proofs: vec![proof] };
    golden(
        &HelloReply::Challenge(asked),
        "020301d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d103ac0201c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c10106ac02aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa01bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    );
    golden(
        &Confirmation::Proof(Some(proof)),
        "0001bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    );
    golden(&Confirmation::Proof(None), "0000");
    golden(&Confirmation::Refused(RefusalReason::Unproven), "0109");
    let accepted = HelloReply::Accepted { id: NodeId(3), cluster: "raftdeck".into() };
    golden(&accepted, "000308726166746465636b");
    let refusals = [
        RefusalReason::NotRaftdeck,
        RefusalReason::Version { ours: 1, theirs: 300 },
        RefusalReason::Cluster { ours: "a".into(), theirs: "b".into() },
        RefusalReason::WrongNode { ours: NodeId(1), wanted: NodeId(2) },
        RefusalReason::UnknownPeer { id: NodeId(9) },
        RefusalReason::WrongPort,
        RefusalReason::Token,
        RefusalReason::TlsNeeded,
        RefusalReason::Certificate { id: NodeId(9) },
        RefusalReason::Unproven,
        RefusalReason::Secret { id: NodeId(9) },
    ];
    golden(
        &refusals.map(HelloReply::Refused),
        "0100010101ac02010201610162010301020104090105010601070108090109010a09",
    );
    let ports = Ports { raft: "a:1".into(), client: "a:2".into(), http: "b:3".into() };
    golden(&ports, "03613a3103613a3203623a33");
    let (known, shown) = (Incarnation([1; 16]), Incarnation([2; 16]));
    let (ours, theirs) = (ClusterId([1; 16]), ClusterId([2; 16]));
    golden(
        &RefusalReason::OtherCluster { ours, theirs },
        "0b0101010101010101010101010101010102020202020202020202020202020202",
    );
    golden(
        &RefusalReason::Incarnation { id: NodeId(9), known, shown },
        "0c090101010101010101010101010101010102020202020202020202020202020202",
    );
    golden(&RefusalReason::OldBoot { id: NodeId(9), met: 7, shown: 5 }, "0d090705");
}

#[test]
fn peer_frames() {
    let ask = raft::VoteRequest { term: Term(7), last: id(6, 300), transfer: true };
    golden(&peer(Message::PreVote(ask)), "02d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1000706ac0201");
    golden(&peer(Message::RequestVote(ask)), "02d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1020706ac0201");
    let vote = raft::VoteReply { term: Term(7), granted: true };
    golden(&peer(Message::PreVoteReply(vote)), "02d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1010701");
    golden(&peer(Message::VoteReply(vote)), "02d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1030701");
    let entries = vec![
        Entry { id: id(7, 301), payload: Payload::Noop },
        Entry { id: id(7, 302), payload: Payload::Command(Bytes::from_static(b"hi")) },
        Entry { id: id(7, 303), payload: Payload::Membership(Box::new(membership())) },
    ];
    let append =
        raft::AppendEntries { term: Term(7), prev: id(6, 300), entries, commit: LogIndex(299), round: 5 };
    golden(
        &peer(Message::AppendEntries(append)),
        "02d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1040706ac020307ad020007ae020102686907af020202010201010103010303683a3301c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c10101d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1ab0205",
    );
    let matched = raft::AppendOutcome::Matched { through: LogIndex(302) };
    let hint = raft::ConflictHint { term: Some(Term(4)), first: LogIndex(3) };
    let conflict = raft::AppendOutcome::Conflict { refused: LogIndex(300), hint };
    for (outcome, expected) in [
        (matched, "02d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d105070500ae0201"),
        (conflict, "02d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d105070501ac0201040301"),
    ] {
        let reply = raft::AppendReply { term: Term(7), round: 5, outcome, stands_by: true };
        golden(&peer(Message::AppendReply(reply)), expected);
    }
}

#[test]
fn hand_over_and_snapshots() {
    golden(
        &peer(Message::TimeoutNow(raft::TimeoutNow { term: Term(7) })),
        "02d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d10607",
    );
    let meta = SnapshotMeta { last: id(6, 300), membership: membership(), membership_index: LogIndex(9) };
    let install = raft::InstallSnapshot {
        term: Term(7),
        meta,
        offset: 300,
        data: Bytes::from_static(b"hi"),
        done: true,
        size: 302,
        round: 5,
    };
    golden(
        &peer(Message::InstallSnapshot(install)),
        "02d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1070706ac0202010201010103010303683a3301c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c10101d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d109ac0202686901ae0205",
    );
    let reply = raft::SnapshotReply {
        term: Term(7),
        round: 5,
        last: id(6, 300),
        next_offset: 302,
        installed: true,
        refused: None,
    };
    golden(&peer(Message::SnapshotReply(reply)), "02d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d108070506ac02ae020100");
    let stalled = raft::DiskStalled { term: Term(7), round: 5, waited: Duration::from_millis(312) };
    golden(&peer(Message::DiskStalled(stalled)), "02d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d10907050080fce29401");
}

/// What the log's entries carry: read back from disks, too.
#[test]
fn commands() {
    let at = LoggedTime(300);
    let write = Write::Put { key: "k".into(), value: "v".into() };
    let session = SessionWrite { session: SessionId(5), sequence: 2, acknowledged: 1, write: write.clone() };
    golden(&Command { at, action: Action::Write(write) }, "ac020000016b0176");
    golden(&Command { at, action: Action::OpenSession }, "ac0201");
    golden(&Command { at, action: Action::SessionWrite(session) }, "ac020205020100016b0176");
    let named = NamedWrite { name: "n".into(), write: Write::Delete { key: "k".into() } };
    golden(&Command { at, action: Action::NamedWrite(named) }, "ac0203016e01016b");
}

#[test]
fn requests() {
    let put = Write::Put { key: "k".into(), value: "v".into() };
    let delete = Write::Delete { key: "k".into() };
    let cas = Write::CompareAndSet { key: "k".into(), expected: Some("v".into()), value: "w".into() };
    let session_write =
        SessionWrite { session: SessionId(5), sequence: 2, acknowledged: 1, write: delete.clone() };
    let get = Read::Get { key: "k".into() };
    let list = Read::List { prefix: "k".into(), after: None, limit: 1000 };
    for (body, expected) in [
        (RequestBody::Write(put), "ac020000016b0176"),
        (RequestBody::Write(delete), "ac020001016b"),
        (RequestBody::Write(cas), "ac020002016b0101760177"),
        (RequestBody::Read(get), "ac020100016b"),
        (RequestBody::Read(list), "ac020101016b00e807"),
        (RequestBody::Status, "ac0202"),
        (RequestBody::Log { first: 1, limit: 512 }, "ac0203018004"),
        (RequestBody::Subscribe, "ac0204"),
        (RequestBody::OpenSession, "ac0205"),
        (RequestBody::SessionWrite(session_write), "ac020605020101016b"),
        (
            RequestBody::ReadWith { read: Read::Get { key: "k".into() }, consistency: Consistency::Stale },
            "ac020700016b02",
        ),
        (
            RequestBody::ChangeMembership(vec![
                MembershipChange::AddLearner { node: NodeId(4), address: "h:4".into(), incarnation: None },
                MembershipChange::Promote { node: NodeId(4) },
                MembershipChange::Remove { node: NodeId(1) },
            ]),
            "ac020803000403683a340001040201",
        ),
        (RequestBody::TransferLeadership { to: NodeId(2) }, "ac020902"),
        (
            RequestBody::Manage(Manage::SetPeerAddress { node: NodeId(4), address: "h:4".into() }),
            "ac020a000403683a34",
        ),
        (RequestBody::Manage(Manage::Campaign), "ac020a01"),
        (RequestBody::Manage(Manage::Tune(TUNING)), "ac020a020080e1eb170080a3c3470080c6868f010100"),
        (RequestBody::Manage(Manage::TakeSnapshot), "ac020a03"),
        (RequestBody::Manage(Manage::SetClock { rate: ClockRate::FROZEN, run_for: None }), "ac020a040000"),
        (
            RequestBody::Manage(Manage::SetClock {
                rate: ClockRate::REAL,
                run_for: Some(Duration::from_millis(300)),
            }),
            "ac020a04c0843d010080c6868f01",
        ),
        (RequestBody::Manage(Manage::SetElectionTimeout(None)), "ac020a0500"),
        (RequestBody::Manage(Manage::ForgoLeases), "ac020a06"),
        (RequestBody::Manage(Manage::CampaignAgainstLeader), "ac020a07"),
        (RequestBody::Manage(Manage::SetDisk(DiskPace::Free)), "ac020a0800"),
        (RequestBody::Manage(Manage::SetDisk(DiskPace::Delayed(Duration::from_secs(1)))), "ac020a08010100"),
        (RequestBody::Manage(Manage::SetDisk(DiskPace::Stalled)), "ac020a0802"),
        (
            RequestBody::Manage(Manage::SetClockFactor(ClockFactor::from_millionths(500_000).unwrap())),
            "ac020a09a0c21e",
        ),
        (RequestBody::Manage(Manage::SkewClock(Duration::from_secs(1))), "ac020a0a0100"),
        (
            RequestBody::Manage(Manage::SetElectionTimeout(Some(Duration::from_millis(300)))),
            "ac020a05010080c6868f01",
        ),
        (
            RequestBody::NamedWrite(NamedWrite {
                name: "n".into(),
                write: Write::Delete { key: "k".into() },
            }),
            "ac020b016e01016b",
        ),
        (RequestBody::Watch { prefix: "k".into(), after: None }, "ac020c016b00"),
        (RequestBody::Watch { prefix: Bytes::new(), after: Some(300) }, "ac020c0001ac02"),
        (RequestBody::Members, "ac020d"),
    ] {
        golden(&Request { id: 300, body }, expected);
    }
}

#[test]
fn responses() {
    let done = |answer| ResponseBody::Done { answer, at: id(2, 9) };
    for (body, expected) in [
        (done(Answer::Stored), "0100000209"),
        (done(Answer::Deleted { existed: true }), "010001010209"),
        (done(Answer::Mismatch { current: None }), "010002000209"),
        (done(Answer::Value(Some("v".into()))), "0100030101760209"),
        (done(Answer::Page { pairs: vec![("k".into(), "v".into())], more: false }), "01000401016b0176000209"),
        (
            ResponseBody::Failed(Failure::NotLeader { leader: Some(NodeId(2)), address: Some("h:1".into()) }),
            "01010001020103683a31",
        ),
        (ResponseBody::Failed(Failure::Unknown), "010101"),
        (ResponseBody::Failed(Failure::Busy), "010102"),
        (ResponseBody::Failed(Failure::Limit(raftdeck_protocol::kv::LimitError::EmptyKey)), "01010300"),
        (ResponseBody::Failed(Failure::Stopping), "010104"),
        (ResponseBody::Failed(Failure::SessionExpired), "010105"),
        (ResponseBody::Failed(Failure::Change(ChangeError::LastVoter)), "01010607"),
        (ResponseBody::Failed(Failure::Transfer(TransferError::InProgress)), "01010702"),
        (ResponseBody::Failed(Failure::TransferGivenUp), "010108"),
        (ResponseBody::Failed(Failure::NotManaged), "010109"),
        (ResponseBody::Failed(Failure::Invalid("no".into())), "01010a026e6f"),
        (done(Answer::SessionOpened(SessionId(9))), "010005090209"),
        (
            ResponseBody::MembershipChanged { at: id(2, 9), membership: membership() },
            "0105020902010201010103010303683a3301c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c10101d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1",
        ),
        (ResponseBody::Transferred { leader: NodeId(2), term: Term(7) }, "01060207"),
        (ResponseBody::Managed, "0107"),
        (ResponseBody::Watching { after: 300 }, "0108ac02"),
        (ResponseBody::Members([(NodeId(2), "a:1".into())].into()), "010a010203613a31"),
        (
            ResponseBody::Changes {
                changes: vec![
                    Change { index: 8, key: "k".into(), value: Some("v".into()) },
                    Change { index: 9, key: "k".into(), value: None },
                ],
                through: 300,
            },
            "01090208016b01017609016b00ac02",
        ),
        (ResponseBody::Failed(Failure::Forgotten { oldest: 300 }), "01010bac02"),
        (ResponseBody::Failed(Failure::NameInUse), "01010c"),
        (ResponseBody::Failed(Failure::NotPermitted), "01010d"),
        (ResponseBody::Failed(Failure::DiskStalled { waited: Duration::from_secs(1) }), "01010e0100"),
        (ResponseBody::Failed(Failure::NotCaughtUp), "01010f"),
        (ResponseBody::Failed(Failure::BeyondLog { newest: 300 }), "010110ac02"),
        (ResponseBody::Failed(Failure::NotInCluster("no".to_owned())), "010111026e6f"),
        (
            ResponseBody::Log(vec![LogLine { id: id(2, 9), text: "put k v".into() }]),
            "010301020907707574206b2076",
        ),
    ] {
        golden(&Response { id: 1, body }, expected);
    }
}

#[test]
fn telemetry() {
    let status = raft::Status {
        id: NodeId(1),
        term: Term(2),
        role: raft::Role::Leader,
        vote: Some(NodeId(1)),
        leader: Some(NodeId(1)),
        last: id(2, 9),
        durable: LogIndex(9),
        disk_wait: Some(Duration::from_millis(312)),
        disk_stalled: true,
        committed: LogIndex(8),
        applied: LogIndex(8),
        membership: membership(),
        membership_index: LogIndex(7),
        snapshot: id(1, 5),
        purged: LogIndex(4),
        tuning: TUNING,
        transfer: Some(NodeId(2)),
        lease: Duration::from_millis(90),
        election_timeout: Duration::from_millis(200),
        election_remaining: Duration::from_millis(100),
        heartbeat_age: Some(Duration::ZERO),
        has_quorum: true,
        votes: vec![(NodeId(2), true)],
        peers: vec![raft::PeerStatus {
            id: NodeId(2),
            matched: LogIndex(8),
            next: LogIndex(10),
            state: raft::ReplicationState::Replicate,
            last_heard: None,
            snapshot: Some((1, 300)),
            disk_stalled: Some(Duration::from_millis(700)),
            incarnation: Some(DISK),
            owes: Some(LogIndex(300)),
            refused_snapshot: Some(raft::SnapshotRefusal::Undecodable),
        }],
        term_runs: vec![raft::TermRun { term: Term(2), first: LogIndex(1), last: LogIndex(9) }],
    };
    let status = NodeStatus {
        raft: status,
        keys: 3,
        state_hash: 4,
        uptime_micros: 5,
        fsync_micros: 6,
        sessions: 7,
        clock_rate: ClockRate::REAL,
        next_timer_micros: 8,
        fsyncs: 9,
        refused: vec![RefusedPeer { id: NodeId(2), reason: RefusalReason::Token, since_unix_ms: 300 }],
        incarnation: None,
        cluster: None,
        address: String::new(),
        notices: Vec::new(),
    };
    golden(
        &Telemetry::Status(Box::new(status)),
        "0001020301010101020909010080fce2940101080802010201010103010303683a3301c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c10101d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1070105040080e1eb170080a3c3470080c6868f0101000102008095f52a008084af5f0080c2d72f010000010102010102080a01000101ac02010080cee4cd0201d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d101ac020101010201090304050607c0843d0809010206ac0200000000",
    );
    let event = TraceEvent::Committed { through: LogIndex(9) };
    golden(&Telemetry::Event { seq: 1, at_micros: 2, event }, "0101020b09");
    golden(&Telemetry::Missed { count: 300 }, "02ac02");
}

/// One of each, in order: the numbers of the variants.
#[test]
fn trace_events() {
    let (term, node) = (Term(7), NodeId(2));
    let index = LogIndex(3);
    let events = vec![
        TraceEvent::Started {
            term,
            last: index,
            vote: Some(node),
            purged: id(1, 2),
            runs: vec![raft::TermRun { term, first: index, last: index }],
        },
        TraceEvent::TimedOut { waited: Duration::from_micros(1) },
        TraceEvent::ElectionStarted { term, pre_vote: true },
        TraceEvent::VoteGranted { candidate: node, term, pre_vote: false },
        TraceEvent::VoteRefused {
            candidate: node,
            term,
            pre_vote: false,
            reason: raft::VoteRefusal::LeaderAlive,
        },
        TraceEvent::VoteReceived { from: node, granted: true, pre_vote: false, votes: 2, needed: 2 },
        TraceEvent::RoleChanged { from: raft::Role::Candidate, to: raft::Role::Leader, term },
        TraceEvent::SteppedDown { reason: raft::StepDownReason::QuorumLost, term },
        TraceEvent::LeaderChanged { leader: None, term },
        TraceEvent::Appended { first: index, last: index, term },
        TraceEvent::Truncated { from: index, to: index },
        TraceEvent::Committed { through: index },
        TraceEvent::Conflict { follower: node, next: index },
        TraceEvent::MembershipChanged { index, membership: membership() },
        TraceEvent::MembershipCommitted { index },
        TraceEvent::CaughtUp { learner: node, round: 1, took: Duration::from_micros(1) },
        TraceEvent::PromotionGivenUp { learner: node },
        TraceEvent::TransferStarted { to: node },
        TraceEvent::TransferGivenUp { to: node },
        TraceEvent::ToldToCampaign { leader: node },
        TraceEvent::SnapshotTaken { last: id(7, 3), size: 300 },
        TraceEvent::SnapshotSending { to: node, last: id(7, 3) },
        TraceEvent::SnapshotInstalled { last: id(7, 3), kept_log: true },
        TraceEvent::Purged { through: id(7, 3) },
        TraceEvent::Tuned { tuning: TUNING },
        TraceEvent::Paused,
        TraceEvent::DiskSlow { waited: Duration::from_micros(1) },
        TraceEvent::DiskStalled { waited: Duration::from_micros(1) },
        TraceEvent::DiskRecovered { waited: Duration::from_micros(1) },
        TraceEvent::FollowerDiskStalled { follower: node, waited: Duration::from_micros(1) },
        TraceEvent::FollowerDiskRecovered { follower: node },
        TraceEvent::StrangerIgnored { from: node, incarnation: Some(DISK), expected: None },
        TraceEvent::WentBack { follower: node, confirmed: index, found: LogIndex(1) },
        TraceEvent::Refilled { follower: node, through: index },
        TraceEvent::SnapshotRefused {
            follower: node,
            last: id(7, 3),
            reason: raft::SnapshotRefusal::Damaged,
        },
    ];
    golden(
        &events,
        "2300070301020102010703030100e80702070103020700040207000305020100020206020307070207080007090303070a03030b030c02030d0302010201010103010303683a3301c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c10101d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d10e030f020100e8071002110212021302140703ac021502070316070301170703180080e1eb170080a3c3470080c6868f010100191a00e8071b00e8071c00e8071d0200e8071e021f0201d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d100200203012102032202070300",
    );
}
