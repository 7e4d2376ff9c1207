//! Which build a program is, for people in a line and for programs as one JSON object.

use raftdeck_protocol::handshake;
use serde::Serialize;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// The version, and the commit if it was built from a checkout: `0.2.0 (0123456789ab)`.
pub const VERSION: &str = env!("RAFTDECK_VERSION");

/// What `--version --json` prints. What was not known when the program was built is null.
#[derive(Debug, Serialize)]
pub struct BuildInfo {
    name: &'static str,
    version: &'static str,
    commit: Option<&'static str>,
    target: Option<&'static str>,
    profile: Option<&'static str>,
    rustc: Option<&'static str>,
    /// The version of the handshake: programs with the same one can talk.
    protocol: u16,
    /// The features of cargo that it was built with.
    features: &'static [&'static str],
}

impl BuildInfo {
    /// That of the program of this name.
    #[must_use]
    pub const fn of(name: &'static str) -> Self {
        Self {
            name,
            version: env!("CARGO_PKG_VERSION"),
            commit: option_env!("RAFTDECK_COMMIT"),
            target: option_env!("RAFTDECK_TARGET"),
            profile: option_env!("RAFTDECK_PROFILE"),
            rustc: option_env!("RAFTDECK_RUSTC"),
            protocol: handshake::VERSION,
            features: &[],
        }
    }

    /// Whether these arguments ask for it: `--version --json`, in either order, and nothing else.
    #[must_use]
    pub fn is_asked_for(args: impl IntoIterator<Item = OsString>) -> bool {
        let args: Vec<OsString> = args.into_iter().collect();
        let [one, other] = &args[..] else { return false };
        let is_version = |arg: &OsString| arg == "--version" || arg == "-V";
        (is_version(one) && other == "--json") || (one == "--json" && is_version(other))
    }

    /// Prints it; the exit code of a program that was asked for nothing else.
    #[must_use]
    pub fn print(&self) -> ExitCode {
        let line = serde_json::to_string(self).map_err(io::Error::from);
        match line.and_then(|line| writeln!(io::stdout(), "{line}")) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_for_by_two_flags_and_nothing_else() {
        let asks = |line: &str| BuildInfo::is_asked_for(line.split_whitespace().map(OsString::from));
        for line in ["--version --json", "--json --version", "-V --json"] {
            assert!(asks(line), "{line}");
        }
        for line in ["", "--version", "--json", "--json --json", "up --json", "--version --json up"] {
            assert!(!asks(line), "{line}");
        }
    }
}
