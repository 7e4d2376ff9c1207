//! `raftdeck lesson list` and `show`: what can be said of lessons without playing them.

use super::progress;
use crate::drill::named;
use clap::Args;
use color_eyre::eyre::Result;
use raftdeck_drills::{Lesson, built_in_lesson, lessons};
use raftdeck_protocol::printable;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// How lessons are listed.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Print one JSON object per lesson
    #[arg(long)]
    json: bool,
}

/// Which lesson is described.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The id of a built-in lesson, or a file
    #[arg(value_name = "ID|FILE")]
    lesson: String,
    /// Print the file of a built-in lesson
    #[arg(long)]
    source: bool,
}

/// The built-in lessons, a line each.
pub(super) fn list(args: &ListArgs) -> Result<String> {
    let mut text = String::new();
    let known = progress::read();
    for lesson in lessons() {
        if args.json {
            writeln!(text, "{}", object(&lesson))?;
            continue;
        }
        let standing = match known.get(lesson.id.text()) {
            Some(progress) if progress.is_finished => "  done".to_owned(),
            Some(progress) => format!("  at {}", progress.chapter),
            None => String::new(),
        };
        let (id, minutes, questions) = (lesson.id.text(), lesson.minutes, lesson.questions());
        writeln!(text, "{id:22} {minutes:3} min  {questions:2} questions  {}{standing}", lesson.title)?;
    }
    Ok(text)
}

fn object(lesson: &Lesson) -> Value {
    let chapter = |chapter: &raftdeck_drills::Chapter| json!({ "id": chapter.id.text(), "title": chapter.title.text(), "minutes": chapter.minutes });
    json!({
        "id": lesson.id.text(),
        "title": lesson.title.text(),
        "description": lesson.description.text().trim(),
        "minutes": lesson.minutes,
        "questions": lesson.questions(),
        "tags": lesson.tags,
        "paper": lesson.paper,
        "chapters": lesson.chapters.iter().map(chapter).collect::<Vec<_>>(),
    })
}

/// A lesson in words, or the file of a built-in one.
pub(super) fn show(args: &ShowArgs) -> Result<String> {
    if args.source
        && let Some(source) = built_in_lesson(&args.lesson)
    {
        return Ok(source.to_owned());
    }
    let lesson = named::lesson(&args.lesson)?;
    let mut text = String::new();
    writeln!(text, "{} ({} minutes)\n", lesson.title, lesson.minutes)?;
    writeln!(text, "{}", lesson.description.text().trim())?;
    if !lesson.paper.is_empty() {
        writeln!(text, "\nRead: {}", lesson.paper.join(", "))?;
    }
    for (number, chapter) in (1..).zip(&lesson.chapters) {
        writeln!(text, "\n{number}. {} ({} minutes)", chapter.title, chapter.minutes)?;
        if let Some(drill) = &chapter.drill {
            writeln!(text, "   the drill {drill}")?;
        }
        for step in chapter.steps.iter().filter(|step| step.ask.is_some() || step.act.is_some()) {
            let what = if step.ask.is_some() { "asks" } else { "task" };
            writeln!(text, "   {what}: {}", step.in_words())?;
        }
    }
    Ok(printable::lines(&text).into_owned())
}
