use super::*;

fn message(fields: &[(u64, u64)]) -> BytesMut {
    let mut message = BytesMut::new();
    for &(field, value) in fields {
        put_number(&mut message, field, value);
    }
    message
}

fn put_bytes(message: &mut BytesMut, field: u64, bytes: &[u8]) {
    put_varint(message, field << 3 | 2);
    put_varint(message, bytes.len() as u64);
    message.put_slice(bytes);
}

fn is(kind: FrameKind, index: Option<u64>, granted: Option<bool>, detail: &str) -> impl Fn(&Glance) -> bool {
    move |glance| {
        (
            glance.kind,
            glance.term,
            glance.index.map(|index| index.0),
            glance.granted,
            glance.detail.to_string(),
        ) == (kind, Term(5), index, granted, detail.to_owned())
    }
}

#[test]
fn each_kind_says_what_it_is_about() {
    let plain = |kind| message(&[(1, kind), (2, 20), (3, 30), (4, 5), (5, 4), (6, 7), (8, 6)]);
    let mut entries = plain(3);
    put_bytes(&mut entries, 7, b"one");
    put_bytes(&mut entries, 7, b"two");
    let mut ordered = plain(5);
    put_bytes(&mut ordered, 12, BY_ORDER);
    let mut refusal = plain(4);
    put_number(&mut refusal, 10, 1);
    put_number(&mut refusal, 11, 3);
    let mut no = plain(6);
    put_number(&mut no, 10, 1);
    let mut snapshot = message(&[(1, 7), (4, 5)]);
    let mut content = BytesMut::new();
    put_bytes(&mut content, 2, &message(&[(2, 9), (3, 4)]));
    put_bytes(&mut snapshot, 9, &content);
    let cases = [
        (plain(2), is(FrameKind::Propose, None, None, "")),
        (plain(3), is(FrameKind::AppendEntries, Some(7), None, "prev 7 in term 4, commit 6")),
        (entries, is(FrameKind::AppendEntries, Some(9), None, "prev 7 in term 4, commit 6")),
        (plain(4), is(FrameKind::AppendReply, Some(7), Some(true), "")),
        (refusal, is(FrameKind::AppendReply, None, Some(false), "refused 7, its log goes on at 4")),
        (plain(5), is(FrameKind::RequestVote, None, None, "last 7 in term 4")),
        (ordered, is(FrameKind::RequestVote, None, None, "last 7 in term 4, on order")),
        (plain(6), is(FrameKind::VoteReply, None, Some(true), "")),
        (no, is(FrameKind::VoteReply, None, Some(false), "")),
        (snapshot, is(FrameKind::InstallSnapshot, Some(9), None, "last 9 in term 4")),
        (plain(8), is(FrameKind::Heartbeat, None, None, "commit 6")),
        (plain(9), is(FrameKind::HeartbeatReply, None, None, "")),
        (plain(13), is(FrameKind::TransferLeader, None, None, "")),
        (timeout_now(30, 20, 5).as_ref().into(), is(FrameKind::TimeoutNow, None, None, "")),
        (plain(15), is(FrameKind::ReadIndex, None, None, "")),
        (plain(16), is(FrameKind::ReadIndexReply, Some(7), None, "")),
        (plain(17), is(FrameKind::PreVote, None, None, "last 7 in term 4")),
        (plain(18), is(FrameKind::PreVoteReply, None, Some(true), "")),
    ];
    for (bytes, is_right) in cases {
        let glance = glance(&bytes).unwrap();
        assert!(is_right(&glance), "{glance:?}");
    }
}

#[test]
fn what_is_unknown_or_broken_is_no_message() {
    assert_eq!(glance(&message(&[(1, 99)])), None);
    assert_eq!(glance(&[0x08]), None);
    assert_eq!(glance(&[0x3a, 0xff]), None);
    assert_eq!(glance(&[0xff; 12]), None);
    assert!(Outline::read(&SIGN_OF_LIFE).unwrap().is_sign_of_life());
}
