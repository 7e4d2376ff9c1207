//! The words in which a cluster is commanded: one line, one command.
//!
//! The same words stand in the deck's palette and in what `raftdeck up` reads. This room turns a line into values
//! ([`parse()`]), values into lines ([`mod@write`]), and a line's beginning into how it could go on ([`complete()`]). It is
//! pure: what words may refer to, such as `leader`, is handed in as [`Known`], and nothing is carried out here.
//! Every word is listed in one table, [`WORDS`], from which the help and `GRAMMAR.md` come.

mod board;
mod complete;
mod condition;
mod figures;
mod filters;
mod known;
mod links;
mod mistake;
mod names;
mod near;
mod phrase;
mod shape;
mod table;
mod tokens;
mod verbs;
pub mod write;

pub use board::{Board, Unmet};
pub use complete::{Completion, complete};
pub use condition::{Condition, DEFAULT_PATIENCE};
pub use figures::rate;
pub use known::{Known, faster, slower};
pub use mistake::Mistake;
pub use table::{Group, WORDS, Word, word};

use crate::model::{ClientOp, Command};
use std::time::Duration;

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// Nothing: it is blank, or a comment.
    Nothing,
    /// Have the lab do this, in this order. Empty: there is nothing to do.
    Do(Vec<Command>),
    /// Ask this of the store. Whoever sends it numbers it.
    Store(ClientOp),
    /// Wait until this is so, at most so long.
    Wait {
        /// What.
        until: Condition,
        /// The longest wait, in real time.
        within: Duration,
    },
    /// This is so now, or the script fails.
    Expect(Condition),
    /// Show the nodes' logs side by side.
    Logs,
    /// Show what is in force, in words that can be given again.
    Rules,
    /// Show the nodes, cluster time and what is in force.
    Status,
    /// Write what is in force to this file, as a script.
    Save(String),
    /// Carry out the lines of this file.
    Load(String),
    /// Show the words, or this one.
    Help(Option<&'static Word>),
    /// End.
    Quit,
}

/// Understands one line, or says in a sentence why not. Nodes that are not `known` are mistakes, unless none is known.
pub fn parse(line: &str, known: &Known) -> Result<Line, Mistake> {
    let tokens = tokens::split(line)?;
    let mut tokens = tokens.iter();
    let Some(first) = tokens.next() else { return Ok(Line::Nothing) };
    let Some(word) = word(&first.text) else { return Err(table::unknown(&first.text)) };
    let mut phrase = phrase::Phrase::new(word, tokens.as_slice(), known);
    let said = verbs::line(&mut phrase)?;
    phrase.end()?;
    Ok(said)
}

#[cfg(test)]
mod tests;
