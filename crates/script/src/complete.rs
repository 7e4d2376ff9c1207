//! Completion of a line.

use crate::answers::{CLIENT, CONSISTENCIES, EXPECTATIONS};
use crate::condition::{CONDITIONS, ROLES};
use crate::group::Group;
use crate::table::{FILTERS, RULES, Slot, WORDS, Word, is_filter, word};
use crate::tokens::scan;
use crate::verb::{ClusterVerb, LinkVerb, NodeVerb, ScriptVerb, Verb};
use raftdeck_model::{FrameKind, World, write};
use raftdeck_raft::NodeId;

/// One possible completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The line is kept up to this byte, and the text follows.
    pub start: usize,
    /// The text from there on.
    pub text: String,
    /// What it means; may be empty.
    pub about: &'static str,
}

/// How the piece at the line's end, or the next one, could be completed; the likeliest first.
#[must_use]
pub fn complete(line: &str, world: &World) -> Vec<Completion> {
    let (mut tokens, open_quote) = scan(line);
    let is_named = line.ends_with(" #") && !tokens.is_empty();
    if open_quote || line.trim_start().starts_with('#') {
        return Vec::new();
    }
    let begun = if is_named || line.ends_with(char::is_whitespace) { None } else { tokens.pop() };
    let (mut given, mut start) = begun.map_or((String::new(), line.len()), |token| (token.text, token.start));
    if is_named {
        // The beginning of `#12`, not of a comment.
        (given, start) = ("#".to_owned(), line.len() - 1);
    }
    let pieces: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
    let offers = match pieces.split_first() {
        None => WORDS.iter().map(|word| Offer { text: word.name.to_owned(), about: word.about }).collect(),
        Some((first, pieces)) => match word(first) {
            Some(meant) => Completing { world, given: &given }.of(meant, pieces),
            None => Vec::new(),
        },
    };
    // In a list only the last part is completed.
    let within = offers.iter().any(|offer| offer.text.contains(','));
    let mut last = given.as_str();
    if let Some(at) = given.rfind(',').filter(|_| !within && !pieces.is_empty()) {
        start += at + 1;
        last = &given[at + 1..];
    }
    let fits = |offer: &Offer| {
        let lower = offer.text.to_lowercase();
        lower.starts_with(&last.to_lowercase()) && offer.text != last
    };
    let whole = |offer: Offer| Completion { start, text: offer.text, about: offer.about };
    offers.into_iter().filter(fits).map(whole).collect()
}

struct Offer {
    text: String,
    about: &'static str,
}

fn plain<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Offer> {
    texts.into_iter().map(|text| Offer { text: text.to_owned(), about: "" }).collect()
}

/// The context of a completion.
struct Completing<'a> {
    world: &'a World,
    /// What is already typed of the piece.
    given: &'a str,
}

impl Completing<'_> {
    fn of(&self, word: &Word, mut pieces: &[&str]) -> Vec<Offer> {
        if word.verb == Verb::Cluster(ClusterVerb::Client) && pieces.last() == Some(&"anywhere") {
            return Vec::new();
        }
        for slot in word.slots {
            match (slot, pieces) {
                (Slot::Filters, _) => {
                    return self.filters(pieces, true, word.verb == Verb::Link(LinkVerb::When));
                }
                (Slot::More, []) => return plain(["and"]),
                (Slot::More, _) => return Vec::new(),
                (Slot::Condition, _) => return self.condition(word, pieces),
                (Slot::Line, [first, rest @ ..]) => {
                    return crate::table::word(first).map_or_else(Vec::new, |word| self.of(word, rest));
                }
                (Slot::Message, [first, rest @ ..]) => {
                    let named = first.starts_with('#') || *first == "all";
                    return if named { Vec::new() } else { self.filters(rest, false, false) };
                }
                (Slot::Whom, _) => return self.whom(pieces),
                // A client's name was given.
                (Slot::Client, [first, rest @ ..]) if !CLIENT.contains(first) => match rest {
                    [] => return self.slot(word, Slot::Of(&CLIENT)),
                    [_, rest @ ..] => pieces = rest,
                },
                // It may be left out.
                (Slot::Free(_), [first, ..]) if is_filter(first) => {}
                (_, []) => return self.slot(word, *slot),
                (_, [_, rest @ ..]) => pieces = rest,
            }
        }
        Vec::new()
    }

    fn slot(&self, word: &Word, slot: Slot) -> Vec<Offer> {
        match slot {
            Slot::Node => self.nodes(),
            Slot::Nodes => {
                let mut offers = self.nodes();
                if word.group == Group::Process {
                    offers.extend(plain(["all"]));
                }
                if word.verb == Verb::Node(NodeVerb::Restart) {
                    offers.extend(plain(["down"]));
                }
                offers
            }
            Slot::Links => self.links(),
            Slot::Of(words) | Slot::Free(words) => plain(words.iter().copied()),
            Slot::Fault => {
                let ids = self.world.in_force().iter().rev().map(|fault| format!("#{}", fault.id.0));
                ids.chain(["all".to_owned()]).map(|text| Offer { text, about: "" }).collect()
            }
            Slot::Message => {
                let ids = self.world.open_messages().map(|message| format!("#{}", message.id.0));
                let all = ["all".to_owned()].into_iter();
                let mut offers: Vec<Offer> = all.chain(ids).map(|text| Offer { text, about: "" }).collect();
                offers.extend(self.links());
                offers
            }
            Slot::Word | Slot::Line => {
                WORDS.iter().map(|word| Offer { text: word.name.to_owned(), about: word.about }).collect()
            }
            Slot::Client => plain(CLIENT),
            Slot::Filters | Slot::More | Slot::Condition | Slot::Whom => Vec::new(),
        }
    }

    /// How new a read is, and which node is asked.
    fn whom(&self, pieces: &[&str]) -> Vec<Offer> {
        if let [.., "at"] = pieces {
            return self.nodes();
        }
        let consistencies = CONSISTENCIES.map(write::consistency);
        let has_any = pieces.iter().any(|piece| consistencies.contains(piece));
        let left = consistencies.into_iter().filter(|_| !has_any);
        plain(left.chain(["at"]).filter(|word| !pieces.contains(word)))
    }

    fn nodes(&self) -> Vec<Offer> {
        let leader = self.world.leader().map(|_| "leader".to_owned());
        let named = self.world.nodes().map(|node| node.id.0.to_string());
        leader.into_iter().chain(named).map(|text| Offer { text, about: "" }).collect()
    }

    /// Once a node is typed, its links.
    fn links(&self) -> Vec<Offer> {
        let offer = |text: String, about| Offer { text, about };
        let nodes = self.world.ids();
        let mut offers = vec![offer("*".to_owned(), "all links")];
        for node in &nodes {
            offers.push(offer(node.0.to_string(), "all to and from it"));
        }
        if self.given.is_empty() {
            return offers;
        }
        let first = |node: &&NodeId| self.given.starts_with(&node.0.to_string());
        for from in nodes.iter().filter(first) {
            for to in nodes.iter().filter(|to| *to != from) {
                offers.push(offer(format!("{}>{}", from.0, to.0), "one way"));
                offers.push(offer(format!("{}-{}", from.0, to.0), "both ways"));
            }
            offers.push(offer(format!("{}>", from.0), "all it sends"));
        }
        for node in &nodes {
            offers.push(offer(format!(">{}", node.0), "all it gets"));
        }
        offers
    }

    fn filters(&self, mut pieces: &[&str], joins: bool, watches: bool) -> Vec<Offer> {
        let mut left: Vec<&str> = FILTERS.to_vec();
        loop {
            match pieces {
                [] => {
                    let next = if watches { "then" } else { "and" };
                    return plain(left.into_iter().chain(joins.then_some(next)));
                }
                ["then" | "and", rest @ ..] => return self.rule(rest),
                [_] if pieces == ["only"] => return plain(FrameKind::ALL.map(FrameKind::name)),
                [_] => return Vec::new(),
                [filter, _, rest @ ..] => {
                    left.retain(|other| other != filter);
                    pieces = rest;
                }
            }
        }
    }

    fn rule(&self, pieces: &[&str]) -> Vec<Offer> {
        if let Some(at) = pieces.iter().position(|piece| *piece == "and") {
            return self.rule(&pieces[at + 1..]);
        }
        let Some((first, rest)) = pieces.split_first() else { return plain(RULES) };
        let Some(word) = word(first).filter(|word| word.rule().is_some()) else { return Vec::new() };
        self.of(word, rest)
    }

    fn condition(&self, word: &Word, pieces: &[&str]) -> Vec<Offer> {
        let after = match word.verb {
            Verb::Script(ScriptVerb::Wait) => plain(["within"]),
            Verb::Script(ScriptVerb::Stays) => plain(["for"]),
            _ => Vec::new(),
        };
        let expects = word.verb == Verb::Script(ScriptVerb::Expect);
        match pieces {
            [] if expects => return plain(CONDITIONS.into_iter().chain(EXPECTATIONS)),
            ["get", _] if expects => return plain(["none"]),
            ["get", _, _, rest @ ..] if expects && rest.last() != Some(&"within") => {
                return self.whom(rest).into_iter().chain(plain(["within"])).collect();
            }
            ["stored" | "refused" | "in-doubt"] if expects => return plain(["within"]),
            [.., "within"] => return plain(["5s", "30s", "1m"]),
            [.., "for"] => return plain(["500ms", "2s", "10s"]),
            [.., "within", _] => return Vec::new(),
            [.., "for", _] => return plain(["within"]),
            _ => {}
        }
        // In nested conditions only the last one is completed.
        let joins = |piece: &&str| matches!(*piece, "not" | "any" | "all" | "of" | "or" | "and");
        let is_within = pieces.first().is_some_and(joins);
        let last = pieces.iter().rposition(|piece| is_within && joins(piece)).map_or(0, |at| at + 1);
        let first = pieces.first().copied();
        let more = match first {
            Some("any") => plain(["or"]),
            Some("all") => plain(["and"]),
            _ => Vec::new(),
        };
        self.simple_condition(&pieces[last..], after.into_iter().chain(more).collect())
    }

    /// A condition without nested conditions, and what may follow it.
    fn simple_condition(&self, pieces: &[&str], after: Vec<Offer>) -> Vec<Offer> {
        match pieces {
            [] => plain(CONDITIONS),
            ["leader"] => self.nodes().into_iter().chain(plain(["none"])).chain(after).collect(),
            ["up" | "down"] => self.nodes().into_iter().chain(after).collect(),
            ["members" | "voters" | "learners"] | ["vote", _] => {
                self.nodes().into_iter().chain(plain(["none"])).collect()
            }
            [
                "role" | "term" | "log" | "terms" | "commit" | "applied" | "snapshot" | "vote" | "votes"
                | "voter" | "learner" | "member" | "wiped",
            ] => self.nodes(),
            ["role", _] => plain(ROLES.map(|(name, _)| name)),
            ["gap" | "longest-gap"] => plain(["..500ms", "1s.."]),
            ["term" | "log" | "terms" | "commit" | "applied" | "snapshot" | "votes", _]
            | ["held" | "under-way" | "in-force"] => Vec::new(),
            ["held" | "under-way", _] => {
                self.links().into_iter().chain(plain(FILTERS)).chain(after).collect()
            }
            ["held" | "under-way", _, first, ..] if is_filter(first) => {
                self.filters(&pieces[2..], false, false)
            }
            ["held" | "under-way", _, _, rest @ ..] => self.filters(rest, false, false),
            _ => after,
        }
    }
}
