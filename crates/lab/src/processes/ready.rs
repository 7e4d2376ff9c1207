//! Waiting for a process that was just started.

use raftdeck_links::{NodeLocation, Whereabouts};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a new process may take until it serves.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Waits until a process serves; its Raft address.
pub(crate) async fn ready(mut place: watch::Receiver<Whereabouts>) -> Result<SocketAddr, String> {
    // At first a node is down in life 0; down in a later life means that its process has ended.
    let settled = |now: &Whereabouts| {
        matches!(now.place, NodeLocation::Serving { .. }) || now.place == NodeLocation::Down && now.life > 0
    };
    match timeout(READY_WITHIN, place.wait_for(settled)).await {
        Ok(Ok(now)) => match now.place {
            NodeLocation::Serving { raft, .. } => Ok(raft),
            NodeLocation::Down | NodeLocation::Starting => Err("its process has ended".to_owned()),
        },
        Ok(Err(_)) => Err("its process has ended".to_owned()),
        Err(_) => Err("its process does not become ready".to_owned()),
    }
}
