//! `raftdeck client status`: the state of each node, once or continuously.
//!
//! ```text
//! status          {"address":"127.0.0.1:8080","node":1,"role":"leader","term":2,"leader":1,"last":17,"committed":17,"applied":17,
//!                  "keys":3,"has_quorum":true,"disk":{"stalled":false,"wait_ms":null},"refused":[{"node":3,"reason":"..."}],
//!                  "notices":[]}
//!                 {"address":"127.0.0.1:8081","error":"..."}
//!                 {"address":null,"node":3,"error":"..."}      a member whose address is unknown
//! status --watch  {"at_ms":0,"leader":1,"term":2,"answering":[1,3],"silent":["127.0.0.1:8081"]}   leader null: none
//! ```
//!
//! `disk`: for how long no write has finished while one waits, null: none waits. `refused`: the nodes that this one has no connection
//! with, as one refuses the other. `notices`: the conditions that need an operator. A role is follower, `pre_candidate`, candidate or
//! leader. `status` prints an object per node, `--watch` one per change: of those that were named, and of the other members.

use super::output::print;
use super::reply::{Form, Reply};
use super::roster::{NodeAnswers, Roster, RosterAnswers, why};
use crate::incoming::signals;
use color_eyre::eyre::{Result, WrapErr};
use crossterm::{cursor, terminal};
use raftdeck_client::Client;
use raftdeck_deck::times::span;
use raftdeck_protocol::printable::{self, Printable};
use raftdeck_protocol::{NodeStatus, RefusedPeer};
use raftdeck_raft::{NodeId, Role, Term};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;

/// How often the nodes are asked during a watch.
const EVERY: Duration = Duration::from_millis(200);

/// A node that does not answer for this long counts as silent during a watch.
const PATIENCE: Duration = Duration::from_secs(1);

/// The state of each node, once.
pub(crate) async fn carry_out(
    client: &Client,
    addresses: &[String],
    deadline: Duration,
    form: Form,
) -> Reply {
    let RosterAnswers { answers, named, unplaced } = Roster::new(addresses).ask(client, deadline).await;
    let mut reply = Reply::default();
    for (nth, (address, status)) in answers.iter().enumerate() {
        match (status, form) {
            (Ok(status), Form::Json) => reply.json(&status_json(address, status)),
            (Ok(status), Form::Plain { .. }) => reply.line(&status_words(status)),
            (Err(error), Form::Json) => {
                reply.json(&json!({ "address": address, "error": why(error) }));
            }
            _ => {}
        }
        if let Err(error) = status {
            reply.incomplete |= nth < named;
            let why = why(error);
            let is_named = why.starts_with(address.as_str());
            reply.notes.push(if is_named { why } else { format!("{address}: {why}") });
        }
    }
    for id in unplaced {
        const NOWHERE: &str = "no node reports its address: name it with --cluster";
        reply.notes.push(format!("{id}: {NOWHERE}"));
        if form == Form::Json {
            reply.json(&json!({ "address": null, "node": id, "error": NOWHERE }));
        }
    }
    if form == Form::Quiet
        && let Some((leader, _)) = leader(&answers)
    {
        reply.line(&leader.to_string());
    }
    reply
}

/// Shows the leader until Ctrl-C or the end of the output; returns the exit status.
pub(crate) async fn watch(client: &Client, addresses: &[String], form: Form) -> Result<u8> {
    let started = Instant::now();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut screen = Screen::default();
    let roster = Roster::new(addresses);
    let mut before = None;
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let answers = tokio::select! {
            biased;
            heard = &mut interrupt => {
                heard.wrap_err("signals cannot be received")?;
                return Ok(0);
            }
            answers = async { ticks.tick().await; roster.ask(client, PATIENCE).await.answers } => answers,
        };
        if signals::is_closed(&io::stdout()) {
            return Ok(0);
        }
        let text = if form == (Form::Plain { for_eyes: true }) {
            screen.refreshed(&table(&answers))
        } else {
            let view = WatchedLine::of(&answers);
            let line = view.line(form, started.elapsed());
            let changed = before.as_ref() != Some(&view);
            before = Some(view);
            if changed { line } else { String::new() }
        };
        print(text.as_bytes())?;
    }
}

/// The leader, according to the nodes with the highest term that have a majority.
fn leader(answers: &NodeAnswers) -> Option<(NodeId, Term)> {
    let known = answers.iter().filter_map(|(_, status)| status.as_ref().ok()).map(|status| &status.raft);
    let claims = known.filter(|raft| raft.has_quorum).filter_map(|raft| Some((raft.leader?, raft.term)));
    claims.max_by_key(|(_, term)| *term)
}

/// The content of a line of the watch: another line is printed when it changes.
#[derive(Debug, PartialEq, Eq)]
struct WatchedLine {
    leader: Option<(NodeId, Term)>,
    answering: Vec<NodeId>,
    silent: Vec<String>,
}

impl WatchedLine {
    fn of(answers: &NodeAnswers) -> Self {
        let mut answering: Vec<NodeId> =
            answers.iter().filter_map(|(_, status)| Some(status.as_ref().ok()?.raft.id)).collect();
        answering.sort_unstable();
        answering.dedup();
        let silent = answers.iter().filter(|(_, status)| status.is_err());
        let silent = silent.map(|(address, _)| address.clone()).collect();
        Self { leader: leader(answers), answering, silent }
    }

    fn line(&self, form: Form, at: Duration) -> String {
        let mut line = match form {
            Form::Json => printable::json(&self.json(at).to_string()).into_owned(),
            Form::Quiet => self.leader.map_or_else(|| "none".to_owned(), |(leader, _)| leader.to_string()),
            Form::Plain { .. } => format!("{:9.3}  {}", at.as_secs_f64(), printable::line(&self.words())),
        };
        line.push('\n');
        line
    }

    fn words(&self) -> String {
        let mut text = leads(self.leader);
        if !self.silent.is_empty() {
            let _ = write!(text, "; no answer from {}", self.silent.join(", "));
        }
        text
    }

    fn json(&self, at: Duration) -> Value {
        json!({
            "at_ms": u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            "leader": self.leader.map(|(leader, _)| leader),
            "term": self.leader.map(|(_, term)| term),
            "answering": self.answering,
            "silent": self.silent,
        })
    }
}

fn leads(leader: Option<(NodeId, Term)>) -> String {
    leader
        .map_or_else(|| "no node leads".to_owned(), |(leader, term)| format!("{leader} leads in term {term}"))
}

/// The lines that are shown on a terminal.
fn table(answers: &NodeAnswers) -> Vec<String> {
    let mut lines = vec![leads(leader(answers)), String::new()];
    lines.push("node  role           term    last  committed  applied    keys  address".to_owned());
    for (address, status) in answers {
        lines.push(match status {
            Ok(NodeStatus { raft, keys, .. }) => format!(
                "{:<4}  {:<13}  {:>4}  {:>6}  {:>9}  {:>7}  {keys:>6}  {address}",
                raft.id.to_string(),
                raft.role,
                raft.term.0,
                raft.last.index.0,
                raft.committed.0,
                raft.applied.0
            ),
            Err(_) => format!("?     no answer      {:>35}  {address}", ""),
        });
    }
    let known = answers.iter().filter_map(|(_, status)| status.as_ref().ok());
    let matters: Vec<String> = known
        .flat_map(|status| {
            matters(status).into_iter().map(|sentence| format!("{}: {sentence}", status.raft.id))
        })
        .collect();
    if !matters.is_empty() {
        lines.push(String::new());
        lines.extend(matters);
    }
    lines.extend([String::new(), "Ctrl-C ends it".to_owned()]);
    lines
}

/// A few lines of a terminal that are overwritten repeatedly.
#[derive(Debug, Default)]
struct Screen {
    shown: u16,
}

impl Screen {
    fn refreshed(&mut self, lines: &[String]) -> String {
        // Lines beyond the screen would scroll, and could not be overwritten.
        let (columns, rows) = terminal::size().unwrap_or((80, 24));
        let lines = lines.iter().take(usize::from(rows.saturating_sub(1)));
        let mut text = Vec::new();
        if self.shown > 0 {
            // Writing to a vector cannot fail.
            let _ = crossterm::queue!(text, cursor::MoveToPreviousLine(self.shown));
        }
        let _ = crossterm::queue!(text, terminal::Clear(terminal::ClearType::FromCursorDown));
        self.shown = 0;
        for line in lines {
            let fitting: String = printable::line(line).chars().take(usize::from(columns)).collect();
            let _ = write!(text, "{fitting}\r\n");
            self.shown += 1;
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn status_words(status: &NodeStatus) -> String {
    let raft = &status.raft;
    let follows = raft.leader.map_or_else(|| "no leader".to_owned(), |leader| format!("leader {leader}"));
    let mut words = format!(
        "{}: {} in term {}, {follows}, last entry {}, committed {}, applied {}, {} keys",
        raft.id, raft.role, raft.term, raft.last.index, raft.committed, raft.applied, status.keys
    );
    for sentence in matters(status) {
        let _ = write!(words, "\n    {}", Printable(&sentence));
    }
    words
}

/// The conditions that need an operator, as this node reports them: its disk, its notices, and the nodes that it has no connection with.
fn matters(status: &NodeStatus) -> Vec<String> {
    let raft = &status.raft;
    let waited = raft.disk_wait.filter(|_| raft.disk_stalled);
    let disk =
        waited.map(|wait| format!("its disk is stalled: it has not finished a write for {}", span(wait)));
    let notices = status.notices.iter().map(|notice| notice.text.clone());
    // For a node that came back with another disk, the notice says more than the refusal that follows from it.
    let is_told = |peer: &&RefusedPeer| status.notices.iter().any(|notice| notice.about == peer.id);
    let refused = status.refused.iter().filter(|peer| !is_told(peer));
    let refused = refused.map(|peer| format!("no connection with {}: {}", peer.id, peer.reason));
    disk.into_iter().chain(notices).chain(refused).collect()
}

fn status_json(address: &str, status: &NodeStatus) -> Value {
    let raft = &status.raft;
    json!({
        "address": address,
        "node": raft.id,
        "role": role(raft.role),
        "term": raft.term,
        "leader": raft.leader,
        "last": raft.last.index,
        "committed": raft.committed,
        "applied": raft.applied,
        "keys": status.keys,
        "has_quorum": raft.has_quorum,
        "disk": {
            "stalled": raft.disk_stalled,
            "wait_ms": raft.disk_wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        },
        "refused": status.refused.iter().map(refused_json).collect::<Vec<_>>(),
        "notices": status.notices.iter().map(|notice| &notice.text).collect::<Vec<_>>(),
    })
}

fn refused_json(peer: &RefusedPeer) -> Value {
    json!({ "node": peer.id, "reason": peer.reason.to_string() })
}

fn role(role: Role) -> String {
    role.to_string().replace('-', "_")
}
