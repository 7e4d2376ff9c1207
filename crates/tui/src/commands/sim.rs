//! `raftdeck sim`: runs whole clusters in virtual time, many seeds on all processors, and prints what it found. The simulator gives a
//! seed its meaning; the threads, the clock and the output are here.

use clap::{Args, Subcommand};
use color_eyre::eyre::{Result, WrapErr};
use raftdeck_sim::{FaultKind, FaultKinds, MAX_NODES, Options, RunOutcome, Shrunk, Stats, UnknownFault};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// The exit status when a property was violated.
const BROKEN: u8 = 3;

/// The most runs in the search for a short schedule.
const SHRINKING: u32 = 600;

/// `raftdeck sim …`
#[derive(Args, Debug)]
pub struct SimArgs {
    #[command(subcommand)]
    command: SimCommand,
}

#[derive(Debug, Subcommand)]
enum SimCommand {
    /// Simulate clusters in virtual time, break them, and check that every property holds
    ///
    /// One seed decides everything: the cluster's limits, its clients, and what goes wrong when. The same seed gives
    /// the same run on every machine. At the first violated property the seed, the property and the shortest fault
    /// schedule found that still violates it are printed, and the exit status is 3.
    #[command(after_help = RUN_HELP)]
    Run(RunArgs),
}

const RUN_HELP: &str = "\
Examples:
  raftdeck sim run --nodes 5 --seeds 1000 --faults all
  raftdeck sim run --faults crash,disk --secs 30
  raftdeck sim run --nodes 3 --seed 17 --trace run.ndjson   one run, an object an event

Exit status: 0 every property held, 1 failed, 2 wrong usage, 3 a property was violated.";

#[derive(Args, Debug)]
struct RunArgs {
    /// How many nodes the cluster starts with
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = node_count)]
    nodes: u8,
    /// How many seeds to run
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    first_seed: u64,
    /// Run this seed only
    #[arg(long, value_name = "N", conflicts_with_all = ["seeds", "first_seed"])]
    seed: Option<u64>,
    /// Which faults to inject: all, none, or some of crash, disk, partition, network, pause, clock, membership,
    /// transfer, snapshot, tune, wipe, restore, client, stall, separated by commas
    #[arg(long, value_name = "KINDS", default_value = "all", value_parser = fault_kinds)]
    faults: FaultKinds,
    /// For how many virtual seconds faults are injected in each run
    #[arg(long, value_name = "N", default_value_t = Options::new(1).secs, value_parser = clap::value_parser!(u32).range(1..=3600))]
    secs: u32,
    /// How many runs at a time; without it, one per processor
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Write every event of the one seed's run to this file, one JSON object per line
    #[arg(long, value_name = "FILE", requires = "seed", conflicts_with_all = ["seeds", "first_seed"])]
    trace: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// No progress line, even on a terminal
    #[arg(long)]
    plain: bool,
}

fn node_count(given: &str) -> Result<u8, String> {
    match given.parse() {
        Ok(nodes) if (1..=MAX_NODES).contains(&nodes) => Ok(nodes),
        _ => Err(format!("a simulated cluster starts with 1 to {MAX_NODES} nodes")),
    }
}

fn fault_kinds(given: &str) -> Result<FaultKinds, UnknownFault> {
    given.parse()
}

/// Runs what was requested; returns the exit status.
pub fn run(args: SimArgs) -> Result<u8> {
    let SimCommand::Run(args) = args.command;
    let options = Options { nodes: args.nodes, faults: args.faults.clone(), secs: args.secs };
    let start = Instant::now();
    let played = match (&args.trace, args.seed) {
        (Some(file), Some(seed)) => traced(seed, &options, file)?,
        _ => play(&args, &options),
    };
    let report = SimReport { played, took: start.elapsed(), options: &options, args: &args };
    report.print()
}

/// The outcome of all seeds.
#[derive(Debug, Default)]
struct SeedsResult {
    seeds: u64,
    stats: Stats,
    /// The lowest seed that violated a property.
    broken: Option<RunOutcome>,
    trace_hash: Option<u64>,
}

impl SeedsResult {
    fn add(&mut self, outcome: RunOutcome) {
        self.seeds += 1;
        self.stats.add(&outcome.stats);
        self.trace_hash = Some(outcome.trace_hash);
        let is_lower = self.broken.as_ref().is_none_or(|broken| outcome.seed < broken.seed);
        if outcome.violation.is_some() && is_lower {
            self.broken = Some(outcome);
        }
    }
}

/// Runs one seed and writes down every event.
fn traced(seed: u64, options: &Options, path: &Path) -> Result<SeedsResult> {
    let cannot = || format!("cannot write the trace to {}", path.display());
    let mut file = BufWriter::new(File::create(path).wrap_err_with(cannot)?);
    let mut failure = None;
    let schedule = raftdeck_sim::schedule(seed, options);
    let outcome = raftdeck_sim::watch(seed, options, &schedule, &mut |record| {
        if failure.is_none() {
            let written = serde_json::to_writer(&mut file, record).map_err(io::Error::from);
            failure = written.and_then(|()| file.write_all(b"\n")).err();
        }
    });
    failure.map_or_else(|| file.flush(), Err).wrap_err_with(cannot)?;
    let mut played = SeedsResult::default();
    played.add(outcome);
    Ok(played)
}

/// Runs all seeds, in order, several at a time. After a violation no more are begun; those before it are run to their end, so that
/// the lowest broken seed is found.
fn play(args: &RunArgs, options: &Options) -> SeedsResult {
    let (first, count) = args.seed.map_or((args.first_seed, args.seeds), |seed| (seed, 1));
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or(processors, usize::from);
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let shows_progress = io::stderr().is_terminal() && !args.plain && !args.json;
    let start = Instant::now();
    let mut played = SeedsResult::default();
    thread::scope(|scope| {
        let (report, outcomes) = mpsc::channel();
        for _ in 0..jobs {
            let (report, next, stop) = (report.clone(), &next, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let outcome = raftdeck_sim::run(first.wrapping_add(number), options);
                    if outcome.violation.is_some() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    if report.send(outcome).is_err() {
                        return;
                    }
                }
            });
        }
        drop(report);
        let mut shown = Instant::now();
        loop {
            match outcomes.recv_timeout(Duration::from_millis(200)) {
                Ok(outcome) => played.add(outcome),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if shows_progress && shown.elapsed() > Duration::from_millis(100) {
                shown = Instant::now();
                show_progress(&played, count, start.elapsed());
            }
        }
    });
    if shows_progress {
        // A progress line that cannot be wiped does no harm.
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    played
}

fn show_progress(played: &SeedsResult, count: u64, took: Duration) {
    let speed = speed(&played.stats, took);
    let faults: u64 = played.stats.faults.iter().sum();
    let line = format!(
        "{} of {count} seeds, {} faults, {} elections, {speed} times real time",
        played.seeds, faults, played.stats.elections
    );
    let _ = write!(io::stderr(), "\r{line}\x1b[K");
}

fn speed(stats: &Stats, took: Duration) -> u64 {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
    stats.virtual_micros / micros
}

struct SimReport<'a> {
    played: SeedsResult,
    took: Duration,
    options: &'a Options,
    args: &'a RunArgs,
}

impl SimReport<'_> {
    fn print(&self) -> Result<u8> {
        let shrunk = self.played.broken.as_ref().and_then(|broken| {
            let schedule = raftdeck_sim::schedule(broken.seed, self.options);
            raftdeck_sim::shrink(broken.seed, self.options, &schedule, SHRINKING)
        });
        let text = if self.args.json {
            format!("{}\n", self.json(shrunk.as_ref()))
        } else {
            let failure = self.played.broken.as_ref().map(|broken| self.failure(broken, shrunk.as_ref()));
            self.table() + &failure.unwrap_or_default()
        };
        match io::stdout().write_all(text.as_bytes()) {
            // The reader has closed the output, which is not a failure.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            other => other.wrap_err("cannot print the result")?,
        }
        Ok(if self.played.broken.is_some() { BROKEN } else { 0 })
    }

    /// The command that runs a seed again.
    fn command(&self, seed: u64) -> String {
        let Options { nodes, faults, secs } = self.options;
        let secs = if *secs == Options::new(1).secs { String::new() } else { format!(" --secs {secs}") };
        format!("raftdeck sim run --nodes {nodes} --seed {seed} --faults {faults}{secs} --trace FILE")
    }

    fn table(&self) -> String {
        let stats = &self.played.stats;
        let kinds = FaultKind::ALL.iter().zip(stats.faults).filter(|(_, count)| *count > 0);
        let kinds: Vec<_> = kinds.map(|(kind, count)| format!("{} {count}", kind.name())).collect();
        let faults = if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") };
        let virtual_secs = stats.virtual_micros / 1_000_000;
        let restarts = format!("{}, refused {}", stats.restarts, stats.refusals);
        let snapshots = format!("{} taken, {} installed", stats.snapshots_taken, stats.snapshots_installed);
        let mut rows = vec![
            ("nodes", self.options.nodes.to_string()),
            ("seeds", self.played.seeds.to_string()),
            ("virtual time", format!("{virtual_secs} s")),
            ("speed", format!("{} times real time", speed(stats, self.took))),
            ("events", stats.events.to_string()),
            ("messages", stats.messages.to_string()),
            ("faults", faults),
            ("starts", restarts),
            ("elections won", stats.elections.to_string()),
            ("entries committed", stats.commits.to_string()),
            ("snapshots", snapshots),
            ("membership changes", stats.memberships.to_string()),
            ("operations judged", stats.operations.to_string()),
            ("searches given up", stats.undecided.to_string()),
            ("properties checked", raftdeck_sim::properties().join(", ")),
        ];
        if let (1, Some(hash)) = (self.played.seeds, self.played.trace_hash) {
            rows.push(("trace hash", format!("{hash:016x}")));
        }
        let mut text = String::new();
        for (name, value) in rows {
            let _ = writeln!(text, "{name:<20}{value}");
        }
        text += "\nHow often each rare state was reached:\n";
        for (state, count) in stats.rare.iter() {
            let _ = writeln!(text, "{count:>8}  {}", state.name());
        }
        text
    }

    fn failure(&self, broken: &RunOutcome, shrunk: Option<&Shrunk>) -> String {
        let Some(violation) = &broken.violation else { return String::new() };
        let mut text = format!(
            "\nBROKEN: {}, seed {}, after {} ms\n{}\n",
            violation.property,
            broken.seed,
            violation.at / 1000,
            violation.sentence
        );
        if let Some(shrunk) = shrunk {
            let _ = writeln!(text, "\nThe shortest schedule found, in {} runs:", shrunk.runs);
            for planned in &shrunk.schedule {
                let _ = writeln!(text, "  {:>8} ms  {}", planned.at / 1000, planned.fault);
            }
            let _ = writeln!(text, "which breaks: {}", shrunk.violation.sentence);
        }
        text + &format!("\nTo see the whole run:\n  {}\n", self.command(broken.seed))
    }

    fn json(&self, shrunk: Option<&Shrunk>) -> Value {
        let stats = &self.played.stats;
        let faults: serde_json::Map<_, _> = FaultKind::ALL
            .iter()
            .zip(stats.faults)
            .map(|(kind, count)| (kind.name().to_owned(), json!(count)))
            .collect();
        let rare: serde_json::Map<_, _> =
            stats.rare.iter().map(|(state, count)| (state.name().to_owned(), json!(count))).collect();
        let violation = self.played.broken.as_ref().and_then(|broken| {
            let violation = broken.violation.as_ref()?;
            let schedule = shrunk.map(|shrunk| {
                let faults = shrunk.schedule.iter();
                let line = |p: &raftdeck_sim::Planned| json!({"at": p.at, "fault": p.fault.to_string()});
                faults.map(line).collect::<Vec<_>>()
            });
            Some(json!({
                "seed": broken.seed, "property": violation.property, "at": violation.at,
                "sentence": violation.sentence, "schedule": schedule, "command": self.command(broken.seed),
            }))
        });
        json!({
            "nodes": self.options.nodes,
            "seeds": self.played.seeds,
            "virtual_micros": stats.virtual_micros,
            "real_micros": u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
            "events": stats.events,
            "messages": stats.messages,
            "faults": faults,
            "starts": stats.restarts,
            "refused_starts": stats.refusals,
            "elections": stats.elections,
            "commits": stats.commits,
            "snapshots_taken": stats.snapshots_taken,
            "snapshots_installed": stats.snapshots_installed,
            "membership_changes": stats.memberships,
            "operations": stats.operations,
            "undecided": stats.undecided,
            "rare_states": rare,
            "properties": raftdeck_sim::properties(),
            "violation": violation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_broken_seed_is_reported_whatever_the_order() {
        let options = Options { faults: FaultKinds::none(), secs: 1, ..Options::new(1) };
        let mut played = SeedsResult::default();
        let fine = raftdeck_sim::run(1, &options);
        for seed in [7, 3, 5] {
            let violation = raftdeck_sim::Violation {
                property: "liveness".to_owned(),
                at: 1,
                sentence: "nobody".to_owned(),
            };
            played.add(RunOutcome { seed, violation: Some(violation), ..fine.clone() });
        }
        played.add(RunOutcome { seed: 1, ..fine });
        assert_eq!((played.seeds, played.broken.map(|broken| broken.seed)), (4, Some(3)));
    }
}
