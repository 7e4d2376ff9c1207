//! The deck's own client and those with names: each finds the leader, asks again, keeps a session, and never repeats
//! what may have happened in another way. They do what the async client crate does, in virtual time, with the same
//! errors.

use super::Live;
use super::agenda::AgendaItem;
use super::orders::Answer;
use super::single::Single;
use super::ways::{ClientPaths, HeldRequest};
use crate::client::{MemberAnswer, MemberRequest};
use crate::node::Input;
use crate::options::micros;
use raftdeck_model::{
    ClientName, ClientOp, ClientOutcome, ClientRequest, CommandId, MAX_CLIENTS, News, RequestFate,
};
use raftdeck_protocol::kv::SessionWrite;
use raftdeck_protocol::{Answer as StoreAnswer, Failure, Read, ResponseBody, SessionId};
use raftdeck_raft::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long the cluster may take for a request.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

/// A node that is stopped for this long after it was asked is silent.
const PATIENCE: Duration = Duration::from_millis(400);

/// The pauses between two rounds of asking all nodes.
const LEAST_PAUSE: u64 = 10_000;
const MOST_PAUSE: u64 = 100_000;

/// Requests under way that people asked.
const MAX_UNDER_WAY: usize = 64;

/// The name of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RequestId(u64);

/// The client of a request.
#[derive(Debug)]
pub(super) enum Asker {
    Request(RequestId),
    /// One node was asked, and no other.
    Single(Single),
    Change(u64),
}

/// The purpose of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum RequestPurpose {
    Command(CommandId),
    /// It ends when its client's session is open; its operation does not matter.
    Session(CommandId),
    Load(u64),
}

/// The outcome of a request.
pub(super) enum RequestOutcome {
    Done(NodeId, ResponseBody),
    /// Why not, and whether it may have happened.
    Failed(String, bool),
}

#[derive(Debug)]
struct Request {
    wanted: ClientRequest,
    purpose: RequestPurpose,
    begun: u64,
    deadline: Duration,
    /// The nodes asked in this round.
    round: BTreeSet<NodeId>,
    /// The probable leader.
    hint: Option<NodeId>,
    /// The request under way, and its node.
    asked: Option<(u64, NodeId)>,
    pause: u64,
    /// Its number in the session.
    slot: Option<u64>,
    trail: Trail,
}

/// What a request has met so far.
#[derive(Debug, Default)]
struct Trail {
    last: String,
    met: AttemptResult,
    /// An attempt was sent and not answered: what came in between.
    doubt: Option<String>,
}

#[derive(Debug, Default)]
enum AttemptResult {
    #[default]
    Nobody,
    Answer,
    Silence,
    /// This failure, which says all.
    Failure(Failure),
}

/// The client's session (thesis §6.3).
#[derive(Debug)]
struct Session {
    id: SessionId,
    newest: u64,
    /// Of the writes up to `newest`, those that may still be sent.
    open: BTreeSet<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Clients {
    /// Each, from when it is first named.
    pub(super) all: BTreeMap<ClientName, Client>,
    /// The client of each request.
    pub(super) asked: BTreeMap<u64, Asker>,
    questions: u64,
    requests: BTreeMap<RequestId, Request>,
    newest: u64,
    /// Requests that are kept on their way.
    pub(super) held: Vec<HeldRequest>,
    /// The requests whose answers were lost, and the nodes that answered.
    pub(super) lost: BTreeMap<u64, NodeId>,
}

/// What belongs to one client.
#[derive(Debug, Default)]
pub(super) struct Client {
    pub(super) ways: ClientPaths,
    session: Option<Session>,
    /// The client that opens a session, and the requests that wait for it.
    opening: Option<RequestId>,
    waiting: Vec<RequestId>,
}

impl Live {
    /// Has a client ask; the outcome is reported.
    pub(super) fn ask_store(&mut self, id: CommandId, request: ClientRequest) -> Answer {
        if let Err(why) = self.admit(&request.client).and_then(|()| self.has_room()) {
            return Some(Err(why));
        }
        match request.at {
            Some(node) => self.ask_at(id, node, request),
            None => self.request(request, RequestPurpose::Command(id), DEADLINE),
        }
        None
    }

    /// The deck's own client opens its session, unless it has one or is opening it.
    pub(super) fn open_session(&mut self, id: CommandId) -> Answer {
        if let Err(why) = self.has_room() {
            return Some(Err(why));
        }
        let own = self.clients.of(&ClientName::Own);
        if own.session.is_some() || own.opening.is_some() {
            return Some(Ok(()));
        }
        let any = ClientOp::Read(Read::Get { key: vec![0].into() });
        self.request(any.into(), RequestPurpose::Session(id), DEADLINE);
        None
    }

    /// Whether there is such a client, or room for one more.
    pub(super) fn admit(&mut self, client: &ClientName) -> Result<(), String> {
        let all = &mut self.clients.all;
        let is_new = *client != ClientName::Own && !all.contains_key(client);
        if is_new && all.keys().filter(|client| **client != ClientName::Own).count() >= MAX_CLIENTS {
            return Err(client.no_room());
        }
        all.entry(client.clone()).or_default();
        Ok(())
    }

    pub(super) fn has_room(&self) -> Result<(), String> {
        let requests = self.clients.requests.values();
        let by_people =
            requests.filter(|request| !matches!(request.purpose, RequestPurpose::Load(_))).count();
        let single = self.clients.asked.values().filter(|asker| matches!(asker, Asker::Single(_))).count();
        if by_people + single < MAX_UNDER_WAY {
            return Ok(());
        }
        Err(format!("{MAX_UNDER_WAY} requests are under way already: wait until one of them is answered"))
    }

    /// Asks one node. The client gets the answer, or the end of the node.
    pub(super) fn question(&mut self, node: NodeId, asker: Asker, ask: MemberRequest) -> u64 {
        self.clients.questions += 1;
        let question = self.clients.questions;
        let client = self.clients.client_of(&asker);
        self.clients.asked.insert(question, asker);
        match client {
            Some(client) if self.clients.gate(&client, node).holds => {
                self.clients.keep(HeldRequest { client, node, question, ask });
            }
            _ => self.deliver_question(node, question, ask),
        }
        question
    }

    /// A question arrives.
    pub(super) fn deliver_question(&mut self, node: NodeId, question: u64, ask: MemberRequest) {
        self.world.give(node, Input::Ask { client: 0, attempt: question, ask: Box::new(ask) });
    }

    /// An answer to a request of any client.
    pub(super) fn answered(&mut self, question: u64, node: NodeId, answer: MemberAnswer) {
        if self.clients.is_lost(question, node, &answer) {
            self.clients.lost.insert(question, node);
            return;
        }
        match self.clients.asked.remove(&question) {
            Some(Asker::Request(request)) => self.request_answered(request, question, node, answer),
            Some(Asker::Single(single)) => self.single_answered(single, node, answer),
            Some(Asker::Change(number)) => self.change_answered(number, node, answer),
            None => {}
        }
    }

    /// No client waits for the answer to a question any longer.
    pub(super) fn forget(&mut self, question: u64, node: NodeId) {
        if self.clients.asked.remove(&question).is_some() && self.world.serves(node) {
            self.world.give(node, Input::Cancel { client: 0, attempt: question });
        }
    }

    pub(super) fn tell_outcome(
        &mut self,
        id: CommandId,
        request: ClientRequest,
        outcome: ClientOutcome,
        begun: u64,
    ) {
        let took = Duration::from_micros(self.world.now - begun);
        self.tell(News::Client { id, request, outcome, took });
        self.answer(id, Ok(()));
    }

    /// Begins a request.
    pub(super) fn request(&mut self, wanted: ClientRequest, purpose: RequestPurpose, deadline: Duration) {
        self.clients.newest += 1;
        let id = RequestId(self.clients.newest);
        let (begun, hint) = (self.world.now, self.leader());
        let client = wanted.client.clone();
        let request = Request {
            wanted,
            purpose,
            begun,
            deadline,
            round: BTreeSet::new(),
            hint,
            asked: None,
            pause: LEAST_PAUSE,
            slot: None,
            trail: Trail::default(),
        };
        self.clients.requests.insert(id, request);
        let nobody_serves = self.reachable(&client).is_empty();
        if nobody_serves {
            let nodes: Vec<NodeId> = self.kept.keys().copied().collect();
            let reason = client.nobody_to_ask(nodes.into_iter().any(|node| self.world.serves(node)));
            return self.finish(id, RequestOutcome::Failed(reason, false));
        }
        self.agenda.at(begun + micros(deadline), AgendaItem::Deadline(id));
        self.go_on_asking(id);
    }

    /// The nodes that this client can ask.
    fn reachable(&mut self, client: &ClientName) -> Vec<NodeId> {
        let all: Vec<NodeId> = self.kept.keys().copied().collect();
        let Self { world, clients, .. } = self;
        all.into_iter().filter(|node| clients.reaches(client, *node) && world.serves(*node)).collect()
    }

    /// Asks the next node of this round; after the last one, waits for the next round.
    fn go_on_asking(&mut self, id: RequestId) {
        let Some(client) = self.clients.client_of_request(id) else { return };
        let nodes = self.reachable(&client);
        let now = self.world.now;
        let Some(request) = self.clients.requests.get_mut(&id) else { return };
        let is_left = |node: &NodeId| nodes.contains(node) && !request.round.contains(node);
        let hint = request.hint.take().filter(is_left);
        let Some(node) = hint.or_else(|| nodes.iter().copied().find(|node| is_left(node))) else {
            let pause = request.pause;
            request.pause = (pause * 2).min(MOST_PAUSE);
            let pause = pause / 2 + self.rng.below(pause / 2 + 1);
            return self.agenda.at(now + pause, AgendaItem::Again(id));
        };
        let Some(ask) = self.clients.ask_of(id) else { return };
        let question = self.question(node, Asker::Request(id), ask);
        if let Some(request) = self.clients.requests.get_mut(&id) {
            request.round.insert(node);
            request.asked = Some((question, node));
        }
        self.agenda.at(now + micros(PATIENCE), AgendaItem::Patience(id, question));
    }

    /// The next round begins.
    pub(super) fn ask_again(&mut self, id: RequestId) {
        let leader = self.leader();
        let Some(request) = self.clients.requests.get_mut(&id) else { return };
        request.round.clear();
        request.hint = leader;
        self.go_on_asking(id);
    }

    /// A stopped node, or one whose answers are lost, counts as silent; one that is only slow is waited for.
    pub(super) fn is_silent(&mut self, id: RequestId, question: u64) {
        let Some(request) = self.clients.requests.get_mut(&id) else { return };
        let Some((_, node)) = request.asked.filter(|(asked, _)| *asked == question) else { return };
        let client = request.wanted.client.clone();
        if !self.world.node(node).paused && !self.clients.gate(&client, node).is_mute() {
            self.agenda.at(self.world.now + micros(PATIENCE), AgendaItem::Patience(id, question));
            return;
        }
        let Some(request) = self.clients.requests.get_mut(&id) else { return };
        request.asked = None;
        request.doubt(format!("{node} is silent"));
        self.clients.asked.remove(&question);
        self.go_on_asking(id);
    }

    pub(super) fn out_of_time(&mut self, id: RequestId) {
        let Some(request) = self.clients.requests.get_mut(&id) else { return };
        if let Some((question, node)) = request.asked.take() {
            request.doubt(format!("{node} did not answer in time"));
            self.forget(question, node);
        }
        let Some(request) = self.clients.requests.get_mut(&id) else { return };
        let outcome = request.late();
        self.finish(id, outcome);
    }

    fn request_answered(&mut self, id: RequestId, question: u64, node: NodeId, answer: MemberAnswer) {
        let Some(request) = self.clients.requests.get_mut(&id) else { return };
        if request.asked.take_if(|(asked, _)| *asked == question).is_none() {
            return;
        }
        match answer {
            MemberAnswer::Refused | MemberAnswer::Lost => {
                request.doubt(format!("the connection to {node} broke while it was under way"));
            }
            MemberAnswer::Body(
                body @ ResponseBody::Done { answer: StoreAnswer::SessionOpened(session), .. },
            ) => {
                request.round.clear();
                request.hint = Some(node);
                let client = request.wanted.client.clone();
                let is_all = matches!(request.purpose, RequestPurpose::Session(_));
                self.session_is_open(&client, session);
                if is_all {
                    return self.finish(id, RequestOutcome::Done(node, body));
                }
            }
            MemberAnswer::Body(ResponseBody::Failed(failure)) => {
                if let Some(outcome) = self.clients.judge(id, node, failure) {
                    return self.finish(id, outcome);
                }
            }
            MemberAnswer::Body(body) => return self.finish(id, RequestOutcome::Done(node, body)),
        }
        self.go_on_asking(id);
    }

    fn session_is_open(&mut self, client: &ClientName, id: SessionId) {
        self.clients.of(client).session = Some(Session { id, newest: 0, open: BTreeSet::new() });
        self.nobody_opens(client);
    }

    /// The requests that waited for a session continue.
    fn nobody_opens(&mut self, client: &ClientName) {
        let client = self.clients.of(client);
        client.opening = None;
        for waiting in std::mem::take(&mut client.waiting) {
            self.ask_again(waiting);
        }
    }

    fn finish(&mut self, id: RequestId, outcome: RequestOutcome) {
        let Some(request) = self.clients.requests.remove(&id) else { return };
        let client = self.clients.of(&request.wanted.client);
        client.waiting.retain(|waiting| *waiting != id);
        if let (Some(session), Some(slot)) = (&mut client.session, request.slot) {
            session.open.remove(&slot);
        }
        if client.opening == Some(id) {
            self.nobody_opens(&request.wanted.client);
        }
        match request.purpose {
            RequestPurpose::Load(number) => self.load_ended(number, request.begun, &outcome),
            RequestPurpose::Session(command) => {
                let opened = match outcome {
                    RequestOutcome::Done(..) => Ok(()),
                    RequestOutcome::Failed(reason, _) => Err(format!("no session was opened: {reason}")),
                };
                self.answer(command, opened);
            }
            RequestPurpose::Command(command) => {
                let outcome = match outcome {
                    RequestOutcome::Done(node, body) => ClientOutcome::Answered { node, body },
                    RequestOutcome::Failed(reason, may_have_happened) => {
                        ClientOutcome::Failed { reason, fate: fate(may_have_happened) }
                    }
                };
                self.tell_outcome(command, request.wanted, outcome, request.begun);
            }
        }
    }
}

impl Clients {
    /// A client, from now on if it is new.
    pub(super) fn of(&mut self, client: &ClientName) -> &mut Client {
        self.all.entry(client.clone()).or_default()
    }

    /// Which client asks, if one does.
    pub(super) fn client_of(&self, asker: &Asker) -> Option<ClientName> {
        match asker {
            Asker::Request(id) => self.client_of_request(*id),
            Asker::Single(single) => single.client(),
            Asker::Change(_) => None,
        }
    }

    fn client_of_request(&self, id: RequestId) -> Option<ClientName> {
        Some(self.requests.get(&id)?.wanted.client.clone())
    }

    /// Which node the request asks at the moment, by which question.
    pub(super) fn asked_by(&self, id: RequestId) -> Option<(u64, NodeId)> {
        self.requests.get(&id)?.asked
    }

    /// What this request asks next; `None`: it waits for the session that another one opens.
    fn ask_of(&mut self, id: RequestId) -> Option<MemberRequest> {
        let request = self.requests.get_mut(&id)?;
        let write = match (request.purpose, &request.wanted.op) {
            (RequestPurpose::Session(_), _) => None,
            (_, ClientOp::Read(read)) => {
                return Some(MemberRequest::Read(read.clone(), request.wanted.consistency));
            }
            (_, ClientOp::Write(write)) => Some(write.clone()),
        };
        let client = self.all.entry(request.wanted.client.clone()).or_default();
        let Some(session) = &mut client.session else {
            if client.opening.is_some_and(|opening| opening != id) {
                client.waiting.push(id);
                return None;
            }
            client.opening = Some(id);
            return Some(MemberRequest::Open);
        };
        let write = write?;
        let sequence = *request.slot.get_or_insert_with(|| {
            session.newest += 1;
            session.open.insert(session.newest);
            session.newest
        });
        let acknowledged = session.open.first().map_or(session.newest, |first| first - 1);
        Some(MemberRequest::Session(SessionWrite { session: session.id, sequence, acknowledged, write }))
    }

    /// What it means that a node did not do what it was asked. `None`: ask again.
    fn judge(&mut self, id: RequestId, node: NodeId, failure: Failure) -> Option<RequestOutcome> {
        let request = self.requests.get_mut(&id)?;
        let says = format!("{node} says: {failure}");
        let met = match failure {
            Failure::NotLeader { leader, .. } => {
                request.hint = leader;
                AttemptResult::Answer
            }
            Failure::Unknown => {
                request.doubt(format!("{node} lost its leadership or was stopped while it was under way"));
                return None;
            }
            Failure::Stopping | Failure::NotInCluster(_) => AttemptResult::Answer,
            Failure::Busy | Failure::DiskStalled { .. } | Failure::NotCaughtUp => {
                AttemptResult::Failure(failure)
            }
            Failure::SessionExpired if request.slot.is_some() => {
                request.slot = None;
                self.all.entry(request.wanted.client.clone()).or_default().session = None;
                let doubt = request.trail.doubt.as_ref()?;
                let why = format!("{doubt}, and the session in which it could be retried has expired");
                return Some(unknown(&why));
            }
            Failure::Limit(limit) => return Some(RequestOutcome::Failed(limit.to_string(), false)),
            other => {
                return Some(RequestOutcome::Failed(format!("{node} refuses the request: {other}"), false));
            }
        };
        request.trail.last = says;
        request.trail.met = met;
        None
    }
}

impl Request {
    /// An attempt was sent, and its outcome is unknown.
    fn doubt(&mut self, why: String) {
        // To open one session too many does no harm.
        if self.slot.is_some() {
            self.trail.doubt = Some(why.clone());
        } else {
            self.trail.met = AttemptResult::Silence;
        }
        self.trail.last = why;
    }

    /// The outcome when its deadline has passed.
    fn late(&mut self) -> RequestOutcome {
        let Trail { last, met, doubt } = std::mem::take(&mut self.trail);
        if let Some(why) = doubt {
            return unknown(&why);
        }
        let last = if last.is_empty() { "no node was tried in time".to_owned() } else { last };
        let after = self.deadline.as_millis();
        let is_read = matches!(self.wanted.op, ClientOp::Read(_));
        let reason = match met {
            AttemptResult::Failure(failure) => failure.to_string(),
            AttemptResult::Silence if is_read => {
                format!("the read was not answered within {after} ms: {last}")
            }
            AttemptResult::Silence | AttemptResult::Answer => {
                format!("no leader was found within {after} ms (last: {last}); nothing was changed")
            }
            AttemptResult::Nobody => {
                format!("no node could be reached within {after} ms: {last}; nothing was changed")
            }
        };
        RequestOutcome::Failed(reason, false)
    }
}

pub(super) fn fate(may_have_happened: bool) -> RequestFate {
    if may_have_happened { RequestFate::InDoubt } else { RequestFate::NothingChanged }
}

fn unknown(why: &str) -> RequestOutcome {
    RequestOutcome::Failed(
        format!("the write may or may not have happened: {why}; read the key to find out"),
        true,
    )
}
