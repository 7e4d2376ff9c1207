//! A panic on any thread of the deck: the terminal is given back, the panic can be read, the nodes are gone.
//!
//! There is no way to make the program itself panic, so a part of this test is the program: the same loop with
//! the same nodes, and beside it a thread that panics when it is told to.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use portable_pty::CommandBuilder;
use raftdeck_deck::app::Settings;
use raftdeck_lab::LabOptions;
use raftdeck_tui::screen::runtime::{self, Beginning};
use raftdeck_tui::source::engine::Engine;
use std::path::PathBuf;
use support::deck::{Deck, RAFTDECK};
use support::eventually;

/// Where the file appears that makes the deck of [`the_deck_that_panics`] panic.
const TRIGGER: &str = "RAFTDECK_TEST_PANIC_WHEN";

#[test]
fn a_panic_gives_the_terminal_back_and_ends_the_nodes() {
    let dir = tempfile::tempdir().unwrap();
    let trigger = dir.path().join("now");
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["--exact", "the_deck_that_panics", "--nocapture", "--test-threads=1"]);
    command.env(TRIGGER, &trigger);
    let mut deck = Deck::spawn(command, 120, 40);
    deck.wait_for("the deck", |screen| screen.alternate_screen() && screen.contents().contains("LEADS TERM"));
    deck.nodes(3);
    std::fs::write(&trigger, "").unwrap();
    assert_eq!(deck.end(), 101);
    deck.wait_restored();
    deck.wait_for_text("provoked on a thread of its own");
}

#[test]
fn the_deck_that_panics() {
    let Some(trigger) = std::env::var_os(TRIGGER).map(PathBuf::from) else {
        return; // Only for the test above.
    };
    std::thread::spawn(move || {
        eventually("the trigger", || trigger.exists().then_some(()));
        panic!("provoked on a thread of its own");
    });
    let lab = Engine::Lab(Box::new(LabOptions::new(RAFTDECK, &["node"], 3)));
    let status = runtime::run(Some(lab), Settings::default(), Beginning::default()).unwrap();
    std::process::exit(status.into());
}
