//! Explains a fault in force: what it does, and how it ends.

use super::Explanation;
use super::words::{palette, press};
use crate::actions::ActionId;
use crate::app::App;
use crate::app::subject::Subject;
use raftdeck_model::concepts::Concept;
use raftdeck_model::{
    ClientLinkFault, Disturbance, Effect, Fault, FaultId, LinkState, Rule, Scope, Timers, write,
};
use raftdeck_protocol::DiskPace;
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;

/// Explains a fault.
pub(super) fn of(app: &App, id: FaultId) -> Explanation {
    let title = format!("fault #{}", id.0);
    let Some(fault) = app.world.in_force().iter().find(|fault| fault.id == id) else {
        return Explanation::gone(title, "It is no longer in force.");
    };
    let (concept, what) = what(&fault.what);
    let mut told = Explanation::by(concept, format!("{title}: {}", write::disturbance(&fault.what)));
    told.what = what;
    effects(app, fault, &mut told);
    let is_newest = app.world.in_force().last().is_some_and(|newest| newest.id == id);
    if is_newest {
        told.advise(press(app, ActionId::Undo, "ends it"));
    } else {
        told.advise(palette(app, &format!("undo #{}", id.0), "ends it"));
    }
    told.advise(press(app, ActionId::Heal, "ends all that is in force"));
    let known = |id: &NodeId| app.world.node(*id).is_some();
    for node in nodes(fault).into_iter().filter(known) {
        told.see(node.to_string(), Subject::Node(node));
    }
    for (from, to) in links(fault).into_iter().filter(|(from, to)| known(from) && known(to)).take(4) {
        told.see(format!("link {from} -> {to}"), Subject::Link { from, to });
    }
    told.see_concept(concept);
    told
}

/// The nodes that a fault names, or all whose links it is about.
pub(super) fn nodes(fault: &Fault) -> BTreeSet<NodeId> {
    let of_scope = |scope: &Scope| match scope {
        Scope::Of(nodes) => nodes.clone(),
        _ => BTreeSet::new(),
    };
    match &fault.what {
        Disturbance::Rules { rules, .. } => rules.iter().flat_map(|rule| of_scope(&rule.scope)).collect(),
        what => what.nodes(),
    }
}

/// The links that a fault names one by one.
pub(super) fn links(fault: &Fault) -> BTreeSet<(NodeId, NodeId)> {
    let of_scope = |scope: &Scope| match scope {
        Scope::Links(links) => links.clone(),
        Scope::Between { from: Some(from), to: Some(to) } => raftdeck_model::pairs(from, to),
        Scope::All | Scope::Between { .. } | Scope::Of(_) => BTreeSet::new(),
    };
    match &fault.what {
        Disturbance::Rules { rules, .. } => rules.iter().flat_map(|rule| of_scope(&rule.scope)).collect(),
        _ => BTreeSet::new(),
    }
}

/// The term of the field that an effect belongs to.
pub(super) fn concept(effect: &Effect) -> Concept {
    match effect {
        Effect::Cut => Concept::Partition,
        Effect::Refuse => Concept::RefusedConnection,
        Effect::Delay(_) | Effect::Limit(_) | Effect::Hold => Concept::Delay,
        Effect::Lose(_) | Effect::Duplicate(_) | Effect::Reorder(..) => Concept::Loss,
    }
}

/// What a fault does, and the term of the field that it belongs to.
fn what(what: &Disturbance) -> (Concept, String) {
    match what {
        Disturbance::Rules { rules, .. } => of_rules(rules),
        Disturbance::Watch(watch) => (
            watch.then.first().map_or(Concept::Loss, |rule| concept(&rule.effect)),
            format!(
                "It waits for a message; when that is sent, this comes into force: {}.",
                write::rules(&watch.then)
            ),
        ),
        Disturbance::Paused(node) => (
            Concept::Pause,
            format!("The process of {node} is stopped (SIGSTOP). It keeps its memory and its connections."),
        ),
        Disturbance::Slowed(node, percent) => (
            Concept::Pause,
            format!(
                "The process of {node} is stopped for {percent}% of the time, so it is late with everything."
            ),
        ),
        Disturbance::DiskFull(node, bytes) => (
            Concept::StalledDisk,
            format!("{node} can write only {} more to each of its files.", write::size(*bytes)),
        ),
        Disturbance::Disk(node, pace) => match pace {
            DiskPace::Stalled => {
                (Concept::StalledDisk, format!("No fsync of {node} finishes: it can promise nothing."))
            }
            DiskPace::Delayed(delay) => {
                (Concept::Fsync, format!("Every fsync of {node} takes {} longer.", write::duration(*delay)))
            }
            DiskPace::Free => (Concept::Fsync, format!("The disk of {node} is as fast as it can be.")),
        },
        Disturbance::Timers(timers) => of_timers(*timers),
        Disturbance::PreVote(node, on) => (Concept::PreVote, switch("PreVote", *node, *on)),
        Disturbance::CheckQuorum(node, on) => (Concept::CheckQuorum, switch("CheckQuorum", *node, *on)),
        Disturbance::Timeouts(node, least, most) => (
            Concept::ElectionTimeout,
            format!(
                "{node} draws its election timeouts between {} and {}.",
                write::duration(*least),
                write::duration(*most)
            ),
        ),
        Disturbance::Heartbeat(node, interval) => (
            Concept::Heartbeat,
            format!("{node} sends a heartbeat every {} while it leads.", write::duration(*interval)),
        ),
        Disturbance::Clock(node, _) => (
            Concept::Lease,
            format!("The clock of {node} runs at another rate than the others. Leases rely on equal rates."),
        ),
        Disturbance::ClientAt(client, nodes) => {
            (Concept::Partition, format!("{client} reaches only {}.", super::words::list(nodes)))
        }
        Disturbance::ClientLinks(client, nodes, fault) => of_client(&client.to_string(), nodes, *fault),
    }
}

fn of_client(client: &str, nodes: &BTreeSet<NodeId>, fault: ClientLinkFault) -> (Concept, String) {
    let at = super::words::list(nodes);
    match fault {
        ClientLinkFault::Cut => (Concept::Partition, format!("Nothing passes between {client} and {at}.")),
        ClientLinkFault::Hold => {
            (Concept::Delay, format!("The requests of {client} to {at} are held on their way."))
        }
        ClientLinkFault::LoseAnswers => {
            (Concept::InDoubt, format!("The requests of {client} reach {at}, and the answers are lost."))
        }
    }
}

fn of_rules(rules: &[Rule]) -> (Concept, String) {
    let all_are = |state| rules.iter().all(|rule| rule.closes() == Some(state));
    match rules {
        [] => (Concept::Loss, "It has no rule.".to_owned()),
        _ if all_are(LinkState::Cut) => {
            (Concept::Partition, "Every message on these links is lost.".to_owned())
        }
        _ if all_are(LinkState::Refused) => (
            Concept::RefusedConnection,
            "The connections that carry messages on these links are closed, and each new one at once. Every message is lost, and both \
             nodes know that the connection is gone."
                .to_owned(),
        ),
        [first, ..] => {
            let mut effects: Vec<String> = rules.iter().map(super::link::effect).collect();
            effects.dedup();
            (concept(&first.effect), format!("On these links, {}.", super::words::list(effects)))
        }
    }
}

fn of_timers(timers: Timers) -> (Concept, String) {
    match timers {
        Timers::Random => {
            (Concept::ElectionTimeout, "Election timeouts are random, as Raft requires.".to_owned())
        }
        Timers::Aligned => (
            Concept::SplitVote,
            "All election timeouts are equal, so votes are split again and again.".to_owned(),
        ),
        Timers::Spread => (
            Concept::ElectionTimeout,
            "Each node has its own election timeout, far from the others', so no vote is split.".to_owned(),
        ),
    }
}

fn switch(name: &str, node: Option<NodeId>, on: bool) -> String {
    let at = node.map_or_else(|| "all nodes".to_owned(), |node| node.to_string());
    format!("{name} is {} at {at}.", if on { "on" } else { "off" })
}

/// What it causes now, as far as it can be seen.
fn effects(app: &App, fault: &Fault, told: &mut Explanation) {
    let Disturbance::Rules { rules, .. } = &fault.what else { return };
    if !rules.iter().any(|rule| rule.closes().is_some()) {
        return;
    }
    let isolated: Vec<NodeId> = app.world.ids().into_iter().filter(|id| app.world.is_isolated(*id)).collect();
    if !isolated.is_empty() {
        let is = super::words::verb(isolated.len(), "is", "are");
        told.because(format!("{} {is} cut off from all others now.", super::words::list(isolated)));
    }
}
