//! Could one map, changed by one operation at a time, have given these answers?
//!
//! Each key is judged alone, by just-in-time linearization (Lowe, "Testing for linearizability", after Wing and Gong):
//! the history is read in the order of time, and kept is every state that the key may be in, with the operations that
//! must have taken effect for it. When an operation returns, those under way are tried before it in every order; if
//! none remains that allows its answer, the history is no map's. Writes of unknown fate never return, so they would
//! double the possibilities each; but equal ones are interchangeable, and a way to a state that needs fewer of them is
//! better than one that needs more, so that only the ways that need least are kept.
//!
//! Nothing here reads a clock or starts a thread, so the verdict on a history is the same everywhere. That, and the
//! writes of unknown fate, is why this is written here: the crate `porcupine-rs` bounds its search by the wall clock,
//! starts a thread for each key, doubles the search with each such write, and brings a benchmark harness along.

use crate::history::{History, Moment};
use crate::picture;
use crate::register::{ABSENT, Call, Register, RegisterAction, RegisterState, misfit, registers};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// What is known after a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An order of the operations explains all answers.
    Ok,
    /// None does.
    Violation {
        /// The key whose operations contradict each other.
        key: Bytes,
        /// Which answer cannot be, for people.
        sentence: String,
        /// The operations around it on a time line, as lines of text.
        picture: String,
    },
    /// The search was given up after the allowed number of steps.
    Undecided {
        /// The key that it was at.
        key: Bytes,
    },
}

/// Searches for an order of the operations that explains all answers, key by key, in at most `budget` steps (tried
/// operations) a key. The same history and budget always give the same verdict. A contradiction at any key takes
/// precedence over an undecided key.
#[must_use]
pub fn check_linearizable(history: &History, budget: u64) -> Verdict {
    if let Some(record) = misfit(history) {
        let sentence = format!("{} is not an answer to that request", picture::describe(record));
        return Verdict::Violation { key: picture::key_of(record), sentence, picture: String::new() };
    }
    let mut verdict = Verdict::Ok;
    for register in registers(history) {
        match Search::new(&register, budget).run() {
            Err(SearchStop::OverBudget) if verdict == Verdict::Ok => {
                verdict = Verdict::Undecided { key: register.key.clone() };
            }
            Ok(()) | Err(SearchStop::OverBudget) => {}
            Err(SearchStop::Contradiction { call, possible }) => {
                return violation(history, &register, call, &possible);
            }
        }
    }
    verdict
}

fn violation(
    history: &History,
    register: &Register,
    call: usize,
    possible: &BTreeSet<RegisterState>,
) -> Verdict {
    let record = &history.records[register.calls[call].record];
    let sentence = format!(
        "{} is not linearizable: while it was under way the key was {}",
        picture::describe(record),
        picture::either(possible.iter().map(|state| register.value(*state))),
    );
    let picture = picture::around(history, register, call);
    Verdict::Violation { key: register.key.clone(), sentence, picture }
}

enum SearchStop {
    OverBudget,
    Contradiction { call: usize, possible: BTreeSet<RegisterState> },
}

/// How many writes of unknown fate of each kind must have taken effect.
type Used = BTreeMap<RegisterAction, usize>;

/// The operations that have taken effect and have not returned yet, in order. They are few, and copied and compared all the
/// time: a vector is the fastest set for that.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct DoneOperations(Vec<usize>);

impl DoneOperations {
    fn contains(&self, call: usize) -> bool {
        self.0.binary_search(&call).is_ok()
    }

    fn insert(&mut self, call: usize) {
        if let Err(place) = self.0.binary_search(&call) {
            self.0.insert(place, call);
        }
    }

    /// Says whether it was there.
    fn remove(&mut self, call: usize) -> bool {
        let found = self.0.binary_search(&call);
        found.is_ok_and(|place| {
            self.0.remove(place);
            true
        })
    }
}

/// The ways to get to where the history is read to. For each state and set of operations done, the least that is
/// needed of writes whose fate is unknown.
#[derive(Clone, Debug, Default)]
struct SearchPaths(BTreeMap<(RegisterState, DoneOperations), Vec<Used>>);

impl SearchPaths {
    /// Adds a way, unless one that needs no more is known. Says whether it is new.
    fn insert(&mut self, SearchPath { state, done, used }: &SearchPath) -> bool {
        let known = self.0.entry((*state, done.clone())).or_default();
        if known.iter().any(|other| needs_no_more(other, used)) {
            return false;
        }
        known.retain(|other| !needs_no_more(used, other));
        known.push(used.clone());
        true
    }

    fn take(&mut self) -> impl Iterator<Item = SearchPath> + use<> {
        let ways = std::mem::take(&mut self.0).into_iter();
        ways.flat_map(|((state, done), used)| {
            used.into_iter().map(move |used| SearchPath { state, done: done.clone(), used })
        })
    }
}

/// One way to get to where the history is read to.
#[derive(Clone, Debug)]
struct SearchPath {
    state: RegisterState,
    done: DoneOperations,
    used: Used,
}

/// Where a search for the ways on has been, and where it has to go.
#[derive(Debug, Default)]
struct Frontier {
    seen: SearchPaths,
    open: Vec<SearchPath>,
}

fn needs_no_more(one: &Used, other: &Used) -> bool {
    one.iter().all(|(act, count)| other.get(act).is_some_and(|needed| count <= needed))
}

struct Search<'a> {
    register: &'a Register,
    steps_left: u64,
    ways: SearchPaths,
    /// Answered later, begun already.
    pending: BTreeSet<usize>,
    /// Never answered, begun already: how many of each kind.
    unknown: Used,
}

impl<'a> Search<'a> {
    fn new(register: &'a Register, budget: u64) -> Self {
        let mut ways = SearchPaths::default();
        ways.insert(&SearchPath { state: ABSENT, done: DoneOperations::default(), used: Used::new() });
        Self { register, steps_left: budget, ways, pending: BTreeSet::new(), unknown: Used::new() }
    }

    fn run(mut self) -> Result<(), SearchStop> {
        for (_, call, returns) in moments(&self.register.calls) {
            match (returns, self.register.calls[call].returned) {
                (true, _) => self.returned(call)?,
                (false, Some(_)) => {
                    self.pending.insert(call);
                }
                (false, None) => *self.unknown.entry(self.register.calls[call].act).or_default() += 1,
            }
        }
        Ok(())
    }

    /// An operation returns: it must have taken effect by now.
    fn returned(&mut self, call: usize) -> Result<(), SearchStop> {
        let act = self.register.calls[call].act;
        let mut frontier = Frontier::default();
        let mut results = SearchPaths::default();
        for mut way in self.ways.take() {
            if way.done.remove(call) {
                results.insert(&way);
            } else {
                self.visit(way, &mut frontier);
            }
        }
        while let Some(way) = frontier.open.pop() {
            if let Some(after) = self.step(act, way.state)? {
                let mut done = way.done.clone();
                done.remove(call);
                results.insert(&SearchPath { state: after, done, used: way.used.clone() });
                if act.only_looks() {
                    // Whatever can follow can follow later.
                    continue;
                }
            }
            self.expand(call, &way, &mut frontier)?;
        }
        self.pending.remove(&call);
        if results.0.is_empty() {
            let possible = frontier.seen.0.keys().map(|(state, _)| *state).collect();
            return Err(SearchStop::Contradiction { call, possible });
        }
        self.ways = results;
        self.forget_what_all_need();
        Ok(())
    }

    /// Lets each other operation under way take effect next, if it can.
    fn expand(&mut self, call: usize, way: &SearchPath, frontier: &mut Frontier) -> Result<(), SearchStop> {
        let register = self.register;
        let mut next = 0;
        while let Some(&other) = self.pending.range(next..).next() {
            next = other + 1;
            let act = register.calls[other].act;
            if other == call || act.only_looks() || way.done.contains(other) {
                continue;
            }
            if let Some(state) = self.step(act, way.state)? {
                let mut done = way.done.clone();
                done.insert(other);
                self.visit(SearchPath { state, done, used: way.used.clone() }, frontier);
            }
        }
        // Each is looked at as it is now: nothing changes them meanwhile.
        let unknown = std::mem::take(&mut self.unknown);
        let result = self.expand_unknown(&unknown, way, frontier);
        self.unknown = unknown;
        result
    }

    /// Lets a write of unknown fate take effect next, one of each kind.
    fn expand_unknown(
        &mut self,
        unknown: &Used,
        way: &SearchPath,
        frontier: &mut Frontier,
    ) -> Result<(), SearchStop> {
        for (&act, &begun) in unknown {
            let count = way.used.get(&act).copied().unwrap_or(0);
            if count < begun
                && let Some(state) = self.step(act, way.state)?
                && state != way.state
            {
                let mut used = way.used.clone();
                used.insert(act, count + 1);
                self.visit(SearchPath { state, done: way.done.clone(), used }, frontier);
            }
        }
        Ok(())
    }

    /// Notes a way to go on from, after every operation under way that only looks has looked.
    fn visit(&self, mut way: SearchPath, frontier: &mut Frontier) {
        let looks = |call: &&usize| {
            let act = self.register.calls[**call].act;
            act.only_looks() && act.apply(way.state).is_some()
        };
        self.pending.iter().filter(looks).for_each(|call| way.done.insert(*call));
        if frontier.seen.insert(&way) {
            frontier.open.push(way);
        }
    }

    fn step(
        &mut self,
        act: RegisterAction,
        state: RegisterState,
    ) -> Result<Option<RegisterState>, SearchStop> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or(SearchStop::OverBudget)?;
        Ok(act.apply(state))
    }

    /// What every way has used cannot be used again; comparing it repeatedly adds nothing.
    fn forget_what_all_need(&mut self) {
        let mut all = self.ways.0.values().flatten();
        let Some(mut common) = all.next().cloned() else { return };
        for used in all {
            common.retain(|act, count| {
                *count = used.get(act).map_or(0, |needed| (*count).min(*needed));
                *count > 0
            });
        }
        for (act, count) in common {
            subtract(&mut self.unknown, act, count);
            for used in self.ways.0.values_mut().flatten() {
                subtract(used, act, count);
            }
        }
    }
}

fn subtract(counts: &mut Used, act: RegisterAction, count: usize) {
    if let Some(have) = counts.get_mut(&act) {
        *have -= count;
        if *have == 0 {
            counts.remove(&act);
        }
    }
}

/// When operations begin and return, in the order of time.
fn moments(calls: &[Call]) -> Vec<(Moment, usize, bool)> {
    let begins = calls.iter().enumerate().map(|(i, call)| (call.invoked, i, false));
    let returns = calls.iter().enumerate().filter_map(|(i, call)| Some((call.returned?, i, true)));
    let mut moments: Vec<_> = begins.chain(returns).collect();
    moments.sort();
    moments
}
