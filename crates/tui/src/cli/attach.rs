//! `raftdeck attach`: the deck for clusters that something else runs.

use super::screen::{Look, ScreenArgs, screen};
use super::script::read_script;
use crate::commands::context::ContextsFileArgs;
use crate::contexts::{ClusterContext, ClusterEngine, Contexts};
use crate::errors::{WrongUsage, complain};
use crate::plain::{self, Format};
use crate::screen::runtime::{self, Beginning, NamedClusters};
use crate::source::elsewhere::engine_of;
use crate::source::engine::Engine;
use crate::source::tape::Tape;
use clap::Args;
use clap::error::ErrorKind;
use color_eyre::eyre::{Report, Result};
use raftdeck_script::Script;
use std::path::PathBuf;

/// Text for the help.
pub(super) const HELP: &str = "\
Examples:
  raftdeck attach 10.0.0.1:8080,10.0.0.2:8080
  raftdeck attach kv.example:8080 --tls-ca ca.pem --tls-cert client.pem --tls-key client-key.pem \\
                  --client-token-file client.token --manager-token-file manager.token
  raftdeck attach                           the current context (raftdeck context use NAME)
  raftdeck attach --context a --context b   two clusters, each in a tab
  printf 'wait leader\\ntransfer 2\\nquit\\n' | raftdeck attach 10.0.0.1:8080 --plain

All nodes are found from the given ones. Nodes that stop answering stay on the screen as unreachable, and come back by
themselves. Nothing is started or ended: quit leaves the cluster as it is. Whoever has the client token looks, reads and
writes; members and leaders are changed with the manager token only.

Exit status: 0 done; 1 failed, or no node answers; 2 wrong usage; 3 a wait or an expect of a script failed.";

#[derive(Args, Debug)]
#[expect(clippy::doc_markdown, reason = "these texts are shown to people as they are, by --help")]
pub(super) struct AttachArgs {
    /// Some of the cluster's nodes, by any of their addresses; without any, the current context
    #[arg(value_name = "HOST:PORT,…", value_delimiter = ',', conflicts_with = "context")]
    addresses: Vec<String>,
    /// Attach to the cluster of this context; given several times, each in a tab of its own
    #[arg(long, value_name = "NAME", env = "RAFTDECK_CONTEXT")]
    context: Vec<String>,
    #[command(flatten)]
    contexts: ContextsFileArgs,
    /// What runs the nodes
    #[arg(long, value_enum, default_value_t = ClusterEngine::Raftdeck)]
    engine: ClusterEngine,
    /// Use TLS, and trust nodes whose certificates the authorities in this PEM file signed; needs --tls-cert and --tls-key
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_CA")]
    tls_ca: Option<PathBuf>,
    /// The certificate to show, a PEM file
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, a PEM file readable by its owner alone
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// Present the token in this file, to look, read and write [else env: RAFTDECK_CLIENT_TOKEN, the token itself]
    #[arg(long, value_name = "FILE", env = "RAFTDECK_CLIENT_TOKEN_FILE")]
    client_token_file: Option<PathBuf>,
    /// Present the token in this file to change members and leaders [else env: RAFTDECK_MANAGER_TOKEN, the token itself]
    #[arg(long, value_name = "FILE", env = "RAFTDECK_MANAGER_TOKEN_FILE")]
    manager_token_file: Option<PathBuf>,
    /// No screen: one line per event; takes commands on standard input. Also used when standard output is not a terminal
    #[arg(long)]
    plain: bool,
    /// No screen: JSON lines
    #[arg(long)]
    json: bool,
    /// Run the lines of this file before those of standard input; needs --plain or --json
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Record everything that happens, for raftdeck replay; the file must not exist yet
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    screen: ScreenArgs,
}

/// A cluster to attach to, and its name on the screen.
type Wanted = (Option<String>, ClusterContext);

impl AttachArgs {
    /// The clusters that are asked for. Never empty.
    fn wanted(&self, contexts: &Contexts) -> Result<Vec<Wanted>> {
        if !self.addresses.is_empty() {
            let context = ClusterContext {
                engine: self.engine,
                addresses: self.addresses.clone(),
                ..ClusterContext::default()
            };
            return Ok(vec![(None, self.completed(context))]);
        }
        let found = if self.context.is_empty() {
            vec![contexts.current().map(|(name, context)| (name.to_owned(), context.clone()))]
        } else {
            let named = |name: &String| Ok((name.clone(), contexts.named(name)?.clone()));
            self.context.iter().map(named).collect()
        };
        let usage = |why: String| WrongUsage::new(ErrorKind::MissingRequiredArgument, why);
        let found: Vec<(String, ClusterContext)> =
            found.into_iter().collect::<Result<_, String>>().map_err(usage)?;
        Ok(found.into_iter().map(|(name, context)| (Some(name), self.completed(context))).collect())
    }

    /// Options of the command line take precedence over the context.
    fn completed(&self, context: ClusterContext) -> ClusterContext {
        let or = |given: &Option<PathBuf>, other: Option<PathBuf>| given.clone().or(other);
        ClusterContext {
            tls_ca: or(&self.tls_ca, context.tls_ca),
            tls_cert: or(&self.tls_cert, context.tls_cert),
            tls_key: or(&self.tls_key, context.tls_key),
            client_token_file: or(&self.client_token_file, context.client_token_file),
            manager_token_file: or(&self.manager_token_file, context.manager_token_file),
            ..context
        }
    }
}

/// Attaches and shows what happens; returns the exit status.
pub(super) fn run(args: AttachArgs) -> Result<u8> {
    let Look { settings, preferences } = args.screen.look()?;
    let contexts = args.contexts.read().map(|file| file.contexts);
    // With addresses, no context is needed, and no file of contexts either.
    let contexts = if args.addresses.is_empty() { contexts? } else { contexts.unwrap_or_default() };
    let wanted = args.wanted(&contexts)?;
    let mut engines: Vec<(Option<String>, Engine)> = Vec::new();
    for (name, context) in wanted {
        engines.push((name, engine_of(context)?));
    }
    let beside = engines.split_off(1);
    let Some((name, engine)) = engines.pop() else { return Ok(0) };
    let tape = args.record.as_deref().map(|file| Tape::begin(file, engine.name())).transpose()?;
    let screen = screen();
    if args.plain || args.json || screen.is_err() {
        if !beside.is_empty() {
            let why = "several clusters need the screen: without it, attach to one of them";
            return Err(WrongUsage::new(ErrorKind::ArgumentConflict, why).into());
        }
        if let Some(why) = screen.err().filter(|_| !args.plain && !args.json).and_then(|no| no.told()) {
            complain(why);
        }
        let script = script(args.script.as_ref())?;
        return plain::run(engine, Format::asked(args.json, false), script, tape);
    }
    if args.script.is_some() {
        let why =
            "--script needs --plain or --json here; on the deck, load FILE in the palette runs a script";
        return Err(WrongUsage::new(ErrorKind::ArgumentConflict, why).into());
    }
    let known = contexts.names().map(str::to_owned).collect();
    let named = NamedClusters::new(known, move |name| {
        let contexts = args.contexts.read()?.contexts;
        engine_of(contexts.named(name).map_err(Report::msg)?.clone())
    });
    let beside = beside.into_iter().map(|(name, engine)| (name.unwrap_or_default(), engine)).collect();
    let reader = args.screen.reader;
    let beginning = Beginning { tape, preferences, reader, name, beside, named, ..Beginning::default() };
    runtime::run(Some(engine), settings, beginning)
}

fn script(file: Option<&PathBuf>) -> Result<Script> {
    match file {
        Some(file) => {
            let (file, text) = read_script(file)?;
            Ok(Script::of_file(&file, &text))
        }
        None => Ok(Script::default()),
    }
}
