//! Presenter mode: the deck for a lecture hall. Fewer panes and larger signs, a remote's keys, a spotlight; and, with or without it, the
//! names of the keys hidden, so that the room has to think of them.

use crate::app::App;
use crate::app::scripted::{self, Scripted};
use raftdeck_model::{Order, Step};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::NodeId;
use std::time::Duration;

/// The state of presenter mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presenter {
    /// Whether it is on.
    pub is_on: bool,
    /// The node that is being talked about: the others are dimmed.
    pub spotlight: Option<NodeId>,
    /// Whether the names of keys are hidden.
    pub hides_keys: bool,
}

impl Presenter {
    /// Switches it on or off. The spotlight goes out.
    pub fn toggle(&mut self) {
        *self = Self { is_on: !self.is_on, spotlight: None, ..*self };
    }

    /// Turns the spotlight to a node; if it is there already, switches it off.
    pub(crate) fn shine(&mut self, id: NodeId) {
        if self.is_on {
            self.spotlight = Some(id).filter(|id| self.spotlight != Some(*id));
        }
    }

    /// Nodes that are gone are not talked about.
    pub(crate) fn keep(&mut self, known: impl Fn(NodeId) -> bool) {
        self.spotlight = self.spotlight.filter(|id| known(*id));
    }
}

/// A remote has two keys, which terminals see as page down and page up. Forward freezes time, then takes a step each time; a script
/// that waits goes on. Back lets time run again.
pub(crate) fn remote(app: &mut App, forward: bool, now: Duration) -> Option<Order> {
    if forward && app.scripted.as_ref().is_some_and(Scripted::waits) {
        scripted::resume(app);
        return None;
    }
    let is_frozen = app.clock.wished(now).is_frozen();
    let order = match (forward, is_frozen) {
        (true, true) => Order::Step(Step::Message),
        (true, false) => Order::SetRate(ClockRate::FROZEN),
        (false, true) => Order::SetRate(app.world.last_rate()),
        (false, false) => return None,
    };
    if let Order::SetRate(rate) = order {
        app.clock.ask(rate, now);
    }
    Some(order)
}
