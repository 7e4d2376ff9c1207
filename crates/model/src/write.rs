//! Values back into words: what is written here is read as the same value.

use crate::client::{ClientLinkFault, ClientRequest};
use crate::command::MessageSelection;
use crate::rule::{Delay, Disturbance, Effect, Matching, Probability, Rule, Scope, Timers, Watch, pairs};
use crate::shapes::Shape;
use raftdeck_protocol::{Consistency, DiskPace};
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The line that brings something into force: `cut 1>3`, `isolate 2`, `pause 1`.
#[must_use]
pub fn disturbance(what: &Disturbance) -> String {
    match what {
        Disturbance::Rules { words, .. } => words.clone(),
        Disturbance::Watch(watch) => self::watch(watch),
        Disturbance::Paused(node) => format!("pause {}", node.0),
        Disturbance::Slowed(node, percent) => format!("slow {} {percent}%", node.0),
        Disturbance::DiskFull(node, bytes) => format!("full {} {}", node.0, size(*bytes)),
        Disturbance::Disk(node, DiskPace::Free) => format!("disk {} heal", node.0),
        Disturbance::Disk(node, DiskPace::Stalled) => format!("disk {} stall", node.0),
        Disturbance::Disk(node, DiskPace::Delayed(delay)) => {
            format!("disk {} delay {}", node.0, duration(*delay))
        }
        Disturbance::Timers(timers) => timers_name(*timers).to_owned(),
        Disturbance::PreVote(node, on) => switch("prevote", *node, *on),
        Disturbance::CheckQuorum(node, on) => switch("check-quorum", *node, *on),
        Disturbance::Timeouts(node, least, most) => {
            format!("timeouts {} {}..{}", node.0, duration(*least), duration(*most))
        }
        Disturbance::Heartbeat(node, interval) => format!("heartbeat {} {}", node.0, duration(*interval)),
        Disturbance::Clock(node, factor) => {
            format!("clock {} {}", node.0, probability(Probability(factor.millionths())))
        }
        Disturbance::ClientAt(client, at) if at.is_empty() => format!("client {}anywhere", client.prefix()),
        Disturbance::ClientAt(client, at) => format!("client {}at {}", client.prefix(), nodes(at)),
        Disturbance::ClientLinks(client, at, fault) => {
            format!("client {}{} {}", client.prefix(), client_link_fault(*fault), nodes(at))
        }
    }
}

/// Says that there is no such message that `verb` could be applied to.
#[must_use]
pub fn nothing_to(verb: &str, which: &MessageSelection) -> String {
    match which {
        MessageSelection::Message(id) => {
            format!("message #{} is neither held nor under way: nothing to {verb}", id.0)
        }
        MessageSelection::On(scope, matching) => {
            let (links, filters) = (self::scope(scope), self::matching(matching));
            format!("no such message is held or under way on {links}{filters}: nothing to {verb}")
        }
    }
}

fn switch(name: &str, node: Option<NodeId>, on: bool) -> String {
    let node = node.map(|node| format!(" {}", node.0)).unwrap_or_default();
    format!("{name} {}{node}", if on { "on" } else { "off" })
}

/// `cut`, `hold`, `lose-answers`.
#[must_use]
pub fn client_link_fault(fault: ClientLinkFault) -> &'static str {
    match fault {
        ClientLinkFault::Cut => "cut",
        ClientLinkFault::Hold => "hold",
        ClientLinkFault::LoseAnswers => "lose-answers",
    }
}

/// `linearizable`, `lease`, `stale`.
#[must_use]
pub fn consistency(consistency: Consistency) -> &'static str {
    match consistency {
        Consistency::Linearizable => "linearizable",
        Consistency::Lease => "lease",
        Consistency::Stale => "stale",
    }
}

/// The parts of a request besides its operation, with a blank before each: ` stale at 3`.
#[must_use]
pub fn of_whom(request: &ClientRequest) -> String {
    let mut line = String::new();
    if request.consistency != Consistency::Linearizable {
        let _ = write!(line, " {}", consistency(request.consistency));
    }
    if let Some(at) = request.at {
        let _ = write!(line, " at {}", at.0);
    }
    line
}

fn timers_name(timers: Timers) -> &'static str {
    match timers {
        Timers::Random => "random",
        Timers::Aligned => "align",
        Timers::Spread => "spread",
    }
}

/// `isolate 2`.
#[must_use]
pub fn shape(shape: &Shape) -> String {
    match shape {
        Shape::Isolate(node) => format!("isolate {}", node.0),
        Shape::Halves(left, right) if left.is_empty() && right.is_empty() => "halves".to_owned(),
        Shape::Halves(left, right) => format!("halves {}|{}", nodes(left), nodes(right)),
        Shape::OneWay(from, to) => format!("one-way {}>{}", from.0, to.0),
        Shape::Bridge(node) => format!("bridge {}", node.0),
        Shape::Ring => "ring".to_owned(),
        Shape::Mute(node) => format!("mute {}", node.0),
        Shape::Deaf(node) => format!("deaf {}", node.0),
        Shape::Flaky(links) => format!("flaky {}", scope(links)),
        Shape::SlowLink(links) => format!("slow-link {}", scope(links)),
        Shape::Wan(placed) => {
            let placed: Vec<_> = placed.iter().map(|(node, region)| format!("{}={region}", node.0)).collect();
            format!("wan {}", placed.join(","))
        }
    }
}

/// `cut 1>3 only VoteReply`.
#[must_use]
pub fn rule(rule: &Rule) -> String {
    let links = scope(&rule.scope);
    let mut line = match &rule.effect {
        Effect::Cut => format!("cut {links}"),
        Effect::Refuse => format!("refuse {links}"),
        Effect::Hold => format!("hold {links}"),
        Effect::Delay(delay) => format!("delay {links} {}", self::delay(*delay)),
        Effect::Lose(chance) => format!("lose {links} {}", probability(*chance)),
        Effect::Duplicate(chance) => format!("duplicate {links} {}", probability(*chance)),
        Effect::Reorder(chance, longest) => {
            format!("reorder {links} {} {}", probability(*chance), duration(*longest))
        }
        Effect::Limit(bytes) => format!("limit {links} {}/s", size(*bytes)),
    };
    line.push_str(&matching(&rule.matching));
    line
}

/// `cut 1>3 and hold 2`.
#[must_use]
pub fn rules(rules: &[Rule]) -> String {
    rules.iter().map(rule).collect::<Vec<_>>().join(" and ")
}

/// `when 2> only RequestVote term 5 then cut 2>3`.
#[must_use]
pub fn watch(watch: &Watch) -> String {
    format!("when {}{} then {}", scope(&watch.scope), matching(&watch.matching), rules(&watch.then))
}

/// ` only RequestVote term 5`, with a blank before each filter; nothing without one.
#[must_use]
pub fn matching(matching: &Matching) -> String {
    let Matching { kinds, terms, indices, next } = matching;
    let mut line = String::new();
    if !kinds.is_empty() {
        let kinds: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        let _ = write!(line, " only {}", kinds.join(","));
    }
    if let Some(terms) = terms {
        let _ = write!(line, " term {}", range(&(terms.start().0..=terms.end().0)));
    }
    if let Some(indices) = indices {
        let _ = write!(line, " index {}", range(&(indices.start().0..=indices.end().0)));
    }
    if let Some(next) = next {
        let _ = write!(line, " next {next}");
    }
    line
}

/// `1>3`, `1-3`, `2`, `1,2|3,4,5`, `*`.
#[must_use]
pub fn scope(scope: &Scope) -> String {
    match scope {
        Scope::All | Scope::Between { from: None, to: None } => "*".to_owned(),
        Scope::Of(of) => nodes(of),
        Scope::Between { from, to } => {
            let side = |side: &Option<BTreeSet<NodeId>>| side.as_ref().map(nodes).unwrap_or_default();
            format!("{}>{}", side(from), side(to))
        }
        Scope::Links(links) => partition(links).unwrap_or_else(|| listed(links)),
    }
}

type Directed = BTreeSet<(NodeId, NodeId)>;

/// `1-2` or `1,2|3` if these are all links between two sides.
fn partition(links: &Directed) -> Option<String> {
    let &(first, _) = links.first()?;
    let reached = |node: NodeId| -> BTreeSet<NodeId> {
        links.iter().filter(|(from, _)| *from == node).map(|(_, to)| *to).collect()
    };
    let right = reached(first);
    let left = reached(*right.first()?);
    let whole: Directed = pairs(&left, &right).into_iter().chain(pairs(&right, &left)).collect();
    let between = if left.len() + right.len() == 2 { '-' } else { '|' };
    (left.is_disjoint(&right) && whole == *links)
        .then(|| format!("{}{between}{}", nodes(&left), nodes(&right)))
}

/// One after the other, `1>3+2-4`.
fn listed(links: &Directed) -> String {
    let shown = |&(from, to): &(NodeId, NodeId)| match (links.contains(&(to, from)), from < to) {
        (true, true) => Some(format!("{}-{}", from.0, to.0)),
        (true, false) => None,
        (false, _) => Some(format!("{}>{}", from.0, to.0)),
    };
    links.iter().filter_map(shown).collect::<Vec<_>>().join("+")
}

/// `1,2`.
#[must_use]
pub fn nodes(nodes: &BTreeSet<NodeId>) -> String {
    nodes.iter().map(|node| node.0.to_string()).collect::<Vec<_>>().join(",")
}

/// `50ms`, `50ms±10ms`, `10ms..90ms`.
#[must_use]
pub fn delay(delay: Delay) -> String {
    match delay {
        Delay::Fixed(time) => duration(time),
        Delay::Uniform(least, most) => format!("{}..{}", duration(least), duration(most)),
        Delay::Normal(mean, deviation) => format!("{}±{}", duration(mean), duration(deviation)),
    }
}

/// `10%`, `0.5%`.
#[must_use]
pub fn probability(chance: Probability) -> String {
    let (whole, below) = (chance.0 / 10_000, chance.0 % 10_000);
    if below == 0 {
        return format!("{whole}%");
    }
    format!("{whole}.{}%", format!("{below:04}").trim_end_matches('0'))
}

/// In the largest unit that is exact: `2s`, `1500ms`, `10us`.
#[must_use]
pub fn duration(time: Duration) -> String {
    let nanos = time.as_nanos();
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    match units.into_iter().find(|(unit, _)| nanos.is_multiple_of(*unit)) {
        _ if nanos == 0 => "0ms".to_owned(),
        Some((unit, name)) => format!("{}{name}", nanos / unit),
        None => format!("{nanos}ns"),
    }
}

/// In the largest unit that is exact: `64KB`, `512B`.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        0 => "0B".to_owned(),
        bytes if bytes.is_multiple_of(1_000_000) => format!("{}MB", bytes / 1_000_000),
        bytes if bytes.is_multiple_of(1_000) => format!("{}KB", bytes / 1_000),
        bytes => format!("{bytes}B"),
    }
}

/// `5`, `5..7`, `5..`.
#[must_use]
pub fn range(range: &RangeInclusive<u64>) -> String {
    match (*range.start(), *range.end()) {
        (least, most) if least == most => least.to_string(),
        (least, u64::MAX) => format!("{least}.."),
        (least, most) => format!("{least}..{most}"),
    }
}

/// `1s..2s`, `..500ms`, `2s..`.
#[must_use]
pub fn durations(range: &RangeInclusive<Duration>) -> String {
    let least = if range.start().is_zero() { String::new() } else { duration(*range.start()) };
    let most = if *range.end() == Duration::MAX { String::new() } else { duration(*range.end()) };
    // At least one of the two is given.
    if least.is_empty() && most.is_empty() { "0ms..".to_owned() } else { format!("{least}..{most}") }
}

/// All that is in force, as a script that brings it into force again.
#[must_use]
pub fn script<'a>(faults: impl IntoIterator<Item = &'a Disturbance>) -> String {
    faults.into_iter().map(|what| disturbance(what) + "\n").collect()
}
