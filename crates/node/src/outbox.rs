//! The answers to one client on their way out: where each request's answer goes, and how many may be under way. Many
//! answers become one buffer and one write. Never waits, and knows no socket.

use crate::ports::Activity;
use bytes::BytesMut;
use raftdeck_protocol::{Answer, Response, ResponseBody, frame};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Requests of one connection that are under way, or answered and not yet sent.
pub(crate) const IN_FLIGHT: usize = 1024;

/// Of these, questions whose answer may be long. The next one is taken in when an answer has been sent: a client that asks
/// and does not read must neither fill the memory nor keep the driver busy.
pub(crate) const LONG_IN_FLIGHT: usize = 4;

/// Answers of up to this many bytes of content wait as the bytes that are sent. Longer ones, which share their content with
/// the state, wait as they are. So what a client that does not read takes up is bounded by [`IN_FLIGHT`] of these.
const SHORT: usize = 512;

/// A buffer of up to this size is used again.
const SPARE: usize = 64 << 10;

/// A connection, as the driver knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionId(u64);

impl ConnectionId {
    /// One that was never given out before.
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Relaxed))
    }
}

/// One connection's answers.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) connection: ConnectionId,
    /// Whether the process that started this node asks, as far as its handshake says.
    pub(crate) by_manager: bool,
    /// The connection rests while no answer is to come.
    activity: Arc<Activity>,
    answers: Mutex<OutboxState>,
    filled: Notify,
    freed: Notify,
}

#[derive(Debug, Default)]
struct OutboxState {
    waiting: Vec<OutboxPart>,
    /// An empty buffer.
    spare: BytesMut,
    /// **Invariant:** the places given out, and the answers that wait or are being sent.
    in_flight: usize,
    /// Of these, long ones.
    long: usize,
}

/// What goes out in one piece.
#[derive(Debug)]
pub(crate) enum OutboxPart {
    /// Whole frames.
    Encoded {
        /// Their bytes.
        frames: BytesMut,
        /// How many.
        count: usize,
    },
    /// An answer that is encoded when it is sent.
    Whole {
        /// It.
        response: Box<Response>,
        /// Whether it took one of the places for long answers.
        long: bool,
    },
}

/// Where one request's answer goes; it can always be given immediately. Dropped without an answer it is free again.
#[derive(Debug)]
pub(crate) struct AnswerSlot {
    /// `None`: the answer was given.
    outbox: Option<Arc<Outbox>>,
    id: u64,
    long: bool,
}

impl Outbox {
    pub(crate) fn new(connection: ConnectionId, by_manager: bool, activity: Arc<Activity>) -> Arc<Self> {
        activity.rest();
        let (filled, freed) = (Notify::new(), Notify::new());
        Arc::new(Self { connection, by_manager, activity, answers: Mutex::default(), filled, freed })
    }

    /// A place for the answer to this request; `None`: the maximum number is under way.
    pub(crate) fn place(self: &Arc<Self>, id: u64, long: bool) -> Option<AnswerSlot> {
        let mut answers = self.lock();
        if answers.in_flight >= IN_FLIGHT || (long && answers.long >= LONG_IN_FLIGHT) {
            return None;
        }
        if answers.in_flight == 0 {
            self.activity.work();
        }
        answers.in_flight += 1;
        answers.long += usize::from(long);
        Some(AnswerSlot { outbox: Some(Arc::clone(self)), id, long })
    }

    /// Waits until places may have become free since the last time.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Waits until there may be something to be sent that was not there the last time.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Takes what waits to be sent, in order. Each parcel is given back when it was sent.
    pub(crate) fn take(&self) -> Vec<OutboxPart> {
        std::mem::take(&mut self.lock().waiting)
    }

    /// It was sent: its places are free again.
    pub(crate) fn sent(&self, parcel: OutboxPart) {
        match parcel {
            OutboxPart::Encoded { mut frames, count } => {
                self.free(count, 0);
                if frames.capacity() <= SPARE {
                    frames.clear();
                    self.lock().spare = frames;
                }
            }
            OutboxPart::Whole { long, .. } => self.free(1, usize::from(long)),
        }
    }

    /// Whether no answer is to come and none waits.
    pub(crate) fn is_done(&self) -> bool {
        self.lock().in_flight == 0
    }

    fn free(&self, places: usize, long: usize) {
        let mut answers = self.lock();
        let was_full = answers.in_flight >= IN_FLIGHT || answers.long >= LONG_IN_FLIGHT;
        answers.in_flight -= places;
        answers.long -= long;
        let is_done = answers.in_flight == 0;
        if is_done {
            // Under the lock, so that it is in order with the next request.
            self.activity.rest();
        }
        drop(answers);
        if was_full {
            self.freed.notify_one();
        }
        if is_done {
            // A task that waits for the last one looks again.
            self.filled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, OutboxState> {
        // Nothing that holds this lock can panic half-way through a change.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AnswerSlot {
    /// Whose place it is.
    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        self.outbox.as_ref().expect("invariant: there until the answer is given, which consumes the place")
    }

    /// Gives the answer.
    pub(crate) fn answer(mut self, body: ResponseBody) {
        let Some(outbox) = self.outbox.take() else { return };
        let mut answers = outbox.lock();
        let is_first = answers.waiting.is_empty();
        answers.put(Response { id: self.id, body }, self.long);
        drop(answers);
        if is_first {
            outbox.filled.notify_one();
        }
    }
}

impl Drop for AnswerSlot {
    fn drop(&mut self) {
        if let Some(outbox) = self.outbox.take() {
            outbox.free(1, usize::from(self.long));
        }
    }
}

impl OutboxState {
    fn put(&mut self, response: Response, long: bool) {
        if long || !is_short(&response.body) {
            return self.waiting.push(OutboxPart::Whole { response: Box::new(response), long });
        }
        if let Some(OutboxPart::Encoded { frames, count }) = self.waiting.last_mut() {
            frame::put(&response, frames);
            *count += 1;
        } else {
            let mut frames = std::mem::take(&mut self.spare);
            frame::put(&response, &mut frames);
            self.waiting.push(OutboxPart::Encoded { frames, count: 1 });
        }
    }
}

fn is_short(body: &ResponseBody) -> bool {
    match body {
        ResponseBody::Done { answer: Answer::Value(Some(bytes)), .. }
        | ResponseBody::Done { answer: Answer::Mismatch { current: Some(bytes) }, .. } => {
            bytes.len() <= SHORT
        }
        ResponseBody::Done { answer: Answer::Page { .. }, .. } => false,
        ResponseBody::Done { .. }
        | ResponseBody::Failed(_)
        | ResponseBody::Managed
        | ResponseBody::Transferred { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use raftdeck_raft::LogId;

    fn value(len: usize) -> ResponseBody {
        let answer = Answer::Value(Some(vec![0; len].into()));
        ResponseBody::Done { answer, at: LogId::default() }
    }

    fn outbox() -> Arc<Outbox> {
        Outbox::new(ConnectionId::next(), false, Arc::default())
    }

    #[test]
    fn short_answers_share_one_buffer_and_long_ones_keep_their_order_among_them() {
        let outbox = outbox();
        for (id, len) in [(1, 3), (2, SHORT), (3, SHORT + 1), (4, 5)] {
            outbox.place(id, false).unwrap().answer(value(len));
        }
        let mut ids = Vec::new();
        let parcels = outbox.take();
        assert_eq!(parcels.len(), 3);
        for parcel in parcels {
            match &parcel {
                OutboxPart::Encoded { frames, .. } => {
                    let mut frames = frames.clone();
                    while let Some(content) = frame::take(&mut frames, frame::MAX_FRAME).unwrap() {
                        ids.push(frame::decode::<Response>("response", &content).unwrap().id);
                    }
                }
                OutboxPart::Whole { response, .. } => ids.push(response.id),
            }
            outbox.sent(parcel);
        }
        assert_eq!(ids, [1, 2, 3, 4]);
        assert!(outbox.is_done());
    }

    #[test]
    fn a_place_is_taken_until_its_answer_was_sent_or_nobody_waits_for_it() {
        let outbox = outbox();
        let mut places: Vec<AnswerSlot> = (0..).map_while(|id| outbox.place(id, false)).collect();
        assert_eq!(places.len(), IN_FLIGHT);
        places.pop().unwrap().answer(value(1));
        assert!(outbox.place(0, false).is_none(), "answered, and not sent");
        for parcel in outbox.take() {
            outbox.sent(parcel);
        }
        assert!(outbox.freed().now_or_never().is_some(), "who waits for a place is told");
        assert!(outbox.place(0, false).is_some());
        places.clear();
        assert!(outbox.is_done());
    }

    #[test]
    fn long_answers_have_few_places() {
        let outbox = outbox();
        let long: Vec<AnswerSlot> = (0..).map_while(|id| outbox.place(id, true)).collect();
        assert_eq!(long.len(), LONG_IN_FLIGHT);
        assert!(outbox.place(9, false).is_some());
    }
}
