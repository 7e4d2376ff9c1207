//! The settings that the manager sends to each node: its clock rate, timing, switches and disk delays.
//!
//! One connection for each node and each of its lives, on which it receives every change in order. So an old setting never arrives
//! after a newer one, not even at a node that was paused in between. Nothing is decided here.

use futures::{SinkExt, StreamExt};
use raftdeck_client::{Access, Backoff, Dialed};
use raftdeck_links::{ClockReader, NodeLocation, Whereabouts, life_over};
use raftdeck_protocol::{
    ClockFactor, ClockRate, DiskPace, Failure, Hello, Manage, Request, RequestBody, Response, ResponseBody,
    Role, frame,
};
use raftdeck_raft::{NodeId, Tuning};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// How long a node may take to answer the handshake. A paused one does when it runs again.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pauses between attempts.
const LEAST_PAUSE: Duration = Duration::from_millis(20);
const MOST_PAUSE: Duration = Duration::from_secs(1);

/// How time is to pass, and how often that was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Beat {
    /// Counts up; 0: nothing was ever set.
    number: u64,
    rate: ClockRate,
    run_for: Option<Duration>,
    /// When a limited run ends, in cluster time, for nodes that receive it late.
    until: Option<Duration>,
}

/// The settings that one node is to receive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wish {
    /// Counts up with every change.
    version: u64,
    beat: Beat,
    /// Leases are forgone, permanently.
    forgo_leases: bool,
    /// How often the clock factor was set, and its value.
    factor: (u64, ClockFactor),
    /// How often timing and switches were set, and their values.
    tuning: (u64, Option<Tuning>),
    /// How often the fixed timeout was set, and its value.
    timeouts: (u64, Option<Duration>),
    /// How often the disk's pace was set, and its value.
    disk: (u64, DiskPace),
}

/// The settings of every node.
pub(crate) struct Tempo {
    reader: ClockReader,
    access: Access,
    beat: Beat,
    forgo_leases: bool,
    timeouts: BTreeMap<NodeId, Duration>,
    nodes: BTreeMap<NodeId, TempoOfNode>,
}

struct TempoOfNode {
    wish: watch::Sender<Wish>,
    /// The version of the wish that the present life confirmed last.
    confirmed: watch::Receiver<u64>,
    place: watch::Receiver<Whereabouts>,
    task: AbortHandle,
}

impl TempoOfNode {
    /// Sets a value if it differs: it is then sent under the next number.
    fn wishes<T: PartialEq>(&self, what: T, of: impl FnOnce(&mut Wish) -> &mut (u64, T)) {
        self.wish.send_if_modified(|wish| {
            let (number, wished) = of(wish);
            if *wished == what {
                return false;
            }
            *number += 1;
            *wished = what;
            wish.version += 1;
            true
        });
    }
}

impl Tempo {
    pub(crate) fn new(reader: ClockReader, access: Access) -> Self {
        let (timeouts, nodes) = (BTreeMap::new(), BTreeMap::new());
        Self { reader, access, beat: Beat::default(), forgo_leases: false, timeouts, nodes }
    }

    /// Adds a node.
    pub(crate) fn add(&mut self, node: NodeId, place: watch::Receiver<Whereabouts>) {
        let (beat, forgo_leases) = (self.beat, self.forgo_leases);
        let wish = watch::Sender::new(Wish { version: 1, beat, forgo_leases, ..Wish::default() });
        let (confirm, confirmed) = watch::channel(0);
        let teller = TempoSender {
            access: self.access.clone(),
            node,
            wish: wish.subscribe(),
            confirm,
            reader: self.reader.clone(),
        };
        let task = tokio::spawn(teller.keep(place.clone())).abort_handle();
        self.nodes.insert(node, TempoOfNode { wish, confirmed, place, task });
    }

    /// Removes a node.
    pub(crate) fn remove(&mut self, node: NodeId) {
        if let Some(told) = self.nodes.remove(&node) {
            told.task.abort();
        }
        self.timeouts.remove(&node);
    }

    /// Every node's clock runs at this rate from now on: until this much time has passed, or without end.
    pub(crate) fn set_clock(&mut self, rate: ClockRate, run_for: Option<Duration>) {
        let until = run_for.map(|run_for| self.reader.now() + run_for);
        self.beat = Beat { number: self.beat.number + 1, rate, run_for, until };
        for told in self.nodes.values() {
            told.wish.send_modify(|wish| {
                wish.version += 1;
                wish.beat = self.beat;
            });
        }
    }

    /// No node serves reads by a lease from now on.
    pub(crate) fn forgo_leases(&mut self) {
        self.forgo_leases = true;
        for told in self.nodes.values() {
            told.wish.send_modify(|wish| {
                wish.version += u64::from(!wish.forgo_leases);
                wish.forgo_leases = true;
            });
        }
    }

    /// The node's clock runs at this factor from now on, also after a restart.
    pub(crate) fn set_factor(&mut self, node: NodeId, factor: ClockFactor) {
        if let Some(told) = self.nodes.get(&node) {
            told.wishes(factor, |wish| &mut wish.factor);
        }
    }

    /// The node works with this from now on, also after a restart; `usual`: what it works with by default.
    pub(crate) fn set_tuning(&mut self, node: NodeId, tuning: Tuning, usual: Tuning) {
        if let Some(told) = self.nodes.get(&node) {
            // The usual values need not be sent unless others were sent before.
            let is_said = told.wish.borrow().tuning.1.is_some();
            if is_said || tuning != usual {
                told.wishes(Some(tuning), |wish| &mut wish.tuning);
            }
        }
    }

    /// These nodes' election timeouts are this long from now on, the others' random.
    pub(crate) fn set_timeouts(&mut self, timeouts: BTreeMap<NodeId, Duration>) {
        self.timeouts = timeouts;
        for (node, told) in &self.nodes {
            let timeout = self.timeouts.get(node).copied();
            told.wishes(timeout, |wish| &mut wish.timeouts);
        }
    }

    /// The node's disk behaves like this from now on, also after a restart.
    pub(crate) fn set_disk(&mut self, node: NodeId, pace: DiskPace) {
        if let Some(told) = self.nodes.get(&node) {
            told.wishes(pace, |wish| &mut wish.disk);
        }
    }

    /// Waits until every node that serves, except these, has confirmed the last settings; not forever.
    pub(crate) fn settled(
        &self,
        within: Duration,
        but_for: &BTreeSet<NodeId>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let serves = |told: &TempoOfNode| matches!(told.place.borrow().place, NodeLocation::Serving { .. });
        let counts = |(node, told): &(&NodeId, &TempoOfNode)| serves(told) && !but_for.contains(node);
        let nodes: Vec<_> = self
            .nodes
            .iter()
            .filter(counts)
            .map(|(_, told)| (told.confirmed.clone(), told.wish.borrow().version, told.place.clone()))
            .collect();
        async move {
            let all = async move {
                for (mut confirmed, wanted, place) in nodes {
                    let life = place.borrow().life;
                    tokio::select! {
                        _ = confirmed.wait_for(|version| *version >= wanted) => {}
                        () = life_over(place, life) => {}
                    }
                }
            };
            // A paused node receives it later.
            let _ = timeout(within, all).await;
        }
    }
}

struct TempoSender {
    access: Access,
    node: NodeId,
    wish: watch::Receiver<Wish>,
    confirm: watch::Sender<u64>,
    reader: ClockReader,
}

impl TempoSender {
    async fn keep(mut self, mut place: watch::Receiver<Whereabouts>) {
        loop {
            let now = *place.borrow_and_update();
            if let NodeLocation::Serving { client, .. } = now.place {
                tokio::select! {
                    biased;
                    () = life_over(place.clone(), now.life) => {}
                    () = self.serve(client) => return,
                }
            }
            if place.changed().await.is_err() {
                return;
            }
        }
    }

    /// Sends repeatedly. Ends with the lab.
    async fn serve(&mut self, address: SocketAddr) {
        self.confirm.send_replace(0);
        // Connects immediately, even without anything to send: a step must find every node connected, so that all run equally long.
        let address = address.to_string();
        let hello = Hello { expects: Some(self.node), ..Hello::new("", Role::Manager) };
        let mut pauses = Backoff::new(LEAST_PAUSE, MOST_PAUSE);
        loop {
            let told = match self.access.dial(&address, &hello, PATIENCE).await {
                Ok(dialed) => self.tell(dialed, &mut pauses).await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match told {
                Ok(()) => return,
                Err(why) => tracing::debug!("the clock of {} cannot be set: {why}", self.node),
            }
            tokio::time::sleep(pauses.pause()).await;
        }
    }

    /// Sends everything on one connection. `Ok`: the lab ends.
    async fn tell(&mut self, mut dialed: Dialed, pauses: &mut Backoff) -> io::Result<()> {
        let mut told: Option<Wish> = None;
        loop {
            let wish = *self.wish.borrow_and_update();
            let news = self.news(told, wish);
            // The answer to the last request confirms all of them.
            let last = news.len().checked_sub(1);
            for (at, manage) in news.into_iter().enumerate() {
                let id = if Some(at) == last { wish.version } else { 0 };
                let request = Request { id, body: RequestBody::Manage(manage) };
                dialed.frames.send(frame::encode(&request)).await?;
            }
            if last.is_none() {
                self.confirmed(wish.version);
            }
            told = Some(wish);
            tokio::select! {
                changed = self.wish.changed() => if changed.is_err() {
                    return Ok(());
                },
                answer = dialed.frames.next() => {
                    let bytes = answer.ok_or(io::ErrorKind::UnexpectedEof)??;
                    pauses.reset();
                    self.heard(&bytes);
                }
            }
        }
    }

    /// What a node that already has the settings `told` must receive.
    fn news(&self, told: Option<Wish>, wish: Wish) -> Vec<Manage> {
        let mut news = Vec::new();
        let beat = wish.beat;
        if beat.number > 0 && told.is_none_or(|told| told.beat != beat) {
            news.push(if told.is_some() {
                Manage::SetClock { rate: beat.rate, run_for: beat.run_for }
            } else {
                late(beat, self.reader.now())
            });
        }
        // A node that is set apart from the others forgoes leases first, and gets its timeouts afterwards.
        if wish.forgo_leases && told.is_none_or(|told| !told.forgo_leases) {
            news.push(Manage::ForgoLeases);
        }
        if wish.factor.0 > told.map_or(0, |told| told.factor.0) {
            news.push(Manage::SetClockFactor(wish.factor.1));
        }
        if let (true, Some(tuning)) = (wish.tuning.0 > told.map_or(0, |told| told.tuning.0), wish.tuning.1) {
            news.push(Manage::Tune(tuning));
        }
        if wish.timeouts.0 > told.map_or(0, |told| told.timeouts.0) {
            news.push(Manage::SetElectionTimeout(wish.timeouts.1));
        }
        if wish.disk.0 > told.map_or(0, |told| told.disk.0) {
            news.push(Manage::SetDisk(wish.disk.1));
        }
        news
    }

    fn heard(&self, bytes: &[u8]) {
        match frame::decode::<Response>("response", bytes) {
            Ok(Response { id, body: ResponseBody::Failed(failure) }) => {
                // Confirmed nevertheless: it will not give another answer.
                self.confirmed(id);
                self.complain(&failure);
            }
            Ok(Response { id, .. }) => self.confirmed(id),
            Err(error) => tracing::debug!("{} gave an invalid answer: {error}", self.node),
        }
    }

    fn confirmed(&self, version: u64) {
        self.confirm.send_if_modified(|last| {
            let newer = *last < version;
            *last = version.max(*last);
            newer
        });
    }

    fn complain(&self, failure: &Failure) {
        tracing::warn!("{} refuses to set its clock or its disk: {failure}", self.node);
    }
}

/// What is left of a beat for a node that receives it only now.
fn late(beat: Beat, now: Duration) -> Manage {
    match beat.until {
        None => Manage::SetClock { rate: beat.rate, run_for: None },
        Some(until) if until <= now => Manage::SetClock { rate: ClockRate::FROZEN, run_for: None },
        Some(until) => Manage::SetClock { rate: beat.rate, run_for: Some(until.saturating_sub(now)) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_links::ClusterClock;
    use raftdeck_raft::Timing;

    const HALF: ClockRate = ClockRate::from_millionths(500_000).unwrap();

    fn teller(clock: &ClusterClock) -> TempoSender {
        let (wish, confirm) = (watch::Sender::new(Wish::default()), watch::Sender::new(0));
        TempoSender {
            access: Access::default(),
            node: NodeId(1),
            wish: wish.subscribe(),
            confirm,
            reader: clock.reader(),
        }
    }

    fn beat(number: u64, rate: ClockRate, run: Option<(u64, u64)>) -> Wish {
        let (run_for, until) =
            run.map(|(run, until)| (Duration::from_millis(run), Duration::from_millis(until))).unzip();
        Wish { beat: Beat { number, rate, run_for, until }, ..Wish::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_hears_each_change_once_and_a_late_one_what_is_left() {
        let clock = ClusterClock::start(ClockRate::REAL);
        let teller = teller(&clock);
        let set = |rate, run_for: Option<u64>| Manage::SetClock {
            rate,
            run_for: run_for.map(Duration::from_millis),
        };
        let run = beat(3, HALF, Some((10, 10)));
        assert_eq!(teller.news(Some(beat(2, HALF, None)), run), [set(HALF, Some(10))]);
        assert_eq!(teller.news(Some(run), run), []);
        assert_eq!(teller.news(None, Wish::default()), []);
        tokio::time::advance(Duration::from_millis(4)).await;
        assert_eq!(teller.news(None, run), [set(HALF, Some(6))]);
        tokio::time::advance(Duration::from_millis(6)).await;
        assert_eq!(teller.news(None, run), [set(ClockRate::FROZEN, None)], "the run is over");
        assert_eq!(teller.news(None, beat(4, HALF, None)), [set(HALF, None)]);
    }

    #[tokio::test(start_paused = true)]
    async fn timeouts_are_told_when_they_were_ever_said() {
        let teller = teller(&ClusterClock::start(ClockRate::REAL));
        let said = |number, timeout| Wish { timeouts: (number, timeout), ..Wish::default() };
        let fixed = Some(Duration::from_millis(200));
        assert_eq!(teller.news(None, said(1, fixed)), [Manage::SetElectionTimeout(fixed)]);
        assert_eq!(teller.news(Some(said(1, fixed)), said(2, None)), [Manage::SetElectionTimeout(None)]);
        assert_eq!(teller.news(Some(said(2, None)), said(2, None)), []);
    }

    #[tokio::test(start_paused = true)]
    async fn leases_are_forgone_before_a_node_is_tuned_and_timeouts_come_after_that() {
        let teller = teller(&ClusterClock::start(ClockRate::REAL));
        let tuning = Tuning { timing: Timing::DEBUG, pre_vote: false, check_quorum: true };
        let fixed = Some(Duration::from_millis(1500));
        let wish = Wish { forgo_leases: true, ..Wish::default() };
        let wish = Wish { tuning: (1, Some(tuning)), timeouts: (1, fixed), ..wish };
        let wish = Wish { factor: (1, ClockFactor::FASTEST), ..wish };
        let clock = Manage::SetClockFactor(ClockFactor::FASTEST);
        let all = [Manage::ForgoLeases, clock, Manage::Tune(tuning), Manage::SetElectionTimeout(fixed)];
        assert_eq!(teller.news(None, wish), all, "another life of it");
        assert_eq!(teller.news(Some(Wish::default()), wish), all);
        assert_eq!(teller.news(Some(wish), wish), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_starts_again_is_told_how_its_disk_does() {
        let teller = teller(&ClusterClock::start(ClockRate::REAL));
        let said = |number, pace| Wish { disk: (number, pace), ..Wish::default() };
        let (stalled, free) = (said(1, DiskPace::Stalled), said(2, DiskPace::Free));
        assert_eq!(teller.news(Some(Wish::default()), stalled), [Manage::SetDisk(DiskPace::Stalled)]);
        assert_eq!(teller.news(Some(stalled), stalled), []);
        assert_eq!(teller.news(None, stalled), [Manage::SetDisk(DiskPace::Stalled)], "another life of it");
        assert_eq!(teller.news(Some(stalled), free), [Manage::SetDisk(DiskPace::Free)]);
    }
}
