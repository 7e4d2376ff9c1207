//! Judges a recording by what it tells, without the simulator's own judge: the nodes' traces by Raft's safety properties, and the
//! clients' requests by linearizability.

use raftdeck_check::{
    History, Observation, OpId, Operation, OperationOutcome, Property, SafetyChecker, Verdict,
    check_linearizable,
};
use raftdeck_model::{ClientOp, ClientRequest, News, StoreOutcome, Update};
use raftdeck_protocol::Consistency;
use std::collections::BTreeMap;
use std::time::Duration;

/// The beginning of a reported violation.
pub(crate) const VIOLATED: &str = "a property is violated (";

/// The name of the property that the clients' requests are judged by.
const LINEARIZABILITY: &str = "linearizability";

/// Steps that the search for an order of the requests may take at a key.
const SEARCH: u64 = 1_000_000;

/// A violated property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    /// After how many updates it is found.
    pub(crate) place: usize,
    pub(crate) property: String,
    pub(crate) sentence: String,
}

/// The first violation that is reported in the updates.
pub(crate) fn reported(updates: &[Update]) -> Option<Judged> {
    updates.iter().zip(1..).find_map(|(update, place)| {
        let News::Trouble { reason } = &update.what else { return None };
        let (property, sentence) = reason.strip_prefix(VIOLATED)?.split_once("): ")?;
        Some(Judged { place, property: property.to_owned(), sentence: sentence.to_owned() })
    })
}

/// The first violation that can be seen in the updates.
pub(crate) fn judged(updates: &[Update]) -> Option<Judged> {
    let found = [by_traces(updates), by_states(updates), by_answers(updates)];
    found.into_iter().flatten().min_by_key(|judged| judged.place)
}

/// The first violation of a safety property by the nodes' traces. What is on their disks is not among them.
fn by_traces(updates: &[Update]) -> Option<Judged> {
    let mut checker = SafetyChecker::default();
    updates.iter().zip(1..).find_map(|(update, place)| {
        let (node, observation) = match &update.what {
            News::Trace { node, trace } => (*node, Observation::Trace(trace.clone())),
            News::Process { node, state } if state.is_down() => (*node, Observation::Stopped),
            _ => return None,
        };
        let found = checker.observe(micros(update.at), node, &observation).err()?;
        Some(Judged { place, property: found.property.to_string(), sentence: found.sentence })
    })
}

/// The first status that shows another state than an earlier one after the same entry.
fn by_states(updates: &[Update]) -> Option<Judged> {
    let mut states = BTreeMap::new();
    updates.iter().zip(1..).find_map(|(update, place)| {
        let News::Status { node, status } = &update.what else { return None };
        let (applied, hash) = (status.raft.applied.copied()?, status.state_hash.copied()?);
        let (first_hash, first) = *states.entry(applied).or_insert((hash, *node));
        let property = Property::EqualStates.to_string();
        let sentence = format!("{node}'s state after entry {applied} is not the same as {first}'s");
        (first_hash != hash).then_some(Judged { place, property, sentence })
    })
}

/// A request with an outcome: after how many updates that came, when the request was sent, and when the outcome came.
struct Request<'a> {
    place: usize,
    sent: Duration,
    ended: Duration,
    asked: &'a ClientRequest,
    outcome: StoreOutcome<'a>,
}

/// The first answer after which no order of the requests explains all answers.
fn by_answers(updates: &[Update]) -> Option<Judged> {
    let mut requests: Vec<Request> = updates.iter().zip(1..).filter_map(request).collect();
    let mut places: Vec<usize> = requests.iter().map(|request| request.place).collect();
    places.sort_unstable();
    requests.sort_by_key(|request| (request.sent, request.place));
    places.into_iter().find_map(|place| {
        let (history, clients) = history(&requests, place);
        let Verdict::Violation { mut sentence, .. } = check_linearizable(&history, SEARCH) else {
            return None;
        };
        for (client, number) in clients {
            let name = if client.is_empty() { "the client" } else { client.trim() };
            sentence = sentence.replace(&format!("client {number}'s"), &format!("{name}'s"));
        }
        Some(Judged { place, property: LINEARIZABILITY.to_owned(), sentence })
    })
}

fn request((update, place): (&Update, usize)) -> Option<Request<'_>> {
    let News::Client { request: asked, outcome, took, .. } = &update.what else { return None };
    let sent = update.at.saturating_sub(*took);
    Some(Request { place, sent, ended: update.at, asked, outcome: outcome.judged() })
}

/// All that was sent before the answer at this place, and the answers up to it. The clients, each with its number.
fn history(requests: &[Request], place: usize) -> (History, BTreeMap<String, u64>) {
    let mut history = History::default();
    let mut clients = BTreeMap::new();
    let mut open = Vec::new();
    let until = requests.iter().find(|request| request.place == place).map(|last| last.ended);
    for request in requests.iter().filter(|request| Some(request.sent) <= until) {
        let operation = match &request.asked.op {
            ClientOp::Write(write) => Operation::Write(write.clone()),
            ClientOp::Read(_) if request.asked.consistency == Consistency::Stale => continue,
            ClientOp::Read(read) => Operation::Read(read.clone()),
        };
        // What is sent at the time of an answer may have been sent before it.
        complete(&mut history, &mut open, Some(request.sent), place);
        let next = clients.len() as u64;
        let client = *clients.entry(request.asked.client.prefix()).or_insert(next);
        open.push((history.invoke(client, operation, micros(request.sent)), request));
    }
    complete(&mut history, &mut open, None, place);
    (history, clients)
}

type Open<'a> = Vec<(OpId, &'a Request<'a>)>;

/// Answers what was answered before this time, and no later than at the place.
fn complete(history: &mut History, open: &mut Open, before: Option<Duration>, place: usize) {
    open.sort_by_key(|(_, request)| request.place);
    let is_due =
        |request: &Request| request.place <= place && before.is_none_or(|before| request.ended < before);
    for (id, request) in open.extract_if(.., |(_, request)| is_due(request)) {
        let outcome = match &request.outcome {
            StoreOutcome::Done(answer) => OperationOutcome::Ok((*answer).clone()),
            StoreOutcome::Refused(_) => OperationOutcome::Failed,
            StoreOutcome::InDoubt(_) => OperationOutcome::Unknown,
        };
        history.complete(id, outcome, micros(request.ended));
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
