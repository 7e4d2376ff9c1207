//! Bad input on every port of a running cluster: a table with a row for each case, which says what is sent and what is
//! answered. After each row the cluster is as it was: a write that was begun after it is done, the same processes lead and
//! follow in the same term, and none has taken more memory than it may.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod beside;
mod client_port;
mod crowds;
mod http;
mod http_raw;
mod library;
mod raft_port;
mod row;
#[path = "../support/mod.rs"]
mod support;
mod tokens;

use beside::Beside;
use row::Row;
use std::collections::BTreeSet;
use std::thread;
use support::Cluster;
use tokens::Tokens;

/// Elections take long, so that nobody campaigns because other tests have the processors.
const PATIENT: [&str; 4] = ["--heartbeat", "150", "--election", "3000..5000"];

/// The fewest rows that the table may have.
const LEAST_ROWS: usize = 80;

fn table() -> Vec<Row> {
    let parts = [http::rows(), http_raw::rows(), client_port::rows(), raft_port::rows(), library::rows()];
    parts.into_iter().flatten().collect()
}

#[test]
fn every_row_of_the_table_gets_its_answer_and_is_felt_by_nobody() {
    let rows = table();
    assert!(rows.len() >= LEAST_ROWS, "only {} rows", rows.len());
    let names: BTreeSet<_> = rows.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), rows.len(), "each row has a name of its own");

    let tokens = Tokens::new();
    let files = tokens.args();
    let args: Vec<&str> = PATIENT.into_iter().chain(files.iter().map(String::as_str)).collect();
    let mut cluster = Cluster::start(3, &args);
    let beside = Beside::start(&cluster);
    let mut failed = Vec::new();
    let (slow, quick): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.is_slow);
    for (nth, row) in quick.iter().enumerate() {
        // The leader and the followers by turns.
        let node = cluster.node(nth as u64 % 3 + 1);
        // On a thread of its own, so that the rows behind one that fails are seen too.
        let addresses = node.addresses();
        if thread::scope(|scope| scope.spawn(move || row.check(addresses)).join()).is_err() {
            failed.push(row.name);
        }
        beside.assert_unharmed(&mut cluster, row.name);
    }
    // What takes seconds, at the same time.
    thread::scope(|scope| {
        let mut checks = Vec::new();
        for (nth, row) in slow.iter().enumerate() {
            let addresses = cluster.node(nth as u64 % 3 + 1).addresses();
            checks.push((row.name, scope.spawn(move || row.check(addresses))));
        }
        failed.extend(checks.into_iter().filter_map(|(name, check)| check.join().is_err().then_some(name)));
    });
    assert_eq!(failed, Vec::<&str>::new(), "these rows have another answer");
    beside.assert_unharmed(&mut cluster, "all that is slow");
    for crowd in crowds::all() {
        (crowd.come)(&cluster);
        beside.assert_unharmed(&mut cluster, crowd.name);
    }
    beside.end(&mut cluster);
}
