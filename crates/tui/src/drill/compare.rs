//! `raftdeck drill compare`: the same drill on several engines, one after the other, so that all of them meet the same machine.

use super::plan::{DrillEngine, DrillPlan, Wishes};
use super::progress::Progress;
use super::results::{is_interrupted, write};
use super::{HEALING, named, real_time, run_quietly, worst};
use crate::errors::{WrongUsage, complain, sentence};
use crate::incoming::inbox::Inbox;
use crate::incoming::signals;
use crate::timing_name::TimingName;
use clap::Args;
use clap::error::ErrorKind;
use color_eyre::eyre::{Result, WrapErr, eyre};
use raftdeck_drills::report::Comparison;
use raftdeck_drills::{Outcome, Verdict};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Text for the help.
pub(super) const HELP: &str = "\
Examples:
  raftdeck drill compare leader-kill --engines lab,sim --repeat 20
  raftdeck drill compare leader-kill --engines lab,sim --repeat 5 --out compared.md

The engines take turns, so that all of them meet the same machine. Exit status: that of the worst run, as of raftdeck drill run.";

/// Which drill runs, and on what.
#[derive(Args, Debug)]
pub struct CompareArgs {
    /// The id of a built-in drill, or a file
    #[arg(value_name = "ID|FILE")]
    drill: String,
    /// The engines to compare, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', required = true)]
    engines: Vec<DrillEngine>,
    /// Run the drill this many times on each engine
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// The preset of heartbeats and election timeouts, instead of the drill's own
    #[arg(long, value_enum)]
    timing: Option<TimingName>,
    /// Make random choices the same each time. Repeated runs count up from it
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print the figures as one JSON object; times are in microseconds
    #[arg(long)]
    json: bool,
    /// Write the table as Markdown
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs the drill on each engine in turn. Returns what is to be printed, and the exit status.
pub(super) fn run(args: &CompareArgs) -> Result<(Vec<u8>, u8)> {
    let plans = plans(args)?;
    let inbox = Arc::new(Inbox::default());
    signals::watch(&inbox).wrap_err("signals cannot be received")?;
    signals::insist_within(&inbox, HEALING, real_time::end_status).wrap_err("a thread cannot be started")?;
    let progress = Progress::of_many(false, args.json, plans.len() as u64);
    let mut outcomes: Vec<Outcome> = Vec::new();
    for plan in &plans {
        outcomes.push(run_quietly(plan, &inbox)?);
        progress.done(outcomes.len() as u64, &format!("{} {}", plan.drill.id, plan.context.engine));
        let is_ended = inbox.wait(Some(Instant::now())).end.is_some();
        if is_ended || outcomes.last().is_some_and(is_interrupted) {
            break;
        }
    }
    drop(progress);
    let interrupted = (outcomes.len() < plans.len()).then_some(Verdict::Aborted);
    let status = worst(outcomes.iter().map(|outcome| outcome.verdict).chain(interrupted));
    let comparison = Comparison::of(&outcomes)
        .ok_or_else(|| eyre!("internal invariant violated: a comparison has at least one run"))?;
    let text = if args.json {
        serde_json::to_string(&comparison).wrap_err("the figures cannot be written as JSON")? + "\n"
    } else {
        comparison.text()
    };
    // The results are worth more than their file: they are printed even if it cannot be written.
    let written = args.out.as_ref().map_or(Ok(()), |file| write(file, &comparison.markdown()));
    if let Err(error) = written {
        complain(&sentence(&error));
        return Ok((text.into_bytes(), 1));
    }
    Ok((text.into_bytes(), status))
}

/// The runs in their order: each engine once, then each once more.
fn plans(args: &CompareArgs) -> Result<Vec<DrillPlan>> {
    let mut engines = args.engines.clone();
    engines.sort_by_key(|engine| engine.name());
    engines.dedup();
    if engines.len() < args.engines.len() {
        let why = "--engines names an engine twice: name each one once";
        return Err(WrongUsage::new(ErrorKind::ValueValidation, why).into());
    }
    let drill = named::read(&args.drill)?;
    let mut plans = Vec::new();
    for nth in 0..u64::from(args.repeat) {
        for &engine in &args.engines {
            // A repeated simulation with the same seed would be the same run.
            let seed = args.seed.or(drill.cluster.seed).or((engine == DrillEngine::Sim).then_some(1));
            let wishes = Wishes { timing: args.timing, seed: seed.map(|seed| seed.wrapping_add(nth)) };
            plans.push(DrillPlan::new(drill.clone(), &args.drill, Some(engine), wishes));
        }
    }
    Ok(plans)
}
