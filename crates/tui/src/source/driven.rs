//! Runs a source with virtual time, a simulation or a recording, in real time: a thread advances its time at the
//! chosen rate.

use raftdeck_deck::app::clock::Clock;
use raftdeck_model::{Capabilities, Command, News, Source, Update, VirtualSource};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

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
    loop {
        for update in driven.take() {
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
        driven.run_until(clock.at(started.elapsed()));
        match order {
            Ok(command) => driven.send(command),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
