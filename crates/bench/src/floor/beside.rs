//! The processes of the baseline, run by the benchmark alternately with the store.

use super::{COMMAND, FloorRun, Listening};
use crate::error::BenchError;
use crate::processes::processor_time;
use crate::tally::Latencies;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A leader and its followers that wait for work. They end when this is dropped, or when this process ends, because their standard
/// input is then closed.
#[derive(Debug)]
pub(crate) struct Floor {
    leader: FloorProcess,
    followers: Vec<FloorProcess>,
}

/// One of its processes.
#[derive(Debug)]
struct FloorProcess {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// The outcome of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slice {
    pub(crate) latencies: Latencies,
    pub(crate) took: Duration,
    /// The leader's syncs.
    pub(crate) syncs: u64,
    /// Processor time of all its processes; `None`: not known.
    pub(crate) processor: Option<Duration>,
}

impl Slice {
    pub(crate) fn add(&mut self, other: &Self) {
        self.latencies.add(&other.latencies);
        self.took += other.took;
        self.syncs += other.syncs;
        self.processor = self.processor.zip(other.processor).map(|(a, b)| a + b);
    }
}

impl Floor {
    /// Starts as many processes as a cluster has nodes, with their files in `dir`.
    pub(crate) fn start(
        dir: &Path,
        nodes: usize,
        in_flight: u64,
        value_size: usize,
        sync_delay: Duration,
    ) -> Result<Self, BenchError> {
        let disk = |name: &str| {
            let file = dir.join(format!("floor-{name}")).display().to_string();
            ["--file".to_owned(), file, "--sync-delay-micros".to_owned(), sync_delay.as_micros().to_string()]
        };
        let mut followers = Vec::new();
        let mut addresses = Vec::new();
        for number in 1..nodes {
            let mut part = FloorProcess::start("follower", &disk(&format!("follower-{number}")))?;
            let listening: Listening = part.hear()?;
            addresses.push(listening.address.to_string());
            followers.push(part);
        }
        let mut args = disk("leader").to_vec();
        args.extend(["--in-flight".to_owned(), in_flight.to_string()]);
        args.extend(["--value-size".to_owned(), value_size.to_string()]);
        args.extend(addresses.into_iter().flat_map(|address| ["--follower".to_owned(), address]));
        Ok(Self { leader: FloorProcess::start("leader", &args)?, followers })
    }

    /// Works for this long.
    pub(crate) fn run(&mut self, span: Duration) -> Result<Slice, BenchError> {
        let before = self.processor_time();
        let ran: FloorRun = self.leader.ask(&span.as_millis().max(1).to_string())?;
        let mut latencies = Latencies::default();
        for (nanos, count) in ran.latencies {
            latencies.note(Duration::from_nanos(nanos), count);
        }
        let processor = self.processor_time().zip(before).map(|(after, before)| after.saturating_sub(before));
        Ok(Slice { latencies, took: Duration::from_micros(ran.micros), syncs: ran.syncs, processor })
    }

    fn processor_time(&self) -> Option<Duration> {
        let parts = std::iter::once(&self.leader).chain(&self.followers);
        parts.map(|part| processor_time(part.child.id())).sum()
    }
}

impl FloorProcess {
    fn start(part: &str, args: &[String]) -> Result<Self, BenchError> {
        let program =
            std::env::current_exe().map_err(BenchError::system("this program's own file cannot be found"))?;
        let mut child = Command::new(program)
            .args([COMMAND, part])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .env_remove(raftdeck_client::TOKEN_VARIABLE)
            // Ctrl-C is handled by the benchmark, which ends it.
            .process_group(0)
            .spawn()
            .map_err(BenchError::system("the floor program cannot be started"))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => {
                Ok(Self { child, input: Some(input), output: BufReader::new(output) })
            }
            _ => Err(BenchError::Floor("it has no pipes".to_owned())),
        }
    }

    fn ask<T: DeserializeOwned>(&mut self, line: &str) -> Result<T, BenchError> {
        let asked = self.input.as_mut().map_or(Ok(()), |input| writeln!(input, "{line}"));
        asked.map_err(|error| BenchError::Floor(error.to_string()))?;
        self.hear()
    }

    fn hear<T: DeserializeOwned>(&mut self) -> Result<T, BenchError> {
        let mut line = String::new();
        let heard = self.output.read_line(&mut line).map_err(|error| error.to_string());
        let said =
            heard.and_then(|_| serde_json::from_str(&line).map_err(|error| format!("{error}: {line:?}")));
        said.map_err(BenchError::Floor)
    }
}

impl Drop for FloorProcess {
    fn drop(&mut self) {
        // Closing its input tells it to end; a leader in the middle of a run is not waited for.
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
