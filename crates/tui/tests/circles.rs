//! No files of a room import each other in a circle: each can be understood before those that build on it.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The rooms that have no circles, and are to stay so.
const ROOMS: [&str; 12] = [
    "check", "config", "etcd", "fuzz", "lab", "links", "model", "protocol", "record", "script", "tui",
    "xtask",
];

/// A module by its path from the crate's root; the root is empty.
type Module = Vec<String>;

#[test]
fn no_files_import_each_other_in_a_circle() {
    for room in ROOMS {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(room).join("src");
        let mut files = BTreeMap::new();
        collect(&source, &Module::new(), &mut files);
        assert!(files.len() > 1, "{room} has files");
        let circle = circle(&imports(&files));
        assert!(circle.is_empty(), "{room}: these files import each other in a circle: {circle:?}");
    }
}

#[test]
fn a_circle_would_be_found() {
    let texts = [
        ("a", "use crate::b::B;"),
        ("b", "use super::c::{D, e::F};"),
        ("c", "use crate::{x, a};"),
        ("x", "use std::fmt; use super::*;"),
    ];
    let module = |name: &str| vec![name.to_owned()];
    let mut files: BTreeMap<Module, String> =
        texts.iter().map(|(name, text)| (module(name), (*text).to_owned())).collect();
    assert_eq!(circle(&imports(&files)), [module("a"), module("b"), module("c")].into());
    files.insert(module("c"), "use crate::x;".to_owned());
    assert_eq!(circle(&imports(&files)), BTreeSet::new());
}

/// The files of a folder and those below it, without tests.
fn collect(folder: &Path, module: &Module, files: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let below = || module.iter().cloned().chain([name.clone()]).collect();
        if name == "tests" || name.ends_with("_tests") {
            continue;
        }
        if path.is_dir() {
            collect(&path, &below(), files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "main" {
            let module = if name == "mod" || name == "lib" { module.clone() } else { below() };
            let text = fs::read_to_string(&path).unwrap();
            files.insert(module, text.split("#[cfg(test)]").next().unwrap_or_default().to_owned());
        }
    }
}

/// Which file names which others of its room in a `use`. A module and what is below it are one family, in which both name each other.
fn imports(files: &BTreeMap<Module, String>) -> BTreeMap<Module, BTreeSet<Module>> {
    let named = |(module, text): (&Module, &String)| {
        let paths = uses(text).into_iter().filter_map(|path| resolved(module, &path));
        let known = paths.filter_map(|path| {
            (1..=path.len()).rev().map(|length| path[..length].to_vec()).find(|path| files.contains_key(path))
        });
        let others = known.filter(|other| !other.starts_with(module) && !module.starts_with(other));
        (module.clone(), others.collect())
    };
    files.iter().map(named).collect()
}

/// The paths of all `use` items, with their braces spread out.
fn uses(text: &str) -> Vec<Module> {
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect();
    let mut paths = Vec::new();
    for item in code.split(';') {
        let Some(at) = item.rfind("use ") else { continue };
        let before = item[..at].chars().next_back();
        if before.is_none_or(char::is_whitespace) {
            spread(&Module::new(), item[at + 4..].trim(), &mut paths);
        }
    }
    paths
}

fn spread(before: &Module, tree: &str, paths: &mut Vec<Module>) {
    let pieces = |text: &str| -> Module {
        let text = text.split(" as ").next().unwrap_or_default();
        text.split("::").map(str::trim).filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
    };
    let Some((prefix, rest)) = tree.split_once('{') else {
        paths.push(before.iter().cloned().chain(pieces(tree)).collect());
        return;
    };
    let prefix: Module = before.iter().cloned().chain(pieces(prefix)).collect();
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut depth, mut from) = (0, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                spread(&prefix, inner[from..at].trim(), paths);
                from = at + 1;
            }
            _ => {}
        }
    }
    spread(&prefix, inner[from..].trim(), paths);
}

/// A path from the crate's root, if it is one of this crate.
fn resolved(module: &Module, path: &[String]) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some(module.iter().chain(rest).cloned().collect()),
        "super" => {
            let above = module.split_last()?.1.to_vec();
            match rest.first().map(String::as_str) {
                Some("super") => resolved(&above, rest),
                _ => Some(above.iter().chain(rest).cloned().collect()),
            }
        }
        _ => None,
    }
}

/// The modules that reach themselves.
fn circle(imports: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let reaches_itself = |module: &&Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![*module]);
        while let Some(at) = next.pop() {
            for other in imports.get(at).into_iter().flatten() {
                if other == *module {
                    return true;
                }
                if seen.insert(other) {
                    next.push(other);
                }
            }
        }
        false
    };
    imports.keys().filter(reaches_itself).cloned().collect()
}
