//! One open connection: many requests under way, each answered by its id. Never retries and never reconnects;
//! when it breaks, each waiting request learns whether it may have been sent.
//!
//! Callers put their requests into one buffer, which goes out with one write, and all answers that one read brings are handed
//! out together. A call in the usual course allocates nothing and sets no timer of its own: one for all of them says when
//! a call has waited long.

use crate::dial::{Dialed, Frames};
use crate::transport::Transport;
use bytes::BytesMut;
use raftdeck_protocol::frame::{self, FrameError, MAX_FRAME};
use raftdeck_protocol::{Request, RequestBody, Response, ResponseBody};
use raftdeck_raft::NodeId;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

/// When more bytes than this wait to be sent, further requests wait (backpressure).
const MAX_UNSENT: usize = 1 << 20;

/// The lowest bits of a request's id say where its caller waits; above them it counts.
const PLACE_BITS: u32 = 12;

/// The maximum number of unanswered requests. More are rejected unsent.
const MAX_PENDING: usize = 1 << PLACE_BITS;

/// One read brings at most about this many bytes.
const READ: usize = 64 << 10;

/// A buffer that held more is not kept.
const LARGE: usize = 512 << 10;

/// The request will not be answered on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It was never sent.
    BeforeSending,
    /// It was sent, or may have been.
    AfterSending,
}

pub(crate) type Reply = Result<ResponseBody, Lost>;

/// A handle on an open connection. The connection closes when it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    line: Arc<SharedCalls>,
    node: NodeId,
}

/// What callers and the task that serves the connection share.
#[derive(Debug)]
struct SharedCalls {
    calls: Mutex<Calls>,
    /// There is something to be sent.
    unsent: Notify,
    /// There is an earlier time to check the waiting callers, or the handle is gone.
    watched: Notify,
    /// What waited to be sent is on its way.
    sent: Notify,
}

#[derive(Debug)]
struct Calls {
    /// Whole frames.
    unsent: BytesMut,
    places: Vec<CallSlot>,
    free: Vec<usize>,
    /// Requests are counted from 1: this many were put into the buffer, and this many of those were given to the system.
    newest: u64,
    taken: u64,
    heard: Instant,
    /// No later than the earliest time at which a request is to be woken.
    due: Option<Instant>,
    state: ConnectionState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectionState {
    Open,
    /// The handle is gone.
    Abandoned,
    Closed,
}

/// Where one caller waits.
#[derive(Debug, Default)]
struct CallSlot {
    /// Its request; 0: no request waits here.
    nth: u64,
    waker: Option<Waker>,
    /// It is to be woken at this time even without an answer.
    due: Option<Instant>,
    reply: Option<Reply>,
}

/// A request in the buffer. If dropped, its answer is discarded.
#[derive(Debug)]
pub(crate) struct Call {
    line: Arc<SharedCalls>,
    at: usize,
}

impl Connection {
    /// Takes over a connection and starts the task that serves it.
    pub(crate) fn start(dialed: Dialed) -> Self {
        let calls = Calls {
            unsent: BytesMut::new(),
            places: Vec::new(),
            free: Vec::new(),
            newest: 0,
            taken: 0,
            heard: Instant::now(),
            due: None,
            state: ConnectionState::Open,
        };
        let line = Arc::new(SharedCalls {
            calls: Mutex::new(calls),
            unsent: Notify::new(),
            watched: Notify::new(),
            sent: Notify::new(),
        });
        let served = CloseOnDrop(Arc::clone(&line));
        tokio::spawn(async move { serve(dialed.frames, &served).await });
        Self { line, node: dialed.node }
    }

    pub(crate) fn node(&self) -> NodeId {
        self.node
    }

    pub(crate) fn is_open(&self) -> bool {
        self.line.lock().state == ConnectionState::Open
    }

    /// Whether anything arrived in the last `span`.
    pub(crate) fn heard_within(&self, span: Duration) -> bool {
        self.line.lock().heard.elapsed() <= span
    }

    /// Hands a request over, unless too much waits to be sent.
    pub(crate) fn try_call(&self, body: RequestBody) -> Result<Option<Call>, Lost> {
        self.line.put(&mut Request { id: 0, body })
    }

    /// Hands a request over. Waits only while [`MAX_UNSENT`] is exceeded; dropping the future then means it was not sent.
    pub(crate) async fn call(&self, body: RequestBody) -> Result<Call, Lost> {
        let mut request = Request { id: 0, body };
        loop {
            // Before the look, so that nothing is missed after it.
            let sent = self.line.sent.notified();
            match self.line.put(&mut request)? {
                Some(call) => return Ok(call),
                None => sent.await,
            }
        }
    }

    /// Whether the node answers at all: with its own state, within `span`.
    pub(crate) async fn probe(&self, span: Duration) -> bool {
        let asked = async { self.call(RequestBody::Status).await?.reply().await };
        matches!(timeout(span, asked).await, Ok(Ok(_)))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut calls = self.line.lock();
        if calls.state == ConnectionState::Open {
            calls.state = ConnectionState::Abandoned;
        }
        drop(calls);
        self.line.watched.notify_one();
    }
}

impl SharedCalls {
    fn lock(&self) -> MutexGuard<'_, Calls> {
        // Nothing that holds this lock can panic half-way through a change.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: too much waits to be sent.
    fn put(self: &Arc<Self>, request: &mut Request) -> Result<Option<Call>, Lost> {
        let mut calls = self.lock();
        if calls.state != ConnectionState::Open {
            return Err(Lost::BeforeSending);
        }
        if calls.unsent.len() > MAX_UNSENT {
            return Ok(None);
        }
        let at = calls.enter().ok_or(Lost::BeforeSending)?;
        let nth = calls.newest;
        request.id = nth << PLACE_BITS | at as u64;
        let is_first = calls.unsent.is_empty();
        frame::put(request, &mut calls.unsent);
        drop(calls);
        if is_first {
            self.unsent.notify_one();
        }
        Ok(Some(Call { line: Arc::clone(self), at }))
    }
}

impl Calls {
    /// Counts one more request and gives the place where its caller waits, if there is one.
    fn enter(&mut self) -> Option<usize> {
        let at = match self.free.pop() {
            Some(at) => at,
            None if self.places.len() < MAX_PENDING => {
                self.places.push(CallSlot::default());
                self.places.len() - 1
            }
            None => return None,
        };
        self.newest += 1;
        self.places[at].nth = self.newest;
        Some(at)
    }

    fn leave(&mut self, at: usize) {
        self.places[at] = CallSlot::default();
        self.free.push(at);
    }

    /// The answer to a request; gives the caller that waits for it.
    fn answer(&mut self, Response { id, body }: Response) -> Option<Waker> {
        let at = usize::try_from(id).map_or(0, |id| id % MAX_PENDING);
        let place = self.places.get_mut(at).filter(|place| place.nth == id >> PLACE_BITS && place.nth > 0)?;
        // A second answer is dropped.
        place.reply.get_or_insert(Ok(body));
        place.waker.take()
    }

    /// The callers to wake now; later ones are checked later.
    fn overdue(&mut self, now: Instant) -> Vec<Waker> {
        let waiting = self.places.iter_mut().filter(|place| place.due.is_some_and(|due| due <= now));
        let woken = waiting.filter_map(|place| place.waker.take()).collect();
        self.due = self.places.iter().filter_map(|place| place.due).filter(|due| *due > now).min();
        woken
    }

    /// Nothing more is sent or heard.
    fn close(&mut self) -> Vec<Waker> {
        self.state = ConnectionState::Closed;
        let taken = self.taken;
        let waiting = self.places.iter_mut().filter(|place| place.nth > 0);
        let lost = waiting.filter_map(|place| {
            let lost = if place.nth > taken { Lost::BeforeSending } else { Lost::AfterSending };
            place.reply.get_or_insert(Err(lost));
            place.waker.take()
        });
        lost.collect()
    }
}

impl Call {
    /// The answer.
    pub(crate) async fn reply(self) -> Reply {
        poll_fn(|context| self.poll(context, None)).await.unwrap_or(Err(Lost::AfterSending))
    }

    /// The answer, if it comes by `until`.
    pub(crate) async fn reply_by(&self, until: Instant) -> Option<Reply> {
        poll_fn(|context| self.poll(context, Some(until))).await
    }

    fn poll(&self, context: &Context<'_>, until: Option<Instant>) -> Poll<Option<Reply>> {
        let mut calls = self.line.lock();
        let place = &mut calls.places[self.at];
        if place.reply.is_some() {
            return Poll::Ready(place.reply.take());
        }
        let is_new = place.due != until;
        // Woken for the time: the clock is asked only then, and not when the wait begins.
        if !is_new && until.is_some_and(|until| until <= Instant::now()) {
            place.due = None;
            return Poll::Ready(None);
        }
        place.due = until;
        match &mut place.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        let is_earlier = until.is_some_and(|until| calls.due.is_none_or(|due| until < due));
        if is_new && is_earlier {
            calls.due = until;
            drop(calls);
            self.line.watched.notify_one();
        }
        Poll::Pending
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.line.lock().leave(self.at);
    }
}

/// The task that serves a connection ends, also with its runtime: notifies all waiting callers.
struct CloseOnDrop(Arc<SharedCalls>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        let lost = self.0.lock().close();
        lost.into_iter().for_each(Waker::wake);
        self.0.sent.notify_waiters();
    }
}

/// Reads and writes until either side ends.
async fn serve(frames: Frames, CloseOnDrop(line): &CloseOnDrop) {
    let parts = frames.into_parts();
    match parts.io {
        Transport::Plain(mut stream) => {
            let (reader, writer) = stream.split();
            exchange(reader, writer, parts.read_buf, line).await;
        }
        Transport::Tls(stream) => {
            let (reader, writer) = tokio::io::split(stream);
            exchange(reader, writer, parts.read_buf, line).await;
        }
    }
}

async fn exchange(
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin,
    buffer: BytesMut,
    line: &SharedCalls,
) {
    tokio::select! {
        why = read(reader, buffer, line) => tracing::debug!("connection closed: {why}"),
        _ = write(writer, line) => {}
        () = watch(line) => {}
    }
}

async fn read(mut reader: impl AsyncRead + Unpin, mut buffer: BytesMut, line: &SharedCalls) -> String {
    let mut woken = Vec::new();
    let mut peak = 0;
    loop {
        peak = peak.max(buffer.len());
        let missing = match take_answers(&mut buffer, line, &mut woken) {
            Ok(missing) => missing,
            Err(error) => return error.to_string(),
        };
        if peak > LARGE && buffer.len() <= READ {
            // A connection that is idle keeps no large buffer. A copy, as even a part keeps all of it.
            buffer = BytesMut::from(&buffer[..]);
            peak = 0;
        }
        buffer.reserve(missing.max(READ));
        match reader.read_buf(&mut buffer).await {
            Ok(0) => return "the node closed it".to_owned(),
            Ok(_) => {}
            Err(error) => return error.to_string(),
        }
    }
}

/// Hands out all answers that are there; gives how many bytes are missing for the next one.
fn take_answers(
    buffer: &mut BytesMut,
    line: &SharedCalls,
    woken: &mut Vec<Waker>,
) -> Result<usize, FrameError> {
    let mut calls = line.lock();
    calls.heard = Instant::now();
    let mut take = || {
        while let Some(content) = frame::take(buffer, MAX_FRAME)? {
            woken.extend(calls.answer(frame::decode("response", &content)?));
        }
        frame::missing(buffer, MAX_FRAME)
    };
    let missing = take();
    drop(calls);
    woken.drain(..).for_each(Waker::wake);
    missing
}

/// Sends what waits with one write, until the connection is gone.
async fn write(mut writer: impl AsyncWrite + Unpin, line: &SharedCalls) -> io::Result<()> {
    let mut sending = BytesMut::new();
    loop {
        {
            let mut calls = line.lock();
            std::mem::swap(&mut calls.unsent, &mut sending);
            calls.taken = calls.newest;
        }
        if sending.is_empty() {
            line.unsent.notified().await;
            continue;
        }
        line.sent.notify_waiters();
        writer.write_all(&sending).await?;
        // TLS may keep some of it back until then.
        writer.flush().await?;
        sending.clear();
        if sending.capacity() > MAX_UNSENT {
            sending = BytesMut::new();
        }
    }
}

/// Wakes callers that have waited long, also while the connection accepts nothing, until the handle is gone.
async fn watch(line: &SharedCalls) {
    loop {
        let (due, state) = {
            let calls = line.lock();
            (calls.due, calls.state)
        };
        if state != ConnectionState::Open {
            return;
        }
        tokio::select! {
            biased;
            () = line.watched.notified() => {}
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                let overdue = line.lock().overdue(Instant::now());
                overdue.into_iter().for_each(Waker::wake);
            }
        }
    }
}
