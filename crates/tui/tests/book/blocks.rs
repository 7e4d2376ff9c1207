//! Fenced blocks: each says what it is, and is held to that.
//!
//! | fence | what it holds |
//! | --- | --- |
//! | `sh` | commands for a shell: each is one that its program takes |
//! | `console` | commands after `$ `, and what they print |
//! | `script` | lines of a script, without a mistake |
//! | `toml` | a configuration file that is valid |
//! | `toml,deck` | a `deck.toml` that is valid |
//! | `toml,theme` | a theme that is valid |
//! | `toml,contexts` | a `contexts.toml` that is valid |
//! | `json` | a JSON value a line |
//! | `rust` | lines that stand in the examples, which are compiled and run |
//! | `text` | anything else |
//!
//! `<!-- run -->` before an `sh`, `console` or `script` block has it run (`run.rs`).

use crate::commands;
use crate::pages::{Page, other_pages, pages, root};
use raftdeck_deck::settings::DeckFile;
use raftdeck_deck::theme::{self, Sheet};
use raftdeck_raft::NodeId;
use raftdeck_tui::cli::program;
use raftdeck_tui::contexts;
use std::fs;
use std::path::Path;

/// A fenced block of a page.
pub(crate) struct Block {
    /// The page and the line of its fence.
    pub(crate) place: String,
    pub(crate) kind: String,
    pub(crate) runs: bool,
    pub(crate) text: String,
}

pub(crate) fn blocks(page: &Page) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut before = "";
    let mut open: Option<Block> = None;
    for (number, line) in page.text.lines().enumerate() {
        match (open.take(), line.strip_prefix("```")) {
            (Some(block), Some("")) => blocks.push(block),
            (Some(mut block), _) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, Some(kind)) => {
                let place = format!("{}:{}", page.path.display(), number + 1);
                let runs = before == "<!-- run -->";
                open = Some(Block { place, kind: kind.to_owned(), runs, text: String::new() });
            }
            (None, None) if line.is_empty() => {}
            (None, None) => before = line,
        }
        if open.is_some() {
            before = "";
        }
    }
    assert!(open.is_none(), "{}: a block has no end", page.path.display());
    blocks
}

#[test]
fn every_block_is_what_its_fence_says() {
    let examples = examples();
    for block in pages().iter().flat_map(blocks) {
        let Block { place, text, .. } = &block;
        match block.kind.as_str() {
            "sh" => commands::check(place, text),
            "console" => {
                let typed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
                assert!(!typed.is_empty(), "{place}: there is no command in it");
                for command in typed {
                    commands::check(place, command);
                }
            }
            "script" => {
                let nodes: Vec<NodeId> = (1..=5).map(NodeId).collect();
                let flaws = raftdeck_script::check(place, text.as_bytes(), &nodes, None).flaws;
                assert!(flaws.is_empty(), "{place}: {}", flaws[0]);
            }
            "toml,deck" => {
                let checked = DeckFile::parse(text, &theme::names());
                assert!(checked.is_ok(), "{place}: {}", checked.unwrap_err());
            }
            "toml,theme" => {
                let checked = Sheet::parse("own", text);
                assert!(checked.is_ok(), "{place}: {}", checked.unwrap_err());
            }
            "toml,contexts" => {
                let checked = contexts::text::parse(text, Path::new("/"));
                assert!(checked.is_ok(), "{place}: {}", checked.unwrap_err());
            }
            "toml" => {
                let checked = program().check(text.as_bytes());
                assert!(checked.is_ok(), "{place}: {}", checked.unwrap_err());
            }
            "json" => {
                for line in text.lines() {
                    let value: Result<serde_json::Value, _> = serde_json::from_str(line);
                    value.unwrap_or_else(|error| panic!("{place}: {error}"));
                }
            }
            "rust" => {
                for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
                    assert!(examples.iter().any(|other| other == line), "{place}: {line} is in no example");
                }
            }
            "text" => {}
            other => panic!("{place}: a block of {other:?} is not known here"),
        }
        let can_run = ["sh", "console", "script"].contains(&block.kind.as_str());
        assert!(can_run || !block.runs, "{place}: this cannot be run");
    }
}

/// Their fences are free; what they tell a reader to type is held to the same.
#[test]
fn commands_of_other_pages_are_commands_too() {
    for block in other_pages().iter().flat_map(blocks).filter(|block| block.kind == "sh") {
        commands::check(&block.place, &block.text);
    }
}

fn examples() -> Vec<String> {
    let files = ["embed_client.rs", "embed_node.rs"];
    let texts = files.map(|file| fs::read_to_string(root().join("examples").join(file)).unwrap());
    texts.iter().flat_map(|text| text.lines()).map(|line| line.trim().to_owned()).collect()
}
