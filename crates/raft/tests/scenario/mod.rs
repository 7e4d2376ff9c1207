//! Runs scenario files: plays a cluster on a table line by line, and says at which line it is not as expected.
//! The language is described in `tests/scenarios/README.md`.

mod expect;
mod syntax;

use crate::support::{Cluster, config, disk, identify, incarnation, store};
use bytes::Bytes;
use raftdeck_raft::{
    Config, HardState, LogIndex, MembershipChange, Message, NodeId, ReadId, ReadMode, Restored, Role, Sender,
    Term, Timing,
};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use syntax::{Fields, MessagePattern, Problem, describe, duration, link, node, number, switch, terms};

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// The text of a scenario by its name.
pub(crate) fn text(name: &str) -> String {
    let path = folder().join(format!("{name}.txt"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Plays a scenario. The error names file and line.
pub(crate) fn play(name: &str, text: &str) -> Result<(), Problem> {
    let mut stage = Stage::default();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let played = catch_unwind(AssertUnwindSafe(|| stage.play(&words)));
        let problem = match played {
            Ok(Ok(())) => continue,
            Ok(Err(problem)) => problem,
            Err(panic) => format!("it panics: {}", panic_text(panic.as_ref())),
        };
        return Err(format!("tests/scenarios/{name}.txt:{number}: {line}\n  {problem}"));
    }
    Ok(())
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

/// The cluster, and what the scenario has said of it so far.
#[derive(Default)]
struct Stage {
    /// Members to start with: what their disks hold, and whether they belong to the cluster yet.
    cast: BTreeMap<NodeId, (Restored, bool)>,
    settings: Vec<(String, String)>,
    cluster: Option<Cluster>,
    /// Messages on these links stay where they are when everything is delivered.
    held: BTreeSet<(NodeId, NodeId)>,
    /// Every message that was ever seen on the wire, in order.
    posted: Vec<(NodeId, NodeId, Message)>,
    reads: BTreeMap<String, (NodeId, ReadId)>,
    next_read: u64,
}

impl Stage {
    fn play(&mut self, words: &[&str]) -> Result<(), Problem> {
        let (verb, rest) = words.split_first().expect("a line has a word");
        match (*verb, self.cluster.is_some()) {
            ("start", false) => return self.start(rest),
            ("config", false) => return self.configure(rest),
            ("start" | "config", true) => return Err("the cluster runs already".to_owned()),
            (_, false) => self.begin()?,
            (_, true) => {}
        }
        self.act(verb, rest)?;
        self.finish_writes();
        self.note();
        Ok(())
    }

    /// `start 3`, or `start n1 1,1,2 term=3 vote=n2`, or `start n4 outside`.
    fn start(&mut self, words: &[&str]) -> Result<(), Problem> {
        let (first, rest) = words.split_first().ok_or("start how many, or whom?")?;
        if rest.is_empty() && !first.starts_with('n') {
            self.cast.extend((1..=number(first)?).map(|id| (NodeId(id), (disk(&[]), true))));
            return Ok(());
        }
        let id = node(first)?;
        if rest == ["outside"] {
            self.cast.insert(id, (disk(&[]), false));
            return Ok(());
        }
        let (log, fields) = match rest.split_first() {
            Some((log, fields)) if !log.contains('=') => (terms(log)?, fields),
            _ => (Vec::new(), rest),
        };
        let fields = Fields::of(fields, &["term", "vote"])?;
        let mut restored = disk(&log);
        if let Some(term) = fields.number("term")? {
            restored.hard_state.term = Term(term);
        }
        let vote = fields.get("vote").map(node).transpose()?;
        restored.hard_state = HardState { vote, ..restored.hard_state };
        self.cast.insert(id, (restored, true));
        Ok(())
    }

    fn configure(&mut self, words: &[&str]) -> Result<(), Problem> {
        let known = [
            "prevote",
            "checkquorum",
            "inflight",
            "append-bytes",
            "inflight-bytes",
            "cap",
            "piece-bytes",
            "retained",
            "disk-stall",
            "identities",
        ];
        for (key, value) in Fields::of(words, &known)?.iter() {
            // Said wrongly, it is to be known here, not when the cluster begins.
            apply(&mut config(NodeId(1), 1), key, value)?;
            self.settings.push((key.to_owned(), value.to_owned()));
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Problem> {
        if self.cast.is_empty() {
            return Err("nobody is there: the first line is 'start 3' or the like".to_owned());
        }
        let voters: BTreeSet<NodeId> =
            self.cast.iter().filter(|(_, (_, inside))| *inside).map(|(id, _)| *id).collect();
        let mut members = Vec::new();
        for (id, (restored, inside)) in &self.cast {
            let voters = if *inside { voters.clone() } else { BTreeSet::new() };
            let mut config = Config::new(*id, voters, Timing::FAST);
            for (key, value) in &self.settings {
                apply(&mut config, key, value)?;
            }
            members.push((config, restored.clone()));
        }
        self.cluster = Some(Cluster::with(members, 1));
        Ok(())
    }

    fn cluster(&mut self) -> &mut Cluster {
        self.cluster.as_mut().expect("`begin` came first")
    }

    fn act(&mut self, verb: &str, words: &[&str]) -> Result<(), Problem> {
        match (verb, words) {
            ("campaign", [who]) => self.campaign(who),
            ("elect", [who]) => self.elect(who),
            ("timeout", [who]) => self.timeout(who, false),
            ("heartbeat", [who]) => self.timeout(who, true),
            ("propose", [who, command, answer @ ..]) => self.propose(who, command, answer),
            ("deliver", []) => self.deliver_all(None),
            ("deliver", [which, "all"]) => self.deliver_all(Some(link(which)?)),
            ("deliver", ["old", which @ ..]) => self.deliver_old(which, false),
            ("deliver", ["former", which @ ..]) => self.deliver_old(which, true),
            ("deliver", which) => self.deliver_one(which),
            ("drop", ["all"]) => {
                self.cluster().wire.clear();
                Ok(())
            }
            ("drop", [which, "all"]) => self.drop_all(which),
            ("drop", which) => self.take(which).map(drop),
            ("hold", [which]) => {
                self.held.insert(link(which)?);
                Ok(())
            }
            ("release", [which]) => {
                self.held.remove(&link(which)?);
                Ok(())
            }
            ("cut", [which]) => self.cut(which),
            ("isolate", [who]) => self.up_or_down(who).map(|id| self.cluster().partition(&[id])),
            ("heal", []) => {
                self.cluster().heal();
                Ok(())
            }
            ("sync", [who]) => self.sync(who, false),
            ("sync", [who, "all"]) => self.sync(who, true),
            ("sync", [who, "backwards"]) => self.sync_backwards(who),
            ("auto-sync", [state, who @ ..]) => self.auto_sync(state, who),
            ("crash", [who]) => self.up(who).map(|id| self.cluster().crash(id)),
            ("restart", [who]) => self.restart(who),
            ("wipe", [who]) => self.up_or_down(who).map(|id| self.cluster().wipe(id)),
            ("lose", [who, last]) => {
                let (id, last) = (self.up_or_down(who)?, LogIndex(number(last)?));
                self.cluster().lose_after(id, last);
                Ok(())
            }
            ("read", [who, name]) => self.read(who, name, ReadMode::Index),
            ("read", [who, name, "lease"]) => self.read(who, name, ReadMode::Lease),
            ("transfer", [who, to, answer @ ..]) => self.transfer(who, to, answer),
            ("add", [who, whom, answer @ ..]) => {
                let node = node(whom)?;
                let incarnation =
                    self.cluster().members.contains_key(&node).then(|| self.cluster().incarnation(node));
                let incarnation = incarnation.flatten();
                self.change(
                    who,
                    MembershipChange::AddLearner { node, address: String::new(), incarnation },
                    answer,
                )
            }
            ("promote", [who, whom, answer @ ..]) => {
                self.change(who, MembershipChange::Promote { node: node(whom)? }, answer)
            }
            ("remove", [who, whom, answer @ ..]) => {
                self.change(who, MembershipChange::Remove { node: node(whom)? }, answer)
            }
            ("snapshot", [who]) => {
                let id = self.up(who)?;
                self.cluster().take_snapshot(id);
                Ok(())
            }
            ("tune", [who, fields @ ..]) => self.tune(who, fields),
            ("pause", [who, time]) => self.pause(who, time),
            ("pass", [time]) => duration(time).map(|time| self.cluster().run(time)),
            ("idle", [time]) => duration(time).map(|time| {
                let cluster = self.cluster();
                cluster.now = cluster.now + time;
            }),
            ("expect", words) => self.expect(words),
            _ => Err("this is not understood: see tests/scenarios/README.md".to_owned()),
        }
    }

    fn up_or_down(&mut self, word: &str) -> Result<NodeId, Problem> {
        let id = node(word)?;
        self.cluster().members.contains_key(&id).then_some(id).ok_or_else(|| format!("there is no {id}"))
    }

    /// A member that runs.
    fn up(&mut self, word: &str) -> Result<NodeId, Problem> {
        let id = self.up_or_down(word)?;
        if self.cluster().members[&id].raft.is_none() {
            return Err(format!("{id} is down"));
        }
        Ok(id)
    }

    /// Its election timer runs out when nobody stands by a leader any more; the others do not act.
    fn campaign(&mut self, who: &str) -> Result<(), Problem> {
        let id = self.up(who)?;
        let cluster = self.cluster();
        if cluster.status(id).role == Role::Leader {
            return Err(format!("{id} leads: 'heartbeat {id}' lets its timer run out"));
        }
        cluster.now = cluster.now + Timing::FAST.election_max;
        cluster.time_out(id);
        Ok(())
    }

    fn elect(&mut self, who: &str) -> Result<(), Problem> {
        let id = self.up(who)?;
        // A first campaign may only teach it the others' term.
        for _ in 0..3 {
            self.campaign(who)?;
            self.deliver_all(None)?;
            if self.cluster().status(id).role == Role::Leader {
                return Ok(());
            }
        }
        Err(format!("{id} is not elected in three campaigns"))
    }

    /// Whatever its timer is for happens now: a campaign, a heartbeat or the check for a quorum.
    fn timeout(&mut self, who: &str, as_leader: bool) -> Result<(), Problem> {
        let id = self.up(who)?;
        if as_leader && self.cluster().status(id).role != Role::Leader {
            return Err(format!("{id} does not lead"));
        }
        self.cluster().time_out(id);
        Ok(())
    }

    fn propose(&mut self, who: &str, command: &str, answer: &[&str]) -> Result<(), Problem> {
        let id = self.up(who)?;
        let cluster = self.cluster();
        let proposed = cluster.raft(id).propose(Bytes::copy_from_slice(command.as_bytes()));
        cluster.collect(id);
        answered(proposed.map(drop), answer)
    }

    /// Finishes the writes of the disks that are not held.
    fn finish_writes(&mut self) {
        let cluster = self.cluster();
        for id in cluster.alive() {
            cluster.collect(id);
            while !cluster.member(id).disk_is_held && (cluster.finish_write(id) || cluster.finish_job(id)) {}
        }
    }

    /// Notes what is new on the wire, so that it can come again later.
    fn note(&mut self) {
        let cluster = self.cluster.as_ref().expect("`begin` came first");
        for posted in &cluster.wire {
            if !self.posted.contains(posted) {
                self.posted.push(posted.clone());
            }
        }
    }

    /// Until nothing moves on this link, or on all that are not held.
    fn deliver_all(&mut self, only: Option<(NodeId, NodeId)>) -> Result<(), Problem> {
        for _ in 0..100_000 {
            self.finish_writes();
            self.note();
            let held = self.held.clone();
            let cluster = self.cluster();
            let next = cluster.wire.iter().position(|(from, to, _)| {
                only.map_or(!held.contains(&(*from, *to)), |link| link == (*from, *to))
            });
            let Some((from, to, message)) = next.and_then(|at| cluster.wire.remove(at)) else {
                return Ok(());
            };
            cluster.deliver(from, to, message);
        }
        Err("the cluster never comes to rest".to_owned())
    }

    fn deliver_one(&mut self, words: &[&str]) -> Result<(), Problem> {
        let (from, to, message) = self.take(words)?;
        self.cluster().deliver(from, to, message);
        Ok(())
    }

    /// A message that was sent before comes, for the first time or again.
    fn deliver_old(&mut self, words: &[&str], by_first_disk: bool) -> Result<(), Problem> {
        let which = MessagePattern::of(words)?;
        let mut found = self.posted.iter().filter(|posted| which.fits(posted));
        let (from, to, message) = found
            .nth(which.nth - 1)
            .cloned()
            .ok_or_else(|| missing("no such message was ever sent", self.posted.iter()))?;
        if by_first_disk {
            self.cluster().deliver_from(Sender::new(from, incarnation(from, 1)), to, message);
        } else {
            self.cluster().deliver(from, to, message);
        }
        Ok(())
    }

    /// Takes a message off the wire.
    fn take(&mut self, words: &[&str]) -> Result<(NodeId, NodeId, Message), Problem> {
        let which = MessagePattern::of(words)?;
        let cluster = self.cluster();
        let mut places = (0..cluster.wire.len()).filter(|place| which.fits(&cluster.wire[*place]));
        let place = places.nth(which.nth - 1);
        let taken = place.and_then(|place| cluster.wire.remove(place));
        taken.ok_or_else(|| missing("no such message is on its way", cluster.wire.iter()))
    }

    fn drop_all(&mut self, which: &str) -> Result<(), Problem> {
        let link = link(which)?;
        self.cluster().wire.retain(|(from, to, _)| (*from, *to) != link);
        Ok(())
    }

    /// `n1-n2` both ways, `n1>n2` one way.
    fn cut(&mut self, word: &str) -> Result<(), Problem> {
        if let Some((a, b)) = word.split_once('-') {
            let (a, b) = (node(a)?, node(b)?);
            self.cluster().cut(a, b);
        } else {
            let link = link(word)?;
            self.cluster().cuts.insert(link);
        }
        Ok(())
    }

    fn sync(&mut self, who: &str, all: bool) -> Result<(), Problem> {
        let id = self.up(who)?;
        let cluster = self.cluster();
        if !cluster.finish_write(id) && !cluster.finish_job(id) {
            return Err(format!("{id}'s disk has nothing to do"));
        }
        while all && (cluster.finish_write(id) || cluster.finish_job(id)) {}
        Ok(())
    }

    /// All writes are done, and the core hears of the newest first.
    fn sync_backwards(&mut self, who: &str) -> Result<(), Problem> {
        let id = self.up(who)?;
        let cluster = self.cluster();
        let now = cluster.now;
        let member = cluster.member(id);
        let writes: Vec<_> = member.writes.drain(..).collect();
        for write in &writes {
            store(&mut member.disk, write);
        }
        for write in writes.into_iter().rev() {
            cluster.wire.extend(write.then_send.into_iter().map(|e| (id, e.to, e.message)));
            cluster.raft(id).handle_persisted(write.ticket, now);
        }
        cluster.collect(id);
        Ok(())
    }

    /// Time passes, and the member is told that it stood still.
    fn pause(&mut self, who: &str, time: &str) -> Result<(), Problem> {
        let id = self.up(who)?;
        let time = duration(time)?;
        let cluster = self.cluster();
        cluster.now = cluster.now + time;
        let now = cluster.now;
        cluster.raft(id).handle_pause(now);
        cluster.collect(id);
        Ok(())
    }

    fn auto_sync(&mut self, state: &str, who: &[&str]) -> Result<(), Problem> {
        let is_held = !switch(state)?;
        let ids = match who {
            [] => self.cluster().ids(),
            who => who.iter().map(|word| self.up_or_down(word)).collect::<Result<_, _>>()?,
        };
        for id in ids {
            self.cluster().member(id).disk_is_held = is_held;
        }
        Ok(())
    }

    fn restart(&mut self, who: &str) -> Result<(), Problem> {
        let id = self.up_or_down(who)?;
        if self.cluster().members[&id].raft.is_some() {
            return Err(format!("{id} is not down"));
        }
        self.cluster().restart(id);
        Ok(())
    }

    fn read(&mut self, who: &str, name: &str, mode: ReadMode) -> Result<(), Problem> {
        let id = self.up(who)?;
        self.next_read += 1;
        let read = ReadId(self.next_read);
        self.reads.insert(name.to_owned(), (id, read));
        let cluster = self.cluster();
        let now = cluster.now;
        cluster.raft(id).read(read, mode, now).map_err(|error| format!("it is refused: {error}"))?;
        cluster.collect(id);
        Ok(())
    }

    fn transfer(&mut self, who: &str, to: &str, answer: &[&str]) -> Result<(), Problem> {
        let (id, to) = (self.up(who)?, node(to)?);
        let cluster = self.cluster();
        let now = cluster.now;
        let started = cluster.raft(id).transfer_leadership(to, now);
        cluster.collect(id);
        answered(started, answer)
    }

    fn change(&mut self, who: &str, step: MembershipChange, answer: &[&str]) -> Result<(), Problem> {
        let id = self.up(who)?;
        let cluster = self.cluster();
        let now = cluster.now;
        let started = cluster.raft(id).change_membership(&[step], now);
        cluster.collect(id);
        answered(started, answer)
    }

    fn tune(&mut self, who: &str, words: &[&str]) -> Result<(), Problem> {
        let id = self.up(who)?;
        let fields = Fields::of(words, &["prevote", "checkquorum"])?;
        let cluster = self.cluster();
        let now = cluster.now;
        let mut tuning = cluster.status(id).tuning;
        if let Some(state) = fields.get("prevote") {
            tuning.pre_vote = switch(state)?;
        }
        if let Some(state) = fields.get("checkquorum") {
            tuning.check_quorum = switch(state)?;
        }
        cluster.raft(id).tune(tuning, now).map_err(|error| error.to_string())
    }
}

/// `-> too early`: the call is refused with a sentence that has these words. Without it the call succeeds.
fn answered<E: std::fmt::Display>(result: Result<(), E>, answer: &[&str]) -> Result<(), Problem> {
    match (result, answer) {
        (Ok(()), []) => Ok(()),
        (Err(error), []) => Err(format!("it is refused: {error}")),
        (Ok(()), ["->", ..]) => Err("it is not refused".to_owned()),
        (Err(error), ["->", words @ ..]) => {
            let (said, expected) = (error.to_string(), words.join(" "));
            said.contains(&expected).then_some(()).ok_or(format!("it is refused with other words: {said}"))
        }
        _ => Err("after the call comes nothing, or '->' and words of the refusal".to_owned()),
    }
}

fn apply(config: &mut Config, key: &str, value: &str) -> Result<(), Problem> {
    let size = || number(value).map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    match key {
        "prevote" => config.tuning.pre_vote = switch(value)?,
        "checkquorum" => config.tuning.check_quorum = switch(value)?,
        "inflight" => config.max_inflight = size()?,
        "append-bytes" => config.max_append_bytes = size()?,
        "inflight-bytes" => config.max_inflight_bytes = size()?,
        "cap" => config.max_uncommitted_bytes = size()?,
        "piece-bytes" => config.max_piece_bytes = size()?,
        "retained" => config.retained_entries = number(value)?,
        "disk-stall" => config.disk_stall = Some(duration(value)?),
        "identities" if switch(value)? => identify(config),
        "identities" => {}
        _ => return Err(format!("'{key}' is no setting")),
    }
    Ok(())
}

fn missing<'a>(what: &str, messages: impl Iterator<Item = &'a (NodeId, NodeId, Message)>) -> Problem {
    let there: Vec<String> = messages.map(describe).collect();
    format!("{what}; there are:\n    {}", there.join("\n    "))
}
