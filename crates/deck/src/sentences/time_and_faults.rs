//! Sentences about cluster time and about what is in force, for output without a screen.

use raftdeck_model::{ClusterTime, Fault, News, write};
use raftdeck_protocol::ClockRate;
use std::time::Duration;

/// What was reported last.
#[derive(Debug, Default)]
pub struct TimeAndFaults {
    rate: ClockRate,
    in_force: Vec<Fault>,
}

impl TimeAndFaults {
    /// The sentences for an update.
    pub fn tell(&mut self, update: &News) -> Vec<String> {
        match update {
            News::Time(time) => self.time(*time).into_iter().collect(),
            News::InForce { faults } => self.in_force(faults),
            _ => Vec::new(),
        }
    }

    fn time(&mut self, ClusterTime { rate, now }: ClusterTime) -> Option<String> {
        let was = std::mem::replace(&mut self.rate, rate);
        let at = millis(now);
        match (was.is_frozen(), rate.is_frozen()) {
            (false, true) => Some(format!("time is frozen at {at}")),
            (true, false) if rate == ClockRate::REAL => Some(format!("time runs again from {at}")),
            (_, false) if was != rate => Some(format!("time runs at rate {rate} from {at}")),
            _ => None,
        }
    }

    fn in_force(&mut self, faults: &[Fault]) -> Vec<String> {
        let was = std::mem::replace(&mut self.in_force, faults.to_vec());
        let is_in = |those: &[Fault], id| those.iter().any(|other| other.id == id);
        let over = was.iter().filter(|fault| !is_in(faults, fault.id)).map(|fault| (fault, "is over"));
        let new = faults.iter().filter(|fault| !is_in(&was, fault.id)).map(|fault| (fault, "is in force"));
        over.chain(new)
            .map(|(fault, says)| format!("#{} {} {says}", fault.id.0, write::disturbance(&fault.what)))
            .collect()
    }
}

fn millis(time: Duration) -> String {
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
            told.tell(&News::Time(ClusterTime { rate, now: Duration::from_micros(5_250) })).join(";")
        };
        assert_eq!(time(1_000_000), "");
        assert_eq!(time(0), "time is frozen at 5.250 ms");
        assert_eq!(time(0), "");
        assert_eq!(time(10_000), "time runs at rate 1/100 from 5.250 ms");
        let fault = |id| Fault { id: FaultId(id), what: Disturbance::Paused(NodeId(1)) };
        let mut in_force = |faults: &[u64]| {
            let faults = faults.iter().map(|id| fault(*id)).collect();
            told.tell(&News::InForce { faults }).join("; ")
        };
        assert_eq!(in_force(&[3]), "#3 pause 1 is in force");
        assert_eq!(in_force(&[4]), "#3 pause 1 is over; #4 pause 1 is in force");
        assert_eq!(in_force(&[4]), "");
    }
}
