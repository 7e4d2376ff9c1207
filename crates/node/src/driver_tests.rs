//! The driver over a virtual disk: what happens when that fails, and what a stop owes to those who wait.

use super::*;
use crate::book::Book;
use crate::clients::{Answer, Place};
use crate::peers::Sender;
use crate::telemetry::Publisher;
use raftdeck_protocol::{Read, Response, Write};
use raftdeck_raft::{Config, NodeId, Timing};
use raftdeck_storage::LogStore;
use raftdeck_storage::fs::MemoryFs;
use std::collections::BTreeSet;
use std::path::Path;
use tokio::task::JoinHandle;

const ME: NodeId = NodeId(1);

/// A running driver, and the ends of its queues.
struct Bench {
    disk: MemoryFs,
    running: JoinHandle<Result<(), DiskError>>,
    clients: mpsc::Sender<ClientInput>,
    _peers: mpsc::Sender<PeerInput>,
    places: mpsc::Sender<Answer>,
    answers: mpsc::Receiver<Answer>,
    stop: CancellationToken,
    connection: ConnectionId,
    asked: u64,
}

impl Bench {
    fn start(voters: impl IntoIterator<Item = u64>) -> Self {
        let disk = MemoryFs::new();
        let (store, recovered) = LogStore::open(&disk, Path::new("/data"), ME, "test").unwrap();
        let clock = Clock::start();
        let voters: BTreeSet<NodeId> = voters.into_iter().map(NodeId).collect();
        let config = Config::new(ME, voters, Timing::FAST);
        let replica = Replica::new(config, 1, recovered.restored, None, clock.now()).unwrap();
        let me = Sender {
            id: ME,
            cluster: "test".to_owned(),
            client_address: "here".to_owned(),
            raft_address: String::new(),
        };
        let driver = Driver {
            replica,
            clock,
            disk: Disk::start(store).unwrap(),
            cabinet: Cabinet::start(recovered.snapshots).unwrap(),
            outgoing: Outgoing::new(me, Book::default()),
            publisher: Publisher::new(clock),
            requests: Requests::default(),
            fsync: Duration::ZERO,
            pause: Timing::FAST.election_min,
            managed: true,
            snapshot_asked: Vec::new(),
            snapshot_awaited: Vec::new(),
        };
        let (to_peers, peers) = mpsc::channel(PEER_QUEUE);
        let (to_clients, clients) = mpsc::channel(CLIENT_QUEUE);
        let (places, answers) = mpsc::channel(16);
        let stop = CancellationToken::new();
        let running = tokio::spawn(driver.run(Inputs { peers, clients }, stop.clone()));
        Self {
            disk,
            running,
            clients: to_clients,
            _peers: to_peers,
            places,
            answers,
            stop,
            connection: ConnectionId::next(),
            asked: 0,
        }
    }

    async fn ask(&mut self, body: RequestBody) {
        self.asked += 1;
        let queue = self.places.clone().reserve_owned().await.unwrap();
        let place = Place { queue, turn: None };
        let asked = Asked { connection: self.connection, by_manager: false, id: self.asked, body, place };
        // A driver that has ended takes nothing in.
        let _ = self.clients.send(ClientInput::Asked(asked)).await;
    }

    async fn answer(&mut self) -> Response {
        timeout(Duration::from_secs(30), self.answers.recv()).await.expect("an answer").unwrap().response
    }

    /// Writes until this node leads and acknowledges.
    async fn warm_up(&mut self) {
        loop {
            self.ask(RequestBody::Write(put())).await;
            if let ResponseBody::Done { .. } = self.answer().await.body {
                return;
            }
        }
    }
}

fn put() -> Write {
    Write::Put { key: "color".into(), value: "blue".into() }
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged_and_the_driver_ends() {
    let mut bench = Bench::start([1]);
    bench.warm_up().await;
    bench.disk.fail_sync_after(0);
    for _ in 0..3 {
        bench.ask(RequestBody::Write(put())).await;
    }
    let error = bench.running.await.unwrap().expect_err("the disk failed");
    assert!(matches!(error, DiskError::Storage(_)), "{error}");
    drop(bench.places);
    assert!(bench.answers.recv().await.is_none(), "nobody was told anything");
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
    bench.running.await.unwrap().expect("an orderly end");
}

#[tokio::test]
async fn a_client_that_left_is_forgotten() {
    let mut bench = Bench::start([1]);
    bench.warm_up().await;
    for _ in 0..4 {
        bench.ask(RequestBody::Write(put())).await;
    }
    bench.clients.send(ClientInput::Gone(bench.connection)).await.unwrap();
    // Taken in after all that went before, and answered after it.
    bench.ask(RequestBody::Status).await;
    let last = bench.asked;
    while bench.answer().await.id != last {}
    bench.stop.cancel();
    bench.running.await.unwrap().expect("an orderly end");
}

#[tokio::test]
async fn a_member_without_a_majority_names_nobody() {
    let mut bench = Bench::start([1, 2, 3]);
    bench.ask(RequestBody::Write(put())).await;
    let answer = bench.answer().await;
    let nobody = Failure::NotLeader { leader: None, address: None };
    assert_eq!(answer.body, ResponseBody::Failed(nobody));
}
