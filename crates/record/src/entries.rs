//! The log entries that a recorder must request, so that the recording has all of them. Sends nothing itself.

use crate::known_log::{KnownLog, after};
use raftdeck_model::{Command, CommandId, News, NodeView, Order, Update};
use raftdeck_raft::{LogIndex, NodeId};
use std::collections::{BTreeMap, BTreeSet};

/// The most entries in one request.
const LIMIT: u32 = 256;

/// The IDs of this many entries of each log are remembered. If a node replaces more of them than that, its log is asked for
/// from its beginning.
const REMEMBERED: usize = 1024;

/// Says which parts of the nodes' logs are to be fetched.
///
/// Every update of the source goes to [`note`](Self::note), and every command that [`next`](Self::next) gives is sent to the source. At most one
/// command a node is under way.
#[derive(Debug, Default)]
pub struct Entries {
    nodes: BTreeMap<NodeId, Fetching>,
    under_way: BTreeMap<CommandId, NodeId>,
}

#[derive(Debug, Default)]
struct Fetching {
    known: KnownLog<()>,
    /// The log begins after this index, and ends with the other.
    extent: (LogIndex, LogIndex),
    /// Something has been told since its log was asked for last.
    is_due: bool,
    is_asked: bool,
}

impl Fetching {
    fn status(&mut self, status: &NodeView) {
        self.known.agree(&status.raft);
        self.extent =
            (status.raft.purged.copied().unwrap_or_default(), status.raft.last_index().unwrap_or_default());
        self.is_due = true;
    }

    /// Everything up to here has been fetched, or is gone.
    fn through(&self) -> LogIndex {
        self.known.last().unwrap_or_default().max(self.extent.0)
    }

    fn is_wanted(&self) -> bool {
        self.is_due && !self.is_asked && self.through() < self.extent.1
    }
}

impl Entries {
    /// Takes note of an update. `true`: it answers a command of [`next`](Self::next), so that it is neither to be recorded nor shown.
    pub fn note(&mut self, update: &Update) -> bool {
        match &update.what {
            News::Cluster { nodes, .. } => {
                let members: BTreeSet<NodeId> = nodes.iter().copied().collect();
                self.nodes.retain(|node, _| members.contains(node));
            }
            News::Status { node, status } => self.nodes.entry(*node).or_default().status(status),
            News::Trace { node, trace } => {
                if let Some(fetching) = self.nodes.get_mut(node) {
                    fetching.known.hear(trace);
                }
            }
            News::Log { node, lines } => {
                let Some(fetching) = self.nodes.get_mut(node) else { return false };
                let through = fetching.through();
                // Somebody else may have asked for a part further on.
                if lines.first().is_some_and(|line| line.id.index <= after(through)) {
                    fetching.known.learn(lines, |_| ());
                    fetching.known.keep_newest(REMEMBERED);
                    fetching.is_due |= fetching.through() > through;
                }
            }
            News::Done { id } | News::Refused { id, .. } => {
                let Some(node) = self.under_way.remove(id) else { return false };
                if let Some(fetching) = self.nodes.get_mut(&node) {
                    fetching.is_asked = false;
                }
                return true;
            }
            _ => {}
        }
        false
    }

    /// The next command to send, under this id, which no other command has; `None`: nothing is to be fetched now. What is refused
    /// is asked for again when its node has told its state again.
    pub fn next(&mut self, id: CommandId) -> Option<Command> {
        let (&node, fetching) = self.nodes.iter_mut().find(|(_, fetching)| fetching.is_wanted())?;
        fetching.is_due = false;
        fetching.is_asked = true;
        self.under_way.insert(id, node);
        let first = after(fetching.through());
        Some(Command { id, what: Order::FetchLog { node, first, limit: LIMIT } })
    }
}
