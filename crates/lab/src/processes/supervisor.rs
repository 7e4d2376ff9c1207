//! The supervisor of one node: its process, commands to it, and the changes of its process without a command.
//!
//! One task for each node, so that a slow end of one never delays another. It changes the node's whereabouts before it reports a
//! change, so that links and telemetry have released a dead process by the time it is reported.

use crate::faults::in_force::InForce;
use crate::faults::slow::Slow;
use crate::files::data_dir::wipe;
use crate::processes::kind::{OutputReader, ProcessKind, ReadyLine};
use crate::processes::process::{Happening, Launch, Process};
use raftdeck_links::{Outlet, Presence};
use raftdeck_model::{LogLevel, News, ProcessState};
use raftdeck_raft::NodeId;
use raftdeck_source::Receipt;
use rustix::process::Signal;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// An instruction to a supervisor.
pub(crate) struct Instruction {
    pub(crate) task: SupervisorTask,
    /// The command that it is for.
    pub(crate) receipt: Receipt,
}

/// What a supervisor can be told to do.
#[derive(Debug)]
pub(crate) enum SupervisorTask {
    /// SIGKILL.
    Kill,
    /// Kill it if it runs, then start it again.
    Restart,
    /// SIGSTOP.
    Pause,
    /// SIGCONT.
    Resume,
    /// SIGCONT if it is paused, and no error if it is not.
    ResumeIfPaused,
    /// SIGTERM: it ends in an orderly way.
    Stop,
    /// Pause and resume it repeatedly, so that it is stopped for this percentage of the time, in this life and in those that follow;
    /// 0 ends that.
    Slow(u8),
    /// Kill it if it runs, wipe its data, its identity included, and start it again, if a node without data can be started.
    Wipe,
    /// The same, but its identity is kept.
    Forget,
    /// Let it write only this many bytes more to its log, and nothing larger than that to any file, in this life and in
    /// those that follow; `None`: there is room again.
    FillDisk(Option<u64>),
    /// Take this many bytes from the end of its log while it is down.
    LoseTail(u64),
    /// Report when everything before this was carried out.
    Report(oneshot::Sender<()>),
}

/// When a node is started for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstStart {
    /// Together with its supervisor.
    AtOnce,
    /// By [`SupervisorTask::Restart`].
    WhenTold,
}

/// Supervises one node.
pub(crate) struct Supervisor {
    node: NodeId,
    kind: Arc<dyn ProcessKind>,
    launch: watch::Receiver<Launch>,
    /// Where it keeps its data.
    data: PathBuf,
    outlet: Outlet,
    in_force: InForce,
    presence: Presence,
    running: Option<RunningProcess>,
    slow: Option<Slow>,
    /// None of its files may grow beyond this many bytes.
    file_limit: Option<u64>,
}

/// A process and what is known of it.
struct RunningProcess {
    process: Process,
    reader: Box<dyn OutputReader>,
    ready: bool,
    paused: bool,
    /// The commands that told it to end.
    stopping: Vec<Receipt>,
}

impl RunningProcess {
    fn state(&self) -> ProcessState {
        let pid = Some(self.process.pid());
        match (self.paused, self.ready) {
            (true, _) => ProcessState::Paused { pid },
            (false, true) => ProcessState::Running { pid },
            (false, false) => ProcessState::Starting { pid },
        }
    }
}

impl Supervisor {
    /// Each start uses what `launch` has at that time.
    pub(crate) fn new(
        node: NodeId,
        launch: watch::Receiver<Launch>,
        data: PathBuf,
        in_force: InForce,
        outlet: Outlet,
        presence: Presence,
    ) -> Self {
        let kind = Arc::clone(&launch.borrow().kind);
        let (running, slow, file_limit) = (None, None, None);
        Self { node, kind, launch, data, outlet, in_force, presence, running, slow, file_limit }
    }

    /// Starts the node, at once or when it is told to, and keeps it until `stop`; then ends it and returns its id when it is reaped.
    pub(crate) async fn run(
        mut self,
        first: FirstStart,
        mut instructions: mpsc::Receiver<Instruction>,
        stop: CancellationToken,
    ) -> NodeId {
        if first == FirstStart::AtOnce {
            // A failed start has been reported.
            let _ = self.start();
        }
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(Instruction { task, receipt }) = instructions.recv() => self.obey(task, receipt).await,
                happening = next(&mut self.running) => self.hear(happening).await,
                () = turn(self.slow), if self.can_be_slow() => self.turn(),
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

    async fn obey(&mut self, task: SupervisorTask, receipt: Receipt) {
        let done = match task {
            SupervisorTask::Kill if self.running.is_none() => {
                Err(format!("{} is not running, so there is nothing to kill", self.node))
            }
            SupervisorTask::Kill => self.kill().await,
            SupervisorTask::Restart => self.kill().await.and_then(|()| self.start()),
            SupervisorTask::Pause => self.signal(Signal::STOP, "pause"),
            SupervisorTask::Resume => self.signal(Signal::CONT, "resume"),
            SupervisorTask::ResumeIfPaused if self.running.as_ref().is_some_and(|running| running.paused) => {
                self.signal(Signal::CONT, "resume")
            }
            SupervisorTask::ResumeIfPaused => Ok(()),
            // It is answered when the process has ended.
            SupervisorTask::Stop => return self.stop(receipt),
            SupervisorTask::Slow(percent) => self.slow(percent),
            SupervisorTask::Wipe => self.kill().await.and_then(|()| self.empty(wipe(&self.data), self.kind.starts_without_data())),
            SupervisorTask::Forget => self.kill().await.and_then(|()| {
                self.output(
                    LogLevel::Warn,
                    "lab: its disk is emptied and keeps its identity (wipe-unsafe): the cluster assumes that it \
                     has all the entries it acknowledged, and acknowledged writes can be lost",
                );
                self.empty(self.kind.forget(&self.data), true)
            }),
            SupervisorTask::FillDisk(more) => self.fill_disk(more),
            SupervisorTask::LoseTail(bytes) => self.lose_tail(bytes),
            SupervisorTask::Report(done) => {
                // An error: the receiver has stopped waiting.
                let _ = done.send(());
                Ok(())
            }
        };
        match done {
            Ok(()) => receipt.done(),
            Err(why) => receipt.refuse(why),
        }
    }

    /// A failed start is also reported as the node's state.
    fn start(&mut self) -> Result<(), String> {
        self.presence.starting();
        let launch = self.launch.borrow().clone();
        match Process::start(&launch) {
            Ok(process) => {
                let reader = self.kind.reader(self.node);
                let running =
                    RunningProcess { process, reader, ready: false, paused: false, stopping: Vec::new() };
                self.tell(running.state());
                self.running = Some(running);
                self.slow.iter_mut().for_each(Slow::restart);
                if self.file_limit.is_some()
                    && let Err(why) = self.limit_files()
                {
                    self.outlet.complain(why);
                }
                Ok(())
            }
            Err(error) => {
                self.presence.down();
                let how = format!("{} could not be started: {error}", launch.program.name().display());
                self.tell(ProcessState::Failed { how: how.clone(), last_words: Vec::new() });
                Err(how)
            }
        }
    }

    /// Ends the process, if there is one.
    async fn kill(&mut self) -> Result<(), String> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        if let Err(error) = running.process.kill().await {
            self.running = Some(running);
            return Err(format!("{} could not be killed: {error}", self.node));
        }
        self.presence.down();
        self.in_force.is_paused(self.node, false);
        let last = running.process.last_output().await;
        self.log(&mut running, &last);
        self.tell(ProcessState::Killed);
        running.stopping.into_iter().for_each(Receipt::done);
        Ok(())
    }

    fn signal(&mut self, signal: Signal, verb: &str) -> Result<(), String> {
        let Some(running) = &mut self.running else {
            self.in_force.is_paused(self.node, false);
            return Err(format!("{} is not running, so there is nothing to {verb}", self.node));
        };
        let paused = signal == Signal::STOP;
        if running.paused == paused {
            return Ok(());
        }
        if let Err(error) = running.process.signal(signal) {
            self.in_force.is_paused(self.node, !paused);
            return Err(format!("{} could not be sent {verb}: {error}", self.node));
        }
        self.slow.iter_mut().for_each(Slow::restart);
        self.is_paused(paused);
        Ok(())
    }

    /// Whether its process exists and is not paused, so that a stop can only come from the slowing.
    fn can_be_slow(&self) -> bool {
        self.slow.is_some() && self.running.as_ref().is_some_and(|running| !running.paused)
    }

    /// Switches between stopped and running. This is not reported: it is what a slow node does.
    fn turn(&mut self) {
        let (Some(slow), Some(running)) = (&mut self.slow, &self.running) else { return };
        slow.turned();
        let signal = if slow.is_halted() { Signal::STOP } else { Signal::CONT };
        if let Err(error) = running.process.signal(signal) {
            self.slow = None;
            self.in_force.is_not_slow(self.node);
            self.outlet.complain(format!("{} can no longer be slowed: {error}", self.node));
        }
    }

    fn slow(&mut self, percent: u8) -> Result<(), String> {
        let slow = Slow::begin(percent);
        if slow.is_none() && percent != 0 {
            self.in_force.is_not_slow(self.node);
            return Err(format!(
                "{} cannot be stopped for {percent} % of the time: choose 1 to 99, or pause it",
                self.node
            ));
        }
        let halted = self.can_be_slow() && self.slow.is_some_and(Slow::is_halted);
        self.slow = slow;
        if halted
            && let Some(running) = &self.running
            && let Err(error) = running.process.signal(Signal::CONT)
        {
            return Err(format!("{} could not be sent resume: {error}", self.node));
        }
        Ok(())
    }

    fn stop(&mut self, receipt: Receipt) {
        let Some(running) = &mut self.running else {
            return receipt.refuse(format!("{} is not running, so there is nothing to stop", self.node));
        };
        if let Err(error) = running.process.signal(Signal::TERM) {
            return receipt.refuse(format!("{} could not be stopped: {error}", self.node));
        }
        running.stopping.push(receipt);
        // A paused process takes the signal when it runs again.
        if running.paused
            && let Err(why) = self.signal(Signal::CONT, "resume")
        {
            self.outlet.complain(why);
        }
    }

    /// Its data was wiped, or not.
    fn empty(&mut self, wiped: io::Result<()>, starts_again: bool) -> Result<(), String> {
        if let Err(error) = wiped {
            let (node, data) = (self.node, self.data.display());
            return Err(format!("the data of {node} in {data} cannot be wiped: {error}"));
        }
        if starts_again { self.start() } else { Ok(()) }
    }

    fn fill_disk(&mut self, more: Option<u64>) -> Result<(), String> {
        let limit = more.map(|more| self.kind.file_limit(&self.data, more)).transpose().map_err(|error| {
            self.in_force.is_not_full(self.node);
            format!("the size of the log in {} cannot be read: {error}", self.data.display())
        })?;
        if limit == self.file_limit {
            return Ok(());
        }
        self.file_limit = limit;
        self.limit_files()
    }

    fn limit_files(&mut self) -> Result<(), String> {
        let Some(running) = &self.running else { return Ok(()) };
        running.process.limit_files(self.file_limit).map_err(|error| {
            self.file_limit = None;
            self.in_force.is_not_full(self.node);
            format!("the disk of {} cannot be filled: {error}", self.node)
        })
    }

    fn lose_tail(&self, bytes: u64) -> Result<(), String> {
        let node = self.node;
        if self.running.is_some() {
            return Err(format!("{node} is running: stop or kill it, then its log can lose its tail"));
        }
        let left = self.kind.lose_tail(node, &self.data, bytes)?;
        self.output(LogLevel::Warn, &format!("lab: its log has lost its tail and ends after {left} bytes"));
        Ok(())
    }

    /// Notes whether it is paused, and reports a change.
    fn is_paused(&mut self, paused: bool) {
        let Some(running) = self.running.as_mut().filter(|running| running.paused != paused) else { return };
        running.paused = paused;
        let state = running.state();
        if !paused {
            self.in_force.is_paused(self.node, false);
        }
        self.tell(state);
    }

    async fn hear(&mut self, happening: Happening) {
        match happening {
            Happening::Said(lines) => {
                let Some(mut running) = self.running.take() else { return };
                for line in lines {
                    let line = running.reader.said(&line);
                    match line.ready {
                        Some(ready) => self.is_ready(&mut running, ready),
                        None => self.output(line.level, &line.text),
                    }
                }
                self.running = Some(running);
            }
            Happening::Logged(lines) => {
                let Some(mut running) = self.running.take() else { return };
                self.log(&mut running, &lines);
                self.running = Some(running);
            }
            Happening::Late => {
                self.output(LogLevel::Warn, "lab: the node was started 10 seconds ago and is not ready yet");
            }
            // A slow node is stopped and continued all the time.
            Happening::Stopped if self.can_be_slow() => {}
            Happening::Stopped => {
                // By another process: a pause by command is entered with the command.
                if self.running.as_ref().is_some_and(|running| !running.paused) {
                    self.in_force.is_paused(self.node, true);
                }
                self.is_paused(true);
            }
            Happening::Continued => self.is_paused(false),
            Happening::Ended(status) => {
                self.presence.down();
                self.in_force.is_paused(self.node, false);
                let Some(mut running) = self.running.take() else { return };
                let last = running.process.last_output().await;
                self.log(&mut running, &last);
                // It may be told to end before it has set up its signal handling.
                let by_that_signal = status.signal() == Some(Signal::TERM.as_raw());
                self.tell(if !running.stopping.is_empty() && (status.success() || by_that_signal) {
                    ProcessState::Stopped
                } else {
                    let last_words = running.process.last_words();
                    ProcessState::Failed { how: status.to_string(), last_words }
                });
                running.stopping.into_iter().for_each(Receipt::done);
            }
        }
    }

    /// The node has said where it listens.
    fn is_ready(&self, running: &mut RunningProcess, ready: ReadyLine) {
        running.ready = true;
        running.process.is_ready();
        self.presence.serving(ready.raft, ready.client);
        if !running.paused {
            self.tell(running.state());
        }
        self.outlet.tell(News::Ready { node: self.node, addresses: ready.addresses });
    }

    fn log(&self, running: &mut RunningProcess, lines: &[String]) {
        for line in lines.iter().filter(|line| !line.is_empty()) {
            let line = running.reader.logged(line);
            self.output(line.level, &line.text);
            if let Some(ready) = line.ready {
                self.is_ready(running, ready);
            }
        }
    }

    fn output(&self, level: LogLevel, line: &str) {
        self.outlet.tell(News::Output { node: self.node, level, line: line.to_owned() });
    }

    fn tell(&self, state: ProcessState) {
        self.outlet.tell(News::Process { node: self.node, state });
    }
}

/// Waits for the next time that a slow node is stopped or continued; for any other node, forever.
async fn turn(slow: Option<Slow>) {
    match slow {
        Some(slow) => slow.turn().await,
        None => std::future::pending().await,
    }
}

/// The next event of a process; without a process, never.
async fn next(running: &mut Option<RunningProcess>) -> Happening {
    match running {
        Some(running) => running.process.next().await,
        None => std::future::pending().await,
    }
}
