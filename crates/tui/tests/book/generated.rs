//! The parts of the book that are made from the program's own tables, each between `<!-- generated: NAME -->` and `<!-- end -->`.

use crate::pages::{page, pages, root};
use crate::tables::{code, codes, sentence, table};
use clap::{Arg, ArgAction, Command};
use raftdeck_deck::actions::{ACTIONS, Group};
use raftdeck_drills::{MEASURES, Unit, catalogue};
use raftdeck_tui::cli::program;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

pub(crate) const END: &str = "<!-- end -->";

pub(crate) fn begin(name: &str) -> String {
    format!("<!-- generated: {name} -->\n")
}

/// A part's maker.
type Make = fn() -> String;

/// Every part that needs no running node.
const PARTS: [(&str, Make); 12] = [
    ("keys", keys),
    ("themes", themes),
    ("deck settings", deck_settings),
    ("events", events),
    ("commands", commands),
    ("exit status", exit_status),
    ("options", options),
    ("configuration", configuration),
    ("routes", routes),
    ("statuses", statuses),
    ("measures", measures),
    ("drills", drills),
];

/// A part that a running node tells, see `run.rs`.
pub(crate) const METRICS: &str = "metrics";

#[test]
fn generated_parts_are_as_the_program_says() {
    for (name, make) in PARTS {
        hold(name, &make());
    }
}

#[test]
fn no_other_part_is_said_to_be_generated() {
    for page in pages() {
        for rest in page.text.split("<!-- generated: ").skip(1) {
            let (name, _) = rest.split_once(" -->").unwrap();
            let is_known = name == METRICS || PARTS.iter().any(|(other, _)| *other == name);
            assert!(is_known, "{}: nothing makes {name}", page.path.display());
        }
    }
}

/// Writes the part, or fails if it is not as it stands.
pub(crate) fn hold(name: &str, made: &str) {
    let begin = begin(name);
    let mut holding = pages().into_iter().filter(|page| page.text.contains(&begin));
    let (Some(page), None) = (holding.next(), holding.next()) else {
        panic!("{begin} stands in one chapter");
    };
    let from = page.text.find(&begin).unwrap() + begin.len();
    let to = from + page.text[from..].find(END).unwrap_or_else(|| panic!("{begin} has no {END}"));
    let made = format!("\n{}\n\n", made.trim());
    if std::env::var_os("UPDATE_BOOK").is_some() {
        let text = format!("{}{made}{}", &page.text[..from], &page.text[to..]);
        fs::write(root().join(&page.path), text).unwrap();
        return;
    }
    assert!(
        page.text[from..to] == made,
        "{}: the part {name:?} is not as the program has it: run `cargo xtask book --write` and read what it changes",
        page.path.display()
    );
}

fn measures() -> String {
    let row = |(name, unit, takes_phase, about): &(&str, Unit, bool, &str)| {
        let unit = match unit {
            Unit::Time => "time",
            Unit::Percent => "percent",
            Unit::Count => "count",
        };
        let name = if *name == "time" { "time to CONDITION" } else { name };
        let phase = if *takes_phase { "yes" } else { "" };
        vec![code(name), unit.to_owned(), phase.to_owned(), (*about).to_owned()]
    };
    table(&["measure", "unit", "of a part", "what it is"], MEASURES.iter().map(row))
}

fn drills() -> String {
    let row = |drill: raftdeck_drills::Drill| {
        let about =
            drill.description.trim().split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned();
        let nodes = drill.cluster.nodes.to_string();
        vec![
            code(&drill.id),
            drill.title,
            nodes,
            drill.difficulty.name().to_owned(),
            about,
            drill.paper.join(", "),
        ]
    };
    table(&["id", "title", "nodes", "difficulty", "what happens", "read"], catalogue().into_iter().map(row))
}

fn keys() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        let actions = ACTIONS.iter().filter(|action| action.group == group);
        let row = |action: &raftdeck_deck::actions::Action| {
            let keys: Vec<String> = action.keys.iter().map(|(key, _)| code(key.to_string())).collect();
            let long = if action.long == "this page" { "all keys" } else { action.long };
            vec![keys.join(" "), long.to_owned()]
        };
        write!(text, "### {}\n\n{}\n", group.name(), table(&["key", "what it does"], actions.map(row)))
            .unwrap();
    }
    text
}

fn themes() -> String {
    let row = |sheet: &raftdeck_deck::theme::Sheet| vec![code(&sheet.name), sheet.about.clone()];
    table(&["theme", "what it is"], raftdeck_deck::theme::sheets().iter().map(row))
}

fn deck_settings() -> String {
    format!("```toml,deck\n{}```\n", raftdeck_deck::settings::template())
}

/// The program with all of its commands, those that people are told of.
fn described() -> Command {
    let mut command = program().described();
    command.build();
    command
}

/// Each command with its words, such as `raftdeck client put`, and its parent's options.
fn every_command(visit: &mut impl FnMut(&str, &Command, &[String])) {
    fn walk(
        command: &Command,
        path: &str,
        inherited: &[String],
        visit: &mut impl FnMut(&str, &Command, &[String]),
    ) {
        visit(path, command, inherited);
        let longs = command.get_arguments().filter(|option| option.is_global_set());
        let longs: Vec<String> = longs.filter_map(|option| option.get_long()).map(str::to_owned).collect();
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
            walk(sub, &format!("{path} {}", sub.get_name()), &longs, visit);
        }
    }
    walk(&described(), "raftdeck", &[], visit);
}

fn about(command: &Command) -> String {
    sentence(&command.get_about().map(ToString::to_string).unwrap_or_default())
}

fn commands() -> String {
    let mut rows = Vec::new();
    every_command(&mut |path, command, _| {
        let operands = command.get_positionals().map(|operand| {
            let name = operand.get_value_names().map(|names| names.join(" ")).unwrap_or_default();
            if operand.is_required_set() { format!(" {name}") } else { format!(" [{name}]") }
        });
        let usage = format!("{path}{}", operands.collect::<String>());
        rows.push(vec![code(usage), about(command)]);
    });
    table(&["command", "what it does"], rows)
}

fn help_after(command: &Command) -> String {
    let help = command.get_after_long_help().or_else(|| command.get_after_help());
    help.map(ToString::to_string).unwrap_or_default()
}

/// Commands with the same sentence share a row.
fn exit_status() -> String {
    let mut rows: Vec<(Vec<String>, String)> = Vec::new();
    every_command(&mut |path, command, _| {
        let help = help_after(command);
        let Some((_, status)) = help.split_once("Exit status: ") else { return };
        let status = sentence(status.split("\n\n").next().unwrap_or_default());
        match rows.iter_mut().find(|(_, other)| *other == status) {
            Some((paths, _)) => paths.push(path.to_owned()),
            None => rows.push((vec![path.to_owned()], status)),
        }
    });
    let rest = (vec!["all others".to_owned()], "0 done, 1 failed, 2 wrong usage.".to_owned());
    let mut rows: Vec<Vec<String>> =
        rows.into_iter().map(|(paths, status)| vec![codes(paths), status]).collect();
    rows.push(vec![rest.0[0].clone(), rest.1]);
    table(&["command", "exit status"], rows)
}

/// What people are told of: no operands, and not what every command has.
fn own_options<'a>(command: &'a Command, inherited: &'a [String]) -> impl Iterator<Item = &'a Arg> {
    let is_asked = |option: &Arg| {
        matches!(
            option.get_action(),
            ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Help | ArgAction::Version
        )
    };
    command.get_arguments().filter(move |option| {
        let Some(long) = option.get_long() else { return false };
        !option.is_hide_set()
            && !is_asked(option)
            && long != "config"
            && !inherited.iter().any(|other| other == long)
    })
}

fn options() -> String {
    let mut text = String::new();
    every_command(&mut |path, command, inherited| {
        let rows: Vec<Vec<String>> = own_options(command, inherited).map(option_row).collect();
        if rows.is_empty() {
            return;
        }
        let headings = ["option", "variable", "default", "what it does"];
        write!(text, "### {path}\n\n{}.\n\n{}\n", about(command), table(&headings, rows)).unwrap();
    });
    text
}

fn option_row(option: &Arg) -> Vec<String> {
    let long = option.get_long().unwrap();
    let values = option.get_value_names().filter(|_| option.get_action().takes_values());
    let values = values.map(|names| format!(" {}", names.join(" "))).unwrap_or_default();
    let short = option.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let variable = option.get_env().map(|name| code(name.to_string_lossy())).unwrap_or_default();
    let defaults = option.get_default_values().iter().map(|value| value.to_string_lossy());
    let default = if option.get_action().takes_values() { codes(defaults) } else { String::new() };
    let help = option.get_long_help().or_else(|| option.get_help()).map(ToString::to_string);
    let possible = option.get_possible_values().into_iter().filter(|_| option.get_action().takes_values());
    let possible = possible.filter(|value| !value.is_hide_set()).map(|value| match value.get_help() {
        Some(help) => format!("{}: {}", code(value.get_name()), lower(&help.to_string())),
        None => code(value.get_name()),
    });
    let possible: Vec<String> = possible.collect();
    let mut what = sentence(&help.unwrap_or_default());
    if !possible.is_empty() {
        write!(what, ". {}", possible.join("; ")).unwrap();
    }
    vec![format!("{short}{}", code(format!("--{long}{values}"))), variable, default, what]
}

/// `Heartbeat 50 ms` in the middle of a sentence; `JSON` stays.
fn lower(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}

fn configuration() -> String {
    let rows = program().shape().tables.into_iter().map(|(name, keys)| {
        let name = code(format!("[{name}]"));
        vec![name, codes(keys.into_keys())]
    });
    table(&["table", "keys"], rows.collect::<Vec<_>>())
}

/// The list of events in the help of `raftdeck up`: a name or several, then the fields.
fn events() -> String {
    let described = described();
    let help = help_after(described.find_subcommand("up").unwrap());
    let (_, list) = help.split_once("\nEvents:\n").unwrap();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in list.lines().take_while(|line| line.starts_with("  ")) {
        let indent = line.len() - line.trim_start().len();
        if indent > 2 {
            let row = rows.last_mut().unwrap();
            row[1] = format!("{} {}", row[1], line.trim());
            continue;
        }
        let mut rest = line.trim();
        let mut names = Vec::new();
        loop {
            let (name, after) = rest.split_once(' ').unwrap_or((rest, ""));
            names.push(code(name.trim_end_matches(',')));
            rest = after.trim();
            if !name.ends_with(',') {
                break;
            }
        }
        rows.push(vec![names.join(", "), rest.to_owned()]);
    }
    assert!(rows.len() > 30, "only {} events", rows.len());
    table(&["event", "fields"], rows)
}

fn description() -> Value {
    serde_json::from_str(&page("crates/node/src/http/openapi.json").text).unwrap()
}

/// What stands at the end of a reference.
fn follow<'a>(all: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => all.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// Every operation with its method and path.
fn operations(all: &Value) -> Vec<(String, &Value)> {
    let paths = all["paths"].as_object().unwrap();
    let methods = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    });
    methods.collect()
}

fn routes() -> String {
    let all = description();
    let rows = operations(&all).into_iter().map(|(name, operation)| {
        let named = operation["parameters"].as_array().into_iter().flatten().map(|given| follow(&all, given));
        let parameters = named.filter(|parameter| parameter["name"] != "X-Request-Id").map(|parameter| {
            let name = code(parameter["name"].as_str().unwrap());
            if parameter["in"] == "header" { format!("header {name}") } else { name }
        });
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        let body = example.as_object().map(|fields| format!("JSON with {}", codes(fields.keys())));
        let takes: Vec<String> = body.into_iter().chain(parameters).collect();
        vec![code(name), operation["summary"].as_str().unwrap().to_owned(), takes.join(", ")]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    table(&["request", "what it does", "body and parameters"], rows)
}

fn statuses() -> String {
    let all = description();
    let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, operation) in operations(&all) {
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let text = sentence(follow(&all, answer)["description"].as_str().unwrap());
            let texts = said.entry(status.clone()).or_default();
            if status != "200" && !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    said.entry("405".to_owned())
        .or_default()
        .push("The route does not have this method; `Allow` names those that it has.".to_owned());
    said.entry("421".to_owned())
        .or_default()
        .push("This is a Raft or client port; the message names the HTTP port.".to_owned());
    said.entry("431".to_owned()).or_default().push("A head over 64 KiB, or over 64 fields.".to_owned());
    said.insert("200".to_owned(), vec!["Done.".to_owned()]);
    let rows = said.into_iter().map(|(status, texts)| vec![status, texts.join(" ")]);
    table(&["status", "when"], rows.collect::<Vec<_>>())
}
