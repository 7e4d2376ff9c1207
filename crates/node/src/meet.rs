//! Polls the members of this node's cluster for as long as the driver wants: which disk each of them has, and whether
//! it has the cluster's identity, which is sent to those that lack it.

use crate::driver::PeerInput;
use crate::founder_line::{AskError, FounderLines};
use crate::ledger::Ledger;
use raftdeck_protocol::founding::{Invitation, Note, NoteStage};
use raftdeck_raft::{Incarnation, NodeId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// How often a member is asked.
const EVERY: Duration = Duration::from_millis(200);

/// The members to ask, and their addresses: each with the disk that the membership lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeersToMeet(pub(crate) BTreeMap<NodeId, (String, Option<Incarnation>)>);

/// Asks until the sender of `wanted` is gone. `own_address`: where this node is dialed back.
pub(crate) async fn meet(
    ledger: Arc<Ledger>,
    lines: FounderLines,
    own_address: String,
    mut wanted: watch::Receiver<PeersToMeet>,
    driver: mpsc::Sender<PeerInput>,
) {
    let mut asking = JoinSet::new();
    let mut asked = BTreeSet::new();
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            changed = wanted.changed() => if changed.is_err() { return },
            Some(met) = asking.join_next() => {
                let Ok((member, note)) = met else { continue };
                asked.remove(&member);
                if driver.send(PeerInput::Met(member, note)).await.is_err() {
                    return;
                }
                continue;
            }
        }
        for (node, (address, disk)) in wanted.borrow_and_update().0.clone() {
            if asked.insert(node) {
                let (ledger, lines, own) = (Arc::clone(&ledger), lines.clone(), own_address.clone());
                asking
                    .spawn(async move { (node, ask(&ledger, &lines, own, node, &address, disk).await.ok()) });
            }
        }
    }
}

/// What a member says, once it has what it needs.
async fn ask(
    ledger: &Ledger,
    lines: &FounderLines,
    own: String,
    member: NodeId,
    address: &str,
    disk: Option<Incarnation>,
) -> Result<Note, AskError> {
    let mut line = lines.dial(member, address).await?;
    let note = line.note().await?;
    let Some(cluster) = ledger.cluster() else { return Ok(note) };
    let is_ours = disk.is_none_or(|disk| disk == note.incarnation);
    if !is_ours || !needs_invitation(ledger, &note) {
        return Ok(note);
    }
    let invitation = Invitation { from: lines.me, address: own, cluster, secret: ledger.secret() };
    match line.invite(invitation).await? {
        Ok(()) => {
            tracing::info!("{member} at {address} has received the identity of cluster {cluster}");
        }
        Err(why) => tracing::info!("{member} at {address} does not accept the cluster's identity: {why}"),
    }
    line.note().await
}

/// Whether a member lacks the identity of the cluster, or its secret.
fn needs_invitation(ledger: &Ledger, note: &Note) -> bool {
    let lacks_secret = !note.has_secret && ledger.has_key();
    let cluster = match &note.stage {
        NoteStage::Gathering { .. } => None,
        NoteStage::Joining { cluster } | NoteStage::Member { cluster, .. } => *cluster,
        // It has an identity as soon as it is founded.
        NoteStage::Adopted(_) => ledger.cluster(),
    };
    lacks_secret || cluster.is_none()
}
