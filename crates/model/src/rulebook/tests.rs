use super::*;
use crate::message::{FrameKind, LinkState};
use raftdeck_raft::{LogIndex, Term};

const LINK: Pair = (NodeId(1), NodeId(2));
const OTHER: Pair = (NodeId(2), NodeId(1));
const FRAMES: u64 = 10_000;

fn append(term: u64) -> Glance {
    let index = Some(LogIndex(7));
    Glance { index, entries: 1, ..Glance::new(FrameKind::AppendEntries, Term(term)) }
}

fn rule(effect: Effect) -> Rule {
    Rule { scope: Scope::All, matching: Matching::default(), effect }
}

fn book(seed: u64, rules: impl IntoIterator<Item = Rule>) -> Rulebook {
    let mut book = Rulebook::default();
    book.seed(seed);
    (1..).zip(rules).for_each(|(id, rule)| book.add(FaultId(id), rule));
    book
}

fn at(pair: Pair, number: u64, glance: &Glance) -> MessageInTransit<'_> {
    MessageInTransit { pair, number, glance: Some(glance), size: 100, now: Duration::ZERO }
}

/// What happens to many frames on one link.
fn decisions(book: &mut Rulebook, pair: Pair) -> Vec<Decision> {
    let seen = append(1);
    (1..=FRAMES).map(|number| book.decide(at(pair, number, &seen))).collect()
}

fn percent(decisions: &[Decision], is: impl Fn(&Decision) -> bool) -> f64 {
    let count = decisions.iter().filter(|decision| is(decision)).count();
    f64::from(u32::try_from(count).unwrap()) * 100.0 / f64::from(u32::try_from(decisions.len()).unwrap())
}

#[test]
fn ten_percent_of_ten_thousand_frames_are_ten_percent() {
    let tenth = Probability(100_000);
    for seed in 0..20 {
        let lost = decisions(&mut book(seed, [rule(Effect::Lose(tenth))]), LINK);
        let lost = percent(&lost, |decision| decision.lost);
        assert!((9.0..=11.0).contains(&lost), "{lost} % with seed {seed}");
        let twice = decisions(&mut book(seed, [rule(Effect::Duplicate(tenth))]), LINK);
        let twice = percent(&twice, |decision| decision.twice);
        assert!((9.0..=11.0).contains(&twice), "{twice} % with seed {seed}");
        let most = Duration::from_millis(20);
        let behind = decisions(&mut book(seed, [rule(Effect::Reorder(tenth, most))]), LINK);
        assert!(behind.iter().all(|decision| decision.behind <= most));
        let behind = percent(&behind, |decision| !decision.behind.is_zero());
        assert!((9.0..=11.0).contains(&behind), "{behind} % with seed {seed}");
    }
}

#[test]
fn never_and_always_are_exact() {
    for (probability, percents) in [(0, 0.0), (1_000_000, 100.0)] {
        let decisions = decisions(&mut book(7, [rule(Effect::Lose(Probability(probability)))]), LINK);
        assert!((percent(&decisions, |decision| decision.lost) - percents).abs() < f64::EPSILON);
    }
}

#[test]
fn the_same_seed_decides_the_same_frames_and_another_others() {
    let rules = || [rule(Effect::Lose(Probability(500_000))), rule(Effect::Duplicate(Probability(500_000)))];
    let first = decisions(&mut book(7, rules()), LINK);
    assert_eq!(first, decisions(&mut book(7, rules()), LINK));
    // The same rules under other names, after another rule was undone.
    let mut again = book(7, []);
    again.add(FaultId(40), rule(Effect::Lose(Probability(1))));
    assert!(again.remove(FaultId(40)));
    (41..).zip(rules()).for_each(|(id, rule)| again.add(FaultId(id), rule));
    assert_eq!(first, decisions(&mut again, LINK));
    for other in [decisions(&mut book(8, rules()), LINK), decisions(&mut book(7, rules()), OTHER)] {
        let alike = first.iter().zip(&other).filter(|(left, right)| left.lost == right.lost).count();
        assert!((4_500..5_500).contains(&alike), "{alike} of {FRAMES} alike: not independent");
    }
}

#[test]
fn two_rules_alike_decide_apart() {
    let half = || rule(Effect::Lose(Probability(500_000)));
    let lost = decisions(&mut book(7, [half(), half()]), LINK);
    let lost = percent(&lost, |decision| decision.lost);
    assert!((73.0..=77.0).contains(&lost), "{lost} %: half of them, then half of the rest");
}

fn millis(decisions: &[Decision]) -> Vec<f64> {
    let mut delays: Vec<f64> = decisions.iter().map(|decision| decision.delay.as_secs_f64() * 1e3).collect();
    delays.sort_by(f64::total_cmp);
    delays
}

/// The delay that this many in a hundred do not exceed.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    sorted[sorted.len() * percent / 100]
}

#[test]
fn delays_are_distributed_as_asked() {
    let (ten, fifty, ninety) =
        (Duration::from_millis(10), Duration::from_millis(50), Duration::from_millis(90));
    let delays = |delay| millis(&decisions(&mut book(7, [rule(Effect::Delay(delay))]), LINK));
    let close =
        |found: f64, wanted: f64| assert!((found - wanted).abs() < 1.0, "{found} ms, not {wanted} ms");

    assert!(delays(Delay::Fixed(fifty)).iter().all(|delay| (delay - 50.0).abs() < f64::EPSILON));

    let uniform = delays(Delay::Uniform(ten, ninety));
    assert!(uniform[0] >= 10.0 && uniform[uniform.len() - 1] <= 90.0);
    for (percent, wanted) in [(1, 10.8), (25, 30.0), (50, 50.0), (75, 70.0), (99, 89.2)] {
        close(quantile(&uniform, percent), wanted);
    }

    let normal = delays(Delay::Normal(fifty, ten));
    for (percent, wanted) in [(2, 29.46), (16, 40.06), (50, 50.0), (84, 59.94), (98, 70.54)] {
        close(quantile(&normal, percent), wanted);
    }
    let truncated = delays(Delay::Normal(ten, fifty));
    assert!(truncated[0] >= 0.0, "nothing arrives before it was sent");
}

#[test]
fn the_longest_times_that_can_be_said_break_nothing() {
    let longest = Duration::MAX;
    for delay in [
        Delay::Fixed(longest),
        Delay::Uniform(longest, longest),
        Delay::Normal(longest, longest),
        Delay::Normal(Duration::ZERO, longest),
    ] {
        let rules = [rule(Effect::Delay(delay)), rule(Effect::Reorder(Probability(1_000_000), longest))];
        decisions(&mut book(7, rules), LINK);
    }
    decisions(&mut book(7, [rule(Effect::Limit(0)), rule(Effect::Limit(u64::MAX))]), LINK);
}

#[test]
fn a_limit_lets_so_many_bytes_a_second_pass_each_link() {
    let mut book = book(7, [rule(Effect::Limit(1000))]);
    let seen = append(1);
    let millis = |decision: Decision| decision.delay.as_millis();
    // A hundred bytes take a tenth of a second each, one after the other.
    let waits = [1, 2, 3].map(|number| millis(book.decide(at(LINK, number, &seen))));
    assert_eq!(waits, [100, 200, 300]);
    assert_eq!(millis(book.decide(at(OTHER, 1, &seen))), 100, "another link has room of its own");
    let later = MessageInTransit { now: Duration::from_secs(9), ..at(LINK, 4, &seen) };
    assert_eq!(millis(book.decide(later)), 100, "room that nobody used is gone");
}

#[test]
fn delays_add_up_and_a_loss_ends_it() {
    let fixed = |millis| rule(Effect::Delay(Delay::Fixed(Duration::from_millis(millis))));
    let mut sum = book(7, [fixed(10), fixed(20)]);
    assert_eq!(sum.decide(at(LINK, 1, &append(1))).delay, Duration::from_millis(30));
    let next = Rule { matching: Matching { next: Some(1), ..Matching::default() }, ..rule(Effect::Hold) };
    let mut lost = book(7, [rule(Effect::Cut), next]);
    assert!(lost.decide(at(LINK, 1, &append(1))).lost);
    assert!(lost.exhausted().is_empty(), "the younger rule did not see it");
}

#[test]
fn a_rule_about_the_next_few_is_over_after_them() {
    let matching = Matching { terms: Some(Term(5)..=Term(5)), next: Some(2), ..Matching::default() };
    let mut book = book(7, [Rule { matching, ..rule(Effect::Hold) }]);
    let held: Vec<bool> = [4, 5, 4, 5, 5]
        .into_iter()
        .map(|term| !book.decide(at(LINK, 1, &append(term))).held_by.is_empty())
        .collect();
    assert_eq!(held, [false, true, false, true, false]);
    assert_eq!(book.exhausted(), [FaultId(1)]);
}

#[test]
fn a_watch_fires_once_at_its_message() {
    let watch = |next| Watch {
        scope: Scope::Links([LINK].into()),
        matching: Matching { terms: Some(Term(5)..=Term(5)), next, ..Matching::default() },
        then: vec![rule(Effect::Cut)],
    };
    let mut book = book(7, []);
    book.watch(FaultId(1), watch(None));
    book.watch(FaultId(2), watch(Some(2)));
    let mut fired = |pair, term| {
        let fired = book.fire(at(pair, 1, &append(term)));
        fired.into_iter().map(|(id, rules)| (id.0, rules.len())).collect::<Vec<_>>()
    };
    assert_eq!(fired(LINK, 4), []);
    assert_eq!(fired(OTHER, 5), []);
    assert_eq!(fired(LINK, 5), [(1, 1)]);
    assert_eq!(fired(LINK, 5), [(2, 1)], "this one waits for the second");
    assert_eq!(fired(LINK, 5), []);
}

#[test]
fn only_a_rule_about_every_message_closes_a_link_and_a_refusal_counts_before_a_cut() {
    let some = Matching { kinds: [FrameKind::Heartbeat].into(), ..Matching::default() };
    let mut book = book(7, [Rule { matching: some, ..rule(Effect::Cut) }, rule(Effect::Hold)]);
    assert_eq!(book.link(LINK), LinkState::Open);
    book.add(FaultId(9), Rule { scope: Scope::Of([NodeId(1)].into()), ..rule(Effect::Cut) });
    let states = |book: &Rulebook| [LINK, OTHER, (NodeId(2), NodeId(3))].map(|pair| book.link(pair));
    assert_eq!(states(&book), [LinkState::Cut, LinkState::Cut, LinkState::Open]);
    for (id, effect) in [(10, Effect::Refuse), (11, Effect::Cut)] {
        book.add(FaultId(id), Rule { scope: Scope::Links([LINK].into()), ..rule(effect) });
    }
    assert_eq!(states(&book), [LinkState::Refused, LinkState::Cut, LinkState::Open]);
    assert!(book.decide(at(LINK, 1, &append(1))).lost);
    assert!(book.remove(FaultId(10)) && book.remove(FaultId(11)));
    assert!(book.remove(FaultId(9)) && !book.remove(FaultId(9)));
    assert_eq!(book.link(LINK), LinkState::Open);
}
