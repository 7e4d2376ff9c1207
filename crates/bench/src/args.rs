//! The command line of `raftdeck bench`.

use crate::error::BenchError;
use clap::{Args, Subcommand, ValueEnum};
use raftdeck_client::{Access, AccessFiles, AddressError};
use raftdeck_lab::node_count;
use raftdeck_protocol::Consistency;
use raftdeck_protocol::kv::MAX_VALUE;
use raftdeck_raft::Timing;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

/// The number of keys by default; fewer if their values would take more than this many bytes.
const KEYS: u64 = 100_000;
const KEYS_BYTES: u64 = 256 << 20;

/// `raftdeck bench …`
#[derive(Args, Debug)]
pub struct BenchArgs {
    #[command(subcommand)]
    pub(crate) what: What,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Write keys, each write once, in a session
    ///
    /// Every acknowledged write is on the disks of a majority. A write is acknowledged when this program has the
    /// answer, over TCP, through the client crate.
    #[command(after_help = WRITE_HELP)]
    Write(WriteArgs),
    /// Read keys that were written before
    #[command(after_help = READ_HELP)]
    Read(ReadArgs),
    /// Read and write keys
    #[command(after_help = MIXED_HELP)]
    Mixed(MixedArgs),
    /// Kill the leader repeatedly while clients write, and measure how long no write is acknowledged
    ///
    /// Each time is from the SIGKILL to the first write that the next leader acknowledges, as a client sees it. The
    /// killed node is started again and catches up before the next trial.
    #[command(after_help = FAILOVER_HELP)]
    Failover(FailoverArgs),
    /// Start clusters, and measure the time to the first acknowledged write
    #[command(after_help = START_HELP)]
    Start(StartArgs),
    /// Fill a node's log, kill the node, and measure the time until it is ready again
    #[command(after_help = RECOVERY_HELP)]
    Recovery(RecoveryArgs),
}

const WRITE_HELP: &str = "\
Examples:
  raftdeck bench write --clients 256 --secs 5 --floor
  raftdeck bench write --rate 50000          50,000 a second, whether or not the store keeps up
  raftdeck bench write --sync-delay 2ms      as if each sync took 2 ms longer
  raftdeck bench write --cluster 127.0.0.1:8080,127.0.0.1:8081

Exit status: 0 measured, 1 failed, 2 wrong usage.";

const READ_HELP: &str = "\
Examples:
  raftdeck bench read --clients 256
  raftdeck bench read --consistency lease --keys 1000000

Exit status: 0 measured, 1 failed, 2 wrong usage.";

const MIXED_HELP: &str = "\
Examples:
  raftdeck bench mixed --reads 90
  raftdeck bench mixed --reads 50 --consistency stale --json

Exit status: 0 measured, 1 failed, 2 wrong usage.";

const FAILOVER_HELP: &str = "\
Examples:
  raftdeck bench failover --trials 50
  raftdeck bench failover --heartbeat 10 --election 50..100
  raftdeck bench failover --detect-crash

Exit status: 0 measured, 1 failed, 2 wrong usage.";

const START_HELP: &str = "\
Examples:
  raftdeck bench start --trials 10
  raftdeck bench start --nodes 5 --json

Exit status: 0 measured, 1 failed, 2 wrong usage.";

const RECOVERY_HELP: &str = "\
Examples:
  raftdeck bench recovery --entries 1000000
  raftdeck bench recovery --entries 100000 --value-size 4096 --trials 5

Exit status: 0 measured, 1 failed, 2 wrong usage.";

#[derive(Args, Debug)]
pub(crate) struct FailoverArgs {
    /// How often the leader is killed
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = count(10_000))]
    pub(crate) trials: u64,
    /// How many clients write all the time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = count(1024))]
    pub(crate) clients: u64,
    /// The size of each value in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = value_size)]
    pub(crate) value_size: usize,
    /// How many nodes; without the leader there must still be a majority
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = nodes_with_spare)]
    pub(crate) nodes: u8,
    #[command(flatten)]
    pub(crate) own: OwnArgs,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct StartArgs {
    /// How many clusters are started, one after the other
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = count(1000))]
    pub(crate) trials: u64,
    #[command(flatten)]
    pub(crate) nodes: NodesArg,
    #[command(flatten)]
    pub(crate) own: OwnArgs,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RecoveryArgs {
    /// How many entries the log has
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = count(1_000_000_000))]
    pub(crate) entries: u64,
    /// The size of each value in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = value_size)]
    pub(crate) value_size: usize,
    /// How many different keys
    #[arg(long, value_name = "N", default_value_t = KEYS, value_parser = count(1_000_000_000))]
    pub(crate) keys: u64,
    /// How often the node is killed and started again
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = count(1000))]
    pub(crate) trials: u64,
    #[command(flatten)]
    pub(crate) own: OwnArgs,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct WriteArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    /// Write every key once before measuring, so that the state has its full size
    #[arg(long)]
    pub(crate) fill: bool,
    /// Also measure a baseline, alternating with the cluster: the same number of processes that only replicate and
    /// sync the writes
    #[arg(long, conflicts_with = "rate")]
    pub(crate) floor: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ReadArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    /// Which consistency the read has
    #[arg(long, value_enum, default_value_t = Freshness::Linearizable)]
    pub(crate) consistency: Freshness,
    /// Also measure a baseline, alternating with the cluster: the same number of processes that only replicate and
    /// sync the writes
    #[arg(long, conflicts_with = "rate")]
    pub(crate) floor: bool,
}

#[derive(Args, Debug)]
pub(crate) struct MixedArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    /// How many of a hundred operations are reads
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=99))]
    pub(crate) reads: u8,
    /// Which consistency reads have
    #[arg(long, value_enum, default_value_t = Freshness::Linearizable)]
    pub(crate) consistency: Freshness,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Freshness {
    /// The newest value: the leader confirms its leadership with a majority first
    Linearizable,
    /// The newest value, if the nodes' clocks run at about the same rate: the leader relies on its lease
    Lease,
    /// What the asked node has, which may be old
    Stale,
}

impl From<Freshness> for Consistency {
    fn from(freshness: Freshness) -> Self {
        match freshness {
            Freshness::Linearizable => Self::Linearizable,
            Freshness::Lease => Self::Lease,
            Freshness::Stale => Self::Stale,
        }
    }
}

/// What is asked of the store, how often, and for how long.
#[derive(Args, Debug)]
pub(crate) struct LoadArgs {
    /// How many operations may be in flight at the same time; each client starts its next one when the last is answered.
    /// Default: 256, or 4096 with --rate
    #[arg(long, value_name = "N", value_parser = count(1_000_000))]
    clients: Option<u64>,
    /// Start this many operations a second, evenly spaced, and measure each latency from its scheduled start, so that
    /// stalls are not hidden
    #[arg(long, value_name = "N", value_parser = count(10_000_000))]
    pub(crate) rate: Option<u64>,
    /// The size of each value in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = value_size)]
    pub(crate) value_size: usize,
    /// How many different keys. Default: 100000, or fewer if the values would exceed 256 MiB
    #[arg(long, value_name = "N", value_parser = count(1_000_000_000))]
    keys: Option<u64>,
    /// For how many seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) secs: Duration,
    /// Run the same load for this many seconds before measuring
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds_or_none)]
    pub(crate) warm_up: Duration,
    /// How many connections the clients share. Default: one for every 512 clients
    #[arg(long, value_name = "N", value_parser = count(1024))]
    connections: Option<u64>,
    /// Give up on an operation after this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Measure this running cluster instead of starting one; name any of its nodes, by Raft or client address
    #[arg(
        long,
        value_name = "HOST:PORT,…",
        value_delimiter = ',',
        value_parser = address,
        conflicts_with_all = ["nodes", "heartbeat", "election", "sync_delay", "detect_crash", "snapshot_entries"]
    )]
    pub(crate) cluster: Vec<String>,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
    #[command(flatten)]
    pub(crate) nodes: NodesArg,
    #[command(flatten)]
    pub(crate) own: OwnArgs,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

impl LoadArgs {
    pub(crate) fn clients(&self) -> u64 {
        self.clients.unwrap_or(if self.rate.is_some() { 4096 } else { 256 })
    }

    pub(crate) fn connections(&self) -> u64 {
        self.connections.unwrap_or_else(|| self.clients().div_ceil(512)).min(self.clients())
    }

    pub(crate) fn keys(&self) -> u64 {
        let that_fit = KEYS_BYTES / u64::try_from(self.value_size.max(1)).unwrap_or(u64::MAX);
        self.keys.unwrap_or_else(|| that_fit.clamp(1, KEYS))
    }
}

/// What lets the clients in at a cluster that runs already.
#[derive(Args, Clone, Debug)]
#[expect(clippy::doc_markdown, reason = "these texts are shown to people as they are, by --help")]
pub(crate) struct AccessArgs {
    /// Use TLS, and trust nodes whose certificates the authorities in this PEM file signed; needs --tls-cert and --tls-key
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_CA")]
    tls_ca: Option<PathBuf>,
    /// The certificate to show, a PEM file
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, a PEM file readable by its owner alone
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// Present the token in this file; a manager's token permits everything, a client's permits reading and writing
    /// keys and reading the state of nodes [else env: RAFTDECK_CLIENT_TOKEN, the token itself]
    #[arg(long, value_name = "FILE", env = "RAFTDECK_CLIENT_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

impl AccessArgs {
    /// Reads it, and prints a warning if there is one.
    pub(crate) fn read(&self) -> Result<Access, BenchError> {
        let Self { tls_ca, tls_cert, tls_key, token_file } = self.clone();
        let files = AccessFiles { ca: tls_ca, cert: tls_cert, key: tls_key, token: token_file };
        let (access, warnings) = files.read()?;
        for warning in warnings {
            // If standard error is closed, the warning cannot be shown.
            let _ = writeln!(io::stderr(), "{warning}");
        }
        Ok(access)
    }
}

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct NodesArg {
    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = node_count)]
    pub(crate) nodes: u8,
}

/// The cluster that a benchmark starts for itself.
#[derive(Args, Clone, Debug)]
pub(crate) struct OwnArgs {
    /// Heartbeat interval in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    heartbeat: u64,
    /// Election timeout in milliseconds, drawn from this range
    #[arg(long, value_name = "MIN..MAX", default_value = "150..300", value_parser = election)]
    election: (u64, u64),
    /// Delay every sync by this much, in the nodes and in the baseline: to see the results on a slower disk
    #[arg(long, value_name = "DURATION", value_parser = delay)]
    pub(crate) sync_delay: Option<Duration>,
    /// A node starts an election as soon as its connection to the leader breaks
    #[arg(long)]
    pub(crate) detect_crash: bool,
    /// A node takes a snapshot of its state after this many entries. Default: as a node without this option; for
    /// recovery never, so that everything is in the log
    #[arg(long, value_name = "N", value_parser = count(u64::MAX))]
    pub(crate) snapshot_entries: Option<u64>,
    /// Keep the data here, in a new directory that is removed at the end: this is the disk that is measured. Default:
    /// the directory for temporary files
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

impl OwnArgs {
    pub(crate) fn sync_delay_micros(&self) -> Option<u64> {
        self.sync_delay.map(|delay| u64::try_from(delay.as_micros()).unwrap_or(u64::MAX))
    }

    pub(crate) fn timing(&self) -> Timing {
        let millis = Duration::from_millis;
        Timing {
            heartbeat: millis(self.heartbeat),
            election_min: millis(self.election.0),
            election_max: millis(self.election.1),
        }
    }
}

fn count(most: u64) -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync + 'static {
    move |given| match given.replace('_', "").parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ if most == u64::MAX => Err("a number from 1 on".to_owned()),
        _ => Err(format!("a number from 1 to {most}")),
    }
}

fn address(given: &str) -> Result<String, AddressError> {
    raftdeck_client::split(given).map(|_| given.to_owned())
}

fn nodes_with_spare(given: &str) -> Result<u8, String> {
    let spare = node_count(given)?;
    if spare < 3 {
        Err("a cluster survives the loss of its leader only with at least 3 nodes".to_owned())
    } else {
        Ok(spare)
    }
}

fn value_size(given: &str) -> Result<usize, String> {
    let size = given.parse().ok().filter(|size| *size <= MAX_VALUE);
    size.ok_or_else(|| format!("a value has 0 to {MAX_VALUE} bytes"))
}

fn seconds_or_none(given: &str) -> Result<Duration, String> {
    let secs = given.parse().ok().filter(|secs: &f64| (0.0..=86_400.0).contains(secs));
    secs.map(Duration::from_secs_f64).ok_or_else(|| "a number of seconds, at most 86400".to_owned())
}

fn seconds(given: &str) -> Result<Duration, String> {
    let span = seconds_or_none(given)?;
    if span < Duration::from_millis(1) { Err("at least a millisecond: 0.001".to_owned()) } else { Ok(span) }
}

fn election(given: &str) -> Result<(u64, u64), String> {
    let range = given.split_once("..").and_then(|(min, max)| Some((min.parse().ok()?, max.parse().ok()?)));
    range
        .filter(|(min, max)| min <= max)
        .ok_or_else(|| "a range in milliseconds, for example 150..300".to_owned())
}

/// `2ms`, `500us`, `0.5ms` or `1s`.
fn delay(given: &str) -> Result<Duration, String> {
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let parsed = units.iter().find_map(|(unit, seconds)| {
        let number: f64 = given.strip_suffix(unit)?.parse().ok()?;
        Some(number * seconds)
    });
    let seconds = parsed.filter(|seconds| (0.0..=1.0).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a time of at most 1s, for example 2ms or 500us".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        bench: BenchArgs,
    }

    fn parse(line: &str) -> Result<LoadArgs, clap::Error> {
        let cli = Cli::try_parse_from(std::iter::once("bench").chain(line.split_whitespace()))?;
        Ok(match cli.bench.what {
            What::Write(args) => args.load,
            What::Read(args) => args.load,
            What::Mixed(args) => args.load,
            other => panic!("{other:?} is no load"),
        })
    }

    #[test]
    fn defaults_fit_each_other() {
        let closed = parse("write").unwrap();
        assert_eq!((closed.clients(), closed.connections(), closed.keys()), (256, 1, 100_000));
        let open = parse("write --rate 1000").unwrap();
        assert_eq!((open.clients(), open.connections()), (4096, 8));
        let few = parse("read --clients 2 --connections 9 --value-size 1048576").unwrap();
        assert_eq!((few.clients(), few.connections(), few.keys()), (2, 2, 256));
    }

    #[test]
    fn times_are_read_or_refused() {
        for (given, micros) in [("2ms", 2000), ("500us", 500), ("0.5ms", 500), ("1s", 1_000_000)] {
            assert_eq!(delay(given), Ok(Duration::from_micros(micros)), "{given}");
        }
        for wrong in ["", "2", "ms", "-1ms", "2s", "nans", "1h"] {
            assert!(delay(wrong).is_err(), "{wrong}");
        }
        for wrong in [
            "write --secs 0",
            "write --secs x",
            "mixed --reads 100",
            "write --clients 0",
            "write --election 9..3",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_makes_a_cluster_cannot_be_asked_of_one_that_runs() {
        for own in ["--nodes 5", "--sync-delay 1ms", "--detect-crash", "--heartbeat 10"] {
            let error = parse(&format!("write --cluster 127.0.0.1:8080 {own}")).unwrap_err();
            assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict, "{own}");
        }
    }
}
