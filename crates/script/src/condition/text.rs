//! Conditions as text of the grammar.

use super::{Condition, Gap, ROLES};
use raftdeck_model::{Matching, Scope, write};
use std::fmt;
use std::ops::RangeInclusive;

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader(None) => write!(f, "leader"),
            Self::Leader(Some(node)) => write!(f, "leader {}", node.0),
            Self::NoLeader => write!(f, "leader none"),
            Self::Role(node, role) => {
                let name = ROLES.iter().find(|(_, named)| named == role).map_or("", |(name, _)| name);
                write!(f, "role {} {name}", node.0)
            }
            Self::Figure(node, figure, wanted) => {
                write!(f, "{} {} {}", figure.name(), node.0, write::range(wanted))
            }
            Self::Terms(node, terms) if terms.is_empty() => write!(f, "terms {} none", node.0),
            Self::Terms(node, terms) => {
                let terms: Vec<String> = terms.iter().map(u64::to_string).collect();
                write!(f, "terms {} {}", node.0, terms.join(","))
            }
            Self::Vote(node, None) => write!(f, "vote {} none", node.0),
            Self::Vote(node, Some(candidate)) => write!(f, "vote {} {}", node.0, candidate.0),
            Self::Votes(node, count) => write!(f, "votes {} {}", node.0, write::range(count)),
            Self::Voter(node) => write!(f, "voter {}", node.0),
            Self::Learner(node) => write!(f, "learner {}", node.0),
            Self::Member(node) => write!(f, "member {}", node.0),
            Self::Membership(which, nodes) if nodes.is_empty() => write!(f, "{} none", which.name()),
            Self::Membership(which, nodes) => write!(f, "{} {}", which.name(), write::nodes(nodes)),
            Self::Wiped(node) => write!(f, "wiped {}", node.0),
            Self::Up(nodes) => write!(f, "up {}", write::nodes(nodes)),
            Self::Down(nodes) => write!(f, "down {}", write::nodes(nodes)),
            Self::Held { count, scope, matching } => of_messages(f, "held", (count, scope, matching)),
            Self::UnderWay { count, scope, matching } => {
                of_messages(f, "under-way", (count, scope, matching))
            }
            Self::Idle => write!(f, "idle"),
            Self::InForce(count) => write!(f, "in-force {}", write::range(count)),
            Self::Gap(Gap::Present, wanted) => write!(f, "gap {}", write::durations(wanted)),
            Self::Gap(Gap::Longest, wanted) => write!(f, "longest-gap {}", write::durations(wanted)),
            Self::Answered => write!(f, "answered"),
            Self::Not(condition) => write!(f, "not {condition}"),
            Self::Any(conditions) => write!(f, "any of {}", joined(conditions, " or ")),
            Self::All(conditions) => write!(f, "all of {}", joined(conditions, " and ")),
        }
    }
}

fn of_messages(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    (count, scope, matching): (&RangeInclusive<u64>, &Scope, &Matching),
) -> fmt::Result {
    write!(f, "{name} {} {}{}", write::range(count), write::scope(scope), write::matching(matching))
}

fn joined(conditions: &[Condition], by: &str) -> String {
    conditions.iter().map(Condition::to_string).collect::<Vec<_>>().join(by)
}
