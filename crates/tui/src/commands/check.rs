//! `raftdeck check`: checks scripts without running them.

use crate::files;
use clap::Args;
use color_eyre::eyre::Result;
use raftdeck_lab::node_count;
use raftdeck_protocol::printable;
use raftdeck_raft::NodeId;
use raftdeck_script::{ScriptFlaw, check};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Text for the help.
pub const HELP: &str = "\
Each mistake is one line, FILE:LINE:COLUMN: what is wrong. The files that a script loads are read too, where it \
loads them. The exit status is 0 if there is no mistake and 1 if there is one.

Examples:
  raftdeck check --nodes 5 examples/figure-8.txt
  raftdeck check lessons/*.txt";

/// The command line.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The scripts
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How many nodes the cluster starts with: a line that names another one is a mistake
    #[arg(short, long, value_name = "N", default_value_t = 3, value_parser = node_count)]
    nodes: u8,
}

/// Returns what is to be printed, and the exit status.
pub fn run(args: &CheckArgs) -> Result<(Vec<u8>, u8)> {
    let nodes: Vec<NodeId> = (1..=args.nodes.into()).map(NodeId).collect();
    let mut files = Files::default();
    let mut text = String::new();
    for file in &args.files {
        for ScriptFlaw { file, line, column, mistake } in files.check(&file.display().to_string(), &nodes) {
            let said = format!("{file}:{line}:{column}: {mistake}");
            writeln!(text, "{}", printable::line(&said))?;
        }
    }
    let status = u8::from(!text.is_empty());
    Ok((text.into_bytes(), status))
}

/// The files that were read, each once, under the name with which it was read first.
#[derive(Default)]
struct Files(BTreeMap<PathBuf, (String, Result<Vec<u8>, String>)>);

impl Files {
    /// The mistakes of a script and of the files that it loads. Mistakes of a file that an earlier script loaded were reported there.
    fn check(&mut self, file: &str, nodes: &[NodeId]) -> BTreeSet<ScriptFlaw> {
        if self.0.contains_key(&identity(file)) {
            return BTreeSet::new();
        }
        match self.read(file) {
            Ok(script) => {
                let checked = check(file, &script, nodes, Some(&mut |file: &str| self.read(file)));
                checked
                    .flaws
                    .into_iter()
                    .map(|flaw| ScriptFlaw { file: self.name(&flaw.file), ..flaw })
                    .collect()
            }
            Err(why) => {
                let mistake = format!("{file} cannot be read: {why}");
                BTreeSet::from([ScriptFlaw { file: file.to_owned(), line: 1, column: 1, mistake }])
            }
        }
    }

    fn read(&mut self, file: &str) -> Result<Vec<u8>, String> {
        let read = || (file.to_owned(), files::read(file));
        self.0.entry(identity(file)).or_insert_with(read).1.clone()
    }

    fn name(&self, file: &str) -> String {
        self.0.get(&identity(file)).map_or(file, |(name, _)| name).to_owned()
    }
}

/// The same path for all names of a file.
fn identity(file: &str) -> PathBuf {
    fs::canonicalize(file).unwrap_or_else(|_| Path::new(file).to_owned())
}
