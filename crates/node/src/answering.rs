//! The driver's part in requests of clients and managers: hands them to the replica or carries them out, and answers.

use crate::clients::RequestBatch;
use crate::clock::{Clock, wall_clock};
use crate::driver::{Driver, Syncs};
use crate::outbox::AnswerSlot;
use crate::requests::{check_address, check_changes};
use raftdeck_protocol::kv::{Consistency, LoggedTime};
use raftdeck_protocol::request::{DiskPace, MAX_LOG_LINES, MAX_SYNC_DELAY, describe};
use raftdeck_protocol::{Failure, LogLine, Manage, NodeStatus, RefusedPeer, RequestBody, ResponseBody};
use raftdeck_raft::{LogIndex, Timestamp};
use raftdeck_replica::{Replica, RequestToken};
use std::time::Duration;

impl Driver {
    /// Takes in what a client asks; how many requests that were.
    pub(crate) fn asked(&mut self, RequestBatch { requests }: RequestBatch) -> usize {
        let now = self.clock.now();
        let at = wall_clock();
        let count = requests.len();
        self.meters.asked(count);
        for (place, body) in requests {
            self.request(place, body, now, at);
        }
        count
    }

    fn request(&mut self, asked: AnswerSlot, body: RequestBody, now: Timestamp, at: LoggedTime) {
        let by_manager = asked.outbox().by_manager;
        match body {
            RequestBody::Write(write) => {
                self.submit_write(asked, |replica, token| replica.write(token, write, at));
            }
            RequestBody::OpenSession => {
                self.submit_write(asked, |replica, token| replica.open_session(token, at));
            }
            RequestBody::SessionWrite(write) => {
                self.submit_write(asked, |replica, token| replica.session_write(token, write, at));
            }
            RequestBody::Read(read) => self.submit(asked, false, |replica, token| {
                replica.read(token, read, Consistency::Linearizable, now);
            }),
            RequestBody::ReadWith { read, consistency } => {
                self.submit(asked, false, |replica, token| replica.read(token, read, consistency, now));
            }
            RequestBody::ChangeMembership(changes) => {
                match check_changes(&changes, self.replica.membership().members().len()) {
                    Ok(()) => self.submit_write(asked, |replica, token| {
                        replica.change_membership(token, &changes, now);
                    }),
                    Err(failure) => asked.fail(failure),
                }
            }
            RequestBody::TransferLeadership { to } => {
                self.submit(asked, true, |replica, token| replica.transfer_leadership(token, to, now));
            }
            RequestBody::Manage(_) if !(self.managed && by_manager) => asked.fail(Failure::NotManaged),
            RequestBody::Manage(manage) => self.manage(asked, manage, now),
            RequestBody::Status => {
                let status = node_status(&self.replica, &self.clock, self.syncs, self.outgoing.refused());
                let status = self.belonging.show(status);
                asked.answer(ResponseBody::Status(Box::new(status)));
            }
            RequestBody::Members => asked.answer(ResponseBody::Members(self.outgoing.members())),
            RequestBody::Log { first, limit } => asked.answer(self.log(first, limit)),
            RequestBody::NamedWrite(write) => {
                self.submit_write(asked, |replica, token| replica.named_write(token, write, at));
            }
            // Taken care of where the connection is.
            RequestBody::Subscribe | RequestBody::Watch { .. } => {}
        }
    }

    /// Asks the replica for a write, unless the disk can take no more. A node that does not lead says so immediately in
    /// either case.
    fn submit_write(&mut self, asked: AnswerSlot, ask: impl FnOnce(&mut Replica, RequestToken)) {
        match self.disk.overdue(std::time::Instant::now()) {
            Some(waited) if self.replica.leads() => asked.fail(Failure::DiskStalled { waited }),
            _ => self.submit(asked, true, ask),
        }
    }

    /// Asks the replica for something that it answers sooner or later.
    fn submit(&mut self, asked: AnswerSlot, is_write: bool, ask: impl FnOnce(&mut Replica, RequestToken)) {
        if let Some(token) = self.requests.enter(asked, is_write) {
            ask(&mut self.replica, token);
            self.publisher.stir();
        }
    }

    fn manage(&mut self, asked: AnswerSlot, manage: Manage, now: Timestamp) {
        let done = match manage {
            Manage::SetPeerAddress { node, address } => match check_address(&address) {
                Ok(()) if self.outgoing.set_address(node, address) => Ok(()),
                Ok(()) => Err(Failure::Busy),
                Err(failure) => Err(failure),
            },
            Manage::Campaign | Manage::CampaignAgainstLeader if self.belongs_nowhere() => {
                let why = self.belonging.why_no_leader();
                Err(Failure::NotInCluster(
                    why.unwrap_or_else(|| "this node is not in a cluster yet".to_owned()),
                ))
            }
            Manage::Campaign => {
                self.replica.campaign(now);
                Ok(())
            }
            Manage::Tune(tuning) => {
                self.replica.tune(tuning, now).map_err(|error| Failure::Invalid(error.to_string()))
            }
            Manage::CampaignAgainstLeader => {
                self.replica.campaign_against_leader(now);
                Ok(())
            }
            Manage::ForgoLeases => {
                self.replica.forgo_leases();
                Ok(())
            }
            Manage::SetClock { rate, run_for } => {
                // No two clocks are set at the same moment.
                self.replica.forgo_leases();
                self.clock.set(rate, run_for);
                Ok(())
            }
            Manage::SetClockFactor(factor) => {
                self.replica.forgo_leases();
                self.clock.set_factor(factor);
                Ok(())
            }
            Manage::SkewClock(by) => {
                self.replica.forgo_leases();
                let before = self.clock.now();
                self.clock.jump(by);
                // It is as if the system's clock had jumped: a long jump looks like a pause.
                self.notice_pause(before);
                Ok(())
            }
            Manage::SetElectionTimeout(election_timeout) => self
                .replica
                .set_election_timeout(election_timeout, now)
                .map_err(|error| Failure::Invalid(error.to_string())),
            Manage::SetDisk(DiskPace::Delayed(delay)) if delay > MAX_SYNC_DELAY => {
                let most = MAX_SYNC_DELAY.as_secs();
                Err(Failure::Invalid(format!(
                    "a sync can be delayed by at most {most} s; to delay it longer, stall the disk"
                )))
            }
            Manage::SetDisk(pace) => {
                self.set_disk(pace);
                Ok(())
            }
            Manage::TakeSnapshot => {
                self.snapshot_asked.extend(self.requests.enter(asked, false));
                return;
            }
        };
        self.publisher.stir();
        match done {
            Ok(()) => asked.answer(ResponseBody::Managed),
            Err(failure) => asked.fail(failure),
        }
    }

    fn set_disk(&self, pace: DiskPace) {
        let delay = match pace {
            DiskPace::Free => Some(Duration::ZERO),
            DiskPace::Delayed(delay) => Some(delay),
            DiskPace::Stalled => None,
        };
        tracing::info!("the manager sets the disk: {pace:?}");
        self.sync_delay.set(delay);
    }

    /// From `first` on, or from where the log begins.
    fn log(&self, first: u64, limit: u32) -> ResponseBody {
        let limit = usize::try_from(limit.min(MAX_LOG_LINES)).unwrap_or(usize::MAX);
        let begin = self.replica.status(self.clock.now()).purged.next();
        let entries = self.replica.entries(LogIndex(first).max(begin), limit);
        let lines = entries.map(|entry| LogLine { id: entry.id, text: describe(&entry.payload) });
        ResponseBody::Log(lines.collect())
    }

    /// Whether this node cannot be elected, as it knows no voters.
    fn belongs_nowhere(&self) -> bool {
        self.replica.membership().voters.is_empty()
    }

    /// Answers a request that the replica has carried out, or not.
    pub(crate) fn answer(&mut self, token: RequestToken, mut body: ResponseBody) {
        match &mut body {
            ResponseBody::Failed(Failure::NotLeader { leader: Some(leader), address }) => {
                *address = self.outgoing.client_address(*leader);
            }
            ResponseBody::Failed(failure @ Failure::NotLeader { leader: None, .. }) => {
                if let Some(why) = self.belonging.why_no_leader() {
                    *failure = Failure::NotInCluster(why);
                }
            }
            _ => {}
        }
        self.requests.answer(token, body);
    }
}

/// What the node says of itself.
pub(crate) fn node_status(
    replica: &Replica,
    clock: &Clock,
    syncs: Syncs,
    refused: Vec<RefusedPeer>,
) -> NodeStatus {
    let now = clock.now();
    NodeStatus {
        raft: replica.status(now),
        keys: replica.keys(),
        state_hash: replica.state_hash(),
        uptime_micros: now.0,
        fsync_micros: u64::try_from(syncs.newest.as_micros()).unwrap_or(u64::MAX),
        sessions: replica.sessions(),
        clock_rate: clock.rate(),
        next_timer_micros: micros_up(clock.takes(replica.next_deadline().since(now))),
        fsyncs: syncs.count,
        refused,
        incarnation: None,
        cluster: None,
        address: String::new(),
        notices: Vec::new(),
    }
}

/// Whole microseconds, rounded up: a run of this length reaches its end.
fn micros_up(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX)
}
