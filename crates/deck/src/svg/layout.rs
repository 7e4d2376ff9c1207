//! Where the nodes are: on a ring, and past [`RING`](crate::view::ring::RING) nodes in a grid. Depends on how many there are alone.

use crate::svg::pen::{Point, along};
use crate::svg::{HEADER, WIDTH};
use crate::view::ring::RING;
use raftdeck_model::World;
use raftdeck_raft::NodeId;

/// The most nodes that are drawn: a picture must stay small.
pub(super) const MOST: usize = 48;

/// How high a card is.
pub(super) const HEIGHT: f64 = 96.0;

/// The least room between two cards, across and down. What is said under a card has room there.
const GAP: (f64, f64) = (10.0, 26.0);

/// How far two rows are from each other whose cards are beside each other.
const BESIDE: f64 = 104.0;

/// The same of three nodes, whose links would be too short.
const TRIANGLE: f64 = 156.0;

/// How wide a card of a ring is: of up to five nodes, and of more.
const WIDE_CARD: f64 = 108.0;
const NARROW_CARD: f64 = 92.0;

/// Left and right of the outermost cards, where the frame of a marked one has room.
const MARGIN: f64 = 8.0;

/// Columns of a grid.
const COLUMNS: usize = 3;

/// Where a node's card is.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodePlace {
    pub(super) id: NodeId,
    /// The card's upper left corner.
    pub(super) corner: Point,
}

/// Where all of them are.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) places: Vec<NodePlace>,
    /// How wide a card is.
    pub(super) width: f64,
    /// Below the lowest card.
    pub(super) bottom: f64,
}

impl Layout {
    pub(super) fn of(world: &World) -> Self {
        let ids = world.ids();
        let shown = ids.len().min(MOST);
        let (width, corners) = if shown > RING { grid(shown) } else { ring(shown) };
        let lowest = corners.iter().map(|corner| corner.1).fold(HEADER - HEIGHT, f64::max);
        let place = |(id, corner)| NodePlace { id, corner };
        Self { places: ids.into_iter().zip(corners).map(place).collect(), width, bottom: lowest + HEIGHT }
    }

    /// Whether links have room between the nodes.
    pub(super) fn is_ring(&self) -> bool {
        self.places.len() <= RING
    }

    /// The middle of a card.
    pub(super) fn middle(&self, place: &NodePlace) -> Point {
        (place.corner.0 + self.width / 2.0, place.corner.1 + HEIGHT / 2.0)
    }

    /// The part of the line between two cards that lies outside both.
    pub(super) fn between(&self, one: &NodePlace, other: &NodePlace) -> (Point, Point) {
        let (from, to) = (self.middle(one), self.middle(other));
        let part = |half: f64, way: f64| if way.abs() < 1e-9 { f64::INFINITY } else { half / way.abs() };
        let hidden = part(self.width / 2.0, to.0 - from.0).min(part(HEIGHT / 2.0, to.1 - from.1)).min(0.5);
        (along(from, to, hidden), along(from, to, 1.0 - hidden))
    }

    /// How many nodes are not drawn, as a sentence.
    pub(super) fn rest(&self, world: &World) -> Option<String> {
        let rest = world.len() - self.places.len();
        (rest > 0).then(|| format!("{rest} more nodes are not shown."))
    }
}

fn count(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn grid(nodes: usize) -> (f64, Vec<Point>) {
    let width = (WIDTH - MARGIN * 2.0 - GAP.0 * 2.0) / count(COLUMNS);
    let corner = |nth: usize| {
        let (column, row) = (count(nth % COLUMNS), count(nth / COLUMNS));
        (MARGIN + column * (width + GAP.0), HEADER + row * (HEIGHT + GAP.1))
    };
    (width, (0..nodes).map(corner).collect())
}

/// A ring that is narrow and high: the first node on top, then two in each row, clockwise.
fn ring(nodes: usize) -> (f64, Vec<Point>) {
    let width = if nodes <= 5 { WIDE_CARD } else { NARROW_CARD };
    let rows = rows(nodes, (WIDTH - width) / 2.0 - MARGIN);
    let (mut right, mut left) = (Vec::new(), Vec::new());
    let mut y = HEADER;
    let middle = (WIDTH - width) / 2.0;
    let mut above = None;
    for aside in &rows {
        y += above.map_or(0.0, |above| if nodes == 3 { TRIANGLE } else { pitch(above, *aside, width) });
        above = Some(*aside);
        right.push((middle + aside, y));
        if *aside > 0.0 {
            left.push((middle - aside, y));
        }
    }
    if nodes == 2 {
        // As one reads.
        right.splice(0..0, left);
    } else {
        right.extend(left.into_iter().rev());
    }
    (width, right)
}

/// Row by row, how far to each side of the middle its two nodes are; 0: it has one, in the middle.
fn rows(nodes: usize, most: f64) -> Vec<f64> {
    match nodes {
        0 => Vec::new(),
        1 => vec![0.0],
        2 => vec![most],
        _ => {
            let rows = nodes / 2 + 1;
            let foot = match nodes {
                3 => 0.5,
                _ if nodes.is_multiple_of(2) => 1.0,
                _ => 0.8,
            };
            let height = |row: usize| (1.0 + foot) * count(row) / count(rows - 1) - 1.0;
            let aside = |row: usize| most * (1.0 - height(row).powi(2)).max(0.0).sqrt();
            (0..rows).map(aside).collect()
        }
    }
}

/// How far below each other two rows are: their cards may be beside each other where they have room.
fn pitch(above: f64, below: f64, width: f64) -> f64 {
    if (above - below).abs() >= width + GAP.0 { BESIDE } else { HEIGHT + GAP.1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_card_leaves_the_picture_or_lies_on_another() {
        for nodes in 1..=MOST {
            let (width, corners) = if nodes > RING { grid(nodes) } else { ring(nodes) };
            assert_eq!(corners.len(), nodes);
            for (nth, one) in corners.iter().enumerate() {
                assert!(one.0 >= 0.0 && one.0 + width <= WIDTH && one.1 >= HEADER - 1e-6, "{nodes}: {one:?}");
                for other in &corners[nth + 1..] {
                    let is_apart =
                        (one.0 - other.0).abs() >= width + 4.0 || (one.1 - other.1).abs() >= HEIGHT + 4.0;
                    assert!(is_apart, "{nodes} nodes: {one:?} and {other:?}");
                }
            }
        }
    }

    #[test]
    fn a_ring_has_room_on_a_phone() {
        for nodes in 1..=RING {
            let (_, corners) = ring(nodes);
            let bottom = corners.iter().map(|corner| corner.1).fold(0.0, f64::max) + HEIGHT;
            assert!(bottom < 660.0, "{nodes} nodes: {bottom}");
        }
    }

    #[test]
    fn nodes_are_placed_clockwise() {
        for nodes in 3..=RING {
            let (_, corners) = ring(nodes);
            let side = |nth: usize| (corners[nth].0, corners[nth].1);
            let area: f64 = (0..nodes)
                .map(|nth| (side(nth), side((nth + 1) % nodes)))
                .map(|((x1, y1), (x2, y2))| x1 * y2 - x2 * y1)
                .sum();
            assert!(area > 0.0 && corners[0].1 < corners[1].1, "{nodes} nodes: {corners:?}");
        }
    }
}
