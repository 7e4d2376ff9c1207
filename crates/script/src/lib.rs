//! The script language that commands a cluster: one line, one command.
//!
//! The deck's palette and the input of `raftdeck up` use the same words. This crate turns a line into values ([`parse()`]), values
//! into lines ([`raftdeck_model::write`]), and a line's beginning into its completions ([`complete()`]). It is pure: references such
//! as `leader` are resolved in a [`World`], and nothing is carried out here. Every word is listed in one table, [`WORDS`], from which
//! the help and `docs/grammar.md` are made.

mod answers;
mod bindings;
mod check;
mod complete;
mod condition;
mod engine;
mod figures;
mod filters;
mod group;
mod links;
mod mistake;
mod names;
mod near;
mod needs;
mod pace;
mod phrase;
mod shape;
mod table;
mod tokens;
mod tuning;
mod verb;
mod verbs;

pub use answers::{Expectation, RequestResult};
pub use bindings::{Bindings, BoundValue};
pub use check::{Checked, ScriptFlaw, check};
pub use complete::{Completion, complete};
pub use condition::{Condition, DEFAULT_PATIENCE, Figure, Gap, Membership, Unmet};
pub use engine::{Script, ScriptEffect, UnmetLine};
pub use figures::{election_timeout, range, rate};
pub use group::Group;
pub use mistake::Mistake;
pub use near::nearest;
pub use needs::LineNeed;
pub use pace::{faster, slower};
pub use table::{WORDS, Word, word};

use raftdeck_model::{ClientRequest, Order, Step, World};
use raftdeck_raft::NodeId;
use std::ops::RangeInclusive;
use std::time::Duration;
use tokens::Token;
use verb::{ScriptVerb, Verb};

/// The meaning of a line.
#[derive(Clone, Debug, PartialEq)]
pub enum ScriptLine {
    /// Nothing: it is blank, or a comment.
    Nothing,
    /// Carry out these orders in this sequence. Empty: there is nothing to do.
    Do(Vec<Order>),
    /// Run to this goal, then freeze; the script fails if that takes longer.
    Step {
        /// How far.
        step: Step,
        /// The longest wait, in real time.
        within: Duration,
    },
    /// Send this to the store. The sender numbers it.
    Store(ClientRequest),
    /// Wait until this holds, for a limited time.
    Wait {
        /// The condition.
        until: Condition,
        /// The longest wait, in real time.
        within: Duration,
    },
    /// Let this much cluster time pass.
    Sleep {
        /// How much.
        time: Duration,
        /// The longest wait, in real time.
        within: Duration,
    },
    /// This holds now, or the script fails.
    Expect(Condition),
    /// The answer to a client is this, or the script fails. The wait for it is at most this long, in real time.
    Judge(Expectation, Duration),
    /// This holds throughout this time, or the script fails.
    Stays {
        /// The condition.
        condition: Condition,
        /// How long, in cluster time.
        time: Duration,
        /// The longest wait, in real time.
        within: Duration,
    },
    /// From now on this name has the present value of this.
    Let {
        /// The name, without its `$`.
        name: String,
        /// What is named.
        value: Value,
    },
    /// Carry out the lines up to the matching [`ScriptLine::End`] this many times.
    Repeat {
        /// How often.
        times: u64,
        /// The name of the counter, from 1.
        counter: Option<String>,
    },
    /// The end of lines that are repeated.
    End,
    /// Show this text.
    Say(String),
    /// Show the nodes' logs side by side.
    Logs,
    /// Show what is in force, in words that can be entered again.
    Rules,
    /// Show the nodes, cluster time and what is in force.
    Status,
    /// Do what this line says; a refusal does not fail the script.
    Try(Box<ScriptLine>),
    /// Send these changes of the cluster without waiting for their completion; a refusal does not fail the script.
    Begin(Vec<Order>),
    /// Write what is in force to this file, as a script.
    Save(String),
    /// Carry out the lines of this file.
    Load(String),
    /// Read this file without carrying it out, and show its mistakes.
    Check(String),
    /// Show the words, or this one.
    Help(Option<&'static Word>),
    /// End.
    Quit,
}

/// The value of a name. What depends on the cluster is looked up when the line is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The node that leads.
    Leader,
    /// A running follower: the one with the lowest id.
    Follower,
    /// This figure of this node.
    Figure(NodeId, Figure),
    /// This value itself.
    Known(BoundValue),
}

/// Parses one line in which `$` is an ordinary character, or says in a sentence why it cannot. Nodes that the world does not have are
/// mistakes, unless it has none yet.
pub fn parse(line: &str, world: &World) -> Result<ScriptLine, Mistake> {
    understood(&tokens::split(line)?, world)
}

/// The same for a line that may use these names.
pub fn parse_with(line: &str, world: &World, bindings: &Bindings) -> Result<ScriptLine, Mistake> {
    let tokens = tokens::split(line)?;
    if let [first, name, ..] = tokens.as_slice()
        && let Some(Word { verb: Verb::Script(ScriptVerb::Let), .. }) = word(&first.text)
        && let Some(bare) = name.text.strip_prefix('$')
    {
        let sentence = format!("let takes a name without its $: let {bare} = leader");
        return Err(Mistake::new(sentence).at(name.start));
    }
    understood(&bindings.expand(tokens)?, world)
}

/// Parses a condition that may use these names: what may stand between `wait` and `within`.
pub fn condition(text: &str, world: &World, bindings: &Bindings) -> Result<Condition, Mistake> {
    const WAIT: &str = "wait ";
    let moved = |mistake: Mistake| {
        let at = mistake.place().saturating_sub(WAIT.len());
        Mistake::new(mistake.to_string()).at(at)
    };
    match parse_with(&format!("{WAIT}{text}"), world, bindings).map_err(moved)? {
        ScriptLine::Wait { until, .. } if !text.contains(" within ") => Ok(until),
        _ => Err(Mistake::new(format!("\"{text}\" is not only a condition: leave out within"))),
    }
}

/// Parses a range of durations such as `..4T`, `1s..2s`.
pub fn duration_range(given: &str, world: &World) -> Result<RangeInclusive<Duration>, Mistake> {
    figures::duration_range(given, world)
}

/// Parses a duration such as `500ms` or `4T`.
pub fn duration(given: &str, world: &World) -> Result<Duration, Mistake> {
    figures::duration(given, world)
}

fn understood(tokens: &[Token], world: &World) -> Result<ScriptLine, Mistake> {
    match tokens.split_first() {
        None => Ok(ScriptLine::Nothing),
        Some((first, rest)) => said(first, rest, world),
    }
}

fn said(first: &Token, rest: &[Token], world: &World) -> Result<ScriptLine, Mistake> {
    let Some(meant) = word(&first.text) else { return Err(table::unknown(&first.text).at(first.start)) };
    let mut phrase = phrase::Phrase::new(meant, first, rest, world);
    if meant.verb == Verb::Script(ScriptVerb::Try) {
        let (first, rest) = rest.split_first().ok_or_else(|| phrase.lacks("a command"))?;
        let line = said(first, rest, world)?;
        if matches!(line, ScriptLine::Do(_) | ScriptLine::Store(_) | ScriptLine::Step { .. }) {
            return Ok(ScriptLine::Try(Box::new(line)));
        }
        let sentence = format!("{} is never refused: write it without try", first.text);
        return Err(Mistake::new(sentence).at(first.start));
    }
    if meant.verb == Verb::Script(ScriptVerb::Begin) {
        let (first, rest) = rest.split_first().ok_or_else(|| phrase.lacks("a change of the cluster"))?;
        return match said(first, rest, world)? {
            ScriptLine::Do(orders) if orders.iter().all(is_change) => Ok(ScriptLine::Begin(orders)),
            _ => {
                let sentence = format!("{} is no change of the cluster: write it without begin", first.text);
                Err(Mistake::new(sentence).at(first.start))
            }
        };
    }
    if meant.verb == Verb::Script(ScriptVerb::As) {
        let named = phrase.need("the name of a client and its request").and_then(answers::client_name);
        let named = named.map_err(|mistake| mistake.at(phrase.place()))?;
        let (first, rest) = rest[1..].split_first().ok_or_else(|| phrase.lacks("a store request"))?;
        let said = said(first, rest, world)?;
        return answers::as_client(named, &first.text, said).map_err(|mistake| mistake.at(first.start));
    }
    let said = verbs::line(&mut phrase).and_then(|line| phrase.end().map(|()| line));
    said.map_err(|mistake| mistake.at(phrase.place()))
}

/// Whether this is complete only when the members agree on it, which can take long.
fn is_change(order: &Order) -> bool {
    matches!(
        order,
        Order::AddNode
            | Order::AddLearner
            | Order::Promote(_)
            | Order::RemoveNode(_)
            | Order::ReplaceNode(_)
            | Order::Transfer(_)
    )
}

#[cfg(test)]
mod tests;
