//! What a deck over a simulated cluster hears while much happens, and what its person presses meanwhile.

use crate::chance::Chance;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use raftdeck_deck::app::{App, Effect, Msg, Settings, update};
use raftdeck_model::{ClientOp, Command, CommandId, LogLevel, News, Order, Step, Update};
use raftdeck_protocol::{ClockRate, Write};
use raftdeck_raft::NodeId;
use raftdeck_sim::{Live, LiveOptions};
use std::time::Duration;

/// The messages of a deck, each with its time.
pub(crate) struct History {
    pub(crate) messages: Vec<(Msg, Duration)>,
}

impl History {
    pub(crate) fn updates(&self) -> impl Iterator<Item = &Update> {
        self.messages.iter().filter_map(|(msg, _)| match msg {
            Msg::Told(update) => Some(update),
            _ => None,
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.updates().count()
    }

    pub(crate) fn end(&self) -> Duration {
        self.messages.last().map_or(Duration::ZERO, |(_, now)| *now)
    }
}

/// A deck over a simulated cluster, as the program runs it.
struct Run {
    live: Live,
    app: App,
    now: Duration,
    seq: u64,
    messages: Vec<(Msg, Duration)>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let options = LiveOptions { snapshot_entries: Some(40), ..LiveOptions::new(3, seed) };
        let app = App::new(Settings::default());
        Self { live: Live::new(options), app, now: Duration::from_millis(20), seq: 0, messages: Vec::new() }
    }

    fn give(&mut self, msg: Msg) {
        self.messages.push((msg.clone(), self.now));
        for effect in update(&mut self.app, msg, self.now) {
            if let Effect::Send(command) = effect {
                self.live.send(command);
            }
        }
    }

    fn tell(&mut self, update: Update) {
        self.seq += 1;
        let seq = self.seq;
        self.give(Msg::Told(Update { seq, ..update }));
    }

    /// Real time passes.
    fn pass(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        while self.now < until {
            let step = Duration::from_millis(33);
            self.now += step;
            self.live.run_until(self.live.now() + self.app.clock().rate().passes_in(step));
            for update in self.live.take() {
                self.tell(update);
            }
        }
    }

    fn order(&mut self, id: u64, what: Order) {
        self.live.send(Command { id: CommandId((1 << 32) + id), what });
    }
}

fn links_of(node: u64) -> Vec<(NodeId, NodeId)> {
    let others = (1..=3).filter(|other| *other != node);
    others.flat_map(|other| [(NodeId(node), NodeId(other)), (NodeId(other), NodeId(node))]).collect()
}

fn order(chance: &mut Chance) -> Order {
    let node = chance.below(3) + 1;
    let rate = |millionths| ClockRate::from_millionths(millionths).unwrap();
    match chance.below(16) {
        0 => Order::Kill(NodeId(node)),
        1..3 => Order::Restart(NodeId(node)),
        3 => Order::Cut(links_of(node)),
        4..6 => Order::Heal,
        6 => Order::Transfer(NodeId(node)),
        7 => Order::SetRate(ClockRate::FROZEN),
        8 => Order::Step(Step::Message),
        9 => Order::SetRate(rate(100_000)),
        10 | 11 => Order::SetRate(ClockRate::REAL),
        12 => Order::Workload(chance.below(2) == 0),
        _ => {
            let value = chance.below(100).to_string().into();
            Order::Client(ClientOp::Write(Write::Put { key: "color".into(), value }).into())
        }
    }
}

/// Half a minute in the life of a cluster. `looks`: the person opens other views meanwhile, for which the deck asks.
pub(crate) fn history(seed: u64, looks: bool) -> History {
    let mut chance = Chance(seed);
    let mut run = Run::new(seed);
    run.pass(1500);
    for id in 0..45 {
        run.order(id, order(&mut chance));
        if chance.below(4) == 0 {
            let line = format!("line {id} of n1");
            let at = run.live.now();
            let what = News::Output { node: NodeId(1), level: LogLevel::Info, line };
            run.tell(Update { at, seq: 0, what });
            run.give(Msg::Wrote {
                part: "deck".to_owned(),
                level: LogLevel::Info,
                text: format!("part {id}"),
            });
        }
        if looks && chance.below(4) == 0 {
            run.give(Msg::Key(KeyEvent::new(KeyCode::Tab, KeyModifiers::NONE)));
        }
        let pause = chance.below(800);
        run.pass(pause);
    }
    run.order(100, Order::SetRate(ClockRate::REAL));
    run.order(101, Order::Workload(false));
    run.order(102, Order::Heal);
    for node in 1..=3 {
        run.order(102 + node, Order::Restart(NodeId(node)));
    }
    run.pass(4000);
    History { messages: run.messages }
}

/// A few seconds of it.
pub(crate) fn short() -> History {
    let mut run = Run::new(77);
    run.pass(1500);
    run.order(1, Order::Kill(NodeId(1)));
    run.pass(1000);
    run.order(2, Order::Restart(NodeId(1)));
    run.order(3, Order::SetRate(ClockRate::FROZEN));
    run.pass(500);
    run.order(4, Order::SetRate(ClockRate::REAL));
    run.pass(1000);
    History { messages: run.messages }
}
