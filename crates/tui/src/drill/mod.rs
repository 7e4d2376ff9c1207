//! Failover drills: which cluster one runs on, and how it is run and judged without a screen.

mod compare;
mod list;
pub(crate) mod named;
pub(crate) mod new;
mod plan;
mod progress;
mod real_time;
pub(crate) mod records;
mod results;
mod simulated;

pub(crate) use plan::ClusterPlan;
pub use plan::{DrillEngine, DrillPlan, PlanArgs, Wishes};

use crate::errors::{WrongUsage, complain, sentence};
use crate::incoming::inbox::Inbox;
use crate::incoming::signals;
use crate::timing_name::TimingName;
use clap::error::ErrorKind;
use clap::{Args, Subcommand};
use color_eyre::eyre::{Result, WrapErr, eyre};
pub(crate) use named::WrongFiles;
use progress::Progress;
use raftdeck_drills::{CATALOGUE, Outcome, Run, Verdict};
use results::Results;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// After a signal a drill may take this long to heal, before the program ends without it.
const HEALING: Duration = Duration::from_secs(30);

/// What can be done with drills without a screen.
#[derive(Debug, Subcommand)]
pub enum DrillCommand {
    /// List the built-in drills
    #[command(after_help = "Examples:\n  raftdeck drill list\n  raftdeck drill list --tag election --json")]
    List(list::ListArgs),
    /// Describe a drill: its fault, its steps, what must hold
    #[command(
        after_help = "Examples:\n  raftdeck drill show leader-kill\n  raftdeck drill show my.toml\n  raftdeck drill show leader-kill --source > my.toml"
    )]
    Show(list::ShowArgs),
    /// Run drills, judge them, and exit with the verdict
    ///
    /// Each drill starts a cluster of its own, brings it into a steady state, injects its fault, measures, heals, and judges: its own
    /// assertions, Raft's safety properties, and linearizability of the clients' requests.
    #[command(after_help = RUN_HELP)]
    Run(RunArgs),
    /// Run one drill on several engines in turn, and print its figures side by side
    #[command(after_help = compare::HELP)]
    Compare(compare::CompareArgs),
    /// Write a drill file to begin with
    #[command(after_help = "Example: raftdeck drill new my-drill && raftdeck drill run my-drill.toml")]
    New(new::NewArgs),
    /// Check drill files without running them, and print their mistakes
    #[command(
        after_help = "Example: raftdeck drill check examples/drills/*.toml\n\nExit status: 0 no mistake, 1 a file cannot be read, 2 a mistake."
    )]
    Check(list::CheckArgs),
    /// Print the JSON Schema of drill files
    #[command(after_help = "Example: raftdeck drill schema > drill.schema.json")]
    Schema,
}

const RUN_HELP: &str = "\
Examples:
  raftdeck drill run leader-kill
  raftdeck drill run leader-kill --plain --report drill.html --junit drill.xml
  raftdeck drill run --all --engine sim
  raftdeck drill run leader-kill --engine lab,sim --repeat 20   the same drill, real and simulated, side by side

Ctrl-C aborts a drill: it heals, and nothing is left in force or running.
Exit status: 0 passed, 3 failed, 4 inconclusive (never steady, not possible on this cluster, the fault did not take, or the machine was too
busy to judge times), 5 aborted or interrupted, 2 a drill file or the command line is wrong, 1 anything else. Of several runs the worst
counts: 3, then 5, then 4.";

/// Which drills run, on what, and where their results go.
#[derive(Args, Debug)]
#[expect(clippy::doc_markdown, reason = "these texts are shown to people as they are, by --help")]
pub struct RunArgs {
    /// The drills: ids of built-in ones, or files
    #[arg(value_name = "ID|FILE", required_unless_present = "all")]
    drills: Vec<String>,
    /// All built-in drills
    #[arg(long, conflicts_with = "drills")]
    all: bool,
    /// What runs the nodes; several, separated by commas, run one after the other. Without it, what the drill's file says, or else
    /// real processes
    #[arg(long, value_enum, value_delimiter = ',')]
    engine: Vec<DrillEngine>,
    /// The preset of heartbeats and election timeouts, instead of the drill's own
    #[arg(long, value_enum)]
    timing: Option<TimingName>,
    /// Make random choices the same each time; in the simulator everything, where the default is 1. Repeated runs count up from it
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Run each drill this many times, and print medians and the worst run
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Lines instead of a progress bar
    #[arg(long)]
    plain: bool,
    /// Print each outcome as one JSON object
    #[arg(long)]
    json: bool,
    /// Write a report: one HTML file that needs nothing else. Of several runs, the worst one's
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write the results in JUnit's format, a test case for each assertion
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the table of repeated runs as Markdown
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Record everything that happens, for raftdeck replay; of one run over real processes. The file must not exist yet
    #[arg(long, value_name = "FILE", conflicts_with_all = ["all", "repeat"])]
    record: Option<PathBuf>,
    /// Write what clients asked and were answered, in the form that the linearizability checker porcupine reads; of one run
    #[arg(long, value_name = "FILE", conflicts_with_all = ["all", "repeat"])]
    history: Option<PathBuf>,
}

/// Runs what was requested. Returns what is to be printed, and the exit status.
pub fn run(command: DrillCommand) -> Result<(Vec<u8>, u8)> {
    match command {
        DrillCommand::List(args) => list::list(&args).map(done),
        DrillCommand::Show(args) => list::show(&args).map(done),
        DrillCommand::New(args) => new::run(&args).map(done),
        DrillCommand::Check(args) => list::check(&args),
        DrillCommand::Schema => Ok(done(raftdeck_drills::schema())),
        DrillCommand::Run(args) => run_drills(&args),
        DrillCommand::Compare(args) => compare::run(&args),
    }
}

fn done(text: String) -> (Vec<u8>, u8) {
    (text.into_bytes(), 0)
}

fn run_drills(args: &RunArgs) -> Result<(Vec<u8>, u8)> {
    let plans = plans(args)?;
    let records_one = matches!(plans.as_slice(), [plan] if plan.engine() == DrillEngine::Lab);
    if args.history.is_some() && plans.len() > 1 {
        let why = "--history is for one run: name one drill and one engine";
        return Err(WrongUsage::new(ErrorKind::ArgumentConflict, why).into());
    }
    if args.record.is_some() && !records_one {
        let why = "--record is for one run over real processes: name one drill, with --engine lab";
        return Err(WrongUsage::new(ErrorKind::ArgumentConflict, why).into());
    }
    let inbox = Arc::new(Inbox::default());
    signals::watch(&inbox).wrap_err("signals cannot be received")?;
    signals::insist_within(&inbox, HEALING, real_time::end_status).wrap_err("a thread cannot be started")?;
    let (outcomes, history) = if let [plan] = plans.as_slice() {
        let run = run_one(plan, args, &inbox)?;
        (vec![outcome_of(&run)?], args.history.as_deref().map(|file| (file, run.history())))
    } else {
        (run_many(&plans, args, &inbox)?, None)
    };
    let is_whole = outcomes.len() == plans.len() && inbox.wait(Some(Instant::now())).end.is_none();
    let results = Results { outcomes: &outcomes, is_table: args.repeat > 1 || args.engine.len() > 1 };
    let text = if args.json { results.json()? } else { results.text() };
    // The results are worth more than their files: they are printed even if a file cannot be written.
    let written = results
        .write(args.report.as_deref(), args.junit.as_deref(), args.table.as_deref())
        .and_then(|()| history.map_or(Ok(()), |(file, history)| results::write(file, &history.text)));
    if let Err(error) = written {
        complain(&sentence(&error));
        return Ok((text.into_bytes(), 1));
    }
    let interrupted = (!is_whole).then_some(Verdict::Aborted);
    let status = worst(outcomes.iter().map(|outcome| outcome.verdict).chain(interrupted));
    Ok((text.into_bytes(), status))
}

/// Each drill on each engine as often as requested, in the order in which they run.
fn plans(args: &RunArgs) -> Result<Vec<DrillPlan>> {
    let names: Vec<String> = if args.all {
        CATALOGUE.iter().map(|(id, _)| (*id).to_owned()).collect()
    } else {
        args.drills.clone()
    };
    let engines: Vec<Option<DrillEngine>> =
        if args.engine.is_empty() { vec![None] } else { args.engine.iter().copied().map(Some).collect() };
    let mut plans = Vec::new();
    for name in &names {
        let drill = named::read(name)?;
        for &engine in &engines {
            for nth in 0..u64::from(args.repeat) {
                // A repeated simulation with the same seed would be the same run.
                let is_simulated = DrillPlan::engine_of(&drill, engine) == DrillEngine::Sim;
                let seed = args.seed.or(drill.cluster.seed).or(is_simulated.then_some(1));
                let wishes = Wishes { timing: args.timing, seed: seed.map(|seed| seed.wrapping_add(nth)) };
                plans.push(DrillPlan::new(drill.clone(), name, engine, wishes));
            }
        }
    }
    Ok(plans)
}

fn run_one(plan: &DrillPlan, args: &RunArgs, inbox: &Arc<Inbox>) -> Result<Run> {
    let progress = Progress::new(args.plain, args.json);
    match plan.engine() {
        DrillEngine::Lab => real_time::run(plan, inbox, &progress, args.record.as_deref()),
        DrillEngine::Sim => {
            let mut failure = Ok(());
            let run = simulated::run(plan, |line| {
                if failure.is_ok() {
                    failure = progress.tell(&line);
                }
            });
            failure.wrap_err("the output cannot be written")?;
            Ok(run)
        }
    }
}

/// Runs a drill, and says nothing of it.
fn run_quietly(plan: &DrillPlan, inbox: &Arc<Inbox>) -> Result<Outcome> {
    match plan.engine() {
        DrillEngine::Lab => outcome_of(&real_time::run(plan, inbox, &Progress::Silent, None)?),
        DrillEngine::Sim => outcome_of(&simulated::run(plan, |_| {})),
    }
}

/// What a run gave.
fn outcome_of(run: &Run) -> Result<Outcome> {
    run.outcome().cloned().ok_or_else(|| eyre!("the cluster came to a stop before the drill was over"))
}

/// Runs over real processes one after the other, simulated ones on all processors.
fn run_many(plans: &[DrillPlan], args: &RunArgs, inbox: &Arc<Inbox>) -> Result<Vec<Outcome>> {
    let progress = Progress::of_many(args.plain, args.json, plans.len() as u64);
    let mut outcomes = Vec::new();
    for group in plans.chunk_by(|one, other| one.engine() == other.engine()) {
        match group {
            [first, ..] if first.engine() == DrillEngine::Sim => {
                outcomes.extend(simulated::run_all(group, inbox, &progress)?);
            }
            _ => {
                for plan in group {
                    outcomes.push(run_quietly(plan, inbox)?);
                    progress.done(outcomes.len() as u64, &plan.drill.id);
                    if outcomes.last().is_some_and(results::is_interrupted) {
                        return Ok(outcomes);
                    }
                }
            }
        }
    }
    Ok(outcomes)
}

/// The exit status of several runs: that of the worst.
fn worst(verdicts: impl Iterator<Item = Verdict>) -> u8 {
    verdicts.max_by_key(|verdict| rank(*verdict)).map_or(0, Verdict::exit_status)
}

/// How bad a verdict is: failed counts most, then aborted, then inconclusive.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Passed => 0,
        Verdict::Inconclusive => 1,
        Verdict::Aborted => 2,
        Verdict::Failed => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_run_decides_the_exit_status() {
        use Verdict::{Aborted, Failed, Inconclusive, Passed};
        assert_eq!(worst([Passed, Passed].into_iter()), 0);
        assert_eq!(worst([Passed, Inconclusive].into_iter()), 4);
        assert_eq!(worst([Inconclusive, Aborted].into_iter()), 5);
        assert_eq!(worst([Aborted, Failed, Passed].into_iter()), 3);
    }
}
