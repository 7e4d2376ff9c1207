//! The project's own commands, as `cargo xtask COMMAND`. It links no other crate of the workspace: it gets what it needs from them
//! through `cargo`, so that it is built in seconds.

mod architecture;
mod bench;
mod book;
mod dist;
mod drills;
mod fuzz;
mod grammar;
mod museum;
mod mutants;
mod release_check;
mod screenshots;
mod workspace;

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run the tests of what may import what, and of circles
    Architecture,
    /// Run benchmarks, or with --list print their command lines
    Bench(bench::Args),
    /// Build the book into target/book, or with --write bring its generated parts up to date
    Book(book::Args),
    /// Build the programs for others and pack them
    Dist(dist::Args),
    /// Run every drill on both engines, and write what was measured into docs/drills-measured.md
    Drills(drills::Args),
    /// Give a reader of bytes many of them, for a time
    Fuzz(fuzz::Args),
    /// Write the table of words in docs/grammar.md anew
    Grammar(grammar::Args),
    /// See that the recordings of the museum are up to date, or with --write make them
    Museum(museum::Args),
    /// Take out one guard of the core after another and see that tests notice
    Mutants(mutants::Args),
    /// See that this version can be released
    ReleaseCheck(release_check::Args),
    /// Take the pictures of the README and the book anew, from the real program
    Screenshots(screenshots::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Architecture => architecture::run_tests(),
        Task::Bench(args) => bench::run(&args),
        Task::Book(args) => book::run(&args),
        Task::Dist(args) => dist::run(&args),
        Task::Drills(args) => drills::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Grammar(args) => grammar::run(&args),
        Task::Museum(args) => museum::run(&args),
        Task::Mutants(args) => mutants::run(&args),
        Task::ReleaseCheck(args) => release_check::run(&args),
        Task::Screenshots(args) => screenshots::run(&args),
    }
}
