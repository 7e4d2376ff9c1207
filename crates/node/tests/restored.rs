//! Whatever is done to a cluster of real nodes, and however fast: when all is undone and whoever is down is started again,
//! it has one leader and equal logs within five seconds.
//!
//! The commands are lines of the grammar, every word of it, drawn at random from a seed. Left out are only `wipe`, with `replace`, and
//! `lose-tail`: they take from a node what it has promised to remember, its vote and what it acknowledged (paper §5.2,
//! figure 2), and without that Raft promises nothing.

#[path = "lab/deck.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod deck;

use deck::{Deck, World};
use raftdeck_model::{ChangeStep, Disturbance, MessageId, Order, ProcessState};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{LogIndex, NodeId, Role};

use raftdeck_script::{Group, ScriptLine, WORDS};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Sequences of commands, and this many of them with one cluster.
const SEQUENCES: u64 = 50;
const WITH_ONE_CLUSTER: u64 = 10;

/// Commands in a sequence.
const COMMANDS: usize = 200;

/// Ten commands in so much time.
const PACE: Duration = Duration::from_millis(40);

/// So soon all is well again.
const RESTORED_WITHIN: Duration = Duration::from_secs(5);

/// Of these, other sequences are drawn.
const FIRST_SEED: &str = "RAFTDECK_FIRST_SEED";

/// `SplitMix64`, by Steele, Lea and Flood.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).expect("an index")
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// Draws lines for a cluster as it is known.
struct Author<'a> {
    chance: &'a mut Chance,
    known: &'a raftdeck_model::World,
    /// One node comes or goes in a sequence: more would only take their turns after it.
    may_change: bool,
    /// Those that can be removed, so that at least three are left.
    removable: &'a [NodeId],
}

impl Author<'_> {
    fn node(&mut self) -> NodeId {
        let nodes: Vec<NodeId> = self.known.ids();
        self.chance.pick(&nodes)
    }

    /// Two different ones.
    fn two(&mut self) -> (NodeId, NodeId) {
        let one = self.node();
        loop {
            let other = self.node();
            if other != one {
                return (one, other);
            }
        }
    }

    fn links(&mut self) -> String {
        let (NodeId(one), NodeId(other)) = self.two();
        match self.chance.below(6) {
            0 => format!("{one}>{other}"),
            1 => format!("{one}-{other}"),
            2 => format!("{one}>"),
            3 => format!(">{one}"),
            4 => format!("{one}"),
            _ => "*".to_owned(),
        }
    }

    fn filters(&mut self) -> String {
        let kind = self.chance.pick(&[
            "PreVote",
            "PreVoteReply",
            "RequestVote",
            "VoteReply",
            "Heartbeat",
            "AppendEntries",
            "AppendReply",
        ]);
        let number = self.chance.below(40) + 1;
        match self.chance.below(8) {
            0 | 1 => format!(" only {kind}"),
            2 => format!(" only {kind} next {number}"),
            3 => format!(" next {number}"),
            4 => format!(" term {number}.."),
            5 => format!(" index {number}..{}", number + 10),
            _ => String::new(),
        }
    }

    /// What may follow `then`, with its word.
    fn rule(&mut self) -> String {
        let word =
            self.chance.pick(&["cut", "refuse", "delay", "lose", "duplicate", "reorder", "limit", "hold"]);
        self.rule_of(word)
    }

    fn rule_of(&mut self, word: &str) -> String {
        let links = self.links();
        let figure = match word {
            "delay" => self.chance.pick(&[" 5ms", " 50ms", " 50ms±20ms", " 10ms..200ms", " 2s", " 1m"]),
            "lose" | "duplicate" => self.chance.pick(&[" 5%", " 30%", " 100%"]),
            "reorder" => self.chance.pick(&[" 10%", " 50% 100ms", " 50% 30s"]),
            "limit" => self.chance.pick(&[" 100B/s", " 10KB/s", " 1MB/s"]),
            _ => "",
        };
        let filters = if word == "refuse" { String::new() } else { self.filters() };
        format!("{word} {links}{figure}{filters}")
    }

    fn some_messages(&mut self) -> String {
        let messages: Vec<MessageId> = self.known.open_messages().map(|message| message.id).collect();
        match self.chance.below(3) {
            0 if !messages.is_empty() => format!("#{}", self.chance.pick(&messages).0),
            0 | 1 => "all".to_owned(),
            _ => self.links() + &self.filters(),
        }
    }

    fn after(&mut self, word: &str) -> Option<String> {
        let count = self.known.len();
        let (NodeId(one), NodeId(other)) = self.two();
        Some(match word {
            "elect" => self.chance.pick(&[format!("elect {one}"), format!("elect {one} prevote")]),
            "kill" | "stop" | "pause" | "resume" | "transfer" | "isolate" | "mute" | "deaf" | "bridge" => {
                format!("{word} {one}")
            }
            "restart" => self.chance.pick(&[format!("restart {one}"), "restart down".to_owned()]),
            "slow" => format!("slow {one} {}%", self.chance.pick(&[0, 20, 50, 90])),
            "full" => format!("full {one} {}", self.chance.pick(&["0B", "1KB", "64KB"])),
            "disk" => format!("disk {one} {}", self.chance.pick(&["delay 20ms", "stall", "heal"])),
            "add" if self.may_change && count == 3 => self.chance.pick(&["add", "add learner"]).to_owned(),
            "promote" => format!("promote {one}"),
            "remove" if self.may_change => {
                let there = |node: &&NodeId| self.known.node(**node).is_some();
                let nodes: Vec<NodeId> = self.removable.iter().filter(there).copied().collect();
                if nodes.is_empty() {
                    return None;
                }
                format!("remove {}", self.chance.pick(&nodes))
            }
            "ring" if count > 3 => word.to_owned(),
            "add" | "remove" | "ring" | "wipe" | "wipe-unsafe" | "replace" | "lose-tail" | "seek"
            | "sleep" => {
                return None;
            }
            "align" | "spread" | "random" | "heal" | "freeze" | "run" | "slower" | "faster" => {
                word.to_owned()
            }
            "prevote" | "check-quorum" => {
                let one = self.chance.pick(&[String::new(), format!(" {one}")]);
                format!("{word} {}{one}", self.chance.pick(&["on", "off"]))
            }
            "timeouts" => {
                format!("timeouts {one} {}", self.chance.pick(&["40ms..90ms", "100ms..300ms", "1s..2s"]))
            }
            "clock" => {
                let clock = self.chance.pick(&["50%", "200%", "100%", "10", "skew 100ms", "skew 1s"]);
                format!("clock {one} {clock}")
            }
            "heartbeat" => format!("heartbeat {one} {}", self.chance.pick(&["1ms", "20ms", "500ms"])),
            "workload" => format!("workload {}", self.chance.pick(&["on", "off"])),
            "client" => {
                let client = self.chance.pick(&["", "alice "]);
                let what = self.chance.pick(&["at", "cut", "hold", "lose-answers"]);
                self.chance
                    .pick(&[format!("client {client}{what} {one}"), format!("client {client}anywhere")])
            }
            "seed" => format!("seed {}", self.chance.below(1000)),
            "cut" | "refuse" | "delay" | "lose" | "duplicate" | "reorder" | "limit" | "hold" => {
                self.rule_of(word)
            }
            "when" => {
                let (links, filters, then) = (self.links(), self.filters(), self.rule());
                let and =
                    if self.chance.below(2) == 0 { String::new() } else { format!(" and {}", self.rule()) };
                format!("when {links}{filters} then {then}{and}")
            }
            "release" | "drop" => format!("{word} {}", self.some_messages()),
            "undo" => {
                let newest = self.known.in_force().last().map(|fault| format!("undo #{}", fault.id.0));
                match self.chance.below(3) {
                    0 => newest.unwrap_or_else(|| "undo".to_owned()),
                    1 => "undo".to_owned(),
                    _ => "undo all".to_owned(),
                }
            }
            "halves" => {
                let others = self.known.nodes().filter(|node| node.id.0 != one);
                let others: Vec<String> = others.map(|node| node.id.0.to_string()).collect();
                self.chance.pick(&["halves".to_owned(), format!("halves {one}|{}", others.join(","))])
            }
            "one-way" => format!("one-way {one}>{other}"),
            "flaky" | "slow-link" => format!("{word} {}", self.links()),
            "wan" => format!("wan {one}=eu,{other}=us"),
            "rate" => format!("rate {}", self.chance.pick(&["1", "1/2", "1/10", "1/1000", "0"])),
            "step" => format!("step {}", self.chance.pick(&["message", "timer", "role", "commit", "30ms"])),
            "put" | "create" => {
                format!("{}{word} {} {}", self.asker(), self.key(), self.chance.below(1000))
            }
            "propose" => format!("propose {one} {} {}", self.key(), self.chance.below(1000)),
            "cas" => format!("cas {} {} 3", self.key(), self.chance.below(3)),
            "get" => {
                let whom =
                    [String::new(), " stale".to_owned(), " lease".to_owned(), format!(" stale at {one}")];
                format!("{}{word} {}{}", self.asker(), self.key(), self.chance.pick(&whom))
            }
            "delete" => format!("{}{word} {}", self.asker(), self.key()),
            "list" => format!("{}{word} at {one}", self.asker()),
            new => panic!("there is no line with {new} here yet"),
        })
    }

    /// What a line of the store begins with.
    fn asker(&mut self) -> &'static str {
        self.chance.pick(&["", "", "as alice ", "as bob "])
    }

    fn key(&mut self) -> &'static str {
        self.chance.pick(&["color", "shape", "name"])
    }

    fn line(&mut self) -> String {
        let words: Vec<&str> =
            WORDS.iter().filter(|word| word.group != Group::Scripts).map(|word| word.name).collect();
        loop {
            let word = self.chance.pick(&words);
            if let Some(line) = self.after(word) {
                return line;
            }
        }
    }
}

/// Whoever was not taken in; if there is no such node, anybody if there are more than three.
fn removable(world: &World) -> Vec<NodeId> {
    let nodes: BTreeSet<NodeId> = world.nodes.iter().copied().collect();
    let members = world.known.leader().map_or_else(BTreeSet::new, |leader| members(world, leader.id));
    match nodes.difference(&members).count() {
        0 if nodes.len() > 3 => world.nodes.clone(),
        0 => Vec::new(),
        _ => nodes.difference(&members).copied().collect(),
    }
}

/// Whether a change of the cluster is under way, perhaps a node that goes.
fn changes(world: &World) -> bool {
    let mut joining = BTreeSet::new();
    let (mut begun, mut over) = (0, 0);
    for (node, step) in &world.changes {
        match step {
            ChangeStep::Starting | ChangeStep::Leaving | ChangeStep::HandingOver => begun += 1,
            ChangeStep::Joining => drop(joining.insert(*node)),
            // A part of an addition, or a change by itself.
            ChangeStep::Promoting => begun += u32::from(!joining.remove(node)),
            last if last.is_last() => {
                over += 1;
                joining.remove(node);
            }
            _ => {}
        }
    }
    begun > over
}

/// Draws and sends a sequence of commands; what was sent.
fn disturb(deck: &mut Deck, seed: u64) -> String {
    let mut chance = Chance(seed);
    let mut sent = String::new();
    let mut may_change = !changes(&deck.world);
    let removable = removable(&deck.world);
    for nth in 0..COMMANDS {
        deck.take_in_news();
        let line =
            Author { chance: &mut chance, known: &deck.world.known, may_change, removable: &removable }
                .line();
        may_change &= !line.starts_with("add") && !line.starts_with("remove");
        match raftdeck_script::parse(&line, &deck.world.known) {
            Ok(ScriptLine::Do(orders)) => {
                for order in orders {
                    deck.send(order);
                }
            }
            Ok(ScriptLine::Step { step, .. }) => {
                deck.send(Order::Step(step));
            }
            Ok(ScriptLine::Store(request)) => {
                deck.ask(request);
            }
            other => panic!("\"{line}\": {other:?}"),
        }
        let _ = write!(sent, "{line}; ");
        // The nodes are to live through some of it.
        if nth % 10 == 9 {
            let until = Instant::now() + PACE;
            while deck.take_in_next(until) {}
        }
    }
    sent
}

/// Waits until every node's supervisor has done what it was told. It takes orders in turn, and says no to this one.
fn carried_out(deck: &mut Deck) {
    deck.sync();
    for node in deck.world.nodes.clone() {
        let word = format!("{node} cannot be stopped for 100 %");
        let gone = format!("there is no {node}");
        let busy = format!("{node} has too many pending commands");
        let until = Instant::now() + RESTORED_WITHIN;
        loop {
            assert!(Instant::now() < until, "{node} does not do what it is told: {:#?}", deck.world);
            deck.world.refusals.clear();
            deck.send(Order::Disturb(Disturbance::Slowed(node, 100)));
            let done = deck.wait("an end of its orders", |world| {
                let said = |start: &str| world.refusals.iter().any(|refusal| refusal.starts_with(start));
                (said(&word) || said(&gone)).then_some(true).or(said(&busy).then_some(false))
            });
            if done {
                break;
            }
        }
    }
}

/// Nothing is in force, time passes, and every member of the cluster follows one leader and has what that has. A node that
/// was not taken in, as it was killed meanwhile, is none.
fn is_restored(world: &World) -> bool {
    if !(world.known.in_force().is_empty() && world.held.is_empty()) {
        return false;
    }
    let mut leaders = world.statuses.values().filter(|status| status.raft.role == Role::Leader);
    let (Some(leader), None) = (leaders.next(), leaders.next()) else { return false };
    let its = &leader.raft;
    let has_the_same = |node: &NodeId| {
        let runs = matches!(world.processes.get(node), Some(ProcessState::Running { .. }));
        world.statuses.get(node).filter(|_| runs).is_some_and(|status| {
            let raft = &status.raft;
            raft.leader == Some(its.id)
                && (raft.term, raft.last, &raft.membership) == (its.term, its.last, &its.membership)
                && (raft.committed, raft.applied) == (its.last.index, its.last.index)
                && status.state_hash == leader.state_hash
                && status.clock_rate == ClockRate::REAL
        })
    };
    members(world, its.id).iter().all(has_the_same)
}

/// Who belongs to the cluster, by this node's account.
fn members(world: &World, node: NodeId) -> BTreeSet<NodeId> {
    let membership = &world.statuses[&node].raft.membership;
    membership.voters.iter().chain(&membership.outgoing).chain(&membership.learners).copied().collect()
}

/// Starts again whoever is down, and waits until all is well. How long it took.
fn restored(deck: &mut Deck) -> Result<Duration, String> {
    let start = Instant::now();
    let mut starting = BTreeSet::new();
    loop {
        for node in &deck.world.nodes {
            if !deck.world.processes.get(node).is_some_and(ProcessState::is_down) {
                starting.remove(node);
            } else if starting.insert(*node) {
                deck.send(Order::Restart(*node));
            }
        }
        if is_restored(&deck.world) {
            return Ok(start.elapsed());
        }
        if !deck.take_in_next(start + RESTORED_WITHIN) {
            return Err(format!("not restored within {RESTORED_WITHIN:?}"));
        }
    }
}

/// Whether the system lets a node's process run.
fn state(world: &World, node: NodeId) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.pid(node)?)).ok()?;
    status.lines().find(|line| line.starts_with("State:")).map(str::to_owned)
}

fn survives(deck: &mut Deck, seed: u64) -> Duration {
    let sent = disturb(deck, seed);
    for command in [Order::Heal, Order::SetRate(ClockRate::REAL), Order::Workload(false)] {
        deck.send(command);
    }
    carried_out(deck);
    let took = restored(deck).and_then(|took| same_logs(deck).map(|()| took));
    let failures = std::mem::take(&mut deck.world.failures);
    let ended: Vec<_> = failures.iter().filter(|(_, words)| !words.contains("disk full")).collect();
    match took {
        Ok(took) if ended.is_empty() => took,
        why => {
            let states: Vec<_> =
                deck.world.nodes.iter().map(|node| (node, state(&deck.world, *node))).collect();
            panic!(
                "seed {seed}: {why:?}; {states:?}; ended by themselves: {ended:?}\n{sent}\n{:#?}",
                deck.world
            )
        }
    }
}

/// The last entries of the nodes are the same, as far as they are committed at all of them.
fn same_logs(deck: &mut Deck) -> Result<(), String> {
    deck.world.logs.clear();
    let leader = deck.world.known.leader().expect("a leader").id;
    let nodes: Vec<NodeId> = members(&deck.world, leader).into_iter().collect();
    let through = deck.world.statuses[&leader].raft.committed;
    let first = LogIndex(through.0.saturating_sub(100).max(1));
    for &node in &nodes {
        deck.send(Order::FetchLog { node, first, limit: 500 });
    }
    deck.wait("logs", |world| nodes.iter().all(|node| world.logs.contains_key(node)).then_some(()));
    let entries = |node: &NodeId| -> Vec<_> {
        deck.world.logs[node].iter().filter(|line| line.id.index <= through).collect()
    };
    let expected = entries(&nodes[0]);
    let same = !expected.is_empty() && nodes.iter().all(|node| entries(node) == expected);
    if same { Ok(()) } else { Err(format!("the logs differ: {:#?}", deck.world.logs)) }
}

#[test]
fn after_any_commands_a_healed_cluster_has_one_leader_and_equal_logs_within_five_seconds() {
    let first_seed = std::env::var(FIRST_SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let seeds: Vec<u64> = (first_seed..first_seed + SEQUENCES).collect();
    for seeds in seeds.chunks(usize::try_from(WITH_ONE_CLUSTER).expect("a small number")) {
        let (mut deck, _) = Deck::settled(3);
        for &seed in seeds {
            println!("seed {seed}");
            let start = Instant::now();
            let took = survives(&mut deck, seed);
            println!("restored after {took:?}, of {:?}", start.elapsed());
        }
    }
}
