//! The links between members: one for each direction, each with its own weather. Says when a message arrives, if it
//! does; carries nothing itself, but remembers old messages, so that they can come again.

use crate::fault::{Cut, Weather};
use crate::rng::Rng;
use raftdeck_raft::{Message, NodeId, Sender};

/// Old messages that are remembered.
const MEMORY: usize = 300;

/// Something that holds until a time.
#[derive(Clone, Copy, Debug, Default)]
struct ValueUntil {
    value: u64,
    until: u64,
}

impl ValueUntil {
    fn at(self, now: u64) -> u64 {
        if now < self.until { self.value } else { 0 }
    }
}

#[derive(Clone, Debug, Default)]
struct Link {
    cut_until: u64,
    loss: ValueUntil,
    delay: ValueUntil,
    late: ValueUntil,
    duplicate: ValueUntil,
    reorder: ValueUntil,
    /// The newest message arrives then; unless they are reordered, later ones do not overtake it.
    busy_until: u64,
}

/// All links.
#[derive(Debug)]
pub(crate) struct Network {
    rng: Rng,
    nodes: u64,
    links: Vec<Link>,
    delay: (u64, u64),
    /// What was said once: from whom, to whom, what.
    old: Vec<(Sender, NodeId, Message)>,
    remembers: bool,
    oldest: usize,
    said: u64,
}

/// When a message arrives: not at all, once or twice.
pub(crate) type Arrivals = [Option<u64>; 2];

impl Network {
    pub(crate) fn new(seed: u64, nodes: u64, delay: (u64, u64), remembers: bool) -> Self {
        let links = vec![Link::default(); usize::try_from(nodes * nodes).unwrap_or(0)];
        Self { rng: Rng::new(seed, 3), nodes, links, delay, old: Vec::new(), remembers, oldest: 0, said: 0 }
    }

    fn link(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        let place = usize::try_from((from.0 - 1) * self.nodes + to.0 - 1);
        &mut self.links[place.expect("invariant: there are few nodes")]
    }

    /// How long it takes without any weather; also between clients and members.
    pub(crate) fn calm_delay(&mut self) -> u64 {
        self.rng.between(self.delay.0, self.delay.1)
    }

    /// Whether this message crosses as bytes, so that the encoding is tried too.
    pub(crate) fn encodes(&mut self) -> bool {
        self.rng.chance(125)
    }

    /// Whether nothing gets through from one member to the other.
    pub(crate) fn is_cut(&mut self, from: NodeId, to: NodeId, now: u64) -> bool {
        now < self.link(from, to).cut_until
    }

    pub(crate) fn send(&mut self, sender: Sender, to: NodeId, message: &Message, now: u64) -> Arrivals {
        let from = sender.id;
        self.remember(sender, to, message);
        let delay = self.calm_delay();
        let (luck, more) = (self.rng.below(1000), self.rng.next());
        let link = self.link(from, to);
        if now < link.cut_until || luck < link.loss.at(now) {
            return [None, None];
        }
        let twice = more % 1000 < link.duplicate.at(now);
        let late = (more >> 20) % (link.delay.at(now) + 1);
        let disorder = link.reorder.at(now);
        let mut first = now + delay + late + link.late.at(now);
        if disorder > 0 {
            first += (more >> 10) % disorder;
        } else {
            first = first.max(link.busy_until);
            link.busy_until = first;
        }
        let second = twice.then(|| first + self.rng.below(disorder.max(5000)));
        [Some(first), second]
    }

    /// Remembers some of what is said.
    fn remember(&mut self, from: Sender, to: NodeId, message: &Message) {
        self.said += 1;
        if !self.remembers || !self.said.is_multiple_of(3) {
            return;
        }
        let said = (from, to, message.clone());
        if self.old.len() < MEMORY {
            self.old.push(said);
        } else {
            self.old[self.oldest] = said;
            self.oldest = (self.oldest + 1) % MEMORY;
        }
    }

    /// Old messages to come again.
    pub(crate) fn recall(&self, pick: u64, count: u64) -> Vec<(Sender, NodeId, Message)> {
        let mut rng = Rng::new(pick, 4);
        let count = if self.old.is_empty() { 0 } else { count };
        (0..count).map(|_| self.old[rng.index(self.old.len())].clone()).collect()
    }

    pub(crate) fn cut(&mut self, cut: &Cut, leader: Option<NodeId>, until: u64) {
        for (from, to) in self.pairs() {
            if cut.cuts(from, to, leader) {
                let link = self.link(from, to);
                link.cut_until = link.cut_until.max(until);
            }
        }
    }

    pub(crate) fn change(&mut self, from: Option<NodeId>, to: Option<NodeId>, weather: Weather, until: u64) {
        for (a, b) in self.pairs() {
            if from.is_some_and(|from| from != a) || to.is_some_and(|to| to != b) {
                continue;
            }
            let link = self.link(a, b);
            match weather {
                Weather::Loss(value) => link.loss = ValueUntil { value, until },
                Weather::Delay(value) => link.delay = ValueUntil { value, until },
                Weather::Late(value) => link.late = ValueUntil { value, until },
                Weather::Duplicate(value) => link.duplicate = ValueUntil { value, until },
                Weather::Reorder(value) => link.reorder = ValueUntil { value, until },
            }
        }
    }

    /// All links are whole and the weather is fine.
    pub(crate) fn heal(&mut self) {
        for link in &mut self.links {
            *link = Link { busy_until: link.busy_until, ..Link::default() };
        }
    }

    fn pairs(&self) -> Vec<(NodeId, NodeId)> {
        let all = 1..=self.nodes;
        let of = |from| (1..=self.nodes).map(move |to| (NodeId(from), NodeId(to)));
        all.flat_map(of).filter(|(from, to)| from != to).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Who;
    use raftdeck_raft::{Term, TimeoutNow};

    const ONE: NodeId = NodeId(1);
    const TWO: NodeId = NodeId(2);

    fn network() -> Network {
        Network::new(1, 3, (100, 200), true)
    }

    fn message() -> Message {
        Message::TimeoutNow(TimeoutNow { term: Term(1) })
    }

    fn arrived(network: &mut Network, from: NodeId, to: NodeId, now: u64) -> usize {
        network.send(from.into(), to, &message(), now).into_iter().flatten().count()
    }

    #[test]
    fn a_cut_in_one_direction_leaves_the_other_open_and_ends() {
        let mut network = network();
        network.cut(&Cut::OneWay(ONE, TWO), None, 1000);
        assert_eq!(arrived(&mut network, ONE, TWO, 999), 0);
        assert_eq!(arrived(&mut network, TWO, ONE, 999), 1);
        assert_eq!(arrived(&mut network, ONE, TWO, 1000), 1);
    }

    #[test]
    fn a_bridge_sees_both_sides_that_do_not_see_each_other() {
        let mut network = network();
        network.cut(&Cut::Bridge(NodeId(3), vec![ONE]), None, 1000);
        assert_eq!(arrived(&mut network, ONE, TWO, 0), 0);
        assert_eq!(arrived(&mut network, TWO, ONE, 0), 0);
        for (from, to) in [(1, 3), (3, 1), (2, 3), (3, 2)] {
            assert_eq!(arrived(&mut network, NodeId(from), NodeId(to), 0), 1);
        }
    }

    #[test]
    fn a_mute_leader_hears_and_is_not_heard() {
        let mut network = network();
        network.cut(&Cut::Mute(Who::Leader), Some(TWO), 1000);
        assert_eq!(arrived(&mut network, TWO, ONE, 0), 0);
        assert_eq!(arrived(&mut network, ONE, TWO, 0), 1);
    }

    #[test]
    fn calm_links_keep_the_order_and_reordering_ones_do_not() {
        let order = |network: &mut Network| {
            let times: Vec<_> =
                (0..100).filter_map(|now| network.send(ONE.into(), TWO, &message(), now)[0]).collect();
            times.is_sorted()
        };
        assert!(order(&mut network()));
        let mut stormy = network();
        stormy.change(None, None, Weather::Reorder(5000), u64::MAX);
        assert!(!order(&mut stormy));
    }

    #[test]
    fn losses_and_repetitions_are_about_as_many_as_asked_for() {
        let mut network = network();
        network.change(Some(ONE), None, Weather::Loss(400), u64::MAX);
        let count: usize = (0..1000).map(|now| arrived(&mut network, ONE, TWO, now)).sum();
        assert!((500..700).contains(&count), "{count} of 1000");
        network.heal();
        network.change(None, None, Weather::Duplicate(300), u64::MAX);
        let count: usize = (0..1000).map(|now| arrived(&mut network, ONE, TWO, now)).sum();
        assert!((1200..1400).contains(&count), "{count} of 1000");
    }

    #[test]
    fn old_messages_come_again_and_the_memory_is_bounded() {
        let mut network = network();
        for now in 0..5000 {
            network.send(ONE.into(), TWO, &message(), now);
        }
        assert_eq!(network.old.len(), MEMORY);
        assert_eq!(network.recall(7, 20).len(), 20);
    }
}
