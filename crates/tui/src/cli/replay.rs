//! `raftdeck replay`: a recording, on the deck or as lines.

use super::screen::{Look, ScreenArgs, screen};
use crate::errors::complain;
use crate::files;
use crate::plain::{self, Format};
use crate::screen::runtime::{self, Beginning};
use crate::source::engine::Engine;
use clap::Args;
use color_eyre::eyre::{Result, WrapErr};
use raftdeck_drills::recorded_history;
use raftdeck_record::Recording;
use std::fs::File;
use std::path::PathBuf;

/// Text for the help.
pub(super) const HELP: &str = "\
Space pauses and resumes, + and - change the speed, . runs to the next event and pauses, `:seek 12s` jumps forward to a time.

Examples:
  raftdeck up --engine sim --script examples/figure-8.txt --nodes 5 --rate 0 --append-bytes 1 --record figure-8.rec
  raftdeck replay figure-8.rec
  raftdeck replay --json figure-8.rec | jq .event
  raftdeck replay --history history.txt cluster.rec   the clients' requests, for the checker porcupine";

#[derive(Args, Debug)]
pub(super) struct ReplayArgs {
    /// The recording
    file: PathBuf,
    /// No screen: print all events at once, one line each
    #[arg(long)]
    plain: bool,
    /// The same as JSON lines
    #[arg(long, conflicts_with = "plain")]
    json: bool,
    /// With --json: print also each message on the links, whenever its state changes
    #[arg(long, requires = "json")]
    messages: bool,
    /// Write what clients asked and were answered to this file, in the form that the linearizability checker porcupine reads, and
    /// play nothing
    #[arg(long, value_name = "OUT", conflicts_with_all = ["plain", "json"])]
    history: Option<PathBuf>,
    #[command(flatten)]
    screen: ScreenArgs,
}

/// Plays the recording; returns the exit status.
pub(super) fn run(args: &ReplayArgs) -> Result<u8> {
    let Look { settings, preferences } = args.screen.look()?;
    let cannot = || format!("the recording {} cannot be played", args.file.display());
    let file = File::open(&args.file).wrap_err_with(cannot)?;
    let recording = Recording::read(file).wrap_err_with(cannot)?;
    if let Some(out) = &args.history {
        let history = recorded_history(&recording.updates);
        let written = files::replace(out, &history.text);
        return written.map(|()| 0).wrap_err_with(|| format!("{} cannot be written", out.display()));
    }
    let screen = screen();
    if args.json || args.plain || screen.is_err() {
        if let Some(why) = screen.err().filter(|_| !args.json && !args.plain).and_then(|no| no.told()) {
            complain(why);
        }
        let format = Format::asked(args.json, args.messages);
        return plain::play_through(recording, format);
    }
    let engine = Engine::Recording(Box::new(recording));
    let beginning = Beginning { preferences, reader: args.screen.reader, ..Beginning::default() };
    runtime::run(Some(engine), settings, beginning)
}
