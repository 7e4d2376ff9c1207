//! Fuzzers: each reader of bytes is given many inputs for some time. They need a nightly toolchain, a C++ compiler and cargo-fuzz.

use crate::workspace::{make_folder, root, run as carry_out};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The reader that is fuzzed: the name of a file in crates/fuzz/fuzz/targets
    reader: String,
    /// Run this input alone, as one in fuzz/artifacts that broke something
    #[arg(conflicts_with = "keep")]
    input: Option<String>,
    /// For how many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    secs: u32,
    /// Inputs are no longer than this many bytes
    #[arg(long, value_name = "BYTES", default_value_t = 600)]
    max_len: u32,
    /// In place of looking for more: keep in fuzz/kept the smallest inputs that reach all that is reached
    #[arg(long)]
    keep: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let folder = root().join("crates/fuzz");
    let reader = &args.reader;
    if !folder.join(format!("fuzz/targets/{reader}.rs")).is_file() {
        bail!("there is no reader {reader}: take one of {}", readers(&folder)?.join(", "));
    }
    let (found, seeds, kept) =
        (format!("fuzz/corpus/{reader}"), format!("seeds/{reader}"), format!("fuzz/kept/{reader}"));
    // The workspace's own toolchain does not support it.
    let mut fuzz = Command::new("rustup");
    fuzz.current_dir(&folder).args(["run", "nightly", "cargo", "fuzz", "run", reader]);
    let max_len = format!("-max_len={}", args.max_len);
    if let Some(input) = &args.input {
        fuzz.arg(input);
    } else if args.keep {
        make_folder(&folder.join(&kept))?;
        fuzz.args([&kept, &seeds, &found]).args(["--", "-merge=1", &max_len]);
    } else {
        make_folder(&folder.join(&found))?;
        fuzz.args([&found, &seeds]).arg("--").arg(format!("-max_total_time={}", args.secs)).arg(max_len);
    }
    carry_out(&mut fuzz)
        .context("if it is not there: rustup toolchain install nightly; cargo install cargo-fuzz")
}

/// The names of all readers.
fn readers(folder: &Path) -> Result<Vec<String>> {
    let targets = folder.join("fuzz/targets");
    let entries = fs::read_dir(&targets).with_context(|| format!("cannot list {}", targets.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reader_has_seeds_to_begin_with() {
        let folder = root().join("crates/fuzz");
        let readers = readers(&folder).unwrap();
        assert!(readers.len() > 3, "{readers:?}");
        for reader in readers {
            assert!(folder.join("seeds").join(&reader).is_dir(), "{reader}");
        }
    }
}
