//! The short words of the screen: the verdict, a node's state, a time stamp.

use crate::actions::ActionId;
use crate::app::App;
use crate::sentences::{ids, runs};
use crate::theme::Theme;
pub(crate) use crate::times::{span, stamp};
use raftdeck_model::{
    Campaign, Concern, FrameKind, Known, MemberStanding, Node, Phase, RaftView, Reach, Verdict, World,
    percent,
};
use raftdeck_raft::{NodeId, ReplicationState, Role};
use ratatui::style::Style;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// An ordinary disk finishes a write sooner.
const WORTH_TELLING: Duration = Duration::from_millis(250);

/// Shown in place of what the source does not know.
pub(crate) const UNKNOWN: &str = "?";

/// The tone of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// All is well.
    Good,
    /// Something is wrong or undecided.
    Trouble,
    /// It hears no leader, and does not act on that yet.
    Alone,
    /// Nothing remarkable.
    Calm,
    /// It is down.
    Gone,
}

/// A figure, or the sign for an unknown one.
pub(crate) fn figure<T: Copy + fmt::Display>(figure: Known<T>) -> String {
    figure.copied().map_or_else(|| UNKNOWN.to_owned(), |figure| figure.to_string())
}

/// The verdict in a few words, a further remark, and its tone.
pub(crate) fn verdict(verdict: &Verdict) -> (String, String, Tone) {
    match verdict {
        Verdict::Starting { of: 0, .. } => ("starting".into(), "the nodes are starting".into(), Tone::Calm),
        Verdict::Starting { ready, of } => {
            ("starting".into(), format!("{ready} of {of} nodes are up"), Tone::Calm)
        }
        Verdict::Leads { leader, term, reach, stale, transfer } => {
            let stale = stale
                .map_or_else(String::new, |(id, old)| format!(" · {id} still thinks it leads term {old}"));
            let transfer = transfer.map_or_else(String::new, |to| format!("hands over to {to} · "));
            let detail = format!("{transfer}{}{stale}", reach_words(*reach));
            (format!("{leader} leads term {term}"), detail, Tone::Good)
        }
        Verdict::NoQuorum { leader, term, reach } => {
            let text =
                format!("{leader} leads term {term} · {} · nothing can be committed", reach_words(*reach));
            ("NO QUORUM".into(), text, Tone::Trouble)
        }
        Verdict::Electing { campaign: None } => {
            ("NO LEADER".into(), "waiting for an election timeout".into(), Tone::Trouble)
        }
        Verdict::Electing { campaign: Some(campaign) } => {
            ("NO LEADER".into(), campaign_words(campaign), Tone::Trouble)
        }
        Verdict::NoMajority { alive, needed, of } => {
            let verb = if *alive == 1 { "runs" } else { "run" };
            let text = format!("{alive} of {of} voters {verb}, a majority needs {needed}");
            ("NO QUORUM".into(), text, Tone::Trouble)
        }
        Verdict::AllDown => ("ALL DOWN".into(), "no node is running".into(), Tone::Trouble),
        Verdict::Unknown { answering, of } => {
            let verb = if *answering == 1 { "answers" } else { "answer" };
            ("UNKNOWN".into(), format!("{answering} of {of} voters {verb}"), Tone::Trouble)
        }
    }
}

/// `2 of 3 reachable, 2 needed`.
fn reach_words(reach: Reach) -> String {
    format!("{}, {} needed", reached_words(reach), reach.needed)
}

/// Shorter forms of a verdict's remark, if there are any.
pub(crate) fn brief_remarks(verdict: &Verdict) -> Vec<String> {
    match verdict {
        Verdict::Leads { reach, stale, .. } => {
            let count = format!("{} of {}", figure(reach.reached), reach.of);
            let stale = stale.map(|(id, term)| format!("{count} · {id} still thinks it leads term {term}"));
            stale.into_iter().chain([count]).collect()
        }
        Verdict::NoQuorum { leader, reach, .. } => {
            let count = format!("{} of {}", figure(reach.reached), reach.of);
            vec![format!("{leader} leads, {count} reachable, {} needed", reach.needed), count]
        }
        _ => Vec::new(),
    }
}

/// `2 of 3 reachable`.
pub(crate) fn reached_words(reach: Reach) -> String {
    format!("{} of {} reachable", figure(reach.reached), reach.of)
}

/// Whether a node leads and can commit entries now.
fn can_commit(node: &Node, world: &World) -> bool {
    let reaches = |status: &RaftView| !status.lacks_quorum() && world.reach(node.id, status.term).is_enough;
    world.leader().is_some_and(|leader| leader.id == node.id) && node.live().is_some_and(reaches)
}

fn campaign_words(campaign: &Campaign) -> String {
    let Campaign { node, term, votes, needed, pre_vote } = campaign;
    if *pre_vote {
        format!("{node} asks for pre-votes in term {term} · it has {votes} of {needed}")
    } else {
        format!("{node} asks for votes in term {term} · it has {votes} of {needed}")
    }
}

/// The verdict in as few characters as possible.
pub(crate) fn brief(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Starting { .. } => "starting".into(),
        Verdict::Leads { leader, term, .. } => format!("{leader} leads t{term}"),
        Verdict::NoQuorum { .. } | Verdict::NoMajority { .. } => "no quorum".into(),
        Verdict::Electing { .. } => "no leader".into(),
        Verdict::AllDown => "all down".into(),
        Verdict::Unknown { .. } => "unknown".into(),
    }
}

/// A node's glyph and word.
pub(crate) fn role(theme: Theme, node: &Node, world: &World) -> (&'static str, &'static str) {
    let glyphs = theme.glyphs();
    let glyph = match node.phase() {
        Phase::Running(Role::Follower) if world.standing(node.id) == MemberStanding::Learner => {
            glyphs.learner
        }
        Phase::Running(Role::Follower) if world.standing(node.id) == MemberStanding::Outside => {
            glyphs.outside
        }
        Phase::Starting => glyphs.starting,
        Phase::Running(role) => theme.role_glyph(role),
        Phase::Paused => glyphs.paused,
        Phase::Killed | Phase::Stopped | Phase::Failed => glyphs.dead,
        Phase::Unreachable => glyphs.unreachable,
    };
    (glyph, role_word(node, world))
}

/// A node's role in a word, or why it has none.
pub(crate) fn role_word(node: &Node, world: &World) -> &'static str {
    match node.phase() {
        Phase::Running(Role::Follower) => match world.standing(node.id) {
            MemberStanding::Learner => "learner",
            MemberStanding::Outside => "not a member",
            MemberStanding::Voter => "follower",
        },
        Phase::Starting => "starting",
        Phase::Running(Role::Leader) => "leader",
        Phase::Running(Role::Candidate) => "candidate",
        Phase::Running(Role::PreCandidate) => "pre-candidate",
        Phase::Paused => "paused",
        Phase::Killed => "killed",
        Phase::Stopped => "stopped",
        Phase::Failed => "failed",
        Phase::Unreachable => "unreachable",
    }
}

/// The tone of a node's state.
pub(crate) fn tone(node: &Node, world: &World) -> Tone {
    match (node.phase(), node.live()) {
        // A node that does not vote cannot lose its leader.
        (Phase::Running(Role::Follower), _) if world.standing(node.id) == MemberStanding::Outside => {
            Tone::Calm
        }
        (Phase::Running(Role::Leader), _) if can_commit(node, world) => Tone::Good,
        (Phase::Running(Role::Leader | Role::Candidate | Role::PreCandidate), _) => Tone::Trouble,
        (Phase::Running(Role::Follower), Some(status)) if lost(status) => Tone::Alone,
        (Phase::Running(Role::Follower) | Phase::Starting, _) => Tone::Calm,
        (Phase::Paused | Phase::Killed | Phase::Stopped | Phase::Failed | Phase::Unreachable, _) => {
            Tone::Gone
        }
    }
}

/// A follower that is known to hear no leader.
pub(crate) fn lost(status: &RaftView) -> bool {
    status.leader.is(Option::is_none) || status.lacks_quorum()
}

/// The state of a node's process and connections, in a word or two.
pub(crate) fn state(node: &Node, world: &World) -> Cow<'static, str> {
    if let Some(percent) = gets_snapshot(node, world) {
        return format!("snap {percent}%").into();
    }
    let outside = world.standing(node.id) == MemberStanding::Outside;
    let concern = world.concern(node.id);
    let text = match (node.phase(), node.live()) {
        (Phase::Starting, _) => "starting",
        (Phase::Paused, _) => "paused",
        (Phase::Killed, _) => "killed",
        (Phase::Stopped, _) => "stopped",
        (Phase::Failed, _) => "failed",
        (Phase::Unreachable, _) => "no answer",
        (Phase::Running(Role::Leader), _) if !can_commit(node, world) => "no quorum",
        (Phase::Running(_), Some(status)) if status.disk_stalled == true => "disk stalled",
        (Phase::Running(_), _) if matches!(concern, Some(Concern::EmptyDisk { .. })) => "empty disk",
        (Phase::Running(_), _) if matches!(concern, Some(Concern::Removed)) => "removed",
        (Phase::Running(_), _) if world.is_isolated(node.id) => "cut off",
        (Phase::Running(_), _) if matches!(concern, Some(Concern::Refused { .. })) => "refused",
        (Phase::Running(_), _) if matches!(concern, Some(Concern::Founding(_))) => "founding",
        (Phase::Running(Role::Follower), Some(status)) if lost(status) && !outside => "no leader",
        (Phase::Running(_), _) => "running",
    };
    text.into()
}

/// What a user should know of each node besides its figures, a sentence each: a disk that finishes no write, and a condition that
/// needs an operator. For a node that is being changed, only the disk.
pub(crate) fn matters(app: &App) -> Vec<(NodeId, String)> {
    let of = |node: &Node| {
        let concern = app.world.concern(node.id).filter(|_| app.world.change(node.id).is_none());
        let sentences = [disk(node), concern.map(|concern| concern_words(app, node.id, &concern))];
        sentences.into_iter().flatten().map(|sentence| (node.id, sentence)).collect::<Vec<_>>()
    };
    app.world.nodes().flat_map(of).collect()
}

fn concern_words(app: &App, id: NodeId, concern: &Concern) -> String {
    match concern {
        Concern::EmptyDisk { too_many: false } => {
            let key = app.key_of(ActionId::ReplaceNode);
            format!("{id} has an empty disk and does not vote ({key} or :replace {})", id.0)
        }
        Concern::EmptyDisk { too_many: true } => {
            format!("{id} has an empty disk and does not vote; too many disks are lost to replace it")
        }
        Concern::Removed => format!("{id} is no longer a member of this cluster"),
        Concern::Refused { by, peer, reason } => format!("no connection between {by} and {peer}: {reason}"),
        Concern::Founding(text) => format!("{id}: {text}"),
    }
}

/// What is wrong with a running node's disk, as a sentence.
fn disk(node: &Node) -> Option<String> {
    let status = node.live()?;
    let wait =
        status.disk_wait.some().filter(|wait| status.disk_stalled == true || *wait >= WORTH_TELLING)?;
    Some(format!("{}'s disk has not finished a write for {}", node.id, span(wait)))
}

/// How much of a snapshot a running node has received from the leader, in percent, while it receives one.
pub(crate) fn gets_snapshot(node: &Node, world: &World) -> Option<u64> {
    node.live()?;
    let peer = world.as_leader_sees(node.id)?;
    (peer.state == ReplicationState::Snapshot).then(|| percent(peer).unwrap_or(0))
}

/// How the leader sends to a follower, in a word.
pub(crate) fn sending(state: ReplicationState) -> &'static str {
    match state {
        ReplicationState::Probe => "probe",
        ReplicationState::Replicate => "replicate",
        ReplicationState::Snapshot => "snapshot",
    }
}

/// The configuration in force, at most this many characters long if it can be.
pub(crate) fn configuration(world: &World, room: usize) -> Option<String> {
    let membership = world.configuration()?;
    let written = |ids: &dyn Fn(&BTreeSet<NodeId>) -> String| {
        let mut text = if membership.is_joint() {
            format!("changing {} -> {}", ids(&membership.outgoing), ids(&membership.voters))
        } else {
            format!("voters {}", ids(&membership.voters))
        };
        if !membership.learners.is_empty() {
            text.extend([", learning ", &ids(&membership.learners)]);
        }
        text
    };
    let long = written(&ids);
    let is_small = membership.voters.len() <= 9;
    Some(if is_small && long.chars().count() <= room { long } else { written(&in_runs) })
}

/// `n1-n5 n7`: consecutive nodes as a range.
fn in_runs(nodes: &BTreeSet<NodeId>) -> String {
    let run = |(first, last): (u64, u64)| match last - first {
        0 => format!("n{first}"),
        _ => format!("n{first}-n{last}"),
    };
    runs(nodes.iter().copied()).into_iter().map(run).collect::<Vec<_>>().join(" ")
}

/// A message's glyph.
pub(crate) fn message_glyph(theme: Theme, kind: FrameKind, granted: Option<bool>) -> &'static str {
    let glyphs = theme.glyphs();
    match (kind, granted) {
        (FrameKind::Heartbeat, _) => glyphs.heartbeat,
        (FrameKind::AppendEntries | FrameKind::Propose, _) => glyphs.entries,
        (FrameKind::RequestVote | FrameKind::PreVote | FrameKind::ReadIndex, _) => glyphs.ask,
        (FrameKind::TimeoutNow | FrameKind::TransferLeader, _) => glyphs.hand_over,
        (FrameKind::InstallSnapshot, _) => glyphs.snapshot,
        (FrameKind::AppendReply, Some(false)) | (FrameKind::DiskStalled, _) => glyphs.no,
        (
            FrameKind::AppendReply
            | FrameKind::SnapshotReply
            | FrameKind::HeartbeatReply
            | FrameKind::ReadIndexReply,
            _,
        ) => glyphs.ack,
        (FrameKind::VoteReply | FrameKind::PreVoteReply, Some(true)) => glyphs.yes,
        (FrameKind::VoteReply | FrameKind::PreVoteReply, _) => glyphs.no,
    }
}

/// A message's style: entries, an election, or frequent messages.
pub(crate) fn message_style(theme: Theme, kind: FrameKind) -> Style {
    match kind {
        FrameKind::Heartbeat => theme.strong(),
        FrameKind::AppendEntries | FrameKind::InstallSnapshot | FrameKind::Propose => theme.entries(),
        FrameKind::TimeoutNow | FrameKind::TransferLeader => theme.leader_plate(),
        FrameKind::RequestVote
        | FrameKind::PreVote
        | FrameKind::VoteReply
        | FrameKind::PreVoteReply
        | FrameKind::DiskStalled => theme.trouble_plate(),
        FrameKind::AppendReply
        | FrameKind::SnapshotReply
        | FrameKind::HeartbeatReply
        | FrameKind::ReadIndex
        | FrameKind::ReadIndexReply => theme.text(),
    }
}
