//! A deck without a screen: sends commands, hears updates, plays scripts, and lets time pass as far as it is needed.
#![allow(dead_code, reason = "each file of tests uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use raftdeck_model::{ClientOp, Command, CommandId, News, Order, RaftView, Update, World};
use raftdeck_protocol::{Read, Write};
use raftdeck_raft::NodeId;
use raftdeck_script::{Condition, Script, ScriptEffect, ScriptLine, parse};
use raftdeck_sim::{Live, LiveOptions};
use std::path::Path;
use std::time::Duration;

/// So much cluster time is waited for anything at most.
const PATIENCE: Duration = Duration::from_mins(1);

/// A cluster and all that it told.
pub(crate) struct Deck {
    pub(crate) live: Live,
    pub(crate) told: Vec<Update>,
    pub(crate) world: World,
    /// How many commands.
    pub(crate) sent: u64,
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn put(key: &str, value: &str) -> Order {
    Order::Client(
        ClientOp::Write(Write::Put { key: key.to_owned().into(), value: value.to_owned().into() }).into(),
    )
}

pub(crate) fn get(key: &str) -> Order {
    Order::Client(ClientOp::Read(Read::Get { key: key.to_owned().into() }).into())
}

impl Deck {
    pub(crate) fn new(options: LiveOptions) -> Self {
        let live = Live::new(options);
        let mut deck = Self { live, told: Vec::new(), world: World::default(), sent: 0 };
        deck.hear();
        deck
    }

    pub(crate) fn of(nodes: u16, seed: u64) -> Self {
        Self::new(LiveOptions::new(nodes, seed))
    }

    /// One that has a leader.
    pub(crate) fn led(nodes: u16, seed: u64) -> (Self, NodeId) {
        let mut deck = Self::of(nodes, seed);
        deck.wait("leader");
        let leader = deck.leader();
        (deck, leader)
    }

    /// The present leader.
    pub(crate) fn leader(&self) -> NodeId {
        self.world.leader().unwrap().id
    }

    /// A node that does not lead.
    pub(crate) fn follower(&self) -> NodeId {
        let leader = self.leader();
        self.world.ids().into_iter().find(|node| *node != leader).unwrap()
    }

    /// What a node said last.
    pub(crate) fn status(&self, node: NodeId) -> &RaftView {
        self.world.node(node).unwrap().raft().unwrap()
    }

    fn hear(&mut self) {
        for update in self.live.take() {
            self.world.fold(&update);
            self.told.push(update);
        }
    }

    pub(crate) fn send(&mut self, what: Order) -> CommandId {
        self.sent += 1;
        let id = CommandId(self.sent);
        self.live.send(Command { id, what });
        self.hear();
        id
    }

    /// What was said to a command, each time.
    pub(crate) fn answers(&self, id: CommandId) -> Vec<Result<(), String>> {
        let answers = self.told.iter().filter_map(|update| match &update.what {
            News::Done { id: done } if *done == id => Some(Ok(())),
            News::Refused { id: refused, reason } if *refused == id => Some(Err(reason.clone())),
            _ => None,
        });
        answers.collect()
    }

    /// Whether every command has been answered.
    pub(crate) fn is_all_answered(&self) -> bool {
        let is_answer = |update: &&Update| matches!(update.what, News::Done { .. } | News::Refused { .. });
        self.told.iter().filter(is_answer).count() as u64 >= self.sent
    }

    /// Orders something and lets time pass until it is answered.
    pub(crate) fn obey(&mut self, what: Order) -> Result<(), String> {
        let id = self.send(what);
        let until = self.live.now() + 2 * PATIENCE;
        while self.answers(id).is_empty() {
            let next =
                self.live.next().unwrap_or_else(|| panic!("nothing happens, and {id:?} has no answer"));
            assert!(next <= until, "{id:?} is not answered");
            self.live.run_until(next);
            self.hear();
        }
        self.answers(id).remove(0)
    }

    /// Does what a line of the grammar says, but for waiting.
    pub(crate) fn say(&mut self, line: &str) -> Result<(), String> {
        match parse(line, &self.world).unwrap() {
            ScriptLine::Do(orders) => orders.into_iter().try_for_each(|order| self.obey(order)),
            ScriptLine::Store(request) => self.obey(Order::Client(request)),
            ScriptLine::Step { step, .. } => self.obey(Order::Step(step)),
            other => panic!("{line} is nothing to do: {other:?}"),
        }
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.live.now() + time;
        self.live.run_until(until);
        self.hear();
    }

    fn condition(&self, line: &str) -> Condition {
        match parse(&format!("wait {line}"), &self.world).unwrap() {
            ScriptLine::Wait { until, .. } => until,
            other => panic!("{line} is no condition: {other:?}"),
        }
    }

    pub(crate) fn holds(&self, condition: &str) -> bool {
        self.condition(condition).holds(&self.world, 0).is_ok()
    }

    /// Lets time pass until something is so.
    pub(crate) fn wait(&mut self, line: &str) {
        let condition = self.condition(line);
        let until = self.live.now() + PATIENCE;
        while let Err(unmet) = condition.holds(&self.world, 0) {
            let next = self.live.next().filter(|next| *next <= until);
            let next = next.unwrap_or_else(|| panic!("waited in vain for {line}: {unmet}"));
            self.live.run_until(next);
            self.hear();
        }
    }

    /// The outcomes of requests, as they came.
    pub(crate) fn outcomes(&self) -> Vec<String> {
        let outcomes = self.told.iter().filter_map(|update| match &update.what {
            News::Client { outcome, .. } => Some(format!("{outcome:?}")),
            _ => None,
        });
        outcomes.collect()
    }

    pub(crate) fn troubles(&self) -> Vec<&str> {
        let troubles = self.told.iter().filter_map(|update| match &update.what {
            News::Trouble { reason } => Some(reason.as_str()),
            _ => None,
        });
        troubles.collect()
    }
}

/// What a script printed, and all that was told.
#[derive(Debug, PartialEq)]
pub(crate) struct Played {
    pub(crate) printed: Vec<String>,
    pub(crate) told: Vec<Update>,
    pub(crate) now: Duration,
}

/// Plays a file of `examples` to its end.
pub(crate) fn play(name: &str, options: LiveOptions) -> Played {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let read = |file: &str| std::fs::read(folder.join(file)).unwrap();
    let mut script = Script::of_file(name, &read(name));
    let (mut live, mut world) = (Live::new(options), World::default());
    let (mut printed, mut told) = (Vec::new(), Vec::new());
    // Of a script time is what its waits go by: cluster time, and while that stands still it is told that all is late.
    let mut ahead = Duration::ZERO;
    loop {
        for update in live.take() {
            world.fold(&update);
            script.hear(&update.what);
            told.push(update);
        }
        let deeds = script.go_on(live.now() + ahead, &world);
        let is_idle = deeds.is_empty();
        for deed in deeds {
            match deed {
                ScriptEffect::Send(command) => live.send(command),
                ScriptEffect::Answer(about, lines) => printed.push(format!("{about}\n{}", lines.join("\n"))),
                ScriptEffect::Read(file) => script.loaded(Ok(read(&file))),
                ScriptEffect::Write { .. } => script.written(Err("no files are written here".to_owned())),
                ScriptEffect::Mistake(why) | ScriptEffect::Unmet(_, why) => {
                    panic!("{why}\n{}", printed.join("\n"))
                }
                ScriptEffect::Quit => return Played { printed, told, now: live.now() },
            }
        }
        if is_idle {
            match live.next() {
                Some(next) => live.run_until(next),
                None => ahead += Duration::from_secs(1),
            }
        }
    }
}
