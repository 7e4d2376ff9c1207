//! docs/grammar.md lists every word of the scripts. The list is made from the table of words, between two marks; the rest of the page
//! is written by hand.

use crate::workspace::{cargo, output, read, root, write};
use anyhow::{Context, Result, bail};

const BEGIN: &str = "<!-- words: begin -->\n\n";
const END: &str = "<!-- words: end -->";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Change nothing; fail if the page differs from the table
    #[arg(long)]
    check: bool,
}

/// Fails if the page differs from the table.
pub(crate) fn check() -> Result<()> {
    run(&Args { check: true })
}

/// Writes the list again.
pub(crate) fn write_anew() -> Result<()> {
    run(&Args { check: false })
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let path = root().join("docs/grammar.md");
    let page = read(&path)?;
    let words =
        output(&mut cargo(&["run", "--quiet", "--package", "raftdeck-script", "--example", "grammar"]))?;
    let made = with_words(&page, &words)?;
    if made == page {
        println!("docs/grammar.md lists the words as the table does");
        return Ok(());
    }
    if args.check {
        bail!("docs/grammar.md differs from the table of words: run `cargo xtask grammar`");
    }
    write(&path, made)?;
    println!("docs/grammar.md is written anew: read what changed");
    Ok(())
}

/// The page with these words between its marks.
fn with_words(page: &str, words: &str) -> Result<String> {
    let marks = || format!("docs/grammar.md has no marks `{}` and `{END}`: put them back", BEGIN.trim());
    let from = page.find(BEGIN).with_context(marks)? + BEGIN.len();
    let to = page.find(END).filter(|to| *to >= from).with_context(marks)?;
    Ok(format!("{}{words}{}", &page[..from], &page[to..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_between_the_marks_and_nowhere_else() {
        let page = format!("head\n{BEGIN}old\n{END}\ntail\n");
        assert_eq!(with_words(&page, "new\n").unwrap(), format!("head\n{BEGIN}new\n{END}\ntail\n"));
        assert!(with_words("no marks", "new").is_err());
        assert!(with_words(&format!("{END}{BEGIN}"), "new").is_err(), "marks in the wrong order");
    }
}
