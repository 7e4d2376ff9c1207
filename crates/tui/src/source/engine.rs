//! The engines that run a cluster: real processes of raftdeck or etcd, nodes elsewhere, the simulator, or a recording.

use crate::source::SourceEvent;
use crate::source::driven::InRealTime;
use crate::source::hosted::{HostedCluster, HostedLab};
use color_eyre::eyre::{Result, WrapErr};
use raftdeck_attach::{AttachOptions, Attached};
use raftdeck_lab::{EtcdOptions, LabOptions};
use raftdeck_model::{Capabilities, Source, Update};
use raftdeck_node::open_files;
use raftdeck_record::{Player, Recording};
use raftdeck_sim::{Live, LiveOptions};

/// A cluster that is to be started.
#[derive(Debug)]
pub enum Engine {
    /// Of child processes, in real time, in a process of its own.
    Lab(Box<LabOptions>),
    /// Of members of etcd, in real time, in a process of its own.
    Etcd(Box<EtcdOptions>),
    /// Of nodes that something else runs.
    Attached(Box<AttachOptions>),
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
            Self::Etcd(_) => ("etcd", None),
            Self::Attached(_) => ("attached", None),
            Self::Simulator(options) => ("sim", Some(options.seed)),
            Self::Recording(recording) => ("recording", recording.header.seed),
        }
    }

    /// Starts it. All that it says goes to `sink`; it ends when the returned value is dropped.
    pub fn start(self, sink: impl Fn(SourceEvent) + Send + Sync + 'static) -> Result<Box<dyn Source>> {
        const NO_THREAD: &str = "a thread cannot be started";
        Ok(match self {
            Self::Lab(options) => {
                // The host has the same limit.
                open_files::allow(options.open_files())?;
                Box::new(HostedLab::start(&HostedCluster::Lab(*options), sink)?)
            }
            Self::Etcd(options) => {
                open_files::allow(options.open_files())?;
                Box::new(HostedLab::start(&HostedCluster::Etcd(*options), sink)?)
            }
            Self::Attached(options) => {
                let sink = move |update: Update| sink(SourceEvent::Updates(vec![update]));
                Box::new(Attached::start(*options, sink)?)
            }
            Self::Simulator(options) => {
                let make = || Live::new(options);
                let sink = move |update: Update| sink(SourceEvent::Updates(vec![update]));
                Box::new(InRealTime::start(Capabilities::all(), make, sink).wrap_err(NO_THREAD)?)
            }
            Self::Recording(recording) => {
                let player = Player::new(*recording);
                let capabilities = player.capabilities().clone();
                let sink = move |update: Update| sink(SourceEvent::Updates(vec![update]));
                Box::new(InRealTime::start(capabilities, || player, sink).wrap_err(NO_THREAD)?)
            }
        })
    }
}
