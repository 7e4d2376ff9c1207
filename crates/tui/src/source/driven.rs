//! Runs a source with virtual time, a simulation or a recording, in real time: a thread advances its time at the
//! chosen rate. While the program is stopped, as by Ctrl-Z, virtual time is frozen.

use raftdeck_deck::app::clock::Clock;
use raftdeck_model::{Capabilities, ClusterTime, Command, News, Source, Update, VirtualSource};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Later than this, the program did not merely lack the processor: it was stopped.
const STOPPED: Duration = Duration::from_secs(1);

/// A source that runs in real time until it is dropped.
#[derive(Debug)]
pub(crate) struct InRealTime {
    capabilities: Capabilities,
    /// `None`: the thread is to end.
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl InRealTime {
    /// Makes it on a thread of its own and starts it there. All its updates go to `sink`.
    pub(crate) fn start<D: VirtualSource>(
        capabilities: Capabilities,
        make: impl FnOnce() -> D + Send + 'static,
        sink: impl Fn(Update) + Send + 'static,
    ) -> io::Result<Self> {
        let (commands, orders) = channel();
        let run = move || run(make(), &orders, sink);
        let thread = Builder::new().name("cluster".to_owned()).spawn(run)?;
        Ok(Self { capabilities, commands: Some(commands), thread: Some(thread) })
    }
}

impl Source for InRealTime {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn send(&self, command: Command) {
        // It takes no more commands only if its thread has panicked, which has been printed and ends the program.
        if let Some(commands) = &self.commands {
            let _ = commands.send(command);
        }
    }
}

impl Drop for InRealTime {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed by its hook.
            let _ = thread.join();
        }
    }
}

fn run(mut driven: impl VirtualSource, orders: &Receiver<Command>, sink: impl Fn(Update)) {
    let started = Instant::now();
    let mut clock = Clock::default();
    let mut seq = 0;
    loop {
        for update in driven.take() {
            seq = update.seq;
            if let News::Time(told) = update.what {
                clock.tell(told, started.elapsed());
            }
            sink(update);
        }
        let due = driven.next().and_then(|next| clock.when(next));
        let order = match due {
            Some(due) => orders.recv_timeout(due.saturating_sub(started.elapsed())),
            None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let now = started.elapsed();
        if let Some(time) = due.and_then(|due| after_stop(&clock, due, now)) {
            clock.tell(time, now);
            sink(Update { at: time.now, seq, what: News::Time(time) });
        }
        driven.run_until(clock.at(now));
        match order {
            Ok(command) => driven.send(command),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// The time at which a clock goes on that should have gone on at `due`, if the program was stopped until `now`.
fn after_stop(clock: &Clock, due: Duration, now: Duration) -> Option<ClusterTime> {
    (now.saturating_sub(due) > STOPPED).then(|| ClusterTime { rate: clock.rate(), now: clock.at(due) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_protocol::ClockRate;

    #[test]
    fn virtual_time_stands_still_while_the_program_is_stopped() {
        let seconds = Duration::from_secs;
        let mut clock = Clock::default();
        clock.tell(ClusterTime { rate: ClockRate::REAL, now: seconds(10) }, seconds(5));
        assert_eq!(after_stop(&clock, seconds(7), seconds(8)), None, "a busy machine is no stop");
        let after = after_stop(&clock, seconds(7), seconds(3607)).unwrap();
        assert_eq!(after, ClusterTime { rate: ClockRate::REAL, now: seconds(12) });
        clock.tell(after, seconds(3607));
        assert_eq!(clock.at(seconds(3608)), seconds(13));
    }
}
