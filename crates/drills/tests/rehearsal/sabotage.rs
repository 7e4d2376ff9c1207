//! A drill whose assertions cannot fail proves nothing. Each assertion of the catalogue is made to fail here, and each fault is left out,
//! which must be noticed.

use crate::support::{in_parallel, outcome_of};
use raftdeck_drills::{CATALOGUE, CheckState, Drill, Outcome, Phrase, Severity, Verdict, catalogue};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sabotages {
    sabotage: Vec<Sabotage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sabotage {
    drill: String,
    assert: String,
    before: Option<String>,
    bound: Option<String>,
}

fn sabotages() -> Vec<Sabotage> {
    toml::from_str::<Sabotages>(include_str!("../sabotage.toml")).expect("the list can be read").sabotage
}

fn built_in(id: &str) -> Drill {
    catalogue().into_iter().find(|drill| drill.id == id).unwrap_or_else(|| panic!("there is no drill {id}"))
}

fn sabotaged(Sabotage { drill, assert, before, bound }: &Sabotage) -> Drill {
    let mut drill = built_in(drill);
    let fault = drill.fault_step().expect("every drill has a fault");
    if let (Some(before), Some(lines)) = (before, &mut drill.steps[fault].lines) {
        *lines = Phrase::from(format!("{}\n{}", before.trim(), lines.text()).as_str());
    }
    let asserted = drill.asserts.iter_mut().find(|asserted| asserted.name == *assert);
    let asserted = asserted.unwrap_or_else(|| panic!("{} has no assertion {assert}", drill.id));
    if let Some(bound) = bound {
        asserted.bound = Some(Phrase::from(bound.as_str()));
    }
    drill
}

#[test]
fn every_assertion_can_fail() {
    let failures = in_parallel(&sabotages(), |sabotage| {
        let (outcome, told) = outcome_of(&sabotaged(sabotage), 1);
        let check = outcome.checks.iter().find(|check| check.name == sabotage.assert)?;
        let is_broken = matches!(check.state, CheckState::Broken(_));
        let is_right = check.severity == Severity::Should || outcome.verdict == Verdict::Failed;
        let what =
            format!("{}, {}: {:?}, {}", sabotage.drill, sabotage.assert, check.state, reason(&outcome));
        (!is_broken || !is_right).then(|| format!("{what}\n{}", told.join("\n")))
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn every_assertion_has_its_sabotage() {
    let sabotages = sabotages();
    for drill in catalogue() {
        for assert in &drill.asserts {
            let found = sabotages.iter().any(|one| one.drill == drill.id && one.assert == assert.name);
            assert!(found, "{}: nothing shows that \"{}\" can fail", drill.id, assert.name);
        }
    }
    assert!(sabotages.iter().all(|one| CATALOGUE.iter().any(|(id, _)| *id == one.drill)));
}

/// The fault is left out: only the lines that set names stay.
fn without_its_fault(mut drill: Drill) -> Drill {
    let fault = drill.fault_step().expect("every drill has a fault");
    let lines = drill.steps[fault].lines.as_ref().map(|lines| {
        let kept: Vec<&str> = lines.lines().filter(|line| line.starts_with("let ")).collect();
        Phrase::from(kept.join("\n").as_str())
    });
    drill.steps[fault].lines = lines;
    drill
}

#[test]
fn every_fault_that_is_left_out_is_noticed() {
    let failures = in_parallel(&catalogue(), |drill| {
        let (outcome, _) = outcome_of(&without_its_fault(drill.clone()), 1);
        let is_noticed = outcome.verdict == Verdict::Inconclusive && outcome.reason.contains("did not take");
        (!is_noticed).then(|| format!("{}: {}", drill.id, reason(&outcome)))
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn reason(outcome: &Outcome) -> String {
    format!("{}: {}", outcome.verdict, outcome.reason)
}
