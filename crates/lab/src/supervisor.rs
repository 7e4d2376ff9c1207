//! The life of one node: its process, what it is told and what it does by itself.
//!
//! One task for each node, so that a slow end of one never holds up another. It changes the node's whereabouts
//! before it tells of a change, so that links and telemetry have let go of a dead process when the news is out.

use crate::lines::{ReadyLine, parse_log_line};
use crate::model::{LogLevel, ProcessState, Update};
use crate::outlet::Outlet;
use crate::process::{Happening, Launch, Process};
use crate::whereabouts::Presence;
use raftdeck_raft::NodeId;
use rustix::process::Signal;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// What a supervisor can be told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// SIGKILL.
    Kill,
    /// Kill it if it runs, then start it again.
    Restart,
    /// SIGSTOP.
    Pause,
    /// SIGCONT.
    Resume,
    /// SIGCONT if it is paused, and no word if it is not.
    ResumeIfPaused,
}

/// Keeps one node.
pub(crate) struct Supervisor {
    node: NodeId,
    launch: watch::Receiver<Launch>,
    outlet: Outlet,
    presence: Presence,
    running: Option<Running>,
}

/// A process and what is known of it.
struct Running {
    process: Process,
    ready: bool,
    paused: bool,
}

impl Running {
    fn state(&self) -> ProcessState {
        let pid = self.process.pid();
        match (self.paused, self.ready) {
            (true, _) => ProcessState::Paused { pid },
            (false, true) => ProcessState::Running { pid },
            (false, false) => ProcessState::Starting { pid },
        }
    }
}

impl Supervisor {
    /// Each start is by what `launch` says then.
    pub(crate) fn new(
        node: NodeId,
        launch: watch::Receiver<Launch>,
        outlet: Outlet,
        presence: Presence,
    ) -> Self {
        Self { node, launch, outlet, presence, running: None }
    }

    /// Starts the node and keeps it until `stop`; then ends it and returns its id when it is reaped.
    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>, stop: CancellationToken) -> NodeId {
        self.start();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(order) = orders.recv() => self.obey(order).await,
                happening = next(&mut self.running) => self.hear(happening).await,
            }
        }
        if let Some(mut running) = self.running.take()
            && let Err(error) = running.process.end().await
        {
            tracing::error!("{} did not end: {error}", self.node);
        }
        self.presence.down();
        self.node
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Kill => self.kill().await,
            Order::Restart => {
                self.kill().await;
                if self.running.is_none() {
                    self.start();
                }
            }
            Order::Pause => self.signal(Signal::STOP, "pause"),
            Order::Resume => self.signal(Signal::CONT, "resume"),
            Order::ResumeIfPaused => {
                if self.running.as_ref().is_some_and(|running| running.paused) {
                    self.signal(Signal::CONT, "resume");
                }
            }
        }
    }

    fn start(&mut self) {
        self.presence.starting();
        let launch = self.launch.borrow().clone();
        match Process::start(&launch) {
            Ok(process) => {
                let running = Running { process, ready: false, paused: false };
                self.tell(running.state());
                self.running = Some(running);
            }
            Err(error) => {
                self.presence.down();
                let how = format!("{} could not be started: {error}", launch.executable.display());
                self.tell(ProcessState::Failed { how, last_words: Vec::new() });
            }
        }
    }

    async fn kill(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        if let Err(error) = running.process.kill().await {
            self.outlet.refuse(format!("{} could not be killed: {error}", self.node));
            self.running = Some(running);
            return;
        }
        self.presence.down();
        let last = running.process.last_output().await;
        self.log(&last);
        self.tell(ProcessState::Killed);
    }

    fn signal(&mut self, signal: Signal, verb: &str) {
        let Some(running) = &mut self.running else {
            self.outlet.refuse(format!("{} is not running, so there is nothing to {verb}", self.node));
            return;
        };
        let paused = signal == Signal::STOP;
        if running.paused == paused {
            return;
        }
        if let Err(error) = running.process.signal(signal) {
            self.outlet.refuse(format!("{} could not be sent {verb}: {error}", self.node));
            return;
        }
        self.is_paused(paused);
    }

    /// Takes note, and tells it if it is news.
    fn is_paused(&mut self, paused: bool) {
        let Some(running) = self.running.as_mut().filter(|running| running.paused != paused) else { return };
        running.paused = paused;
        let state = running.state();
        self.tell(state);
    }

    async fn hear(&mut self, happening: Happening) {
        match happening {
            Happening::Said(lines) => lines.iter().for_each(|line| self.heard_line(line)),
            Happening::Logged(lines) => self.log(&lines),
            Happening::Late => self.output(
                LogLevel::Warn,
                "lab: the node was started 10 seconds ago and has not said yet that it is ready",
            ),
            Happening::Stopped => self.is_paused(true),
            Happening::Continued => self.is_paused(false),
            Happening::Ended(status) => {
                self.presence.down();
                let Some(mut running) = self.running.take() else { return };
                let last = running.process.last_output().await;
                self.log(&last);
                let last_words = running.process.last_words();
                self.tell(ProcessState::Failed { how: status.to_string(), last_words });
            }
        }
    }

    /// A node says one line, that it is ready; what else it says is shown.
    fn heard_line(&mut self, line: &str) {
        let ready = ReadyLine::parse(line).filter(|ready| ready.id == self.node.0);
        let (Some(ready), Some(running)) = (ready, &mut self.running) else {
            return self.output(LogLevel::Info, line);
        };
        running.ready = true;
        running.process.is_ready();
        let (paused, state) = (running.paused, running.state());
        self.presence.serving(ready.raft, ready.client);
        if !paused {
            self.tell(state);
        }
        self.outlet.tell(Update::Ready { node: self.node, addresses: ready.addresses });
    }

    fn log(&self, lines: &[String]) {
        for line in lines.iter().filter(|line| !line.is_empty()) {
            let (level, line) = parse_log_line(line);
            self.output(level, line);
        }
    }

    fn output(&self, level: LogLevel, line: &str) {
        self.outlet.tell(Update::Output { node: self.node, level, line: line.to_owned() });
    }

    fn tell(&self, state: ProcessState) {
        self.outlet.tell(Update::Process { node: self.node, state });
    }
}

/// The next thing a process does; without a process, nothing ever.
async fn next(running: &mut Option<Running>) -> Happening {
    match running {
        Some(running) => running.process.next().await,
        None => std::future::pending().await,
    }
}
