//! The drills that can be started, which of them are shown, and which one is selected.

use super::record::DrillRecord;
use crate::app::find::{self, Find, MatchPlace};
use raftdeck_drills::{Drill, Verdict};
use std::collections::BTreeMap;

/// In which order the drills are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DrillOrder {
    /// As they are best taken.
    #[default]
    Course,
    /// By title.
    Title,
    /// The easy ones first.
    Level,
    /// The failed ones first, the passed ones last.
    Result,
}

impl DrillOrder {
    /// In a word; nothing for the order of the course.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Course => None,
            Self::Title => Some("by title"),
            Self::Level => Some("by level"),
            Self::Result => Some("by result"),
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Course => Self::Title,
            Self::Title => Self::Level,
            Self::Level => Self::Result,
            Self::Result => Self::Course,
        }
    }
}

/// The catalogue.
#[derive(Debug, Default)]
pub struct Catalogue {
    drills: Vec<Drill>,
    records: BTreeMap<String, DrillRecord>,
    /// The id of the selected drill; `None`: the first that is shown.
    selected: Option<String>,
    /// Only drills in which this is found are shown.
    find: Find,
    order: DrillOrder,
}

impl Catalogue {
    /// These drills, in the order in which they are best taken, and what was passed before.
    #[must_use]
    pub fn new(drills: Vec<Drill>, records: BTreeMap<String, DrillRecord>) -> Self {
        Self { drills, records, selected: None, find: Find::default(), order: DrillOrder::default() }
    }

    /// Takes a drill in, in place of another one with the same id, and selects it.
    pub fn take_in(&mut self, drill: Drill) {
        self.selected = Some(drill.id.clone());
        match self.drills.iter_mut().find(|known| known.id == drill.id) {
            Some(known) => *known = drill,
            None => self.drills.push(drill),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.drills.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.drills.is_empty()
    }

    /// All drills, as they are best taken.
    pub fn all(&self) -> impl Iterator<Item = &Drill> {
        self.drills.iter()
    }

    /// Those that are shown, in the order in which they are listed.
    pub fn shown(&self) -> impl Iterator<Item = &Drill> {
        let mut shown: Vec<&Drill> = self.drills.iter().filter(|drill| fits(drill, &self.find)).collect();
        match self.order {
            DrillOrder::Course => {}
            DrillOrder::Title => shown.sort_by_key(|drill| drill.title.to_lowercase()),
            DrillOrder::Level => shown.sort_by_key(|drill| drill.difficulty),
            DrillOrder::Result => shown.sort_by_key(|drill| self.result(&drill.id)),
        }
        shown.into_iter()
    }

    /// Failed ones, others that were tried, those that were never run; then the passed ones, the best score last.
    fn result(&self, id: &str) -> (u8, Option<u8>) {
        match self.record(id) {
            Some(DrillRecord { passed: 0, last, .. }) => (u8::from(last != Verdict::Failed), None),
            None => (2, None),
            Some(DrillRecord { best, .. }) => (3, best),
        }
    }

    /// In which order they are listed.
    #[must_use]
    pub fn order(&self) -> DrillOrder {
        self.order
    }

    /// Lists them in the next order. The selected drill stays selected.
    pub fn turn_order(&mut self) {
        self.selected = self.selected().map(|drill| drill.id.clone());
        self.order = self.order.next();
    }

    /// What is looked for.
    #[must_use]
    pub fn find_text(&self) -> &Find {
        &self.find
    }

    /// Shows only the drills in which this is found: in their id, title or tags.
    pub fn look_for(&mut self, find: Find) {
        self.find = find;
    }

    /// Where the selected drill is among those that are shown.
    #[must_use]
    pub fn match_place(&self) -> MatchPlace {
        let of = self.shown().count();
        MatchPlace { at: (of > 0).then(|| self.place()), of }
    }

    /// Selects the next drill that is shown, or the one before, round the end.
    pub fn turn(&mut self, on: bool) {
        let places: Vec<usize> = (0..self.shown().count()).collect();
        if let Some(place) = find::next(&places, Some(self.place()), on) {
            self.select(place);
        }
    }

    /// The selected drill, if any is shown.
    #[must_use]
    pub fn selected(&self) -> Option<&Drill> {
        let is_selected = |drill: &&Drill| Some(&drill.id) == self.selected.as_ref();
        self.shown().find(is_selected).or_else(|| self.shown().next())
    }

    /// The place of the selected drill among those that are shown.
    #[must_use]
    pub fn place(&self) -> usize {
        self.shown().position(|drill| Some(&drill.id) == self.selected.as_ref()).unwrap_or(0)
    }

    /// Selects the drill at this place among those that are shown, or the last one.
    pub fn select(&mut self, place: usize) {
        let last = self.shown().count().saturating_sub(1);
        let id = self.shown().nth(place.min(last)).map(|drill| drill.id.clone());
        self.selected = id;
    }

    /// The drill of this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Drill> {
        self.drills.iter().find(|drill| drill.id == id)
    }

    /// The drill after this one; after the last one, the first.
    #[must_use]
    pub fn after(&self, id: &str) -> Option<&Drill> {
        let place = self.drills.iter().position(|drill| drill.id == id)?;
        self.drills.get((place + 1) % self.drills.len())
    }

    /// Selects the drill of this id. If the search hides it, the search is over.
    pub fn select_id(&mut self, id: &str) {
        if !self.shown().any(|drill| drill.id == id) {
            self.find = Find::default();
        }
        self.selected = Some(id.to_owned());
    }

    /// How a drill went so far.
    #[must_use]
    pub fn record(&self, id: &str) -> Option<DrillRecord> {
        self.records.get(id).copied()
    }

    /// Notes how a drill went.
    pub fn note(&mut self, id: &str, record: DrillRecord) {
        self.records.insert(id.to_owned(), record);
    }

    /// How many of the drills were passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        let is_passed = |drill: &&Drill| self.record(&drill.id).is_some_and(|record| record.passed > 0);
        self.drills.iter().filter(is_passed).count()
    }
}

fn fits(drill: &Drill, find: &Find) -> bool {
    let mut texts = vec![drill.id.as_str(), drill.title.as_str()];
    texts.extend(drill.tags.iter().map(String::as_str));
    find.fits(&texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drill(id: &str, title: &str, tag: &str) -> Drill {
        let text = format!(
            "schema = 1\nid = \"{id}\"\ntitle = \"{title}\"\ndescription = \"d\"\ntags = [\"{tag}\"]\n[[step]]\ndo = \"kill leader\"\nverify = \"down 1\"\n"
        );
        Drill::read(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
    }

    fn catalogue() -> Catalogue {
        let drills = vec![
            drill("one", "Kill the leader", "election"),
            drill("two", "Cut a link", "network"),
            drill("three", "Kill a follower", "process"),
        ];
        Catalogue::new(drills, BTreeMap::new())
    }

    #[test]
    fn a_search_looks_at_id_title_and_tags_and_the_selection_stays_by_id() {
        let mut catalogue = catalogue();
        catalogue.select(2);
        catalogue.look_for(Find::new("kill"));
        let shown: Vec<&str> = catalogue.shown().map(|drill| drill.id.as_str()).collect();
        assert_eq!((shown, catalogue.place()), (vec!["one", "three"], 1));
        assert_eq!(catalogue.match_place().to_string(), "2 of 2");
        catalogue.turn(true);
        assert_eq!(catalogue.place(), 0, "round the end");
        catalogue.look_for(Find::new("kill process"));
        assert_eq!(catalogue.selected().map(|drill| drill.id.as_str()), Some("three"));
        catalogue.look_for(Find::new("nonsense"));
        assert_eq!(
            (catalogue.selected(), catalogue.match_place().to_string()),
            (None, "no match".to_owned())
        );
        catalogue.select_id("two");
        assert!(catalogue.find_text().is_empty());
        assert_eq!(catalogue.place(), 1);
    }

    #[test]
    fn in_another_order_the_same_drill_stays_selected() {
        let mut catalogue = catalogue();
        catalogue.note("one", DrillRecord { passed: 1, best: Some(90), last: Verdict::Passed });
        catalogue.note("three", DrillRecord { passed: 0, best: None, last: Verdict::Failed });
        let ids = |catalogue: &Catalogue| catalogue.shown().map(|drill| drill.id.clone()).collect::<Vec<_>>();
        catalogue.select(0);
        let mut seen = Vec::new();
        for _ in 0..4 {
            catalogue.turn_order();
            assert_eq!(catalogue.selected().map(|drill| drill.id.as_str()), Some("one"));
            seen.push((catalogue.order().name(), ids(&catalogue)));
        }
        assert_eq!(seen[0], (Some("by title"), vec!["two".into(), "three".into(), "one".into()]));
        assert_eq!(seen[2], (Some("by result"), vec!["three".into(), "two".into(), "one".into()]));
        assert_eq!(seen[3], (None, vec!["one".into(), "two".into(), "three".into()]));
    }

    #[test]
    fn the_next_drill_after_the_last_is_the_first() {
        let catalogue = catalogue();
        assert_eq!(catalogue.after("three").map(|drill| drill.id.as_str()), Some("one"));
        assert_eq!(catalogue.after("unknown"), None);
    }
}
