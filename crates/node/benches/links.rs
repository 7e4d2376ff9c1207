//! What links cost a cluster under full load: acknowledged writes a second through them, against nodes that reach each other
//! directly (`raftdeck --direct`).
//!
//! ```sh
//! cargo bench -p raftdeck-node --bench links
//! ```

use raftdeck_client::{Client, Options};
use raftdeck_lab::{Lab, LabOptions};
use raftdeck_model::{News, Update};
use raftdeck_protocol::Write;
use raftdeck_raft::Role;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const NODES: u8 = 3;
const CLIENTS: usize = 8;
/// Writes under way at each client.
const DEEP: usize = 32;
const WARM_UP: Duration = Duration::from_secs(1);
const TIME: Duration = Duration::from_secs(4);
/// Link and direct by turns, so that a machine that is busy for a while harms both.
const ROUNDS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    let (mut direct, mut linked) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        direct.push(writes_per_second(true));
        linked.push(writes_per_second(false));
    }
    let (direct, linked) = (median(direct), median(linked));
    let less = 100.0 * (direct - linked) / direct;
    println!("writes a second, median of {ROUNDS}: direct {direct:.0}, through links {linked:.0}");
    println!("links take {less:.1} % of it (less than 20 % is the aim)");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn writes_per_second(direct: bool) -> f64 {
    let (sender, updates) = channel();
    let options = LabOptions { direct, ..LabOptions::new(env!("CARGO_BIN_EXE_raftdeck-node"), &[], NODES) };
    let lab = Lab::start(options, move |update| drop(sender.send(update))).expect("a lab that starts");
    let addresses = settle(&updates);
    // What else is told is of no interest, and must not pile up.
    let drain = std::thread::spawn(move || updates.into_iter().for_each(drop));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let rate = runtime.block_on(load(&addresses));
    drop(runtime);
    lab.stop();
    drain.join().expect("a drain");
    rate
}

/// Waits until there is a leader; says where clients connect.
fn settle(updates: &Receiver<Update>) -> Vec<String> {
    let (mut addresses, mut has_leader) = (Vec::new(), false);
    let until = Instant::now() + PATIENCE;
    while addresses.len() < usize::from(NODES) || !has_leader {
        let left = until.saturating_duration_since(Instant::now());
        match updates.recv_timeout(left).expect("a leader in time").what {
            News::Ready { addresses: ready, .. } => addresses.push(ready.client),
            News::Status { status, .. } => has_leader |= status.raft.role == Role::Leader,
            _ => {}
        }
    }
    addresses
}

async fn load(addresses: &[String]) -> f64 {
    let acknowledged = Arc::new(AtomicU64::new(0));
    for client in 0..CLIENTS {
        let options = Options { patience: Duration::from_secs(2), ..Options::default() };
        let client = (client, Arc::new(Client::new(addresses, options).expect("addresses")));
        for lane in 0..DEEP {
            let (number, client) = (client.0, Arc::clone(&client.1));
            tokio::spawn(write_on(client, format!("key-{number}-{lane}"), Arc::clone(&acknowledged)));
        }
    }
    tokio::time::sleep(WARM_UP).await;
    let (begun, before) = (Instant::now(), acknowledged.load(Ordering::Relaxed));
    tokio::time::sleep(TIME).await;
    let count = acknowledged.load(Ordering::Relaxed) - before;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    rate
}

async fn write_on(client: Arc<Client>, key: String, acknowledged: Arc<AtomicU64>) {
    loop {
        let write = Write::Put { key: key.clone().into(), value: vec![b'x'; 100].into() };
        if client.write(write, PATIENCE).await.is_ok() {
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }
}
