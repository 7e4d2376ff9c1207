//! Completes the errors that hyper sends automatically, before any route or layer: for a request that is not HTTP, or
//! whose head is over the limits. Its answer has no body; here it gets what every other answer has: an error as JSON,
//! and a request id. TLS and raftdeck's own protocol are answered in kind instead.
//!
//! The bare head is found in what hyper writes: it is the last thing on a connection, and every answer of this node's
//! own has an id. Bodies cannot be mistaken for one: JSON, events and metrics contain no line that ends with CR LF.

use crate::http::answer::error_body;
use crate::http::layers::REQUEST_ID;
use crate::speech::{ENOUGH, NO_TLS, Speech};
use axum::http::Request;
use bytes::{Buf, Bytes};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tower_http::request_id::{MakeRequestId, MakeRequestUuid};

/// The most bytes of a bare head.
const MOST_HEAD: usize = 512;

/// After such an answer, this much is read away for at most this long. To close over unread bytes would take the answer back.
const MOST_DRAINED: usize = 2 << 20;
const DRAINED_WITHIN: Duration = Duration::from_secs(2);

/// A connection whose bare refusals get a body and an id.
pub(crate) struct CompletedRefusals<S> {
    stream: S,
    /// What is left of the answer that takes the place of a bare one.
    answer: Bytes,
    /// Set once there was one.
    draining: Option<Draining>,
    told: Box<dyn Fn(&Refused) + Send>,
    /// What came first, as far as it tells what is spoken.
    first: Vec<u8>,
    /// The answer to a handshake that is meant for another port.
    wrong_port: Bytes,
}

struct Draining {
    until: Pin<Box<Sleep>>,
    left: usize,
    write_is_shut: bool,
}

/// What hyper refused.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It is no request as this port understands it.
    Unreadable { status: u16, id: String },
    /// A TLS handshake.
    Tls,
    /// The handshake of a client or a node.
    Raftdeck,
}

impl<S> CompletedRefusals<S> {
    /// `wrong_port` is the answer to a handshake that is meant for another port; `told` hears of each refusal.
    pub(crate) fn new(stream: S, wrong_port: Bytes, told: impl Fn(&Refused) + Send + 'static) -> Self {
        Self {
            stream,
            answer: Bytes::new(),
            draining: None,
            told: Box::new(told),
            first: Vec::new(),
            wrong_port,
        }
    }

    /// What is said in place of a bare head.
    fn answer_to(&self, head: &str) -> Option<(Refused, Bytes)> {
        match Speech::of(&self.first) {
            Speech::Tls => Some((Refused::Tls, Bytes::from_static(&NO_TLS))),
            Speech::Raftdeck => Some((Refused::Raftdeck, self.wrong_port.clone())),
            Speech::Http { .. } | Speech::Http2 | Speech::Unknown => clothe(head),
        }
    }
}

/// Where a bare head begins, and what it says, if these bytes end with one.
fn bare_head(bytes: &[u8]) -> Option<(usize, &str)> {
    let from = bytes.len().saturating_sub(MOST_HEAD);
    let tail = bytes[from..].strip_suffix(b"\r\n\r\n")?;
    let begin = b"HTTP/1.1 4";
    let at = (0..tail.len()).rev().find(|at| tail[*at..].starts_with(begin))?;
    let head = std::str::from_utf8(&tail[at..]).ok()?;
    let is_bare = head.contains("\r\ncontent-length: 0") && !head.contains(REQUEST_ID);
    is_bare.then_some((from + at, head))
}

/// The whole answer in place of a bare head.
fn clothe(head: &str) -> Option<(Refused, Bytes)> {
    let status: u16 = head.get(9..12)?.parse().ok()?;
    let message = match status {
        400 => "this is not a valid HTTP/1.1 request",
        431 => "the head of the request is over the limit of 64 KiB or of 64 fields",
        414 => "the path and query are too long",
        _ => return None,
    };
    let body = error_body(message);
    let id = MakeRequestUuid.make_request_id(&Request::new(()))?;
    let id = id.header_value().to_str().ok()?.to_owned();
    let kept = head.split("\r\n").filter(|line| {
        !["content-length:", "connection:"].iter().any(|name| line.to_ascii_lowercase().starts_with(name))
    });
    let kept: Vec<&str> = kept.collect();
    let length = body.len();
    let answer = format!(
        "{}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\ncache-control: no-store\r\n\
         connection: close\r\n{REQUEST_ID}: {id}\r\n\r\n{body}",
        kept.join("\r\n")
    );
    Some((Refused::Unreadable { status, id }, answer.into()))
}

impl<S: AsyncWrite + Unpin> CompletedRefusals<S> {
    /// Writes what is left of the answer.
    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.answer.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.answer))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.answer.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Looks at what is to be written next: how much of it may be written as it is, or, if it was a bare head, that it was taken.
    fn look(&mut self, bytes: &[u8]) -> RefusalScan {
        match bare_head(bytes) {
            None => RefusalScan::AsItIs,
            Some((at @ 1.., _)) => RefusalScan::Until(at),
            Some((0, head)) => {
                let Some((refused, answer)) = self.answer_to(head) else { return RefusalScan::AsItIs };
                (self.told)(&refused);
                self.answer = answer;
                let until = Box::pin(sleep(DRAINED_WITHIN));
                self.draining = Some(Draining { until, left: MOST_DRAINED, write_is_shut: false });
                RefusalScan::Taken
            }
        }
    }
}

enum RefusalScan {
    AsItIs,
    Until(usize),
    Taken,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for CompletedRefusals<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_answer(context))?;
        match self.look(bytes) {
            RefusalScan::AsItIs => Pin::new(&mut self.stream).poll_write(context, bytes),
            RefusalScan::Until(at) => Pin::new(&mut self.stream).poll_write(context, &bytes[..at]),
            RefusalScan::Taken => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_answer(context))?;
        // Heads are in the first piece only: hyper queues bodies behind it, and begins no head while any are left.
        let first = pieces.iter().find(|piece| !piece.is_empty()).map_or(&[][..], |piece| piece);
        match self.look(first) {
            RefusalScan::AsItIs => Pin::new(&mut self.stream).poll_write_vectored(context, pieces),
            RefusalScan::Until(at) => Pin::new(&mut self.stream).poll_write(context, &first[..at]),
            RefusalScan::Taken => Poll::Ready(Ok(first.len())),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_answer(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_answer(context))?;
        let this = &mut *self;
        let Some(draining) = &mut this.draining else {
            return Pin::new(&mut this.stream).poll_shutdown(context);
        };
        if !draining.write_is_shut {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
            draining.write_is_shut = true;
        }
        let mut away = [0; 8 << 10];
        while draining.left > 0 && draining.until.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut away);
            if ready!(Pin::new(&mut this.stream).poll_read(context, &mut buffer)).is_err() {
                break;
            }
            match buffer.filled().len() {
                0 => break,
                read => draining.left = draining.left.saturating_sub(read),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CompletedRefusals<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let missing = ENOUGH.saturating_sub(self.first.len());
        if missing > 0 {
            self.first.extend(buffer.filled()[before..].iter().take(missing));
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const BARE: &str =
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: today\r\n\r\n";

    #[test]
    fn only_a_head_without_an_id_at_the_end_is_bare() {
        assert_eq!(bare_head(BARE.as_bytes()).map(|(at, _)| at), Some(0));
        let behind = format!("{{\"ok\":true}}{BARE}");
        assert_eq!(bare_head(behind.as_bytes()).map(|(at, _)| at), Some(11));
        let own = BARE.replace("date: today", "x-request-id: 7");
        let longer = BARE.replace("content-length: 0", "content-length: 40");
        for other in [own, longer, format!("{BARE}x"), "HTTP/1.1 200 OK\r\n\r\n".to_owned(), String::new()] {
            assert_eq!(bare_head(other.as_bytes()), None, "{other:?}");
        }
    }

    #[tokio::test]
    async fn a_bare_refusal_gets_a_sentence_and_an_id_however_little_is_written_at_a_time() {
        let (near, mut far) = duplex(16);
        let told = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&told);
        let mut clothed = CompletedRefusals::new(near, Bytes::new(), move |refused: &Refused| {
            let Refused::Unreadable { status, id } = refused else { panic!("{refused:?}") };
            hears.lock().unwrap().push((*status, id.clone()));
        });
        let writing = tokio::spawn(async move {
            let all = format!("HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-length: 2\r\n\r\nok{BARE}");
            clothed.write_all(all.as_bytes()).await.unwrap();
            clothed.flush().await.unwrap();
            clothed.shutdown().await.unwrap();
        });
        let mut all = String::new();
        far.read_to_string(&mut all).await.unwrap();
        drop(far);
        writing.await.unwrap();
        let (_, answer) = all.split_once("\r\n\r\nok").expect("what came before is as it was");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let told = told.lock().unwrap();
        let [(400, id)] = &told[..] else { panic!("{told:?}") };
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\ndate: today\r\n"), "{head}");
        assert!(head.contains(&format!("x-request-id: {id}")), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        assert!(
            body.starts_with("{\"ok\":false,\"message\":\"this is not a valid HTTP/1.1 request"),
            "{body}"
        );
    }
}
