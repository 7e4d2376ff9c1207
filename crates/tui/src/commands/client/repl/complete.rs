//! Completion with Tab: commands, options, and keys, which are requested from the cluster. The wait is too short to annoy a user.

use super::line::CommandLine;
use super::tokens::{self, Tokens};
use crate::commands::client::cluster::Cluster;
use clap::{Command, CommandFactory};
use raftdeck_client::Completed;
use raftdeck_protocol::{Answer, Consistency, Read};
use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use std::time::Duration;
use tokio::runtime::Handle;

/// How long Tab waits for keys. Then it offers none.
const PATIENCE: Duration = Duration::from_millis(300);

/// The most keys that are offered.
const MOST: u32 = 100;

/// Completes lines.
pub(super) struct Completion {
    commands: Command,
    cluster: Cluster,
    runtime: Handle,
}

/// What can be completed at the end of the line.
#[derive(Debug, PartialEq, Eq)]
enum Completable {
    /// One of these words.
    Words(Vec<String>),
    /// A key.
    Key,
    Nothing,
}

impl Completion {
    pub(super) fn new(cluster: Cluster, runtime: Handle) -> Self {
        let mut commands = CommandLine::command();
        commands.build();
        Self { commands, cluster, runtime }
    }

    /// The keys with this prefix; none if no node answers in time.
    fn keys(&self, prefix: &[u8]) -> Vec<Vec<u8>> {
        let list = Read::List { prefix: prefix.to_vec().into(), after: None, limit: MOST };
        // Any node may answer, even without a leader.
        let asked = self.cluster.client.read_with(list, Consistency::Stale, PATIENCE);
        let answered = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
        match answered {
            Ok(Ok(Completed { answer: Answer::Page { pairs, .. }, .. })) => {
                pairs.into_iter().map(|(key, _)| key.to_vec()).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// What may follow these words when the next one begins with `begun`.
fn wanted(commands: &Command, words: &[Vec<u8>], begun: &[u8]) -> Completable {
    let texts: Vec<&str> = words.iter().map(|word| std::str::from_utf8(word).unwrap_or_default()).collect();
    let mut command = commands;
    let mut places = 0;
    let mut texts = texts.into_iter().peekable();
    let is_help = texts.next_if_eq(&"help").is_some();
    for text in texts {
        if command.has_subcommands() && !text.starts_with('-') {
            match command.find_subcommand(text) {
                Some(found) => command = found,
                None => return Completable::Nothing,
            }
        } else if !text.starts_with('-') {
            places += 1;
        }
    }
    if begun.starts_with(b"-") && !is_help {
        let longs = command.get_arguments().filter_map(clap::Arg::get_long);
        return Completable::Words(longs.map(|long| format!("--{long}")).collect());
    }
    if command.has_subcommands() {
        return Completable::Words(command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect());
    }
    let first = command.get_positionals().next().map(|place| place.get_id().as_str());
    if places == 0 && matches!(first, Some("key" | "prefix")) && !is_help {
        Completable::Key
    } else {
        Completable::Nothing
    }
}

impl Completer for Completion {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let Tokens { words, last, .. } = tokens::tokens(&line[..at]);
        let (start, begun) = last.unwrap_or_else(|| (at, Vec::new()));
        let candidates = match wanted(&self.commands, &words, &begun) {
            Completable::Nothing => Vec::new(),
            Completable::Words(mut words) => {
                words.retain(|word| word.as_bytes().starts_with(&begun));
                words.iter().map(|word| format!("{word} ")).collect()
            }
            Completable::Key => written(&self.keys(&begun), line[start..at].starts_with('"')),
        };
        Ok((start, candidates))
    }
}

/// Keys as they are typed. If one of them needs quotes, all get some, so that they have the same beginning.
fn written(keys: &[Vec<u8>], quotes: bool) -> Vec<String> {
    let quotes = quotes || !keys.iter().all(|key| tokens::is_bare(key));
    let write = |key: &Vec<u8>| {
        if quotes { tokens::quoted(key) } else { String::from_utf8_lossy(key).into_owned() }
    };
    keys.iter().map(|key| write(key) + " ").collect()
}

impl Helper for Completion {}
impl Highlighter for Completion {}
impl Validator for Completion {}
impl Hinter for Completion {
    type Hint = String;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted_after(line: &str) -> Completable {
        let mut commands = CommandLine::command();
        commands.build();
        let Tokens { words, last, .. } = tokens::tokens(line);
        wanted(&commands, &words, &last.map(|(_, begun)| begun).unwrap_or_default())
    }

    fn offers(line: &str, word: &str) -> bool {
        matches!(wanted_after(line), Completable::Words(words) if words.iter().any(|offered| offered == word))
    }

    #[test]
    fn each_place_gets_what_may_stand_there() {
        assert!(offers("", "put") && offers("pu", "quit") && offers("--json ", "get"));
        assert!(offers("member ", "promote") && offers("help ", "cas") && offers("help member ", "add"));
        assert!(offers("get color --", "--consistency") && offers("put --f", "--from-file"));
        for line in ["get ", "get co", "get --json ", "delete ", "put ", "cas \"a", "list us", "watch us"] {
            assert_eq!(wanted_after(line), Completable::Key, "{line}");
        }
        for line in ["get color ", "put color bl", "dance ", "quit ", "help put ", "transfer "] {
            assert_eq!(wanted_after(line), Completable::Nothing, "{line}");
        }
    }

    #[test]
    fn keys_are_quoted_alike_when_one_needs_it() {
        let keys = |keys: &[&str]| keys.iter().map(|key| key.as_bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(written(&keys(&["ab", "ac"]), false), ["ab ", "ac "]);
        assert_eq!(written(&keys(&["ab", "a c"]), false), ["\"ab\" ", "\"a c\" "]);
        assert_eq!(written(&keys(&["ab"]), true), ["\"ab\" "]);
    }
}
