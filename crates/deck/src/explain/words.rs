//! Words that several explanations need.

use crate::actions::{Action, ActionId};
use crate::app::App;
use raftdeck_model::{Node, Phase};
use raftdeck_protocol::printable::is_unsafe;
use raftdeck_raft::{NodeId, Term};
use std::fmt::Display;

/// `n1`, `n1 and n3`, `n1, n2 and n3`; a long list is counted.
pub(super) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    /// The most that are named.
    const MOST: usize = 6;
    let mut names: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if names.len() > MOST {
        let more = names.len() - (MOST - 1);
        names.truncate(MOST - 1);
        names.push(format!("{more} more"));
    }
    match names.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// `has` or `have`, by the number of those that do.
pub(super) fn verb(count: usize, one: &'static str, several: &'static str) -> &'static str {
    if count == 1 { one } else { several }
}

/// `1 entry`, `3 entries`.
pub(super) fn entries(count: u64) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}

/// A text on one line that moves no cursor.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect()
}

/// The first sentence of a text, without its full stop.
pub(super) fn first_sentence(text: &str) -> String {
    text.split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned()
}

/// A key, and what it does: `h heals every link.`; nothing if it cannot be done now, or if the names of keys are hidden.
pub(super) fn press(app: &App, id: ActionId, does: &str) -> String {
    let able = Action::of(id).is_some_and(|action| action.can(app).is_ok());
    if able && !app.presenter.hides_keys { format!("{} {does}.", app.key_of(id)) } else { String::new() }
}

/// The same for what a key does to the selected node: for another node, the command that does it. Nothing if the source cannot do it.
pub(super) fn press_for(app: &App, node: NodeId, id: ActionId, command: &str, does: &str) -> String {
    if app.selected() == Some(node) {
        return press(app, id, does);
    }
    let line = format!("{command} {}", node.0);
    if crate::app::palette::lacking(&line, app.world(), app.capabilities()).is_some() {
        return String::new();
    }
    palette(app, &line, does)
}

/// A command of the palette, and what it does: `:undo #2 ends it.`
pub(super) fn palette(app: &App, line: &str, does: &str) -> String {
    if app.presenter.hides_keys {
        return String::new();
    }
    format!("{}{line} {does}.", app.key_of(ActionId::Palette))
}

/// `term 4`.
pub(super) fn term(term: Term) -> String {
    format!("term {term}")
}

/// The state of a node that runs no part in an election or a commit now; `None`: it runs.
pub(super) fn absent(node: &Node) -> Option<&'static str> {
    match node.phase() {
        Phase::Running(_) => None,
        Phase::Starting => Some("has not reported since it was started"),
        Phase::Paused => Some("is paused"),
        Phase::Killed => Some("was killed"),
        Phase::Stopped => Some("was stopped"),
        Phase::Failed => Some("failed"),
        Phase::Unreachable => Some("does not answer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_a_few_and_counts_the_others() {
        assert_eq!(list([NodeId(1)]), "n1");
        assert_eq!(list((1..=3).map(NodeId)), "n1, n2 and n3");
        assert_eq!(list((1..=9).map(NodeId)), "n1, n2, n3, n4, n5 and 4 more");
        assert_eq!(list(Vec::<NodeId>::new()), "none");
    }

    #[test]
    fn the_first_sentence_ends_at_its_full_stop() {
        assert_eq!(first_sentence("It runs. It waits."), "It runs");
        assert_eq!(first_sentence("It took 1.5 s."), "It took 1.5 s");
        assert_eq!(first_sentence(""), "");
    }
}
