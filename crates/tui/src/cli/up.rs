//! `raftdeck up`: a cluster without a screen.

use super::cluster::ClusterArgs;
use super::script::{read_script, script_of_input};
use crate::plain::{self, Format};
use crate::source::engine::Engine;
use clap::Args;
use color_eyre::eyre::Result;
use raftdeck_script::Script;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

/// Text for the help.
pub(super) const HELP: &str = "\
Examples:
  raftdeck up --nodes 3 --json
  raftdeck up --json --messages | jq -c 'select(.kind == \"RequestVote\")'
  printf 'wait leader\\nkill leader\\nwait leader\\nlogs\\nquit\\n' | raftdeck up

Commands are read from standard input, one a line; help lists all words, # begins a comment. A line
starts when the one before it is done. The end of the input does not end the cluster: quit does.

With --json each line is an object with \"event\" and \"at_ms\", the milliseconds since the start.
Events:
  cluster    nodes, heartbeat_ms, election_ms [least, greatest], data_dir (absent if something else runs the nodes)
  process    node, state: starting, running, paused (with pid, unless simulated), killed, stopped, failed (with how,
             last_words), unreachable (with why; only of a cluster elsewhere)
  ready      node, raft, client, http (addresses)
  started    node, term, last: what its disk held
  timeout    node, waited_ms: how long it heard no leader
  election   node, term, pre_vote
  vote       node, candidate, term, pre_vote, granted
  role       node, from, to (follower, pre_candidate, candidate, leader), term
  step_down  node, reason (higher_term, other_leader, quorum_lost, removed, disk_stalled), term
  leader     node, leader (null: none known), term
  commit     node, index; at most ten per second per node
  truncate   node, from, to: entries removed because they conflicted with the leader's
  link       from, to, state: cut, refused, open
  membership            node, index, voters, learners, outgoing (the old voters, while the change
                        is joint)
  membership_committed  node, index
  caught_up             node, learner, round, took_ms
  promotion_given_up    node, learner
  transfer              node, to: it hands over the leadership
  transfer_given_up     node, to
  told_to_campaign      node, leader
  snapshot_taken        node, last: the last entry in it, size in bytes
  snapshot_sending      node, to, last
  snapshot_installed    node, last, kept_log: whether the log behind it was kept
  purge      node, through: the log is compacted through this entry
  tuned      node, heartbeat_ms, election_ms [least, greatest], pre_vote, check_quorum
  paused     node: it detected that it had been stopped, or that its clock had jumped
  disk_slow, disk_stalled, disk_recovered   node, waited_ms: how long its disk has finished no write
  follower_disk_stalled      node (the leader), follower, waited_ms
  follower_disk_recovered    node (the leader), follower
  stranger_ignored      node, from, disk, expected: an answer from another disk, or from a node that is not a member
  went_back             node (the leader), follower, confirmed, found: it lost entries that it had acknowledged
  refilled              node (the leader), follower, through: it has all of these entries again
  snapshot_refused      node (the leader), follower, last, reason
  notice     node (the reporter), about (a node), kind: founding, empty_disk, removed; text: what is
             wrong and what to do. Repeated when the text changes
  notice_over   node, about, kind: this condition has ended
  peer_refused  node, peer, reason: no connection between them, because one refuses the other
  peer_admitted node, peer: the refusal has ended
  change     node, step: starting, joining, promoting, joined (a node is added); replacing, then
             joining to joined; leaving, left; handing_over, handed_over; given_up
  missed     node, count: events that were dropped
  time       rate, now_us: the rate of cluster time, and its present value
  in_force   faults: everything in force, each with its id and its command
  message    with --messages only: id, from, to, kind, term, entries, fields, sent_us, state
             (under_way, held, delivered, lost), then_us (when it is due, was delivered or lost; not
             if it is held), index and granted where a message has them. One line per state; times are
             cluster time. A quiet cluster of three at fast timing prints some 150 lines a second
  messages_skipped   count: reports of messages that were dropped because they arrived too fast
  client     id (of the command), asked, node, answer or failed: the outcome of a request to the store
  refused    id, reason: a command could not be carried out
  trouble    reason: an error that no command caused
  answer     to, lines: to say, logs, rules, status, save and help; to store: the pending requests
More events and fields may be added.

Exit status: 0 on quit, on Ctrl-C, and when the output is closed; 1 failed, or a line of
a script that cannot be parsed; 3 a wait, an expect or a step of a script that failed, or a command
that was refused. At a terminal the last two are only reported.";

#[derive(Args, Debug)]
pub(super) struct UpArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
    /// With --json: print also each message on the links, whenever its state changes
    #[arg(long, requires = "json")]
    messages: bool,
    /// Run the lines of this file before those of standard input
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
}

/// Runs the cluster and the script, and prints what happens; returns the exit status.
pub(super) fn run(args: UpArgs) -> Result<u8> {
    let format = Format::asked(args.json, args.messages);
    let script = match &args.script {
        Some(file) => {
            let (file, text) = read_script(file)?;
            Script::of_file(&file, &text)
        }
        None => Script::default(),
    };
    match args.cluster.start()? {
        (Engine::Simulator(options), tape) if args.script.is_some() || !io::stdin().is_terminal() => {
            let script = script_of_input(script, args.script.is_some())?;
            plain::run_simulation(options, format, script, tape)
        }
        (engine, tape) => plain::run(engine, format, script, tape),
    }
}
