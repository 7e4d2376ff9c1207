//! Reports of nodes whose state is as it was but for its timers: most of them. They cross the pipe as those timers alone.

use raftdeck_model::{Known, News, NodeView, PeerView, Update};
use raftdeck_raft::NodeId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// An update on its way from the host to its owner.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Told {
    /// The whole update.
    Whole(Box<Update>),
    /// A node's status, which differs from its last one in these.
    Timers { at: Duration, seq: u64, node: NodeId, timers: Box<Timers> },
}

/// What of a status changes while nothing happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Timers {
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    election_timeout: Known<Duration>,
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    election_remaining: Known<Duration>,
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    heartbeat_age: Known<Option<Duration>>,
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    lease: Known<Duration>,
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    uptime_micros: Known<u64>,
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    next_timer_micros: Known<u64>,
    /// Of a leader: when each follower last answered, as far as that is known.
    last_heard: BTreeMap<NodeId, Option<Duration>>,
}

impl Timers {
    fn of(status: &NodeView) -> Self {
        let raft = &status.raft;
        Self {
            election_timeout: raft.election_timeout,
            election_remaining: raft.election_remaining,
            heartbeat_age: raft.heartbeat_age,
            lease: raft.lease,
            uptime_micros: status.uptime_micros,
            next_timer_micros: status.next_timer_micros,
            last_heard: raft.peers.items().iter().filter_map(last_heard).collect(),
        }
    }

    fn put_into(self, status: &mut NodeView) {
        let raft = &mut status.raft;
        raft.election_timeout = self.election_timeout;
        raft.election_remaining = self.election_remaining;
        raft.heartbeat_age = self.heartbeat_age;
        raft.lease = self.lease;
        status.uptime_micros = self.uptime_micros;
        status.next_timer_micros = self.next_timer_micros;
        if let Known::Is(peers) = &mut raft.peers {
            for peer in peers {
                peer.last_heard = self.last_heard.get(&peer.id).copied().map_or(Known::Unknown, Known::Is);
            }
        }
    }
}

fn last_heard(peer: &PeerView) -> Option<(NodeId, Option<Duration>)> {
    peer.last_heard.copied().map(|heard| (peer.id, heard))
}

/// The last status of each node, the same at both ends of the pipe.
#[derive(Debug, Default)]
pub(super) struct LastStatuses(BTreeMap<NodeId, NodeView>);

impl LastStatuses {
    /// What is sent of an update.
    pub(super) fn shorten(&mut self, update: Update) -> Told {
        let News::Status { node, status } = &update.what else { return Told::Whole(Box::new(update)) };
        let timers = Box::new(Timers::of(status));
        if let Some(last) = self.0.get_mut(node) {
            timers.clone().put_into(last);
            if *last == **status {
                return Told::Timers { at: update.at, seq: update.seq, node: *node, timers };
            }
        }
        self.0.insert(*node, NodeView::clone(status));
        Told::Whole(Box::new(update))
    }

    /// The update that was sent; `None`: it refers to a status that was never sent.
    pub(super) fn restore(&mut self, told: Told) -> Option<Update> {
        let (at, seq, node, timers) = match told {
            Told::Whole(update) => {
                if let News::Status { node, status } = &update.what {
                    self.0.insert(*node, NodeView::clone(status));
                }
                return Some(*update);
            }
            Told::Timers { at, seq, node, timers } => (at, seq, node, timers),
        };
        let last = self.0.get_mut(&node)?;
        timers.put_into(last);
        Some(Update { at, seq, what: News::Status { node, status: Box::new(last.clone()) } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::RaftView;
    use raftdeck_raft::{LogIndex, Role, Term};

    fn told(seq: u64, status: &NodeView) -> Update {
        let what = News::Status { node: status.raft.id, status: Box::new(status.clone()) };
        Update { at: Duration::from_millis(seq), seq, what }
    }

    fn leader() -> NodeView {
        let mut status = NodeView::new(RaftView::new(NodeId(1), Term(2), Role::Leader));
        let peer = |id| PeerView { next: Known::Is(LogIndex(3)), ..PeerView::new(NodeId(id)) };
        status.raft.peers = Known::Is(vec![peer(2), peer(3)]);
        status
    }

    #[test]
    fn what_was_shortened_is_restored_as_it_was() {
        let (mut host, mut owner) = (LastStatuses::default(), LastStatuses::default());
        let mut status = leader();
        let mut is_short = Vec::new();
        for (seq, change) in (1..).zip([0, 1, 1, 2, 1, 3, 1]) {
            let later = Duration::from_millis(seq);
            match change {
                1 => {
                    status.raft.lease = Known::Is(later);
                    status.raft.election_remaining = Known::Is(later);
                    status.uptime_micros = Known::Is(seq);
                    if let Known::Is(peers) = &mut status.raft.peers {
                        peers[0].last_heard = Known::Is(Some(later));
                    }
                }
                2 => status.raft.committed = Known::Is(LogIndex(seq)),
                3 => {
                    if let Known::Is(peers) = &mut status.raft.peers {
                        peers.pop();
                    }
                }
                _ => {}
            }
            let update = told(seq, &status);
            let sent = host.shorten(update.clone());
            is_short.push(matches!(sent, Told::Timers { .. }));
            let line = serde_json::to_string(&sent).unwrap();
            assert_eq!(owner.restore(serde_json::from_str(&line).unwrap()), Some(update));
        }
        assert_eq!(is_short, [false, true, true, false, true, false, true]);
    }

    #[test]
    fn timers_of_a_node_that_never_reported_are_nothing() {
        let timers = Box::new(Timers::of(&leader()));
        let told = Told::Timers { at: Duration::ZERO, seq: 1, node: NodeId(1), timers };
        assert_eq!(LastStatuses::default().restore(told), None);
    }
}
