//! Checks what TOML cannot: values out of range, lines and conditions that cannot be parsed, measures without a bound.
//!
//! All lines and conditions are put into one script in the order in which they are used, so that a name counts as set where a line
//! before has set it.

use super::mistake::place;
use super::{Drill, DrillMistake, Phrase, SCHEMA, Step};
use crate::bound::Bound;
use crate::measure::Measure;
use raftdeck_model::{MAX_NODES, World};
use raftdeck_raft::NodeId;
use raftdeck_script::{check, duration};
use std::fmt::Display;
use std::time::Duration;

/// The most clients of a workload: a source has 16, and some are left for the lines of the drill.
const MAX_CLIENTS: u8 = 12;

/// The words that a drill may not use: they read and write files, or end the cluster.
const FORBIDDEN: [&str; 8] = ["quit", "exit", "q", "load", "save", "check", "seek", "workload"];

/// The word before a condition that is checked as a line.
const WAIT: &str = "wait ";

struct Reading<'a> {
    drill: &'a Drill,
    source: &'a str,
    mistakes: Vec<DrillMistake>,
    script: Vec<ScriptPart<'a>>,
}

/// A line of the script that is checked.
struct ScriptPart<'a> {
    line: String,
    /// Where it comes from, and which line of that it is.
    phrase: &'a Phrase,
    at: usize,
    /// How many characters stand before it that are not in the phrase, and how many of the phrase's are left out.
    added: usize,
    left_out: usize,
}

impl Drill {
    pub(super) fn mistakes(&self, source: &str) -> Vec<DrillMistake> {
        let mut reading = Reading { drill: self, source, mistakes: Vec::new(), script: Vec::new() };
        reading.head();
        reading.workload();
        reading.times();
        reading.lines();
        reading.asserts();
        reading.mistakes
    }
}

impl<'a> Reading<'a> {
    /// A mistake at a key, or at the beginning if the file does not name it.
    fn at_key(&mut self, key: &str, sentence: impl Display) {
        let (mut at, mut found) = (0, 0);
        for line in self.source.split_inclusive('\n') {
            let rest = line.trim_start().strip_prefix(key);
            if found == 0 && rest.is_some_and(|rest| rest.trim_start().starts_with('=')) {
                found = at + line.len() - line.trim_start().len();
            }
            at += line.len();
        }
        let (line, column) = place(self.source, found);
        self.mistakes.push(DrillMistake { line, column, sentence: sentence.to_string() });
    }

    /// A mistake in a phrase, this many bytes from the beginning of its line.
    fn in_phrase(&mut self, phrase: &Phrase, line: usize, byte: usize, sentence: impl Display) {
        let value = self.source.get(phrase.start()..).unwrap_or_default();
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| value.starts_with(quote));
        let quote = quote.map_or(0, str::len);
        // A line break directly after the opening quotes is not a part of the text.
        let first =
            usize::from(quote == 3 && (value[3..].starts_with('\n') || value[3..].starts_with("\r\n")));
        let before: usize = value[quote..].split_inclusive('\n').take(line + first).map(str::len).sum();
        let (line, column) = place(self.source, phrase.start() + quote + before + byte);
        self.mistakes.push(DrillMistake { line, column, sentence: sentence.to_string() });
    }

    fn head(&mut self) {
        let drill = self.drill;
        if drill.schema != SCHEMA {
            self.at_key(
                "schema",
                format!("schema {} is not known: this version reads schema {SCHEMA}", drill.schema),
            );
        }
        let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if drill.id.is_empty() || drill.id.len() > 40 || !drill.id.chars().all(is_letter) {
            self.at_key("id", "an id consists of 1 to 40 lower-case letters, digits and -");
        }
        for (key, text) in [("title", &drill.title), ("description", &drill.description)] {
            if text.trim().is_empty() {
                self.at_key(key, format!("the {key} is empty"));
            }
        }
        if !(1..=MAX_NODES).contains(&drill.cluster.nodes) {
            self.at_key("nodes", format!("a cluster has 1 to {MAX_NODES} nodes"));
        }
        if drill.steps.is_empty() {
            self.at_key("step", "a drill needs at least one [[step]]");
        } else if !drill.steps.iter().any(Step::is_fault) {
            let what = "a drill needs a step with verify, a condition which proves that the fault took: \
                        without it a drill without a fault would pass";
            self.at_key("do", what);
        }
        let weights = drill.score;
        if weights.assertions == 0 && weights.questions == 0 && weights.actions == 0 {
            self.at_key("assertions", "a score needs at least one weight above 0");
        }
    }

    fn workload(&mut self) {
        let Some(load) = &self.drill.workload else { return };
        if !(1..=MAX_CLIENTS).contains(&load.clients) {
            self.at_key("clients", format!("a workload has 1 to {MAX_CLIENTS} clients"));
        }
        if !(1..=200).contains(&load.rate) {
            self.at_key("rate", "the rate is 1 to 200 requests in each T");
        }
        if !(1..=1000).contains(&load.keys) {
            self.at_key("keys", "a workload uses 1 to 1000 keys");
        }
        if u16::from(load.mix.put) + u16::from(load.mix.get) + u16::from(load.mix.delete) == 0 {
            self.at_key("mix", "the mix needs at least one operation above 0");
        }
    }

    fn times(&mut self) {
        let drill = self.drill;
        let options = &drill.cluster.options;
        let budget = [Some(&drill.budget.wall), Some(&drill.budget.cluster)];
        let load = drill.workload.as_ref().map(|load| &load.within);
        let steady = drill.steady.iter().map(|check| check.within.as_ref());
        let probes = drill.probes.iter().map(|probe| probe.every.as_ref());
        let steps = drill.steps.iter().flat_map(|step| {
            [
                step.at.as_ref(),
                step.after.as_ref(),
                step.within.as_ref(),
                step.act.as_ref().map(|act| &act.deadline),
            ]
        });
        let all = budget
            .into_iter()
            .chain([options.sync_delay.as_ref(), options.disk_stall.as_ref(), load])
            .chain(steady)
            .chain(probes)
            .chain(steps)
            .flatten();
        for phrase in all {
            match duration(phrase.text(), &World::default()) {
                Ok(time) if time == Duration::ZERO => {
                    self.in_phrase(phrase, 0, 0, format!("{phrase} must be longer than zero"));
                }
                Ok(_) => {}
                Err(mistake) => self.in_phrase(phrase, 0, mistake.place(), mistake),
            }
        }
    }

    fn condition(&mut self, phrase: &'a Phrase) {
        self.wait(phrase, phrase.text());
        if phrase.text().contains('\n') {
            self.in_phrase(phrase, 0, 0, "a condition is one line");
        }
    }

    /// A condition, which is the end of a phrase or all of it.
    fn wait(&mut self, phrase: &'a Phrase, condition: &str) {
        let (all, own) = (phrase.text().chars().count(), condition.chars().count());
        let (added, left_out) = (WAIT.chars().count(), all.saturating_sub(own));
        self.script.push(ScriptPart { line: format!("{WAIT}{condition}"), phrase, at: 0, added, left_out });
    }

    fn text(&mut self, phrase: &'a Phrase) {
        for (at, line) in phrase.text().lines().enumerate() {
            self.script.push(ScriptPart { line: line.to_owned(), phrase, at, added: 0, left_out: 0 });
        }
    }

    fn lines(&mut self) {
        let drill = self.drill;
        drill.steady.iter().for_each(|check| self.condition(&check.expr));
        for step in &drill.steps {
            self.step(step);
        }
        drill.heal.lines.iter().for_each(|lines| self.text(lines));
        drill.probes.iter().for_each(|probe| self.condition(&probe.expr));
        drill.aborts.iter().for_each(|abort| self.condition(&abort.expr));
        for assert in &drill.asserts {
            if let Some(condition) = Measure::condition_of(assert.expr.text()) {
                self.wait(&assert.expr, &condition);
            }
        }
        let text: Vec<&str> = self.script.iter().map(|part| part.line.as_str()).collect();
        let nodes: Vec<NodeId> =
            (1..=u64::from(drill.cluster.nodes.clamp(1, MAX_NODES))).map(NodeId).collect();
        let checked = check("drill", text.join("\n").as_bytes(), &nodes, None);
        let script = std::mem::take(&mut self.script);
        for flaw in checked.flaws {
            let Some(ScriptPart { phrase, at, added, left_out, .. }) = script.get(flaw.line - 1) else {
                continue;
            };
            let characters = (flaw.column - 1).saturating_sub(*added) + left_out;
            let line = phrase.text().lines().nth(*at).unwrap_or_default();
            let byte = line.char_indices().nth(characters).map_or(line.len(), |(byte, _)| byte);
            self.in_phrase(phrase, *at, byte, flaw.mistake);
        }
        for ScriptPart { line, phrase, at, .. } in &script {
            let first = line.split_whitespace().next().unwrap_or_default();
            if FORBIDDEN.contains(&first.to_ascii_lowercase().as_str()) {
                self.in_phrase(phrase, *at, 0, format!("a drill cannot use {first}"));
            }
        }
    }

    fn step(&mut self, step: &'a Step) {
        let does = usize::from(step.lines.is_some() && step.act.is_none());
        let others = [step.wait.is_some(), step.ask.is_some(), step.act.is_some()];
        let kinds = does + others.into_iter().filter(|is| *is).count();
        if kinds > 1 || (kinds == 0 && step.caption.is_none()) {
            self.at_key("step", "a step has exactly one of do, wait, ask and act, or only a caption");
        }
        if step.verify.is_some() && step.lines.is_none() && step.act.is_none() {
            self.at_key("verify", "verify belongs to a step with do or act: it proves that the fault took");
        }
        if let Some(lines) = &step.lines {
            self.text(lines);
        }
        for condition in step.wait.iter().chain(&step.verify).chain(step.act.as_ref().map(|act| &act.goal)) {
            self.condition(condition);
        }
        if let Some(act) = &step.act {
            if step.lines.is_none() {
                self.at_key(
                    "task",
                    "act needs a do beside it, which acts where nobody plays or the time is over",
                );
            }
            if act.hints.iter().any(|hint| hint.cost > 100) {
                self.at_key("cost", "a hint costs 0 to 100 percent");
            }
        }
        if let Some(ask) = &step.ask {
            if !(2..=6).contains(&ask.options.len()) {
                self.at_key("question", "a question has 2 to 6 options");
            }
            if !ask.options.iter().any(|option| option.right) {
                self.at_key("question", "no option of the question is right");
            }
        }
    }

    fn asserts(&mut self) {
        for assert in &self.drill.asserts {
            let measure = Measure::parse(assert.expr.text());
            let needs_load = matches!(&measure, Ok(Some(measure)) if measure.needs_load());
            match (measure, &assert.bound) {
                (Err(why), _) => self.in_phrase(&assert.expr, 0, 0, why),
                (Ok(Some(measure)), Some(bound)) => {
                    if let Err(why) = Bound::parse(bound.text(), measure.unit(), &World::default()) {
                        self.in_phrase(bound, 0, 0, why);
                    }
                }
                (Ok(Some(measure)), None) => {
                    let why = format!(
                        "{} needs a bound, such as bound = \"{}\"",
                        assert.expr,
                        measure.unit().example()
                    );
                    self.in_phrase(&assert.expr, 0, 0, why);
                }
                (Ok(None), Some(bound)) => {
                    self.in_phrase(bound, 0, 0, "a condition has no bound: it holds at the end or not");
                }
                (Ok(None), None) => {}
            }
            if needs_load && self.drill.workload.is_none() {
                self.in_phrase(&assert.expr, 0, 0, format!("{} needs a [workload]", assert.expr));
            }
        }
    }
}
