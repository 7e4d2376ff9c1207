//! The HTTP port: accepts connections within bounds of number, size and time, and hands their requests to the router. What
//! is asked and answered is not looked at here.

use crate::listen::BoundedPort;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

/// Connections that are served at a time.
const MOST: usize = 256;

/// The time in which a request's head must have arrived, also the next one's on a connection that is kept.
const HEAD: Duration = Duration::from_secs(5);

/// The most bytes and fields of a head; what is over it is refused by a bare 431. The router refuses a long path earlier, in words.
const HEAD_BYTES: usize = 64 << 10;
const HEAD_FIELDS: usize = 64;

/// Who takes nothing of its answer for so long is dropped: an answer that nobody reads holds memory.
const STALLED: Duration = Duration::from_secs(10);

/// Serves until `stop`, then lets requests that are under way finish.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut port = BoundedPort::new(listener, "HTTP".to_owned(), MOST);
    let connections = GracefulShutdown::new();
    loop {
        let (stream, address, place) = tokio::select! {
            accepted = port.accept() => accepted,
            () = stop.cancelled() => break,
        };
        serve_one(stream, address, place, router.clone(), &connections);
    }
    connections.shutdown().await;
}

fn serve_one(
    stream: TcpStream,
    address: SocketAddr,
    place: OwnedSemaphorePermit,
    router: Router,
    connections: &GracefulShutdown,
) {
    // Answers are small and waited for. A socket that refuses this is about to fail by itself.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALLED));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router));
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("the HTTP connection from {address} ended: {error}");
        }
        drop(place);
    });
}
