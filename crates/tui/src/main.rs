//! The deck's program. Everything is in the library, where tests reach it.

use std::process::ExitCode;

/// Static builds have musl's allocator, where all threads wait for one lock: a node writes a sixth less with it.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    raftdeck_tui::cli::main()
}
