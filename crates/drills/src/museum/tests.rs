//! What the reader of exhibits takes and refuses, and that the shipped ones are without a mistake.

use super::*;
use std::collections::BTreeSet;

fn sample() -> &'static str {
    EXHIBITS[0].source
}

fn mistakes(source: &str) -> String {
    let mistakes = Exhibit::read(source).expect_err("it has a mistake");
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_exhibit_can_be_read_and_is_named_as_its_file() {
    for shipped in EXHIBITS {
        let exhibit = Exhibit::read(shipped.source).unwrap_or_else(|mistakes| {
            let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            panic!("{}:\n{}", shipped.id, mistakes.join("\n"))
        });
        assert_eq!(exhibit.id, shipped.id);
        assert_eq!(shipped_exhibit(&exhibit.id), Some(shipped));
    }
    assert_eq!(museum().len(), EXHIBITS.len());
}

#[test]
fn each_exhibit_shows_another_guard_which_there_is() {
    let known: BTreeSet<String> =
        raftdeck_raft::mutants::Mutant::ALL.iter().map(|mutant| format!("{mutant:?}")).collect();
    let guards: BTreeSet<String> = museum().into_iter().map(|exhibit| exhibit.guard).collect();
    assert_eq!(guards.len(), EXHIBITS.len());
    assert!(guards.is_subset(&known), "{:?}", guards.difference(&known));
}

#[test]
fn the_place_of_an_answer_does_not_tell_whether_it_is_right() {
    let questions = museum().into_iter().flat_map(|exhibit| [exhibit.rule_question, exhibit.event_question]);
    let places = questions.filter_map(|question| question.options.iter().position(|option| option.right));
    let mut counts = [0_usize; 4];
    places.for_each(|place| counts[place] += 1);
    let all: usize = counts.iter().sum();
    assert!(counts.iter().all(|count| count * 2 <= all), "{counts:?}");
    assert!(counts[..3].iter().all(|count| count * 8 > all), "{counts:?}");
}

#[test]
fn a_word_that_is_not_known_is_a_mistake_with_its_place() {
    let source = sample().replacen("rule =", "rull =", 1);
    assert!(mistakes(&source).contains("\"rull\" is not known here: did you mean rule?"));
}

#[test]
fn what_cannot_be_shown_is_a_mistake() {
    let cases = [
        ("schema = 1", "schema = 2", "schema 2 is not known"),
        ("seed = ", "# seed = ", "names its timing and its seed"),
        ("right = true, ", "", "exactly one option is right"),
        ("link = \"https://", "link = \"http://", "a link begins with https://"),
        ("violation-step = ", "violation-step = 9", "there are steps 1 to"),
        ("mark = \"1,2\"", "mark = \"1,4\"", "these are not nodes of the cluster: 1,4"),
        ("freeze\n", "freze\n", "freze"),
        ("freeze\n", "quit\n", "cannot use quit"),
    ];
    for (from, to, sentence) in cases {
        assert!(sample().contains(from), "{from}");
        let found = mistakes(&sample().replacen(from, to, 1));
        assert!(found.contains(sentence), "{to}: {found}");
    }
}

#[test]
fn a_step_is_the_same_with_the_guard_but_for_what_it_names() {
    let step = |guarded: Option<GuardedStep>| ExhibitStep {
        caption: "a".to_owned(),
        lines: Some("put k v\n# a comment\nkill 1".into()),
        wait: Some("leader 2".into()),
        within: None,
        mark: Some("1,2".to_owned()),
        view: None,
        guarded,
    };
    let script = "put k v\nkill 1\nwait leader 2 within 20T\n";
    let same = step(None);
    assert_eq!(ExhibitRun::BOTH.map(|run| same.script(run)), [script; 2]);
    let other = step(Some(GuardedStep {
        wait: Some("".into()),
        mark: Some("3".to_owned()),
        ..GuardedStep::default()
    }));
    assert_eq!(other.script(ExhibitRun::WithoutGuard), script);
    assert_eq!(other.script(ExhibitRun::WithGuard), "put k v\nkill 1\n");
    assert_eq!(other.caption(ExhibitRun::WithGuard), "a");
    assert_eq!(other.marked(ExhibitRun::WithoutGuard), [NodeId(1), NodeId(2)]);
    assert_eq!(other.marked(ExhibitRun::WithGuard), [NodeId(3)]);
}
