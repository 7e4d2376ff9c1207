//! What lines and conditions need of their source, before they are carried out.

use crate::{Condition, Figure, ScriptLine, Value};
use raftdeck_model::{Ability, Insight, Need, Order};
use std::collections::BTreeSet;

/// What a line of a script needs of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineNeed {
    /// The line, from 1.
    pub line: usize,
    /// What it needs.
    pub need: Need,
}

impl ScriptLine {
    /// What it needs of its source.
    #[must_use]
    pub fn needs(&self) -> BTreeSet<Need> {
        match self {
            Self::Do(orders) | Self::Begin(orders) => {
                orders.iter().filter_map(Order::needs).map(Need::Ability).collect()
            }
            Self::Step { .. } => [Need::Ability(Ability::Time)].into(),
            Self::Store(_) => [Need::Ability(Ability::Store)].into(),
            Self::Wait { until: condition, .. } | Self::Expect(condition) | Self::Stays { condition, .. } => {
                condition.needs()
            }
            Self::Let { value: Value::Figure(_, figure), .. } => {
                figure.needs().map(Need::Insight).into_iter().collect()
            }
            Self::Try(line) => line.needs(),
            Self::Logs => [Need::Ability(Ability::Logs)].into(),
            Self::Nothing
            | Self::Sleep { .. }
            | Self::Judge(..)
            | Self::Let { .. }
            | Self::Repeat { .. }
            | Self::End
            | Self::Say(_)
            | Self::Rules
            | Self::Status
            | Self::Save(_)
            | Self::Load(_)
            | Self::Check(_)
            | Self::Help(_)
            | Self::Quit => BTreeSet::new(),
        }
    }
}

impl Condition {
    /// What the source has to report so that it is known whether this holds.
    #[must_use]
    pub fn needs(&self) -> BTreeSet<Need> {
        let insight = match self {
            Self::Leader(_)
            | Self::NoLeader
            | Self::Role(..)
            | Self::InForce(_)
            | Self::Gap(..)
            | Self::Answered => None,
            Self::Figure(_, figure, _) => figure.needs(),
            Self::Terms(..) => Some(Insight::LogTerms),
            Self::Vote(..) | Self::Votes(..) => Some(Insight::Votes),
            Self::Voter(_) | Self::Membership(..) | Self::Learner(_) | Self::Member(_) => {
                Some(Insight::Members)
            }
            Self::Wiped(_) => Some(Insight::EmptyDisks),
            Self::Up(_) | Self::Down(_) => Some(Insight::Processes),
            Self::Held { .. } | Self::UnderWay { .. } | Self::Idle => Some(Insight::Messages),
            Self::Not(condition) => return condition.needs(),
            Self::Any(conditions) | Self::All(conditions) => {
                return conditions.iter().flat_map(Self::needs).collect();
            }
        };
        insight.map(Need::Insight).into_iter().collect()
    }
}

impl Figure {
    fn needs(self) -> Option<Insight> {
        match self {
            Self::Term | Self::Commit => None,
            Self::Log => Some(Insight::LogEnds),
            Self::Applied => Some(Insight::Applied),
            Self::Snapshot => Some(Insight::Snapshots),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use raftdeck_raft::NodeId;

    fn needs(script: &str) -> Vec<(usize, Need)> {
        let nodes = [NodeId(1), NodeId(2), NodeId(3)];
        let checked = check("test", script.as_bytes(), &nodes, None);
        assert_eq!(checked.flaws, [], "{script}");
        checked.needs.into_iter().map(|need| (need.line, need.need)).collect()
    }

    #[test]
    fn a_line_needs_what_its_orders_and_conditions_need() {
        let script = "let old = leader\nkill $old\ntry hold * only RequestVote\nstep 1ms\nput a b";
        let expected = [
            (2, Need::Ability(Ability::Processes)),
            (3, Need::Ability(Ability::Links)),
            (4, Need::Ability(Ability::Time)),
            (5, Need::Ability(Ability::Store)),
        ];
        assert_eq!(needs(script), expected);
        let waits =
            "let c = log 1\nwait all of not wiped 2 and held 1..\nstays applied 3 1.. for 1s\nsleep 1s";
        let expected = [
            (1, Need::Insight(Insight::LogEnds)),
            (2, Need::Insight(Insight::Messages)),
            (2, Need::Insight(Insight::EmptyDisks)),
            (3, Need::Insight(Insight::Applied)),
        ];
        assert_eq!(needs(waits), expected);
    }

    #[test]
    fn what_every_source_has_is_no_need() {
        assert_eq!(
            needs("wait leader within 2s\nlet t = term 1\nsay hello\nexpect not role 2 leader\nheal"),
            []
        );
    }
}
