//! A drill at the keyboard, with the real program and real nodes: from the catalogue to the result.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use portable_pty::CommandBuilder;
use support::deck::{Deck, RAFTDECK};
use support::processes;

/// A deck that keeps what was passed in a directory of its own.
fn deck(state: &tempfile::TempDir, args: &[&str]) -> Deck {
    let mut command = CommandBuilder::new(RAFTDECK);
    command.args(args);
    command.env("XDG_STATE_HOME", state.path());
    let deck = Deck::spawn(command, 120, 40);
    deck.wait_for_text("LEADS TERM");
    deck
}

fn record(state: &tempfile::TempDir) -> serde_json::Value {
    let file = state.path().join("raftdeck/drills.json");
    let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn a_drill_runs_on_a_fresh_cluster_until_its_verdict_which_is_kept() {
    let state = tempfile::tempdir().unwrap();
    let mut deck = deck(&state, &[]);
    let before = deck.nodes(3);
    deck.press("d");
    deck.wait_for_text("You have not run it yet.");
    deck.press("\r");
    deck.wait_for_text("its data is removed");
    deck.press("y");
    deck.wait_for_text("QUESTION");
    processes::wait_gone(&before);
    deck.press("3");
    deck.wait_for_text("RIGHT");
    deck.press("\r");
    deck.wait_for_text("Find the leader and kill it.");
    deck.wait_for_text("YOUR TASK");
    deck.press("K");
    deck.wait_for_text("YOUR TASK: Bring the dead node back");
    // In another view a line says what waits.
    deck.press("\t");
    deck.wait_for_text("TASK  Bring the dead node back");
    deck.press("R");
    deck.wait_for_text("d shows the result");
    deck.press("d");
    deck.wait_for_text("what you did");
    let text = deck.look(vt100::Screen::contents);
    // On a busy machine the times may be too long, which the drill must say.
    assert!(["PASSED", "FAILED", "INCONCLUSIVE"].iter().any(|verdict| text.contains(verdict)), "{text}");
    deck.nodes(3);
    deck.press("q");
    assert_eq!(deck.end(), 0);
    assert!(record(&state)["leader-kill"]["last"].is_string());
}

#[test]
fn a_drill_that_is_stopped_heals_and_leaves_the_cluster() {
    let state = tempfile::tempdir().unwrap();
    let mut deck = deck(&state, &["--engine", "sim"]);
    deck.press("d\r");
    deck.wait_for_text("Esc leave it as it is");
    deck.press("y");
    deck.wait_for_text("QUESTION");
    deck.press("\x1b");
    deck.wait_for_text("Stop this drill?");
    deck.press("y");
    deck.wait_for_text("ABORTED");
    deck.wait_for_text("LEADS TERM");
    deck.press("q");
    assert_eq!(deck.end(), 0);
    assert_eq!(record(&state)["leader-kill"]["last"], "aborted");
}
