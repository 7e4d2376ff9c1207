//! Checks a script without running it: whether every line can be parsed, with what is known before the start.
//!
//! The leader is not known then, so the script is checked once with each node as the leader. A line is a mistake if it fails each
//! time. Loaded files are checked where they are loaded. Pure: the caller reads them.

use crate::bindings::{Bindings, BoundValue};
use crate::engine::line_position::LinePosition;
use crate::engine::lines::{LineQueue, NO_END, NO_REPEAT, NOT_TEXT, after, texts};
use crate::{LineNeed, Mistake, ScriptLine, Value, parse_with};
use raftdeck_model::{MAX_NODES, News, Node, NodeView, Order, ProcessState, RaftView, Update, World};
use raftdeck_raft::{NodeId, Role, Term};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// The most loads in one reading that are followed. Without this limit, files that load one another under ever new names would never end.
const MAX_LOADS: usize = 1000;

/// Returns the content of a file that is loaded, or why it cannot be read.
type ReadFile<'a> = dyn FnMut(&str) -> Result<Vec<u8>, String> + 'a;

/// A mistake in a script.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScriptFlaw {
    /// The file: the script itself, or one that is loaded, beside the file that names it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in which the wrong piece begins, in characters from 1.
    pub column: usize,
    /// A sentence for a person: what is wrong, and what would be right.
    pub mistake: String,
}

impl fmt::Display for ScriptFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.mistake)
    }
}

/// The result of checking a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many lines it has, without those of the files that it loads.
    pub lines: usize,
    /// Its mistakes and those of the files that it loads, by file and place.
    pub flaws: Vec<ScriptFlaw>,
    /// What its own lines need of their source, by line.
    pub needs: BTreeSet<LineNeed>,
}

/// Reads a script for a cluster that begins with these nodes. `read` is called for the files that the script loads, once in each
/// reading. Without it they are not followed; names that a loaded file may have set then count as set.
#[must_use]
pub fn check(file: &str, script: &[u8], nodes: &[NodeId], mut read: Option<&mut ReadFile<'_>>) -> Checked {
    let mut common: Option<BTreeSet<ScriptFlaw>> = None;
    let mut needs = BTreeSet::new();
    for leader in nodes {
        let mut reading = Reading::new(nodes, *leader);
        reading.read(&ScriptFile { file, depth: 0 }, script, &mut read);
        needs.append(&mut reading.needs);
        common = Some(match common {
            Some(common) => &common & &reading.flaws,
            None => reading.flaws,
        });
    }
    Checked { lines: texts(script).count(), flaws: common.into_iter().flatten().collect(), needs }
}

/// A file that is being read.
#[derive(Clone, Copy)]
struct ScriptFile<'a> {
    file: &'a str,
    /// The depth of files that load one another.
    depth: usize,
}

/// A repeat whose end has not been reached.
struct OpenRepeat {
    line: usize,
    /// How often it carries out its lines.
    times: u64,
}

/// One reading, with one node as the first leader.
#[derive(Default)]
struct Reading {
    world: World,
    bindings: Bindings,
    flaws: BTreeSet<ScriptFlaw>,
    needs: BTreeSet<LineNeed>,
    /// Those of the present file come after those of the files that load it.
    open: Vec<OpenRepeat>,
    /// How many of them are of the files that load the present one.
    outer: usize,
    /// How many loads were followed.
    loads: usize,
    /// The files that they named.
    files: BTreeSet<String>,
    /// Whether files loaded one another too deeply.
    is_too_deep: bool,
}

impl Reading {
    fn new(nodes: &[NodeId], leader: NodeId) -> Self {
        let mut reading = Self::default();
        reading.has(nodes.to_vec());
        reading.leads(leader);
        reading
    }

    /// From now on this node leads and the others follow.
    fn leads(&mut self, leader: NodeId) {
        for node in self.world.ids() {
            self.tell(News::Process { node, state: ProcessState::Running { pid: None } });
            let role = if node == leader { Role::Leader } else { Role::Follower };
            let view = NodeView::new(RaftView::new(node, Term(1), role));
            self.tell(News::Status { node, status: Box::new(view) });
        }
    }

    fn tell(&mut self, what: News) {
        self.world.fold(&Update { at: Duration::ZERO, seq: 0, what });
    }

    fn has(&mut self, nodes: Vec<NodeId>) {
        self.tell(News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() });
    }

    fn read(&mut self, source: &ScriptFile<'_>, script: &[u8], read: &mut Option<&mut ReadFile<'_>>) {
        let outer = std::mem::replace(&mut self.outer, self.open.len());
        for (number, line) in texts(script) {
            let Ok(line) = std::str::from_utf8(line) else {
                self.flaw(source, (number, 1), NOT_TEXT);
                continue;
            };
            match parse_with(line, &self.world, &self.bindings) {
                Ok(meant) => {
                    if source.depth == 0 {
                        self.needs
                            .extend(meant.needs().into_iter().map(|need| LineNeed { line: number, need }));
                    }
                    if let Some(named) = self.note(source, (number, line), meant) {
                        self.load(source, number, &named, read);
                    }
                }
                Err(mistake) => {
                    self.note_block(number, line);
                    self.flaw(source, (number, column(line, &mistake)), mistake);
                }
            }
        }
        for OpenRepeat { line, .. } in self.open.split_off(self.outer) {
            self.flaw(source, (line, 1), NO_END);
        }
        self.outer = outer;
    }

    /// Reads a file where it is loaded. The names that it sets and its changes of nodes apply to the lines after it too.
    fn load(
        &mut self,
        from: &ScriptFile<'_>,
        line: usize,
        named: &str,
        read: &mut Option<&mut ReadFile<'_>>,
    ) {
        let place = LinePosition::of_file(from.file, line, from.depth);
        let file = place.file(named);
        let is_new = self.files.insert(file.clone());
        let Some(reader) = read.as_mut().filter(|_| self.loads < MAX_LOADS && (is_new || !self.is_too_deep))
        else {
            return self.bindings.assume_set();
        };
        if let Err(why) = LineQueue::may_load(&place, &file) {
            self.is_too_deep = true;
            self.flaw(from, (line, 1), why);
            return self.bindings.assume_set();
        }
        self.loads += 1;
        match reader(&file) {
            Ok(script) => self.read(&ScriptFile { file: &file, depth: from.depth + 1 }, &script, read),
            Err(why) => {
                self.flaw(from, (line, 1), format!("{file} cannot be read: {why}"));
                self.bindings.assume_set();
            }
        }
    }

    fn flaw(&mut self, source: &ScriptFile<'_>, (line, column): (usize, usize), mistake: impl fmt::Display) {
        let (file, mistake) = (source.file.to_owned(), mistake.to_string());
        self.flaws.insert(ScriptFlaw { file, line, column, mistake });
    }

    /// Ends the innermost repeat of the present file. `false`: none is open.
    fn close(&mut self) -> bool {
        self.open.len() > self.outer && self.open.pop().is_some()
    }

    /// A line that cannot be parsed may still begin or end a block.
    fn note_block(&mut self, number: usize, line: &str) {
        match after(1, line) {
            0 => drop(self.close()),
            1 => {}
            _ => self.open.push(OpenRepeat { line: number, times: 1 }),
        }
    }

    /// Records the effects of a line on the meaning of later lines. Returns the file that it loads.
    fn note(
        &mut self,
        source: &ScriptFile<'_>,
        (number, text): (usize, &str),
        line: ScriptLine,
    ) -> Option<String> {
        match line {
            ScriptLine::Do(orders) => orders.iter().for_each(|order| self.note_order(order)),
            ScriptLine::Begin(orders) => orders.iter().for_each(|order| self.note_begun(order)),
            ScriptLine::Try(line) => return self.note(source, (number, text), *line),
            ScriptLine::Let { name, value } => {
                let bound = match value {
                    Value::Leader => self.bound(World::leader),
                    Value::Follower => {
                        let leader = self.world.leader().map(|leader| leader.id);
                        self.bound(|world| world.nodes().find(|node| Some(node.id) != leader))
                    }
                    Value::Figure(..) => BoundValue::Unknown,
                    Value::Known(BoundValue::Number(_)) if self.bindings.names_unknown(text) => {
                        BoundValue::Unknown
                    }
                    Value::Known(bound) => bound,
                };
                self.bindings.bind(&name, bound);
            }
            ScriptLine::Repeat { times, counter } => {
                self.open.push(OpenRepeat { line: number, times });
                if let Some(counter) = counter {
                    self.bindings.bind(&counter, BoundValue::Number(1));
                }
            }
            ScriptLine::End => {
                if !self.close() {
                    self.flaw(source, (number, 1), NO_REPEAT);
                }
            }
            ScriptLine::Load(file) => return Some(file),
            ScriptLine::Nothing
            | ScriptLine::Step { .. }
            | ScriptLine::Sleep { .. }
            | ScriptLine::Store(_)
            | ScriptLine::Wait { .. }
            | ScriptLine::Expect(_)
            | ScriptLine::Judge(..)
            | ScriptLine::Stays { .. }
            | ScriptLine::Say(_)
            | ScriptLine::Logs
            | ScriptLine::Rules
            | ScriptLine::Status
            | ScriptLine::Save(_)
            | ScriptLine::Check(_)
            | ScriptLine::Help(_)
            | ScriptLine::Quit => {}
        }
        None
    }

    fn bound(&self, node: impl Fn(&World) -> Option<&Node>) -> BoundValue {
        BoundValue::Text(node(&self.world).map_or(1, |node| node.id.0).to_string())
    }

    /// A node whose removal is only begun is there until that is complete.
    fn note_begun(&mut self, order: &Order) {
        match order {
            Order::RemoveNode(leaving) => self.goes_on(Some(*leaving)),
            other => self.note_order(other),
        }
    }

    fn note_order(&mut self, order: &Order) {
        let mut nodes = self.world.ids();
        if let Order::AddNode | Order::AddLearner = order {
            let times = self.open.iter().fold(1, |product: u64, open| product.saturating_mul(open.times));
            let next = nodes.last().map_or(1, |last| last.0 + 1);
            let more = times.min(u64::from(MAX_NODES).saturating_sub(nodes.len() as u64));
            nodes.extend((next..next + more).map(NodeId));
            self.has(nodes);
            self.goes_on(None);
        } else if let Order::RemoveNode(removed) = order
            && nodes.len() > 1
        {
            nodes.retain(|node| node != removed);
            self.has(nodes);
            self.goes_on(Some(*removed));
        } else if let Order::Kill(node)
        | Order::Restart(node)
        | Order::Stop(node)
        | Order::Pause(node)
        | Order::Wipe(node)
        | Order::WipeUnsafe(node) = order
        {
            self.goes_on(Some(*node));
        }
    }

    /// If the node `without` leads, another node leads from now on.
    fn goes_on(&mut self, without: Option<NodeId>) {
        let nodes = self.world.ids();
        let leader = self.world.leader().map(|leader| leader.id).filter(|leader| Some(*leader) != without);
        let other = nodes.iter().copied().find(|node| Some(*node) != without);
        if let Some(leader) = leader.or(other) {
            self.leads(leader);
        }
    }
}

/// In characters, from 1.
fn column(line: &str, mistake: &Mistake) -> usize {
    line.get(..mistake.place()).map_or(1, |before| before.chars().count() + 1)
}

#[cfg(test)]
mod tests;
