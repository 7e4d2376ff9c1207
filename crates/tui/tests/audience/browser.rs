//! Three people with phones, in Chromium: they see the question, answer, one changes its answer, and all see how it ends.

use crate::chromium::{Chromium, Tab};
use crate::{Server, asks};
use raftdeck_deck::app::audience::{AudiencePage, PollState};
use raftdeck_deck::svg::picture;
use raftdeck_model::{LinkState, News, NodeView, ProcessState, RaftView, Update, World};
use raftdeck_raft::{LogId, LogIndex, NodeId, Role, Term};
use serde_json::Value;
use std::collections::BTreeSet;
use std::env;
use std::time::Duration;

const PHONE: (u32, u32) = (390, 844);
const LAPTOP: (u32, u32) = (1280, 800);

/// The button of an option, from 1.
fn option(number: u32) -> String {
    format!("document.querySelectorAll('button.option')[{}]", number - 1)
}

fn status_has(words: &str) -> String {
    format!("document.getElementById('status')?.textContent.includes({words:?})")
}

/// Five nodes: `n2` leads, `n1` is cut off, `n5` was killed.
fn cluster() -> World {
    let mut world = World::default();
    let mut tell = |what| world.fold(&Update { at: Duration::ZERO, seq: 0, what });
    let nodes: Vec<NodeId> = (1..=5).map(NodeId).collect();
    tell(News::Cluster {
        nodes: nodes.clone(),
        heartbeat_ms: 500,
        election_ms: (1000, 2000),
        data_dir: None.into(),
    });
    for id in nodes {
        tell(News::Process { node: id, state: ProcessState::Running { pid: None } });
        let role = if id.0 == 2 { Role::Leader } else { Role::Follower };
        let index = LogIndex(if id.0 == 1 { 12 } else { 14 });
        let raft = RaftView {
            leader: Some(NodeId(2)).into(),
            last: LogId { term: Term(3), index }.into(),
            committed: index.into(),
            ..RaftView::new(id, Term(3), role)
        };
        tell(News::Status { node: id, status: Box::new(NodeView::new(raft)) });
        if id.0 > 1 {
            tell(News::Link { from: NodeId(1), to: id, state: LinkState::Cut });
            tell(News::Link { from: id, to: NodeId(1), state: LinkState::Cut });
        }
    }
    tell(News::Process { node: NodeId(5), state: ProcessState::Killed });
    world
}

#[test]
fn three_phones_answer_and_see_the_outcome() {
    let Some(mut browser) = Chromium::start() else {
        assert!(env::var_os("CI").is_none(), "Chromium is missing: .ci/run installs it");
        eprintln!("not tested: there is no Chromium on this machine");
        return;
    };
    let mut server = Server::start();
    let url = server.audience.join_url().to_owned();
    server.audience.show(AudiencePage { poll: None, ..asks(1, PollState::Open) });
    let phones: Vec<Tab> = [(PHONE, false), (PHONE, true), (LAPTOP, false)]
        .map(|(size, is_dark)| browser.open(&url, size, is_dark))
        .to_vec();
    let [one, two, three] = &phones[..] else { panic!("three phones") };
    server.wait(|news| news.joined == 3);
    for phone in &phones {
        browser.wait(phone, "document.getElementById('caption')?.textContent.startsWith('Five nodes')");
    }
    shots(&mut browser, &phones, "caption");

    server.audience.show(asks(1, PollState::Open));
    for phone in &phones {
        browser.wait(phone, "document.querySelectorAll('button.option').length === 3");
        fits(&mut browser, phone);
    }
    shots(&mut browser, &phones, "question");
    browser.click(one, &option(1));
    browser.wait(one, &status_has("Your answer: 1."));
    browser.click(two, &option(2));
    browser.wait(two, &status_has("Your answer: 2."));
    with_the_keyboard(&mut browser, three);
    browser.wait(three, &status_has("Your answer: 1."));
    server.wait(|news| news.counts == [2, 1, 0]);
    browser.click(one, &option(3));
    browser.wait(one, &status_has("Your answer: 3."));
    server.wait(|news| news.counts == [1, 1, 1]);
    assert_eq!(browser.value(one, &format!("{}.getAttribute('aria-pressed')", option(3))), "true");
    assert_eq!(browser.value(one, &format!("{}.getAttribute('aria-pressed')", option(1))), "false");
    shots(&mut browser, &phones, "answered");

    browser.value(two, "window.isOld = true; location.reload()");
    browser.wait(two, &format!("!window.isOld && {}", status_has("Your answer: 2.")));
    assert_eq!(server.wait(|news| news.joined == 3).counts, [1, 1, 1], "a phone that comes back is the same");

    server.audience.show(asks(1, PollState::Closed));
    for phone in &phones {
        browser.wait(phone, &status_has("The poll is closed."));
        assert_eq!(browser.value(phone, "document.querySelectorAll('button.option').length"), 0);
        assert_eq!(
            browser.value(phone, "document.body.innerText.includes('%')"),
            false,
            "nobody sees a count"
        );
    }
    shots(&mut browser, &phones, "closed");
    let counts = server.wait(|news| news.poll == 1).counts;
    server.audience.show(asks(1, PollState::Counted { counts: counts.clone() }));
    for phone in &phones {
        browser.wait(phone, "document.querySelectorAll('.share').length === 3");
        assert_eq!(shares(&mut browser, phone), ["33 %1 of 3"; 3]);
        assert_eq!(browser.value(phone, "document.querySelectorAll('.right').length"), 0);
    }
    shots(&mut browser, &phones, "counted");

    let explanation =
        "n2 heard from no majority for an election timeout and became a follower (CheckQuorum, thesis §6.2).";
    let revealed = PollState::Revealed { counts, right: 0, explanation: explanation.to_owned() };
    server.audience.show(asks(1, revealed));
    for phone in &phones {
        browser
            .wait(phone, &format!("document.getElementById('explanation').textContent === {explanation:?}"));
        browser.wait(phone, "document.getElementById('why').checkVisibility()");
        assert_eq!(
            browser.value(phone, "document.querySelector('.right').innerText.includes('Right answer')"),
            true
        );
        fits(&mut browser, phone);
    }
    browser.wait(three, &status_has("Your answer: 1. That is right."));
    browser.wait(one, &status_has("Your answer: 3. The right answer is 1."));
    shots(&mut browser, &phones, "revealed");

    follow(&mut browser, &server, &phones);
    // By the streams that they have now.
    server.audience.show(AudiencePage {
        chapter: "Farewell".to_owned(),
        poll: None,
        ..asks(1, PollState::Open)
    });
    for phone in &phones {
        browser.wait(phone, "document.getElementById('chapter').textContent === 'Farewell'");
    }
    drop(server);
    for phone in &phones {
        browser.wait(
            phone,
            "document.getElementById('caption')?.textContent.includes('The teacher has ended the session')",
        );
    }
    shots(&mut browser, &phones, "ended");
    nothing_was_amiss(&browser, &url);
}

/// The picture is shown to those who want it, with its own style, and follows.
fn follow(browser: &mut Chromium, server: &Server, phones: &[Tab]) {
    let mut world = cluster();
    server.audience.picture(picture(&world, &BTreeSet::new()).into());
    for phone in phones {
        browser.click(phone, "document.getElementById('toggle')");
        browser.wait(phone, "document.querySelector('#picture svg .lead .role')?.textContent === 'leader'");
        let fill = browser
            .value(phone, "getComputedStyle(document.querySelector('#picture svg .lead .card')).strokeWidth");
        assert_eq!(fill, "3px", "the policy lets the picture's style through");
        fits(browser, phone);
    }
    for phone in phones {
        browser.value(phone, "document.getElementById('follow').scrollIntoView()");
    }
    shots(browser, phones, "picture");
    world.fold(&Update {
        at: Duration::ZERO,
        seq: 0,
        what: News::Process { node: NodeId(2), state: ProcessState::Killed },
    });
    server.audience.picture(picture(&world, &[NodeId(2)].into()).into());
    for phone in phones {
        browser.wait(phone, "document.querySelectorAll('#picture svg .gone').length === 2");
        browser.click(phone, "document.getElementById('toggle')");
        browser.wait(phone, "!document.querySelector('#picture svg') && !document.getElementById('picture').checkVisibility()");
    }
}

/// Somebody without a mouse or a touch screen answers.
fn with_the_keyboard(browser: &mut Chromium, tab: &Tab) {
    browser.press(tab, "Tab", 9, "");
    assert_eq!(browser.value(tab, &format!("document.activeElement === {}", option(1))), true);
    let outline = browser.value(tab, "getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid", "the focus is visible");
    browser.press(tab, "Enter", 13, "\r");
    browser.wait(tab, &status_has("Your answer: 1."));
    assert_eq!(
        browser.value(tab, &format!("document.activeElement === {}", option(1))),
        true,
        "the focus stays"
    );
}

/// Nothing is wider than the screen, and what is to be touched is large enough for a finger.
fn fits(browser: &mut Chromium, tab: &Tab) {
    assert_eq!(browser.value(tab, "document.documentElement.scrollWidth <= innerWidth"), true);
    let least = browser.value(tab, "Math.min(...[...document.querySelectorAll('button')].filter(it => it.checkVisibility()).map(it => it.getBoundingClientRect().height))");
    assert!(least.as_f64().is_some_and(|least| least >= 44.0), "{least}");
}

fn shares(browser: &mut Chromium, tab: &Tab) -> Vec<String> {
    let shares = browser.value(tab, "[...document.querySelectorAll('.share')].map(it => it.textContent)");
    serde_json::from_value(shares).unwrap()
}

fn shots(browser: &mut Chromium, phones: &[Tab], name: &str) {
    for (phone, at) in phones.iter().zip(["light", "dark", "wide"]) {
        browser.shot(phone, &format!("{name}-{at}"));
    }
}

/// No page asked for anything elsewhere, was kept from anything by its policy, or failed.
fn nothing_was_amiss(browser: &Chromium, url: &str) {
    let base = url.rsplit_once('/').unwrap().0;
    let of = |method: &'static str| browser.events.iter().filter(move |event| event["method"] == method);
    let asked: Vec<&Value> =
        of("Network.requestWillBeSent").map(|event| &event["params"]["request"]["url"]).collect();
    assert!(asked.iter().any(|asked| asked.as_str() == Some(url)));
    let is_own = |asked: &str| asked.starts_with(base) || asked.starts_with("data:");
    assert!(asked.iter().all(|asked| asked.as_str().is_some_and(is_own)), "{asked:?}");
    let thrown: Vec<&Value> = of("Runtime.exceptionThrown").collect();
    assert!(thrown.is_empty(), "{thrown:?}");
    // That the server has gone is said by the browser too.
    let is_end = |entry: &&Value| entry["params"]["entry"]["source"] != "network";
    let entries: Vec<&Value> = of("Log.entryAdded").filter(is_end).collect();
    assert!(entries.is_empty(), "{entries:?}");
}
