//! What a node knows of itself while its disk is stalled.

use super::*;
use crate::tokens::Tokens;
use raftdeck_storage::fs::{DelayedFs, FileSystem, MemoryFs, SyncDelay};
use raftdeck_storage::{LogOptions, LogStore};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

const ME: NodeId = NodeId(4);
const MY_DISK: Incarnation = Incarnation([4; 16]);
const CLUSTER: ClusterId = ClusterId([7; 16]);
const DIR: &str = "/data";

/// How long anything may take on a busy machine.
const LONG: Duration = Duration::from_mins(1);

/// Of a node that has just been started with `--join`, on a disk that can be stalled.
struct Bench {
    ledger: Arc<Ledger>,
    disk: MemoryFs,
    delay: SyncDelay,
}

impl Bench {
    fn start() -> Self {
        let (disk, delay) = (MemoryFs::new(), SyncDelay::default());
        let fs = DelayedFs::new(Box::new(disk.clone()), delay.clone());
        let options = LogOptions::default();
        let opened = LogStore::start_life(&fs, Path::new(DIR), ME, "test", &options, MY_DISK);
        let (store, _, life) = opened.unwrap();
        let me = NodeIdentity {
            id: ME,
            incarnation: MY_DISK,
            name: "test".to_owned(),
            address: "here".to_owned(),
            has_peer_token: false,
        };
        let papers = store.papers();
        let origin = papers.origin(&BTreeMap::new(), true).unwrap();
        let trust = Trust::new(ME, "test".to_owned(), Tokens::default());
        let ledger = Ledger::open(me, trust, papers, origin, StartMemory::new(life)).unwrap();
        Self { ledger: Arc::new(ledger), disk, delay }
    }

    /// Waits until a write of this file begins; it does not finish while the disk is stalled.
    fn is_being_written(&self, name: &str) {
        let until = Instant::now() + LONG;
        while !self.disk.exists(&Path::new(DIR).join(name)).unwrap() {
            assert!(Instant::now() < until, "nobody writes {name}");
            thread::yield_now();
        }
    }

    /// Has something kept while the disk is stalled, and looks at everything that the driver and the connections look at.
    fn keeps(
        &self,
        name: &str,
        keep: impl FnOnce(&Ledger) -> Result<(), OpenError> + Send + 'static,
    ) -> Note {
        self.delay.set(None);
        let ledger = Arc::clone(&self.ledger);
        let keeping = thread::spawn(move || keep(&ledger));
        self.is_being_written(name);
        let (tell, told) = channel();
        let ledger = Arc::clone(&self.ledger);
        let looking = thread::spawn(move || {
            let seen = (ledger.note(), ledger.has_key(), ledger.secret().is_some(), ledger.cluster());
            ledger.set_waits(None);
            ledger.follow(&Membership::default(), LogIndex::ZERO);
            ledger.founding();
            ledger.trust().met();
            tell.send(seen).unwrap();
        });
        let seen = told.recv_timeout(LONG);
        self.delay.set(Some(Duration::ZERO));
        keeping.join().unwrap().unwrap();
        let (note, has_key, has_secret, cluster) = seen.expect("nobody waits for the disk");
        looking.join().unwrap();
        assert_eq!((has_key, has_secret), (note.has_secret, note.has_secret));
        assert_eq!(note.stage, NoteStage::Joining { cluster });
        note
    }
}

#[test]
fn who_reads_what_a_node_knows_never_waits_for_its_disk_and_sees_only_what_is_durable() {
    let bench = Bench::start();
    let before = bench.keeps("identity.new", |ledger| ledger.join(CLUSTER));
    assert_eq!(before.stage, NoteStage::Joining { cluster: None }, "not durable, so nobody hears of it");
    assert_eq!(bench.ledger.cluster(), Some(CLUSTER));

    let secret = || Secret::new(&"5".repeat(64)).unwrap();
    let before = bench.keeps("secret.new", move |ledger| ledger.keep_secret(&secret()));
    assert!(!before.has_secret);
    assert!(bench.ledger.note().has_secret);
}
