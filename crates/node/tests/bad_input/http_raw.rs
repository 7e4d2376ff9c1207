//! Bytes on the HTTP port that break HTTP itself, or bend it: what is no request gets an error and the end of its
//! connection, and nothing that is refused changes anything.

use crate::http::request;
use crate::row::{Row, answers, connect, drip, exchange, framed, hello, rest};
use raftdeck_protocol::RefusalReason;
use raftdeck_protocol::handshake::Role;
use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

/// Nobody is waited for longer than this, in whichever way it is slow.
pub(crate) const LET_GO: Duration = Duration::from_secs(40);

/// A pair that is stored if all of it is taken in.
const PAIR: &str = r#"{"key":"smuggled","value":"b"}"#;

fn raw(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("PUT /set HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
    [head.as_bytes(), body.as_ref()].concat()
}

fn chunked(body: &str) -> Vec<u8> {
    raw("transfer-encoding: chunked\r\n", body)
}

pub(crate) fn rows() -> Vec<Row> {
    [no_requests(), headers(), lengths(), chunks(), several(), cut_short(), patience()]
        .into_iter()
        .flatten()
        .collect()
}

/// What is no request of HTTP/1.1 at all.
fn no_requests() -> Vec<Row> {
    let noise: Vec<u8> = (0..20_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    vec![
        Row::no_http("raw: noise", noise, Some(400)),
        Row::no_http("raw: HTTP/0.9", "GET /health\r\n\r\n", Some(400)),
        Row::new("raw: HTTP/2 and nothing asked", |node| {
            let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
            assert_eq!(exchange(&node.http, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", true), settings);
        }),
        Row::no_http("raw: HTTP/2 cut short", "PRI * HTTP/2.0\r\n\r\n", Some(400)),
        Row::no_http("raw: HTTP/9.9", "GET /health HTTP/9.9\r\n\r\n", Some(400)),
        Row::without_tls("raw: a TLS hello", |node| &node.http),
        Row::refused(
            "raw: a client's hello",
            |node| &node.http,
            hello(Role::Client),
            |_| RefusalReason::WrongPort,
        ),
        Row::no_http("raw: a frame of nobody's", framed(b"hello"), Some(400)),
        Row::no_http("raw: NULs", [0; 1000], Some(400)),
        Row::no_http("raw: a method of control characters", "\x01\x02 / HTTP/1.1\r\n\r\n", Some(400)),
        Row::no_http("raw: no path", "GET HTTP/1.1\r\n\r\n", Some(400)),
        Row::no_http("raw: bytes in the path", b"GET /get?key=\xff\x00 HTTP/1.1\r\n\r\n", Some(400)),
        Row::no_http("raw: a line break in the path", "GET /get?key=a\nb HTTP/1.1\r\n\r\n", Some(400)),
        Row::no_http(
            "raw: an endless request line",
            [&b"GET /"[..], &vec![b'a'; 2 << 20]].concat(),
            Some(431),
        ),
    ]
}

/// Heads that break a rule, or try to find out which are kept.
fn headers() -> Vec<Row> {
    let head = |headers: &str| {
        format!("GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n")
    };
    let head_of = |host: &str| format!("GET /health HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    let flood: Vec<String> = (0..2000).map(|nth| format!("x-{nth}: {nth}\r\n")).collect();
    vec![
        Row::no_http("head: no colon", head("nonsense\r\n"), Some(400)),
        Row::no_http("head: a blank in a name", head("x y: z\r\n"), Some(400)),
        Row::no_http("head: a blank before the colon", head("content-length : 5\r\n"), Some(400)),
        Row::no_http("head: a NUL in a value", head("x: a\0b\r\n"), Some(400)),
        Row::no_http("head: a line that goes on", head("x: a\r\n b\r\n"), Some(400)),
        Row::no_http("head: two thousand of them", head(&flood.concat()), Some(431)),
        Row::no_http("head: one of 1 MiB", head(&format!("x: {}\r\n", "y".repeat(1 << 20))), Some(431)),
        Row::http("head: no host", "GET /health HTTP/1.1\r\n\r\n", 400, "Host is missing"),
        Row::http("head: two hosts", head("host: localhost\r\n"), 400, "Host is given twice"),
        Row::http("head: a host that is none", head_of("a b"), 400, "not HOST or HOST:PORT"),
        Row::http("head: somebody at a host", head_of("me@localhost"), 400, "not HOST or HOST:PORT"),
        Row::http("head: a foreign name", head_of("evil.example"), 403, "another site"),
        Row::http("head: a foreign name without a dot", head_of("router:8080"), 403, "another site"),
        Row::new("head: HTTP/1.0 knows no host", |node| {
            let answers = answers("no host", &exchange(&node.http, b"GET /health HTTP/1.0\r\n\r\n", false));
            answers[0].assert("no host", 200, "leaderId");
        }),
    ]
}

/// Lengths that contradict each other or the body.
fn lengths() -> Vec<Row> {
    vec![
        Row::no_http(
            "length: two of them",
            raw("content-length: 30\r\ncontent-length: 5\r\n", PAIR),
            Some(400),
        ),
        Row::no_http("length: a list of two", raw("content-length: 30, 5\r\n", PAIR), Some(400)),
        Row::no_http("length: below 0", raw("content-length: -1\r\n", PAIR), Some(400)),
        Row::no_http("length: with a sign", raw("content-length: +30\r\n", PAIR), Some(400)),
        Row::no_http("length: no number", raw("content-length: many\r\n", PAIR), Some(400)),
        Row::no_http(
            "length: fits into nothing",
            raw("content-length: 99999999999999999999\r\n", PAIR),
            Some(400),
        ),
        Row::http("length: 100 GB", raw("content-length: 99999999999\r\n", PAIR), 413, "over the limit"),
        Row::http("length: none", raw("", ""), 400, "JSON"),
        Row::http("length: too short", raw("content-length: 5\r\n", PAIR), 400, "JSON"),
        Row::no_http(
            "length: and chunks",
            raw("content-length: 5\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"),
            Some(400),
        ),
        Row::http(
            "length: 100 GB, asking first",
            raw("content-length: 99999999999\r\nexpect: 100-continue\r\n", ""),
            413,
            "over the limit",
        ),
        Row::new("length: asking first, and then a pair", |node| {
            let mut stream = connect(&node.http);
            stream.write_all(&raw("content-length: 29\r\nexpect: 100-continue\r\n", "")).unwrap();
            stream.write_all(br#"{"key":"expected","value":1}x"#).unwrap();
            let answers = answers("asking", &rest(&mut stream));
            assert_eq!(answers[0].status, 100);
            answers[1].assert("asking", 400, "JSON");
        }),
    ]
}

/// Chunks that lie.
fn chunks() -> Vec<Row> {
    vec![
        Row::http("chunk: no size", chunked("x\r\n\r\n0\r\n\r\n"), 400, "body"),
        Row::http(
            "chunk: a size that fits into nothing",
            chunked("ffffffffffffffffff\r\na\r\n"),
            400,
            "body",
        ),
        Row::http("chunk: a size below 0", chunked("-5\r\nhello\r\n0\r\n\r\n"), 400, "body"),
        Row::http("chunk: longer than it says", chunked("3\r\nhello\r\n0\r\n\r\n"), 400, "body"),
        Row::http(
            "chunk: too large a one",
            chunked(&format!("{:x}\r\n{}", 9 << 20, "v".repeat(9 << 20))),
            413,
            "over the limit",
        ),
        Row::http(
            "chunk: endless extensions",
            chunked(&format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(1 << 20))),
            400,
            "body",
        ),
        Row::http(
            "chunk: small ones without end",
            chunked(&format!("400\r\n{}\r\n", "v".repeat(1024)).repeat(9 << 10)),
            413,
            "over the limit",
        ),
        Row::no_http("chunk: twice", raw("transfer-encoding: chunked, chunked\r\n", "0\r\n\r\n"), Some(400)),
        Row::no_http(
            "chunk: not at last",
            raw("transfer-encoding: chunked, gzip\r\n", "0\r\n\r\n"),
            Some(400),
        ),
        Row::no_http("chunk: something else", raw("transfer-encoding: identity\r\n", "0\r\n\r\n"), Some(400)),
    ]
}

/// Requests that follow each other on one connection.
fn several() -> Vec<Row> {
    const GET: &str = "GET /get?key=smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n";
    vec![
        Row::new("several: a hundred at once", |node| {
            let sent = [GET.repeat(99).into_bytes(), request("GET", "/get?key=smuggled", "", "")].concat();
            let answers = answers("a hundred", &exchange(&node.http, &sent, false));
            assert_eq!(answers.len(), 100);
            for answer in answers {
                answer.assert("a hundred", 404, "smuggled");
            }
        }),
        Row::new("several: garbage behind a good one", |node| {
            let sent = [GET.as_bytes(), b"\0\0\0 nonsense\r\n\r\n", GET.as_bytes()].concat();
            let answers = answers("garbage", &exchange(&node.http, &sent, false));
            let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
            assert_eq!(statuses, [404, 400], "what follows garbage is not read");
        }),
        Row::new("several: a request in the body of one that is refused", |node| {
            let hidden = request("PUT", "/set", "", PAIR);
            let outer = request("PUT", "/nothing", "", &hidden);
            let answers = answers("hidden", &exchange(&node.http, &outer, false));
            assert_eq!(answers.len(), 1, "a body is no request: {answers:?}");
            answers[0].assert("hidden", 404, "no such path");
        }),
    ]
}

/// Requests whose sender leaves in the middle: there is nobody to answer, and nothing is changed.
fn cut_short() -> Vec<Row> {
    vec![
        Row::new("cut: a write at every byte", |node| {
            let whole = raw("content-length: 30\r\n", PAIR);
            for end in 0..whole.len() {
                let mut stream = connect(&node.http);
                stream.write_all(&whole[..end]).unwrap();
                drop(stream);
            }
            let sent = request("GET", "/get?key=smuggled", "", "");
            answers("cut", &exchange(&node.http, &sent, false))[0].assert("cut", 404, "no key");
        }),
        Row::new("cut: no more comes, and the answer is awaited", |node| {
            let whole = raw("content-length: 30\r\n", PAIR);
            let mut stream = connect(&node.http);
            stream.write_all(&whole[..whole.len() - 1]).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let answers = answers("half a body", &rest(&mut stream));
            assert!(answers.iter().all(|answer| answer.status == 400), "{answers:?}");
        }),
        Row::new("cut: who asks does not wait", |node| {
            for _ in 0..200 {
                connect(&node.http).write_all(&request("GET", "/get?key=a", "", "")).unwrap();
            }
        }),
    ]
}

fn assert_let_go(name: &str, began: Instant) {
    let took = began.elapsed();
    assert!(took < LET_GO, "{name}: let go after {took:?}");
}

/// Those who are slow.
fn patience() -> Vec<Row> {
    vec![
        Row::slow("slow: half a head, then silence", |node| {
            let began = Instant::now();
            let mut stream = connect(&node.http);
            stream.write_all(b"PUT /set HTTP/1.1\r\nhost: te").unwrap();
            rest(&mut stream);
            assert_let_go("half a head", began);
        }),
        Row::slow("slow: half a body, then silence", |node| {
            let began = Instant::now();
            let mut stream = connect(&node.http);
            stream.write_all(&raw("content-length: 30\r\n", &PAIR[..12])).unwrap();
            let answers = answers("half a body", &rest(&mut stream));
            answers[0].assert("half a body", 408, "nothing was changed");
            assert_let_go("half a body", began);
        }),
        Row::slow("slow: a head byte by byte", |node| {
            let began = Instant::now();
            drip(&node.http, b"GET /health HTTP/1.1\r\nx: ", b'y');
            assert_let_go("a head", began);
        }),
        Row::slow("slow: a body byte by byte", |node| {
            let began = Instant::now();
            let answer = drip(&node.http, &raw("content-length: 100000\r\n", ""), b' ');
            answers("a body", &answer)[0].assert("a body", 408, "nothing was changed");
            assert_let_go("a body", began);
        }),
        Row::slow("slow: chunks byte by byte", |node| {
            let began = Instant::now();
            let answer = drip(&node.http, &chunked("fffff\r\n"), b' ');
            answers("chunks", &answer)[0].assert("chunks", 408, "nothing was changed");
            assert_let_go("chunks", began);
        }),
        Row::slow("slow: silence after an answer", |node| {
            let began = Instant::now();
            let mut stream = connect(&node.http);
            stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
            let answers = answers("kept", &rest(&mut stream));
            assert_eq!((answers.len(), answers[0].status), (1, 200));
            assert_let_go("kept", began);
        }),
    ]
}
