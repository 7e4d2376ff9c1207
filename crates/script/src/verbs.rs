//! What each word takes and means.

use super::Line;
use crate::condition::{DEFAULT_PATIENCE, asked_patience, condition, patience};
use crate::figures::{bandwidth, delay, duration, percent, probability, rate, size, some_duration, whole};
use crate::filters::filters;
use crate::links::{next_scope, scope};
use crate::mistake::Mistake;
use crate::names::{all, next_node, nodes};
use crate::near::hint;
use crate::pace::{faster, slower};
use crate::phrase::Phrase;
use crate::shape::shape;
use crate::table::{self, RULES, word};
use crate::tuning;
use crate::verb::{ClusterVerb, LinkVerb, NodeVerb, RuleVerb, ScriptVerb, StoreVerb, TimeVerb, Verb};
use bytes::Bytes;
use raftdeck_model::{
    ClientOp, Disturbance, Effect, FaultId, MessageId, Order, Rule, Scope, Step, Timers, Watch, Which, write,
};
use raftdeck_protocol::kv::MAX_LIST;
use raftdeck_protocol::request::MAX_SYNC_DELAY;
use raftdeck_protocol::{ClockRate, DiskPace, Read, Write};
use std::collections::BTreeSet;
use std::time::Duration;

/// How much longer a message takes that is reordered, if nothing is said.
const OVERTAKEN_FOR: Duration = Duration::from_millis(20);

/// How much of its log a node loses, if nothing is said.
const TAIL: u64 = 512;

/// Takes the rest of a line, all but what is too much.
pub(crate) fn line(phrase: &mut Phrase<'_>) -> Result<Line, Mistake> {
    match phrase.word.verb {
        Verb::Node(verb) => node(verb, phrase).map(Line::Do),
        Verb::Cluster(verb) => cluster(verb, phrase).map(|order| Line::Do(vec![order])),
        Verb::Link(verb) => links(verb, phrase).map(|order| Line::Do(vec![order])),
        Verb::Shape(verb) => shape(verb, phrase).map(|shape| Line::Do(vec![Order::Disturb(shape)])),
        Verb::Time(verb) => time(verb, phrase),
        Verb::Store(verb) => store(verb, phrase).map(Line::Store),
        Verb::Script(verb) => script(verb, phrase),
    }
}

fn node(verb: NodeVerb, phrase: &mut Phrase<'_>) -> Result<Vec<Order>, Mistake> {
    if verb == NodeVerb::Restart {
        return restart(phrase);
    }
    let node = next_node(phrase)?;
    Ok(vec![match verb {
        NodeVerb::Kill => Order::Kill(node),
        NodeVerb::Stop => Order::Stop(node),
        NodeVerb::Restart => Order::Restart(node),
        NodeVerb::Wipe => Order::Wipe(node),
        NodeVerb::WipeUnsafe => Order::WipeUnsafe(node),
        NodeVerb::Pause => Order::Pause(node),
        NodeVerb::Resume => Order::Resume(node),
        NodeVerb::Slow => Order::Slow(node, percent(phrase.need("a part of the time, such as 50%")?)?),
        NodeVerb::Disk => Order::Disturb(Disturbance::Disk(node, disk_pace(phrase)?)),
        NodeVerb::Full => Order::FillDisk(node, phrase.next().map_or(Ok(0), size)?),
        NodeVerb::LoseTail => Order::LoseTail(node, phrase.next().map_or(Ok(TAIL), some_size)?),
    }])
}

fn disk_pace(phrase: &mut Phrase<'_>) -> Result<DiskPace, Mistake> {
    const PACES: [&str; 3] = ["delay", "stall", "heal"];
    Ok(match phrase.need("delay and a time, stall or heal")? {
        "heal" => DiskPace::Free,
        "stall" => DiskPace::Stalled,
        "delay" => {
            let given = phrase.need("a time, such as 50ms")?;
            let delay = some_duration(given)?;
            if delay > MAX_SYNC_DELAY {
                let most = MAX_SYNC_DELAY.as_secs();
                return Err(Mistake::new(format!(
                    "{given} is too long for a sync: {most}s is the most, or say stall"
                )));
            }
            DiskPace::Delayed(delay)
        }
        other => {
            let hint = hint(other, PACES);
            let end = if hint.is_empty() { ": say delay 50ms, stall or heal" } else { &hint };
            return Err(Mistake::new(format!("\"{other}\" does nothing to a disk{end}")));
        }
    })
}

fn some_size(given: &str) -> Result<u64, Mistake> {
    let bytes = size(given)?;
    if bytes == 0 {
        Err(Mistake::new(format!("{given} takes nothing off the log: say 512B")))
    } else {
        Ok(bytes)
    }
}

fn restart(phrase: &mut Phrase<'_>) -> Result<Vec<Order>, Mistake> {
    let which = match phrase.peek() {
        Some("all") => all(phrase.world),
        Some("down") => phrase.world.down(),
        _ => return Ok(vec![Order::Restart(next_node(phrase)?)]),
    };
    phrase.next();
    Ok(which.into_iter().map(Order::Restart).collect())
}

fn cluster(verb: ClusterVerb, phrase: &mut Phrase<'_>) -> Result<Order, Mistake> {
    Ok(match verb {
        ClusterVerb::Add => match phrase.next() {
            None => Order::AddNode,
            Some("learner") => Order::AddLearner,
            Some(other) => {
                return Err(Mistake::new(format!("\"{other}\" cannot be added: say add, or add learner")));
            }
        },
        ClusterVerb::Promote => Order::Promote(next_node(phrase)?),
        ClusterVerb::Remove => Order::RemoveNode(next_node(phrase)?),
        ClusterVerb::Replace => Order::ReplaceNode(next_node(phrase)?),
        ClusterVerb::Transfer => Order::Transfer(next_node(phrase)?),
        ClusterVerb::Elect => {
            let node = next_node(phrase)?;
            if phrase.skip("prevote") { Order::TimeOut(node) } else { Order::Campaign(node) }
        }
        ClusterVerb::Propose => propose(phrase)?,
        ClusterVerb::Align => Order::Disturb(Disturbance::Timers(Timers::Aligned)),
        ClusterVerb::Spread => Order::Disturb(Disturbance::Timers(Timers::Spread)),
        ClusterVerb::Random => Order::Disturb(Disturbance::Timers(Timers::Random)),
        ClusterVerb::Timeouts => Order::Disturb(tuning::timeouts(phrase)?),
        ClusterVerb::Heartbeat => Order::Disturb(tuning::heartbeat(phrase)?),
        ClusterVerb::PreVote => Order::Disturb(tuning::switch(phrase, Disturbance::PreVote)?),
        ClusterVerb::CheckQuorum => Order::Disturb(tuning::switch(phrase, Disturbance::CheckQuorum)?),
        ClusterVerb::Clock => tuning::clock(phrase)?,
        ClusterVerb::Workload => match phrase.need("on or off")? {
            "on" => Order::Workload(true),
            "off" => Order::Workload(false),
            other => return Err(Mistake::new(format!("\"{other}\" is neither on nor off: workload on"))),
        },
        ClusterVerb::Client => Order::Disturb(Disturbance::ClientAt(client(phrase)?)),
        ClusterVerb::Seed => {
            let given = phrase.need("a number, such as 7")?;
            let no = || Mistake::new(format!("\"{given}\" is no seed: say a whole number, such as 7"));
            Order::Seed(whole(given).ok_or_else(no)?)
        }
    })
}

fn propose(phrase: &mut Phrase<'_>) -> Result<Order, Mistake> {
    let node = next_node(phrase)?;
    let mut take = |what: &str| phrase.need(what).map(|word| Bytes::copy_from_slice(word.as_bytes()));
    let write = Write::Put { key: take("a key and a value")?, value: take("a value")? };
    write.check().map_err(|limit| Mistake::new(limit.to_string()))?;
    Ok(Order::Propose(node, write))
}

fn client(phrase: &mut Phrase<'_>) -> Result<BTreeSet<raftdeck_raft::NodeId>, Mistake> {
    match phrase.need("a place: client at 1,2 or client anywhere")? {
        "anywhere" => Ok(BTreeSet::new()),
        "at" => nodes(phrase.need("nodes, such as client at 1,2")?, phrase.world),
        other => Err(Mistake::new(format!("\"{other}\" is no place: client at 1,2 or client anywhere"))),
    }
}

fn links(verb: LinkVerb, phrase: &mut Phrase<'_>) -> Result<Order, Mistake> {
    Ok(match verb {
        LinkVerb::When => Order::Disturb(Disturbance::Watch(watch(phrase)?)),
        LinkVerb::Release => Order::Release(which(phrase)?),
        LinkVerb::Drop => Order::Drop(which(phrase)?),
        LinkVerb::Undo => match phrase.next() {
            None => Order::Undo(None),
            Some("all") => Order::Heal,
            Some(given) => Order::Undo(Some(fault(given)?)),
        },
        LinkVerb::Heal => Order::Heal,
        LinkVerb::Rule(verb) => {
            let rules = rules(verb, phrase)?;
            Order::Disturb(Disturbance::Rules { words: write::rules(&rules), rules })
        }
    })
}

/// Takes a rule, and those joined to it by `and`.
fn rules(verb: RuleVerb, phrase: &mut Phrase<'_>) -> Result<Vec<Rule>, Mistake> {
    let mut rules = vec![rule(verb, phrase)?];
    let first = phrase.word;
    while phrase.skip("and") {
        rules.push(named_rule(phrase)?);
    }
    phrase.word = first;
    Ok(rules)
}

/// Takes a rule from its first word on.
fn named_rule(phrase: &mut Phrase<'_>) -> Result<Rule, Mistake> {
    let name = phrase.need("a rule here, such as cut 2>3")?;
    let named = word(name).and_then(|word| Some((word, word.rule()?)));
    let Some((word, verb)) = named else {
        let hint = hint(name, RULES);
        let end = if hint.is_empty() { format!(": the rules are {}", RULES.join(", ")) } else { hint };
        return Err(Mistake::new(format!("\"{name}\" is no rule{end}")));
    };
    phrase.word = word;
    rule(verb, phrase)
}

/// Takes what follows a rule's first word.
fn rule(verb: RuleVerb, phrase: &mut Phrase<'_>) -> Result<Rule, Mistake> {
    let scope = next_scope(phrase)?;
    let mut chance = |example| probability(phrase.need(example)?);
    let effect = match verb {
        RuleVerb::Cut => Effect::Cut,
        RuleVerb::Hold => Effect::Hold,
        RuleVerb::Lose => Effect::Lose(chance("a probability, such as 10%")?),
        RuleVerb::Duplicate => Effect::Duplicate(chance("a probability, such as 5%")?),
        RuleVerb::Reorder => {
            let chance = chance("a probability, such as 10%")?;
            let said = phrase.peek().filter(|piece| piece.starts_with(|c: char| c.is_ascii_digit()));
            let longest = said.map_or(Ok(OVERTAKEN_FOR), some_duration)?;
            if said.is_some() {
                phrase.next();
            }
            Effect::Reorder(chance, longest)
        }
        RuleVerb::Delay => {
            Effect::Delay(delay(phrase.need("a time, such as 50ms, 50ms±10ms or 10ms..90ms")?)?)
        }
        RuleVerb::Limit => Effect::Limit(bandwidth(phrase.need("a bandwidth, such as 100KB/s")?)?),
    };
    Ok(Rule { scope, matching: filters(phrase)?, effect })
}

fn watch(phrase: &mut Phrase<'_>) -> Result<Watch, Mistake> {
    let (scope, matching) = (next_scope(phrase)?, filters(phrase)?);
    if !phrase.skip("then") {
        return Err(match phrase.peek() {
            None => phrase.lacks("then and a rule, such as then cut 2>3"),
            Some(other) => Mistake::new(format!(
                "\"{other}\" is no filter{}: after the filters comes then and a rule",
                hint(other, table::FILTERS)
            )),
        });
    }
    let when = phrase.word;
    let mut then = vec![named_rule(phrase)?];
    while phrase.skip("and") {
        then.push(named_rule(phrase)?);
    }
    phrase.word = when;
    Ok(Watch { scope, matching, then })
}

fn which(phrase: &mut Phrase<'_>) -> Result<Which, Mistake> {
    let given = match phrase.peek() {
        None => return Err(phrase.lacks("all, a message such as #12, or links such as 1>2")),
        // All links: `release only VoteReply`.
        Some(piece) if table::is_filter(piece) => return Ok(Which::On(Scope::All, filters(phrase)?)),
        Some(piece) => piece,
    };
    phrase.next();
    if let Some(number) = given.strip_prefix('#') {
        let no = || Mistake::new(format!("\"{given}\" is no message: messages are #1, #2 and so on"));
        return Ok(Which::Message(MessageId(whole(number).ok_or_else(no)?)));
    }
    let scope = scope(given, phrase.world)?;
    Ok(Which::On(scope, filters(phrase)?))
}

fn fault(given: &str) -> Result<FaultId, Mistake> {
    let number = given.strip_prefix('#').unwrap_or(given);
    let no = || {
        Mistake::new(format!(
            "\"{given}\" names nothing in force: say #3, as rules lists them, all, or nothing for the last"
        ))
    };
    whole(number).map(FaultId).ok_or_else(no)
}

fn time(verb: TimeVerb, phrase: &mut Phrase<'_>) -> Result<Line, Mistake> {
    let world = phrase.world;
    let rate = match verb {
        TimeVerb::Rate => rate(phrase.need("a rate, such as 1/100")?)?,
        TimeVerb::Freeze => ClockRate::FROZEN,
        TimeVerb::Run => world.last_rate(),
        TimeVerb::Slower => slower(world.time().rate),
        TimeVerb::Faster => faster(world.time().rate),
        TimeVerb::Seek => {
            let to = duration(phrase.need("a time to go to, such as 90s")?)?;
            return Ok(Line::Do(vec![Order::Seek(to)]));
        }
        TimeVerb::Step => {
            let step = step(phrase)?;
            let within = match (asked_patience(phrase)?, step) {
                (Some(within), _) => within,
                // So much cluster time takes its time.
                (None, Step::For(time)) => {
                    DEFAULT_PATIENCE.saturating_add(world.last_rate().takes(time).unwrap_or_default())
                }
                (None, _) => DEFAULT_PATIENCE,
            };
            return Ok(Line::Step { step, within });
        }
    };
    Ok(Line::Do(vec![Order::SetRate(rate)]))
}

fn step(phrase: &mut Phrase<'_>) -> Result<Step, Mistake> {
    const STEPS: [&str; 4] = ["message", "timer", "role", "commit"];
    if phrase.peek() == Some("within") {
        return Ok(Step::Message);
    }
    Ok(match phrase.next() {
        None | Some("message") => Step::Message,
        Some("timer") => Step::Timer,
        Some("role") => Step::Role,
        Some("commit") => Step::Commit,
        Some(given) if given.starts_with(|c: char| c.is_ascii_digit()) => Step::For(some_duration(given)?),
        Some(other) => {
            let hint = hint(other, STEPS);
            let end = if hint.is_empty() {
                ": say message, timer, role, commit or a time such as 10ms"
            } else {
                &hint
            };
            return Err(Mistake::new(format!("\"{other}\" is no step{end}")));
        }
    })
}

fn store(verb: StoreVerb, phrase: &mut Phrase<'_>) -> Result<ClientOp, Mistake> {
    let bytes = |word: &str| Bytes::copy_from_slice(word.as_bytes());
    let mut take = |what: &str| phrase.need(what).map(bytes);
    Ok(match verb {
        StoreVerb::Put => {
            let (key, value) = (take("a key and a value")?, take("a value")?);
            write(Write::Put { key, value })?
        }
        StoreVerb::Create => {
            let (key, value) = (take("a new key and its value")?, take("a value")?);
            write(Write::CompareAndSet { key, expected: None, value })?
        }
        StoreVerb::Cas => {
            let what = "a key, the value it must have, and the new one";
            let (key, expected, value) = (take(what)?, Some(take(what)?), take(what)?);
            write(Write::CompareAndSet { key, expected, value })?
        }
        StoreVerb::Delete => write(Write::Delete { key: take("a key")? })?,
        StoreVerb::Get => read(Read::Get { key: take("a key")? })?,
        StoreVerb::List => {
            let prefix = phrase.next().map(bytes).unwrap_or_default();
            read(Read::List { prefix, after: None, limit: MAX_LIST })?
        }
    })
}

fn write(write: Write) -> Result<ClientOp, Mistake> {
    write.check().map_err(|limit| Mistake::new(limit.to_string()))?;
    Ok(ClientOp::Write(write))
}

fn read(read: Read) -> Result<ClientOp, Mistake> {
    read.check().map_err(|limit| Mistake::new(limit.to_string()))?;
    Ok(ClientOp::Read(read))
}

/// All that follows, with single blanks.
fn text(phrase: &mut Phrase<'_>) -> Result<String, Mistake> {
    let mut text = phrase.need("a text")?.to_owned();
    while let Some(piece) = phrase.next() {
        text.push(' ');
        text.push_str(piece);
    }
    Ok(text)
}

fn script(verb: ScriptVerb, phrase: &mut Phrase<'_>) -> Result<Line, Mistake> {
    Ok(match verb {
        ScriptVerb::Wait => {
            let until = condition(phrase)?;
            Line::Wait { until, within: patience(phrase)? }
        }
        ScriptVerb::Expect => Line::Expect(condition(phrase)?),
        ScriptVerb::Say => Line::Say(text(phrase)?),
        ScriptVerb::Logs => Line::Logs,
        ScriptVerb::Rules => Line::Rules,
        ScriptVerb::Status => Line::Status,
        ScriptVerb::Save => Line::Save(phrase.need("a file")?.to_owned()),
        ScriptVerb::Load => Line::Load(phrase.need("a file")?.to_owned()),
        ScriptVerb::Help => Line::Help(match phrase.next() {
            None => None,
            Some(name) => Some(word(name).ok_or_else(|| table::unknown(name))?),
        }),
        // What it tries is a line of its own, which is parsed before this.
        ScriptVerb::Try => return Err(phrase.lacks("something to be done")),
        ScriptVerb::Quit => Line::Quit,
    })
}
