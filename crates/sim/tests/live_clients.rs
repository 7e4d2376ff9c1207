//! Several clients of a driven cluster: whom they ask, their sessions, and what is done to the ways between them and the nodes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod deck;

use deck::{Deck, millis, seconds};
use raftdeck_model::{
    ClientOutcome, ClientRequest, CommandId, MAX_CLIENTS, News, Order, StoreOutcome, write,
};
use raftdeck_protocol::{Answer, Consistency};
use raftdeck_raft::{LogIndex, NodeId};
use raftdeck_script::{ScriptLine, parse};

/// Asks without waiting.
fn ask(deck: &mut Deck, line: &str) -> CommandId {
    match parse(line, &deck.world).unwrap() {
        ScriptLine::Store(request) => deck.send(Order::Client(request)),
        other => panic!("{line}: {other:?}"),
    }
}

fn told(deck: &Deck, id: CommandId) -> Option<(ClientRequest, ClientOutcome)> {
    deck.told.iter().find_map(|update| match &update.what {
        News::Client { id: of, request, outcome, .. } if *of == id => {
            Some((request.clone(), outcome.clone()))
        }
        _ => None,
    })
}

/// Asks, and gives the outcome as a word: a value, `stored`, `refused: why`, `in doubt: why`.
fn asked(deck: &mut Deck, line: &str) -> String {
    let id = ask(deck, line);
    outcome(deck, id)
}

fn outcome(deck: &mut Deck, id: CommandId) -> String {
    for _ in 0..10_000 {
        if let Some((_, outcome)) = told(deck, id) {
            return match outcome.judged() {
                StoreOutcome::Done(Answer::Stored) => "stored".to_owned(),
                StoreOutcome::Done(Answer::Value(value)) => value
                    .as_ref()
                    .map_or("none".to_owned(), |value| String::from_utf8_lossy(value).into_owned()),
                StoreOutcome::Done(other) => format!("{other:?}"),
                StoreOutcome::Refused(why) => format!("refused: {why}"),
                StoreOutcome::InDoubt(why) => format!("in doubt: {why}"),
            };
        }
        deck.run(millis(10));
    }
    panic!("{id:?} has no outcome");
}

/// How often a text stands in a node's log.
fn entries(deck: &mut Deck, node: NodeId, text: &str) -> usize {
    let since = deck.told.len();
    deck.obey(Order::FetchLog { node, first: LogIndex(1), limit: 500 }).unwrap();
    let lines = deck.told[since..].iter().find_map(|update| match &update.what {
        News::Log { lines, .. } => Some(lines.iter().filter(|line| line.text == text).count()),
        _ => None,
    });
    lines.unwrap()
}

#[test]
fn a_node_is_asked_itself_and_what_it_says_is_the_answer() {
    let (mut deck, leader) = Deck::led(3, 1);
    let (NodeId(leads), NodeId(follows)) = (leader, deck.follower());
    assert_eq!(asked(&mut deck, "put color blue"), "stored");
    deck.run(seconds(1));
    assert_eq!(asked(&mut deck, &format!("get color at {leads}")), "blue");
    assert_eq!(asked(&mut deck, &format!("get color lease at {leads}")), "blue");
    let why = asked(&mut deck, &format!("get color at {follows}"));
    assert_eq!(why, format!("refused: n{follows} says: this node is not the leader: n{leads} is"));
    let id = ask(&mut deck, &format!("as alice get color stale at {follows}"));
    assert_eq!(outcome(&mut deck, id), "blue");
    let (request, outcome) = told(&deck, id).unwrap();
    assert_eq!((request.at, request.consistency), (Some(NodeId(follows)), Consistency::Stale));
    assert!(matches!(outcome, ClientOutcome::Answered { node, .. } if node == NodeId(follows)));
    deck.say(&format!("kill {follows}")).unwrap();
    let why = asked(&mut deck, &format!("get color stale at {follows}"));
    assert_eq!(why, format!("refused: n{follows} is not running"));
    deck.say(&format!("client alice at {follows}")).unwrap();
    let why = asked(&mut deck, &format!("as alice get color at {leads}"));
    assert_eq!(why, format!("refused: alice does not reach n{leads}"));
}

#[test]
fn a_leader_that_is_cut_off_answers_stale_reads_and_no_others() {
    let (mut deck, old) = Deck::led(3, 2);
    assert_eq!(asked(&mut deck, "put color blue"), "stored");
    deck.run(seconds(1));
    deck.say(&format!("isolate {}", old.0)).unwrap();
    let stranded = ask(&mut deck, &format!("as alice get color at {}", old.0));
    deck.wait(&format!("role {} follower", old.0));
    deck.wait("leader");
    assert_eq!(asked(&mut deck, "put color red"), "stored");
    assert_eq!(asked(&mut deck, &format!("get color stale at {}", old.0)), "blue");
    assert_eq!(asked(&mut deck, "get color"), "red");
    let refused = outcome(&mut deck, stranded);
    assert!(refused.starts_with("refused: "), "{refused}");
}

#[test]
fn each_client_has_a_session_of_its_own() {
    let (mut deck, leader) = Deck::led(3, 3);
    for line in ["put a 1", "as alice put a 2", "as bob put a 3", "as alice put a 4", "put a 5"] {
        assert_eq!(asked(&mut deck, line), "stored", "{line}");
    }
    assert_eq!(entries(&mut deck, leader, "open a session"), 3);
    assert_eq!(asked(&mut deck, "as carol get a"), "5");
}

#[test]
fn a_session_that_is_opened_early_is_the_one_that_the_first_write_uses() {
    let (mut deck, leader) = Deck::led(3, 3);
    deck.obey(Order::OpenSession).unwrap();
    assert_eq!(entries(&mut deck, leader, "open a session"), 1);
    deck.obey(Order::OpenSession).unwrap();
    assert_eq!(asked(&mut deck, "put a 1"), "stored");
    assert_eq!(entries(&mut deck, leader, "open a session"), 1);
    assert_eq!(entries(&mut deck, leader, "put a 1"), 1);
}

#[test]
fn without_a_majority_no_session_is_opened_and_that_is_said() {
    let (mut deck, leader) = Deck::led(3, 3);
    for node in [1, 2, 3].map(NodeId).into_iter().filter(|node| *node != leader) {
        deck.obey(Order::Kill(node)).unwrap();
    }
    let why = deck.obey(Order::OpenSession).unwrap_err();
    assert!(why.starts_with("no session was opened: "), "{why}");
}

#[test]
fn a_write_whose_answer_is_lost_is_asked_again_and_stored_once() {
    let (mut deck, leader) = Deck::led(3, 4);
    deck.say(&format!("client alice lose-answers {}", leader.0)).unwrap();
    let id = ask(&mut deck, "as alice create lock alice");
    deck.run(seconds(2));
    assert_eq!(told(&deck, id), None, "it is stored, and alice does not know it");
    assert_eq!(asked(&mut deck, "get lock"), "alice", "others hear what they ask");
    deck.say("undo").unwrap();
    assert_eq!(outcome(&mut deck, id), "stored", "a second time it could not be created");
    assert!(asked(&mut deck, "as bob create lock bob").starts_with("Mismatch"));
}

#[test]
fn a_write_whose_answer_never_comes_is_in_doubt() {
    let (mut deck, leader) = Deck::led(3, 5);
    deck.say(&format!("client alice lose-answers {}", leader.0)).unwrap();
    let came = asked(&mut deck, "as alice put color blue");
    assert!(came.starts_with("in doubt: "), "{came}");
    let came = asked(&mut deck, "as alice get color");
    assert!(came.starts_with("refused: "), "a read is never in doubt: {came}");
    let came = asked(&mut deck, &format!("as alice get color at {}", leader.0));
    assert_eq!(came, format!("refused: {leader} does not answer"));
    assert_eq!(asked(&mut deck, "get color"), "blue");
    deck.say("heal").unwrap();
    assert_eq!(asked(&mut deck, "as alice get color"), "blue");
}

#[test]
fn requests_that_are_held_go_on_when_that_is_undone_though_nobody_waits_any_more() {
    let (mut deck, _) = Deck::led(3, 6);
    assert_eq!(asked(&mut deck, "as alice put color blue"), "stored");
    deck.say("client alice hold 1,2,3").unwrap();
    let words: Vec<String> =
        deck.world.in_force().iter().map(|fault| write::disturbance(&fault.what)).collect();
    assert_eq!(words, ["client alice hold 1,2,3"]);
    let came = asked(&mut deck, "as alice put color red");
    assert!(came.starts_with("in doubt: "), "{came}");
    assert_eq!(asked(&mut deck, "get color"), "blue");
    deck.say("undo").unwrap();
    deck.run(seconds(1));
    assert_eq!(asked(&mut deck, "get color"), "red", "it may yet happen, and does");
}

#[test]
fn a_workload_whose_requests_are_held_for_long_goes_on_afterwards() {
    let (mut deck, leader) = Deck::led(3, 10);
    deck.say("workload on").unwrap();
    deck.run(seconds(2));
    deck.say("client hold 1,2,3").unwrap();
    deck.run(seconds(60));
    assert_eq!(asked(&mut deck, "as alice put color blue"), "stored", "others are not held up");
    deck.say("undo").unwrap();
    deck.run(seconds(5));
    assert_eq!(asked(&mut deck, "put color red"), "stored");
    let newest = deck.told.iter().rev().find_map(|update| match &update.what {
        News::Workload(figures) => Some(*figures),
        _ => None,
    });
    let figures = newest.unwrap();
    assert!(figures.per_second > 0 && figures.longest_gap_ms >= 59_000, "{figures:?}");
    assert_eq!(deck.leader(), leader, "what comes at once costs nobody the leadership");
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn what_is_held_is_lost_with_its_node() {
    let (mut deck, leader) = Deck::led(3, 7);
    deck.say(&format!("client hold {}", leader.0)).unwrap();
    let id = ask(&mut deck, &format!("get color at {}", leader.0));
    deck.run(seconds(1));
    assert_eq!(told(&deck, id), None);
    deck.say(&format!("kill {}", leader.0)).unwrap();
    let came = outcome(&mut deck, id);
    assert_eq!(came, format!("refused: {leader} closed the connection before it answered"));
    deck.say("heal").unwrap();
    deck.say(&format!("restart {}", leader.0)).unwrap();
    deck.run(seconds(5));
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn a_cut_breaks_what_is_under_way_and_what_comes_after_certainly_does_not_happen() {
    let (mut deck, leader) = Deck::led(3, 8);
    assert_eq!(asked(&mut deck, "as alice put color blue"), "stored");
    // Nothing is committed, and the leader keeps the write.
    deck.say("cut *").unwrap();
    let under_way = ask(&mut deck, "as alice put color red");
    deck.run(millis(20));
    deck.say("client alice cut 1,2,3").unwrap();
    let later = ask(&mut deck, "as alice put color green");
    let came = outcome(&mut deck, under_way);
    assert!(came.starts_with("in doubt: "), "{came}");
    let came = outcome(&mut deck, later);
    assert!(came.starts_with("refused: alice reaches no node"), "{came}");
    deck.say("heal").unwrap();
    deck.wait("leader");
    assert_eq!(asked(&mut deck, "as alice put color white"), "stored");
    assert_eq!(entries(&mut deck, leader, "put color green"), 0);
}

#[test]
fn there_is_room_for_so_many_clients() {
    let (mut deck, _) = Deck::led(1, 9);
    for nth in 0..MAX_CLIENTS {
        assert_eq!(asked(&mut deck, &format!("as c{nth} get a")), "none");
    }
    let no_room = |name: &str| {
        Err(format!(
            "there are 16 named clients already, which is the maximum: use one of them instead of {name}"
        ))
    };
    assert_eq!(deck.say("as more get a"), no_room("more"));
    assert_eq!(deck.say("client other cut 1"), no_room("other"));
    assert!(deck.world.in_force().is_empty());
    assert_eq!(deck.say("as c3 get a"), Ok(()));
    assert_eq!(deck.say("get a"), Ok(()));
}
