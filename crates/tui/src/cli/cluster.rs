//! Which cluster to start, and with which engine.

use crate::errors::{WrongUsage, complain};
use crate::source::engine::Engine;
use crate::source::tape::Tape;
use crate::timing_name::TimingName;
use clap::error::ErrorKind;
use clap::{Args, ValueEnum};
use color_eyre::eyre::{Result, WrapErr};
use raftdeck_client::{TOKEN_VARIABLE, exposed, token};
use raftdeck_lab::{EtcdOptions, LabOptions, node_count};
use raftdeck_protocol::ClockRate;
use raftdeck_sim::LiveOptions;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args, Debug)]
#[expect(clippy::doc_markdown, reason = "these texts are shown to people as they are, by --help")]
pub(super) struct ClusterArgs {
    /// What runs the nodes: processes on this machine, or the simulator, where time is virtual and a seed decides everything
    #[arg(long, value_enum, default_value_t = EngineName::Lab)]
    engine: EngineName,
    /// The program of etcd, for --engine etcd; without it, the one in PATH
    #[arg(long, value_name = "PATH", env = "RAFTDECK_ETCD_BIN")]
    etcd_bin: Option<PathBuf>,
    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = node_count)]
    nodes: u8,
    /// The preset of heartbeats and election timeouts
    #[arg(long, value_enum, default_value_t = TimingName::Fast)]
    timing: TimingName,
    /// Keep the nodes' data here; without it, the data is removed when the cluster ends
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The first node's Raft port, the next node has the next one; clients are 1000 and HTTP 3000 above. Without
    /// it, free ports are taken
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    base_port: Option<u16>,
    /// A node takes a snapshot after this many entries, and releases most of the log before it
    #[arg(long, value_name = "N", default_value_t = SNAPSHOT_ENTRIES, value_parser = clap::value_parser!(u64).range(1..))]
    snapshot_entries: u64,
    /// The most bytes of entries in one message to a follower; 1 sends each entry alone, so that each can be seen
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4_194_304))]
    append_bytes: Option<u32>,
    /// Delay every sync of the nodes' disks by this much, such as 2ms or 500us: to see the store on a slower disk
    #[arg(long, value_name = "DURATION", value_parser = raftdeck_node::parse_sync_delay)]
    sync_delay: Option<Duration>,
    /// Treat a node's disk as stalled when it has not finished a write for this many milliseconds: a leader then
    /// hands over or steps down [default: the greatest election timeout, at least 500]
    #[arg(long, value_name = "MS", value_parser = raftdeck_node::parse_millis)]
    disk_stall: Option<Duration>,
    /// Treat a closed connection of the leader as its crash: followers campaign immediately, without waiting for their
    /// election timeout
    #[arg(long)]
    detect_crash: bool,
    /// Make the nodes' random choices the same each time; with --engine sim all other randomness too, where the
    /// default is 1
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Record everything that happens, for raftdeck replay; the file must not exist yet
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// How fast cluster time runs at first: 1 is real time, 1/100 a hundredth of it, 0 is frozen
    #[arg(long, value_name = "RATE", default_value = "1", value_parser = clock_rate)]
    rate: ClockRate,
    /// Require the token in this file from clients; without it, any process that can connect may read and write keys
    /// [else env: RAFTDECK_CLIENT_TOKEN, the token itself]
    #[arg(long, value_name = "FILE", env = "RAFTDECK_CLIENT_TOKEN_FILE")]
    client_token_file: Option<PathBuf>,
    /// Connect the nodes directly, without links between them: messages cannot be shown, held, delayed or dropped
    #[arg(long)]
    direct: bool,
}

/// Low enough for a snapshot to appear on the deck before long.
const SNAPSHOT_ENTRIES: u64 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineName {
    /// Child processes on this machine, in real time
    Lab,
    /// The simulator, in virtual time
    Sim,
    /// Members of etcd on this machine, in real time: unmodified, with their messages through raftdeck's links
    Etcd,
}

fn clock_rate(given: &str) -> Result<ClockRate, String> {
    raftdeck_script::rate(given).map_err(|mistake| mistake.to_string())
}

impl ClusterArgs {
    /// The engine to start, and the recording to make.
    pub(super) fn start(mut self) -> Result<(Engine, Option<Tape>)> {
        let record = self.record.take();
        let engine = match self.engine {
            EngineName::Lab => Engine::Lab(Box::new(self.lab_options()?)),
            EngineName::Sim => Engine::Simulator(self.live_options()?),
            EngineName::Etcd => Engine::Etcd(Box::new(self.etcd_options()?)),
        };
        let tape = record.map(|file| Tape::begin(&file, engine.name())).transpose()?;
        Ok((engine, tape))
    }

    /// Simulated nodes use no files, ports, tokens or links of this machine.
    fn live_options(self) -> Result<LiveOptions, WrongUsage> {
        let given = [
            ("--data-dir", self.data_dir.is_some()),
            ("--base-port", self.base_port.is_some()),
            ("--direct", self.direct),
            ("--client-token-file", self.client_token_file.is_some()),
        ];
        if let Some((option, _)) = given.iter().find(|(_, is_given)| *is_given) {
            let why = format!(
                "{option} has no effect with --engine sim: simulated nodes use no files, ports or links of this machine"
            );
            return Err(WrongUsage::new(ErrorKind::ArgumentConflict, why));
        }
        Ok(LiveOptions {
            timing: self.timing.timing(),
            rate: self.rate,
            snapshot_entries: Some(self.snapshot_entries),
            append_bytes: self.append_bytes,
            sync_delay: self.sync_delay,
            disk_stall: self.disk_stall,
            detect_crash: self.detect_crash,
            ..LiveOptions::new(self.nodes.into(), self.seed.unwrap_or(1))
        })
    }

    /// etcd's members have their own clocks, disks, users and messages.
    fn etcd_options(self) -> Result<EtcdOptions> {
        let given = [
            ("--append-bytes", self.append_bytes.is_some()),
            ("--sync-delay", self.sync_delay.is_some()),
            ("--disk-stall", self.disk_stall.is_some()),
            ("--detect-crash", self.detect_crash),
            ("--seed", self.seed.is_some()),
            ("--client-token-file", self.client_token_file.is_some()),
            ("--direct", self.direct),
        ];
        if let Some((option, _)) = given.iter().find(|(_, is_given)| *is_given) {
            let why =
                format!("{option} has no effect with --engine etcd: etcd's members have no such option");
            return Err(WrongUsage::new(ErrorKind::ArgumentConflict, why).into());
        }
        let executable = own_program()?;
        let options = EtcdOptions {
            etcd: self.etcd_bin,
            wanted: self.timing.timing(),
            data_dir: self.data_dir,
            base_port: self.base_port,
            snapshot_entries: Some(self.snapshot_entries),
            rate: self.rate,
            guard: Some(executable.clone()),
            ..EtcdOptions::new(executable, self.nodes)
        };
        options.validate().map_err(|error| WrongUsage::new(ErrorKind::ValueValidation, error))?;
        Ok(options)
    }

    /// The nodes are this program itself, run again.
    pub(super) fn lab_options(self) -> Result<LabOptions> {
        let executable = own_program()?;
        let held = std::env::var_os(TOKEN_VARIABLE).map(|held| held.to_string_lossy().into_owned());
        let client_token = token(self.client_token_file.as_deref(), (TOKEN_VARIABLE, held))?;
        if let Some(warning) = self.client_token_file.as_deref().and_then(exposed) {
            complain(&warning);
        }
        let options = LabOptions {
            timing: self.timing.timing(),
            data_dir: self.data_dir,
            base_port: self.base_port,
            seed: self.seed,
            snapshot_entries: Some(self.snapshot_entries),
            append_bytes: self.append_bytes,
            sync_delay: self.sync_delay,
            disk_stall: self.disk_stall,
            detect_crash: self.detect_crash,
            rate: self.rate,
            direct: self.direct,
            client_token,
            guard: Some(executable.clone()),
            ..LabOptions::new(executable, &["node"], self.nodes)
        };
        // An error that the command line alone shows is wrong usage.
        options.validate().map_err(|error| WrongUsage::new(ErrorKind::ValueValidation, error))?;
        Ok(options)
    }
}

fn own_program() -> Result<PathBuf> {
    std::env::current_exe().wrap_err("this program's own file, which runs the nodes, cannot be found")
}
