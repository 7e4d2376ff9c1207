//! The short words of the screen: the verdict, a node's state, a time stamp.

use crate::app::cluster::{Cluster, Node, Phase};
use crate::app::verdict::{Campaign, Verdict};
use crate::theme::Theme;
use raftdeck_raft::{Role, Status};
use std::time::Duration;

/// How something is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// All is well.
    Good,
    /// Something is wrong or undecided.
    Trouble,
    /// It hears no leader, and does nothing about it yet.
    Alone,
    /// Nothing to say about it.
    Calm,
    /// It is not there.
    Gone,
}

/// The verdict in a few words, what there is to add, and how it is meant.
pub(crate) fn verdict(verdict: &Verdict) -> (String, String, Tone) {
    match verdict {
        Verdict::Starting { of: 0, .. } => ("starting".into(), "the nodes come up".into(), Tone::Calm),
        Verdict::Starting { ready, of } => {
            ("starting".into(), format!("{ready} of {of} nodes are up"), Tone::Calm)
        }
        Verdict::Leads { leader, term, following, of, stale } => {
            let stale = stale
                .map_or_else(String::new, |(id, old)| format!(" · {id} still thinks it leads term {old}"));
            (format!("{leader} leads term {term}"), format!("quorum {following} of {of}{stale}"), Tone::Good)
        }
        Verdict::NoQuorum { leader, term } => {
            let text =
                format!("{leader} leads term {term} but reaches no majority: nothing can be committed");
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
            let text = format!("{alive} of {of} nodes {verb}, a majority needs {needed}");
            ("NO QUORUM".into(), text, Tone::Trouble)
        }
        Verdict::AllDown => ("ALL DOWN".into(), "no node runs".into(), Tone::Trouble),
    }
}

fn campaign_words(campaign: &Campaign) -> String {
    let Campaign { node, term, votes, needed, pre_vote } = campaign;
    if *pre_vote {
        format!("{node} asks who would vote for it in term {term} · {votes} of {needed} would")
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
    }
}

/// A node's glyph and word.
pub(crate) fn phase(theme: Theme, phase: Phase) -> (&'static str, &'static str) {
    let glyphs = theme.glyphs();
    match phase {
        Phase::Starting => (glyphs.starting, "starting"),
        Phase::Running(role @ Role::Leader) => (theme.role_glyph(role), "leader"),
        Phase::Running(role @ Role::Follower) => (theme.role_glyph(role), "follower"),
        Phase::Running(role @ Role::Candidate) => (theme.role_glyph(role), "candidate"),
        Phase::Running(role @ Role::PreCandidate) => (theme.role_glyph(role), "pre-candidate"),
        Phase::Paused => (glyphs.paused, "paused"),
        Phase::Killed => (glyphs.dead, "killed"),
        Phase::Failed => (glyphs.dead, "failed"),
    }
}

/// How a node stands.
pub(crate) fn tone(node: &Node) -> Tone {
    match (node.phase(), node.live()) {
        (Phase::Running(Role::Leader), Some(status)) if status.has_quorum => Tone::Good,
        (Phase::Running(Role::Leader | Role::Candidate | Role::PreCandidate), _) => Tone::Trouble,
        (Phase::Running(Role::Follower), Some(status)) if lost(status) => Tone::Alone,
        (Phase::Running(Role::Follower) | Phase::Starting, _) => Tone::Calm,
        (Phase::Paused | Phase::Killed | Phase::Failed, _) => Tone::Gone,
    }
}

/// A follower that hears no leader.
pub(crate) fn lost(status: &Status) -> bool {
    status.leader.is_none() || !status.has_quorum
}

/// The state of a node's process and connections, in a word or two.
pub(crate) fn state(node: &Node, cluster: &Cluster) -> &'static str {
    match (node.phase(), node.live()) {
        (Phase::Starting, _) => "starting",
        (Phase::Paused, _) => "paused",
        (Phase::Killed, _) => "killed",
        (Phase::Failed, _) => "failed",
        (Phase::Running(Role::Leader), Some(status)) if !status.has_quorum => "no quorum",
        (Phase::Running(_), _) if cluster.is_isolated(node.id) => "cut off",
        (Phase::Running(Role::Follower), Some(status)) if lost(status) => "no leader",
        (Phase::Running(_), _) => "running",
    }
}

/// A time since the deck started: `0:12.413`.
pub(crate) fn stamp(at: Duration) -> String {
    let (minutes, seconds) = (at.as_secs() / 60, at.as_secs() % 60);
    format!("{minutes}:{seconds:02}.{:03}", at.subsec_millis())
}
