//! GRAMMAR.md lists every word as the table does.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

use raftdeck_script::{Group, WORDS};
use std::fmt::Write;
use std::path::Path;

/// The part of the page between the two marks, made from the table.
fn listed() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        write!(text, "### {group}\n\n| line | what it does |\n| --- | --- |\n").unwrap();
        for word in WORDS.iter().filter(|word| word.group == group) {
            let cell = |text: &str| text.replace('|', "\\|");
            let examples = word.examples.iter().map(|line| format!("`{}`", cell(line)));
            let examples = examples.collect::<Vec<_>>().join(", ");
            writeln!(text, "| `{}` | {}. {examples} |", cell(word.usage), cell(word.about)).unwrap();
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_page_lists_every_word_as_the_table_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("GRAMMAR.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- words: begin -->\n\n", "<!-- words: end -->");
    let from = page.find(begin).unwrap() + begin.len();
    let to = page.find(end).unwrap();
    if std::env::var_os("UPDATE_GRAMMAR").is_some() {
        std::fs::write(&path, format!("{}{}{}", &page[..from], listed(), &page[to..])).unwrap();
        return;
    }
    assert_eq!(page[from..to], listed(), "run this test with UPDATE_GRAMMAR=1 and read what it changes");
}
