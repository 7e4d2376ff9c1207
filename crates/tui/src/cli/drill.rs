//! `raftdeck drill …`: the drills that run without a screen, and the one that does not.

use super::screen::{Look, ScreenArgs, screen};
use crate::drill::{self, DrillCommand, DrillPlan, PlanArgs};
use crate::errors::WrongUsage;
use crate::screen::runtime::{self, Beginning};
use clap::error::ErrorKind;
use clap::{Args, Subcommand};
use color_eyre::eyre::Result;

/// Text for the help.
pub(super) const HELP: &str = "\
Examples:
  raftdeck drill list
  raftdeck drill play leader-kill   at the keyboard
  raftdeck drill run leader-kill --plain
  raftdeck drill run --all --engine sim";

const PLAY_HELP: &str = "\
Examples:
  raftdeck drill play leader-kill
  raftdeck drill play my-drill.toml --timing debug   slow enough to follow

Exit status: 0 when the deck is quit, whatever the drill's verdict; raftdeck drill run exits with the verdict.";

#[derive(Args, Debug)]
pub(super) struct DrillArgs {
    #[command(subcommand)]
    command: AnyDrillCommand,
}

#[derive(Debug, Subcommand)]
enum AnyDrillCommand {
    #[command(flatten)]
    WithoutScreen(DrillCommand),
    /// Play a drill on the deck: predict, act, read the debrief
    #[command(after_help = PLAY_HELP)]
    Play(PlayArgs),
}

#[derive(Args, Debug)]
struct PlayArgs {
    /// The id of a built-in drill, or a file
    #[arg(value_name = "ID|FILE")]
    drill: String,
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    screen: ScreenArgs,
}

/// Runs the command. Returns what is to be printed, and the exit status.
pub(super) fn run(args: DrillArgs) -> Result<(Vec<u8>, u8)> {
    match args.command {
        AnyDrillCommand::WithoutScreen(command) => drill::run(command),
        AnyDrillCommand::Play(args) => play(&args).map(|status| (Vec::new(), status)),
    }
}

fn play(args: &PlayArgs) -> Result<u8> {
    let plan = DrillPlan::named(&args.drill, &args.plan)?;
    let Look { settings, preferences } = args.screen.look()?;
    if screen().is_err() {
        let why = format!("a drill is played at a terminal: raftdeck drill run {} needs none", args.drill);
        return Err(WrongUsage::new(ErrorKind::ValueValidation, why).into());
    }
    let engine = plan.start()?;
    let reader = args.screen.reader;
    let beginning = Beginning { play: Some(plan), preferences, reader, ..Beginning::default() };
    runtime::run(Some(engine), settings, beginning)
}
