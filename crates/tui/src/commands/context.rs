//! `raftdeck context`: names for clusters that something else runs. Changes the file of contexts and connects to nothing.

use crate::contexts::file::ContextsFile;
use crate::contexts::{ClusterContext, ClusterEngine, text, valid_address, valid_name};
use crate::errors::{WrongUsage, complain};
use clap::error::ErrorKind;
use clap::{Args, Subcommand};
use color_eyre::eyre::{Report, Result, bail, eyre};
use raftdeck_client::exposed;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The end of `raftdeck context --help`.
pub const HELP: &str = "\
Examples:
  raftdeck context add test 10.0.0.1:8080,10.0.0.2:8080
  raftdeck context add kv https://10.0.0.1:2379 --engine etcd --tls-ca ca.pem --user root --password-file password
  raftdeck context use kv
  raftdeck context list

raftdeck attach and raftdeck client take --context NAME; raftdeck attach without addresses takes the current one.
The file is contexts.toml in the folder of the user's settings (raftdeck paths), readable by its owner alone, and can be
edited by hand. It holds the paths of files with tokens, passwords and keys, and none of these themselves.";

/// `raftdeck context ...`
#[derive(Args, Debug)]
pub struct ContextArgs {
    #[command(flatten)]
    file: ContextsFileArgs,
    #[command(subcommand)]
    action: ContextAction,
}

/// Which file has the contexts.
#[derive(Args, Clone, Debug, Default)]
pub struct ContextsFileArgs {
    /// The file of contexts [default: contexts.toml in the folder of the user's settings]
    #[arg(long, value_name = "FILE", env = "RAFTDECK_CONTEXTS", global = true)]
    contexts: Option<PathBuf>,
}

impl ContextsFileArgs {
    /// Reads the file.
    pub fn read(&self) -> Result<ContextsFile> {
        ContextsFile::read(self.contexts.as_deref()).map_err(Report::msg)
    }
}

#[derive(Debug, Subcommand)]
enum ContextAction {
    /// Add a context; the first one becomes the current one
    #[command(
        after_help = "Examples:\n  raftdeck context add test 10.0.0.1:8080,10.0.0.2:8080 --tls-ca ca.pem --tls-cert client.pem --tls-key client-key.pem\n  raftdeck context add kv https://10.0.0.1:2379 --engine etcd"
    )]
    Add(Box<AddArgs>),
    /// Make a context the current one: raftdeck attach without addresses attaches to it
    #[command(after_help = "Example: raftdeck context use kv")]
    Use {
        /// Which
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// List the contexts; * marks the current one
    #[command(
        after_help = "Examples:\n  raftdeck context list\n  raftdeck context list --json | jq -r '.contexts[].name'"
    )]
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show a context, by default the current one
    #[command(after_help = "Examples:\n  raftdeck context show\n  raftdeck context show kv --json")]
    Show {
        /// Which
        #[arg(value_name = "NAME")]
        name: Option<String>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Remove a context; the cluster and the files that it names stay as they are
    #[command(after_help = "Example: raftdeck context remove kv")]
    Remove {
        /// Which
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Give a context another name
    #[command(after_help = "Example: raftdeck context rename kv production")]
    Rename {
        /// Its present name
        #[arg(value_name = "NAME")]
        from: String,
        /// Its new name
        #[arg(value_name = "NEW", value_parser = valid_name)]
        to: String,
    },
}

#[derive(Args, Debug)]
struct AddArgs {
    /// Its name
    #[arg(value_name = "NAME", value_parser = valid_name)]
    name: String,
    /// Some of the cluster's nodes; for etcd URLs too
    #[arg(value_name = "HOST:PORT,…", value_delimiter = ',', required = true)]
    addresses: Vec<String>,
    /// What runs the nodes
    #[arg(long, value_enum, default_value_t = ClusterEngine::Raftdeck)]
    engine: ClusterEngine,
    /// Use TLS, and trust nodes whose certificates the authorities in this PEM file signed
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_CA")]
    tls_ca: Option<PathBuf>,
    /// The certificate to show, a PEM file
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, a PEM file readable by its owner alone
    #[arg(long, value_name = "FILE", env = "RAFTDECK_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// The file with the client's token, to look at raftdeck nodes
    #[arg(long, value_name = "FILE", env = "RAFTDECK_CLIENT_TOKEN_FILE")]
    client_token_file: Option<PathBuf>,
    /// The file with the manager's token, to change the membership and the leader of raftdeck nodes
    #[arg(long, value_name = "FILE", env = "RAFTDECK_MANAGER_TOKEN_FILE")]
    manager_token_file: Option<PathBuf>,
    /// The user of etcd
    #[arg(long, value_name = "NAME", requires = "password_file")]
    user: Option<String>,
    /// The file with the password of --user
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// The links between the nodes, one of each host (raftdeck link)
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',')]
    link: Vec<String>,
}

/// Carries it out; returns what it prints.
pub fn run(args: ContextArgs) -> Result<String> {
    let file = args.file.read()?;
    match args.action {
        ContextAction::Add(args) => add(file, *args),
        ContextAction::Use { name } => {
            file.contexts.named(&name).map_err(Report::msg)?;
            file.change(|text| text::using(text, &name)).map_err(Report::msg)?;
            Ok(format!("{name} is the current context\n"))
        }
        ContextAction::List { json: true } => Ok(format!("{}\n", all(&file))),
        ContextAction::List { json: false } => Ok(list(&file)),
        ContextAction::Show { name, json } => show(&file, name.as_deref(), json),
        ContextAction::Remove { name } => remove(file, &name),
        ContextAction::Rename { from, to } => {
            file.contexts.named(&from).map_err(Report::msg)?;
            free(&file, &to)?;
            file.change(|text| text::renamed(text, &from, &to)).map_err(Report::msg)?;
            Ok(format!("{from} is called {to} now\n"))
        }
    }
}

/// Fails if there is a context of this name already.
fn free(file: &ContextsFile, name: &str) -> Result<()> {
    match file.contexts.named(name) {
        Ok(_) => bail!(
            "there is a context called {name} already, in {}: remove it first, or take another name",
            file.path().display()
        ),
        Err(_) => Ok(()),
    }
}

fn add(file: ContextsFile, args: AddArgs) -> Result<String> {
    let (name, context) = args.context()?;
    free(&file, &name)?;
    for secret in
        [&context.tls_key, &context.client_token_file, &context.manager_token_file, &context.password_file]
    {
        if let Some(warning) = secret.as_deref().and_then(exposed) {
            complain(&warning);
        }
    }
    let becomes_current = file.contexts.current.is_none();
    let mut said = format!("{name} is a context now, in {}\n", file.path().display());
    file.change(|text| text::with(text, &name, &context)).map_err(Report::msg)?;
    if becomes_current {
        writeln!(said, "it is the current one: raftdeck attach attaches to it")?;
    }
    Ok(said)
}

impl AddArgs {
    /// The paths are relative to where the command is given, and the file may be read from elsewhere.
    fn context(self) -> Result<(String, ClusterContext)> {
        let wrong = |why: String| WrongUsage::new(ErrorKind::ValueValidation, why);
        for address in &self.addresses {
            valid_address(self.engine, address).map_err(wrong)?;
        }
        for (option, is_given) in self.of_other_engine() {
            if is_given {
                let why = format!("{option} has no meaning for --engine {}", self.engine.name());
                return Err(WrongUsage::new(ErrorKind::ArgumentConflict, why).into());
            }
        }
        let context = ClusterContext {
            engine: self.engine,
            addresses: self.addresses,
            tls_ca: whole(self.tls_ca.as_ref())?,
            tls_cert: whole(self.tls_cert.as_ref())?,
            tls_key: whole(self.tls_key.as_ref())?,
            client_token_file: whole(self.client_token_file.as_ref())?,
            manager_token_file: whole(self.manager_token_file.as_ref())?,
            user: self.user,
            password_file: whole(self.password_file.as_ref())?,
            links: self.link,
        };
        Ok((self.name, context))
    }

    fn of_other_engine(&self) -> Vec<(&'static str, bool)> {
        match self.engine {
            ClusterEngine::Raftdeck => vec![("--user", self.user.is_some())],
            ClusterEngine::Etcd => vec![
                ("--client-token-file", self.client_token_file.is_some()),
                ("--manager-token-file", self.manager_token_file.is_some()),
            ],
        }
    }
}

fn whole(path: Option<&PathBuf>) -> Result<Option<PathBuf>> {
    let absolute = |path: &Path| {
        std::path::absolute(path).map_err(|error| eyre!("{} cannot be found: {error}", path.display()))
    };
    path.map(|path| absolute(path)).transpose()
}

fn remove(file: ContextsFile, name: &str) -> Result<String> {
    file.contexts.named(name).map_err(Report::msg)?;
    let was_current = file.contexts.current.as_deref() == Some(name);
    file.change(|text| text::without(text, name)).map_err(Report::msg)?;
    let rest =
        if was_current { ". It was the current one: raftdeck context use NAME chooses another" } else { "" };
    Ok(format!("{name} is removed{rest}\n"))
}

fn list(file: &ContextsFile) -> String {
    if file.contexts.all.is_empty() {
        return "there are no contexts; raftdeck context add NAME HOST:PORT makes the first one\n".to_owned();
    }
    let width = file.contexts.names().map(str::len).max().unwrap_or(0);
    let line = |(name, context): &(String, ClusterContext)| {
        let mark = if file.contexts.current.as_ref() == Some(name) { '*' } else { ' ' };
        format!("{mark} {name:width$}  {:8}  {}\n", context.engine.name(), context.addresses.join(","))
    };
    file.contexts.all.iter().map(line).collect()
}

fn all(file: &ContextsFile) -> Value {
    let contexts: Vec<Value> =
        file.contexts.all.iter().map(|(name, context)| object(file, name, context)).collect();
    json!({ "current": file.contexts.current, "contexts": contexts })
}

fn object(file: &ContextsFile, name: &str, context: &ClusterContext) -> Value {
    let mut object = json!({
        "name": name,
        "current": file.contexts.current.as_deref() == Some(name),
        "engine": context.engine.name(),
        "addresses": context.addresses,
        "links": context.links,
    });
    for (key, text) in context.texts() {
        object[key.replace('-', "_")] = json!(text);
    }
    object
}

fn show(file: &ContextsFile, name: Option<&str>, as_json: bool) -> Result<String> {
    let (name, context) = match name {
        Some(name) => (name, file.contexts.named(name).map_err(Report::msg)?),
        None => file.contexts.current().map_err(Report::msg)?,
    };
    if as_json {
        return Ok(format!("{}\n", object(file, name, context)));
    }
    let is_current = file.contexts.current.as_deref() == Some(name);
    let mut lines = vec![
        ("name", format!("{name}{}", if is_current { " (current)" } else { "" })),
        ("engine", context.engine.name().to_owned()),
        ("addresses", context.addresses.join(",")),
    ];
    lines.extend(context.texts().into_iter().filter_map(|(key, text)| Some((key, text?))));
    if !context.links.is_empty() {
        lines.push(("links", context.links.join(",")));
    }
    let lines: Vec<String> = lines.into_iter().map(|(key, value)| format!("{key:18}  {value}\n")).collect();
    Ok(lines.concat())
}
