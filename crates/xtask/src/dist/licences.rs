//! The licences of what is linked, with their texts as the crates provide them.

use super::dependencies::Dependency;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

const HEAD: &str = "\
What raftdeck is built from beside its own code, under which licences, and their texts.

The programs also contain Rust's standard library (MIT OR Apache-2.0, https://github.com/rust-lang/rust) and, where their name
ends in -musl, musl (MIT, https://musl.libc.org).
";

/// The beginnings of the names of files with the text of a licence.
const NAMES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// The whole file.
pub(super) fn text(dependencies: &[Dependency]) -> Result<String> {
    let mut text = format!("{HEAD}\n");
    for dependency in dependencies {
        let package = &dependency.package;
        writeln!(text, "{} {}: {}", package.name, package.version, dependency.licence())?;
        if dependency.licence().contains("MPL") {
            writeln!(text, "    its source, unchanged: {}", dependency.source())?;
        }
    }
    for (words, crates) in texts(dependencies)? {
        writeln!(text, "\n{}\n{}\n\n{}", "=".repeat(100), crates.join(", "), words.trim_end())?;
    }
    Ok(text)
}

/// Each text once, with the crates that have it. A crate without a text is under a licence whose text others provide; its authors are
/// named.
fn texts(dependencies: &[Dependency]) -> Result<Vec<(String, Vec<String>)>> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for dependency in dependencies {
        let package = &dependency.package;
        let name = format!("{} {}", package.name, package.version);
        let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
        let mut found = in_folder(folder.as_std_path())?;
        if found.is_empty() {
            found.push(format!("{}\nCopyright {}", dependency.licence(), package.authors.join(", ")));
        }
        for text in found {
            texts.entry(text).or_default().push(name.clone());
        }
    }
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by(|(_, a), (_, b)| a.cmp(b));
    Ok(texts)
}

fn in_folder(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths: Vec<_> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort();
    let is_licence = |path: &&std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        path.is_file() && NAMES.iter().any(|begin| name.starts_with(begin))
    };
    paths
        .iter()
        .filter(is_licence)
        .map(|path| {
            let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))
        })
        .collect()
}
