//! The deck for a screen reader, with real nodes: lines at the bottom of an ordinary terminal, the same keys.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use support::deck::Deck;

#[test]
fn a_cluster_is_heard_and_used_without_a_picture() {
    // So tall that all that is said stays in sight.
    let mut deck = Deck::start(&["--reader"], 120, 200);
    deck.wait_for_text("raftdeck for a screen reader");
    deck.wait_for_text("leads term");
    deck.nodes(3);
    deck.look(|screen| {
        assert!(!screen.alternate_screen(), "what was said can be read again");
        let text = screen.contents();
        let drawn = |c: char| ('\u{2500}'..='\u{28ff}').contains(&c);
        assert!(!text.contains(drawn), "{text}");
    });
    deck.press("s");
    deck.wait_for_text("leader, term");
    deck.press("w");
    deck.wait_for_text("Type a line: write.");
    deck.press("put color blue\r");
    deck.wait_for_text("put color blue: stored");
    deck.press("K");
    deck.wait_for("the leader's end", |screen| screen.contents().contains("was killed."));
    deck.press("q");
    assert_eq!(deck.end(), 0);
    deck.wait_restored();
}
