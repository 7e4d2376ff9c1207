//! A process of this machine that knows no token, on the port of each link: it finds them all, as anybody can, and says whatever it
//! likes.

use crate::deck::{Deck, options};
use bytes::{Bytes, BytesMut};
use raftdeck_lab::LabOptions;
use raftdeck_protocol::handshake::{Confirmation, Proof};
use raftdeck_protocol::{Hello, HelloReply, PeerFrame, Role as Connects, frame};
use raftdeck_raft::{
    AppendEntries, Entry, Incarnation, LogId, LogIndex, Message, NodeId, Payload, Role, Term, TimeoutNow,
    Timing, VoteReply, VoteRequest,
};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Far above what the cluster has reached, and below what no member would say.
const HIGH: Term = Term(1000);

/// The ports of all links, from the command lines of the nodes: the sender, the receiver, the port.
fn links(deck: &Deck) -> Vec<(NodeId, NodeId, String)> {
    let mut links = Vec::new();
    for from in [1, 2, 3].map(NodeId) {
        let pid = deck.world.pid(from).expect("it runs");
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("it runs");
        let cluster = line.split('\0').skip_while(|word| *word != "--cluster").nth(1).expect("has others");
        for (to, address) in (1..).map(NodeId).zip(cluster.split(',')).filter(|(to, _)| *to != from) {
            links.push((from, to, address.to_owned()));
        }
    }
    links
}

fn id(term: Term, index: u64) -> LogId {
    LogId { term, index: LogIndex(index) }
}

/// What a stranger would have a node believe.
fn forged(from: NodeId) -> Vec<Bytes> {
    let entry = Entry { id: id(HIGH, 1), payload: Payload::Command(Bytes::from_static(b"forged")) };
    let append = AppendEntries {
        term: HIGH,
        prev: LogId::default(),
        entries: vec![entry],
        commit: LogIndex(1),
        round: 1,
    };
    let ask = VoteRequest { term: HIGH, last: id(HIGH, 1 << 40), transfer: true };
    let messages = [
        Message::VoteReply(VoteReply { term: HIGH, granted: false }),
        Message::VoteReply(VoteReply { term: Term(1 << 61), granted: false }),
        Message::AppendEntries(append),
        Message::RequestVote(ask),
        Message::TimeoutNow(TimeoutNow { term: HIGH }),
    ];
    let incarnation = Incarnation([9; 16]);
    messages.map(|message| frame::encode(&PeerFrame { from, incarnation, message })).into()
}

fn framed(content: &[u8]) -> BytesMut {
    let mut bytes = BytesMut::from(&u32::try_from(content.len()).expect("is short").to_be_bytes()[..]);
    bytes.extend_from_slice(content);
    bytes
}

/// Says all of it, and gives back the last answer when the connection is closed.
fn say(address: &str, parts: &[&[u8]], waits: bool) -> Option<HelloReply> {
    let mut stream = TcpStream::connect(address).expect("the link listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("is not zero");
    let mut answer = None;
    for part in parts {
        // It may be closed already.
        let _ = stream.write_all(part);
        if waits {
            answer = hear(&mut stream).or(answer);
        }
    }
    let _ = stream.shutdown(std::net::Shutdown::Write);
    while let Some(reply) = hear(&mut stream) {
        answer = Some(reply);
    }
    answer
}

fn hear(stream: &mut TcpStream) -> Option<HelloReply> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).ok()?;
    let mut content = vec![0; u32::from_be_bytes(prefix) as usize];
    stream.read_exact(&mut content).ok()?;
    frame::decode("reply", &content).ok()
}

#[test]
fn a_stranger_on_the_port_of_any_link_deposes_nobody_forges_nothing_and_kills_nobody() {
    // Slow elections: on a busy machine no follower loses patience by itself.
    let mut deck = Deck::start(LabOptions { timing: Timing::DEMO, ..options(3) });
    let leader = deck.wait("a first leader", |world| world.agreed(3));
    let pids = [1, 2, 3].map(|id| deck.world.pid(NodeId(id)));
    deck.put("name", "luffy");
    let before = deck.wait("its term", |world| world.statuses.get(&leader).map(|status| status.raft.term));
    let links = links(&deck);
    assert_eq!(links.len(), 6, "each pair both ways");
    for (from, to, address) in &links {
        let role = |id, to| Connects::Peer {
            id,
            to,
            client_address: "127.0.0.1:1".to_owned(),
            raft_address: String::new(),
        };
        let hello = framed(&frame::encode(&Hello::new("raftdeck", role(*from, *to))));
        let nothing = framed(&frame::encode(&Confirmation::Proof(None)));
        let guess = framed(&frame::encode(&Confirmation::Proof(Some(Proof([7; 32])))));
        for message in forged(*from) {
            let message = framed(&message);
            // Behind a hello that is not answered yet; behind a proof that is none; with none of it; and a half of it that a
            // member's next frame could complete.
            assert_refused(say(address, &[&hello, &message], false).as_ref());
            assert_refused(say(address, &[&hello, &nothing, &message], true).as_ref());
            assert_refused(say(address, &[&hello, &guess, &message], true).as_ref());
            assert_refused(say(address, &[&message, &message], false).as_ref());
            let half = &message[..message.len() / 2];
            assert_refused(say(address, &[&hello, &nothing, half], true).as_ref());
            assert_refused(say(address, &[half], false).as_ref());
        }
        assert_refused(say(address, &[&framed(b"GET / HTTP/1.1")], false).as_ref());
        assert_refused(say(address, &[&[0xff; 300]], false).as_ref());
        // More connections than a link keeps of those that were not accepted.
        let crowd: Vec<TcpStream> =
            (0..40).map(|_| TcpStream::connect(address).expect("the link listens")).collect();
        drop(crowd);
    }
    deck.put("name", "zoro");
    assert_eq!(deck.get("name").as_deref(), Some("zoro"));
    let after = deck.wait("its term", |world| world.statuses.get(&leader).map(|status| status.raft.term));
    assert!(deck.world.is(leader, Role::Leader), "the leader leads on");
    assert_eq!(after, before, "in the same term");
    assert_eq!([1, 2, 3].map(|id| deck.world.pid(NodeId(id))), pids, "none has ended");
    let log = deck.equal_logs(&[NodeId(1), NodeId(2), NodeId(3)]);
    assert!(log.iter().all(|line| line.id.term < HIGH && !line.text.contains('?')), "{log:?}");
}

#[track_caller]
fn assert_refused(answer: Option<&HelloReply>) {
    assert!(!matches!(answer, Some(HelloReply::Accepted { .. })), "{answer:?}");
}
