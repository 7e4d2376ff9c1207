//! The drills that a command line names: by the id of a built-in one, or by a file. The same for lessons.

use crate::files;
use color_eyre::eyre::{Result, bail};
use raftdeck_drills::{CATALOGUE, Drill, FileMistake, LESSONS, Lesson, built_in};
use raftdeck_protocol::printable;
use raftdeck_script::nearest;
use std::fmt;
use std::path::Path;

/// Files of drills or lessons that are wrong; each line is `FILE:LINE:COLUMN: what is wrong`.
#[derive(Debug)]
pub(crate) struct WrongFiles(pub(crate) String);

impl fmt::Display for WrongFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongFiles {}

/// A drill by its id or its file.
pub(super) fn read(named: &str) -> Result<Drill> {
    let source = source_of("drill", named, &CATALOGUE)?;
    Drill::read(&source).map_err(|mistakes| WrongFiles(lines(named, &mistakes)).into())
}

/// The mistakes of a file, as lines.
pub(super) fn mistakes(file: &str) -> Result<String> {
    let source = match built_in(file) {
        Some(source) if !Path::new(file).exists() => source.to_owned(),
        _ => text_of(file)?,
    };
    Ok(Drill::read(&source).err().map(|mistakes| lines(file, &mistakes)).unwrap_or_default())
}

/// The lesson of this id or in this file.
pub(crate) fn lesson(named: &str) -> Result<Lesson> {
    let source = source_of("lesson", named, LESSONS)?;
    Lesson::read(&source).map_err(|mistakes| WrongFiles(lines(named, &mistakes)).into())
}

/// The text of the built-in one of this id, or of this file.
fn source_of(what: &str, named: &str, built_in: &[(&str, &str)]) -> Result<String> {
    match built_in.iter().find(|(id, _)| *id == named) {
        Some((_, source)) => Ok((*source).to_owned()),
        None if is_file(named) => text_of(named),
        None => bail!(WrongFiles(unknown(what, named, built_in.iter().map(|(id, _)| *id)))),
    }
}

fn is_file(named: &str) -> bool {
    let path = Path::new(named);
    path.exists() || named.contains('/') || path.extension().is_some_and(|extension| extension == "toml")
}

pub(crate) fn text_of(file: &str) -> Result<String> {
    let bytes = files::read(file).map_err(|why| WrongFiles(format!("{file} cannot be read: {why}")))?;
    String::from_utf8(bytes).map_err(|_| WrongFiles(format!("{file} is not UTF-8 text")).into())
}

/// Says that there is no such drill or lesson, and which one was probably meant.
fn unknown<'a>(what: &str, named: &str, known: impl Iterator<Item = &'a str>) -> String {
    match nearest(named, known) {
        Some(meant) => format!("there is no {what} \"{named}\": did you mean {meant}?"),
        None => format!("there is no {what} \"{named}\": raftdeck {what} list shows all of them"),
    }
}

pub(crate) fn lines(place: &str, mistakes: &[FileMistake]) -> String {
    let line = |mistake: &FileMistake| printable::line(&format!("{place}:{mistake}")).into_owned();
    mistakes.iter().map(line).collect::<Vec<_>>().join("\n")
}
