//! `raftdeck drill list`, `show` and `check`: what can be said of drills without running them.

use super::named;
use crate::errors::{complain, sentence};
use clap::Args;
use color_eyre::eyre::Result;
use raftdeck_drills::{Drill, Severity, built_in, catalogue};
use raftdeck_protocol::printable;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Which drills are listed.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Only drills with this tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Print one JSON object per drill
    #[arg(long)]
    json: bool,
}

/// Which drill is described.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The id of a built-in drill, or a file
    #[arg(value_name = "ID|FILE")]
    drill: String,
    /// Print the file of a built-in drill
    #[arg(long)]
    source: bool,
}

/// Which files are checked.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
}

/// The built-in drills, a line each.
pub(super) fn list(args: &ListArgs) -> Result<String> {
    let mut text = String::new();
    let has_tag = |drill: &Drill| args.tag.as_ref().is_none_or(|tag| drill.tags.contains(tag));
    for drill in catalogue().into_iter().filter(has_tag) {
        if args.json {
            writeln!(text, "{}", object(&drill))?;
        } else {
            writeln!(
                text,
                "{:22} {:7} {} nodes  {}",
                drill.id,
                drill.difficulty.name(),
                drill.cluster.nodes,
                drill.title
            )?;
        }
    }
    if text.is_empty() && !args.json {
        text = format!(
            "no drill has the tag {}: the tags are {}\n",
            args.tag.as_deref().unwrap_or_default(),
            tags()
        );
    }
    Ok(text)
}

fn tags() -> String {
    let tags: std::collections::BTreeSet<String> =
        catalogue().into_iter().flat_map(|drill| drill.tags).collect();
    tags.into_iter().collect::<Vec<_>>().join(", ")
}

fn object(drill: &Drill) -> Value {
    json!({
        "id": drill.id,
        "title": drill.title,
        "description": drill.description.trim(),
        "tags": drill.tags,
        "paper": drill.paper,
        "difficulty": drill.difficulty.name(),
        "nodes": drill.cluster.nodes,
    })
}

/// A drill in words, or the file of a built-in one.
pub(super) fn show(args: &ShowArgs) -> Result<String> {
    if args.source
        && let Some(source) = built_in(&args.drill)
    {
        return Ok(source.to_owned());
    }
    let drill = named::read(&args.drill)?;
    let mut text = String::new();
    writeln!(text, "{} ({}, {} nodes)\n", drill.title, drill.difficulty.name(), drill.cluster.nodes)?;
    writeln!(text, "{}", drill.description.trim())?;
    if !drill.paper.is_empty() {
        writeln!(text, "\nRead: {}", drill.paper.join(", "))?;
    }
    writeln!(text, "\nSteps:")?;
    for (number, step) in (1..).zip(&drill.steps) {
        let fault = if drill.fault_step() == Some(number - 1) { "  (the fault)" } else { "" };
        let words = step.in_words();
        writeln!(text, "  {number}. {words}{fault}")?;
    }
    writeln!(text, "\nMust hold:")?;
    for assert in &drill.asserts {
        let bound = assert.bound.as_ref().map_or_else(String::new, |bound| format!(" {bound}"));
        let should = if assert.severity == Severity::Should { "  (should)" } else { "" };
        writeln!(text, "  {}: {}{bound}{should}", assert.name, assert.expr)?;
    }
    for probe in &drill.probes {
        writeln!(text, "  {}: {}", probe.name, probe.expr)?;
    }
    writeln!(
        text,
        "  and in every drill: one leader in a term, logs match, what is committed stays, state machines agree,"
    )?;
    writeln!(text, "  the clients' history is linearizable")?;
    Ok(printable::lines(&text).into_owned())
}

/// The mistakes of files, and the exit status: 2 if there is one, 1 if a file cannot be read.
pub(super) fn check(args: &CheckArgs) -> Result<(Vec<u8>, u8)> {
    let (mut text, mut status) = (String::new(), 0);
    for file in &args.files {
        match named::mistakes(file) {
            Ok(mistakes) if mistakes.is_empty() => {}
            Ok(mistakes) => {
                writeln!(text, "{mistakes}")?;
                status = 2;
            }
            Err(error) => {
                complain(&sentence(&error));
                status = if status == 0 { 1 } else { status };
            }
        }
    }
    Ok((text.into_bytes(), status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_drills::CATALOGUE;

    #[test]
    fn every_built_in_drill_is_listed_and_can_be_shown() {
        let listed = list(&ListArgs { tag: None, json: false }).unwrap();
        assert_eq!(listed.lines().count(), CATALOGUE.len());
        for (id, source) in CATALOGUE {
            assert!(listed.contains(id));
            let shown = show(&ShowArgs { drill: id.to_owned(), source: false }).unwrap();
            assert!(shown.contains("(the fault)"), "{shown}");
            assert_eq!(show(&ShowArgs { drill: id.to_owned(), source: true }).unwrap(), source);
        }
        assert!(
            list(&ListArgs { tag: Some("nonsense".to_owned()), json: false })
                .unwrap()
                .contains("the tags are")
        );
    }
}
