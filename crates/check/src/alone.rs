//! Properties of one member alone: its terms, its vote, its disk, and the order of its cursors. Knows nothing of
//! other members.

use crate::log::Log;
use crate::member::{Knowledge, Member};
use crate::property::{Broken, Property, broken};
use raftdeck_raft::{LogId, LogIndex, NodeId, Role, Term};

/// A member is in this term, or enters it.
pub(crate) fn enter(node: NodeId, member: &mut Member, term: Term) -> Result<(), Broken> {
    if term < member.term {
        return broken(
            Property::Monotony,
            format!("the term of {node} decreases from {} to {term}", member.term),
        );
    }
    member.term = term;
    Ok(())
}

pub(crate) fn vote(node: NodeId, member: &mut Member, term: Term, candidate: NodeId) -> Result<(), Broken> {
    match member.vote {
        Some((in_term, earlier)) if in_term == term && earlier != candidate => broken(
            Property::OneVoteATerm,
            format!("{node} votes for {candidate} in term {term}, and voted for {earlier} before"),
        ),
        _ => {
            member.vote = Some((term, candidate));
            Ok(())
        }
    }
}

pub(crate) fn durable(
    node: NodeId,
    member: &mut Member,
    term: Term,
    vote: Option<NodeId>,
    through: LogIndex,
) -> Result<(), Broken> {
    if let Some((known_term, known_vote)) = member.disk.replace((term, vote)) {
        if term < known_term {
            return broken(
                Property::Durability,
                format!("the term on {node}'s disk goes from {known_term} to {term}"),
            );
        }
        if term == known_term && known_vote.is_some() && vote != known_vote {
            return broken(
                Property::OneVoteATerm,
                format!("the vote of term {term} on {node}'s disk is changed"),
            );
        }
    }
    member.durable = through;
    let newest = member.known_log().and_then(|log| log.term(through.min(log.last().index)));
    if newest.is_some_and(|newest| newest > term) {
        return broken(
            Property::Durability,
            format!(
                "{node}'s disk has an entry of term {}, but only term {term}",
                newest.unwrap_or_default()
            ),
        );
    }
    Ok(())
}

pub(crate) fn truncated(node: NodeId, member: &mut Member, from: LogIndex) -> Result<(), Broken> {
    if member.role == Some(Role::Leader) {
        return broken(
            Property::LeaderAppendOnly,
            format!("{node} leads term {} and removes entry {from} from its log", member.term),
        );
    }
    if member.committed.is_some_and(|committed| from <= committed) {
        return broken(
            Property::CommittedForEver,
            format!("{node} removes entry {from}, though it committed {}", shown(member.committed)),
        );
    }
    member.durable = member.durable.min(from.previous());
    if let Knowledge::Known(log) | Knowledge::Perhaps(log) = &mut member.log {
        if from <= log.start().index {
            member.log = Knowledge::Nothing;
        } else {
            log.truncate(from);
        }
    }
    Ok(())
}

pub(crate) fn purged(node: NodeId, member: &mut Member, through: LogId) -> Result<(), Broken> {
    if member.snapshot.is_some_and(|snapshot| through.index > snapshot) {
        return broken(
            Property::CursorOrder,
            format!(
                "{node} compacts its log through {}, but its snapshot ends at {}",
                through.index,
                shown(member.snapshot)
            ),
        );
    }
    if let Knowledge::Known(log) | Knowledge::Perhaps(log) = &mut member.log {
        log.purge(through);
    }
    Ok(())
}

/// A snapshot ends within the log, or takes its place.
pub(crate) fn replace_log(
    node: NodeId,
    member: &mut Member,
    last: LogId,
    kept_log: bool,
) -> Result<(), Broken> {
    let matches = member.known_log().map(|log| log.term(last.index) == Some(last.term));
    match (matches, kept_log) {
        (Some(false), true) => {
            return broken(
                Property::LogMatching,
                format!("{node} keeps its log after a snapshot of {} that it does not match", last.index),
            );
        }
        (Some(true), false) if member.known_log().is_some_and(|log| log.last().index > last.index) => {
            return broken(
                Property::Durability,
                format!("{node} throws away entries that follow the snapshot of {}", last.index),
            );
        }
        (_, true) => {}
        (_, false) => {
            member.durable = last.index;
            // What it knows of the log is whole again, whatever was missed.
            member.log = Log::new(last, &[]).map_or(Knowledge::Nothing, Knowledge::Known);
        }
    }
    Ok(())
}

/// Whether what was on a member's disk is in the log that it starts with.
pub(crate) fn survives(node: NodeId, old: &Log, durable: LogIndex, new: &Log) -> Result<(), Broken> {
    if old.term(new.start().index).is_some_and(|term| term != new.start().term) {
        // A snapshot that it conflicts with took its place just before the crash.
        return Ok(());
    }
    let first = old.start().index.max(new.start().index).next();
    let lost = old.runs_within(first, durable).find_map(|run| {
        let mut kept = new.runs_within(run.first, run.last);
        let same = kept.next();
        (same != Some(run)).then_some(run.first)
    });
    lost.filter(|_| first <= durable).map_or(Ok(()), |index| {
        broken(
            Property::Durability,
            format!("{node} starts without entries from {index} on that were on its disk through {durable}"),
        )
    })
}

pub(crate) fn has_on_disk(member: &Member, id: LogId) -> bool {
    // Of a member whose log is not known nothing can be said against it.
    member.former >= id.index
        || member.known_log().is_none_or(|log| {
            log.start().index >= id.index
                || (member.durable >= id.index && log.term(id.index) == Some(id.term))
        })
}

/// An index for people; 0 if it is not known.
pub(crate) fn shown(index: Option<LogIndex>) -> LogIndex {
    index.unwrap_or_default()
}
