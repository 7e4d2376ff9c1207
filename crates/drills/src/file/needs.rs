//! What a drill needs of the cluster that it runs on, before it is started: orders that the cluster carries out, and values that it
//! reports.

use super::{Drill, Severity};
use crate::measure::Measure;
use raftdeck_model::{Ability, Capabilities, Insight, MAX_NODES, Need};
use raftdeck_raft::NodeId;
use raftdeck_script::check;

impl Drill {
    /// Why it cannot be run and judged on a source with these capabilities: the first thing that it needs and the source lacks. `None`:
    /// nothing is known to be lacking.
    #[must_use]
    pub fn unsupported(&self, capabilities: &Capabilities) -> Option<String> {
        let lacking = |what: &str, need: Need| {
            capabilities.meets(need).err().map(|lacking| format!("{what} is not possible here: {lacking}"))
        };
        if self.workload.is_some()
            && let Some(why) = lacking("a workload", Need::Ability(Ability::Store))
        {
            return Some(why);
        }
        let lines = self.script();
        let nodes: Vec<NodeId> =
            (1..=u64::from(self.cluster.nodes.clamp(1, MAX_NODES))).map(NodeId).collect();
        let needs = check(&self.id, lines.join("\n").as_bytes(), &nodes, None).needs;
        let of_lines = needs.iter().find_map(|need| {
            let line = lines.get(need.line.saturating_sub(1)).map_or("", |line| line.trim());
            lacking(line, need.need)
        });
        of_lines.or_else(|| {
            let judged = self.asserts.iter().filter(|assert| assert.severity == Severity::Must);
            judged.into_iter().find_map(|assert| {
                let insight = Measure::parse(assert.expr.text()).ok()??.needs()?;
                let why = capabilities.tells(insight).err()?;
                Some(format!("{} cannot be measured here: {why}", assert.expr))
            })
        })
    }

    /// Its lines and conditions as one script, in the order in which they are used.
    fn script(&self) -> Vec<String> {
        let wait = |condition: &str| format!("wait {condition}");
        let mut lines: Vec<String> = self.steady.iter().map(|check| wait(check.expr.text())).collect();
        for step in &self.steps {
            let own = step.lines.iter().flat_map(|lines| lines.text().lines());
            lines.extend(own.map(str::to_owned));
            lines.extend(step.wait.iter().chain(&step.verify).map(|condition| wait(condition.text())));
        }
        lines.extend(self.heal.lines.iter().flat_map(|lines| lines.text().lines()).map(str::to_owned));
        let must_hold = self.probes.iter().filter(|probe| probe.severity == Severity::Must);
        lines.extend(must_hold.map(|probe| wait(probe.expr.text())));
        lines.extend(self.aborts.iter().map(|abort| wait(abort.expr.text())));
        let asserted = self.asserts.iter().filter(|assert| assert.severity == Severity::Must);
        lines.extend(
            asserted.filter_map(|assert| Measure::condition_of(assert.expr.text())).map(|of| wait(&of)),
        );
        lines
    }
}

impl Measure {
    /// What the source has to report so that it can be measured; `None`: the clients' requests or the conditions are enough.
    #[must_use]
    pub fn needs(&self) -> Option<Insight> {
        match self {
            Self::Takeover
            | Self::Detect
            | Self::FirstWrite
            | Self::Terms(_)
            | Self::Elections(_)
            | Self::Leaders(_) => Some(Insight::Elections),
            Self::Snapshots(_) => Some(Insight::Snapshots),
            Self::Healing
            | Self::Gap(_)
            | Self::Availability(_)
            | Self::Latency(..)
            | Self::Slowdown(_)
            | Self::Acknowledged(_)
            | Self::InDoubt(_)
            | Self::TimeTo(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{built_in, catalogue};

    fn drill(id: &str) -> Drill {
        Drill::read(built_in(id).expect("a built-in drill")).expect("it has no mistake")
    }

    #[test]
    fn every_drill_can_be_run_where_everything_can_be_done() {
        for drill in catalogue() {
            assert_eq!(drill.unsupported(&Capabilities::all()), None, "{}", drill.id);
        }
    }

    #[test]
    fn what_is_lacking_is_said_with_the_line_that_needs_it() {
        let no_links = Capabilities::all().without(Ability::Links, "its members dial each other directly");
        assert_eq!(drill("leader-kill").unsupported(&no_links), None);
        let why = drill("single-link").unsupported(&no_links).expect("it cuts a link");
        assert_eq!(why, "cut 1-3 is not possible here: its members dial each other directly");
        let no_store = Capabilities::all().without(Ability::Store, "read-only");
        assert_eq!(
            drill("leader-kill").unsupported(&no_store).as_deref(),
            Some("a workload is not possible here: read-only")
        );
    }

    #[test]
    fn what_is_waited_for_or_measured_and_not_reported_is_said() {
        let untold = |insight| Capabilities::all().untold(insight, "nobody says so");
        let why = drill("slow-follower").unsupported(&untold(Insight::Snapshots)).expect("it waits for one");
        assert!(why.starts_with("wait snapshot $lead $s+100..") && why.ends_with("nobody says so"), "{why}");
        assert_eq!(
            drill("leader-kill").unsupported(&untold(Insight::Elections)).as_deref(),
            Some("D cannot be measured here: nobody says so")
        );
        assert_eq!(
            drill("leader-kill").unsupported(&untold(Insight::Changes)),
            None,
            "that is judged, not needed"
        );
    }
}
