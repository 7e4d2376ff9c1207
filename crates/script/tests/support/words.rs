//! The table of words as docs/grammar.md shows it.

use raftdeck_script::{Group, WORDS, Word};

/// Group by group a table: the line, and what it does.
pub(crate) fn listed() -> String {
    let tables: Vec<String> = Group::ALL.into_iter().map(table).collect();
    tables.concat()
}

fn table(group: Group) -> String {
    let rows: Vec<String> = WORDS.iter().filter(|word| word.group == group).map(row).collect();
    format!("### {group}\n\n| line | what it does |\n| --- | --- |\n{}\n", rows.concat())
}

fn row(word: &Word) -> String {
    let examples: Vec<String> = word.examples.iter().map(|line| format!("`{}`", cell(line))).collect();
    format!("| `{}` | {}. {} |\n", cell(word.usage), cell(word.about), examples.join(", "))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
