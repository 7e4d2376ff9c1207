//! The deck itself, which the program runs without a command.

use super::cluster::ClusterArgs;
use super::screen::{Look, ScreenArgs, screen};
use super::script::read_script;
use crate::errors::{WrongUsage, complain};
use crate::plain::{self, Format};
use crate::screen::runtime::{self, Beginning};
use clap::Args;
use clap::error::ErrorKind;
use color_eyre::eyre::Result;
use raftdeck_deck::app::scripted::Scripted;
use raftdeck_script::Script;
use std::path::{Path, PathBuf};

/// Text for the help.
pub(super) const HELP: &str = "\
Examples:
  raftdeck                          three nodes; kill the leader with K, write with w, help with ?
  raftdeck --nodes 5 --timing demo  slow enough to talk about each message
  raftdeck --nodes 5 --rate 0 --append-bytes 1 --script examples/figure-8.txt
                                    the paper's Figure 8, step by step
  raftdeck --data-dir ./cluster     the data is there again at the next start
  raftdeck --version --json         which build this is, as one JSON object

Ctrl-C and q end the deck and its nodes, with exit status 0.
Exit status: 0 done, 1 failed, 2 wrong usage, 128 + N ended by signal N.";

#[derive(Args, Debug)]
pub(super) struct DeckArgs {
    #[command(flatten)]
    pub(super) cluster: ClusterArgs,
    /// No screen: one line per event; takes the commands of raftdeck up on standard input. Also used when standard output is not a
    /// terminal
    #[arg(long)]
    plain: bool,
    /// Run a script on the deck; where it shows the logs it waits for Enter. raftdeck up runs it too
    #[arg(long, value_name = "FILE", conflicts_with = "plain")]
    script: Option<PathBuf>,
    #[command(flatten)]
    screen: ScreenArgs,
}

/// Runs the deck, or prints what happens where it cannot be drawn; returns the exit status.
pub(super) fn run(args: DeckArgs) -> Result<u8> {
    let Look { settings, preferences } = args.screen.look()?;
    let (engine, tape) = args.cluster.start()?;
    let screen = screen();
    let scripted = args.script.map(|file| scripted(&file, screen.is_ok())).transpose()?;
    if args.plain {
        return plain::run(engine, Format::Words, Script::default(), tape);
    }
    if let Err(no_screen) = screen {
        if let Some(why) = no_screen.told() {
            complain(why);
        }
        return plain::run(engine, Format::Words, Script::default(), tape);
    }
    let reader = args.screen.reader;
    let beginning = Beginning { scripted, tape, preferences, reader, ..Beginning::default() };
    runtime::run(Some(engine), settings, beginning)
}

fn scripted(file: &Path, on_terminal: bool) -> Result<Scripted> {
    if !on_terminal {
        let error = "--script is for the deck, which needs a terminal: without one, raftdeck up --script FILE does the same";
        return Err(WrongUsage::new(ErrorKind::ValueValidation, error).into());
    }
    let (file, text) = read_script(file)?;
    Ok(Scripted::new(&file, &text))
}
