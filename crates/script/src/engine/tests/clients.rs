//! Clients with names, and what is expected of answers.

use super::*;

/// Which client asks what, by the words of the request.
fn asks(script: &mut Played, ms: u64) -> Vec<(u64, String)> {
    let words = |(id, order)| match order {
        Order::Client(request) => (id, asked(&request)),
        other => panic!("{other:?}"),
    };
    sends(script, ms).into_iter().map(words).collect()
}

fn said(id: u64, words: &str) -> (u64, String) {
    (id, words.to_owned())
}

#[test]
fn clients_with_names_ask_side_by_side_each_one_thing_after_the_other() {
    let mut script = script(&["as alice put a 1", "as alice get a", "as bob put a 2", "put a 3", "get a"]);
    assert_eq!(asks(&mut script, 0), [said(1, "alice: put a"), said(2, "bob: put a"), said(3, "put a")]);
    answered(&mut script, 3);
    assert_eq!(asks(&mut script, 1), [said(4, "get a")]);
    assert_eq!(asks(&mut script, 2), [], "alice waits for her own answer");
    answered(&mut script, 1);
    assert_eq!(asks(&mut script, 3), [said(5, "alice: get a")]);
    let wait = |script: &mut Played| {
        script.add(b"wait answered");
        script.go_on(at(4))
    };
    assert_eq!(wait(&mut script), [], "three have no outcome");
    for id in [2, 4, 5] {
        assert!(script.next_due().is_some());
        answered(&mut script, id);
    }
    assert_eq!(script.go_on(at(5)), []);
    assert!(script.is_over());
}

#[test]
fn a_value_is_asked_for_and_compared() {
    let blue = || Answer::Value(Some("blue".into()));
    let line = "as bob expect get color blue stale at 3";
    for (outcome, unmet) in [
        (with(blue()), None),
        (with(Answer::Value(None)), Some("reads nothing: there is no such key")),
        (with(Answer::Value(Some("red".into()))), Some("reads red")),
        (failed("it is cut", RequestFate::NothingChanged), Some("is refused: it is cut")),
    ] {
        let mut script = script(&[line, "heal"]);
        assert_eq!(asks(&mut script, 0), [said(1, "bob: get color stale at 3")]);
        assert_eq!(sends(&mut script, 1), [], "the line waits");
        came(&mut script, 1, outcome);
        match unmet {
            None => assert_eq!(sends(&mut script, 2), [(2, Order::Heal)]),
            Some(unmet) => assert_eq!(
                script.go_on(at(2)),
                [ScriptEffect::Unmet(
                    UnmetLine::Otherwise,
                    format!("line 1: not as expected: bob: get color stale at 3 {unmet}")
                )]
            ),
        }
    }
    let mut script = script(&["expect get color none"]);
    asks(&mut script, 0);
    came(&mut script, 1, with(Answer::Value(None)));
    assert_eq!(script.go_on(at(2)), []);
    script.add(b"expect get color \"none\"");
    asks(&mut script, 3);
    came(&mut script, 2, with(Answer::Value(Some("none".into()))));
    assert_eq!(script.go_on(at(4)), []);
    script.add(b"expect get color none");
    asks(&mut script, 5);
    refused(&mut script, 3, "there are 64 requests");
    let why = "line 3: not as expected: get color is refused: there are 64 requests";
    assert_eq!(script.go_on(at(6)), [ScriptEffect::Unmet(UnmetLine::Refused, why.to_owned())]);
}

#[test]
fn what_came_of_the_last_request_is_waited_for_and_judged() {
    let unchanged = || failed("no leader", RequestFate::NothingChanged);
    let doubt = || failed("it is silent", RequestFate::InDoubt);
    for (line, good, bad, why) in [
        ("expect stored", with(Answer::Stored), doubt(), "put a is in doubt: it is silent"),
        (
            "expect stored",
            with(Answer::Deleted { existed: true }),
            unchanged(),
            "put a is refused: no leader",
        ),
        ("expect refused", unchanged(), with(Answer::Stored), "put a is stored"),
        (
            "expect refused",
            with(Answer::Mismatch { current: None }),
            doubt(),
            "put a is in doubt: it is silent",
        ),
        ("expect in-doubt", doubt(), unchanged(), "put a is refused: no leader"),
    ] {
        for (outcome, expected) in [
            (good, vec![]),
            (bad, vec![ScriptEffect::Unmet(UnmetLine::Otherwise, format!("line 2: not as expected: {why}"))]),
        ] {
            let mut script = script(&["put a 1", line]);
            assert_eq!(asks(&mut script, 0), [said(1, "put a")], "{line}");
            came(&mut script, 1, outcome);
            assert_eq!(script.go_on(at(1)), expected, "{line}");
        }
    }
}

#[test]
fn an_outcome_that_does_not_come_in_time_or_at_all_fails_the_script() {
    let mut script = script(&["as alice put a 1", "put b 1", "as alice expect stored within 2s"]);
    asks(&mut script, 0);
    came(&mut script, 2, with(Answer::Stored));
    assert_eq!(script.go_on(at(1)), [], "another client's answer is of no interest");
    let unmet = |which, why: &str| [ScriptEffect::Unmet(which, format!("line {why}"))];
    assert_eq!(
        script.go_on(at(2000)),
        unmet(UnmetLine::TimedOut, "3: timed out: alice: put a has no answer yet")
    );
    script.add(b"as bob expect stored");
    assert_eq!(
        script.go_on(at(2001)),
        unmet(UnmetLine::Otherwise, "4: not as expected: bob has asked nothing yet")
    );
    script.add(b"propose 2 c 1");
    script.add(b"expect refused");
    assert_eq!(sends(&mut script, 2002).len(), 1);
    came(&mut script, 3, failed("it does not lead", RequestFate::NothingChanged));
    assert_eq!(script.go_on(at(2003)), [], "a proposal is the deck's own client's");
}
