//! Every action of the deck, once: the footer, the help page and the keys are made from this table.

use crate::app::cluster::Node;
use crate::app::members::Standing;
use crate::app::{App, View};
use crate::keys::{Key, Scope};
use crate::words::changing;
use crossterm::event::KeyCode;
use raftdeck_lab::MAX_NODES;
use std::borrow::Cow;

/// Names an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table below says in words what each does")]
pub enum ActionId {
    Kill,
    KillLeader,
    Restart,
    RestartDown,
    Pause,
    Partition,
    Isolate,
    Heal,
    Transfer,
    Elect,
    AddNode,
    RemoveNode,
    Write,
    Workload,
    SelectNumber,
    SelectPrevious,
    SelectNext,
    NextView,
    PreviousView,
    EntryBack,
    EntryOn,
    PageBack,
    PageOn,
    ToStart,
    ToEnd,
    NodeFilter,
    Level,
    Help,
    Quit,
    Suspend,
}

/// What an action is about; the help page's sections, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Breaking and mending.
    Faults,
    /// Who leads, and who belongs to the cluster.
    Members,
    /// Using the store.
    Store,
    /// Looking around.
    Look,
    /// The deck itself.
    Deck,
}

impl Group {
    /// All groups in order.
    pub const ALL: [Self; 5] = [Self::Faults, Self::Members, Self::Store, Self::Look, Self::Deck];

    /// Its heading.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Faults => "Break and mend",
            Self::Members => "Lead and belong",
            Self::Store => "Use the store",
            Self::Look => "Look around",
            Self::Deck => "The deck",
        }
    }
}

/// Why an action cannot be taken now: a sentence for the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(pub Cow<'static, str>);

/// One action.
#[derive(Debug)]
pub struct Action {
    /// Its name in code.
    pub id: ActionId,
    /// Its section in the help page.
    pub group: Group,
    /// Its keys, and in which views they hold.
    pub keys: &'static [(Key, Scope)],
    /// In a word or two, for the footer.
    pub short: &'static str,
    /// In a sentence without a full stop, for the help page.
    pub long: &'static str,
    /// Whether it breaks something.
    pub dangerous: bool,
    /// Its rank in the footer, 1 being kept longest when there is no room; 0: not in the footer.
    pub footer: u8,
    /// Whether it can be taken now, or why not.
    pub enabled: fn(&App) -> Result<(), Reason>,
}

impl Action {
    /// The first key that holds in a view.
    #[must_use]
    pub fn key(&self, view: View) -> Option<Key> {
        self.keys.iter().find(|(_, scope)| scope.holds(view)).map(|(key, _)| *key)
    }

    /// The action of this name.
    #[must_use]
    pub fn of(id: ActionId) -> Option<&'static Self> {
        ACTIONS.iter().find(|action| action.id == id)
    }
}

const fn all(key: Key) -> (Key, Scope) {
    (key, Scope::Everywhere)
}

const fn code(code: KeyCode) -> (Key, Scope) {
    (Key::Code(code), Scope::Everywhere)
}

const fn only(view: View, key: Key) -> (Key, Scope) {
    (key, Scope::In(view))
}

/// The table.
pub static ACTIONS: &[Action] = &[
    Action {
        id: ActionId::Kill,
        group: Group::Faults,
        keys: &[all(Key::Char('k'))],
        short: "kill",
        long: "kill the selected node (SIGKILL)",
        dangerous: true,
        footer: 3,
        enabled: can_kill,
    },
    Action {
        id: ActionId::KillLeader,
        group: Group::Faults,
        keys: &[all(Key::Char('K'))],
        short: "kill leader",
        long: "kill the leader, whoever that is (SIGKILL)",
        dangerous: true,
        footer: 4,
        enabled: has_leader,
    },
    Action {
        id: ActionId::Restart,
        group: Group::Faults,
        keys: &[all(Key::Char('r'))],
        short: "restart",
        long: "restart the selected node, its data kept",
        dangerous: false,
        footer: 5,
        enabled: has_selection,
    },
    Action {
        id: ActionId::RestartDown,
        group: Group::Faults,
        keys: &[all(Key::Char('R'))],
        short: "restart all",
        long: "restart all nodes that are down",
        dangerous: false,
        footer: 17,
        enabled: any_down,
    },
    Action {
        id: ActionId::Pause,
        group: Group::Faults,
        keys: &[all(Key::Char('z'))],
        short: "pause",
        long: "pause the selected node, or let it go on (SIGSTOP, SIGCONT)",
        dangerous: true,
        footer: 9,
        enabled: can_pause,
    },
    Action {
        id: ActionId::Partition,
        group: Group::Faults,
        keys: &[all(Key::Char('p'))],
        short: "partition",
        long: "cut the leader off from all others; once until healed",
        dangerous: true,
        footer: 7,
        enabled: can_partition,
    },
    Action {
        id: ActionId::Isolate,
        group: Group::Faults,
        keys: &[all(Key::Char('i'))],
        short: "isolate",
        long: "cut the selected node off from all others, both ways",
        dangerous: true,
        footer: 10,
        enabled: can_isolate,
    },
    Action {
        id: ActionId::Heal,
        group: Group::Faults,
        keys: &[all(Key::Char('h'))],
        short: "heal",
        long: "heal every link and let every paused node go on",
        dangerous: false,
        footer: 8,
        enabled: can_heal,
    },
    Action {
        id: ActionId::Transfer,
        group: Group::Members,
        keys: &[all(Key::Char('t'))],
        short: "transfer",
        long: "have the leader hand over to the selected node",
        dangerous: false,
        footer: 13,
        enabled: can_transfer,
    },
    Action {
        id: ActionId::Elect,
        group: Group::Members,
        keys: &[all(Key::Char('e'))],
        short: "elect",
        long: "let the selected node's election timer run out now",
        dangerous: true,
        footer: 16,
        enabled: can_elect,
    },
    Action {
        id: ActionId::AddNode,
        group: Group::Members,
        keys: &[all(Key::Char('a'))],
        short: "add",
        long: "add a node: it joins, catches up, and then votes",
        dangerous: false,
        footer: 12,
        enabled: can_add,
    },
    Action {
        id: ActionId::RemoveNode,
        group: Group::Members,
        keys: &[all(Key::Char('x'))],
        short: "remove",
        long: "remove the selected node from the cluster, with its data",
        dangerous: true,
        footer: 14,
        enabled: can_remove,
    },
    Action {
        id: ActionId::Write,
        group: Group::Store,
        keys: &[all(Key::Char('w'))],
        short: "write",
        long: "put k v, get k, delete k, cas k old new, list [prefix]",
        dangerous: false,
        footer: 6,
        enabled: always,
    },
    Action {
        id: ActionId::Workload,
        group: Group::Store,
        keys: &[all(Key::Char('W'))],
        short: "workload",
        long: "a steady workload of small writes, on or off",
        dangerous: false,
        footer: 15,
        enabled: has_nodes,
    },
    Action {
        id: ActionId::SelectNumber,
        group: Group::Look,
        keys: &[all(Key::Digit)],
        short: "select",
        long: "select a node by its number",
        dangerous: false,
        footer: 0,
        enabled: has_nodes,
    },
    Action {
        id: ActionId::SelectPrevious,
        group: Group::Look,
        keys: &[code(KeyCode::Up), only(View::Cluster, Key::Code(KeyCode::Left))],
        short: "previous",
        long: "select the previous node",
        dangerous: false,
        footer: 0,
        enabled: has_nodes,
    },
    Action {
        id: ActionId::SelectNext,
        group: Group::Look,
        keys: &[code(KeyCode::Down), only(View::Cluster, Key::Code(KeyCode::Right))],
        short: "next",
        long: "select the next node",
        dangerous: false,
        footer: 0,
        enabled: has_nodes,
    },
    Action {
        id: ActionId::NextView,
        group: Group::Look,
        keys: &[code(KeyCode::Tab)],
        short: "view",
        long: "next view",
        dangerous: false,
        footer: 11,
        enabled: always,
    },
    Action {
        id: ActionId::PreviousView,
        group: Group::Look,
        keys: &[code(KeyCode::BackTab)],
        short: "back",
        long: "previous view",
        dangerous: false,
        footer: 0,
        enabled: always,
    },
    Action {
        id: ActionId::EntryBack,
        group: Group::Look,
        keys: &[only(View::Logs, Key::Code(KeyCode::Left))],
        short: "older",
        long: "Logs: one entry back",
        dangerous: false,
        footer: 6,
        enabled: always,
    },
    Action {
        id: ActionId::EntryOn,
        group: Group::Look,
        keys: &[only(View::Logs, Key::Code(KeyCode::Right))],
        short: "newer",
        long: "Logs: one entry on",
        dangerous: false,
        footer: 6,
        enabled: always,
    },
    Action {
        id: ActionId::PageBack,
        group: Group::Look,
        keys: &[code(KeyCode::PageUp)],
        short: "page back",
        long: "a page back: events, entries, lines",
        dangerous: false,
        footer: 0,
        enabled: always,
    },
    Action {
        id: ActionId::PageOn,
        group: Group::Look,
        keys: &[code(KeyCode::PageDown)],
        short: "page on",
        long: "a page on",
        dangerous: false,
        footer: 0,
        enabled: always,
    },
    Action {
        id: ActionId::ToStart,
        group: Group::Look,
        keys: &[code(KeyCode::Home)],
        short: "oldest",
        long: "to the oldest",
        dangerous: false,
        footer: 0,
        enabled: always,
    },
    Action {
        id: ActionId::ToEnd,
        group: Group::Look,
        keys: &[code(KeyCode::End)],
        short: "follow",
        long: "to the newest, and follow it",
        dangerous: false,
        footer: 0,
        enabled: always,
    },
    Action {
        id: ActionId::NodeFilter,
        group: Group::Look,
        keys: &[only(View::Output, Key::Char('o'))],
        short: "one/all",
        long: "Output: only the selected node, or all",
        dangerous: false,
        footer: 6,
        enabled: always,
    },
    Action {
        id: ActionId::Level,
        group: Group::Look,
        keys: &[only(View::Output, Key::Char('l'))],
        short: "level",
        long: "Output: the next level",
        dangerous: false,
        footer: 6,
        enabled: always,
    },
    Action {
        id: ActionId::Help,
        group: Group::Deck,
        keys: &[all(Key::Char('?'))],
        short: "help",
        long: "this page",
        dangerous: false,
        footer: 1,
        enabled: always,
    },
    Action {
        id: ActionId::Quit,
        group: Group::Deck,
        keys: &[all(Key::Char('q')), all(Key::Ctrl('c'))],
        short: "quit",
        long: "stop every node and leave",
        dangerous: true,
        footer: 2,
        enabled: always,
    },
    Action {
        id: ActionId::Suspend,
        group: Group::Deck,
        keys: &[all(Key::Ctrl('z'))],
        short: "suspend",
        long: "back to the shell; the nodes run on, fg returns",
        dangerous: false,
        footer: 0,
        enabled: always,
    },
];

fn because(text: impl Into<Cow<'static, str>>) -> Result<(), Reason> {
    Err(Reason(text.into()))
}

// A table's functions have one signature.
#[expect(clippy::unnecessary_wraps, reason = "one signature for the whole table")]
fn always(_: &App) -> Result<(), Reason> {
    Ok(())
}

fn has_nodes(app: &App) -> Result<(), Reason> {
    if app.cluster.is_empty() { because("there is no node to select yet") } else { Ok(()) }
}

fn has_selection(app: &App) -> Result<(), Reason> {
    if app.selected_node().is_none() { because("no node is selected yet") } else { Ok(()) }
}

fn can_kill(app: &App) -> Result<(), Reason> {
    has_selection(app)?;
    match app.selected_node() {
        Some(node) if node.is_down() => because(format!("{} is down already: r restarts it", node.id)),
        _ => Ok(()),
    }
}

fn has_leader(app: &App) -> Result<(), Reason> {
    if app.cluster.leader().is_none() { because("nobody leads at the moment") } else { Ok(()) }
}

fn any_down(app: &App) -> Result<(), Reason> {
    if app.cluster.nodes().any(Node::is_down) { Ok(()) } else { because("no node is down") }
}

fn can_pause(app: &App) -> Result<(), Reason> {
    has_selection(app)?;
    match app.selected_node() {
        Some(node) if node.is_down() => because(format!("{} is down: r restarts it", node.id)),
        Some(node) if node.pid().is_none() => because(format!("{} has not started yet", node.id)),
        _ => Ok(()),
    }
}

fn can_partition(app: &App) -> Result<(), Reason> {
    if let Some(id) = app.cluster.partition() {
        return because(format!("{id} is cut off already: h heals"));
    }
    has_leader(app)?;
    match app.cluster.leader() {
        Some(_) if app.cluster.len() < 2 => because("one node alone cannot be cut off from anyone"),
        Some(leader) if app.cluster.is_isolated(leader.id) => {
            because(format!("{} is cut off already: h heals", leader.id))
        }
        _ => Ok(()),
    }
}

fn can_isolate(app: &App) -> Result<(), Reason> {
    has_selection(app)?;
    match app.selected_node() {
        Some(_) if app.cluster.len() < 2 => because("one node alone cannot be cut off from anyone"),
        Some(node) if app.cluster.is_isolated(node.id) => {
            because(format!("{} is cut off already: h heals", node.id))
        }
        _ => Ok(()),
    }
}

/// Who belongs to the cluster, and who leads it, is changed through a leader with a majority alone.
fn has_majority(app: &App) -> Result<(), Reason> {
    has_leader(app)?;
    match app.cluster.leader().and_then(|leader| Some((leader.id, leader.live()?))) {
        Some((id, status)) if !status.has_quorum => {
            because(format!("{id} leads but reaches no majority: nothing can be changed"))
        }
        _ => Ok(()),
    }
}

fn nothing_under_way(app: &App) -> Result<(), Reason> {
    if let Some(to) = app.cluster.transfer() {
        return because(format!("the leadership is being handed to {to}: wait a moment"));
    }
    match app.changes.iter().next() {
        Some((id, step)) => because(format!("{}: wait until it is done", changing(id, step))),
        None if app.cluster.is_joint() => {
            because("the cluster is between two configurations: wait until it is done")
        }
        None => Ok(()),
    }
}

/// The selected node runs, and is one who may lead.
fn may_lead(app: &App) -> Result<(), Reason> {
    has_selection(app)?;
    let Some(node) = app.selected_node() else { return Ok(()) };
    let id = node.id;
    match app.cluster.standing(id) {
        _ if node.is_down() => because(format!("{id} is down: r restarts it")),
        _ if node.is_paused() => because(format!("{id} is paused: z lets it go on")),
        _ if !node.is_running() => because(format!("{id} has not started yet")),
        Standing::Learner => because(format!("{id} is a learner: only voters can lead")),
        Standing::Outside => because(format!("{id} is not a member of the cluster")),
        Standing::Voter => Ok(()),
    }
}

fn can_transfer(app: &App) -> Result<(), Reason> {
    may_lead(app)?;
    has_majority(app)?;
    match app.cluster.leader() {
        Some(leader) if app.selected == Some(leader.id) => because(format!("{} leads already", leader.id)),
        _ => nothing_under_way(app),
    }
}

fn can_elect(app: &App) -> Result<(), Reason> {
    may_lead(app)?;
    match app.cluster.leader() {
        Some(leader) if app.selected == Some(leader.id) => {
            because(format!("{} leads already: t hands over to another node", leader.id))
        }
        _ => Ok(()),
    }
}

fn can_add(app: &App) -> Result<(), Reason> {
    has_nodes(app)?;
    if app.cluster.len() >= usize::from(MAX_NODES) {
        return because(format!("there are {MAX_NODES} nodes already, and no room for more"));
    }
    has_majority(app)
}

fn can_remove(app: &App) -> Result<(), Reason> {
    has_selection(app)?;
    let Some(id) = app.selected else { return Ok(()) };
    if app.cluster.voters().iter().eq([&id]) {
        return because(format!("{id} is the last voter: without it there is no cluster"));
    }
    has_majority(app)?;
    nothing_under_way(app)
}

fn can_heal(app: &App) -> Result<(), Reason> {
    if app.cluster.any_cut() || app.cluster.nodes().any(Node::is_paused) {
        Ok(())
    } else {
        because("nothing to heal: no link is cut and no node is paused")
    }
}
