//! `raftdeck lesson new`: a file to begin with.

use crate::drill::WrongFiles;
use crate::drill::new::write_new;
use clap::Args;
use color_eyre::eyre::{Result, bail};
use raftdeck_drills::{Lesson, TEMPLATE};
use std::path::PathBuf;

/// Which file is written.
#[derive(Args, Debug)]
pub struct NewArgs {
    /// The id of the new lesson: lower-case letters, digits and -
    #[arg(value_name = "ID", default_value = "my-lesson")]
    id: String,
    /// The file to write; by default ID.toml in the current directory
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Writes the file. It must not exist yet.
pub(super) fn run(args: &NewArgs) -> Result<String> {
    let text = TEMPLATE.replace("NAME", &args.id);
    if let Err(mistakes) = Lesson::read(&text) {
        bail!(WrongFiles(format!("{}: {}", args.id, mistakes[0].sentence)));
    }
    let file = args.file.clone().unwrap_or_else(|| PathBuf::from(format!("{}.toml", args.id)));
    write_new(&file, &text)?;
    let shown = file.display();
    Ok(format!(
        "{shown} is written. Check it with raftdeck lesson check {shown}, play it with raftdeck lesson run {shown}, \
         teach it with raftdeck teach {shown}\n"
    ))
}
