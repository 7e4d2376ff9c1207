//! As much of HTTP as a test needs: one request a connection, and JSON.

use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A member that has a leader answers sooner.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

async fn exchange(address: SocketAddr, request: &str) -> io::Result<Value> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while connection.read_buf(&mut answer).await? > 0 && !is_whole(&answer) {}
    let answer = String::from_utf8(answer).map_err(io::Error::other)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("no answer"))?;
    if head.split(' ').nth(1) != Some("200") {
        return Err(io::Error::other(format!("{head} {body}")));
    }
    serde_json::from_str(body).map_err(io::Error::other)
}

/// Whether nothing follows: etcd may close a connection some seconds after its answer.
fn is_whole(answer: &[u8]) -> bool {
    let Some((head, body)) = std::str::from_utf8(answer).ok().and_then(|text| text.split_once("\r\n\r\n"))
    else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    length.and_then(|length| length.parse().ok()) == Some(body.len())
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> io::Result<Value> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: etcd\r\n\r\n");
    timeout(ANSWER_WITHIN, exchange(address, &request)).await?
}

pub(crate) async fn post(address: SocketAddr, path: &str, body: &Value) -> io::Result<Value> {
    let body = body.to_string();
    let length = body.len();
    let request = format!("POST {path} HTTP/1.0\r\nHost: etcd\r\nContent-Length: {length}\r\n\r\n{body}");
    timeout(ANSWER_WITHIN, exchange(address, &request)).await?
}
