//! The steps of a drill, one after the other.

use super::person::{PersonInput, TaskProgress, in_words};
use super::{Run, RunEffect, Stage, in_t, is_down, is_fault};
use crate::awaited::{Awaited, Look};
use crate::file::{Act, Ask, Drill, Step};
use crate::outcome::{PersonResult, StepResult, Verdict};
use raftdeck_model::World;
use raftdeck_script::{ScriptEffect, UnmetLine};
use std::time::Duration;

/// How long a condition is waited for by default, in T.
const WITHIN: u32 = 20;

/// How far a step is.
#[derive(Debug)]
pub(super) enum StepState {
    /// It begins at this cluster time.
    Before(Duration),
    /// Its lines are carried out.
    Lines,
    /// A condition is waited for until this cluster time.
    Condition { condition: Awaited, until: Duration, is_verify: bool },
    /// A person is asked, and has chosen this.
    Asking { chosen: Option<usize> },
    /// A person acts to reach this goal.
    Acting(Awaited, TaskProgress),
}

/// The results of steps that have not begun.
pub(super) fn results(drill: &Drill) -> Vec<StepResult> {
    let result = |(index, step): (usize, &Step)| StepResult {
        text: step.in_words(),
        caption: step.caption.clone(),
        begun: None,
        done: None,
        is_fault: drill.fault_step() == Some(index),
        failure: None,
    };
    drill.steps.iter().enumerate().map(result).collect()
}

impl StepState {
    /// Before a step, after the one before it ended at this time.
    pub(super) fn begin(step: Option<&Step>, steady: Duration, before: Duration, t: Duration) -> Self {
        let of = |phrase: &Option<crate::file::Phrase>| phrase.as_ref().map(|phrase| in_t(phrase, t));
        let at = step.and_then(|step| of(&step.at)).map(|at| steady + at);
        let after = step.and_then(|step| of(&step.after)).map(|after| before + after);
        Self::Before(at.into_iter().chain(after).max().unwrap_or(before))
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        match self {
            Self::Before(at) => Some(*at),
            Self::Condition { until, .. } => Some(*until),
            Self::Acting(_, task) => Some(task.deadline),
            Self::Lines | Self::Asking { .. } => None,
        }
    }
}

impl Run {
    pub(super) fn step(
        &mut self,
        index: usize,
        state: StepState,
        now: Duration,
        world: &World,
        effects: &mut Vec<RunEffect>,
    ) -> bool {
        let Some(step) = self.drill.steps.get(index).cloned() else {
            self.begin_heal(now, world, effects);
            return true;
        };
        let at = self.clock.at(now);
        match state {
            StepState::Before(from) if at < from => self.stay(Stage::Step(index, StepState::Before(from))),
            StepState::Before(_) => self.begin_step(index, &step, now, effects),
            StepState::Lines => self.carry_out(index, &step, now, world, effects),
            StepState::Condition { condition, until, is_verify } => {
                self.wait_for(index, (condition, until, is_verify), now, world, effects)
            }
            StepState::Asking { chosen } => self.question(index, &step, chosen, now),
            StepState::Acting(goal, task) => self.task(index, &step, (goal, task), now, world, effects),
        }
    }

    fn begin_step(&mut self, index: usize, step: &Step, now: Duration, effects: &mut Vec<RunEffect>) -> bool {
        let at = self.clock.at(now);
        self.steps[index].begun = Some(at);
        if let Some(caption) = &step.caption {
            effects.push(self.tell(at, caption));
        }
        let attended = self.options.attended;
        if let Some(act) = step.act.as_ref().filter(|_| attended) {
            let deadline = at + in_t(&act.deadline, self.t);
            let task = TaskProgress { set: now, set_at: at, deadline, ..TaskProgress::default() };
            return self.go_to(Stage::Step(index, StepState::Acting(Awaited::new(act.goal.text()), task)));
        }
        if step.ask.is_some() {
            if attended {
                return self.go_to(Stage::Step(index, StepState::Asking { chosen: None }));
            }
            return self.step_done(index, now);
        }
        if let Some(wait) = &step.wait {
            let condition = StepState::Condition {
                condition: Awaited::new(wait.text()),
                until: at + self.within_of(step),
                is_verify: false,
            };
            effects.push(self.tell(at, &self.steps[index].text));
            return self.go_to(Stage::Step(index, condition));
        }
        match &step.lines {
            Some(_) => self.begin_lines(index, step, now, effects),
            None => self.step_done(index, now),
        }
    }

    fn begin_lines(
        &mut self,
        index: usize,
        step: &Step,
        now: Duration,
        effects: &mut Vec<RunEffect>,
    ) -> bool {
        let Some(lines) = &step.lines else { return self.step_done(index, now) };
        let at = self.clock.at(now);
        effects.extend(lines.lines().map(|line| self.tell(at, line)));
        self.script.append(&format!("step {}", index + 1), lines.text().as_bytes());
        self.go_to(Stage::Step(index, StepState::Lines))
    }

    fn carry_out(
        &mut self,
        index: usize,
        step: &Step,
        now: Duration,
        world: &World,
        effects: &mut Vec<RunEffect>,
    ) -> bool {
        self.stage = Stage::Step(index, StepState::Lines);
        if let Err(why) = self.run_lines(self.drill.fault_step() == Some(index), now, world, effects) {
            match why {
                // It could not inject its fault, which says nothing about the cluster. Every other line states what must be.
                (UnmetLine::Refused, why) => {
                    self.step_failed(index, Verdict::Inconclusive, &format!("a command was refused: {why}"));
                }
                (UnmetLine::Untold, why) => self.step_failed(index, Verdict::Inconclusive, &why),
                (UnmetLine::TimedOut, why) => self.step_late(index, &why),
                (UnmetLine::Otherwise, why) => self.step_failed(index, Verdict::Failed, &why),
            }
            return true;
        }
        if !self.script.is_over() {
            return false;
        }
        self.lines_done(index, step, now)
    }

    fn lines_done(&mut self, index: usize, step: &Step, now: Duration) -> bool {
        let at = self.clock.at(now);
        if self.drill.fault_step() == Some(index) && self.moments.fault.is_none() {
            self.fault_at(self.steps[index].begun.unwrap_or(at));
        }
        let Some(verify) = &step.verify else { return self.step_done(index, now) };
        let until = at + self.within_of(step);
        let condition = Awaited::new(verify.text());
        self.go_to(Stage::Step(index, StepState::Condition { condition, until, is_verify: true }))
    }

    /// How long the condition of a step may take.
    fn within_of(&self, step: &Step) -> Duration {
        step.within.as_ref().map_or(self.t * WITHIN, |within| in_t(within, self.t))
    }

    /// The fault is ordered now.
    pub(super) fn fault_at(&mut self, at: Duration) {
        self.moments.fault = Some(at);
        self.record.at_fault = Some(self.record.facts.len());
        self.timed.iter_mut().for_each(|(_, held)| *held = None);
    }

    /// Carries out the present lines as far as possible. An error: a line failed, or could not be carried out.
    pub(super) fn run_lines(
        &mut self,
        is_fault_step: bool,
        now: Duration,
        world: &World,
        effects: &mut Vec<RunEffect>,
    ) -> Result<(), (UnmetLine, String)> {
        let at = self.clock.at(now);
        let mut failed = Ok(());
        for effect in self.script.go_on(now, world) {
            match effect {
                ScriptEffect::Send(command) => {
                    if is_fault_step && is_fault(&command.what) && self.moments.fault.is_none() {
                        self.fault_at(at);
                    }
                    if is_fault(&command.what) {
                        self.record.inject(at, in_words(&command.what));
                    }
                    self.judge.sent(&command, at, |node| is_down(world, node));
                    effects.push(RunEffect::Send(command));
                }
                ScriptEffect::Answer(_, lines) => {
                    effects.extend(lines.iter().map(|line| self.tell(at, line)));
                }
                ScriptEffect::Mistake(why) => failed = Err((UnmetLine::Otherwise, why)),
                ScriptEffect::Unmet(in_which_way, why) => failed = Err((in_which_way, why)),
                // Lines that use files are mistakes in a drill.
                ScriptEffect::Read(file) => {
                    self.script.loaded(Err(format!("{file}: a drill reads no files")));
                }
                ScriptEffect::Write { file, .. } => {
                    self.script.written(Err(format!("{file}: a drill writes no files")));
                }
                ScriptEffect::Quit => {}
            }
        }
        failed
    }

    fn wait_for(
        &mut self,
        index: usize,
        (mut condition, until, is_verify): (Awaited, Duration, bool),
        now: Duration,
        world: &World,
        effects: &mut Vec<RunEffect>,
    ) -> bool {
        let at = self.clock.at(now);
        let look = condition.look(world, self.script.bindings(), self.script.unanswered());
        let is_untold = matches!(look, Look::Untold(_));
        let why = match look {
            Look::Holds => {
                if is_verify {
                    effects.push(self.tell(at, &format!("verified: {}", condition.text())));
                }
                return self.step_done(index, now);
            }
            Look::Broken(why) | Look::Unknown(why) | Look::Untold(why) => why,
        };
        if at < until {
            return self.stay(Stage::Step(index, StepState::Condition { condition, until, is_verify }));
        }
        let text = condition.text();
        if is_verify {
            let reason = format!("the fault did not take: {text} does not hold: {why}");
            self.step_failed(index, Verdict::Inconclusive, &reason);
        } else if is_untold {
            self.step_failed(index, Verdict::Inconclusive, &format!("{text} cannot be judged: {why}"));
        } else {
            self.step_late(index, &format!("{text} was waited for in vain: {why}"));
        }
        true
    }

    fn question(&mut self, index: usize, step: &Step, mut chosen: Option<usize>, now: Duration) -> bool {
        let Some(ask) = &step.ask else { return self.step_done(index, now) };
        for input in std::mem::take(&mut self.input) {
            match input {
                PersonInput::Answer(option) if chosen.is_none() && option < ask.options.len() => {
                    chosen = Some(option);
                    self.person.push(answered(ask, option));
                }
                PersonInput::Continue | PersonInput::GiveUp
                    if chosen.is_some() || input == PersonInput::GiveUp =>
                {
                    return self.step_done(index, now);
                }
                _ => {}
            }
        }
        self.stay(Stage::Step(index, StepState::Asking { chosen }))
    }

    fn task(
        &mut self,
        index: usize,
        step: &Step,
        (mut goal, mut task): (Awaited, TaskProgress),
        now: Duration,
        world: &World,
        effects: &mut Vec<RunEffect>,
    ) -> bool {
        let Some(act) = &step.act else { return self.step_done(index, now) };
        let at = self.clock.at(now);
        for input in std::mem::take(&mut self.input) {
            match input {
                PersonInput::Hint => task.hints = (task.hints + 1).min(act.hints.len()),
                PersonInput::GiveUp => task.is_given_up = true,
                PersonInput::WrongKey => task.refused += 1,
                PersonInput::Answer(_) | PersonInput::Continue => {}
            }
        }
        let holds = goal.look(world, self.script.bindings(), self.script.unanswered()) == Look::Holds;
        if !holds && at < task.deadline && !task.is_given_up {
            return self.stay(Stage::Step(index, StepState::Acting(goal, task)));
        }
        let (needed, cost) = (commands_in(step), cost_of(act, task.hints));
        self.person.push(task.result(&act.task, needed, cost, holds.then_some((now, at))));
        if holds {
            effects.push(self.tell(at, "done by hand"));
            return self.lines_done(index, step, now);
        }
        effects.push(self.tell(at, "the time for it is over: the drill does it"));
        if self.drill.fault_step() == Some(index) {
            (self.moments.fault, self.record.at_fault) = (None, None);
        }
        self.begin_lines(index, step, now, effects)
    }

    fn step_done(&mut self, index: usize, now: Duration) -> bool {
        let at = self.clock.at(now);
        self.steps[index].done = Some(at);
        self.input.clear();
        let steady = self.moments.steady.unwrap_or(at);
        let next = StepState::begin(self.drill.steps.get(index + 1), steady, at, self.t);
        self.go_to(Stage::Step(index + 1, next))
    }

    fn step_failed(&mut self, index: usize, verdict: Verdict, why: &str) {
        let reason = self.end_step(index, why);
        self.decide(verdict, reason);
    }

    /// The step failed because something did not happen in time.
    fn step_late(&mut self, index: usize, why: &str) {
        let reason = self.end_step(index, why);
        self.decide_late(reason);
    }

    fn end_step(&mut self, index: usize, why: &str) -> String {
        self.steps[index].failure = Some(why.to_owned());
        self.stage = Stage::Step(index, StepState::Lines);
        let names_it = why.starts_with("step ");
        if names_it { why.to_owned() } else { format!("step {}: {why}", index + 1) }
    }
}

fn answered(ask: &Ask, option: usize) -> PersonResult {
    let chosen = &ask.options[option];
    let right = ask.options.iter().find(|option| option.right);
    PersonResult::Answer {
        question: ask.question.clone(),
        chosen: Some(chosen.text.clone()),
        is_right: chosen.right,
        right: right.map(|right| right.text.clone()).unwrap_or_default(),
        misconception: if chosen.right { String::new() } else { chosen.misconception.clone() },
    }
}

/// How many commands the lines beside a task need.
fn commands_in(step: &Step) -> u32 {
    const LOOKS: [&str; 7] = ["let", "wait", "expect", "say", "sleep", "stays", "#"];
    let lines = step.lines.as_ref().map_or("", |lines| lines.text());
    let commands = lines.lines().filter_map(|line| line.split_whitespace().next());
    let commands = commands.filter(|first| !LOOKS.iter().any(|look| first.starts_with(look)));
    u32::try_from(commands.count()).unwrap_or(u32::MAX).max(1)
}

/// What the hints that were taken cost, in percent of the points.
fn cost_of(act: &Act, hints: usize) -> u32 {
    act.hints.iter().take(hints).map(|hint| u32::from(hint.cost)).sum()
}
