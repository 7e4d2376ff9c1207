//! A script over a simulation, as fast as it can be computed: time is virtual for the script too, so that the same script and seed
//! print the same lines each time.

use super::session::{Printed, Session};
use super::{Format, end_status};
use crate::app::clock::Clock;
use crate::inbox::Inbox;
use crate::signals;
use color_eyre::eyre::{Result, WrapErr};
use raftdeck_model::News;
use raftdeck_script::Script;
use raftdeck_sim::{Live, LiveOptions};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Plays a script to its end and prints what happens; returns the exit status. What the script takes for real time passes by itself:
/// as fast as cluster time at rate 1, and whatever a wait may last while cluster time stands still.
pub fn run_simulation(options: LiveOptions, format: Format, script: Script) -> Result<u8> {
    let inbox = Arc::new(Inbox::default());
    signals::watch(&inbox).wrap_err("signals cannot be received")?;
    signals::watch_closing(io::stdout(), &inbox).wrap_err("the output cannot be watched")?;
    signals::insist(&inbox, end_status).wrap_err("a thread cannot be started")?;
    let mut live = Live::new(options);
    let mut session = Session::new(format, script);
    let (mut now, mut clock) = (Duration::ZERO, Clock::default());
    loop {
        let updates = live.take();
        for update in &updates {
            if let News::Time(told) = update.what {
                clock.tell(told, now);
            }
        }
        session.take_in(&updates, now);
        let mut was_told = false;
        let ending = session.go_on(now, |command| {
            was_told = true;
            live.send(command);
        });
        if session.print()? == Printed::NobodyReads {
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
        if session.script.is_over() {
            return Ok(0);
        }
        let next = live.next().and_then(|next| clock.when(next));
        // A script that is not over is due some time.
        let Some(due) = [session.next_due(), next].into_iter().flatten().min() else { return Ok(0) };
        now = now.max(due);
        live.run_until(clock.at(now));
    }
}
