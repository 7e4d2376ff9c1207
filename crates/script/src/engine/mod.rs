//! Executes commands given line by line, one after the other: what `raftdeck up` does with its standard input.
//!
//! The deck plays such lines too, from a file; there it stops at each `logs`, so that the user can look at them.
//!
//! A line begins when the one before is done: each of its commands has been answered, or its `wait` has ended. The script does not
//! wait for requests to the store, as they may have no answer while messages are held; `wait answered` does. Pure: the caller reads
//! and writes files ([`ScriptEffect::Read`], [`ScriptEffect::Write`]).

pub(crate) mod line_position;
pub(crate) mod lines;
mod passing;
mod requests;
mod show;
mod store;

use crate::bindings::Bindings;
use crate::check::check;
use crate::{Condition, Expectation, ScriptLine, Unmet, parse_with};
use line_position::LinePosition;
use lines::{Block, LineQueue, NO_REPEAT, NOT_TEXT, NextLine};
use passing::{PassingTime, StayCheck};
use raftdeck_model::{ClientName, ClientOp, Command, CommandId, News, Node, Order, World, write};
use raftdeck_protocol::LogLine;
use raftdeck_raft::{LogIndex, NodeId};
use requests::{asked, outcome};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use store::{RequestEnd, RequestOrigin, Store};

/// The limit for an answer to a command. The slowest is a change of the cluster that waits for others.
const ANSWER_WITHIN: Duration = Duration::from_mins(5);

/// How many of the newest entries `logs` shows.
const SHOWN_ENTRIES: u32 = 100;

/// The most lines that are begun before the caller gets control again.
const MAX_AT_ONCE: usize = 1000;

/// The next action that the script requests.
#[derive(Clone, Debug, PartialEq)]
pub enum ScriptEffect {
    /// Send this to the source.
    Send(Command),
    /// Print these lines as the answer to this word.
    Answer(&'static str, Vec<String>),
    /// Read this file, and pass its content to [`Script::loaded`].
    Read(String),
    /// Write this file, and pass the outcome to [`Script::written`].
    Write {
        /// Its path.
        file: String,
        /// What is to be in it.
        text: String,
    },
    /// A line is invalid, or a file cannot be used: where, and what is wrong.
    Mistake(String),
    /// A line failed: in which way, where, and how things are instead.
    Unmet(UnmetLine, String),
    /// End.
    Quit,
}

/// In which way a line failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmetLine {
    /// The source refused a command or a request: nothing was done.
    Refused,
    /// A condition, an answer or a step did not come in time.
    TimedOut,
    /// The source does not report what the line depends on.
    Untold,
    /// Things are not as expected, or something did not come that does not depend on the cluster, such as the answer to a command.
    Otherwise,
}

impl UnmetLine {
    /// The failure of a line at whose time this does not hold.
    fn of(unmet: &Unmet) -> Self {
        if unmet.is_untold() { Self::Untold } else { Self::Otherwise }
    }
}

/// The failure of a line whose commands are answered too late.
type LateAnswer = (&'static str, UnmetLine);

/// What the present line waits for.
#[derive(Clone, Debug)]
enum Awaited {
    /// This condition holds.
    Condition(Condition),
    /// These commands are answered.
    Answers {
        open: BTreeSet<CommandId>,
        refusals: Vec<String>,
        /// Whether a refusal of them is no failure.
        tries: bool,
        /// The failure if it takes too long.
        late: LateAnswer,
    },
    /// A client's last request has an outcome.
    Outcome(Expectation),
    /// The newest state is known. Then this line is carried out.
    News { id: CommandId, line: ScriptLine, is_known: bool },
    /// These nodes' logs.
    Logs { open: BTreeMap<CommandId, NodeId>, logs: BTreeMap<NodeId, Option<Vec<LogLine>>> },
    /// That cluster time has passed, and possibly that a condition held meanwhile.
    Passing(PassingTime),
    /// The end of the lines that are repeated.
    Block { times: u64, counter: Option<String> },
    /// This file's contents.
    Loaded { file: String, came: Option<Result<Vec<u8>, String>>, what_for: ReadPurpose },
    /// That this file is written, with this number of disturbances in force.
    Written { file: String, count: usize, came: Option<Result<(), String>> },
    /// All requests to the store are sent, and then the script ends.
    End,
}

/// Why a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadPurpose {
    /// Its lines are carried out.
    Load,
    /// Its mistakes are shown.
    Check,
}

#[derive(Clone, Debug)]
struct WaitingLine {
    place: LinePosition,
    awaited: Awaited,
    until: Duration,
}

/// A script and its progress.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Whether it is known yet which nodes there are.
    is_begun: bool,
    lines: LineQueue,
    bindings: Bindings,
    present: Option<WaitingLine>,
    /// The line that was begun last.
    begun: Option<(LinePosition, String)>,
    /// Whether it stops after logs were shown.
    stops_at_logs: bool,
    stopped: bool,
    /// The number of the last command.
    sent: u64,
    store: Store,
    /// Refusals that came after their line was done.
    refused: VecDeque<String>,
}

impl Script {
    /// A script of the lines of a file, before those that are added.
    #[must_use]
    pub fn of_file(file: &str, text: &[u8]) -> Self {
        Self { lines: LineQueue::of_file(file, text), ..Self::default() }
    }

    /// The same, to be played beside a user who sends commands too: the script's commands are numbered after `first`. It stops after
    /// logs were shown, until [`Script::resume`].
    #[must_use]
    pub fn to_watch(file: &str, text: &[u8], first: CommandId) -> Self {
        Self { stops_at_logs: true, lines: LineQueue::of_file(file, text), ..Self::numbered_after(first) }
    }

    /// A script without lines, whose commands are numbered after `first`. It is given its lines by [`Script::append`].
    #[must_use]
    pub fn numbered_after(first: CommandId) -> Self {
        Self { sent: first.0, ..Self::default() }
    }

    /// The lines of one more part, after those that wait. Names that were set before keep their values. Mistakes and failures name
    /// the part as `file`.
    pub fn append(&mut self, file: &str, text: &[u8]) {
        self.lines.append(file, text);
    }

    /// Drops the present line and all that wait, requests to the store included. Names and the numbering of commands stay.
    pub fn abandon(&mut self) {
        self.lines = LineQueue::default();
        self.present = None;
        self.store = Store::default();
        self.refused.clear();
        self.stopped = false;
    }

    /// The names that its lines have set.
    #[must_use]
    pub fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    /// How many requests to the store have no outcome yet.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.store.unanswered()
    }

    /// Whether it stopped because logs were shown.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Continues after a stop.
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
        self.lines.add(line);
    }

    /// No more lines of the standard input will come.
    pub fn end_input(&mut self) {
        self.lines.end_input();
    }

    /// Takes an update from the source.
    pub fn hear(&mut self, news: &News) {
        match news {
            News::Done { id } => self.answered(*id, None),
            News::Refused { id, reason } => self.answered(*id, Some(reason)),
            News::Client { id, outcome, .. } => {
                drop(self.store.end(*id, Some(RequestEnd::Outcome(outcome.clone()))));
            }
            News::Log { node, lines } => {
                if let Some(WaitingLine { awaited: Awaited::Logs { logs, .. }, .. }) = &mut self.present
                    && let Some(log) = logs.get_mut(node)
                {
                    *log = Some(lines.clone());
                }
            }
            _ => {}
        }
    }

    fn answered(&mut self, answered: CommandId, refusal: Option<&String>) {
        if let Some(asked) = self.store.end(answered, refusal.cloned().map(RequestEnd::Refused))
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
            Some(Awaited::Passing(passing)) => passing.answered(answered),
            _ => {}
        }
    }

    /// The content of the file that [`ScriptEffect::Read`] named, or why it cannot be read.
    pub fn loaded(&mut self, contents: Result<Vec<u8>, String>) {
        if let Some(WaitingLine { awaited: Awaited::Loaded { came, .. }, .. }) = &mut self.present {
            *came = Some(contents);
        }
    }

    /// The file of [`ScriptEffect::Write`] is written, or why it cannot be.
    pub fn written(&mut self, result: Result<(), String>) {
        if let Some(WaitingLine { awaited: Awaited::Written { came, .. }, .. }) = &mut self.present {
            *came = Some(result);
        }
    }

    /// When [`Script::go_on`] is to be called again, if nothing happens before.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        if !self.refused.is_empty() {
            return Some(Duration::ZERO);
        }
        let line = match &self.present {
            _ if self.stopped => None,
            Some(WaitingLine { awaited: Awaited::Block { .. }, .. }) => None,
            Some(WaitingLine { awaited: Awaited::Passing(passing), until, .. }) => {
                Some(passing.due().map_or(*until, |due| due.min(*until)))
            }
            Some(present) => Some(present.until),
            None => self.can_begin().then_some(Duration::ZERO),
        };
        line.into_iter().chain(self.store.next_due()).min()
    }

    /// Whether a line is ready to begin.
    fn can_begin(&self) -> bool {
        !self.lines.is_empty() && self.is_begun && !self.store.is_full()
    }

    /// Runs as far as possible without waiting, but stops at a mistake or failure; then the remaining lines of files are dropped. The
    /// meaning of lines and whether conditions hold depend on `world`, into which every update passed to [`Script::hear`] must have
    /// been folded. `now` is real time.
    pub fn go_on(&mut self, now: Duration, world: &World) -> Vec<ScriptEffect> {
        let mut deeds = Vec::new();
        // The first update says which nodes there are, and the meaning of a line depends on that.
        self.is_begun = !world.is_empty();
        self.do_all(now, world, &mut deeds);
        if ends(&deeds) {
            self.lines.drop_files();
        }
        deeds
    }

    fn do_all(&mut self, now: Duration, world: &World, deeds: &mut Vec<ScriptEffect>) {
        let mut begun = 0;
        loop {
            self.go_on_asking(now, deeds);
            if let Some(refused) = self.refused.pop_front() {
                deeds.push(ScriptEffect::Unmet(UnmetLine::Refused, refused));
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
            if begun == MAX_AT_ONCE || self.store.is_full() {
                return;
            }
            begun += 1;
            let Some(next) = self.lines.next(&mut self.bindings) else { return };
            let (place, line) = match next {
                NextLine::Line(place, line) => (place, line),
                NextLine::NotText(place) => {
                    deeds.push(ScriptEffect::Mistake(place.say(NOT_TEXT)));
                    continue;
                }
                NextLine::Round => continue,
            };
            match parse_with(&line, world, &self.bindings) {
                Ok(ScriptLine::Nothing) => {}
                Ok(meant) => {
                    self.begun = Some((place.clone(), line));
                    self.begin(place, meant, false, (now, world), deeds);
                }
                Err(mistake) => deeds.push(ScriptEffect::Mistake(place.say(mistake))),
            }
        }
    }

    /// Sends the next requests of the store's clients.
    fn go_on_asking(&mut self, now: Duration, deeds: &mut Vec<ScriptEffect>) {
        while let Some(request) = self.store.next(CommandId(self.sent + 1)) {
            let (_, command) = self.command(Order::Client(request));
            deeds.push(ScriptEffect::Send(command));
        }
        let late = self.store.tell(now);
        if !late.is_empty() {
            deeds.push(ScriptEffect::Answer("store", late));
        }
    }

    fn command(&mut self, what: Order) -> (CommandId, Command) {
        self.sent += 1;
        let id = CommandId(self.sent);
        (id, Command { id, what })
    }

    /// Whether a client's last request has the expected outcome; `false`: it has none yet, and there is time.
    fn judged(&self, expected: &Expectation, is_late: bool) -> Result<bool, (UnmetLine, String)> {
        let last = self.store.last(expected.client());
        match outcome(last, expected) {
            Ok(Some(())) => Ok(true),
            Ok(None) if is_late => {
                let asked = last.map_or("", |last| &last.text);
                Err((UnmetLine::TimedOut, format!("timed out: {asked} has no answer yet")))
            }
            Ok(None) => Ok(false),
            Err(why) => {
                let was_refused = last.is_some_and(|last| matches!(last.ended, Some(RequestEnd::Refused(_))));
                let which = if was_refused { UnmetLine::Refused } else { UnmetLine::Otherwise };
                Err((which, format!("not as expected: {why}")))
            }
        }
    }

    /// Ends the present line if it is done; if not, returns it.
    fn finish(
        &mut self,
        present: WaitingLine,
        now: Duration,
        world: &World,
        deeds: &mut Vec<ScriptEffect>,
    ) -> Option<WaitingLine> {
        let is_late = now >= present.until;
        let WaitingLine { place, awaited, until } = present;
        let still = |awaited| Some(WaitingLine { place: place.clone(), awaited, until });
        match awaited {
            Awaited::Condition(condition) => match condition.holds(world, self.store.unanswered()) {
                Ok(()) => {}
                Err(why) if is_late => {
                    let which = if why.is_untold() { UnmetLine::Untold } else { UnmetLine::TimedOut };
                    deeds.push(ScriptEffect::Unmet(which, place.say(format!("timed out: {why}"))));
                }
                Err(_) => return still(Awaited::Condition(condition)),
            },
            Awaited::Outcome(expected) => match self.judged(&expected, is_late) {
                Ok(true) => {}
                Ok(false) => return still(Awaited::Outcome(expected)),
                Err((which, why)) => deeds.push(ScriptEffect::Unmet(which, place.say(why))),
            },
            Awaited::Answers { open, refusals, tries, late } => {
                if !open.is_empty() && !is_late {
                    return still(Awaited::Answers { open, refusals, tries, late });
                }
                if !open.is_empty() {
                    deeds.push(ScriptEffect::Unmet(late.1, place.say(late.0)));
                } else if !refusals.is_empty() && !tries {
                    deeds.push(ScriptEffect::Unmet(UnmetLine::Refused, place.say(refusals.join("; "))));
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
                deeds.push(ScriptEffect::Answer("logs", show::logs(world, &logs)));
                self.stopped = self.stops_at_logs;
            }
            Awaited::Passing(mut passing) => {
                let look = passing.look(now, world, self.store.unanswered());
                match look {
                    StayCheck::Over => {}
                    StayCheck::Broken(why) => {
                        let said = place.say(format!("the condition stopped holding: {why}"));
                        deeds.push(ScriptEffect::Unmet(UnmetLine::of(&why), said));
                    }
                    _ if is_late => {
                        let why =
                            "this much cluster time has not passed: time may be frozen (run resumes it)";
                        deeds.push(ScriptEffect::Unmet(UnmetLine::Otherwise, place.say(why)));
                    }
                    StayCheck::Ask => {
                        self.ask_for_news(&mut passing, deeds);
                        return still(Awaited::Passing(passing));
                    }
                    StayCheck::Wait => return still(Awaited::Passing(passing)),
                }
            }
            Awaited::Block { times, counter } => match self.lines.repeat(&place, times, counter.clone()) {
                Ok(Block::Whole) => {}
                Ok(Block::Open) => return still(Awaited::Block { times, counter }),
                Err(why) => deeds.push(ScriptEffect::Mistake(place.say(why))),
            },
            Awaited::Loaded { file, came: None, what_for } => {
                return still(Awaited::Loaded { file, came: None, what_for });
            }
            Awaited::Loaded { file, came: Some(contents), what_for: ReadPurpose::Load } => {
                if let Err(why) = self.lines.load(&place, &file, contents) {
                    deeds.push(ScriptEffect::Mistake(place.say(why)));
                }
            }
            Awaited::Loaded { file, came: Some(contents), what_for: ReadPurpose::Check } => {
                deeds.push(checked(&place, &file, contents, world));
            }
            Awaited::Written { file, count, came: None } => {
                return still(Awaited::Written { file, count, came: None });
            }
            Awaited::Written { file, count, came: Some(result) } => deeds.push(match result {
                Ok(()) => ScriptEffect::Answer(
                    "save",
                    vec![format!("{} in force written to {file}", show::counted(count, "thing"))],
                ),
                Err(why) => ScriptEffect::Mistake(place.say(format!("{file} cannot be written: {why}"))),
            }),
            Awaited::End if self.store.is_sent() || is_late => deeds.push(ScriptEffect::Quit),
            Awaited::End => return still(Awaited::End),
        }
        None
    }

    fn begin(
        &mut self,
        place: LinePosition,
        line: ScriptLine,
        tries: bool,
        (now, world): (Duration, &World),
        deeds: &mut Vec<ScriptEffect>,
    ) {
        match line {
            ScriptLine::Nothing => {}
            ScriptLine::Do(orders) => {
                let late = ("the command has not been answered", UnmetLine::Otherwise);
                self.order(place, orders, (tries, late, now + ANSWER_WITHIN), deeds);
            }
            ScriptLine::Step { step, within } => {
                let late = ("the step timed out: what it runs to has not happened", UnmetLine::TimedOut);
                self.order(place, vec![Order::Step(step)], (tries, late, now + within), deeds);
            }
            ScriptLine::Try(line) => self.begin(place, *line, true, (now, world), deeds),
            // Nothing waits for the answers.
            ScriptLine::Begin(orders) => {
                for order in orders {
                    let (_, command) = self.command(order);
                    deeds.push(ScriptEffect::Send(command));
                }
            }
            ScriptLine::Store(request) => {
                let text = asked(&request);
                self.store.queue(request, RequestOrigin { place, tries, text }, now);
            }
            ScriptLine::Judge(expected, within) => {
                if let Expectation::Value { request, .. } = &expected {
                    // The expectation decides whether a refusal is a failure.
                    let asked = RequestOrigin { place: place.clone(), tries: true, text: asked(request) };
                    self.store.queue(request.clone(), asked, now);
                }
                self.wait(place, Awaited::Outcome(expected), now + within);
            }
            ScriptLine::Wait { until, within } => self.wait(place, Awaited::Condition(until), now + within),
            ScriptLine::Sleep { time, within } => {
                self.pass(place, PassingTime::new(time, None), now + within, deeds);
            }
            ScriptLine::Stays { condition, time, within } => {
                self.pass(place, PassingTime::new(time, Some(condition)), now + within, deeds);
            }
            ScriptLine::Repeat { times, counter } => {
                self.wait(place, Awaited::Block { times, counter }, Duration::MAX);
            }
            ScriptLine::End => {
                deeds.push(ScriptEffect::Mistake(place.say(NO_REPEAT)));
            }
            ScriptLine::Let { .. } | ScriptLine::Expect(_) | ScriptLine::Logs | ScriptLine::Status => {
                let (id, command) = self.command(Order::Refresh);
                deeds.push(ScriptEffect::Send(command));
                self.wait(place, Awaited::News { id, line, is_known: false }, now + ANSWER_WITHIN);
            }
            ScriptLine::Say(text) => deeds.push(ScriptEffect::Answer("say", vec![text])),
            ScriptLine::Rules => deeds.push(ScriptEffect::Answer("rules", show::rules(world))),
            ScriptLine::Help(about) => deeds.push(ScriptEffect::Answer("help", show::help(about))),
            ScriptLine::Save(named) => {
                let file = place.file(&named);
                let faults = world.in_force();
                let (count, script) = (faults.len(), write::script(faults.iter().map(|fault| &fault.what)));
                let text = format!("# What was in force. load {named} brings it into force again.\n{script}");
                deeds.push(ScriptEffect::Write { file: file.clone(), text });
                self.wait(place, Awaited::Written { file, count, came: None }, now + ANSWER_WITHIN);
            }
            ScriptLine::Load(named) => {
                let file = place.file(&named);
                match LineQueue::may_load(&place, &file) {
                    Ok(()) => self.read(place, file, ReadPurpose::Load, now, deeds),
                    Err(why) => deeds.push(ScriptEffect::Mistake(place.say(why))),
                }
            }
            ScriptLine::Check(named) => {
                let file = place.file(&named);
                self.read(place, file, ReadPurpose::Check, now, deeds);
            }
            ScriptLine::Quit => self.wait(place, Awaited::End, now + ANSWER_WITHIN),
        }
    }

    fn read(
        &mut self,
        place: LinePosition,
        file: String,
        what_for: ReadPurpose,
        now: Duration,
        deeds: &mut Vec<ScriptEffect>,
    ) {
        deeds.push(ScriptEffect::Read(file.clone()));
        self.wait(place, Awaited::Loaded { file, came: None, what_for }, now + ANSWER_WITHIN);
    }

    fn pass(
        &mut self,
        place: LinePosition,
        mut passing: PassingTime,
        until: Duration,
        deeds: &mut Vec<ScriptEffect>,
    ) {
        self.ask_for_news(&mut passing, deeds);
        self.wait(place, Awaited::Passing(passing), until);
    }

    fn ask_for_news(&mut self, passing: &mut PassingTime, deeds: &mut Vec<ScriptEffect>) {
        let (id, command) = self.command(Order::Refresh);
        deeds.push(ScriptEffect::Send(command));
        passing.asks(id);
    }

    /// Sends orders, and waits for the answers to all but those to the store.
    fn order(
        &mut self,
        place: LinePosition,
        orders: Vec<Order>,
        (tries, late, until): (bool, LateAnswer, Duration),
        deeds: &mut Vec<ScriptEffect>,
    ) {
        let mut open = BTreeSet::new();
        for order in orders {
            let (id, command) = self.command(order);
            if let Order::Propose(node, write) = &command.what {
                let text = format!("propose {} {}", node.0, asked(&ClientOp::Write(write.clone()).into()));
                self.store.sent(id, ClientName::Own, RequestOrigin { place: place.clone(), tries, text });
            } else {
                open.insert(id);
            }
            deeds.push(ScriptEffect::Send(command));
        }
        if !open.is_empty() {
            self.wait(place, Awaited::Answers { open, refusals: Vec::new(), tries, late }, until);
        }
    }

    /// Carries out a line that looks at the present state.
    fn look(
        &mut self,
        place: LinePosition,
        line: ScriptLine,
        (now, world): (Duration, &World),
        deeds: &mut Vec<ScriptEffect>,
    ) {
        match line {
            ScriptLine::Expect(condition) => {
                if let Err(unmet) = condition.holds(world, self.store.unanswered()) {
                    let said = place.say(format!("not as expected: {unmet}"));
                    deeds.push(ScriptEffect::Unmet(UnmetLine::of(&unmet), said));
                }
            }
            ScriptLine::Let { name, value } => match value.now(world) {
                Ok(bound) => self.bindings.bind(&name, bound),
                Err(why) => {
                    let said = place.say(format!("{name} is not set: {why}"));
                    deeds.push(ScriptEffect::Unmet(UnmetLine::of(&why), said));
                }
            },
            ScriptLine::Logs => {
                let (mut open, mut logs) = (BTreeMap::new(), BTreeMap::new());
                let last = |node: &Node| Some((node.id, node.current()?.last_index()?.0));
                for (node, last) in world.nodes().filter_map(last) {
                    let first = LogIndex(last.saturating_sub(u64::from(SHOWN_ENTRIES)) + 1);
                    let fetch = Order::FetchLog { node, first, limit: SHOWN_ENTRIES };
                    let (id, command) = self.command(fetch);
                    deeds.push(ScriptEffect::Send(command));
                    open.insert(id, node);
                    logs.insert(node, None);
                }
                self.wait(place, Awaited::Logs { open, logs }, now + ANSWER_WITHIN);
            }
            _ => deeds.push(ScriptEffect::Answer("status", show::status(world))),
        }
    }

    fn wait(&mut self, place: LinePosition, awaited: Awaited, until: Duration) {
        self.present = Some(WaitingLine { place, awaited, until });
    }
}

/// The mistakes of a file, or that there are none.
fn checked(
    place: &LinePosition,
    file: &str,
    contents: Result<Vec<u8>, String>,
    world: &World,
) -> ScriptEffect {
    let script = match contents {
        Ok(script) => script,
        Err(why) => return ScriptEffect::Mistake(place.say(format!("{file} cannot be read: {why}"))),
    };
    let checked = check(file, &script, &world.ids(), None);
    if checked.flaws.is_empty() {
        let lines = show::counted(checked.lines, "line");
        return ScriptEffect::Answer("check", vec![format!("{file}: {lines}, no mistake")]);
    }
    let flaws: Vec<String> = checked.flaws.iter().map(|flaw| format!("{file}, {flaw}")).collect();
    ScriptEffect::Mistake(place.say(flaws.join("\n")))
}

/// Whether these effects end the run.
fn ends(deeds: &[ScriptEffect]) -> bool {
    matches!(deeds.last(), Some(ScriptEffect::Mistake(_) | ScriptEffect::Unmet(..) | ScriptEffect::Quit))
}

#[cfg(test)]
mod tests;
