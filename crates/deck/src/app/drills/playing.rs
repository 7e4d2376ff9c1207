//! A drill that runs on the deck: the [`Run`], and what it told.

use raftdeck_drills::{
    Context, Drill, LOAD_OFFSET, LiveCheck, PersonInput, Run, RunEffect, RunOptions, RunStatus,
};
use raftdeck_model::{Capabilities, Command, CommandId, Update, World};
use std::collections::VecDeque;
use std::time::Duration;

/// The run's commands are numbered after this; those of a script from `1 << 32`, the user's from 1.
const FIRST: CommandId = CommandId(2 << 32);

/// The most lines of the story that are kept.
const MAX_STORY: usize = 200;

/// Whether a command is a run's: its answer is the run's affair.
#[must_use]
pub fn is_of_run(id: CommandId) -> bool {
    id > FIRST && id.0 < FIRST.0 * 2
}

/// Whether a command is one of a run's workload or heal.
#[must_use]
pub fn is_of_workload(id: CommandId) -> bool {
    is_of_run(id) && id.0 > FIRST.0 + LOAD_OFFSET
}

/// A drill that runs.
#[derive(Debug)]
pub struct Playing {
    run: Run,
    /// When it was made: the run counts real time from here, as if the deck had started with it.
    origin: Duration,
    /// What the run told, oldest first.
    story: VecDeque<String>,
    waits_for: Option<PersonWait>,
}

impl Playing {
    /// A run of this drill on a cluster that can do this much and was started at `now`. It begins when the cluster reports.
    #[must_use]
    pub fn new(drill: Drill, context: Context, capabilities: Capabilities, now: Duration) -> Self {
        let options = RunOptions { first: FIRST, attended: true, context, is_real: true, capabilities };
        Self { run: Run::new(drill, options), origin: now, story: VecDeque::new(), waits_for: None }
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// What it does now.
    #[must_use]
    pub fn status(&self, now: Duration) -> RunStatus<'_> {
        self.run.status(self.since(now))
    }

    /// What is asserted, with what is measured now.
    #[must_use]
    pub fn checks(&self, now: Duration) -> Vec<LiveCheck> {
        self.run.live_checks(self.since(now))
    }

    /// What it told, oldest first.
    #[must_use]
    pub fn story(&self) -> &VecDeque<String> {
        &self.story
    }

    /// What it waits for from the person, as of the last update.
    #[must_use]
    pub fn waits_for(&self) -> Option<PersonWait> {
        self.waits_for
    }

    fn since(&self, now: Duration) -> Duration {
        now.saturating_sub(self.origin)
    }

    /// When it has something to do if nothing happens before.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.run.next_due().map(|due| due.saturating_add(self.origin))
    }

    pub(super) fn hear(&mut self, update: &Update, now: Duration, world: &World) {
        self.run.hear(update, self.since(now), world);
    }

    pub(super) fn note_command(&mut self, command: &Command, now: Duration, world: &World) {
        self.run.note_command(command, self.since(now), world);
    }

    pub(super) fn input(&mut self, input: PersonInput) {
        self.run.note_input(input);
    }

    pub(super) fn abort(&mut self) {
        self.run.abort("it was stopped at the keyboard");
    }

    /// Goes on as far as possible: the commands to send, and whether it waits for something new from the person.
    pub(super) fn go_on(&mut self, now: Duration, world: &World) -> (Vec<Command>, bool) {
        let now = self.since(now);
        let mut commands = Vec::new();
        for effect in self.run.go_on(now, world) {
            match effect {
                RunEffect::Send(command) => commands.push(command),
                RunEffect::Tell(line) => {
                    if self.story.len() == MAX_STORY {
                        self.story.pop_front();
                    }
                    self.story.push_back(line);
                }
            }
        }
        let before = std::mem::replace(&mut self.waits_for, waits_for(&self.run, now));
        let is_new = self.waits_for.is_some() && self.waits_for != before;
        (commands, is_new)
    }
}

fn waits_for(run: &Run, now: Duration) -> Option<PersonWait> {
    match run.waits_for_person(now) {
        (Some(ask), _) if ask.chosen.is_none() => Some(PersonWait::Answer(ask.ask.options.len())),
        (Some(_), _) => Some(PersonWait::Reading),
        (None, Some(act)) => {
            Some(PersonWait::Task { hints: act.act.hints.len().saturating_sub(act.hints.len()) })
        }
        (None, None) => None,
    }
}

/// What a run waits for from the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonWait {
    /// An answer, one of this many.
    Answer(usize),
    /// That the person has read what was revealed.
    Reading,
    /// That the person does something.
    Task {
        /// How many hints were not taken yet.
        hints: usize,
    },
}
