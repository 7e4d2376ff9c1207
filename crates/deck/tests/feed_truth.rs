//! The feed against the truth: many simulated clusters to which much happens, seen completely or with losses. Each sentence is
//! compared with what really happened, of which the viewer may not have seen all. A sentence that claims what was not seen, and is
//! wrong, fails; so does one that these checks do not know.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "fixture/chance.rs"]
mod chance;
#[path = "truth/cluster.rs"]
mod cluster;
mod truth;

use chance::Chance;
use cluster::{Loss, Seen, live, seen};
use raftdeck_deck::app::feed::Feed;
use raftdeck_deck::sentences::{Sentence, Teller};
use raftdeck_deck::times::span;
use raftdeck_model::{LinkState, News, ProcessState};
use raftdeck_raft::{NodeId, Role, Term, TraceEvent};
use std::collections::BTreeSet;
use std::time::Duration;
use truth::{History, Truth};

/// How many clusters.
const SEEDS: u64 = 30;

/// What the parts of a sentence are that this pattern has gaps for: `{}`.
fn parts<'a>(pattern: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = pattern.split("{}");
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut found = Vec::new();
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let end = if piece.is_empty() && pieces.peek().is_none() { rest.len() } else { rest.find(piece)? };
        found.push(&rest[..end]);
        rest = &rest[end + piece.len()..];
    }
    rest.is_empty().then_some(found)
}

fn node(text: &str) -> NodeId {
    NodeId(
        text.strip_prefix('n').and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("{text} is a node")),
    )
}

/// `n1, n3 to n6`.
fn nodes(text: &str) -> Vec<NodeId> {
    let named = |part: &str| match part.split_once(" to ") {
        Some((first, last)) => (node(first).0..=node(last).0).map(NodeId).collect(),
        None => vec![node(part)],
    };
    text.split(", ").flat_map(named).collect()
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is a number"))
}

/// The least and the most that a written duration may be.
fn duration(text: &str) -> (Duration, Duration) {
    let tenths = |text: &str| number(&text.replace('.', ""));
    let (least, step) = if let Some(ms) = text.strip_suffix(" ms") {
        let micros = if ms.contains('.') { tenths(ms) * 100 } else { number(ms) * 1000 };
        (micros, if ms.contains('.') { 100 } else { 1000 })
    } else if let Some(seconds) = text.strip_suffix(" s") {
        (tenths(seconds) * 100_000, 100_000)
    } else {
        let (minutes, seconds) = text.split_once(':').unwrap();
        ((number(minutes) * 60 + number(seconds)) * 1_000_000, 1_000_000)
    };
    (Duration::from_micros(least), Duration::from_micros(least + step))
}

/// Whether a sentence is true; `None`: no such sentence is known.
fn is_true(truth: Truth<'_>, sentence: &Sentence) -> Option<bool> {
    of_campaigns(truth, &sentence.text)
        .or_else(|| of_roles(truth, &sentence.text))
        .or_else(|| of_configurations(truth, sentence))
        .or_else(|| of_links_and_processes(truth, &sentence.text))
        .or_else(|| of_workload(truth, &sentence.text))
        .or_else(|| of_faults(truth, &sentence.text))
        .or_else(|| needs_no_memory(truth, &sentence.text))
}

fn of_campaigns(truth: Truth<'_>, text: &str) -> Option<bool> {
    let starts = |term: &str, pre: bool| {
        matches!(truth.now(), News::Trace { trace: TraceEvent::ElectionStarted { term: of, pre_vote }, .. }
            if of.0 == number(term) && *pre_vote == pre)
    };
    let silence = |who: &str, waited: &str| matches!(truth.cause(node(who)), Some(TraceEvent::TimedOut { waited: real }) if span(*real) == waited);
    if let Some(parts) = parts("{} asks for votes in term {} without waiting for an election timeout", text) {
        let cause = truth.cause(node(parts[0]));
        let is_other = matches!(cause, Some(TraceEvent::TimedOut { .. } | TraceEvent::ToldToCampaign { .. }));
        return Some(starts(parts[1], false) && !is_other && truth.was_ordered_to_campaign(node(parts[0])));
    }
    if let Some(parts) = parts("{} heard no leader for {} and asks for pre-votes in term {}", text) {
        return Some(starts(parts[2], true) && silence(parts[0], parts[1]));
    }
    if let Some(parts) = parts("{} heard no leader for {} and asks for votes in term {}", text) {
        return Some(starts(parts[2], false) && silence(parts[0], parts[1]));
    }
    if let Some(parts) = parts("{} asks for pre-votes in term {}", text) {
        return Some(starts(parts[1], true));
    }
    parts("{} asks for votes in term {}", text).map(|parts| starts(parts[1], false))
}

fn of_roles(truth: Truth<'_>, text: &str) -> Option<bool> {
    let elected = |who: &str, term: &str| {
        matches!(truth.now(), News::Trace { node: by, trace: TraceEvent::RoleChanged { to: Role::Leader, term: of, .. } }
            if *by == node(who) && of.0 == number(term))
    };
    let has_votes = |who: &str, term: &str, votes: &str| {
        truth.voters_for(node(who), Term(number(term))).len() as u64 >= number(votes)
    };
    if let Some(parts) = parts("{} leads term {} with {} of {} votes", text) {
        let members = truth.membership(node(parts[0])).map_or(0, |membership| membership.voters.len() as u64);
        return Some(
            elected(parts[0], parts[1])
                && has_votes(parts[0], parts[1], parts[2])
                && number(parts[3]) == members
                && number(parts[2]) > members / 2,
        );
    }
    if let Some(parts) = parts("{} leads term {} with {} votes, {} needed", text) {
        return Some(
            elected(parts[0], parts[1])
                && has_votes(parts[0], parts[1], parts[2])
                && number(parts[2]) >= number(parts[3]),
        );
    }
    if let Some(parts) = parts("{} leads term {}", text) {
        return Some(elected(parts[0], parts[1]));
    }
    if let Some(parts) = parts("{} follows {} in term {}", text) {
        let (leader, term) = (node(parts[1]), Term(number(parts[2])));
        return Some(node(parts[0]) != leader && truth.has_led(leader, term));
    }
    if let Some(parts) = parts("{} steps down: it saw term {}", text) {
        return Some(truth.left(node(parts[0])) == Some(Role::Leader));
    }
    if let Some(parts) = parts("{} gives up its campaign: {}", text) {
        return Some(matches!(truth.left(node(parts[0])), Some(Role::Candidate | Role::PreCandidate)));
    }
    None
}

fn of_configurations(truth: Truth<'_>, sentence: &Sentence) -> Option<bool> {
    let parts = parts("the configuration is committed: {} {}", &sentence.text)
        .or_else(|| parts("the joint configuration is committed: {}", &sentence.text))?;
    let leader = sentence.node.unwrap();
    let Some(membership) = truth.membership(leader) else { return Some(false) };
    let voters: Vec<String> = membership.voters.iter().map(ToString::to_string).collect();
    let names = sentence.text.contains(&format!(": {} vote", voters.join(" ")));
    Some(truth.leads(leader) && (membership.is_joint() && parts.len() == 1 || names && !voters.is_empty()))
}

fn of_links_and_processes(truth: Truth<'_>, text: &str) -> Option<bool> {
    let states = |from: &str, to: &str| truth.link((node(from), node(to))).collect::<Vec<_>>();
    if let Some(parts) = parts("the link from {} to {} is open again", text) {
        let states = states(parts[0], parts[1]);
        return Some(states[0] == LinkState::Open && states.contains(&LinkState::Cut));
    }
    if let Some(parts) = parts("the link from {} to {} is {}", text) {
        let is = if parts[2] == "cut" { LinkState::Cut } else { LinkState::Open };
        return Some(states(parts[0], parts[1])[0] == is);
    }
    let process = |who: &str| truth.process(node(who)).collect::<Vec<_>>();
    if let Some(parts) = parts("{} was resumed", text) {
        return Some(matches!(
            process(parts[0])[..],
            [ProcessState::Running { .. }, ProcessState::Paused { .. }, ..]
        ));
    }
    if let Some(parts) = parts("{} was {}", text).filter(|parts| !parts[1].contains(' ')) {
        let is = match process(parts[0])[0] {
            ProcessState::Paused { .. } => "paused",
            ProcessState::Killed => "killed",
            ProcessState::Stopped => "stopped",
            _ => "something else",
        };
        return Some(is == parts[1]);
    }
    None
}

fn of_workload(truth: Truth<'_>, text: &str) -> Option<bool> {
    if text.starts_with("a steady workload of small writes") {
        let News::Workload(figures) = truth.now() else { return Some(false) };
        let is_new = truth.workload().nth(1).is_none_or(|(_, before)| !before.running);
        return Some(figures.running && (!text.ends_with("begins") || is_new));
    }
    let rest = text.strip_prefix("the workload is over: ")?;
    let mut figures: Vec<_> = truth.workload().collect();
    let newest = figures[0].1;
    // A gap lasts at least as long as the count is seen to stay, until the load is switched off.
    figures.remove(0);
    let longest = figures.iter().map(|(at, figures)| {
        let others = truth.workload().skip(1).filter(|(_, other)| other.acknowledged == figures.acknowledged);
        others.map(|(other, _)| other.abs_diff(*at)).max().unwrap_or_default()
    });
    let longest = longest.max().unwrap_or_default();
    if rest.starts_with("no write was acknowledged") {
        return Some(newest.acknowledged == 0);
    }
    match rest.split_once("the longest time without one was ") {
        Some((_, gap)) => Some(newest.acknowledged > 0 && duration(gap).1 >= longest),
        None => Some(newest.acknowledged > 0),
    }
}

fn of_faults(truth: Truth<'_>, text: &str) -> Option<bool> {
    let id =
        |text: &str| text.strip_prefix('#').and_then(|text| text.split_once(' ')).map(|(id, _)| number(id));
    let News::InForce { faults } = truth.now() else { return None };
    let is_in_force = faults.iter().any(|fault| Some(fault.id.0) == id(text));
    Some(is_in_force != text.ends_with(" is over"))
}

/// Sentences that say what their update says, and nothing about any other.
fn needs_no_memory(truth: Truth<'_>, text: &str) -> Option<bool> {
    const OF_EVENTS: &[&str] = &[
        "{} starts in term {}",
        "{} votes for {} in term {}",
        "{} would vote for {} in term {} (pre-vote)",
        "{} refuses {} its vote in term {}: {}",
        "{} would not vote for {} in term {} (pre-vote): {}",
        "{} hears {} from {} and has {}",
        "{} is a follower in term {}",
        "{} becomes a follower: it saw term {}",
        "{} steps down: no majority answered it for an election timeout",
        "{} steps down: it is no longer a voter",
        "{} steps down: its disk does not finish its writes",
        "{} knows no leader in term {}",
        "{} appends {} in term {}",
        "{} removed {}, which conflicted with the leader's",
        "{} has committed entries through {}",
        "{} moves the next index of {} back to {}: the log of {} is shorter or different",
        "{} belongs to no cluster yet",
        "{} uses the configuration with voters {}",
        "{} uses a joint configuration: it needs a majority of {} and one of {}",
        "{} knows that the configuration of entry {} is committed",
        "{} sees {} catch up: round {} took {}",
        "{} does not promote {}: it is too slow or cannot be reached",
        "{} starts to hand the leadership to {} and accepts no writes meanwhile",
        "{} stays leader: {} did not take over in time",
        "{} campaigns at once: {} hands over the leadership (TimeoutNow)",
        "{} compacts its log through entry {}",
        "{} is set to a heartbeat of {}",
        "{} notices that it was stopped, or that its clock jumped",
        "{} took a snapshot through entry {}",
        "{} sends {} a snapshot through entry {} instead of log entries",
        "{} installs a snapshot through entry {}",
        "{} ignores {}, which is not a member",
        "{} ignores {}: its disk is not {}, the one in the membership",
        "{} lost entries that it had acknowledged{}",
        "{} has its log through {} again: {} counts it again",
        "{}'s disk {}",
        "{} hears from {} that its disk is stalled",
        "{} gets answers from {} again",
    ];
    match truth.now() {
        News::Trace { .. } => OF_EVENTS.iter().any(|pattern| parts(pattern, text).is_some()).then_some(true),
        News::Cluster { .. }
        | News::Process { .. }
        | News::Ready { .. }
        | News::Change { .. }
        | News::Time(_)
        // A sentence of the source, and what a client was answered.
        | News::Trouble { .. }
        | News::Refused { .. }
        | News::Client { .. }
        | News::Notice { .. }
        | News::NoticeOver { .. } => Some(true),
        _ => None,
    }
}

/// Nothing is missing in a sentence, and a node is not said to do something to itself.
fn is_well_formed(text: &str) -> bool {
    const HOLES: [&str; 8] = ["  ", " ,", " ;", " :", "()", ": ;", ", ,", ":,"];
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
    };
    let subject = text.split(' ').next().unwrap_or_default();
    let is_list = text.contains("configuration") || text.contains("in force") || text.starts_with("put ");
    let is_itself = subject.starts_with('n')
        && subject[1..].parse::<u64>().is_ok()
        && words(&text[subject.len()..]).iter().any(|word| word == subject);
    HOLES.iter().all(|hole| !text.contains(hole))
        && text.trim() == text
        && !text.ends_with([':', ',', ';'])
        && (is_list || !is_itself)
}

/// Whether a sentence about what was lost tells the right number; `None`: it is about something else.
fn tells_loss(seen: &Seen, text: &str) -> Option<bool> {
    let updates = |text: &str| {
        let (count, rest) = text.split_once(' ')?;
        let rest = rest.strip_prefix("updates ").or_else(|| rest.strip_prefix("update "))?;
        (rest.ends_with(" lost here") || rest.ends_with(" not seen")).then(|| number(count))
    };
    if let Some(count) = updates(text) {
        return Some(count == seen.lost);
    }
    let News::Missed { node, count } = &seen.update.what else { return None };
    Some(text.starts_with(&format!("{count} event")) && text.contains(&format!(" of {node} ")))
}

fn assert_true(history: &History, seen: &[Seen], context: &str) {
    let mut teller = Teller::default();
    for item in seen {
        let truth = Truth { history, newest: item.place };
        let told = teller.tell(&item.update);
        let of_loss = told.iter().filter(|told| tells_loss(item, &told.text).is_some()).count();
        let expected =
            usize::from(item.lost > 0) + usize::from(matches!(item.update.what, News::Missed { .. }));
        assert_eq!(of_loss, expected, "{context}: what is lost is told: {told:?}");
        for sentence in told {
            let verdict = tells_loss(item, &sentence.text).or_else(|| is_true(truth, &sentence));
            let what = &item.update.what;
            assert!(verdict.is_some(), "{context}: no check knows \"{}\" ({what:?})", sentence.text);
            assert_eq!(verdict, Some(true), "{context}: \"{}\" is not true ({what:?})", sentence.text);
            let is_quoted = matches!(what, News::Refused { .. } | News::Trouble { .. });
            assert!(is_quoted || is_well_formed(&sentence.text), "{context}: \"{}\"", sentence.text);
        }
    }
}

/// The feed's own doing: stamps, lines for several nodes and links, counts.
fn assert_feed(history: &History, seen: &[Seen], context: &str) {
    let mut feed = Feed::default();
    let (mut snapshots, mut pre_votes) = (0_u64, 0_u64);
    let mut quoted = BTreeSet::new();
    for item in seen {
        if let News::Refused { reason, .. } | News::Trouble { reason } = &item.update.what {
            quoted.insert(reason.clone());
        }
        if let News::Trace { trace, .. } = &item.update.what {
            snapshots += u64::from(matches!(trace, TraceEvent::SnapshotTaken { .. }));
            pre_votes += u64::from(matches!(trace, TraceEvent::ElectionStarted { pre_vote: true, .. }));
        }
        feed.tell(&item.update, item.update.at);
        let News::Link { .. } = item.update.what else { continue };
        let newest = feed.entries().back().unwrap().text();
        if let Some(parts) = parts("{} is cut off from {}", &newest) {
            let truth = Truth { history, newest: item.place };
            for other in nodes(parts[1]) {
                let links = [(node(parts[0]), other), (other, node(parts[0]))];
                let is_cut = |link| truth.link(link).next() == Some(LinkState::Cut);
                assert!(links.into_iter().all(is_cut), "{context}: \"{newest}\" is not true");
            }
        }
    }
    let times: Vec<_> = feed.entries().iter().map(|entry| entry.time).collect();
    assert!(times.is_sorted(), "{context}: stamps go back: {times:?}");
    let mut counted = [0_u64; 2];
    for text in feed.entries().iter().map(raftdeck_deck::app::feed::FeedEntry::text) {
        let times = parts("{} ({} times)", &text).map_or(1, |parts| number(parts[1]));
        counted[0] +=
            if text.contains(" took a snapshot") || text.contains(" took snapshots") { times } else { 0 };
        counted[1] += if text.contains(" asks for pre-votes in term ") { times } else { 0 };
        assert!(quoted.contains(&text) || is_well_formed(&text), "{context}: \"{text}\"");
        if let Some(parts) = parts("{} follow {} in term {}", &text) {
            assert!(parts[0].split(", ").all(|name| name != parts[1]), "{context}: \"{text}\"");
        }
    }
    assert_eq!(counted[0], snapshots, "{context}: snapshots are counted");
    assert!(counted[1] <= pre_votes, "{context}: {} campaigns, {pre_votes} seen", counted[1]);
}

#[test]
fn whatever_happens_and_is_lost_the_feed_says_what_is_true() {
    for seed in 0..SEEDS {
        let history = live(seed);
        for loss in Loss::ALL {
            let mut chance = Chance(seed ^ 0xfeed);
            let seen = seen(&history, loss, &mut chance);
            let context = format!("seed {seed}, lost: {loss:?}");
            assert_true(&history, &seen, &context);
            assert_feed(&history, &seen, &context);
        }
    }
}

/// Only what is seen in no cluster could be claimed without being checked.
#[test]
fn the_simulated_clusters_make_the_feed_say_what_it_is_checked_for() {
    const SAID: &[&str] = &[
        "{} leads term {} with {} of {} votes",
        "{} leads term {} with {} votes, {} needed",
        "{} asks for votes in term {} without waiting for an election timeout",
        "{} heard no leader for {} and asks for votes in term {}",
        "{} steps down: it saw term {}",
        "{} gives up its campaign: it saw term {}",
        "{} becomes a follower: it saw term {}",
        "{} was resumed",
        "the configuration is committed: {} vote",
        "the joint configuration is committed: {}",
        "the workload is over: {}",
        "the link from {} to {} is open again",
        "{} updates were lost here",
        "{} took a snapshot through entry {}",
    ];
    let mut missing: Vec<&str> = SAID.to_vec();
    for seed in 0..SEEDS {
        let history = live(seed);
        for loss in Loss::ALL {
            let mut teller = Teller::default();
            for item in seen(&history, loss, &mut Chance(seed ^ 0xfeed)) {
                for told in teller.tell(&item.update) {
                    missing.retain(|pattern| parts(pattern, &told.text).is_none());
                }
            }
        }
        if missing.is_empty() {
            return;
        }
    }
    panic!("never said: {missing:?}");
}
