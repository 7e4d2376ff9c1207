//! One operation, from the question to the answer.

use super::cluster::Cluster;
use super::operation::Task;
use super::reply::{self, Failure, Form, Reply};
use super::{members, status};
use bytes::Bytes;
use raftdeck_deck::sentences;
use raftdeck_model::ClientOp;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

/// Carries one out that comes to an end by itself.
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
        // Those that go on until Ctrl-C are carried out elsewhere.
        Task::Status | Task::WatchStatus | Task::Watch(_) => {
            Ok(status::carry_out(client, addresses, deadline, form).await)
        }
        Task::Member(operation) => members::carry_out(client, addresses, operation, deadline, form).await,
        Task::Transfer(id) => members::transfer(client, id, deadline, form).await,
    }
}

/// A name that no other write has: 128 bits, drawn from keys that the system gave this process, with its id and the time among
/// them.
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
