//! `raftdeck client`: operations on a running cluster. With a command it carries that out, prints the answer and ends. Without one it
//! takes commands at a prompt, or as a script (`repl`). The answers' shapes are in `reply`, `members` and `status`; it accesses the
//! cluster only through the client crate.

mod carry_out;
mod cluster;
mod manner;
mod members;
mod named;
mod operation;
mod output;
mod repl;
mod reply;
mod roster;
mod status;
mod text;
mod watch;

pub(crate) use output::print;

use crate::contexts::ClusterContext;
use carry_out::carry_out;
use clap::Args;
use cluster::Cluster;
use color_eyre::eyre::{Result, WrapErr, bail};
use manner::Manner;
use operation::{Input, Operation, Task};
use output::{say, tell_notes};
use raftdeck_client::{Access, AccessFiles, AddressError, Client, Options};
use reply::Form;
use std::path::PathBuf;
use watch::WatchEnd;

/// The end of `raftdeck client --help`.
pub const HELP: &str = "\
Examples:
  raftdeck client put color blue
  raftdeck client --cluster 127.0.0.1:8080,127.0.0.1:8081 get color
  raftdeck client --context prod status
  raftdeck client --json list user/ | jq -r '.pairs[].key'
  raftdeck client watch user/
  raftdeck client status --watch
  raftdeck client member add 4 127.0.0.1:8083
  raftdeck client transfer n2
  raftdeck client                  a prompt: history, Tab completes commands and keys, help
  raftdeck client < commands.txt   the same commands, one a line, # begins a comment

Plain output: a value and a newline; for a list a line per key: key, tab and value, in which a
backslash is doubled and unprintable bytes are written \\n, \\t, \\r or \\xNN. --quiet prints a value
byte for byte, only the keys of a list or a watch, only the leader's name for status, and nothing when a
change is done or a key is missing. --json prints an object per line, also when the operation fails:
  put     {\"key\":\"color\",\"stored\":true, ...}
  get     {\"key\":\"color\",\"found\":true,\"value\":\"blue\", ...}
  delete  {\"key\":\"color\",\"deleted\":true, ...}
  cas     {\"key\":\"color\",\"stored\":false,\"current\":\"blue\", ...}
  list    {\"prefix\":\"\",\"pairs\":[{\"key\":\"color\",\"value\":\"blue\"}],\"more\":false, ...}
          each \"...\" stands for \"node\", which answered, and the \"term\" and \"index\" of the entry
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
Bytes that are not text are given in hexadecimal, as \"key_hex\", \"value_hex\" and so on. More fields may be added.

Exit status: 0 done, 1 failed, no such key or not as expected, 2 wrong usage. For a script it is 1 if a
line could not be parsed or failed; there a missing key is not a failure.";

/// `raftdeck client ...`
#[derive(Args, Debug)]
pub struct ClientArgs {
    /// Any of the cluster's nodes, by any of its addresses (Raft, client or HTTP); the leader and the others are found from there
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
    named: named::NamedCluster,
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
    /// The certificate's key, a PEM file readable by its owner alone
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_KEY", global = true)]
    tls_key: Option<PathBuf>,
    /// Present the token in this file; a manager's token permits everything, a client's permits reading and writing
    /// keys and reading the state of nodes [else env: RAFTDECK_CLIENT_TOKEN, the token itself]
    #[arg(long, value_name = "FILE", env = "RAFTDECK_CLIENT_TOKEN_FILE", global = true)]
    token_file: Option<PathBuf>,
}

impl AccessArgs {
    /// What is not given here comes from the context. It has one token at most: the manager's, which permits everything, else the
    /// client's.
    fn or(self, context: ClusterContext) -> Self {
        let ClusterContext { tls_ca, tls_cert, tls_key, client_token_file, manager_token_file, .. } = context;
        Self {
            tls_ca: self.tls_ca.or(tls_ca),
            tls_cert: self.tls_cert.or(tls_cert),
            tls_key: self.tls_key.or(tls_key),
            token_file: self.token_file.or(manager_token_file).or(client_token_file),
        }
    }

    /// Reads it, and prints a warning if there is one.
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

/// Carries out one operation or many; returns the exit status.
pub fn run(mut args: ClientArgs) -> Result<u8> {
    if let Some(context) = args.named.find()? {
        args.cluster.clone_from(&context.addresses);
        args.access = args.access.or(context);
    }
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
            // Without signals, a closed pipe still ends it.
            let interrupted = async {
                if tokio::signal::ctrl_c().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            match runtime.block_on(watched.print(&cluster, args.manner, interrupted))? {
                WatchEnd::Stopped => return Ok(0),
                WatchEnd::Failed(failure) => Err(failure),
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

fn address(given: &str) -> Result<String, AddressError> {
    raftdeck_client::split(given).map(|_| given.to_owned())
}
