//! `raftdeck drill new`: a file to begin with.

use clap::Args;
use color_eyre::eyre::{Result, WrapErr, bail};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Which file is written.
#[derive(Args, Debug)]
pub struct NewArgs {
    /// The id of the new drill: lower-case letters, digits and -
    #[arg(value_name = "ID", default_value = "my-drill")]
    id: String,
    /// The file to write; by default ID.toml in the current directory
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// A drill that runs as it is, with a comment for each part.
const TEMPLATE: &str = include_str!("template.toml");

/// Writes the file. It must not exist yet.
pub(super) fn run(args: &NewArgs) -> Result<String> {
    let text = TEMPLATE.replace("my-drill", &args.id);
    if let Err(mistakes) = raftdeck_drills::Drill::read(&text) {
        bail!(super::WrongFiles(format!("{}: {}", args.id, mistakes[0].sentence)));
    }
    let file = args.file.clone().unwrap_or_else(|| PathBuf::from(format!("{}.toml", args.id)));
    write_new(&file, &text)?;
    let shown = file.display();
    Ok(format!(
        "{shown} is written. Check it with raftdeck drill check {shown}, run it with raftdeck drill run {shown}\n"
    ))
}

/// Writes a file that must not exist yet.
pub(crate) fn write_new(file: &Path, text: &str) -> Result<()> {
    let shown = file.display();
    let opened = OpenOptions::new().write(true).create_new(true).open(file);
    let mut opened = match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{shown} exists already: name another file with --file, or remove it")
        }
        other => other.wrap_err_with(|| format!("{shown} cannot be written"))?,
    };
    opened.write_all(text.as_bytes()).wrap_err_with(|| format!("{shown} cannot be written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_drill_without_a_mistake() {
        assert_eq!(raftdeck_drills::Drill::read(TEMPLATE).map(|drill| drill.id), Ok("my-drill".to_owned()));
    }
}
