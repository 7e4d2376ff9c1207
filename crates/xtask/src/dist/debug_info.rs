//! Separate debug information: a program has the names of its functions, so that a backtrace in a report is useful. Users who also
//! want lines find them in an archive of their own.

use crate::workspace::run;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Puts the program into one folder and its debug information into the other.
pub(super) fn separate(program: &Path, staged: &Path, debug: &Path, target: &str) -> Result<()> {
    let name = program.file_name().expect("programs have names");
    let slim = staged.join(name);
    fs::copy(program, &slim).with_context(|| format!("cannot copy {}", program.display()))?;
    if target.contains("apple") {
        let symbols = debug.join(name).with_extension("dSYM");
        run(Command::new("dsymutil").arg(program).arg("-o").arg(symbols))?;
        return run(Command::new("strip").arg("-S").arg(&slim));
    }
    let symbols = debug.join(name).with_extension("debug");
    // Part of the `binutils` that come with the linker.
    run(Command::new("objcopy").arg("--only-keep-debug").arg(program).arg(&symbols))?;
    run(Command::new("objcopy")
        .arg("--strip-debug")
        .arg("--remove-section=.comment")
        .arg("--add-gnu-debuglink")
        .arg(&symbols)
        .arg(&slim))
}
