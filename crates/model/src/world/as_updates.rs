//! A world as updates: what a new observer must receive to know the same. Contains nothing that the [fold](World::fold) does not keep.

use super::{Node, World};
use crate::update::{ClusterTime, News, ProcessState, Update};
use std::time::Duration;

impl World {
    /// Updates that make an equal world when they are folded into [`World::default`]. They are numbered from 1. Each [`News::Status`]
    /// has the time at which it was reported, and the last update the time of the newest one. The times of the others are zero, as a
    /// world does not keep them.
    #[must_use]
    pub fn as_updates(&self) -> Vec<Update> {
        let mut told = Telling::default();
        told.tell(News::Cluster {
            nodes: self.ids(),
            heartbeat_ms: millis(self.heartbeat),
            election_ms: (millis(self.election.0), millis(self.election.1)),
            data_dir: self.data_dir.clone(),
        });
        self.nodes().for_each(|node| told.tell_node(node));
        for (&(from, to), &state) in &self.cut {
            told.tell(News::Link { from, to, state });
        }
        for (node, step) in self.changes() {
            told.tell(News::Change { node, step });
        }
        let messages = self.open_messages().cloned().collect();
        told.tell(News::Messages { messages, skipped: 0 });
        told.tell(News::InForce { faults: self.in_force().to_vec() });
        if let Some(figures) = self.workload {
            told.tell(News::Workload(figures));
        }
        if self.time.rate != self.last_rate {
            told.tell(News::Time(ClusterTime { rate: self.last_rate, ..self.time }));
        }
        told.tell_at(self.now, News::Time(self.time));
        told.0
    }
}

#[derive(Default)]
struct Telling(Vec<Update>);

impl Telling {
    fn tell(&mut self, what: News) {
        self.tell_at(Duration::ZERO, what);
    }

    fn tell_at(&mut self, at: Duration, what: News) {
        let seq = self.0.len() as u64 + 1;
        self.0.push(Update { at, seq, what });
    }

    /// Whether a status counts as one of the present process, and as fresh, depends on the process updates before and after it.
    fn tell_node(&mut self, node: &Node) {
        let id = node.id;
        let process = |state: ProcessState| News::Process { node: id, state };
        let present = || node.process.clone().map(process);
        let account = node.status.as_ref();
        let account =
            || account.map(|status| News::Status { node: id, status: Box::new((**status).clone()) });
        let told = match (node.is_current, node.is_fresh) {
            (true, true) => [None, present(), account(), None],
            (true, false) => {
                let paused = ProcessState::Paused { pid: None };
                [Some(process(paused)), account(), present(), None]
            }
            (false, _) => {
                let another = account().map(|_| process(ProcessState::Starting { pid: None }));
                [None, account(), another, present()]
            }
        };
        for what in told.into_iter().flatten() {
            let at = if matches!(what, News::Status { .. }) { node.status_at } else { Duration::ZERO };
            self.tell_at(at, what);
        }
        if let Some(addresses) = node.addresses.clone() {
            self.tell(News::Ready { node: id, addresses });
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
