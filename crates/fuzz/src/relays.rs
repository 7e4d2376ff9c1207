//! What members of etcd say to each other, as the links read it: heads, streams, single messages and snapshots.

use bytes::{BufMut, Bytes, BytesMut};
use raftdeck_links::wire::etcd::{EtcdSession, MAX_MESSAGE};
use raftdeck_links::wire::{HandshakeStep, Session, Side};
use raftdeck_links::{Entrance, EtcdWire, Wire};
use raftdeck_raft::NodeId;
use std::net::SocketAddr;
use tokio_util::codec::{Decoder, Encoder};

/// The member that is dialed, and the one that dials.
const LISTENER: (NodeId, u64) = (NodeId(1), 0x11);
const DIALER: (NodeId, u64) = (NodeId(2), 0x22);

/// What the members say before the input begins, by its second byte.
const REQUESTS: [&str; 6] = [
    "",
    "GET /raft/stream/message/22 HTTP/1.1\r\nX-Server-From: 22\r\nX-Raft-To: 11\r\n\r\n",
    "GET /raft/stream/msgapp/22 HTTP/1.1\r\nX-Server-From: 22\r\nX-Raft-To: 11\r\n\r\n",
    "POST /raft HTTP/1.1\r\nX-Server-From: 22\r\nContent-Length: 20\r\n\r\n",
    "POST /raft HTTP/1.1\r\nX-Server-From: 22\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST /raft/snapshot HTTP/1.1\r\nX-Server-From: 22\r\nTransfer-Encoding: chunked\r\n\r\n",
];

/// How a stream may be answered, by whether the first byte is even.
const ANSWERS: [&str; 2] =
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"];

/// A connection that arrives in pieces: the first byte says how large they are, the second what it is for.
///
/// # Panics
/// If frames depend on how they arrive, one is longer than it may be, or one that was written is not read as it was.
pub fn relays(data: &[u8]) {
    let [step, request, bytes @ ..] = data else { return };
    let request = REQUESTS[usize::from(*request) % REQUESTS.len()];
    let answer = ANSWERS[usize::from(*step) % 2];
    let whole = taken(request, answer, bytes, bytes.len().max(1));
    assert_eq!(
        taken(request, answer, bytes, usize::from(*step) + 1),
        whole,
        "it matters how the bytes arrive"
    );
    let Some(frames) = whole else { return };
    for frame in &frames {
        assert!(frame.len() <= MAX_MESSAGE);
        let _ = EtcdWire::default().glance(frame);
    }
    if request.starts_with("GET") {
        written(&session(request, answer).0, &frames);
    }
}

/// A connection after these heads, and which side speaks.
fn session(request: &str, answer: &str) -> (EtcdSession, Side) {
    let wire = EtcdWire::default();
    for (node, id) in [LISTENER, DIALER] {
        wire.learn(node, id);
    }
    let mut session = wire.session(Entrance::Member(LISTENER.0), SocketAddr::from(([127, 0, 0, 1], 1)));
    let speaks = if request.is_empty() {
        Side::Dialer
    } else if session.heard(Side::Dialer, request.as_bytes()) == HandshakeStep::Speaks(Side::Listener) {
        session.heard(Side::Listener, answer.as_bytes());
        Side::Listener
    } else {
        Side::Dialer
    };
    (session, speaks)
}

/// What came out of a connection; `None`: it was closed. A body that is passed on in pieces counts as one piece.
fn taken(request: &str, answer: &str, bytes: &[u8], step: usize) -> Option<Vec<Bytes>> {
    let (mut session, speaks) = session(request, answer);
    let (mut decoder, mut buffer) = (session.decoder(speaks), BytesMut::new());
    let (mut frames, mut passed, mut is_head) = (Vec::new(), BytesMut::new(), request.is_empty());
    for piece in bytes.chunks(step) {
        buffer.put_slice(piece);
        while let Some(frame) = decoder.decode(&mut buffer).ok()? {
            if is_head {
                is_head = false;
                session.heard(Side::Dialer, &frame);
                decoder = session.decoder(Side::Dialer);
                frames.push(frame);
            } else if request.is_empty() || (request.contains("snapshot") && !frames.is_empty()) {
                passed.put_slice(&frame);
            } else {
                frames.push(frame);
            }
        }
    }
    frames.push(passed.freeze());
    Some(frames)
}

/// What the receiver of these messages gets is read as the same messages.
fn written(session: &EtcdSession, frames: &[Bytes]) {
    let (mut encoder, mut bytes) = (session.encoder(Side::Dialer), BytesMut::new());
    let messages: Vec<&Bytes> = frames.iter().filter(|frame| !frame.is_empty()).collect();
    for message in &messages {
        encoder.encode(Bytes::clone(message), &mut bytes).expect("a message can be written");
    }
    let mut decoder = session.decoder(Side::Listener);
    let mut read = Vec::new();
    // What the first one goes on from may be no message, so that the stream ends there.
    while let Ok(Some(frame)) = decoder.decode(&mut bytes) {
        read.push(frame);
    }
    assert!(messages.iter().copied().zip(&read).all(|(meant, read)| meant == read), "a message was changed");
}
