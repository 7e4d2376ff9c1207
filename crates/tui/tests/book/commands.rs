//! Whether a command that a page shows is one: raftdeck's are parsed as the program would, cargo's name what is there.

use crate::pages::root;
use crate::shell;
use cargo_metadata::{Metadata, MetadataCommand};
use clap::error::ErrorKind;
use raftdeck_tui::cli::program;
use std::sync::OnceLock;

/// Programs that a reader has, or is told to get, and a shell's own words.
const OTHERS: &str = "apt apt-get brew cd chmod cp curl docker dpkg editor export git install jq kubectl mkdir nix openssl printf \
                      rustup sh sha256sum systemctl tar for do done";

/// Panics with the place if one of the commands is none.
pub(crate) fn check(place: &str, block: &str) {
    for mut words in shell::commands(block) {
        // Variables before a command.
        while words.len() > 1 && is_assignment(&words[0]) {
            words.remove(0);
        }
        if words[0] == "sudo" && words.len() > 1 {
            words.remove(0);
        }
        let name = words[0].rsplit('/').next().unwrap_or_default().to_owned();
        match name.as_str() {
            "raftdeck" => raftdeck(place, &words),
            "raftdeck-node" => {
                let node = ["raftdeck".to_owned(), "node".to_owned()];
                raftdeck(place, &[&node, &words[1..]].concat());
            }
            "cargo" => cargo(place, &words[1..]),
            _ if words[0].contains('/') => exists(place, &words[0]),
            other => assert!(
                OTHERS.split(' ').any(|known| known == other),
                "{place}: {other} is no program that is known here"
            ),
        }
        for word in words.iter().filter(|word| word.starts_with("examples/")) {
            exists(place, word);
        }
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
}

fn exists(place: &str, path: &str) {
    assert!(root().join(path).exists(), "{place}: there is no {path}");
}

fn raftdeck(place: &str, words: &[String]) {
    let Err(error) = program().described().try_get_matches_from(words) else { return };
    let is_answer = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    assert!(is_answer, "{place}: {}\n{error}", words.join(" "));
}

fn metadata() -> &'static Metadata {
    static METADATA: OnceLock<Metadata> = OnceLock::new();
    METADATA.get_or_init(|| MetadataCommand::new().current_dir(root()).no_deps().exec().unwrap())
}

/// The packages, examples, tests and benchmarks that it names are there; what it runs takes what follows.
fn cargo(place: &str, words: &[String]) {
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with('+')).collect();
    let split = words.iter().position(|word| *word == "--").unwrap_or(words.len());
    let (own, handed_on) = (&words[..split], words.get(split + 1..).unwrap_or_default());
    let after = |names: &[&str]| {
        let at = own.iter().position(|word| names.contains(word))?;
        own.get(at + 1).copied()
    };
    let package = after(&["-p", "--package"]);
    let packages =
        || metadata().packages.iter().filter(|other| package.is_none_or(|name| other.name == name));
    assert!(packages().count() > 0, "{place}: there is no package {package:?}");
    for option in ["--example", "--test", "--bench", "--bin"] {
        let Some(name) = after(&[option]) else { continue };
        let is_there = packages().any(|package| package.targets.iter().any(|target| target.name == name));
        assert!(is_there, "{place}: {option} {name} is not there");
    }
    if let Some(path) = after(&["--path"]) {
        exists(place, path);
    }
    let runs_raftdeck = own.first() == Some(&"run") && package.is_none();
    if runs_raftdeck {
        let words: Vec<String> =
            std::iter::once("raftdeck").chain(handed_on.iter().copied()).map(str::to_owned).collect();
        raftdeck(place, &words);
    }
}
