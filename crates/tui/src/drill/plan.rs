//! Which cluster a drill or a lesson's chapter runs on: what its file says, and what the command line says instead.

use crate::errors::WrongUsage;
use crate::source::engine::Engine;
use crate::timing_name::TimingName;
use clap::Args;
use clap::error::ErrorKind;
use color_eyre::eyre::{Result, WrapErr};
use raftdeck_drills::{ClusterOptions, ClusterSpec, Context, Drill, EngineSpec, Phrase, TimingSpec};
use raftdeck_lab::LabOptions;
use raftdeck_node::VERSION;
use raftdeck_sim::LiveOptions;
use std::time::Duration;

/// What a drill runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DrillEngine {
    /// Real processes on this machine
    Lab,
    /// The simulator, in virtual time
    Sim,
}

impl DrillEngine {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lab => "lab",
            Self::Sim => "sim",
        }
    }

    /// The engine that a file is for, if it is for one only.
    fn only(cluster: &ClusterSpec) -> Option<Self> {
        match cluster.engine {
            EngineSpec::Lab => Some(Self::Lab),
            EngineSpec::Sim => Some(Self::Sim),
            EngineSpec::Any => None,
        }
    }
}

/// What the command line says of the cluster.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    pub(crate) timing: Option<TimingName>,
    pub(crate) seed: Option<u64>,
}

/// A cluster that a file describes, and what runs it.
#[derive(Clone, Debug)]
pub(crate) struct ClusterPlan {
    spec: ClusterSpec,
    engine: DrillEngine,
    timing: TimingName,
    seed: Option<u64>,
}

impl ClusterPlan {
    /// On this engine, or on the one that the file is for.
    pub(crate) fn new(spec: ClusterSpec, engine: Option<DrillEngine>, wishes: Wishes) -> Self {
        let engine = engine.or(DrillEngine::only(&spec)).unwrap_or(DrillEngine::Lab);
        let timing = wishes.timing.or(spec.timing.map(timing_of)).unwrap_or(TimingName::Fast);
        let seed = wishes.seed.or(spec.seed).or((engine == DrillEngine::Sim).then_some(1));
        Self { spec, engine, timing, seed }
    }

    /// The same in words. `command`: what starts it again, without the options of the cluster.
    pub(crate) fn context(&self, command: &str) -> Context {
        let timing = self.timing.timing();
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let timing_option = match self.timing {
            TimingName::Fast => String::new(),
            other => format!(" --timing {}", other.name()),
        };
        let seed_option = self.seed.map_or_else(String::new, |seed| format!(" --seed {seed}"));
        Context {
            engine: self.engine.name().to_owned(),
            nodes: self.spec.nodes,
            seed: self.seed,
            heartbeat_ms: millis(timing.heartbeat),
            election_ms: (millis(timing.election_min), millis(timing.election_max)),
            version: VERSION.to_owned(),
            command: format!("{command} --engine {}{timing_option}{seed_option}", self.engine.name()),
        }
    }

    /// The cluster, to be started.
    pub(crate) fn start(&self) -> Result<Engine> {
        match self.engine {
            DrillEngine::Lab => Ok(Engine::Lab(Box::new(self.lab()?))),
            DrillEngine::Sim => Ok(Engine::Simulator(self.simulator())),
        }
    }

    fn lab(&self) -> Result<LabOptions> {
        let executable = std::env::current_exe()
            .wrap_err("this program's own file, which runs the nodes, cannot be found")?;
        let ClusterOptions { snapshot_entries, append_bytes, sync_delay, disk_stall, detect_crash } =
            &self.spec.options;
        Ok(LabOptions {
            timing: self.timing.timing(),
            seed: self.seed,
            snapshot_entries: *snapshot_entries,
            append_bytes: *append_bytes,
            sync_delay: self.time(sync_delay.as_ref()),
            disk_stall: self.time(disk_stall.as_ref()),
            detect_crash: *detect_crash,
            guard: Some(executable.clone()),
            ..LabOptions::new(executable, &["node"], self.spec.nodes)
        })
    }

    /// The simulated cluster.
    pub(crate) fn simulator(&self) -> LiveOptions {
        let options = &self.spec.options;
        LiveOptions {
            timing: self.timing.timing(),
            snapshot_entries: options.snapshot_entries,
            append_bytes: options.append_bytes,
            sync_delay: self.time(options.sync_delay.as_ref()),
            disk_stall: self.time(options.disk_stall.as_ref()),
            detect_crash: options.detect_crash,
            ..LiveOptions::new(self.spec.nodes.into(), self.seed.unwrap_or(1))
        }
    }

    /// A duration of the file, which may be in T.
    fn time(&self, given: Option<&Phrase>) -> Option<Duration> {
        given.and_then(|given| given.duration(self.timing.timing().election_min))
    }
}

/// Which cluster one drill is to run on, instead of what its file says.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// What runs the nodes, one of these
    #[arg(long, value_enum, value_delimiter = ',')]
    engine: Vec<DrillEngine>,
    /// The preset of heartbeats and election timeouts
    #[arg(long, value_enum)]
    timing: Option<TimingName>,
    /// Make random choices the same each time
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// A drill and the cluster that it runs on.
#[derive(Clone, Debug)]
pub struct DrillPlan {
    /// The drill.
    pub drill: Drill,
    /// On what it runs.
    pub context: Context,
    cluster: ClusterPlan,
}

impl DrillPlan {
    /// A drill on this engine, or on the one that its file is for. `name`: how the drill was named, for the command that runs it again.
    pub(super) fn new(drill: Drill, name: &str, engine: Option<DrillEngine>, wishes: Wishes) -> Self {
        let cluster = ClusterPlan::new(drill.cluster.clone(), engine, wishes);
        let context = cluster.context(&format!("raftdeck drill run {name}"));
        Self { drill, context, cluster }
    }

    /// A built-in drill on the deck: on this engine, unless its file is for the other one.
    pub(crate) fn on_deck(drill: Drill, engine: DrillEngine) -> Self {
        let engine = DrillEngine::only(&drill.cluster).unwrap_or(engine);
        let name = drill.id.clone();
        Self::new(drill, &name, Some(engine), Wishes::default())
    }

    /// On which engine a drill runs, if this one is asked for.
    pub(super) fn engine_of(drill: &Drill, asked: Option<DrillEngine>) -> DrillEngine {
        asked.or(DrillEngine::only(&drill.cluster)).unwrap_or(DrillEngine::Lab)
    }

    /// The drill of this id or in this file.
    pub fn named(name: &str, args: &PlanArgs) -> Result<Self> {
        if args.engine.len() > 1 {
            let why = "a drill is played on one engine: lab or sim";
            return Err(WrongUsage::new(ErrorKind::TooManyValues, why).into());
        }
        let wishes = Wishes { timing: args.timing, seed: args.seed };
        Ok(Self::new(super::named::read(name)?, name, args.engine.first().copied(), wishes))
    }

    /// On which engine.
    #[must_use]
    pub fn engine(&self) -> DrillEngine {
        self.cluster.engine
    }

    /// The cluster, to be started.
    pub fn start(&self) -> Result<Engine> {
        self.cluster.start()
    }

    /// The simulated cluster of this drill.
    pub(super) fn simulator(&self) -> LiveOptions {
        self.cluster.simulator()
    }
}

fn timing_of(spec: TimingSpec) -> TimingName {
    match spec {
        TimingSpec::Fast => TimingName::Fast,
        TimingSpec::Debug => TimingName::Debug,
        TimingSpec::Demo => TimingName::Demo,
    }
}
