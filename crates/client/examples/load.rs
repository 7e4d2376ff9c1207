//! Writes many keys, many at a time, and says how long it took.
//!
//! ```text
//! cargo run --release -p raftdeck-client --example load -- ADDRESS[,ADDRESS...] WRITES
//! ```
//!
//! The keys are `load/0` to `load/999`, over and over, so the state stays small while the log grows. Every write is
//! acknowledged before the program ends with 0.

use raftdeck_client::{Client, ClientError, Options};
use raftdeck_protocol::Write;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const AT_ONCE: u64 = 512;
const KEYS: u64 = 1000;
const DEADLINE: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [addresses, writes] = arguments.as_slice() else {
        return Err("give the nodes' addresses, separated by commas, and a number of writes".into());
    };
    let addresses: Vec<String> = addresses.split(',').map(str::to_owned).collect();
    let writes: u64 = writes.parse().map_err(|_| format!("{writes} is not a number of writes"))?;

    let client = Client::new(&addresses, Options::default())?;
    let next = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE.min(writes) {
        tasks.spawn(write_in_turn(client.clone(), Arc::clone(&next), writes));
    }
    while let Some(writer) = tasks.join_next().await {
        writer??;
    }
    println!("{writes} writes acknowledged in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Takes the next number and writes it, until there is none.
async fn write_in_turn(client: Client, next: Arc<AtomicU64>, writes: u64) -> Result<(), ClientError> {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= writes {
            return Ok(());
        }
        let key = format!("load/{}", number % KEYS).into();
        client.write(Write::Put { key, value: number.to_string().into() }, DEADLINE).await?;
    }
}
