//! The process that a cluster runs in.
//!
//! It never makes the cluster wait for its owner: while that is stopped, the pipe between them fills, and the updates gather in an
//! inbox, which is bounded and counts what it drops.

use super::lines::{self, HostStart, HostedCluster};
use super::timers::{LastStatuses, Told};
use crate::errors::sentence;
use crate::incoming::inbox::{EndReason, Inbox};
use crate::incoming::signals;
use color_eyre::eyre::{Result, WrapErr};
use raftdeck_lab::Lab;
use raftdeck_model::{Command, News, Source};
use std::io::{self, BufRead, BufReader};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Makes the program a host, as its first argument. Only the program itself uses it.
pub const HOST_COMMAND: &str = "host-cluster";

/// Updates that come within this time after others are written with the next ones: each write wakes the owner.
const GATHER: Duration = Duration::from_millis(10);

/// The same while nothing but the routine goes on: a person sees no difference.
const GATHER_ROUTINE: Duration = Duration::from_millis(80);

/// The lab, until the host ends.
type RunningLab = Arc<Mutex<Option<Lab>>>;

/// Runs a cluster for the process at the other end of standard input and output.
#[must_use]
pub(crate) fn run() -> ExitCode {
    #[cfg(target_os = "linux")]
    raftdeck_node::name::show();
    let mut input = BufReader::new(io::stdin());
    match lines::read(&mut input, &mut Vec::new()) {
        Ok(Some(cluster)) => host(cluster, input),
        // Its owner is gone already.
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => failed(format!("the cluster's process was not told what to start: {error}")),
    }
}

fn host(cluster: HostedCluster, input: impl BufRead + Send + 'static) -> ExitCode {
    let inbox = Arc::new(Inbox::default());
    let lab = match start(cluster, &inbox) {
        Ok(lab) => lab,
        Err(error) => return failed(sentence(&error)),
    };
    let capabilities = lab.capabilities().clone();
    let lab = Arc::new(Mutex::new(Some(lab)));
    let ended = lines::write(&mut io::stdout().lock(), &HostStart::Started(capabilities))
        .and_then(|()| take_commands(input, &lab, &inbox))
        .and_then(|()| pass_on(&inbox));
    // Stops the nodes, and removes their folder if it is temporary.
    lab.lock().unwrap_or_else(PoisonError::into_inner).take();
    match ended {
        Ok(EndReason::Signal(signal)) => ExitCode::from(signals::exit_status(signal)),
        Ok(EndReason::Panicked) => ExitCode::from(signals::PANICKED),
        // The owner has ended, which also shows as a failed write.
        Ok(EndReason::Closed) | Err(_) => ExitCode::SUCCESS,
    }
}

/// Says why there is no cluster.
fn failed(why: String) -> ExitCode {
    // An owner that is gone need not know.
    let _ = lines::write(&mut io::stdout().lock(), &HostStart::Failed(why));
    ExitCode::FAILURE
}

fn start(cluster: HostedCluster, inbox: &Arc<Inbox>) -> Result<Lab> {
    signals::watch(inbox).wrap_err("signals cannot be received")?;
    signals::insist(inbox, signals::end_status).wrap_err("a thread cannot be started")?;
    let inbox = Arc::clone(inbox);
    let sink = move |update| inbox.updates([update]);
    Ok(match cluster {
        HostedCluster::Lab(options) => Lab::start(options, sink),
        HostedCluster::Etcd(options) => Lab::start_etcd(options, sink),
    }?)
}

/// Passes commands to the cluster, on a thread of its own, until the input ends, which ends the host.
fn take_commands(
    mut input: impl BufRead + Send + 'static,
    lab: &RunningLab,
    inbox: &Arc<Inbox>,
) -> io::Result<()> {
    let (lab, inbox) = (Arc::clone(lab), Arc::clone(inbox));
    let take = move || {
        let mut line = Vec::new();
        while let Ok(Some(command)) = lines::read::<Command>(&mut input, &mut line) {
            if let Some(lab) = &*lab.lock().unwrap_or_else(PoisonError::into_inner) {
                lab.send(command);
            }
        }
        inbox.end(EndReason::Closed);
    };
    thread::Builder::new().name("commands".to_owned()).spawn(take)?;
    Ok(())
}

/// What nodes report and send all the time, whether something happens or not.
fn of_routine(news: &News) -> bool {
    matches!(news, News::Status { .. } | News::Frames { .. } | News::Messages { .. })
}

/// Passes updates to the owner until the host ends.
fn pass_on(inbox: &Inbox) -> io::Result<EndReason> {
    let mut output = io::stdout().lock();
    let mut statuses = LastStatuses::default();
    let mut told: Vec<Told> = Vec::new();
    let mut is_routine = true;
    let mut due = Instant::now();
    loop {
        let batch = inbox.wait((!told.is_empty()).then(Instant::now));
        is_routine &= batch.updates.iter().all(|update| of_routine(&update.what));
        told.extend(batch.updates.into_iter().map(|update| statuses.shorten(update)));
        if !told.is_empty() && (!is_routine || Instant::now() >= due || batch.end.is_some()) {
            lines::write(&mut output, &told)?;
            told.clear();
            is_routine = true;
            due = Instant::now() + GATHER_ROUTINE;
        }
        if let Some(end) = batch.end {
            return Ok(end);
        }
        thread::sleep(GATHER);
    }
}
