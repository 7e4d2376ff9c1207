//! `raftdeck client`: operations on a running cluster. With a command it carries that one out, prints the answer and ends; with
//! none it takes commands at a prompt, or as a script (`repl`). The answers' shapes are in `reply`, `members` and
//! `status`; it knows the cluster by the client crate alone.

mod members;
mod operation;
mod repl;
mod reply;
mod roster;
mod status;
mod text;
mod watch;

use bytes::Bytes;
use clap::Args;
use color_eyre::eyre::{Result, WrapErr, bail};
use operation::{Input, Operation, Task};
use raftdeck_client::{Access, AccessFiles, AddressError, Client, Options};
use raftdeck_deck::words;
use raftdeck_model::ClientOp;
use raftdeck_protocol::printable;
use reply::{Failure, Form, Reply};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, IsTerminal, Write as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use watch::Ended;

/// What `raftdeck client --help` ends with.
pub const HELP: &str = "\
Examples:
  raftdeck client put color blue
  raftdeck client --cluster 127.0.0.1:8080,127.0.0.1:8081 get color
  raftdeck client --json list user/ | jq -r '.pairs[].key'
  raftdeck client watch user/
  raftdeck client status --watch
  raftdeck client member add 4 127.0.0.1:8083
  raftdeck client transfer n2
  raftdeck client                  a prompt: history, Tab completes commands and keys, help
  raftdeck client < commands.txt   the same commands, one a line, # begins a comment

Plain output: a value and a newline; of a list a line per key, key, tab and value, in which a backslash
stands twice and \\n, \\t, \\r and \\xNN for what is no printable text. --quiet prints a value byte for
byte, of a list and a watch the keys alone, of status the leader's name, and nothing where a change is done or a
key is missing. --json prints an object per line, also when the operation fails:
  put     {\"key\":\"color\",\"stored\":true, ...}
  get     {\"key\":\"color\",\"found\":true,\"value\":\"blue\", ...}
  delete  {\"key\":\"color\",\"deleted\":true, ...}
  cas     {\"key\":\"color\",\"stored\":false,\"current\":\"blue\", ...}
  list    {\"prefix\":\"\",\"pairs\":[{\"key\":\"color\",\"value\":\"blue\"}],\"more\":false, ...}
          with \"node\", who answered, and the \"term\" and \"index\" of the entry, at each \"...\"
  watch   {\"index\":17,\"change\":\"put\",\"key\":\"color\",\"value\":\"blue\"} for each change; the value is null
          where \"change\" is \"delete\"
  status  {\"address\":\"127.0.0.1:8080\",\"node\":1,\"role\":\"leader\",\"term\":2,\"leader\":1,\"last\":17,
          \"committed\":17,\"applied\":17,\"keys\":3,\"has_quorum\":true,
          \"disk\":{\"stalled\":false,\"wait_ms\":null},\"refused\":[{\"node\":3,\"reason\":\"...\"}],
          \"notices\":[\"...\"]} for each node, or \"error\"
  status --watch   {\"at_ms\":0,\"leader\":1,\"term\":2,\"answering\":[1,3],\"silent\":[\"127.0.0.1:8081\"]}
  member list      {\"members\":[{\"node\":1,\"standing\":\"voter\",\"leader\":true,\"address\":null}],
                   \"committed\":true,\"node\":1}; the other member commands {\"members\":[...], ...}
  transfer         {\"leader\":2,\"term\":5,\"node\":1}
  a failure        {\"error\":\"...\",\"may_have_happened\":false}
Bytes that are no text come in hexadecimal, as \"key_hex\", \"value_hex\" and so on. More fields may be added.

Exit status: 0 done, 1 failed, no such key or not as expected, 2 wrong usage. A script's is 1 if a line of
it made no sense or failed; that a key is missing is an answer there.";

/// `raftdeck client ...`
#[derive(Args, Debug)]
pub struct ClientArgs {
    /// Any of the cluster's nodes, by Raft or client address; the leader is found from there
    #[arg(
        long,
        visible_alias = "node",
        value_name = "HOST:PORT,…",
        value_delimiter = ',',
        default_value = "127.0.0.1:8080,127.0.0.1:8081,127.0.0.1:8082",
        value_parser = address,
        global = true
    )]
    cluster: Vec<String>,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    manner: Manner,
    #[command(subcommand)]
    operation: Option<Operation>,
}

/// What lets the client in.
#[derive(Args, Debug)]
#[expect(clippy::doc_markdown, reason = "these texts are shown to people as they are, by --help")]
struct AccessArgs {
    /// Use TLS, and trust nodes whose certificates the authorities in this PEM file signed; needs --tls-cert and --tls-key
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_CA", global = true)]
    tls_ca: Option<PathBuf>,
    /// The certificate to show, a PEM file
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_CERT", global = true)]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, a PEM file that nobody else may read
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_KEY", global = true)]
    tls_key: Option<PathBuf>,
    /// Show the token in this file; a manager's is good for everything, a client's for keys and states [else env:
    /// RAFTDECK_CLIENT_TOKEN, the token itself]
    #[arg(long, value_name = "FILE", env = "RAFTDECK_CLIENT_TOKEN_FILE", global = true)]
    token_file: Option<PathBuf>,
}

impl AccessArgs {
    /// Reads it, and says what there is to warn of.
    fn read(self) -> Result<Access> {
        let Self { tls_ca, tls_cert, tls_key, token_file } = self;
        let files = AccessFiles { ca: tls_ca, cert: tls_cert, key: tls_key, token: token_file };
        let (access, warnings) = files.read()?;
        for warning in &warnings {
            say(warning);
        }
        Ok(access)
    }
}

/// How an operation is carried out and told. At the prompt a line may say it for itself.
#[derive(Args, Clone, Copy, Debug, Default)]
struct Manner {
    /// Give up after this many seconds [default: 5]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600), global = true)]
    timeout: Option<u64>,
    /// Answer with JSON, one object per line
    #[arg(long, global = true)]
    json: bool,
    /// Print what was asked for and nothing else
    #[arg(long, global = true, conflicts_with = "json")]
    quiet: bool,
    /// Say which node answered, in which term and at which index, on the standard error
    #[arg(long, global = true)]
    verbose: bool,
}

impl Manner {
    fn deadline(self) -> Duration {
        Duration::from_secs(self.timeout.unwrap_or(5))
    }

    fn form(self) -> Form {
        match self {
            Self { json: true, .. } => Form::Json,
            Self { quiet: true, .. } => Form::Quiet,
            _ => Form::Plain { for_eyes: io::stdout().is_terminal() },
        }
    }

    /// What this says, and where it says nothing, what `other` does.
    fn or(self, other: Self) -> Self {
        let form = if self.json || self.quiet { self } else { other };
        Self {
            timeout: self.timeout.or(other.timeout),
            json: form.json,
            quiet: form.quiet,
            verbose: self.verbose || other.verbose,
        }
    }
}

/// The cluster that is asked, and where it was said to be.
#[derive(Clone, Debug)]
struct Cluster {
    client: Client,
    addresses: Vec<String>,
    /// One operation, and the client ends: a session for it would cost a round of its own.
    is_for_one: bool,
}

/// Carries out one operation or takes many; returns the exit status.
pub fn run(args: ClientArgs) -> Result<u8> {
    let options = Options { access: args.access.read()?, ..Options::default() };
    let client = Client::new(&args.cluster, options)?;
    let is_for_one = args.operation.is_some();
    let cluster = Cluster { client, addresses: args.cluster, is_for_one };
    let Some(operation) = args.operation else {
        return repl::run(cluster, args.manner);
    };
    let form = args.manner.form();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .wrap_err("the client cannot be started")?;
    let carried_out = match operation.task(Input::Value) {
        Ok(Task::WatchStatus) => {
            return runtime.block_on(status::watch(&cluster.client, &cluster.addresses, form));
        }
        Ok(Task::Watch(watched)) => {
            // Without signals there is still a closed pipe to end it.
            let interrupted = async {
                if tokio::signal::ctrl_c().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            match runtime.block_on(watched.print(&cluster, args.manner, interrupted))? {
                Ended::Stopped => return Ok(0),
                Ended::Failed(failure) => Err(failure),
            }
        }
        Ok(task) => runtime.block_on(carry_out(&cluster, task, args.manner.deadline(), form)),
        Err(failure) => Err(failure),
    };
    let reply = match carried_out {
        Ok(reply) => reply,
        Err(failure) => {
            if form == Form::Json {
                print(&failure.line())?;
            }
            bail!(failure.sentence);
        }
    };
    print(&reply.out)?;
    tell_notes(&reply, args.manner);
    match reply.miss {
        Some(_) if form == Form::Quiet => Ok(1),
        Some(miss) => bail!(miss),
        None => Ok(u8::from(reply.incomplete)),
    }
}

async fn carry_out(cluster: &Cluster, task: Task, deadline: Duration, form: Form) -> Result<Reply, Failure> {
    let Cluster { client, addresses, is_for_one } = cluster;
    match task {
        Task::Keys(op, consistency) => {
            let done = match op.clone() {
                ClientOp::Write(write) if *is_for_one => client.write_named(unique(), write, deadline).await,
                ClientOp::Write(write) => client.write(write, deadline).await,
                ClientOp::Read(read) => client.read_with(read, consistency, deadline).await,
            };
            let done = done.map_err(|error| Failure::new(&words::asked(&op), &error))?;
            Ok(reply::of_keys(&op, &done, form))
        }
        // Those that go on until Ctrl-C are carried out elsewhere.
        Task::Status | Task::WatchStatus | Task::Watch(_) => {
            Ok(status::carry_out(client, addresses, deadline, form).await)
        }
        Task::Member(operation) => members::carry_out(client, addresses, operation, deadline, form).await,
        Task::Transfer(id) => members::transfer(client, id, deadline, form).await,
    }
}

/// A name that no other write has: 128 bits, drawn from keys that the system gave this process, with its id and the time among
/// them.
fn unique() -> Bytes {
    let (pid, now) = (std::process::id(), SystemTime::now());
    let draw = || RandomState::new().hash_one((pid, now)).to_be_bytes();
    [b"once/", &draw()[..], &draw()].concat().into()
}

/// Says what is beside the answer.
fn tell_notes(reply: &Reply, manner: Manner) {
    reply.notes.iter().for_each(|note| say(note));
    if let Some(source) = reply.source.as_ref().filter(|_| manner.verbose) {
        say(source);
    }
}

/// Says something to the person, on the standard error.
fn say(what: &str) {
    // Where nobody listens there is nobody else to tell.
    let _ = writeln!(io::stderr(), "{}", printable::lines(what));
}

fn address(given: &str) -> Result<String, AddressError> {
    raftdeck_client::split(given).map(|_| given.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_their_writes_own() {
        let names: std::collections::BTreeSet<Bytes> = (0..1000).map(|_| unique()).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| name.len() == 21));
    }

    #[test]
    fn a_line_at_the_prompt_goes_before_the_command_line() {
        let json = Manner { json: true, timeout: Some(9), ..Manner::default() };
        let quiet = Manner { quiet: true, verbose: true, ..Manner::default() };
        let both = quiet.or(json);
        assert_eq!((both.form(), both.timeout, both.verbose), (Form::Quiet, Some(9), true));
        assert_eq!(Manner::default().or(json).form(), Form::Json);
    }
}
