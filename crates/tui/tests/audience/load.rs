//! A full lecture hall: three hundred phones that follow the picture, and all answer.

use crate::phone::{Event, Phone, event_of};
use crate::{Server, asks};
use raftdeck_deck::app::audience::PollState;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

const PHONES: usize = 300;

/// How often the deck gives the server a picture: more often than it may send one.
const DRAWN: Duration = Duration::from_millis(15);

/// How long the class may take on a busy machine.
const LONG: Duration = Duration::from_mins(5);

/// About as large as a picture of five nodes.
const SIZE: usize = 6_000;

/// The last picture.
const LAST: &str = "last";

fn drawn(name: &str) -> Arc<str> {
    format!("<svg><desc>{name}</desc>{}</svg>", " ".repeat(SIZE)).into()
}

fn name(picture: &str) -> &str {
    picture.strip_prefix("<svg><desc>").unwrap().split('<').next().unwrap()
}

/// Follows the deck up to the last picture; says what came.
async fn follow(stream: std::net::TcpStream) -> Vec<Event> {
    stream.set_nonblocking(true).unwrap();
    let mut stream = TcpStream::from_std(stream).unwrap();
    let (mut text, mut events) = (String::new(), Vec::new());
    let mut bytes = vec![0; 1 << 14];
    loop {
        let count = stream.read(&mut bytes).await.unwrap();
        assert!(count > 0, "the stream ended after {} events", events.len());
        text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        // The chunks' sizes stand between events.
        while let Some(at) = text.find("event: ") {
            text.drain(..at);
            let Some(event) = event_of(&mut text) else { break };
            let is_last = event.0 == "picture" && name(&event.1) == LAST;
            events.push(event);
            if is_last {
                return events;
            }
        }
    }
}

#[test]
fn three_hundred_phones_follow_the_picture_and_all_answers_count() {
    let mut server = Server::start();
    server.audience.show(asks(1, PollState::Open));
    let began = Instant::now();
    let phones: Vec<Phone> = (0..PHONES).map(|_| Phone::join(&server)).collect();
    let streams: Vec<_> = phones.iter().map(|phone| phone.ask(&phone.follow_request(true))).collect();
    server.wait(|news| news.joined == u32::try_from(PHONES).unwrap());
    let class = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut follows = JoinSet::new();
            for stream in streams {
                follows.spawn(timeout(LONG, follow(stream)));
            }
            let mut seen = Vec::new();
            while let Some(events) = follows.join_next().await {
                seen.push(events.unwrap().expect("each phone sees the last picture in time"));
            }
            seen
        })
    });
    // Each changes its mind once, while the pictures go on.
    let answers = thread::spawn(move || {
        for change in [1, 0] {
            for (nth, phone) in (0..).zip(&phones) {
                assert_eq!(phone.answers(1, (nth + change) % 3).status, 200);
            }
        }
    });
    let mut published: u64 = 0;
    while !answers.is_finished() {
        server.audience.picture(drawn(&published.to_string()));
        published += 1;
        thread::sleep(DRAWN);
    }
    answers.join().unwrap();
    let news = server.wait(|news| news.counts == [100, 100, 100]);
    assert_eq!((news.joined, news.poll), (300, 1));
    server.audience.picture(drawn(LAST));
    let seen = class.join().unwrap();
    assert_eq!(seen.len(), PHONES);
    let steps = began.elapsed().as_millis() / 100;
    for events in &seen {
        assert!(events.iter().any(|(kind, text)| kind == "page" && text.contains("\"number\":1")));
        let pictures: Vec<&str> =
            events.iter().filter(|(kind, _)| kind == "picture").map(|(_, text)| name(text)).collect();
        assert!(
            u128::try_from(pictures.len()).unwrap() <= steps + 2,
            "{} pictures in {steps} steps",
            pictures.len()
        );
        let numbers: Vec<u64> = pictures.iter().filter_map(|name| name.parse().ok()).collect();
        assert!(
            numbers.is_sorted_by(|one, next| one < next),
            "each is newer than the one before: {numbers:?}"
        );
    }
}

#[test]
fn a_phone_that_reads_slowly_gets_the_newest_picture_and_none_of_those_between() {
    /// More than the buffers of a connection hold, by far.
    const PUBLISHED: u64 = 2_000;
    let server = Server::start();
    let (slow, quick) = (Phone::join(&server), Phone::join(&server));
    let (mut slow, mut quick) = (slow.follow(true), quick.follow(true));
    slow.page();
    quick.page();
    let large =
        |name: &str| -> Arc<str> { format!("<svg><desc>{name}</desc>{}</svg>", " ".repeat(200_000)).into() };
    for number in 0..PUBLISHED {
        server.audience.picture(large(&number.to_string()));
        if number % 100 == 0 {
            // The other phone sees this one or a newer one: sending went on.
            assert_eq!(quick.next().unwrap().0, "picture");
        }
    }
    server.audience.picture(large(LAST));
    let mut count: u64 = 0;
    loop {
        let (kind, text) = slow.next().unwrap();
        if kind == "picture" {
            count += 1;
            if name(&text) == LAST {
                break;
            }
        }
    }
    assert!(count < PUBLISHED / 10, "{count} pictures were kept for a slow phone");
}
