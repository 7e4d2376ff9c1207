//! What is in force at a link or at a node, in as few characters as a label in the ring has.

use crate::view::labels::span;
use raftdeck_model::{Delay, Disturbance, Effect, Matching, Probability, Rule, World, write};
use raftdeck_protocol::DiskPace;
use raftdeck_raft::NodeId;

/// What the rules in force do to messages from one node to another, besides cutting the link: `+50 ms, 30% lost`, `refused`.
pub(crate) fn of_link(world: &World, from: NodeId, to: NodeId) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    for rule in rules(world).filter(|rule| rule.scope.covers(from, to)) {
        // A cut link has its sign.
        let Some(text) = of_rule(rule) else { continue };
        if !words.contains(&text) {
            words.push(text);
        }
    }
    (!words.is_empty()).then(|| words.join(", "))
}

/// What is in force at a node, besides what its role says already: `cut off, disk +20 ms`.
pub(crate) fn of_node(world: &World, id: NodeId) -> Option<String> {
    let cut_off = world.is_isolated(id).then(|| "cut off".to_owned());
    let own = world.in_force().iter().filter_map(|fault| of_disturbance(&fault.what, id));
    let words: Vec<String> = cut_off.into_iter().chain(own).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn rules(world: &World) -> impl Iterator<Item = &Rule> {
    world.in_force().iter().flat_map(|fault| match &fault.what {
        Disturbance::Rules { rules, .. } => rules.as_slice(),
        _ => &[],
    })
}

fn of_rule(rule: &Rule) -> Option<String> {
    let which = kinds(&rule.matching);
    let what = match &rule.effect {
        Effect::Cut if rule.matching == Matching::default() => return None,
        Effect::Cut => "lost".to_owned(),
        Effect::Refuse => "refused".to_owned(),
        Effect::Delay(delay) => late(*delay),
        Effect::Lose(chance) => format!("{} lost", write::probability(*chance)),
        Effect::Duplicate(chance) => format!("{} twice", write::probability(*chance)),
        Effect::Reorder(chance, _) => format!("{} out of order", write::probability(*chance)),
        Effect::Limit(bytes) => format!("{}/s", write::size(*bytes)),
        Effect::Hold => "held".to_owned(),
    };
    Some(format!("{which}{what}"))
}

/// The kinds that a rule is about, if it is not about all messages.
fn kinds(matching: &Matching) -> String {
    match matching.kinds.first() {
        Some(kind) if matching.kinds.len() == 1 => format!("{} ", kind.name()),
        None if *matching == Matching::default() => String::new(),
        _ => "some ".to_owned(),
    }
}

fn late(delay: Delay) -> String {
    match delay {
        Delay::Fixed(time) => format!("+{}", span(time)),
        Delay::Uniform(least, most) => format!("+{} to {}", span(least), span(most)),
        Delay::Normal(mean, deviation) => format!("+{} ±{}", span(mean), span(deviation)),
    }
}

fn of_disturbance(what: &Disturbance, id: NodeId) -> Option<String> {
    if !what.nodes().contains(&id) {
        return None;
    }
    Some(match what {
        Disturbance::Slowed(_, percent) => format!("slow, {percent}% paused"),
        Disturbance::DiskFull(..) => "disk full".to_owned(),
        Disturbance::Disk(_, DiskPace::Delayed(delay)) => format!("disk +{}", span(*delay)),
        Disturbance::Disk(_, DiskPace::Stalled) => "disk stalls".to_owned(),
        Disturbance::Clock(_, factor) => {
            format!("clock {}", write::probability(Probability(factor.millionths())))
        }
        Disturbance::PreVote(_, false) => "no PreVote".to_owned(),
        Disturbance::CheckQuorum(_, false) => "no CheckQuorum".to_owned(),
        Disturbance::Timeouts(_, least, most) => format!("timeout {} to {}", span(*least), span(*most)),
        Disturbance::Heartbeat(_, interval) => format!("heartbeat {}", span(*interval)),
        Disturbance::ClientLinks(..) => "clients cut".to_owned(),
        // Its state says this.
        Disturbance::Paused(_)
        | Disturbance::Disk(_, DiskPace::Free)
        | Disturbance::PreVote(_, true)
        | Disturbance::CheckQuorum(_, true)
        | Disturbance::ClientAt(..)
        | Disturbance::Rules { .. }
        | Disturbance::Watch(_)
        | Disturbance::Timers(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::{Fault, FaultId, FrameKind, News, Scope, Update};
    use std::time::Duration;

    fn under(what: Vec<Disturbance>) -> World {
        let mut world = World::default();
        let faults = (1..).zip(what).map(|(id, what)| Fault { id: FaultId(id), what }).collect();
        world.fold(&Update { at: Duration::ZERO, seq: 0, what: News::InForce { faults } });
        world
    }

    fn rule(effect: Effect, kinds: &[FrameKind]) -> Disturbance {
        let matching = Matching { kinds: kinds.iter().copied().collect(), ..Matching::default() };
        let scope = Scope::Links([(NodeId(1), NodeId(2))].into());
        Disturbance::Rules { words: String::new(), rules: vec![Rule { scope, matching, effect }] }
    }

    #[test]
    fn a_link_is_labelled_with_each_rule_that_is_about_it_and_does_not_cut_it() {
        let world = under(vec![
            rule(Effect::Delay(Delay::Fixed(Duration::from_millis(50))), &[]),
            rule(Effect::Lose(Probability(300_000)), &[]),
            rule(Effect::Cut, &[]),
            rule(Effect::Hold, &[FrameKind::RequestVote]),
            rule(Effect::Refuse, &[]),
        ]);
        let words = of_link(&world, NodeId(1), NodeId(2)).unwrap();
        assert_eq!(words, "+50 ms, 30% lost, RequestVote held, refused");
        assert_eq!(of_link(&world, NodeId(2), NodeId(1)), None);
    }

    #[test]
    fn a_node_is_labelled_with_what_its_state_does_not_say() {
        let world = under(vec![
            Disturbance::Paused(NodeId(1)),
            Disturbance::Disk(NodeId(1), DiskPace::Delayed(Duration::from_millis(20))),
            Disturbance::DiskFull(NodeId(2), 0),
        ]);
        assert_eq!(of_node(&world, NodeId(1)).unwrap(), "disk +20 ms");
        assert_eq!(of_node(&world, NodeId(2)).unwrap(), "disk full");
        assert_eq!(of_node(&world, NodeId(3)), None);
    }
}
