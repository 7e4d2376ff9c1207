//! A simulation or a recording, as fast as it can be computed. Time is virtual for a script too, so that the same script and seed
//! print the same lines each time.

use super::format::Format;
use super::session::{PlainSession, PrintOutcome, end_status};
use crate::incoming::inbox::Inbox;
use crate::incoming::signals;
use crate::source::tape::Tape;
use color_eyre::eyre::{Result, WrapErr};
use raftdeck_deck::app::clock::Clock;
use raftdeck_model::{News, Update, VirtualSource};
use raftdeck_record::{Player, Recording};
use raftdeck_script::Script;
use raftdeck_sim::{Live, LiveOptions};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs a script on a simulation to the script's end and prints what happens; returns the exit status. The script's real time passes
/// automatically: as fast as cluster time at rate 1, and for as long as a wait may last while cluster time is frozen.
pub fn run_simulation(
    options: LiveOptions,
    format: Format,
    script: Script,
    tape: Option<Tape>,
) -> Result<u8> {
    let mut session = PlainSession::new(format, script, tape);
    let ended = run(Live::new(options), &mut session, |session| session.script.is_over());
    session.end(ended)
}

/// Prints a whole recording.
pub fn play_through(recording: Recording, format: Format) -> Result<u8> {
    run(Player::new(recording), &mut PlainSession::new(format, Script::default(), None), |_| false)
}

/// Lets virtual time pass until the end, or until nothing is left to happen.
fn run(
    mut driven: impl VirtualSource,
    session: &mut PlainSession,
    is_over: fn(&PlainSession) -> bool,
) -> Result<u8> {
    let inbox = Arc::new(Inbox::default());
    signals::watch(&inbox).wrap_err("signals cannot be received")?;
    signals::watch_closing(io::stdout(), &inbox).wrap_err("the output cannot be watched")?;
    signals::insist(&inbox, end_status).wrap_err("a thread cannot be started")?;
    let (mut now, mut clock) = (Duration::ZERO, Clock::default());
    loop {
        let updates = driven.take();
        for update in &updates {
            note_time(update, &mut clock, now);
        }
        let mut was_told = false;
        for command in session.take_in(updates, now)? {
            was_told = true;
            driven.send(command);
        }
        let ending = session.go_on(now, |command| {
            was_told = true;
            driven.send(command);
        });
        if session.print()? == PrintOutcome::NobodyReads {
            return Ok(0);
        }
        if let Some(end) = inbox.wait(Some(Instant::now())).end {
            return Ok(end_status(end));
        }
        if let Some(status) = ending? {
            return Ok(status);
        }
        if was_told {
            continue;
        }
        if is_over(session) {
            return Ok(0);
        }
        let next = driven.next().and_then(|next| clock.when(next));
        let Some(due) = [session.next_due(), next].into_iter().flatten().min() else { return Ok(0) };
        now = now.max(due);
        driven.run_until(clock.at(now));
    }
}

fn note_time(update: &Update, clock: &mut Clock, now: Duration) {
    if let News::Time(told) = update.what {
        clock.tell(told, now);
    }
}
