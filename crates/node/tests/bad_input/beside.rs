//! Those who use the cluster meanwhile: a writer that goes on and on, and a look at what the cluster should still be.

use crate::support::{Cluster, Node, block_on_for, eventually, put, wire};
use raftdeck_client::{Client, Options};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What a node may take up at any moment, in bytes. What fills it is bounded by itself: a frame or a body of 8 MiB on each of a
/// few connections, answers that are not taken, and the log in memory.
const MAX_RESIDENT: u64 = 256 << 20;

/// A write has to be done in this time, whatever comes in beside it.
const WITHIN: Duration = Duration::from_secs(30);

/// What the writer has done.
#[derive(Debug, Default)]
struct Told {
    begun: AtomicU64,
    done: AtomicU64,
    failed: Mutex<Option<String>>,
    over: AtomicBool,
}

/// The writer, and how the cluster was when it began.
pub(crate) struct Beside {
    told: Arc<Told>,
    writer: Option<JoinHandle<()>>,
    leader: (u64, u64),
}

impl Beside {
    pub(crate) fn start(cluster: &Cluster) -> Self {
        let leader = cluster.leader();
        let told = Arc::new(Told::default());
        let addresses: Vec<String> = cluster.running().map(|node| node.addresses().client.clone()).collect();
        let writer = thread::spawn({
            let told = Arc::clone(&told);
            move || block_on_for(Duration::from_mins(15), write_on(&addresses, &told))
        });
        let beside = Self { told, writer: Some(writer), leader };
        beside.assert_writes("nothing yet");
        beside
    }

    /// A write that was begun after this was called is done.
    fn assert_writes(&self, after: &str) {
        // The one under way may have begun before.
        let enough = self.told.begun.load(SeqCst) + 1;
        eventually("a write is done", || {
            let failed = self.told.failed.lock().unwrap();
            assert_eq!(*failed, None, "a write failed beside or after {after}");
            (self.told.done.load(SeqCst) >= enough).then_some(())
        });
    }

    /// The cluster is as it was.
    #[track_caller]
    pub(crate) fn assert_unharmed(&self, cluster: &mut Cluster, after: &str) {
        self.assert_writes(after);
        for node in cluster.nodes.iter_mut().flatten() {
            assert!(node.is_running(), "n{} ended after {after}", node.id());
            let status = eventually("the node tells of itself", || wire::status(node));
            let leader = (status.raft.leader.map_or(0, |leader| leader.0), status.raft.term.0);
            assert_eq!(leader, self.leader, "leader and term at n{} after {after}", node.id());
            let resident = memory(node, "VmRSS:");
            assert!(resident.is_none_or(|bytes| bytes < MAX_RESIDENT), "{resident:?} bytes after {after}");
        }
    }

    pub(crate) fn end(mut self, cluster: &mut Cluster) {
        self.assert_unharmed(cluster, "everything");
        self.told.over.store(true, SeqCst);
        self.writer.take().unwrap().join().unwrap();
        assert_eq!(*self.told.failed.lock().unwrap(), None);
        for node in cluster.running() {
            let most = memory(node, "VmHWM:");
            eprintln!("n{}: {} MiB at most", node.id(), most.unwrap_or_default() >> 20);
            assert!(most.is_none_or(|bytes| bytes < MAX_RESIDENT));
        }
        eprintln!("{} writes beside", self.told.done.load(SeqCst));
        cluster.await_equal();
        cluster.assert_serves("after-all-of-it");
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.told.over.store(true, SeqCst);
    }
}

async fn write_on(addresses: &[String], told: &Told) {
    let client = Client::new(addresses, Options::default()).unwrap();
    while !told.over.load(SeqCst) {
        let nth = told.begun.fetch_add(1, SeqCst);
        let write = put(&format!("beside-{}", nth % 10), &nth.to_string());
        if let Err(error) = client.write(write, WITHIN).await {
            *told.failed.lock().unwrap() = Some(format!("write {nth}: {error}"));
            return;
        }
        told.done.fetch_add(1, SeqCst);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What a process has in memory, in bytes; `None` where the system does not say.
fn memory(node: &Node, what: &str) -> Option<u64> {
    let pid = node.pid().as_raw_nonzero();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
