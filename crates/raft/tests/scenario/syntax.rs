//! The words of the scenario language: names of members, links, messages and fields.

use raftdeck_raft::{AppendOutcome, LogId, LogIndex, Message, NodeId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What is wrong with a line, or with the cluster at it: a sentence.
pub(super) type Problem = String;

pub(super) fn node(word: &str) -> Result<NodeId, Problem> {
    let number = word.strip_prefix('n').and_then(|digits| digits.parse().ok());
    number.map(NodeId).ok_or_else(|| format!("'{word}' is not a member: members are n1, n2, ..."))
}

pub(super) fn number(word: &str) -> Result<u64, Problem> {
    word.parse().map_err(|_| format!("'{word}' is not a number"))
}

/// `100ms` or `2s`.
pub(super) fn duration(word: &str) -> Result<Duration, Problem> {
    let parsed = match (word.strip_suffix("ms"), word.strip_suffix('s')) {
        (Some(digits), _) => digits.parse().ok().map(Duration::from_millis),
        (None, Some(digits)) => digits.parse().ok().map(Duration::from_secs),
        (None, None) => None,
    };
    parsed.ok_or_else(|| format!("'{word}' is not a time: write 100ms or 2s"))
}

pub(super) fn switch(word: &str) -> Result<bool, Problem> {
    match word {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("'{word}' is neither on nor off")),
    }
}

/// `n1>n2`: the way of messages from n1 to n2.
pub(super) fn link(word: &str) -> Result<(NodeId, NodeId), Problem> {
    let (from, to) = word.split_once('>').ok_or_else(|| format!("'{word}' is not a link: write n1>n2"))?;
    Ok((node(from)?, node(to)?))
}

/// `1,1,4` or nothing, written `-`.
pub(super) fn terms(word: &str) -> Result<Vec<u64>, Problem> {
    if word == "-" {
        return Ok(Vec::new());
    }
    word.split(',').map(number).collect()
}

/// `1,2,3`, or none, written `-`.
pub(super) fn nodes(word: &str) -> Result<BTreeSet<NodeId>, Problem> {
    Ok(terms(word)?.into_iter().map(NodeId).collect())
}

/// `key=value` words, each key once and only known ones.
pub(super) struct Fields<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    pub(super) fn of(words: &[&'a str], known: &[&str]) -> Result<Self, Problem> {
        let mut fields = BTreeMap::new();
        for word in words {
            let (key, value) =
                word.split_once('=').ok_or_else(|| format!("'{word}' is not understood here"))?;
            if !known.contains(&key) {
                return Err(format!("'{key}' is not known here: {} are", known.join(", ")));
            }
            if fields.insert(key, value).is_some() {
                return Err(format!("'{key}' is given twice"));
            }
        }
        Ok(Self(fields))
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).copied()
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, Problem> {
        self.get(key).map(number).transpose()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(key, value)| (*key, *value))
    }
}

/// Which messages are meant: `n1>n2 AppendEntries term=2 prev=3 entries=1 #2`. All but the link may be missing.
pub(super) struct MessagePattern<'a> {
    pub(super) link: (NodeId, NodeId),
    kind: Option<&'a str>,
    fields: Fields<'a>,
    /// `#2`: the second such message.
    pub(super) nth: usize,
}

const KINDS: &[&str] = &[
    "PreVote",
    "PreVoteReply",
    "RequestVote",
    "VoteReply",
    "AppendEntries",
    "AppendReply",
    "TimeoutNow",
    "InstallSnapshot",
    "SnapshotReply",
    "DiskStalled",
];

impl<'a> MessagePattern<'a> {
    pub(super) fn of(words: &[&'a str]) -> Result<Self, Problem> {
        let (first, mut rest) = words.split_first().ok_or("which link? write n1>n2")?;
        let link = link(first)?;
        let mut kind = None;
        if let Some((word, after)) = rest.split_first()
            && !word.contains('=')
            && !word.starts_with('#')
        {
            if !KINDS.contains(word) {
                return Err(format!("'{word}' is not a message: {} are", KINDS.join(", ")));
            }
            (kind, rest) = (Some(*word), after);
        }
        let mut nth = 1;
        if let Some((word, before)) = rest.split_last()
            && let Some(digits) = word.strip_prefix('#')
        {
            nth = usize::try_from(number(digits)?).ok().filter(|n| *n > 0).ok_or("the first is #1")?;
            rest = before;
        }
        let known =
            ["term", "prev", "entries", "commit", "through", "refused", "hint", "granted", "last", "to"];
        Ok(Self { link, kind, fields: Fields::of(rest, &known)?, nth })
    }

    pub(super) fn fits(&self, (from, to, message): &(NodeId, NodeId, Message)) -> bool {
        (*from, *to) == self.link
            && self.kind.is_none_or(|kind| kind == message.name())
            && self.fields.iter().all(|(key, value)| field(message, key).as_deref() == Some(value))
    }
}

/// A message's field as it is written in scenarios.
fn field(message: &Message, key: &str) -> Option<String> {
    let text = |index: LogIndex| Some(index.to_string());
    match (message, key) {
        (_, "term") => Some(message.term().to_string()),
        (Message::PreVote(m) | Message::RequestVote(m), "last") => Some(id(m.last)),
        (Message::PreVoteReply(m) | Message::VoteReply(m), "granted") => {
            Some(if m.granted { "yes" } else { "no" }.to_owned())
        }
        (Message::AppendEntries(m), "prev") => text(m.prev.index),
        (Message::AppendEntries(m), "commit") => text(m.commit),
        (Message::AppendEntries(m), "entries") => Some(m.entries.len().to_string()),
        (Message::AppendReply(m), "through") => match m.outcome {
            AppendOutcome::Matched { through } => text(through),
            AppendOutcome::Conflict { .. } => None,
        },
        (Message::AppendReply(m), "refused" | "hint") => match m.outcome {
            AppendOutcome::Matched { .. } => None,
            AppendOutcome::Conflict { refused, .. } if key == "refused" => text(refused),
            AppendOutcome::Conflict { hint, .. } => text(hint.first),
        },
        (Message::InstallSnapshot(m), "last") => Some(id(m.meta.last)),
        (Message::SnapshotReply(m), "last") => Some(id(m.last)),
        _ => None,
    }
}

/// `term/index`.
pub(super) fn id(id: LogId) -> String {
    format!("{}/{}", id.term, id.index)
}

/// A message for people, when it is not the one that was expected.
pub(super) fn describe((from, to, message): &(NodeId, NodeId, Message)) -> String {
    let keys = ["term", "last", "granted", "prev", "entries", "commit", "through", "refused", "hint"];
    let fields: Vec<_> =
        keys.iter().filter_map(|key| field(message, key).map(|value| format!("{key}={value}"))).collect();
    format!("{from}>{to} {} {}", message.name(), fields.join(" "))
}
