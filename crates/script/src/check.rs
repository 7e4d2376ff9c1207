//! Reads a script without carrying it out: whether every line can be understood, by what is known before it begins.
//!
//! Who will lead is not known then, so the script is read once with each node as the leader; what is a mistake each time is one.

use crate::bindings::{Bindings, Bound};
use crate::engine::lines::{after, texts};
use crate::{Line, Mistake, Value, parse_with};
use raftdeck_model::{MAX_NODES, News, Node, NodeView, Order, ProcessState, RaftView, Update, World};
use raftdeck_raft::{NodeId, Role, Term};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// A mistake in a script.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flaw {
    /// The line, from 1.
    pub line: usize,
    /// The column in which the piece begins that is wrong, in characters from 1.
    pub column: usize,
    /// A sentence for a person: what is wrong, and what would be right.
    pub mistake: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.mistake)
    }
}

/// What a script is found to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many lines it has.
    pub lines: usize,
    /// Its mistakes, in order of their place.
    pub flaws: Vec<Flaw>,
    /// The files that it loads, as it names them, with the lines that do. They are not read.
    pub loads: Vec<(usize, String)>,
}

/// Reads a script for a cluster that begins with so many nodes. Names that a loaded file may have set count as set.
#[must_use]
pub fn check(script: &[u8], nodes: usize) -> Checked {
    let lines: Vec<_> = texts(script).collect();
    let mut readings = (1..=nodes.max(1) as u64).map(|leader| {
        let mut reading = Reading::new(nodes, NodeId(leader));
        reading.read(&lines);
        reading
    });
    let first = readings.next().unwrap_or_default();
    let flaws = readings.fold(first.flaws, |flaws, reading| &flaws & &reading.flaws);
    Checked { lines: lines.len(), flaws: flaws.into_iter().collect(), loads: first.loads }
}

/// One reading, in which one node leads.
#[derive(Default)]
struct Reading {
    world: World,
    bindings: Bindings,
    flaws: BTreeSet<Flaw>,
    loads: Vec<(usize, String)>,
    /// The repeats that are open: the line of each, and how often it carries out its lines.
    open: Vec<(usize, u64)>,
}

impl Reading {
    fn new(nodes: usize, leader: NodeId) -> Self {
        let mut reading = Self::default();
        let nodes: Vec<NodeId> = (1..=nodes as u64).map(NodeId).collect();
        reading.has(nodes.clone());
        for node in nodes {
            reading.tell(News::Process { node, state: ProcessState::Running { pid: None } });
            let role = if node == leader { Role::Leader } else { Role::Follower };
            let view = NodeView::new(RaftView::new(node, Term(1), role));
            reading.tell(News::Status { node, status: Box::new(view) });
        }
        reading
    }

    fn tell(&mut self, what: News) {
        self.world.fold(&Update { at: Duration::ZERO, seq: 0, what });
    }

    fn has(&mut self, nodes: Vec<NodeId>) {
        self.tell(News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None });
    }

    fn read(&mut self, lines: &[(usize, &[u8])]) {
        for &(number, line) in lines {
            let Ok(line) = std::str::from_utf8(line) else {
                self.flaw(number, 1, "the line is not UTF-8 text".to_owned());
                continue;
            };
            match parse_with(line, &self.world, &self.bindings) {
                Ok(meant) => self.note(number, meant),
                Err(mistake) => {
                    self.note_block(number, line);
                    self.flaw(number, column(line, &mistake), mistake.to_string());
                }
            }
        }
        for (line, _) in std::mem::take(&mut self.open) {
            self.flaw(line, 1, "repeat has no end: a line end after the lines that are repeated".to_owned());
        }
    }

    fn flaw(&mut self, line: usize, column: usize, mistake: String) {
        self.flaws.insert(Flaw { line, column, mistake });
    }

    /// A line that cannot be understood may begin or end a block all the same.
    fn note_block(&mut self, number: usize, line: &str) {
        match after(1, line) {
            0 => drop(self.open.pop()),
            1 => {}
            _ => self.open.push((number, 1)),
        }
    }

    /// What lines mean depends on those before them.
    fn note(&mut self, number: usize, line: Line) {
        match line {
            Line::Do(orders) => orders.iter().for_each(|order| self.note_order(order)),
            Line::Try(line) => self.note(number, *line),
            Line::Let { name, value } => {
                let bound = match value {
                    Value::Leader => self.bound(World::leader),
                    Value::Follower => {
                        let leader = self.world.leader().map(|leader| leader.id);
                        self.bound(|world| world.nodes().find(|node| Some(node.id) != leader))
                    }
                    Value::Figure(..) => Bound::Number(1),
                    Value::Known(bound) => bound,
                };
                self.bindings.bind(&name, bound);
            }
            Line::Repeat { times, counter } => {
                self.open.push((number, times));
                if let Some(counter) = counter {
                    self.bindings.bind(&counter, Bound::Number(1));
                }
            }
            Line::End => {
                if self.open.pop().is_none() {
                    self.flaw(number, 1, "end ends nothing: no repeat is open before it".to_owned());
                }
            }
            Line::Load(file) => {
                self.loads.push((number, file));
                self.bindings.assume_set();
            }
            Line::Nothing
            | Line::Step { .. }
            | Line::Sleep { .. }
            | Line::Store(_)
            | Line::Wait { .. }
            | Line::Expect(_)
            | Line::Judge(..)
            | Line::Stays { .. }
            | Line::Say(_)
            | Line::Logs
            | Line::Rules
            | Line::Status
            | Line::Save(_)
            | Line::Check(_)
            | Line::Help(_)
            | Line::Quit => {}
        }
    }

    fn bound(&self, node: impl Fn(&World) -> Option<&Node>) -> Bound {
        Bound::Text(node(&self.world).map_or(1, |node| node.id.0).to_string())
    }

    fn note_order(&mut self, order: &Order) {
        let mut nodes = self.world.ids();
        if let Order::AddNode | Order::AddLearner = order {
            let times = self.open.iter().fold(1, |product: u64, (_, times)| product.saturating_mul(*times));
            let next = nodes.last().map_or(1, |last| last.0 + 1);
            let more = times.min(u64::from(MAX_NODES).saturating_sub(nodes.len() as u64));
            nodes.extend((next..next + more).map(NodeId));
            self.has(nodes);
        } else if let Order::RemoveNode(removed) = order {
            nodes.retain(|node| node != removed);
            self.has(nodes);
        }
    }
}

/// In characters, from 1.
fn column(line: &str, mistake: &Mistake) -> usize {
    line.get(..mistake.place()).map_or(1, |before| before.chars().count() + 1)
}

#[cfg(test)]
mod tests;
