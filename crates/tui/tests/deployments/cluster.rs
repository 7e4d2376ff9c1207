//! Three nodes of a deployment, and what they must do.

use crate::support::lines::Lines;
use crate::support::{eventually, output, processes};
use rustix::process::Signal;
use std::process::{Child, Command, Stdio};

/// Nodes that are killed with it.
#[derive(Default)]
pub(crate) struct Cluster {
    nodes: Vec<(Child, Lines)>,
}

impl Cluster {
    /// Starts one node more.
    pub(crate) fn start(&mut self, mut node: Command) {
        let mut child = node.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = Lines::of(child.stdout.take().unwrap());
        self.nodes.push((child, lines));
    }

    /// Every node says that it serves, a write is read back, and each node ends in order when it is told to.
    pub(crate) fn serves_and_ends(mut self, client: impl Fn(&[&str]) -> Command) {
        for (_, lines) in &self.nodes {
            lines.wait_for("a node serves", |line| line.contains(r#""event":"ready""#).then_some(()));
        }
        let ask = |words: &[&str]| {
            let asked = output(client(words));
            let said = String::from_utf8(asked.stderr).unwrap();
            assert!(asked.status.success(), "{words:?}: {said}");
            String::from_utf8(asked.stdout).unwrap()
        };
        ask(&["put", "color", "blue"]);
        assert_eq!(ask(&["get", "color"]), "blue\n");
        assert_eq!(ask(&["member", "list"]).matches("voter").count(), 3);
        for (node, _) in &mut self.nodes {
            processes::send(node.id(), Signal::TERM);
            let status = eventually("a node ends", || node.try_wait().unwrap());
            assert!(status.success(), "{status}");
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (node, _) in &mut self.nodes {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

/// Waits until this command succeeds.
pub(crate) fn succeeds(what: &str, mut command: impl FnMut() -> Command) {
    eventually(what, || output(command()).status.success().then_some(()));
}
