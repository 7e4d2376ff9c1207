//! docs/grammar.md lists every word as the table does.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

#[path = "support/words.rs"]
mod words;

use std::path::Path;

#[test]
fn the_page_lists_every_word_as_the_table_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/grammar.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- words: begin -->\n\n", "<!-- words: end -->");
    let from = page.find(begin).unwrap() + begin.len();
    let to = page.find(end).unwrap();
    assert_eq!(page[from..to], words::listed(), "run `cargo xtask grammar` and read what it changes");
}
