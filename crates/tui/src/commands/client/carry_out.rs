//! Carries out one operation, from the request to the answer.

use super::cluster::Cluster;
use super::operation::Task;
use super::reply::{self, Failure, Form, Reply};
use super::{members, status};
use bytes::Bytes;
use raftdeck_deck::sentences;
use raftdeck_model::ClientOp;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

/// Carries out an operation that ends without Ctrl-C.
pub(super) async fn carry_out(
    cluster: &Cluster,
    task: Task,
    deadline: Duration,
    form: Form,
) -> Result<Reply, Failure> {
    let Cluster { client, addresses, is_for_one } = cluster;
    match task {
        Task::Keys(op, consistency) => {
            let done = match op.clone() {
                ClientOp::Write(write) if *is_for_one => client.write_named(unique(), write, deadline).await,
                ClientOp::Write(write) => client.write(write, deadline).await,
                ClientOp::Read(read) => client.read_with(read, consistency, deadline).await,
            };
            let done = done.map_err(|error| Failure::new(&sentences::asked(&op), &error))?;
            Ok(reply::of_keys(&op, &done, form))
        }
        // Operations that continue until Ctrl-C are carried out elsewhere.
        Task::Status | Task::WatchStatus | Task::Watch(_) => {
            Ok(status::carry_out(client, addresses, deadline, form).await)
        }
        Task::Member(operation) => members::carry_out(client, addresses, operation, deadline, form).await,
        Task::Transfer(id) => members::transfer(client, id, deadline, form).await,
    }
}

/// A name that no other write has: 128 bits, derived from this process's random keys, its id and the time.
fn unique() -> Bytes {
    let (pid, now) = (std::process::id(), SystemTime::now());
    let draw = || RandomState::new().hash_one((pid, now)).to_be_bytes();
    [b"once/", &draw()[..], &draw()].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_their_writes_own() {
        let names: std::collections::BTreeSet<Bytes> = (0..1000).map(|_| unique()).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| name.len() == 21));
    }
}
