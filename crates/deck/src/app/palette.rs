//! Parses and completes a line of the palette.
//!
//! The words are the grammar's, which scripts use too ([`raftdeck_script`]). Whatever has a key is also available here under the few
//! words that the footer has for it.

use crate::actions::{ACTIONS, Action, ActionId, Group};
use crate::app::View;
use crate::app::subject::Subject;
use crate::tabs::TabId;
use raftdeck_model::{Capabilities, ClientRequest, Order, World};
use raftdeck_raft::NodeId;
use raftdeck_script::ScriptLine;

/// What a line at the palette requests.
#[derive(Clone, Debug, PartialEq)]
pub enum PaletteLine {
    /// Nothing.
    Nothing,
    /// Have the lab do this.
    Do(Vec<Order>),
    /// Send this request to the store.
    Store(ClientRequest),
    /// What this key does.
    Act(ActionId),
    /// Show this view.
    Show(View),
    /// Select this node, and show it.
    Select(NodeId),
    /// Start this drill.
    StartDrill(String),
    /// Bring this theme into force, and keep it.
    Theme(String),
    /// Show this tab.
    ShowTab(TabId),
    /// Show the tab of this context, or open one.
    OpenTab(String),
    /// Explain this.
    Explain(Subject),
    /// Show the logs.
    Logs,
    /// Show what is in force.
    InForce,
    /// Say in words how the cluster is.
    Status,
    /// Explain a word of the grammar.
    Word {
        /// How it is used.
        usage: String,
        /// What it does.
        about: String,
    },
    /// Say this.
    Tell(String),
    /// End.
    Quit,
}

/// Parses a line, or says in a sentence why it cannot.
pub fn understand(line: &str, world: &World) -> Result<PaletteLine, String> {
    let said = match raftdeck_script::parse(line, world) {
        Ok(said) => said,
        Err(mistake) => {
            let named = by_name(line).map(PaletteLine::Act).or_else(|| explained(line, world));
            return named.ok_or_else(|| mistake.to_string());
        }
    };
    meant(said)
}

fn meant(line: ScriptLine) -> Result<PaletteLine, String> {
    Ok(match line {
        ScriptLine::Nothing => PaletteLine::Nothing,
        ScriptLine::Do(commands) if commands.is_empty() => {
            PaletteLine::Tell("there is nothing to do".to_owned())
        }
        // The palette waits for nothing anyway.
        ScriptLine::Do(orders) | ScriptLine::Begin(orders) => PaletteLine::Do(orders),
        ScriptLine::Step { step, .. } => PaletteLine::Do(vec![Order::Step(step)]),
        // In the palette a refusal is only a notice.
        ScriptLine::Try(line) => return meant(*line),
        ScriptLine::Store(request) => PaletteLine::Store(request),
        ScriptLine::Wait { .. }
        | ScriptLine::Expect(_)
        | ScriptLine::Judge(..)
        | ScriptLine::Stays { .. } => {
            return Err("wait, expect and stays work only in scripts (raftdeck up)".to_owned());
        }
        ScriptLine::Sleep { .. } => {
            return Err("sleep works only in scripts (raftdeck up): here use step 500ms".to_owned());
        }
        ScriptLine::Let { .. } | ScriptLine::Repeat { .. } | ScriptLine::End => {
            return Err("let, repeat and end work only in scripts (raftdeck up)".to_owned());
        }
        ScriptLine::Save(_) | ScriptLine::Load(_) | ScriptLine::Check(_) => {
            return Err(
                "only raftdeck up reads and writes files: here rules shows what is in force".to_owned()
            );
        }
        ScriptLine::Say(text) => PaletteLine::Tell(text),
        ScriptLine::Logs => PaletteLine::Logs,
        ScriptLine::Rules => PaletteLine::InForce,
        ScriptLine::Status => PaletteLine::Status,
        ScriptLine::Help(None) => PaletteLine::Act(ActionId::Help),
        ScriptLine::Help(Some(word)) => {
            PaletteLine::Word { usage: word.usage.to_owned(), about: word.about.to_owned() }
        }
        ScriptLine::Quit => PaletteLine::Quit,
    })
}

/// What the write prompt accepts, for its placeholder.
pub const REQUESTS: &str = "put k v, get k, delete k, cas k old new, list [prefix]";

/// Parses a line of the write prompt, or says in a sentence why it cannot.
pub fn request(line: &str, world: &World) -> Result<ClientRequest, String> {
    match raftdeck_script::parse(line, world) {
        Ok(ScriptLine::Store(request)) => Ok(request),
        Ok(ScriptLine::Nothing) => Err(format!("type one of: {REQUESTS}")),
        Ok(_) => Err(format!(
            "this prompt takes store requests only: {REQUESTS}; all other commands are for the command prompt"
        )),
        Err(mistake) => Err(mistake.to_string()),
    }
}

/// The commands of a line of the grammar; none if it is not understood.
#[must_use]
pub fn commands(line: &str, world: &World) -> Vec<Order> {
    match raftdeck_script::parse(line, world) {
        Ok(ScriptLine::Do(commands)) => commands,
        _ => Vec::new(),
    }
}

/// Why the source cannot do what a line says, if the line is understood and the source cannot.
#[must_use]
pub fn lacking(line: &str, world: &World, capabilities: &Capabilities) -> Option<String> {
    let orders = commands(line, world);
    orders.iter().find_map(|order| capabilities.allow(order).err()).map(|lacking| lacking.to_string())
}

/// What follows the word `explain`.
fn explained(line: &str, world: &World) -> Option<PaletteLine> {
    let words = line.trim().strip_prefix(EXPLAIN)?;
    Subject::named(words, world).map(PaletteLine::Explain)
}

/// What a line that explains something begins with.
pub(super) const EXPLAIN: &str = "explain ";

fn by_name(line: &str) -> Option<ActionId> {
    let line = line.trim();
    ACTIONS.iter().find(|action| action.short == line && can_be_named(action)).map(|action| action.id)
}

/// Excludes actions that need a number, only move within a view, or belong to a moment of a drill.
pub(super) fn can_be_named(action: &Action) -> bool {
    let is_of_drill =
        action.group == Group::Drills && !matches!(action.id, ActionId::Drills | ActionId::SortDrills);
    let is_of_lesson = action.group == Group::Lessons && action.id != ActionId::Tour;
    let moves = matches!(
        action.id,
        ActionId::SelectNumber
            | ActionId::TabNumber
            | ActionId::EntryBack
            | ActionId::EntryOn
            | ActionId::MessageBack
            | ActionId::MessageOn
            | ActionId::KeyPrevious
            | ActionId::KeyNext
            | ActionId::DeleteKey
            | ActionId::ValueBack
            | ActionId::ValueOn
            | ActionId::PageBack
            | ActionId::PageOn
            | ActionId::PreviousRow
            | ActionId::NextRow
            | ActionId::Back
            | ActionId::Palette
    );
    !is_of_drill && !is_of_lesson && !moves
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::concepts::Concept;
    use raftdeck_model::{News, Update};
    use raftdeck_raft::{LogIndex, Term};
    use std::time::Duration;

    fn world() -> World {
        let nodes = (1..=3).map(NodeId).collect();
        let what = News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() };
        let mut world = World::default();
        world.fold(&Update { at: Duration::ZERO, seq: 0, what });
        world
    }

    #[test]
    fn lines_are_the_grammars_and_the_actions() {
        let understood = |line: &str| understand(line, &world()).unwrap();
        assert_eq!(understood("kill 2"), PaletteLine::Do(vec![Order::Kill(NodeId(2))]));
        assert_eq!(understood("restart down"), PaletteLine::Tell("there is nothing to do".to_owned()));
        assert_eq!(understood("quit"), PaletteLine::Quit);
        assert_eq!(understood("help"), PaletteLine::Act(ActionId::Help));
        assert_eq!(understood("  # nothing"), PaletteLine::Nothing);
        assert_eq!(
            understood("kill leader"),
            PaletteLine::Act(ActionId::KillLeader),
            "by its name when nobody leads"
        );
        assert!(
            matches!(understood("help cut"), PaletteLine::Word { usage, .. } if usage.starts_with("cut"))
        );
        for (line, subject) in [
            ("explain quorum", Subject::Concept(Concept::Quorum)),
            ("explain Split-Vote", Subject::Concept(Concept::SplitVote)),
            ("explain 2", Subject::Node(NodeId(2))),
            ("explain n3", Subject::Node(NodeId(3))),
            ("explain term 4", Subject::Term(Term(4))),
            ("explain entry 7", Subject::Entry(LogIndex(7))),
            ("explain terms", Subject::Glossary),
        ] {
            assert_eq!(understood(line), PaletteLine::Explain(subject), "{line}");
        }
        assert_eq!(understood("explain"), PaletteLine::Act(ActionId::Explain));
        assert!(understand("explain 9", &world()).is_err() && understand("explain paxos", &world()).is_err());
        for line in
            ["frobnicate", "kill 9", "wait leader", "save x", "expect stored", "as alice expect get k v"]
        {
            assert!(understand(line, &world()).is_err(), "{line}");
        }
    }

    #[test]
    fn the_write_prompt_takes_requests_to_the_store_and_says_what_is_wrong_with_others() {
        let why = |line: &str| request(line, &world()).unwrap_err();
        for line in [
            "put color blue",
            "get color",
            "delete color",
            "cas k a b",
            "create k v",
            "list",
            "list co",
            "get k stale at 2",
            "as alice get k",
        ] {
            assert!(request(line, &world()).is_ok(), "{line}");
        }
        assert!(request("put \"a key\" \"\"", &world()).is_ok(), "an empty value is a value");
        assert!(why("").starts_with("type one of: put k v"));
        assert!(why("put color").contains("put needs a value"));
        assert!(why("kill 1").contains("store requests only"));
        assert!(why("frobnicate x").contains("is not known"));
        assert!(why("put \"\" v").contains("key is empty"));
        assert!(why(&format!("get {}", "k".repeat(5000))).contains("over the limit"));
    }
}
