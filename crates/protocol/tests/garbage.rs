//! Bytes that nobody meant to send: each is refused with a sentence, none panics.

use proptest::prelude::*;
use raftdeck_protocol::handshake::{Hello, Role, VERSION, decode_hello};
use raftdeck_protocol::kv::{MAX_KEY, MAX_LIST, MAX_VALUE, Printed};
use raftdeck_protocol::peer::{MAX_NUMBER, NumberError};
use raftdeck_protocol::{PeerFrame, Read, RefusalReason, Request, Response, Write, frame};
use raftdeck_raft::{
    AppendEntries, AppendOutcome, AppendReply, Entry, LogId, LogIndex, Message, NodeId, Payload, Term,
    VoteRequest,
};

#[test]
fn a_hello_of_another_version_is_told_from_garbage() {
    let mut hello = Hello::new("raftdeck", Role::Client);
    hello.version = VERSION + 1;
    let mut bytes = frame::encode(&hello).to_vec();
    assert_eq!(decode_hello(&bytes), Err(RefusalReason::Version { ours: VERSION, theirs: VERSION + 1 }));
    // Also when the rest has changed beyond recognition.
    bytes.truncate(5);
    assert_eq!(decode_hello(&bytes), Err(RefusalReason::Version { ours: VERSION, theirs: VERSION + 1 }));
    assert_eq!(decode_hello(b"GET / HTTP/1.1\r\n"), Err(RefusalReason::NotRaftdeck));
    assert_eq!(decode_hello(b""), Err(RefusalReason::NotRaftdeck));
}

#[test]
fn a_frame_cut_short_or_with_bytes_too_many_is_refused() {
    let request = Request { id: 1, body: raftdeck_protocol::RequestBody::Write(put("key", "value")) };
    let bytes = frame::encode(&request);
    for end in 0..bytes.len() {
        let error = frame::decode::<Request>("request", &bytes[..end]).unwrap_err();
        assert!(error.to_string().contains("request"), "{error}");
    }
    let longer = [&bytes[..], &[0]].concat();
    let error = frame::decode::<Request>("request", &longer).unwrap_err();
    assert_eq!(error.to_string(), "a request frame has 1 bytes too many");
}

fn put(key: &str, value: &str) -> Write {
    Write::Put { key: key.to_owned().into(), value: value.to_owned().into() }
}

#[test]
fn keys_values_and_limits_are_checked_at_their_bounds() {
    let key = |len| Write::Delete { key: vec![b'k'; len].into() }.check();
    assert!(key(1).is_ok() && key(MAX_KEY).is_ok());
    assert_eq!(key(0).unwrap_err().to_string(), "the key is empty: a key has at least one byte");
    assert_eq!(key(MAX_KEY + 1).unwrap_err().to_string(), "the key has 4097 bytes, over the limit of 4096");
    let value = |len| Write::Put { key: "k".into(), value: vec![0; len].into() }.check();
    assert!(value(0).is_ok() && value(MAX_VALUE).is_ok() && value(MAX_VALUE + 1).is_err());
    let list = |limit| Read::List { prefix: "".into(), after: None, limit }.check();
    assert!(list(1).is_ok() && list(MAX_LIST).is_ok() && list(0).is_err() && list(MAX_LIST + 1).is_err());
}

#[test]
fn bytes_are_shown_without_control_characters_and_cut_when_long() {
    assert_eq!(Printed("blå".as_bytes()).to_string(), "blå");
    assert_eq!(Printed(b"a\x1b[31m\n\xff").to_string(), "a\\u{1b}[31m\\n\\xff");
    assert_eq!(Printed(&[b'x'; 100]).to_string(), format!("{}…", "x".repeat(64)));
}

#[test]
fn a_peer_speaks_of_terms_and_indices_that_a_cluster_can_get_to() {
    let id = |term, index| LogId { term: Term(term), index: LogIndex(index) };
    let append = |term, prev, entry, commit| {
        let entries = vec![Entry { id: entry, payload: Payload::Noop }];
        Message::AppendEntries(AppendEntries {
            term: Term(term),
            prev,
            entries,
            commit: LogIndex(commit),
            round: 1,
        })
    };
    let vote = |term, last| Message::RequestVote(VoteRequest { term: Term(term), last, transfer: false });
    let matched = |through| {
        let outcome = AppendOutcome::Matched { through: LogIndex(through) };
        Message::AppendReply(AppendReply { term: Term(1), round: 1, outcome, stands_by: true })
    };
    let check = |message| {
        PeerFrame { from: NodeId(2), incarnation: raftdeck_raft::Incarnation([7; 16]), message }.check()
    };
    let (most, over) = (MAX_NUMBER, MAX_NUMBER + 1);
    for message in
        [append(most, id(most, most), id(most, most), most), vote(most, id(0, most)), matched(most)]
    {
        assert_eq!(check(message), Ok(()));
    }
    for message in [
        append(over, id(1, 1), id(1, 2), 1),
        append(1, id(over, 1), id(1, 2), 1),
        append(1, id(1, over), id(1, 2), 1),
        append(1, id(1, 1), id(over, 2), 1),
        append(1, id(1, 1), id(1, over), 1),
        append(1, id(1, 1), id(1, 2), over),
        vote(over, id(1, 1)),
        vote(1, id(over, 1)),
        matched(over),
    ] {
        assert_eq!(check(message), Err(NumberError { number: over }));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_hello(&bytes);
        let _ = frame::decode::<PeerFrame>("peer", &bytes);
        let _ = frame::decode::<Request>("request", &bytes);
        let _ = frame::decode::<Response>("response", &bytes);
        let _ = Printed(&bytes).to_string();
    }
}
