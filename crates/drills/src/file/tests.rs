//! What is wrong with a file is said with its line, its column and the nearest known word.

use super::*;
use crate::CATALOGUE;

/// A drill without a mistake.
const GOOD: &str = r#"schema = 1
id = "good"
title = "Good"
description = "A drill."

[workload]

[[step]]
do = """
let old = leader
kill $old
"""
verify = "down $old"

[[assert]]
name = "soon"
expr = "D"
bound = "..4T"
"#;

fn mistakes(source: &str) -> Vec<String> {
    Drill::read(source).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn a_good_drill_is_read_with_its_defaults() {
    let drill = Drill::read(GOOD).unwrap();
    assert_eq!((drill.cluster.nodes, drill.fault_step()), (3, Some(0)));
    assert_eq!(drill.workload.map(|load| (load.clients, load.rate)), Some((4, 12)));
    assert_eq!(drill.steps[0].lines.as_ref().map(|lines| lines.lines().count()), Some(2));
}

#[test]
fn each_mistake_is_said_where_it_is() {
    for (good, bad, said) in [
        ("verify", "vefify", "13:1: \"vefify\" is not known here: did you mean verify?"),
        ("schema = 1", "schema = 2", "1:1: schema 2 is not known: this version reads schema 1"),
        (
            "id = \"good\"",
            "id = \"Good!\"",
            "2:1: an id consists of 1 to 40 lower-case letters, digits and -",
        ),
        ("title = \"Good\"", "title = \" \"", "3:1: the title is empty"),
        ("kill $old", "klil $old", "11:1: \"klil\" is not known: did you mean kill?"),
        ("kill $old", "kill $odl", "11:6: $odl is not set: did you mean old?"),
        ("\"down $old\"", "\"dwon $old\"", "13:11: \"dwon\" is not a condition: did you mean down?"),
        ("kill $old", "load faults.txt", "11:1: a drill cannot use load"),
        (
            "expr = \"D\"",
            "expr = \"gap durng\"",
            "17:9: \"durng\" is not a part of a drill: did you mean during?",
        ),
        ("bound = \"..4T\"", "bound = \"99%..\"", "18:10: \"99%\" is not a time"),
        ("bound = \"..4T\"", "", "17:9: D needs a bound, such as bound = \"..4T\""),
        ("expr = \"D\"", "expr = \"laeder\"", "17:9: \"laeder\" is not a condition: did you mean leader?"),
        ("[workload]", "[workload]\nclients = 13", "7:1: a workload has 1 to 12 clients"),
        ("[workload]", "[workload]\nwithin = \"4\"", "7:11: \"4\" is not a time"),
        ("verify = \"down $old\"", "", "9:1: a drill needs a step with verify"),
        ("[workload]", "[cluster]\nnodes = 16", "7:1: a cluster has 1 to 15 nodes"),
        ("[workload]", "[cluster]\nengine = \"smi\"", "7:10: \"smi\" is not known here: did you mean sim?"),
        (
            "expr = \"D\"",
            "expr = \"time to laeder\"",
            "17:17: \"laeder\" is not a condition: did you mean leader?",
        ),
        ("kill $old", "put kä $odl", "11:8: $odl is not set: did you mean old?"),
        ("expr = \"D\"", "expr = \"gap\"", ""),
    ] {
        assert!(GOOD.contains(good), "{good}");
        let found = mistakes(&GOOD.replacen(good, bad, 1));
        assert_eq!(found.is_empty(), said.is_empty(), "{bad}: {found:#?}");
        assert!(found.iter().any(|found| found.starts_with(said)) || said.is_empty(), "{bad}: {found:#?}");
    }
}

#[test]
fn toml_that_cannot_be_parsed_is_said_with_its_place() {
    let found = mistakes(&GOOD.replacen("id = \"good\"", "id = \"good", 1));
    assert!(found[0].starts_with("2:"), "{found:?}");
    assert!(mistakes("")[0].starts_with("1:1: missing field"), "{:?}", mistakes(""));
}

#[test]
fn lines_that_end_as_on_windows_are_counted_the_same() {
    let source = GOOD.replacen("kill $old", "klil $old", 1).replace('\n', "\r\n");
    assert_eq!(mistakes(&source), ["11:1: \"klil\" is not known: did you mean kill?"]);
}

#[test]
fn a_measure_of_requests_needs_requests() {
    let found = mistakes(&GOOD.replacen("[workload]", "", 1).replacen("\"D\"", "\"gap\"", 1));
    assert_eq!(found, ["17:9: gap needs a [workload]"]);
}

#[test]
fn a_step_does_one_thing() {
    let two = GOOD.replacen("verify = ", "wait = \"leader\"\nverify = ", 1);
    assert!(mistakes(&two)[0].contains("exactly one of do, wait, ask and act"), "{:?}", mistakes(&two));
    let alone = GOOD.replacen("[[assert]]", "[[step]]\nafter = \"2T\"\n\n[[assert]]", 1);
    assert!(mistakes(&alone)[0].contains("or only a caption"), "{:?}", mistakes(&alone));
}

#[test]
fn the_shipped_schema_is_that_of_the_types_and_every_drill_fits_it() {
    let shipped = include_str!("../../schema.json");
    assert!(
        shipped == crate::schema(),
        "schema.json is out of date: raftdeck drill schema > crates/drills/schema.json"
    );
    let schema: serde_json::Value = serde_json::from_str(shipped).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (id, source) in CATALOGUE {
        let drill: serde_json::Value = toml::from_str(source).unwrap();
        let errors: Vec<String> = validator.iter_errors(&drill).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{id}: {errors:?}");
    }
    let unknown: serde_json::Value = toml::from_str(&GOOD.replacen("verify", "vefify", 1)).unwrap();
    assert!(!validator.is_valid(&unknown), "a word that is not known must not fit");
}
