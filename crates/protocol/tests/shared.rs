//! Frames that are read without copying mean what they mean when they are copied, and many frames share one buffer.

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;
use raftdeck_protocol::frame::{self, FrameError};
use raftdeck_protocol::kv::{Consistency, SessionId, SessionWrite};
use raftdeck_protocol::shared::PeerOutline;
use raftdeck_protocol::{PeerFrame, Read, Request, RequestBody, Write, shared};
use raftdeck_raft::{
    AppendEntries, AppendOutcome, AppendReply, Entry, Incarnation, InstallSnapshot, LogId, LogIndex,
    Membership, Message, NodeId, Payload, SnapshotMeta, Term,
};

fn bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        (bytes(), bytes()).prop_map(|(key, value)| Write::Put { key, value }),
        bytes().prop_map(|key| Write::Delete { key }),
        (bytes(), prop::option::of(bytes()), bytes())
            .prop_map(|(key, expected, value)| Write::CompareAndSet { key, expected, value }),
    ]
}

fn body() -> impl Strategy<Value = RequestBody> {
    prop_oneof![
        write().prop_map(RequestBody::Write),
        bytes().prop_map(|key| RequestBody::Read(Read::Get { key })),
        bytes().prop_map(|key| RequestBody::ReadWith {
            read: Read::Get { key },
            consistency: Consistency::Lease
        }),
        Just(RequestBody::Status),
        (any::<[u64; 3]>(), write()).prop_map(|([session, sequence, acknowledged], write)| {
            RequestBody::SessionWrite(SessionWrite {
                session: SessionId(session),
                sequence,
                acknowledged,
                write,
            })
        }),
    ]
}

fn log_id() -> impl Strategy<Value = LogId> {
    any::<(u64, u64)>().prop_map(|(term, index)| LogId { term: Term(term), index: LogIndex(index) })
}

fn payload() -> impl Strategy<Value = Payload> {
    let membership = Membership::of([NodeId(1), NodeId(2)].into());
    prop_oneof![
        4 => bytes().prop_map(Payload::Command),
        1 => Just(Payload::Noop),
        1 => Just(Payload::Membership(Box::new(membership))),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let entry = (log_id(), payload()).prop_map(|(id, payload)| Entry { id, payload });
    let outcome = AppendOutcome::Matched { through: LogIndex(7) };
    prop_oneof![
        8 => (any::<[u64; 3]>(), log_id(), prop::collection::vec(entry, 0..8)).prop_map(
            |([term, commit, round], prev, entries)| {
                let (term, commit) = (Term(term), LogIndex(commit));
                Message::AppendEntries(AppendEntries { term, prev, entries, commit, round })
            }
        ),
        2 => (any::<[u64; 4]>(), log_id(), bytes(), any::<bool>()).prop_map(
            |([term, offset, size, round], last, data, done)| {
                let meta = SnapshotMeta { last, ..SnapshotMeta::default() };
                Message::InstallSnapshot(InstallSnapshot { term: Term(term), meta, offset, data, done, size, round })
            }
        ),
        1 => Just(Message::AppendReply(AppendReply { term: Term(3), round: 9, outcome, stands_by: true })),
    ]
}

/// Both ways to read say the same, be it a value or an error.
fn assert_same(content: &Bytes) {
    let (one, other) = (shared::request(content), frame::decode::<Request>("request", content));
    assert_eq!(one.map_err(|e| e.to_string()), other.map_err(|e| e.to_string()));
    let (one, other) = (shared::peer_frame(content), frame::decode::<PeerFrame>("peer", content));
    assert_eq!(one.map_err(|e| e.to_string()), other.map_err(|e| e.to_string()));
    let (outline, whole) = (shared::peer_outline(content), frame::decode::<PeerFrame>("peer", content));
    assert_eq!(outline.map_err(|e| e.to_string()), whole.map(outline_of).map_err(|e| e.to_string()));
}

/// A message without what it carries.
fn outline_of(PeerFrame { message, .. }: PeerFrame) -> PeerOutline {
    let (mut entries, mut data) = (0, 0);
    let message = match message {
        Message::AppendEntries(append) => {
            entries = append.entries.len() as u64;
            Message::AppendEntries(AppendEntries { entries: Vec::new(), ..append })
        }
        Message::InstallSnapshot(piece) => {
            data = piece.data.len() as u64;
            Message::InstallSnapshot(InstallSnapshot { data: Bytes::new(), ..piece })
        }
        other => other,
    };
    PeerOutline { message, entries, data }
}

/// Also when a byte is changed, and when it is cut short or too long.
fn assert_same_when_damaged(content: &Bytes, at: usize, byte: u8) {
    assert_same(content);
    let at = at % content.len();
    let mut changed = content.to_vec();
    changed[at] = byte;
    assert_same(&changed.into());
    assert_same(&content.slice(..at));
    assert_same(&[&content[..], &[byte]].concat().into());
}

proptest! {
    #[test]
    fn requests_mean_the_same(id: u64, body in body(), at: usize, byte: u8) {
        let request = Request { id, body };
        let content = frame::encode(&request);
        prop_assert_eq!(&shared::request(&content).unwrap(), &request);
        assert_same_when_damaged(&content, at, byte);
    }

    #[test]
    fn messages_mean_the_same(from: u64, disk: [u8; 16], message in message(), at: usize, byte: u8) {
        let framed = PeerFrame { from: NodeId(from), incarnation: Incarnation(disk), message };
        let content = frame::encode(&framed);
        prop_assert_eq!(&shared::peer_frame(&content).unwrap(), &framed);
        assert_same_when_damaged(&content, at, byte);
    }

    #[test]
    fn any_bytes_mean_the_same(content in prop::collection::vec(any::<u8>(), 0..100)) {
        assert_same(&content.into());
    }

    #[test]
    fn what_is_put_into_a_buffer_is_taken_out_of_it_however_it_arrives(
        bodies in prop::collection::vec(body(), 1..6), step in 1_usize..400,
    ) {
        let requests: Vec<Request> = (0..).zip(bodies).map(|(id, body)| Request { id, body }).collect();
        let mut sent = BytesMut::new();
        for request in &requests {
            frame::put(request, &mut sent);
        }
        let (mut buffer, mut taken) = (BytesMut::new(), Vec::new());
        for piece in sent.chunks(step) {
            prop_assert!(frame::missing(&buffer, 2000).unwrap() > 0, "all that was there was taken");
            buffer.put_slice(piece);
            while let Some(content) = frame::take(&mut buffer, 2000).unwrap() {
                taken.push(shared::request(&content).unwrap());
            }
        }
        prop_assert_eq!(taken, requests);
        prop_assert!(buffer.is_empty());
    }
}

#[test]
fn a_command_is_a_slice_of_its_frame() {
    let write = Write::Put { key: "color".into(), value: "blue".into() };
    let content = frame::encode(&Request { id: 1, body: RequestBody::Write(write) });
    let Request { body: RequestBody::Write(Write::Put { value, .. }), .. } =
        shared::request(&content).unwrap()
    else {
        panic!("it is a put")
    };
    assert!(content.as_ptr_range().contains(&value.as_ptr()));
}

#[test]
fn a_frame_over_the_limit_is_refused_by_its_prefix() {
    let mut buffer = BytesMut::from(&[0, 0, 1][..]);
    assert_eq!(frame::missing(&buffer, 255).unwrap(), 1);
    buffer.put_u8(0);
    let error = frame::take(&mut buffer, 255).unwrap_err();
    assert!(matches!(error, FrameError::TooLong { len: 256, max: 255 }), "{error}");
    assert_eq!(frame::missing(&buffer, 256).unwrap(), 256);
}
