//! Which order is carried out where.

use super::Live;
use raftdeck_model::{CommandId, Disturbance, News, Order, SEEK_NEEDS_RECORDING};
use raftdeck_protocol::LogLine;
use raftdeck_protocol::request::{MAX_LOG_LINES, describe};
use raftdeck_raft::{LogIndex, NodeId};

/// The outcome of an order; `None`: it is under way, and is answered when it has ended.
pub(super) type Answer = Option<Result<(), String>>;

impl Live {
    pub(super) fn carry_out(&mut self, id: CommandId, order: Order) -> Answer {
        if let Some(stranger) = about(&order).filter(|node| !self.kept.contains_key(node)) {
            return Some(Err(format!("there is no {stranger} in this cluster")));
        }
        Some(match order {
            Order::Kill(node) => self.kill(node),
            Order::Stop(node) => self.stop(node),
            Order::Restart(node) => self.restart(node),
            Order::Wipe(node) => self.wipe(node),
            Order::WipeUnsafe(node) => self.wipe_unsafe(node),
            Order::LoseTail(node, bytes) => self.lose_tail(node, bytes),
            Order::Pause(node) => self.disturb(Disturbance::Paused(node)),
            Order::Resume(node) => self.resume(node),
            Order::Slow(node, percent) => self.disturb(Disturbance::Slowed(node, percent)),
            Order::FillDisk(node, bytes) => self.disturb(Disturbance::DiskFull(node, bytes)),
            Order::Cut(pairs) => self.cut(&pairs),
            Order::Mend(pairs) => self.mend(&pairs),
            Order::Disturb(what) => self.disturb(what),
            Order::Undo(which) => self.undo(which),
            Order::Heal => self.heal(),
            Order::Release(which) => self.release(&which),
            Order::Drop(which) => self.lose(&which),
            Order::Seed(seed) => {
                self.traffic.seed(seed);
                Ok(())
            }
            Order::SetRate(rate) => {
                self.set_rate(rate);
                Ok(())
            }
            Order::Seek(_) => Err(SEEK_NEEDS_RECORDING.to_owned()),
            Order::Step(step) => return self.step(id, step),
            Order::Client(request) => return self.ask_store(id, request),
            Order::OpenSession => return self.open_session(id),
            Order::Propose(node, write) => return self.propose(id, node, write),
            Order::FetchLog { node, first, limit } => self.fetch_log(node, first, limit),
            Order::Refresh => {
                self.refresh_soon(id);
                return None;
            }
            Order::AddNode => return self.add_node(id, true),
            Order::AddLearner => return self.add_node(id, false),
            Order::Promote(node) => return self.promote(id, node),
            Order::RemoveNode(node) => return self.remove_node(id, node),
            Order::ReplaceNode(node) => return self.replace_node(id, node),
            Order::Transfer(node) => return self.transfer(id, node),
            Order::Campaign(node) => self.campaign(node),
            Order::TimeOut(node) => self.time_out(node),
            Order::SkewClock(node, by) => self.skew(node, by),
            Order::Workload(on) => return self.switch_workload(id, on),
        })
    }

    /// Tells a part of a node's log.
    fn fetch_log(&mut self, node: NodeId, first: LogIndex, limit: u32) -> Result<(), String> {
        let at = self.world.now;
        let kept = self.world.node(node);
        if kept.paused {
            return Err(format!("the log of {node} cannot be fetched: it does not answer"));
        }
        let now = kept.clock.now(at);
        let Some(process) = &kept.process else {
            return Err(format!("{node} cannot be asked for its log now"));
        };
        let limit = usize::try_from(limit.min(MAX_LOG_LINES)).unwrap_or(usize::MAX);
        let begin = process.replica.status(now).purged.next();
        let entries = process.replica.entries(first.max(begin), limit);
        let lines = entries.map(|entry| LogLine { id: entry.id, text: describe(&entry.payload) }).collect();
        self.tell(News::Log { node, lines });
        Ok(())
    }
}

/// The node that an order concerns. Those of disturbances are looked at where these come into force.
fn about(order: &Order) -> Option<NodeId> {
    match order {
        Order::Kill(node)
        | Order::Stop(node)
        | Order::Restart(node)
        | Order::Wipe(node)
        | Order::WipeUnsafe(node)
        | Order::LoseTail(node, _)
        | Order::Resume(node)
        | Order::Propose(node, _)
        | Order::FetchLog { node, .. }
        | Order::Promote(node)
        | Order::RemoveNode(node)
        | Order::ReplaceNode(node)
        | Order::Transfer(node)
        | Order::Campaign(node)
        | Order::TimeOut(node)
        | Order::SkewClock(node, _) => Some(*node),
        Order::Client(request) => request.at,
        Order::Pause(_)
        | Order::Slow(..)
        | Order::FillDisk(..)
        | Order::Cut(_)
        | Order::Mend(_)
        | Order::Heal
        | Order::OpenSession
        | Order::Refresh
        | Order::AddNode
        | Order::AddLearner
        | Order::Workload(_)
        | Order::Disturb(_)
        | Order::Undo(_)
        | Order::Release(_)
        | Order::Drop(_)
        | Order::SetRate(_)
        | Order::Step(_)
        | Order::Seek(_)
        | Order::Seed(_) => None,
    }
}
