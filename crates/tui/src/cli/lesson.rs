//! `raftdeck lesson …`, `teach`, `learn` and `paper`: lessons on the deck, and what can be done with them without a screen.

use super::screen::{Look, ScreenArgs, screen};
use crate::drill::{DrillEngine, Wishes, WrongFiles, named};
use crate::errors::WrongUsage;
use crate::lesson::{self, LessonCommand, museum, progress};
use crate::screen::runtime::{self, Beginning, LessonBeginning};
use crate::timing_name::TimingName;
use clap::error::ErrorKind;
use clap::{Args, Subcommand};
use color_eyre::eyre::{Result, bail};
use raftdeck_deck::app::lessons::{LessonStart, TOUR};
use raftdeck_drills::museum::{EXHIBITS, shipped_exhibit};
use raftdeck_drills::{Lesson, LessonProgress};
use raftdeck_script::nearest;
use std::net::SocketAddr;

/// The lesson of the paper's figures.
const PAPER: &str = "paper";

/// Texts for the help.
pub(super) const HELP: &str = "\
Examples:
  raftdeck lesson list
  raftdeck lesson run raft-in-30-minutes   alone, at the keyboard
  raftdeck lesson new my-lesson
  raftdeck teach raft-in-30-minutes        for a class";
pub(super) const TEACH_HELP: &str = "\
Examples:
  raftdeck teach raft-in-30-minutes
  raftdeck teach my-lesson.toml --chapter partition
  raftdeck teach raft-in-30-minutes --audience                a page for phones, on this machine only
  raftdeck teach raft-in-30-minutes --audience 0.0.0.0:8000   for the phones of this network

PageDown goes on and PageUp goes back, as the keys of a presenter remote do; b blanks the screen.
Exit status: 0 when the deck is quit.";
pub(super) const LEARN_HELP: &str = "\
Example: raftdeck learn

Five minutes, three nodes, nothing to know beforehand.";
pub(super) const MUSEUM_HELP: &str = "\
Examples:
  raftdeck museum            the exhibits, a line each
  raftdeck museum two-votes  watch one, step by step, and find the rule that was broken";
pub(super) const PAPER_HELP: &str = "\
Examples:
  raftdeck paper      all figures, one after the other
  raftdeck paper 8    Figure 8: why a majority is not enough";
const RUN_HELP: &str = "\
Examples:
  raftdeck lesson run raft-in-30-minutes
  raftdeck lesson run my-lesson.toml --chapter partition --engine sim

Exit status: 0 when the deck is quit.";

#[derive(Args, Debug)]
pub(super) struct LessonArgs {
    #[command(subcommand)]
    command: AnyLessonCommand,
}

#[derive(Debug, Subcommand)]
enum AnyLessonCommand {
    #[command(flatten)]
    WithoutScreen(LessonCommand),
    /// Take a lesson alone, at the keyboard: predict, see, read why
    #[command(after_help = RUN_HELP)]
    Run(RunArgs),
}

/// Which clusters the chapters run on, instead of what the file says.
#[derive(Args, Clone, Copy, Debug)]
struct LessonClusterArgs {
    /// What runs the nodes: this machine's processes, or the simulator
    #[arg(long, value_enum, default_value_t = DrillEngine::Lab)]
    engine: DrillEngine,
    /// The preset of heartbeats and election timeouts
    #[arg(long, value_enum)]
    timing: Option<TimingName>,
    /// Make random choices the same each time
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Which lesson, and where in it.
#[derive(Args, Debug)]
struct Which {
    /// The id of a built-in lesson, or a file
    #[arg(value_name = "ID|FILE")]
    lesson: String,
    /// The chapter to begin with, by its id or its number; without it, where you were, or the first
    #[arg(long, value_name = "CHAPTER")]
    chapter: Option<String>,
    /// Begin at the first chapter, and forget what was answered before
    #[arg(long, conflicts_with = "chapter")]
    restart: bool,
}

#[derive(Args, Debug)]
struct RunArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    cluster: LessonClusterArgs,
    #[command(flatten)]
    screen: ScreenArgs,
}

#[derive(Args, Debug)]
pub(super) struct TeachArgs {
    #[command(flatten)]
    which: Which,
    /// Let a class answer on its phones, by a page at this address; without an address, on a free port of this machine only
    #[arg(long, value_name = "ADDR:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:0")]
    audience: Option<SocketAddr>,
    #[command(flatten)]
    cluster: LessonClusterArgs,
    #[command(flatten)]
    screen: ScreenArgs,
}

#[derive(Args, Debug)]
pub(super) struct MuseumArgs {
    /// The exhibit; without it, they are listed
    #[arg(value_name = "EXHIBIT")]
    exhibit: Option<String>,
    #[command(flatten)]
    screen: ScreenArgs,
}

#[derive(Args, Debug)]
pub(super) struct LearnArgs {
    #[command(flatten)]
    cluster: LessonClusterArgs,
    #[command(flatten)]
    screen: ScreenArgs,
}

#[derive(Args, Debug)]
pub(super) struct PaperArgs {
    /// The figure's number: 2, 5, 6, 7, 8, 10, 11 or 12; without it, all of them
    #[arg(value_name = "FIGURE")]
    figure: Option<u8>,
    #[command(flatten)]
    cluster: LessonClusterArgs,
    #[command(flatten)]
    screen: ScreenArgs,
}

/// Runs `raftdeck lesson`. Returns what is to be printed, and the exit status.
pub(super) fn run(args: &LessonArgs) -> Result<(Vec<u8>, u8)> {
    match &args.command {
        AnyLessonCommand::WithoutScreen(command) => lesson::run(command),
        AnyLessonCommand::Run(RunArgs { which, cluster, screen }) => {
            let start = which.start(false)?;
            play(start, None, cluster, screen).map(|status| (Vec::new(), status))
        }
    }
}

/// Runs `raftdeck teach`.
pub(super) fn teach(args: &TeachArgs) -> Result<u8> {
    play(args.which.start(true)?, args.audience, &args.cluster, &args.screen)
}

/// Runs `raftdeck museum`. Returns what is to be printed, and the exit status.
pub(super) fn museum(args: &MuseumArgs) -> Result<(Vec<u8>, u8)> {
    let Some(named) = &args.exhibit else {
        return Ok((museum::list().into_bytes(), 0));
    };
    if shipped_exhibit(named).is_none() {
        let known = EXHIBITS.iter().map(|shipped| shipped.id);
        let why = match nearest(named, known) {
            Some(meant) => format!("there is no exhibit \"{named}\": did you mean {meant}?"),
            None => format!("there is no exhibit \"{named}\": raftdeck museum lists them"),
        };
        bail!(WrongFiles(why));
    }
    let Look { settings, preferences } = args.screen.look()?;
    if screen().is_err() {
        let why = "an exhibit is looked at on the deck, which needs a terminal";
        return Err(WrongUsage::new(ErrorKind::ValueValidation, why).into());
    }
    let (exhibit, reader) = (Some(named.clone()), args.screen.reader);
    let beginning = Beginning { exhibit, preferences, reader, ..Beginning::default() };
    runtime::run(None, settings, beginning).map(|status| (Vec::new(), status))
}

/// Runs `raftdeck learn`.
pub(super) fn learn(args: &LearnArgs) -> Result<u8> {
    let (lesson, progress) = (named::lesson(TOUR)?, LessonProgress::default());
    let start = LessonStart { lesson, chapter: Some(0), is_class: false, progress };
    play(start, None, &args.cluster, &args.screen)
}

/// Runs `raftdeck paper`.
pub(super) fn paper(args: &PaperArgs) -> Result<u8> {
    let lesson = named::lesson(PAPER)?;
    let chapter = args.figure.map(|figure| chapter_of(&lesson, &format!("figure-{figure}"))).transpose()?;
    let progress = LessonProgress::default();
    let chapter = Some(chapter.unwrap_or_default());
    play(LessonStart { lesson, chapter, is_class: false, progress }, None, &args.cluster, &args.screen)
}

impl Which {
    fn start(&self, is_class: bool) -> Result<LessonStart> {
        let lesson = named::lesson(&self.lesson)?;
        let chapter = match &self.chapter {
            Some(chapter) => Some(chapter_of(&lesson, chapter)?),
            None => self.restart.then_some(0),
        };
        let progress =
            progress::read().remove(lesson.id.text()).filter(|_| !self.restart).unwrap_or_default();
        Ok(LessonStart { lesson, chapter, is_class, progress })
    }
}

/// A chapter by its id or its number from 1.
fn chapter_of(lesson: &Lesson, named: &str) -> Result<usize> {
    let by_number = named.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let by_number = by_number.filter(|at| *at < lesson.chapters.len());
    if let Some(at) = lesson.chapter(named).or(by_number) {
        return Ok(at);
    }
    let known: Vec<&str> = lesson.chapters.iter().map(|chapter| chapter.id.text()).collect();
    let why = format!("{} has no chapter \"{named}\": its chapters are {}", lesson.id, known.join(", "));
    bail!(WrongFiles(why))
}

fn play(
    start: LessonStart,
    audience: Option<SocketAddr>,
    cluster: &LessonClusterArgs,
    args: &ScreenArgs,
) -> Result<u8> {
    let Look { settings, preferences } = args.look()?;
    if screen().is_err() {
        let why =
            format!("a lesson is played at a terminal: raftdeck lesson check {} needs none", start.lesson.id);
        return Err(WrongUsage::new(ErrorKind::ValueValidation, why).into());
    }
    let LessonClusterArgs { engine, timing, seed } = *cluster;
    let wishes = Wishes { timing, seed };
    let lesson = Some(LessonBeginning { start, engine, wishes, audience });
    runtime::run(
        None,
        settings,
        Beginning { lesson, preferences, reader: args.reader, ..Beginning::default() },
    )
}
