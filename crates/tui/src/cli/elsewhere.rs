//! Names the command that an option belongs to if it was given to another one: `raftdeck --node-id 1` is meant to be `raftdeck node`.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory};
use raftdeck_config::Refusal;

/// The refusal of a command line, reworded if the option belongs to other commands.
pub(super) fn instead(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Usage(error, notes) => match sentence(&super::Cli::command(), &error) {
            Some(sentence) => {
                let told = super::Cli::command().error(ErrorKind::UnknownArgument, sentence);
                Refusal::Usage(Box::new(told), notes)
            }
            None => Refusal::Usage(error, notes),
        },
        Refusal::Config(error) => Refusal::Config(error),
    }
}

fn sentence(program: &Command, error: &clap::Error) -> Option<String> {
    let (ErrorKind::UnknownArgument, Some(ContextValue::String(given))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
    else {
        return None;
    };
    let long = given.strip_prefix("--")?;
    let has = |command: &&Command| {
        command.get_arguments().any(|option| option.get_long() == Some(long) && !option.is_hide_set())
    };
    let commands: Vec<String> = program
        .get_subcommands()
        .filter(has)
        .map(|command| format!("raftdeck {}", command.get_name()))
        .collect();
    let (first, several) = (commands.first()?, commands.join(", "));
    Some(match commands.len() {
        1 => format!("--{long} is an option of {first}: write {first} --{long} ..."),
        _ => format!(
            "--{long} is an option of other commands ({several}): write for example {first} --{long} ..."
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[&str]) -> Option<String> {
        let program = super::super::Cli::command();
        let error = program.clone().try_get_matches_from(words).expect_err("is invalid");
        sentence(&program, &error)
    }

    #[test]
    fn the_option_of_another_command_is_told_with_that_command() {
        for (words, says) in [
            (
                &["raftdeck", "--node-id", "1", "--bind", "127.0.0.1:8080"][..],
                "write raftdeck node --node-id ...",
            ),
            (&["raftdeck", "--http=8080"], "write raftdeck node --http ..."),
            (&["raftdeck", "up", "--bind", "127.0.0.1:8080"], "write raftdeck node --bind ..."),
            (&["raftdeck", "--cluster", "127.0.0.1:8080"], "(raftdeck node, raftdeck client)"),
        ] {
            let told = told(words).unwrap_or_default();
            assert!(told.contains(says), "{words:?}: {told:?}");
        }
        for words in
            [&["raftdeck", "--nodse", "3"][..], &["raftdeck", "--nodes", "x"], &["raftdeck", "--managed"]]
        {
            assert_eq!(told(words), None, "{words:?}");
        }
    }
}
