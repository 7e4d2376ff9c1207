//! What `raftdeck up --json` prints: one JSON object per line and event, in a shape that programs may rely on.
//!
//! These shapes are a contract of their own, apart from the lab's vocabulary, so that the latter can grow without breaking the
//! former. Fields are only ever added. Every line has `event`, and `at_ms`, the time since the start. The `id` of `client` and
//! `refused` counts the commands that were sent. Messages are hundreds of lines a second even in a quiet cluster. So they are printed
//! only with `--messages`: a line for each state of each message that the source reports ([`JsonLines::with_messages`]).
//!
//! ```text
//! {"event":"cluster","nodes":[1,2,3],"heartbeat_ms":50,"election_ms":[150,300],"data_dir":null,"at_ms":0}
//! {"event":"process","node":1,"state":"starting","pid":4711,"at_ms":3}        running, paused: with pid, unless the nodes are simulated
//! {"event":"process","node":1,"state":"killed","at_ms":3}
//! {"event":"process","node":1,"state":"failed","how":"…","last_words":["…"],"at_ms":3}
//! {"event":"ready","node":1,"raft":"127.0.0.1:8080","client":"…","http":"…","at_ms":9}
//! {"event":"started","node":1,"term":0,"last":0,"at_ms":9}                    from what its disk held
//! {"event":"timeout","node":1,"waited_ms":214,"at_ms":9}
//! {"event":"election","node":1,"term":2,"pre_vote":true,"at_ms":9}
//! {"event":"vote","node":3,"candidate":1,"term":2,"pre_vote":true,"granted":true,"at_ms":9}
//! {"event":"role","node":1,"from":"follower","to":"leader","term":2,"at_ms":9}
//! {"event":"step_down","node":1,"reason":"higher_term","term":3,"at_ms":9}    other_leader, quorum_lost, removed, disk_stalled
//! {"event":"leader","node":2,"leader":1,"term":2,"at_ms":9}                   the leader that it follows, or null
//! {"event":"commit","node":1,"index":42,"at_ms":9}                            at most ten per second per node
//! {"event":"truncate","node":1,"from":8,"to":9,"at_ms":9}
//! {"event":"membership","node":1,"index":12,"voters":[1,2,3,4],"outgoing":[1,2,3],"learners":[],"at_ms":9}
//! {"event":"membership_committed","node":1,"index":12,"at_ms":9}
//! {"event":"caught_up","node":1,"learner":4,"round":1,"took_ms":12,"at_ms":9}
//! {"event":"promotion_given_up","node":1,"learner":4,"at_ms":9}
//! {"event":"transfer","node":1,"to":3,"at_ms":9}                              it hands over
//! {"event":"transfer_given_up","node":1,"to":3,"at_ms":9}
//! {"event":"told_to_campaign","node":3,"leader":1,"at_ms":9}
//! {"event":"snapshot_taken","node":1,"last":1000,"size":4096,"at_ms":9}
//! {"event":"snapshot_sending","node":1,"to":4,"last":1000,"at_ms":9}
//! {"event":"snapshot_installed","node":4,"last":1000,"kept_log":false,"at_ms":9}
//! {"event":"purge","node":1,"through":900,"at_ms":9}
//! {"event":"tuned","node":1,"heartbeat_ms":50,"election_ms":[150,300],"pre_vote":true,"check_quorum":true,"at_ms":9}
//! {"event":"paused","node":1,"at_ms":9}                                       it was stopped for a while, or its clock jumped
//! {"event":"disk_slow","node":1,"waited_ms":312,"at_ms":9}                    no write finished for this long
//! {"event":"disk_stalled","node":1,"waited_ms":500,"at_ms":9}                 it neither leads nor campaigns
//! {"event":"disk_recovered","node":1,"waited_ms":4100,"at_ms":9}
//! {"event":"follower_disk_stalled","node":1,"follower":3,"waited_ms":500,"at_ms":9}
//! {"event":"follower_disk_recovered","node":1,"follower":3,"at_ms":9}
//! {"event":"stranger_ignored","node":1,"from":2,"disk":null,"expected":"3fa9…","at_ms":9}  an answer that does not count
//! {"event":"went_back","node":1,"follower":3,"confirmed":9,"found":4,"at_ms":9}   it lost what it had confirmed
//! {"event":"refilled","node":1,"follower":3,"through":9,"at_ms":9}
//! {"event":"snapshot_refused","node":1,"follower":3,"last":1000,"reason":"...","at_ms":9}
//! {"event":"notice","node":1,"about":3,"kind":"empty_disk","text":"...","at_ms":9}  or founding, removed
//! {"event":"notice_over","node":1,"about":3,"kind":"empty_disk","at_ms":9}
//! {"event":"peer_refused","node":1,"peer":3,"reason":"...","at_ms":9}         no connection: one refuses the other
//! {"event":"peer_admitted","node":1,"peer":3,"at_ms":9}                       node 1 no longer reports that
//! {"event":"change","node":3,"step":"replacing","at_ms":9}                    of an addition, removal, replacement, transfer
//! {"event":"link","from":1,"to":3,"state":"cut","at_ms":9}                    or refused, open
//! {"event":"missed","node":1,"count":12,"at_ms":9}                            events that are not here
//! {"event":"time","rate":0.01,"now_us":5000,"at_ms":9}                        cluster time: its rate, and the time
//! {"event":"in_force","faults":[{"id":3,"words":"cut 1>3"}],"at_ms":9}        all that can be undone
//! {"event":"message","id":12,"from":1,"to":2,"kind":"VoteReply","term":3,"granted":true,"entries":0,"fields":"…","sent_us":812,"state":"delivered","then_us":2812,"at_ms":9}
//! {"event":"messages_skipped","count":7,"at_ms":9}                            with --messages, as is message
//! {"event":"client","id":1,"asked":"get a","node":2,"answer":"blue","at_ms":9}
//! {"event":"client","id":1,"asked":"put a 1","failed":"…","fate":"in_doubt","at_ms":9}  or nothing_changed
//! {"event":"client","id":1,"client":"alice","asked":"get a","at":3,"consistency":"stale",…}  by name, of one node, or not linearizable
//! {"event":"refused","id":2,"reason":"...","at_ms":9}                         a command could not be carried out
//! {"event":"trouble","reason":"...","at_ms":9}                                an error that no command caused
//! {"event":"answer","to":"rules","lines":["..."],"at_ms":9}                   to say, logs, rules, status, save, store, help
//! ```

mod event;

use event::{Event, InForce, ProcessEvent, RequestOutcome};
use raftdeck_deck::sentences::{answered, asked};
use raftdeck_model::{
    ClientName, ClientOutcome, ClientRequest, ClusterTime, Fault, Known, MessageId, MessageReport,
    MessageState, News, ProcessState, StoreOutcome, write,
};
use raftdeck_protocol::{ClockRate, Consistency, Notice, NoticeKind, ResponseBody, printable};
use raftdeck_raft::{Incarnation, LogIndex, Membership, NodeId, Role, StepDownReason, TraceEvent, Tuning};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A node's commits are printed at most this often.
const COMMIT_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Serialize)]
struct JsonLine<'a> {
    #[serde(flatten)]
    event: Event<'a>,
    at_ms: u64,
}

/// Turns updates into lines of JSON.
#[derive(Debug, Default)]
pub struct JsonLines {
    commits: BTreeMap<NodeId, Commits>,
    /// The last printed state of each message that is held or under way; `None`: messages were not requested.
    messages: Option<BTreeMap<MessageId, MessageState>>,
}

/// When a node's commit index was last printed, and the index that is still to be printed.
#[derive(Debug, Default)]
struct Commits {
    told_at: Option<Duration>,
    untold: Option<LogIndex>,
}

impl Commits {
    fn due(&self) -> Duration {
        self.told_at.map_or(Duration::ZERO, |at| at + COMMIT_EVERY)
    }
}

impl JsonLines {
    /// The same, with a line for each message when it is new on its link and whenever its state changes.
    #[must_use]
    pub fn with_messages() -> Self {
        Self { messages: Some(BTreeMap::new()), ..Self::default() }
    }

    /// The lines, without line ends, for an update at this time since the start.
    pub fn tell(&mut self, update: &News, now: Duration) -> Vec<String> {
        if let News::Trace { node, trace: TraceEvent::Committed { through } } = update {
            self.commits.entry(*node).or_default().untold = Some(*through);
            return self.due_lines(now);
        }
        let mut lines = self.due_lines(now);
        match (update, &mut self.messages) {
            (News::Messages { messages, skipped }, Some(told)) => {
                let news = messages.iter().filter(|message| is_news(told, message));
                lines.extend(news.map(|report| line(message(report), now)));
                let skipped = (*skipped > 0).then_some(Event::MessagesSkipped { count: *skipped });
                lines.extend(skipped.map(|event| line(event, now)));
            }
            _ => lines.extend(event(update).map(|event| line(event, now))),
        }
        lines
    }

    /// Delayed lines that are due by now.
    pub fn due_lines(&mut self, now: Duration) -> Vec<String> {
        let mut lines = Vec::new();
        for (node, commits) in &mut self.commits {
            if commits.due() <= now
                && let Some(index) = commits.untold.take()
            {
                commits.told_at = Some(now);
                lines.push(line(Event::Commit { node: *node, index }, now));
            }
        }
        lines
    }

    /// When [`JsonLines::due_lines`] next has a line, if nothing else happens.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        self.commits.values().filter(|commits| commits.untold.is_some()).map(Commits::due).min()
    }
}

/// Whether a message has another state than was printed; remembers it until its state is final.
fn is_news(told: &mut BTreeMap<MessageId, MessageState>, message: &MessageReport) -> bool {
    let before = if message.state.is_over() {
        told.remove(&message.id)
    } else {
        told.insert(message.id, message.state)
    };
    before != Some(message.state)
}

fn message(report: &MessageReport) -> Event<'_> {
    let MessageReport { id, from, to, kind, term, index, granted, entries, fields, sent, state } = report;
    let (state, then) = match state {
        MessageState::UnderWay { due } => ("under_way", Some(*due)),
        MessageState::Held => ("held", None),
        MessageState::Delivered { at } => ("delivered", Some(*at)),
        MessageState::Lost { at } => ("lost", Some(*at)),
    };
    Event::Message {
        id: id.0,
        from: *from,
        to: *to,
        kind: *kind,
        term: *term,
        index: *index,
        granted: *granted,
        entries: *entries,
        fields,
        sent_us: whole_micros(*sent),
        state,
        then_us: then.map(whole_micros),
    }
}

fn whole_micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn line(event: Event<'_>, now: Duration) -> String {
    let json = serde_json::to_string(&JsonLine { event, at_ms: whole_millis(now) })
        .expect("an event is made of strings, numbers and lists, which all have a form in JSON");
    printable::json(&json).into_owned()
}

fn event(update: &News) -> Option<Event<'_>> {
    Some(match update {
        News::Cluster { nodes, heartbeat_ms, election_ms, data_dir } => Event::Cluster {
            nodes,
            heartbeat_ms: *heartbeat_ms,
            election_ms: *election_ms,
            data_dir: data_dir.get().map_or(Known::Unknown, Known::Is),
        },
        News::Process { node, state } => Event::Process { node: *node, state: process(state) },
        News::Ready { node, addresses } => Event::Ready { node: *node, addresses },
        News::Trace { node, trace } => return trace_event(*node, trace),
        News::Notice { node, notice: Notice { about, kind, text } } => {
            Event::Notice { node: *node, about: *about, kind: notice_kind(kind), text }
        }
        News::NoticeOver { node, notice: Notice { about, kind, .. } } => {
            Event::NoticeOver { node: *node, about: *about, kind: notice_kind(kind) }
        }
        News::PeerRefused { node, peer, reason } => {
            Event::PeerRefused { node: *node, peer: *peer, reason: reason.to_string() }
        }
        News::PeerAdmitted { node, peer } => Event::PeerAdmitted { node: *node, peer: *peer },
        News::Change { node, step } => Event::Change { node: *node, step: *step },
        News::Missed { node, count } => Event::Missed { node: *node, count: *count },
        News::Link { from, to, state } => Event::Link { from: *from, to: *to, state: *state },
        News::Time(ClusterTime { rate, now }) => Event::Time {
            rate: f64::from(rate.millionths()) / f64::from(ClockRate::REAL.millionths()),
            now_us: whole_micros(*now),
        },
        News::InForce { faults } => {
            let line = |fault: &Fault| InForce { id: fault.id.0, words: write::disturbance(&fault.what) };
            Event::InForce { faults: faults.iter().map(line).collect() }
        }
        News::Client { id, request, outcome, .. } => client(id.0, request, outcome),
        News::Refused { id, reason } => Event::Refused { id: id.0, reason },
        News::Trouble { reason } => Event::Trouble { reason },
        // Gathered figures and frequent updates.
        News::Status { .. }
        | News::Frames { .. }
        | News::Messages { .. }
        | News::Done { .. }
        | News::Log { .. }
        | News::Output { .. }
        | News::Workload(_) => return None,
    })
}

fn client<'a>(id: u64, request: &'a ClientRequest, outcome: &ClientOutcome) -> Event<'a> {
    let fate = match outcome.judged() {
        StoreOutcome::Done(_) => None,
        StoreOutcome::Refused(_) => Some("nothing_changed"),
        StoreOutcome::InDoubt(_) => Some("in_doubt"),
    };
    let (node, outcome) = match outcome {
        ClientOutcome::Answered { node, body: ResponseBody::Done { answer, .. } } => {
            (Some(*node), RequestOutcome::Answer(answered(answer)))
        }
        ClientOutcome::Answered { node, body: ResponseBody::Failed(failure) } => {
            (Some(*node), RequestOutcome::Failed(failure.to_string()))
        }
        ClientOutcome::Answered { node, .. } => {
            (Some(*node), RequestOutcome::Failed("an answer to a different request".to_owned()))
        }
        ClientOutcome::Failed { reason, .. } => (None, RequestOutcome::Failed(reason.clone())),
    };
    let ClientRequest { client, op, at, consistency } = request;
    let client = match client {
        ClientName::Own => None,
        ClientName::Named(name) => Some(name.as_str()),
    };
    let is_usual = *consistency == Consistency::Linearizable;
    let consistency = (!is_usual).then(|| write::consistency(*consistency));
    Event::Client { id, client, asked: asked(op), at: *at, consistency, node, outcome, fate }
}

/// The line with the answer to a word.
#[must_use]
pub fn answer(to: &str, lines: &[String], now: Duration) -> String {
    line(Event::Answer { to, lines }, now)
}

fn process(state: &ProcessState) -> ProcessEvent<'_> {
    match state {
        ProcessState::Starting { pid } => ProcessEvent::Starting { pid: *pid },
        ProcessState::Running { pid } => ProcessEvent::Running { pid: *pid },
        ProcessState::Paused { pid } => ProcessEvent::Paused { pid: *pid },
        ProcessState::Killed => ProcessEvent::Killed,
        ProcessState::Stopped => ProcessEvent::Stopped,
        ProcessState::Failed { how, last_words } => ProcessEvent::Failed { how, last_words },
        ProcessState::Unreachable { why } => ProcessEvent::Unreachable { why },
    }
}

fn trace_event(node: NodeId, trace: &TraceEvent) -> Option<Event<'_>> {
    if let TraceEvent::MembershipChanged { index, membership } = trace {
        let Membership { voters, outgoing, learners, .. } = membership;
        return Some(Event::Membership { node, index: *index, voters, outgoing, learners });
    }
    Some(match *trace {
        TraceEvent::Started { term, last, .. } => Event::Started { node, term, last },
        TraceEvent::TimedOut { waited } => Event::Timeout { node, waited_ms: whole_millis(waited) },
        TraceEvent::ElectionStarted { term, pre_vote } => Event::Election { node, term, pre_vote },
        TraceEvent::VoteGranted { candidate, term, pre_vote } => {
            Event::Vote { node, candidate, term, pre_vote, granted: true }
        }
        TraceEvent::VoteRefused { candidate, term, pre_vote, .. } => {
            Event::Vote { node, candidate, term, pre_vote, granted: false }
        }
        TraceEvent::RoleChanged { from, to, term } => {
            Event::Role { node, from: role(from), to: role(to), term }
        }
        TraceEvent::SteppedDown { reason, term } => {
            let reason = match reason {
                StepDownReason::HigherTerm => "higher_term",
                StepDownReason::OtherLeader => "other_leader",
                StepDownReason::QuorumLost => "quorum_lost",
                StepDownReason::Removed => "removed",
                StepDownReason::DiskStalled => "disk_stalled",
            };
            Event::StepDown { node, reason, term }
        }
        TraceEvent::LeaderChanged { leader, term } => Event::Leader { node, leader, term },
        TraceEvent::Truncated { from, to } => Event::Truncate { node, from, to },
        TraceEvent::Committed { through } => Event::Commit { node, index: through },
        TraceEvent::MembershipCommitted { index } => Event::MembershipCommitted { node, index },
        TraceEvent::CaughtUp { learner, round, took } => {
            Event::CaughtUp { node, learner, round, took_ms: whole_millis(took) }
        }
        TraceEvent::PromotionGivenUp { learner } => Event::PromotionGivenUp { node, learner },
        TraceEvent::TransferStarted { to } => Event::Transfer { node, to },
        TraceEvent::TransferGivenUp { to } => Event::TransferGivenUp { node, to },
        TraceEvent::ToldToCampaign { leader } => Event::ToldToCampaign { node, leader },
        TraceEvent::SnapshotTaken { last, size } => Event::SnapshotTaken { node, last: last.index, size },
        TraceEvent::SnapshotSending { to, last } => Event::SnapshotSending { node, to, last: last.index },
        TraceEvent::SnapshotInstalled { last, kept_log } => {
            Event::SnapshotInstalled { node, last: last.index, kept_log }
        }
        TraceEvent::Purged { through } => Event::Purge { node, through: through.index },
        TraceEvent::Tuned { tuning: Tuning { timing, pre_vote, check_quorum } } => Event::Tuned {
            node,
            heartbeat_ms: whole_millis(timing.heartbeat),
            election_ms: (whole_millis(timing.election_min), whole_millis(timing.election_max)),
            pre_vote,
            check_quorum,
        },
        TraceEvent::Paused => Event::Paused { node },
        TraceEvent::DiskSlow { waited } => Event::DiskSlow { node, waited_ms: whole_millis(waited) },
        TraceEvent::DiskStalled { waited } => Event::DiskStalled { node, waited_ms: whole_millis(waited) },
        TraceEvent::DiskRecovered { waited } => {
            Event::DiskRecovered { node, waited_ms: whole_millis(waited) }
        }
        TraceEvent::FollowerDiskStalled { follower, waited } => {
            Event::FollowerDiskStalled { node, follower, waited_ms: whole_millis(waited) }
        }
        TraceEvent::FollowerDiskRecovered { follower } => Event::FollowerDiskRecovered { node, follower },
        TraceEvent::StrangerIgnored { from, incarnation, expected } => {
            let disk = |disk: Option<Incarnation>| disk.map(|disk| format!("{disk:x}"));
            Event::StrangerIgnored { node, from, disk: disk(incarnation), expected: disk(expected) }
        }
        TraceEvent::WentBack { follower, confirmed, found } => {
            Event::WentBack { node, follower, confirmed, found }
        }
        TraceEvent::Refilled { follower, through } => Event::Refilled { node, follower, through },
        TraceEvent::SnapshotRefused { follower, last, reason } => {
            Event::SnapshotRefused { node, follower, last: last.index, reason: reason.to_string() }
        }
        TraceEvent::VoteReceived { .. }
        | TraceEvent::Appended { .. }
        | TraceEvent::Conflict { .. }
        | TraceEvent::MembershipChanged { .. } => return None,
    })
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Follower => "follower",
        Role::PreCandidate => "pre_candidate",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
    }
}

fn notice_kind(kind: &NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Founding => "founding",
        NoticeKind::EmptyDisk { .. } => "empty_disk",
        NoticeKind::Removed => "removed",
    }
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
