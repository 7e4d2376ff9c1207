//! `raftdeck check`: reads scripts without carrying them out.

use crate::files;
use clap::Args;
use color_eyre::eyre::{Result, bail};
use raftdeck_model::MAX_NODES;
use raftdeck_protocol::printable;
use raftdeck_script::check;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// For the help.
pub const HELP: &str = "\
Each mistake is one line, FILE:LINE:COLUMN: what is wrong. The files that a script loads are read too. The exit
status is 0 if there is no mistake and 1 if there is one.

Examples:
  raftdeck check --nodes 5 examples/figure-8.txt
  raftdeck check lessons/*.txt";

/// The command line.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The scripts
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How many nodes the cluster begins with: a line that names another one is a mistake
    #[arg(short, long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_NODES)))]
    nodes: u8,
}

/// What is to be printed, and the exit status.
pub fn run(args: &CheckArgs) -> Result<(Vec<u8>, u8)> {
    let mut checking = Checking { nodes: args.nodes.into(), seen: BTreeSet::new(), text: String::new() };
    for file in &args.files {
        if let Err(why) = checking.check(file) {
            bail!("{} cannot be read: {why}", file.display());
        }
    }
    let status = u8::from(!checking.text.is_empty());
    Ok((checking.text.into_bytes(), status))
}

struct Checking {
    nodes: usize,
    seen: BTreeSet<PathBuf>,
    text: String,
}

impl Checking {
    /// Checks a file and those that it loads, each once.
    fn check(&mut self, file: &Path) -> Result<(), String> {
        if !self.seen.insert(file.to_owned()) {
            return Ok(());
        }
        let checked = check(&files::read(&file.display().to_string())?, self.nodes);
        for flaw in &checked.flaws {
            self.say(file, flaw.line, flaw.column, &flaw.mistake);
        }
        for (line, named) in checked.loads {
            let loaded = file.parent().unwrap_or(Path::new("")).join(&named);
            if let Err(why) = self.check(&loaded) {
                self.say(file, line, 1, &format!("{} cannot be read: {why}", loaded.display()));
            }
        }
        Ok(())
    }

    fn say(&mut self, file: &Path, line: usize, column: usize, mistake: &str) {
        let said = format!("{}:{line}:{column}: {mistake}", file.display());
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{}", printable::line(&said));
    }
}
