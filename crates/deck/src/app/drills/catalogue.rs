//! The drills that can be started, which of them are shown, and which one is selected.

use super::record::DrillRecord;
use raftdeck_drills::Drill;
use std::collections::BTreeMap;

/// The catalogue.
#[derive(Debug, Default)]
pub struct Catalogue {
    drills: Vec<Drill>,
    records: BTreeMap<String, DrillRecord>,
    /// The id of the selected drill; `None`: the first that is shown.
    selected: Option<String>,
    /// Only drills that contain all these words are shown.
    words: String,
}

impl Catalogue {
    /// These drills, in the order in which they are best taken, and what was passed before.
    #[must_use]
    pub fn new(drills: Vec<Drill>, records: BTreeMap<String, DrillRecord>) -> Self {
        Self { drills, records, selected: None, words: String::new() }
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

    /// Those that are shown.
    pub fn shown(&self) -> impl Iterator<Item = &Drill> {
        self.drills.iter().filter(|drill| contains_all(drill, &self.words))
    }

    /// The words of the search.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Searches for drills that contain all these words in their id, title or tags. An error: none does, and nothing changes.
    pub fn search(&mut self, words: &str) -> Result<(), String> {
        if !self.drills.iter().any(|drill| contains_all(drill, words)) {
            return Err(format!("no drill has \"{words}\" in its id, title or tags"));
        }
        words.clone_into(&mut self.words);
        Ok(())
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
            self.words.clear();
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

fn contains_all(drill: &Drill, words: &str) -> bool {
    let has = |text: &str, word: &str| text.to_lowercase().contains(word);
    words.to_lowercase().split_whitespace().all(|word| {
        has(&drill.id, word) || has(&drill.title, word) || drill.tags.iter().any(|tag| has(tag, word))
    })
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
        catalogue.search("KILL").unwrap();
        let shown: Vec<&str> = catalogue.shown().map(|drill| drill.id.as_str()).collect();
        assert_eq!((shown, catalogue.place()), (vec!["one", "three"], 1));
        catalogue.search("kill process").unwrap();
        assert_eq!(catalogue.selected().map(|drill| drill.id.as_str()), Some("three"));
        assert!(catalogue.search("nonsense").is_err());
        assert_eq!(catalogue.words(), "kill process", "a search without a result changes nothing");
        catalogue.select_id("two");
        assert_eq!((catalogue.words(), catalogue.place()), ("", 1));
    }

    #[test]
    fn the_next_drill_after_the_last_is_the_first() {
        let catalogue = catalogue();
        assert_eq!(catalogue.after("three").map(|drill| drill.id.as_str()), Some("one"));
        assert_eq!(catalogue.after("unknown"), None);
    }
}
