//! Merges four sources into one command line. Decides which value an option has; clap parses and validates it.

use crate::error::{ConfigError, FileError};
use crate::file::{File, FileEntry, Given, MAX_FILE, OptionKind};
use crate::names::{CONFIG, Program, kind, options, variable, without_variables};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process;

/// Looks a variable up.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It stands on the command line.
    Flag,
    /// An environment variable says it.
    Variable(String),
    /// The file says it, on this line.
    File(PathBuf, usize),
    /// No source sets it.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Variable(name) => f.write_str(name),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// What is no start of the program: a mistake, or the answer to --help.
#[derive(Debug)]
pub enum Refusal {
    /// Clap's answer, and where what it speaks of comes from.
    Usage(Box<clap::Error>, Vec<String>),
    /// The file or a variable is invalid.
    Config(ConfigError),
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl Refusal {
    /// Says it, and ends the process: with exit status 2, or 0 after help.
    pub fn exit(self) -> ! {
        match self {
            Self::Usage(error, notes) => {
                // If this cannot be printed, there is nowhere else to report it.
                let _ = error.print();
                for note in notes {
                    eprintln!("note: {note}");
                }
                process::exit(error.exit_code());
            }
            Self::Config(error) => {
                eprintln!("error: {error}");
                process::exit(2);
            }
        }
    }
}

/// One option, settled by the environment or the file.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    pub(crate) id: String,
    pub(crate) long: String,
    /// What is put on the command line; nothing for a switch that is off, and for what the command reads itself.
    words: Vec<OsString>,
    pub(crate) shown: Vec<String>,
    pub(crate) source: Source,
}

/// A command line whose command is known.
pub(crate) struct CommandLine {
    words: Vec<OsString>,
    pub(crate) path: Vec<String>,
    /// Behind the command's name.
    at: usize,
    matches: ArgMatches,
}

impl Program {
    /// Reads the command line, the environment and the file that one of them names.
    pub fn parse(&self, words: Vec<OsString>, environment: Environment<'_>) -> Result<ArgMatches, Refusal> {
        let line = self.line(words)?;
        let file = self.file(&line.matches, environment)?;
        let settled = self.settle(&line, file.as_ref(), environment)?;
        self.matches(&line, &settled)
    }

    /// The same with this process's own command line and environment; what is invalid ends the process.
    #[must_use]
    pub fn parse_or_exit(&self) -> ArgMatches {
        let environment = |name: &str| std::env::var_os(name);
        self.parse(std::env::args_os().collect(), &environment).unwrap_or_else(|refusal| refusal.exit())
    }

    /// Finds the command, and what is said of it on the command line. Help ends here.
    pub(crate) fn line(&self, mut words: Vec<OsString>) -> Result<CommandLine, Refusal> {
        if words.is_empty() {
            words.push(self.bare.get_name().into());
        }
        // Mistakes wait: what the environment and the file say may cure them.
        let lenient = self.bare.clone().ignore_errors(true);
        let Ok(matches) = lenient.clone().try_get_matches_from(&words) else {
            let described = self.described().try_get_matches_from(&words);
            return described
                .map_err(|answer| Refusal::Usage(Box::new(answer), Vec::new()))
                .map(|matches| CommandLine { path: Vec::new(), at: words.len(), matches, words });
        };
        let path = path_of(&matches);
        let leads_there = |&at: &usize| {
            path.is_empty()
                || lenient.clone().try_get_matches_from(&words[..at]).is_ok_and(|m| path_of(&m) == path)
        };
        let at = (1..=words.len()).find(leads_there).unwrap_or(words.len());
        Ok(CommandLine { words, path, at, matches })
    }

    /// Reads the file that was asked for, and looks at all that stands in it.
    pub(crate) fn file(
        &self,
        matches: &ArgMatches,
        environment: Environment<'_>,
    ) -> Result<Option<(PathBuf, File)>, ConfigError> {
        let asked = deepest(matches).try_get_one::<PathBuf>(CONFIG).ok().flatten().cloned();
        let named = || set(environment, &format!("RAFTDECK_{}", CONFIG.to_uppercase())).map(PathBuf::from);
        let Some(path) = asked.or_else(named) else { return Ok(None) };
        let mut bytes = Vec::new();
        std::fs::File::open(&path)
            .and_then(|file| file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes))
            .map_err(|error| ConfigError::Read { path: path.clone(), error: plain(error) })?;
        let file = self
            .check(&bytes)
            .map_err(|error| ConfigError::File { path: path.clone(), error: error.into() })?;
        Ok(Some((path, file)))
    }

    /// Reads the bytes of a file: names, types, and each value, which at least one command with that option must take.
    pub fn check(&self, bytes: &[u8]) -> Result<File, FileError> {
        let file = File::parse(bytes, &self.shape())?;
        for (table, entries) in &file.tables {
            for (key, entry) in entries {
                let Some(option_words) = words(key, &entry.given) else { continue };
                let mut refused = None;
                for (path, command) in self.commands() {
                    if self.table(&path) != *table || !options(command).any(|(long, _)| long == key) {
                        continue;
                    }
                    refused = refusal(command, &option_words);
                    if refused.is_none() {
                        break;
                    }
                }
                if let Some(why) = refused {
                    return Err(entry.refused(table, key, why));
                }
            }
        }
        Ok(file)
    }

    /// What the environment and the file say for the command, as far as the command line leaves it open: whatever excludes
    /// something of a higher rank is left out.
    pub(crate) fn settle(
        &self,
        line: &CommandLine,
        file: Option<&(PathBuf, File)>,
        environment: Environment<'_>,
    ) -> Result<Vec<Settled>, ConfigError> {
        let Some(command) = self.command(&line.path) else { return Ok(Vec::new()) };
        let said = deepest(&line.matches);
        let open: Vec<(&str, &Arg)> = options(command)
            .filter(|(long, option)| {
                *long != CONFIG
                    && said.value_source(option.get_id().as_str()) != Some(ValueSource::CommandLine)
            })
            .collect();
        let mut by_variables = Vec::new();
        let mut by_file = Vec::new();
        for (long, option) in open {
            if let Some(settled) = self.by_variable(&line.path, command, long, option, environment)? {
                by_variables.push(settled);
            } else if let Some((path, file)) = file {
                by_file.extend(self.by_file(&line.path, command, long, option, path, file)?);
            }
        }
        let mut settled = self.bearable(line, &[], by_variables);
        let more = self.bearable(line, &settled, by_file);
        settled.extend(more);
        Ok(settled)
    }

    fn by_variable(
        &self,
        path: &[String],
        command: &Command,
        long: &str,
        option: &Arg,
        environment: Environment<'_>,
    ) -> Result<Option<Settled>, ConfigError> {
        let settled = |variable: String, words, shown| Settled {
            id: option.get_id().to_string(),
            long: long.to_owned(),
            words,
            shown,
            source: Source::Variable(variable),
        };
        if let Some((name, value)) =
            variable(path, option).and_then(|name| set(environment, &name).map(|value| (name, value)))
        {
            let shown = value.to_string_lossy().into_owned();
            let wrong = |why| ConfigError::Variable { name: name.clone(), value: shown.clone(), why };
            if kind(option) == OptionKind::Switch {
                let on = switch(&value).ok_or_else(|| wrong("use true or false".to_owned()))?;
                let words = words(long, &Given::Switch(on)).unwrap_or_default();
                return Ok(Some(settled(name, words, vec![on.to_string()])));
            }
            let words = vec![word(long, &value)];
            return match refusal(command, &words) {
                Some(why) => Err(wrong(why)),
                None => Ok(Some(settled(name, words, vec![shown]))),
            };
        }
        let table = self.table(path);
        let mut stand_ins =
            self.stand_ins.iter().filter(|stand| stand.table == table && stand.option == long);
        Ok(stand_ins.find_map(|stand| {
            let value = set(environment, stand.variable)?.to_string_lossy().into_owned();
            let shown = if stand.is_secret { "(secret)".to_owned() } else { value };
            Some(settled(stand.variable.to_owned(), Vec::new(), vec![shown]))
        }))
    }

    fn by_file(
        &self,
        path: &[String],
        command: &Command,
        long: &str,
        option: &Arg,
        file_path: &Path,
        file: &File,
    ) -> Result<Option<Settled>, ConfigError> {
        let table = self.table(path);
        let Some(entry) = file.tables.get(&table).and_then(|table| table.get(long)) else { return Ok(None) };
        let words = words(long, &entry.given).unwrap_or_default();
        if let Some(why) = refusal(command, &words) {
            let error = entry.refused(&table, long, why);
            return Err(ConfigError::File { path: file_path.to_owned(), error: error.into() });
        }
        Ok(Some(Settled {
            id: option.get_id().to_string(),
            long: long.to_owned(),
            words,
            shown: match &entry.given {
                Given::Switch(on) => vec![on.to_string()],
                Given::Values(values) => values.clone(),
            },
            source: Source::File(file_path.to_owned(), entry.line),
        }))
    }

    /// Those that exclude nothing of what was settled before them.
    fn bearable(&self, line: &CommandLine, before: &[Settled], settled: Vec<Settled>) -> Vec<Settled> {
        let excludes = |one: &Settled| {
            let all = before.iter().chain([one]);
            let tried = self.bare.clone().try_get_matches_from(line.with(all));
            tried.is_err_and(|error| error.kind() == ErrorKind::ArgumentConflict)
        };
        let is_bearable = |one: &Settled| !excludes(one) && !self.contradicts(line, one);
        settled.into_iter().filter(|one| one.words.is_empty() || is_bearable(one)).collect()
    }

    /// Whether it and an option on the command line exclude each other. Clap sees that only of what stands behind the same
    /// word: an option of all commands below may stand behind an earlier one.
    fn contradicts(&self, line: &CommandLine, one: &Settled) -> bool {
        let Some(command) = self.command(&line.path) else { return false };
        let said = deepest(&line.matches);
        let excludes = |one: &Arg, other: &Arg| {
            command.get_arg_conflicts_with(one).iter().any(|excluded| excluded.get_id() == other.get_id())
        };
        let is_said =
            |option: &Arg| said.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine);
        let options = || options(command).map(|(_, option)| option);
        options().filter(|option| option.get_id() == one.id.as_str()).any(|option| {
            options()
                .filter(|other| is_said(other))
                .any(|other| excludes(option, other) || excludes(other, option))
        })
    }

    /// Clap's reading of all of it.
    pub(crate) fn matches(&self, line: &CommandLine, settled: &[Settled]) -> Result<ArgMatches, Refusal> {
        self.bare.clone().try_get_matches_from(line.with(settled)).map_err(|error| {
            let text = error.to_string();
            let is_named =
                |one: &&Settled| !one.words.is_empty() && text.contains(&format!("--{}", one.long));
            let note = |one: &Settled| format!("--{} comes from {}", one.long, one.source);
            let notes = settled.iter().filter(is_named).map(note).collect();
            Refusal::Usage(Box::new(error), notes)
        })
    }
}

impl CommandLine {
    fn with<'a>(&'a self, settled: impl IntoIterator<Item = &'a Settled>) -> Vec<OsString> {
        let added = settled.into_iter().flat_map(|one| one.words.iter().cloned());
        let (before, after) = self.words.split_at(self.at);
        before.iter().cloned().chain(added).chain(after.iter().cloned()).collect()
    }
}

impl FileEntry {
    fn refused(&self, table: &str, key: &str, why: String) -> FileError {
        let value = match &self.given {
            Given::Switch(on) => on.to_string(),
            Given::Values(values) => values.join(","),
        };
        FileError::Value { line: self.line, table: table.to_owned(), key: key.to_owned(), value, why }
    }
}

/// How a value stands on a command line; nothing for a switch that is off.
fn words(long: &str, given: &Given) -> Option<Vec<OsString>> {
    match given {
        Given::Switch(false) => None,
        Given::Switch(true) => Some(vec![format!("--{long}").into()]),
        Given::Values(values) => Some(values.iter().map(|value| word(long, OsStr::new(value))).collect()),
    }
}

fn word(long: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(format!("--{long}="));
    word.push(value);
    word
}

/// Why the command does not take this value, whatever else is asked of it.
fn refusal(command: &Command, option: &[OsString]) -> Option<String> {
    let name = OsString::from(command.get_name());
    let line = std::iter::once(&name).chain(option);
    // A command that was looked up may have been made for another place on the line.
    let alone = without_variables(command.clone()).no_binary_name(false);
    let error = alone.try_get_matches_from(line).err()?;
    let is_about_the_value = matches!(
        error.kind(),
        ErrorKind::InvalidValue
            | ErrorKind::ValueValidation
            | ErrorKind::InvalidUtf8
            | ErrorKind::NoEquals
            | ErrorKind::TooManyValues
            | ErrorKind::TooFewValues
            | ErrorKind::WrongNumberOfValues
    );
    is_about_the_value.then(|| reason(&error))
}

fn reason(error: &clap::Error) -> String {
    if let Some(source) = error.source() {
        return source.to_string();
    }
    if let Some(ContextValue::Strings(valid)) = error.get(ContextKind::ValidValue)
        && !valid.is_empty()
    {
        return format!("use one of {}", valid.join(", "));
    }
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// A variable that is set to something: as in most programs, an empty one says nothing.
fn set(environment: Environment<'_>, name: &str) -> Option<OsString> {
    environment(name).filter(|value| !value.to_string_lossy().trim().is_empty())
}

fn switch(value: &OsStr) -> Option<bool> {
    match value.to_str()?.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// The matches of the command itself.
fn deepest(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, sub)| deepest(sub))
}

fn path_of(matches: &ArgMatches) -> Vec<String> {
    let mut path = Vec::new();
    let mut here = matches;
    while let Some((name, sub)) = here.subcommand() {
        path.push(name.to_owned());
        here = sub;
    }
    path
}

/// What is no file is said plainly.
fn plain(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(error.kind(), "there is no such file"),
        io::ErrorKind::IsADirectory => io::Error::new(error.kind(), "it is a directory"),
        _ => error,
    }
}
