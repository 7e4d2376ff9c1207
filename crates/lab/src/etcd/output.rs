//! What a member writes: its log in JSON lines, as people read it, as events, and how far its start is.

use crate::etcd::observers::MemberEvents;
use crate::etcd::ports::MemberPorts;
use crate::processes::kind::{OutputLine, OutputReader, ProcessKind, ReadyLine};
use raftdeck_etcd::{Etcd, LogReader, MemberIds, StartStage};
use raftdeck_model::{LogLevel, NodeAddresses};
use raftdeck_raft::NodeId;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// Why nothing of a member's data can be taken or kept apart from the rest.
pub(super) const ONE_PIECE: &str = "the data of an etcd member is in etcd's own files, of which the lab cannot take a part (wipe takes all of it)";

/// A member of etcd.
#[derive(Clone)]
pub(super) struct EtcdProcess {
    pub(super) ports: MemberPorts,
    /// Knows which node is which member.
    pub(super) etcd: Etcd,
    /// Where its events go.
    pub(super) events: MemberEvents,
}

impl std::fmt::Debug for EtcdProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EtcdProcess").field("ports", &self.ports).finish_non_exhaustive()
    }
}

/// Reads what one process of it writes.
struct EtcdOutput {
    node: NodeId,
    process: EtcdProcess,
    log: LogReader,
}

impl OutputReader for EtcdOutput {
    fn said<'a>(&mut self, line: &'a str) -> OutputLine<'a> {
        self.logged(line)
    }

    fn logged<'a>(&mut self, line: &'a str) -> OutputLine<'a> {
        let line = self.log.read(line, &self.process.etcd.ids());
        self.process.events.take(self.node, line.events);
        // From here on its peers reach it. Clients may have to wait until there is a leader.
        let serves = matches!(line.stage, Some(StartStage::ServesPeers { .. }));
        let ready = serves.then(|| self.process.ready());
        OutputLine { level: line.level, text: line.text.into(), ready }
    }
}

impl EtcdProcess {
    fn ready(&self) -> ReadyLine {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (raft, client) = (at(self.ports.peers), at(self.ports.clients));
        let addresses =
            NodeAddresses { raft: raft.to_string(), client: client.to_string(), http: client.to_string() };
        ReadyLine { raft, client, addresses }
    }
}

impl ProcessKind for EtcdProcess {
    fn reader(&self, node: NodeId) -> Box<dyn OutputReader> {
        Box::new(EtcdOutput { node, process: self.clone(), log: LogReader::default() })
    }

    fn last_words(&self, line: &str) -> Option<String> {
        let line = LogReader::default().read(line, &MemberIds::default());
        matches!(line.level, LogLevel::Error | LogLevel::Warn).then_some(line.text)
    }

    fn file_limit(&self, _: &Path, _: u64) -> io::Result<u64> {
        Err(io::Error::other(ONE_PIECE))
    }

    fn forget(&self, _: &Path) -> io::Result<()> {
        Err(io::Error::other(ONE_PIECE))
    }

    fn lose_tail(&self, _: NodeId, _: &Path, _: u64) -> Result<u64, String> {
        Err(ONE_PIECE.to_owned())
    }

    /// Its id is a voter with a vote and acknowledged entries: it must be replaced.
    fn starts_without_data(&self) -> bool {
        false
    }
}
