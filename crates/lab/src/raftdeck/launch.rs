//! How a node is started: its own addresses, and every other node behind a link.
//!
//! A node always starts with the cluster of the first nodes, as it was at first; what has changed since is in its log. A node that
//! was added later starts without a cluster and receives it from the leader.

use crate::files::data_dir::DataDir;
use crate::nodes::millis;
use crate::processes::process::Launch;
use crate::raftdeck::keys::Keys;
use crate::raftdeck::output::RaftdeckProcess;
use crate::setup::options::LabOptions;
use crate::setup::program::Program;
use raftdeck_links::{Links, RaftdeckWire};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::NodeId;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The circumstances in which a node is started.
#[derive(Clone, Copy)]
pub(crate) struct Circumstances<'a> {
    /// What a node is started from.
    pub(crate) program: &'a Arc<Program>,
    /// The cluster's tokens.
    pub(crate) keys: &'a Keys,
    /// The rate of cluster time.
    pub(crate) rate: ClockRate,
    /// No node may serve reads by a lease.
    pub(crate) forgo_leases: bool,
}

/// The launch of a node under the present circumstances.
pub(crate) fn launch(
    options: &LabOptions,
    data_dir: &DataDir,
    links: &Links<RaftdeckWire>,
    now: Circumstances<'_>,
    node: NodeId,
) -> Launch {
    let record = data_dir.record();
    let own = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port(node)));
    let timing = options.timing;
    let election = format!("{}..{}", millis(timing.election_min), millis(timing.election_max));
    let mut args: Vec<OsString> = options.node_args.iter().map(OsString::from).collect();
    args.push("--managed".into());
    let mut give = |name: &str, value: OsString| args.extend([name.into(), value]);
    give("--node-id", node.0.to_string().into());
    give("--bind", own.to_string().into());
    let joins = record.is_late(node);
    if !joins {
        let address = |member: NodeId| match links.address((node, member)) {
            _ if member == node => own.to_string(),
            Some(link) => link.to_string(),
            // It was removed; its position in the list is kept, and no node dials it.
            None => SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(member.0).unwrap_or(1))).to_string(),
        };
        give("--cluster", record.initial().map(address).collect::<Vec<_>>().join(",").into());
    }
    give("--data-dir", data_dir.of(node).into());
    give("--heartbeat", millis(timing.heartbeat).to_string().into());
    give("--election", election.into());
    if let Some(entries) = options.snapshot_entries {
        give("--snapshot-entries", entries.to_string().into());
    }
    if let Some(bytes) = options.append_bytes {
        give("--append-bytes", bytes.to_string().into());
    }
    if let Some(delay) = options.sync_delay {
        give("--sync-delay", format!("{}us", delay.as_micros()).into());
    }
    if let Some(limit) = options.disk_stall {
        give("--disk-stall", millis(limit).to_string().into());
    }
    if let Some(seed) = options.seed {
        give("--seed", seed.wrapping_add(node.0).to_string().into());
    }
    if now.rate != ClockRate::REAL {
        give("--clock-rate", now.rate.millionths().to_string().into());
    }
    // Given for all nodes: the membership has the own addresses of nodes that were added later, which must be reached through links
    // instead.
    for other in record.nodes().into_iter().filter(|other| *other != node) {
        if let Some(link) = links.address((node, other)) {
            give("--peer-address", format!("{}={link}", other.0).into());
        }
    }
    if joins {
        args.push("--join".into());
    }
    if options.detect_crash {
        args.push("--detect-crash".into());
    }
    if now.forgo_leases {
        args.push("--forgo-leases".into());
    }
    Launch {
        program: Arc::clone(now.program),
        args,
        secrets: now.keys.variables(),
        kind: Arc::new(RaftdeckProcess),
    }
}
