//! Commands given line by line, carried out one after the other: what `raftdeck up` does with its standard input.
//!
//! The deck plays such lines too, from a file; there it stops at each `logs`, so that they can be looked at.
//!
//! A line is begun when the one before is done: a change of time or of what is in force has been told, a step has
//! ended, a process has, messages were released or dropped, a `wait` is over. Requests to the store are not waited for, as they may have no answer while messages are
//! held; `wait answered` does. Pure but for the two files that `save` and `load` name.

mod show;
mod told;

pub use told::Told;

use raftdeck_lab::rule::ClusterTime;
use raftdeck_lab::words::{Board, Condition, Line, parse, write};
use raftdeck_lab::{Command, Update};
use raftdeck_protocol::{ClockRate, LogLine};
use raftdeck_raft::{LogIndex, NodeId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// A step may take so long, like a wait for which nothing else is said.
const STEP_WITHIN: Duration = Duration::from_secs(10);

/// Commands whose effect is told at once are waited for so long; then something was already as they want it.
const TOLD_WITHIN: Duration = Duration::from_millis(250);

/// A process may take so long to be started, or to end.
const PROCESS_WITHIN: Duration = Duration::from_secs(2);

/// What nodes tell of themselves may be under way for so long. Whatever looks at what is so now looks after that.
const NEWS_WITHIN: Duration = Duration::from_millis(100);

/// Nodes may take so long to show their logs.
const LOGS_WITHIN: Duration = Duration::from_secs(2);

/// How many of the newest entries `logs` shows.
const SHOWN_ENTRIES: u32 = 100;

/// Files that load files that load files.
const MAX_DEPTH: usize = 8;

/// Lines that wait, of all files being loaded.
const MAX_LINES: usize = 100_000;

/// What is to be done next, as far as the script says.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Tell the lab.
    Send(Command),
    /// Print these lines in answer to this word.
    Answer(&'static str, Vec<String>),
    /// A line makes no sense, or a file cannot be used: where, and what is wrong.
    Mistake(String),
    /// A `wait`, an `expect` or a step failed: where, and how it is instead.
    Unmet(String),
    /// End.
    Quit,
}

/// Where a line comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// `None`: the standard input.
    file: Option<String>,
    line: usize,
    depth: usize,
}

impl Place {
    fn say(&self, what: impl std::fmt::Display) -> String {
        match &self.file {
            None => format!("line {}: {what}", self.line),
            Some(file) => format!("{file}, line {}: {what}", self.line),
        }
    }
}

/// What the present line waits for.
#[derive(Debug)]
enum Awaited {
    Condition(Condition),
    /// Time passes at this rate.
    Rate(ClockRate),
    /// What is in force was told, or that a command cannot be carried out.
    Told,
    /// What became of messages, asked for by this number.
    Synced(u64),
    /// Time stands still after a step.
    StandStill,
    /// These nodes' processes have ended, or, if so said, were started.
    Processes {
        nodes: BTreeSet<NodeId>,
        started: bool,
    },
    /// Nothing: all news must have come before this line is carried out.
    News(Line),
    /// These nodes' logs.
    Logs(BTreeMap<NodeId, Option<Vec<LogLine>>>),
}

#[derive(Debug)]
struct Present {
    place: Place,
    awaited: Awaited,
    until: Duration,
    /// Whether it came about.
    came: bool,
}

/// A script as it goes.
#[derive(Debug, Default)]
pub struct Script {
    board: Board,
    lines: VecDeque<(Place, String)>,
    read: usize,
    present: Option<Present>,
    /// The line that was begun last.
    begun: Option<(Place, String)>,
    /// Whether it stops when logs were shown.
    stops_at_logs: bool,
    stopped: bool,
    asked: u64,
    synced: u64,
}

impl Script {
    /// The lines of a file, to be played beside a person who asks the store too: its requests are numbered from
    /// `first_request` on. It stops when logs were shown, until [`Script::resume`].
    #[must_use]
    pub fn to_watch(file: &str, text: &str, first_request: u64) -> Self {
        let place = |line| Place { file: Some(file.to_owned()), line, depth: 0 };
        let lines = (1..).zip(text.lines()).map(|(line, text)| (place(line), text.to_owned())).collect();
        Self { lines, stops_at_logs: true, asked: first_request, ..Self::default() }
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
        self.lines.is_empty() && self.present.is_none()
    }

    /// The line that is being carried out: its place and what it says.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        self.begun.as_ref().map(|(place, line)| place.say(line))
    }

    /// One more line of the standard input.
    pub fn add(&mut self, line: String) {
        self.read += 1;
        self.lines.push_back((Place { file: None, line: self.read, depth: 0 }, line));
    }

    /// Takes note of what the lab tells.
    pub fn hear(&mut self, update: &Update) {
        self.board.note(update);
        let Some(present) = &mut self.present else { return };
        match (&mut present.awaited, update) {
            (Awaited::Rate(rate), Update::Time(ClusterTime { rate: now, .. })) if rate == now => {
                present.came = true;
            }
            (Awaited::StandStill, Update::Time(ClusterTime { rate, .. })) if rate.is_frozen() => {
                present.came = true;
            }
            (Awaited::Synced(number), Update::Synced(told)) if number == told => present.came = true,
            (Awaited::Told, Update::InForce { .. } | Update::Refused { .. }) => present.came = true,
            (Awaited::Processes { nodes, started }, Update::Process { node, state }) => {
                if state.is_down() != *started {
                    nodes.remove(node);
                }
                present.came = nodes.is_empty();
            }
            (Awaited::Logs(logs), Update::Log { node, lines }) => {
                if let Some(log) = logs.get_mut(node) {
                    *log = Some(lines.clone());
                }
                present.came = logs.values().all(Option::is_some);
            }
            _ => {}
        }
    }

    /// When [`Script::go_on`] is to be asked again, if nothing happens before.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        if self.stopped {
            return None;
        }
        match &self.present {
            Some(present) => Some(present.until),
            None => (!self.lines.is_empty() && !self.board.known.nodes.is_empty()).then_some(Duration::ZERO),
        }
    }

    /// Goes on as far as it can without waiting, but no further than to a mistake or failure; then what is left of files
    /// being loaded is not carried out.
    pub fn go_on(&mut self, now: Duration) -> Vec<Deed> {
        let deeds = self.do_all(now);
        if ends(&deeds) {
            self.lines.retain(|(place, _)| place.file.is_none());
        }
        deeds
    }

    fn do_all(&mut self, now: Duration) -> Vec<Deed> {
        let mut deeds = Vec::new();
        while !self.stopped {
            if let Some(present) = self.present.take() {
                match self.finish(present, now) {
                    Ok(Done::Nothing) => {}
                    Ok(Done::Deed(deed)) => {
                        self.stopped = self.stops_at_logs && matches!(deed, Deed::Answer("logs", _));
                        deeds.push(deed);
                    }
                    Ok(Done::Look(place, line)) => self.look(place, line, now, &mut deeds),
                    Err(still) => {
                        self.present = Some(*still);
                        return deeds;
                    }
                }
                if self.present.is_some() {
                    continue;
                }
                if self.stopped || ends(&deeds) {
                    return deeds;
                }
            }
            // Which nodes there are is told first of all, and what a line means depends on it.
            if self.board.known.nodes.is_empty() {
                return deeds;
            }
            let Some((place, line)) = self.lines.pop_front() else { return deeds };
            match parse(&line, &self.board.known) {
                Ok(meant) => {
                    if meant != Line::Nothing {
                        self.begun = Some((place.clone(), line));
                    }
                    self.begin(place, meant, now, &mut deeds);
                }
                Err(mistake) => deeds.push(Deed::Mistake(place.say(mistake))),
            }
            if ends(&deeds) {
                return deeds;
            }
        }
        deeds
    }

    /// What follows when the present line is done; `Err`: it is not.
    fn finish(&self, present: Present, now: Duration) -> Result<Done, Box<Present>> {
        let late = now >= present.until;
        let Present { place, awaited, came, until } = present;
        let unmet = |what: String| Ok(Done::Deed(Deed::Unmet(place.say(what))));
        match awaited {
            Awaited::Condition(condition) => match self.board.holds(&condition) {
                Ok(()) => Ok(Done::Nothing),
                Err(why) if late => unmet(format!("waited in vain: {why}")),
                Err(_) => {
                    Err(Box::new(Present { place, awaited: Awaited::Condition(condition), until, came }))
                }
            },
            awaited if !came && !late => Err(Box::new(Present { place, awaited, until, came })),
            Awaited::StandStill if !came => {
                unmet("the step is not over: what it runs to has not happened".to_owned())
            }
            Awaited::Logs(logs) => Ok(Done::Deed(Deed::Answer("logs", show::logs(&self.board, &logs)))),
            Awaited::News(line) => Ok(Done::Look(place, line)),
            Awaited::StandStill
            | Awaited::Rate(_)
            | Awaited::Told
            | Awaited::Synced(_)
            | Awaited::Processes { .. } => Ok(Done::Nothing),
        }
    }

    fn begin(&mut self, place: Place, line: Line, now: Duration, deeds: &mut Vec<Deed>) {
        match line {
            Line::Nothing => {}
            Line::Do(commands) => {
                if let Some((awaited, patience)) = awaited(&commands, &self.board.known.down) {
                    self.wait(place.clone(), awaited, now + patience);
                }
                let is_told_late = commands.iter().any(is_told_late);
                deeds.extend(commands.into_iter().map(Deed::Send));
                if is_told_late {
                    self.synced += 1;
                    deeds.push(Deed::Send(Command::Sync(self.synced)));
                    self.wait(place, Awaited::Synced(self.synced), now + TOLD_WITHIN);
                }
            }
            Line::Store(op) => {
                self.asked += 1;
                self.board.unanswered.insert(self.asked);
                deeds.push(Deed::Send(Command::Client { id: self.asked, op }));
            }
            Line::Wait { until, within } => self.wait(place, Awaited::Condition(until), now + within),
            Line::Expect(_) | Line::Logs | Line::Status => {
                self.wait(place, Awaited::News(line), now + NEWS_WITHIN);
            }
            Line::Rules => deeds.push(Deed::Answer("rules", show::rules(&self.board))),
            Line::Help(word) => deeds.push(Deed::Answer("help", show::help(word))),
            Line::Save(file) => deeds.push(match self.save(&file) {
                Ok(answer) => Deed::Answer("save", vec![answer]),
                Err(error) => Deed::Mistake(place.say(format!("{file} cannot be written: {error}"))),
            }),
            Line::Load(file) => {
                if let Err(why) = self.load(&place, &file) {
                    deeds.push(Deed::Mistake(place.say(why)));
                }
            }
            Line::Quit => deeds.push(Deed::Quit),
        }
    }

    /// Carries out a line that looks at how it is now.
    fn look(&mut self, place: Place, line: Line, now: Duration, deeds: &mut Vec<Deed>) {
        match line {
            Line::Expect(condition) => {
                if let Err(unmet) = self.board.holds(&condition) {
                    deeds.push(Deed::Unmet(place.say(format!("not as expected: {unmet}"))));
                }
            }
            Line::Logs => {
                let up: Vec<NodeId> = self.board.statuses.keys().copied().collect();
                for &node in &up {
                    let last = self.board.statuses[&node].raft.last.index.0;
                    let first = LogIndex(last.saturating_sub(u64::from(SHOWN_ENTRIES)) + 1);
                    deeds.push(Deed::Send(Command::FetchLog { node, first, limit: SHOWN_ENTRIES }));
                }
                let logs = Awaited::Logs(up.into_iter().map(|node| (node, None)).collect());
                self.wait(place, logs, now + LOGS_WITHIN);
            }
            _ => deeds.push(Deed::Answer("status", show::status(&self.board))),
        }
    }

    fn wait(&mut self, place: Place, awaited: Awaited, until: Duration) {
        let came = matches!(&awaited, Awaited::Logs(logs) if logs.is_empty());
        self.present = Some(Present { place, awaited, until, came });
    }

    fn save(&self, file: &str) -> std::io::Result<String> {
        let faults = &self.board.known.in_force;
        let script = write::script(faults.iter().map(|fault| &fault.what));
        std::fs::write(
            file,
            format!("# What was in force. load {file} brings it into force again.\n{script}"),
        )?;
        Ok(format!("{} in force written to {file}", show::counted(faults.len(), "thing")))
    }

    /// The lines of the file come before those that wait.
    fn load(&mut self, place: &Place, file: &str) -> Result<(), String> {
        let depth = place.depth + 1;
        if depth > MAX_DEPTH {
            return Err(format!("{file} is not loaded: {MAX_DEPTH} files load one another already"));
        }
        let script =
            std::fs::read_to_string(file).map_err(|error| format!("{file} cannot be read: {error}"))?;
        let lines: Vec<&str> = script.lines().collect();
        if self.lines.len() + lines.len() > MAX_LINES {
            return Err(format!("{file} is not loaded: {MAX_LINES} lines are the most"));
        }
        for (number, line) in lines.into_iter().enumerate().rev() {
            let place = Place { file: Some(file.to_owned()), line: number + 1, depth };
            self.lines.push_front((place, line.to_owned()));
        }
        Ok(())
    }
}

/// What follows a line that is done.
enum Done {
    Nothing,
    Deed(Deed),
    /// All news has come: now carry it out.
    Look(Place, Line),
}

/// Whether nothing may follow.
fn ends(deeds: &[Deed]) -> bool {
    matches!(deeds.last(), Some(Deed::Mistake(_) | Deed::Unmet(_) | Deed::Quit))
}

/// Whether a command is followed by news that conditions ask for and that only a barrier waits for: what becomes of messages, and
/// that a change is under way.
fn is_told_late(command: &Command) -> bool {
    matches!(
        command,
        Command::Release(_)
            | Command::Drop(_)
            | Command::AddNode
            | Command::RemoveNode(_)
            | Command::ReplaceNode(_)
            | Command::Transfer(_)
    )
}

/// What shows that commands of one line were carried out, and how long that may take.
fn awaited(commands: &[Command], down: &BTreeSet<NodeId>) -> Option<(Awaited, Duration)> {
    let starts = |command: &Command| match command {
        Command::Restart(node) | Command::Wipe(node) | Command::WipeUnsafe(node) => Some(*node),
        _ => None,
    };
    let nodes: BTreeSet<NodeId> = commands.iter().filter_map(starts).collect();
    if !nodes.is_empty() {
        return Some((Awaited::Processes { nodes, started: true }, PROCESS_WITHIN));
    }
    Some(match commands.last()? {
        Command::Kill(node) | Command::Stop(node) if down.contains(node) => return None,
        Command::Kill(node) | Command::Stop(node) => {
            (Awaited::Processes { nodes: [*node].into(), started: false }, PROCESS_WITHIN)
        }
        Command::SetRate(rate) => (Awaited::Rate(*rate), TOLD_WITHIN),
        Command::Step(_) => (Awaited::StandStill, STEP_WITHIN),
        Command::Disturb(_)
        | Command::Undo(_)
        | Command::Heal
        | Command::Cut(_)
        | Command::Mend(_)
        | Command::Pause(_)
        | Command::Resume(_)
        | Command::Slow(..)
        | Command::FillDisk(..) => (Awaited::Told, TOLD_WITHIN),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
