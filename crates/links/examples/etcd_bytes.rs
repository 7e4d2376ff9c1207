//! Writes down what two members of etcd send each other on their streams, for the tests of the wire:
//!
//! ```sh
//! cargo run -p raftdeck-links --example etcd_bytes -- etcd crates/links/src/wire/etcd/golden/3.4
//! ```
//!
//! The first argument is the program, the second the folder that the files go to: `message` and `msgapp`, as the leader has sent them, and
//! `message-back` of the follower, each with the head of its response. The relay in between only copies.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// The bytes of each stream, by sender and path.
type Captured = Arc<Mutex<BTreeMap<(usize, String), Vec<u8>>>>;

/// How long a member may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(etcd), Some(folder)) = (args.next(), args.next().map(PathBuf::from)) else {
        return Err("give the program of etcd and a folder".into());
    };
    let captured = Captured::default();
    let (mut entrances, mut peers, mut clients) = (Vec::new(), Vec::new(), Vec::new());
    for member in 0..2 {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        entrances.push(listener.local_addr()?);
        peers.push(free_port().await?);
        clients.push(free_port().await?);
        tokio::spawn(relay(listener, peers[member], member, Arc::clone(&captured)));
    }
    let dir = tempfile::tempdir()?;
    let initial = format!("n0=http://{},n1=http://{}", entrances[0], entrances[1]);
    let mut members: Vec<Child> = Vec::new();
    for member in 0..2 {
        let [entrance, peer, client] =
            [entrances[member], peers[member], clients[member]].map(|address| format!("http://{address}"));
        let child = Command::new(&etcd)
            .args(["--name", &format!("n{member}"), "--initial-cluster", &initial])
            .args(["--data-dir".as_ref(), dir.path().join(member.to_string()).as_os_str()])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &entrance])
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--heartbeat-interval", "500", "--election-timeout", "2500", "--logger", "zap"])
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        members.push(child);
    }
    let leader = usize::from(status(clients[1]).await? == status_id(clients[1]).await?);
    for client in [clients[leader], clients[1 - leader]] {
        post(client, "/v3/kv/put", r#"{"key":"a2V5","value":"dmFsdWU="}"#).await?;
        post(client, "/v3/kv/range", r#"{"key":"a2V5"}"#).await?;
    }
    // A heartbeat with the last commit index, and a sign of life, are behind it.
    sleep(Duration::from_secs(2)).await;
    drop(members);
    save(&captured, leader, &folder)?;
    Ok(())
}

async fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0").await?.local_addr()
}

fn save(captured: &Captured, leader: usize, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for ((sender, path), bytes) in &*captured.lock().unwrap_or_else(PoisonError::into_inner) {
        let kind = path.split('/').nth(3).unwrap_or_default();
        let name = match (kind, *sender == leader) {
            ("message" | "msgapp", true) => kind.to_owned(),
            ("message", false) => "message-back".to_owned(),
            _ => continue,
        };
        println!("{name}: {} bytes", bytes.len());
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

/// Copies all connections to a member.
async fn relay(listener: TcpListener, peer: SocketAddr, member: usize, captured: Captured) {
    while let Ok((dialer, _)) = listener.accept().await {
        tokio::spawn(copy(dialer, peer, member, Arc::clone(&captured)));
    }
}

async fn copy(mut dialer: TcpStream, peer: SocketAddr, member: usize, captured: Captured) -> io::Result<()> {
    let mut head = Vec::new();
    dialer.read_buf(&mut head).await?;
    let path = String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or_default().to_owned();
    let mut listener = TcpStream::connect(peer).await?;
    listener.write_all(&head).await?;
    let (mut dialer, mut to_dialer) = dialer.into_split();
    let (mut listener, mut to_listener) = listener.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut dialer, &mut to_listener).await });
    // Of several streams, the last one is kept.
    captured.lock().unwrap_or_else(PoisonError::into_inner).remove(&(member, path.clone()));
    let mut bytes = [0; 4096];
    loop {
        let read = listener.read(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        to_dialer.write_all(&bytes[..read]).await?;
        let mut captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
        captured.entry((member, path.clone())).or_default().extend_from_slice(&bytes[..read]);
    }
}

async fn post(address: SocketAddr, path: &str, body: &str) -> Result<String, Box<dyn Error>> {
    let request =
        format!("POST {path} HTTP/1.0\r\nHost: etcd\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let exchange = async {
        loop {
            if let Ok(answer) = exchange(address, &request).await
                && answer.starts_with("HTTP/1.0 200")
            {
                return answer;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    Ok(timeout(PATIENCE, exchange).await?)
}

async fn exchange(address: SocketAddr, request: &str) -> io::Result<String> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The leader's id.
async fn status(client: SocketAddr) -> Result<String, Box<dyn Error>> {
    value(&post(client, "/v3/maintenance/status", "{}").await?, "leader")
}

/// The member's own id.
async fn status_id(client: SocketAddr) -> Result<String, Box<dyn Error>> {
    value(&post(client, "/v3/maintenance/status", "{}").await?, "member_id")
}

fn value(answer: &str, name: &str) -> Result<String, Box<dyn Error>> {
    let after = answer.split_once(&format!("\"{name}\":\"")).ok_or("the answer has another form")?.1;
    Ok(after.split('"').next().unwrap_or_default().to_owned())
}
