//! What a script can ask to see, as lines of text.

use crate::{Group, WORDS, Word};
use raftdeck_model::{Known, MessageState, Node, ProcessState, RaftView, World, write};
use raftdeck_protocol::LogLine;
use raftdeck_raft::{LogIndex, NodeId, Role};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

/// The widest column of `logs`.
const MAX_COLUMN: usize = 24;

/// `1 thing`, `2 things`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Logs side by side: a row for each index, a column for each node; `*` follows an entry that its node knows to be committed. Then
/// what cannot be shown: logs of nodes that do not run, and entries that only a snapshot holds.
pub(super) fn logs(world: &World, logs: &BTreeMap<NodeId, Option<Vec<LogLine>>>) -> Vec<String> {
    let mut lines = if logs.is_empty() {
        vec!["no node is running that could show its log".to_owned()]
    } else {
        table(world, logs)
    };
    let silent = processes(world).filter(|(node, _)| !logs.contains_key(&node.id));
    lines.extend(
        silent.map(|(node, process)| format!("{} is {}: its log is not shown", node.id, state(process))),
    );
    let purged = |node: &NodeId| {
        Some((*node, world.node(*node)?.current()?.purged.copied()?)).filter(|(_, to)| to.0 > 0)
    };
    lines.extend(
        logs.keys()
            .filter_map(purged)
            .map(|(node, to)| format!("{node} has its entries through {to} only in its snapshot")),
    );
    lines
}

fn table(world: &World, logs: &BTreeMap<NodeId, Option<Vec<LogLine>>>) -> Vec<String> {
    let columns: Vec<Vec<String>> =
        logs.iter().map(|(node, log)| column(world, *node, log.as_deref())).collect();
    let indices: BTreeSet<u64> = logs.values().flatten().flatten().map(|line| line.id.index.0).collect();
    let mut rows = vec![format!("{:>6}", "entry")];
    rows.extend(indices.iter().map(|index| format!("{index:>6}")));
    let cells = |log: &Option<Vec<LogLine>>, column: &[String]| -> Vec<String> {
        let mut cells = vec![column[0].clone()];
        let lines = log.as_deref().unwrap_or_default();
        let at = |index: &u64| lines.iter().position(|line| line.id.index.0 == *index);
        cells
            .extend(indices.iter().map(|index| at(index).map_or(String::new(), |at| column[at + 1].clone())));
        cells
    };
    for (log, column) in logs.values().zip(&columns) {
        let width = column.iter().map(|cell| cell.width()).max().unwrap_or(0);
        for (row, cell) in rows.iter_mut().zip(cells(log, column)) {
            let _ = write!(row, "  {cell}{}", " ".repeat(width - cell.width()));
        }
    }
    rows.iter().map(|row| row.trim_end().to_owned()).collect()
}

/// A node's name, then its entries: their terms and what they carry.
fn column(world: &World, node: NodeId, log: Option<&[LogLine]>) -> Vec<String> {
    let status = world.node(node).and_then(Node::current);
    let head = match status {
        Some(RaftView { role: Role::Leader, term, .. }) => format!("{node} leads {term}"),
        Some(RaftView { term, .. }) => format!("{node} in term {term}"),
        None => node.to_string(),
    };
    let head = if log.is_none() { format!("{node} is silent") } else { head };
    let committed = status.and_then(|status| status.committed.copied()).unwrap_or_default().0;
    let cell = |line: &LogLine| {
        let mark = if line.id.index.0 <= committed { "*" } else { "" };
        short(&format!("{}{mark} {}", line.id.term, line.text))
    };
    std::iter::once(head).chain(log.unwrap_or_default().iter().map(cell)).collect()
}

fn short(text: &str) -> String {
    if text.width() <= MAX_COLUMN {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if short.width() >= MAX_COLUMN - 2 {
            break;
        }
        short.push(c);
    }
    short + ".."
}

/// Everything in force, each item with its name; the name is a comment, so that the lines can be entered again.
pub(super) fn rules(world: &World) -> Vec<String> {
    let faults = world.in_force();
    if faults.is_empty() {
        return vec!["# nothing is in force".to_owned()];
    }
    let lines: Vec<String> = faults.iter().map(|fault| write::disturbance(&fault.what)).collect();
    let width = lines.iter().map(|line| line.width()).max().unwrap_or(0);
    let row =
        |(line, id): (&String, u64)| format!("{line}{}  # undo #{id}", " ".repeat(width - line.width()));
    lines.iter().zip(faults.iter().map(|fault| fault.id.0)).map(row).collect()
}

/// The nodes, cluster time, what is in force and on the links.
pub(super) fn status(world: &World) -> Vec<String> {
    let mut lines: Vec<String> = processes(world).map(|(node, process)| one(node, process)).collect();
    let rate = world.time().rate;
    lines.push(if rate.is_frozen() {
        "time is frozen".to_owned()
    } else {
        format!("time runs at rate {rate}")
    });
    let held = world.open_messages().filter(|message| message.state == MessageState::Held).count();
    let on_links = world.open_messages().len();
    lines.push(format!("{} on the links, {held} of them held", counted(on_links, "message")));
    lines.push(format!("{} in force", counted(world.in_force().len(), "thing")));
    lines
}

/// The nodes whose processes are known.
fn processes(world: &World) -> impl Iterator<Item = (&Node, &ProcessState)> {
    world.nodes().filter_map(|node| Some((node, node.process.as_ref()?)))
}

fn state(process: &ProcessState) -> &'static str {
    match process {
        ProcessState::Starting { .. } => "starting",
        ProcessState::Running { .. } => "running",
        ProcessState::Paused { .. } => "paused",
        ProcessState::Killed => "killed",
        ProcessState::Stopped => "stopped",
        ProcessState::Failed { .. } => "failed",
        ProcessState::Unreachable { .. } => "unreachable",
    }
}

fn one(node: &Node, process: &ProcessState) -> String {
    let (id, state) = (node.id, state(process));
    let Some(status) = node.current() else { return format!("{id} {state}") };
    let RaftView { role, term, .. } = status;
    let vote = match status.vote {
        Known::Unknown => "vote unknown".to_owned(),
        Known::Is(None) => "voted for nobody".to_owned(),
        Known::Is(Some(vote)) => format!("voted for {vote}"),
    };
    let index = |index: Option<LogIndex>| index.map_or("unknown".to_owned(), |index| index.to_string());
    let (last, committed, applied) =
        (index(status.last_index()), index(status.committed.copied()), index(status.applied.copied()));
    format!(
        "{id} {state}, {role} in term {term}, {vote}, log through {last}, committed {committed}, applied {applied}"
    )
}

/// All words by group, or one with its examples.
pub(super) fn help(word: Option<&'static Word>) -> Vec<String> {
    if let Some(Word { usage, about, examples, .. }) = word {
        let mut lines = vec![(*usage).to_owned(), format!("  {about}")];
        lines.extend(examples.iter().map(|example| format!("  for example: {example}")));
        return lines;
    }
    let mut lines = Vec::new();
    for group in Group::ALL {
        lines.push(format!("{group}:"));
        let of = WORDS.iter().filter(|word| word.group == group);
        lines.extend(of.map(|word| format!("  {:<45} {}", word.usage, word.about)));
    }
    lines
}
