//! Real nodes for tests: started, watched, killed, and never left behind, also when a test panics.
#![allow(dead_code, reason = "each test file uses a part of this")]

pub(crate) mod load;
pub(crate) mod pki;
pub(crate) mod tls;
pub(crate) mod wire;

use raftdeck_client::{Client, Options};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// How long a condition may take to come true on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// No test waits longer than this in [`block_on`], whatever it waits for.
const LIMIT: Duration = Duration::from_mins(2);

const BIN: &str = env!("CARGO_BIN_EXE_raftdeck-node");

/// A loopback host of this test's own, so that no other test or program has its ports.
pub(crate) fn own_host() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let nth = NEXT.fetch_add(1, Ordering::Relaxed) % 250 + 1;
    let pid = std::process::id();
    if cfg!(target_os = "linux") {
        format!("127.{}.{}.{nth}", 1 + (pid >> 8) % 250, pid & 0xff)
    } else {
        "127.0.0.1".to_owned()
    }
}

/// Waits until `condition` gives something, and says what it waited for if that does not happen.
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// How a node is to be started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Launch {
    args: Vec<String>,
    variables: Vec<(String, String)>,
    within: Option<PathBuf>,
}

impl Launch {
    pub(crate) fn new(args: &[&str]) -> Self {
        Self { args: args.iter().map(|arg| (*arg).to_owned()).collect(), ..Self::default() }
    }

    /// Starts it in this directory, instead of the test's own.
    pub(crate) fn within(mut self, dir: &Path) -> Self {
        self.within = Some(dir.to_owned());
        self
    }

    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    pub(crate) fn data(self, dir: &Path) -> Self {
        self.args(&["--data-dir", &dir.display().to_string()])
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the process and waits for nothing.
    pub(crate) fn start(&self) -> Node {
        let mut command = Command::new(BIN);
        for (name, _) in std::env::vars() {
            let ours = name.starts_with("RAFTDECK_");
            if ours || ["NODE_ID", "PORT", "KVSTORE_PORT", "PEERS"].contains(&name.as_str()) {
                command.env_remove(name);
            }
        }
        if let Some(dir) = &self.within {
            command.current_dir(dir);
        }
        let mut child = command
            .args(&self.args)
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the node's binary runs");
        let (lines, stdout) = mpsc::channel();
        let output = child.stdout.take().expect("is piped");
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        let log = Arc::new(Mutex::new(String::new()));
        let errors = child.stderr.take().expect("is piped");
        let into = Arc::clone(&log);
        let reader = thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                let mut log = into.lock().expect("no reader panics");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let stdin = child.stdin.take();
        Node { child, stdin, stdout, log, reader: Some(reader), ready: None }
    }

    /// Starts the process and waits until it serves.
    pub(crate) fn ready(&self) -> Node {
        let mut node = self.start();
        node.await_ready();
        node
    }

    /// Runs the process to an end that it must find by itself: its exit code and all it wrote to standard error.
    pub(crate) fn fails(&self) -> (Option<i32>, String) {
        let mut node = self.start();
        let status = node.wait();
        assert_eq!(node.stdout.try_iter().count(), 0, "a node that fails to start is not ready");
        (status.code(), node.log())
    }
}

/// Where a node serves, from its ready line.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) id: u64,
    pub(crate) raft: String,
    pub(crate) client: String,
    pub(crate) http: String,
}

/// A node's process. Killed and reaped when dropped.
#[derive(Debug)]
pub(crate) struct Node {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: mpsc::Receiver<String>,
    log: Arc<Mutex<String>>,
    reader: Option<thread::JoinHandle<()>>,
    ready: Option<Ready>,
}

impl Node {
    pub(crate) fn await_ready(&mut self) {
        let line = self
            .stdout
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|error| panic!("no ready line ({error}); the node's log:\n{}", self.log()));
        self.set_ready(&line);
    }

    /// Whether the ready line is there by now.
    pub(crate) fn try_ready(&mut self) -> bool {
        let line = self.stdout.try_recv();
        line.is_ok_and(|line| {
            self.set_ready(&line);
            true
        })
    }

    fn set_ready(&mut self, line: &str) {
        let ready: Value = serde_json::from_str(line).expect("the ready line is JSON");
        assert_eq!(ready["event"], "ready");
        let field = |name: &str| ready[name].as_str().expect("an address").to_owned();
        self.ready = Some(Ready {
            id: ready["id"].as_u64().expect("a number"),
            raft: field("raft"),
            client: field("client"),
            http: field("http"),
        });
    }

    pub(crate) fn addresses(&self) -> &Ready {
        self.ready.as_ref().expect("the node is ready")
    }

    pub(crate) fn id(&self) -> u64 {
        self.addresses().id
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("no reader panics").clone()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the process is there");
    }

    /// SIGSTOP, and waits until no thread runs any more: one that is in a system call, as `fsync`, may first end it, and
    /// until the signal is taken the others go on.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
        eventually("the process has stopped", || {
            waitid(WaitId::Pid(self.pid()), options).expect("it is our child")
        });
    }

    /// SIGKILL, and waits until the process is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the process is there");
        self.wait();
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for the process's own end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = eventually("the process ends", || self.child.try_wait().expect("can be asked"));
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the log's reader ends with the process");
        }
        status
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("can be asked").is_none()
    }

    /// A line that anything but the ready line would be.
    pub(crate) fn more_output(&self) -> Option<String> {
        self.stdout.try_recv().ok()
    }

    pub(crate) fn http(&self, method: &str, path: &str, body: &str) -> Answered {
        http(&self.addresses().http, method, path, body).expect("the node answers HTTP")
    }

    pub(crate) fn health(&self) -> Option<Value> {
        http(&self.addresses().http, "GET", "/health", "").map(|answered| answered.json())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- a node's log ---\n{}", self.log());
        }
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// One HTTP exchange; `None` if the connection fails.
pub(crate) fn http(address: &str, method: &str, path: &str, body: &str) -> Option<Answered> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    // The node may refuse a long body before it has read all of it.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).expect("answers are UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answered { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
}

/// Nodes that know each other, each with a data directory that outlives its process.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Option<Node>>,
    launches: Vec<Launch>,
    dir: tempfile::TempDir,
}

/// Times that make a failover quick and still leave room on a busy machine.
pub(crate) const QUICK: [&str; 4] = ["--heartbeat", "30", "--election", "150..300"];

/// Times that keep a leader where it is, also on a busy machine.
pub(crate) const STEADY: [&str; 4] = ["--heartbeat", "100", "--election", "3000..4500"];

impl Cluster {
    pub(crate) fn start(size: usize, args: &[&str]) -> Self {
        Self::prepared(size, args, |_, _| {})
    }

    /// The same on data directories that are made before: `prepare` gets each one's path and its node's id.
    pub(crate) fn prepared(size: usize, args: &[&str], prepare: impl Fn(&Path, u64)) -> Self {
        let host = own_host();
        let addresses: Vec<String> = (0..size).map(|nth| format!("{host}:{}", 8080 + nth)).collect();
        let dir = tempfile::tempdir().expect("a directory");
        let launches: Vec<Launch> = (1..=size)
            .map(|id| {
                let data = dir.path().join(format!("n{id}"));
                prepare(&data, id as u64);
                Launch::new(&["--node-id", &id.to_string(), "--cluster", &addresses.join(",")])
                    .data(&data)
                    .args(args)
            })
            .collect();
        let mut nodes: Vec<Node> = launches.iter().map(Launch::start).collect();
        nodes.iter_mut().for_each(Node::await_ready);
        Self { nodes: nodes.into_iter().map(Some).collect(), launches, dir }
    }

    /// Starts one node more, which waits to be added: its id and its Raft address.
    pub(crate) fn join(&mut self, args: &[&str]) -> (u64, String) {
        let id = self.launches.len() as u64 + 1;
        let first = self.running().next().expect("somebody runs").addresses().raft.clone();
        let (host, _) = first.rsplit_once(':').expect("an address");
        let address = format!("{host}:{}", 8079 + id);
        let launch = Launch::new(&["--join", "--node-id", &id.to_string(), "--bind", &address])
            .data(&self.data_dir(id))
            .args(args);
        self.nodes.push(Some(launch.ready()));
        self.launches.push(launch);
        (id, address)
    }

    pub(crate) fn data_dir(&self, id: u64) -> PathBuf {
        self.dir.path().join(format!("n{id}"))
    }

    pub(crate) fn node(&self, id: u64) -> &Node {
        self.nodes[at(id)].as_ref().expect("the node runs")
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().flatten()
    }

    pub(crate) fn is_running(&self, id: u64) -> bool {
        self.nodes[at(id)].is_some()
    }

    pub(crate) fn kill(&mut self, id: u64) {
        self.nodes[at(id)].take().expect("the node runs").kill();
    }

    pub(crate) fn restart(&mut self, id: u64) {
        self.nodes[at(id)] = Some(self.launches[at(id)].ready());
    }

    /// Starts a node that was killed with more arguments than before.
    pub(crate) fn restart_with(&mut self, id: u64, args: &[&str]) {
        self.launches[at(id)] = self.launches[at(id)].clone().args(args);
        self.restart(id);
    }

    /// SIGKILL to all at once, as far as that can be.
    pub(crate) fn kill_all(&mut self) {
        for node in self.running() {
            node.signal(Signal::KILL);
        }
        self.nodes.iter_mut().for_each(|node| drop(node.take()));
    }

    pub(crate) fn restart_all(&mut self) {
        let mut nodes: Vec<Node> = self.launches.iter().map(Launch::start).collect();
        nodes.iter_mut().for_each(Node::await_ready);
        self.nodes = nodes.into_iter().map(Some).collect();
    }

    /// Waits for a leader that all running nodes but `without` agree on: its id and its term.
    pub(crate) fn leader_without(&self, without: Option<u64>) -> (u64, u64) {
        eventually("all nodes know one leader", || {
            let mut seen = None;
            for node in self.running().filter(|node| Some(node.id()) != without) {
                let health = node.health()?;
                let leader = health["leaderId"].as_str()?.strip_prefix('n')?.parse::<u64>().ok()?;
                let here = (leader, health["term"].as_u64()?);
                if Some(leader) == without || seen.is_some_and(|seen| seen != here) {
                    return None;
                }
                seen = Some(here);
            }
            seen
        })
    }

    /// The same among these nodes.
    pub(crate) fn leader_of(&self, ids: &[u64]) -> (u64, u64) {
        eventually("these nodes know one leader", || {
            let seen = |id: &u64| {
                let health = self.node(*id).health()?;
                let leader = health["leaderId"].as_str()?.strip_prefix('n')?.parse::<u64>().ok()?;
                Some((leader, health["term"].as_u64()?))
            };
            let seen: Vec<_> = ids.iter().map(seen).collect::<Option<_>>()?;
            seen.iter().all(|here| *here == seen[0]).then(|| seen[0])
        })
    }

    pub(crate) fn leader(&self) -> (u64, u64) {
        self.leader_without(None)
    }

    pub(crate) fn client(&self) -> Client {
        let addresses: Vec<String> = self.running().map(|node| node.addresses().client.clone()).collect();
        Client::new(&addresses, Options::default()).expect("addresses")
    }

    /// Waits until all running nodes have applied the same.
    pub(crate) fn await_equal(&self) {
        eventually("all nodes have applied the same", || {
            let applied: Option<Vec<Value>> = self
                .running()
                .map(|node| {
                    let health = node.health()?;
                    Some(serde_json::json!([
                        health["commitIndex"],
                        health["lastApplied"],
                        health["lastLogIndex"],
                        health["keys"]
                    ]))
                })
                .collect();
            applied?.windows(2).all(|pair| pair[0] == pair[1]).then_some(())
        });
    }

    /// The cluster does what it is for: a write through each node, read through each other.
    pub(crate) fn assert_serves(&self, mark: &str) {
        for writer in self.running() {
            let key = format!("{mark}-{}", writer.id());
            let body = serde_json::json!({"key": key, "value": mark}).to_string();
            eventually("a write is acknowledged", || {
                (writer.http("PUT", "/set", &body).status == 200).then_some(())
            });
            for reader in self.running() {
                let answered = reader.http("GET", &format!("/get?key={key}"), "");
                assert_eq!(answered.json()["value"], mark, "{answered:?}");
            }
        }
    }
}

fn at(id: u64) -> usize {
    usize::try_from(id - 1).expect("a small id")
}

/// A runtime for the client's side of a test. Panics if the future is not ready within [`LIMIT`].
#[track_caller]
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    block_on_for(LIMIT, future)
}

/// The same with a limit of the caller's own.
#[track_caller]
pub(crate) fn block_on_for<T>(limit: Duration, future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let done = runtime.block_on(async { tokio::time::timeout(limit, future).await });
    done.unwrap_or_else(|_| panic!("not within {limit:?}"))
}

pub(crate) fn put(key: &str, value: &str) -> raftdeck_protocol::Write {
    raftdeck_protocol::Write::Put { key: key.to_owned().into(), value: value.to_owned().into() }
}

pub(crate) fn get(key: &str) -> raftdeck_protocol::Read {
    raftdeck_protocol::Read::Get { key: key.to_owned().into() }
}

pub(crate) fn socket(address: &str) -> SocketAddr {
    address.parse().expect("an address")
}

/// Writes a file where a directory is wanted, and says where.
pub(crate) fn a_file_in(dir: &Path) -> PathBuf {
    let path = dir.join("file");
    fs::write(&path, "not a directory").expect("can be written");
    path
}
