//! Real clusters of etcd for tests: temporary directories, free ports, children that are killed with the test.

#![allow(dead_code, reason = "each file of tests uses a part of it")]

use raftdeck_etcd::{ClientUrl, Etcd, EtcdAccess, MemberId, member_id};
use raftdeck_model::{ClientOp, ClientOutcome};
use raftdeck_protocol::{Answer, ResponseBody};
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A cluster of etcd members on this machine.
pub(crate) struct Cluster {
    pub(crate) etcd: Etcd,
    pub(crate) members: Vec<Process>,
    folder: TempDir,
    flags: Vec<String>,
}

/// One member.
pub(crate) struct Process {
    pub(crate) node: NodeId,
    pub(crate) id: MemberId,
    pub(crate) client_url: String,
    pub(crate) peer_url: String,
    child: Option<Child>,
}

impl Cluster {
    /// So many members, one of which leads.
    pub(crate) async fn start(count: usize) -> Self {
        let cluster = Self::launch(count, "http", EtcdAccess::default(), &[]);
        cluster.leader().await;
        cluster
    }

    /// Starts the members and waits for nothing.
    pub(crate) fn launch(count: usize, scheme: &str, access: EtcdAccess, flags: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ports = free_ports(2 * count);
        let token = format!("test-{}", ports[0]);
        let mut members = Vec::new();
        for (nth, ports) in ports.chunks(2).enumerate() {
            let url = |scheme: &str, port| format!("{scheme}://127.0.0.1:{port}");
            let (client_url, peer_url) = (url(scheme, ports[0]), url("http", ports[1]));
            let node = NodeId(u64::try_from(nth).expect("few") + 1);
            let id = member_id(&[&peer_url], &token);
            members.push(Process { node, id, client_url, peer_url, child: None });
        }
        let etcd = Etcd::new(access).expect("a usable access");
        let mut cluster = Self { etcd, members, folder, flags: flags.to_vec() };
        for nth in 0..count {
            cluster.run(nth);
        }
        cluster
    }

    pub(crate) fn token(&self) -> &'static str {
        let port = self.members[0].client_url.rsplit(':').next().expect("a port");
        format!("test-{port}").leak()
    }

    /// Starts a member's process, for the first time or again.
    pub(crate) fn run(&mut self, nth: usize) {
        let founders: Vec<String> =
            self.members.iter().map(|member| format!("{}={}", member.node, member.peer_url)).collect();
        let token = self.token();
        self.run_as(nth, &founders.join(","), &["--initial-cluster-token", token]);
    }

    fn run_as(&mut self, nth: usize, initial_cluster: &str, more: &[&str]) {
        let Process { node, id, client_url, peer_url, child } = &mut self.members[nth];
        let started = Command::new("etcd")
            .args(["--name", &node.to_string()])
            .arg("--data-dir")
            .arg(self.folder.path().join(node.to_string()))
            .args(["--listen-client-urls", client_url, "--advertise-client-urls", client_url])
            .args(["--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url])
            .args(["--initial-cluster", initial_cluster])
            .args(["--heartbeat-interval", "20", "--election-timeout", "200"])
            .args(["--logger=zap", "--log-outputs=stderr"])
            .args(more)
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        *child = Some(started.expect("etcd is in PATH: install etcd-server"));
        let url: ClientUrl = client_url.parse().expect("a URL");
        self.etcd.set_member(*node, url, Some(*id));
    }

    /// Adds a learner and starts it.
    pub(crate) async fn add_learner(&mut self) -> NodeId {
        let ports = free_ports(2);
        let node = NodeId(u64::try_from(self.members.len()).expect("few") + 1);
        let (client_url, peer_url) =
            (format!("http://127.0.0.1:{}", ports[0]), format!("http://127.0.0.1:{}", ports[1]));
        let leader = self.leader().await;
        let leader = self.etcd.node(leader).expect("it is known");
        let added = leader.add_member(vec![peer_url.clone()], true, DEADLINE).await;
        let (member, members) = added.expect("a learner");
        self.members.push(Process { node, id: member.id, client_url, peer_url, child: None });
        let urls: Vec<String> = members
            .iter()
            .map(|one| {
                let name = if one.id == member.id { node.to_string() } else { one.name.clone() };
                format!("{name}={}", one.peer_urls[0])
            })
            .collect();
        self.run_as(self.members.len() - 1, &urls.join(","), &["--initial-cluster-state", "existing"]);
        node
    }

    /// Ends a member's process at once.
    pub(crate) fn kill(&mut self, nth: usize) {
        self.members[nth].end();
    }

    pub(crate) fn signal(&self, nth: usize, signal: &str) {
        let pid = self.members[nth].child.as_ref().expect("it runs").id();
        let sent = Command::new("kill").args([signal, &pid.to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// The leader, once all members that run and answer agree on one.
    pub(crate) async fn leader(&self) -> NodeId {
        let running = || self.members.iter().filter(|member| member.child.is_some());
        let until = Instant::now() + DEADLINE;
        loop {
            let mut leaders = BTreeSet::new();
            for member in running() {
                let endpoint = self.etcd.node(member.node).expect("it is known");
                let status = endpoint.raft_status(Duration::from_secs(1)).await;
                leaders.insert(status.ok().and_then(|status| status.leader));
            }
            if let [Some(leader)] = leaders.iter().copied().collect::<Vec<_>>()[..]
                && let Some(leader) = running().find(|member| member.id == leader)
            {
                return leader.node;
            }
            assert!(Instant::now() < until, "no leader in time: {leaders:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Process {
    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it is ours");
            child.wait().expect("it was ours");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ports that nobody has at the moment.
fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0)).expect("a free port")).collect();
    held.iter().map(|listener| listener.local_addr().expect("bound").port()).collect()
}

/// The store's answer; anything else fails the test.
pub(crate) fn answer(outcome: ClientOutcome) -> Answer {
    match outcome {
        ClientOutcome::Answered { body: ResponseBody::Done { answer, .. }, .. } => answer,
        other => panic!("{other:?}"),
    }
}

/// Asks any member, and returns the store's answer.
pub(crate) async fn ask(etcd: &Etcd, op: ClientOp) -> Answer {
    answer(etcd.ask(&op.into(), DEADLINE).await)
}
