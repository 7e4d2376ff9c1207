//! The effective settings and their sources, for people and for programs.

use crate::file::OptionKind;
use crate::names::{CONFIG, Program, kind, options};
use crate::settle::{Environment, Refusal, Settled, Source};
use clap::{Arg, ArgMatches};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fmt::Write as _;

/// A command and what its options are set to.
#[derive(Debug)]
pub struct Section {
    /// The words that lead to the command; none for the program's own options.
    pub path: Vec<String>,
    /// The file's table for it.
    pub table: String,
    /// Its options.
    pub rows: Vec<Row>,
}

/// An option, its value and where that comes from.
#[derive(Debug)]
pub struct Row {
    /// The option's name.
    pub option: String,
    /// Its values; none if it has none, unless the command finds one itself.
    pub values: Vec<String>,
    /// Whether it takes several.
    kind: OptionKind,
    /// Its source.
    pub source: Source,
}

impl Program {
    /// What is in force for the commands whose words begin with these, when nothing is said on the command line. `matches` is
    /// of the command line that asks, for it may name a file.
    pub fn in_force(
        &self,
        below: &[String],
        matches: &ArgMatches,
        environment: Environment<'_>,
    ) -> Result<Vec<Section>, Refusal> {
        let file = self.file(matches, environment)?;
        let mut sections = Vec::new();
        for (path, command) in self.commands() {
            if !path.starts_with(below) && self.table(&path) != below.join(" ") {
                continue;
            }
            let mut words = vec![OsString::from(self.bare.get_name())];
            words.extend(path.iter().map(OsString::from));
            let line = self.line(words)?;
            let settled = self.settle(&line, file.as_ref(), environment)?;
            self.bear_each_other(&line, &settled)?;
            let own = options(command).filter(|(long, option)| {
                let inherited = option.is_global_set() && path.len() > 1;
                *long != CONFIG && !option.is_hide_set() && !inherited
            });
            let rows: Vec<Row> = own.map(|(long, option)| row(long, option, &settled)).collect();
            if !rows.is_empty() {
                sections.push(Section { table: self.table(&path), path, rows });
            }
        }
        Ok(sections)
    }

    /// What the environment says must agree with itself, and so must the file.
    fn bear_each_other(&self, line: &crate::settle::CommandLine, settled: &[Settled]) -> Result<(), Refusal> {
        match self.matches(line, settled) {
            Err(Refusal::Usage(error, notes)) if error.kind() == clap::error::ErrorKind::ArgumentConflict => {
                Err(Refusal::Usage(error, notes))
            }
            // What is missing yet may be said when the command is run.
            _ => Ok(()),
        }
    }
}

fn row(long: &str, option: &Arg, settled: &[Settled]) -> Row {
    let kind = kind(option);
    if let Some(settled) = settled.iter().find(|settled| option.get_id() == settled.id.as_str()) {
        return Row {
            option: long.to_owned(),
            values: settled.shown.clone(),
            kind,
            source: settled.source.clone(),
        };
    }
    let defaults = option.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
    let values = if kind == OptionKind::Switch { vec!["false".to_owned()] } else { defaults.collect() };
    Row { option: long.to_owned(), values, kind, source: Source::Default }
}

/// A table for people: option, value, source.
#[must_use]
pub fn as_table(program: &str, sections: &[Section]) -> String {
    let rows = || sections.iter().flat_map(|section| &section.rows);
    let value = |row: &Row| if row.values.is_empty() { "-".to_owned() } else { row.values.join(",") };
    let options = rows().map(|row| row.option.len()).max().unwrap_or(0);
    let values = rows().map(|row| value(row).chars().count()).max().unwrap_or(0).min(40);
    let mut text = String::new();
    for section in sections {
        let gap = if text.is_empty() { "" } else { "\n" };
        let command = [program].into_iter().chain(section.path.iter().map(String::as_str));
        // A String takes it all.
        let _ = writeln!(text, "{gap}{}  [{}]", command.collect::<Vec<_>>().join(" "), section.table);
        for row in &section.rows {
            let _ = writeln!(text, "  {:options$}  {:values$}  {}", row.option, value(row), row.source);
        }
    }
    text
}

/// One object for programs: by command, by option.
#[must_use]
pub fn as_json(program: &str, sections: &[Section]) -> Value {
    let of = |row: &Row| {
        let value = match (row.kind, &row.values[..]) {
            (OptionKind::Switch, [on, ..]) => {
                json!(on == "true")
            }
            (OptionKind::Values, values) if !values.is_empty() => json!(values),
            (OptionKind::Value, [value, ..]) => json!(value),
            _ => Value::Null,
        };
        let mut told = json!({ "value": value });
        match &row.source {
            Source::Flag => told["source"] = json!("flag"),
            Source::Default => told["source"] = json!("default"),
            Source::Variable(name) => {
                told["source"] = json!("environment");
                told["variable"] = json!(name);
            }
            Source::File(path, line) => {
                told["source"] = json!("file");
                told["file"] = json!(path.display().to_string());
                told["line"] = json!(line);
            }
        }
        (row.option.clone(), told)
    };
    let commands = sections.iter().map(|section| {
        let command = [program].into_iter().chain(section.path.iter().map(String::as_str));
        let rows: serde_json::Map<String, Value> = section.rows.iter().map(of).collect();
        (command.collect::<Vec<_>>().join(" "), json!(rows))
    });
    Value::Object(commands.collect())
}
