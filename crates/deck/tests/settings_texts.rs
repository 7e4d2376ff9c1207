//! Whatever is in the files of settings: they are taken or refused with a line that is there, and nothing panics.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

use proptest::prelude::*;
use raftdeck_deck::settings::mistake::Mistake;
use raftdeck_deck::settings::{DeckFile, with_theme};
use raftdeck_deck::theme::{SHIPPED, Sheet, named, names};

/// A text that was valid, with something else in it at a place.
fn spoilt(valid: &'static str) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[\\[\\]{}='\"#\n,a-z0-9 .é-]{0,6}",
        Just("kill = 'k'\n".to_owned()),
        Just("\n[keys]\n".to_owned()),
        Just(" = [\"1-9\", 5, true, {}]\n".to_owned()),
    ];
    (0..=valid.len(), 0_usize..12, piece).prop_map(move |(at, cut, piece)| {
        let at = (0..=at).rev().find(|at| valid.is_char_boundary(*at)).unwrap_or(0);
        let rest = (at + cut..=valid.len()).find(|at| valid.is_char_boundary(*at)).unwrap_or(valid.len());
        format!("{}{piece}{}", &valid[..at], &valid[rest..])
    })
}

/// A file that sets something of each kind.
const DECK: &str = "theme = \"dark\"\n\n[keys]\nkill = \"f8\"\nwrite = [\"w\", \"ctrl-w\"]\nheal = []\n";

fn is_there(mistake: &Mistake, text: &str) -> bool {
    (1..=text.lines().count() + 1).contains(&mistake.line) && !mistake.what.is_empty()
}

proptest! {
    #[test]
    fn a_deck_file_is_taken_or_refused(text in prop_oneof![any::<String>(), spoilt(DECK)]) {
        if let Err(mistake) = DeckFile::parse(&text, &names()) {
            prop_assert!(is_there(&mistake, &text), "{mistake} in {text:?}");
        }
        if let Ok(set) = with_theme(&text, "dark") {
            let theme = DeckFile::parse(&set, &names()).map(|file| file.theme);
            prop_assert!(theme.is_err() || theme == Ok(Some("dark".to_owned())), "{set}");
        }
    }

    #[test]
    fn a_theme_is_taken_or_refused(text in prop_oneof![any::<String>(), spoilt(SHIPPED[1].1)]) {
        if let Err(mistake) = Sheet::parse("own", &text) {
            prop_assert!(is_there(&mistake, &text), "{mistake} in {text:?}");
        }
    }
}

#[test]
fn the_texts_that_are_spoilt_are_valid() {
    assert!(DeckFile::parse(DECK, &names()).is_ok());
    assert_eq!(Sheet::parse(SHIPPED[1].0, SHIPPED[1].1), Ok(named(SHIPPED[1].0).unwrap()));
}
