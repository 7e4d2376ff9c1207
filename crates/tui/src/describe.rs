//! The command line described for other programs: completions for shells, pages for `man`. Both come from the one
//! definition in [`crate::cli`] and say nothing that it does not.

use clap::{Args, Command};
use clap_complete::Shell;
use color_eyre::eyre::{Result, WrapErr};
use std::path::PathBuf;

/// `raftdeck completions ...`
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

/// `raftdeck man ...`
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this directory, which is made if need be
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The script that a shell reads.
pub(crate) fn completions(args: &CompletionsArgs, mut program: Command) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "raftdeck", &mut script);
    script
}

/// The page of the whole program; nothing when pages were written to a directory instead.
pub(crate) fn man(args: ManArgs, program: Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    if let Some(dir) = args.dir {
        let cannot = || format!("the pages cannot be written to {}", dir.display());
        std::fs::create_dir_all(&dir).wrap_err_with(cannot)?;
        clap_mangen::generate_to(program, &dir).wrap_err_with(cannot)?;
    } else {
        clap_mangen::Man::new(program).render(&mut page).wrap_err("the page cannot be made")?;
    }
    Ok(page)
}
