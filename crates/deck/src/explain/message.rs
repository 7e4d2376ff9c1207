//! Explains a message: what it is, what its receiver does with it, and where it is.

use super::Explanation;
use super::words::{palette, press, term};
use crate::actions::ActionId;
use crate::app::App;
use crate::app::subject::Subject;
use crate::view::{span, stamp};
use raftdeck_model::concepts::Concept;
use raftdeck_model::{FrameKind, LinkState, MessageId, MessageReport, MessageState};
use raftdeck_raft::NodeId;
use std::time::Duration;

/// Explains a message.
pub(super) fn of(app: &App, id: MessageId, now: Duration) -> Explanation {
    let Some(message) = app.messages.get(id) else {
        return Explanation::gone(
            format!("message #{}", id.0),
            "This message is over, and too long ago to be kept.",
        );
    };
    let MessageReport { from, to, kind, .. } = message;
    let concept = concept(*kind);
    let mut told = Explanation::by(concept, format!("{} #{}, {from} -> {to}", kind.name(), id.0));
    told.what = what(message);
    place(app, message, now, &mut told);
    let known = |id: &NodeId| app.world.node(*id).is_some();
    for node in [from, to].into_iter().filter(|node| known(node)) {
        told.see(node.to_string(), Subject::Node(*node));
    }
    if known(from) && known(to) {
        told.see(format!("link {from} -> {to}"), Subject::Link { from: *from, to: *to });
    }
    told.see(term(message.term), Subject::Term(message.term));
    if let Some(index) = message.index.filter(|index| index.0 > 0) {
        told.see(format!("entry {index}"), Subject::Entry(index));
    }
    told.see_concept(concept);
    told
}

fn concept(kind: FrameKind) -> Concept {
    match kind {
        FrameKind::PreVote | FrameKind::PreVoteReply => Concept::PreVote,
        FrameKind::RequestVote | FrameKind::VoteReply => Concept::Vote,
        FrameKind::Heartbeat | FrameKind::HeartbeatReply => Concept::Heartbeat,
        FrameKind::AppendEntries | FrameKind::AppendReply | FrameKind::Propose => Concept::AppendEntries,
        FrameKind::TimeoutNow | FrameKind::TransferLeader => Concept::LeadershipTransfer,
        FrameKind::InstallSnapshot | FrameKind::SnapshotReply => Concept::Snapshot,
        FrameKind::DiskStalled => Concept::StalledDisk,
        FrameKind::ReadIndex | FrameKind::ReadIndexReply => Concept::ReadIndex,
    }
}

/// What it says, and what its receiver does.
fn what(message: &MessageReport) -> String {
    let MessageReport { from, to, kind, index, granted, entries, .. } = message;
    let at = term(message.term);
    let fields = if message.fields.is_empty() { String::new() } else { format!(" ({})", message.fields) };
    let through = index.map_or_else(String::new, |index| format!(" through entry {index}"));
    let yes = *granted == Some(true);
    match kind {
        FrameKind::PreVote => format!(
            "{from} asks whether {to} would vote for it in {at}{fields}. {to} says no if it hears a leader or if its own log is ahead."
        ),
        FrameKind::RequestVote => format!(
            "{from} asks for the vote of {to} in {at}{fields}. {to} gives it if it has not voted for another in that term and its own log is not ahead."
        ),
        FrameKind::PreVoteReply if yes => {
            format!(
                "{from} says that it would vote for {to} in {at}. With a majority of such answers {to} campaigns."
            )
        }
        FrameKind::PreVoteReply => format!("{from} says that it would not vote for {to} in {at}."),
        FrameKind::VoteReply if yes => {
            format!(
                "{from} gives its vote to {to} in {at}. With the votes of a majority {to} leads that term."
            )
        }
        FrameKind::VoteReply => format!("{from} refuses its vote to {to}; its own term is {}.", message.term),
        FrameKind::Heartbeat => format!(
            "{from} says that it leads {at}{fields}. {to} starts its election timeout anew and learns what is committed."
        ),
        FrameKind::AppendEntries => format!(
            "{from} sends {}{through} in {at}{fields}. {to} appends what it lacks if its log has the entry before, and else refuses.",
            super::words::entries(*entries)
        ),
        FrameKind::AppendReply if yes => {
            format!(
                "{from} says that its log equals that of {to}{through}, on disk. {to} counts it for commits."
            )
        }
        FrameKind::AppendReply => format!(
            "{from} refuses: its log does not have the entry before{fields}. {to} goes back and tries again."
        ),
        FrameKind::TimeoutNow => format!(
            "{from} hands over the leadership: {to} campaigns at once, without waiting for its election timeout."
        ),
        FrameKind::InstallSnapshot => format!(
            "{from} sends a piece of a snapshot{through}{fields}, for the entries that {to} needs are no longer in its log."
        ),
        FrameKind::SnapshotReply => {
            format!("{from} answers a piece of a snapshot{fields}; {to} sends the next one.")
        }
        FrameKind::DiskStalled => format!(
            "{from} says that its disk does not finish its writes{fields}. {to} counts nothing by that."
        ),
        FrameKind::HeartbeatReply => format!(
            "{from} answers a heartbeat in {at}. {to} counts it as a sign that it still leads, and sends {from} the entries that it lacks."
        ),
        FrameKind::Propose => format!(
            "{from} forwards {} to {to}, which it takes for the leader. If {to} does not lead, the proposal is lost.",
            super::words::entries(*entries)
        ),
        FrameKind::ReadIndex => format!(
            "{from} asks {to} which index a linearizable read has to wait for. {to} answers after a majority has answered its heartbeat."
        ),
        FrameKind::ReadIndexReply => {
            format!("{from} says that the read may go on once {to} has applied the entries{through}.")
        }
        FrameKind::TransferLeader => {
            format!(
                "{from} forwards to {to}, which it takes for the leader, a request to hand over the leadership."
            )
        }
    }
}

/// Where it is, and what can be done with it.
fn place(app: &App, message: &MessageReport, now: Duration, told: &mut Explanation) {
    let MessageReport { id, from, to, sent, state, .. } = message;
    match state {
        MessageState::UnderWay { due } if app.clock.is_frozen() => {
            told.because(format!(
                "Time is frozen: it is on its way, due {} after it was sent.",
                took(due.saturating_sub(*sent))
            ));
        }
        MessageState::UnderWay { due } if *due > app.clock.at(now) => {
            told.because(format!("It is on its way, due at {}.", stamp(*due)));
        }
        MessageState::UnderWay { .. } => {
            told.because("It was due, and its arrival has not been reported yet.");
        }
        MessageState::Held => {
            told.because(format!(
                "It was sent at {} and is held on the link, until it is delivered or dropped.",
                stamp(*sent)
            ));
        }
        MessageState::Delivered { at } => {
            told.because(format!("It arrived at {}, after {}.", stamp(*at), took(at.saturating_sub(*sent))));
        }
        MessageState::Lost { at } => {
            told.because(format!("It was lost at {}; {to} knows nothing of it.", stamp(*at)));
            match app.world.link_state(*from, *to) {
                LinkState::Open => {}
                LinkState::Cut => told.because(format!("The link {from} -> {to} is cut now.")),
                LinkState::Refused => {
                    told.because(format!("Connections on the link {from} -> {to} are refused now."));
                }
            }
        }
    }
    if state.is_over() {
        return;
    }
    if app.subject() == Some(Subject::Message(*id)) {
        told.advise(press(app, ActionId::ReleaseMessage, "delivers it"));
        told.advise(press(app, ActionId::DropMessage, "loses it"));
    } else {
        told.advise(palette(app, &format!("release #{}", id.0), "delivers it"));
    }
}

/// How long it took; a link may take less than what is shown.
fn took(time: Duration) -> String {
    if time < Duration::from_micros(100) { "less than 0.1 ms".to_owned() } else { span(time) }
}
