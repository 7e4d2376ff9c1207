//! The HTTP port: accepts connections within bounds of number and time, and hands their requests to the router. What
//! is asked and answered is not looked at here.

use crate::listen::{Complaint, EXHAUSTED};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Connections that are served at a time.
const MOST: usize = 256;

/// The time in which a request's head must have arrived, also the next one's on a connection that is kept.
const HEAD: Duration = Duration::from_secs(5);

/// Serves until `stop`, then lets requests that are under way finish.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MOST));
    let connections = GracefulShutdown::new();
    let mut complaint = Complaint::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                complaint.say(&format!("cannot accept connections on the HTTP port: {error}"));
                sleep(EXHAUSTED).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            complaint.say(&format!("turned away a connection: the HTTP port already serves {MOST}"));
            continue;
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
