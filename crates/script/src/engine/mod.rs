//! Commands given line by line, carried out one after the other: what `raftdeck up` does with its standard input.
//!
//! The deck plays such lines too, from a file; there it stops at each `logs`, so that they can be looked at.
//!
//! A line is begun when the one before is done: each of its commands has been answered, or a `wait` is over. Requests to the store
//! are not waited for, as they may have no answer while messages are held; `wait answered` does. Pure: files are read and
//! written by whoever runs the script ([`Deed::Read`], [`Deed::Write`]).

mod place;
mod show;
mod store;

use crate::{Condition, Line, parse};
use place::Place;
use raftdeck_model::{ClientOp, Command, CommandId, News, Node, Order, World, write};
use raftdeck_protocol::LogLine;
use raftdeck_raft::{LogIndex, NodeId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use store::{Asked, Store};

/// Every command is answered. The longest way is that of a change of the cluster behind others.
const ANSWER_WITHIN: Duration = Duration::from_mins(5);

/// How many of the newest entries `logs` shows.
const SHOWN_ENTRIES: u32 = 100;

/// Files that load files that load files.
const MAX_DEPTH: usize = 8;

/// Lines that wait, of all files being loaded.
const MAX_LINES: usize = 100_000;

/// What some editors begin a file with.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What is to be done next, as far as the script says.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Tell the source.
    Send(Command),
    /// Print these lines in answer to this word.
    Answer(&'static str, Vec<String>),
    /// Read this file, and give what is in it to [`Script::loaded`].
    Read(String),
    /// Write this file, and say to [`Script::written`] what came of it.
    Write {
        /// Its path.
        file: String,
        /// What is to be in it.
        text: String,
    },
    /// A line makes no sense, or a file cannot be used: where, and what is wrong.
    Mistake(String),
    /// A `wait`, an `expect` or a step failed, or a command was refused: where, and how it is instead.
    Unmet(String),
    /// End.
    Quit,
}

/// What the present line waits for.
#[derive(Clone, Debug)]
enum Awaited {
    /// It is so.
    Condition(Condition),
    /// These commands are answered.
    Answers {
        open: BTreeSet<CommandId>,
        refusals: Vec<String>,
        /// That they are refused fails nothing.
        tries: bool,
        /// What it is called if it takes too long.
        late: &'static str,
    },
    /// The newest is known. Then this line is carried out.
    News { id: CommandId, line: Line, is_known: bool },
    /// These nodes' logs.
    Logs { open: BTreeMap<CommandId, NodeId>, logs: BTreeMap<NodeId, Option<Vec<LogLine>>> },
    /// This file's contents.
    Loaded { file: String, came: Option<Result<Vec<u8>, String>> },
    /// That this file is written, and how much of what is in force.
    Written { file: String, count: usize, came: Option<Result<(), String>> },
    /// All requests to the store are sent, and the script ends.
    End,
}

#[derive(Clone, Debug)]
struct Present {
    place: Place,
    awaited: Awaited,
    until: Duration,
}

/// A script as it goes.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Whether it is known by now which nodes there are.
    is_begun: bool,
    /// Lines to come; `None`: it is no text.
    lines: VecDeque<(Place, Option<String>)>,
    read: usize,
    present: Option<Present>,
    /// The line that was begun last.
    begun: Option<(Place, String)>,
    /// Whether it stops when logs were shown.
    stops_at_logs: bool,
    stopped: bool,
    /// The number of the last command.
    sent: u64,
    store: Store,
    /// What was refused after its line was done.
    refused: VecDeque<String>,
}

impl Script {
    /// The lines of a file, before those that are added.
    #[must_use]
    pub fn of_file(file: &str, text: &[u8]) -> Self {
        let lines = lines_of(text).map(|(number, line)| (Place::of_file(file, number, 0), line)).collect();
        Self { lines, ..Self::default() }
    }

    /// The same, to be played beside a person who sends commands too: the script's are numbered after `first`. It stops when logs
    /// were shown, until [`Script::resume`].
    #[must_use]
    pub fn to_watch(file: &str, text: &[u8], first: CommandId) -> Self {
        Self { stops_at_logs: true, sent: first.0, ..Self::of_file(file, text) }
    }

    /// Whether it stopped because logs were shown.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Goes on after a stop.
    pub fn resume(&mut self) {
        self.stopped = false;
    }

    /// Whether every line is done.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.lines.is_empty() && self.present.is_none() && self.store.is_sent() && self.refused.is_empty()
    }

    /// The line that is being carried out: its place and what it says.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        self.begun.as_ref().map(|(place, line)| place.say(line))
    }

    /// One more line of the standard input.
    pub fn add(&mut self, line: &[u8]) {
        self.read += 1;
        let line = if self.read == 1 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line };
        self.lines.push_back((Place::of_input(self.read), text_of(line)));
    }

    /// Takes note of what the source tells.
    pub fn hear(&mut self, news: &News) {
        match news {
            News::Done { id } => self.answered(*id, None),
            News::Refused { id, reason } => self.answered(*id, Some(reason)),
            News::Client { id, .. } => drop(self.store.end(*id)),
            News::Log { node, lines } => {
                if let Some(Present { awaited: Awaited::Logs { logs, .. }, .. }) = &mut self.present
                    && let Some(log) = logs.get_mut(node)
                {
                    *log = Some(lines.clone());
                }
            }
            _ => {}
        }
    }

    fn answered(&mut self, answered: CommandId, refusal: Option<&String>) {
        if let Some(asked) = self.store.end(answered)
            && let Some(reason) = refusal
            && !asked.tries
        {
            self.refused.push_back(asked.place.say(format!("{} is refused: {reason}", asked.text)));
        }
        match self.present.as_mut().map(|present| &mut present.awaited) {
            Some(Awaited::Answers { open, refusals, .. }) if open.contains(&answered) => {
                open.remove(&answered);
                refusals.extend(refusal.cloned());
            }
            Some(Awaited::News { id, is_known, .. }) if *id == answered => *is_known = true,
            Some(Awaited::Logs { open, .. }) => drop(open.remove(&answered)),
            _ => {}
        }
    }

    /// What is in the file that [`Deed::Read`] named, or why it cannot be read.
    pub fn loaded(&mut self, contents: Result<Vec<u8>, String>) {
        if let Some(Present { awaited: Awaited::Loaded { came, .. }, .. }) = &mut self.present {
            *came = Some(contents);
        }
    }

    /// That the file of [`Deed::Write`] is written, or why it cannot be.
    pub fn written(&mut self, result: Result<(), String>) {
        if let Some(Present { awaited: Awaited::Written { came, .. }, .. }) = &mut self.present {
            *came = Some(result);
        }
    }

    /// When [`Script::go_on`] is to be asked again, if nothing happens before.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        if !self.refused.is_empty() {
            return Some(Duration::ZERO);
        }
        let line = match &self.present {
            _ if self.stopped => None,
            Some(present) => Some(present.until),
            None => (!self.lines.is_empty() && self.is_begun).then_some(Duration::ZERO),
        };
        line.into_iter().chain(self.store.next_due()).min()
    }

    /// Goes on as far as it can without waiting, but no further than to a mistake or failure; then what is left of files
    /// being loaded is not carried out. What lines mean and whether conditions hold is asked of the world, into which everything
    /// must have been folded that was heard. `now` is real time.
    pub fn go_on(&mut self, now: Duration, world: &World) -> Vec<Deed> {
        let mut deeds = Vec::new();
        // Which nodes there are is told first of all, and what a line means depends on it.
        self.is_begun = !world.is_empty();
        self.do_all(now, world, &mut deeds);
        if ends(&deeds) {
            self.lines.retain(|(place, _)| !place.is_in_file());
        }
        deeds
    }

    fn do_all(&mut self, now: Duration, world: &World, deeds: &mut Vec<Deed>) {
        loop {
            self.go_on_asking(now, deeds);
            if let Some(refused) = self.refused.pop_front() {
                deeds.push(Deed::Unmet(refused));
            }
            if self.stopped || ends(deeds) {
                return;
            }
            if let Some(present) = self.present.take() {
                if let Some(still) = self.finish(present, now, world, deeds) {
                    self.present = Some(still);
                    return;
                }
                continue;
            }
            if !self.is_begun {
                return;
            }
            let Some((place, line)) = self.lines.pop_front() else { return };
            let Some(line) = line else {
                deeds.push(Deed::Mistake(place.say("the line is not UTF-8 text")));
                continue;
            };
            match parse(&line, world) {
                Ok(Line::Nothing) => {}
                Ok(meant) => {
                    self.begun = Some((place.clone(), line));
                    self.begin(place, meant, false, (now, world), deeds);
                }
                Err(mistake) => deeds.push(Deed::Mistake(place.say(mistake))),
            }
        }
    }

    /// The store's client asks what is next.
    fn go_on_asking(&mut self, now: Duration, deeds: &mut Vec<Deed>) {
        if let Some(op) = self.store.next(CommandId(self.sent + 1)) {
            let (_, command) = self.command(Order::Client(op));
            deeds.push(Deed::Send(command));
        }
        let late = self.store.tell(now);
        if !late.is_empty() {
            deeds.push(Deed::Answer("store", late));
        }
    }

    fn command(&mut self, what: Order) -> (CommandId, Command) {
        self.sent += 1;
        let id = CommandId(self.sent);
        (id, Command { id, what })
    }

    /// Ends the present line if it is done; if not, gives it back.
    fn finish(
        &mut self,
        present: Present,
        now: Duration,
        world: &World,
        deeds: &mut Vec<Deed>,
    ) -> Option<Present> {
        let is_late = now >= present.until;
        let Present { place, awaited, until } = present;
        let still = |awaited| Some(Present { place: place.clone(), awaited, until });
        match awaited {
            Awaited::Condition(condition) => match condition.holds(world, self.store.unanswered()) {
                Ok(()) => {}
                Err(why) if is_late => deeds.push(Deed::Unmet(place.say(format!("waited in vain: {why}")))),
                Err(_) => return still(Awaited::Condition(condition)),
            },
            Awaited::Answers { open, refusals, tries, late } => {
                if !open.is_empty() && !is_late {
                    return still(Awaited::Answers { open, refusals, tries, late });
                }
                if !open.is_empty() {
                    deeds.push(Deed::Unmet(place.say(late)));
                } else if !refusals.is_empty() && !tries {
                    deeds.push(Deed::Unmet(place.say(refusals.join("; "))));
                }
            }
            Awaited::News { id, line, is_known } => {
                if !is_known && !is_late {
                    return still(Awaited::News { id, line, is_known });
                }
                self.look(place, line, (now, world), deeds);
            }
            Awaited::Logs { open, logs } => {
                if !open.is_empty() && !is_late {
                    return still(Awaited::Logs { open, logs });
                }
                deeds.push(Deed::Answer("logs", show::logs(world, &logs)));
                self.stopped = self.stops_at_logs;
            }
            Awaited::Loaded { file, came: None } => return still(Awaited::Loaded { file, came: None }),
            Awaited::Loaded { file, came: Some(contents) } => {
                if let Err(why) = self.take_in(&place, &file, contents) {
                    deeds.push(Deed::Mistake(place.say(why)));
                }
            }
            Awaited::Written { file, count, came: None } => {
                return still(Awaited::Written { file, count, came: None });
            }
            Awaited::Written { file, count, came: Some(result) } => deeds.push(match result {
                Ok(()) => Deed::Answer(
                    "save",
                    vec![format!("{} in force written to {file}", show::counted(count, "thing"))],
                ),
                Err(why) => Deed::Mistake(place.say(format!("{file} cannot be written: {why}"))),
            }),
            Awaited::End if self.store.is_sent() || is_late => deeds.push(Deed::Quit),
            Awaited::End => return still(Awaited::End),
        }
        None
    }

    fn begin(
        &mut self,
        place: Place,
        line: Line,
        tries: bool,
        (now, world): (Duration, &World),
        deeds: &mut Vec<Deed>,
    ) {
        match line {
            Line::Nothing => {}
            Line::Do(orders) => {
                let late = "the command has not been answered";
                self.order(place, orders, (tries, late, now + ANSWER_WITHIN), deeds);
            }
            Line::Step { step, within } => {
                let late = "the step is not over: what it runs to has not happened";
                self.order(place, vec![Order::Step(step)], (tries, late, now + within), deeds);
            }
            Line::Try(line) => self.begin(place, *line, true, (now, world), deeds),
            Line::Store(op) => {
                let text = asked(&op);
                self.store.queue(op, Asked { place, tries, text }, now);
            }
            Line::Wait { until, within } => self.wait(place, Awaited::Condition(until), now + within),
            Line::Expect(_) | Line::Logs | Line::Status => {
                let (id, command) = self.command(Order::Refresh);
                deeds.push(Deed::Send(command));
                self.wait(place, Awaited::News { id, line, is_known: false }, now + ANSWER_WITHIN);
            }
            Line::Say(text) => deeds.push(Deed::Answer("say", vec![text])),
            Line::Rules => deeds.push(Deed::Answer("rules", show::rules(world))),
            Line::Help(about) => deeds.push(Deed::Answer("help", show::help(about))),
            Line::Save(named) => {
                let file = place.file(&named);
                let faults = world.in_force();
                let (count, script) = (faults.len(), write::script(faults.iter().map(|fault| &fault.what)));
                let text = format!("# What was in force. load {named} brings it into force again.\n{script}");
                deeds.push(Deed::Write { file: file.clone(), text });
                self.wait(place, Awaited::Written { file, count, came: None }, now + ANSWER_WITHIN);
            }
            Line::Load(named) => {
                let file = place.file(&named);
                if place.depth == MAX_DEPTH {
                    let why = format!("{file} is not loaded: {MAX_DEPTH} files load one another already");
                    return deeds.push(Deed::Mistake(place.say(why)));
                }
                deeds.push(Deed::Read(file.clone()));
                self.wait(place, Awaited::Loaded { file, came: None }, now + ANSWER_WITHIN);
            }
            Line::Quit => self.wait(place, Awaited::End, now + ANSWER_WITHIN),
        }
    }

    /// Sends orders, and waits for the answers to all but those to the store.
    fn order(
        &mut self,
        place: Place,
        orders: Vec<Order>,
        (tries, late, until): (bool, &'static str, Duration),
        deeds: &mut Vec<Deed>,
    ) {
        let mut open = BTreeSet::new();
        for order in orders {
            let (id, command) = self.command(order);
            if let Order::Propose(node, write) = &command.what {
                let text = format!("propose {} {}", node.0, asked(&ClientOp::Write(write.clone())));
                self.store.sent(id, Asked { place: place.clone(), tries, text });
            } else {
                open.insert(id);
            }
            deeds.push(Deed::Send(command));
        }
        if !open.is_empty() {
            self.wait(place, Awaited::Answers { open, refusals: Vec::new(), tries, late }, until);
        }
    }

    /// Carries out a line that looks at how it is now.
    fn look(&mut self, place: Place, line: Line, (now, world): (Duration, &World), deeds: &mut Vec<Deed>) {
        match line {
            Line::Expect(condition) => {
                if let Err(unmet) = condition.holds(world, self.store.unanswered()) {
                    deeds.push(Deed::Unmet(place.say(format!("not as expected: {unmet}"))));
                }
            }
            Line::Logs => {
                let (mut open, mut logs) = (BTreeMap::new(), BTreeMap::new());
                let last = |node: &Node| Some((node.id, node.current()?.last_index()?.0));
                for (node, last) in world.nodes().filter_map(last) {
                    let first = LogIndex(last.saturating_sub(u64::from(SHOWN_ENTRIES)) + 1);
                    let fetch = Order::FetchLog { node, first, limit: SHOWN_ENTRIES };
                    let (id, command) = self.command(fetch);
                    deeds.push(Deed::Send(command));
                    open.insert(id, node);
                    logs.insert(node, None);
                }
                self.wait(place, Awaited::Logs { open, logs }, now + ANSWER_WITHIN);
            }
            _ => deeds.push(Deed::Answer("status", show::status(world))),
        }
    }

    fn wait(&mut self, place: Place, awaited: Awaited, until: Duration) {
        self.present = Some(Present { place, awaited, until });
    }

    /// The lines of a file come before those that wait.
    fn take_in(
        &mut self,
        place: &Place,
        file: &str,
        contents: Result<Vec<u8>, String>,
    ) -> Result<(), String> {
        let script = contents.map_err(|why| format!("{file} cannot be read: {why}"))?;
        let lines: Vec<_> = lines_of(&script).collect();
        if self.lines.len() + lines.len() > MAX_LINES {
            return Err(format!("{file} is not loaded: {MAX_LINES} lines are the most"));
        }
        for (number, line) in lines.into_iter().rev() {
            self.lines.push_front((Place::of_file(file, number, place.depth + 1), line));
        }
        Ok(())
    }
}

/// The numbered lines of a file.
fn lines_of(script: &[u8]) -> impl Iterator<Item = (usize, Option<String>)> {
    let script = script.strip_prefix(BYTE_ORDER_MARK).unwrap_or(script);
    let script = script.strip_suffix(b"\n").unwrap_or(script);
    (1..).zip(script.split(|byte| *byte == b'\n')).map(|(number, line)| (number, text_of(line)))
}

/// `None`: it is not UTF-8.
fn text_of(line: &[u8]) -> Option<String> {
    std::str::from_utf8(line).ok().map(|line| line.trim_end().to_owned())
}

/// What is asked, in a few words.
fn asked(op: &ClientOp) -> String {
    use raftdeck_protocol::{Read, Write};
    let (verb, key) = match op {
        ClientOp::Write(Write::Put { key, .. }) => ("put", key),
        ClientOp::Write(Write::Delete { key }) => ("delete", key),
        ClientOp::Write(Write::CompareAndSet { key, .. }) => ("cas", key),
        ClientOp::Read(Read::Get { key }) => ("get", key),
        ClientOp::Read(Read::List { prefix, .. }) => ("list", prefix),
    };
    format!("{verb} {}", String::from_utf8_lossy(key)).trim_end().to_owned()
}

/// Whether nothing may follow.
fn ends(deeds: &[Deed]) -> bool {
    matches!(deeds.last(), Some(Deed::Mistake(_) | Deed::Unmet(_) | Deed::Quit))
}

#[cfg(test)]
mod tests;
