//! The workload: an open loop. Requests are due at a fixed rate of cluster time, whether earlier ones were answered or not, and latency
//! counts from when a request was due. Otherwise a cluster that stops answering would also stop being asked, and would look better
//! than it is.

use crate::file::{Mix, WorkloadSpec};
use crate::outcome::{RequestEnd, RequestPoint};
use bytes::Bytes;
use raftdeck_model::{
    ClientName, ClientOp, ClientOutcome, ClientRequest, Command, CommandId, Order, StoreOutcome,
};
use raftdeck_protocol::{Consistency, Read, Write};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A request that has not ended.
#[derive(Clone, Debug)]
struct OpenRequest {
    client: usize,
    due: Duration,
    reads: bool,
}

/// The workload of a run.
#[derive(Debug)]
pub(super) struct Load {
    spec: WorkloadSpec,
    /// A request counts as available if it is acknowledged within this time.
    pub(super) within: Duration,
    /// The time between two requests.
    every: Duration,
    /// When the next request is due; `None`: no more are.
    next: Option<Duration>,
    /// How many were due.
    number: u64,
    /// Requests that are due and wait for a client, oldest first.
    waiting: VecDeque<(Duration, ClientOp)>,
    open: BTreeMap<CommandId, OpenRequest>,
    /// The id of the last command.
    sent: CommandId,
    /// Those that ended.
    pub(super) points: Vec<RequestPoint>,
    /// When the last one was acknowledged.
    pub(super) last_acknowledged: Option<Duration>,
    /// How many of the newest ended requests were acknowledged in time, one after the other.
    in_a_row: u64,
    /// Whether requests are measured: until the load is stopped.
    measures: bool,
    /// When it was stopped.
    stopped_at: Duration,
}

impl Load {
    /// Begins at this cluster time. Its commands are numbered after `first`.
    pub(super) fn new(
        spec: &WorkloadSpec,
        t: Duration,
        within: Duration,
        first: CommandId,
        begin: Duration,
    ) -> Self {
        Self {
            spec: spec.clone(),
            within,
            every: t / u32::from(spec.rate.max(1)),
            next: Some(begin),
            number: 0,
            waiting: VecDeque::new(),
            open: BTreeMap::new(),
            sent: first,
            points: Vec::new(),
            last_acknowledged: None,
            in_a_row: 0,
            measures: true,
            stopped_at: Duration::ZERO,
        }
    }

    /// No more requests become due after this one's time. Those that wait for a client are not sent.
    pub(super) fn stop(&mut self, now: Duration) {
        self.next = None;
        while let Some((due, op)) = self.waiting.pop_front() {
            self.end(due, now, matches!(op, ClientOp::Read(_)), RequestEnd::NotSent);
        }
        self.measures = false;
        self.stopped_at = now;
    }

    /// Whether it is over, and every request has ended.
    pub(super) fn is_over(&self) -> bool {
        self.next.is_none() && self.open.is_empty()
    }

    /// Whether requests are answered in time at present: the newest as many as there are clients, one after the other.
    pub(super) fn is_answered(&self) -> bool {
        self.in_a_row >= u64::from(self.spec.clients).max(4)
    }

    /// When the next request is due, in cluster time.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.next
    }

    /// Ends all requests that are still open with an unknown outcome, as nobody waits for them any longer.
    pub(super) fn give_up(&mut self, now: Duration) {
        for OpenRequest { due, reads, .. } in std::mem::take(&mut self.open).into_values() {
            self.end(due, now, reads, if reads { RequestEnd::Failed } else { RequestEnd::InDoubt });
        }
    }

    /// The commands of the requests that are due now and have a client.
    pub(super) fn go_on(&mut self, now: Duration) -> Vec<Command> {
        while let Some(due) = self.next.filter(|due| *due <= now) {
            let op = self.operation();
            self.waiting.push_back((due, op));
            self.next = Some(due + self.every);
        }
        while let Some((due, _)) =
            self.waiting.front().filter(|(due, _)| self.measures && now > *due + self.within)
        {
            let due = *due;
            let reads = self.waiting.pop_front().is_some_and(|(_, op)| matches!(op, ClientOp::Read(_)));
            self.end(due, now, reads, RequestEnd::NotSent);
        }
        let mut commands = Vec::new();
        while let Some(client) = self.idle_client().filter(|_| !self.waiting.is_empty())
            && let Some((due, op)) = self.waiting.pop_front()
        {
            self.sent.0 += 1;
            let reads = matches!(op, ClientOp::Read(_));
            self.open.insert(self.sent, OpenRequest { client, due, reads });
            let name = ClientName::Named(format!("load{}", client + 1));
            let request =
                ClientRequest { client: name, op, at: None, consistency: Consistency::Linearizable };
            commands.push(Command { id: self.sent, what: Order::Client(request) });
        }
        commands
    }

    /// Reads of every key, to be sent when no request is open: what was acknowledged must be found.
    pub(super) fn final_reads(&mut self, now: Duration) {
        for key in 0..u64::from(self.spec.keys).min(self.number) {
            self.waiting.push_back((now, ClientOp::Read(Read::Get { key: key_of(key) })));
        }
    }

    /// Whether requests wait for a client.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// A request has ended, if it is one of these.
    pub(super) fn hear(&mut self, id: CommandId, outcome: &ClientOutcome, at: Duration) {
        let Some(OpenRequest { due, reads, .. }) = self.open.remove(&id) else { return };
        let end = match outcome.judged() {
            StoreOutcome::Done(_) => RequestEnd::Acknowledged,
            StoreOutcome::Refused(_) => RequestEnd::Failed,
            StoreOutcome::InDoubt(_) if reads => RequestEnd::Failed,
            StoreOutcome::InDoubt(_) => RequestEnd::InDoubt,
        };
        self.end(due, at, reads, end);
    }

    /// A command was refused: the request certainly did not happen.
    pub(super) fn refused(&mut self, id: CommandId, at: Duration) {
        if let Some(OpenRequest { due, reads, .. }) = self.open.remove(&id) {
            self.end(due, at, reads, RequestEnd::Failed);
        }
    }

    fn end(&mut self, due: Duration, ended: Duration, reads: bool, end: RequestEnd) {
        let in_time = end == RequestEnd::Acknowledged && ended.saturating_sub(due) <= self.within;
        self.in_a_row = if in_time { self.in_a_row + 1 } else { 0 };
        if end == RequestEnd::Acknowledged {
            self.last_acknowledged = Some(ended);
        }
        // Requests that were under way when the load stopped were due before, and still count.
        if self.measures || due < self.stopped_at {
            self.points.push(RequestPoint { due, ended, reads, end });
        }
    }

    fn idle_client(&self) -> Option<usize> {
        (0..usize::from(self.spec.clients))
            .find(|client| self.open.values().all(|open| open.client != *client))
    }

    /// The next operation: the mix is dealt out evenly, so that it is the same in every run.
    fn operation(&mut self) -> ClientOp {
        let number = self.number;
        self.number += 1;
        let Mix { put, get, delete } = self.spec.mix;
        let all = u64::from(put) + u64::from(get) + u64::from(delete);
        let nth = number * coprime(all) % all.max(1);
        let key = key_of(number % u64::from(self.spec.keys.max(1)));
        if nth < u64::from(put) {
            ClientOp::Write(Write::Put { key, value: number.to_string().into() })
        } else if nth < u64::from(put) + u64::from(get) {
            ClientOp::Read(Read::Get { key })
        } else {
            ClientOp::Write(Write::Delete { key })
        }
    }
}

fn key_of(number: u64) -> Bytes {
    format!("drill-{number:03}").into()
}

/// A step that visits all residues and spreads neighbours apart.
fn coprime(all: u64) -> u64 {
    let divides = |step: u64, mut other: u64| {
        let mut step = step;
        while other != 0 {
            (step, other) = (other, step % other);
        }
        step == 1
    };
    (all * 5 / 8..all).find(|step| *step > 0 && divides(*step, all)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::RequestFate;
    use raftdeck_protocol::{Answer, ResponseBody};
    use raftdeck_raft::NodeId;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn load(clients: u8) -> Load {
        let spec = WorkloadSpec { clients, rate: 10, ..WorkloadSpec::default() };
        Load::new(&spec, ms(100), ms(50), CommandId(100), ms(0))
    }

    fn stored() -> ClientOutcome {
        let body = ResponseBody::Done { answer: Answer::Stored, at: raftdeck_raft::LogId::default() };
        ClientOutcome::Answered { node: NodeId(1), body }
    }

    #[test]
    fn requests_are_due_whether_earlier_ones_were_answered_or_not() {
        let mut load = load(2);
        assert_eq!(load.go_on(ms(35)).len(), 2, "both clients are busy now, and two requests wait");
        assert_eq!(load.next_due(), Some(ms(40)));
        load.hear(CommandId(101), &stored(), ms(36));
        assert_eq!(load.go_on(ms(37)).len(), 1);
        assert_eq!(
            load.points[0],
            RequestPoint { due: ms(0), ended: ms(36), reads: false, end: RequestEnd::Acknowledged }
        );
        load.go_on(ms(85));
        let not_sent = load.points.iter().filter(|point| point.end == RequestEnd::NotSent).count();
        assert_eq!(not_sent, 1, "the one that was due at 30 ms waited for more than 50 ms");
    }

    #[test]
    fn a_write_without_an_answer_is_in_doubt_and_a_read_has_failed() {
        let mut load = load(4);
        let commands = load.go_on(ms(30));
        for command in &commands {
            let lost = ClientOutcome::Failed { reason: "lost".into(), fate: RequestFate::InDoubt };
            load.hear(command.id, &lost, ms(40));
        }
        assert!(load.points.iter().all(|point| (point.end == RequestEnd::Failed) == point.reads));
        assert!(load.points.iter().any(|point| point.reads));
    }

    #[test]
    fn the_mix_is_dealt_out_evenly() {
        let mut load = load(1);
        load.spec.mix = Mix { put: 5, get: 3, delete: 2 };
        let ops: Vec<ClientOp> = (0..100).map(|_| load.operation()).collect();
        let reads = |op: &&ClientOp| matches!(op, ClientOp::Read(_));
        assert_eq!(ops.iter().filter(reads).count(), 30);
        let runs = ops.windows(4).filter(|four| four.iter().all(|op| reads(&op))).count();
        assert_eq!(runs, 0, "reads are not dealt out in a row");
    }
}
