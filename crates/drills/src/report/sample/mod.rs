//! Outcomes as runs give them, for tests: of a run in the simulator, of a drill that passed, of one that failed with a violation, of one
//! that cannot be judged, and of one whose every text is hostile.

mod traffic;

use self::traffic::{figures, load, messages};
use crate::bound::Measured;
use crate::catalogue::built_in;
use crate::file::{Drill, Severity};
use crate::outcome::*;
use crate::rehearse::rehearse;
use crate::run::{Run, RunOptions};
use raftdeck_model::{Capabilities, CommandId, FrameKind, MessageState};
use raftdeck_raft::{NodeId, Role, Term};
use raftdeck_sim::{Live, LiveOptions};
use std::time::Duration;

const T: u64 = 150;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// A leader is killed; the next one is there 200 ms later.
pub(super) fn passed() -> Outcome {
    let moments = Moments {
        begun: Duration::ZERO,
        steady: Some(ms(3000)),
        fault: Some(ms(5000)),
        detect: Some(ms(5180)),
        lead: Some(ms(5200)),
        write: Some(ms(5215)),
        heal: Some(ms(6600)),
        healed: Some(ms(7140)),
        ended: ms(8200),
    };
    let requests = load(3000, 8200, (5000, 5215));
    Outcome {
        schema: OUTCOME_SCHEMA,
        id: "leader-kill".to_owned(),
        title: "Kill the leader".to_owned(),
        description: "The leader's process is killed while clients write. The followers notice that its heartbeats stop, one of them \
                      campaigns, and writes go on under the next leader."
            .to_owned(),
        paper: vec!["§5.2".to_owned(), "thesis §9.6".to_owned()],
        verdict: Verdict::Passed,
        reason: "the fault took, and everything that must hold did".to_owned(),
        score: Score { total: Some(86), parts: vec![part("assertions", 40, 100), part("questions", 20, 50), part("actions", 40, 90)] },
        context: context(Some(7)),
        moments,
        requests: Some(figures(&requests, &moments)),
        checks: passed_checks(),
        person: person(),
        steps: steps(),
        timeline: Timeline {
            nodes: vec![
                bands(1, &[(300, None, None), (5000, Some(Role::Leader), Some(3)), (6650, None, Some(3)), (8200, Some(Role::Follower), Some(4))]),
                bands(
                    2,
                    &[
                        (300, None, None),
                        (5180, Some(Role::Follower), Some(3)),
                        (5186, Some(Role::PreCandidate), Some(3)),
                        (5196, Some(Role::Candidate), Some(4)),
                        (8200, Some(Role::Leader), Some(4)),
                    ],
                ),
                bands(3, &[(300, None, None), (5190, Some(Role::Follower), Some(3)), (8200, Some(Role::Follower), Some(4))]),
            ],
            injected: vec![happening(5000, Some(1), "kill leader"), happening(6600, Some(1), "start 1")],
            observed: observed(),
            gaps: vec![Gap { from: ms(4992), until: ms(5215) }],
            requests,
            messages: messages(),
            messages_skipped: 0,
        },
        violation: None,
        left: Vec::new(),
        worst_lateness: micros(4200),
        debrief: "A follower waits for one election timeout without a heartbeat before it campaigns. That wait is most of the time that \
                  writes were refused.\n\nA shorter timeout detects the failure sooner, and takes slow networks for failures more often."
            .to_owned(),
        links: vec!["https://raft.github.io/raft.pdf".to_owned(), "docs/drills.md".to_owned()],
    }
}

/// The next leader is late, and a safety property was violated.
pub(super) fn failed() -> Outcome {
    let mut outcome = passed();
    outcome.verdict = Verdict::Failed;
    "a safety property was violated, and 1 of 4 checks that must hold does not"
        .clone_into(&mut outcome.reason);
    outcome.score = Score { total: Some(31), parts: vec![part("assertions", 40, 31)] };
    outcome.context.seed = None;
    "lab".clone_into(&mut outcome.context.engine);
    let moments = &mut outcome.moments;
    (moments.detect, moments.lead, moments.write) = (Some(ms(6190)), Some(ms(6240)), Some(ms(6262)));
    outcome.timeline.requests = load(3000, 8200, (5000, 6262));
    outcome.timeline.gaps = vec![Gap { from: ms(4992), until: ms(6262) }];
    outcome.timeline.delay_takeover(ms(1010));
    outcome.requests = Some(figures(&outcome.timeline.requests, &outcome.moments));
    outcome.checks[0].measured = Some(Measured::Time(ms(1240)));
    outcome.checks[0].state = CheckState::Broken("the next leader was there after 1240 ms".to_owned());
    outcome.checks[2].measured = Some(Measured::Percent(27.3));
    outcome.checks[2].state =
        CheckState::Broken("27.3 % of the requests were acknowledged in time".to_owned());
    outcome.checks[3].state = CheckState::Unknown("the machine was too busy to judge times".to_owned());
    outcome.person.clear();
    outcome.left = vec!["loss 20% on n1>n2".to_owned()];
    outcome.timeline.messages_skipped = 12;
    outcome.violation = Some(ViolationReport {
        property: "State Machine Safety (§5.4.3)".to_owned(),
        node: Some(NodeId(2)),
        at: ms(6251),
        sentence: "n2 applied another command at index 41 than n1 had applied there".to_owned(),
        last_messages: vec![
            (NodeId(2), NodeId(1), FrameKind::RequestVote),
            (NodeId(1), NodeId(2), FrameKind::VoteReply),
            (NodeId(1), NodeId(2), FrameKind::AppendEntries),
        ],
    });
    outcome
}

/// What the built-in drill that kills the leader gives in the simulator.
///
/// # Panics
/// If it does not come to its end.
pub(super) fn simulated() -> Outcome {
    let drill = Drill::read(built_in("leader-kill").unwrap()).unwrap();
    let context = Context { nodes: drill.cluster.nodes, ..context(Some(7)) };
    let mut cluster = Live::new(LiveOptions::new(context.nodes.into(), 7));
    let mut run = Run::new(
        drill,
        RunOptions {
            first: CommandId(0),
            attended: false,
            context,
            is_real: false,
            capabilities: Capabilities::all(),
        },
    );
    rehearse(&mut run, &mut cluster, |_| {});
    run.outcome().unwrap().clone()
}

/// The cluster was never steady, so there was no fault.
pub(super) fn inconclusive() -> Outcome {
    let mut outcome = passed();
    outcome.verdict = Verdict::Inconclusive;
    "the cluster was not steady within 40T: no node leads".clone_into(&mut outcome.reason);
    outcome.score = Score::default();
    outcome.moments = Moments { ended: ms(6000), ..Moments::default() };
    outcome.requests = Some(RequestFigures { within: ms(T), ..RequestFigures::default() });
    for check in &mut outcome.checks {
        check.measured = None;
        check.state = CheckState::Unknown("there was no fault".to_owned());
    }
    outcome.person.clear();
    for step in &mut outcome.steps {
        (step.begun, step.done) = (None, None);
    }
    outcome.timeline = Timeline {
        nodes: vec![
            bands(1, &[(300, None, None), (6000, Some(Role::Follower), Some(1))]),
            bands(
                2,
                &[
                    (300, None, None),
                    (2000, Some(Role::Candidate), Some(2)),
                    (6000, Some(Role::Candidate), Some(3)),
                ],
            ),
            NodeBands { node: NodeId(3), bands: vec![band(0, 6000, BandState::Paused, None)] },
        ],
        ..Timeline::default()
    };
    outcome
}

/// A run in which each text is this one.
pub(super) fn hostile(text: &str) -> Outcome {
    let text = || text.to_owned();
    let mut outcome = failed();
    outcome.id = text();
    outcome.title = text();
    outcome.description = text();
    outcome.paper = vec![text()];
    outcome.reason = text();
    outcome.score.parts[0].name = text();
    outcome.context = Context { engine: text(), version: text(), command: text(), ..context(None) };
    let first = &mut outcome.checks[0];
    (first.name, first.expr, first.bound, first.state) =
        (text(), text(), Some(text()), CheckState::Broken(text()));
    (outcome.checks[1].name, outcome.checks[1].state) = (text(), CheckState::Unknown(text()));
    outcome.person = vec![
        PersonResult::Answer {
            question: text(),
            chosen: Some(text()),
            is_right: false,
            right: text(),
            misconception: text(),
        },
        PersonResult::Task {
            task: text(),
            took: None,
            first_key: None,
            deadline: ms(600),
            wrong_keys: 1,
            hints: 0,
            points: 0,
        },
    ];
    outcome.steps = vec![StepResult {
        text: text(),
        caption: Some(text()),
        begun: None,
        done: None,
        is_fault: true,
        failure: Some(text()),
    }];
    outcome.timeline.injected = vec![Happening { at: ms(5000), node: None, text: text() }];
    outcome.timeline.observed = outcome.timeline.injected.clone();
    for message in &mut outcome.timeline.messages {
        message.fields = text();
    }
    if let Some(violation) = &mut outcome.violation {
        (violation.property, violation.sentence) = (text(), text());
    }
    outcome.left = vec![text()];
    outcome.debrief = text();
    outcome.links = vec![text()];
    outcome
}

impl Timeline {
    /// Makes all that was seen of the takeover that much later.
    fn delay_takeover(&mut self, by: Duration) {
        let delay = |at: &mut Duration| {
            if (ms(5100)..ms(6500)).contains(at) {
                *at += by;
            }
        };
        for band in self.nodes.iter_mut().flat_map(|node| &mut node.bands) {
            delay(&mut band.from);
            delay(&mut band.until);
        }
        self.observed.iter_mut().for_each(|happening| delay(&mut happening.at));
        for message in &mut self.messages {
            delay(&mut message.sent);
            if let MessageState::Delivered { at } | MessageState::Lost { at } = &mut message.state {
                delay(at);
            }
        }
    }
}

fn context(seed: Option<u64>) -> Context {
    Context {
        engine: "sim".to_owned(),
        nodes: 3,
        seed,
        heartbeat_ms: 50,
        election_ms: (T, 300),
        version: "0.2.0".to_owned(),
        command: "raftdeck drill run leader-kill --engine sim --seed 7".to_owned(),
    }
}

fn part(name: &str, weight: u8, points: u8) -> ScorePart {
    ScorePart { name: name.to_owned(), weight, points }
}

fn passed_checks() -> Vec<CheckResult> {
    let check = |name: &str, expr: &str, bound: Option<&str>, measured, severity| CheckResult {
        name: name.to_owned(),
        kind: if bound.is_some() { CheckKind::Assertion } else { CheckKind::Always },
        expr: expr.to_owned(),
        bound: bound.map(str::to_owned),
        measured,
        severity,
        state: CheckState::Holds,
    };
    vec![
        check(
            "the next leader is there soon",
            "D",
            Some("..4T"),
            Some(Measured::Time(ms(200))),
            Severity::Must,
        ),
        check("writes resume", "first-write", Some("..5T"), Some(Measured::Time(ms(215))), Severity::Must),
        check(
            "most requests succeed",
            "availability during",
            Some("80%.."),
            Some(Measured::Percent(90.6)),
            Severity::Should,
        ),
        check(
            "one campaign is enough",
            "elections",
            Some("1..3"),
            Some(Measured::Count(1)),
            Severity::Should,
        ),
        check("safety", "Raft's safety properties", None, None, Severity::Must),
        check("linearizability", "the history of all clients", None, None, Severity::Must),
    ]
}

fn person() -> Vec<PersonResult> {
    vec![
        PersonResult::Answer {
            question: "Which node campaigns first?".to_owned(),
            chosen: Some("the one with the longest log".to_owned()),
            is_right: false,
            right: "the one whose election timeout ends first".to_owned(),
            misconception: "The log decides who may win, and not who campaigns first.".to_owned(),
        },
        PersonResult::Task {
            task: "Bring the killed node back".to_owned(),
            took: Some(ms(8400)),
            first_key: Some(ms(2100)),
            deadline: ms(30_000),
            wrong_keys: 0,
            hints: 1,
            points: 90,
        },
    ]
}

fn steps() -> Vec<StepResult> {
    let step = |text: &str, begun, done, is_fault: bool| StepResult {
        text: text.to_owned(),
        caption: is_fault.then(|| "The leader is gone. Its last heartbeat was up to 50 ms ago.".to_owned()),
        begun: Some(ms(begun)),
        done: Some(ms(done)),
        is_fault,
        failure: None,
    };
    vec![
        step("wait 2s", 3000, 5000, false),
        step("kill leader", 5000, 5001, true),
        step("wait until there is a leader", 5001, 5200, false),
        step("wait until commit grows", 5200, 5215, false),
    ]
}

fn observed() -> Vec<Happening> {
    vec![
        happening(5002, Some(1), "the process ended with signal 9"),
        happening(5180, Some(2), "asks for pre-votes for term 4"),
        happening(5186, Some(2), "campaigns in term 4"),
        happening(5196, Some(2), "leads in term 4"),
        happening(6650, Some(1), "the process started"),
    ]
}

fn happening(at: u64, node: Option<u64>, text: &str) -> Happening {
    Happening { at: ms(at), node: node.map(NodeId), text: text.to_owned() }
}

/// The bands of a node: until when it was in a role. The first one without a role is before its first report, others are without a process.
fn bands(node: u64, until: &[(u64, Option<Role>, Option<u64>)]) -> NodeBands {
    let mut from = 0;
    let mut bands = Vec::new();
    for (end, role, term) in until {
        let state = match role {
            Some(role) => BandState::Role(*role),
            None if from == 0 => BandState::Unknown,
            None => BandState::Down,
        };
        bands.push(band(from, *end, state, *term));
        from = *end;
    }
    NodeBands { node: NodeId(node), bands }
}

fn band(from: u64, until: u64, state: BandState, term: Option<u64>) -> Band {
    Band { from: ms(from), until: ms(until), state, term: term.map(Term) }
}
