//! What the program runs a cluster by: real processes, or the simulator.

use crate::simulation::Simulation;
use color_eyre::eyre::{Result, WrapErr};
use raftdeck_lab::{Lab, LabOptions};
use raftdeck_model::{Source, Update};
use raftdeck_node::open_files;
use raftdeck_sim::LiveOptions;

/// A cluster that is to be started.
#[derive(Clone, Debug)]
pub enum Engine {
    /// Of child processes, in real time.
    Lab(Box<LabOptions>),
    /// Of simulated members, in virtual time.
    Simulator(LiveOptions),
}

impl Engine {
    /// Starts it. All that it tells goes to `sink`; it ends when what is returned is dropped.
    pub fn start(self, sink: impl Fn(Update) + Send + Sync + 'static) -> Result<Box<dyn Source>> {
        Ok(match self {
            Self::Lab(options) => {
                open_files::allow(options.open_files())?;
                Box::new(Lab::start(*options, sink)?)
            }
            Self::Simulator(options) => {
                Box::new(Simulation::start(options, sink).wrap_err("a thread cannot be started")?)
            }
        })
    }
}
