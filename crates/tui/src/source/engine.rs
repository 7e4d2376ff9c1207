//! The engines that run a cluster: real processes, the simulator, or a recording.

use crate::source::driven::InRealTime;
use color_eyre::eyre::{Result, WrapErr};
use raftdeck_lab::{Lab, LabOptions};
use raftdeck_model::{Capabilities, Source, Update};
use raftdeck_node::open_files;
use raftdeck_record::{Player, Recording};
use raftdeck_sim::{Live, LiveOptions};

/// A cluster that is to be started.
#[derive(Debug)]
pub enum Engine {
    /// Of child processes, in real time.
    Lab(Box<LabOptions>),
    /// Of simulated members, in virtual time.
    Simulator(LiveOptions),
    /// A recording of a past cluster.
    Recording(Box<Recording>),
}

impl Engine {
    /// Its name, as in `--engine`, and the seed that decides it, if one was given.
    #[must_use]
    pub fn name(&self) -> (&'static str, Option<u64>) {
        match self {
            Self::Lab(options) => ("lab", options.seed),
            Self::Simulator(options) => ("sim", Some(options.seed)),
            Self::Recording(recording) => ("recording", recording.header.seed),
        }
    }

    /// Starts it. All its updates go to `sink`; it ends when the returned value is dropped.
    pub fn start(self, sink: impl Fn(Update) + Send + Sync + 'static) -> Result<Box<dyn Source>> {
        const NO_THREAD: &str = "a thread cannot be started";
        Ok(match self {
            Self::Lab(options) => {
                open_files::allow(options.open_files())?;
                Box::new(Lab::start(*options, sink)?)
            }
            Self::Simulator(options) => {
                let make = || Live::new(options);
                Box::new(InRealTime::start(Capabilities::all(), make, sink).wrap_err(NO_THREAD)?)
            }
            Self::Recording(recording) => {
                let player = Player::new(*recording);
                let capabilities = player.capabilities().clone();
                Box::new(InRealTime::start(capabilities, || player, sink).wrap_err(NO_THREAD)?)
            }
        })
    }
}
