//! A run of a drill: steady state, fault, observation, heal, steady state again, verdict.
//!
//! A state machine. [`Run::hear`] takes in what the cluster reports, [`Run::go_on`] gives what is to be done, and [`Run::next_due`]
//! says when it is to be called again if nothing is reported. Times of the drill are cluster time, so that a drill can be slowed down
//! and frozen; only its budget and a person's time are real time.

mod figures;
mod heal;
mod judge;
mod limits;
mod load;
mod person;
mod probes;
mod record;
mod status;
mod steady;
mod steps;
mod verdict;

pub use person::PersonInput;
pub use status::{ActStatus, AskStatus, LiveCheck, RunStatus, StageName};

use crate::awaited::Awaited;
use crate::clock::RunClock;
use crate::file::{Ask, Drill, Phrase};
use crate::outcome::{Context, Moments, Outcome, PersonResult, StepResult, Verdict};
use heal::Healing;
use judge::Judge;
use load::Load;
use probes::{ProbePart, ProbeState};
use raftdeck_check::{PorcupineText, porcupine};
use raftdeck_model::{Capabilities, Command, CommandId, FaultId, News, Order, Update, World};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::NodeId;
use raftdeck_script::Script;
use record::Record;
use std::collections::BTreeSet;
use std::time::Duration;
use steady::SteadyWait;
use steps::StepState;

/// The commands of the workload and of the heal are numbered at least this far after [`RunOptions::first`].
pub const LOAD_OFFSET: u64 = 1 << 24;

/// The commands of the heal are numbered this far after those of the lines.
const HEAL_OFFSET: u64 = 1 << 25;

/// Requests under way are waited for this long, in real time: a client gives up after 5 s.
const DRAIN: Duration = Duration::from_secs(6);

/// How a run is carried out.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Its commands are numbered after this; at most 2^26 of them.
    pub first: CommandId,
    /// Whether a person answers questions and acts. If not, questions are passed over, and the drill acts by itself.
    pub attended: bool,
    /// On what it runs.
    pub context: Context,
    /// Whether real time can be late: not in a simulation.
    pub is_real: bool,
    /// What the cluster can do and reports. What it does not report is not judged.
    pub capabilities: Capabilities,
}

/// What a run wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum RunEffect {
    /// Send this to the source.
    Send(Command),
    /// Tell this to whoever watches, in one line.
    Tell(String),
}

/// Where a run is.
#[derive(Debug)]
enum Stage {
    /// It waits for the steady state before the fault.
    Steady(SteadyWait),
    /// It is at this step.
    Step(usize, StepState),
    /// It heals.
    Healing(Healing),
    /// It waits for the steady state after the heal.
    SteadyAgain(SteadyWait),
    /// The steady state is observed until this cluster time.
    Observing(Duration),
    /// Requests that are under way end, until this real time at the latest; then every key is read once.
    Draining { until: Duration, reads: bool },
    /// It is over.
    Over,
}

/// A run of a drill.
#[derive(Debug)]
pub struct Run {
    drill: Drill,
    options: RunOptions,
    /// The least election timeout.
    t: Duration,
    clock: RunClock,
    record: Record,
    judge: Judge,
    script: Script,
    load: Option<Load>,
    stage: Stage,
    moments: Moments,
    steps: Vec<StepResult>,
    probes: Vec<ProbeState>,
    aborts: Vec<(Awaited, String)>,
    /// The conditions that are timed, with the time at which each first held.
    timed: Vec<(Awaited, Option<Duration>)>,
    person: Vec<PersonResult>,
    input: Vec<PersonInput>,
    /// The last command of the person in a task, and the fault before it: it is taken back if it is refused.
    last_action: Option<person::LastAction>,
    /// When it was called first, in real time.
    called: Option<Duration>,
    /// When it began, in real time: the cluster is known.
    begun: Option<Duration>,
    /// What was in force and which nodes were down when it began: these are not healed.
    before: Before,
    /// The verdict, as soon as it is certain.
    decided: Option<Decision>,
    worst_lateness: Duration,
    /// Why a line of the heal failed.
    heal_failure: Option<String>,
    outcome: Option<Box<Outcome>>,
}

/// A verdict that is certain before the end.
#[derive(Clone, Debug)]
struct Decision {
    verdict: Verdict,
    reason: String,
    /// Whether it says only that something took too long.
    is_about_time: bool,
}

impl Decision {
    fn inconclusive(reason: String) -> Self {
        Self { verdict: Verdict::Inconclusive, reason, is_about_time: false }
    }
}

/// How the cluster was when a run began.
#[derive(Clone, Debug, Default)]
struct Before {
    in_force: BTreeSet<FaultId>,
    down: BTreeSet<NodeId>,
    rate: ClockRate,
    /// Whether the source's own steady workload ran.
    has_workload: bool,
}

impl Run {
    /// A run of this drill, which begins with the first call of [`Run::go_on`]. If the cluster cannot do or report what the drill needs,
    /// that call ends it, and the verdict is inconclusive.
    #[must_use]
    pub fn new(mut drill: Drill, options: RunOptions) -> Self {
        for step in &mut drill.steps {
            step.ask = step.ask.take().map(Ask::mixed);
        }
        let t = options.context.t();
        let unsupported = drill.unsupported(&options.capabilities);
        let probes = drill
            .probes
            .iter()
            .map(|probe| ProbeState::new(probe, probe.every.as_ref().map(|every| in_t(every, t))));
        let aborts = drill.aborts.iter().map(|abort| (Awaited::new(abort.expr.text()), abort.reason.clone()));
        Self {
            t,
            clock: RunClock::default(),
            record: Record::default(),
            judge: Judge::of(options.capabilities.clone()),
            script: Script::numbered_after(options.first),
            load: None,
            stage: Stage::Steady(SteadyWait::default()),
            moments: Moments::default(),
            steps: steps::results(&drill),
            probes: probes.collect(),
            aborts: aborts.collect(),
            timed: verdict::timed(&drill),
            person: Vec::new(),
            input: Vec::new(),
            last_action: None,
            called: None,
            begun: None,
            before: Before::default(),
            decided: unsupported.map(Decision::inconclusive),
            worst_lateness: Duration::ZERO,
            heal_failure: None,
            outcome: None,
            drill,
            options,
        }
    }

    /// The drill.
    #[must_use]
    pub fn drill(&self) -> &Drill {
        &self.drill
    }

    /// Takes in an update of the cluster at this real time. `world` must contain it.
    pub fn hear(&mut self, update: &Update, now: Duration, world: &World) {
        if self.is_over() {
            return;
        }
        self.clock.hear(update, now);
        self.record.hear(update);
        self.judge.hear(update);
        self.script.hear(&update.what);
        match &update.what {
            News::Client { id, outcome, .. } => {
                if let Some(load) = &mut self.load {
                    load.hear(*id, outcome, update.at);
                }
            }
            News::Refused { id, .. } => {
                if let Some(load) = &mut self.load {
                    load.refused(*id, update.at);
                }
                self.take_back(*id);
                self.heal_answered(*id);
            }
            News::Done { id } => self.heal_answered(*id),
            _ => {}
        }
        self.look(update.at, world);
    }

    /// A person, or something else outside the drill, sends this command to the same source.
    pub fn note_command(&mut self, command: &Command, now: Duration, world: &World) {
        let at = self.clock.at(now);
        self.judge.sent(command, at, |node| is_down(world, node));
        if !self.is_over() && is_fault(&command.what) {
            self.record.inject(at, format!("by hand: {}", person::in_words(&command.what)));
            self.note_action(command, at, now);
        }
    }

    /// A person answers, asks for a hint, or gives the task up.
    pub fn note_input(&mut self, input: PersonInput) {
        self.input.push(input);
    }

    /// Ends it early: it heals, and its verdict is aborted.
    pub fn abort(&mut self, reason: &str) {
        if !self.is_over() {
            self.decide(Verdict::Aborted, reason.to_owned());
        }
    }

    /// Goes on as far as possible. `now` is real time.
    pub fn go_on(&mut self, now: Duration, world: &World) -> Vec<RunEffect> {
        let mut effects = Vec::new();
        if self.is_over() {
            return effects;
        }
        let called = *self.called.get_or_insert(now);
        if self.begun.is_none() && self.decided.is_some() {
            self.finish(now, world);
            return effects;
        }
        if world.is_empty() {
            if now >= called + steady::STARTING {
                let waited = steady::STARTING.as_secs();
                self.decide(
                    Verdict::Inconclusive,
                    format!("the cluster has not reported anything for {waited} s"),
                );
                self.finish(now, world);
            }
            return effects;
        }
        self.note_lateness(now);
        if self.begun.is_none() {
            self.begin(now, world);
        }
        self.send_requests(now, world, &mut effects);
        self.look(self.clock.at(now), world);
        self.check_limits(now);
        // Each round ends a part of the drill, so they are few.
        while !self.is_over() && self.advance(now, world, &mut effects) {}
        self.send_requests(now, world, &mut effects);
        effects
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    /// What it gave, when it is over.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_deref()
    }

    /// The history of all clients, for another checker.
    #[must_use]
    pub fn history(&self) -> PorcupineText {
        porcupine(self.judge.history())
    }

    fn begin(&mut self, now: Duration, world: &World) {
        let at = self.clock.at(now);
        self.begun = Some(now);
        self.moments.begun = at;
        self.before = Before {
            in_force: world.in_force().iter().map(|fault| fault.id).collect(),
            down: world.down(),
            rate: self.clock.rate(),
            has_workload: world.workload().is_some_and(|figures| figures.running),
        };
        self.stage = Stage::Steady(SteadyWait::begin(&self.drill, self.t, at, Some(now)));
    }

    /// Goes one part further; says whether it did.
    fn advance(&mut self, now: Duration, world: &World, effects: &mut Vec<RunEffect>) -> bool {
        if let Some(verdict) = self.decided.as_ref().map(|decision| decision.verdict)
            && !matches!(self.stage, Stage::Healing(_) | Stage::Draining { .. } | Stage::Over)
        {
            if self.overrule(now, world, effects) {
                self.finish(now, world);
                return true;
            }
            if verdict == Verdict::Inconclusive
                && self.moments.steady.is_none()
                && !self.has_begun_anything(world)
            {
                self.finish(now, world);
                return true;
            }
            self.begin_heal(now, world, effects);
            return true;
        }
        if self.decided.as_ref().is_some_and(|decision| decision.verdict == Verdict::Aborted)
            && matches!(self.stage, Stage::Draining { .. })
        {
            self.judge_and_finish(now, world, effects);
            return true;
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Steady(wait) => self.steady_before(wait, now, world, effects),
            Stage::Step(index, state) => self.step(index, state, now, world, effects),
            Stage::Healing(healing) => self.heal(healing, now, world, effects),
            Stage::SteadyAgain(wait) => self.steady_after(wait, now, world, effects),
            Stage::Observing(until) => self.observe(until, now),
            Stage::Draining { until, reads } => self.drain(until, reads, now, world, effects),
            Stage::Over => false,
        }
    }

    /// Stays where it is.
    fn stay(&mut self, stage: Stage) -> bool {
        self.stage = stage;
        false
    }

    fn go_to(&mut self, stage: Stage) -> bool {
        self.stage = stage;
        true
    }

    /// Looks at conditions, after something happened or time has passed.
    fn look(&mut self, at: Duration, world: &World) {
        if self.begun.is_none() {
            return;
        }
        let part = self.part();
        let (bindings, unanswered) = (self.script.bindings(), self.script.unanswered());
        for probe in &mut self.probes {
            probe.look(part, at, world, bindings, unanswered);
        }
        if self.moments.fault.is_some() {
            for (condition, held) in self.timed.iter_mut().filter(|(_, held)| held.is_none()) {
                if condition.look(world, bindings, unanswered).unmet().is_none() {
                    *held = Some(at);
                }
            }
        }
        if let Some(violation) = self.judge.violation() {
            let reason = violation.sentence.clone();
            return self.decide(Verdict::Failed, reason);
        }
        if part != ProbePart::Outside && self.decided.is_none() {
            let holds = |(condition, reason): &mut (Awaited, String)| {
                condition.look(world, bindings, unanswered).unmet().is_none().then(|| reason.clone())
            };
            if let Some(reason) = self.aborts.iter_mut().find_map(holds) {
                self.decide(Verdict::Aborted, reason);
            }
        }
    }

    /// The first decision counts, except that a violation overrules everything.
    fn decide(&mut self, verdict: Verdict, reason: String) {
        self.decided.get_or_insert(Decision { verdict, reason, is_about_time: false });
    }

    /// It fails because something did not happen in time.
    fn decide_late(&mut self, reason: String) {
        let verdict = Verdict::Failed;
        self.decided.get_or_insert(Decision { verdict, reason, is_about_time: true });
    }

    fn part(&self) -> ProbePart {
        match (&self.stage, self.moments.steady, self.moments.fault, self.moments.heal) {
            (Stage::Over, ..) | (_, None, ..) => ProbePart::Outside,
            (_, Some(_), None, None) => ProbePart::Before,
            (_, Some(_), Some(_), None) => ProbePart::During,
            (_, Some(_), _, Some(_)) => ProbePart::After,
        }
    }

    /// Sends the requests of the workload that are due.
    fn send_requests(&mut self, now: Duration, world: &World, effects: &mut Vec<RunEffect>) {
        let at = self.clock.at(now);
        let Some(load) = &mut self.load else { return };
        for command in load.go_on(at) {
            self.judge.sent(&command, at, |node| is_down(world, node));
            effects.push(RunEffect::Send(command));
        }
    }

    /// A command of the run itself, outside its lines.
    fn send(&mut self, what: Order, now: Duration, world: &World) -> RunEffect {
        let Stage::Healing(healing) = &mut self.stage else {
            let id = CommandId(self.options.first.0 + HEAL_OFFSET);
            return RunEffect::Send(Command { id, what });
        };
        let id = healing.number(CommandId(self.options.first.0 + HEAL_OFFSET + 1));
        let command = Command { id, what };
        let at = self.clock.at(now);
        self.judge.sent(&command, at, |node| is_down(world, node));
        RunEffect::Send(command)
    }

    fn observe(&mut self, until: Duration, now: Duration) -> bool {
        let at = self.clock.at(now);
        if at < until {
            return self.stay(Stage::Observing(until));
        }
        self.stop_load(now)
    }

    /// No more requests are due; those under way end.
    fn stop_load(&mut self, now: Duration) -> bool {
        let at = self.clock.at(now);
        self.moments.ended = at;
        if let Some(load) = &mut self.load {
            load.stop(at);
        }
        self.go_to(Stage::Draining { until: now + DRAIN, reads: false })
    }

    fn drain(
        &mut self,
        until: Duration,
        reads: bool,
        now: Duration,
        world: &World,
        effects: &mut Vec<RunEffect>,
    ) -> bool {
        let at = self.clock.at(now);
        let is_empty = self.load.as_ref().is_none_or(|load| load.is_over() && !load.waits());
        if !is_empty && now < until {
            return self.stay(Stage::Draining { until, reads });
        }
        if let Some(load) = &mut self.load {
            load.give_up(at);
            // After a healthy end every key is read once more: what was acknowledged must be found.
            if !reads && self.moments.healed.is_some() {
                load.final_reads(at);
                return self.go_to(Stage::Draining { until: now + DRAIN, reads: true });
            }
        }
        if !is_empty && reads {
            self.judge.note_unread();
        }
        self.judge_and_finish(now, world, effects);
        true
    }

    /// Judges the history of the clients, and ends the run. A violation overrules every other verdict, and freezes the world.
    pub(super) fn judge_and_finish(&mut self, now: Duration, world: &World, effects: &mut Vec<RunEffect>) {
        self.judge.judge_history();
        self.overrule(now, world, effects);
        self.finish(now, world);
    }

    /// A violation overrules every other verdict, and freezes the world as it is: that is the evidence. Says whether there is one.
    fn overrule(&mut self, now: Duration, world: &World, effects: &mut Vec<RunEffect>) -> bool {
        let Some(violation) = self.judge.violation() else { return false };
        let reason =
            format!("a safety property is violated ({}): {}", violation.property, violation.sentence);
        self.decided = Some(Decision { verdict: Verdict::Failed, reason, is_about_time: false });
        let freeze = self.send(Order::SetRate(ClockRate::FROZEN), now, world);
        effects.push(freeze);
        true
    }
}

/// A duration of a drill file, which was checked when it was read.
fn in_t(phrase: &Phrase, t: Duration) -> Duration {
    phrase.duration(t).unwrap_or(t)
}

fn is_down(world: &World, node: NodeId) -> bool {
    world.node(node).is_none_or(raftdeck_model::Node::is_down)
}

/// Whether an order changes something at the cluster, rather than asking it.
fn is_fault(order: &Order) -> bool {
    !matches!(
        order,
        Order::Client(_)
            | Order::OpenSession
            | Order::Propose(..)
            | Order::FetchLog { .. }
            | Order::Refresh
            | Order::Workload(_)
    )
}
