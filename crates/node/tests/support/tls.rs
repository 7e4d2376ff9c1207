//! TLS spoken by hand to a node: whatever is shown, whatever is said.

use super::{Answered, PATIENCE, block_on};
use raftdeck_client::prove;
use raftdeck_protocol::frame::{self, MAX_FRAME};
use raftdeck_protocol::handshake::{Confirmation, Side};
use raftdeck_protocol::{Hello, HelloReply, Secret};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde::Serialize;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

async fn connect(address: &str, config: &Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let (host, _) = address.rsplit_once(':').expect("an address");
    let name = ServerName::try_from(host.to_owned()).expect("a host");
    TlsConnector::from(Arc::clone(config)).connect(name, TcpStream::connect(address).await?).await
}

/// How the node ends a handshake in which this token is proved, or what happened to the connection instead. What the node
/// proves is not looked at.
pub(crate) fn greet(
    address: &str,
    config: &Arc<ClientConfig>,
    hello: &Hello,
    token: Option<&Secret>,
) -> io::Result<HelloReply> {
    let shaken = async {
        let mut stream = connect(address, config).await?;
        match said(&mut stream, hello).await? {
            HelloReply::Challenge(challenge) => {
                let prove = |token| prove(token, &frame::encode(hello), &challenge, Side::Dialer);
                said(&mut stream, &Confirmation::Proof(token.map(prove))).await
            }
            other => Ok(other),
        }
    };
    block_on(async { timeout(PATIENCE, shaken).await.expect("the node answers or closes") })
}

/// Says something, and gives the answer to it.
async fn said(stream: &mut TlsStream<TcpStream>, what: &impl Serialize) -> io::Result<HelloReply> {
    let mut frame = bytes::BytesMut::new();
    frame::put(what, &mut frame);
    stream.write_all(&frame).await?;
    stream.flush().await?;
    let mut answer = bytes::BytesMut::new();
    loop {
        if let Some(content) = frame::take(&mut answer, MAX_FRAME).expect("a frame") {
            return Ok(frame::decode("handshake reply", &content).expect("a reply"));
        }
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// One exchange over HTTPS.
pub(crate) fn https(
    address: &str,
    config: &Arc<ClientConfig>,
    method: &str,
    path: &str,
    (headers, body): (&str, &str),
) -> io::Result<Answered> {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let asked = async {
        let mut stream = connect(address, config).await?;
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let mut answer = Vec::new();
        // A node that closes without saying so first has still said all it had to.
        let read = stream.read_to_end(&mut answer).await;
        if answer.is_empty() {
            read?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok::<_, io::Error>(answer)
    };
    let answer = block_on(async { timeout(PATIENCE, asked).await.expect("the node answers or closes") })?;
    let answer = String::from_utf8(answer).expect("answers are UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Ok(Answered { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
}
