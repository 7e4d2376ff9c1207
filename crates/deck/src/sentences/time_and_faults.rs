//! Sentences about cluster time and about what is in force.

use super::disturbances::{is_told_elsewhere, meaning};
use super::{Sentence, Weight};
use raftdeck_model::{ClusterTime, Fault, write};
use raftdeck_protocol::ClockRate;
use std::collections::BTreeSet;
use std::time::Duration;

/// What was reported last.
#[derive(Clone, Debug, Default)]
pub(super) struct TimeAndFaults {
    rate: ClockRate,
    in_force: Vec<Fault>,
}

impl TimeAndFaults {
    /// What a new rate of cluster time means. The screen shows the rate all the time, so that this is a detail there.
    pub(super) fn time(&mut self, ClusterTime { rate, now }: ClusterTime) -> Option<Sentence> {
        let was = std::mem::replace(&mut self.rate, rate);
        let at = exactly(now);
        let text = match (was.is_frozen(), rate.is_frozen()) {
            (false, true) => format!("time is frozen at {at}"),
            (true, false) if rate == ClockRate::REAL => format!("time runs again from {at}"),
            (_, false) if was != rate => format!("time runs at rate {rate} from {at}"),
            _ => return None,
        };
        Some(Sentence::new(Weight::Detail, None, text))
    }

    /// One sentence for each rule or condition that is no longer in force, or has come into force.
    pub(super) fn in_force(&mut self, faults: &[Fault]) -> Vec<Sentence> {
        let was = std::mem::replace(&mut self.in_force, faults.to_vec());
        let is_in = |those: &[Fault], id| those.iter().any(|other| other.id == id);
        let over = was.iter().filter(|fault| !is_in(faults, fault.id)).map(over);
        // A watch that has fired keeps its number and becomes the rules that it was waiting for.
        let new = faults.iter().filter(|fault| !was.contains(fault)).map(begun);
        over.chain(new).collect()
    }
}

fn over(fault: &Fault) -> Sentence {
    of(fault, format!("#{} {} is over", fault.id.0, write::disturbance(&fault.what)))
}

fn begun(fault: &Fault) -> Sentence {
    let meaning = meaning(&fault.what).map(|meaning| format!(": {meaning}")).unwrap_or_default();
    of(fault, format!("#{} {} is in force{meaning}", fault.id.0, write::disturbance(&fault.what)))
}

fn of(fault: &Fault, text: String) -> Sentence {
    let weight = if is_told_elsewhere(&fault.what) { Weight::Detail } else { Weight::Minor };
    let nodes: BTreeSet<_> = fault.what.nodes();
    let node = nodes.first().filter(|_| nodes.len() == 1).copied();
    Sentence::new(weight, node, text)
}

/// Steps of a frozen world are measured in microseconds.
fn exactly(time: Duration) -> String {
    format!("{}.{:03} ms", time.as_millis(), time.as_micros() % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::{Disturbance, FaultId};
    use raftdeck_raft::NodeId;

    #[test]
    fn changes_are_told_once() {
        let mut told = TimeAndFaults::default();
        let mut time = |millionths| {
            let rate = ClockRate::from_millionths(millionths).unwrap();
            told.time(ClusterTime { rate, now: Duration::from_micros(5_250) })
                .map_or_else(String::new, |told| told.text)
        };
        assert_eq!(time(1_000_000), "");
        assert_eq!(time(0), "time is frozen at 5.250 ms");
        assert_eq!(time(0), "");
        assert_eq!(time(10_000), "time runs at rate 1/100 from 5.250 ms");
        let fault = |id| Fault { id: FaultId(id), what: Disturbance::Slowed(NodeId(1), 30) };
        let mut in_force = |faults: &[u64]| {
            let faults: Vec<Fault> = faults.iter().map(|id| fault(*id)).collect();
            told.in_force(&faults).into_iter().map(|told| told.text).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(in_force(&[3]), "#3 slow 1 30% is in force: n1's process is stopped for 30% of the time");
        assert_eq!(
            in_force(&[4]),
            "#3 slow 1 30% is over; #4 slow 1 30% is in force: n1's process is stopped for 30% of the time"
        );
        assert_eq!(in_force(&[4]), "");
    }
}
