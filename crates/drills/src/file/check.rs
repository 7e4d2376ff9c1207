//! Checks what TOML cannot: values out of range, lines and conditions that cannot be parsed, measures without a bound.

use super::phrases::{FORBIDDEN, ID_RULE, Phrases, is_id};
use super::{Drill, FileMistake, SCHEMA, Step};
use crate::bound::Bound;
use crate::measure::Measure;
use raftdeck_model::{MAX_NODES, World};

/// The most clients of a workload: a source has 16, and some are left for the lines of the drill.
const MAX_CLIENTS: u8 = 12;

struct Reading<'a> {
    drill: &'a Drill,
    phrases: Phrases<'a>,
}

impl Drill {
    pub(super) fn mistakes(&self, source: &str) -> Vec<FileMistake> {
        let mut reading = Reading { drill: self, phrases: Phrases::of(source) };
        reading.head();
        reading.workload();
        reading.times();
        reading.lines();
        reading.asserts();
        reading.phrases.mistakes()
    }
}

impl<'a> Reading<'a> {
    fn head(&mut self) {
        let drill = self.drill;
        if drill.schema != SCHEMA {
            self.phrases.at_key(
                "schema",
                format!("schema {} is not known: this version reads schema {SCHEMA}", drill.schema),
            );
        }
        if !is_id(&drill.id) {
            self.phrases.at_key("id", ID_RULE);
        }
        for (key, text) in [("title", &drill.title), ("description", &drill.description)] {
            if text.trim().is_empty() {
                self.phrases.at_key(key, format!("the {key} is empty"));
            }
        }
        if !(1..=MAX_NODES).contains(&drill.cluster.nodes) {
            self.phrases.at_key("nodes", format!("a cluster has 1 to {MAX_NODES} nodes"));
        }
        if drill.steps.is_empty() {
            self.phrases.at_key("step", "a drill needs at least one [[step]]");
        } else if !drill.steps.iter().any(Step::is_fault) {
            let what = "a drill needs a step with verify, a condition which proves that the fault took: \
                        without it a drill without a fault would pass";
            self.phrases.at_key("do", what);
        }
        let weights = drill.score;
        if weights.assertions == 0 && weights.questions == 0 && weights.actions == 0 {
            self.phrases.at_key("assertions", "a score needs at least one weight above 0");
        }
    }

    fn workload(&mut self) {
        let Some(load) = &self.drill.workload else { return };
        if !(1..=MAX_CLIENTS).contains(&load.clients) {
            self.phrases.at_key("clients", format!("a workload has 1 to {MAX_CLIENTS} clients"));
        }
        if !(1..=200).contains(&load.rate) {
            self.phrases.at_key("rate", "the rate is 1 to 200 requests in each T");
        }
        if !(1..=1000).contains(&load.keys) {
            self.phrases.at_key("keys", "a workload uses 1 to 1000 keys");
        }
        if u16::from(load.mix.put) + u16::from(load.mix.get) + u16::from(load.mix.delete) == 0 {
            self.phrases.at_key("mix", "the mix needs at least one operation above 0");
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
        all.for_each(|phrase| self.phrases.time(phrase));
    }

    fn lines(&mut self) {
        let drill = self.drill;
        drill.steady.iter().for_each(|check| self.phrases.condition(&check.expr));
        for step in &drill.steps {
            self.step(step);
        }
        drill.heal.lines.iter().for_each(|lines| self.phrases.text(lines));
        drill.probes.iter().for_each(|probe| self.phrases.condition(&probe.expr));
        drill.aborts.iter().for_each(|abort| self.phrases.condition(&abort.expr));
        for assert in &drill.asserts {
            if let Some(condition) = Measure::condition_of(assert.expr.text()) {
                self.phrases.wait(&assert.expr, &condition);
            }
        }
        self.phrases.check_lines(drill.cluster.nodes, &FORBIDDEN, "a drill");
    }

    fn step(&mut self, step: &'a Step) {
        let does = usize::from(step.lines.is_some() && step.act.is_none());
        let others = [step.wait.is_some(), step.ask.is_some(), step.act.is_some()];
        let kinds = does + others.into_iter().filter(|is| *is).count();
        if kinds > 1 || (kinds == 0 && step.caption.is_none()) {
            self.phrases.at_key("step", "a step has exactly one of do, wait, ask and act, or only a caption");
        }
        if step.verify.is_some() && step.lines.is_none() && step.act.is_none() {
            self.phrases
                .at_key("verify", "verify belongs to a step with do or act: it proves that the fault took");
        }
        if let Some(lines) = &step.lines {
            self.phrases.text(lines);
        }
        for condition in step.wait.iter().chain(&step.verify).chain(step.act.as_ref().map(|act| &act.goal)) {
            self.phrases.condition(condition);
        }
        if let Some(act) = &step.act {
            if step.lines.is_none() {
                self.phrases.at_key(
                    "task",
                    "act needs a do beside it, which acts where nobody plays or the time is over",
                );
            }
            if act.hints.iter().any(|hint| hint.cost > 100) {
                self.phrases.at_key("cost", "a hint costs 0 to 100 percent");
            }
        }
        if let Some(ask) = &step.ask {
            if !(2..=6).contains(&ask.options.len()) {
                self.phrases.at_key("question", "a question has 2 to 6 options");
            }
            if !ask.options.iter().any(|option| option.right) {
                self.phrases.at_key("question", "no option of the question is right");
            }
        }
    }

    fn asserts(&mut self) {
        for assert in &self.drill.asserts {
            let measure = Measure::parse(assert.expr.text());
            let needs_load = matches!(&measure, Ok(Some(measure)) if measure.needs_load());
            match (measure, &assert.bound) {
                (Err(why), _) => self.phrases.in_phrase(&assert.expr, 0, 0, why),
                (Ok(Some(measure)), Some(bound)) => {
                    if let Err(why) = Bound::parse(bound.text(), measure.unit(), &World::default()) {
                        self.phrases.in_phrase(bound, 0, 0, why);
                    }
                }
                (Ok(Some(measure)), None) => {
                    let why = format!(
                        "{} needs a bound, such as bound = \"{}\"",
                        assert.expr,
                        measure.unit().example()
                    );
                    self.phrases.in_phrase(&assert.expr, 0, 0, why);
                }
                (Ok(None), Some(bound)) => {
                    self.phrases.in_phrase(
                        bound,
                        0,
                        0,
                        "a condition has no bound: it holds at the end or not",
                    );
                }
                (Ok(None), None) => {}
            }
            if needs_load && self.drill.workload.is_none() {
                self.phrases.in_phrase(&assert.expr, 0, 0, format!("{} needs a [workload]", assert.expr));
            }
        }
    }
}
