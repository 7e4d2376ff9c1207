//! The scripts that a command line names.

use crate::files;
use color_eyre::eyre::{Result, WrapErr, bail};
use raftdeck_script::Script;
use std::io::{self, Read};
use std::path::Path;

/// A script's name and its text.
pub(super) fn read_script(file: &Path) -> Result<(String, Vec<u8>)> {
    let file = file.display().to_string();
    match files::read(&file) {
        Ok(text) => Ok((file, text)),
        Err(why) => bail!("the script {file} cannot be read: {why}"),
    }
}

/// In virtual time all lines are available from the beginning: the file's, or else those of the standard input.
pub(super) fn script_of_input(mut script: Script, has_file: bool) -> Result<Script> {
    if !has_file {
        let mut text = Vec::new();
        io::stdin().lock().read_to_end(&mut text).wrap_err("the standard input cannot be read")?;
        let text = text.strip_suffix(b"\n").unwrap_or(&text);
        text.split(|byte| *byte == b'\n').for_each(|line| script.add(line));
    }
    script.end_input();
    Ok(script)
}
