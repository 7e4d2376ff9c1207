//! What each word takes and means.

use super::Line;
use crate::condition::{DEFAULT_PATIENCE, asked_patience, condition, patience};
use crate::figures::{bandwidth, delay, percent, probability, rate, size, some_duration, whole};
use crate::filters::filters;
use crate::known::{faster, slower};
use crate::links::{next_scope, scope};
use crate::mistake::Mistake;
use crate::names::{next_node, nodes};
use crate::near::hint;
use crate::phrase::Phrase;
use crate::shape::shape;
use crate::table::{self, Group, RULES, word};
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
    match phrase.word.group {
        Group::Process => process(phrase).map(Line::Do),
        Group::Cluster => cluster(phrase).map(|command| Line::Do(vec![command])),
        Group::Links => links(phrase).map(|command| Line::Do(vec![command])),
        Group::Shapes => shape(phrase).map(|shape| Line::Do(vec![Order::Disturb(shape)])),
        Group::Time => time(phrase),
        Group::Store => store(phrase).map(Line::Store),
        Group::Scripts => script(phrase),
    }
}

fn process(phrase: &mut Phrase<'_>) -> Result<Vec<Order>, Mistake> {
    if phrase.word.name == "restart" {
        return restart(phrase);
    }
    let node = next_node(phrase)?;
    Ok(vec![match phrase.word.name {
        "kill" => Order::Kill(node),
        "stop" => Order::Stop(node),
        "wipe" => Order::Wipe(node),
        "wipe-unsafe" => Order::WipeUnsafe(node),
        "pause" => Order::Pause(node),
        "resume" => Order::Resume(node),
        "slow" => Order::Slow(node, percent(phrase.need("a part of the time, such as 50%")?)?),
        "disk" => Order::Disturb(Disturbance::Disk(node, disk_pace(phrase)?)),
        "full" => Order::FillDisk(node, phrase.next().map_or(Ok(0), size)?),
        _ => Order::LoseTail(node, phrase.next().map_or(Ok(TAIL), some_size)?),
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
        Some("all") => phrase.known.nodes.clone(),
        Some("down") => phrase.known.down.clone(),
        _ => return Ok(vec![Order::Restart(next_node(phrase)?)]),
    };
    phrase.next();
    Ok(which.into_iter().map(Order::Restart).collect())
}

fn cluster(phrase: &mut Phrase<'_>) -> Result<Order, Mistake> {
    Ok(match phrase.word.name {
        "add" => Order::AddNode,
        "remove" => Order::RemoveNode(next_node(phrase)?),
        "replace" => Order::ReplaceNode(next_node(phrase)?),
        "transfer" => Order::Transfer(next_node(phrase)?),
        "elect" => Order::Campaign(next_node(phrase)?),
        "propose" => propose(phrase)?,
        "align" => Order::Disturb(Disturbance::Timers(Timers::Aligned)),
        "spread" => Order::Disturb(Disturbance::Timers(Timers::Spread)),
        "random" => Order::Disturb(Disturbance::Timers(Timers::Random)),
        "workload" => match phrase.need("on or off")? {
            "on" => Order::Workload(true),
            "off" => Order::Workload(false),
            other => return Err(Mistake::new(format!("\"{other}\" is neither on nor off: workload on"))),
        },
        "client" => Order::Disturb(Disturbance::ClientAt(client(phrase)?)),
        _ => {
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
        "at" => nodes(phrase.need("nodes, such as client at 1,2")?, phrase.known),
        other => Err(Mistake::new(format!("\"{other}\" is no place: client at 1,2 or client anywhere"))),
    }
}

fn links(phrase: &mut Phrase<'_>) -> Result<Order, Mistake> {
    Ok(match phrase.word.name {
        "when" => Order::Disturb(Disturbance::Watch(watch(phrase)?)),
        "release" => Order::Release(which(phrase)?),
        "drop" => Order::Drop(which(phrase)?),
        "undo" => match phrase.next() {
            None => Order::Undo(None),
            Some("all") => Order::Heal,
            Some(given) => Order::Undo(Some(fault(given)?)),
        },
        "heal" => Order::Heal,
        _ => {
            let rules = rules(phrase)?;
            Order::Disturb(Disturbance::Rules { words: write::rules(&rules), rules })
        }
    })
}

/// Takes a rule, and those joined to it by `and`.
fn rules(phrase: &mut Phrase<'_>) -> Result<Vec<Rule>, Mistake> {
    let mut rules = vec![rule(phrase)?];
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
    let Some(word) = word(name).filter(|word| RULES.contains(&word.name)) else {
        let hint = hint(name, RULES);
        let end = if hint.is_empty() { format!(": the rules are {}", RULES.join(", ")) } else { hint };
        return Err(Mistake::new(format!("\"{name}\" is no rule{end}")));
    };
    phrase.word = word;
    rule(phrase)
}

/// Takes what follows a rule's first word.
fn rule(phrase: &mut Phrase<'_>) -> Result<Rule, Mistake> {
    let name = phrase.word.name;
    let scope = next_scope(phrase)?;
    let mut chance = |example| probability(phrase.need(example)?);
    let effect = match name {
        "cut" => Effect::Cut,
        "hold" => Effect::Hold,
        "lose" => Effect::Lose(chance("a probability, such as 10%")?),
        "duplicate" => Effect::Duplicate(chance("a probability, such as 5%")?),
        "reorder" => {
            let chance = chance("a probability, such as 10%")?;
            let said = phrase.peek().filter(|piece| piece.starts_with(|c: char| c.is_ascii_digit()));
            let longest = said.map_or(Ok(OVERTAKEN_FOR), some_duration)?;
            if said.is_some() {
                phrase.next();
            }
            Effect::Reorder(chance, longest)
        }
        "delay" => Effect::Delay(delay(phrase.need("a time, such as 50ms, 50ms±10ms or 10ms..90ms")?)?),
        _ => Effect::Limit(bandwidth(phrase.need("a bandwidth, such as 100KB/s")?)?),
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
    let scope = scope(given, phrase.known)?;
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

fn time(phrase: &mut Phrase<'_>) -> Result<Line, Mistake> {
    let known = phrase.known;
    let rate = match phrase.word.name {
        "rate" => rate(phrase.need("a rate, such as 1/100")?)?,
        "freeze" => ClockRate::FROZEN,
        "run" => known.last_rate,
        "slower" => slower(known.rate),
        "faster" => faster(known.rate),
        _ => {
            let step = step(phrase)?;
            let within = match (asked_patience(phrase)?, step) {
                (Some(within), _) => within,
                // So much cluster time takes its time.
                (None, Step::For(time)) => {
                    DEFAULT_PATIENCE.saturating_add(known.last_rate.takes(time).unwrap_or_default())
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

fn store(phrase: &mut Phrase<'_>) -> Result<ClientOp, Mistake> {
    let bytes = |word: &str| Bytes::copy_from_slice(word.as_bytes());
    let name = phrase.word.name;
    let mut take = |what: &str| phrase.need(what).map(bytes);
    Ok(match name {
        "put" => {
            let (key, value) = (take("a key and a value")?, take("a value")?);
            write(Write::Put { key, value })?
        }
        "create" => {
            let (key, value) = (take("a new key and its value")?, take("a value")?);
            write(Write::CompareAndSet { key, expected: None, value })?
        }
        "cas" => {
            let what = "a key, the value it must have, and the new one";
            let (key, expected, value) = (take(what)?, Some(take(what)?), take(what)?);
            write(Write::CompareAndSet { key, expected, value })?
        }
        "delete" => write(Write::Delete { key: take("a key")? })?,
        "get" => read(Read::Get { key: take("a key")? })?,
        _ => {
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

fn script(phrase: &mut Phrase<'_>) -> Result<Line, Mistake> {
    Ok(match phrase.word.name {
        "wait" => {
            let until = condition(phrase)?;
            Line::Wait { until, within: patience(phrase)? }
        }
        "expect" => Line::Expect(condition(phrase)?),
        "logs" => Line::Logs,
        "rules" => Line::Rules,
        "status" => Line::Status,
        "save" => Line::Save(phrase.need("a file")?.to_owned()),
        "load" => Line::Load(phrase.need("a file")?.to_owned()),
        "help" => Line::Help(match phrase.next() {
            None => None,
            Some(name) => Some(word(name).ok_or_else(|| table::unknown(name))?),
        }),
        _ => Line::Quit,
    })
}
