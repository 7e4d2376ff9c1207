//! How the wire interprets messages and handshakes.

use super::*;
use raftdeck_protocol::handshake::{Challenge, Confirmation, Nonce};
use raftdeck_protocol::{PeerFrame, RefusalReason};
use raftdeck_raft::{
    AppendEntries, AppendReply, ConflictHint, DiskStalled, Entry, Incarnation, InstallSnapshot, LogId,
    NodeId, Payload, SnapshotMeta, SnapshotReply, Term, TimeoutNow, VoteReply, VoteRequest,
};
use std::time::Duration;

const LINK: Pair = (NodeId(1), NodeId(2));

fn source() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1))
}

fn id(index: u64) -> LogId {
    LogId { term: Term(3), index: LogIndex(index) }
}

fn append(prev: u64, entries: u64) -> Message {
    let entries = (1..=entries).map(|n| Entry { id: id(prev + n), payload: Payload::Noop }).collect();
    let message = AppendEntries { term: Term(3), prev: id(prev), entries, commit: LogIndex(2), round: 1 };
    Message::AppendEntries(message)
}

fn piece(index: u64) -> Message {
    let meta = SnapshotMeta { last: id(index), ..SnapshotMeta::default() };
    let data = Bytes::from_static(b"piece");
    Message::InstallSnapshot(InstallSnapshot {
        term: Term(3),
        meta,
        offset: 5,
        data,
        done: false,
        size: 20,
        round: 1,
    })
}

fn piece_reply(installed: bool) -> Message {
    Message::SnapshotReply(SnapshotReply {
        term: Term(3),
        round: 1,
        last: id(30),
        next_offset: 10,
        installed,
        refused: None,
    })
}

#[test]
fn each_kind_is_told_apart() {
    let request = VoteRequest { term: Term(3), last: id(7), transfer: false };
    let vote = |granted| VoteReply { term: Term(3), granted };
    let reply =
        |outcome| Message::AppendReply(AppendReply { term: Term(3), round: 1, outcome, stands_by: true });
    let hint = ConflictHint { term: None, first: LogIndex(2) };
    let conflict = AppendOutcome::Conflict { refused: LogIndex(5), hint };
    let matched = AppendOutcome::Matched { through: LogIndex(9) };
    let stalled = DiskStalled { term: Term(3), round: 1, waited: Duration::from_millis(1500) };
    let yes = Some(true);
    for (message, kind, index, granted, words) in [
        (Message::PreVote(request), FrameKind::PreVote, None, None, "last 7 in term 3"),
        (Message::PreVoteReply(vote(true)), FrameKind::PreVoteReply, None, yes, ""),
        (Message::RequestVote(request), FrameKind::RequestVote, None, None, "last 7 in term 3"),
        (Message::VoteReply(vote(false)), FrameKind::VoteReply, None, Some(false), ""),
        (append(4, 0), FrameKind::Heartbeat, Some(4), None, "prev 4 in term 3, commit 2"),
        (append(4, 3), FrameKind::AppendEntries, Some(7), None, "prev 4 in term 3, commit 2"),
        (reply(matched), FrameKind::AppendReply, Some(9), yes, ""),
        (reply(conflict), FrameKind::AppendReply, None, Some(false), "refused 5, its log goes on at 2"),
        (Message::TimeoutNow(TimeoutNow { term: Term(3) }), FrameKind::TimeoutNow, None, None, ""),
        (piece(30), FrameKind::InstallSnapshot, Some(30), None, "bytes 5 to 10 of 20"),
        (piece_reply(false), FrameKind::SnapshotReply, Some(30), None, "next byte 10"),
        (piece_reply(true), FrameKind::SnapshotReply, Some(30), yes, "installed"),
        (Message::DiskStalled(stalled), FrameKind::DiskStalled, None, None, "no write finished for 1500 ms"),
    ] {
        let seen = RaftdeckWire.glance(&framed(message)).unwrap();
        assert_eq!(seen.term, Term(3));
        assert_eq!((seen.kind, seen.index), (kind, index.map(LogIndex)));
        assert_eq!((seen.granted, seen.detail.to_string().as_str()), (granted, words));
    }
    assert_eq!(RaftdeckWire.glance(&framed(append(4, 3))).unwrap().entries, 3);
    assert_eq!(RaftdeckWire.glance(b"GET / HTTP/1.1"), None);
}

fn framed(message: Message) -> Bytes {
    frame::encode(&PeerFrame { from: NodeId(1), incarnation: Incarnation([7; 16]), message })
}

fn peer((id, to): Pair) -> Bytes {
    let (client_address, raft_address) = (String::new(), String::new());
    frame::encode(&Hello::new("", Role::Peer { id, to, client_address, raft_address }))
}

fn founder((id, to): Pair) -> Bytes {
    frame::encode(&Hello::new("", Role::Founder { id, to }))
}

fn challenge() -> Bytes {
    let (challenge, proofs) = (Nonce::default(), Vec::new());
    frame::encode(&HelloReply::Challenge(Challenge { id: LINK.1, standing: None, challenge, proofs }))
}

fn confirmation() -> Bytes {
    frame::encode(&Confirmation::Proof(None))
}

fn accepted() -> Bytes {
    frame::encode(&HelloReply::Accepted { id: LINK.1, cluster: String::new() })
}

/// What follows a complete handshake that begins with this hello.
fn after(hello: &[u8]) -> (HandshakeStep, RaftdeckSession) {
    let mut session = RaftdeckWire.session(Entrance::Pair(LINK), source());
    assert_eq!(session.heard(Side::Dialer, hello), HandshakeStep::Speaks(Side::Listener));
    assert_eq!(session.heard(Side::Listener, &challenge()), HandshakeStep::Speaks(Side::Dialer));
    assert_eq!(session.heard(Side::Dialer, &confirmation()), HandshakeStep::Speaks(Side::Listener));
    (session.heard(Side::Listener, &accepted()), session)
}

#[test]
fn what_an_accepted_dialer_says_depends_on_what_it_showed_itself_as() {
    let reversed = (LINK.1, LINK.0);
    let messages = HandshakeStep::Messages { from: Side::Dialer, origin: None };
    for (hello, next, purpose) in [
        (peer(LINK), messages, ConnectionPurpose::Member),
        (founder(LINK), HandshakeStep::Talk, ConnectionPurpose::Founding),
        (peer(reversed), HandshakeStep::Closed, ConnectionPurpose::Member),
        (founder(reversed), HandshakeStep::Closed, ConnectionPurpose::Founding),
        (frame::encode(&Hello::new("", Role::Client)), HandshakeStep::Closed, ConnectionPurpose::Other),
        (Bytes::from_static(b"GET /"), HandshakeStep::Closed, ConnectionPurpose::Other),
    ] {
        let (said, session) = after(&hello);
        assert_eq!((said, session.purpose()), (next, purpose));
    }
}

#[test]
fn nobody_is_accepted_out_of_turn() {
    let refused = frame::encode(&HelloReply::Refused(RefusalReason::Token));
    for answer in [accepted(), refused.clone(), Bytes::from_static(b"go away")] {
        let mut session = RaftdeckWire.session(Entrance::Pair(LINK), source());
        session.heard(Side::Dialer, &peer(LINK));
        assert_eq!(session.heard(Side::Listener, &answer), HandshakeStep::Refused, "to a hello");
    }
    for answer in [challenge(), refused] {
        let mut session = RaftdeckWire.session(Entrance::Pair(LINK), source());
        session.heard(Side::Dialer, &peer(LINK));
        session.heard(Side::Listener, &challenge());
        session.heard(Side::Dialer, &confirmation());
        assert_eq!(session.heard(Side::Listener, &answer), HandshakeStep::Refused, "to a confirmation");
    }
}

#[test]
fn a_dialer_may_send_long_frames_only_when_it_was_accepted() {
    let most = |session: &RaftdeckSession| session.decoder(Side::Dialer).most;
    let new = RaftdeckWire.session(Entrance::Pair(LINK), source());
    assert_eq!((most(&new), new.decoder(Side::Listener).most), (MAX_HANDSHAKE, MAX_HELLO_REPLY));
    assert_eq!(most(&after(&peer(LINK)).1), MAX_FRAME);
    assert_eq!(most(&after(&founder(LINK)).1), MAX_HELLO_REPLY);
}

#[test]
fn frames_survive_any_cut_of_the_bytes_and_one_that_is_too_long_is_refused_by_its_length() {
    let mut codec = RaftdeckCodec { most: 300 };
    let frames = [Bytes::new(), Bytes::from_static(b"short"), Bytes::from(vec![7; 300])];
    let mut sent = BytesMut::new();
    for frame in &frames {
        codec.encode(frame.clone(), &mut sent).unwrap();
    }
    for step in 1..=sent.len() {
        let (mut buffer, mut taken) = (BytesMut::new(), Vec::new());
        for piece in sent.chunks(step) {
            buffer.put_slice(piece);
            while let Some(frame) = codec.decode(&mut buffer).unwrap() {
                taken.push(frame);
            }
        }
        assert_eq!(taken, frames);
    }
    assert!(codec.encode(Bytes::from(vec![7; 301]), &mut sent).is_err());
    assert!(codec.decode(&mut BytesMut::from(&301_u32.to_be_bytes()[..])).is_err());
}
