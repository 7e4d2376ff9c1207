//! What clients may see and what they must not, and the search against one that simply tries every order.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bytes::Bytes;
use proptest::prelude::*;
use raftdeck_check::{History, OpId, Operation, OperationOutcome, Verdict, check_linearizable};
use raftdeck_protocol::{Answer, Read, Write};

const BUDGET: u64 = 1_000_000;

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn put(value: &str) -> Operation {
    Operation::Write(Write::Put { key: bytes("x"), value: bytes(value) })
}

fn delete() -> Operation {
    Operation::Write(Write::Delete { key: bytes("x") })
}

fn cas(expected: Option<&str>, value: &str) -> Operation {
    let expected = expected.map(bytes);
    Operation::Write(Write::CompareAndSet { key: bytes("x"), expected, value: bytes(value) })
}

fn get() -> Operation {
    Operation::Read(Read::Get { key: bytes("x") })
}

fn list(prefix: &str) -> Operation {
    Operation::Read(Read::List { prefix: bytes(prefix), after: None, limit: 10 })
}

fn value(value: Option<&str>) -> Answer {
    Answer::Value(value.map(bytes))
}

fn mismatch(current: Option<&str>) -> Answer {
    Answer::Mismatch { current: current.map(bytes) }
}

/// A history in which time passes by one with each call.
#[derive(Default)]
struct Clients {
    history: History,
    now: u64,
}

impl Clients {
    fn begin(&mut self, client: u64, operation: Operation) -> OpId {
        self.now += 1;
        self.history.invoke(client, operation, self.now)
    }

    fn end(&mut self, id: OpId, outcome: OperationOutcome) {
        self.now += 1;
        self.history.complete(id, outcome, self.now);
    }

    fn ok(&mut self, id: OpId, answer: Answer) {
        self.end(id, OperationOutcome::Ok(answer));
    }

    /// One operation from begin to end, nothing beside it.
    fn alone(&mut self, client: u64, operation: Operation, answer: Answer) {
        let id = self.begin(client, operation);
        self.ok(id, answer);
    }

    fn verdict(&self) -> Verdict {
        check_linearizable(&self.history, BUDGET)
    }

    fn is_refused(&self, words: &str) {
        let Verdict::Violation { sentence, picture, .. } = self.verdict() else {
            panic!("to be refused: {:?}", self.verdict());
        };
        assert!(sentence.contains(words), "'{words}' in: {sentence}\n{picture}");
    }
}

#[test]
fn an_empty_history_is_fine() {
    assert_eq!(check_linearizable(&History::default(), 0), Verdict::Ok);
}

#[test]
fn one_after_the_other_is_fine() {
    let mut clients = Clients::default();
    clients.alone(1, get(), value(None));
    clients.alone(1, put("a"), Answer::Stored);
    clients.alone(2, get(), value(Some("a")));
    clients.alone(2, cas(Some("b"), "c"), mismatch(Some("a")));
    clients.alone(2, cas(Some("a"), "c"), Answer::Stored);
    clients.alone(1, delete(), Answer::Deleted { existed: true });
    clients.alone(1, delete(), Answer::Deleted { existed: false });
    clients.alone(1, cas(None, "d"), Answer::Stored);
    clients.alone(3, get(), value(Some("d")));
    assert_eq!(clients.verdict(), Verdict::Ok);
}

#[test]
fn a_read_beside_a_write_may_see_the_old_or_the_new() {
    for seen in [None, Some("a")] {
        let mut clients = Clients::default();
        let write = clients.begin(1, put("a"));
        clients.alone(2, get(), value(seen));
        clients.ok(write, Answer::Stored);
        assert_eq!(clients.verdict(), Verdict::Ok);
    }
}

#[test]
fn a_stale_read_is_caught() {
    let mut clients = Clients::default();
    clients.alone(1, put("a"), Answer::Stored);
    clients.alone(1, put("b"), Answer::Stored);
    clients.alone(2, get(), value(Some("a")));
    clients.is_refused("client 2's get x -> 'a' is not linearizable: while it was under way the key was 'b'");
}

#[test]
fn going_back_to_the_old_value_beside_one_write_is_caught() {
    let mut clients = Clients::default();
    let write = clients.begin(1, put("a"));
    clients.alone(2, get(), value(Some("a")));
    clients.alone(3, get(), value(None));
    clients.ok(write, Answer::Stored);
    clients.is_refused("client 3's get x -> absent");
}

#[test]
fn a_lost_update_is_caught() {
    let mut clients = Clients::default();
    clients.alone(1, put("0"), Answer::Stored);
    let one = clients.begin(1, cas(Some("0"), "1"));
    let two = clients.begin(2, cas(Some("0"), "2"));
    clients.ok(one, Answer::Stored);
    clients.ok(two, Answer::Stored);
    clients.is_refused("cas x 0");
}

#[test]
fn an_acknowledged_write_that_is_gone_is_caught() {
    let mut clients = Clients::default();
    clients.alone(1, put("a"), Answer::Stored);
    clients.alone(2, get(), value(None));
    clients.is_refused("-> absent is not linearizable: while it was under way the key was 'a'");
}

#[test]
fn a_write_applied_twice_is_caught() {
    let mut clients = Clients::default();
    clients.alone(1, put("a"), Answer::Stored);
    clients.alone(2, put("b"), Answer::Stored);
    // The first write comes again.
    clients.alone(3, get(), value(Some("b")));
    clients.alone(3, get(), value(Some("a")));
    clients.is_refused("-> 'a'");
}

#[test]
fn a_delete_applied_twice_is_caught() {
    let mut clients = Clients::default();
    clients.alone(1, put("a"), Answer::Stored);
    clients.alone(1, delete(), Answer::Deleted { existed: false });
    clients.is_refused("nothing to delete");
}

#[test]
fn a_write_that_certainly_failed_must_not_show() {
    let mut clients = Clients::default();
    let write = clients.begin(1, put("a"));
    clients.end(write, OperationOutcome::Failed);
    clients.alone(2, get(), value(Some("a")));
    clients.is_refused("get x");
}

#[test]
fn a_write_of_unknown_fate_may_show_late_or_never() {
    for seen in [&[None, None][..], &[None, Some("a")], &[Some("a"), Some("a")]] {
        let mut clients = Clients::default();
        let write = clients.begin(1, put("a"));
        clients.end(write, OperationOutcome::Unknown);
        for seen in seen {
            clients.alone(2, get(), value(*seen));
        }
        assert_eq!(clients.verdict(), Verdict::Ok, "{seen:?}");
    }
}

#[test]
fn a_write_of_unknown_fate_takes_effect_once() {
    let mut clients = Clients::default();
    let write = clients.begin(1, put("a"));
    clients.end(write, OperationOutcome::Unknown);
    clients.alone(2, get(), value(Some("a")));
    clients.alone(2, put("b"), Answer::Stored);
    clients.alone(2, get(), value(Some("a")));
    clients.is_refused("get x -> 'a'");
}

/// What one read saw is either a write of unknown fate or one under way; each can explain one read only.
fn seen_by_one_of_two(reads: usize) -> Clients {
    let mut clients = Clients::default();
    clients.begin(1, put("a"));
    let under_way = clients.begin(2, put("a"));
    for round in 0..reads {
        clients.alone(3, get(), value(Some("a")));
        clients.alone(3, put(&format!("b{round}")), Answer::Stored);
    }
    clients.ok(under_way, Answer::Stored);
    clients
}

#[test]
fn equal_writes_explain_as_many_reads_as_there_are() {
    assert_eq!(seen_by_one_of_two(2).verdict(), Verdict::Ok);
    seen_by_one_of_two(3).is_refused("get x -> 'a'");
}

#[test]
fn a_write_that_was_not_needed_may_still_take_effect() {
    let mut clients = Clients::default();
    clients.begin(1, put("a"));
    let under_way = clients.begin(2, put("a"));
    clients.alone(3, get(), value(Some("a")));
    clients.ok(under_way, Answer::Stored);
    clients.alone(3, put("b"), Answer::Stored);
    clients.alone(3, get(), value(Some("a")));
    assert_eq!(clients.verdict(), Verdict::Ok);
}

#[test]
fn of_two_ways_to_a_state_either_may_be_the_right_one() {
    let mut clients = Clients::default();
    clients.begin(1, put("a"));
    clients.begin(2, cas(None, "a"));
    // This must be the compare-and-set, as it cannot be the second one.
    clients.alone(3, get(), value(Some("a")));
    clients.alone(3, put("b"), Answer::Stored);
    clients.alone(3, get(), value(Some("a")));
    assert_eq!(clients.verdict(), Verdict::Ok);
}

#[test]
fn a_write_of_unknown_fate_does_not_take_effect_before_it_began() {
    let mut clients = Clients::default();
    clients.alone(2, get(), value(Some("a")));
    clients.begin(1, put("a"));
    clients.is_refused("get x -> 'a'");
}

#[test]
fn an_unanswered_read_says_nothing() {
    let mut clients = Clients::default();
    clients.begin(1, get());
    clients.alone(2, put("a"), Answer::Stored);
    assert_eq!(clients.verdict(), Verdict::Ok);
}

#[test]
fn a_mismatch_with_what_was_expected_is_caught() {
    let mut clients = Clients::default();
    clients.alone(1, put("a"), Answer::Stored);
    clients.alone(1, cas(Some("a"), "b"), mismatch(Some("a")));
    clients.is_refused("mismatch, it is 'a'");
}

#[test]
fn an_answer_to_another_question_is_caught() {
    let mut clients = Clients::default();
    clients.alone(1, get(), Answer::Stored);
    clients.is_refused("is not an answer to that request");
}

#[test]
fn a_list_is_a_read_of_every_key_in_its_range() {
    let page = |pairs: &[(&str, &str)], more| Answer::Page {
        pairs: pairs.iter().map(|(key, value)| (bytes(key), bytes(value))).collect(),
        more,
    };
    let listed = |prefix, answer| {
        let mut clients = Clients::default();
        clients.alone(1, put("a"), Answer::Stored);
        clients.alone(2, list(prefix), answer);
        clients
    };
    assert_eq!(listed("", page(&[("x", "a")], false)).verdict(), Verdict::Ok);
    assert_eq!(listed("y", page(&[], false)).verdict(), Verdict::Ok);
    listed("", page(&[], false)).is_refused("list");
    listed("", page(&[("x", "b")], false)).is_refused("list");
    listed("", page(&[("w", "b"), ("x", "a")], false)).is_refused("list");
    // The page ends before x.
    assert!(matches!(
        listed("", page(&[("w", "b")], true)).verdict(),
        Verdict::Violation { key, .. } if key == bytes("w")
    ));
}

#[test]
fn keys_are_judged_apart() {
    let mut clients = Clients::default();
    let other = |value: &str| Operation::Write(Write::Put { key: bytes("y"), value: bytes(value) });
    clients.alone(1, put("a"), Answer::Stored);
    clients.alone(1, other("b"), Answer::Stored);
    clients.alone(2, get(), value(Some("a")));
    assert_eq!(clients.verdict(), Verdict::Ok);
}

#[test]
fn a_search_over_its_budget_is_undecided_and_says_where() {
    let mut clients = Clients::default();
    clients.alone(1, put("a"), Answer::Stored);
    let verdict = check_linearizable(&clients.history, 0);
    assert_eq!(verdict, Verdict::Undecided { key: bytes("x") });
}

/// Fifty writes of unknown fate would be 2^50 possibilities, if each had to be thought of.
#[test]
fn many_writes_of_unknown_fate_cost_little_also_when_the_answer_is_no() {
    let mut clients = Clients::default();
    for i in 0..50 {
        let write = clients.begin(i, put(&format!("v{i}")));
        clients.end(write, OperationOutcome::Unknown);
        let write = clients.begin(i, delete());
        clients.end(write, OperationOutcome::Unknown);
        clients.alone(99, put("calm"), Answer::Stored);
        clients.alone(99, get(), value(Some("calm")));
    }
    assert_eq!(clients.verdict(), Verdict::Ok);
    clients.alone(99, get(), value(Some("never written")));
    clients.is_refused("'never written'");
}

#[test]
fn ten_busy_clients_are_judged_within_the_budget() {
    let mut clients = Clients::default();
    for round in 0..60 {
        let writes: Vec<_> =
            (0..8).map(|client| clients.begin(client, put(&format!("{round}.{client}")))).collect();
        let early = clients.begin(8, get());
        let late = clients.begin(9, get());
        clients.ok(early, value(Some(&format!("{round}.3"))));
        clients.ok(late, value(Some(&format!("{round}.5"))));
        for write in writes {
            clients.ok(write, Answer::Stored);
        }
    }
    assert_eq!(clients.verdict(), Verdict::Ok);
}

#[test]
fn the_picture_shows_who_was_under_way() {
    let mut clients = Clients::default();
    clients.alone(1, put("a"), Answer::Stored);
    let write = clients.begin(1, put("b"));
    clients.alone(2, get(), value(Some("c")));
    clients.ok(write, Answer::Stored);
    let Verdict::Violation { picture, .. } = clients.verdict() else { panic!("to be refused") };
    let lines: Vec<_> = picture.lines().collect();
    assert_eq!(lines.len(), 3, "{picture}");
    assert!(lines[2].starts_with('>') && lines[2].ends_with("client 2's get x -> 'c'"), "{picture}");
    assert!(lines.iter().all(|line| line.matches('|').count() >= 2), "{picture}");
}

/// What a small operation does, and what it was answered; `None`: nobody knows.
#[derive(Clone, Debug)]
struct Small {
    operation: Operation,
    outcome: OperationOutcome,
    from: u64,
    to: u64,
}

fn small() -> impl Strategy<Value = Small> {
    let name = prop::sample::select(vec![None, Some("a"), Some("b")]);
    let some = prop::sample::select(vec!["a", "b"]);
    let kind = (0..4_u8, name.clone(), some, name, any::<bool>(), 0..8_u8);
    (kind, 0..12_u64, 1..6_u64).prop_map(|((kind, expected, new, seen, flag, fate), from, length)| {
        let (operation, answer) = match kind {
            0 => (put(new), Answer::Stored),
            1 => (delete(), Answer::Deleted { existed: flag }),
            2 if flag => (cas(expected, new), Answer::Stored),
            2 => (cas(expected, new), mismatch(seen)),
            _ => (get(), value(seen)),
        };
        let outcome = match fate {
            0 => OperationOutcome::Unknown,
            1 => OperationOutcome::Failed,
            _ => OperationOutcome::Ok(answer),
        };
        Small { operation, outcome, from, to: from + length }
    })
}

fn history(all: &[Small]) -> History {
    let mut history = History::default();
    let mut moments: Vec<(u64, bool, usize)> =
        all.iter().enumerate().flat_map(|(i, s)| [(s.from, false, i), (s.to, true, i)]).collect();
    // Of equal times beginnings come first, as in `every_order`.
    moments.sort_unstable();
    let mut ids = vec![None; all.len()];
    for (at, ends, i) in moments {
        if ends {
            history.complete(ids[i].unwrap(), all[i].outcome.clone(), at);
        } else {
            ids[i] = Some(history.invoke(i as u64, all[i].operation.clone(), at));
        }
    }
    history
}

/// The definition itself: is there an order that respects time and explains every answer?
fn every_order(left: &[Small], state: Option<&str>) -> bool {
    if left.iter().all(|s| !matches!(s.outcome, OperationOutcome::Ok(_))) {
        return true;
    }
    (0..left.len()).any(|i| {
        let mut rest = left.to_vec();
        let next = rest.remove(i);
        let must_wait =
            rest.iter().any(|other| matches!(other.outcome, OperationOutcome::Ok(_)) && other.to < next.from);
        !must_wait && after(&next, state).is_some_and(|state| every_order(&rest, state.as_deref()))
    })
}

#[expect(clippy::option_option, reason = "outside: whether it is possible; inside: whether the key exists")]
fn after(next: &Small, state: Option<&str>) -> Option<Option<String>> {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let same = state.map(str::to_owned);
    let (new, answer) = match &next.operation {
        Operation::Write(Write::Put { value, .. }) => (Some(text(value)), Answer::Stored),
        Operation::Write(Write::Delete { .. }) => (None, Answer::Deleted { existed: state.is_some() }),
        Operation::Write(Write::CompareAndSet { expected, value, .. }) => {
            if expected.as_ref().map(text) == same {
                (Some(text(value)), Answer::Stored)
            } else {
                (same, mismatch(state))
            }
        }
        Operation::Read(_) => (same, value(state)),
    };
    match &next.outcome {
        OperationOutcome::Ok(given) => (*given == answer).then_some(new),
        OperationOutcome::Unknown => Some(new),
        OperationOutcome::Failed => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn the_search_agrees_with_trying_every_order(all in prop::collection::vec(small(), 0..7)) {
        let expected = every_order(&all, None);
        let verdict = check_linearizable(&history(&all), BUDGET);
        prop_assert_eq!(verdict == Verdict::Ok, expected, "{:?}", verdict);
    }
}
