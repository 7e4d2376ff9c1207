//! What one client's connection watches of the keys. Each watch has a place in the ring of changes and nothing else: one that
//! is not read from waits for its connection, and if that takes too long it ends. Opens no socket.
//!
//! What watching costs a node has a bound, however fast keys change: a watch that has told all there is looks again only
//! after a pause, and finds what has come together meanwhile.

use crate::changes::{Forgotten, Piece, Ring};
use bytes::{Bytes, BytesMut};
use raftdeck_protocol::kv::check_prefix;
use raftdeck_protocol::request::SIGN_OF_LIFE;
use raftdeck_protocol::{Change, Failure, Response, ResponseBody, frame};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// One connection has at most so many.
const MAX_WATCHES: usize = 16;

/// The least time between two looks of a watch that has told everything.
const PACE: Duration = Duration::from_millis(5);

/// So far a watch may run ahead of the index that it told: a good part of what the ring keeps must be left for whoever
/// resumes from there.
const UNTOLD: u64 = 4096;

/// The watches of one connection.
#[derive(Debug)]
pub(crate) struct Watches {
    ring: Arc<Ring>,
    newest: watch::Receiver<u64>,
    open: Vec<Open>,
    /// Whose turn it is, if several have something to tell.
    turn: usize,
}

#[derive(Debug)]
struct Open {
    /// The request.
    id: u64,
    prefix: Bytes,
    /// It has seen all changes up to here,
    through: u64,
    /// and said so up to here.
    told: u64,
    /// Before this time it looks for nothing,
    looks: Instant,
    /// and at this time it says something in any case.
    speaks: Instant,
}

impl Watches {
    pub(crate) fn new(ring: Arc<Ring>) -> Self {
        let newest = ring.newest();
        Self { ring, newest, open: Vec::new(), turn: 0 }
    }

    /// One more is asked for: gives the answer.
    pub(crate) fn open(&mut self, id: u64, prefix: Bytes, after: Option<u64>) -> ResponseBody {
        if let Err(limit) = check_prefix(&prefix) {
            return ResponseBody::Failed(Failure::Limit(limit));
        }
        if self.open.len() >= MAX_WATCHES {
            let why = format!("one connection has at most {MAX_WATCHES} watches: open another one");
            return ResponseBody::Failed(Failure::Invalid(why));
        }
        let after = after.unwrap_or(*self.newest.borrow());
        if let Err(Forgotten { oldest }) = self.ring.after(after) {
            return ResponseBody::Failed(Failure::Forgotten { oldest });
        }
        let now = Instant::now();
        let speaks = now + SIGN_OF_LIFE;
        self.open.push(Open { id, prefix, through: after, told: after, looks: now, speaks });
        ResponseBody::Watching { after }
    }

    /// Waits until one may have something to tell; for ever if there is none. Cancel-safe.
    pub(crate) async fn due(&mut self) {
        loop {
            let newest = *self.newest.borrow_and_update();
            let Some(next) = self.open.iter().map(|open| open.due(newest)).min() else {
                return std::future::pending().await;
            };
            if next <= Instant::now() {
                return;
            }
            tokio::select! {
                () = sleep_until(next) => {}
                // An error only says that the node stops.
                changed = self.newest.changed() => if changed.is_err() {
                    return std::future::pending().await;
                },
            }
        }
    }

    /// Puts what the next one has to tell at the end of a buffer.
    pub(crate) fn tell(&mut self, buffer: &mut BytesMut) {
        let newest = *self.newest.borrow();
        let now = Instant::now();
        let count = self.open.len();
        let in_turn = (0..count).map(|place| (self.turn + place) % count);
        let Some(at) = in_turn.into_iter().find(|at| self.open[*at].due(newest) <= now) else { return };
        self.turn = at + 1;
        let open = &mut self.open[at];
        match self.ring.after(open.through) {
            Ok(piece) => {
                let body = open.take_in(&piece, now);
                body.into_iter().for_each(|body| frame::put(&Response { id: open.id, body }, buffer));
            }
            Err(Forgotten { oldest }) => {
                let body = ResponseBody::Failed(Failure::Forgotten { oldest });
                frame::put(&Response { id: open.id, body }, buffer);
                self.open.remove(at);
            }
        }
    }
}

impl Open {
    /// When it wants to look, if this is the newest entry.
    fn due(&self, newest: u64) -> Instant {
        if newest > self.through { self.looks.min(self.speaks) } else { self.speaks }
    }

    /// What it says of these changes, if it says anything.
    fn take_in(&mut self, piece: &Piece, now: Instant) -> Option<ResponseBody> {
        let mut changes = Vec::new();
        for chunk in &piece.chunks {
            let wanted =
                |(index, key, _): &(u64, &[u8], _)| *index > self.through && key.starts_with(&self.prefix);
            changes.extend(chunk.changes().filter(wanted).map(|(index, key, value)| Change {
                index,
                key: chunk.share(key),
                value: value.map(|value| chunk.share(value)),
            }));
        }
        self.through = piece.through;
        self.looks = if piece.is_last { now + PACE } else { now };
        if changes.is_empty() && self.through - self.told < UNTOLD && now < self.speaks {
            return None;
        }
        self.told = self.through;
        self.speaks = now + SIGN_OF_LIFE;
        Some(ResponseBody::Changes { changes, through: self.told })
    }
}
