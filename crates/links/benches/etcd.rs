//! What links without rules cost three members of etcd: writes a second with links and without, by turns.
//!
//! ```sh
//! cargo bench -p raftdeck-links --bench etcd
//! ```
//!
//! `etcd` has to be in `PATH`; another program may be given as an argument. Members, links and the load share this machine, so what the
//! links compute is missing to the members.

use raftdeck_links::{ClusterClock, EtcdWire, Links, Listeners, Outlet, Places, Presence};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const NODES: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
const CONNECTIONS: usize = 32;
const ROUND: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_secs(2);
/// Of each kind, by turns, so that a machine that is busy for a while harms both.
const ROUNDS: usize = 7;
/// How long a member may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);
const LIMIT: f64 = 0.15;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let program = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or("etcd".into());
    let dir = tempfile::tempdir()?;
    let direct = Cluster::start(&program, &dir.path().join("direct"), false)?;
    let linked = Cluster::start(&program, &dir.path().join("linked"), true)?;
    for cluster in [&direct, &linked] {
        cluster.load(WARM_UP)?;
    }
    let (mut direct_rates, mut linked_rates) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        direct_rates.push(direct.load(ROUND)?);
        linked_rates.push(linked.load(ROUND)?);
    }
    let (direct, linked) = (median(direct_rates), median(linked_rates));
    println!("writes a second, median: direct {direct:.0}, through links {linked:.0}");
    println!(
        "links cost:              {:.1} % (at most {:.0} % is the aim)",
        (1.0 - linked / direct) * 100.0,
        LIMIT * 100.0
    );
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

struct Cluster {
    members: Vec<Child>,
    /// The leader, for clients.
    leader: SocketAddr,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in &mut self.members {
            // One that has ended cannot be killed.
            let _ = member.kill().and_then(|()| member.wait());
        }
    }
}

fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

impl Cluster {
    fn start(program: &str, dir: &Path, is_linked: bool) -> Result<Self, Failure> {
        let addresses = |_| Ok((free_port()?, free_port()?));
        let own: Vec<(SocketAddr, SocketAddr)> =
            NODES.map(addresses).into_iter().collect::<io::Result<_>>()?;
        let wire = EtcdWire::default();
        let entrances =
            if is_linked { open_links(&own, &wire)? } else { own.iter().map(|(peer, _)| *peer).collect() };
        let initial: Vec<String> = NODES
            .iter()
            .zip(&entrances)
            .map(|(node, entrance)| format!("{node}=http://{entrance}"))
            .collect();
        std::fs::create_dir_all(dir)?;
        let mut members = Vec::new();
        for ((node, (peer, client)), entrance) in NODES.iter().zip(&own).zip(&entrances) {
            let [peer, client, entrance] =
                [peer, client, entrance].map(|address| format!("http://{address}"));
            let member = Command::new(program)
                .args(["--name", &node.to_string(), "--initial-cluster", &initial.join(",")])
                .args(["--data-dir".as_ref(), dir.join(node.to_string()).as_os_str()])
                .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &entrance])
                .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
                .args(["--logger", "zap"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            members.push(member);
        }
        let mut cluster = Self { members, leader: own[0].1 };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        cluster.leader = runtime.block_on(async {
            if is_linked {
                learn(own[0].0, &entrances, &wire).await?;
            }
            leader(&own).await
        })?;
        Ok(cluster)
    }

    /// Writes for this long on all connections; says how many writes a second were answered.
    fn load(&self, time: Duration) -> Result<f64, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (written, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let begin = Instant::now();
        runtime.block_on(async {
            let writers: Vec<_> = (0..CONNECTIONS)
                .map(|_| tokio::spawn(write(self.leader, Arc::clone(&written), Arc::clone(&is_over))))
                .collect();
            tokio::time::sleep(time).await;
            is_over.store(true, Relaxed);
            for writer in writers {
                writer.await??;
            }
            Ok::<(), Failure>(())
        })?;
        let written = u32::try_from(written.load(Relaxed))?;
        Ok(f64::from(written) / begin.elapsed().as_secs_f64())
    }
}

/// Opens links to these members on a thread of their own, as a lab does; says where each is dialed.
fn open_links(own: &[(SocketAddr, SocketAddr)], wire: &EtcdWire) -> io::Result<Vec<SocketAddr>> {
    let listeners = Listeners::bind_members(&NODES)?;
    let entrances = NODES.iter().filter_map(|&node| listeners.entrance(node)).collect();
    let (own, wire) = (own.to_vec(), wire.clone());
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let (mut places, mut presences) = (Places::new(), BTreeMap::new());
            for (node, (peer, client)) in NODES.into_iter().zip(own) {
                let presence = Presence::default();
                presence.starting();
                presence.serving(peer, client);
                places.insert(node, presence.watch());
                presences.insert(node, presence);
            }
            let clock = ClusterClock::start(ClockRate::REAL);
            let outlet = Outlet::new(clock.reader(), |_| {});
            let links = Links::open(wire, listeners, &places, clock.reader(), outlet)?;
            links.traffic().tell_all().await;
            Ok::<(), io::Error>(())
        })
    });
    Ok(entrances)
}

/// Asks a member for all ids.
async fn learn(peer: SocketAddr, entrances: &[SocketAddr], wire: &EtcdWire) -> Result<(), Failure> {
    let members = answered(peer, "GET", "/members", "").await?;
    for member in members.as_array().ok_or("no members")? {
        let url = member["peerURLs"][0].as_str().unwrap_or_default();
        let of_node = |entrance: &SocketAddr| url == format!("http://{entrance}");
        if let (Some(at), Some(id)) = (entrances.iter().position(of_node), member["id"].as_u64()) {
            wire.learn(NODES[at], id);
        }
    }
    Ok(())
}

/// The client address of the leader.
async fn leader(own: &[(SocketAddr, SocketAddr)]) -> Result<SocketAddr, Failure> {
    loop {
        for (_, client) in own {
            let status = answered(*client, "POST", "/v3/maintenance/status", "{}").await?;
            if status["leader"] == status["header"]["member_id"] {
                return Ok(*client);
            }
        }
    }
}

/// What a member answers, at last.
async fn answered(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &str,
) -> Result<serde_json::Value, Failure> {
    let asking = async {
        loop {
            if let Ok(answer) = ask_once(address, method, path, body).await
                && let Ok(answer) = serde_json::from_slice(&answer)
            {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    Ok(tokio::time::timeout(PATIENCE, asking).await?)
}

async fn ask_once(address: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<Vec<u8>> {
    let mut connection = Connection { stream: TcpStream::connect(address).await?, buffer: Vec::new() };
    connection.ask(&request(method, path, body)).await
}

fn request(method: &str, path: &str, body: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: etcd\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into()
}

async fn write(leader: SocketAddr, written: Arc<AtomicU64>, is_over: Arc<AtomicBool>) -> io::Result<()> {
    let stream = TcpStream::connect(leader).await?;
    stream.set_nodelay(true)?;
    let mut connection = Connection { stream, buffer: Vec::new() };
    // The key and the value are in base64.
    let put = request(
        "POST",
        "/v3/kv/put",
        r#"{"key":"a2V5","value":"dmFsdWVzIG9mIHNvbWUgbGVuZ3RoLCBhcyBwZW9wbGUgd3JpdGUgdGhlbQ=="}"#,
    );
    while !is_over.load(Relaxed) {
        connection.ask(&put).await?;
        written.fetch_add(1, Relaxed);
    }
    Ok(())
}

/// A connection for one request after the other.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// The body of the answer.
    async fn ask(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::Error::other("a member has closed the connection"));
            }
            if let Some(body) = body(&self.buffer)? {
                return Ok(body.to_vec());
            }
        }
    }
}

/// The body of an answer that is all there.
fn body(answer: &[u8]) -> io::Result<Option<&[u8]>> {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let (head, body) = (&answer[..end], &answer[end + 4..]);
    let head = std::str::from_utf8(head).map_err(io::Error::other)?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(io::Error::other(head.to_owned()));
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length: usize =
        length.and_then(|length| length.parse().ok()).ok_or_else(|| io::Error::other("no length"))?;
    Ok((body.len() >= length).then_some(body))
}
