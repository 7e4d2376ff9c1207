//! The driver over a virtual disk: what happens when that fails, and what a stop owes to those who wait.

use super::*;
use crate::book::Book;
use crate::ledger::{Ledger, NodeIdentity};
use crate::meet::PeersToMeet;
use crate::outbox::{Outbox, OutboxPart};
use crate::peers::Sender;
use crate::telemetry::{Publisher, Watcher};
use raftdeck_protocol::{ClockRate, Manage, NodeStatus, RequestBody, Telemetry};
use raftdeck_protocol::{Read, Response, Write, frame};
use raftdeck_raft::{Config, Incarnation, LogId, NodeId, Persist, Ticket, Timing};
use raftdeck_storage::fs::{File, FileSystem, Lock, LockError, MemoryFs, SyncDelay};
use raftdeck_storage::{LogOptions, LogStore, MemberFiles, Origin, OriginStage};
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc as blocking};
use tokio::task::JoinHandle;

#[path = "driver_tests_stall.rs"]
mod stall;

const ME: NodeId = NodeId(1);

/// How long anything may take on a busy machine.
const LONG: Duration = Duration::from_mins(1);

/// A running driver, and the ends of its queues.
struct Bench {
    disk: MemoryFs,
    watcher: Watcher,
    running: JoinHandle<Result<(), DiskError>>,
    clients: mpsc::Sender<ClientInput>,
    _peers: mpsc::Sender<PeerInput>,
    client: Arc<Outbox>,
    manager: Arc<Outbox>,
    answers: VecDeque<Response>,
    stop: CancellationToken,
    asked: u64,
}

/// A disk that makes every new snapshot wait until the other end of the gate says something or is gone.
#[derive(Clone, Debug)]
struct Gated {
    disk: MemoryFs,
    gate: Arc<Mutex<blocking::Receiver<()>>>,
}

impl FileSystem for Gated {
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        if path.ends_with("snapshot.new") {
            let _ = self.gate.lock().unwrap().recv();
        }
        self.disk.open(path)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.disk.exists(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn try_lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError> {
        self.disk.try_lock(path)
    }

    fn handle(&self) -> Box<dyn FileSystem> {
        Box::new(self.clone())
    }
}

fn driver(fs: &dyn FileSystem, voters: impl IntoIterator<Item = u64>) -> Driver {
    driver_with(fs, SyncDelay::default(), voters, None)
}

fn driver_with(
    fs: &dyn FileSystem,
    sync_delay: SyncDelay,
    voters: impl IntoIterator<Item = u64>,
    disk_stall: Option<Duration>,
) -> Driver {
    let (store, recovered) = LogStore::open(fs, Path::new("/data"), ME, "test").unwrap();
    let clock = Clock::start(ClockRate::REAL);
    let voters: BTreeSet<NodeId> = voters.into_iter().map(NodeId).collect();
    let incarnation = Some(Incarnation([1; 16]));
    let config = Config { disk_stall, incarnation, ..Config::new(ME, voters, Timing::FAST) };
    let replica = Replica::new(config, 1, recovered.restored, None, clock.now()).unwrap();
    let me = Sender {
        id: ME,
        incarnation: Incarnation([1; 16]),
        client_address: "here".to_owned(),
        raft_address: String::new(),
        trust: crate::trust::Trust::new(ME, "test".to_owned(), crate::tokens::Tokens::default()),
        memory: crate::memory::StartMemory::default(),
        tls: None,
    };
    let belonging = belonging(fs, me.trust.clone(), store.papers());
    let outgoing = Outgoing::new(me, Book::default());
    Driver {
        replica,
        awake: clock.now(),
        clock,
        disk: Disk::start(store, outgoing.post()).unwrap().0,
        cabinet: Cabinet::start(recovered.snapshots).unwrap().0,
        outgoing,
        publisher: Publisher::new(),
        changes: Ring::new(0),
        meters: Meters::new(),
        requests: Requests::default(),
        syncs: Syncs::default(),
        pause: Timing::FAST.election_min,
        managed: true,
        sync_delay,
        snapshot_asked: Vec::new(),
        snapshot_awaited: Vec::new(),
        belonging,
    }
}

/// Of a member of a cluster that an earlier release has started.
fn belonging(fs: &dyn FileSystem, trust: crate::trust::Trust, papers: MemberFiles) -> Belonging {
    let life = LogStore::start_life(
        fs,
        Path::new("/beside"),
        ME,
        "test",
        &LogOptions::default(),
        Incarnation([1; 16]),
    );
    let (.., life) = life.unwrap();
    let me = NodeIdentity {
        id: ME,
        incarnation: Incarnation([1; 16]),
        name: "test".to_owned(),
        address: "here".to_owned(),
        has_peer_token: true,
    };
    let origin = Origin { founders: [(ME, "here".to_owned())].into(), stage: OriginStage::Former };
    let ledger =
        Arc::new(Ledger::open(me, trust, papers, origin, crate::memory::StartMemory::new(life)).unwrap());
    Belonging::new(ledger, tokio::sync::watch::channel(PeersToMeet::default()).0, mpsc::channel(8).0)
}

impl Bench {
    fn start(voters: impl IntoIterator<Item = u64>) -> Self {
        let disk = MemoryFs::new();
        Self::start_on(&disk, disk.clone(), voters)
    }

    fn start_on(fs: &dyn FileSystem, disk: MemoryFs, voters: impl IntoIterator<Item = u64>) -> Self {
        Self::run(driver(fs, voters), disk)
    }

    fn run(driver: Driver, disk: MemoryFs) -> Self {
        let watcher = driver.publisher.hub().watch();
        let (to_peers, peers) = mpsc::channel(PEER_QUEUE);
        let (to_clients, clients) = mpsc::channel(CLIENT_QUEUE);
        let stop = CancellationToken::new();
        let running = tokio::spawn(driver.run(Inputs { peers, clients }, stop.clone()));
        Self {
            disk,
            watcher,
            running,
            clients: to_clients,
            _peers: to_peers,
            client: Outbox::new(ConnectionId::next(), false, Arc::default()),
            manager: Outbox::new(ConnectionId::next(), true, Arc::default()),
            answers: VecDeque::new(),
            stop,
            asked: 0,
        }
    }

    async fn ask(&mut self, body: RequestBody) {
        self.ask_as(false, body).await;
    }

    async fn ask_as(&mut self, by_manager: bool, body: RequestBody) {
        self.asked += 1;
        let outbox = if by_manager { &self.manager } else { &self.client };
        let place = outbox.place(self.asked, false).unwrap();
        let asked = RequestBatch { requests: vec![(place, body)] };
        // A driver that has ended takes nothing in.
        let _ = self.clients.send(ClientInput::Asked(asked)).await;
    }

    async fn answer(&mut self) -> Response {
        let (client, manager) = (Arc::clone(&self.client), Arc::clone(&self.manager));
        loop {
            self.take_answers();
            if let Some(answer) = self.answers.pop_front() {
                return answer;
            }
            let filled = async {
                tokio::select! { () = client.filled() => {}, () = manager.filled() => {} }
            };
            timeout(LONG, filled).await.expect("an answer");
        }
    }

    fn take_answers(&mut self) {
        for outbox in [&self.client, &self.manager] {
            for parcel in outbox.take() {
                match &parcel {
                    OutboxPart::Whole { response, .. } => self.answers.push_back((**response).clone()),
                    OutboxPart::Encoded { frames, .. } => {
                        let mut frames = frames.clone();
                        while let Some(content) = frame::take(&mut frames, frame::MAX_FRAME).unwrap() {
                            self.answers.push_back(frame::decode("response", &content).unwrap());
                        }
                    }
                }
                outbox.sent(parcel);
            }
        }
    }

    /// Writes until this node leads and acknowledges.
    async fn warm_up(&mut self) {
        let until = Instant::now() + LONG;
        loop {
            self.ask(RequestBody::Write(put())).await;
            if let ResponseBody::Done { .. } = self.answer().await.body {
                return;
            }
            assert!(Instant::now() < until, "it never leads");
        }
    }

    /// How the driver ended, without being stopped.
    async fn ended(&mut self) -> Result<(), DiskError> {
        timeout(LONG, &mut self.running).await.expect("the driver ends").unwrap()
    }

    /// The next status that a watcher is told and that is like this.
    async fn status_where(&mut self, mut is_like: impl FnMut(&NodeStatus) -> bool) -> NodeStatus {
        let status = async {
            loop {
                if let Some(Telemetry::Status(status)) = self.watcher.next().await
                    && is_like(&status)
                {
                    return *status;
                }
            }
        };
        timeout(LONG, status).await.expect("such a status")
    }
}

fn put() -> Write {
    Write::Put { key: "color".into(), value: "blue".into() }
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged_and_the_driver_ends() {
    let mut bench = Bench::start([1]);
    bench.warm_up().await;
    // The identity of the cluster is written once, beside the log: that sync is not to be the one that fails.
    bench.status_where(|status| status.cluster.is_some()).await;
    bench.disk.fail_sync_after(0);
    for _ in 0..3 {
        bench.ask(RequestBody::Write(put())).await;
    }
    let error = bench.ended().await.expect_err("the disk failed");
    assert!(matches!(error, DiskError::Storage(_)), "{error}");
    bench.take_answers();
    assert!(bench.answers.is_empty(), "nobody was told anything");
    assert!(bench.client.is_done(), "nor will be");
}

#[tokio::test]
async fn a_stop_answers_everybody_who_waits() {
    let mut bench = Bench::start([1]);
    bench.warm_up().await;
    bench.ask(RequestBody::Write(put())).await;
    bench.ask(RequestBody::Read(Read::Get { key: "color".into() })).await;
    bench.stop.cancel();
    let bodies = [bench.answer().await.body, bench.answer().await.body];
    for body in bodies {
        let fitting = matches!(
            body,
            ResponseBody::Done { .. } | ResponseBody::Failed(Failure::Stopping | Failure::Unknown)
        );
        assert!(fitting, "{body:?}");
    }
    bench.ended().await.expect("an orderly end");
}

#[tokio::test]
async fn a_client_that_left_is_forgotten() {
    let mut bench = Bench::start([1]);
    bench.warm_up().await;
    for _ in 0..4 {
        bench.ask(RequestBody::Write(put())).await;
    }
    bench.clients.send(ClientInput::Gone(bench.client.connection)).await.unwrap();
    // Taken in after all that went before, and answered after it.
    bench.ask(RequestBody::Status).await;
    let last = bench.asked;
    while bench.answer().await.id != last {}
    bench.stop.cancel();
    bench.ended().await.expect("an orderly end");
}

#[tokio::test]
async fn a_member_without_a_majority_names_nobody() {
    let mut bench = Bench::start([1, 2, 3]);
    bench.ask(RequestBody::Write(put())).await;
    let answer = bench.answer().await;
    let nobody = Failure::NotLeader { leader: None, address: None };
    assert_eq!(answer.body, ResponseBody::Failed(nobody));
}

#[tokio::test]
async fn writes_go_on_while_a_snapshot_is_being_saved() {
    let disk = MemoryFs::new();
    let (open_gate, gate) = blocking::channel();
    let gated = Gated { disk: disk.clone(), gate: Arc::new(Mutex::new(gate)) };
    let mut bench = Bench::start_on(&gated, disk, [1]);
    bench.warm_up().await;
    bench.ask_as(true, RequestBody::Manage(Manage::TakeSnapshot)).await;
    let snapshot = bench.asked;
    for _ in 0..20 {
        bench.ask(RequestBody::Write(put())).await;
        let answer = bench.answer().await;
        assert!(answer.id != snapshot, "the snapshot cannot be there yet");
        assert!(matches!(answer.body, ResponseBody::Done { .. }), "{answer:?}");
    }
    open_gate.send(()).unwrap();
    assert_eq!(bench.answer().await, Response { id: snapshot, body: ResponseBody::Managed });
    bench.stop.cancel();
    bench.ended().await.expect("an orderly end");
}

/// Completed writes are taken in on every pass; a disk that always has one must not keep what the snapshot thread has
/// finished waiting forever.
#[tokio::test]
async fn a_busy_disk_does_not_hold_up_snapshots() {
    let mut driver = driver(&MemoryFs::new(), [1]);
    let barrier = Persist {
        ticket: Ticket { seq: 1, last: LogId::default() },
        hard_state: None,
        reset: None,
        truncate: None,
        purge: None,
        entries: Vec::new(),
        then_send: Vec::new(),
    };
    driver.disk.write(barrier).unwrap();
    driver.cabinet.discard(driver.replica.image()).unwrap();
    let deadline = Instant::now() + LONG;
    while !(driver.disk.is_completed() && driver.cabinet.is_completed()) {
        assert!(Instant::now() < deadline, "both threads finish");
        tokio::task::yield_now().await;
    }
    let (_to_peers, peers) = mpsc::channel(1);
    let (_to_clients, clients) = mpsc::channel(1);
    let (mut inputs, stop) = (Inputs { peers, clients }, CancellationToken::new());
    let waking = driver.wait(tokio::time::Instant::now(), &mut inputs, &stop);
    let wake = timeout(LONG, waking).await.expect("it wakes").unwrap();
    assert!(matches!(wake, Wake::Filed(_)));
    assert!(driver.disk.try_completed().is_some(), "and the write is taken in on the same pass");
}

#[tokio::test]
async fn after_a_failed_snapshot_the_driver_ends_and_says_nothing_of_it() {
    let mut bench = Bench::start([1]);
    bench.warm_up().await;
    let files = bench.disk.list(Path::new("/data")).unwrap();
    let held: usize = files.iter().map(|path| bench.disk.contents(path).unwrap().len()).sum();
    bench.disk.set_capacity(Some(held + 10));
    bench.ask_as(true, RequestBody::Manage(Manage::TakeSnapshot)).await;
    let error = bench.ended().await.expect_err("the disk is full");
    assert!(matches!(error, DiskError::Storage(_)), "{error}");
    bench.take_answers();
    assert!(bench.answers.is_empty(), "nobody was told that it is there");
}

#[tokio::test]
async fn a_driver_that_stood_still_notices() {
    let mut bench = Bench::start([1, 2, 3]);
    bench.ask(RequestBody::Status).await;
    bench.answer().await;
    // All of this runs on one thread: nothing else runs meanwhile.
    std::thread::sleep(Timing::FAST.election_min * 10);
    let noticed = async {
        while !matches!(bench.watcher.next().await, Some(Telemetry::Event { event: TraceEvent::Paused, .. }))
        {
        }
    };
    timeout(LONG, noticed).await.expect("it is told");
}

#[tokio::test]
async fn a_clock_that_jumps_far_ahead_is_noticed_once() {
    let mut bench = Bench::start([1, 2, 3]);
    let jump = Manage::SkewClock(Timing::FAST.election_min * 10);
    bench.ask_as(true, RequestBody::Manage(jump)).await;
    bench.answer().await;
    // The outcome of a driver's pass is published before the pass after the next one answers.
    for _ in 0..3 {
        bench.ask(RequestBody::Status).await;
        bench.answer().await;
    }
    let told = std::iter::from_fn(|| bench.watcher.try_event());
    let noticed = told.filter(|told| matches!(told, Telemetry::Event { event: TraceEvent::Paused, .. }));
    assert_eq!(noticed.count(), 1);
}

/// What counts is how much time passed for the cluster: at a thousandth of real time it was next to nothing.
#[tokio::test]
async fn a_driver_that_stood_still_in_slow_motion_has_missed_nothing() {
    let mut bench = Bench::start([1, 2, 3]);
    let rate = ClockRate::from_millionths(1000).unwrap();
    bench.ask_as(true, RequestBody::Manage(Manage::SetClock { rate, run_for: None })).await;
    bench.answer().await;
    std::thread::sleep(Timing::FAST.election_min * 10);
    bench.ask(RequestBody::Status).await;
    assert!(matches!(bench.answer().await.body, ResponseBody::Status(status) if status.clock_rate == rate));
    while let Some(told) = bench.watcher.try_event() {
        let paused = matches!(told, Telemetry::Event { event: TraceEvent::Paused, .. });
        assert!(!paused, "{told:?}");
    }
}

#[tokio::test]
async fn a_node_that_stands_still_tells_what_changes_and_does_not_repeat_itself() {
    let mut bench = Bench::start([1, 2, 3]);
    let frozen = Manage::SetClock { rate: ClockRate::FROZEN, run_for: None };
    bench.ask_as(true, RequestBody::Manage(frozen)).await;
    bench.answer().await;
    let mut last = bench.status_where(|status| status.clock_rate.is_frozen()).await;
    // Then it falls silent: whatever is still told in this time is new. A busy machine makes this weaker, never wrong.
    while let Ok(Some(told)) = timeout(Duration::from_millis(500), bench.watcher.next()).await {
        if let Telemetry::Status(status) = told {
            assert_ne!(*status, last, "it repeats itself");
            last = *status;
        }
    }
    let fixed = Manage::SetElectionTimeout(Some(Duration::from_millis(999)));
    bench.ask_as(true, RequestBody::Manage(fixed)).await;
    let status = bench.status_where(|_| true).await;
    assert_ne!(status, last);
    assert_eq!(status.raft.election_timeout, Duration::from_millis(999));
}
