//! `raftdeck config`: the settings in effect and their sources, and the files to begin one's own with. Changes nothing.

use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{ArgMatches, Subcommand};
use raftdeck_config::{Program, as_json, as_table};
use raftdeck_deck::theme::SHIPPED;

/// The end of `raftdeck config --help`.
pub(crate) const HELP: &str = "\
Examples:
  raftdeck config show --config raftdeck.toml
  raftdeck config show node --json | jq -r '.\"raftdeck node\".heartbeat.value'

A file has a table per command, [node], [client], [deck] for the deck itself and up, [bench] and so on,
and in it the command's long options without the hyphens before them:
  [node]
  data-dir = \"/var/lib/raftdeck\"
  cluster = [\"10.0.0.1:8080\", \"10.0.0.2:8080\", \"10.0.0.3:8080\"]
  fast-mode = true
No file is read unless --config or RAFTDECK_CONFIG names it. Each option has a variable too, RAFTDECK_ and
its name, as RAFTDECK_DATA_DIR; those of bench and sim are RAFTDECK_BENCH_... and RAFTDECK_SIM_..., because
the same names mean something else there. The command line takes precedence over the environment, and
the environment over the file. An option that conflicts with one from a higher-priority source is
ignored.";

/// `raftdeck config ...`
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigArgs {
    /// Print each option's value and its source: a variable, a line of the file, or the default
    #[command(
        after_help = "Examples:\n  raftdeck config show\n  raftdeck config show node --config raftdeck.toml\n  raftdeck config show client put\n  raftdeck config show --json | jq '.\"raftdeck client\".cluster'"
    )]
    Show {
        /// Only the options of this command; deck means the deck and up
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
        /// Print one JSON object: by command, by option
        #[arg(long)]
        json: bool,
    },
    /// Print the settings of the deck, its theme and its keys, with their defaults: the beginning of a deck.toml
    #[command(
        after_help = "Examples:\n  raftdeck config print-default\n  raftdeck config print-default > ~/.config/raftdeck/deck.toml"
    )]
    PrintDefault,
    /// Print the file of a built-in theme: the beginning of a theme of one's own
    #[command(after_help = "Example: raftdeck config print-theme dark > ~/.config/raftdeck/themes/mine.toml")]
    PrintTheme {
        /// Which
        #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(raftdeck_deck::theme::names()))]
        name: String,
    },
}

/// The text that it prints.
pub(crate) fn told(args: &ConfigArgs, program: &Program, matches: &ArgMatches) -> String {
    let (command, json) = match args {
        ConfigArgs::Show { command, json } => (command, json),
        ConfigArgs::PrintDefault => return raftdeck_deck::settings::template(),
        ConfigArgs::PrintTheme { name } => {
            let theme = SHIPPED.iter().find(|(known, _)| known == name);
            return theme.map(|(_, text)| (*text).to_owned()).unwrap_or_default();
        }
    };
    let environment = |name: &str| std::env::var_os(name);
    let sections = program.in_force(command, matches, &environment).unwrap_or_else(|refusal| refusal.exit());
    if sections.is_empty() {
        let known: Vec<String> = program.shape().tables.into_keys().collect();
        let error =
            format!("\"{}\" is not a command with options; there is {}", command.join(" "), known.join(", "));
        program.described().error(ErrorKind::InvalidValue, error).exit();
    }
    if *json {
        return format!("{}\n", as_json("raftdeck", &sections));
    }
    as_table("raftdeck", &sections)
}
