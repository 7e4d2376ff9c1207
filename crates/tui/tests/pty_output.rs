//! The nodes' own logs on the deck, with real nodes.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use support::deck::Deck;

/// Whether a line of this node is on the screen.
fn writes(screen: &vt100::Screen, node: &str) -> bool {
    let shown = screen.contents();
    let words: Vec<&str> = shown.split_whitespace().collect();
    words.windows(2).any(|pair| pair == [node, "INFO"])
}

#[test]
fn what_real_nodes_write_is_shown_by_target() {
    let mut deck = Deck::start(&["--timing", "fast"], 120, 40);
    deck.nodes(3);
    deck.press("\x1b[Z");
    deck.wait_for_text("output of all targets");
    deck.wait_for("a line of each node", |screen| ["n1", "n2", "n3"].iter().all(|node| writes(screen, node)));
    deck.press("2o");
    deck.wait_for("lines of n2 alone", |screen| {
        screen.contents().contains("output of n2") && writes(screen, "n2") && !writes(screen, "n1")
    });
}
