//! The HTTP port's listener: bounds how many connections there are and how long each may be idle. A flood of them must
//! not take the sockets that the peers need. What is said on a connection is not read here.

use crate::listen::{EXHAUSTED, complain};
use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Longer than any request may take, its answer included.
const IDLE: Duration = Duration::from_mins(1);

/// Accepts up to a number of connections at a time and turns away the rest.
#[derive(Debug)]
pub(crate) struct HttpListener {
    listener: TcpListener,
    most: usize,
    places: Arc<Semaphore>,
    complained: Option<std::time::Instant>,
}

impl HttpListener {
    pub(crate) fn new(listener: TcpListener, most: usize) -> Self {
        Self { listener, most, places: Arc::new(Semaphore::new(most)), complained: None }
    }
}

impl Listener for HttpListener {
    type Io = HttpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (HttpStream, SocketAddr) {
        loop {
            let (stream, address) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    let sentence = format!("cannot accept connections on the HTTP port: {error}");
                    complain(&mut self.complained, &sentence);
                    sleep(EXHAUSTED).await;
                    continue;
                }
            };
            if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
                return (HttpStream { stream, idle: Box::pin(sleep(IDLE)), _place: place }, address);
            }
            let sentence = format!("turned away a connection: the HTTP port already serves {}", self.most);
            complain(&mut self.complained, &sentence);
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// An accepted connection. Fails once nothing has moved in it for [`IDLE`]; gives its place back when dropped.
#[derive(Debug)]
pub(crate) struct HttpStream {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl HttpStream {
    /// The same, but that waiting ends in an error when it has taken too long.
    fn or_idle<T>(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.idle.as_mut().reset(Instant::now() + IDLE);
            return poll;
        }
        self.idle.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.or_idle(context, poll)
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.or_idle(context, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test(start_paused = true)]
    async fn a_connection_on_which_nothing_moves_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut listener = HttpListener::new(listener, 1);
        let client = TcpStream::connect(address).await.unwrap();
        let (mut accepted, _) = listener.accept().await;
        let error = accepted.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(client);
    }
}
