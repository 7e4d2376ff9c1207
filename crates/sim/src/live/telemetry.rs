//! The nodes' telemetry, published like that of real nodes: on changes at a limited rate, and periodically.

use super::Live;
use super::agenda::AgendaItem;
use super::processes::address;
use crate::world::World;
use raftdeck_model::concerns::Concerns;
use raftdeck_model::{CommandId, News};
use raftdeck_protocol::{ClockRate, NodeStatus, Notice, NoticeKind};
use raftdeck_raft::{Membership, NodeId};
use std::time::Duration;

/// The least time between two statuses of a node, in real time.
const LEAST: Duration = Duration::from_micros(1_000_000 / NodeStatus::MAX_PER_SECOND as u64 + 1);

/// A status is published at least this often, as its ages grow stale.
const MOST: Duration = Duration::from_millis(100);

/// How long it takes to ask all nodes for their status, in real time.
const ASKED_WITHIN: Duration = Duration::from_millis(2);

/// What was published of one node's state.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    /// Something happened since the last look.
    is_stirred: bool,
    looked: u64,
    sent: u64,
    /// The look that is due.
    due: Option<u64>,
    /// What was told last.
    newest: Option<Box<NodeStatus>>,
    concerns: Concerns,
}

impl Live {
    /// Something happened that every node's status may show.
    pub(super) fn stir_all(&mut self) {
        for node in self.kept.keys().copied().collect::<Vec<_>>() {
            self.stir(node);
        }
    }

    /// The node's next status is news, whatever it says.
    pub(super) fn tell_anew(&mut self, node: NodeId) {
        if let Some(kept) = self.kept.get_mut(&node) {
            kept.publisher.newest = None;
        }
    }

    /// Something happened that the node's status may show.
    pub(super) fn stir(&mut self, node: NodeId) {
        let [least, most] = [LEAST, MOST].map(|time| self.in_cluster_time(time));
        let now = self.world.now;
        let Some(Publisher { is_stirred, looked, sent, due, newest, .. }) =
            self.kept.get_mut(&node).map(|kept| &mut kept.publisher)
        else {
            return;
        };
        *is_stirred = true;
        let at = if newest.is_none() { now } else { (*looked + least).min(*sent + most).max(now) };
        if due.is_none_or(|due| due > at) {
            *due = Some(at);
            self.agenda.at(at, AgendaItem::Status(node));
        }
    }

    /// Looks at a node's state, and tells it if it has changed or grows stale.
    pub(super) fn status_is_due(&mut self, node: NodeId) {
        let now = self.world.now;
        let Some(publisher) = self.kept.get_mut(&node).map(|kept| &mut kept.publisher) else { return };
        if publisher.due != Some(now) {
            return;
        }
        publisher.due = None;
        let Some(status) = self.status_of(node) else { return };
        let most = self.in_cluster_time(MOST);
        let Some(publisher) = self.kept.get_mut(&node).map(|kept| &mut kept.publisher) else { return };
        publisher.is_stirred = false;
        publisher.looked = now;
        let is_news =
            publisher.newest.as_deref().is_none_or(|newest| newest.without_ages() != status.without_ages());
        if is_news || now >= publisher.sent + most {
            self.publish(node, status);
        }
        let next = self.kept.get(&node).map_or(now, |kept| kept.publisher.sent) + most;
        if let Some(publisher) = self.kept.get_mut(&node).map(|kept| &mut kept.publisher)
            && publisher.due.is_none()
        {
            let next = next.max(now + 1);
            publisher.due = Some(next);
            self.agenda.at(next, AgendaItem::Status(node));
        }
    }

    /// Tells every state that is another than it was told last, ages included.
    pub(super) fn tell_statuses(&mut self) {
        for node in self.kept.keys().copied().collect::<Vec<_>>() {
            let is_stirred = self.kept.get(&node).is_some_and(|kept| kept.publisher.is_stirred);
            if is_stirred && let Some(status) = self.status_of(node) {
                let newest = self.kept.get(&node).and_then(|kept| kept.publisher.newest.as_deref());
                if newest != Some(&status) {
                    self.publish(node, status);
                }
            }
        }
    }

    /// To ask all nodes takes a moment, in which they finish what they have begun; none of cluster time while that is frozen.
    pub(super) fn refresh_soon(&mut self, command: CommandId) {
        self.refreshing.push(command);
        if !self.is_frozen() {
            self.agenda.at(self.world.now + self.in_cluster_time(ASKED_WITHIN), AgendaItem::Refresh);
        }
    }

    /// Tells how every node that can answer is now, and what happened to messages.
    pub(super) fn refresh(&mut self) {
        let commands = std::mem::take(&mut self.refreshing);
        if commands.is_empty() {
            return;
        }
        self.tell_reports();
        self.tell_present_run();
        for node in self.kept.keys().copied().collect::<Vec<_>>() {
            if let Some(status) = self.status_of(node) {
                self.publish(node, status);
            }
        }
        for command in commands {
            self.answer(command, Ok(()));
        }
    }

    fn publish(&mut self, node: NodeId, status: NodeStatus) {
        let now = self.world.now;
        let Some(publisher) = self.kept.get_mut(&node).map(|kept| &mut kept.publisher) else { return };
        let concerns = publisher.concerns.news(node, &status);
        publisher.newest = Some(Box::new(status.clone()));
        publisher.is_stirred = false;
        (publisher.looked, publisher.sent) = (now, now);
        self.tell(News::Status { node, status: Box::new(status.into()) });
        for news in concerns {
            self.tell(news);
        }
    }

    /// What a node would say of itself; `None`: it does not run, or is stopped.
    fn status_of(&mut self, node: NodeId) -> Option<NodeStatus> {
        let notices = self.notices_of(node);
        let rate = self.rate;
        self.world.node_status(node, rate).map(|status| NodeStatus { notices, ..status })
    }

    /// Of members that are back on another disk than this node knows them by.
    fn notices_of(&mut self, node: NodeId) -> Vec<Notice> {
        let Some(membership) = self.world.node(node).process.as_ref().map(|p| p.replica.membership().clone())
        else {
            return Vec::new();
        };
        let mut strangers = membership.members();
        strangers.remove(&node);
        strangers.retain(|other| {
            let is = self.world.serves(*other).then(|| self.world.node(*other).incarnation);
            is.is_some_and(|is| membership.incarnations.get(other).is_some_and(|known| *known != is))
        });
        let left = membership.voters.iter().filter(|voter| !strangers.contains(voter)).count();
        let is_lost = left <= membership.voters.len() / 2;
        strangers.into_iter().map(|other| self.empty_disk(other, &membership, is_lost)).collect()
    }

    fn empty_disk(&mut self, node: NodeId, membership: &Membership, is_lost: bool) -> Notice {
        let disk = self.world.node(node).incarnation;
        let known = membership.incarnations.get(&node);
        let known = known.map_or_else(String::new, |known| format!(", the membership lists disk {known}"));
        let remedy = if is_lost {
            "too many disks are missing: the remaining members have no majority".to_owned()
        } else {
            format!("replace it (replace {})", node.0)
        };
        let text = format!("{node} is back with an empty disk ({disk}{known}), and does not vote: {remedy}");
        Notice { about: node, kind: NoticeKind::EmptyDisk { disk, address: address(node) }, text }
    }
}

impl World<'_> {
    /// What a node says of itself; `None`: it does not run, or is stopped.
    fn node_status(&mut self, id: NodeId, clock_rate: ClockRate) -> Option<NodeStatus> {
        let at = self.now;
        let node = self.node(id);
        let now = node.clock.now(at);
        let incarnation = node.incarnation;
        let process = node.process.as_ref().filter(|_| !node.paused)?;
        let replica = &process.replica;
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Some(NodeStatus {
            raft: replica.status(now),
            keys: replica.keys(),
            state_hash: replica.state_hash(),
            uptime_micros: micros(now.since(process.started)),
            fsync_micros: process.sync_takes,
            sessions: replica.sessions(),
            clock_rate,
            // By the clock of the cluster, as all of it waits for this timer.
            next_timer_micros: node.clock.when(replica.next_deadline(), at).saturating_sub(at),
            fsyncs: process.syncs,
            refused: Vec::new(),
            incarnation: Some(incarnation),
            cluster: replica.membership().cluster,
            address: address(id),
            notices: Vec::new(),
        })
    }
}
