//! The HTTP port: accepts connections within bounds of number and time, and hands their requests to the router. What
//! is asked and answered is not looked at here.

use crate::listen::BoundedPort;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Connections that are served at a time.
const MOST: usize = 256;

/// The time in which a request's head must have arrived, also the next one's on a connection that is kept.
const HEAD: Duration = Duration::from_secs(5);

/// Serves until `stop`, then lets requests that are under way finish.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut port = BoundedPort::new(listener, "HTTP".to_owned(), MOST);
    let connections = GracefulShutdown::new();
    loop {
        let (stream, address, place) = tokio::select! {
            accepted = port.accept() => accepted,
            () = stop.cancelled() => break,
        };
        // Answers are small and waited for. A socket that refuses this is about to fail by itself.
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("the HTTP connection from {address} ended: {error}");
            }
            drop(place);
        });
    }
    connections.shutdown().await;
}
