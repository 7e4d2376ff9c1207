//! The README's key table and the action table tell of the same keys.

use crossterm::event::KeyCode;
use raftdeck_deck::actions::ACTIONS;
use raftdeck_deck::keys::Key;
use std::path::Path;

/// The rows of the first table under "Keys": what stands in the key column, and what in the other.
fn rows() -> Vec<(Vec<String>, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(path).expect("the README");
    let section = readme.split("\n## Keys\n").nth(1).expect("a section on keys");
    let table = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|l| l.starts_with('|'));
    let cells = table.skip(2).map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    cells.map(|cells| (names(cells[0]), cells[1].to_owned())).collect()
}

/// `` `1`-`9`, arrows `` becomes `1-9`, `Up`, `Down`, `Left`, `Right`.
fn names(cell: &str) -> Vec<String> {
    let cell = cell.replace("`1`-`9`", "`1-9`").replace("arrows", "`Up` `Down` `Left` `Right`");
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn is_arrow(key: Key) -> bool {
    matches!(key, Key::Code(KeyCode::Up | KeyCode::Down | KeyCode::Left | KeyCode::Right))
}

#[test]
fn every_key_of_every_action_is_in_the_key_table() {
    let rows = rows();
    for action in ACTIONS {
        for (key, _) in action.keys {
            let name = key.to_string();
            assert!(
                rows.iter().any(|(names, _)| names.contains(&name)),
                "{name} ({}) is not in the README's key table",
                action.long
            );
        }
    }
}

#[test]
fn the_key_table_promises_no_other_keys() {
    let known: Vec<String> =
        ACTIONS.iter().flat_map(|action| action.keys).map(|(key, _)| key.to_string()).collect();
    for name in rows().into_iter().flat_map(|(names, _)| names) {
        assert!(known.contains(&name), "the README promises {name}, which does nothing");
    }
}

/// Keys that have a row of their own, and no other meaning, are explained in the action's own words.
#[test]
fn a_row_says_what_its_action_says() {
    for (names, words) in rows() {
        let [name] = &names[..] else { continue };
        let mut bound = ACTIONS.iter().filter(|a| a.keys.iter().any(|(key, _)| key.to_string() == *name));
        let (action, None) = (bound.next().expect("an action"), bound.next()) else { continue };
        if action.keys.iter().any(|(key, _)| is_arrow(*key)) || action.long == "this page" {
            continue;
        }
        assert_eq!(words.replace('`', ""), action.long, "{name}");
    }
}
