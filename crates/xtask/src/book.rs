//! The book. Its chapters are in docs/, and some pages elsewhere belong to it; `mdbook` needs all of them in one folder. So they are
//! gathered in target/book-source, with their links adapted, and built from there into target/book.

use crate::grammar;
use crate::workspace::{cargo, empty_folder, make_folder, read, root, run as carry_out, write as write_file};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Build nothing; write the parts that are made from the program anew: keys, words, options, events, routes and metrics
    #[arg(long)]
    write: bool,
}

/// Folders whose pictures the chapters show, or to which they link.
const ALONG: [&str; 2] = ["assets/screenshots", "examples"];

pub(crate) fn run(args: &Args) -> Result<()> {
    if args.write { write() } else { build() }
}

/// The test that checks the generated parts also writes them if it is told to.
fn write() -> Result<()> {
    grammar::write_anew()?;
    let mut test = cargo(&["test", "--package", "raftdeck-tui", "--test", "book"]);
    carry_out(test.env("UPDATE_BOOK", "1"))
}

fn build() -> Result<()> {
    let found = Command::new("mdbook").arg("--version").stdout(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        bail!("mdbook is not installed: run `cargo install mdbook --locked`");
    }
    let (from, to) = (root(), root().join("target/book-source"));
    empty_folder(&to)?;
    gather(&from, &to)?;
    carry_out(Command::new("mdbook").arg("build").arg(&to).arg("--dest-dir").arg(from.join("target/book")))
}

fn gather(from: &Path, to: &Path) -> Result<()> {
    let summary = read(&from.join("docs/SUMMARY.md"))?;
    for chapter in chapters(&summary) {
        let path = chapter.strip_prefix("../").map_or_else(|| format!("docs/{chapter}"), str::to_owned);
        let text = read(&from.join(&path))?;
        write_file(&to.join(chapter.trim_start_matches("../")), moved(&text, &path))?;
    }
    write_file(&to.join("SUMMARY.md"), moved(&summary, "docs/SUMMARY.md"))?;
    write_file(&to.join("book.toml"), read(&from.join("docs/book.toml"))?)?;
    write_file(&to.join("LICENSE"), read(&from.join("LICENSE"))?)?;
    for folder in ALONG {
        copy_folder(&from.join(folder), &to.join(folder))?;
    }
    Ok(())
}

/// A folder with all that is in it.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    make_folder(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let copy = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &copy)?;
        } else {
            fs::copy(&path, &copy).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}

/// What the summary names, in its order.
fn chapters(summary: &str) -> Vec<&str> {
    summary.lines().filter_map(|line| line.split_once("](")?.1.strip_suffix(')')).collect()
}

/// A page's text with its links adapted to docs/ as the root: a chapter's `../` is removed, and so is `docs/` elsewhere.
fn moved(text: &str, path: &str) -> String {
    if path.starts_with("docs/") {
        return text.replace("](../README.md", "](start.md").replace("](../", "](");
    }
    let up = "../".repeat(path.matches('/').count());
    let to = |target: &str| format!("]({up}{target}");
    text.replace(&to("README.md"), &to("start.md")).replace(&to("docs/"), &to(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_same_pages_after_the_move() {
        assert_eq!(moved("[a](../examples/a) [b](b.md#c)", "docs/x.md"), "[a](examples/a) [b](b.md#c)");
        assert_eq!(moved("[a](docs/a.md) [b](crates/b.md)", "ARCHITECTURE.md"), "[a](a.md) [b](crates/b.md)");
        assert_eq!(moved("[r](README.md)", "CONTRIBUTING.md"), "[r](start.md)");
        assert_eq!(
            moved("[a](../../docs/a.md) [t](README.md)", "crates/x/README.md"),
            "[a](../../a.md) [t](README.md)"
        );
    }

    #[test]
    fn every_chapter_of_the_summary_is_gathered() {
        let to = root().join("target/book-source-of-test");
        gather(&root(), &to).unwrap();
        for chapter in chapters(&read(&to.join("SUMMARY.md")).unwrap()) {
            assert!(to.join(chapter).is_file(), "{chapter}");
        }
        fs::remove_dir_all(to).unwrap();
    }
}
