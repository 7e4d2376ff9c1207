//! A line as a command: the same words as on the command line, and those that only a prompt has. Carries nothing out.

use super::tokens;
use crate::commands::client::manner::Manner;
use crate::commands::client::operation::Operation;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStringExt;

#[derive(Debug, Parser)]
#[command(name = "", no_binary_name = true, disable_help_subcommand = true)]
pub(super) struct CommandLine {
    #[command(flatten)]
    pub(super) manner: Manner,
    #[command(subcommand)]
    pub(super) word: Word,
}

#[derive(Debug, Subcommand)]
pub(super) enum Word {
    #[command(flatten)]
    Operation(Operation),
    /// Show all commands, or the help of one
    #[command(after_help = "Example: help put")]
    Help {
        /// Which
        command: Vec<String>,
    },
    /// Leave; so does Ctrl-D
    #[command(alias = "exit", after_help = "Example: quit")]
    Quit,
}

/// The meaning of a line.
#[derive(Debug)]
pub(super) enum LineMeaning {
    /// Nothing, or a comment.
    Nothing,
    Command(CommandLine),
    /// Help was requested; this is the text.
    Help(String),
    /// It is invalid, for this reason.
    Mistake(String),
}

/// Parses a line.
pub(super) fn read(line: &str) -> LineMeaning {
    if line.trim_start().starts_with('#') {
        return LineMeaning::Nothing;
    }
    let mut words = match tokens::words(line) {
        Ok(words) if words.is_empty() => return LineMeaning::Nothing,
        Ok(words) => words,
        Err(mistake) => return LineMeaning::Mistake(mistake.to_string()),
    };
    // Other stores' commands are often written in upper case.
    words[0].make_ascii_lowercase();
    match CommandLine::try_parse_from(words.into_iter().map(OsString::from_vec)) {
        Ok(CommandLine { word: Word::Help { command }, .. }) => help(&command),
        Ok(line) => LineMeaning::Command(line),
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            LineMeaning::Help(at_the_prompt(&error.to_string()))
        }
        Err(error) => LineMeaning::Mistake(mistake(&error)),
    }
}

/// Adapts help to the prompt: the program's name is not typed here, and shell examples do not apply.
fn at_the_prompt(help: &str) -> String {
    let is_for_shells = |line: &str| line.contains("raftdeck client") && line.contains(['|', '>', '<']);
    let lines: Vec<&str> = help.lines().filter(|line| !is_for_shells(line)).collect();
    let text = lines.join("\n").replace("raftdeck client ", "").replace("Usage:  ", "Usage: ");
    text.trim_end().to_owned()
}

fn mistake(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand)
    {
        let near = match error.get(ContextKind::SuggestedSubcommand) {
            // A command that leaves, or does nothing, is suggested only if the word begins the same way. The last suggestion is the
            // nearest.
            Some(ContextValue::Strings(near)) => near.iter().rev().find(|near| {
                !["quit", "exit", "help"].contains(&near.as_str()) || near.get(..2) == word.get(..2)
            }),
            _ => None,
        };
        let near = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
        return format!("\"{word}\" is not a command; {near}help lists them all");
    }
    let text = error.to_string();
    let text = text.split("\n\nFor more information").next().unwrap_or_default();
    at_the_prompt(text.trim_start_matches("error: "))
}

fn help(of: &[String]) -> LineMeaning {
    let mut all = CommandLine::command();
    all.build();
    let Some(name) = of.first() else { return LineMeaning::Help(all_commands(&all)) };
    let mut command = &mut all;
    for part in of {
        match command.find_subcommand_mut(part) {
            Some(found) => command = found,
            None => return LineMeaning::Mistake(format!("\"{name}\" is not a command; help lists them")),
        }
    }
    LineMeaning::Help(at_the_prompt(&command.render_help().to_string()))
}

fn all_commands(all: &clap::Command) -> String {
    let mut text = String::new();
    for command in all.get_subcommands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let others = command.get_visible_aliases().collect::<Vec<_>>().join(" or ");
        let others = if others.is_empty() { others } else { format!(" (or {others})") };
        let _ = writeln!(text, "{:9} {about}{others}", command.get_name());
    }
    text.push_str(
        "\nhelp COMMAND shows more. Put values with spaces in quotes: put color 'dark blue'; between double quotes\n\
         \\n, \\t, \\r, \\\" \\\\ and \\xNN stand for what cannot be typed. Any command takes --json, --quiet,\n\
         --verbose and --timeout SECONDS. Tab completes commands and keys. Ctrl-C cancels the line or the request\n\
         under way. A line that begins with a space is not kept in the history.",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_shown_the_way_out_for_another_word() {
        for line in ["edit", "set1", "dell", "delp", "get1", "kelp", "hset a b", "zset", "unset a"] {
            match read(line) {
                LineMeaning::Mistake(text) => {
                    assert!(
                        ["exit?", "quit?", "help?"].iter().all(|out| !text.contains(out)),
                        "{line}: {text}"
                    );
                }
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_words_are_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn lines_are_commands_help_or_nothing() {
        for nothing in ["", "   ", "# put a b", "  # x"] {
            assert!(matches!(read(nothing), LineMeaning::Nothing), "{nothing:?}");
        }
        for command in [
            "put color blue",
            "put color -1",
            "put color ''",
            "put color -",
            "put color 'dark blue' --json",
            "get color --consistency stale --timeout 9",
            "delete color",
            "cas color blue green",
            "cas color --absent blue",
            "list",
            "list user/ --limit 3 --after user/a",
            "watch",
            "watch user/ --after 17 --json",
            "status",
            "transfer n2",
            "member add 4 127.0.0.1:8083",
            "member list",
            "quit",
            "exit",
            "set color blue",
            "SET color Blue",
            "del color",
            "rm color",
            "ls user/",
            "member ls",
            "member rm 4",
        ] {
            assert!(matches!(read(command), LineMeaning::Command(_)), "{command}: {:?}", read(command));
        }
        for (line, says) in [
            ("help", "Ctrl-C cancels"),
            ("help", "(or del or rm)"),
            ("help put", "Usage: put [OPTIONS] <KEY>"),
            ("help put", "from-file photo.jpg"),
            ("help member add", "member add"),
            ("put --help", "Example"),
        ] {
            assert!(
                matches!(read(line), LineMeaning::Help(text) if text.contains(says)),
                "{line}: {:?}",
                read(line)
            );
        }
    }

    #[test]
    fn a_synonym_is_what_it_stands_for() {
        use raftdeck_model::ClientOp;
        use raftdeck_protocol::{Read, Write};
        let op = |line: &str| {
            let LineMeaning::Command(CommandLine { word: Word::Operation(operation), .. }) = read(line)
            else {
                panic!("{line}")
            };
            match operation.task(crate::commands::client::operation::Input::Commands) {
                Ok(crate::commands::client::operation::Task::Keys(op, _)) => op,
                other => panic!("{line}: {other:?}"),
            }
        };
        let put = Write::Put { key: "Color".into(), value: "Blue".into() };
        assert_eq!(op("SET Color Blue"), ClientOp::Write(put));
        for line in ["del Color", "rm Color", "delete Color"] {
            assert_eq!(op(line), ClientOp::Write(Write::Delete { key: "Color".into() }));
        }
        assert!(matches!(op("ls us"), ClientOp::Read(Read::List { prefix, .. }) if prefix == "us"));
    }

    /// Each row: a line that is invalid, and what the answer must name.
    #[test]
    fn what_makes_no_sense_is_answered_with_a_sentence() {
        for (line, says) in [
            ("dance", "\"dance\" is not a command"),
            ("gett color", "did you mean get?"),
            ("sett color blue", "did you mean set?"),
            ("exi", "did you mean exit?"),
            ("put", "<KEY>"),
            ("put color", "<VALUE>"),
            ("put color dark blue", "blue"),
            ("put color blue --from-file x", "--from-file"),
            ("put color 'blue", "a ' is missing"),
            ("put color \"\\q\"", "is not an escape"),
            ("put color \"blue\"s", "a space is missing"),
            ("get", "<KEY>"),
            ("get a b", "b"),
            ("get color --consistency eventual", "linearizable, lease, stale"),
            ("cas color", "VALUE"),
            ("cas color a", "VALUE"),
            ("list --limit 0", "1..=1000"),
            ("watch a b", "b"),
            ("watch --after color", "--after"),
            ("transfer leader", "4 or n4"),
            ("transfer", "<ID>"),
            ("member", "promote"),
            ("member dance", "dance"),
            ("member add 4 nowhere", "HOST:PORT"),
            ("--timeout 0 get color", "1..=3600"),
            ("get color --cluster 127.0.0.1:1", "--cluster"),
            ("help dance", "\"dance\" is not a command"),
            ("get color --json --quiet", "--quiet"),
        ] {
            match read(line) {
                LineMeaning::Mistake(text) => {
                    assert!(text.contains(says), "{line}: {text}");
                    assert!(!text.contains("raftdeck") && !text.contains("error:"), "{line}: {text}");
                }
                other => panic!("{line}: {other:?}"),
            }
        }
    }
}
