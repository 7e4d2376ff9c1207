//! Frames on their way in. A frame is kept until all of it is there, so an unfinished frame uses memory. There are
//! three bounds: a buffer grows with what has arrived and not with what was announced, all unfinished frames of one
//! port share a budget, and each has a time in which it must be whole. What is in a frame is not looked at.

use bytes::{Bytes, BytesMut};
use raftdeck_protocol::frame::{self, FrameError, MAX_FRAME};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// The time that is waited for the rest of a frame, from its first byte on.
const WITHIN: Duration = Duration::from_secs(30);

/// A buffer of up to this size does not count: the number of connections is limited.
const FREE: usize = 64 << 10;

/// All larger ones of one port together. Eight of the largest frames fit.
const SHARED: usize = 64 << 20;

/// The unfinished frames of one port.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    state: Mutex<ArrivalBudget>,
}

#[derive(Debug, Default)]
struct ArrivalBudget {
    newest: u64,
    /// **Invariant:** the sum of all parts.
    bytes: usize,
    parts: BTreeMap<u64, FrameShare>,
}

/// What one unfinished frame takes of the budget.
#[derive(Debug)]
struct FrameShare {
    bytes: usize,
    since: Instant,
    given_up: CancellationToken,
}

/// Why a connection is read no further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArrivalError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("a frame was not complete {} s after it began: {arrived} bytes of it have arrived", WITHIN.as_secs())]
    TooSlow { arrived: usize },
    #[error(
        "unfinished frames use more than {} MiB in total, and this one, with {arrived} bytes, has been the \
         largest for the longest time",
        SHARED >> 20
    )]
    TooMany { arrived: usize },
}

/// One connection's buffer.
#[derive(Debug)]
pub(crate) struct Arriving {
    arrivals: Arc<Arrivals>,
    buffer: BytesMut,
    /// One read brings at most about this many bytes.
    read: usize,
    /// The most that the buffer has held since it was made.
    peak: usize,
    /// Its place in the budget, if it has one.
    part: Option<(u64, CancellationToken)>,
    /// How long the rest of the frame has been waited for.
    waited: Duration,
}

impl Arrivals {
    /// Takes more of the budget for a frame, and gives up others where that is needed. `false`: it is the one that is given up.
    fn grow(&self, part: &mut Option<(u64, CancellationToken)>, bytes: usize) -> bool {
        let mut state = self.lock();
        let number = if let Some((number, given_up)) = part {
            if given_up.is_cancelled() {
                return false;
            }
            *number
        } else {
            state.newest += 1;
            let (number, given_up) = (state.newest, CancellationToken::new());
            state
                .parts
                .insert(number, FrameShare { bytes: 0, since: Instant::now(), given_up: given_up.clone() });
            *part = Some((number, given_up));
            number
        };
        state.resize(number, bytes);
        while state.bytes > SHARED {
            let Some(worst) = state.worst() else { break };
            state.give_up(worst);
            if worst == number {
                return false;
            }
        }
        true
    }

    fn release(&self, number: u64) {
        let mut state = self.lock();
        if let Some(part) = state.parts.remove(&number) {
            state.bytes -= part.bytes;
        }
    }

    fn lock(&self) -> MutexGuard<'_, ArrivalBudget> {
        // Nothing that holds this lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ArrivalBudget {
    fn resize(&mut self, number: u64, bytes: usize) {
        if let Some(part) = self.parts.get_mut(&number) {
            self.bytes = self.bytes - part.bytes + bytes;
            part.bytes = bytes;
        }
    }

    /// The frame that has been the largest for the longest time: an active sender finishes soon, however much it
    /// sends.
    fn worst(&self) -> Option<u64> {
        let now = Instant::now();
        let weight = |part: &FrameShare| part.bytes as u128 * (now - part.since).as_micros().max(1);
        self.parts.iter().max_by_key(|(_, part)| weight(part)).map(|(number, _)| *number)
    }

    fn give_up(&mut self, number: u64) {
        if let Some(part) = self.parts.remove(&number) {
            self.bytes -= part.bytes;
            part.given_up.cancel();
        }
    }
}

impl Arriving {
    /// `buffer` holds what was read already.
    pub(crate) fn new(arrivals: &Arc<Arrivals>, buffer: BytesMut, read: usize) -> Self {
        let arrivals = Arc::clone(arrivals);
        Self { arrivals, buffer, read, peak: 0, part: None, waited: Duration::ZERO }
    }

    /// The content of the first frame, if all of it is there.
    pub(crate) fn take(&mut self) -> Result<Option<Bytes>, FrameError> {
        let taken = frame::take(&mut self.buffer, MAX_FRAME)?;
        if taken.is_some() {
            self.waited = Duration::ZERO;
            self.release();
        }
        Ok(taken)
    }

    /// Reads more, once all whole frames have been taken; gives how much, 0 at the end. Not cancel-safe: what was waited is
    /// forgotten.
    pub(crate) async fn read(&mut self, mut reader: impl AsyncRead + Unpin) -> Result<usize, ArrivalError> {
        let missing = frame::missing(&self.buffer, MAX_FRAME)?;
        self.give_back();
        let begun = self.buffer.len();
        // At most twice as much as has arrived: a peer that announces much and sends little uses little memory.
        let more = missing.max(self.read).min(begun.max(self.read));
        let size = begun + more;
        if begun > 0 && size > FREE && !self.arrivals.grow(&mut self.part, size) {
            return Err(ArrivalError::TooMany { arrived: begun });
        }
        self.buffer.reserve(more);
        if begun == 0 {
            // There is no frame to wait for: it is idle for as long as it likes.
            let read = reader.read_buf(&mut self.buffer).await?;
            self.peak = self.peak.max(self.buffer.len());
            return Ok(read);
        }
        let since = Instant::now();
        let given_up = self.part.as_ref().map(|(_, given_up)| given_up.clone());
        let given_up = async {
            match given_up {
                Some(given_up) => given_up.cancelled().await,
                None => std::future::pending().await,
            }
        };
        let read = tokio::select! {
            // What is there is taken in, however late this process is to look.
            biased;
            read = reader.read_buf(&mut self.buffer) => read?,
            () = given_up => return Err(ArrivalError::TooMany { arrived: begun }),
            () = sleep(WITHIN.saturating_sub(self.waited)) => return Err(ArrivalError::TooSlow { arrived: begun }),
        };
        self.waited += since.elapsed();
        self.peak = self.peak.max(self.buffer.len());
        Ok(read)
    }

    /// A large buffer that is no longer needed is not kept.
    fn give_back(&mut self) {
        if self.peak > FREE && self.buffer.len() <= self.read {
            // A copy, as even a part keeps all of it.
            self.buffer = BytesMut::from(&self.buffer[..]);
            self.peak = self.buffer.len();
        }
    }

    fn release(&mut self) {
        if let Some((number, _)) = self.part.take() {
            self.arrivals.release(number);
        }
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::timeout;

    const READ: usize = 16 << 10;

    /// A connection whose frame is announced to be of the greatest length, and of which so much has arrived.
    async fn unfinished(arrivals: &Arc<Arrivals>, bytes: usize) -> (DuplexStream, DuplexStream, Arriving) {
        let (mut near, mut far) = duplex(16 << 20);
        let announced = u32::try_from(MAX_FRAME).unwrap().to_be_bytes();
        near.write_all(&announced).await.unwrap();
        near.write_all(&vec![7; bytes]).await.unwrap();
        let mut arriving = Arriving::new(arrivals, BytesMut::new(), READ);
        while arriving.buffer.len() < announced.len() + bytes {
            assert_eq!(arriving.take().unwrap(), None);
            arriving.read(&mut far).await.unwrap();
        }
        (near, far, arriving)
    }

    #[tokio::test]
    async fn a_buffer_grows_with_what_has_arrived_and_is_given_back() {
        let arrivals: Arc<Arrivals> = Arc::default();
        let (mut near, mut far, mut arriving) = unfinished(&arrivals, 100).await;
        assert!(arriving.buffer.capacity() < 4 * READ, "8 MiB are announced");
        assert_eq!(arrivals.lock().bytes, 0);
        near.write_all(&vec![7; MAX_FRAME - 100]).await.unwrap();
        let whole = loop {
            match arriving.take().unwrap() {
                Some(whole) => break whole,
                None => arriving.read(&mut far).await.map(drop).unwrap(),
            }
            assert!(arrivals.lock().bytes <= MAX_FRAME + 4 + READ);
        };
        assert_eq!((whole.len(), arrivals.lock().bytes), (MAX_FRAME, 0));
        near.write_all(&[0]).await.unwrap();
        arriving.read(&mut far).await.unwrap();
        drop(whole);
        near.write_all(&[0]).await.unwrap();
        arriving.read(&mut far).await.unwrap();
        assert!(arriving.buffer.capacity() < 4 * READ, "it keeps {} bytes", arriving.buffer.capacity());
    }

    #[tokio::test]
    async fn over_the_budget_the_one_that_took_up_the_most_for_the_longest_time_is_given_up() {
        let arrivals: Arc<Arrivals> = Arc::default();
        let mut crowd: Vec<(DuplexStream, DuplexStream, Arriving)> = Vec::new();
        let is_given_up =
            |arriving: &Arriving| arriving.part.as_ref().is_some_and(|(_, up)| up.is_cancelled());
        while !crowd.iter().any(|(.., arriving)| is_given_up(arriving)) && crowd.len() < 20 {
            crowd.push(unfinished(&arrivals, 6 << 20).await);
        }
        assert!((4..20).contains(&crowd.len()), "{}", crowd.len());
        assert!(arrivals.lock().bytes <= SHARED);
        let (_near, mut far, mut first) = crowd.remove(0);
        let waits = timeout(Duration::from_secs(30), first.read(&mut far)).await.expect("it does not wait");
        assert!(matches!(waits, Err(ArrivalError::TooMany { .. })), "{waits:?}");
        crowd.clear();
        let state = arrivals.lock();
        assert!(state.bytes == 0 && state.parts.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_has_a_time_in_which_it_must_be_whole_however_it_drips() {
        let arrivals: Arc<Arrivals> = Arc::default();
        let (mut near, mut far, mut arriving) = unfinished(&arrivals, 1).await;
        let dripping = tokio::spawn(async move {
            loop {
                sleep(Duration::from_millis(700)).await;
                near.write_all(&[7]).await?;
            }
            #[expect(unreachable_code, reason = "it names the error's type")]
            Ok::<(), io::Error>(())
        });
        let end = loop {
            match arriving.read(&mut far).await {
                Ok(_) => assert_eq!(arriving.take().unwrap(), None),
                Err(end) => break end,
            }
        };
        assert!(matches!(end, ArrivalError::TooSlow { .. }), "{end}");
        dripping.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_waited_for() {
        let (near, mut far) = duplex(16);
        let mut arriving = Arriving::new(&Arc::default(), BytesMut::new(), READ);
        assert!(timeout(100 * WITHIN, arriving.read(&mut far)).await.is_err());
        drop(near);
        assert_eq!(arriving.read(&mut far).await.unwrap(), 0);
    }
}
