//! `raftdeck-node`: a headless node. All it does is in the library, which `raftdeck node` uses as well.

use clap::{CommandFactory, FromArgMatches, Parser};
use raftdeck_config::Program;
use raftdeck_node::{BuildInfo, NodeArgs, VERSION};
use std::process::ExitCode;

/// One node of a Raft cluster: a replicated key-value store with an HTTP door.
#[derive(Debug, Parser)]
#[command(name = "raftdeck-node", version = VERSION, after_help = NodeArgs::EXAMPLES)]
struct Cli {
    #[command(flatten)]
    node: NodeArgs,
}

fn main() -> ExitCode {
    if BuildInfo::is_asked_for(std::env::args_os().skip(1)) {
        return BuildInfo::of("raftdeck-node").print();
    }
    let program = Program::new(Cli::command(), "node")
        .foreign(raftdeck_node::OTHER_TABLES)
        .stand_ins(NodeArgs::STAND_INS);
    let cli = Cli::from_arg_matches(&program.parse_or_exit()).unwrap_or_else(|error| error.exit());
    raftdeck_node::run(&cli.node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_help_has_an_example() {
        let help = Cli::command().get_after_help().expect("something stands below the options").to_string();
        let (_, examples) = help.split_once("Examples").expect("they are called so");
        assert!(
            examples.lines().any(|line| line.trim_start().starts_with("raftdeck-node --node-id 1")),
            "{help}"
        );
        assert!(!Cli::command().has_subcommands(), "each would have a page of its own");
    }
}
