//! `expect ...`: what must be so at this point of a scenario.

use super::syntax::{Fields, MessagePattern, Problem, id, node, nodes, number};
use super::{Stage, missing};
use raftdeck_raft::{LogIndex, NodeId, Payload, Role, Status};

const STATE: &[&str] = &[
    "term", "vote", "leader", "log", "commit", "applied", "durable", "voters", "outgoing", "learners",
    "purged", "snapshot", "votes", "writes", "disk",
];

impl Stage {
    pub(super) fn expect(&mut self, words: &[&str]) -> Result<(), Problem> {
        self.finish_writes();
        self.note();
        match words {
            ["no", "leader"] => self.expect_leaders(&[]),
            ["leader", who] => {
                let id = node(who)?;
                self.expect_leaders(&[id])
            }
            ["sent", which @ ..] => self.expect_sent(which, true),
            ["not", "sent", which @ ..] => self.expect_sent(which, false),
            ["applied", who, commands @ ..] => self.expect_applied(who, commands),
            ["read", name, fate] => self.expect_read(name, fate),
            ["event", who, event] => self.expect_event(who, event, true),
            ["no", "event", who, event] => self.expect_event(who, event, false),
            [who, rest @ ..] => self.expect_member(who, rest),
            [] => Err("expect what?".to_owned()),
        }
    }

    fn expect_leaders(&mut self, expected: &[NodeId]) -> Result<(), Problem> {
        let leaders = self.cluster().leaders();
        same("leaders", &list(&leaders), &list(expected))
    }

    fn expect_sent(&mut self, words: &[&str], wanted: bool) -> Result<(), Problem> {
        let which = MessagePattern::of(words)?;
        let wire = &self.cluster().wire;
        let found = wire.iter().filter(|posted| which.fits(posted)).count();
        match wanted {
            true if found < which.nth => Err(missing("no such message is on its way", wire.iter())),
            false if found >= which.nth => Err(missing("such a message is on its way", wire.iter())),
            _ => Ok(()),
        }
    }

    /// The commands, all of them and in order; no-ops and memberships are left out.
    fn expect_applied(&mut self, who: &str, commands: &[&str]) -> Result<(), Problem> {
        let id = self.up(who)?;
        let entries = &self.cluster().members[&id].applied;
        let applied: Vec<String> = entries
            .iter()
            .filter_map(|entry| match &entry.payload {
                Payload::Command(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
                _ => None,
            })
            .collect();
        let nothing = |list: &[String]| if list.is_empty() { "nothing".to_owned() } else { list.join(" ") };
        let expected: Vec<String> =
            commands.iter().filter(|word| **word != "nothing").map(ToString::to_string).collect();
        same("applied", &nothing(&applied), &nothing(&expected))
    }

    fn expect_read(&mut self, name: &str, fate: &str) -> Result<(), Problem> {
        let (id, read) = *self.reads.get(name).ok_or_else(|| format!("there is no read '{name}'"))?;
        let found = match self.cluster().granted(id, read) {
            None => "waiting",
            Some(true) => "granted",
            Some(false) => "refused",
        };
        same("the read", found, fate)
    }

    fn expect_event(&mut self, who: &str, event: &str, wanted: bool) -> Result<(), Problem> {
        let id = self.up_or_down(who)?;
        let trace = &self.cluster().members[&id].trace;
        let happened = trace.iter().any(|seen| {
            let text = format!("{seen:?}");
            text.split([' ', '{']).next() == Some(event)
        });
        match (happened, wanted) {
            (false, true) => Err(format!("{id} tells of no {event}, but of:\n    {trace:?}")),
            (true, false) => Err(format!("{id} tells of it:\n    {trace:?}")),
            _ => Ok(()),
        }
    }

    /// `expect n1 leader term=2 log=1,1,2`; the role may be missing.
    fn expect_member(&mut self, who: &str, words: &[&str]) -> Result<(), Problem> {
        let member = self.up_or_down(who)?;
        let is_up = self.cluster().members[&member].raft.is_some();
        if words == ["down"] {
            return if is_up { Err(format!("{member} is up")) } else { Ok(()) };
        }
        self.up(who)?;
        let status = self.cluster().status(member);
        let (role, fields) = match words.split_first() {
            Some((word, rest)) if !word.contains('=') => (Some(*word), rest),
            _ => (None, words),
        };
        if let Some(role) = role {
            same("role", &status.role.to_string(), known_role(role)?)?;
        }
        let (of_peers, fields): (Vec<&str>, Vec<&str>) = fields.iter().partition(|word| word.contains('.'));
        for word in of_peers {
            expect_peer(&status, word)?;
        }
        for (key, value) in Fields::of(&fields, STATE)?.iter() {
            let found = self.state(&status, key);
            same(key, &found, &canonical(key, value)?)?;
        }
        Ok(())
    }

    fn state(&mut self, status: &Status, key: &str) -> String {
        let member = |id: Option<NodeId>| id.map_or("none".to_owned(), |id| id.to_string());
        let members =
            |ids: &std::collections::BTreeSet<NodeId>| list(&ids.iter().copied().collect::<Vec<_>>());
        match key {
            "term" => status.term.to_string(),
            "vote" => member(status.vote),
            "leader" => member(status.leader),
            "log" => self.log(status),
            "commit" => status.committed.to_string(),
            "applied" => status.applied.to_string(),
            "durable" => status.durable.to_string(),
            "voters" => members(&status.membership.voters),
            "outgoing" => members(&status.membership.outgoing),
            "learners" => members(&status.membership.learners),
            "purged" => status.purged.to_string(),
            "snapshot" => id(status.snapshot),
            "votes" => {
                list(&status.votes.iter().filter(|(_, yes)| *yes).map(|(id, _)| *id).collect::<Vec<_>>())
            }
            "disk" => if status.disk_stalled { "stalled" } else { "well" }.to_owned(),
            "writes" => self.cluster().members[&status.id].writes.len().to_string(),
            _ => unreachable!("`STATE` lists the keys"),
        }
    }

    /// The terms, after the index behind which the log starts: `5:2,2`, or `2,2` for a whole log.
    fn log(&mut self, status: &Status) -> String {
        let first = status.purged.next();
        let entries = self.cluster().raft(status.id).entries(first, usize::MAX);
        let terms: Vec<String> = entries.map(|entry| entry.id.term.to_string()).collect();
        let terms = if terms.is_empty() { "-".to_owned() } else { terms.join(",") };
        if status.purged == LogIndex::ZERO { terms } else { format!("{}:{terms}", status.purged) }
    }
}

/// `match.n2=3` or `next.n2=4` or `state.n2=Probe`: what a leader knows of a follower.
fn expect_peer(status: &Status, word: &str) -> Result<(), Problem> {
    let (key, expected) = word.split_once('=').ok_or_else(|| format!("'{word}' is not understood here"))?;
    let (what, who) = key.split_once('.').ok_or_else(|| format!("'{word}' is not understood here"))?;
    let id = node(who)?;
    let peer = status.peers.iter().find(|peer| peer.id == id);
    let peer = peer.ok_or_else(|| format!("{} knows nothing of {id}", status.id))?;
    let found = match what {
        "match" => peer.matched.to_string(),
        "next" => peer.next.to_string(),
        "state" => format!("{:?}", peer.state),
        "disk" => if peer.disk_stalled.is_some() { "stalled" } else { "well" }.to_owned(),
        _ => return Err(format!("'{what}' is not known of a follower: match, next, state and disk are")),
    };
    same(key, &found, expected)
}

fn known_role(word: &str) -> Result<&str, Problem> {
    let roles = [Role::Follower, Role::PreCandidate, Role::Candidate, Role::Leader];
    let known = roles.iter().any(|role| role.to_string() == word);
    known
        .then_some(word)
        .ok_or_else(|| format!("'{word}' is no role: follower, pre-candidate, candidate, leader"))
}

/// Checks what is expected, so that a slip in a scenario does not read like a flaw of the core.
fn canonical(key: &str, value: &str) -> Result<String, Problem> {
    match key {
        "voters" | "outgoing" | "learners" | "votes" => {
            Ok(list(&nodes(value)?.into_iter().collect::<Vec<_>>()))
        }
        "vote" | "leader" if value != "none" => Ok(node(value)?.to_string()),
        "term" | "commit" | "applied" | "durable" | "purged" | "writes" => Ok(number(value)?.to_string()),
        _ => Ok(value.to_owned()),
    }
}

fn list(ids: &[NodeId]) -> String {
    if ids.is_empty() {
        return "-".to_owned();
    }
    ids.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(",")
}

fn same(what: &str, found: &str, expected: &str) -> Result<(), Problem> {
    if found == expected {
        return Ok(());
    }
    Err(format!("expected {what} {expected}, found {found}"))
}
