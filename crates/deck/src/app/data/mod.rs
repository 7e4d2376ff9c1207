//! What the Data view shows: the keys and values, the selected key's value and its history.
//!
//! The store is read a page at a time and only while the view is open: around the selected key, and again when the leader has
//! committed more. What was read stays on the screen, with the entry, the time and the node that it is from.

mod asking;
mod history;
mod json;
mod pages;
mod steer;
mod told;
pub mod value;

pub use asking::is_look;
pub(crate) use asking::{ask, hear, hear_look, next_change, trouble};
pub use history::{HistoryStart, Version, VersionKind};
pub use pages::{AsOf, Page};
pub(crate) use steer::{perform, scroll_value, step, write_line};

use asking::Looks;
use bytes::Bytes;
use history::History;
use pages::Starts;
use told::Told;
use value::ValueForm;

/// A row of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRow<'a> {
    /// The key.
    pub key: &'a Bytes,
    /// Its value; `None`: the key is selected, and does not exist any longer.
    pub value: Option<&'a Bytes>,
}

/// The Data view's state.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// Only keys that start with this are shown.
    prefix: String,
    page: Option<Page>,
    starts: Starts,
    selected: Option<Bytes>,
    /// On which row of the list the selected key is, if it can be.
    row: usize,
    /// How the value is shown, if it can be.
    pub form: ValueForm,
    /// The first line of the value that is shown.
    pub scroll: usize,
    looks: Looks,
    history: History,
    /// Of a source that cannot be asked: what it told by itself.
    told: Told,
    /// Whether that is what is shown.
    is_told: bool,
}

impl Data {
    /// What the keys start with that are shown.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Shows only the keys that start with this.
    pub fn search(&mut self, prefix: &str) {
        if self.prefix == prefix {
            return;
        }
        let narrower = prefix.starts_with(&self.prefix);
        prefix.clone_into(&mut self.prefix);
        // Of what is known the part that fits stays until the answer is there.
        self.page = self.page.take().filter(|_| narrower);
        if let Some(page) = &mut self.page {
            page.pairs.retain(|(key, _)| key.starts_with(prefix.as_bytes()));
        }
        self.starts.clear();
        self.looks.forget();
        if self.selected.as_ref().is_some_and(|key| !key.starts_with(prefix.as_bytes())) {
            self.select(self.page.as_ref().and_then(|page| page.pairs.first()).map(|(key, _)| key.clone()));
            self.row = 0;
        }
        if self.is_told {
            self.reread_told();
        }
    }

    /// What was read last; `None`: nothing yet.
    #[must_use]
    pub fn page(&self) -> Option<&Page> {
        self.page.as_ref()
    }

    /// The selected key.
    #[must_use]
    pub fn selected(&self) -> Option<&Bytes> {
        self.selected.as_ref()
    }

    /// The selected key's value, if it exists.
    #[must_use]
    pub fn selected_value(&self) -> Option<&Bytes> {
        self.page.as_ref()?.value(self.selected.as_ref()?)
    }

    /// The rows of the list. A selected key that was deleted keeps its place.
    #[must_use]
    pub fn rows(&self) -> Vec<KeyRow<'_>> {
        let Some(page) = &self.page else { return Vec::new() };
        let mut rows: Vec<KeyRow<'_>> =
            page.pairs.iter().map(|(key, value)| KeyRow { key, value: Some(value) }).collect();
        if let Some(key) = &self.selected
            && let Err(place) = page.place(key)
        {
            rows.insert(place, KeyRow { key, value: None });
        }
        rows
    }

    /// The place of the selected key among the rows.
    fn place(&self) -> usize {
        let selected = self.selected.as_ref();
        let page = self.page.as_ref();
        let place = page.zip(selected).map(|(page, key)| page.place(key).unwrap_or_else(|place| place));
        place.unwrap_or(0)
    }

    /// The first row in sight of a list of this height. The selected key stays on its row while others come and go.
    #[must_use]
    pub fn first(&self, rows: usize, height: usize) -> usize {
        let row = self.row.min(height.saturating_sub(1));
        self.place().saturating_sub(row).min(rows.saturating_sub(height))
    }

    /// Selects the key so many rows further down, or up.
    pub fn step(&mut self, by: usize, on: bool, height: usize) {
        let rows = self.rows();
        let Some(last) = rows.len().checked_sub(1) else { return };
        let (place, first) = (self.place(), self.first(rows.len(), height));
        let to = if on { place.saturating_add(by).min(last) } else { place.saturating_sub(by) };
        let key = rows[to].key.clone();
        let lowest = height.saturating_sub(1);
        let row = (to.saturating_sub(first)).min(lowest);
        self.select(Some(key));
        self.row = row;
    }

    /// To the first key of all.
    pub fn to_first(&mut self) {
        if !self.starts.is_first() {
            self.starts.clear();
            self.page = None;
            self.looks.forget();
        }
        self.select(self.page.as_ref().and_then(|page| page.pairs.first()).map(|(key, _)| key.clone()));
        self.row = 0;
    }

    /// Selects a key that is on the screen.
    pub fn choose(&mut self, key: &Bytes, height: usize) {
        let rows = self.rows();
        let first = self.first(rows.len(), height);
        if let Some(place) = rows.iter().position(|row| row.key == key) {
            self.row = place.saturating_sub(first);
            self.select(Some(key.clone()));
        }
    }

    fn select(&mut self, key: Option<Bytes>) {
        if self.selected != key {
            self.selected = key;
            self.scroll = 0;
        }
    }

    /// Keeps where the person reads: how the value is shown, what the keys begin with, and the selected key, if there was one.
    pub(super) fn keep_reader(&mut self, before: &Self) {
        self.form = before.form;
        self.search(&before.prefix);
        if self.selected.is_some() && before.selected.is_some() {
            self.selected.clone_from(&before.selected);
            (self.row, self.scroll) = (before.row, before.scroll);
        }
    }

    /// Takes a new page.
    fn show(&mut self, page: Page) {
        if self.selected.is_none() {
            self.select(page.pairs.first().map(|(key, _)| key.clone()));
            self.row = 0;
        }
        self.page = Some(page);
    }

    /// Scrolls the value.
    pub fn scroll(&mut self, by: usize, on: bool, last: usize) {
        self.scroll =
            if on { self.scroll.saturating_add(by).min(last) } else { self.scroll.saturating_sub(by) };
    }

    /// The next form of the value.
    pub fn next_form(&mut self) {
        self.form = self.form.next();
        self.scroll = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::pages::tests::{answer, key};
    use super::*;

    fn without(page: &Page, gone: usize) -> Page {
        let pairs = page.pairs.iter().filter(|(other, _)| *other != key(gone)).cloned().collect();
        Page { pairs, ..page.clone() }
    }

    #[test]
    fn the_selection_stays_with_its_key_and_on_its_row_when_others_come_and_go() {
        let mut data = Data::default();
        data.show(answer(50, None, 64));
        assert_eq!(data.selected(), Some(&key(0)), "the first");
        data.step(12, true, 10);
        assert_eq!((data.selected(), data.first(50, 10)), (Some(&key(12)), 3), "as far as it must");
        data.step(2, false, 10);
        assert_eq!(data.first(50, 10), 3, "it is in sight");
        data.show(without(&answer(50, None, 64), 5));
        assert_eq!((data.selected(), data.first(49, 10)), (Some(&key(10)), 2), "row 7 as before");
    }

    #[test]
    fn a_selected_key_that_is_deleted_is_shown_as_deleted_in_its_place() {
        let mut data = Data::default();
        data.show(answer(9, None, 64));
        data.step(4, true, 10);
        data.show(without(&answer(9, None, 64), 4));
        let rows = data.rows();
        assert_eq!(rows.len(), 9);
        assert_eq!((rows[4].key, rows[4].value), (&key(4), None));
        assert_eq!(data.selected_value(), None);
        data.step(1, true, 10);
        assert_eq!(
            (data.selected(), data.rows().len()),
            (Some(&key(5)), 8),
            "and is gone with the selection"
        );
    }

    #[test]
    fn a_search_keeps_what_fits_until_the_answer_is_there() {
        let mut data = Data::default();
        data.show(answer(50, None, 64));
        data.search("k00001");
        assert_eq!((data.rows().len(), data.selected()), (10, Some(&key(10))));
        data.search("k00002");
        assert_eq!((data.rows().len(), data.selected()), (0, None), "nothing is known of these");
    }

    #[test]
    fn a_short_list_has_no_empty_rows_above_and_a_list_of_no_rows_is_no_problem() {
        let mut data = Data::default();
        data.step(1, true, 0);
        assert_eq!(data.first(0, 0), 0);
        data.show(answer(5, None, 64));
        data.step(usize::MAX, true, 0);
        assert_eq!(data.selected(), Some(&key(4)));
        assert_eq!(data.first(5, 10), 0);
        data.to_first();
        assert_eq!(data.selected(), Some(&key(0)));
    }
}
