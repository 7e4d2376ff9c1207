//! A client: starts operations, sends requests, times out and retries what it may repeat. Its answers are judged
//! elsewhere.

use crate::rng::Rng;
use bytes::Bytes;
use raftdeck_check::OpId;
use raftdeck_protocol::kv::{NamedWrite, SessionWrite};
use raftdeck_protocol::{Answer, Consistency, Failure, Read, ResponseBody, SessionId, Write};
use raftdeck_raft::{MembershipChange, NodeId};

/// What is asked of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MemberRequest {
    Open,
    Write(Write),
    Session(SessionWrite),
    Named(NamedWrite),
    Read(Read, Consistency),
    /// Change the membership.
    Change(Vec<MembershipChange>),
    /// Hand the leadership over.
    Transfer(NodeId),
}

/// What comes back.
#[derive(Clone, Debug)]
pub(crate) enum MemberAnswer {
    Body(ResponseBody),
    /// Nobody was there: the request was not even sent.
    Refused,
    /// The member ended with the request under way.
    Lost,
}

/// What an operation is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Write(Write),
    Read(Read, Consistency),
}

/// An operation under way.
#[derive(Clone, Debug)]
pub(crate) struct Op {
    pub(crate) action: Action,
    /// The name under which it writes, with or without a session.
    pub(crate) name: Option<Bytes>,
    /// Its place in the history; stale reads have none.
    pub(crate) id: Option<OpId>,
    pub(crate) begun: u64,
    /// An earlier attempt may have happened, or may happen still.
    pub(crate) open: bool,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OperationEnd {
    Ok(Answer),
    Failed,
    Unknown,
}

/// What a client does next.
#[derive(Debug)]
pub(crate) enum NextAttempt {
    /// Asks again after this long.
    Again(u64),
    /// Its operation has ended.
    Over(Op, OperationEnd),
    /// Nothing: the answer was to an earlier attempt.
    Nothing,
}

/// What a client concentrates on, for a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientFocus {
    pub(crate) until: u64,
    /// It asks no other node.
    pub(crate) only: Option<NodeId>,
    /// It reads; else it writes.
    pub(crate) reads: bool,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    id: SessionId,
    /// The newest write's number.
    sequence: u64,
}

/// One client. It does one operation at a time.
#[derive(Debug)]
pub(crate) struct Client {
    rng: Rng,
    number: usize,
    keys: u64,
    nodes: u64,
    wants_session: bool,
    /// It mostly reads, always in the same way, and so stays with the node that answers.
    reads: Option<Consistency>,
    session: Option<Session>,
    target: NodeId,
    op: Option<Op>,
    /// Counts the attempts: answers to earlier ones no longer matter.
    pub(crate) attempt: u64,
    written: u64,
    named: u64,
    /// How many operations it begins without a rest.
    pub(crate) rush: u64,
    /// Nothing else matters to it now.
    pub(crate) care: Option<ClientFocus>,
    /// It starts operations only while it has a focus, and is away otherwise.
    pub(crate) is_guest: bool,
    /// After the faults: how many operations must succeed before it is content.
    pub(crate) wishes: Option<u64>,
}

/// How long it retries an operation while there are faults.
const ENOUGH: u64 = 3_000_000;

impl Client {
    pub(crate) fn new(seed: u64, number: usize, keys: u64, nodes: u64) -> Self {
        let mut rng = Rng::new(seed, 1000 + number as u64);
        Self {
            wants_session: rng.chance(500),
            reads: rng.pick(&[None, None, Some(Consistency::Lease), Some(Consistency::Linearizable)]),
            target: NodeId(1 + rng.below(nodes)),
            rng,
            number,
            keys,
            nodes,
            session: None,
            op: None,
            attempt: 0,
            written: 0,
            named: 0,
            rush: 0,
            care: None,
            is_guest: false,
            wishes: None,
        }
    }

    /// A client that is active only while it has a focus.
    pub(crate) fn guest(seed: u64, number: usize, keys: u64, nodes: u64) -> Self {
        Self { is_guest: true, wants_session: false, ..Self::new(seed, number, keys, nodes) }
    }

    /// Whether it has gone, or not come yet.
    pub(crate) fn is_away(&self, now: u64) -> bool {
        self.is_guest && self.op.is_none() && self.cares(now).is_none()
    }

    /// Whether it has nothing left to do.
    pub(crate) fn is_content(&self) -> bool {
        self.wishes == Some(0) && self.op.is_none()
    }

    pub(crate) fn mostly_reads(&self) -> bool {
        self.reads.is_some()
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.op.is_some()
    }

    /// What it waits for, for people.
    pub(crate) fn waits_for(&self) -> String {
        match &self.op {
            Some(Op { action: Action::Write(write), .. }) => write.to_string(),
            Some(Op { action: Action::Read(..), .. }) => "a read".to_owned(),
            None => format!("{} more operations", self.wishes.unwrap_or(0)),
        }
    }

    /// Begins an operation. Its place in the history is for the caller to set.
    pub(crate) fn begin(&mut self, now: u64) -> &mut Op {
        let care = self.cares(now);
        let key = if care.is_some() { 0 } else { self.rng.below(self.keys) };
        let key = Bytes::from(format!("k{key}"));
        let roll = match care {
            Some(ClientFocus { reads: true, .. }) => self.rng.pick(&[0, 250]),
            Some(_) => 900,
            // In the end every client reads what it can trust, and writes.
            None if self.wishes.is_some() => self.rng.pick(&[0, 900]),
            None => self.roll(),
        };
        let read = |consistency| Action::Read(Read::Get { key: key.clone() }, consistency);
        let action = match roll {
            0..250 => read(Consistency::Linearizable),
            250..380 => read(Consistency::Lease),
            380..430 => read(Consistency::Stale),
            430..500 => Action::Write(Write::Delete { key }),
            500..650 => {
                let expected = self.rng.chance(500).then(|| self.guess());
                let value = self.value();
                Action::Write(Write::CompareAndSet { key, expected, value })
            }
            _ => {
                let value = self.value();
                Action::Write(Write::Put { key, value })
            }
        };
        let name = matches!(action, Action::Write(_)).then(|| self.name()).flatten();
        if let Some(session) = &mut self.session
            && matches!(action, Action::Write(_))
            && name.is_none()
        {
            session.sequence += 1;
        }
        self.op.insert(Op { action, name, id: None, begun: now, open: false })
    }

    /// A share of the writes has a name, which is used for no other.
    fn name(&mut self) -> Option<Bytes> {
        let wants_name = self.rng.chance(250);
        self.named += u64::from(wants_name);
        wants_name.then(|| Bytes::from(format!("c{}-{}", self.number, self.named)))
    }

    /// What it concentrates on now.
    pub(crate) fn cares(&self, now: u64) -> Option<ClientFocus> {
        self.care.filter(|care| now < care.until)
    }

    /// How long it waits for an answer, if it is a special time.
    pub(crate) fn patience(&self, now: u64) -> Option<u64> {
        let care = self.cares(now)?;
        (!care.reads).then_some([20_000, 40_000, 80_000][self.number % 3])
    }

    fn roll(&mut self) -> u64 {
        match self.reads {
            Some(Consistency::Lease) if self.rng.chance(900) => 250,
            Some(_) if self.rng.chance(900) => 0,
            _ => self.rng.below(1000),
        }
    }

    /// Every value is written once, so that a read tells which write it saw.
    fn value(&mut self) -> Bytes {
        self.written += 1;
        let filling = self.rng.pick(&[0, 0, 0, 30, 300]);
        Bytes::from(format!("c{}-{}{}", self.number, self.written, ".".repeat(filling)))
    }

    fn guess(&mut self) -> Bytes {
        let newest = self.written;
        Bytes::from(format!("c{}-{}", self.number, 1 + self.rng.below(newest + 1)))
    }

    /// It heard of a leader.
    pub(crate) fn follow(&mut self, leader: NodeId) {
        self.target = leader;
    }

    /// The next attempt: its node, and its request.
    pub(crate) fn attempt(&mut self, now: u64) -> Option<(NodeId, MemberRequest)> {
        self.attempt += 1;
        if let Some(only) = self.cares(now).and_then(|care| care.only) {
            self.target = only;
        }
        let op = self.op.as_ref()?;
        let ask = match &op.action {
            Action::Read(read, consistency) => MemberRequest::Read(read.clone(), *consistency),
            Action::Write(write) if let Some(name) = &op.name => {
                MemberRequest::Named(NamedWrite { name: name.clone(), write: write.clone() })
            }
            Action::Write(_) if self.wants_session && self.session.is_none() => MemberRequest::Open,
            Action::Write(write) => match self.session {
                None => MemberRequest::Write(write.clone()),
                Some(Session { id, sequence }) => MemberRequest::Session(SessionWrite {
                    session: id,
                    sequence,
                    acknowledged: sequence - 1,
                    write: write.clone(),
                }),
            },
        };
        Some((self.target, ask))
    }

    /// Whether this request is to arrive once more, much later, as from a client that repeats itself.
    pub(crate) fn repeats(&mut self, ask: &MemberRequest) -> Option<u64> {
        let repeats =
            matches!(ask, MemberRequest::Session(_) | MemberRequest::Named(_)) && self.rng.chance(60);
        if repeats && let Some(op) = &mut self.op {
            op.open = true;
        }
        repeats.then(|| self.rng.below(600_000))
    }

    /// It waits no longer.
    pub(crate) fn give_up(&mut self, attempt: u64, now: u64) -> NextAttempt {
        if attempt != self.attempt || self.op.is_none() {
            return NextAttempt::Nothing;
        }
        self.ask_somebody_else();
        self.maybe(now)
    }

    /// An answer came.
    pub(crate) fn answered(&mut self, attempt: u64, answered: MemberAnswer, now: u64) -> NextAttempt {
        if attempt != self.attempt || self.op.is_none() {
            return NextAttempt::Nothing;
        }
        let failure = match answered {
            MemberAnswer::Refused => {
                self.ask_somebody_else();
                return self.again(5_000, now);
            }
            MemberAnswer::Lost => {
                self.ask_somebody_else();
                return self.maybe(now);
            }
            MemberAnswer::Body(ResponseBody::Done { answer: Answer::SessionOpened(id), .. }) => {
                self.session = Some(Session { id, sequence: 1 });
                return NextAttempt::Again(0);
            }
            MemberAnswer::Body(ResponseBody::Done { answer, .. }) => {
                return self.over(OperationEnd::Ok(answer));
            }
            MemberAnswer::Body(ResponseBody::Failed(failure)) => failure,
            MemberAnswer::Body(other) => panic!("{other:?} is no answer to a client's operation"),
        };
        if let (Failure::NotLeader { .. }, Some(care)) = (&failure, &mut self.care) {
            care.only = None;
            care.reads = self.is_guest;
        }
        match failure {
            Failure::NotLeader { leader: Some(leader), .. } => {
                self.target = leader;
                self.again(2_000, now)
            }
            Failure::NotLeader { leader: None, .. } | Failure::NotCaughtUp => {
                self.ask_somebody_else();
                self.again(20_000, now)
            }
            Failure::Busy if self.cares(now).is_some() => self.again(2_000, now),
            Failure::Busy | Failure::DiskStalled { .. } | Failure::Stopping => self.again(20_000, now),
            Failure::Unknown => self.maybe(now),
            Failure::SessionExpired => {
                self.session = None;
                let open = self.op.as_ref().is_some_and(|op| op.open);
                if open { self.over(OperationEnd::Unknown) } else { self.again(0, now) }
            }
            other => panic!("a client's operation failed for an unexpected reason: {other}"),
        }
    }

    /// The attempt may have happened.
    fn maybe(&mut self, now: u64) -> NextAttempt {
        let Some(op) = &mut self.op else { return NextAttempt::Nothing };
        let is_named = op.name.is_some();
        let repeatable = self.session.is_some() || self.wants_session || is_named;
        match op.action {
            Action::Read(..) => self.again(1_000, now),
            // Only a name or an open session makes it safe to ask again; an attempt to open one may always be repeated.
            Action::Write(_) if repeatable => {
                op.open |= self.session.is_some() || is_named;
                self.again(1_000, now)
            }
            Action::Write(_) => self.over(OperationEnd::Unknown),
        }
    }

    /// Asks again, unless it has had enough.
    fn again(&mut self, after: u64, now: u64) -> NextAttempt {
        let Some(op) = &self.op else { return NextAttempt::Nothing };
        if self.wishes.is_some() || now.saturating_sub(op.begun) < ENOUGH {
            return NextAttempt::Again(after + self.rng.below(after + 1));
        }
        let unknown = op.open && matches!(op.action, Action::Write(_));
        self.over(if unknown { OperationEnd::Unknown } else { OperationEnd::Failed })
    }

    fn over(&mut self, ended: OperationEnd) -> NextAttempt {
        let Some(op) = self.op.take() else { return NextAttempt::Nothing };
        if let Some(wishes) = &mut self.wishes
            && matches!(ended, OperationEnd::Ok(_))
        {
            *wishes = wishes.saturating_sub(1);
        }
        NextAttempt::Over(op, ended)
    }

    /// The nodes that its addresses name; some may not be running, which it finds out itself.
    fn ask_somebody_else(&mut self) {
        self.target = NodeId(1 + self.rng.below(self.nodes));
    }
}
