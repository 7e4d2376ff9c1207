//! Takes the pictures of the README and the book from the real program: it runs the deck in a pseudo-terminal, presses keys, and
//! draws what is on the screen. `cargo xtask screenshots` calls it.
//!
//! `screenshots DIR [NAME ...]`: where the pictures go, and which of the stories (`stories.rs`); without a name all. The program is the one that
//! was built beside this one.

mod film;
mod stories;
#[path = "../../../deck/examples/screenshot/svg.rs"]
mod svg;
mod terminal;

use std::path::Path;
use std::process::ExitCode;

/// What went wrong, as a sentence.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().ok_or("usage: screenshots DIR [NAME ...]")?;
    let names: Vec<String> = args.collect();
    let program = program()?;
    for (name, tell) in stories::STORIES {
        if names.is_empty() || names.iter().any(|other| other == name) {
            let picture = tell(&program).map_err(|error| format!("{name}: {error}"))?;
            let path = Path::new(&dir).join(format!("{name}.svg"));
            std::fs::write(&path, &picture)?;
            println!("{}: {} KB", path.display(), picture.len() / 1000);
        }
    }
    Ok(())
}

/// `target/release/raftdeck` beside `target/release/examples/screenshots`.
fn program() -> Result<String> {
    let own = std::env::current_exe()?;
    let program = own.ancestors().nth(2).unwrap_or(&own).join("raftdeck");
    if !program.is_file() {
        return Err(format!("build the program first: there is no {}", program.display()).into());
    }
    Ok(program.to_string_lossy().into_owned())
}
