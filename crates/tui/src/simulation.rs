//! The simulator in real time: a thread that lets virtual time pass as fast as cluster time is to pass.

use crate::app::clock::Clock;
use raftdeck_model::{Capabilities, Command, News, Source, Update};
use raftdeck_sim::{Live, LiveOptions};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// A simulated cluster that goes on in real time until it is dropped.
#[derive(Debug)]
pub(crate) struct Simulation {
    capabilities: Capabilities,
    /// `None`: it is to end.
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl Simulation {
    /// Starts it. All that it tells goes to `sink`, on its own thread.
    pub(crate) fn start(options: LiveOptions, sink: impl Fn(Update) + Send + 'static) -> io::Result<Self> {
        let (commands, orders) = channel();
        let thread = Builder::new()
            .name("simulation".to_owned())
            .spawn(move || run(Live::new(options), &orders, sink))?;
        Ok(Self { capabilities: Capabilities::all(), commands: Some(commands), thread: Some(thread) })
    }
}

impl Source for Simulation {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn send(&self, command: Command) {
        // It takes no more commands only when its thread has panicked, which has been printed and ends the program.
        if let Some(commands) = &self.commands {
            let _ = commands.send(command);
        }
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed by its hook.
            let _ = thread.join();
        }
    }
}

fn run(mut live: Live, orders: &Receiver<Command>, sink: impl Fn(Update)) {
    let started = Instant::now();
    let mut clock = Clock::default();
    loop {
        for update in live.take() {
            if let News::Time(told) = update.what {
                clock.tell(told, started.elapsed());
            }
            sink(update);
        }
        let due = live.next().and_then(|next| clock.when(next));
        let order = match due {
            Some(due) => orders.recv_timeout(due.saturating_sub(started.elapsed())),
            None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        live.run_until(clock.at(started.elapsed()));
        match order {
            Ok(command) => live.send(command),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
