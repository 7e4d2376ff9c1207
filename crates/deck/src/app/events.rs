//! Where a person reads in the event feed: the selected event and what is in sight, by the events' numbers and never by row.

use crate::app::find::{self, Find, MatchPlace};

/// Which event stands where in the pane; the others follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// This one is the last in sight.
    Bottom(u64),
    /// This one is the first in sight.
    Top(u64),
    /// This one is in the middle, if there are enough before and after it.
    Middle(u64),
}

impl Anchor {
    /// The event's number.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::Bottom(number) | Self::Top(number) | Self::Middle(number) => number,
        }
    }
}

/// The first and the last event that are wholly on the screen.
pub type InSight = Option<(u64, u64)>;

/// The reader's place. `shown` are always the numbers of the events that pass the filter, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// What the events must have to be shown.
    pub find: Find,
    /// The selected event; `None`: the newest, whichever that is.
    cursor: Option<u64>,
    /// `None`: the newest is the last in sight.
    anchor: Option<Anchor>,
}

impl Events {
    /// What is where in the pane; `None`: the newest is at its bottom.
    #[must_use]
    pub fn anchor(&self) -> Option<Anchor> {
        self.anchor
    }

    /// Whether the newest events are in sight and stay there.
    #[must_use]
    pub fn follows(&self) -> bool {
        self.cursor.is_none() && self.anchor.is_none()
    }

    /// The selected event. One that is no longer kept gives way to the oldest; one that is not shown, to the next that is.
    #[must_use]
    pub fn cursor(&self, shown: &[u64]) -> Option<u64> {
        let last = shown.last().copied();
        let Some(cursor) = self.cursor else { return last };
        shown.get(shown.partition_point(|number| *number < cursor)).copied().or(last)
    }

    /// Where the cursor is among the events that are shown.
    #[must_use]
    pub fn place(&self, shown: &[u64]) -> MatchPlace {
        MatchPlace::among(shown, self.cursor(shown))
    }

    /// Selects the newest, and keeps it in sight.
    pub fn follow(&mut self) {
        (self.cursor, self.anchor) = (None, None);
    }

    /// Keeps the event that is selected now, whatever happens.
    pub fn hold(&mut self, shown: &[u64], sight: InSight) {
        if let Some(cursor) = self.cursor(shown) {
            self.select(cursor, sight);
        }
    }

    /// Selects this event. What is in sight stays where it is, if this one is part of it.
    pub fn select(&mut self, number: u64, sight: InSight) {
        self.cursor = Some(number);
        self.anchor = match (sight, self.anchor) {
            (Some((first, last)), anchor) if (first..=last).contains(&number) => {
                anchor.or(Some(Anchor::Bottom(last)))
            }
            (Some((first, _)), _) if number < first => Some(Anchor::Top(number)),
            (Some(_), _) => Some(Anchor::Bottom(number)),
            (None, _) => Some(Anchor::Middle(number)),
        };
    }

    /// Moves the cursor by this many events. Beyond the newest it follows.
    pub fn step(&mut self, shown: &[u64], sight: InSight, by: usize, newer: bool) {
        let Some(last) = shown.len().checked_sub(1) else { return };
        let at = self.place(shown).at.unwrap_or(last);
        let to = if newer { at.saturating_add(by) } else { at.saturating_sub(by) };
        if newer && to > last {
            self.follow();
        } else {
            self.select(shown[to.min(last)], sight);
        }
    }

    /// Moves the cursor to the next event that is shown, and from the newest to the oldest.
    pub fn turn(&mut self, shown: &[u64], sight: InSight, on: bool) {
        if let Some(number) = find::next(shown, self.cursor(shown), on) {
            self.select(number, sight);
        }
    }

    /// Selects the oldest.
    pub fn to_start(&mut self, shown: &[u64]) {
        if let Some(first) = shown.first() {
            (self.cursor, self.anchor) = (Some(*first), Some(Anchor::Top(*first)));
        }
    }

    /// Scrolls by this many events; the cursor stays where it is. At the newest the pane follows.
    pub fn scroll(&mut self, shown: &[u64], sight: InSight, by: usize, newer: bool) {
        let (Some((first, last)), Some(end)) = (sight, shown.len().checked_sub(1)) else { return };
        let place = |number: u64| shown.partition_point(|one| *one < number).min(end);
        let to = if newer { place(last).saturating_add(by) } else { place(last).saturating_sub(by) };
        self.anchor = match (newer, to >= end) {
            (true, true) => None,
            // Scrolled far back, the oldest fill the pane.
            (false, _) if place(first) <= by => Some(Anchor::Top(shown[0])),
            _ => Some(Anchor::Bottom(shown[to.min(end)])),
        };
    }

    /// Scrolls by a page: what was the first event in sight becomes the last one, or the other way round.
    pub fn page(&mut self, shown: &[u64], sight: InSight, newer: bool) {
        let (Some((first, last)), Some(newest)) = (sight, shown.last()) else { return };
        self.anchor = if !newer {
            Some(Anchor::Bottom(first))
        } else if last >= *newest {
            None
        } else {
            Some(Anchor::Top(last))
        };
    }

    /// Looks for something else. The selected event stays in sight, if it is still shown.
    pub fn look_for(&mut self, find: Find, is_held: bool) {
        self.find = find;
        self.anchor = match self.cursor {
            Some(cursor) if is_held => Some(Anchor::Middle(cursor)),
            _ => None,
        };
        if !is_held {
            self.cursor = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: [u64; 6] = [10, 11, 12, 13, 14, 15];

    #[test]
    fn the_cursor_stays_with_its_event_and_beyond_the_newest_follows() {
        let mut events = Events::default();
        let sight = Some((13, 15));
        assert_eq!((events.cursor(&SHOWN), events.follows()), (Some(15), true));
        events.step(&SHOWN, sight, 1, false);
        assert_eq!((events.cursor(&SHOWN), events.anchor()), (Some(14), Some(Anchor::Bottom(15))));
        let more: Vec<u64> = (10..40).collect();
        assert_eq!(events.cursor(&more), Some(14));
        let later: Vec<u64> = (20..40).collect();
        assert_eq!(events.cursor(&later), Some(20), "it is no longer kept: the oldest");
        events.step(&SHOWN, sight, 1, true);
        assert_eq!(events.cursor(&SHOWN), Some(15));
        events.step(&SHOWN, sight, 1, true);
        assert!(events.follows());
    }

    #[test]
    fn the_pane_moves_only_as_far_as_the_cursor_needs() {
        let mut events = Events::default();
        events.step(&SHOWN, Some((13, 15)), 3, false);
        assert_eq!(events.anchor(), Some(Anchor::Top(12)));
        events.step(&SHOWN, Some((12, 14)), 1, true);
        assert_eq!(events.anchor(), Some(Anchor::Top(12)), "it is in sight");
        events.step(&SHOWN, Some((12, 14)), 2, true);
        assert_eq!(events.anchor(), Some(Anchor::Bottom(15)));
        events.select(11, None);
        assert_eq!(events.anchor(), Some(Anchor::Middle(11)));
    }

    #[test]
    fn pages_and_the_wheel_leave_the_cursor_and_end_by_following() {
        let mut events = Events::default();
        events.page(&SHOWN, Some((13, 15)), false);
        assert_eq!(events.anchor(), Some(Anchor::Bottom(13)));
        assert_eq!(events.cursor(&SHOWN), Some(15), "the newest is still selected");
        events.page(&SHOWN, Some((11, 13)), true);
        assert_eq!(events.anchor(), Some(Anchor::Top(13)));
        events.page(&SHOWN, Some((13, 15)), true);
        assert!(events.follows());
        events.scroll(&SHOWN, Some((13, 15)), 2, false);
        assert_eq!(events.anchor(), Some(Anchor::Bottom(13)));
        events.scroll(&SHOWN, Some((11, 13)), 3, false);
        assert_eq!(events.anchor(), Some(Anchor::Top(10)));
        events.scroll(&SHOWN, Some((10, 12)), 3, true);
        assert!(events.follows());
        events.scroll(&[], None, 3, false);
        events.step(&[], None, 3, false);
        assert_eq!((events.cursor(&[]), events.follows()), (None, true));
    }

    #[test]
    fn matches_are_gone_through_round_the_end() {
        let mut events = Events::default();
        events.turn(&SHOWN, None, true);
        assert_eq!((events.cursor(&SHOWN), events.place(&SHOWN).to_string()), (Some(10), "1 of 6".into()));
        events.turn(&SHOWN, None, false);
        assert_eq!(events.cursor(&SHOWN), Some(15));
        events.turn(&SHOWN, None, false);
        events.look_for(Find::new("x"), true);
        assert_eq!((events.cursor(&[12, 14]), events.anchor()), (Some(14), Some(Anchor::Middle(14))));
        events.look_for(Find::new("y"), false);
        assert!(events.follows(), "it does not have that");
    }
}
