//! Lessons: what can be done with them without a screen, and how far somebody is in them.

mod check;
mod list;
pub(crate) mod museum;
mod new;
pub(crate) mod progress;

use clap::Subcommand;
use color_eyre::eyre::Result;

/// What can be done with lessons without a screen.
#[derive(Debug, Subcommand)]
pub enum LessonCommand {
    /// List the built-in lessons
    #[command(after_help = "Examples:\n  raftdeck lesson list\n  raftdeck lesson list --json")]
    List(list::ListArgs),
    /// Describe a lesson: its chapters and questions
    #[command(
        after_help = "Examples:\n  raftdeck lesson show raft-in-30-minutes\n  raftdeck lesson show raft-in-30-minutes --source > my.toml"
    )]
    Show(list::ShowArgs),
    /// Write a lesson file to begin with
    #[command(after_help = "Example: raftdeck lesson new my-lesson && raftdeck lesson check my-lesson.toml")]
    New(new::NewArgs),
    /// Check lesson files, and play each chapter once in the simulator
    #[command(
        after_help = "Example: raftdeck lesson check examples/lessons/*.toml\n\nExit status: 0 no mistake, 1 a file cannot be read, 2 a mistake, 3 a step does not come about."
    )]
    Check(check::CheckArgs),
    /// Print the JSON Schema of lesson files
    #[command(after_help = "Example: raftdeck lesson schema > lesson.schema.json")]
    Schema,
}

/// Runs the command. Returns what is to be printed, and the exit status.
pub fn run(command: &LessonCommand) -> Result<(Vec<u8>, u8)> {
    let printed = |text: String| Ok((text.into_bytes(), 0));
    match command {
        LessonCommand::List(args) => printed(list::list(args)?),
        LessonCommand::Show(args) => printed(list::show(args)?),
        LessonCommand::New(args) => printed(new::run(args)?),
        LessonCommand::Check(args) => check::run(args),
        LessonCommand::Schema => printed(raftdeck_drills::lesson_schema()),
    }
}
