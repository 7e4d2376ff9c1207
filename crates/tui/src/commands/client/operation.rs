//! The operations on a cluster, with the same syntax on the command line and at the prompt. Reads values from their sources; sends no
//! requests.

use super::members::{MemberOperation, node_id};
use super::reply::Failure;
use super::watch::WatchTarget;
use clap::{Args, Subcommand, ValueEnum};
use color_eyre::eyre::{Result, WrapErr, bail, eyre};
use raftdeck_model::ClientOp;
use raftdeck_protocol::kv::{MAX_LIST, MAX_VALUE};
use raftdeck_protocol::{Consistency, Read, Write};
use raftdeck_raft::NodeId;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(crate) enum Operation {
    /// Store a value under a key
    #[command(
        visible_alias = "set",
        after_help = "Examples:\n  raftdeck client put color blue\n  date | raftdeck client put now -\n  raftdeck client put photo --from-file photo.jpg\n\nOn the command line a hyphen alone stands for the standard input; to store one, pipe it in. Values\nfrom the input and from files are stored byte for byte, a last newline included."
    )]
    Put {
        /// The key, 1 to 4096 bytes
        key: OsString,
        /// The value; on the command line - reads it from the standard input
        #[arg(allow_hyphen_values = true, required_unless_present = "from_file")]
        value: Option<OsString>,
        /// Store what is in this file
        #[arg(long, value_name = "FILE", conflicts_with = "value")]
        from_file: Option<PathBuf>,
    },
    /// Print the value of a key; exit status 1 if there is no such key
    #[command(
        after_help = "Examples:\n  raftdeck client get color\n  raftdeck client get photo --quiet > photo.jpg\n  raftdeck client --cluster 127.0.0.1:8082 get --consistency stale color"
    )]
    Get {
        /// The key, 1 to 4096 bytes
        key: OsString,
        #[command(flatten)]
        freshness: Freshness,
    },
    /// Remove a key; exit status 1 if there is no such key
    #[command(visible_aliases = ["del", "rm"], after_help = "Example: raftdeck client delete color")]
    Delete {
        /// The key, 1 to 4096 bytes
        key: OsString,
    },
    /// Store a value if the present one is as expected; exit status 1 if it is not
    #[command(
        after_help = "Examples:\n  raftdeck client cas color blue green\n  raftdeck client cas color --absent blue\n  raftdeck client cas photo old --from-file photo.jpg"
    )]
    Cas {
        /// The key, 1 to 4096 bytes
        key: OsString,
        /// The value that the key must have
        #[arg(allow_hyphen_values = true, required_unless_present = "absent")]
        expected: Option<OsString>,
        /// The value to store; on the command line - reads it from the standard input
        #[arg(allow_hyphen_values = true, required_unless_present_any = ["absent", "from_file"])]
        value: Option<OsString>,
        /// Store this value if there is no such key; on the command line - reads it from the standard input
        #[arg(long, value_name = "VALUE", allow_hyphen_values = true, conflicts_with_all = ["expected", "value", "from_file"])]
        absent: Option<OsString>,
        /// Store what is in this file
        #[arg(long, value_name = "FILE", conflicts_with = "value")]
        from_file: Option<PathBuf>,
    },
    /// Print keys and values, in the order of the keys
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  raftdeck client list user/\n  raftdeck client list user/ --limit 100 --after user/luffy\n  raftdeck client list --quiet | while read -r key; do echo \"$key\"; done"
    )]
    List {
        /// Only keys that start with this
        #[arg(default_value = "")]
        prefix: OsString,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = MAX_LIST, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_LIST)))]
        limit: u32,
        /// Only keys after this one: give the last key of a list to get the rest
        #[arg(long, value_name = "KEY")]
        after: Option<OsString>,
        #[command(flatten)]
        freshness: Freshness,
    },
    /// Print what changes, as it is committed, until Ctrl-C
    #[command(
        after_help = "Examples:\n  raftdeck client watch\n  raftdeck client watch user/ --after 1700\n  raftdeck client --json watch | jq -r 'select(.change == \"delete\").key'\n\nA line per change: the index of its entry, put or delete, the key, and the value that was put. When\na node fails the watch continues at another one, without gaps. Nodes keep only the newest changes: a request\nfor earlier ones fails and says which are kept."
    )]
    Watch {
        /// Only keys that start with this
        #[arg(default_value = "")]
        prefix: OsString,
        /// Only changes after this index: give the last index of a watch to continue it [default: from now on]
        #[arg(long, value_name = "INDEX", env = "RAFTDECK_WATCH_AFTER")]
        after: Option<u64>,
    },
    /// Print the state of each node named by --cluster, and of the other members if their addresses are known; exit
    /// status 1 if a named node does not answer
    #[command(
        after_help = "Examples:\n  raftdeck client --cluster 127.0.0.1:8080,127.0.0.1:8081 status\n  raftdeck client status --watch"
    )]
    Status {
        /// Keep watching, and show which node leads: a table on a terminal, elsewhere a line per change; Ctrl-C ends
        /// it
        #[arg(long)]
        watch: bool,
    },
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
pub(crate) struct Freshness {
    /// Which consistency the read has
    #[arg(long, value_enum, default_value_t = ConsistencyName::Linearizable)]
    consistency: ConsistencyName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ConsistencyName {
    /// The newest value: the leader confirms its leadership with a majority first
    Linearizable,
    /// The newest value, if the nodes' clocks run at about the same rate: the leader relies on its lease
    Lease,
    /// What the asked node has, which may be old; any node answers, even without a leader
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

/// An operation whose values were read: ready to be carried out, repeatedly if necessary.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    Keys(ClientOp, Consistency),
    Status,
    WatchStatus,
    Watch(WatchTarget),
    Member(MemberOperation),
    Transfer(NodeId),
}

/// The content of the standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A value, for an operation that needs one.
    Value,
    /// The commands themselves: values cannot be read from there, and a hyphen has no special meaning.
    Commands,
}

impl Operation {
    /// Reads the values from their sources.
    pub(crate) fn task(self, input: Input) -> Result<Task, Failure> {
        self.read_values(input).map_err(|error| {
            let sentence = crate::errors::sentence(&error);
            Failure { sentence, may_have_happened: false }
        })
    }

    fn read_values(self, input: Input) -> Result<Task> {
        let write = |write| Ok(Task::Keys(ClientOp::Write(write), Consistency::Linearizable));
        match self {
            Self::Put { key, value, from_file } => {
                write(Write::Put { key: bytes(key), value: value_from(value, from_file, input)?.into() })
            }
            Self::Delete { key } => write(Write::Delete { key: bytes(key) }),
            Self::Cas { key, expected, value, absent, from_file } => write(Write::CompareAndSet {
                key: bytes(key),
                expected: expected.map(bytes),
                value: value_from(absent.or(value), from_file, input)?.into(),
            }),
            Self::Get { key, freshness } => {
                Ok(Task::Keys(ClientOp::Read(Read::Get { key: bytes(key) }), freshness.consistency()))
            }
            Self::List { prefix, limit, after, freshness } => {
                let list = Read::List { prefix: bytes(prefix), after: after.map(bytes), limit };
                Ok(Task::Keys(ClientOp::Read(list), freshness.consistency()))
            }
            Self::Status { watch: false } => Ok(Task::Status),
            Self::Status { watch: true } => Ok(Task::WatchStatus),
            Self::Watch { prefix, after } => Ok(Task::Watch(WatchTarget { prefix: bytes(prefix), after })),
            Self::Member(operation) => Ok(Task::Member(operation)),
            Self::Transfer { id } => Ok(Task::Transfer(id)),
        }
    }
}

/// Keys and values are bytes; a command line may contain any byte except zero.
fn bytes<B: From<Vec<u8>>>(argument: OsString) -> B {
    B::from(argument.into_vec())
}

/// The command line has been checked: exactly one of the two is given.
fn value_from(value: Option<OsString>, from_file: Option<PathBuf>, input: Input) -> Result<Vec<u8>> {
    match (value, from_file) {
        (Some(value), _) if value == "-" && input == Input::Value => {
            up_to_limit(io::stdin().lock(), "the standard input")
        }
        (Some(value), _) => Ok(bytes(value)),
        (None, Some(file)) => file_value(&file, input),
        (None, None) => Err(eyre!("there is no value")),
    }
}

fn file_value(path: &Path, input: Input) -> Result<Vec<u8>> {
    let what = format!("the file {}", path.display());
    let cannot = || format!("{what} cannot be read");
    // Opening a pipe could block forever, and at the prompt it could not be interrupted.
    if input == Input::Commands && !path.metadata().wrap_err_with(cannot)?.is_file() {
        bail!("{what} is not a regular file");
    }
    up_to_limit(File::open(path).wrap_err_with(cannot)?, &what)
}

/// Never reads much more than the largest value.
fn up_to_limit(source: impl io::Read, what: &str) -> Result<Vec<u8>> {
    let mut value = Vec::new();
    let most = u64::try_from(MAX_VALUE).unwrap_or(u64::MAX);
    source.take(most + 1).read_to_end(&mut value).wrap_err_with(|| format!("{what} cannot be read"))?;
    if value.len() > MAX_VALUE {
        bail!("{what} holds more than {MAX_VALUE} bytes, which is the most that a value may have");
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_be_as_large_as_the_limit_and_no_larger() {
        assert_eq!(up_to_limit(&vec![7; MAX_VALUE][..], "it").unwrap().len(), MAX_VALUE);
        let error = up_to_limit(io::repeat(7), "the file x").unwrap_err().to_string();
        assert!(error.starts_with("the file x holds more than 1048576 bytes"), "{error}");
    }

    #[test]
    fn a_hyphen_is_a_hyphen_where_the_input_holds_commands() {
        assert_eq!(value_from(Some("-".into()), None, Input::Commands).unwrap(), b"-");
        let error = file_value(Path::new("/dev/null"), Input::Commands).unwrap_err().to_string();
        assert!(error.contains("not a regular file"), "{error}");
        assert_eq!(file_value(Path::new("/dev/null"), Input::Value).unwrap(), b"");
    }
}
