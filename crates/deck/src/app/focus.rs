//! Which pane the arrow keys move in, which one has the whole view, and the way back: Esc goes one step back, whatever it was.

use crate::app::notice::Notice;
use crate::app::output::Turn;
use crate::app::{App, View, finding};
use crate::view::Pane;
use std::time::Duration;

/// The pane of the Cluster view in which the arrow keys move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// The nodes: the ring and the table.
    #[default]
    Nodes,
    /// The event feed.
    Events,
}

impl App {
    /// The pane in which the arrow keys move, in the views that have several.
    #[must_use]
    pub fn focused(&self) -> Option<Pane> {
        match (self.view, self.focus) {
            (View::Cluster, Focus::Nodes) => Some(Pane::Nodes),
            (View::Cluster, Focus::Events) => Some(Pane::Feed),
            (View::Messages, _) => Some(Pane::Messages),
            _ => None,
        }
    }

    /// The pane that has the whole view.
    #[must_use]
    pub fn zoomed(&self) -> Option<Pane> {
        self.focused().filter(|_| self.zoomed == Some(self.view))
    }

    /// The number of the event that is selected, while the keys move among the events.
    #[must_use]
    pub fn selected_event(&self) -> Option<u64> {
        self.events.cursor(&self.shown_events()).filter(|_| self.focus == Focus::Events)
    }
}

/// The other pane of the Cluster view.
pub(super) fn switch(app: &mut App) {
    match app.focus {
        Focus::Nodes => {
            app.focus = Focus::Events;
            app.events.hold(&app.shown_events(), app.events_in_sight());
        }
        Focus::Events => leave_events(app),
    }
}

/// The nodes again.
pub(super) fn leave_events(app: &mut App) {
    app.focus = Focus::Nodes;
    app.events.follow();
}

/// Selects an event, and lets the keys move from there.
pub(super) fn select_event(app: &mut App, number: u64) {
    app.focus = Focus::Events;
    app.events.select(number, app.events_in_sight());
}

/// Gives the focused pane the whole view, or takes it back.
pub(super) fn zoom(app: &mut App) {
    app.zoomed = if app.zoomed().is_some() { None } else { Some(app.view) };
}

/// One step back. If there is none, it says how one leaves.
pub(super) fn back(app: &mut App, now: Duration) {
    if finding::clear(app) {
        return;
    }
    if app.zoomed().is_some() {
        app.zoomed = None;
        return;
    }
    if app.view == View::Cluster && app.focus == Focus::Events {
        leave_events(app);
        return;
    }
    let is_back = match app.view {
        View::Cluster if !app.events.follows() => {
            app.events.follow();
            true
        }
        View::Logs if !app.logs.follows() => {
            app.logs.follow();
            true
        }
        View::Messages if !app.messages.follows() => {
            app.messages.to_end();
            true
        }
        View::Output if app.landed.is_output_behind() => {
            app.output.handle.turn(Turn::Newest);
            true
        }
        View::Drills if app.drills.scroll > 0 => {
            app.drills.scroll = 0;
            true
        }
        _ => false,
    };
    if !is_back {
        app.notice = Some(Notice::new("there is nothing to go back from: q quits", now));
    }
}
