//! As much of HTTP as a test needs: one request a connection, and JSON.

use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn exchange(address: SocketAddr, request: &str) -> io::Result<Value> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("no answer"))?;
    if head.split(' ').nth(1) != Some("200") {
        return Err(io::Error::other(format!("{head} {body}")));
    }
    serde_json::from_str(body).map_err(io::Error::other)
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> io::Result<Value> {
    exchange(address, &format!("GET {path} HTTP/1.0\r\nHost: etcd\r\n\r\n")).await
}

pub(crate) async fn post(address: SocketAddr, path: &str, body: &Value) -> io::Result<Value> {
    let body = body.to_string();
    let length = body.len();
    exchange(
        address,
        &format!("POST {path} HTTP/1.0\r\nHost: etcd\r\nContent-Length: {length}\r\n\r\n{body}"),
    )
    .await
}
