//! The HTTP port: accepts connections within bounds of number, size and time, and hands their requests to the router.
//! Does not look at requests and answers.

use crate::http::answer::error_body;
use crate::http::bare::{CompletedRefusals, Refused};
use crate::http2;
use crate::listen::HANDSHAKE;
use crate::ports::{BoundedPort, Bounds, Seat};
use crate::refusals;
use crate::speech::{Signpost, Speech};
use crate::tls::{self, TlsOpening};
use axum::{Extension, Router};
use bytes::{Bytes, BytesMut};
use futures::SinkExt;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use raftdeck_client::{LocalUsers, Transport, prepare};
use raftdeck_protocol::frame::{self, MAX_HANDSHAKE};
use raftdeck_protocol::{HelloReply, RefusalReason};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::codec::Framed;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections that are served at a time. Those from one address may be all of them: often one program asks for many people.
/// Requests without a connection that is kept are usual, so the rate of new connections has no bound.
const BOUNDS: Bounds = Bounds { strangers: 64, guests: 192, per_address: 192, rate: None };

/// The time in which a request's head must have arrived, also the next one's on a connection that is kept.
const HEAD: Duration = Duration::from_secs(5);

/// The most bytes and fields of a head; a larger one is refused with 431. The router refuses a long path earlier, in words.
const HEAD_BYTES: usize = 64 << 10;
const HEAD_FIELDS: usize = 64;

/// A client that reads nothing of its answer for this long is disconnected: an unread answer uses memory.
const STALLED: Duration = Duration::from_secs(10);

/// To a client without TLS on a port with TLS.
const TLS_NEEDED: &str = "this port speaks TLS only: ask with https://";

/// Serves until `stop`, then lets requests that are under way finish.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<TlsAcceptor>,
    local_users: LocalUsers,
    signpost: Signpost,
    stop: CancellationToken,
) {
    let wrong_port = signpost.to_raftdeck();
    let mut port = BoundedPort::new(listener, "HTTP", BOUNDS);
    let connections = TaskTracker::new();
    loop {
        let (stream, address, place) = tokio::select! {
            accepted = port.accept() => accepted,
            () = stop.cancelled() => break,
        };
        // A socket without an address is closed already.
        let Ok(local) = stream.local_addr() else { continue };
        // The guard in front of the router answers a connection that is refused here.
        let from = local_users.check(address, local);
        let router = router.clone().layer(Extension(from));
        let tls = tls.clone();
        let wrong_port = wrong_port.clone();
        let (place, stop) = (Arc::new(place), stop.clone());
        connections.spawn(async move {
            let opened = tokio::select! {
                opened = open(stream, address, tls.as_ref()) => opened,
                () = place.ousted() => None,
                () = stop.cancelled() => None,
            };
            if let Some(transport) = opened {
                tokio::select! {
                    () = answer(transport, address, router, wrong_port, (&place, &stop)) => {}
                    () = place.ousted() => {}
                }
            }
        });
    }
    connections.close();
    connections.wait().await;
}

/// The connection past its TLS handshake, where there is one.
async fn open(stream: TcpStream, address: SocketAddr, tls: Option<&TlsAcceptor>) -> Option<Transport> {
    // A socket that refuses this is about to fail anyway.
    let _ = prepare(&stream);
    let Some(acceptor) = tls else { return Some(Transport::Plain(stream)) };
    match timeout(HANDSHAKE, encrypt(stream, address, acceptor)).await {
        Ok(Ok(transport)) => transport,
        Ok(Err(error)) => {
            tracing::debug!("{address} left the HTTP port during the handshake: {error}");
            None
        }
        Err(_) => None,
    }
}

async fn encrypt(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: &TlsAcceptor,
) -> io::Result<Option<Transport>> {
    match tls::open(stream, acceptor).await? {
        TlsOpening::Tls(transport) => Ok(Some(transport)),
        TlsOpening::Plain(stream, Speech::Raftdeck) => {
            let mut frames = Framed::new(stream, raftdeck_client::codec(MAX_HANDSHAKE));
            frames.send(frame::encode(&HelloReply::Refused(RefusalReason::TlsNeeded))).await?;
            tls::drain(frames.get_mut()).await?;
            Ok(None)
        }
        TlsOpening::Plain(mut stream, Speech::Http2) => {
            http2::refuse(&mut stream, BytesMut::new()).await?;
            tls::drain(&mut stream).await?;
            Ok(None)
        }
        TlsOpening::Plain(mut stream, _) => {
            let body = error_body(TLS_NEEDED);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await?;
            tls::drain(&mut stream).await?;
            Ok(None)
        }
        TlsOpening::Failed(error, mut stream) => {
            tls::tell(&error, address, "HTTP");
            tls::drain(&mut stream).await?;
            Ok(None)
        }
    }
}

/// Answers until the connection ends.
async fn answer(
    transport: Transport,
    address: SocketAddr,
    router: Router,
    wrong_port: Bytes,
    (place, stop): (&Arc<Seat>, &CancellationToken),
) {
    // Whoever guards the router makes a guest of the stranger.
    let router = router.layer(Extension(Arc::clone(place)));
    let mut stream = TimeoutStream::new(transport);
    stream.set_write_timeout(Some(STALLED));
    let stream = CompletedRefusals::new(Box::pin(stream), wrong_port, move |refused| tell(address, refused));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        // A request that is under way is answered, and no other is taken.
        () = async { tokio::select! { () = stop.cancelled() => {}, () = place.asked_to_leave() => {} } } => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    let Err(error) = ended else { return };
    tracing::debug!("the HTTP connection from {address} ended: {error}");
    // What hyper does not know how to refuse, it leaves as it came.
    let parts = connection.into_parts();
    if Speech::of(&parts.read_buf) == Speech::Http2 {
        let mut stream = parts.io.into_inner();
        let refused = async {
            http2::refuse(&mut stream, BytesMut::from(parts.read_buf)).await?;
            tls::drain(&mut stream).await
        };
        // It may be gone.
        let _ = timeout(HANDSHAKE, refused).await;
    }
}

/// Logs what was refused before any route saw it.
fn tell(address: SocketAddr, refused: &Refused) {
    let why = match refused {
        Refused::Unreadable { status, id } => {
            format!(" with {status}, under the id {id}: it sent no request that can be read")
        }
        Refused::Tls => {
            ": a TLS connection reached the HTTP port, which does not use TLS: start the node with --tls-cert"
                .to_owned()
        }
        // It connects to the right one automatically.
        Refused::Raftdeck => {
            return tracing::debug!("{address} was sent from the HTTP port to the client port");
        }
    };
    refusals::log("HTTP", address.ip(), format_args!("refused {address} on the HTTP port{why}"));
}
