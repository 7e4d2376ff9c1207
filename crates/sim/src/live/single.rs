//! Requests to one node without retries: a read at a node, and a write that is sent to one.

use super::Live;
use super::agenda::AgendaItem;
use super::client::{Asker, DEADLINE, fate};
use super::orders::Answer;
use crate::client::{MemberAnswer, MemberRequest};
use crate::options::micros;
use raftdeck_model::{ClientName, ClientOp, ClientOutcome, ClientRequest, CommandId, RequestFate};
use raftdeck_protocol::Write;
use raftdeck_raft::NodeId;

/// What one node was asked.
#[derive(Debug)]
pub(super) struct Single {
    command: CommandId,
    request: ClientRequest,
    node: NodeId,
    begun: u64,
    /// No client is in between: nothing is done to the question on its way.
    is_direct: bool,
}

impl Single {
    /// The client whose paths it uses.
    pub(super) fn client(&self) -> Option<ClientName> {
        (!self.is_direct).then(|| self.request.client.clone())
    }

    /// Which node is asked.
    pub(super) fn node(&self) -> NodeId {
        self.node
    }

    /// There is no answer: why.
    fn failed(&self, why: &str) -> ClientOutcome {
        let is_write = matches!(self.request.op, ClientOp::Write(_));
        let end = if is_write { "; the write may have happened" } else { "" };
        ClientOutcome::Failed { reason: format!("{} {why}{end}", self.node), fate: fate(is_write) }
    }
}

impl Live {
    /// Has a client ask one node.
    pub(super) fn ask_at(&mut self, command: CommandId, node: NodeId, request: ClientRequest) {
        let why = if !self.world.serves(node) {
            format!("{node} is not running")
        } else if !self.clients.reaches(&request.client, node) {
            format!("{} does not reach {node}", request.client)
        } else {
            return self.ask_single(command, node, request, false);
        };
        let outcome = ClientOutcome::Failed { reason: why, fate: RequestFate::NothingChanged };
        self.tell_outcome(command, request, outcome, self.world.now);
    }

    /// Hands a write to one node, once and without a session.
    pub(super) fn propose(&mut self, command: CommandId, node: NodeId, write: Write) -> Answer {
        if let Err(why) = self.has_room() {
            return Some(Err(why));
        }
        if !self.world.serves(node) {
            return Some(Err(format!("{node} is not running and accepts no writes")));
        }
        let request = ClientRequest { at: Some(node), ..ClientOp::Write(write).into() };
        self.ask_single(command, node, request, true);
        None
    }

    fn ask_single(&mut self, command: CommandId, node: NodeId, request: ClientRequest, is_direct: bool) {
        let ask = match &request.op {
            ClientOp::Write(write) => MemberRequest::Write(write.clone()),
            ClientOp::Read(read) => MemberRequest::Read(read.clone(), request.consistency),
        };
        let single = Single { command, request, node, begun: self.world.now, is_direct };
        let question = self.question(node, Asker::Single(single), ask);
        self.agenda.at(self.world.now + micros(DEADLINE), AgendaItem::SingleLate(question));
    }

    pub(super) fn single_answered(&mut self, single: Single, node: NodeId, answer: MemberAnswer) {
        let outcome = match answer {
            MemberAnswer::Body(body) => ClientOutcome::Answered { node, body },
            MemberAnswer::Refused | MemberAnswer::Lost => {
                single.failed("closed the connection before it answered")
            }
        };
        self.tell_outcome(single.command, single.request, outcome, single.begun);
    }

    pub(super) fn single_is_late(&mut self, question: u64) {
        let Some(Asker::Single(single)) = self.clients.asked.remove(&question) else { return };
        let outcome = single.failed("does not answer");
        self.tell_outcome(single.command, single.request, outcome, single.begun);
    }
}
