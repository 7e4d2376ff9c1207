//! The deck's program. Everything is in the library, where tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    raftdeck_tui::cli::main()
}
