//! The pages: the README and each chapter.

use std::fs;
use std::path::{Path, PathBuf};

/// A page, by its path below the repository.
pub(crate) struct Page {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub(crate) fn page(path: &str) -> Page {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    Page { path: path.into(), text }
}

/// The README, and the chapters in the order of the summary.
pub(crate) fn pages() -> Vec<Page> {
    let chapters = chapters().into_iter().filter(|chapter| !chapter.starts_with("../"));
    let chapters = chapters.map(|chapter| page(&format!("docs/{chapter}")));
    std::iter::once(page("README.md")).chain(chapters).collect()
}

/// What the summary names, as it is written there.
pub(crate) fn chapters() -> Vec<String> {
    let summary = page("docs/SUMMARY.md").text;
    let names = summary.lines().filter_map(|line| line.split_once("](")?.1.strip_suffix(')'));
    names.map(str::to_owned).collect()
}

/// Pages of this repository that the book takes in, or that the README leads to.
pub(crate) fn other_pages() -> Vec<Page> {
    let taken_in = chapters().into_iter().filter_map(|chapter| Some(page(chapter.strip_prefix("../")?)));
    taken_in.collect()
}

#[test]
fn the_summary_names_every_chapter_once() {
    let mut named = chapters();
    let count = named.len();
    named.sort();
    named.dedup();
    assert_eq!(named.len(), count, "a chapter is named twice");
    for file in fs::read_dir(root().join("docs")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "md") && name != "SUMMARY.md" {
            assert!(named.contains(&name), "docs/{name} is not in docs/SUMMARY.md");
        }
    }
}

#[test]
fn the_readme_is_short_and_says_how_to_start_and_how_to_test() {
    let readme = page("README.md").text;
    assert!(readme.len() <= 6 * 1024, "{} bytes: details belong in the book", readme.len());
    for command in ["cargo run --release", "cargo test --workspace"] {
        assert!(readme.lines().any(|line| line == command), "{command}");
    }
}

/// The one that moves may be larger.
#[test]
fn pictures_are_small_enough_for_a_page() {
    for file in fs::read_dir(root().join("assets/screenshots")).unwrap() {
        let path = file.unwrap().path();
        let most = if path.ends_with("failover.svg") { 400_000 } else { 150_000 };
        let size = fs::metadata(&path).unwrap().len();
        assert!(size < most, "{} has {size} bytes", path.display());
    }
}
