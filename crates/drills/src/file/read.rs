//! From TOML to a drill, with the place and the nearest known word in every mistake.

use super::mistake::place;
use super::{Drill, FileMistake};
use raftdeck_script::nearest;

impl Drill {
    /// Reads a drill and checks all of it that can be checked without a cluster: the values, the lines, the conditions, the bounds.
    /// All mistakes are returned, in order of their places; of TOML that cannot be parsed, the first.
    pub fn read(source: &str) -> Result<Self, Vec<FileMistake>> {
        let drill = Self::parse(source).map_err(|mistake| vec![mistake])?;
        let mut mistakes = drill.mistakes(source);
        mistakes.sort();
        mistakes.dedup();
        if mistakes.is_empty() { Ok(drill) } else { Err(mistakes) }
    }

    /// Reads a drill without checking what its values mean: for one that is known to be without a mistake.
    pub(crate) fn parse(source: &str) -> Result<Self, FileMistake> {
        toml::from_str(source).map_err(|error| of_toml(source, &error))
    }
}

/// A mistake of the form, with the word that was probably meant.
pub(crate) fn of_toml(source: &str, error: &toml::de::Error) -> FileMistake {
    let (line, column) = place(source, error.span().map_or(0, |span| span.start));
    let message = error.message().trim().replace('\n', ", ");
    FileMistake { line, column, sentence: with_hint(&message) }
}

/// `unknown field "vefify", expected one of "do", "verify"` becomes `"vefify" is not known here: did you mean verify?`
fn with_hint(message: &str) -> String {
    let Some(rest) =
        message.strip_prefix("unknown field ").or_else(|| message.strip_prefix("unknown variant "))
    else {
        return message.to_owned();
    };
    let mut words = rest.split('`').skip(1).step_by(2);
    let Some(given) = words.next() else { return message.to_owned() };
    let known: Vec<&str> = words.collect();
    match nearest(given, known.iter().copied()) {
        Some(meant) => format!("\"{given}\" is not known here: did you mean {meant}?"),
        None => format!("\"{given}\" is not known here: there are {}", known.join(", ")),
    }
}
