//! The names of a program's parts outside its command line: each option's variable and key, each command's table.

use crate::file::{KnownOption, OptionKind, OptionShape};
use clap::{Arg, ArgAction, Command, value_parser};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The option that names the file, on every command.
pub const CONFIG: &str = "config";

/// What every variable begins with.
const PREFIX: &str = "RAFTDECK_";

/// Commands whose variables carry their name, as `RAFTDECK_BENCH_RATE` does. They are experiments, and what the same words mean
/// to a node, a deck or a client is something else: a cluster that is set for all clients must not be what a benchmark
/// loads, nor a deck's pace a number of writes a second.
const OF_THEIR_OWN: [&str; 3] = ["bench", "sim", "drill"];

/// A variable of other programs that stands in for an option's own, which the command reads itself: it takes
/// precedence over the file.
pub struct StandIn {
    /// The table of the command.
    pub table: &'static str,
    /// The option.
    pub option: &'static str,
    /// The variable.
    pub variable: &'static str,
    /// It holds a secret, which is never shown.
    pub is_secret: bool,
}

/// A command line, and how a file and the environment name its parts.
pub struct Program {
    /// As clap parses it: without variables, which are looked up here.
    pub(crate) bare: Command,
    /// As it is defined, with everything in its place, to look at.
    pub(crate) built: Command,
    root: &'static str,
    shared: &'static [(&'static str, &'static str)],
    foreign: &'static [&'static str],
    pub(crate) stand_ins: Vec<&'static StandIn>,
    described: Command,
}

impl Program {
    /// A program whose own options stand in the table `root`.
    #[must_use]
    pub fn new(command: Command, root: &'static str) -> Self {
        let file = Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .global(true)
            .help("Read options from this file, a table per command; the command line and the environment take precedence");
        let command = command.arg(file);
        let bare = without_variables(command.clone());
        let mut built = command.clone();
        built.build();
        let described = with_variables(command, &mut Vec::new());
        Self { bare, built, root, shared: &[], foreign: &[], stand_ins: Vec::new(), described }
    }

    /// These commands have no table of their own but share that of another: command and table.
    #[must_use]
    pub fn shared(mut self, shared: &'static [(&'static str, &'static str)]) -> Self {
        self.shared = shared;
        self
    }

    /// These tables are other programs', in the same file.
    #[must_use]
    pub fn foreign(mut self, foreign: &'static [&'static str]) -> Self {
        self.foreign = foreign;
        self
    }

    /// These variables stand in for options, beside those that were named before.
    #[must_use]
    pub fn stand_ins(mut self, stand_ins: &'static [StandIn]) -> Self {
        self.stand_ins.extend(stand_ins);
        self
    }

    /// The command with every option's variable, for help, completions and manuals.
    #[must_use]
    pub fn described(&self) -> Command {
        self.described.clone()
    }

    /// All names that a file may use.
    #[must_use]
    pub fn shape(&self) -> OptionShape {
        let mut tables: BTreeMap<String, BTreeMap<String, KnownOption>> = BTreeMap::new();
        for (path, command) in self.commands() {
            let table = tables.entry(self.table(&path)).or_default();
            for (key, option) in
                options(command).filter(|(key, option)| *key != CONFIG && !option.is_hide_set())
            {
                table.entry(key.to_owned()).or_insert_with(|| known(option));
            }
        }
        tables.retain(|_, keys| !keys.is_empty());
        OptionShape { tables, foreign: self.foreign.iter().map(|&name| name.to_owned()).collect() }
    }

    /// The table of a command's options.
    pub(crate) fn table(&self, path: &[String]) -> String {
        let Some(first) = path.first() else { return self.root.to_owned() };
        let shared = self.shared.iter().find(|(command, _)| command == first);
        shared.map_or_else(|| first.clone(), |(_, table)| (*table).to_owned())
    }

    /// All commands that are described, with the words that lead there.
    pub(crate) fn commands(&self) -> Vec<(Vec<String>, &Command)> {
        let mut found = Vec::new();
        collect(&self.built, &[], &mut found);
        found
    }

    /// The command that these words lead to.
    pub(crate) fn command(&self, path: &[String]) -> Option<&Command> {
        path.iter().try_fold(&self.built, |command, word| command.find_subcommand(word))
    }
}

fn collect<'a>(command: &'a Command, path: &[String], found: &mut Vec<(Vec<String>, &'a Command)>) {
    found.push((path.to_vec(), command));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        collect(sub, &[path, &[sub.get_name().to_owned()]].concat(), found);
    }
}

/// The options that have a long name, which is their key.
pub(crate) fn options(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    let is_clap_s = |option: &Arg| {
        matches!(
            option.get_action(),
            ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
        )
    };
    command
        .get_arguments()
        .filter(move |option| !option.is_positional() && !is_clap_s(option))
        .filter_map(|option| Some((option.get_long()?, option)))
}

/// What an option takes.
pub(crate) fn kind(option: &Arg) -> OptionKind {
    let is_list = option.get_value_delimiter().is_some() || matches!(option.get_action(), ArgAction::Append);
    match option.get_action() {
        ArgAction::SetTrue => OptionKind::Switch,
        _ if is_list => OptionKind::Values,
        _ => OptionKind::Value,
    }
}

fn known(option: &Arg) -> KnownOption {
    let names = option.get_value_names().unwrap_or_default();
    let name = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let possible: Vec<String> =
        option.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let value_name = if possible.is_empty() { name } else { possible.join(", ") };
    KnownOption { kind: kind(option), value_name }
}

/// An option's variable: the one that its definition names, else one after its name. Hidden options have none unless their
/// definition names it.
pub(crate) fn variable(path: &[String], option: &Arg) -> Option<String> {
    if let Some(name) = option.get_env() {
        return Some(name.to_string_lossy().into_owned());
    }
    let long = option.get_long().filter(|_| !option.is_hide_set())?;
    let command = path.first().filter(|command| OF_THEIR_OWN.contains(&command.as_str()) && long != CONFIG);
    let of_command = command.map(|command| format!("{command}_")).unwrap_or_default();
    Some(format!("{PREFIX}{of_command}{long}").replace('-', "_").to_uppercase())
}

/// Clap looks variables up when they are named; here that is done where a test can say what they are.
pub(crate) fn without_variables(command: Command) -> Command {
    command.mut_args(|option| option.env(None::<&str>)).mut_subcommands(without_variables)
}

fn with_variables(command: Command, path: &mut Vec<String>) -> Command {
    let command = command.mut_args(|option| {
        let is_option = option.get_long().is_some();
        match variable(path, &option).filter(|_| is_option) {
            // What it is set to now is not part of the description.
            Some(name) => option.env(name).hide_env_values(true),
            None => option,
        }
    });
    command.mut_subcommands(|sub| {
        path.push(sub.get_name().to_owned());
        let sub = with_variables(sub, path);
        path.pop();
        sub
    })
}
