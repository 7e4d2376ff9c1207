//! A snapshot that is held, lost and delivered.

use crate::cluster::Cluster;
use raftdeck_model::{Effect, FrameKind, MessageSelection, Scope};
use raftdeck_raft::NodeId;

#[tokio::test]
async fn a_new_member_gets_a_snapshot_when_it_is_released() {
    let mut cluster = Cluster::start(3, 1, &["--snapshot-count", "10"]).await;
    let (first, new) = (NodeId(1), NodeId(2));
    cluster.put(first, 30).await;
    cluster.add(new, first).await;
    cluster.disturb(1, Scope::All, Some(FrameKind::InstallSnapshot), None, Effect::Hold);
    cluster.launch(new, &[first, new], "existing");
    let held = cluster.held(FrameKind::InstallSnapshot).await;
    // One that is lost is sent again, as the receiver has not got it.
    assert_eq!(cluster.links.traffic().discard(&MessageSelection::Message(held)), 1);
    let held = cluster.held(FrameKind::InstallSnapshot).await;
    assert_eq!(cluster.links.traffic().release(&MessageSelection::Message(held)), 1);
    cluster.undo(1);
    cluster.put(first, 1).await;
    cluster.agree().await;
}
