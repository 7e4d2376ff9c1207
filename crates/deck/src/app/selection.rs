//! Which node the keys act on, by id and never by row.

use raftdeck_raft::NodeId;
use std::ops::Range;

/// The id after (or before) `current` in `ids`, going round.
#[must_use]
pub fn step(ids: &[NodeId], current: Option<NodeId>, forward: bool) -> Option<NodeId> {
    let len = ids.len();
    let place = current.and_then(|id| ids.iter().position(|other| *other == id));
    let next = match (place, forward) {
        (None, true) => 0,
        (None, false) => len.checked_sub(1)?,
        (Some(place), true) => (place + 1) % len,
        (Some(place), false) => (place + len - 1) % len,
    };
    ids.get(next).copied()
}

/// Keeps the selection if its node is still there. If not, nothing is selected until the user selects something: a key that is
/// pressed twice must not act on two nodes.
#[must_use]
pub fn keep(ids: &[NodeId], current: Option<NodeId>) -> Option<NodeId> {
    current.filter(|id| ids.contains(id))
}

/// Which of `ids` are in sight with this many rows: the first ones, or as far down as `current`.
#[must_use]
pub fn in_sight(ids: &[NodeId], current: Option<NodeId>, rows: usize) -> Range<usize> {
    let chosen = current.and_then(|id| ids.iter().position(|other| *other == id)).unwrap_or(0);
    let first = (chosen + 1).saturating_sub(rows);
    first..ids.len().min(first + rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selection_goes_round_and_survives_a_change_of_members() {
        let ids = [NodeId(1), NodeId(2), NodeId(5)];
        assert_eq!(step(&ids, Some(NodeId(5)), true), Some(NodeId(1)));
        assert_eq!(step(&ids, Some(NodeId(1)), false), Some(NodeId(5)));
        assert_eq!(step(&ids, Some(NodeId(9)), true), Some(NodeId(1)), "someone unknown: the first");
        assert_eq!(step(&[], None, false), None);
        assert_eq!(keep(&ids, Some(NodeId(2))), Some(NodeId(2)));
        assert_eq!(keep(&ids, Some(NodeId(3))), None, "it does not slide to a neighbour");
    }

    #[test]
    fn the_selected_one_is_in_sight_however_few_rows_there_are() {
        let ids = [NodeId(1), NodeId(2), NodeId(5)];
        assert_eq!(in_sight(&ids, None, 2), 0..2);
        assert_eq!(in_sight(&ids, Some(NodeId(5)), 2), 1..3);
        assert_eq!(in_sight(&ids, Some(NodeId(5)), 9), 0..3);
    }
}
