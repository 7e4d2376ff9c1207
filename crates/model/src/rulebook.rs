//! The rules in force, and their decision for each message. Pure: time and messages come in, decisions go out, and
//! random choices come from a seed, so that the same seed gives the same decisions.
//!
//! Nothing here knows where messages are; the carrier of the messages applies the decisions.

use crate::glance::Glance;
use crate::message::LinkState;
use crate::rule::{Delay, Effect, FaultId, Matching, Probability, Rule, Scope, Watch};
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The longest delay by one rule; for longer delays there is hold.
const LONGEST: Duration = Duration::from_hours(24);

/// A directed pair: sender, receiver.
pub type Pair = (NodeId, NodeId);

/// One message, as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct MessageInTransit<'a> {
    /// On which link.
    pub pair: Pair,
    /// The number of the frame on that link since the seed was set.
    pub number: u64,
    /// What it is; `None`: no message.
    pub glance: Option<&'a Glance>,
    /// Its size in bytes.
    pub size: usize,
    /// When the link took it in, in cluster time.
    pub now: Duration,
}

/// What the rules decide about a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// It is lost. The other fields are then meaningless.
    pub lost: bool,
    /// What holds it; empty: nothing.
    pub held_by: Vec<FaultId>,
    /// How much longer it takes.
    pub delay: Duration,
    /// How much longer still, during which others overtake it.
    pub behind: Duration,
    /// It arrives twice.
    pub twice: bool,
}

/// Everything in force, oldest first.
#[derive(Debug, Default)]
pub struct Rulebook {
    seed: u64,
    rules: Vec<Active>,
    watches: Vec<Watching>,
}

/// A rule at work.
#[derive(Debug)]
struct Active {
    id: FaultId,
    rule: Rule,
    /// Gives each rule its own random choices. Derived from its content, not its name, so that the same rules made anew decide the same.
    salt: u64,
    /// How many more messages it applies to; `None`: all.
    left: Option<u64>,
    /// For a limit: when each link will have passed everything that it took in so far.
    free_at: BTreeMap<Pair, Duration>,
}

#[derive(Debug)]
struct Watching {
    id: FaultId,
    watch: Watch,
    /// The number of messages until it fires.
    left: u64,
}

impl Rulebook {
    /// From now on random choices use this seed.
    pub fn seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// A rule comes into force.
    pub fn add(&mut self, id: FaultId, rule: Rule) {
        let same = self.rules.iter().filter(|active| active.rule == rule).count() as u64;
        // A value whose map keys are all strings can always be serialized.
        let written = serde_json::to_vec(&rule).unwrap_or_default();
        let salt = xxh3_64_with_seed(&written, same);
        let left = rule.matching.next;
        self.rules.push(Active { id, rule, salt, left, free_at: BTreeMap::new() });
    }

    /// A watch begins.
    pub fn watch(&mut self, id: FaultId, watch: Watch) {
        let left = watch.matching.next.unwrap_or(1);
        self.watches.push(Watching { id, watch, left });
    }

    /// Removes everything of this name. Says whether there was something.
    pub fn remove(&mut self, id: FaultId) -> bool {
        let before = self.rules.len() + self.watches.len();
        self.rules.retain(|active| active.id != id);
        self.watches.retain(|watching| watching.id != id);
        self.rules.len() + self.watches.len() < before
    }

    /// Where rules of this name delay messages.
    #[must_use]
    pub fn slowed_by(&self, id: FaultId) -> Vec<Scope> {
        let slows = |active: &&Active| active.id == id && active.rule.effect.makes_late();
        self.rules.iter().filter(slows).map(|active| active.rule.scope.clone()).collect()
    }

    /// Whether any rule delays messages on this link.
    #[must_use]
    pub fn is_slow(&self, pair: Pair) -> bool {
        self.rules
            .iter()
            .any(|Active { rule, .. }| rule.effect.makes_late() && rule.scope.covers(pair.0, pair.1))
    }

    /// Fires the watches that match this message. They end, and their rules are not in force yet.
    pub fn fire(&mut self, passing: MessageInTransit<'_>) -> Vec<(FaultId, Vec<Rule>)> {
        let mut fired = Vec::new();
        self.watches.retain_mut(|watching| {
            if !applies(&watching.watch.scope, &watching.watch.matching, passing) {
                return true;
            }
            watching.left = watching.left.saturating_sub(1);
            if watching.left == 0 {
                fired.push((watching.id, std::mem::take(&mut watching.watch.then)));
            }
            watching.left > 0
        });
        fired
    }

    /// What happens to this message. Rules are applied in order of age.
    pub fn decide(&mut self, passing: MessageInTransit<'_>) -> Decision {
        let mut decision = Decision::default();
        let seed = self.seed;
        for active in self.rules.iter_mut().filter(|active| active.left != Some(0)) {
            if !applies(&active.rule.scope, &active.rule.matching, passing) {
                continue;
            }
            if let Some(left) = &mut active.left {
                *left -= 1;
            }
            active.act(seed, passing, &mut decision);
            if decision.lost {
                break;
            }
        }
        decision
    }

    /// What the rules make of this link. Of a cut and a refusal, the refusal counts, since the nodes notice it.
    #[must_use]
    pub fn link(&self, pair: Pair) -> LinkState {
        let on_link = self.rules.iter().filter(|Active { rule, .. }| rule.scope.covers(pair.0, pair.1));
        on_link
            .filter_map(|Active { rule, .. }| rule.closes())
            .fold(LinkState::Open, |state, closed| if state == LinkState::Refused { state } else { closed })
    }

    /// The names whose rules all apply to no further messages. A watch that still waits is not exhausted.
    #[must_use]
    pub fn exhausted(&self) -> Vec<FaultId> {
        let lives = |id| self.rules.iter().any(|active| active.id == id && active.left != Some(0));
        let mut over: Vec<FaultId> =
            self.rules.iter().map(|active| active.id).filter(|id| !lives(*id)).collect();
        over.dedup();
        over
    }
}

fn applies(scope: &Scope, matching: &Matching, passing: MessageInTransit<'_>) -> bool {
    let (from, to) = passing.pair;
    scope.covers(from, to) && matches(matching, passing.glance)
}

/// Whether a frame matches. One that is no message matches only if the filter names no kinds, terms or indices.
#[must_use]
pub fn matches(matching: &Matching, glance: Option<&Glance>) -> bool {
    match glance {
        Some(glance) => glance.is_among(matching),
        None => matching.kinds.is_empty() && matching.terms.is_none() && matching.indices.is_none(),
    }
}

impl Active {
    fn act(&mut self, seed: u64, passing: MessageInTransit<'_>, decision: &mut Decision) {
        let mut chance = Chance::new(seed, self.salt, passing);
        match self.rule.effect {
            Effect::Cut | Effect::Refuse => decision.lost = true,
            Effect::Delay(delay) => decision.delay += chance.delay(delay).min(LONGEST),
            Effect::Lose(probability) => decision.lost = chance.hits(probability),
            Effect::Duplicate(probability) => decision.twice |= chance.hits(probability),
            Effect::Reorder(probability, most) => {
                if chance.hits(probability) {
                    decision.behind += most.min(LONGEST).mul_f64(chance.fraction());
                }
            }
            Effect::Limit(per_second) => decision.delay += self.shape(per_second, passing),
            Effect::Hold => decision.held_by.push(self.id),
        }
    }

    /// How long a message waits until all of it has passed, behind those before it.
    fn shape(&mut self, per_second: u64, passing: MessageInTransit<'_>) -> Duration {
        let nanos = (passing.size as u128 * 1_000_000_000).div_ceil(u128::from(per_second.max(1)));
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let free_at = self.free_at.entry(passing.pair).or_default();
        *free_at = passing.now.max(*free_at).saturating_add(takes);
        free_at.saturating_sub(passing.now).min(LONGEST)
    }
}

/// The random choices of one rule for one frame: a few numbers from a hash.
struct Chance {
    state: u64,
}

impl Chance {
    fn new(seed: u64, salt: u64, passing: MessageInTransit<'_>) -> Self {
        let (from, to) = passing.pair;
        let mut state = Self { state: seed };
        for part in [salt, from.0, to.0, passing.number] {
            state.state = state.next() ^ part;
        }
        state
    }

    /// `SplitMix64`, by Steele, Lea and Flood.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Over zero, at most one.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn fraction(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    fn hits(&mut self, Probability(millionths): Probability) -> bool {
        self.fraction() * 1e6 <= f64::from(millionths)
    }

    fn delay(&mut self, delay: Delay) -> Duration {
        match delay {
            Delay::Fixed(time) => time,
            Delay::Uniform(least, most) => {
                let least = least.min(LONGEST);
                least + most.min(LONGEST).saturating_sub(least).mul_f64(self.fraction())
            }
            Delay::Normal(mean, deviation) => {
                // Box and Muller's transform.
                let radius = (-2.0 * self.fraction().ln()).sqrt();
                let normal = radius * (TAU * self.fraction()).cos();
                let off = deviation.min(LONGEST).mul_f64(normal.abs());
                if normal < 0.0 { mean.saturating_sub(off) } else { mean.saturating_add(off) }
            }
        }
    }
}

#[cfg(test)]
mod tests;
