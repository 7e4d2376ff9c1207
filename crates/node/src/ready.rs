//! The ready line: one JSON object on standard output, and the only thing that is ever written there.

use crate::node::Addresses;
use raftdeck_raft::NodeId;
use serde::Serialize;
use std::io::{self, Write};
use std::net::SocketAddr;

#[derive(Serialize)]
struct Ready {
    event: &'static str,
    id: u64,
    raft: SocketAddr,
    client: SocketAddr,
    http: SocketAddr,
}

/// Says that the node serves, and where. A failed write is no reason to stop.
pub(crate) fn announce(id: NodeId, Addresses { raft, client, http }: Addresses) {
    let ready = Ready { event: "ready", id: id.0, raft, client, http };
    let mut line =
        serde_json::to_string(&ready).expect("invariant: ids and addresses are always expressible");
    line.push('\n');
    let mut output = io::stdout().lock();
    if let Err(error) = output.write_all(line.as_bytes()).and_then(|()| output.flush()) {
        tracing::debug!("nobody reads the ready line: {error}");
    }
}
