//! What a host and its owner say to each other: a JSON value a line, written at once.

use raftdeck_lab::{EtcdOptions, LabOptions};
use raftdeck_model::Capabilities;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Write};
use std::path::Path;

/// What a host runs: the owner's first line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum HostedCluster {
    /// raftdeck nodes.
    Lab(LabOptions),
    /// Members of etcd.
    Etcd(EtcdOptions),
}

impl HostedCluster {
    /// The program that becomes each node, which can be a host too.
    pub(super) fn executable(&self) -> &Path {
        match self {
            Self::Lab(options) => &options.executable,
            Self::Etcd(options) => &options.executable,
        }
    }
}

/// The host's first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum HostStart {
    /// The cluster is started, and can do this.
    Started(Capabilities),
    /// It cannot be started; why, in a sentence.
    Failed(String),
}

/// Writes a value as a line, in one write.
pub(super) fn write(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads the next line; `None`: there is none.
pub(super) fn read<T: DeserializeOwned>(
    from: &mut impl BufRead,
    line: &mut Vec<u8>,
) -> io::Result<Option<T>> {
    line.clear();
    if from.read_until(b'\n', line)? == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(line)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::{Command, CommandId, News, Order, Update, World};
    use raftdeck_raft::NodeId;
    use raftdeck_script::ScriptLine;
    use std::time::Duration;

    fn world() -> World {
        let mut world = World::default();
        let nodes = (1..=3).map(NodeId).collect();
        let what = News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() };
        world.fold(&Update { at: Duration::ZERO, seq: 1, what });
        world
    }

    /// What a line of the grammar has a source do.
    fn orders(line: &str) -> Vec<Order> {
        match raftdeck_script::parse(line, &world()) {
            Ok(ScriptLine::Do(orders)) => orders,
            Ok(ScriptLine::Step { step, .. }) => vec![Order::Step(step)],
            Ok(ScriptLine::Store(request)) => vec![Order::Client(request)],
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn every_kind_of_command_reaches_the_host_as_it_is() {
        let lines = [
            "kill 1",
            "restart all",
            "pause 2",
            "isolate 2",
            "delay * 50ms\u{b1}20ms",
            "lose 1>2 10% only AppendEntries",
            "limit 1-2 100KB/s",
            "reorder * 20% 20ms",
            "bridge 2",
            "wan 1=eu,2=us,3=ap",
            "slow 1 50%",
            "full 1 64KB",
            "disk 1 stall",
            "disk 1 delay 50ms",
            "wipe 1",
            "align",
            "timeouts 2 1s..2s",
            "heartbeat 1 20ms",
            "clock 1 50%",
            "prevote off 1",
            "undo",
            "heal",
            "add",
            "remove 3",
            "transfer 2",
            "rate 1/10",
            "step",
            "step 500ms",
            "put \"a \u{e4}\\n\" \"b\"",
            "cas k a b",
            "get k stale at 2",
            "as alice delete k",
            "list",
        ];
        for line in lines {
            for (id, what) in (1..).zip(orders(line)) {
                let sent = Command { id: CommandId(id), what };
                let mut bytes = Vec::new();
                write(&mut bytes, &sent).unwrap();
                assert_eq!(bytes.split_inclusive(|byte| *byte == b'\n').count(), 1, "{line}");
                let taken: Option<Command> = read(&mut &bytes[..], &mut Vec::new()).unwrap();
                assert_eq!(taken, Some(sent), "{line}");
            }
        }
    }
}
