//! The Raft port: who is no peer, who is another than it says, and what no member would say.

use crate::http_raw::LET_GO;
use crate::row::{
    Row, Shown, another, assert_closes, connect, drip, enter, exchange, framed, hello, me, peer, read_frame,
    rest, shake_hands,
};
use crate::support::Ready;
use crate::tokens::{MANAGER, PEER};
use raftdeck_client::prove;
use raftdeck_protocol::handshake::{Proof, Role, Side, VERSION};
use raftdeck_protocol::{Hello, HelloReply, PeerFrame, RefusalReason, Request, RequestBody, Secret, frame};
use raftdeck_raft::{
    AppendEntries, AppendOutcome, AppendReply, Entry, LogId, LogIndex, Message, NodeId, Payload, Term,
    VoteReply, VoteRequest,
};
use std::io::Write;
use std::net::Shutdown;
use std::time::Instant;

/// Nobody of the cluster.
const STRANGER: NodeId = NodeId(77);

fn port(node: &Ready) -> &String {
    &node.raft
}

pub(crate) fn rows() -> Vec<Row> {
    [handshakes(), identities(), stolen(), frames(), messages()].into_iter().flatten().collect()
}

fn not_raftdeck(name: &'static str, first: impl Into<Vec<u8>>) -> Row {
    Row::refused(name, port, first, |_| RefusalReason::NotRaftdeck)
}

/// A first frame that depends on whom it is sent to.
fn greeted(name: &'static str, role: fn(&Ready) -> Role, reason: fn(&Ready) -> RefusalReason) -> Row {
    Row::new(name, move |node| {
        let answer = exchange(&node.raft, &hello(role(node)), true);
        let reply: HelloReply = frame::decode("handshake reply", &answer[4..]).unwrap();
        assert_eq!(reply, HelloReply::Refused(reason(node)), "{name}");
    })
}

fn handshakes() -> Vec<Row> {
    let noise: Vec<u8> = (0..20_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    let future = {
        let mut hello = Hello::new("raftdeck", peer(NodeId(1), NodeId(2)));
        hello.version = VERSION + 1;
        framed(&frame::encode(&hello))
    };
    let clustered = |name, theirs: &'static str| {
        Row::new(name, move |node: &Ready| {
            let hello = Hello::new(theirs, peer(STRANGER, me(node)));
            let (reply, _) = shake_hands(&node.raft, &hello, Shown::Token(PEER));
            let reason = RefusalReason::Cluster { ours: "raftdeck".to_owned(), theirs: theirs.to_owned() };
            assert_eq!(reply, HelloReply::Refused(reason), "{name}");
            let (reply, _) = shake_hands(&node.raft, &hello, Shown::None);
            assert_eq!(reply, HelloReply::Refused(RefusalReason::Token), "{name}: it is not told the name");
        })
    };
    let long = Role::Peer {
        id: NodeId(2),
        to: NodeId(1),
        client_address: "a".repeat(5000),
        raft_address: String::new(),
    };
    vec![
        not_raftdeck("peer hello: noise", noise),
        Row::misdirected("peer hello: HTTP", port, "GET /health HTTP/1.1\r\n\r\n"),
        Row::misdirected(
            "peer hello: HTTP without an end",
            port,
            [b"PUT /".as_slice(), &[b'x'; 4096]].concat(),
        ),
        Row::without_tls("peer hello: TLS", port),
        not_raftdeck("peer hello: 4 GiB", u32::MAX.to_be_bytes()),
        not_raftdeck("peer hello: an address without end", hello(long)),
        Row::refused("peer hello: a future version", port, future, |_| RefusalReason::Version {
            ours: VERSION,
            theirs: VERSION + 1,
        }),
        clustered("peer hello: another cluster", "other"),
        clustered("peer hello: no cluster", ""),
        Row::refused("peer hello: a client", port, hello(Role::Client), |_| RefusalReason::WrongPort),
        Row::refused("peer hello: a manager", port, hello(Role::Manager), |_| RefusalReason::WrongPort),
        Row::new("peer hello: cut short at every byte", |node| {
            let whole = hello(peer(STRANGER, me(node)));
            for end in 0..whole.len() {
                assert!(exchange(&node.raft, &whole[..end], true).is_empty(), "cut at {end}");
            }
        }),
        Row::new("peer hello: noise for a proof", |node| {
            let mut stream = connect(&node.raft);
            stream.write_all(&hello(peer(STRANGER, me(node)))).unwrap();
            read_frame(&mut stream);
            stream.write_all(&framed(&[0xee; 300])).unwrap();
            let reply: HelloReply = frame::decode("reply", &read_frame(&mut stream)).unwrap();
            assert_eq!(reply, HelloReply::Refused(RefusalReason::NotRaftdeck));
        }),
        Row::new("peer hello: a message for a proof", |node| {
            let mut stream = connect(&node.raft);
            stream.write_all(&hello(peer(STRANGER, me(node)))).unwrap();
            read_frame(&mut stream);
            // The node may take its beginning for a proof that is none, and it may not be a member's message.
            stream.write_all(&said(STRANGER, vote(1))).unwrap();
            let reply: HelloReply = frame::decode("reply", &read_frame(&mut stream)).unwrap();
            assert!(matches!(reply, HelloReply::Refused(_)), "{reply:?}");
        }),
        Row::slow("peer hello: silence for a proof", |node| {
            let began = Instant::now();
            let mut stream = connect(&node.raft);
            stream.write_all(&hello(peer(STRANGER, me(node)))).unwrap();
            rest(&mut stream);
            assert!(began.elapsed() < LET_GO);
        }),
        Row::slow("peer hello: silence", |node| {
            let began = Instant::now();
            assert!(rest(&mut connect(&node.raft)).is_empty());
            assert!(began.elapsed() < LET_GO);
        }),
        Row::slow("peer hello: byte by byte", |node| {
            let began = Instant::now();
            drip(&node.raft, &4000_u32.to_be_bytes(), b'R');
            assert!(began.elapsed() < LET_GO);
        }),
    ]
}

/// Those who are not who they say.
fn identities() -> Vec<Row> {
    let unknown = |id| RefusalReason::UnknownPeer { id };
    vec![
        greeted(
            "peer id: the node's own",
            |node| peer(me(node), me(node)),
            |node| RefusalReason::UnknownPeer { id: me(node) },
        ),
        greeted(
            "peer id: 0",
            |node| peer(NodeId(0), me(node)),
            move |_| RefusalReason::UnknownPeer { id: NodeId(0) },
        ),
        greeted(
            "peer id: who looks for another",
            |node| peer(me(node), another(node)),
            |node| RefusalReason::WrongNode { ours: me(node), wanted: another(node) },
        ),
        Row::new("peer id: a message in another's name", move |node| {
            let mut stream = enter(&node.raft, peer(STRANGER, me(node)));
            stream.write_all(&said(another(node), vote(1))).unwrap();
            assert_closes(stream);
            assert_ne!(unknown(STRANGER), unknown(me(node)));
        }),
        Row::new("peer id: a message in the node's own name", |node| {
            let mut stream = enter(&node.raft, peer(STRANGER, me(node)));
            stream.write_all(&said(me(node), vote(1))).unwrap();
            assert_closes(stream);
        }),
        Row::new("peer id: a member's, who then says nothing", |node| {
            // The newest connection of a member counts; the member's own is closed, and it dials again at once.
            drop(enter(&node.raft, peer(another(node), me(node))));
        }),
        Row::new("peer id: two hundred strangers", |node| {
            for id in 100..300 {
                drop(enter(&node.raft, peer(NodeId(id), me(node))));
            }
        }),
    ]
}

/// A member's id in the hands of a process that does not know the peers' token.
fn stolen() -> Vec<Row> {
    let refused = |name, shown: Shown<'static>| {
        Row::new(name, move |node: &Ready| {
            let hello = Hello::new("raftdeck", peer(another(node), me(node)));
            let (reply, _) = shake_hands(&node.raft, &hello, shown);
            assert_eq!(reply, HelloReply::Refused(RefusalReason::Token), "{name}");
        })
    };
    vec![
        refused("stolen id: no proof", Shown::None),
        refused("stolen id: another token", Shown::Token("nobodys-token-000001")),
        refused("stolen id: the managers' token", Shown::Token(MANAGER)),
        refused("stolen id: the beginning of the token", Shown::Token(&PEER[..16])),
        refused("stolen id: the token but for its last letter", Shown::Token("the-peers-token-0002")),
        refused("stolen id: the node's own proof, sent back", Shown::Reflected),
        refused("stolen id: a proof of zeros", Shown::Replayed(Proof([0; 32]))),
        Row::new("stolen id: the proof of another connection", |node| {
            let hello = Hello::new("raftdeck", peer(another(node), me(node)));
            let said = frame::encode(&hello);
            // What a process saw that listened to a handshake: the same hello said again meets another challenge.
            let mut stream = connect(&node.raft);
            stream.write_all(&framed(&said)).unwrap();
            let heard = frame::decode("reply", &read_frame(&mut stream)).unwrap();
            let HelloReply::Challenge(challenge) = heard else { panic!("it asks nothing: {heard:?}") };
            let proof = prove(&Secret::new(PEER).unwrap(), &said, &challenge, Side::Dialer);
            let (reply, _) = shake_hands(&node.raft, &hello, Shown::Replayed(proof));
            assert_eq!(reply, HelloReply::Refused(RefusalReason::Token));
        }),
    ]
}

fn said(from: NodeId, message: Message) -> Vec<u8> {
    framed(&frame::encode(&PeerFrame { from, incarnation: raftdeck_raft::Incarnation([7; 16]), message }))
}

fn vote(term: u64) -> Message {
    Message::VoteReply(VoteReply { term: Term(term), granted: true })
}

fn id(term: u64, index: u64) -> LogId {
    LogId { term: Term(term), index: LogIndex(index) }
}

/// Bytes behind a stranger's handshake that close its connection.
fn closed_by(name: &'static str, sent: impl Into<Vec<u8>>) -> Row {
    let sent = sent.into();
    Row::new(name, move |node| {
        let mut stream = enter(&node.raft, peer(STRANGER, me(node)));
        // The node may close before it has taken all of it.
        let _ = stream.write_all(&sent);
        assert_closes(stream);
    })
}

fn frames() -> Vec<Row> {
    vec![
        closed_by("peer frame: noise", framed(&[0xee; 300])),
        closed_by("peer frame: 4 GiB", u32::MAX.to_be_bytes()),
        closed_by("peer frame: empty", framed(b"")),
        closed_by(
            "peer frame: a client's request",
            framed(&frame::encode(&Request { id: 1, body: RequestBody::Status })),
        ),
        closed_by("peer frame: a message that is not known", framed(&[77, 99])),
        closed_by(
            "peer frame: more entries than it has bytes",
            framed(&[77, 4, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        ),
        Row::new("peer frame: cut short at every byte", |node| {
            let whole = said(STRANGER, vote(0));
            for end in 0..whole.len() {
                let mut stream = enter(&node.raft, peer(STRANGER, me(node)));
                stream.write_all(&whole[..end]).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                rest(&mut stream);
            }
        }),
    ]
}

fn appends(prev: LogId, entries: Vec<Entry>, commit: u64) -> Message {
    Message::AppendEntries(AppendEntries {
        term: Term(0),
        prev,
        entries,
        commit: LogIndex(commit),
        round: u64::MAX,
    })
}

/// Numbers that no cluster gets to in all its life: whoever sends them is no member, and is closed.
fn messages() -> Vec<Row> {
    const MOST: u64 = u64::MAX;
    let one = |id| Entry { id, payload: Payload::Noop };
    let ask = |term, last| VoteRequest { term: Term(term), last, transfer: false };
    let matched = |through| {
        let outcome = AppendOutcome::Matched { through: LogIndex(through) };
        Message::AppendReply(AppendReply { term: Term(0), round: MOST, outcome, stands_by: true })
    };
    let rows: [(&'static str, Message); 8] = [
        ("peer message: the last term of all", vote(MOST)),
        ("peer message: a campaign in the last term of all", Message::RequestVote(ask(MOST, id(0, 0)))),
        ("peer message: a campaign with the longest log of all", Message::PreVote(ask(0, id(MOST, MOST)))),
        (
            "peer message: entries behind the last index of all",
            appends(id(0, MOST), vec![one(id(0, MOST))], 0),
        ),
        ("peer message: an entry of the last term of all", appends(id(0, 0), vec![one(id(MOST, 1))], 0)),
        ("peer message: a heartbeat behind the last index of all", appends(id(MOST, MOST), Vec::new(), 0)),
        ("peer message: everything is committed", appends(id(0, 0), Vec::new(), MOST)),
        ("peer message: everything is there", matched(MOST)),
    ];
    let mut rows: Vec<Row> = rows.map(|(name, message)| closed_by(name, said(STRANGER, message))).into();
    rows.push(Row::new("peer message: old ones of a stranger are not heard", move |node| {
        let mut stream = enter(&node.raft, peer(STRANGER, me(node)));
        let old = [vote(0), matched(0), appends(id(0, 0), Vec::new(), 0)];
        for message in old {
            stream.write_all(&said(STRANGER, message)).unwrap();
        }
    }));
    rows
}
