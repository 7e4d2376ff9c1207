//! A cluster in real time.

use super::format::Format;
use super::session::{PlainSession, PrintOutcome, end_status};
use crate::incoming::inbox::Inbox;
use crate::incoming::signals;
use crate::source::engine::Engine;
use crate::source::tape::Tape;
use color_eyre::eyre::{Result, WrapErr, bail};
use raftdeck_model::{Node, ProcessState, Source, World};
use raftdeck_script::Script;
use std::io::{self, BufRead, IsTerminal};
use std::sync::Arc;
use std::time::Instant;

/// Runs a cluster with a script and prints what happens; returns the exit status.
pub fn run(engine: Engine, format: Format, script: Script, tape: Option<Tape>) -> Result<u8> {
    let inbox = Arc::new(Inbox::default());
    signals::watch(&inbox).wrap_err("signals cannot be received")?;
    signals::watch_closing(io::stdout(), &inbox).wrap_err("the output cannot be watched")?;
    signals::insist(&inbox, end_status).wrap_err("a thread cannot be started")?;
    let started = Instant::now();
    let source = engine.start({
        let inbox = Arc::clone(&inbox);
        move |said| inbox.hear(said)
    })?;
    read_commands(&inbox).wrap_err("a thread cannot be started")?;
    let mut session = PlainSession::new(format, script, tape);
    let ended = run_all(&inbox, &*source, started, &mut session);
    session.end(ended)
}

/// Reads lines until the input ends, which does not end the program. A terminal with another foreground job is left alone: reading
/// from it would stop a program in the background.
fn read_commands(inbox: &Arc<Inbox>) -> io::Result<()> {
    let stdin = io::stdin();
    let is_ours =
        || rustix::termios::tcgetpgrp(&stdin).is_ok_and(|group| group == rustix::process::getpgrp());
    if stdin.is_terminal() && !is_ours() {
        return Ok(());
    }
    let inbox = Arc::clone(inbox);
    std::thread::Builder::new().name("commands".to_owned()).spawn(move || {
        let mut input = io::stdin().lock();
        let mut line = Vec::new();
        while input.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if !inbox.line(std::mem::take(&mut line)) {
                return;
            }
        }
        inbox.end_lines();
    })?;
    Ok(())
}

fn run_all(inbox: &Inbox, source: &dyn Source, started: Instant, session: &mut PlainSession) -> Result<u8> {
    // A user at a terminal gets an error and can type the next line; a script ends at its first error.
    session.is_typed = io::stdin().is_terminal();
    loop {
        let batch = inbox.wait(session.next_due().map(|due| started + due));
        let now = started.elapsed();
        session.take_in(batch.updates, now)?.into_iter().for_each(|command| source.send(command));
        batch.lines.iter().for_each(|line| session.script.add(line));
        if batch.lines_ended {
            session.script.end_input();
        }
        let ending = session.go_on(now, |command| source.send(command));
        if session.print()? == PrintOutcome::NobodyReads {
            return Ok(0);
        }
        if let Some(end) = batch.end {
            return Ok(end_status(end));
        }
        if let Some(status) = ending? {
            return Ok(status);
        }
        if let Some(how) = batch.source_ended {
            bail!(how);
        }
        if let Some(reason) = all_failed(&session.world) {
            bail!("no node could be started: {reason}");
        }
    }
}

/// The first node's reason, if no node ever came up. Later on a dead cluster is a state to be watched; one that never ran is an error.
fn all_failed(world: &World) -> Option<String> {
    let reason = |node: &Node| match &node.process {
        Some(ProcessState::Failed { how, last_words }) if node.addresses.is_none() => {
            let words = last_words.last().map_or_else(|| how.clone(), |words| format!("{how}: {words}"));
            Some(format!("{} failed, {words}", node.id))
        }
        _ => None,
    };
    let reasons: Option<Vec<String>> = world.nodes().map(reason).collect();
    reasons?.into_iter().next()
}
