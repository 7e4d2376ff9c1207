//! The paths between clients and nodes: which nodes each client reaches, and the faults in between. As in the lab,
//! connections are made and sessions are opened although answers are lost.

use super::Live;
use super::client::{Asker, Clients};
use crate::client::{MemberAnswer, MemberRequest};
use crate::node::Input;
use raftdeck_model::{ClientLinkFault, ClientName, Disturbance};
use raftdeck_protocol::{Answer, ResponseBody};
use raftdeck_raft::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// The most requests that are kept on their way. More are lost, and their clients hear nothing of them.
const MAX_HELD: usize = 4096;

/// The ways of one client.
#[derive(Debug, Default)]
pub(super) struct ClientPaths {
    /// It reaches only these nodes; `None`: all.
    reach: Option<BTreeSet<NodeId>>,
    /// What is in force, where anything is.
    gates: BTreeMap<NodeId, PathRules>,
}

/// What is in force on a way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PathRules {
    /// Connections break, and none comes about.
    cut: bool,
    /// Requests are kept.
    pub(super) holds: bool,
    /// Answers are lost.
    loses_answers: bool,
}

/// A request that is kept on its way.
#[derive(Debug)]
pub(super) struct HeldRequest {
    pub(super) client: ClientName,
    pub(super) node: NodeId,
    pub(super) question: u64,
    pub(super) ask: MemberRequest,
}

impl PathRules {
    /// Whether nothing is heard of the node.
    pub(super) fn is_mute(self) -> bool {
        self.holds || self.loses_answers
    }
}

impl ClientPaths {
    fn of<'a>(faults: impl Iterator<Item = &'a Disturbance>) -> Self {
        let mut ways = Self::default();
        for fault in faults {
            match fault {
                Disturbance::ClientAt(_, nodes) => ways.reach = Some(nodes.clone()),
                Disturbance::ClientLinks(_, nodes, fault) => {
                    for &node in nodes {
                        let gate = ways.gates.entry(node).or_default();
                        match fault {
                            ClientLinkFault::Cut => gate.cut = true,
                            ClientLinkFault::Hold => gate.holds = true,
                            ClientLinkFault::LoseAnswers => gate.loses_answers = true,
                        }
                    }
                }
                _ => {}
            }
        }
        ways
    }

    fn gate(&self, node: NodeId) -> PathRules {
        self.gates.get(&node).copied().unwrap_or_default()
    }
}

impl Clients {
    /// What is in force between a client and a node.
    pub(super) fn gate(&self, client: &ClientName, node: NodeId) -> PathRules {
        self.all.get(client).map_or_else(PathRules::default, |client| client.ways.gate(node))
    }

    /// Whether the client can ask the node.
    pub(super) fn reaches(&self, client: &ClientName, node: NodeId) -> bool {
        let Some(client) = self.all.get(client) else { return true };
        let is_there = client.ways.reach.as_ref().is_none_or(|reach| reach.contains(&node));
        is_there && !client.ways.gate(node).cut
    }

    /// A request is kept on its way.
    pub(super) fn keep(&mut self, held: HeldRequest) {
        if self.held.len() < MAX_HELD {
            self.held.push(held);
        }
    }

    /// Whether this answer is lost on its way.
    pub(super) fn is_lost(&self, question: u64, node: NodeId, answer: &MemberAnswer) -> bool {
        let opens_session =
            |body: &ResponseBody| matches!(body, ResponseBody::Done { answer: Answer::SessionOpened(_), .. });
        let MemberAnswer::Body(body) = answer else { return false };
        let client = self.asked.get(&question).and_then(|asker| self.client_of(asker));
        client.is_some_and(|client| self.gate(&client, node).loses_answers) && !opens_session(body)
    }

    /// The questions whose connections break: on ways that are cut, and those whose answers were lost where answers come again, as
    /// their clients would wait for those as long as they hear of the nodes.
    fn broken(&mut self) -> Vec<(u64, NodeId)> {
        let asked = &self.asked;
        self.lost.retain(|question, _| asked.contains_key(question));
        let node_of = |question: u64, asker: &Asker| match asker {
            Asker::Request(id) => {
                self.asked_by(*id).filter(|(asked, _)| *asked == question).map(|(_, node)| node)
            }
            Asker::Single(single) => Some(single.node()),
            Asker::Change(_) => None,
        };
        let is_heard = |(question, node): (&u64, &NodeId)| {
            let client = self.client_of(self.asked.get(question)?)?;
            (!self.gate(&client, *node).loses_answers).then_some((*question, *node))
        };
        let heard: Vec<_> = self.lost.iter().filter_map(is_heard).collect();
        let under_way = self.asked.iter().filter_map(|(&question, asker)| {
            let (client, node) = (self.client_of(asker)?, node_of(question, asker)?);
            self.gate(&client, node).cut.then_some((question, node))
        });
        under_way.chain(heard).collect()
    }
}

impl Live {
    /// Clients are where the ledger says, and their ways as it says.
    pub(super) fn place_clients(&mut self) {
        let faults = self.ledger.all();
        for (name, client) in &mut self.clients.all {
            let of_client = faults.iter().filter(|fault| fault.what.client() == Some(name));
            client.ways = ClientPaths::of(of_client.map(|fault| &fault.what));
        }
        let held = std::mem::take(&mut self.clients.held);
        let (kept, free): (Vec<HeldRequest>, Vec<HeldRequest>) = held.into_iter().partition(|held| {
            let gate = self.clients.gate(&held.client, held.node);
            gate.holds && !gate.cut
        });
        self.clients.held = kept;
        for (question, node) in self.clients.broken() {
            if self.world.serves(node) {
                self.world.give(node, Input::Cancel { client: 0, attempt: question });
            }
            self.answered(question, node, MemberAnswer::Lost);
        }
        for HeldRequest { client, node, question, ask } in free {
            if !self.clients.gate(&client, node).cut {
                self.deliver_question(node, question, ask);
            }
        }
    }

    /// A node has ended: the connections on which requests to it are kept break.
    pub(super) fn break_held(&mut self, node: NodeId) {
        let held = std::mem::take(&mut self.clients.held);
        let (broken, kept): (Vec<HeldRequest>, Vec<HeldRequest>) =
            held.into_iter().partition(|held| held.node == node);
        self.clients.held = kept;
        for HeldRequest { question, .. } in broken {
            self.answered(question, node, MemberAnswer::Lost);
        }
    }
}
