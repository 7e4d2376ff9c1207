//! Explains a directed link: what passes, and which faults are on it.

use super::words::{absent, palette};
use super::{Explanation, fault};
use crate::app::App;
use crate::app::subject::Subject;
use raftdeck_model::concepts::{Concept, Section};
use raftdeck_model::{Disturbance, Effect, Fault, LinkState, Rule, write};
use raftdeck_raft::NodeId;

/// Explains a link.
pub(super) fn of(app: &App, from: NodeId, to: NodeId) -> Explanation {
    let world = &app.world;
    let title = format!("link {from} -> {to}");
    let (Some(sender), Some(receiver)) = (world.node(from), world.node(to)) else {
        return Explanation::gone(title, "One of its nodes is no longer there.");
    };
    let (state, back) = (world.link_state(from, to), world.is_cut(to, from));
    let suffix = match state {
        LinkState::Open => "",
        LinkState::Cut => ", cut",
        LinkState::Refused => ", refused",
    };
    let is_closed = state != LinkState::Open;
    let one_way = if is_closed && !back { " one way" } else { "" };
    let mut told = Explanation {
        title: title + suffix + one_way,
        what: format!("The way of all messages from {from} to {to}. The way back is a link of its own."),
        section: Some(Section::paper("2")),
        ..Explanation::default()
    };
    let rules: Vec<(&Fault, &Rule)> = world
        .in_force()
        .iter()
        .flat_map(|fault| on(fault, from, to).map(move |rule| (fault, rule)))
        .collect();
    match state {
        LinkState::Cut => told.because("It is cut: every message on it is lost."),
        LinkState::Refused => told.because(
            "Connections on it are refused: the one that carried its messages is closed, and so is every new one. Both nodes notice.",
        ),
        LinkState::Open if rules.is_empty() => told.because("No fault is on it."),
        LinkState::Open => {}
    }
    if is_closed && !back {
        told.because(format!("{from} still hears {to}."));
    }
    for (fault, rule) in &rules {
        told.because(format!("#{}: {}.", fault.id.0, effect(rule)));
        told.advise(palette(app, &format!("undo #{}", fault.id.0), "ends that"));
    }
    match app.messages.held_on(from, to) {
        0 => {}
        1 => told.because("1 message is held on it."),
        held => told.because(format!("{held} messages are held on it.")),
    }
    if let Some(why) = absent(sender).filter(|_| sender.is_down() || sender.is_paused()) {
        told.because(format!("{from} {why} and sends nothing."));
    }
    if let Some(why) = absent(receiver).filter(|_| receiver.is_down() || receiver.is_paused()) {
        told.because(format!("{to} {why} and takes nothing in."));
    }
    for (fault, _) in &rules {
        told.see(format!("fault #{}", fault.id.0), Subject::Fault(fault.id));
    }
    told.see(from.to_string(), Subject::Node(from));
    told.see(to.to_string(), Subject::Node(to));
    told.see(format!("link {to} -> {from}"), Subject::Link { from: to, to: from });
    for (_, rule) in &rules {
        told.see_concept(fault::concept(&rule.effect));
    }
    told.see_concept(if is_closed && !back { Concept::OneWayPartition } else { Concept::Partition });
    told
}

/// The rules of a fault that are about a link.
fn on(fault: &Fault, from: NodeId, to: NodeId) -> impl Iterator<Item = &Rule> {
    let rules = match &fault.what {
        Disturbance::Rules { rules, .. } => rules.as_slice(),
        _ => &[],
    };
    rules.iter().filter(move |rule| rule.scope.covers(from, to))
}

/// What a rule does to messages.
pub(super) fn effect(rule: &Rule) -> String {
    let which = write::matching(&rule.matching);
    let which =
        if which.is_empty() { "messages".to_owned() } else { format!("messages ({})", which.trim_start()) };
    match &rule.effect {
        Effect::Cut => format!("{which} are lost"),
        Effect::Refuse => "connections are refused".to_owned(),
        Effect::Hold => format!("{which} are held until they are released"),
        Effect::Delay(delay) => format!("{which} take {} longer", write::delay(*delay)),
        Effect::Lose(chance) => format!("{} of {which} are lost", write::probability(*chance)),
        Effect::Duplicate(chance) => format!("{} of {which} arrive twice", write::probability(*chance)),
        Effect::Reorder(chance, longest) => format!(
            "{} of {which} take up to {} longer, and others overtake them",
            write::probability(*chance),
            write::duration(*longest)
        ),
        Effect::Limit(bytes) => format!("{which} share {} a second", write::size(*bytes)),
    }
}
