//! The command line described for other programs: completions for shells, pages for `man`. Both are made from the one definition in
//! [`crate::cli`] and add nothing to it.

use clap::{Args, Command};
use clap_complete::Shell;
use color_eyre::eyre::{Result, WrapErr};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// Text for the help of `raftdeck completions`.
pub(crate) const COMPLETIONS_HELP: &str = "\
Examples:
  raftdeck completions bash > ~/.local/share/bash-completion/completions/raftdeck
  raftdeck completions zsh > ~/.zfunc/_raftdeck      with fpath+=~/.zfunc before compinit
  raftdeck completions fish > ~/.config/fish/completions/raftdeck.fish
  raftdeck completions powershell >> $PROFILE
  raftdeck completions elvish >> ~/.config/elvish/rc.elv";

/// `raftdeck completions ...`
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

/// `raftdeck man ...`
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this directory, which is created if it does not exist
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The script that a shell reads.
pub(crate) fn completions(args: &CompletionsArgs, mut program: Command) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "raftdeck", &mut script);
    script
}

/// The page of the whole program; nothing if pages were written to a directory instead.
pub(crate) fn man(args: ManArgs, program: Command) -> Result<Vec<u8>> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let Some(dir) = args.dir else {
        return page(&program).wrap_err("the page cannot be made");
    };
    let written = std::fs::create_dir_all(&dir).and_then(|()| write_pages(&program, &dir));
    written.wrap_err_with(|| format!("the pages cannot be written to {}", dir.display()))?;
    Ok(Vec::new())
}

fn write_pages(command: &Command, dir: &Path) -> io::Result<()> {
    let name = clap_mangen::Man::new(command.clone()).get_filename();
    std::fs::write(dir.join(name), page(command)?)?;
    let mut shown = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    shown.try_for_each(|sub| write_pages(sub, dir))
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(set_lines(&String::from_utf8_lossy(&page)).into_bytes())
}

/// Sets the text below the options in lines, not in paragraphs. Characters outside ASCII are written as escapes, as not every `man`
/// accepts them.
fn set_lines(page: &str) -> String {
    let mut text = String::new();
    let mut in_lines = false;
    for line in page.lines() {
        if line.starts_with(".SH") && in_lines {
            text.push_str(".fi\n");
            in_lines = false;
        }
        if line == ".SH EXTRA" {
            text.push_str(".SH EXAMPLES\n.nf");
            in_lines = true;
        } else {
            for c in line.chars() {
                if c.is_ascii() {
                    text.push(c);
                } else {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "\\[u{:04X}]", u32::from(c));
                }
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_keep_their_lines_and_letters_are_named() {
        let page = ".SH OPTIONS\nA,\u{2026}\n.SH EXTRA\nExample:\n  raftdeck\n.SH VERSION\nv1\n";
        assert_eq!(
            set_lines(page),
            ".SH OPTIONS\nA,\\[u2026]\n.SH EXAMPLES\n.nf\nExample:\n  raftdeck\n.fi\n.SH VERSION\nv1\n"
        );
    }
}
