//! A chapter as it goes: its steps, one after the other, on a cluster of its own.
//!
//! A state machine, as a drill's run is: news, the world and the time go in, commands come out. Where it rests, somebody says that it
//! goes on ([`LessonInput::Next`]).

mod question;
mod scene;

pub use question::{DISCUSSION, Poll, PollStage, Question, QuestionEnd, answers_in};
pub use scene::{Scene, ScenePart, Task};

use super::{Answered, Chapter, LessonStep};
use crate::awaited::{Awaited, Look};
use crate::clock::RunClock;
use crate::file::Phrase;
use question::QuestionState;
use raftdeck_model::{Command, CommandId, News, Order, Update, World};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::NodeId;
use raftdeck_script::{Script, ScriptEffect, ScriptLine, parse_with};
use std::time::Duration;

/// The commands of the run itself are numbered this far after those of its lines.
const OWN_OFFSET: u64 = 1 << 24;

/// How long a condition is waited for by default, in T.
const WITHIN: u32 = 20;

/// A chapter begins when this holds, within this many T, and within this time at least, as processes need it to start.
const BEGINNING: (&str, u32, Duration) = ("all of leader and up", 60, Duration::from_secs(30));

/// What is done after free play, so that the next step finds a healthy cluster.
const MENDING: &str = "heal\ntry restart down\nwait all of leader and up within 60T";

/// How a chapter is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChapterOptions {
    /// Its commands are numbered after this; at most 2^25 of them.
    pub first: CommandId,
    /// The least election timeout: one T.
    pub t: Duration,
    /// Whether a class answers, by polls; else one person at the keyboard.
    pub is_class: bool,
    /// It goes to this step by itself, as fast as the cluster can: nothing is asked on the way, and tasks are done.
    pub from: usize,
    /// The number of its first poll.
    pub first_poll: u64,
}

/// What somebody says to a chapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LessonInput {
    /// Go on.
    Next,
    /// Go the other way: discuss although it is not proposed, or reveal although a discussion is; leave a question or a task
    /// to the lesson.
    Otherwise,
    /// One person chooses this option, counted from 0.
    Answer(usize),
    /// So many of the class chose each option.
    Counts(Vec<u32>),
    /// The next hint is wanted.
    Hint,
}

/// What lines are for, and conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To begin the chapter.
    Begin,
    /// To carry out a step, or the model solution of its task.
    Step,
    /// To reveal the answer.
    Reveal,
    /// To mend the cluster after free play.
    Mend,
}

/// Where a chapter is within its step.
#[derive(Debug)]
enum Stage {
    /// Lines are carried out.
    Lines(Purpose),
    /// A condition is waited for until this cluster time.
    Condition { condition: Awaited, until: Duration, purpose: Purpose },
    /// It rests.
    Resting,
    /// It asks.
    Asking(Box<QuestionState>),
    /// The answer is revealed.
    Revealed(Box<QuestionState>),
    /// Somebody works on a task, which was set at this cluster time.
    Acting { goal: Awaited, set: Duration, until: Duration, hints: usize },
    /// People play.
    Playing,
    /// A line or a condition failed; why.
    Failed(String),
    /// The last step was left.
    Over,
}

/// A chapter that is played.
#[derive(Debug)]
pub struct ChapterRun {
    chapter: Chapter,
    options: ChapterOptions,
    clock: RunClock,
    script: Script,
    /// The present step.
    step: usize,
    stage: Stage,
    /// The question of the present step, while its answer is being revealed.
    asked: Option<Box<QuestionState>>,
    input: Vec<LessonInput>,
    /// The nodes that are pointed at.
    marks: Vec<NodeId>,
    /// The rate of time before this run froze it.
    rate_before: Option<ClockRate>,
    /// The number of the run's last command of its own.
    sent: u64,
    polls: u64,
    answered: Vec<Answered>,
    has_begun: bool,
}

impl ChapterRun {
    /// A run of this chapter on a cluster that was started for it. It begins with the first call of [`ChapterRun::go_on`].
    #[must_use]
    pub fn new(chapter: Chapter, options: ChapterOptions) -> Self {
        Self {
            chapter,
            options,
            clock: RunClock::default(),
            script: Script::numbered_after(options.first),
            step: 0,
            stage: Stage::Resting,
            asked: None,
            input: Vec::new(),
            marks: Vec::new(),
            rate_before: None,
            sent: 0,
            polls: options.first_poll,
            answered: Vec::new(),
            has_begun: false,
        }
    }

    /// The chapter.
    #[must_use]
    pub fn chapter(&self) -> &Chapter {
        &self.chapter
    }

    /// The present step, counted from 0; the number of steps when it is over.
    #[must_use]
    pub fn step(&self) -> usize {
        self.step
    }

    /// The number of the next poll.
    #[must_use]
    pub fn next_poll(&self) -> u64 {
        self.polls
    }

    /// The nodes that are pointed at.
    #[must_use]
    pub fn marks(&self) -> &[NodeId] {
        &self.marks
    }

    /// Whether the last step was left.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Whether it waits for somebody, and for nothing of the cluster.
    #[must_use]
    pub fn rests(&self) -> bool {
        match self.stage {
            Stage::Lines(_) | Stage::Condition { .. } => false,
            Stage::Resting => self.has_begun,
            Stage::Acting { .. }
            | Stage::Playing
            | Stage::Asking(_)
            | Stage::Revealed(_)
            | Stage::Failed(_)
            | Stage::Over => true,
        }
    }

    /// Whether this command is one of a run with these options.
    #[must_use]
    pub fn is_own(options: &ChapterOptions, id: CommandId) -> bool {
        id > options.first && id.0 < options.first.0 + 2 * OWN_OFFSET
    }

    /// Takes the answers that were given since.
    pub fn take_answered(&mut self) -> Vec<Answered> {
        std::mem::take(&mut self.answered)
    }

    /// Takes in an update of the cluster at this real time.
    pub fn hear(&mut self, update: &Update, now: Duration) {
        self.clock.hear(update, now);
        self.script.hear(&update.what);
        if let News::Refused { id, reason } = &update.what
            && id.0 > self.options.first.0 + OWN_OFFSET
            && Self::is_own(&self.options, *id)
        {
            self.stage = Stage::Failed(format!("the time of the cluster cannot be changed: {reason}"));
        }
    }

    /// Somebody says this.
    pub fn say(&mut self, input: LessonInput) {
        self.input.push(input);
    }

    /// When [`ChapterRun::go_on`] is to be called if nothing happens before, in real time.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Lines(_) => self.script.next_due(),
            Stage::Condition { until, .. } | Stage::Acting { until, .. } => self.clock.when(*until),
            _ => None,
        }
    }

    /// Goes on as far as possible: the commands to send. `now` is real time; `world` contains everything that was heard.
    pub fn go_on(&mut self, now: Duration, world: &World) -> Vec<Command> {
        let mut commands = Vec::new();
        if world.is_empty() {
            return commands;
        }
        if !self.has_begun {
            self.has_begun = true;
            let (condition, within, least) = BEGINNING;
            self.wait_for(condition, (self.options.t * within).max(least), Purpose::Begin, now);
        }
        while self.advance(now, world, &mut commands) {}
        commands
    }

    /// Goes one part further; says whether it did.
    fn advance(&mut self, now: Duration, world: &World, commands: &mut Vec<Command>) -> bool {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Lines(purpose) => self.carry_out(purpose, now, world, commands),
            Stage::Condition { condition, until, purpose } => {
                self.look((condition, until, purpose), now, world, commands)
            }
            Stage::Resting | Stage::Revealed(_) if self.is_passing() => self.leave(now, world, commands),
            resting @ (Stage::Resting | Stage::Revealed(_)) => {
                if self.heard_next() {
                    return self.leave(now, world, commands);
                }
                self.stay(resting)
            }
            Stage::Asking(state) => self.ask(state, now, world, commands),
            Stage::Acting { goal, set, until, hints } => {
                self.act((goal, set, until, hints), now, world, commands)
            }
            Stage::Playing => self.play(),
            Stage::Failed(why) => self.stay(Stage::Failed(why)),
            Stage::Over => false,
        }
    }

    fn stay(&mut self, stage: Stage) -> bool {
        self.input.clear();
        self.stage = stage;
        false
    }

    fn go_to(&mut self, stage: Stage) -> bool {
        self.stage = stage;
        true
    }

    fn heard_next(&mut self) -> bool {
        let inputs = std::mem::take(&mut self.input);
        inputs.iter().any(|input| matches!(input, LessonInput::Next | LessonInput::Otherwise))
    }

    /// Whether it is on its way to the step that it was asked for.
    fn is_passing(&self) -> bool {
        self.step < self.options.from
    }

    fn present(&self) -> Option<LessonStep> {
        self.chapter.steps.get(self.step).cloned()
    }

    fn name(&self) -> String {
        format!("step {}", self.step + 1)
    }

    fn fail(&mut self, why: &str) -> bool {
        let names_it = why.starts_with("step ");
        let why = if names_it { why.to_owned() } else { format!("{}: {why}", self.name()) };
        self.script.abandon();
        self.stay(Stage::Failed(why))
    }

    /// A step begins, or the chapter is over.
    fn begin(&mut self, now: Duration, world: &World, commands: &mut Vec<Command>) -> bool {
        self.marks.clear();
        let Some(step) = self.present() else { return self.go_to(Stage::Over) };
        if step.ask.is_none() {
            self.thaw(commands);
        }
        if let Some(ask) = step.ask {
            return self.begin_question(ask, now, world, commands);
        }
        if step.free.is_some() {
            if self.is_passing() {
                return self.leave(now, world, commands);
            }
            return self.go_to(Stage::Playing);
        }
        if let Some(act) = step.act.filter(|_| !self.is_passing()) {
            let set = self.clock.at(now);
            let allowed = act.deadline.duration(self.options.t).unwrap_or(self.options.t * WITHIN);
            let goal = Awaited::new(act.goal.text());
            return self.go_to(Stage::Acting { goal, set, until: set + allowed, hints: 0 });
        }
        self.begin_lines(step.lines.as_ref(), Purpose::Step, now, world, commands)
    }

    fn begin_lines(
        &mut self,
        lines: Option<&Phrase>,
        purpose: Purpose,
        now: Duration,
        world: &World,
        commands: &mut Vec<Command>,
    ) -> bool {
        let Some(lines) = lines else { return self.after_lines(purpose, now, world, commands) };
        self.script.append(&self.name(), lines.text().as_bytes());
        self.go_to(Stage::Lines(purpose))
    }

    fn carry_out(
        &mut self,
        purpose: Purpose,
        now: Duration,
        world: &World,
        commands: &mut Vec<Command>,
    ) -> bool {
        let mut failed = None;
        for effect in self.script.go_on(now, world) {
            match effect {
                ScriptEffect::Send(command) => commands.push(command),
                ScriptEffect::Mistake(why) | ScriptEffect::Unmet(_, why) => failed = Some(why),
                // Lines that use files are mistakes in a lesson.
                ScriptEffect::Read(file) => {
                    self.script.loaded(Err(format!("{file}: a lesson reads no files")));
                }
                ScriptEffect::Write { file, .. } => {
                    self.script.written(Err(format!("{file}: a lesson writes no files")));
                }
                ScriptEffect::Answer(..) | ScriptEffect::Quit => {}
            }
        }
        match failed {
            Some(why) => self.fail(&why),
            None if self.script.is_over() => self.after_lines(purpose, now, world, commands),
            None => self.stay(Stage::Lines(purpose)),
        }
    }

    /// The lines are done: what is waited for after them?
    fn after_lines(
        &mut self,
        purpose: Purpose,
        now: Duration,
        world: &World,
        commands: &mut Vec<Command>,
    ) -> bool {
        let step = self.present().unwrap_or_default();
        let (wait, within) = match (purpose, &step.reveal, &step.act) {
            (Purpose::Step, _, Some(act)) => (Some(&act.goal), None),
            (Purpose::Step, ..) => (step.wait.as_ref(), step.within.as_ref()),
            (Purpose::Reveal, Some(reveal), _) => (reveal.wait.as_ref(), reveal.within.as_ref()),
            (Purpose::Reveal | Purpose::Begin | Purpose::Mend, ..) => (None, None),
        };
        let Some(wait) = wait.map(|wait| wait.text().to_owned()) else {
            return self.done(purpose, now, world, commands);
        };
        let within = within.and_then(|within| within.duration(self.options.t));
        self.wait_for(&wait, within.unwrap_or(self.options.t * WITHIN), purpose, now);
        true
    }

    fn wait_for(&mut self, condition: &str, within: Duration, purpose: Purpose, now: Duration) {
        let (condition, until) = (Awaited::new(condition), self.clock.at(now) + within);
        self.stage = Stage::Condition { condition, until, purpose };
    }

    fn look(
        &mut self,
        (mut condition, until, purpose): (Awaited, Duration, Purpose),
        now: Duration,
        world: &World,
        commands: &mut Vec<Command>,
    ) -> bool {
        let why = match condition.look(world, self.script.bindings(), self.script.unanswered()) {
            Look::Holds => return self.done(purpose, now, world, commands),
            Look::Broken(why) | Look::Unknown(why) | Look::Untold(why) => why,
        };
        if self.clock.at(now) < until {
            return self.stay(Stage::Condition { condition, until, purpose });
        }
        let text = condition.text();
        self.fail(&format!("{text} was waited for in vain: {why}"))
    }

    /// What was to be done is done.
    fn done(&mut self, purpose: Purpose, now: Duration, world: &World, commands: &mut Vec<Command>) -> bool {
        match purpose {
            Purpose::Begin => return self.begin(now, world, commands),
            Purpose::Mend => return self.leave(now, world, commands),
            Purpose::Step | Purpose::Reveal => {}
        }
        let step = self.present().unwrap_or_default();
        let is_reveal = purpose == Purpose::Reveal;
        let mark =
            if is_reveal { step.reveal.as_ref().and_then(|reveal| reveal.mark.clone()) } else { step.mark };
        self.marks = mark.map(|mark| self.nodes_of(&mark, world)).unwrap_or_default();
        if (is_reveal || step.freeze) && !self.is_passing() {
            self.freeze(commands);
        }
        match self.asked.take().filter(|_| is_reveal) {
            Some(asked) => self.go_to(Stage::Revealed(asked)),
            None => self.go_to(Stage::Resting),
        }
    }

    /// Goes on to the next step.
    fn leave(&mut self, now: Duration, world: &World, commands: &mut Vec<Command>) -> bool {
        self.step += 1;
        self.begin(now, world, commands)
    }

    fn play(&mut self) -> bool {
        if self.heard_next() {
            self.script.append(&self.name(), MENDING.as_bytes());
            return self.go_to(Stage::Lines(Purpose::Mend));
        }
        self.stay(Stage::Playing)
    }

    fn act(
        &mut self,
        (mut goal, set, until, mut hints): (Awaited, Duration, Duration, usize),
        now: Duration,
        world: &World,
        commands: &mut Vec<Command>,
    ) -> bool {
        let step = self.present().unwrap_or_default();
        let Some(act) = &step.act else { return self.leave(now, world, commands) };
        if goal.look(world, self.script.bindings(), self.script.unanswered()) == Look::Holds {
            self.input.clear();
            return self.done(Purpose::Step, now, world, commands);
        }
        let mut is_given_up = self.clock.at(now) >= until;
        for input in std::mem::take(&mut self.input) {
            match input {
                LessonInput::Hint => hints = (hints + 1).min(act.hints.len()),
                LessonInput::Otherwise => is_given_up = true,
                LessonInput::Next => is_given_up |= self.options.is_class,
                LessonInput::Answer(_) | LessonInput::Counts(_) => {}
            }
        }
        if is_given_up {
            return self.begin_lines(step.lines.as_ref(), Purpose::Step, now, world, commands);
        }
        self.stay(Stage::Acting { goal, set, until, hints })
    }

    /// The nodes that a mark names, as far as they are known.
    fn nodes_of(&self, mark: &Phrase, world: &World) -> Vec<NodeId> {
        let line = format!("kill {mark}");
        let Ok(ScriptLine::Do(orders)) = parse_with(&line, world, self.script.bindings()) else {
            return Vec::new();
        };
        let named = orders.into_iter().filter_map(|order| match order {
            Order::Kill(node) => Some(node),
            _ => None,
        });
        named.collect()
    }

    /// Freezes cluster time, if it passes.
    fn freeze(&mut self, commands: &mut Vec<Command>) {
        let rate = self.clock.rate();
        if rate.is_frozen() || self.rate_before.is_some() {
            return;
        }
        self.rate_before = Some(rate);
        commands.push(self.own(Order::SetRate(ClockRate::FROZEN)));
    }

    /// Lets cluster time pass again as before this run froze it.
    fn thaw(&mut self, commands: &mut Vec<Command>) {
        if let Some(rate) = self.rate_before.take() {
            commands.push(self.own(Order::SetRate(rate)));
        }
    }

    /// A command of the run itself, outside its lines.
    fn own(&mut self, what: Order) -> Command {
        self.sent += 1;
        Command { id: CommandId(self.options.first.0 + OWN_OFFSET + self.sent), what }
    }
}
