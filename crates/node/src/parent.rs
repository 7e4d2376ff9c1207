//! A managed node ends with the process that started it, however that ends. Nothing here is orderly: the log is
//! durable at any moment, and an orphan is worse than an abrupt end.

use std::io::{self, Read};
use std::process;
use std::thread;

/// Ties this process to its parent.
pub(crate) fn tie() -> io::Result<()> {
    die_with_parent()?;
    thread::Builder::new().name("parent".to_owned()).spawn(wait_for_end)?;
    Ok(())
}

/// The kernel kills this process when its parent ends.
#[cfg(target_os = "linux")]
fn die_with_parent() -> io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    let parent = getppid();
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have ended just before. If it ended even before the first look, standard input has ended too.
    if getppid() != parent {
        process::exit(0);
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "the Linux version can fail")]
fn die_with_parent() -> io::Result<()> {
    Ok(())
}

/// The parent holds the other end of standard input and never writes: its end is the parent's.
fn wait_for_end() {
    let mut input = io::stdin().lock();
    let mut ignored = [0; 64];
    loop {
        match input.read(&mut ignored) {
            Ok(0) => process::exit(0),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => process::exit(0),
            Ok(_) | Err(_) => {}
        }
    }
}
