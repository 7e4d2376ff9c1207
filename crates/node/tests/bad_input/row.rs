//! A case: what is sent to which port, and what comes back.

use crate::support::{PATIENCE, Ready};
use bytes::{Bytes, BytesMut};
use raftdeck_client::prove;
use raftdeck_protocol::handshake::{Confirmation, Proof, Role, Side};
use raftdeck_protocol::{
    Hello, HelloReply, RefusalReason, Request, RequestBody, Response, ResponseBody, Secret, frame,
};
use raftdeck_raft::NodeId;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than a node waits for anybody.
const MOST: Duration = Duration::from_secs(50);

/// What waits for nobody takes no longer, also on a busy machine.
const QUICK: Duration = Duration::from_secs(30);

/// The pause between the bytes of who sends slowly.
const DRIP: Duration = Duration::from_millis(200);

/// A case.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) is_slow: bool,
    act: Box<dyn Fn(&Ready) + Send + Sync>,
}

impl Row {
    pub(crate) fn new(name: &'static str, act: impl Fn(&Ready) + Send + Sync + 'static) -> Self {
        Self { name, is_slow: false, act: Box::new(act) }
    }

    /// It takes seconds, because somebody has to lose patience.
    pub(crate) fn slow(name: &'static str, act: impl Fn(&Ready) + Send + Sync + 'static) -> Self {
        Self { is_slow: true, ..Self::new(name, act) }
    }

    /// One HTTP request, and the status and a part of the message that it is answered with.
    pub(crate) fn http(
        name: &'static str,
        sent: impl Into<Vec<u8>>,
        status: u16,
        part: &'static str,
    ) -> Self {
        let sent = sent.into();
        Self::new(name, move |node| {
            let answers = answers(name, &exchange(&node.http, &sent, false));
            let [answer] = &answers[..] else { panic!("{name}: one answer, not {answers:?}") };
            answer.assert(name, status, part);
        })
    }

    /// Bytes on the HTTP port that are no request: an error as any other, or nothing but the end.
    pub(crate) fn no_http(name: &'static str, sent: impl Into<Vec<u8>>, status: Option<u16>) -> Self {
        let sent = sent.into();
        Self::new(name, move |node| {
            let answers = answers(name, &exchange(&node.http, &sent, false));
            assert_eq!(answers.iter().map(|answer| answer.status).next(), status, "{name}: {answers:?}");
            if let (Some(answer), Some(status)) = (answers.first(), status) {
                answer.assert(name, status, "");
                assert!(answer.head.contains("x-request-id: "), "{name}: {answer:?}");
            }
        })
    }

    /// A first frame, and why it is refused.
    pub(crate) fn refused(
        name: &'static str,
        port: fn(&Ready) -> &String,
        first: impl Into<Vec<u8>>,
        reason: impl Fn(&Ready) -> RefusalReason + Send + Sync + 'static,
    ) -> Self {
        let first = first.into();
        Self::new(name, move |node| {
            let answer = exchange(port(node), &first, true);
            assert!(answer.len() > 4, "{name}: the node says why before it closes");
            // Behind a refusal for the wrong port stands which ones there are.
            let whole =
                frame::take(&mut BytesMut::from(&answer[..]), frame::MAX_FRAME).unwrap().expect("a frame");
            let reply: HelloReply = frame::decode("handshake reply", &whole).unwrap();
            assert_eq!(reply, HelloReply::Refused(reason(node)), "{name}");
        })
    }

    /// HTTP on a port for others: where it is served.
    pub(crate) fn misdirected(
        name: &'static str,
        port: fn(&Ready) -> &String,
        sent: impl Into<Vec<u8>>,
    ) -> Self {
        let sent = sent.into();
        Self::new(name, move |node| {
            let answers = answers(name, &exchange(port(node), &sent, false));
            let [answer] = &answers[..] else { panic!("{name}: one answer, not {answers:?}") };
            answer.assert(name, 421, &node.http);
        })
    }

    /// A TLS handshake where none is spoken: an alert.
    pub(crate) fn without_tls(name: &'static str, port: fn(&Ready) -> &String) -> Self {
        let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03raftdeckraftdeckraftdeckraftdeck";
        Self::new(name, move |node| {
            assert_eq!(exchange(port(node), hello, false), [0x15, 3, 3, 0, 2, 2, 40], "{name}");
        })
    }

    pub(crate) fn check(&self, node: &Ready) {
        let began = Instant::now();
        (self.act)(node);
        let took = began.elapsed();
        assert!(self.is_slow || took < QUICK, "{}: it took {took:?}", self.name);
    }
}

pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the node accepts");
    stream.set_read_timeout(Some(MOST)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends bytes, and gives back all that comes until the node closes. `last`: says that no more will come.
pub(crate) fn exchange(address: &str, sent: &[u8], last: bool) -> Vec<u8> {
    let mut stream = connect(address);
    // The node may close before it has taken all of it.
    let _ = stream.write_all(sent);
    if last {
        let _ = stream.shutdown(Shutdown::Write);
    }
    rest(&mut stream)
}

/// Sends the beginning at once and what follows byte by byte, as long as anybody listens.
pub(crate) fn drip(address: &str, begin: &[u8], byte: u8) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(begin).unwrap();
    let mut writing = stream.try_clone().unwrap();
    let dripping = thread::spawn(move || {
        let until = Instant::now() + MOST;
        while Instant::now() < until && writing.write_all(&[byte]).is_ok() {
            thread::sleep(DRIP);
        }
    });
    let answer = rest(&mut stream);
    let _ = stream.shutdown(Shutdown::Both);
    dripping.join().unwrap();
    answer
}

/// All that comes until the node closes, which it does.
pub(crate) fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return answer,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
            {
                panic!("the node does not close; so far it said {:?}", String::from_utf8_lossy(&answer))
            }
            // It closed without having read all that was sent.
            Err(_) => return answer,
        }
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Its status, and, in the one form that every answer has, a part of what it says.
    #[track_caller]
    pub(crate) fn assert(&self, name: &str, status: u16, part: &str) {
        assert_eq!(self.status, status, "{name}: {self:?}");
        let json: Value =
            serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{name}: {error}: {self:?}"));
        assert!(self.head.contains("content-type: application/json"), "{name}: {self:?}");
        if status >= 400 {
            assert_eq!(json["ok"], false, "{name}: {self:?}");
            assert!(json["message"].as_str().unwrap().contains(part), "{name}: {part:?} is not in {self:?}");
        } else {
            assert!(self.body.contains(part), "{name}: {part:?} is not in {self:?}");
        }
    }
}

/// The answers on one connection.
pub(crate) fn answers(name: &str, received: &[u8]) -> Vec<Answer> {
    let mut rest =
        std::str::from_utf8(received).unwrap_or_else(|_| panic!("{name}: {received:?} is not UTF-8"));
    let mut answers = Vec::new();
    while !rest.is_empty() {
        let (head, behind) =
            rest.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{name}: no head in {rest:?}"));
        let status = head.strip_prefix("HTTP/1.").and_then(|head| head.split(' ').nth(1));
        let status =
            status.and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{name}: {head:?}"));
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let length = if status == 100 { 0 } else { length.unwrap_or(behind.len()) };
        let (body, next) = behind.split_at(length);
        answers.push(Answer { status, head, body: body.to_owned() });
        rest = next;
    }
    answers
}

/// A frame with this content.
pub(crate) fn framed(content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
}

/// A first frame as it should be.
pub(crate) fn hello(role: Role) -> Vec<u8> {
    framed(&frame::encode(&Hello::new("raftdeck", role)))
}

/// What is put into the place of a proof.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown<'a> {
    /// Nothing.
    None,
    /// What a process that knows this token would show.
    Token(&'a str),
    /// The node's own proof, sent back to it.
    Reflected,
    /// A proof that was good on an earlier connection.
    Replayed(Proof),
}

/// How a node ends a handshake in which this is shown; the stream is behind it.
pub(crate) fn shake_hands(address: &str, hello: &Hello, shown: Shown<'_>) -> (HelloReply, TcpStream) {
    let said = frame::encode(hello);
    let mut stream = connect(address);
    stream.write_all(&framed(&said)).unwrap();
    let HelloReply::Challenge(challenge) = reply(&mut stream) else { panic!("it asks nothing") };
    let prove = |token| prove(&Secret::new(token).unwrap(), &said, &challenge, Side::Dialer);
    let proof = match shown {
        Shown::None => None,
        Shown::Token(token) => Some(prove(token)),
        Shown::Reflected => challenge.proofs.first().copied(),
        Shown::Replayed(proof) => Some(proof),
    };
    stream.write_all(&framed(&frame::encode(&Confirmation::Proof(proof)))).unwrap();
    (reply(&mut stream), stream)
}

fn reply(stream: &mut TcpStream) -> HelloReply {
    frame::decode("handshake reply", &read_frame(stream)).unwrap()
}

/// A connection past its handshake. The stream is blocking: what is sent and answered is seen step by step.
pub(crate) fn enter(address: &str, role: Role) -> TcpStream {
    let token = crate::tokens::of(&role);
    let shown = token.as_ref().map_or(Shown::None, |token| Shown::Token(token.reveal()));
    let (reply, stream) = shake_hands(address, &Hello::new("raftdeck", role), shown);
    assert!(matches!(reply, HelloReply::Accepted { .. }), "{reply:?}");
    stream
}

pub(crate) fn read_frame(stream: &mut TcpStream) -> Bytes {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).unwrap();
    let mut content = vec![0; u32::from_be_bytes(prefix) as usize];
    stream.read_exact(&mut content).unwrap();
    content.into()
}

/// One question on a connection, and the answer to it.
pub(crate) fn asked(stream: &mut TcpStream, id: u64, body: RequestBody) -> ResponseBody {
    stream.write_all(&framed(&frame::encode(&Request { id, body }))).unwrap();
    loop {
        let response: Response = frame::decode("response", &read_frame(stream)).unwrap();
        if response.id == id {
            return response.body;
        }
    }
}

/// Which node this is.
pub(crate) fn me(node: &Ready) -> NodeId {
    NodeId(node.id)
}

/// Some other member.
pub(crate) fn another(node: &Ready) -> NodeId {
    NodeId(node.id % 3 + 1)
}

/// A member that is said to connect to this node.
pub(crate) fn peer(id: NodeId, to: NodeId) -> Role {
    Role::Peer { id, to, client_address: "127.0.0.1:1".to_owned(), raft_address: String::new() }
}

/// Waits until the node has closed a connection.
pub(crate) fn assert_closes(mut stream: TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    rest(&mut stream);
}
