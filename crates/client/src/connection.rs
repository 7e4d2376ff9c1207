//! One open connection: many requests under way, each answered by its id. Never retries and never reconnects;
//! when it breaks, each waiting request learns whether it may have been sent.

use crate::dial::{Dialed, Frames};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use raftdeck_protocol::{Request, RequestBody, Response, ResponseBody, frame};
use raftdeck_raft::NodeId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Requests that wait to be sent; more wait at their callers.
const QUEUE: usize = 1024;

/// Requests that were sent and not answered. More are turned away unsent.
const MAX_PENDING: usize = 4096;

/// The request will not be answered on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It was never sent.
    BeforeSending,
    /// It was sent, or may have been.
    AfterSending,
}

pub(crate) type Reply = Result<ResponseBody, Lost>;

#[derive(Debug)]
struct Call {
    body: RequestBody,
    reply: oneshot::Sender<Reply>,
}

/// A handle on an open connection. The connection closes when the last handle is gone.
#[derive(Debug)]
pub(crate) struct Connection {
    calls: mpsc::Sender<Call>,
    pending: Arc<Mutex<Pending>>,
    node: NodeId,
}

/// What was sent and not answered, and when something last arrived.
#[derive(Debug)]
struct Pending {
    replies: HashMap<u64, oneshot::Sender<Reply>>,
    next_id: u64,
    heard: Instant,
}

impl Connection {
    /// Takes over a connection and starts the task that serves it.
    pub(crate) fn start(dialed: Dialed) -> Self {
        let (calls, queue) = mpsc::channel(QUEUE);
        let pending =
            Arc::new(Mutex::new(Pending { replies: HashMap::new(), next_id: 1, heard: Instant::now() }));
        tokio::spawn(serve(dialed.frames, queue, Arc::clone(&pending)));
        Self { calls, pending, node: dialed.node }
    }

    pub(crate) fn node(&self) -> NodeId {
        self.node
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.calls.is_closed()
    }

    /// Whether anything arrived in the last `span`.
    pub(crate) fn heard_within(&self, span: Duration) -> bool {
        lock(&self.pending).heard.elapsed() <= span
    }

    /// Hands a request over. Waits only while [`QUEUE`] is full; dropping the future then means it was not sent.
    pub(crate) async fn call(&self, body: RequestBody) -> Result<oneshot::Receiver<Reply>, Lost> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(Call { body, reply }).await.map_err(|_| Lost::BeforeSending)?;
        Ok(answer)
    }

    /// Whether the node says anything at all: its own state, within `span`.
    pub(crate) async fn probe(&self, span: Duration) -> bool {
        let asked = async {
            let answer = self.call(RequestBody::Status).await.ok()?;
            answer.await.ok()?.ok()
        };
        matches!(timeout(span, asked).await, Ok(Some(_)))
    }
}

fn lock(pending: &Mutex<Pending>) -> MutexGuard<'_, Pending> {
    // Nothing that holds this lock can panic half-way through a change.
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads and writes until either side ends, then tells everybody who waits.
async fn serve(frames: Frames, mut queue: mpsc::Receiver<Call>, pending: Arc<Mutex<Pending>>) {
    let (sink, stream) = frames.split();
    tokio::select! {
        why = read(stream, &pending) => tracing::debug!("connection closed: {why}"),
        () = write(sink, &mut queue, &pending) => {}
    }
    queue.close();
    for (_, reply) in lock(&pending).replies.drain() {
        let _ = reply.send(Err(Lost::AfterSending));
    }
    while let Some(call) = queue.recv().await {
        let _ = call.reply.send(Err(Lost::BeforeSending));
    }
}

async fn read(mut stream: SplitStream<Frames>, pending: &Mutex<Pending>) -> String {
    loop {
        let bytes = match stream.next().await {
            Some(Ok(bytes)) => bytes,
            Some(Err(error)) => return error.to_string(),
            None => return "the node closed it".to_owned(),
        };
        let response: Response = match frame::decode("response", &bytes) {
            Ok(response) => response,
            Err(error) => return error.to_string(),
        };
        let mut pending = lock(pending);
        pending.heard = Instant::now();
        if let Some(reply) = pending.replies.remove(&response.id) {
            let _ = reply.send(Ok(response.body));
        }
    }
}

/// Sends what waits, many requests to one flush, until the queue or the connection ends.
async fn write(
    mut sink: SplitSink<Frames, bytes::Bytes>,
    queue: &mut mpsc::Receiver<Call>,
    pending: &Mutex<Pending>,
) {
    while let Some(first) = queue.recv().await {
        let mut next = Some(first);
        while let Some(call) = next {
            if let Some(request) = register(call, pending)
                && sink.feed(frame::encode(&request)).await.is_err()
            {
                return;
            }
            next = queue.try_recv().ok();
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
}

/// Gives a request its id. One whose caller has gone is not sent, nor is one too many.
fn register(call: Call, pending: &Mutex<Pending>) -> Option<Request> {
    if call.reply.is_closed() {
        return None;
    }
    let mut pending = lock(pending);
    if pending.replies.len() >= MAX_PENDING {
        pending.replies.retain(|_, reply| !reply.is_closed());
    }
    if pending.replies.len() >= MAX_PENDING {
        let _ = call.reply.send(Err(Lost::BeforeSending));
        return None;
    }
    let id = pending.next_id;
    pending.next_id += 1;
    pending.replies.insert(id, call.reply);
    Some(Request { id, body: call.body })
}
