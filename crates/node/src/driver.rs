//! The one task that owns the replica: it takes in what arrived, asks the replica what follows, and carries that
//! out. It opens no socket and waits for no disk; what goes in and out passes bounded queues.

use crate::answering::node_status;
use crate::belonging::Belonging;
use crate::book::Introduction;
use crate::changes::Ring;
use crate::clients::RequestBatch;
use crate::clock::Clock;
use crate::disk::{Disk, DiskError, DiskThreadGone, Durable, Finished};
use crate::meters::Meters;
use crate::narrate::{introduce, narrate};
use crate::outbox::ConnectionId;
use crate::peers::Outgoing;
use crate::requests::Requests;
use crate::snapshots::{Cabinet, SnapshotDone};
use crate::telemetry::Publisher;
use raftdeck_protocol::founding::{FoundingRecord, Note};
use raftdeck_protocol::{Failure, ResponseBody};
use raftdeck_raft::{Message, NodeId, Sender, Timestamp, TraceEvent};
use raftdeck_replica::{Outputs, Replica, RequestToken};
use raftdeck_storage::fs::SyncDelay;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// The length of each input queue; senders wait when it is full.
pub(crate) const PEER_QUEUE: usize = 256;
pub(crate) const CLIENT_QUEUE: usize = 512;

/// What one pass takes in at most, and for how long: a flood of either must not keep it from the clock, nor a flood of
/// requests from the peers. Messages go first.
const PEER_BUDGET: usize = 64;
const REQUEST_BUDGET: usize = 64;
const TIME_BUDGET: Duration = Duration::from_millis(2);

/// A stopping node waits this long for its disk.
const LAST_SYNC: Duration = Duration::from_millis(700);

/// What comes from a peer's connection.
#[derive(Debug)]
pub(crate) enum PeerInput {
    /// It connected, and says this of itself.
    Arrived(NodeId, Introduction),
    /// It says this. Each message names the data directory that its sender ran on.
    Messages(Vec<(Sender, Message)>),
    /// This connection of it ended.
    Left(NodeId, u64),
    /// The cluster is founded by these disks.
    Founded(FoundingRecord),
    /// This member was asked, and has answered, or not.
    Met(NodeId, Option<Note>),
    /// What was being written beside the log is written, or why not.
    Kept(Option<String>),
    /// What the founding waits for has changed.
    Stirred,
}

/// What comes from a client's connection.
#[derive(Debug)]
pub(crate) enum ClientInput {
    Asked(RequestBatch),
    /// There is a new watcher.
    Watched,
    /// It closed: its answers are no longer awaited.
    Gone(ConnectionId),
}

/// The queues into the driver.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) peers: mpsc::Receiver<PeerInput>,
    pub(crate) clients: mpsc::Receiver<ClientInput>,
}

/// Why one pass begins.
enum Wake {
    Stop,
    Finished(Finished),
    Filed(SnapshotDone),
    Peer(PeerInput),
    Client(ClientInput),
    Time,
    More,
}

/// How often the log was made durable since the start, and how long that took the last time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Syncs {
    pub(crate) count: u64,
    pub(crate) newest: Duration,
}

/// The task's state.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) replica: Replica,
    pub(crate) clock: Clock,
    pub(crate) disk: Disk,
    pub(crate) cabinet: Cabinet,
    pub(crate) outgoing: Outgoing,
    pub(crate) publisher: Publisher,
    /// What watchers of keys are sent.
    pub(crate) changes: Arc<Ring>,
    pub(crate) meters: Meters,
    pub(crate) requests: Requests,
    pub(crate) syncs: Syncs,
    /// A sleep longer by this than was asked for, by the node's own clock, is a pause: as long as a follower stands by a
    /// silent leader.
    pub(crate) pause: Duration,
    /// When it looked last whether there was one.
    pub(crate) awake: Timestamp,
    /// Whether this node was started by a process that manages it.
    pub(crate) managed: bool,
    /// By how much the syncs of its disk are held up.
    pub(crate) sync_delay: SyncDelay,
    /// The requests that wait for a snapshot: for the next one, and for the one that is being saved.
    pub(crate) snapshot_asked: Vec<RequestToken>,
    pub(crate) snapshot_awaited: Vec<RequestToken>,
    pub(crate) belonging: Belonging,
}

impl Driver {
    /// Drives the replica until `stop`, or until the disk fails. All waiting clients are answered on a stop, and none
    /// after a failure.
    pub(crate) async fn run(mut self, mut inputs: Inputs, stop: CancellationToken) -> Result<(), DiskError> {
        introduce(self.outgoing.me(), self.replica.membership());
        self.follow_membership();
        self.carry_out()?;
        loop {
            let alarm = self.alarm();
            let expected = self.clock.at(alarm);
            let wake = self.wait(alarm, &mut inputs, &stop).await?;
            self.notice_pause(expected);
            let mut taken = 0;
            match wake {
                Wake::Stop => return self.stop(inputs).await,
                Wake::Finished(finished) => self.finished(finished),
                // Only here, where everything that was decided before has been carried out: a state that takes the place of
                // another must not come between entries and their application.
                Wake::Filed(filed) => self.filed(filed)?,
                Wake::Peer(input) => self.peer(input),
                Wake::Client(input) => taken = self.client(input),
                Wake::Time | Wake::More => {}
            }
            self.drain(&mut inputs, taken)?;
            let now = self.clock.now();
            if now >= self.replica.next_deadline() {
                self.replica.handle_deadline(now);
                self.publisher.stir();
            }
            if self.clock.end_run() {
                self.publisher.stir();
            }
            self.carry_out()?;
            if self.tend_membership() {
                self.carry_out()?;
            }
            let Self { replica, publisher, clock, syncs, outgoing, belonging, .. } = &mut self;
            publisher.publish(|| belonging.show(node_status(replica, clock, *syncs, outgoing.refused())));
            self.notice_pause(self.awake);
        }
    }

    /// Another membership is in force: which nodes this one connects to, and which it accepts.
    fn follow_membership(&mut self) {
        // First: a dialed node judges this node by what it shows.
        let (membership, at) = (self.replica.membership(), self.replica.membership_place());
        self.outgoing.trust().follow(membership, at, self.replica.named_at());
        self.outgoing.follow(self.replica.membership());
    }

    async fn wait(
        &mut self,
        alarm: Instant,
        inputs: &mut Inputs,
        stop: &CancellationToken,
    ) -> Result<Wake, DiskError> {
        // While the disk is behind, no request comes in that would give it more to do, unless it hangs. Messages are still
        // taken in: a follower that hears nothing from its leader campaigns, and a leader that hears nothing steps down.
        let room = self.disk.admits_requests(std::time::Instant::now());
        Ok(tokio::select! {
            biased;
            () = stop.cancelled() => Wake::Stop,
            // Before the writes, which are all taken in on every pass anyway: a busy disk always has one.
            filed = self.cabinet.completed() => Wake::Filed(filed?),
            finished = self.disk.completed() => Wake::Finished(finished?),
            Some(input) = inputs.peers.recv() => Wake::Peer(input),
            () = sleep_until(alarm) => Wake::Time,
            Some(input) = inputs.clients.recv(), if room => Wake::Client(input),
            () = yield_now(), if self.replica.has_more() => Wake::More,
        })
    }

    /// When it is to be woken, at the latest; never before now.
    fn alarm(&self) -> Instant {
        let deadline = self.clock.instant(self.replica.next_deadline());
        let admits = self.disk.admits_at(std::time::Instant::now()).map(Instant::from_std);
        let others = [self.publisher.due(), self.clock.run_ends(), admits];
        others.into_iter().flatten().fold(deadline, Instant::min).max(Instant::now())
    }

    /// Whether this process, or the machine, was suspended since the last deadline. What it believed before is too
    /// old then (thesis §6.4.1). Its own clock says so: what counts is how much time passed for the cluster
    /// meanwhile.
    pub(crate) fn notice_pause(&mut self, expected: Timestamp) {
        let now = self.clock.now();
        let late = now.since(expected);
        if late > self.pause {
            let late = late.as_millis();
            tracing::info!(
                "the clock is {late} ms ahead: this process was stopped, got no processor time, or the clock jumped"
            );
            self.replica.handle_pause(now);
            self.publisher.stir();
        }
        self.awake = now;
    }

    /// Takes in all else that waits, within the budgets: one sync and one flush will serve it all.
    fn drain(&mut self, inputs: &mut Inputs, mut taken: usize) -> Result<(), DiskError> {
        while let Some(finished) = self.disk.try_completed() {
            self.finished(finished?);
        }
        let until = Instant::now() + TIME_BUDGET;
        for _ in 0..PEER_BUDGET {
            let Ok(input) = inputs.peers.try_recv() else { break };
            self.peer(input);
            if Instant::now() >= until {
                break;
            }
        }
        while taken < REQUEST_BUDGET
            && self.disk.admits_requests(std::time::Instant::now())
            && Instant::now() < until
        {
            let Ok(input) = inputs.clients.try_recv() else { break };
            taken += self.client(input);
        }
        Ok(())
    }

    fn finished(&mut self, finished: Finished) {
        match finished {
            Finished::Durable(durable) => self.durable(durable),
            Finished::Read(entries) => self.replica.handle_entries_read(entries),
        }
        self.publisher.stir();
    }

    fn durable(&mut self, durable: Durable) {
        let now = self.clock.now();
        if let Some(took) = durable.took {
            self.syncs.newest = took;
            self.syncs.count += 1;
            self.meters.synced(took);
        }
        self.outgoing.send(durable.then_send);
        for ticket in durable.tickets {
            self.replica.handle_persisted(ticket, now);
        }
    }

    fn filed(&mut self, filed: SnapshotDone) -> Result<(), DiskThreadGone> {
        match filed {
            SnapshotDone::Saved { meta, size, took } => {
                let (index, took) = (meta.last.index, took.as_millis());
                tracing::debug!("saved a snapshot through {index}: {size} bytes in {took} ms");
                self.replica.handle_snapshot_saved(meta, size);
                self.cabinet.remove_unused(self.replica.snapshots_in_use())?;
                for token in std::mem::take(&mut self.snapshot_awaited) {
                    self.requests.answer(token, ResponseBody::Managed);
                }
            }
            SnapshotDone::Received { image, size } => {
                let replaced = self.replica.image();
                self.replica.handle_snapshot_received(*image, size, self.clock.now());
                if self.replica.applied() != replaced.meta().last {
                    self.changes.restart(self.replica.applied().index.0);
                }
                self.cabinet.remove_unused(self.replica.snapshots_in_use())?;
                // The last that holds it, so that its memory is given back over there.
                self.cabinet.discard(replaced)?;
            }
            SnapshotDone::Discarded(last, why) => self.replica.handle_snapshot_discarded(last, why),
            SnapshotDone::Filled(envelope) => self.outgoing.send(vec![envelope]),
            SnapshotDone::Nothing => {}
        }
        self.publisher.stir();
        Ok(())
    }

    fn peer(&mut self, input: PeerInput) {
        match input {
            PeerInput::Arrived(id, introduction) => {
                self.outgoing.arrived(id, introduction);
                self.belonging.stir();
            }
            PeerInput::Founded(record) => self.founded(&record),
            PeerInput::Met(member, note) => self.met(member, note),
            PeerInput::Kept(failed) => self.kept(failed),
            PeerInput::Stirred => self.belonging.stir(),
            PeerInput::Left(id, connection) => {
                self.belonging.stir();
                if self.outgoing.left(id, connection) {
                    self.replica.handle_disconnected(id, self.clock.now());
                    self.publisher.stir();
                }
            }
            PeerInput::Messages(messages) => {
                let now = self.clock.now();
                for (from, message) in messages {
                    if self.has_room_for(&message) {
                        self.replica.handle_message(from, message, now);
                    }
                }
                self.publisher.stir();
            }
        }
    }

    /// Whether the disk can take in what this brings. If not, it is as if it had been lost on its way: the leader sends it
    /// again.
    fn has_room_for(&self, message: &Message) -> bool {
        match message {
            Message::InstallSnapshot(_) => self.cabinet.has_room(),
            Message::AppendEntries(append) => append.entries.is_empty() || self.disk.has_room(),
            _ => true,
        }
    }

    /// How many requests that were.
    fn client(&mut self, input: ClientInput) -> usize {
        match input {
            ClientInput::Asked(asked) => return self.asked(asked),
            ClientInput::Watched => self.publisher.renew(),
            ClientInput::Gone(connection) => {
                for token in self.requests.forget(connection) {
                    self.replica.cancel(token);
                }
            }
        }
        0
    }

    fn carry_out(&mut self) -> Result<(), DiskThreadGone> {
        let now = self.clock.now();
        let Outputs {
            persist,
            send,
            pieces_to_send,
            pieces_received,
            entries_to_read,
            replies,
            changes,
            trace,
        } = self.replica.take_outputs(now);
        // First: the others then write while this disk does, and their way is the longer one.
        self.outgoing.send(send);
        for persist in persist {
            self.disk.write(persist)?;
        }
        for entries in entries_to_read {
            self.disk.read(entries)?;
        }
        for piece in pieces_to_send {
            self.cabinet.read(piece)?;
        }
        for piece in pieces_received {
            self.cabinet.receive(piece)?;
        }
        for (token, body) in replies {
            self.answer(token, body);
        }
        self.changes.record(&changes, self.replica.applied().index.0);
        if self.replica.is_caught_up() {
            self.changes.set_caught_up();
        }
        for event in trace {
            self.happened(event, now);
        }
        self.save_snapshot(now)
    }

    fn happened(&mut self, event: TraceEvent, now: Timestamp) {
        narrate(self.outgoing.me(), &event);
        self.meters.happened(&event);
        match &event {
            // What was to be sent to former members is already on its way.
            TraceEvent::MembershipChanged { .. } => {
                self.follow_membership();
                self.belonging.stir();
            }
            TraceEvent::MembershipCommitted { .. } => self.belonging.stir(),
            TraceEvent::LeaderChanged { leader, .. } => {
                self.changes.set_led(leader.is_some());
                self.belonging.stir();
            }
            TraceEvent::Tuned { tuning } => self.pause = tuning.timing.election_min,
            _ => {}
        }
        self.publisher.event(event, now);
        self.publisher.stir();
    }

    /// Starts to save a snapshot if one is due or requested, one at a time. Called when all that was decided has been
    /// applied.
    fn save_snapshot(&mut self, now: Timestamp) -> Result<(), DiskThreadGone> {
        let asked = !self.snapshot_asked.is_empty();
        if self.cabinet.is_saving() || !(asked || self.replica.snapshot_due()) {
            return Ok(());
        }
        let image = self.replica.image();
        if asked && image.meta().last.index <= self.replica.status(now).snapshot.index {
            for token in std::mem::take(&mut self.snapshot_asked) {
                self.requests.answer(token, ResponseBody::Managed);
            }
            return Ok(());
        }
        if !self.replica.may_snapshot() {
            // It has just joined: the request waits until it has caught up so far.
            return Ok(());
        }
        self.snapshot_awaited = std::mem::take(&mut self.snapshot_asked);
        self.cabinet.save(image)
    }

    /// Answers all waiting requests, then lets the disk finish what it was given.
    async fn stop(mut self, mut inputs: Inputs) -> Result<(), DiskError> {
        // Nobody is left to let it go.
        self.sync_delay.set(Some(Duration::ZERO));
        self.requests.give_up();
        inputs.clients.close();
        while let Ok(input) = inputs.clients.try_recv() {
            if let ClientInput::Asked(RequestBatch { requests }) = input {
                for (place, _) in requests {
                    place.fail(Failure::Stopping);
                }
            }
        }
        let Ok(finished) = timeout(LAST_SYNC, self.disk.finish()).await else {
            tracing::warn!("the disk is slow: stopping without waiting for its last write");
            return Ok(());
        };
        Ok(finished?)
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
