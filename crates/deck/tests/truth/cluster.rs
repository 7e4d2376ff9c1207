//! Simulated clusters to which much happens, and what a viewer sees of them: all of it, or not all.

use crate::chance::Chance;
use crate::truth::History;
use raftdeck_model::{
    ClientOp, Command, CommandId, Delay, Disturbance, Effect, Matching, News, Order, Probability, Rule,
    Scope, Update,
};
use raftdeck_protocol::{DiskPace, Write};
use raftdeck_raft::NodeId;
use raftdeck_sim::{Live, LiveOptions};
use std::time::Duration;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// All links of a node, both ways.
fn links_of(node: u64, nodes: u64) -> Vec<(NodeId, NodeId)> {
    let others = (1..=nodes).filter(|other| *other != node);
    others.flat_map(|other| [(NodeId(node), NodeId(other)), (NodeId(other), NodeId(node))]).collect()
}

fn put(chance: &mut Chance) -> Order {
    let value = chance.below(100).to_string().into();
    Order::Client(ClientOp::Write(Write::Put { key: "color".into(), value }).into())
}

fn rule(effect: Effect, chance: &mut Chance, nodes: u64) -> Order {
    let scope = Scope::Of([NodeId(chance.below(nodes) + 1)].into());
    let rule = Rule { scope, matching: Matching::default(), effect };
    Order::Disturb(Disturbance::Rules { words: raftdeck_model::write::rule(&rule), rules: vec![rule] })
}

fn order(chance: &mut Chance, nodes: u64) -> Order {
    let node = NodeId(chance.below(nodes) + 1);
    match chance.below(30) {
        0..3 => Order::Kill(node),
        3..7 => Order::Restart(node),
        7 => Order::Pause(node),
        8..10 => Order::Resume(node),
        10..13 => Order::Cut(links_of(node.0, nodes)),
        13 => Order::Cut(links_of(node.0, nodes).into_iter().take(1).collect()),
        14..17 => Order::Heal,
        17 => Order::Transfer(node),
        18..20 => Order::Campaign(node),
        20 => Order::TimeOut(node),
        21 => Order::AddNode,
        22 => Order::RemoveNode(node),
        23 => rule(Effect::Lose(Probability(300_000)), chance, nodes),
        24 => rule(Effect::Delay(Delay::Fixed(millis(60))), chance, nodes),
        25 => Order::Disturb(Disturbance::PreVote(None, false)),
        26 => Order::Disturb(Disturbance::Disk(node, DiskPace::Stalled)),
        27 => Order::Workload(chance.below(2) == 0),
        _ => put(chance),
    }
}

/// What happens to a cluster in some seconds.
pub(crate) fn live(seed: u64) -> History {
    let mut chance = Chance(seed);
    let nodes = 2 * chance.below(2) + 3;
    let options =
        LiveOptions { snapshot_entries: Some(20), ..LiveOptions::new(u16::try_from(nodes).unwrap(), seed) };
    let mut live = Live::new(options);
    let mut history = History { updates: live.take(), orders: Vec::new() };
    let mut order_and_wait = |live: &mut Live, order: Order, pause: u64| {
        let id = CommandId(history.orders.len() as u64 + 1);
        history.orders.push((history.updates.len(), order.clone()));
        live.send(Command { id, what: order });
        live.run_until(live.now() + millis(pause));
        history.updates.extend(live.take());
    };
    order_and_wait(&mut live, put(&mut chance), 400);
    for _ in 0..30 {
        let order = order(&mut chance, nodes);
        let pause = chance.below(500);
        order_and_wait(&mut live, order, pause);
    }
    order_and_wait(&mut live, Order::Heal, 200);
    for node in 1..=nodes {
        order_and_wait(&mut live, Order::Restart(NodeId(node)), 10);
    }
    order_and_wait(&mut live, Order::Workload(true), 800);
    order_and_wait(&mut live, Order::Workload(false), 4000);
    history
}

/// An update as a viewer gets it, and its place in the history.
pub(crate) struct Seen {
    pub(crate) update: Update,
    pub(crate) place: usize,
    /// How many updates were lost just before it, of which nothing else tells.
    pub(crate) lost: u64,
}

/// How updates are lost.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    Nothing,
    /// The viewer comes late.
    Beginning,
    /// Their numbers are missing.
    Silently,
    /// A node's events are lost on their way to the source, which says so.
    AtTheSource,
    /// Too many updates wait for the viewer: events are counted, and all that is lost leaves a gap in the numbers.
    AtTheViewer,
}

impl Loss {
    pub(crate) const ALL: [Self; 5] =
        [Self::Nothing, Self::Beginning, Self::Silently, Self::AtTheSource, Self::AtTheViewer];
}

/// What a viewer sees of a history.
pub(crate) fn seen(history: &History, loss: Loss, chance: &mut Chance) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    let (mut place, mut renumbered) = (0, 0);
    if matches!(loss, Loss::Beginning) {
        place = usize::try_from(chance.below(history.updates.len() as u64 / 2)).unwrap();
    }
    let mut missing = place as u64;
    while let Some(update) = history.updates.get(place) {
        let is_gap = chance.below(12) == 0;
        // Two gaps in a row are one.
        let follows = seen.last().is_some_and(|last| last.update.seq + 1 == update.seq);
        let run = usize::try_from(chance.below(30)).unwrap() + 1;
        let end = history.updates.len().min(place + run);
        let gap = &history.updates[place..end];
        match (loss, &update.what) {
            (Loss::Silently, _) if is_gap => {
                missing += gap.len() as u64;
                place = end;
                continue;
            }
            (Loss::AtTheViewer, News::Trace { node, .. }) if is_gap && follows => {
                let is_of = |update: &&Update| matches!(&update.what, News::Trace { node: other, .. } if other == node);
                let count = gap.iter().filter(is_of).count() as u64;
                let missed =
                    Update { at: update.at, seq: update.seq - 1, what: News::Missed { node: *node, count } };
                seen.push(Seen { update: missed, place, lost: 0 });
                missing += gap.len() as u64 - count;
                place = end;
                continue;
            }
            (Loss::AtTheSource, News::Trace { node, .. }) if is_gap => {
                // Just this event, and perhaps its neighbours of the same node.
                let is_of = |update: &&Update| matches!(&update.what, News::Trace { node: other, .. } if other == node);
                let count = gap.iter().take_while(is_of).count();
                renumbered += count as u64 - 1;
                let what = News::Missed { node: *node, count: count as u64 };
                let seq = update.seq + count as u64 - 1 - renumbered;
                seen.push(Seen { update: Update { at: update.at, seq, what }, place, lost: 0 });
                place += count;
                continue;
            }
            _ => {}
        }
        let seq = update.seq - renumbered;
        seen.push(Seen {
            update: Update { seq, ..update.clone() },
            place,
            lost: std::mem::take(&mut missing),
        });
        place += 1;
    }
    seen
}
