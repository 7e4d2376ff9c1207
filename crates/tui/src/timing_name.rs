//! The presets of heartbeats and election timeouts, by the names of the command line.

use clap::ValueEnum;
use raftdeck_raft::Timing;

/// A preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimingName {
    /// Heartbeat 50 ms, election timeout 150 to 300 ms
    Fast,
    /// Heartbeat 500 ms, election timeout 1 to 2 s
    Debug,
    /// Heartbeat 3 s, election timeout 5 to 8 s
    Demo,
}

impl TimingName {
    /// Its values.
    #[must_use]
    pub(crate) fn timing(self) -> Timing {
        match self {
            Self::Fast => Timing::FAST,
            Self::Debug => Timing::DEBUG,
            Self::Demo => Timing::DEMO,
        }
    }

    /// Its name.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Debug => "debug",
            Self::Demo => "demo",
        }
    }
}
