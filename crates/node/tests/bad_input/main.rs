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

/// A part of the table, or what comes after it, with a cluster of its own, so that the parts can run side by side.
fn felt_by_nobody(part: impl FnOnce(&mut Cluster, &Beside)) {
    let tokens = Tokens::new();
    let files = tokens.args();
    let args: Vec<&str> = PATIENT.into_iter().chain(files.iter().map(String::as_str)).collect();
    let mut cluster = Cluster::start(3, &args);
    let beside = Beside::start(&cluster);
    part(&mut cluster, &beside);
    beside.end(&mut cluster);
}

/// One row after the other.
fn check_quick(rows: impl IntoIterator<Item = Row>) {
    felt_by_nobody(|cluster, beside| {
        let mut failed = Vec::new();
        for (nth, row) in (0..).zip(rows.into_iter().filter(|row| !row.is_slow)) {
            // The leader and the followers by turns.
            let addresses = cluster.node(nth % 3 + 1).addresses();
            // On a thread of its own, so that the rows behind one that fails are seen too.
            if thread::scope(|scope| scope.spawn(|| row.check(addresses)).join()).is_err() {
                failed.push(row.name);
            }
            beside.assert_unharmed(cluster, row.name);
        }
        assert_eq!(failed, Vec::<&str>::new(), "these rows have another answer");
    });
}

fn table() -> impl Iterator<Item = Row> {
    let parts = [http::rows(), http_raw::rows(), client_port::rows(), raft_port::rows(), library::rows()];
    parts.into_iter().flatten()
}

#[test]
fn the_table_is_long_and_each_row_has_a_name_of_its_own() {
    let rows: Vec<_> = table().collect();
    assert!(rows.len() >= LEAST_ROWS, "only {} rows", rows.len());
    let names: BTreeSet<_> = rows.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), rows.len());
}

#[test]
fn every_row_over_http_gets_its_answer_and_is_felt_by_nobody() {
    check_quick(http::rows().into_iter().chain(http_raw::rows()));
}

#[test]
fn every_row_on_the_other_ports_gets_its_answer_and_is_felt_by_nobody() {
    check_quick(client_port::rows().into_iter().chain(raft_port::rows()).chain(library::rows()));
}

#[test]
fn every_row_that_takes_seconds_gets_its_answer_and_is_felt_by_nobody() {
    felt_by_nobody(|cluster, beside| {
        let slow: Vec<_> = table().filter(|row| row.is_slow).collect();
        let failed: Vec<_> = thread::scope(|scope| {
            let mut checks = Vec::new();
            for (nth, row) in (0..).zip(&slow) {
                let addresses = cluster.node(nth % 3 + 1).addresses();
                checks.push((row.name, scope.spawn(move || row.check(addresses))));
            }
            checks.into_iter().filter_map(|(name, check)| check.join().is_err().then_some(name)).collect()
        });
        assert_eq!(failed, Vec::<&str>::new(), "these rows have another answer");
        beside.assert_unharmed(cluster, "all that is slow");
    });
}

#[test]
fn crowds_are_felt_by_nobody() {
    felt_by_nobody(|cluster, beside| {
        for crowd in crowds::all() {
            (crowd.come)(cluster);
            beside.assert_unharmed(cluster, crowd.name);
        }
    });
}
