//! The explanation that is open: a trail of subjects, from the first one to the one that is shown.
//!
//! Only names are kept. The texts are made at drawing, so they stay true while the cluster runs.

use crate::app::reduce::closes;
use crate::app::subject::Subject;
use crate::app::{App, Effect};
use crate::explain::explain;
use crate::keys;
use crate::view::Pane;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::time::Duration;

/// The longest way back.
const MAX_TRAIL: usize = 50;

/// A subject on the way, and where the reader was in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    subject: Subject,
    /// The link that is chosen.
    link: usize,
    /// The first line shown; `None`: the one that brings the chosen link into sight.
    first: Option<usize>,
}

/// The explanation that is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explain {
    trail: Vec<Step>,
}

impl Explain {
    /// The subject that is explained.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        self.trail.last().map(|step| &step.subject)
    }

    /// Whether an explanation is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.trail.is_empty()
    }

    /// How many steps back lead to the first subject.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.trail.len().saturating_sub(1)
    }

    /// The link that is chosen, of this many.
    #[must_use]
    pub fn link(&self, of: usize) -> Option<usize> {
        Some(self.trail.last()?.link.min(of.checked_sub(1)?))
    }

    /// The first line shown; `None`: the one that brings the chosen link into sight.
    #[must_use]
    pub fn first(&self) -> Option<usize> {
        self.trail.last().and_then(|step| step.first)
    }

    /// Explains this, and nothing before it.
    pub fn open(&mut self, subject: Subject) {
        self.trail = vec![Step { subject, link: 0, first: Some(0) }];
    }

    /// Goes on to another subject.
    pub fn follow(&mut self, subject: Subject) {
        if self.subject() == Some(&subject) {
            return;
        }
        if self.trail.len() == MAX_TRAIL {
            self.trail.remove(0);
        }
        self.trail.push(Step { subject, link: 0, first: Some(0) });
    }

    /// One step back; from the first subject, it closes.
    pub fn back(&mut self) {
        self.trail.pop();
    }

    /// Closes it.
    pub fn close(&mut self) {
        self.trail.clear();
    }

    fn choose(&mut self, link: usize) {
        if let Some(step) = self.trail.last_mut() {
            step.link = link;
            step.first = None;
        }
    }

    /// Scrolls from the line that is shown first; `last` is the furthest.
    pub(super) fn scroll(&mut self, by: usize, on: bool, (shown, last): (usize, usize)) {
        if let Some(step) = self.trail.last_mut() {
            let first = step.first.unwrap_or(shown).min(last);
            step.first = Some(if on { (first + by).min(last) } else { first.saturating_sub(by) });
        }
    }
}

/// Opens the explanation of what is selected.
pub(super) fn open(app: &mut App) {
    if let Some(subject) = app.subject() {
        app.explain.open(subject);
    }
}

/// Takes a key while an explanation is open. `None`: it is not a key of the explanation, and acts as it always does.
pub(super) fn explain_key(app: &mut App, event: KeyEvent, now: Duration) -> Option<Vec<Effect>> {
    if !app.explain.is_open() {
        return None;
    }
    if event.code != KeyCode::Esc && closes(event) {
        app.explain.close();
        return Some(Vec::new());
    }
    if event.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return None;
    }
    let page = app.landed.rows(Pane::Explain).saturating_sub(1).max(1);
    let lines = app.landed.explain_lines();
    match event.code {
        // A script that waits goes first: the line above the keys says so.
        KeyCode::Enter if keys::is_for_script(app) => return None,
        KeyCode::Enter | KeyCode::Right => follow(app, None, now),
        KeyCode::Esc | KeyCode::Backspace | KeyCode::Left => app.explain.back(),
        KeyCode::Tab | KeyCode::Down => step(app, true, now),
        KeyCode::BackTab | KeyCode::Up => step(app, false, now),
        KeyCode::Char(c @ '1'..='9') => {
            follow(app, c.to_digit(10).and_then(|digit| usize::try_from(digit - 1).ok()), now);
        }
        KeyCode::PageUp => app.explain.scroll(page, false, lines),
        KeyCode::PageDown => app.explain.scroll(page, true, lines),
        _ => return None,
    }
    Some(Vec::new())
}

/// Chooses the link after, or before; from the last one, the first.
fn step(app: &mut App, on: bool, now: Duration) {
    let links = links(app, now).len();
    let Some(chosen) = app.explain.link(links) else { return };
    app.explain.choose(if on { (chosen + 1) % links } else { (chosen + links - 1) % links });
}

/// Goes where a link leads: the one of this number, or the chosen one.
pub(super) fn follow(app: &mut App, number: Option<usize>, now: Duration) {
    let links = links(app, now);
    let Some(place) = number.or_else(|| app.explain.link(links.len())) else { return };
    if let Some(subject) = links.get(place) {
        app.explain.choose(place);
        app.explain.follow(subject.clone());
    }
}

fn links(app: &App, now: Duration) -> Vec<Subject> {
    let Some(subject) = app.explain.subject() else { return Vec::new() };
    explain(app, subject, app.shown_at(now)).links.into_iter().map(|link| link.to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::NodeId;

    fn node(id: u64) -> Subject {
        Subject::Node(NodeId(id))
    }

    #[test]
    fn back_goes_the_way_one_came_and_then_closes() {
        let mut explain = Explain::default();
        explain.open(node(1));
        explain.follow(node(2));
        explain.follow(node(2));
        explain.follow(node(3));
        assert_eq!((explain.subject(), explain.depth()), (Some(&node(3)), 2));
        explain.back();
        explain.back();
        assert_eq!((explain.subject(), explain.depth()), (Some(&node(1)), 0));
        explain.back();
        assert!(!explain.is_open());
        explain.back();
        assert_eq!(explain.subject(), None);
    }

    #[test]
    fn the_way_back_is_bounded() {
        let mut explain = Explain::default();
        explain.open(node(0));
        for id in 1..500 {
            explain.follow(node(id));
        }
        assert_eq!(explain.depth(), MAX_TRAIL - 1);
    }

    #[test]
    fn a_text_scrolls_to_its_end_and_each_step_keeps_its_place() {
        let mut explain = Explain::default();
        explain.open(node(1));
        explain.scroll(5, true, (0, 7));
        explain.scroll(5, true, (5, 7));
        assert_eq!(explain.first(), Some(7));
        explain.follow(node(2));
        assert_eq!(explain.first(), Some(0));
        explain.back();
        explain.scroll(2, false, (7, 7));
        assert_eq!(explain.first(), Some(5));

        assert_eq!((explain.link(0), explain.link(3)), (None, Some(0)));
        explain.choose(1);
        assert_eq!(explain.first(), None, "the chosen link is brought into sight");
    }
}
