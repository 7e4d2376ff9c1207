//! A node's card: its id, term and role, the end of its log and how far it knows it committed.

use crate::sentences::counted;
use crate::svg::layout::{HEIGHT, Layout, NodePlace};
use crate::svg::pen::{Pen, text_width};
use crate::view::fault_labels;
use crate::view::labels::{self, Tone};
use raftdeck_model::{MemberStanding, Node, Phase, RaftView, World};
use raftdeck_raft::Role;

/// The most characters under a card.
const UNDER: usize = 20;

/// Draws it.
pub(super) fn draw(
    pen: &mut Pen,
    world: &World,
    node: &Node,
    place: &NodePlace,
    layout: &Layout,
    marked: bool,
) {
    let width = layout.width;
    pen.group(class(node, world), place.corner, |pen| {
        if marked {
            mark(pen, width);
        }
        pen.shape("rect", "card", format_args!(r#"width="{width:.1}" height="{HEIGHT:.1}" rx="9""#));
        pen.group("s", (18.0, 18.0), |pen| shape(pen, node, world));
        pen.text("id", (33.0, 24.0), &node.id.to_string());
        pen.squeezed("role", (9.0, 42.0), (width - 18.0) * 0.93, labels::role_word(node, world));
        figures(pen, node, width);
        if let Some(words) = under(world, node, layout) {
            pen.text("under", (width / 2.0, HEIGHT + 14.0), &words);
        }
    });
}

fn class(node: &Node, world: &World) -> &'static str {
    match (node.phase(), labels::tone(node, world)) {
        (Phase::Running(Role::Leader), Tone::Good) => "lead",
        (Phase::Running(Role::Leader), _) => "old",
        (Phase::Running(Role::Candidate | Role::PreCandidate), _) => "ask",
        (_, Tone::Alone) => "alone",
        (_, Tone::Gone) => "gone",
        _ => "calm",
    }
}

/// A frame, and an arrow on top of it.
fn mark(pen: &mut Pen, width: f64) {
    let (wide, high) = (width + 10.0, HEIGHT + 10.0);
    pen.shape("rect", "mark", format_args!(r#"x="-5" y="-5" width="{wide:.1}" height="{high:.1}" rx="13""#));
    let middle = width / 2.0;
    pen.shape("path", "point", format_args!(r#"d="M{middle:.1} -3l-10 -15h20z""#));
}

fn figures(pen: &mut Pen, node: &Node, width: f64) {
    let end = width - 9.0;
    let raft = node.raft();
    let term = raft.map(|raft| raft.term.0);
    let last = raft.and_then(RaftView::last_index).map(|index| index.0);
    let committed = raft.and_then(|raft| raft.committed.copied()).map(|index| index.0);
    for (word, figure, y) in [("term", term, 58.0), ("log", last, 73.0), ("commit", committed, 88.0)] {
        let figure = figure.map_or_else(|| labels::UNKNOWN.to_owned(), |figure| figure.to_string());
        pen.text("k", (9.0, y), word);
        pen.squeezed("f", (end, y), end - 13.0 - text_width(word), &figure);
    }
}

/// What is in force at the node.
fn under(world: &World, node: &Node, layout: &Layout) -> Option<String> {
    let own = fault_labels::of_node(world, node.id);
    let words = own.or_else(|| {
        // In a grid no link is drawn.
        let cut = world.cut_from(node.id).len() as u64;
        (cut > 0 && !layout.is_ring()).then(|| format!("cut from {}", counted(cut, "node")))
    })?;
    if words.chars().count() <= UNDER {
        return Some(words);
    }
    Some(words.chars().take(UNDER - 1).chain(['…']).collect())
}

/// The role as a shape: a star leads, a triangle campaigns, a circle follows, a cross is down.
fn shape(pen: &mut Pen, node: &Node, world: &World) {
    let path =
        |pen: &mut Pen, class: &str, path: &str| pen.shape("path", class, format_args!(r#"d="{path}""#));
    let circle = |pen: &mut Pen, more: &str| pen.shape("circle", "i", format_args!(r#"r="7"{more}"#));
    match node.phase() {
        Phase::Running(Role::Leader) => {
            path(
                pen,
                "i",
                "M0 -9l2.6 5.6 6.1 .7 -4.5 4.2 1.2 6.1 -5.4 -3 -5.4 3 1.2 -6.1 -4.5 -4.2 6.1 -.7z",
            );
        }
        Phase::Running(Role::Candidate) => path(pen, "i full", "M0 -7.5l8 14h-16z"),
        Phase::Running(Role::PreCandidate) => path(pen, "i", "M0 -7.5l8 14h-16z"),
        Phase::Running(Role::Follower) => match world.standing(node.id) {
            MemberStanding::Voter => circle(pen, ""),
            MemberStanding::Learner => path(pen, "i", "M-7 2a7 7 0 0 1 14 0zM-7 6h14"),
            MemberStanding::Outside => path(pen, "i", "M-6.5 -6.5h13v13h-13z"),
        },
        Phase::Starting => circle(pen, r#" stroke-dasharray="2 3""#),
        Phase::Paused => path(pen, "i", "M-4 -7v14M4 -7v14"),
        Phase::Killed | Phase::Stopped | Phase::Failed => path(pen, "i", "M-6 -6l12 12M6 -6l-12 12"),
        Phase::Unreachable => path(pen, "i", "M-4 -4a4 4 0 1 1 4 4v3M0 7v.5"),
    }
}
