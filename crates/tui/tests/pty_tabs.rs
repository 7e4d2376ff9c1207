//! Several clusters on one deck, at a terminal: simulated ones, which need nothing of this machine.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use color_eyre::eyre::eyre;
use portable_pty::CommandBuilder;
use raftdeck_deck::app::{ColourChoice, Settings};
use raftdeck_sim::LiveOptions;
use raftdeck_tui::screen::runtime::{self, Beginning, NamedClusters};
use raftdeck_tui::source::engine::Engine;
use support::deck::Deck;

/// Set in the process that is the deck: this program again, with that test alone.
const IS_DECK: &str = "RAFTDECK_TEST_OF_TABS";

fn simulated(seed: u64) -> Engine {
    Engine::Simulator(LiveOptions::new(3, seed))
}

/// The program under test, where it is told to be that.
#[test]
fn the_deck_itself() {
    if std::env::var_os(IS_DECK).is_none() {
        return;
    }
    let find = |name: &str| match name {
        "third" => Ok(simulated(3)),
        _ => Err(eyre!("there is no context called {name}")),
    };
    let beginning = Beginning {
        name: Some("first".to_owned()),
        beside: vec![("second".to_owned(), simulated(2))],
        named: NamedClusters::new(vec!["third".to_owned()], find),
        ..Beginning::default()
    };
    let settings = Settings { ascii: false, colour: ColourChoice::Terminal, mouse: true };
    let status = runtime::run(Some(simulated(1)), settings, beginning).unwrap();
    std::process::exit(status.into());
}

fn row(screen: &vt100::Screen) -> String {
    screen.contents().lines().next().unwrap_or_default().to_owned()
}

/// Waits until the row of tabs has all of this.
fn wait_for_row(deck: &Deck, wanted: &[&str]) {
    deck.wait_for(&format!("{wanted:?} on the row"), |screen| {
        wanted.iter().all(|wanted| row(screen).contains(wanted))
    });
}

#[test]
fn clusters_are_tabs_that_go_on_out_of_sight_and_end_together() {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["--exact", "the_deck_itself", "--nocapture"]);
    command.env(IS_DECK, "1");
    let mut deck = Deck::spawn(command, 120, 40);
    wait_for_row(&deck, &["1 first ★", "2 second ★"]);
    deck.press("K");
    deck.wait_for_text("was killed");
    deck.press("\x1b[1;5C");
    deck.wait_for("the second cluster, in which nothing was killed", |screen| {
        let shown = screen.contents();
        shown.contains("3 of 3 reachable") && !shown.contains("was killed")
    });
    // Elected out of sight.
    wait_for_row(&deck, &["1 first ★"]);
    deck.press(":attach fourth\r");
    deck.wait_for_text("there is no context called fourth");
    deck.press(":attach third\r");
    wait_for_row(&deck, &["1 first ★", "2 second ★", "3 third ★"]);
    deck.press("\x1b1");
    deck.wait_for_text("was killed");
    deck.press(":close tab\r");
    deck.wait_for_text("Close the tab first?");
    deck.press("y");
    wait_for_row(&deck, &["1 second", "2 third"]);
    deck.press("q");
    deck.wait_for_text("Quit, with all 2 clusters?");
    deck.press("y");
    assert_eq!(deck.end(), 0);
    deck.wait_restored();
}
