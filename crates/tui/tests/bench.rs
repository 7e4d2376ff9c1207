//! `raftdeck bench` with real clusters, each for a moment: what its results have and what holds between them, never how
//! good they are. And that nothing is left behind, however it ends.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::MutexGuard;
use support::{alone, deck::Deck, deck::RAFTDECK, eventually, lines::Lines, processes};
use tempfile::TempDir;

/// A benchmark, alone on the machine as far as this test is concerned, and the directory of its temporary files.
struct Bench {
    command: Command,
    temporary: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Bench {
    fn new(line: &str) -> Self {
        let alone = alone();
        let temporary = tempfile::tempdir().unwrap();
        let mut command = Command::new(RAFTDECK);
        command.arg("bench").args(line.split_whitespace()).env("TMPDIR", temporary.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, temporary, _alone: alone }
    }

    /// Runs it to its end, which must be a good one that leaves nothing behind.
    fn run(mut self) -> Output {
        let command = std::mem::replace(&mut self.command, Command::new("true"));
        let line = format!("{command:?}");
        let output = support::output(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{line}");
        assert_eq!(self.files_left(), Vec::<String>::new());
        output
    }

    /// What it says in JSON.
    fn json(line: &str) -> Value {
        let output = Self::new(&format!("{line} --json")).run();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn files_left(&self) -> Vec<String> {
        let names = fs::read_dir(self.temporary.path()).unwrap();
        names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Checks one kind of operation's figures; how many there were.
fn check_figures(figures: &Value, secs: f64) -> f64 {
    let count = number(&figures["count"]);
    assert!(count > 0.0, "{figures}");
    assert!((number(&figures["per_second"]) * secs / count - 1.0).abs() < 0.001, "{figures}");
    let latency = ["p50", "p99", "p999", "max"].map(|name| number(&figures["latency_us"][name]));
    assert!(latency[0] > 0.0 && latency.is_sorted(), "{figures}");
    assert!(number(&figures["latency_us"]["mean"]) <= latency[3], "{figures}");
    count
}

/// Checks what three nodes of its own cost: one leads, and each has written its log.
fn check_nodes(report: &Value) {
    let nodes = report["processes"].as_array().unwrap();
    assert_eq!(nodes.iter().map(|node| number(&node["node"])).collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
    assert_eq!(nodes.iter().filter(|node| node["leader"] == true).count(), 1, "{report}");
    if cfg!(target_os = "linux") {
        let sum: f64 = nodes.iter().map(|node| number(&node["cpu_us_per_op"])).sum();
        let all = number(&report["servers_cpu_us_per_op"]);
        assert!(all > 0.0 && (sum / all - 1.0).abs() < 0.001, "{report}");
        assert!(number(&report["client_cpu_us_per_op"]) > 0.0, "{report}");
    }
}

#[test]
fn writes_are_counted_timed_and_charged_to_processes() {
    let report = Bench::json("write --clients 16 --secs 1 --warm-up 0.1 --keys 100 --value-size 32");
    let secs = number(&report["secs"]);
    assert!(secs >= 1.0, "{report}");
    let count = check_figures(&report["writes"], secs);
    assert!((number(&report["throughput"]) * secs / count - 1.0).abs() < 0.001, "{report}");
    check_nodes(&report);
    for node in report["processes"].as_array().unwrap() {
        let fsyncs = number(&node["fsyncs_per_op"]);
        assert!(fsyncs > 0.0 && fsyncs <= 1.5, "every write is on disk, several with one sync: {report}");
    }
    for (name, value) in
        [("clients", 16), ("connections", 1), ("value_bytes", 32), ("keys", 100), ("nodes", 3)]
    {
        assert_eq!(report[name], value, "{name}");
    }
    for nothing in ["failed", "unknown", "left_out"] {
        assert_eq!(report[nothing], 0, "{nothing}: {report}");
    }
    for none in ["reads", "floor", "ratio", "rate", "error", "consistency"] {
        assert_eq!(report[none], Value::Null, "{none}");
    }
    assert!(report["over_time"].as_array().unwrap().len() > 2, "{report}");
}

#[test]
fn the_floor_is_measured_beside_the_store_and_compared() {
    let report = Bench::json("write --clients 8 --secs 1 --warm-up 0.1 --keys 100 --floor");
    check_figures(&report["writes"], number(&report["secs"]));
    let floor = &report["floor"];
    assert!(number(&floor["count"]) > 0.0 && number(&floor["latency_us"]["p50"]) > 0.0, "{floor}");
    // All that is in flight is one batch, and a batch is one sync.
    assert_eq!(floor["fsyncs_per_op"], 1.0 / 8.0);
    let ratio = number(&report["throughput"]) / number(&floor["per_second"]);
    assert!((number(&report["ratio"]) / ratio - 1.0).abs() < 0.001, "{report}");
}

#[test]
fn a_slower_disk_is_slower_for_both() {
    let report = Bench::json("write --clients 1 --secs 0.5 --warm-up 0 --keys 10 --floor --sync-delay 5ms");
    assert_eq!(report["sync_delay_us"], 5000);
    for least in [&report["writes"]["latency_us"]["p50"], &report["floor"]["latency_us"]["p50"]] {
        assert!(number(least) >= 5000.0, "an acknowledged write waits for syncs: {report}");
    }
}

#[test]
fn reads_of_each_consistency_find_keys_that_were_written_before() {
    for consistency in ["linearizable", "lease", "stale"] {
        let line = format!("read --clients 8 --secs 0.5 --warm-up 0 --keys 50 --consistency {consistency}");
        let report = Bench::json(&line);
        check_figures(&report["reads"], number(&report["secs"]));
        assert_eq!((&report["writes"], &report["failed"]), (&Value::Null, &0.into()), "{report}");
        assert!(report["consistency"].as_str().unwrap().eq_ignore_ascii_case(consistency), "{report}");
    }
}

#[test]
fn a_mixed_load_reads_as_often_as_it_was_told() {
    let report = Bench::json("mixed --reads 75 --clients 16 --secs 1 --warm-up 0 --keys 50");
    let secs = number(&report["secs"]);
    let (reads, writes) = (check_figures(&report["reads"], secs), check_figures(&report["writes"], secs));
    assert_eq!(report["read_percent"], 75);
    let share = reads / (reads + writes);
    assert!((0.6..0.9).contains(&share), "{share} of the operations were reads");
}

#[test]
fn an_open_loop_begins_as_many_operations_as_are_due() {
    let report = Bench::json("write --rate 300 --secs 1 --warm-up 0 --keys 50");
    let told = ["failed", "unknown", "left_out"].map(|name| number(&report[name]));
    let count = check_figures(&report["writes"], number(&report["secs"]));
    assert!((count + told.iter().sum::<f64>() - 300.0).abs() < 0.1, "{report}");
}

#[test]
fn an_open_loop_counts_from_when_an_operation_was_due() {
    // One client and 20 ms a write: of 200 a second most begin far too late, which their latency must show.
    let load = "--rate 200 --clients 1 --sync-delay 20ms --nodes 1";
    let report = Bench::json(&format!("write {load} --secs 0.5 --warm-up 0 --keys 5"));
    assert!(number(&report["writes"]["latency_us"]["max"]) > 500_000.0, "{report}");
    assert_eq!(report["clients"], 1);
}

#[test]
fn each_failover_has_a_time_and_so_has_each_restart() {
    let report = Bench::json("failover --trials 2 --clients 4 --heartbeat 20 --election 80..160");
    for name in ["failover_ms", "restart_ms"] {
        let times = &report[name];
        assert_eq!(times["all"].as_array().unwrap().len(), 2, "{report}");
        let sorted = ["least", "median", "p95", "greatest"].map(|name| number(&times[name]));
        assert!(sorted[0] > 0.0 && sorted.is_sorted(), "{report}");
    }
    // Nobody may vote for another while the dead leader may still be heard from.
    assert!(number(&report["failover_ms"]["least"]) >= 80.0 - 20.0, "{report}");
    assert!(number(&report["start_ms"]) > 0.0 && number(&report["acknowledged"]) > 0.0, "{report}");
    assert_eq!(report["detect_crash"], false);
}

#[test]
fn a_start_is_timed_to_the_first_write() {
    let report = Bench::json("start --trials 2 --nodes 1");
    let (ready, written) = (&report["ready_ms"], &report["first_write_ms"]);
    assert!(
        number(&ready["least"]) > 0.0 && number(&written["least"]) >= number(&ready["least"]),
        "{report}"
    );
    assert_eq!(written["all"].as_array().unwrap().len(), 2);
}

#[test]
fn a_recovery_has_the_log_that_was_asked_for() {
    let report = Bench::json("recovery --entries 3000 --trials 2 --value-size 100 --keys 500");
    // And what the cluster itself puts there: the leader's no-op, the session.
    assert!((3000.0..3100.0).contains(&number(&report["entries"])), "{report}");
    assert!(number(&report["data_bytes"]) > 3000.0 * 100.0, "{report}");
    assert!(number(&report["ready_ms"]["least"]) > 0.0, "{report}");
    assert!(number(&report["first_write_ms"]["least"]) >= number(&report["ready_ms"]["least"]), "{report}");
    if cfg!(target_os = "linux") {
        assert!(number(&report["peak_memory_bytes"]) > 1e6, "{report}");
    }
}

#[test]
fn a_cluster_that_runs_already_is_measured_and_goes_on() {
    let temporary = tempfile::tempdir().unwrap();
    let data = temporary.path().join("data").display().to_string();
    let mut node = Command::new(RAFTDECK);
    node.args(["node", "--node-id", "1", "--bind", "127.0.0.1:0", "--data-dir", &data]);
    let mut node =
        Kept(node.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let lines = Lines::of(node.0.stdout.take().unwrap());
    let ready: Value = lines.wait_for("the ready line", |line| serde_json::from_str(line).ok());
    let line = format!(
        "mixed --cluster {} --clients 4 --secs 0.5 --warm-up 0 --keys 20",
        ready["client"].as_str().unwrap()
    );
    let report = Bench::json(&line);
    check_figures(&report["writes"], number(&report["secs"]));
    assert_eq!((&report["nodes"], &report["servers_cpu_us_per_op"]), (&1.into(), &Value::Null), "{report}");
    assert!(number(&report["processes"][0]["fsyncs_per_op"]) > 0.0, "{report}");
    assert_eq!(node.0.try_wait().unwrap(), None, "it goes on");
}

/// Ended with the test.
struct Kept(Child);

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_cluster_that_is_not_there_is_a_failure_in_words() {
    let bench = Bench::new("write --cluster 127.0.0.1:1 --secs 0.2 --warm-up 0 --timeout 0.3 --clients 2");
    let output = support::output(bench.command);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("nothing was acknowledged") && said.contains("127.0.0.1:1"), "{said}");
}

#[test]
fn a_signal_ends_it_with_everything_it_started() {
    for (signal, status) in [(Signal::INT, Some(130)), (Signal::TERM, Some(143)), (Signal::KILL, None)] {
        let mut bench = Bench::new("write --clients 4 --secs 600 --warm-up 0 --keys 10 --floor");
        let child = Kept(bench.command.spawn().unwrap());
        let pid = child.0.id();
        // Three nodes and the floor's three processes; and one that removes a temporary folder once this one is gone, if it has one.
        let children =
            eventually("six children", || Some(processes::children(pid)).filter(|all| all.len() >= 6));
        processes::send(pid, signal);
        let mut child = child;
        let ended = eventually("its end", || child.0.try_wait().unwrap());
        assert_eq!(ended.code(), status, "{ended}");
        processes::wait_gone(&children);
        if signal == Signal::KILL {
            assert_eq!(ended.signal(), Some(Signal::KILL.as_raw()));
        } else {
            assert_eq!(bench.files_left(), Vec::<String>::new(), "{signal:?}");
        }
    }
}

#[test]
fn on_a_terminal_it_shows_how_far_it_is_and_then_a_table_of_80_columns() {
    let args = ["bench", "write", "--clients", "4", "--secs", "1", "--keys", "100", "--fill", "--floor"];
    let deck = Deck::start(&args, 80, 30);
    deck.wait_for_text("measuring");
    deck.wait_for_text("the floor");
    deck.wait_for_text("over time");
    deck.wait_for_text("the clients");
    let screen = deck.look(vt100::Screen::contents);
    for text in [
        "write  3 nodes, 4 clients, 256-byte values, 100 keys",
        "throughput",
        "p99.9",
        "ratio",
        "n1",
        "fsyncs",
    ] {
        assert!(screen.contains(text), "{text:?} is missing:\n{screen}");
    }
    assert!(!screen.contains("measuring"), "the progress bar is gone:\n{screen}");
}

#[test]
fn a_table_in_a_pipe_is_plain_text() {
    let output = Bench::new("write --clients 2 --secs 0.3 --warm-up 0 --keys 10").run();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("throughput") && !text.contains('\x1b'), "{text}");
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 80, "{text}");
}
