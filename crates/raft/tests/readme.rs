//! The README's tables of features and traps name code, tests and mutants: every name must exist.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use raftdeck_raft::mutants::Mutant;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const README: &str = include_str!("../README.md");

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The cells of each table row whose header starts with `first`.
fn rows(first: &str) -> Vec<Vec<&'static str>> {
    let start = README.find(&format!("| {first} |")).expect("the table's header");
    README[start..]
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Every Rust file of every crate.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn functions() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(&crates(), &mut files);
    let text: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    text.iter()
        .flat_map(|text| text.split("fn ").skip(1))
        .filter_map(|rest| rest.split_once('('))
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[test]
fn every_file_and_test_that_the_tables_name_exists() {
    let functions = functions();
    let scenarios = crates().join("raft/tests/scenarios");
    let features = rows("feature").into_iter().map(|row| (row[0], row[2], row[3]));
    let traps = rows("#").into_iter().map(|row| (row[1], row[2], row[3]));
    for (what, code, tests) in features.chain(traps) {
        assert!(names(code).count() > 0 && names(tests).count() > 0, "{what}: code and a test");
        for file in names(code) {
            let found =
                [crates().join("raft/src").join(file), crates().join(file)].iter().any(|p| p.exists());
            assert!(found, "{what}: there is no {file}");
        }
        for test in names(tests) {
            let found = scenarios.join(test).exists() || functions.contains(test);
            assert!(found, "{what}: there is no test {test}");
        }
    }
}

#[test]
fn the_traps_are_all_there_and_each_mutant_belongs_to_one() {
    let traps = rows("#");
    let numbers: Vec<usize> = traps.iter().map(|row| row[0].parse().unwrap()).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "in order, each once: {numbers:?}");
    let all: BTreeSet<usize> = numbers.into_iter().collect();
    assert!((1..=48).chain([51, 53]).all(|number| all.contains(&number)), "none is left out: {all:?}");
    let named: Vec<&str> = traps.iter().flat_map(|row| names(row[4])).collect();
    let all: Vec<String> = Mutant::ALL.iter().map(|mutant| format!("{mutant:?}")).collect();
    for mutant in &all {
        assert_eq!(named.iter().filter(|name| *name == mutant).count(), 1, "{mutant} belongs to one trap");
    }
    assert_eq!(named.len(), all.len(), "no trap names a mutant that does not exist");
}
