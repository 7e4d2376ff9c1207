//! Who does not have the join code gets nothing, and learns nothing.

use crate::phone::{Phone, connect, exchange, get, post};
use crate::{PATIENCE, Server, asks};
use raftdeck_deck::app::audience::PollState;
use std::io::{Read, Write};
use std::time::Instant;

#[test]
fn without_the_code_every_path_and_method_gets_the_same_bytes() {
    let mut server = Server::start();
    server.audience.show(asks(1, PollState::Open));
    let (address, base) = server.place();
    let phone = Phone::join(&server);
    let wrong = if base.ends_with('A') { format!("{}C", &base[..6]) } else { format!("{}A", &base[..6]) };
    let first = exchange(address, get("/", "").as_bytes());
    assert_eq!(first.status, 404);
    assert!(!first.body.to_lowercase().contains("raft") && !first.body.contains(&base[1..]));
    let paths = [
        "/x",
        "/events",
        "/answer",
        "/favicon.ico",
        "//",
        "/../",
        "/%2e%2e/",
        "/?x",
        &wrong,
        &format!("{wrong}/events"),
        &format!("/x{base}"),
        &format!("/%20{}", &base[1..]),
    ];
    let cookie = format!("cookie: {}\r\n", phone.cookie);
    for path in paths {
        for fields in ["", &cookie] {
            assert_eq!(exchange(address, get(path, fields).as_bytes()), first, "{path}");
        }
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "BREW"] {
        let request = post(&wrong, &cookie, "{\"poll\":1,\"option\":0}").replacen("POST", method, 1);
        assert_eq!(exchange(address, request.as_bytes()), first, "{method}");
    }
    phone.answers(1, 1);
    server.wait(|news| news.counts == [0, 1, 0]);
}

#[test]
fn a_code_typed_in_lower_case_leads_to_the_page() {
    let server = Server::start();
    let (address, base) = server.place();
    for typed in [format!("{base}/"), base.to_lowercase(), format!("{}/", base.to_lowercase())] {
        if typed == base {
            continue;
        }
        let answered = exchange(address, get(&typed, "").as_bytes());
        assert_eq!((answered.status, answered.field("location")), (308, Some(&*base)), "{typed}");
    }
}

#[test]
fn guessing_is_slow_and_does_not_disturb_phones_that_have_joined() {
    let server = Server::start();
    server.audience.show(asks(1, PollState::Open));
    let (address, base) = server.place();
    let phone = Phone::join(&server);
    let guess = get(if base == "/AAAAAA" { "/CCCCCC" } else { "/AAAAAA" }, "");
    let nothing = exchange(address, guess.as_bytes());
    // More in a row than a supply holds, however slowly they are made: each refill is one.
    let shut = (0..5000).any(|_| {
        exchange(address, guess.as_bytes());
        exchange(address, get(&base, "").as_bytes()) == nothing
    });
    assert!(shut, "the right code is as wrong as a guess to one who has guessed too often");
    assert_eq!(phone.answers(1, 0).status, 200);
}

#[test]
fn the_page_says_what_it_may_do_and_its_cookie_is_for_the_server_alone() {
    let server = Server::start();
    let (address, base) = server.place();
    let page = exchange(address, get(&base, "").as_bytes());
    let policy = page.field("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    let cookie = page.field("set-cookie").unwrap();
    for part in [&format!("Path={base}"), "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(page.field(name), Some(value));
    }
}

#[test]
fn what_is_no_request_is_refused_and_what_never_ends_is_cut_off() {
    let server = Server::start();
    let (address, base) = server.place();
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01"[..],
        b"\r\n\r\nHELO\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut stream = connect(address);
        stream.write_all(nonsense).unwrap();
        let mut answered = Vec::new();
        // It may be reset after that.
        let _ = stream.read_to_end(&mut answered);
        assert!(answered.is_empty() || answered.starts_with(b"HTTP/1.1 400"), "{nonsense:?}: {answered:?}");
    }
    let mut slow = [connect(address), connect(address)];
    slow[0].write_all(b"GET / HT").unwrap();
    let phone = Phone::join(&server);
    let request = phone.answer_request("{\"poll\":1,\"option\":0}");
    slow[1].write_all(&request.as_bytes()[..request.len() - 4]).unwrap();
    let began = Instant::now();
    for stream in &mut slow {
        let mut answered = Vec::new();
        let _ = stream.read_to_end(&mut answered);
        assert!(answered.is_empty() || answered.starts_with(b"HTTP/1.1 408"), "{answered:?}");
    }
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(exchange(address, get(&base, "").as_bytes()).status, 200);
}
