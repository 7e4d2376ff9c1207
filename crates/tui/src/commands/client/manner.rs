//! The options that all operations share.

use super::reply::Form;
use clap::Args;
use std::io::{self, IsTerminal};
use std::time::Duration;

/// How an operation is carried out and told. At the prompt a line may say it for itself.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct Manner {
    /// Give up after this many seconds [default: 5]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600), global = true)]
    timeout: Option<u64>,
    /// Answer with JSON, one object per line
    #[arg(long, global = true)]
    json: bool,
    /// Print what was asked for and nothing else
    #[arg(long, global = true, conflicts_with = "json")]
    quiet: bool,
    /// Print which node answered, in which term and at which index, on standard error
    #[arg(long, global = true)]
    pub(super) verbose: bool,
}

impl Manner {
    pub(super) fn deadline(self) -> Duration {
        Duration::from_secs(self.timeout.unwrap_or(5))
    }

    pub(super) fn form(self) -> Form {
        match self {
            Self { json: true, .. } => Form::Json,
            Self { quiet: true, .. } => Form::Quiet,
            _ => Form::Plain { for_eyes: io::stdout().is_terminal() },
        }
    }

    /// These options, completed with those of `other`.
    pub(super) fn or(self, other: Self) -> Self {
        let form = if self.json || self.quiet { self } else { other };
        Self {
            timeout: self.timeout.or(other.timeout),
            json: form.json,
            quiet: form.quiet,
            verbose: self.verbose || other.verbose,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_at_the_prompt_goes_before_the_command_line() {
        let json = Manner { json: true, timeout: Some(9), ..Manner::default() };
        let quiet = Manner { quiet: true, verbose: true, ..Manner::default() };
        let both = quiet.or(json);
        assert_eq!((both.form(), both.timeout, both.verbose), (Form::Quiet, Some(9), true));
        assert_eq!(Manner::default().or(json).form(), Form::Json);
    }
}
