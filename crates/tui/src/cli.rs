//! The command line: what can be asked of the program, and the way from there to the room that does it.

use crate::check_cmd::{self, CheckArgs};
use crate::client_cmd::{self, ClientArgs};
use crate::config_cmd::{self, ConfigArgs};
use crate::describe::{self, CompletionsArgs, ManArgs};
use crate::engine::Engine;
use crate::files;
use crate::paths;
use crate::plain::{self, Format};
use crate::runtime;
use crate::sim_cmd::{self, SimArgs};
use crate::tape::Tape;
use crate::tls_cmd::{self, TlsArgs};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use color_eyre::eyre::{Result, WrapErr, bail};
use raftdeck_bench::{BenchArgs, BenchError};
use raftdeck_client::{TOKEN_VARIABLE, exposed, token};
use raftdeck_config::{Program, StandIn};
use raftdeck_deck::app::Settings;
use raftdeck_deck::app::scripted::Scripted;
use raftdeck_deck::theme::ColourChoice;
use raftdeck_lab::{LabOptions, node_count};
use raftdeck_node::{NodeArgs, open_files};
use raftdeck_protocol::{ClockRate, printable};
use raftdeck_raft::Timing;
use raftdeck_record::Recording;
use raftdeck_script::Script;
use raftdeck_sim::LiveOptions;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const DECK_EXAMPLES: &str = "\
Examples:
  raftdeck                          three nodes; kill the leader with K, write with w, help with ?
  raftdeck --nodes 5 --timing demo  slow enough to talk about each message
  raftdeck --nodes 5 --rate 0 --append-bytes 1 --script examples/figure-8.txt
                                    the paper's Figure 8, step by step
  raftdeck --data-dir ./cluster     the data is there again at the next start

Ctrl-C and q end the deck and its nodes, with exit status 0.
Exit status: 0 done, 1 failed, 2 wrong usage, 128 + N ended by signal N.";

const UP_HELP: &str = "\
Examples:
  raftdeck up --nodes 3 --json
  printf 'wait leader\\nkill leader\\nwait leader\\nlogs\\nquit\\n' | raftdeck up

Commands are read from standard input, one a line; help lists all words, # begins a comment. The
next line is begun when the one before is done. The end of the input ends nothing: quit does.

With --json each line is an object with \"event\" and \"at_ms\", the milliseconds since the start.
Events:
  cluster    nodes, heartbeat_ms, election_ms [least, greatest], data_dir
  process    node, state: starting, running, paused (with pid), killed, stopped, failed (with how,
             last_words)
  ready      node, raft, client, http (addresses)
  started    node, term, last: what its disk held
  timeout    node, waited_ms: heard no leader for so long
  election   node, term, pre_vote
  vote       node, candidate, term, pre_vote, granted
  role       node, from, to (follower, pre_candidate, candidate, leader), term
  step_down  node, reason (higher_term, other_leader, quorum_lost, removed, disk_stalled), term
  leader     node, leader (null: none known), term
  commit     node, index; at most ten a second and node
  truncate   node, from, to: entries removed because they conflicted with the leader's
  link       from, to, state: cut, open
  membership            node, index, voters, learners, outgoing (the old voters, while the change
                        is joint)
  membership_committed  node, index
  caught_up             node, learner, round, took_ms
  promotion_given_up    node, learner
  transfer              node, to: it hands the leadership over
  transfer_given_up     node, to
  told_to_campaign      node, leader
  snapshot_taken        node, last: the last entry in it, size in bytes
  snapshot_sending      node, to, last
  snapshot_installed    node, last, kept_log: whether the log behind it was kept
  purge      node, through: the log's beginning is released
  tuned      node, heartbeat_ms, election_ms [least, greatest], pre_vote, check_quorum
  paused     node: it noticed that it had been stopped, or that its clock had stepped
  disk_slow, disk_stalled, disk_recovered   node, waited_ms: no write of its disk finished for so long
  follower_disk_stalled      node (the leader), follower, waited_ms
  follower_disk_recovered    node (the leader), follower
  stranger_ignored      node, from, disk, expected: an answer of another disk, or of no member
  went_back             node (the leader), follower, confirmed, found: it lost what it confirmed
  refilled              node (the leader), follower, through: it has all of that again
  snapshot_refused      node (the leader), follower, last, reason
  notice     node (it reports), about (a node), kind: founding, empty_disk, removed; text: what is
             the matter and what to do. Again when the text changes
  notice_over   node, about, kind: it is not reported any more
  peer_refused  node, peer, reason: no connection between them, as one refuses the other
  peer_admitted node, peer: it is not reported any more
  change     node, step: starting, joining, promoting, joined (a node is added); replacing, then
             joining to joined; leaving, left; handing_over, handed_over; given_up
  missed     node, count: events that could not be told
  time       rate, now_us: how fast cluster time passes, and how late it is
  in_force   faults: all that can be undone, each with id and words
  client     id (of the command), asked, node, answer or failed: what came of a request to the store
  refused    id, reason: a command could not be carried out
  trouble    reason: something went wrong that no command asked for
  answer     to, lines: to say, logs, rules, status, save and help; to store: what still waits
More events and fields may be added.

Exit status: 0 on quit, on Ctrl-C, and when nobody reads the output any more; 1 failed, or a line of
a script that makes no sense; 3 a wait, an expect or a step of a script that failed, or a command
that was refused. At a terminal the last two are only told.";

/// The package's version, and the commit if it was built from a checkout.
pub const VERSION: &str = env!("RAFTDECK_VERSION");

const BENCH_EXAMPLES: &str = "\
Examples:
  raftdeck bench write --clients 256 --secs 5 --floor
  raftdeck bench read --consistency lease
  raftdeck bench mixed --reads 90 --rate 50000

Exit status: 0 measured, 1 failed, 2 wrong usage.";

/// A live Raft cluster on the terminal: watch it, break it, heal it
///
/// Starts a cluster of key-value nodes on this machine and shows their terms, roles, votes and logs as they happen.
/// Keys kill, pause, restart and partition them, and write through them.
#[derive(Debug, Parser)]
#[command(
    name = "raftdeck",
    version = VERSION,
    args_conflicts_with_subcommands = true,
    after_help = DECK_EXAMPLES
)]
struct Cli {
    #[command(flatten)]
    deck: DeckArgs,
    #[command(subcommand)]
    command: Option<Sub>,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Run the same cluster with no screen: one line per event, until Ctrl-C
    #[command(after_help = UP_HELP)]
    Up(UpArgs),
    /// Run one node, as raftdeck-node does
    #[command(after_help = NodeArgs::EXAMPLES.replace("raftdeck-node", "raftdeck node"))]
    Node(NodeArgs),
    /// Read from and write to a running cluster; without a command, at a prompt
    #[command(after_help = client_cmd::HELP)]
    Client(ClientArgs),
    /// Play whole clusters in virtual time, much faster than real ones, and try to break them
    #[command(after_help = "Example: raftdeck sim run --nodes 5 --seeds 1000 --faults all")]
    Sim(SimArgs),
    /// Play a recording that was made with --record: on the deck, or, where there is no terminal, as lines
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayArgs),
    /// Read scripts without carrying them out, and print their mistakes
    #[command(after_help = check_cmd::HELP)]
    Check(CheckArgs),
    /// Measure how fast a cluster is: throughput, latency, cost, and the time that failover and recovery take
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(BenchArgs),
    /// Make certificates, for a cluster that speaks TLS and whose owner has no authority of his own
    #[command(
        subcommand,
        after_help = "Examples:\n  raftdeck tls new --nodes 3 --hosts kv.example,10.0.0.1\n  raftdeck tls add --node 4"
    )]
    Tls(TlsArgs),
    /// Print a script that lets a shell complete this program's commands and options
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionsArgs),
    /// Print this program's page for man, or write one page per command
    #[command(
        after_help = "Examples:\n  raftdeck man > raftdeck.1 && man ./raftdeck.1\n  raftdeck man --dir ~/.local/share/man/man1"
    )]
    Man(ManArgs),
    /// Look at what the configuration file, the environment and the defaults come to
    #[command(
        subcommand,
        after_help = config_cmd::HELP
    )]
    Config(ConfigArgs),
    /// Print where this program keeps what is its own
    #[command(after_help = "Examples:\n  raftdeck paths\n  raftdeck paths --json | jq -r .client_history")]
    Paths {
        /// Print one JSON object; what does not exist on this system is null
        #[arg(long)]
        json: bool,
    },
}

const COMPLETIONS_HELP: &str = "\
Examples:
  raftdeck completions bash > ~/.local/share/bash-completion/completions/raftdeck
  raftdeck completions zsh > ~/.zfunc/_raftdeck      with fpath+=~/.zfunc before compinit
  raftdeck completions fish > ~/.config/fish/completions/raftdeck.fish
  raftdeck completions powershell >> $PROFILE
  raftdeck completions elvish >> ~/.config/elvish/rc.elv";

#[derive(Args, Debug)]
struct DeckArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// No screen: one line per event in plain words. Also used when this is no terminal
    #[arg(long)]
    plain: bool,
    /// Play a script on the deck; where it shows the logs it waits for Enter. raftdeck up plays it too
    #[arg(long, value_name = "FILE", conflicts_with = "plain")]
    script: Option<PathBuf>,
    #[command(flatten)]
    screen: ScreenArgs,
}

#[derive(Args, Debug)]
struct ScreenArgs {
    /// Draw with ASCII characters only
    #[arg(long)]
    ascii: bool,
    /// Leave the mouse to the terminal, so that text can be selected
    #[arg(long)]
    no_mouse: bool,
}

const REPLAY_EXAMPLES: &str = "\
Space stops and goes on, + and - change the speed, . goes on to the next event and stops, `:seek 12s` goes forward to a time.

Examples:
  raftdeck up --engine sim --script examples/figure-8.txt --nodes 5 --rate 0 --append-bytes 1 --record figure-8.rec
  raftdeck replay figure-8.rec
  raftdeck replay --json figure-8.rec | jq .event";

#[derive(Args, Debug)]
struct ReplayArgs {
    /// The recording
    file: PathBuf,
    /// No screen: all at once, one line per event
    #[arg(long)]
    plain: bool,
    /// The same as JSON lines
    #[arg(long, conflicts_with = "plain")]
    json: bool,
    #[command(flatten)]
    screen: ScreenArgs,
}

#[derive(Args, Debug)]
struct UpArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
    /// Carry out the lines of this file, before those of the standard input
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[expect(clippy::doc_markdown, reason = "these texts are shown to people as they are, by --help")]
struct ClusterArgs {
    /// What runs the nodes: this machine's processes, or the simulator, where time is virtual and a seed decides everything
    #[arg(long, value_enum, default_value_t = EngineName::Lab)]
    engine: EngineName,
    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = node_count)]
    nodes: u8,
    /// How fast heartbeats and elections go
    #[arg(long, value_enum, default_value_t = TimingName::Fast)]
    timing: TimingName,
    /// Keep the nodes' data here; without it, the data goes with the cluster
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The first node's Raft port, the next node has the next one; clients are 1000 and HTTP 2000 above. Without
    /// it, free ports are taken
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    base_port: Option<u16>,
    /// A node takes a snapshot of its state after so many entries, and lets go of most of the log before it
    #[arg(long, value_name = "N", default_value_t = SNAPSHOT_ENTRIES, value_parser = clap::value_parser!(u64).range(1..))]
    snapshot_entries: u64,
    /// The most bytes of entries in one message to a follower; 1 sends each entry alone, so that each can be seen
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4_194_304))]
    append_bytes: Option<u32>,
    /// Let every sync of the nodes' disks take so much longer, such as 2ms or 500us: how the store does on a slower disk
    #[arg(long, value_name = "DURATION", value_parser = raftdeck_node::parse_sync_delay)]
    sync_delay: Option<Duration>,
    /// Take a node's disk for stalled when it has not finished a write for this many milliseconds: a leader then hands over or
    /// steps down [default: the greatest election timeout, at least 500]
    #[arg(long, value_name = "MS", value_parser = raftdeck_node::parse_millis)]
    disk_stall: Option<Duration>,
    /// Let the nodes take the end of their leader's connection for its end, and campaign at once instead of when their
    /// election timeout passes
    #[arg(long)]
    detect_crash: bool,
    /// Make the nodes' random choices the same each time; in the simulator everything that is left to chance (1 without this)
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Write down all that happens, for raftdeck replay; the file must not be there yet
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// How fast cluster time passes at first: 1 is real time, 1/100 a hundredth of it, 0 stands still
    #[arg(long, value_name = "RATE", default_value = "1", value_parser = clock_rate)]
    rate: ClockRate,
    /// Let only clients in that show the token in this file; without one, whoever reaches the nodes may read and write keys
    /// [else env: RAFTDECK_CLIENT_TOKEN, the token itself]
    #[arg(long, value_name = "FILE", env = "RAFTDECK_CLIENT_TOKEN_FILE")]
    client_token_file: Option<PathBuf>,
    /// Let the nodes reach each other directly: no message is seen, held, delayed or lost on purpose
    #[arg(long)]
    direct: bool,
}

/// So that on the deck a snapshot is seen before long.
const SNAPSHOT_ENTRIES: u64 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineName {
    /// Child processes on this machine, in real time
    Lab,
    /// The simulator, in virtual time
    Sim,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TimingName {
    /// Heartbeat 50 ms, election timeout 150 to 300 ms
    Fast,
    /// Heartbeat 500 ms, election timeout 1 to 2 s
    Debug,
    /// Heartbeat 3 s, election timeout 5 to 8 s
    Demo,
}

impl TimingName {
    fn timing(self) -> Timing {
        match self {
            Self::Fast => Timing::FAST,
            Self::Debug => Timing::DEBUG,
            Self::Demo => Timing::DEMO,
        }
    }
}

fn clock_rate(given: &str) -> Result<ClockRate, String> {
    raftdeck_script::rate(given).map_err(|mistake| mistake.to_string())
}

impl ClusterArgs {
    /// What is to be started, and the recording of it that is to be made.
    fn start(mut self) -> Result<(Engine, Option<Tape>)> {
        let record = self.record.take();
        let engine = match self.engine {
            EngineName::Lab => Engine::Lab(Box::new(self.lab_options()?)),
            EngineName::Sim => Engine::Simulator(self.live_options()),
        };
        let tape = record.map(|file| Tape::begin(&file, engine.name())).transpose()?;
        Ok((engine, tape))
    }

    /// Simulated nodes have no files, ports or tokens.
    fn live_options(self) -> LiveOptions {
        let given = [
            ("--data-dir", self.data_dir.is_some()),
            ("--base-port", self.base_port.is_some()),
            ("--direct", self.direct),
            ("--client-token-file", self.client_token_file.is_some()),
        ];
        if let Some((option, _)) = given.iter().find(|(_, is_given)| *is_given) {
            let why = format!(
                "{option} is of no use with --engine sim: simulated nodes have no files, ports or links of this machine"
            );
            Cli::command().error(ErrorKind::ArgumentConflict, why).exit();
        }
        LiveOptions {
            timing: self.timing.timing(),
            rate: self.rate,
            snapshot_entries: Some(self.snapshot_entries),
            append_bytes: self.append_bytes,
            sync_delay: self.sync_delay,
            disk_stall: self.disk_stall,
            detect_crash: self.detect_crash,
            ..LiveOptions::new(self.nodes.into(), self.seed.unwrap_or(1))
        }
    }

    /// The nodes are this program itself, run again.
    fn lab_options(self) -> Result<LabOptions> {
        let executable = std::env::current_exe()
            .wrap_err("this program's own file, which runs the nodes, cannot be found")?;
        let held = std::env::var_os(TOKEN_VARIABLE).map(|held| held.to_string_lossy().into_owned());
        let client_token = token(self.client_token_file.as_deref(), (TOKEN_VARIABLE, held))?;
        if let Some(warning) = self.client_token_file.as_deref().and_then(exposed) {
            complain(&warning);
        }
        let options = LabOptions {
            timing: self.timing.timing(),
            data_dir: self.data_dir,
            base_port: self.base_port,
            seed: self.seed,
            snapshot_entries: Some(self.snapshot_entries),
            append_bytes: self.append_bytes,
            sync_delay: self.sync_delay,
            disk_stall: self.disk_stall,
            detect_crash: self.detect_crash,
            rate: self.rate,
            direct: self.direct,
            client_token,
            guard: Some(executable.clone()),
            ..LabOptions::new(executable, &["node"], self.nodes)
        };
        // What can be told from the command line alone is wrong usage.
        options
            .validate()
            .unwrap_or_else(|error| Cli::command().error(ErrorKind::ValueValidation, error).exit());
        Ok(options)
    }
}

impl ScreenArgs {
    fn settings(&self) -> Settings {
        // https://no-color.org: any value but an empty one.
        let colour = match std::env::var_os("NO_COLOR") {
            Some(value) if !value.is_empty() => ColourChoice::Never,
            _ => ColourChoice::Terminal,
        };
        Settings { ascii: self.ascii, colour, mouse: !self.no_mouse }
    }
}

/// A token itself, instead of the file that holds it.
const TOKENS: &[StandIn] = &[
    StandIn { table: "deck", option: "client-token-file", variable: TOKEN_VARIABLE, is_secret: true },
    StandIn { table: "client", option: "token-file", variable: TOKEN_VARIABLE, is_secret: true },
    StandIn { table: "bench", option: "token-file", variable: TOKEN_VARIABLE, is_secret: true },
];

/// The command line, and how the environment and the configuration file name its parts.
#[must_use]
pub fn program() -> Program {
    Program::new(Cli::command(), "deck")
        .shared(&[("up", "deck")])
        .stand_ins(NodeArgs::STAND_INS)
        .stand_ins(TOKENS)
}

/// Runs what the command line asks for; the program's exit status.
#[must_use]
pub fn main() -> ExitCode {
    // Nobody but the program itself asks for it, so it is no part of what is described.
    if std::env::args_os().nth(1).is_some_and(|command| command == raftdeck_bench::FLOOR_COMMAND) {
        return raftdeck_bench::run_floor(std::env::args_os().skip(1));
    }
    if std::env::args_os().nth(1).is_some_and(|command| command == raftdeck_lab::STAND_BY) {
        raftdeck_lab::stand_by(Path::new(&std::env::args_os().nth(2).unwrap_or_default()));
        return ExitCode::SUCCESS;
    }
    let program = program();
    let matches = program.parse_or_exit();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Some(Sub::Node(args)) = cli.command {
        return raftdeck_node::run(&args);
    }
    print_panics();
    let result = match cli.command {
        Some(Sub::Up(args)) => up(args),
        Some(Sub::Replay(args)) => replay(&args),
        Some(Sub::Check(args)) => {
            check_cmd::run(&args).and_then(|(text, status)| told(Ok(text)).map(|_| status))
        }
        Some(Sub::Client(args)) => client_cmd::run(args),
        Some(Sub::Sim(args)) => sim_cmd::run(args),
        Some(Sub::Bench(args)) => bench(args),
        Some(Sub::Completions(args)) => told(Ok(describe::completions(&args, program.described()))),
        Some(Sub::Man(args)) => told(describe::man(args, program.described())),
        Some(Sub::Tls(args)) => told(tls_cmd::run(args).map(String::into_bytes)),
        Some(Sub::Config(args)) => told(Ok(config_cmd::told(&args, &program, &matches).into_bytes())),
        Some(Sub::Paths { json }) => told(Ok(paths::told(json).into_bytes())),
        Some(Sub::Node(_)) | None => deck(cli.deck),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            complain(&sentence(&error));
            ExitCode::FAILURE
        }
    }
}

/// Prints panics readably. Where standard error is closed they are lost, but do not end the process at once, as
/// printing them with the usual macros would: there is still a cluster to be stopped.
fn print_panics() {
    let (panics, errors) = color_eyre::config::HookBuilder::default().into_hooks();
    // Fails only if there is one already, which is as good.
    let _ = errors.install();
    std::panic::set_hook(Box::new(move |panic| {
        let _ = writeln!(io::stderr(), "{}", panics.panic_report(panic));
    }));
}

fn complain(what: &str) {
    // There is nobody else to tell.
    let _ = writeln!(io::stderr(), "raftdeck: {}", printable::lines(what));
}

/// An error with its causes, each said once.
pub(crate) fn sentence(error: &color_eyre::Report) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// Prints what is the whole of an answer.
fn told(text: Result<Vec<u8>>) -> Result<u8> {
    client_cmd::print(&text?)?;
    Ok(0)
}

fn deck(args: DeckArgs) -> Result<u8> {
    let (engine, tape) = args.cluster.start()?;
    let on_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let scripted = args.script.map(|file| scripted(&file, on_terminal)).transpose()?;
    if args.plain || !on_terminal {
        return plain::run(engine, Format::Words, Script::default(), tape);
    }
    runtime::run(engine, args.screen.settings(), scripted, tape)
}

fn replay(args: &ReplayArgs) -> Result<u8> {
    let cannot = || format!("the recording {} cannot be played", args.file.display());
    let file = File::open(&args.file).wrap_err_with(cannot)?;
    let recording = Recording::read(file).wrap_err_with(cannot)?;
    let on_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    if args.json || args.plain || !on_terminal {
        let format = if args.json { Format::Json } else { Format::Words };
        return plain::play_through(recording, format);
    }
    let engine = Engine::Recording(Box::new(recording));
    runtime::run(engine, args.screen.settings(), None, None)
}

fn scripted(file: &Path, on_terminal: bool) -> Result<Scripted> {
    if !on_terminal {
        let error = "--script is for the deck, which needs a terminal: without one, raftdeck up --script FILE does the same";
        Cli::command().error(ErrorKind::ValueValidation, error).exit();
    }
    let (file, text) = read_script(file)?;
    Ok(Scripted::new(&file, &text))
}

fn read_script(file: &Path) -> Result<(String, Vec<u8>)> {
    let file = file.display().to_string();
    match files::read(&file) {
        Ok(text) => Ok((file, text)),
        Err(why) => bail!("the script {file} cannot be read: {why}"),
    }
}

fn up(args: UpArgs) -> Result<u8> {
    let format = if args.json { Format::Json } else { Format::Words };
    let script = match &args.script {
        Some(file) => {
            let (file, text) = read_script(file)?;
            Script::of_file(&file, &text)
        }
        None => Script::default(),
    };
    match args.cluster.start()? {
        (Engine::Simulator(options), tape) if args.script.is_some() || !io::stdin().is_terminal() => {
            let script = script_of_input(script, args.script.is_some())?;
            plain::run_simulation(options, format, script, tape)
        }
        (engine, tape) => plain::run(engine, format, script, tape),
    }
}

/// In virtual time all lines are there from the beginning: the file's, or else those of the standard input.
fn script_of_input(mut script: Script, has_file: bool) -> Result<Script> {
    if !has_file {
        let mut text = Vec::new();
        io::stdin().lock().read_to_end(&mut text).wrap_err("the standard input cannot be read")?;
        let text = text.strip_suffix(b"\n").unwrap_or(&text);
        text.split(|byte| *byte == b'\n').for_each(|line| script.add(line));
    }
    Ok(script)
}

/// What a benchmark has open: its clients' connections and its cluster's.
const BENCH_FILES: u64 = 256;

fn bench(args: BenchArgs) -> Result<u8> {
    open_files::allow(BENCH_FILES)?;
    match raftdeck_bench::run(args) {
        Ok(()) => Ok(0),
        Err(BenchError::Interrupted(signal)) => Ok(u8::try_from(128 + signal).unwrap_or(1)),
        Err(BenchError::Usage(why)) => Cli::command().error(ErrorKind::ValueValidation, why).exit(),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn causes_are_said_once() {
        let inner = color_eyre::eyre::eyre!("the disk is full");
        let error = inner.wrap_err("no log: the disk is full").wrap_err("n1 cannot start");
        assert_eq!(sentence(&error), "n1 cannot start: no log: the disk is full");
    }
}
