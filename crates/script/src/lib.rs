//! The words in which a cluster is commanded: one line, one command.
//!
//! The same words stand in the deck's palette and in what `raftdeck up` reads. This room turns a line into values
//! ([`parse()`]), values into lines ([`raftdeck_model::write`]), and a line's beginning into how it could go on ([`complete()`]). It is
//! pure: what words may refer to, such as `leader`, is asked of a [`World`], and nothing is carried out here.
//! Every word is listed in one table, [`WORDS`], from which the help and `GRAMMAR.md` come.

mod answers;
mod complete;
mod condition;
mod engine;
mod figures;
mod filters;
mod holds;
mod links;
mod mistake;
mod names;
mod near;
mod pace;
mod phrase;
mod shape;
mod table;
mod tokens;
mod verb;
mod verbs;

pub use answers::{Came, Expectation};
pub use complete::{Completion, complete};
pub use condition::{Condition, DEFAULT_PATIENCE};
pub use engine::{Deed, Script};
pub use figures::rate;
pub use holds::Unmet;
pub use mistake::Mistake;
pub use pace::{faster, slower};
pub use table::{Group, WORDS, Word, word};

use raftdeck_model::{ClientRequest, Order, Step, World};
use std::time::Duration;
use tokens::Token;
use verb::{ScriptVerb, Verb};

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// Nothing: it is blank, or a comment.
    Nothing,
    /// Do this, in this order. Empty: there is nothing to do.
    Do(Vec<Order>),
    /// Go on so far, then stand still; the script fails if that takes longer.
    Step {
        /// How far.
        step: Step,
        /// The longest wait, in real time.
        within: Duration,
    },
    /// Ask this of the store. Whoever sends it numbers it.
    Store(ClientRequest),
    /// Wait until this is so, at most so long.
    Wait {
        /// What.
        until: Condition,
        /// The longest wait, in real time.
        within: Duration,
    },
    /// This is so now, or the script fails.
    Expect(Condition),
    /// The answer to a client is this, or the script fails; it is waited for at most so long, in real time.
    Judge(Expectation, Duration),
    /// Show this text.
    Say(String),
    /// Show the nodes' logs side by side.
    Logs,
    /// Show what is in force, in words that can be given again.
    Rules,
    /// Show the nodes, cluster time and what is in force.
    Status,
    /// Do what this line says; that it is refused fails no script.
    Try(Box<Line>),
    /// Write what is in force to this file, as a script.
    Save(String),
    /// Carry out the lines of this file.
    Load(String),
    /// Show the words, or this one.
    Help(Option<&'static Word>),
    /// End.
    Quit,
}

/// Understands one line, or says in a sentence why not. Nodes that the world does not have are mistakes, unless it has none yet.
pub fn parse(line: &str, world: &World) -> Result<Line, Mistake> {
    let tokens = tokens::split(line)?;
    match tokens.split_first() {
        None => Ok(Line::Nothing),
        Some((first, rest)) => said(first, rest, world),
    }
}

fn said(first: &Token, rest: &[Token], world: &World) -> Result<Line, Mistake> {
    let Some(meant) = word(&first.text) else { return Err(table::unknown(&first.text)) };
    let mut phrase = phrase::Phrase::new(meant, rest, world);
    if meant.verb == Verb::Script(ScriptVerb::Try) {
        let (first, rest) = rest.split_first().ok_or_else(|| phrase.lacks("something to be done"))?;
        return match said(first, rest, world)? {
            line @ (Line::Do(_) | Line::Store(_) | Line::Step { .. }) => Ok(Line::Try(Box::new(line))),
            _ => Err(Mistake::new(format!("{} is never refused: say it without try", first.text))),
        };
    }
    if meant.verb == Verb::Script(ScriptVerb::As) {
        let named = answers::client_name(phrase.need("the name of a client and what it asks")?)?;
        let (first, rest) = rest[1..].split_first().ok_or_else(|| phrase.lacks("something to be asked"))?;
        return answers::as_client(named, &first.text, said(first, rest, world)?);
    }
    let said = verbs::line(&mut phrase)?;
    phrase.end()?;
    Ok(said)
}

#[cfg(test)]
mod tests;
