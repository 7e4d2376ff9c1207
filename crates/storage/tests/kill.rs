//! A process is killed while it writes, again and again: what it had acknowledged is there, and its lock is free.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use raftdeck_storage::LogStore;
use raftdeck_storage::fs::DiskFs;
use scene::{CLUSTER, NODE, appends, entry, votes};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Says to a process of this test that it is the one that writes, and where.
const DIR: &str = "RAFTDECK_STORAGE_TEST_DIR";

#[test]
fn what_a_killed_process_acknowledged_is_there() {
    if let Some(dir) = std::env::var_os(DIR) {
        write_for_ever(Path::new(&dir));
    }
    let dir = tempfile::TempDir::new().unwrap();
    for round in 0..20 {
        let mut writer = start_writer(dir.path());
        let output = BufReader::new(writer.0.stdout.take().unwrap());
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            let mut numbers = lines.filter_map(|line| line.strip_prefix("stored ")?.parse::<usize>().ok());
            numbers.all(|number| tell.send(number).is_ok())
        });
        let next = || told.recv_timeout(Duration::from_mins(1));
        // Enough to be amid writing, and not always in the same place.
        let early = (1..6 + round % 7).fold(next(), |_, _| next()).expect("it writes on");
        writer.0.kill().unwrap();
        writer.0.wait().unwrap();
        let acknowledged = std::iter::from_fn(|| next().ok()).last().unwrap_or(early);

        let (_store, recovered) = LogStore::open(&DiskFs, dir.path(), NODE, CLUSTER).unwrap();
        let entries = recovered.restored.entries;
        assert!(entries.len() >= acknowledged, "round {round}: {} of {acknowledged}", entries.len());
        for (index, found) in (1..).zip(&entries) {
            assert_eq!(*found, entry(1, index, &index.to_string()));
        }
    }
}

/// A child that does not outlive the test, also when it fails.
struct Writer(Child);

impl Drop for Writer {
    fn drop(&mut self) {
        // It is gone already if the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_writer(dir: &Path) -> Writer {
    let this_test = ["what_a_killed_process_acknowledged_is_there", "--exact", "--nocapture"];
    let mut command = Command::new(std::env::current_exe().unwrap());
    Writer(command.args(this_test).env(DIR, dir).stdout(Stdio::piped()).spawn().unwrap())
}

/// Appends the entries that follow what is stored, and prints the number of each that is durable.
fn write_for_ever(dir: &Path) -> ! {
    let (mut store, recovered) = LogStore::open(&DiskFs, dir, NODE, CLUSTER).unwrap();
    let mut out = std::io::stdout();
    // What runs the test may have left a line unfinished.
    writeln!(out).unwrap();
    if recovered.restored.entries.is_empty() {
        store.append(&[votes(1, 1)]).unwrap();
    }
    let mut index = recovered.restored.entries.len() as u64;
    loop {
        index += 1;
        store.append(&[appends([entry(1, index, &index.to_string())])]).unwrap();
        writeln!(out, "stored {index}").unwrap();
    }
}
