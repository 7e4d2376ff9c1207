//! Several clients of real nodes: whom they ask, their sessions, and what is done to the ways between them and the nodes.

use crate::deck::{Deck, options};
use raftdeck_lab::LabOptions;
use raftdeck_model::{ClientOutcome, CommandId, MAX_CLIENTS, Order, StoreOutcome};
use raftdeck_protocol::{Answer, Secret};
use raftdeck_raft::NodeId;
use raftdeck_script::{ScriptLine, parse};
use std::collections::BTreeSet;

/// Asks without waiting.
fn ask(deck: &mut Deck, line: &str) -> CommandId {
    match parse(line, &deck.world.known) {
        Ok(ScriptLine::Store(request)) => deck.ask(request),
        other => panic!("{line}: {other:?}"),
    }
}

/// Has something come into force, or undoes it.
fn say(deck: &mut Deck, line: &str) {
    let Ok(ScriptLine::Do(orders)) = parse(line, &deck.world.known) else { panic!("{line} is no order") };
    for order in orders {
        let id = deck.send(order);
        assert_eq!(deck.answer(id), Ok(()), "{line}");
    }
}

/// The outcome of a request in a word: a value, `stored`, `refused: why`, `in doubt: why`.
fn outcome(deck: &mut Deck, id: CommandId) -> String {
    match deck.outcome(id).judged() {
        StoreOutcome::Done(Answer::Stored) => "stored".to_owned(),
        StoreOutcome::Done(Answer::Value(Some(value))) => String::from_utf8_lossy(value).into_owned(),
        StoreOutcome::Done(Answer::Value(None)) => "none".to_owned(),
        StoreOutcome::Done(other) => format!("{other:?}"),
        StoreOutcome::Refused(why) => format!("refused: {why}"),
        StoreOutcome::InDoubt(why) => format!("in doubt: {why}"),
    }
}

fn asked(deck: &mut Deck, line: &str) -> String {
    let id = ask(deck, line);
    outcome(deck, id)
}

fn others(than: NodeId) -> Vec<NodeId> {
    (1..=3).map(NodeId).filter(|node| *node != than).collect()
}

/// Waits until every node has applied all that is committed.
fn settle(deck: &mut Deck) {
    deck.wait("all the same", |world| {
        let applied: BTreeSet<_> = world.statuses.values().map(|status| status.raft.applied).collect();
        (applied.len() == 1 && world.agreed(3).is_some()).then_some(())
    });
}

#[test]
fn a_node_is_asked_itself_and_what_it_says_is_the_answer() {
    let (mut deck, leader) = Deck::settled(3);
    let follower = others(leader)[0];
    assert_eq!(asked(&mut deck, "put color blue"), "stored");
    deck.sync();
    settle(&mut deck);
    assert_eq!(asked(&mut deck, &format!("get color at {}", leader.0)), "blue");
    assert_eq!(asked(&mut deck, &format!("get color lease at {}", leader.0)), "blue");
    let id = ask(&mut deck, &format!("as alice get color stale at {}", follower.0));
    assert_eq!(outcome(&mut deck, id), "blue");
    assert!(matches!(deck.outcome(id), ClientOutcome::Answered { node, .. } if node == follower));
    let why = asked(&mut deck, &format!("get color at {}", follower.0));
    assert_eq!(why, format!("refused: {follower} says: this node is not the leader: {leader} is"));
    say(&mut deck, &format!("kill {}", follower.0));
    let why = asked(&mut deck, &format!("get color stale at {}", follower.0));
    assert_eq!(why, format!("refused: {follower} is not running"));
    say(&mut deck, &format!("client alice at {}", follower.0));
    let why = asked(&mut deck, &format!("as alice get color at {}", leader.0));
    assert_eq!(why, format!("refused: alice does not reach {leader}"));
}

#[test]
fn a_leader_that_is_cut_off_answers_stale_reads_and_no_others() {
    let (mut deck, old) = Deck::settled(3);
    assert_eq!(asked(&mut deck, "put color blue"), "stored");
    let term = deck.world.term(old);
    say(&mut deck, &format!("isolate {}", old.0));
    let stranded = ask(&mut deck, &format!("as alice get color at {}", old.0));
    deck.wait("another leader", |world| world.successor(old, term));
    assert_eq!(asked(&mut deck, "as bob put color red"), "stored");
    assert_eq!(asked(&mut deck, &format!("get color stale at {}", old.0)), "blue");
    assert_eq!(asked(&mut deck, "as bob get color"), "red");
    let came = outcome(&mut deck, stranded);
    assert!(came.starts_with("refused: "), "{came}");
}

#[test]
fn each_client_has_a_session_of_its_own() {
    let (mut deck, _) = Deck::settled(3);
    for line in ["put a 1", "as alice put a 2", "as bob put a 3", "as alice put a 4", "put a 5"] {
        assert_eq!(asked(&mut deck, line), "stored", "{line}");
    }
    let log = deck.equal_logs(&[NodeId(1), NodeId(2), NodeId(3)]);
    assert_eq!(log.iter().filter(|line| line.text == "open a session").count(), 3);
}

#[test]
fn a_session_that_is_opened_early_is_the_one_that_the_first_write_uses() {
    let (mut deck, _) = Deck::settled(3);
    for _ in 0..2 {
        let id = deck.send(Order::OpenSession);
        assert_eq!(deck.answer(id), Ok(()));
    }
    assert_eq!(asked(&mut deck, "put a 1"), "stored");
    let log = deck.equal_logs(&[NodeId(1), NodeId(2), NodeId(3)]);
    let texts: Vec<&str> = log.iter().map(|line| line.text.as_str()).collect();
    assert!(texts.ends_with(&["open a session", "put a 1"]), "{texts:?}");
}

#[test]
fn a_write_whose_answer_is_lost_is_asked_again_and_stored_once() {
    let token = Secret::new("a-token-of-the-tests-0123456789").expect("a token");
    let mut deck = Deck::start(LabOptions { client_token: Some(token), ..options(3) });
    let leader = deck.wait("a first leader", |world| world.agreed(3));
    say(&mut deck, &format!("client alice lose-answers {}", leader.0));
    let id = ask(&mut deck, "as alice create lock alice");
    // What others read includes it: it is stored, and alice does not know.
    while asked(&mut deck, "get lock") != "alice" {}
    assert!(!deck.world.outcomes.contains_key(&id));
    say(&mut deck, "undo");
    assert_eq!(outcome(&mut deck, id), "stored", "a second time it could not be created");
    assert!(asked(&mut deck, "as bob create lock bob").starts_with("Mismatch"));
}

#[test]
fn a_write_whose_answer_never_comes_is_in_doubt() {
    let (mut deck, leader) = Deck::settled(3);
    say(&mut deck, &format!("client lose-answers {}", leader.0));
    let write = ask(&mut deck, "put color blue");
    let read = ask(&mut deck, &format!("get color at {}", leader.0));
    let came = outcome(&mut deck, write);
    assert!(came.starts_with("in doubt: "), "{came}");
    let came = outcome(&mut deck, read);
    assert_eq!(came, format!("refused: {leader} does not answer"));
    assert_eq!(asked(&mut deck, "as alice get color"), "blue", "it has happened");
    say(&mut deck, "heal");
    assert_eq!(asked(&mut deck, "get color"), "blue");
}

#[test]
fn requests_that_are_held_go_on_when_that_is_undone_though_nobody_waits_any_more() {
    let (mut deck, _) = Deck::settled(3);
    assert_eq!(asked(&mut deck, "as alice put color blue"), "stored");
    say(&mut deck, "client alice hold 1,2,3");
    let came = asked(&mut deck, "as alice put color red");
    assert!(came.starts_with("in doubt: "), "{came}");
    assert_eq!(asked(&mut deck, "get color"), "blue");
    say(&mut deck, "undo");
    while asked(&mut deck, "get color") != "red" {}
}

#[test]
fn a_cut_breaks_what_is_under_way_and_what_comes_after_certainly_does_not_happen() {
    let (mut deck, leader) = Deck::settled(3);
    assert_eq!(asked(&mut deck, "as alice put color blue"), "stored");
    // Nothing is committed, and the leader keeps the write.
    say(&mut deck, "cut *");
    let last = deck.world.statuses[&leader].raft.last.index;
    let under_way = ask(&mut deck, "as alice put color red");
    deck.wait("its entry", |world| (world.statuses.get(&leader)?.raft.last.index > last).then_some(()));
    say(&mut deck, "client alice cut 1,2,3");
    let later = ask(&mut deck, "as alice put color green");
    let came = outcome(&mut deck, under_way);
    assert!(came.starts_with("in doubt: "), "{came}");
    let came = outcome(&mut deck, later);
    assert!(came.starts_with("refused: alice reaches no node"), "{came}");
    say(&mut deck, "heal");
    assert_eq!(asked(&mut deck, "as alice put color white"), "stored");
    let log = deck.equal_logs(&[NodeId(1), NodeId(2), NodeId(3)]);
    assert!(!log.iter().any(|line| line.text == "put color green"));
}

#[test]
fn there_is_room_for_so_many_clients() {
    let (mut deck, _) = Deck::settled(1);
    for nth in 0..MAX_CLIENTS {
        assert_eq!(asked(&mut deck, &format!("as c{nth} get a")), "none");
    }
    let no_room = "there are 16 named clients already, which is the maximum: use one of them instead of more";
    let id = ask(&mut deck, "as more get a");
    assert_eq!(deck.answer(id), Err(no_room.to_owned()));
    let Ok(ScriptLine::Do(mut orders)) = parse("client more cut 1", &deck.world.known) else {
        panic!("an order")
    };
    let id = deck.send(orders.remove(0));
    assert_eq!(deck.answer(id), Err(no_room.to_owned()));
    let id = deck.send(Order::Undo(None));
    assert!(deck.answer(id).is_err(), "nothing is in force");
    assert_eq!(asked(&mut deck, "as c3 get a"), "none");
}

/// The client has been made when only one node served. It is redirected to one that it did not know then.
#[test]
fn a_request_reaches_a_leader_that_did_not_serve_when_it_was_sent() {
    let (mut deck, leader) = Deck::settled(3);
    let (stays, other) = (others(leader)[0], others(leader)[1]);
    // So that one of the two that come back is elected.
    say(&mut deck, &format!("timeouts {} 20s..30s", stays.0));
    say(&mut deck, &format!("kill {},{}", leader.0, other.0));
    let id = ask(&mut deck, "as alice put color blue");
    say(&mut deck, &format!("restart {},{}", leader.0, other.0));
    assert_eq!(outcome(&mut deck, id), "stored");
}
