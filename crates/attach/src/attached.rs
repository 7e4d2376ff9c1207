//! The handle for the caller, and a thread of its own on which everything runs.

use crate::cluster::{Cluster, Found};
use crate::options::{AttachError, AttachOptions};
use raftdeck_links::{ClusterClock, Outlet};
use raftdeck_model::{Capabilities, Command, CommandId, News, Source, Update};
use raftdeck_protocol::ClockRate;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The most commands that wait to be carried out.
const MAX_COMMANDS: usize = 1024;

/// A cluster that is attached to. Dropping it detaches; the cluster goes on.
#[derive(Debug)]
pub struct Attached {
    commands: mpsc::Sender<Command>,
    /// Commands that found no room and are not refused yet.
    left_out: Arc<Mutex<Vec<CommandId>>>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
    capabilities: Capabilities,
}

impl Attached {
    /// Finds the cluster, which takes a few seconds at most, and follows it. Every update goes to `sink`, first [`News::Cluster`]; it is
    /// called on this source's own thread and should only pass the update on.
    pub fn start(
        options: AttachOptions,
        sink: impl Fn(Update) + Send + Sync + 'static,
    ) -> Result<Self, AttachError> {
        let system = |what| move |source| AttachError::System { what, source };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(system("its runtime cannot be made"))?;
        let capabilities = options.capabilities();
        let found = runtime.block_on(Found::by(&options))?;
        let clock = ClusterClock::start(ClockRate::REAL);
        let outlet = Outlet::new(clock.reader(), sink);
        let (commands, queue) = mpsc::channel(MAX_COMMANDS);
        let stop = CancellationToken::new();
        let left_out = Arc::default();
        let inbox =
            Inbox { queue, left_out: Arc::clone(&left_out), stop: stop.clone(), outlet: outlet.clone() };
        let may = capabilities.clone();
        let thread = std::thread::Builder::new()
            .name("attached".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    outlet.tell(News::Time(clock.reader().time()));
                    Cluster::start(found, &options, outlet).follow(inbox, &may).await;
                });
            })
            .map_err(system("its thread cannot be started"))?;
        Ok(Self { commands, left_out, stop, thread: Some(thread), capabilities })
    }
}

impl Source for Attached {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn send(&self, command: Command) {
        if let Err(error) = self.commands.try_send(command) {
            let id = error.into_inner().id;
            self.left_out.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed by its hook.
            let _ = thread.join();
        }
    }
}

/// Where commands come in.
pub(crate) struct Inbox {
    queue: mpsc::Receiver<Command>,
    left_out: Arc<Mutex<Vec<CommandId>>>,
    stop: CancellationToken,
    outlet: Outlet,
}

impl Inbox {
    /// Waits for the next command. `None`: the caller has detached. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Command> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            command = self.queue.recv() => command,
        }
    }

    /// Refuses commands that found no room.
    pub(crate) fn refuse_left_out(&self) {
        let left_out = std::mem::take(&mut *self.left_out.lock().unwrap_or_else(PoisonError::into_inner));
        for id in left_out {
            self.outlet.tell(News::Refused {
                id,
                reason: format!("more than {MAX_COMMANDS} commands are pending: this one was dropped"),
            });
        }
    }
}
