//! Between clients and members: requests on their way there, answers on their way back, and what clients make of them.

use crate::client::{Action, MemberAnswer, MemberRequest, NextAttempt, OperationEnd};
use crate::event::Event;
use crate::node::Input;
use crate::record::What;
use crate::world::World;
use raftdeck_raft::NodeId;

/// A client waits this long for an answer.
const PATIENCE: u64 = 700_000;

impl World<'_> {
    /// A client begins its next operation now, if it has none.
    pub(crate) fn hurry(&mut self, client: usize) {
        if !self.clients[client].is_busy() {
            let attempt = self.clients[client].attempt;
            let at = self.now + self.network.calm_delay();
            self.queue.at(at, Event::Client { client, attempt });
        }
    }

    /// The client's next attempt, or its next operation.
    pub(crate) fn client_goes_on(&mut self, number: usize, attempt: u64) {
        let now = self.now;
        let client = &mut self.clients[number];
        if attempt != client.attempt || client.is_content() || client.is_away(now) {
            return;
        }
        if !client.is_busy() {
            let op = client.begin(now);
            self.judge.began(number, op, now);
        }
        let leader = if self.clients[number].cares(now).is_some() { self.leader() } else { None };
        let client = &mut self.clients[number];
        if let Some(leader) = leader {
            client.follow(leader);
        }
        let Some((target, ask)) = client.attempt(now) else { return };
        let (attempt, again) = (client.attempt, client.repeats(&ask));
        let target = NodeId(target.0.clamp(1, self.nodes.len() as u64));
        self.show(None, || What::Asked { client: number, of: target.0, what: format!("{ask:?}") });
        let arrives = now + self.network.calm_delay();
        if let Some(after) = again {
            let (at, attempt, ask) = (arrives + after, u64::MAX, Box::new(ask.clone()));
            self.queue.at(at, Event::Ask { node: target, client: number, attempt, ask });
        }
        self.queue.at(arrives, Event::Ask { node: target, client: number, attempt, ask: Box::new(ask) });
        let patience = match self.clients[number].cares(now) {
            Some(_) => self.clients[number].patience(now).unwrap_or(PATIENCE),
            None if now < self.impatience.1 => self.impatience.0,
            None => PATIENCE,
        };
        self.queue.at(now + patience, Event::GiveUp { client: number, attempt });
    }

    /// A request arrives.
    pub(crate) fn asked(&mut self, node: NodeId, client: usize, attempt: u64, ask: Box<MemberRequest>) {
        if self.is_up(node) {
            self.give(node, Input::Ask { client, attempt, ask });
        } else {
            self.reply(node, (client, attempt), MemberAnswer::Refused);
        }
    }

    pub(crate) fn client_gives_up(&mut self, number: usize, attempt: u64) {
        let next = self.clients[number].give_up(attempt, self.now);
        if matches!(next, NextAttempt::Nothing) {
            return;
        }
        // Whoever goes away mostly closes its connection; the members notice, and forget.
        if self.rng.chance(500) {
            let waits = |input: &Input| matches!(input, Input::Ask { client, attempt: a, .. } if (*client, *a) == (number, attempt));
            let place = self.nodes.iter().find(|node| {
                node.process.as_ref().is_some_and(|process| {
                    let waiting = crate::node::Requester::Client { client: number, attempt };
                    process.waiting.values().any(|w| *w == waiting) || process.inbox.iter().any(waits)
                })
            });
            if let Some(id) = place.map(|node| node.id) {
                self.give(id, Input::Cancel { client: number, attempt });
            }
        }
        self.go_on_with(number, next);
    }

    pub(crate) fn answered(&mut self, number: usize, attempt: u64, answer: MemberAnswer) {
        let next = self.clients[number].answered(attempt, answer, self.now);
        self.go_on_with(number, next);
    }

    fn go_on_with(&mut self, number: usize, next: NextAttempt) {
        let now = self.now;
        match next {
            NextAttempt::Nothing => {}
            NextAttempt::Again(after) => {
                let attempt = self.clients[number].attempt;
                self.queue.at(now + after, Event::Client { client: number, attempt });
            }
            NextAttempt::Over(op, ended) => {
                self.show(None, || What::Answered { client: number, how: format!("{ended:?}") });
                let is_stale_refusal = op.id.is_none()
                    && matches!((&op.action, &ended), (Action::Read(..), OperationEnd::Failed));
                if !is_stale_refusal {
                    self.judge.ended(&op, ended, now);
                }
                let client = &mut self.clients[number];
                let rest = if client.rush > 0 {
                    client.rush -= 1;
                    0
                } else if let Some(care) = client.cares(now) {
                    self.rng.below(if care.reads { 40_000 } else { 5_000 })
                } else {
                    self.rng.below(self.setup.think + 1)
                };
                let attempt = client.attempt;
                self.queue.at(now + rest + 1, Event::Client { client: number, attempt });
            }
        }
    }
}
