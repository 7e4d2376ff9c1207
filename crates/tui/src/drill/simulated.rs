//! A drill in the simulator, over many seeds on all processors.

use super::outcome_of;
use super::plan::DrillPlan;
use super::progress::Progress;
use crate::incoming::inbox::Inbox;
use color_eyre::eyre::Result;
use raftdeck_drills::{Outcome, Run, RunOptions, rehearse};
use raftdeck_model::{Capabilities, CommandId};
use raftdeck_sim::Live;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

/// Runs a drill in virtual time, and returns the run. What it tells goes to `tell`.
pub(super) fn run(plan: &DrillPlan, tell: impl FnMut(String)) -> Run {
    let options = RunOptions {
        first: CommandId(0),
        attended: false,
        context: plan.context.clone(),
        is_real: false,
        capabilities: Capabilities::all(),
    };
    let mut run = Run::new(plan.drill.clone(), options);
    let mut cluster = Live::new(plan.simulator());
    rehearse(&mut run, &mut cluster, tell);
    run
}

/// Runs several plans, each once, and returns their outcomes in the same order. Fewer: it was interrupted.
pub(super) fn run_all(plans: &[DrillPlan], inbox: &Arc<Inbox>, progress: &Progress) -> Result<Vec<Outcome>> {
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from).min(plans.len().max(1));
    let mut outcomes: Vec<Option<Outcome>> = vec![None; plans.len()];
    thread::scope(|scope| -> Result<()> {
        let (done, ended) = channel();
        for _ in 0..workers {
            let (done, next) = (done.clone(), &next);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(plan) = plans.get(index) else { return };
                    // Nobody listens any more after a failure.
                    let _ = done.send((index, outcome_of(&run(plan, |_| {}))));
                }
            });
        }
        drop(done);
        let mut count = 0;
        for (index, outcome) in ended {
            outcomes[index] = Some(outcome.inspect_err(|_| next.store(plans.len(), Ordering::Relaxed))?);
            count += 1;
            progress.done(count, &plans[index].drill.id);
            if inbox.wait(Some(Instant::now())).end.is_some() {
                next.store(plans.len(), Ordering::Relaxed);
            }
        }
        Ok(())
    })?;
    Ok(outcomes.into_iter().flatten().collect())
}
