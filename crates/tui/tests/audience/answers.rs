//! What a phone that has joined can do: see what the class sees, and give one answer.

use crate::phone::{Phone, connect, exchange, get, post};
use crate::{Server, asks};
use raftdeck_deck::app::audience::{AudienceNews, AudiencePage, PollState};
use std::io::{Read, Write};
use std::sync::Arc;

#[test]
fn a_phone_joins_sees_the_question_and_answers_once() {
    let mut server = Server::start();
    let phone = Phone::join(&server);
    let mut events = phone.follow(false);
    assert_eq!(events.page()["page"]["poll"], serde_json::Value::Null);
    server.wait(|news| news.joined == 1);
    server.audience.show(asks(7, PollState::Open));
    let seen = events.page();
    assert_eq!((&seen["page"]["poll"]["number"], &seen["chosen"]), (&7.into(), &serde_json::Value::Null));
    assert_eq!(seen["page"]["poll"]["state"], serde_json::json!({ "is": "open" }));
    for option in [0, 0, 2] {
        assert_eq!(phone.answers(7, option).status, 200);
    }
    let news = server.wait(|news| news.counts.iter().sum::<u32>() == 1 && news.counts[2] == 1);
    assert_eq!(news, AudienceNews { joined: 1, poll: 7, counts: vec![0, 0, 1] });
    drop(events);
    server.wait(|news| news.joined == 0 && news.counts == [0, 0, 1]);
    assert_eq!(phone.follow(false).page()["chosen"], 2, "it has its answer when it comes back");
}

#[test]
fn a_phone_that_loads_the_page_again_is_the_same() {
    let mut server = Server::start();
    server.audience.show(asks(1, PollState::Open));
    let phone = Phone::join(&server);
    phone.answers(1, 1);
    let again = exchange(
        phone.address,
        get(&phone.base, &format!("cookie: other=1; {}\r\n", phone.cookie)).as_bytes(),
    );
    assert!(again.field("set-cookie").unwrap().starts_with(&phone.cookie));
    phone.answers(1, 0);
    let other = Phone::join(&server);
    assert_ne!(other.cookie, phone.cookie);
    other.answers(1, 0);
    server.wait(|news| news.counts == [2, 0, 0]);
}

#[test]
fn what_comes_too_late_or_fits_no_question_is_refused_in_a_sentence() {
    let server = Server::start();
    let phone = Phone::join(&server);
    let refused = |poll, option, status, part: &str| {
        let answered = phone.answers(poll, option);
        assert!(answered.status == status && answered.message().contains(part), "{answered:?}");
    };
    refused(1, 0, 409, "no question");
    server.audience.show(asks(2, PollState::Open));
    refused(1, 0, 409, "question has changed");
    refused(2, 3, 400, "no such option");
    assert_eq!(phone.answers(2, 1).status, 200);
    for state in [
        PollState::Closed,
        PollState::Counted { counts: vec![0, 1, 0] },
        PollState::Revealed { counts: vec![0, 1, 0], right: 0, explanation: String::new() },
    ] {
        server.audience.show(asks(2, state));
        refused(2, 2, 409, "poll is closed");
    }
    server.audience.show(AudiencePage::default());
    refused(2, 2, 409, "poll is closed");
    let stranger = post(
        &phone.base,
        &format!("cookie: raftdeck-{}={:032x}\r\n", server.audience.code(), 7),
        "{\"poll\":2,\"option\":1}",
    );
    let answered = exchange(phone.address, stranger.as_bytes());
    assert!(answered.status == 403 && answered.message().contains("load the page again"), "{answered:?}");
}

#[test]
fn nobody_sees_a_count_before_the_deck_shows_it() {
    let mut server = Server::start();
    let (one, other) = (Phone::join(&server), Phone::join(&server));
    server.audience.show(asks(1, PollState::Open));
    one.answers(1, 0);
    server.wait(|news| news.counts == [1, 0, 0]);
    let mut events = other.follow(false);
    assert!(!events.page().to_string().contains("counts"));
    server.audience.show(asks(1, PollState::Closed));
    assert!(!events.page().to_string().contains("counts"));
    server.audience.show(asks(1, PollState::Counted { counts: vec![1, 0, 0] }));
    let seen = events.page();
    assert_eq!(seen["page"]["poll"]["state"]["counts"], serde_json::json!([1, 0, 0]));
    assert!(!seen.to_string().contains("right"));
}

#[test]
fn malformed_answers_are_refused_and_change_nothing() {
    let mut server = Server::start();
    server.audience.show(asks(1, PollState::Open));
    let phone = Phone::join(&server);
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "{\"poll\":1}",
        "{\"poll\":1,\"option\":-1}",
        "{\"poll\":1,\"option\":0.5}",
        "{\"poll\":1,\"option\":\"0\"}",
        "{\"poll\":1,\"option\":0,\"weight\":9}",
        "{\"poll\":1,\"option\":0,\"option\":1}",
        "{\"poll\":1,\"option\":99999999999999999999999}",
        "\u{0}",
    ] {
        let answered = exchange(phone.address, phone.answer_request(body).as_bytes());
        assert!(
            answered.status == 400 && answered.message().starts_with("An answer is"),
            "{body}: {answered:?}"
        );
    }
    let cookie = format!("cookie: {}\r\n", phone.cookie);
    let wrong_kind =
        post(&phone.base, &cookie, "{\"poll\":1,\"option\":0}").replace("application/json", "text/plain");
    assert_eq!(exchange(phone.address, wrong_kind.as_bytes()).status, 415);
    for kind in ["PUT", "DELETE", "GET"] {
        let other = phone.answer_request("{\"poll\":1,\"option\":0}").replacen("POST", kind, 1);
        assert_eq!(exchange(phone.address, other.as_bytes()).status, 405, "{kind}");
    }
    phone.answers(1, 2);
    server.wait(|news| news.counts == [0, 0, 1]);
}

#[test]
fn oversized_requests_are_refused_before_they_are_read() {
    let server = Server::start();
    let phone = Phone::join(&server);
    let large = format!("{{\"poll\":1,\"option\":0{}}}", " ".repeat(2000));
    assert_eq!(exchange(phone.address, phone.answer_request(&large).as_bytes()).status, 413);
    let announced = phone.answer_request("{}").replace("content-length: 2", "content-length: 999999999999");
    let announced = exchange(phone.address, format!("{announced}{}", " ".repeat(4000)).as_bytes());
    assert_eq!(announced.status, 413);
    let fields = format!("x: {}\r\n", "y".repeat(40_000));
    assert_eq!(exchange(phone.address, get(&phone.base, &fields).as_bytes()).status, 431);
    let fields = "x: y\r\n".repeat(100);
    assert_eq!(exchange(phone.address, get(&phone.base, &fields).as_bytes()).status, 431);
}

#[test]
fn an_answer_from_a_page_of_another_site_does_not_count() {
    let mut server = Server::start();
    server.audience.show(asks(1, PollState::Open));
    let phone = Phone::join(&server);
    let body = "{\"poll\":1,\"option\":0}";
    for fields in [
        "sec-fetch-site: cross-site\r\n",
        "sec-fetch-site: same-site\r\n",
        "origin: http://evil.example\r\n",
        "origin: null\r\n",
    ] {
        let request = post(&phone.base, &format!("cookie: {}\r\n{fields}", phone.cookie), body);
        let answered = exchange(phone.address, request.as_bytes());
        assert!(
            answered.status == 403 && answered.message().contains("from the page itself"),
            "{fields}: {answered:?}"
        );
    }
    for fields in ["sec-fetch-site: same-origin\r\n", "origin: http://class.test\r\n"] {
        let request = post(&phone.base, &format!("cookie: {}\r\n{fields}", phone.cookie), body);
        assert_eq!(exchange(phone.address, request.as_bytes()).status, 200, "{fields}");
    }
    server.wait(|news| news.counts == [1, 0, 0]);
}

#[test]
fn a_phone_that_asks_too_often_is_told_to_wait() {
    let server = Server::start();
    server.audience.show(asks(1, PollState::Open));
    let phone = Phone::join(&server);
    let refused = (0..5000).map(|_| phone.answers(1, 0)).find(|answered| answered.status != 200).unwrap();
    assert!(refused.status == 429 && refused.message().contains("wait a moment"), "{refused:?}");
}

#[test]
fn only_those_who_want_the_picture_get_it() {
    let server = Server::start();
    let (with, without) = (Phone::join(&server), Phone::join(&server));
    let (mut with, mut without) = (with.follow(true), without.follow(false));
    with.page();
    without.page();
    server.audience.picture(Arc::from("<svg>\n<g/>\n</svg>"));
    assert_eq!(with.next().unwrap(), ("picture".to_owned(), "<svg>\n<g/>\n</svg>".to_owned()));
    server.audience.show(asks(1, PollState::Open));
    assert_eq!(without.next().unwrap().0, "page");
    let phone = Phone::join(&server);
    let mut late = phone.follow(true);
    late.page();
    assert_eq!(late.next().unwrap().0, "picture", "who comes later sees it too");
}

#[test]
fn the_phones_are_told_when_the_teacher_ends() {
    let server = Server::start();
    let (address, _) = server.place();
    let mut events = Phone::join(&server).follow(true);
    events.page();
    let mut idle = connect(address);
    idle.write_all(b"GET /").unwrap();
    drop(server);
    assert_eq!(events.next().unwrap().0, "end");
    assert_eq!(events.next(), None);
    let mut rest = Vec::new();
    // Closed or reset: in any case over.
    let _ = idle.read_to_end(&mut rest);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let server = Server::start();
    let (address, _) = server.place();
    let error = raftdeck_tui::audience::Audience::start(address, drop).unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}
