//! Keys that a person set: they act, and everything that names a key names them.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod fixture;

use crossterm::event::KeyCode;
use fixture::{Scene, n, sent};
use raftdeck_deck::actions::{ACTIONS, Action, ActionId};
use raftdeck_deck::app::{Settings, View};
use raftdeck_deck::settings::{DeckFile, Preferences, SettingsFile, SettingsFiles};
use raftdeck_deck::theme::{ColourDepth, names};
use raftdeck_model::Order;
use ratatui::buffer::Buffer;
use std::fmt::Write as _;

fn preferring(text: &str) -> Preferences {
    let deck =
        SettingsFile { path: "deck.toml".to_owned(), name: "deck".to_owned(), text: Ok(text.to_owned()) };
    let preferences =
        Preferences::new(ColourDepth::True, &SettingsFiles { deck: Some(deck), themes: Vec::new() });
    assert_eq!(preferences.mistakes(), Vec::<&str>::new());
    preferences
}

fn text(buffer: &Buffer) -> String {
    let rows = buffer.content().chunks(usize::from(buffer.area.width));
    rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>() + "\n").collect()
}

#[test]
fn a_key_that_was_set_acts_and_the_old_one_does_not() {
    let mut scene = fixture::quiet(Settings::default(), 3);
    scene.app.prefer(preferring("[keys]\nkill = ['f8', 'ctrl-k']\nheal = 'k'\n"));
    scene.key('1');
    assert_eq!(scene.press(KeyCode::F(8)), sent(Order::Kill(n(1))));
    assert_ne!(scene.key('k'), sent(Order::Kill(n(1))));
    assert!(text(&scene.paint(120, 40)).contains("nothing to heal"), "k heals now");
    assert_eq!(scene.key('h'), [], "and h does nothing");
    let footer = text(&scene.paint(120, 40)).lines().last().unwrap().to_owned();
    assert!(footer.contains("F8 kill") && !footer.contains(" k kill"), "{footer}");
    scene.key('?');
    assert!(text(&scene.paint(120, 160)).contains("F8 Ctrl-K  kill the selected node"));
}

#[test]
fn an_action_without_a_key_is_named_by_its_words_and_is_no_button() {
    let mut scene = fixture::partition(Settings::default());
    scene.app.prefer(preferring("[keys]\nrestart = []\n"));
    scene.key('5');
    let reason = Action::of(ActionId::Kill).unwrap().can(&scene.app).unwrap_err().0;
    assert_eq!(reason, "n5 is down already: :restart restarts it");
    let screen = text(&scene.paint(120, 40));
    assert!(!screen.lines().last().unwrap().contains(" restart "), "{screen}");
}

/// A file that gives each action a key which is nowhere else on the screen.
fn all_elsewhere() -> String {
    let mut file = "[keys]\n".to_owned();
    for (action, key) in ACTIONS.iter().zip('\u{410}'..) {
        writeln!(file, "{} = '{key}'", action.id.name()).unwrap();
    }
    file
}

fn scenes() -> Vec<(&'static str, Scene)> {
    let settings = Settings::default();
    vec![
        ("quiet", fixture::quiet(settings, 3)),
        ("partition", fixture::partition(settings)),
        ("frozen", fixture::frozen(settings)),
        ("logs", fixture::logs(settings)),
        ("messages", fixture::messages(settings)),
        ("output", fixture::output(settings)),
        ("failed", fixture::failed(settings)),
        ("starting", Scene::new(settings)),
        ("joint", fixture::joint(settings)),
        ("charts", fixture::charts::leader_kill(settings)),
        ("charts at the gap", fixture::charts::at_the_gap(settings)),
        ("catalogue", fixture::drills::choosing(settings)),
        ("question", fixture::drills::question(settings)),
        ("answered", fixture::drills::answered(settings)),
        ("task", fixture::drills::task(settings)),
        ("result", fixture::drills::ended(settings)),
    ]
}

/// A text on the screen that names a key where there is an action has it from the keymap: with all keys elsewhere, no old one is named.
#[test]
fn no_text_of_the_screen_names_a_key_by_itself() {
    let preferences = preferring(&all_elsewhere());
    // "a" is a word.
    let old: Vec<String> = ACTIONS
        .iter()
        .flat_map(|action| action.keys)
        .map(|(key, _)| key.to_string())
        .filter(|key| key.len() > 1 || key.chars().all(|c| c.is_ascii_alphabetic() && c != 'a'))
        .filter(|key| key != "Ctrl-C" && key != "Ctrl-Z")
        .collect();
    for (name, mut scene) in scenes() {
        scene.app.prefer(preferences.clone());
        for view in 0..View::ALL.len() {
            let screen = text(&scene.paint(200, 60));
            for line in screen.lines() {
                // In the legend of the logs t is any term, and in a drill T is a time.
                let line = line.replace("term t", "term").replace("between T", "between");
                let words: Vec<&str> =
                    line.split([' ', '│', '┃', '─']).filter(|word| !word.is_empty()).collect();
                let is_old =
                    |word: &str| old.iter().any(|key| key == word.trim_matches([':', ',', '.', '(']));
                let is_number = |word: &str| word.trim_start_matches('<').parse::<f64>().is_ok();
                // A unit of time is no key.
                let is_unit = |at: usize| at > 0 && words[at] == "s" && is_number(words[at - 1]);
                let named = (0..words.len()).filter(|at| is_old(words[*at]) && !is_unit(*at));
                let named: Vec<&str> = named.map(|at| words[at]).collect();
                assert!(named.is_empty(), "{name}, view {view}: {named:?} in {line:?}");
            }
            let next = Action::of(ActionId::NextView).unwrap();
            let key = scene.app.keymap().key(next, scene.app.view()).unwrap();
            let raftdeck_deck::keys::Key::Char(c) = key else { panic!("{key}") };
            scene.key(c);
        }
    }
}

/// What stops an action says which key helps: that of the keymap.
#[test]
fn reasons_name_the_keys_that_are_set() {
    let mut scene = fixture::quiet(Settings::default(), 3);
    scene.app.prefer(preferring("[keys]\nrestart = 'f9'\nslower = 'f3'\n"));
    let reason = |id, scene: &Scene| Action::of(id).unwrap().can(&scene.app).unwrap_err().0;
    assert_eq!(reason(ActionId::Faster, &scene), "time runs at full rate already: F3 slows it down");
    let mut scene = fixture::partition(Settings::default());
    scene.app.prefer(preferring("[keys]\nrestart = 'f9'\n"));
    scene.key('5');
    assert_eq!(reason(ActionId::Kill, &scene), "n5 is down already: F9 restarts it");
}

#[test]
fn a_file_with_the_tables_own_keys_changes_nothing() {
    let mut file = "[keys]\n".to_owned();
    for action in ACTIONS {
        let mut keys: Vec<String> =
            action.keys.iter().map(|(key, _)| format!("{:?}", key.written())).collect();
        keys.dedup();
        writeln!(file, "{} = [{}]", action.id.name(), keys.join(", ")).unwrap();
    }
    assert_eq!(DeckFile::parse(&file, &names()), Ok(DeckFile::default()), "{file}");
}

#[test]
fn an_edited_file_acts_at_once_and_a_mistake_in_it_is_said_and_changes_nothing() {
    let mut scene = fixture::quiet(Settings::default(), 3);
    let deck = |text: &str| SettingsFiles {
        deck: Some(SettingsFile {
            path: "deck.toml".to_owned(),
            name: "deck".to_owned(),
            text: Ok(text.to_owned()),
        }),
        themes: Vec::new(),
    };
    scene.settings(deck("[keys]\nkill = 'f8'\n"));
    scene.key('1');
    assert_eq!(scene.press(KeyCode::F(8)), sent(Order::Kill(n(1))));
    scene.settings(deck("[keys]\nkil = 'f9'\n"));
    let says = "deck.toml:2: kil is not an action; did you mean kill?";
    assert!(text(&scene.paint(120, 40)).contains(says));
    assert_eq!(scene.press(KeyCode::F(8)), sent(Order::Kill(n(1))));
    scene.key('?');
    assert!(text(&scene.paint(120, 160)).contains(says), "it is on the help page until it is mended");
    scene.press(KeyCode::Esc);
    scene.settings(deck(""));
    assert!(!text(&scene.paint(120, 40)).contains("deck.toml"));
    assert_eq!(scene.key('k'), sent(Order::Kill(n(1))));
}
