//! The client port: handshakes and requests that nobody should send.

use crate::http_raw::LET_GO;
use crate::row::{
    Row, Shown, another, asked, assert_closes, connect, enter, exchange, framed, hello, me, peer, read_frame,
    rest, shake_hands,
};
use crate::support::Ready;
use crate::tokens::PEER;
use bytes::Bytes;
use raftdeck_protocol::handshake::{Role, VERSION};
use raftdeck_protocol::kv::{MAX_KEY, MAX_LIST, MAX_VALUE, NamedWrite, SessionId, SessionWrite};
use raftdeck_protocol::{
    ClockRate, Consistency, Failure, Hello, HelloReply, Manage, Read, RefusalReason, Request, RequestBody,
    ResponseBody, Write, frame,
};
use raftdeck_raft::{MembershipChange, NodeId};
use std::io::Write as _;
use std::time::Instant;

fn port(node: &Ready) -> &String {
    &node.client
}

pub(crate) fn rows() -> Vec<Row> {
    [handshakes(), frames(), requests(), changes(), many()].into_iter().flatten().collect()
}

fn not_raftdeck(name: &'static str, first: impl Into<Vec<u8>>) -> Row {
    Row::refused(name, port, first, |_| RefusalReason::NotRaftdeck)
}

fn handshakes() -> Vec<Row> {
    let noise: Vec<u8> = (0..20_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    let versioned = |version: u16| {
        let mut hello = Hello::new("raftdeck", Role::Client);
        hello.version = version;
        framed(&frame::encode(&hello))
    };
    let manager = |name, shown: Shown<'static>| {
        Row::new(name, move |node: &Ready| {
            let (reply, _) = shake_hands(&node.client, &Hello::new("raftdeck", Role::Manager), shown);
            assert_eq!(reply, HelloReply::Refused(RefusalReason::Token), "{name}");
        })
    };
    let elsewhere = Hello { expects: Some(NodeId(77)), ..Hello::new("raftdeck", Role::Manager) };
    vec![
        not_raftdeck("client hello: noise", noise),
        Row::misdirected("client hello: HTTP", port, "GET /health HTTP/1.1\r\n\r\n"),
        Row::misdirected(
            "client hello: HTTP without an end",
            port,
            [b"PUT /".as_slice(), &[b'x'; 4096]].concat(),
        ),
        Row::without_tls("client hello: TLS", port),
        not_raftdeck("client hello: 4 GiB", u32::MAX.to_be_bytes()),
        not_raftdeck(
            "client hello: one byte over the limit",
            [&4097_u32.to_be_bytes()[..], &[0; 4097]].concat(),
        ),
        not_raftdeck("client hello: an empty frame", framed(b"")),
        not_raftdeck("client hello: the magic alone", framed(b"RFTD")),
        not_raftdeck("client hello: bytes behind it", framed(&[&hello(Role::Client)[4..], &[0]].concat())),
        not_raftdeck(
            "client hello: a request",
            framed(&frame::encode(&Request { id: 1, body: RequestBody::Status })),
        ),
        Row::refused("client hello: a future version", port, versioned(VERSION + 1), |_| {
            RefusalReason::Version { ours: VERSION, theirs: VERSION + 1 }
        }),
        Row::refused("client hello: version 0", port, versioned(0), |_| RefusalReason::Version {
            ours: VERSION,
            theirs: 0,
        }),
        Row::refused(
            "client hello: another cluster",
            port,
            framed(&frame::encode(&Hello::new("other\0", Role::Client))),
            |_| RefusalReason::Cluster { ours: "raftdeck".to_owned(), theirs: "other\0".to_owned() },
        ),
        manager("client hello: a manager without a proof", Shown::None),
        manager("client hello: a manager with another token", Shown::Token(PEER)),
        manager("client hello: a manager that sends the node's proof back", Shown::Reflected),
        Row::refused("client hello: for another node", port, framed(&frame::encode(&elsewhere)), |node| {
            RefusalReason::WrongNode { ours: me(node), wanted: NodeId(77) }
        }),
        Row::refused("client hello: a peer", port, hello(peer(NodeId(2), NodeId(1))), |_| {
            RefusalReason::WrongPort
        }),
        Row::new("client hello: cut short at every byte", |node| {
            let whole = hello(Role::Client);
            for end in 0..whole.len() {
                assert!(exchange(&node.client, &whole[..end], true).is_empty(), "cut at {end}");
            }
        }),
        Row::new("client hello: a flipped bit anywhere is no harm", |node| {
            let whole = hello(Role::Client);
            // The length stays: with another one the node waits for what does not come.
            for bit in 4 * 8..whole.len() * 8 {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let answer = exchange(&node.client, &flipped, true);
                assert!(frame::decode::<HelloReply>("reply", &answer[4..]).is_ok(), "bit {bit}: {answer:?}");
            }
        }),
        Row::slow("client hello: silence", |node| {
            let began = Instant::now();
            assert!(rest(&mut connect(&node.client)).is_empty());
            assert!(began.elapsed() < LET_GO);
        }),
        Row::slow("client hello: byte by byte", |node| {
            let began = Instant::now();
            crate::row::drip(&node.client, &4000_u32.to_be_bytes(), b'R');
            assert!(began.elapsed() < LET_GO);
        }),
    ]
}

/// Bytes behind a handshake that close the connection.
fn closed_by(name: &'static str, sent: impl Into<Vec<u8>>) -> Row {
    let sent = sent.into();
    Row::new(name, move |node| {
        let mut stream = enter(&node.client, Role::Client);
        // The node may close before it has taken all of it.
        let _ = stream.write_all(&sent);
        assert_closes(stream);
    })
}

fn frames() -> Vec<Row> {
    let status = frame::encode(&Request { id: 1, body: RequestBody::Status });
    vec![
        closed_by("client frame: noise", framed(&[0xee; 300])),
        closed_by("client frame: 4 GiB", u32::MAX.to_be_bytes()),
        closed_by(
            "client frame: one byte over the limit",
            (u32::try_from(frame::MAX_FRAME).unwrap() + 1).to_be_bytes(),
        ),
        closed_by("client frame: empty", framed(b"")),
        closed_by("client frame: bytes behind a request", framed(&[&status[..], &[0]].concat())),
        closed_by("client frame: a request that is not known", framed(&[1, 99])),
        closed_by("client frame: a number without end", framed(&[0xff; 20])),
        closed_by(
            "client frame: a key longer than its frame",
            framed(&[1, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        ),
        closed_by("client frame: a handshake again", hello(Role::Client)),
        Row::new("client frame: cut short at every byte", |node| {
            let write = Write::Put { key: "cut".into(), value: "short".into() };
            let whole = framed(&frame::encode(&Request { id: 1, body: RequestBody::Write(write) }));
            for end in 0..whole.len() {
                let mut stream = enter(&node.client, Role::Client);
                stream.write_all(&whole[..end]).unwrap();
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                assert!(rest(&mut stream).is_empty(), "cut at {end}");
            }
        }),
        Row::new("client frame: a request before the garbage is answered", |node| {
            let mut stream = enter(&node.client, Role::Client);
            let status = frame::encode(&Request { id: 1, body: RequestBody::Status });
            stream.write_all(&[framed(&status), framed(&[0xee; 30])].concat()).unwrap();
            rest(&mut stream);
        }),
    ]
}

/// A request that is answered with a failure, and the connection stays. Changes of the membership come from who may ask for them.
fn fails(name: &'static str, body: RequestBody, part: &'static str) -> Row {
    let governs = matches!(body, RequestBody::ChangeMembership(_) | RequestBody::TransferLeadership { .. });
    fails_as(if governs { Role::Manager } else { Role::Client }, name, body, part)
}

fn fails_as(role: Role, name: &'static str, body: RequestBody, part: &'static str) -> Row {
    Row::new(name, move |node| {
        let mut stream = enter(&node.client, role.clone());
        match asked(&mut stream, 1, body.clone()) {
            ResponseBody::Failed(failure) if failure.to_string().contains(part) => {}
            // What only the leader judges is judged there.
            ResponseBody::Failed(Failure::NotLeader { .. }) => {}
            other => panic!("{name}: {part:?} is not in {other:?}"),
        }
        assert!(matches!(asked(&mut stream, 2, RequestBody::Status), ResponseBody::Status(_)));
    })
}

fn put(key: usize, value: usize) -> Write {
    Write::Put { key: vec![b'k'; key].into(), value: vec![b'v'; value].into() }
}

fn list(prefix: usize, limit: u32) -> RequestBody {
    RequestBody::Read(Read::List { prefix: vec![b'k'; prefix].into(), after: None, limit })
}

fn requests() -> Vec<Row> {
    let session = |session| {
        let write = put(1, 1);
        RequestBody::SessionWrite(SessionWrite {
            session: SessionId(session),
            sequence: u64::MAX,
            acknowledged: 0,
            write,
        })
    };
    let named =
        |name: usize| RequestBody::NamedWrite(NamedWrite { name: vec![b'n'; name].into(), write: put(1, 1) });
    let stale = |key: usize| RequestBody::ReadWith {
        read: Read::Get { key: vec![b'k'; key].into() },
        consistency: Consistency::Stale,
    };
    vec![
        fails("client request: an empty key", RequestBody::Write(put(0, 1)), "empty"),
        fails("client request: a longer key", RequestBody::Write(put(MAX_KEY + 1, 1)), "4096"),
        fails("client request: a longer value", RequestBody::Write(put(1, MAX_VALUE + 1)), "1048576"),
        fails(
            "client request: a value of a whole frame",
            RequestBody::Write(put(1, frame::MAX_FRAME - 64)),
            "1048576",
        ),
        fails("client request: a stale read of an empty key", stale(0), "empty"),
        fails("client request: a stale read of a longer key", stale(MAX_KEY + 1), "4096"),
        fails("client request: a list of nothing", list(0, 0), "limit"),
        fails("client request: a list of too much", list(0, MAX_LIST + 1), "limit"),
        fails("client request: a list of all there can be", list(0, u32::MAX), "limit"),
        fails("client request: a list with a longer prefix", list(MAX_KEY + 1, 1), "4096"),
        fails("client request: a session that never was", session(u64::MAX), "session"),
        fails("client request: session 0", session(0), "session"),
        fails("client request: a write with an empty name", named(0), "name"),
        fails("client request: a write with a longer name", named(257), "name"),
        fails(
            "client request: another's clock",
            RequestBody::Manage(Manage::SetClock { rate: ClockRate::FROZEN, run_for: None }),
            "manage",
        ),
        Row::new("client request: the log from where there is none", |node| {
            let mut stream = enter(&node.client, Role::Client);
            for (first, limit) in [(0, 0), (0, u32::MAX), (u64::MAX, u32::MAX), (u64::MAX, 1)] {
                let answer = asked(&mut stream, 1, RequestBody::Log { first, limit });
                assert!(matches!(answer, ResponseBody::Log(_) | ResponseBody::Failed(_)), "{answer:?}");
            }
        }),
        Row::new("client request: two with the same number", |node| {
            let mut stream = enter(&node.client, Role::Client);
            let status = framed(&frame::encode(&Request { id: 7, body: RequestBody::Status }));
            stream.write_all(&status.repeat(2)).unwrap();
            assert_eq!(read_frame(&mut stream)[0], 7);
            assert_eq!(read_frame(&mut stream)[0], 7);
        }),
    ]
}

/// A change that no member agrees to; the leader says why, the others who leads.
fn changes() -> Vec<Row> {
    let change = |change| RequestBody::ChangeMembership(vec![change]);
    let add = |node, address: String| {
        change(MembershipChange::AddLearner { node: NodeId(node), address, incarnation: None })
    };
    let nowhere = || "127.0.0.1:1".to_owned();
    vec![
        fails_as(
            Role::Client,
            "client change: without the manager's token",
            add(9, nowhere()),
            "manager's token",
        ),
        fails_as(
            Role::Client,
            "client transfer: without the manager's token",
            RequestBody::TransferLeadership { to: NodeId(2) },
            "manager's token",
        ),
        fails("client change: an address that is none", add(9, "nowhere".to_owned()), "HOST:PORT"),
        fails("client change: an empty address", add(9, String::new()), "HOST:PORT"),
        fails("client change: port 0", add(9, "127.0.0.1:0".to_owned()), "port 0"),
        fails("client change: a long address", add(9, format!("{}:1", "h".repeat(1 << 20))), "too long"),
        fails("client change: node 0", add(0, nowhere()), ""),
        fails("client change: a member again", add(2, nowhere()), ""),
        fails(
            "client change: a stranger is promoted",
            change(MembershipChange::Promote { node: NodeId(77) }),
            "",
        ),
        fails(
            "client change: a stranger is removed",
            change(MembershipChange::Remove { node: NodeId(77) }),
            "",
        ),
        fails("client change: nothing", RequestBody::ChangeMembership(Vec::new()), ""),
        fails(
            "client change: everybody is removed",
            RequestBody::ChangeMembership(
                (1..=3).map(|id| MembershipChange::Remove { node: NodeId(id) }).collect(),
            ),
            "",
        ),
        fails(
            "client change: a hundred thousand steps",
            RequestBody::ChangeMembership(vec![MembershipChange::Remove { node: NodeId(77) }; 100_000]),
            "the maximum is 64",
        ),
        fails("client change: a stranger shall lead", RequestBody::TransferLeadership { to: NodeId(77) }, ""),
    ]
}

fn many() -> Vec<Row> {
    vec![
        Row::new("client flood: a thousand reads, and gone", |node| {
            let read = RequestBody::Read(Read::Get { key: Bytes::from_static(b"none") });
            let one = framed(&frame::encode(&Request { id: 1, body: read }));
            for _ in 0..5 {
                let mut stream = enter(&node.client, Role::Client);
                stream.write_all(&one.repeat(1000)).unwrap();
            }
        }),
        Row::new("client flood: a handshake that was heard is said again", |node| {
            // Where nothing has to be proved there is nothing to steal: it is as good as the first.
            for _ in 0..3 {
                let (reply, _) =
                    shake_hands(&node.client, &Hello::new("raftdeck", Role::Client), Shown::None);
                let cluster = "raftdeck".to_owned();
                assert_eq!(reply, HelloReply::Accepted { id: me(node), cluster });
            }
            assert_ne!(me(node), another(node));
        }),
    ]
}
