//! The arguments and the meaning of each word.

use super::{ScriptLine, Value};
use crate::answers::{begins_whom, bytes, client, expectation, of_whom};
use crate::bindings::{BoundValue, is_name};
use crate::condition::{DEFAULT_PATIENCE, Figure, asked_patience, condition, patience};
use crate::figures::{bandwidth, delay, duration, percent, probability, rate, size, some_duration, whole};
use crate::filters::filters;
use crate::links::{next_scope, scope};
use crate::mistake::Mistake;
use crate::names::{next_node, next_nodes};
use crate::near::hint;
use crate::pace::{faster, slower};
use crate::phrase::Phrase;
use crate::shape::shape;
use crate::table::{self, RULES, word};
use crate::tuning;
use crate::verb::{ClusterVerb, LinkVerb, NodeVerb, RuleVerb, ScriptVerb, StoreVerb, TimeVerb, Verb};
use bytes::Bytes;
use raftdeck_model::{
    ClientOp, ClientRequest, Disturbance, Effect, FaultId, Matching, MessageId, MessageSelection, Order,
    Rule, Scope, Step, Timers, Watch, write,
};
use raftdeck_protocol::kv::MAX_LIST;
use raftdeck_protocol::request::MAX_SYNC_DELAY;
use raftdeck_protocol::{ClockRate, DiskPace, Read, Write};
use raftdeck_raft::NodeId;
use std::time::Duration;

/// How much longer a reordered message takes by default.
const OVERTAKEN_FOR: Duration = Duration::from_millis(20);

/// How many bytes of its log a node loses by default.
const TAIL: u64 = 512;

/// The most repetitions of lines.
const MAX_REPEATS: u64 = 10_000;

/// Takes the rest of a line, except surplus pieces.
pub(crate) fn line(phrase: &mut Phrase<'_>) -> Result<ScriptLine, Mistake> {
    match phrase.word.verb {
        Verb::Node(verb) => node(verb, phrase).map(ScriptLine::Do),
        Verb::Cluster(verb) => cluster(verb, phrase).map(|order| ScriptLine::Do(vec![order])),
        Verb::Link(verb) => links(verb, phrase).map(|order| ScriptLine::Do(vec![order])),
        Verb::Shape(verb) => shape(verb, phrase).map(|shape| ScriptLine::Do(vec![Order::Disturb(shape)])),
        Verb::Time(verb) => time(verb, phrase),
        Verb::Store(verb) => store(verb, phrase).map(ScriptLine::Store),
        Verb::Script(verb) => script(verb, phrase),
    }
}

fn node(verb: NodeVerb, phrase: &mut Phrase<'_>) -> Result<Vec<Order>, Mistake> {
    let nodes = match phrase.peek() {
        Some("down") if verb == NodeVerb::Restart => {
            phrase.next();
            phrase.world.down()
        }
        _ => next_nodes(phrase)?,
    };
    let order: Box<dyn Fn(NodeId) -> Order> = match verb {
        NodeVerb::Kill => Box::new(Order::Kill),
        NodeVerb::Stop => Box::new(Order::Stop),
        NodeVerb::Restart => Box::new(Order::Restart),
        NodeVerb::Wipe => Box::new(Order::Wipe),
        NodeVerb::WipeUnsafe => Box::new(Order::WipeUnsafe),
        NodeVerb::Pause => Box::new(Order::Pause),
        NodeVerb::Resume => Box::new(Order::Resume),
        NodeVerb::Slow => {
            let part = percent(phrase.need("a part of the time, such as 50%")?)?;
            Box::new(move |node| Order::Slow(node, part))
        }
        NodeVerb::Disk => {
            let pace = disk_pace(phrase)?;
            Box::new(move |node| Order::Disturb(Disturbance::Disk(node, pace)))
        }
        NodeVerb::Full => {
            let bytes = phrase.next().map_or(Ok(0), size)?;
            Box::new(move |node| Order::FillDisk(node, bytes))
        }
        NodeVerb::LoseTail => {
            let bytes = phrase.next().map_or(Ok(TAIL), some_size)?;
            Box::new(move |node| Order::LoseTail(node, bytes))
        }
    };
    Ok(nodes.into_iter().map(order).collect())
}

fn disk_pace(phrase: &mut Phrase<'_>) -> Result<DiskPace, Mistake> {
    const PACES: [&str; 3] = ["delay", "stall", "heal"];
    Ok(match phrase.need("delay and a time, stall or heal")? {
        "heal" => DiskPace::Free,
        "stall" => DiskPace::Stalled,
        "delay" => {
            let given = phrase.need("a time, such as 50ms")?;
            let delay = some_duration(given, phrase.world)?;
            if delay > MAX_SYNC_DELAY {
                let most = MAX_SYNC_DELAY.as_secs();
                return Err(Mistake::new(format!(
                    "{given} is too long for a sync: the maximum is {most}s, or use stall"
                )));
            }
            DiskPace::Delayed(delay)
        }
        other => {
            let hint = hint(other, PACES);
            let end = if hint.is_empty() { ": use delay 50ms, stall or heal" } else { &hint };
            return Err(Mistake::new(format!("\"{other}\" is not a disk fault{end}")));
        }
    })
}

fn some_size(given: &str) -> Result<u64, Mistake> {
    let bytes = size(given)?;
    if bytes == 0 {
        Err(Mistake::new(format!("{given} cuts nothing off the log: write 512B")))
    } else {
        Ok(bytes)
    }
}

fn cluster(verb: ClusterVerb, phrase: &mut Phrase<'_>) -> Result<Order, Mistake> {
    Ok(match verb {
        ClusterVerb::Add => match phrase.next() {
            None => Order::AddNode,
            Some("learner") => Order::AddLearner,
            Some(other) => {
                return Err(Mistake::new(format!("\"{other}\" cannot be added: write add, or add learner")));
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
        ClusterVerb::Client => Order::Disturb(client(phrase)?),
        ClusterVerb::Seed => {
            let given = phrase.need("a number, such as 7")?;
            let no = || Mistake::new(format!("\"{given}\" is not a seed: write a whole number, such as 7"));
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
        return Err(Mistake::new(format!("\"{name}\" is not a rule{end}")));
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
        RuleVerb::Refuse => return refusal(scope, phrase),
        RuleVerb::Hold => Effect::Hold,
        RuleVerb::Lose => Effect::Lose(chance("a probability, such as 10%")?),
        RuleVerb::Duplicate => Effect::Duplicate(chance("a probability, such as 5%")?),
        RuleVerb::Reorder => {
            let chance = chance("a probability, such as 10%")?;
            let said = phrase.peek().filter(|piece| piece.starts_with(|c: char| c.is_ascii_digit()));
            let longest = said.map_or(Ok(OVERTAKEN_FOR), |given| some_duration(given, phrase.world))?;
            if said.is_some() {
                phrase.next();
            }
            Effect::Reorder(chance, longest)
        }
        RuleVerb::Delay => {
            Effect::Delay(delay(phrase.need("a time, such as 50ms, 50ms±10ms or 10ms..90ms")?, phrase.world)?)
        }
        RuleVerb::Limit => Effect::Limit(bandwidth(phrase.need("a bandwidth, such as 100KB/s")?)?),
    };
    Ok(Rule { scope, matching: filters(phrase)?, effect })
}

/// A connection carries messages of every kind.
fn refusal(scope: Scope, phrase: &Phrase<'_>) -> Result<Rule, Mistake> {
    match phrase.peek().filter(|piece| table::FILTERS.contains(piece)) {
        Some(filter) => Err(Mistake::new(format!(
            "refuse takes no filter, and \"{filter}\" follows: a connection carries messages of every kind; to lose only some, use cut"
        ))),
        None => Ok(Rule { scope, matching: Matching::default(), effect: Effect::Refuse }),
    }
}

fn watch(phrase: &mut Phrase<'_>) -> Result<Watch, Mistake> {
    let (scope, matching) = (next_scope(phrase)?, filters(phrase)?);
    if !phrase.skip("then") {
        return Err(match phrase.peek() {
            None => phrase.lacks("then and a rule, such as then cut 2>3"),
            Some(other) => Mistake::new(format!(
                "\"{other}\" is not a filter{}: after the filters comes then and a rule",
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

fn which(phrase: &mut Phrase<'_>) -> Result<MessageSelection, Mistake> {
    let given = match phrase.peek() {
        None => return Err(phrase.lacks("all, a message such as #12, or links such as 1>2")),
        // All links: `release only VoteReply`.
        Some(piece) if table::is_filter(piece) => {
            return Ok(MessageSelection::On(Scope::All, filters(phrase)?));
        }
        Some(piece) => piece,
    };
    phrase.next();
    if let Some(number) = given.strip_prefix('#') {
        let no = || Mistake::new(format!("\"{given}\" is not a message: messages are #1, #2 and so on"));
        return Ok(MessageSelection::Message(MessageId(whole(number).ok_or_else(no)?)));
    }
    let scope = scope(given, phrase.world)?;
    Ok(MessageSelection::On(scope, filters(phrase)?))
}

fn fault(given: &str) -> Result<FaultId, Mistake> {
    let number = given.strip_prefix('#').unwrap_or(given);
    let no = || {
        Mistake::new(format!(
            "\"{given}\" is not in force: write #3, as rules lists them, all, or nothing for the last"
        ))
    };
    whole(number).map(FaultId).ok_or_else(no)
}

fn time(verb: TimeVerb, phrase: &mut Phrase<'_>) -> Result<ScriptLine, Mistake> {
    let world = phrase.world;
    let rate = match verb {
        TimeVerb::Rate => rate(phrase.need("a rate, such as 1/100")?)?,
        TimeVerb::Freeze => ClockRate::FROZEN,
        TimeVerb::Run => world.last_rate(),
        TimeVerb::Slower => slower(world.time().rate),
        TimeVerb::Faster => faster(world.time().rate),
        TimeVerb::Seek => {
            let to = duration(phrase.need("a time to go to, such as 90s")?, world)?;
            return Ok(ScriptLine::Do(vec![Order::Seek(to)]));
        }
        TimeVerb::Step => {
            let step = step(phrase)?;
            let within = match step {
                Step::For(time) => patience_for(time, phrase)?,
                Step::Message | Step::Timer | Step::Role | Step::Commit => patience(phrase)?,
            };
            return Ok(ScriptLine::Step { step, within });
        }
        TimeVerb::Sleep => {
            let time = some_duration(phrase.need("a time, such as 500ms")?, world)?;
            return Ok(ScriptLine::Sleep { time, within: patience_for(time, phrase)? });
        }
    };
    Ok(ScriptLine::Do(vec![Order::SetRate(rate)]))
}

/// Takes `within 5s`, or the default limit for this much cluster time.
fn patience_for(time: Duration, phrase: &mut Phrase<'_>) -> Result<Duration, Mistake> {
    let takes = phrase.world.last_rate().takes(time).unwrap_or_default();
    Ok(asked_patience(phrase)?.unwrap_or(DEFAULT_PATIENCE.saturating_add(takes)))
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
        Some(given) if given.starts_with(|c: char| c.is_ascii_digit()) => {
            Step::For(some_duration(given, phrase.world)?)
        }
        Some(other) => {
            let hint = hint(other, STEPS);
            let end = if hint.is_empty() {
                ": use message, timer, role, commit or a time such as 10ms"
            } else {
                &hint
            };
            return Err(Mistake::new(format!("\"{other}\" is not a step{end}")));
        }
    })
}

fn store(verb: StoreVerb, phrase: &mut Phrase<'_>) -> Result<ClientRequest, Mistake> {
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
        StoreVerb::Get => {
            let key = take("a key")?;
            of_whom(phrase, Read::Get { key })?
        }
        StoreVerb::List => {
            let prefix = if begins_whom(phrase) { None } else { phrase.next() };
            let prefix = prefix.map(bytes).unwrap_or_default();
            of_whom(phrase, Read::List { prefix, after: None, limit: MAX_LIST })?
        }
    })
}

fn write(write: Write) -> Result<ClientRequest, Mistake> {
    write.check().map_err(|limit| Mistake::new(limit.to_string()))?;
    Ok(ClientOp::Write(write).into())
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

fn script(verb: ScriptVerb, phrase: &mut Phrase<'_>) -> Result<ScriptLine, Mistake> {
    Ok(match verb {
        ScriptVerb::Wait => {
            let until = condition(phrase)?;
            ScriptLine::Wait { until, within: patience(phrase)? }
        }
        ScriptVerb::Expect => match expectation(phrase)? {
            Some(line) => line,
            None => ScriptLine::Expect(condition(phrase)?),
        },
        ScriptVerb::Stays => {
            let condition = condition(phrase)?;
            if !phrase.skip("for") {
                return Err(phrase.lacks("for and a time after the condition"));
            }
            let time = some_duration(phrase.need("a time, such as for 5s")?, phrase.world)?;
            ScriptLine::Stays { condition, time, within: patience_for(time, phrase)? }
        }
        ScriptVerb::Let => binding(phrase)?,
        ScriptVerb::Repeat => repeat(phrase)?,
        ScriptVerb::End => ScriptLine::End,
        ScriptVerb::Check => ScriptLine::Check(phrase.need("a file")?.to_owned()),
        ScriptVerb::Say => ScriptLine::Say(text(phrase)?),
        ScriptVerb::Logs => ScriptLine::Logs,
        ScriptVerb::Rules => ScriptLine::Rules,
        ScriptVerb::Status => ScriptLine::Status,
        ScriptVerb::Save => ScriptLine::Save(phrase.need("a file")?.to_owned()),
        ScriptVerb::Load => ScriptLine::Load(phrase.need("a file")?.to_owned()),
        ScriptVerb::Help => ScriptLine::Help(match phrase.next() {
            None => None,
            Some(name) => Some(word(name).ok_or_else(|| table::unknown(name))?),
        }),
        // These are followed by a line of its own, which is parsed before this.
        ScriptVerb::Try | ScriptVerb::Begin | ScriptVerb::As => return Err(phrase.lacks("a command")),
        ScriptVerb::Quit => ScriptLine::Quit,
    })
}

fn binding(phrase: &mut Phrase<'_>) -> Result<ScriptLine, Mistake> {
    let name = name(phrase)?;
    if !phrase.skip("=") {
        return Err(phrase.lacks("= and a value after the name"));
    }
    let is_quoted = phrase.is_quoted();
    let given = phrase.need("a value: a node, a number, or a figure such as term 2")?;
    if is_quoted {
        return Ok(ScriptLine::Let { name, value: Value::Known(BoundValue::Quoted(given.to_owned())) });
    }
    let figure = |figure, phrase: &mut Phrase<'_>| next_node(phrase).map(|node| Value::Figure(node, figure));
    let value = match given {
        "leader" => Value::Leader,
        "follower" => Value::Follower,
        "term" => figure(Figure::Term, phrase)?,
        "log" => figure(Figure::Log, phrase)?,
        "commit" => figure(Figure::Commit, phrase)?,
        "applied" => figure(Figure::Applied, phrase)?,
        "snapshot" => figure(Figure::Snapshot, phrase)?,
        given => {
            Value::Known(whole(given).map_or_else(|| BoundValue::Text(given.to_owned()), BoundValue::Number))
        }
    };
    Ok(ScriptLine::Let { name, value })
}

fn name(phrase: &mut Phrase<'_>) -> Result<String, Mistake> {
    let given = phrase.need("a name, such as old")?;
    if is_name(given) {
        return Ok(given.to_owned());
    }
    Err(Mistake::new(format!("\"{given}\" is not a name: a letter, then letters, digits and _")))
}

fn repeat(phrase: &mut Phrase<'_>) -> Result<ScriptLine, Mistake> {
    let given = phrase.need("how often, such as 3")?;
    let no = || Mistake::new(format!("\"{given}\" is not a number of times: write 1 to {MAX_REPEATS}"));
    let times = whole(given).filter(|times| (1..=MAX_REPEATS).contains(times)).ok_or_else(no)?;
    let counter = phrase.skip("as").then(|| name(phrase)).transpose()?;
    Ok(ScriptLine::Repeat { times, counter })
}
