//! Accepts the phones' connections, within bounds of number, size and time, and hands their requests to the routes.

use crate::audience::pace::group;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at a time. A phone has one for its stream, and now and then one for an answer.
const MOST: usize = 1024;

/// Those of one address: a class may share one. Some are always left for others.
const MOST_OF_ADDRESS: usize = 900;

/// Connections that are being refused with a sentence; more are just closed.
const MOST_REFUSALS: usize = 32;

/// The time in which a request's head must have arrived, also the next one's on a connection that is kept.
const HEAD: Duration = Duration::from_secs(10);

/// The most bytes and fields of a head; a larger one is refused with 431.
const HEAD_BYTES: usize = 16 << 10;
const HEAD_FIELDS: usize = 48;

/// A phone that takes nothing for this long is disconnected. It comes back by itself.
const STALLED: Duration = Duration::from_secs(15);

/// What the system holds of a stream for a slow phone: a few pictures.
const SEND_BUFFER: usize = 64 << 10;

/// Accepting pauses this long when the system has no more sockets to give.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// After the end, phones have this long to hear of it.
const FAREWELL: Duration = Duration::from_millis(300);

/// What one gets for whom there is no room.
const FULL: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 59\r\n\
                    retry-after: 5\r\ncache-control: no-store\r\nconnection: close\r\n\r\n\
                    Too many phones are connected at the moment: try again soon";

/// The address that a request is from.
#[derive(Clone, Copy, Debug)]
pub(super) struct PhoneAddress(pub(super) IpAddr);

/// The places for connections.
#[derive(Debug)]
struct Places {
    all: Arc<Semaphore>,
    of_address: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection's place. Free again when it is dropped.
#[derive(Debug)]
struct Place {
    places: Arc<Places>,
    group: IpAddr,
    _one_of_all: OwnedSemaphorePermit,
}

impl Places {
    fn new() -> Arc<Self> {
        Arc::new(Self { all: Arc::new(Semaphore::new(MOST)), of_address: Mutex::default() })
    }

    fn take(places: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let one_of_all = Arc::clone(&places.all).try_acquire_owned().ok()?;
        let group = group(address);
        let mut of_address = places.of_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = of_address.entry(group).or_default();
        if *count >= MOST_OF_ADDRESS {
            return None;
        }
        *count += 1;
        drop(of_address);
        Some(Place { places: Arc::clone(places), group, _one_of_all: one_of_all })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut of_address = self.places.of_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = of_address.get_mut(&self.group) {
            *count -= 1;
            if *count == 0 {
                of_address.remove(&self.group);
            }
        }
    }
}

/// Serves until `stop`; then streams say that it is over.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let places = Places::new();
    let refusals = Arc::new(Semaphore::new(MOST_REFUSALS));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let Ok((stream, address)) = accepted else {
            sleep(EXHAUSTED).await;
            continue;
        };
        if let Some(place) = Places::take(&places, address.ip()) {
            let router = router.clone().layer(Extension(PhoneAddress(address.ip())));
            let stop = stop.clone();
            connections.spawn(async move {
                answer(stream, router, stop).await;
                drop(place);
            });
        } else if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
            connections.spawn(async move {
                refuse(stream).await;
                drop(permit);
            });
        }
    }
    say_farewell(&listener, &places, &router, &connections).await;
}

/// Phones that are just coming back are told that it is over, as the others are.
async fn say_farewell(
    listener: &TcpListener,
    places: &Arc<Places>,
    router: &Router,
    connections: &TaskTracker,
) {
    let late = async {
        while let Ok((stream, address)) = listener.accept().await {
            if let Some(place) = Places::take(places, address.ip()) {
                let router = router.clone().layer(Extension(PhoneAddress(address.ip())));
                connections.spawn(async move {
                    answer(stream, router, CancellationToken::new()).await;
                    drop(place);
                });
            }
        }
    };
    if !connections.is_empty() {
        let _ = timeout(FAREWELL, late).await;
    }
    // Who does not read the end finds the connection closed.
    connections.close();
    let _ = timeout(FAREWELL, connections.wait()).await;
}

/// Answers until the connection ends.
async fn answer(stream: TcpStream, router: Router, stop: CancellationToken) {
    // A socket that refuses these is about to fail anyway.
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALLED));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    tokio::select! {
        // What failed, failed with the phone, which tries again.
        _ = &mut connection => {}
        // A request that is under way when it ends is answered.
        () = async { stop.cancelled().await; sleep(FAREWELL).await } => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// Says that there is no room, to one that may not listen.
async fn refuse(mut stream: TcpStream) {
    let _ = timeout(FAREWELL, async {
        stream.write_all(FULL.as_bytes()).await?;
        stream.shutdown().await?;
        // Closed with its request unread, the connection would be reset, and the sentence lost.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_has_the_length_that_is_announced() {
        let (head, sentence) = FULL.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", sentence.len())), "{}", sentence.len());
    }

    #[test]
    fn one_address_cannot_have_all_places() {
        let places = Places::new();
        let address = |n: u32| IpAddr::V4(n.into());
        let mut taken: Vec<Place> = (0..MOST).map_while(|_| Places::take(&places, address(1))).collect();
        assert_eq!(taken.len(), MOST_OF_ADDRESS);
        taken.extend((0..MOST).map_while(|n| Places::take(&places, address(2 + u32::try_from(n).unwrap()))));
        assert_eq!(taken.len(), MOST);
        taken.clear();
        assert!(places.of_address.lock().unwrap().is_empty() && Places::take(&places, address(1)).is_some());
    }
}
