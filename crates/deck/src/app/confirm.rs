//! What is asked before it is done: whatever cannot be undone and is one key or one click away.
//!
//! `y` confirms, and it never is the key that asked. Esc, `n`, `q` and Ctrl-C leave everything as it is. A second Ctrl-C therefore
//! does not insist; SIGINT and SIGTERM from outside do not ask at all.

use crate::app::entered::act_on;
use crate::app::notice::Notice;
use crate::app::{App, Effect, drills, lessons};
use crate::tabs::TabRequest;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use raftdeck_model::Order;
use raftdeck_raft::NodeId;
use std::time::Duration;

/// A question that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// To end the deck and everything that it started.
    Quit,
    /// To remove this node with its data.
    Remove(NodeId),
    /// To empty a disk, with this line of the menu.
    Wipe(String),
    /// To stop the present cluster and start this drill.
    StartDrill(String),
    /// To stop the present cluster and start the lesson of this id, or show the exhibit.
    StartLesson(String),
    /// To stop the drill that runs.
    StopDrill,
    /// To close this tab, with its cluster.
    CloseTab,
}

/// How a question is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmReply {
    /// Do it.
    Yes,
    /// Leave everything as it is.
    No,
}

/// What a key answers; `None`: nothing, and the question stays.
fn reply(event: KeyEvent) -> Option<ConfirmReply> {
    match event.code {
        KeyCode::Char('c' | 'C') if event.modifiers.contains(KeyModifiers::CONTROL) => Some(ConfirmReply::No),
        _ if event.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => None,
        KeyCode::Char('y' | 'Y') => Some(ConfirmReply::Yes),
        KeyCode::Esc | KeyCode::Char('n' | 'N' | 'q') => Some(ConfirmReply::No),
        _ => None,
    }
}

/// Takes a key while a question is open.
pub(super) fn confirm_key(app: &mut App, event: KeyEvent, now: Duration) -> Vec<Effect> {
    reply(event).map(|reply| answer(app, reply, now)).unwrap_or_default()
}

/// Answers the open question.
pub(super) fn answer(app: &mut App, reply: ConfirmReply, now: Duration) -> Vec<Effect> {
    let Some(confirm) = app.confirm.take() else { return Vec::new() };
    app.mark_changed();
    match (reply, confirm) {
        (ConfirmReply::No, _) => Vec::new(),
        (ConfirmReply::Yes, Confirm::Quit) => vec![Effect::Quit],
        (ConfirmReply::Yes, Confirm::Remove(node)) => app.send([Order::RemoveNode(node)]),
        (ConfirmReply::Yes, Confirm::Wipe(words)) => act_on(app, &words, now),
        (ConfirmReply::Yes, Confirm::CloseTab) => vec![Effect::Tab(TabRequest::Close)],
        (ConfirmReply::Yes, Confirm::StartDrill(id)) => drills::start(app, &id),
        (ConfirmReply::Yes, Confirm::StartLesson(id)) => lessons::begin_by_id(app, &id),
        (ConfirmReply::Yes, Confirm::StopDrill) => {
            drills::stop(app);
            Vec::new()
        }
    }
}

/// Closes a question that has lost its object: its node is gone.
pub(super) fn forget_absent(app: &mut App, now: Duration) {
    if let Some(Confirm::Remove(node)) = app.confirm
        && app.world.node(node).is_none()
    {
        app.confirm = None;
        app.notice = Some(Notice::new(format!("{node} is gone already"), now));
    }
}

/// Ends the deck at a key. While the updates are recorded it asks, because the recording ends too; and once for all tabs, because each
/// of them ends.
pub(super) fn quit_by_key(app: &mut App) -> Vec<Effect> {
    if app.drills.is_recording || app.tabs.is_several() {
        app.confirm = Some(Confirm::Quit);
        return Vec::new();
    }
    vec![Effect::Quit]
}

/// Whether a line of the menu empties a disk.
pub(super) fn empties_disk(words: &str) -> bool {
    words.split_whitespace().next().is_some_and(|verb| verb == "wipe" || verb == "wipe-unsafe")
}
