//! Time and single messages at the keyboard, with real nodes: frozen, held, stepped, slowed, undone.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use support::deck::Deck;
use support::table::{is_healthy, leader, rows};

fn healthy() -> Deck {
    let mut deck = Deck::start(&[], 120, 40);
    deck.wait_for("three nodes, one leader, equal logs", |screen| is_healthy(screen, 3));
    deck.nodes(3);
    deck
}

fn command(deck: &mut Deck, line: &str) {
    deck.press(":");
    deck.press(line);
    deck.press("\r");
}

fn ends(mut deck: Deck) {
    deck.press("q");
    assert_eq!(deck.end(), 0);
    deck.wait_restored();
}

#[test]
fn an_election_is_stepped_through_message_by_message() {
    let mut deck = healthy();
    let old = deck.look(|screen| leader(&rows(screen))).expect("a leader");
    deck.press(" ");
    deck.wait_for_text("FROZEN");
    command(&mut deck, "hold *");
    deck.wait_for_text("hold *");
    deck.press("K");
    deck.wait_for_text(&format!("n{} was killed", old.node));
    // Long enough for an election timeout to run out: whoever asks first is heard by nobody.
    command(&mut deck, "step 400ms");
    deck.wait_for("one who asks, in a world that stands still again", |screen| {
        let asks = rows(screen).iter().any(|row| row.role.ends_with("candidate"));
        asks && screen.contents().contains("FROZEN")
    });
    deck.press("\t\t");
    deck.wait_for("what is asked, held", |screen| {
        let text = screen.contents();
        text.lines().any(|line| line.contains("PreVote") && line.contains("held"))
    });
    // Each step delivers one message; the votes for it, and so the leader, come of nothing else.
    for steps in 0.. {
        let before = deck.look(vt100::Screen::contents);
        if before.contains("LEADS TERM") {
            assert!(steps >= 2, "a leader after {steps} messages");
            break;
        }
        assert!(steps < 60, "no leader after {steps} messages:\n{before}");
        deck.press(".");
        deck.wait_for("a message that arrived", |screen| screen.contents() != before);
    }
    deck.press("h");
    deck.press(" ");
    deck.press("R");
    deck.press("\t\t");
    deck.wait_for("all as before", |screen| {
        is_healthy(screen, 3)
            && !screen.contents().contains("in force")
            && !screen.contents().contains("FROZEN")
    });
    ends(deck);
}

#[test]
fn the_cluster_keeps_its_leader_in_slow_motion_and_messages_are_seen_to_fly() {
    let mut deck = healthy();
    let old = deck.look(|screen| leader(&rows(screen))).expect("a leader");
    command(&mut deck, "rate 1/100");
    deck.wait_for_text("RATE 1/100");
    deck.press("\t\t");
    deck.wait_for("heartbeats on their way", |screen| {
        let text = screen.contents();
        text.contains(" under way") && !text.contains(" 0 under way")
    });
    deck.press("+");
    deck.wait_for_text("RATE 1/50");
    command(&mut deck, "rate 1");
    deck.wait_for_text("rate 1 ");
    deck.press("\t\t");
    deck.wait_for("the same leader in the same term", |screen| {
        leader(&rows(screen)).is_some_and(|row| (row.node, row.term) == (old.node, old.term))
    });
    ends(deck);
}

#[test]
fn what_is_in_force_is_shown_and_undone_one_by_one() {
    let mut deck = healthy();
    deck.press("i");
    deck.wait_for_text("isolate 1");
    deck.press("f");
    deck.wait_for_text("messages stand on the link");
    deck.press("\x1b[B\x1b[B\r");
    deck.wait_for_text("delay * 100ms");
    deck.press("u");
    deck.wait_for("only the first", |screen| {
        let text = screen.contents();
        text.contains("isolate 1") && !text.contains("delay * 100ms")
    });
    deck.press("u");
    deck.wait_for("nothing in force, and a whole cluster", |screen| {
        !screen.contents().contains("in force") && is_healthy(screen, 3)
    });
    ends(deck);
}
