//! A drill in real time: over real processes.

use super::plan::DrillPlan;
use super::progress::Progress;
use crate::incoming::inbox::{EndReason, Inbox};
use crate::source::tape::Tape;
use color_eyre::eyre::{Result, WrapErr};
use raftdeck_drills::{Run, RunEffect, RunOptions};
use raftdeck_model::{CommandId, World};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the line on a terminal is drawn anew while nothing happens.
const REDRAW: Duration = Duration::from_millis(100);

/// Runs a drill on a cluster of its own, to the end of both, and returns the run. A signal aborts the drill: it heals, and then ends.
pub(super) fn run(
    plan: &DrillPlan,
    inbox: &Arc<Inbox>,
    progress: &Progress,
    record: Option<&Path>,
) -> Result<Run> {
    let engine = plan.start()?;
    let mut tape = record.map(|file| Tape::begin(file, engine.name())).transpose()?;
    // What an earlier run left behind.
    drop(inbox.wait(Some(Instant::now())));
    let started = Instant::now();
    let source = engine.start({
        let inbox = Arc::clone(inbox);
        move |said| inbox.hear(said)
    })?;
    let options = RunOptions {
        first: CommandId(0),
        attended: false,
        context: plan.context.clone(),
        is_real: true,
        capabilities: source.capabilities().clone(),
    };
    let mut run = Run::new(plan.drill.clone(), options);
    let mut world = World::default();
    while !run.is_over() {
        let redraw = matches!(progress, Progress::Bar(_)).then(|| started.elapsed() + REDRAW);
        let due = [run.next_due(), redraw].into_iter().flatten().min();
        let mut batch = inbox.wait(due.map(|due| started + due));
        let now = started.elapsed();
        if let Some(tape) = &mut tape {
            tape.note(&mut batch.updates)?.into_iter().for_each(|command| source.send(command));
        }
        for update in &batch.updates {
            world.fold(update);
            run.hear(update, now, &world);
        }
        if batch.end.is_some() {
            run.abort("it was interrupted");
        }
        if let Some(how) = &batch.source_ended {
            run.abort(how);
        }
        for effect in run.go_on(now, &world) {
            match effect {
                RunEffect::Send(command) => source.send(command),
                RunEffect::Tell(line) => progress.tell(&line).wrap_err("the output cannot be written")?,
            }
        }
        progress.at(&run, now);
        if batch.end.is_some() && !run.is_over() {
            // The end stays requested, so the inbox no longer waits.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    drop(source);
    tape.map_or(Ok(()), Tape::finish)?;
    Ok(run)
}

/// The exit status of a drill that was made to end.
pub(super) fn end_status(end: EndReason) -> u8 {
    match end {
        EndReason::Panicked => crate::incoming::signals::PANICKED,
        EndReason::Signal(_) | EndReason::Closed => raftdeck_drills::Verdict::Aborted.exit_status(),
    }
}
