//! Signals that end the program while a line is typed: the terminal is restored first, as the prompt has it in raw mode.
//! Ctrl-C is not among them; it cancels the line.

use crate::incoming::signals;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::iterator::Signals;
use std::io;
use std::thread;

/// Ends bracketed paste mode, and the line that was typed.
const LEAVE: &[u8] = b"\x1b[?2004l\r\n";

/// From now on SIGTERM, SIGQUIT and SIGHUP end the program with the terminal as it is now.
pub(super) fn restores_the_terminal() -> io::Result<()> {
    let before = tcgetattr(io::stdin())?;
    let mut signals = Signals::new(signals::endings())?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            restore(&before);
            std::process::exit(i32::from(signals::exit_status(signal)));
        }
    })?;
    Ok(())
}

fn restore(before: &Termios) {
    let is_typing = tcgetattr(io::stdin()).is_ok_and(|now| !now.local_modes.contains(LocalModes::ICANON));
    // A terminal that is gone needs no restoring.
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
    if is_typing {
        // Not through `Stdout`, which another thread may have locked.
        let _ = rustix::io::write(rustix::stdio::stdout(), LEAVE);
    }
}
