//! Every input that a fuzzer kept, or that once broke something, is harmless.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
use raftdeck_fuzz::{TARGETS, Target};
use std::fs;
use std::path::{Path, PathBuf};

/// More than a minimised corpus needs: whoever adds seeds minimises them first.
const MOST_SEEDS: usize = 100;
const MOST_BYTES: u64 = 8 << 10;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds")
}

fn seeds(name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder().join(name)).expect("each target has a folder of seeds");
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn run(name: &str) {
    let (_, target): &Target = TARGETS.iter().find(|(target, _)| *target == name).unwrap();
    for path in seeds(name) {
        println!("{}", path.display());
        target(&fs::read(&path).unwrap());
    }
}

#[test]
fn seeds_of_frames_are_harmless() {
    run("frames");
}

#[test]
fn seeds_of_requests_are_harmless() {
    run("requests");
}

#[test]
fn seeds_of_recovery_are_harmless() {
    run("recovery");
}

#[test]
fn seeds_of_scripts_are_harmless() {
    run("scripts");
}

#[test]
fn seeds_of_queries_are_harmless() {
    run("queries");
}

#[test]
fn seeds_of_etcd_are_harmless() {
    run("etcd");
}

#[test]
fn seeds_of_configs_are_harmless() {
    run("configs");
}

#[test]
fn seeds_of_drills_are_harmless() {
    run("drills");
}

#[test]
fn seeds_of_recordings_are_harmless() {
    run("recordings");
}

#[test]
fn seeds_of_relays_are_harmless() {
    run("relays");
}

#[test]
fn seeds_are_few_and_small() {
    let mut folders: Vec<_> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    folders.sort();
    let mut names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(folders, names, "a folder for each target");
    for name in names {
        let seeds = seeds(name);
        assert!((1..=MOST_SEEDS).contains(&seeds.len()), "{name} has {} seeds: minimise them", seeds.len());
        for path in seeds {
            let bytes = fs::metadata(&path).unwrap().len();
            assert!(bytes <= MOST_BYTES, "{} has {bytes} bytes: minimise it", path.display());
        }
    }
}
