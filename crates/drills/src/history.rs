//! The clients' history of a recording.

use raftdeck_check::{History, Operation, OperationOutcome, PorcupineText, porcupine};
use raftdeck_model::{ClientName, ClientOp, News, StoreOutcome, Update};
use raftdeck_protocol::{Answer, Consistency, Read, Write};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The history of the clients whose requests were recorded, for another checker. Reads that are not linearizable are not in it.
///
/// A recording has no request without an outcome, none of the steady workload, and no earlier content of the nodes' disks. So a value that
/// was found and that no recorded request wrote counts as written by a request in doubt.
#[must_use]
pub fn recorded_history(updates: &[Update]) -> PorcupineText {
    let mut clients: BTreeMap<ClientName, u64> = BTreeMap::new();
    let mut requests = Vec::new();
    let mut written = BTreeSet::new();
    for update in updates {
        let News::Client { request, outcome, took, .. } = &update.what else { continue };
        let operation = match &request.op {
            ClientOp::Write(write) => Operation::Write(write.clone()),
            ClientOp::Read(read) if request.consistency == Consistency::Linearizable => {
                Operation::Read(read.clone())
            }
            ClientOp::Read(_) => continue,
        };
        if let Operation::Write(Write::Put { key, value } | Write::CompareAndSet { key, value, .. }) =
            &operation
        {
            written.insert((key.clone(), value.clone()));
        }
        let next = clients.len() as u64 + 1;
        let client = *clients.entry(request.client.clone()).or_insert(next);
        let outcome = match outcome.judged() {
            StoreOutcome::Done(answer) => OperationOutcome::Ok(answer.clone()),
            StoreOutcome::Refused(_) => OperationOutcome::Failed,
            StoreOutcome::InDoubt(_) => OperationOutcome::Unknown,
        };
        requests.push((client, operation, outcome, update.at.saturating_sub(*took), update.at));
    }
    let mut history = History::default();
    for (_, operation, outcome, ..) in &requests {
        if let Some((key, value)) = found(operation, outcome)
            && written.insert((key.clone(), value.clone()))
        {
            history.invoke(0, Operation::Write(Write::Put { key, value }), 0);
        }
    }
    for (client, operation, outcome, begun, ended) in requests {
        let id = history.invoke(client, operation, micros(begun));
        history.complete(id, outcome, micros(ended));
    }
    porcupine(&history)
}

/// The key and the value that an answer says there was.
fn found(operation: &Operation, outcome: &OperationOutcome) -> Option<(bytes::Bytes, bytes::Bytes)> {
    let OperationOutcome::Ok(answer) = outcome else { return None };
    match (operation, answer) {
        (Operation::Read(Read::Get { key }), Answer::Value(Some(value)))
        | (Operation::Write(Write::CompareAndSet { key, .. }), Answer::Mismatch { current: Some(value) }) => {
            Some((key.clone(), value.clone()))
        }
        _ => None,
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::{ClientOutcome, ClientRequest, CommandId};
    use raftdeck_protocol::ResponseBody;
    use raftdeck_raft::{LogId, NodeId};

    fn asked(at: u64, took: u64, op: ClientOp, answer: Answer) -> Update {
        let body = ResponseBody::Done { answer, at: LogId::default() };
        let outcome = ClientOutcome::Answered { node: NodeId(1), body };
        let request = ClientRequest::from(op);
        let took = Duration::from_millis(took);
        let what = News::Client { id: CommandId(at), request, outcome, took };
        Update { at: Duration::from_millis(at), seq: at, what }
    }

    #[test]
    fn requests_overlap_as_they_did_and_unrecorded_writes_are_in_doubt() {
        let get = || ClientOp::Read(Read::Get { key: "k".into() });
        let put = ClientOp::Write(Write::Put { key: "k".into(), value: "new".into() });
        let updates = [
            asked(10, 1, get(), Answer::Value(Some("old".into()))),
            asked(20, 5, get(), Answer::Value(Some("new".into()))),
            asked(21, 9, put, Answer::Stored),
        ];
        let history = recorded_history(&updates);
        assert_eq!(history.written, 4);
        let lines: Vec<&str> = history.text.lines().filter(|line| line.starts_with('{')).collect();
        assert_eq!(
            lines,
            [
                r#"{:process 0, :type :invoke, :f :put, :key "k", :value "old"}"#,
                r#"{:process 1, :type :invoke, :f :get, :key "k", :value nil}"#,
                r#"{:process 1, :type :ok, :f :get, :key "k", :value "old"}"#,
                r#"{:process 1, :type :invoke, :f :put, :key "k", :value "new"}"#,
                r#"{:process 2, :type :invoke, :f :get, :key "k", :value nil}"#,
                r#"{:process 2, :type :ok, :f :get, :key "k", :value "new"}"#,
                r#"{:process 1, :type :ok, :f :put, :key "k", :value "new"}"#,
            ]
        );
    }
}
