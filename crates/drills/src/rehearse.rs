//! Runs a drill over a cluster in virtual time, as fast as that can be computed.

use crate::run::{Run, RunEffect};
use raftdeck_model::{ClusterTime, News, VirtualSource, World};
use std::time::Duration;

/// The least time that passes between two rounds in which nothing is sent.
const LEAST: Duration = Duration::from_micros(1);

/// Runs a drill to its end. Real time is virtual too: it passes as fast as cluster time at rate 1. What is to be told goes to `tell`.
///
/// The same cluster and drill give the same outcome.
pub fn rehearse(run: &mut Run, cluster: &mut impl VirtualSource, mut tell: impl FnMut(String)) {
    let (mut now, mut world) = (Duration::ZERO, World::default());
    let mut time = (ClusterTime::default(), Duration::ZERO);
    while !run.is_over() {
        for update in cluster.take() {
            if let News::Time(told) = update.what {
                time = (told, now);
            }
            world.fold(&update);
            run.hear(&update, now, &world);
        }
        let mut is_sent = false;
        for effect in run.go_on(now, &world) {
            match effect {
                RunEffect::Send(command) => {
                    is_sent = true;
                    cluster.send(command);
                }
                RunEffect::Tell(line) => tell(line),
            }
        }
        if is_sent {
            continue;
        }
        let next = cluster.next().and_then(|next| Some(time.1 + time.0.until(next)?));
        let Some(due) = [run.next_due(), next].into_iter().flatten().min() else { return };
        // Time passes in every round, whatever is due: a rehearsal always ends, by its budget if by nothing else.
        now = due.max(now + LEAST);
        cluster.run_until(time.0.after(now.saturating_sub(time.1)));
    }
}
