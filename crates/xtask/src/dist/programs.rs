//! The programs, built for distribution: they contain no path of the machine that built them.

use crate::workspace::{cargo, make_folder, output, root, run, write};
use anyhow::{Context, Result};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs, each with the package that has it.
const PROGRAMS: &[(&str, &str)] = &[("raftdeck", "raftdeck-tui"), ("raftdeck-node", "raftdeck-node")];

/// The shells, and the names under which they look for their scripts.
const SHELLS: &[(&str, &str)] = &[
    ("bash", "raftdeck.bash"),
    ("zsh", "_raftdeck"),
    ("fish", "raftdeck.fish"),
    ("elvish", "raftdeck.elv"),
    ("powershell", "_raftdeck.ps1"),
];

/// The names of the programs.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|(program, _)| *program)
}

/// Builds them, and returns their folder.
pub(super) fn build(target_directory: &Path, target: &str, profile: &str) -> Result<PathBuf> {
    let mut build = cargo(&["build", "--locked", "--profile", profile, "--target", target]);
    for (program, package) in PROGRAMS {
        build.args(["--package", package, "--bin", program]);
    }
    build.env("CARGO_ENCODED_RUSTFLAGS", flags()?).env("CARGO_INCREMENTAL", "0");
    run(&mut build)?;
    Ok(target_directory.join(target).join(profile))
}

/// Flags of the compiler, to which the environment may add: sources have the same names everywhere.
fn flags() -> Result<String> {
    let home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => env::home_dir().context("there is no home directory: set CARGO_HOME")?.join(".cargo"),
    };
    let given = env::var("RUSTFLAGS").unwrap_or_default();
    let given = given.split_whitespace().map(str::to_owned);
    let renamed = [(home, "/cargo"), (root(), "/raftdeck")]
        .map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()));
    Ok(given.chain(renamed).collect::<Vec<_>>().join("\x1f"))
}

/// Has the program write its completions and man pages into folders.
pub(super) fn describe(program: &Path, into: &Path) -> Result<()> {
    let wrong = || format!("{} does not run here: give one that does with --described-by", program.display());
    let completions = into.join("completions");
    make_folder(&completions)?;
    for (shell, file) in SHELLS {
        let script = output(Command::new(program).args(["completions", shell])).with_context(wrong)?;
        write(&completions.join(file), script)?;
    }
    output(Command::new(program).args(["man", "--dir"]).arg(into.join("man/man1"))).with_context(wrong)?;
    Ok(())
}
