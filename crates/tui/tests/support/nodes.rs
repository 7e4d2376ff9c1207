//! Real nodes without a deck, and one-shot clients that ask them.

use super::deck::RAFTDECK;
use super::lines::Lines;
use super::{eventually, processes};
use rustix::process::Signal;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use tempfile::TempDir;

/// Nodes n1 to n3, and others that join; all end with the test.
pub(crate) struct Cluster {
    /// A loopback host of this test's own, so that no other test or program has its ports.
    host: String,
    data: TempDir,
    nodes: Vec<Child>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let mut cluster = Self { host: own_host(), data: tempfile::tempdir().unwrap(), nodes: Vec::new() };
        for id in 1..=3 {
            cluster.run(id, &["--cluster", &cluster.addresses(3)]);
        }
        cluster
    }

    pub(crate) fn join(&mut self, id: u16) {
        self.run(id, &["--join"]);
    }

    fn run(&mut self, id: u16, args: &[&str]) {
        let mut node = Command::new(RAFTDECK);
        node.args(["node", "--node-id", &id.to_string(), "--bind", &self.address(id)]);
        node.arg("--data-dir").arg(self.data.path().join(id.to_string())).args(args);
        node.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.nodes.push(node.spawn().unwrap());
    }

    pub(crate) fn address(&self, id: u16) -> String {
        format!("{}:{}", self.host, 8079 + id)
    }

    /// The Raft addresses of the first nodes.
    pub(crate) fn addresses(&self, count: u16) -> String {
        (1..=count).map(|id| self.address(id)).collect::<Vec<_>>().join(",")
    }

    /// The id of the node that leads, as soon as one does.
    pub(crate) fn leader(&self) -> usize {
        eventually("somebody leads", || {
            let said = ask(&self.addresses(3), &["--quiet", "status"]);
            String::from_utf8(said.stdout).unwrap().trim().strip_prefix('n')?.parse().ok()
        })
    }

    /// Kills a node as a crash does.
    pub(crate) fn kill(&mut self, id: usize) {
        let node = &mut self.nodes[id - 1];
        node.kill().unwrap();
        node.wait().unwrap();
    }

    /// Kills a founding node and starts it again on an empty data directory.
    pub(crate) fn wipe(&mut self, id: u16) {
        self.kill(usize::from(id));
        std::fs::remove_dir_all(self.data.path().join(id.to_string())).unwrap();
        self.run(id, &["--cluster", &self.addresses(3)]);
        let node = self.nodes.pop().unwrap();
        self.nodes[usize::from(id) - 1] = node;
    }

    /// Stops all nodes where they stand; nobody answers any more.
    pub(crate) fn pause(&self) {
        self.nodes.iter().for_each(|node| processes::stop(node.id()));
    }

    /// What is printed by an operation that works.
    pub(crate) fn does(&self, args: &[&str]) -> String {
        let output = ask(&self.addresses(3), args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{args:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is said by an operation that fails.
    pub(crate) fn fails(&self, args: &[&str]) -> String {
        let output = ask(&self.addresses(3), args);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

/// A loopback host of the caller's own, so that no other test or program has its ports.
pub(crate) fn own_host() -> String {
    static GIVEN: AtomicU8 = AtomicU8::new(0);
    let nth = GIVEN.fetch_add(1, Ordering::Relaxed);
    let pid = std::process::id();
    if cfg!(target_os = "linux") {
        format!("127.{}.{}.{}", 1 + (pid >> 8) % 250, pid & 0xff, 250 - nth)
    } else {
        "127.0.0.1".to_owned()
    }
}

/// A client of the nodes at these addresses.
pub(crate) fn client(addresses: &str) -> Command {
    let mut client = Command::new(RAFTDECK);
    client.args(["client", "--timeout", "60", "--cluster", addresses]);
    client
}

pub(crate) fn ask(addresses: &str, args: &[&str]) -> Output {
    let mut command = client(addresses);
    command.args(args).stdin(Stdio::null());
    super::output(command)
}

/// A client that goes on, and the lines it prints.
pub(crate) struct Watch {
    pub(crate) child: Child,
    pub(crate) lines: Lines,
}

impl Watch {
    pub(crate) fn start(addresses: &str, args: &[&str]) -> Self {
        let mut command = client(addresses);
        let mut child = command.args(args).stdout(Stdio::piped()).spawn().unwrap();
        let lines = Lines::of(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Waits for a line that gives something.
    pub(crate) fn wait_for<T>(&self, what: &str, wanted: impl FnMut(&str) -> Option<T>) -> T {
        self.lines.wait_for(what, wanted)
    }

    pub(crate) fn end(&mut self) -> i32 {
        processes::send(self.child.id(), Signal::INT);
        let child = &mut self.child;
        eventually("the watch ends", || child.try_wait().unwrap()).code().expect("it ends by itself")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
