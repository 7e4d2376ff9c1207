//! The command line: the program's commands, and their dispatch.

mod attach;
mod cluster;
mod deck;
mod drill;
mod elsewhere;
mod lesson;
mod replay;
mod screen;
mod script;
mod traits;
mod up;

use crate::commands::check::{self, CheckArgs};
use crate::commands::client::{self, ClientArgs};
use crate::commands::config::{self, ConfigArgs};
use crate::commands::context::{self, ContextArgs};
use crate::commands::describe::{self, CompletionsArgs, ManArgs};
use crate::commands::sim::{self, SimArgs};
use crate::commands::tls::{self, TlsArgs};
use crate::commands::{bench, paths};
use crate::drill::WrongFiles;
use crate::errors::{WrongUsage, complain, sentence};
use crate::source::elsewhere::MANAGER_TOKEN_VARIABLE;
use crate::source::hosted::{HOST_COMMAND, host};
use attach::AttachArgs;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use color_eyre::Report;
use color_eyre::eyre::Result;
use deck::DeckArgs;
use drill::DrillArgs;
use lesson::{LearnArgs, LessonArgs, MuseumArgs, PaperArgs, TeachArgs};
use raftdeck_bench::BenchArgs;
use raftdeck_client::TOKEN_VARIABLE;
use raftdeck_config::{Program, StandIn};
use raftdeck_node::{BuildInfo, NodeArgs, VERSION};
use replay::ReplayArgs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use up::UpArgs;

/// A live Raft cluster on the terminal: watch it, break it, heal it
///
/// Starts a cluster of key-value nodes on this machine and shows their terms, roles, votes and logs as they happen.
/// Keys kill, pause, restart and partition them, and write through them.
#[derive(Debug, Parser)]
#[command(
    name = "raftdeck",
    version = VERSION,
    args_conflicts_with_subcommands = true,
    after_help = deck::HELP
)]
struct Cli {
    #[command(flatten)]
    deck: DeckArgs,
    #[command(subcommand)]
    command: Option<Sub>,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Run the same cluster without a screen: one line per event, until Ctrl-C
    #[command(after_help = up::HELP)]
    Up(UpArgs),
    /// Watch and use a cluster that something else runs: the deck, without its nodes' processes and links
    #[command(after_help = attach::HELP)]
    Attach(Box<AttachArgs>),
    /// Run one node, as raftdeck-node does
    #[command(after_help = NodeArgs::EXAMPLES.replace("raftdeck-node", "raftdeck node"))]
    Node(NodeArgs),
    /// Read from and write to a running cluster; without a command, at a prompt
    #[command(after_help = client::HELP)]
    Client(ClientArgs),
    /// Simulate whole clusters in virtual time, much faster than real time, and try to break them
    #[command(after_help = "Example: raftdeck sim run --nodes 5 --seeds 1000 --faults all")]
    Sim(SimArgs),
    /// Play a recording that was made with --record: on the deck, or, where there is no terminal, as lines
    #[command(after_help = replay::HELP)]
    Replay(ReplayArgs),
    /// Run failover drills: inject a fault on purpose, measure, judge, heal
    #[command(after_help = drill::HELP)]
    Drill(DrillArgs),
    /// Take a lesson at the keyboard, and write lessons
    #[command(after_help = lesson::HELP)]
    Lesson(LessonArgs),
    /// Teach a class: freeze, ask, collect answers, discuss, and let the cluster show the answer
    #[command(after_help = lesson::TEACH_HELP)]
    Teach(TeachArgs),
    /// Take the tour: what the deck shows, on a live cluster
    #[command(after_help = lesson::LEARN_HELP)]
    Learn(LearnArgs),
    /// Look at bugs of Raft implementations: recordings of what happens without one guard, and with it
    #[command(after_help = lesson::MUSEUM_HELP)]
    Museum(MuseumArgs),
    /// Play the figures of the Raft paper as live scenes
    #[command(after_help = lesson::PAPER_HELP)]
    Paper(PaperArgs),
    /// Check scripts without running them, and print their mistakes
    #[command(after_help = check::HELP)]
    Check(CheckArgs),
    /// Measure a cluster: throughput, latency, cost, failover time and recovery time
    #[command(after_help = bench::HELP)]
    Bench(BenchArgs),
    /// Make a certificate authority and certificates for a cluster that uses TLS
    #[command(
        subcommand,
        after_help = "Examples:\n  raftdeck tls new --nodes 3 --hosts kv.example,10.0.0.1\n  raftdeck tls add --node 4"
    )]
    Tls(TlsArgs),
    /// Print a shell completion script for this program
    #[command(after_help = describe::COMPLETIONS_HELP)]
    Completions(CompletionsArgs),
    /// Print this program's man page, or write one page per command
    #[command(
        after_help = "Examples:\n  raftdeck man > raftdeck.1 && man ./raftdeck.1\n  raftdeck man --dir ~/.local/share/man/man1"
    )]
    Man(ManArgs),
    /// Show the settings in effect, from the configuration file, the environment and the defaults; print the deck's settings
    #[command(
        subcommand,
        after_help = config::HELP
    )]
    Config(ConfigArgs),
    /// Give clusters names: where they are and what lets one in, for raftdeck attach and raftdeck client
    #[command(after_help = context::HELP)]
    Context(ContextArgs),
    /// Print the paths of this program's own files
    #[command(after_help = "Examples:\n  raftdeck paths\n  raftdeck paths --json | jq -r .client_history")]
    Paths {
        /// Print one JSON object; what does not exist on this system is null
        #[arg(long)]
        json: bool,
    },
}

/// A token itself, instead of the file that holds it.
const TOKENS: &[StandIn] = &[
    StandIn { table: "deck", option: "client-token-file", variable: TOKEN_VARIABLE, is_secret: true },
    StandIn { table: "attach", option: "client-token-file", variable: TOKEN_VARIABLE, is_secret: true },
    StandIn {
        table: "attach",
        option: "manager-token-file",
        variable: MANAGER_TOKEN_VARIABLE,
        is_secret: true,
    },
    StandIn { table: "client", option: "token-file", variable: TOKEN_VARIABLE, is_secret: true },
    StandIn { table: "bench", option: "token-file", variable: TOKEN_VARIABLE, is_secret: true },
];

/// The command line, and how the environment and the configuration file name its options.
#[must_use]
pub fn program() -> Program {
    Program::new(Cli::command(), "deck")
        .shared(&[("up", "deck")])
        .stand_ins(NodeArgs::STAND_INS)
        .stand_ins(TOKENS)
}

/// Runs what the command line requests; returns the program's exit status.
#[must_use]
pub fn main() -> ExitCode {
    // Only the program itself uses this, so it is not part of the documented command line.
    if std::env::args_os().nth(1).is_some_and(|command| command == raftdeck_bench::FLOOR_COMMAND) {
        return raftdeck_bench::run_floor(std::env::args_os().skip(1));
    }
    if std::env::args_os().nth(1).is_some_and(|command| command == raftdeck_lab::STAND_BY) {
        raftdeck_lab::stand_by(Path::new(&std::env::args_os().nth(2).unwrap_or_default()));
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().nth(1).is_some_and(|command| command == raftdeck_lab::KEEP_MEMBER) {
        let error = raftdeck_lab::keep_member(std::env::args_os().skip(2));
        eprintln!("etcd cannot be started: {error}");
        return ExitCode::FAILURE;
    }
    if std::env::args_os().nth(1).is_some_and(|command| command == HOST_COMMAND) {
        print_panics();
        return host::run();
    }
    if BuildInfo::is_asked_for(std::env::args_os().skip(1)) {
        return BuildInfo::of("raftdeck").print();
    }
    let program = program();
    let environment = |name: &str| std::env::var_os(name);
    let parsed = program.parse(std::env::args_os().collect(), &environment);
    let matches = parsed.unwrap_or_else(|refusal| elsewhere::instead(refusal).exit());
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Some(Sub::Node(args)) = cli.command {
        return raftdeck_node::run(&args);
    }
    print_panics();
    let result = match cli.command {
        Some(Sub::Up(args)) => up::run(args),
        Some(Sub::Attach(args)) => attach::run(*args),
        Some(Sub::Replay(args)) => replay::run(&args),
        Some(Sub::Check(args)) => check::run(&args).and_then(|(text, status)| told(Ok(text)).map(|_| status)),
        Some(Sub::Drill(args)) => drill::run(args).and_then(|(text, status)| told(Ok(text)).map(|_| status)),
        Some(Sub::Lesson(args)) => {
            lesson::run(&args).and_then(|(text, status)| told(Ok(text)).map(|_| status))
        }
        Some(Sub::Teach(args)) => lesson::teach(&args),
        Some(Sub::Learn(args)) => lesson::learn(&args),
        Some(Sub::Museum(args)) => {
            lesson::museum(&args).and_then(|(text, status)| told(Ok(text)).map(|_| status))
        }
        Some(Sub::Paper(args)) => lesson::paper(&args),
        Some(Sub::Client(args)) => client::run(args),
        Some(Sub::Sim(args)) => sim::run(args),
        Some(Sub::Bench(args)) => bench::run(args),
        Some(Sub::Completions(args)) => told(Ok(describe::completions(&args, program.described()))),
        Some(Sub::Man(args)) => told(describe::man(args, program.described())),
        Some(Sub::Tls(args)) => told(tls::run(args).map(String::into_bytes)),
        Some(Sub::Config(args)) => told(Ok(config::told(&args, &program, &matches).into_bytes())),
        Some(Sub::Context(args)) => told(context::run(args).map(String::into_bytes)),
        Some(Sub::Paths { json }) => told(Ok(paths::told(json).into_bytes())),
        Some(Sub::Node(_)) | None => deck::run(cli.deck),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => failed(&error),
    }
}

/// Prints panics readably. If standard error is closed they are lost, but do not end the process immediately, as printing them with
/// the usual macros would: there is still a cluster to be stopped.
fn print_panics() {
    let (panics, errors) = color_eyre::config::HookBuilder::default().into_hooks();
    // Fails only if there is one already, which is equally good.
    let _ = errors.install();
    std::panic::set_hook(Box::new(move |panic| {
        let _ = writeln!(io::stderr(), "{}", panics.panic_report(panic));
    }));
}

/// The exit status when what was given cannot be used.
const WRONG_USAGE: u8 = 2;

/// Prints why the command failed.
fn failed(error: &Report) -> ExitCode {
    if let Some(WrongUsage { kind, why }) = error.downcast_ref() {
        Cli::command().error(*kind, why).exit();
    }
    complain(&sentence(error));
    if error.is::<WrongFiles>() { ExitCode::from(WRONG_USAGE) } else { ExitCode::FAILURE }
}

/// Prints a complete answer.
fn told(text: Result<Vec<u8>>) -> Result<u8> {
    client::print(&text?)?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::Timing;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_page_of_help_has_an_example() {
        fn check(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let long = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            let help = help + &long;
            let (_, example) = help.split_once("Example").unwrap_or_default();
            let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
            let called = name.split(' ').next_back().unwrap_or_default();
            assert!(
                example.lines().any(|line| line.contains("raftdeck") && line.contains(called)),
                "{name} has no example: {help}"
            );
            command.get_subcommands().filter(|sub| !sub.is_hide_set()).for_each(check);
        }
        let mut program = Cli::command().disable_help_subcommand(true);
        program.build();
        check(&program);
    }

    #[test]
    fn a_bare_start_is_three_fast_nodes_without_kept_data() {
        let cli = Cli::parse_from(["raftdeck"]);
        assert!(cli.command.is_none());
        let lab = cli.deck.cluster.lab_options().unwrap();
        assert_eq!((lab.nodes, lab.timing, lab.data_dir, lab.base_port), (3, Timing::FAST, None, None));
    }
}
