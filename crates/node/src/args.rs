//! The node's command line: what can be written, not yet what it means together (see `settings`).

#![expect(clippy::doc_markdown, reason = "these texts are shown to people as they are, by --help")]

use raftdeck_config::StandIn;
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{NodeId, Timing};
use std::path::PathBuf;
use std::time::Duration;

/// The most bytes of entries in one message that may be asked for: well below the largest frame.
pub(crate) const MAX_APPEND_BYTES: usize = 4 << 20;

/// Smaller log files would be put aside all the time.
const MIN_LOG_FILE: u64 = 4096;

/// Beyond that, a node would be taken for dead.
const MAX_SYNC_DELAY: Duration = Duration::from_secs(1);

/// How to start a node. Each value can also be given in the environment.
#[derive(Clone, Debug, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct NodeArgs {
    /// This node's id, 1 or n1: its rank in --cluster [else env: NODE_ID; else the rank of --bind]
    #[arg(long, value_name = "ID", env = "RAFTDECK_NODE_ID", value_parser = parse_node_id)]
    pub node_id: Option<NodeId>,

    /// Where the other nodes reach this one; clients are served at PORT+1000, HTTP at PORT+3000; port 0 takes free
    /// ports [default: this node's address in --cluster; without that, 127.0.0.1 at the HTTP port + 10000]
    #[arg(long, value_name = "HOST:PORT", env = "RAFTDECK_BIND")]
    pub bind: Option<String>,

    /// The Raft addresses of all nodes, this one included: the first is n1's, the second n2's, and so on. The first
    /// start of a data directory fixes the founding members; later only the addresses are used [default: a cluster of
    /// this node alone]
    #[arg(long, value_name = "HOST:PORT,…", env = "RAFTDECK_CLUSTER", value_delimiter = ',')]
    pub cluster: Option<Vec<String>>,

    /// Start without a cluster and wait to be added to one that exists (raftdeck client member add); needs --node-id,
    /// and --bind. Takes effect at the first start of a data directory, and may stay for later ones
    #[arg(long, env = "RAFTDECK_JOIN", value_parser = clap::builder::FalseyValueParser::new())]
    pub join: bool,

    /// Use this Raft address for a node instead of the one in the membership; can be given more than once
    #[arg(long, value_name = "ID=HOST:PORT", env = "RAFTDECK_PEER_ADDRESS", value_delimiter = ',', value_parser = parse_peer_address)]
    pub peer_address: Vec<(NodeId, String)>,

    /// A name that all nodes of the cluster share; others are refused
    #[arg(long, value_name = "NAME", env = "RAFTDECK_CLUSTER_NAME", default_value = "raftdeck")]
    pub cluster_name: String,

    /// Where the node keeps its log [default: ./raftdeck-data/nID; ./raftdeck-data/n1-PORT, with the HTTP port, if there is
    /// no --bind, --cluster or PEERS]
    #[arg(long, value_name = "DIR", env = "RAFTDECK_DATA_DIR")]
    pub data_dir: Option<PathBuf>,

    /// Heartbeat 50 ms, election timeout 150 to 300 ms (the default)
    #[arg(long, group = "mode")]
    pub fast_mode: bool,

    /// Heartbeat 500 ms, election timeout 1 to 2 s
    #[arg(long, group = "mode")]
    pub debug_mode: bool,

    /// Heartbeat 3 s, election timeout 5 to 8 s
    #[arg(long, group = "mode")]
    pub demo_mode: bool,

    /// The heartbeat interval in milliseconds, instead of the mode's
    #[arg(long, value_name = "MS", env = "RAFTDECK_HEARTBEAT", value_parser = parse_millis)]
    pub heartbeat: Option<Duration>,

    /// The range of the election timeout in milliseconds, such as 150..300, instead of the mode's
    #[arg(long, value_name = "MIN..MAX", env = "RAFTDECK_ELECTION", value_parser = parse_range)]
    pub election: Option<(Duration, Duration)>,

    /// Ask for pre-votes before an election (PreVote), so that a node that was cut off does not disturb the cluster
    /// [default: on]
    #[arg(long, value_name = "on|off", env = "RAFTDECK_PRE_VOTE", value_parser = parse_switch)]
    pub pre_vote: Option<bool>,

    /// A leader that loses its majority steps down, and followers that hear a leader refuse votes (CheckQuorum)
    /// [default: on]
    #[arg(long, value_name = "on|off", env = "RAFTDECK_CHECK_QUORUM", value_parser = parse_switch)]
    pub check_quorum: Option<bool>,

    /// Take a snapshot whenever this many entries were applied since the last one, also if --snapshot-bytes is not reached; a
    /// tenth as many entries before it stay in the log [default: only by bytes, and 1000 entries stay]
    #[arg(long, value_name = "N", env = "RAFTDECK_SNAPSHOT_ENTRIES", value_parser = parse_snapshot_entries)]
    pub snapshot_entries: Option<u64>,

    /// Take a snapshot whenever the entries applied since the last one have more bytes than this, and than the last one
    /// has [default: 268435456]
    #[arg(long, value_name = "N", env = "RAFTDECK_SNAPSHOT_BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub snapshot_bytes: Option<u64>,

    /// The most bytes of entries in one message to a follower; a larger entry goes alone [default: 1048576]
    #[arg(long, value_name = "N", env = "RAFTDECK_APPEND_BYTES", value_parser = parse_append_bytes)]
    pub append_bytes: Option<usize>,

    /// Delay every sync of the disk by this much, such as 2ms or 500us: for benchmarks and drills
    #[arg(long, value_name = "DURATION", env = "RAFTDECK_SYNC_DELAY", value_parser = parse_sync_delay)]
    pub sync_delay: Option<Duration>,

    /// Treat the disk as stalled when it has not finished a write for this many milliseconds: a leader then hands over or
    /// steps down, and the node does not campaign until its disk recovers [default: the greatest election timeout, at least
    /// 500]
    #[arg(long, value_name = "MS", env = "RAFTDECK_DISK_STALL", value_parser = parse_millis)]
    pub disk_stall: Option<Duration>,

    /// Treat a closed connection of the leader as its crash and campaign immediately, without waiting for the election timeout.
    /// Lease reads then take a heartbeat round
    #[arg(long, env = "RAFTDECK_DETECT_CRASH", value_parser = clap::builder::FalseyValueParser::new())]
    pub detect_crash: bool,

    /// Where HTTP is served, HOST:PORT or a port of --bind's host [else env: KVSTORE_PORT, PORT] [default: the Raft
    /// port + 3000; 8080 if there is no --bind, --cluster or PEERS]
    #[arg(long, value_name = "ADDR", env = "RAFTDECK_HTTP")]
    pub http: Option<String>,

    /// Use TLS on all ports, and trust certificates signed by the authorities in this PEM file; needs --tls-cert and
    /// --tls-key. raftdeck tls new makes all of them
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_CA")]
    pub tls_ca: Option<PathBuf>,

    /// This node's certificate, a PEM file. It names nID.raftdeck, such as n2.raftdeck, beside the hosts by which clients
    /// reach it
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,

    /// The certificate's key, a PEM file readable by its owner alone
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_KEY")]
    pub tls_key: Option<PathBuf>,

    /// Require the token in this file from clients and over HTTP [else env: RAFTDECK_CLIENT_TOKEN, the token itself]
    #[arg(long, value_name = "FILE", env = "RAFTDECK_CLIENT_TOKEN_FILE")]
    pub client_token_file: Option<PathBuf>,

    /// Require the token in this file to manage the node and, where there is a client token, to change members and transfer
    /// the leadership; it also permits all that clients do [else env: RAFTDECK_MANAGER_TOKEN]
    #[arg(long, value_name = "FILE", env = "RAFTDECK_MANAGER_TOKEN_FILE")]
    pub manager_token_file: Option<PathBuf>,

    /// Require the token in this file from peers; all nodes have the same [else env: RAFTDECK_PEER_TOKEN]
    #[arg(long, value_name = "FILE", env = "RAFTDECK_PEER_TOKEN_FILE")]
    pub peer_token_file: Option<PathBuf>,

    /// Allow addresses that other machines can reach even without TLS or without a client token
    #[arg(long, env = "RAFTDECK_INSECURE", value_parser = clap::builder::FalseyValueParser::new())]
    pub insecure: bool,

    /// Log more
    #[arg(long, short, env = "RAFTDECK_VERBOSE", value_parser = clap::builder::FalseyValueParser::new())]
    pub verbose: bool,

    /// What is logged, how and where.
    #[command(flatten)]
    pub log: LogArgs,

    /// The seed of the election timeouts, for repeatable experiments
    #[arg(long, value_name = "N", env = "RAFTDECK_SEED", hide = true)]
    pub seed: Option<u64>,

    /// The node is a child of the process that started it and ends with it: at the end of standard input at the latest
    #[arg(long, hide = true)]
    pub managed: bool,

    /// The rate of the node's clock at its start, in millionths of real time; its manager may set it later
    #[arg(long, value_name = "MILLIONTHS", hide = true, requires = "managed", value_parser = parse_clock_rate)]
    pub clock_rate: Option<ClockRate>,

    /// Serve no read by a lease: the node's manager does what leases do not tolerate
    #[arg(long, hide = true, requires = "managed")]
    pub forgo_leases: bool,
}

/// What is logged, how and where.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LogArgs {
    /// Log only this: a level, or levels by module, such as info,raftdeck_node::http=debug. Takes precedence over
    /// --verbose
    #[arg(long, value_name = "FILTER", env = "RAFTDECK_LOG")]
    pub log_filter: Option<String>,

    /// How a line of the log is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Human)]
    pub log_format: LogFormat,

    /// Log to this file, too. A full file is renamed to FILE.1, FILE.1 to FILE.2, and so on
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,

    /// How many bytes a log file may have [default: 10485760]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(MIN_LOG_FILE..))]
    pub log_file_size: Option<u64>,

    /// How many log files are kept, the one in use included [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub log_file_count: Option<u32>,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Human,
    /// One JSON object per line: time, level, target, message, fields
    Json,
}

impl NodeArgs {
    /// Variables that say what options say, as is usual for servers under a supervisor. They take precedence over a
    /// file.
    pub const STAND_INS: &[StandIn] = &[
        stand_in("node-id", "NODE_ID"),
        stand_in("http", "KVSTORE_PORT"),
        stand_in("http", "PORT"),
        stand_in("cluster", "PEERS"),
        StandIn { is_secret: true, ..stand_in("client-token-file", "RAFTDECK_CLIENT_TOKEN") },
        StandIn { is_secret: true, ..stand_in("manager-token-file", "RAFTDECK_MANAGER_TOKEN") },
        StandIn { is_secret: true, ..stand_in("peer-token-file", "RAFTDECK_PEER_TOKEN") },
    ];

    /// Command lines to start from.
    pub const EXAMPLES: &str = "\
Examples: one node, with HTTP on port 8080; another one beside it, with HTTP on port 8090:
  raftdeck-node
  KVSTORE_PORT=8090 raftdeck-node
Three nodes on this machine, each in a shell of its own:
  raftdeck-node --node-id 1 --cluster 127.0.0.1:8080,127.0.0.1:8081,127.0.0.1:8082
  raftdeck-node --node-id 2 --cluster 127.0.0.1:8080,127.0.0.1:8081,127.0.0.1:8082
  raftdeck-node --node-id 3 --cluster 127.0.0.1:8080,127.0.0.1:8081,127.0.0.1:8082
A fourth that joins them; it serves once it has been added, for example with raftdeck client member add:
  raftdeck-node --join --node-id 4 --bind 127.0.0.1:8083
One that other machines can reach, with the certificates of raftdeck tls new:
  RAFTDECK_CLIENT_TOKEN=... raftdeck-node --node-id 1 --cluster a.example:8080,b.example:8080,c.example:8080 \\
    --bind 0.0.0.0:8080 --tls-ca tls/ca.pem --tls-cert tls/n1.pem --tls-key tls/n1-key.pem
The same three with HTTP ports alone (Raft at PORT+10000, clients at PORT+11000):
  NODE_ID=n1 PORT=8081 PEERS=http://localhost:8082,http://localhost:8083 raftdeck-node";

    /// The timing asked for.
    pub(crate) fn timing(&self) -> Timing {
        let modes = [self.fast_mode, self.debug_mode, self.demo_mode];
        let mut timing = match modes {
            [false, true, _] => Timing::DEBUG,
            [false, false, true] => Timing::DEMO,
            _ => Timing::FAST,
        };
        if let Some(heartbeat) = self.heartbeat {
            timing.heartbeat = heartbeat;
        }
        if let Some((min, max)) = self.election {
            timing.election_min = min;
            timing.election_max = max;
        }
        timing
    }
}

const fn stand_in(option: &'static str, variable: &'static str) -> StandIn {
    StandIn { table: "node", option, variable, is_secret: false }
}

/// `1` or `n1`.
pub(crate) fn parse_node_id(text: &str) -> Result<NodeId, String> {
    let digits = text.strip_prefix(['n', 'N']).unwrap_or(text);
    match digits.parse() {
        Ok(id) if id > 0 && digits.bytes().all(|b| b.is_ascii_digit()) => Ok(NodeId(id)),
        _ => Err("a node id is a number, at least 1, written 1 or n1".to_owned()),
    }
}

/// `500`: whole milliseconds, from 1 on; else a sentence that says so.
pub fn parse_millis(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(millis) if millis > 0 => Ok(Duration::from_millis(millis.into())),
        _ => Err("a time is a whole number of milliseconds, at least 1".to_owned()),
    }
}

/// `2ms`, `500us` or `1s`: how much longer a sync shall take.
pub fn parse_sync_delay(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number = digits.parse::<u32>().ok();
    let delay = match (number, &text[digits.len()..]) {
        (Some(micros), "us") => Some(Duration::from_micros(micros.into())),
        (Some(millis), "ms") => Some(Duration::from_millis(millis.into())),
        (Some(seconds), "s") => Some(Duration::from_secs(seconds.into())),
        _ => None,
    };
    delay
        .filter(|delay| *delay <= MAX_SYNC_DELAY)
        .ok_or_else(|| "a delay is written like 500us, 2ms or 1s, which is the maximum".to_owned())
}

fn parse_range(text: &str) -> Result<(Duration, Duration), String> {
    let (min, max) = text.split_once("..").ok_or("a range is written MIN..MAX, for example 150..300")?;
    Ok((parse_millis(min)?, parse_millis(max)?))
}

/// `4=127.0.0.1:8083`. Whether the address is valid is checked later, with all others.
fn parse_peer_address(text: &str) -> Result<(NodeId, String), String> {
    let (id, address) = text
        .split_once('=')
        .ok_or("a peer's address is written ID=HOST:PORT, for example 4=127.0.0.1:8083")?;
    Ok((parse_node_id(id.trim())?, address.trim().to_owned()))
}

fn parse_switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("write on or off".to_owned()),
    }
}

fn parse_clock_rate(text: &str) -> Result<ClockRate, String> {
    let rate = text.parse().ok().and_then(ClockRate::from_millionths);
    rate.ok_or_else(|| "a clock's rate is a number of millionths from 0 to 1000000".to_owned())
}

fn parse_append_bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes) if (1..=MAX_APPEND_BYTES).contains(&bytes) => Ok(bytes),
        _ => Err(format!("a message has 1 to {MAX_APPEND_BYTES} bytes of entries; 1 sends each entry alone")),
    }
}

fn parse_snapshot_entries(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(entries) if entries > 0 => Ok(entries),
        _ => Err("the number of entries between snapshots is at least 1; without snapshots the log grows without limit"
            .to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        node: NodeArgs,
    }

    fn parse(line: &str) -> Result<NodeArgs, clap::Error> {
        Cli::try_parse_from(std::iter::once("node").chain(line.split_whitespace())).map(|cli| cli.node)
    }

    #[test]
    fn modes_give_the_documented_timings_and_exclude_each_other() {
        assert_eq!(parse("").unwrap().timing(), Timing::FAST);
        assert_eq!(parse("--debug-mode").unwrap().timing(), Timing::DEBUG);
        assert_eq!(parse("--demo-mode").unwrap().timing(), Timing::DEMO);
        assert!(parse("--fast-mode --demo-mode").is_err());
    }

    #[test]
    fn switches_addresses_and_snapshots_are_read_or_refused() {
        let args = parse("--pre-vote off --check-quorum ON --snapshot-entries 50 --join").unwrap();
        assert_eq!(
            (args.pre_vote, args.check_quorum, args.snapshot_entries),
            (Some(false), Some(true), Some(50))
        );
        assert!(args.join);
        let args = parse("--peer-address 4=a:1 --peer-address n5=b:2,6=c:3").unwrap();
        let ids: Vec<u64> = args.peer_address.iter().map(|(id, _)| id.0).collect();
        assert_eq!(ids, [4, 5, 6]);
        for wrong in [
            "--pre-vote maybe",
            "--append-bytes 0",
            "--append-bytes 4194305",
            "--snapshot-entries 0",
            "--snapshot-entries x",
            "--peer-address a:1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_clock_rate_is_for_managed_nodes_and_never_above_real_time() {
        let hundredth = ClockRate::from_millionths(10_000);
        assert_eq!(parse("--managed --clock-rate 10000").unwrap().clock_rate, hundredth);
        assert_eq!(parse("--managed --clock-rate 0").unwrap().clock_rate, Some(ClockRate::FROZEN));
        assert_eq!(parse("--managed").unwrap().clock_rate, None);
        for wrong in ["--clock-rate 10000", "--managed --clock-rate 1000001", "--managed --clock-rate 0.5"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sync_delay_has_a_unit_and_a_bound() {
        let delay = |given: &str| parse(&format!("--sync-delay {given}")).map(|args| args.sync_delay);
        for (given, micros) in [("500us", 500), ("2ms", 2000), ("1s", 1_000_000), ("0ms", 0)] {
            assert_eq!(delay(given).unwrap(), Some(Duration::from_micros(micros)));
        }
        for wrong in ["2", "ms", "2m", "2s", "-1ms", "0.5ms", "2msms"] {
            assert!(delay(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn single_times_replace_the_modes() {
        let timing = parse("--debug-mode --heartbeat 20 --election 60..120").unwrap().timing();
        assert_eq!(timing.heartbeat, Duration::from_millis(20));
        assert_eq!(timing.election_max, Duration::from_millis(120));
        for wrong in [
            "--heartbeat 0",
            "--disk-stall 0",
            "--disk-stall 1s",
            "--heartbeat x",
            "--election 5",
            "--election 5..",
            "--node-id 0",
            "--node-id n",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
