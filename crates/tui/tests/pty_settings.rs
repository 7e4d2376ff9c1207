//! The settings of the real program on a terminal: files that are edited while it runs, the theme that is kept, and terminals that can show
//! less.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use portable_pty::CommandBuilder;
use std::fs;
use support::deck::{Deck, RAFTDECK};

fn start(args: &[&str], environment: &[(&str, &str)]) -> Deck {
    let mut command = CommandBuilder::new(RAFTDECK);
    command.args(args);
    Deck::spawn_in(command, environment, 120, 40)
}

fn quit(mut deck: Deck) {
    deck.press("q");
    assert_eq!(deck.end(), 0);
}

#[test]
fn edited_settings_act_at_once_a_mistake_is_said_and_a_chosen_theme_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("raftdeck/deck.toml");
    let mut deck = start(&["--engine", "sim"], &[("XDG_CONFIG_HOME", home.path().to_str().unwrap())]);
    deck.wait_for_text("LEADS TERM");
    deck.wait_for_text("? help");
    // The folder is not there yet: that it appears is noticed too.
    fs::create_dir(file.parent().unwrap()).unwrap();
    fs::write(&file, "# mine\n[keys]\nhelp = 'f9'\n").unwrap();
    deck.wait_for_text("F9 help");
    fs::write(&file, "# mine\n[keys]\nhepl = 'f2'\n").unwrap();
    deck.wait_for_text("deck.toml:3: hepl is not an action; did you mean help?");
    deck.wait_for_text("F9 help");
    fs::write(&file, "# mine\n[keys]\nhelp = 'f3'\n").unwrap();
    deck.wait_for_text("F3 help");
    deck.press("T");
    deck.wait_for_text(" themes ");
    deck.press("j");
    let is_dark = |screen: &vt100::Screen| {
        screen.cell(39, 0).is_some_and(|cell| cell.bgcolor() != vt100::Color::Default)
    };
    deck.wait_for("the dark theme", is_dark);
    deck.press("\r");
    deck.wait_for_text("theme dark is kept in");
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text, "theme = \"dark\"\n\n# mine\n[keys]\nhelp = 'f3'\n");
    assert!(deck.look(is_dark));
    quit(deck);
}

#[test]
fn a_theme_can_be_named_on_the_command_line() {
    let deck = start(&["--engine", "sim", "--theme", "light"], &[("COLORTERM", "truecolor")]);
    deck.wait_for_text("LEADS TERM");
    let ground = deck.look(|screen| screen.cell(39, 0).map(vt100::Cell::bgcolor));
    assert_eq!(ground, Some(vt100::Color::Rgb(0xfd, 0xfd, 0xfb)));
    quit(deck);
}

#[test]
fn a_locale_without_utf_8_gets_ascii_unless_all_characters_are_asked_for() {
    let environment = [("LC_ALL", "C")];
    let deck = start(&["--engine", "sim"], &environment);
    deck.wait_for_text("LEADS TERM");
    assert!(deck.look(|screen| screen.contents().is_ascii()));
    quit(deck);
    let deck = start(&["--engine", "sim", "--unicode"], &environment);
    deck.wait_for_text("★");
    quit(deck);
}

#[test]
fn a_dumb_terminal_gets_lines_and_is_told_why() {
    let mut deck = start(&["--engine", "sim"], &[("TERM", "dumb")]);
    deck.wait_for_text("TERM is dumb, so no screen can be drawn: events are printed, as with --plain");
    deck.wait_for_text("leads term");
    deck.press("\x03");
    deck.end();
}
