//! `raftdeck client`: one operation on a running cluster, its answer on standard output, and an exit status.

use crate::member_cmd::{self, MemberOperation, node_id};
use crate::words;
use clap::{Args, Subcommand, ValueEnum};
use color_eyre::eyre::{Result, WrapErr, bail};
use raftdeck_client::{AddressError, Client, Done, Options};
use raftdeck_lab::ClientOp;
use raftdeck_protocol::kv::{MAX_LIST, Shown};
use raftdeck_protocol::{Answer, Consistency, NodeStatus, Read, Write};
use raftdeck_raft::NodeId;
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

/// `raftdeck client …`
#[derive(Args, Debug)]
pub struct ClientArgs {
    /// Any of the cluster's nodes, by Raft or client address; the leader is found from there
    #[arg(
        long,
        visible_alias = "node",
        value_name = "HOST:PORT,…",
        value_delimiter = ',',
        default_value = "127.0.0.1:8080",
        value_parser = address,
        global = true
    )]
    cluster: Vec<String>,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = clap::value_parser!(u64).range(1..=3600), global = true)]
    timeout: u64,
    /// Answer with one JSON object per line
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    operation: Operation,
}

#[derive(Debug, Subcommand)]
enum Operation {
    /// Store a value under a key
    #[command(after_help = "Example: raftdeck client put color blue")]
    Put {
        key: OsString,
        #[arg(allow_hyphen_values = true)]
        value: OsString,
    },
    /// Print the value of a key; exit status 1 if there is no such key
    #[command(
        after_help = "Examples:\n  raftdeck client get color\n  raftdeck client --cluster 127.0.0.1:8082 get --consistency stale color"
    )]
    Get {
        key: OsString,
        #[command(flatten)]
        freshness: Freshness,
    },
    /// Remove a key
    #[command(after_help = "Example: raftdeck client delete color")]
    Delete { key: OsString },
    /// Store a value if the present one is as expected; exit status 1 if it is not
    #[command(
        after_help = "Examples:\n  raftdeck client cas color blue green\n  raftdeck client cas color --absent blue"
    )]
    Cas {
        key: OsString,
        /// The value that the key must have
        #[arg(allow_hyphen_values = true, required_unless_present = "absent")]
        expected: Option<OsString>,
        /// The value to store
        #[arg(allow_hyphen_values = true, required_unless_present = "absent")]
        value: Option<OsString>,
        /// Store this value if there is no such key
        #[arg(long, value_name = "VALUE", allow_hyphen_values = true, conflicts_with_all = ["expected", "value"])]
        absent: Option<OsString>,
    },
    /// Print keys and values, in the order of the keys
    #[command(after_help = "Example: raftdeck client list user/")]
    List {
        /// Only keys that start with this
        #[arg(default_value = "")]
        prefix: OsString,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = MAX_LIST, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_LIST)))]
        limit: u32,
        #[command(flatten)]
        freshness: Freshness,
    },
    /// Print the state of each node named by --cluster; exit status 1 if one of them does not answer
    #[command(after_help = "Example: raftdeck client --cluster 127.0.0.1:8080,127.0.0.1:8081 status")]
    Status,
    /// Add, promote, remove and list the cluster's members
    #[command(
        subcommand,
        after_help = "Examples:\n  raftdeck client member add 4 127.0.0.1:8083\n  raftdeck client member promote 4\n  raftdeck client member list"
    )]
    Member(MemberOperation),
    /// Hand the leadership to a member that votes
    #[command(after_help = "Example: raftdeck client transfer n2")]
    Transfer {
        /// The node's id, as 2 or n2
        #[arg(value_parser = node_id)]
        id: NodeId,
    },
}

#[derive(Args, Clone, Copy, Debug)]
struct Freshness {
    /// How new the answer must be
    #[arg(long, value_enum, default_value_t = ConsistencyName::Linearizable)]
    consistency: ConsistencyName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ConsistencyName {
    /// It includes every write that was answered before; the leader asks a majority
    Linearizable,
    /// The same while the nodes' clocks run at about the same rate; the leader asks nobody
    Lease,
    /// What the asked node has, which may be old; any node answers, also without a leader
    Stale,
}

impl Freshness {
    fn consistency(self) -> Consistency {
        match self.consistency {
            ConsistencyName::Linearizable => Consistency::Linearizable,
            ConsistencyName::Lease => Consistency::Lease,
            ConsistencyName::Stale => Consistency::Stale,
        }
    }
}

/// Carries out one operation; returns the exit status.
pub fn run(args: ClientArgs) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .wrap_err("the client cannot be started")?;
    let client = Client::new(&args.cluster, Options::default())?;
    let deadline = Duration::from_secs(args.timeout);
    let mut consistency = Consistency::Linearizable;
    let operation = match args.operation {
        Operation::Status => {
            return runtime.block_on(print_statuses(&client, &args.cluster, deadline, args.json));
        }
        Operation::Member(operation) => {
            let asked = member_cmd::run(&client, &args.cluster, operation, deadline, args.json);
            return runtime.block_on(asked);
        }
        Operation::Transfer { id } => {
            return runtime.block_on(member_cmd::transfer(&client, id, deadline, args.json));
        }
        Operation::Put { key, value } => ClientOp::Write(Write::Put { key: bytes(key), value: bytes(value) }),
        Operation::Delete { key } => ClientOp::Write(Write::Delete { key: bytes(key) }),
        Operation::Cas { key, expected, value, absent } => ClientOp::Write(Write::CompareAndSet {
            key: bytes(key),
            expected: expected.map(bytes),
            // The command line has been checked: exactly one of the two is there.
            value: bytes(absent.or(value).unwrap_or_default()),
        }),
        Operation::Get { key, freshness } => {
            consistency = freshness.consistency();
            ClientOp::Read(Read::Get { key: bytes(key) })
        }
        Operation::List { prefix, limit, freshness } => {
            consistency = freshness.consistency();
            ClientOp::Read(Read::List { prefix: bytes(prefix), after: None, limit })
        }
    };
    let done = runtime.block_on(async {
        match operation.clone() {
            ClientOp::Write(write) => client.write(write, deadline).await,
            ClientOp::Read(read) => client.read_with(read, consistency, deadline).await,
        }
    });
    let done = done.wrap_err_with(|| words::asked(&operation))?;
    if args.json {
        print_json(&done)?;
    } else {
        print_plain(&done)?;
    }
    judge(&operation, &done.answer)
}

fn address(given: &str) -> Result<String, AddressError> {
    raftdeck_client::split(given).map(|_| given.to_owned())
}

/// Keys and values are bytes; a command line may hold any but zero.
fn bytes<B: From<Vec<u8>>>(argument: OsString) -> B {
    B::from(argument.into_vec())
}

/// What was answered may still be a failure for a script.
fn judge(operation: &ClientOp, answer: &Answer) -> Result<u8> {
    match answer {
        Answer::Value(None) | Answer::Mismatch { .. } => {
            bail!("{}: {}", words::asked(operation), words::answered(answer))
        }
        _ => Ok(0),
    }
}

fn print_plain(done: &Done) -> Result<()> {
    let mut out = Vec::new();
    match &done.answer {
        // As they are, so that what was stored can be piped on.
        Answer::Value(Some(value)) => {
            out.extend_from_slice(value);
            out.push(b'\n');
        }
        Answer::Page { pairs, more } => {
            for (key, value) in pairs {
                writeln!(out, "{}\t{}", Shown(key), Shown(value))?;
            }
            if *more {
                eprintln!("there are more keys: narrow the prefix");
            }
        }
        Answer::Value(None) | Answer::Mismatch { .. } => {}
        other => writeln!(out, "{}", words::answered(other))?,
    }
    print(&out)
}

fn print_json(done: &Done) -> Result<()> {
    let mut object = Map::new();
    match &done.answer {
        Answer::Stored => put(&mut object, "stored", json!(true)),
        Answer::Mismatch { current } => {
            put(&mut object, "stored", json!(false));
            put_bytes(&mut object, "value", current.as_deref());
        }
        Answer::Deleted { existed } => put(&mut object, "deleted", json!(existed)),
        Answer::Value(value) => put_bytes(&mut object, "value", value.as_deref()),
        Answer::Page { pairs, more } => {
            let pairs = pairs.iter().map(|(key, value)| {
                let mut pair = Map::new();
                put_bytes(&mut pair, "key", Some(key));
                put_bytes(&mut pair, "value", Some(value));
                Value::Object(pair)
            });
            put(&mut object, "pairs", pairs.collect());
            put(&mut object, "more", json!(more));
        }
        Answer::SessionOpened(session) => put(&mut object, "session", json!(session)),
    }
    put(&mut object, "node", json!(done.node));
    put(&mut object, "index", json!(done.at.index));
    put(&mut object, "term", json!(done.at.term));
    print(format!("{}\n", Value::Object(object)).as_bytes())
}

fn put(object: &mut Map<String, Value>, name: &str, value: Value) {
    object.insert(name.to_owned(), value);
}

/// Text as text; bytes that are none as hexadecimal digits, under a name that says so.
fn put_bytes(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(std::str::from_utf8) {
        None => put(object, name, Value::Null),
        Some(Ok(text)) => put(object, name, json!(text)),
        Some(Err(_)) => {
            let digits = bytes.unwrap_or_default().iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let hex: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
            put(object, &format!("{name}_hex"), json!(hex));
        }
    }
}

async fn print_statuses(
    client: &Client,
    addresses: &[String],
    deadline: Duration,
    as_json: bool,
) -> Result<u8> {
    let asked =
        addresses.iter().map(|address| async move { (address, client.status(address, deadline).await) });
    let mut exit = 0;
    let mut out = Vec::new();
    for (address, status) in futures::future::join_all(asked).await {
        match status {
            Ok(status) if as_json => writeln!(out, "{}", status_json(&status))?,
            Ok(status) => writeln!(out, "{}", status_words(&status))?,
            Err(error) => {
                exit = 1;
                eprintln!("{address}: {error}");
            }
        }
    }
    print(&out)?;
    Ok(exit)
}

fn status_words(status: &NodeStatus) -> String {
    let raft = &status.raft;
    let follows = raft.leader.map_or_else(|| "no leader".to_owned(), |leader| format!("leader {leader}"));
    format!(
        "{}: {} in term {}, {follows}, last entry {}, committed {}, applied {}, {} keys",
        raft.id, raft.role, raft.term, raft.last.index, raft.committed, raft.applied, status.keys
    )
}

fn status_json(status: &NodeStatus) -> Value {
    let raft = &status.raft;
    json!({
        "node": raft.id,
        "role": raft.role.to_string().replace('-', "_"),
        "term": raft.term,
        "leader": raft.leader,
        "last": raft.last.index,
        "committed": raft.committed,
        "applied": raft.applied,
        "keys": status.keys,
        "has_quorum": raft.has_quorum,
    })
}

/// A reader that has read enough is no failure.
pub(crate) fn print(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).wrap_err("the output cannot be written")
        }
        _ => Ok(()),
    }
}
