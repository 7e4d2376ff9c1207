//! The cluster as a picture for a browser: one SVG from a [`World`], for those who follow a lesson on a phone.
//!
//! It is self-contained: no script, nothing that is loaded. What a colour says, a word and a shape say too. It is 360 units wide, so
//! that on a phone a unit is about a pixel, and as high as the cluster needs, whatever happens in it. The verdict is the header's.
//!
//! It shows no timers and no messages under way: a picture changes when something happened, and equal pictures need not be sent.

mod layout;
mod links;
mod node;
mod pen;

use crate::view::labels::{self, Tone};
use layout::Layout;
use pen::{Pen, wrapped};
use raftdeck_model::{Node, World};
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;

/// The style sheet in each picture. A page that shows many has it once, and takes it off the pictures.
pub const STYLE: &str = include_str!("style.css");

/// How wide a picture is.
const WIDTH: f64 = 360.0;

/// The rows above the nodes: the verdict, and two lines for its remark.
const HEADER: f64 = 74.0;

/// The height of a line below the nodes.
const NOTE: f64 = 17.0;

/// About how many characters of the usual size have room in a line.
const LINE: usize = 54;

/// Draws it, with a frame around the nodes that a lesson points at.
#[must_use]
pub fn picture(world: &World, marked: &BTreeSet<NodeId>) -> String {
    let layout = Layout::of(world);
    let links = links::Links::of(world, &layout);
    let mut notes = links.notes.clone();
    notes.extend(layout.rest(world));
    let notes: Vec<String> = notes.iter().flat_map(|note| wrapped(note, LINE)).collect();
    let mut below = layout.bottom + 22.0;
    let mut pen = Pen::default();
    header(&mut pen, world);
    links.draw_lines(&mut pen);
    for place in &layout.places {
        if let Some(node) = world.node(place.id) {
            node::draw(&mut pen, world, node, place, &layout, marked.contains(&place.id));
        }
    }
    links.draw_signs(&mut pen);
    for note in &notes {
        pen.text("note", (4.0, below), note);
        below += NOTE;
    }
    let whole = spoken(world);
    pen.whole(WIDTH, below - 4.0, &whole)
}

fn header(pen: &mut Pen, world: &World) {
    let (verdict, remark, tone) = labels::verdict(&world.verdict());
    let class = if tone == Tone::Trouble { "v bad" } else { "v" };
    pen.text(class, (4.0, 22.0), &verdict);
    for (line, y) in wrapped(&remark, LINE).iter().zip([42.0, 59.0]) {
        pen.text("r", (4.0, y), line);
    }
}

/// The picture in words, for those who do not see it.
fn spoken(world: &World) -> String {
    let (verdict, remark, _) = labels::verdict(&world.verdict());
    let of_node = |node: &Node| {
        let term = node.raft().map(|raft| format!(" of term {}", raft.term)).unwrap_or_default();
        format!(" {} is {}{term}.", node.id, labels::role_word(node, world))
    };
    let nodes: String = world.nodes().take(layout::MOST).map(of_node).collect();
    format!("{verdict}, {remark}.{nodes}")
}
