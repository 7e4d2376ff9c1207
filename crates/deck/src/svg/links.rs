//! The links between the nodes of a ring: who serves whom, what is cut, and what else is in force on them.

use crate::svg::WIDTH;
use crate::svg::layout::{HEIGHT, Layout, NodePlace};
use crate::svg::pen::{Pen, Point, along, text_width};
use crate::view::fault_labels;
use crate::view::ring::{SILENT_LINKS, serves, speaks};
use raftdeck_model::{Phase, World};
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;

/// How high a label on a link is.
const LABEL: f64 = 18.0;

/// The sign of a cut link: this far along, so that the signs of links that cross in the middle do not hide each other.
const SIGN_AT: f64 = 0.4;

/// A line, a part of the way between two nodes.
#[derive(Debug)]
struct Stroke {
    class: &'static str,
    from: Point,
    to: Point,
}

/// A text on a link.
#[derive(Debug)]
struct LinkLabel {
    middle: Point,
    words: String,
}

/// What is drawn of them.
#[derive(Debug, Default)]
pub(super) struct Links {
    strokes: Vec<Stroke>,
    /// Where a way is cut.
    cuts: Vec<Point>,
    /// Points on half-cut links, and the direction that is open there.
    arrows: Vec<(Point, Point)>,
    labels: Vec<LinkLabel>,
    /// What has no place on the picture, as sentences for below.
    pub(super) notes: Vec<String>,
}

impl Links {
    pub(super) fn of(world: &World, layout: &Layout) -> Self {
        let mut links = Self::default();
        if layout.is_ring() {
            for (one, other) in pairs(&layout.places) {
                links.line(world, layout, one, other);
            }
        }
        links.label(world, layout);
        links
    }

    fn line(&mut self, world: &World, layout: &Layout, one: &NodePlace, other: &NodePlace) {
        if layout.places.len() > SILENT_LINKS && !speaks(world, one.id, other.id) {
            return;
        }
        let (from, to) = layout.between(one, other);
        let (there, back) = (world.is_cut(one.id, other.id), world.is_cut(other.id, one.id));
        let open = open_class(world, one.id, other.id);
        let mut stroke = |class, from, to| self.strokes.push(Stroke { class, from, to });
        match (there, back) {
            (false, false) => stroke(open, from, to),
            (true, true) => {
                stroke("l cut", from, to);
                self.cuts.push(along(from, to, SIGN_AT));
            }
            // The sender's half is broken, the rest is whole.
            (true, false) | (false, true) => {
                let (broken, whole) = if there { (from, to) } else { (to, from) };
                let middle = along(broken, whole, 0.5);
                stroke("l cut", broken, middle);
                stroke(if open == "l off" { "l" } else { open }, middle, whole);
                self.cuts.push(along(broken, whole, SIGN_AT));
                self.arrows.push((middle, broken));
            }
        }
    }

    /// What the rules in force do, besides cutting: once for all links if it is the same on all, else at its link, else below.
    fn label(&mut self, world: &World, layout: &Layout) {
        let said = |from: NodeId, to: NodeId| fault_labels::of_link(world, from, to);
        let ids = world.ids();
        let directed = || {
            ids.iter().flat_map(|from| ids.iter().filter(move |to| *to != from).map(move |to| (*from, *to)))
        };
        let all: BTreeSet<Option<String>> = directed().map(|(from, to)| said(from, to)).collect();
        if let (1, Some(Some(words))) = (all.len(), all.first()) {
            return self.notes.push(format!("All links: {words}."));
        }
        for (one, other) in pairs(&layout.places) {
            let both = match (said(one.id, other.id), said(other.id, one.id)) {
                (Some(there), Some(back)) if there == back => {
                    vec![(format!("{}–{}: {there}", one.id, other.id), there)]
                }
                (there, back) => {
                    let way = |words: Option<String>, from: NodeId, to: NodeId| {
                        words.map(|words| format!("{from}→{to}: {words}")).map(|words| (words.clone(), words))
                    };
                    way(there, one.id, other.id).into_iter().chain(way(back, other.id, one.id)).collect()
                }
            };
            for (with_names, words) in both {
                let way = layout.between(one, other);
                match self.free_place(layout, way, &words).filter(|_| layout.is_ring()) {
                    Some(middle) => self.labels.push(LinkLabel { middle, words }),
                    None => self.notes.push(format!("{with_names}.")),
                }
            }
        }
    }

    /// The first place along a way where a label hides neither a card nor another label.
    fn free_place(&self, layout: &Layout, (from, to): (Point, Point), words: &str) -> Option<Point> {
        let half = plate(words) / 2.0;
        let is_free = |place: &Point| {
            let overlaps = |(x, y): Point, wide: f64, high: f64| {
                (place.0 - x).abs() < half + wide + 2.0 && (place.1 - y).abs() < LABEL / 2.0 + high + 2.0
            };
            let is_inside = place.0 >= half && place.0 + half <= WIDTH;
            let on_card = layout
                .places
                .iter()
                .any(|node| overlaps(layout.middle(node), layout.width / 2.0, HEIGHT / 2.0));
            let on_label = self
                .labels
                .iter()
                .any(|label| overlaps(label.middle, plate(&label.words) / 2.0, LABEL / 2.0));
            let on_sign = self.cuts.iter().any(|cut| overlaps(*cut, 9.0, 9.0));
            is_inside && !on_card && !on_label && !on_sign
        };
        [0.5, 0.42, 0.58, 0.34, 0.66].into_iter().map(|part| along(from, to, part)).find(is_free)
    }

    /// The lines, which are below the nodes.
    pub(super) fn draw_lines(&self, pen: &mut Pen) {
        for Stroke { class, from, to } in &self.strokes {
            let ((x1, y1), (x2, y2)) = (from, to);
            pen.shape("line", class, format_args!(r#"x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}""#));
        }
    }

    /// The signs and labels, which are above everything.
    pub(super) fn draw_signs(&self, pen: &mut Pen) {
        for ((x, y), towards) in &self.arrows {
            let angle = (towards.1 - y).atan2(towards.0 - x).to_degrees();
            pen.shape(
                "path",
                "sign",
                format_args!(
                    r#"d="M9 0l-15 -8v16z" transform="translate({x:.1} {y:.1}) rotate({angle:.0})""#
                ),
            );
        }
        for cut in &self.cuts {
            pen.group("c", *cut, |pen| {
                pen.shape("circle", "sign", format_args!(r#"r="9""#));
                pen.shape("path", "cross", format_args!(r#"d="M-4 -4l8 8M4 -4l-8 8""#));
            });
        }
        for LinkLabel { middle, words } in &self.labels {
            let wide = plate(words);
            pen.group("g", *middle, |pen| {
                let (x, y) = (-wide / 2.0, -LABEL / 2.0);
                pen.shape(
                    "rect",
                    "plate",
                    format_args!(r#"x="{x:.1}" y="{y:.1}" width="{wide:.1}" height="{LABEL:.1}" rx="4""#),
                );
                pen.text("say", (0.0, 4.5), words);
            });
        }
    }
}

/// How wide a label is.
fn plate(words: &str) -> f64 {
    text_width(words) + 10.0
}

fn open_class(world: &World, one: NodeId, other: NodeId) -> &'static str {
    let runs = |id| world.node(id).is_some_and(|node| matches!(node.phase(), Phase::Running(_)));
    if serves(world, one, other) {
        "l on"
    } else if runs(one) && runs(other) {
        "l"
    } else {
        "l off"
    }
}

fn pairs(places: &[NodePlace]) -> impl Iterator<Item = (&NodePlace, &NodePlace)> {
    places.iter().enumerate().flat_map(|(nth, one)| places[nth + 1..].iter().map(move |other| (one, other)))
}
