//! One peer's outgoing frames. The sending thread writes a frame directly, as long as the connection accepts it; the
//! rest waits for the connection's own task. Senders never block.

use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Pieces that wait for one peer's connection; what comes on top is dropped.
const QUEUE: usize = 1024;

/// The same in bytes. Above the core's window for one peer, so that a full window never drops its own messages.
const QUEUE_BYTES: usize = 24 << 20;

/// What waits when a lane is closed has this long to go out.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// As many pieces go into one write.
const PIECES: usize = 64;

/// The frames for one peer, shared by senders and the task that keeps the connection.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    state: Mutex<LaneState>,
    /// There is something to do for the task.
    stirred: Notify,
    /// There is reason to dial immediately.
    hurried: Notify,
    closed: CancellationToken,
}

/// Whether what is sent goes anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reach {
    /// There is no connection.
    #[default]
    Nowhere,
    /// There will be one soon.
    Expected,
    /// There is one.
    Connected,
}

#[derive(Debug, Default)]
struct LaneState {
    reach: Reach,
    /// The connection, to which senders may write directly.
    stream: Option<Arc<TcpStream>>,
    /// Since when something has waited for a connection.
    since: Option<Instant>,
    /// **Invariant:** every write goes through here, so that frames never mix; of the first piece a part may be gone.
    waiting: VecDeque<Bytes>,
    bytes: usize,
    /// The last one was dropped because too much waits.
    full: bool,
    /// Nothing more will be sent.
    closed: bool,
}

/// What happened to a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendOutcome {
    /// It was written, or waits.
    Yes,
    /// There is no connection.
    Nowhere,
    /// Too much waits; the first time that this happens.
    FullNow,
    /// Too much still waits.
    Full,
}

/// How far a write came.
enum WriteProgress {
    AllWritten,
    /// The connection takes nothing more at the moment.
    Blocked,
}

impl Lane {
    /// Whether what is sent now would go anywhere.
    pub(crate) fn accepts(&self) -> bool {
        self.lock().reach != Reach::Nowhere
    }

    /// Sends whole frames, one or many in one piece.
    pub(crate) fn send(&self, frames: Bytes) -> SendOutcome {
        let mut state = self.lock();
        if state.reach == Reach::Nowhere {
            return SendOutcome::Nowhere;
        }
        let fits = state.waiting.len() < QUEUE && state.bytes + frames.len() <= QUEUE_BYTES;
        let was_full = std::mem::replace(&mut state.full, !fits);
        if !fits {
            return if was_full { SendOutcome::Full } else { SendOutcome::FullNow };
        }
        let is_first = state.waiting.is_empty();
        if is_first && state.reach == Reach::Expected {
            state.since = Some(Instant::now());
        }
        state.bytes += frames.len();
        state.waiting.push_back(frames);
        // With something before it, the task is at it already.
        if is_first && !matches!(state.write(), Ok(WriteProgress::AllWritten)) {
            self.stirred.notify_one();
        }
        SendOutcome::Yes
    }

    /// Nothing more will be sent; what waits still goes out, if the peer takes it in time.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.closed.cancel();
        self.stirred.notify_one();
    }

    /// Ends some time after the lane was closed: a peer that takes nothing must not keep what was meant for it.
    pub(crate) async fn expired(&self) {
        self.closed.cancelled().await;
        sleep(LAST_WORDS).await;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// There will be a connection soon: what is sent until then waits for it.
    pub(crate) fn expect_connection(&self) {
        let mut state = self.lock();
        if state.reach == Reach::Nowhere {
            state.reach = Reach::Expected;
        }
    }

    /// The peer is there, as it has just connected itself: it is to be dialed without a pause.
    pub(crate) fn hurry(&self) {
        self.expect_connection();
        self.hurried.notify_one();
    }

    /// Ends after a pause between two attempts, or when there is reason to hurry.
    pub(crate) async fn pause(&self, pause: Duration) {
        // Whichever of the two it is, the next attempt follows.
        let _ = timeout(pause, self.hurried.notified()).await;
    }

    /// Nothing can be sent now: what waits is stale by the time that can be.
    pub(crate) fn give_up(&self) {
        let mut state = self.lock();
        *state = LaneState { closed: state.closed, ..LaneState::default() };
    }

    /// Drops what waits for a connection if the oldest of it has waited longer than this: it is stale by now.
    pub(crate) fn drop_stale(&self, limit: Duration) {
        let mut state = self.lock();
        if state.since.is_some_and(|since| since.elapsed() > limit) {
            *state = LaneState { closed: state.closed, reach: state.reach, ..LaneState::default() };
        }
    }

    /// Sends through this connection until it breaks, or until the lane is closed and empty.
    pub(crate) async fn serve(&self, stream: Arc<TcpStream>) -> io::Result<()> {
        {
            let mut state = self.lock();
            state.connected();
            state.stream = Some(Arc::clone(&stream));
        }
        loop {
            let (progress, closed) = {
                let mut state = self.lock();
                (state.write()?, state.closed)
            };
            match progress {
                WriteProgress::AllWritten if closed => return Ok(()),
                WriteProgress::AllWritten => self.stirred.notified().await,
                WriteProgress::Blocked => stream.writable().await?,
            }
        }
    }

    /// The same where only the task may write, as with TLS: senders do not write directly, everything goes through here.
    pub(crate) async fn serve_alone(&self, mut writer: impl AsyncWrite + Unpin) -> io::Result<()> {
        self.lock().connected();
        loop {
            let (pieces, closed) = {
                let state = self.lock();
                (state.waiting.iter().take(PIECES).cloned().collect::<Vec<_>>(), state.closed)
            };
            if pieces.is_empty() {
                if closed {
                    return Ok(());
                }
                self.stirred.notified().await;
                continue;
            }
            for piece in &pieces {
                writer.write_all(piece).await?;
            }
            writer.flush().await?;
            let mut state = self.lock();
            for piece in state.waiting.drain(..pieces.len()).collect::<Vec<_>>() {
                state.bytes -= piece.len();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, LaneState> {
        // Nothing that holds this lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LaneState {
    fn connected(&mut self) {
        (self.reach, self.since) = (Reach::Connected, None);
    }

    /// Writes as much as the connection takes.
    fn write(&mut self) -> io::Result<WriteProgress> {
        let Some(stream) = &self.stream else { return Ok(WriteProgress::Blocked) };
        while !self.waiting.is_empty() {
            let mut pieces = [IoSlice::new(&[]); PIECES];
            let filled =
                pieces.iter_mut().zip(&self.waiting).map(|(piece, frames)| *piece = IoSlice::new(frames));
            let count = filled.count();
            match stream.try_write_vectored(&pieces[..count]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.bytes -= written;
                    advance(&mut self.waiting, written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(WriteProgress::Blocked),
                Err(error) => return Err(error),
            }
        }
        Ok(WriteProgress::AllWritten)
    }
}

/// Removes this many bytes from the beginning.
fn advance(waiting: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(first) = waiting.front_mut() {
        let part = written.min(first.len());
        first.advance(part);
        written -= part;
        if !first.is_empty() {
            return;
        }
        waiting.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    async fn connected() -> (Arc<TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Arc::new(stream), listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn what_the_connection_does_not_take_at_once_is_sent_in_order_and_the_rest_is_dropped() {
        let (stream, mut peer) = connected().await;
        let lane = Arc::new(Lane::default());
        assert_eq!(lane.send(Bytes::from_static(b"early")), SendOutcome::Nowhere);
        lane.expect_connection();
        let piece = |nth: usize| Bytes::from(vec![u8::try_from(nth % 251).unwrap(); 1 << 20]);
        let mut sent = 0;
        // The first ones wait for the connection, and more is sent from elsewhere than it can take.
        while lane.send(piece(sent)) == SendOutcome::Yes {
            sent += 1;
        }
        assert_eq!(sent, QUEUE_BYTES >> 20);
        assert_eq!(lane.send(piece(sent)), SendOutcome::Full, "this is said once");
        let serving = Arc::clone(&lane);
        let serving = tokio::spawn(async move { serving.serve(stream).await });
        let mut received = vec![0; 1 << 20];
        for nth in 0..2 * sent {
            timeout(Duration::from_secs(30), peer.read_exact(&mut received)).await.unwrap().unwrap();
            assert_eq!(received, piece(nth));
            if nth < sent {
                assert_eq!(lane.send(piece(sent + nth)), SendOutcome::Yes, "there is room again");
            }
        }
        lane.close();
        timeout(Duration::from_secs(30), serving).await.unwrap().unwrap().expect("closed and empty");
    }

    #[tokio::test]
    async fn a_lane_that_is_closed_does_not_wait_for_ever_for_a_peer_that_reads_nothing() {
        let (stream, _peer) = connected().await;
        let lane = Lane::default();
        lane.expect_connection();
        while lane.send(Bytes::from(vec![7; 1 << 20])) == SendOutcome::Yes {}
        lane.close();
        let served = async {
            tokio::select! {
                sent = lane.serve(stream) => panic!("nobody reads: {sent:?}"),
                () = lane.expired() => lane.give_up(),
            }
        };
        timeout(Duration::from_secs(30), served).await.expect("it has a bound in time");
        assert_eq!(lane.lock().bytes, 0, "what waited is given back");
        assert!(lane.is_closed());
    }

    #[tokio::test]
    async fn a_frame_is_written_by_who_sends_it() {
        let (stream, mut peer) = connected().await;
        stream.writable().await.unwrap();
        let lane = Arc::new(Lane::default());
        lane.lock().connected();
        lane.lock().stream = Some(stream);
        // No task serves the lane.
        let sending = Arc::clone(&lane);
        let sent = std::thread::spawn(move || sending.send(Bytes::from_static(b"hello")));
        assert_eq!(sent.join().unwrap(), SendOutcome::Yes);
        let mut received = [0; 5];
        timeout(Duration::from_secs(30), peer.read_exact(&mut received)).await.unwrap().unwrap();
        assert_eq!(&received, b"hello");
        lane.give_up();
        assert_eq!(lane.send(Bytes::from_static(b"late")), SendOutcome::Nowhere);
    }
}
