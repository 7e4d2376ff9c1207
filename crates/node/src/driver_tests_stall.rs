//! The driver over a disk that finishes no write (trap 49): which requests get which answer, and in time.

use super::*;
use crate::outbox::IN_FLIGHT;
use raftdeck_protocol::DiskPace;
use raftdeck_protocol::request::MAX_SYNC_DELAY;
use raftdeck_storage::fs::DelayedFs;

/// A single node, the leader, on a disk that its manager can stall.
async fn bench(disk_stall: Option<Duration>) -> Bench {
    let (disk, delay) = (MemoryFs::new(), SyncDelay::default());
    let fs = DelayedFs::new(Box::new(disk.clone()), delay.clone());
    let mut bench = Bench::run(driver_with(&fs, delay, [1], disk_stall), disk);
    bench.warm_up().await;
    bench
}

impl Bench {
    async fn set_disk(&mut self, pace: DiskPace) {
        self.ask_as(true, RequestBody::Manage(Manage::SetDisk(pace))).await;
        assert_eq!(self.answer().await.body, ResponseBody::Managed);
    }

    async fn read(&mut self) -> ResponseBody {
        self.ask(RequestBody::Read(Read::Get { key: "color".into() })).await;
        self.answer().await.body
    }

    async fn told(&mut self, of: impl Fn(&TraceEvent) -> bool) {
        let told = async {
            loop {
                match self.watcher.next().await {
                    Some(Telemetry::Event { event, .. }) if of(&event) => return,
                    _ => {}
                }
            }
        };
        timeout(Duration::from_secs(30), told).await.expect("it is told");
    }

    async fn status(&mut self) -> NodeStatus {
        self.ask(RequestBody::Status).await;
        match self.answer().await.body {
            ResponseBody::Status(status) => *status,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_single_node_with_a_stalled_disk_answers_reads_and_refuses_writes_with_the_reason() {
    let mut bench = bench(Some(Duration::from_millis(200))).await;
    bench.set_disk(DiskPace::Stalled).await;
    bench.ask(RequestBody::Write(put())).await;
    bench.told(|event| matches!(event, TraceEvent::DiskSlow { .. })).await;
    bench.told(|event| matches!(event, TraceEvent::DiskStalled { .. })).await;
    let body = bench.answer().await.body;
    assert_eq!(body, ResponseBody::Failed(Failure::Unknown), "it may still be written");

    assert!(matches!(bench.read().await, ResponseBody::Done { .. }));
    bench.ask(RequestBody::Write(put())).await;
    let body = bench.answer().await.body;
    let ResponseBody::Failed(failure @ Failure::DiskStalled { waited }) = body else { panic!("{body:?}") };
    assert!(waited >= Duration::from_millis(200));
    assert!(failure.to_string().contains("the disk has not finished a write for"), "{failure}");
    let status = bench.status().await;
    assert!(status.raft.disk_stalled && status.raft.disk_wait >= Some(waited), "{status:?}");

    bench.set_disk(DiskPace::Free).await;
    bench.told(|event| matches!(event, TraceEvent::DiskRecovered { .. })).await;
    bench.warm_up().await;
    assert!(!bench.status().await.raft.disk_stalled);
    bench.stop.cancel();
    bench.running.await.unwrap().expect("an orderly end");
}

/// Also before the disk counts as stalled: the queue to it is full, and what needs no disk continues.
#[tokio::test]
async fn a_full_queue_to_a_disk_that_hangs_holds_up_no_read() {
    let mut bench = bench(Some(Duration::from_hours(1))).await;
    bench.set_disk(DiskPace::Stalled).await;
    // One write after another, so that each is handed to the disk by itself; more than it takes.
    let mut refused = 0;
    let writers: Vec<_> =
        (0..2).map(|_| Outbox::new(ConnectionId::next(), false, std::sync::Arc::default())).collect();
    for nth in 0..2 * IN_FLIGHT as u64 {
        let writer = &writers[usize::try_from(nth).unwrap() % 2];
        let Some(place) = writer.place(nth, false) else { break };
        let asked = RequestBatch { requests: vec![(place, RequestBody::Write(put()))] };
        let sent = timeout(Duration::from_secs(30), bench.clients.send(ClientInput::Asked(asked))).await;
        sent.expect("requests are taken in").unwrap();
        tokio::task::yield_now().await;
    }
    assert!(matches!(bench.read().await, ResponseBody::Done { .. }));
    for writer in &writers {
        for parcel in writer.take() {
            if let OutboxPart::Encoded { count, .. } = parcel {
                refused += count;
            }
        }
    }
    assert!(refused > 0, "what found no room was told so");
    bench.ask(RequestBody::Write(put())).await;
    let body = bench.answer().await.body;
    assert!(matches!(body, ResponseBody::Failed(Failure::DiskStalled { .. })), "{body:?}");

    bench.set_disk(DiskPace::Free).await;
    bench.warm_up().await;
    bench.stop.cancel();
    bench.running.await.unwrap().expect("an orderly end");
}

#[tokio::test]
async fn only_the_manager_of_a_managed_node_holds_its_disk_up() {
    let mut bench = bench(None).await;
    bench.ask(RequestBody::Manage(Manage::SetDisk(DiskPace::Stalled))).await;
    assert_eq!(bench.answer().await.body, ResponseBody::Failed(Failure::NotManaged));
    let long = DiskPace::Delayed(MAX_SYNC_DELAY * 2);
    bench.ask_as(true, RequestBody::Manage(Manage::SetDisk(long))).await;
    let body = bench.answer().await.body;
    assert!(matches!(body, ResponseBody::Failed(Failure::Invalid(_))), "{body:?}");
    bench.warm_up().await;
}

#[tokio::test]
async fn a_node_stops_although_its_disk_is_held_up() {
    let mut bench = bench(None).await;
    bench.set_disk(DiskPace::Stalled).await;
    bench.ask(RequestBody::Write(put())).await;
    bench.stop.cancel();
    timeout(Duration::from_secs(30), bench.running).await.expect("in time").unwrap().expect("an orderly end");
}
