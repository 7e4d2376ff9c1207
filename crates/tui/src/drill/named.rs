//! The drills that a command line names: by the id of a built-in one, or by a file.

use crate::files;
use color_eyre::eyre::{Result, bail};
use raftdeck_drills::{CATALOGUE, Drill, FileMistake, built_in};
use raftdeck_protocol::printable;
use raftdeck_script::nearest;
use std::fmt;
use std::path::Path;

/// Drill files that are wrong; each line is `FILE:LINE:COLUMN: what is wrong`.
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
    let (place, source) = match built_in(named) {
        Some(source) => (named.to_owned(), source.to_owned()),
        None if is_file(named) => (named.to_owned(), text_of(named)?),
        None => bail!(WrongFiles(unknown(named))),
    };
    Drill::read(&source).map_err(|mistakes| WrongFiles(lines(&place, &mistakes)).into())
}

/// The mistakes of a file, as lines.
pub(super) fn mistakes(file: &str) -> Result<String> {
    let source = match built_in(file) {
        Some(source) if !Path::new(file).exists() => source.to_owned(),
        _ => text_of(file)?,
    };
    Ok(Drill::read(&source).err().map(|mistakes| lines(file, &mistakes)).unwrap_or_default())
}

fn is_file(named: &str) -> bool {
    let path = Path::new(named);
    path.exists() || named.contains('/') || path.extension().is_some_and(|extension| extension == "toml")
}

fn text_of(file: &str) -> Result<String> {
    let bytes = files::read(file).map_err(|why| WrongFiles(format!("{file} cannot be read: {why}")))?;
    String::from_utf8(bytes).map_err(|_| WrongFiles(format!("{file} is not UTF-8 text")).into())
}

fn unknown(named: &str) -> String {
    let known = CATALOGUE.iter().map(|(id, _)| *id);
    match nearest(named, known) {
        Some(meant) => format!("there is no drill \"{named}\": did you mean {meant}?"),
        None => format!("there is no drill \"{named}\": raftdeck drill list shows all of them"),
    }
}

fn lines(place: &str, mistakes: &[FileMistake]) -> String {
    let line = |mistake: &FileMistake| printable::line(&format!("{place}:{mistake}")).into_owned();
    mistakes.iter().map(line).collect::<Vec<_>>().join("\n")
}
