//! Drives the founding of this node's cluster: polls the other founding members, and makes each step durable.
//! `raftdeck_replica::founding` decides what follows from their answers.

use crate::driver::PeerInput;
use crate::founder_line::{AskError, FounderLine, FounderLines};
use crate::ledger::Ledger;
use raftdeck_client::Backoff;
use raftdeck_protocol::founding::Note;
use raftdeck_raft::NodeId;
use raftdeck_replica::founding::{Founding, FoundingStage};
use raftdeck_storage::OpenError;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How often a node that can be reached is asked.
const EVERY: Duration = Duration::from_millis(20);

/// And one that has been asked for long.
const SELDOM: Duration = Duration::from_millis(200);

/// It is asked often this many times.
const OFTEN: u32 = 250;

/// How long a node that cannot be reached is left alone.
const LEAST_PAUSE: Duration = Duration::from_millis(20);
const MOST_PAUSE: Duration = Duration::from_millis(200);

/// What was heard of a founding member.
type FounderAnswer = (NodeId, Result<Note, AskError>);

/// Founds the cluster, or returns when another cluster has taken this node in. The driver is told the outcome, and each change of
/// what the founding waits for.
pub(crate) async fn found(
    ledger: Arc<Ledger>,
    lines: FounderLines,
    driver: mpsc::Sender<PeerInput>,
) -> Result<(), OpenError> {
    let Some(mut founding) = ledger.founding() else { return Ok(()) };
    let (heard, mut hearing) = mpsc::channel(1);
    // Dropped, it ends them all.
    let mut asking = JoinSet::new();
    for other in founding.others() {
        let Some(address) = lines.configured.get(&other).cloned() else { continue };
        asking.spawn(ask_always(lines.clone(), other, address, heard.clone()));
    }
    loop {
        while let Some(stage) = founding.next() {
            keep(&ledger, stage.clone()).await?;
            founding.advance(stage);
        }
        if let FoundingStage::Founded(record) = founding.stage() {
            tracing::info!("founded the cluster with all its members");
            ledger.set_waits(None);
            // An error only says that the node stops.
            let _ = driver.send(PeerInput::Founded(record.clone())).await;
            return Ok(());
        }
        say(&ledger, &founding, &lines.configured, &driver).await;
        let Some((founder, note)) = hearing.recv().await else { return Ok(()) };
        if ledger.founding().is_none() {
            // A cluster has taken it in.
            ledger.set_waits(None);
            let _ = driver.send(PeerInput::Stirred).await;
            return Ok(());
        }
        match note {
            Ok(note) => founding.hear(note),
            Err(error) => {
                tracing::debug!("founding: {founder}: {error}");
                founding.lose(founder);
            }
        }
    }
}

async fn keep(ledger: &Arc<Ledger>, stage: FoundingStage) -> Result<(), OpenError> {
    let ledger = Arc::clone(ledger);
    let kept = tokio::task::spawn_blocking(move || ledger.found(&stage));
    // A panic there is a defect, and ends this task too.
    kept.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

async fn say(
    ledger: &Ledger,
    founding: &Founding,
    addresses: &BTreeMap<NodeId, String>,
    driver: &mpsc::Sender<PeerInput>,
) {
    let says = founding.says(addresses);
    if ledger.set_waits(says.clone()) {
        if let Some(says) = says {
            tracing::info!("{says}");
        }
        let _ = driver.send(PeerInput::Stirred).await;
    }
}

/// Asks one node, forever, and dials it again when the connection breaks.
async fn ask_always(lines: FounderLines, to: NodeId, address: String, heard: mpsc::Sender<FounderAnswer>) {
    let mut pauses = Backoff::new(LEAST_PAUSE, MOST_PAUSE);
    let mut asked = 0;
    loop {
        let why = match lines.dial(to, &address).await {
            Ok(line) => {
                pauses.reset();
                ask_on(line, to, &heard, &mut asked).await
            }
            Err(error) => Some(error),
        };
        let Some(why) = why else { return };
        if heard.send((to, Err(why))).await.is_err() {
            return;
        }
        sleep(pauses.pause()).await;
    }
}

/// Asks on one connection until it breaks; `None`: the receiver of the answers is gone.
async fn ask_on(
    mut line: FounderLine,
    to: NodeId,
    heard: &mpsc::Sender<FounderAnswer>,
    asked: &mut u32,
) -> Option<AskError> {
    loop {
        let note = match line.note().await {
            Ok(note) => note,
            Err(error) => return Some(error),
        };
        heard.send((to, Ok(note))).await.ok()?;
        *asked = asked.saturating_add(1);
        sleep(if *asked < OFTEN { EVERY } else { SELDOM }).await;
    }
}
