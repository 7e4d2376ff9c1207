//! What one client's connection watches of the keys. Each watch has a place in the ring of changes and nothing else: one that
//! is not read from waits for its connection, and if that takes too long it ends. Opens no socket.
//!
//! What watching costs a node has a bound, however fast keys change: a watch that has told all there is looks again only
//! after a pause, and finds what has come together meanwhile.
//!
//! A node without a leader sends no keep-alives: its watchers then switch to another node.
//!
//! A watch may begin after an index that this node has not reached. Either the node lags, and the watch waits for it,
//! or the log ends before that index, and the watch would wait forever. Only the leader can tell: it is asked before
//! the watch starts.

use crate::changes::{ChangeBatch, Forgotten, Ring};
use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use raftdeck_client::Client;
use raftdeck_protocol::kv::check_prefix;
use raftdeck_protocol::request::SIGN_OF_LIFE;
use raftdeck_protocol::{Change, Failure, Read, Response, ResponseBody, frame};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// One connection has at most this many.
const MAX_WATCHES: usize = 16;

/// The least time between two looks of a watch that has told everything.
const PACE: Duration = Duration::from_millis(5);

/// So far a watch may run ahead of the index that it told: a good part of what the ring keeps must be left for a
/// watch that resumes there.
const UNTOLD: u64 = 4096;

/// How long the leader is asked for the end of the log before it is asked again.
const ASKS_FOR: Duration = Duration::from_secs(5);

/// The watches of one connection.
pub(crate) struct Watches {
    ring: Arc<Ring>,
    newest: watch::Receiver<u64>,
    /// For asking the leader.
    cluster: Client,
    /// Those that are not answered yet.
    checked: FuturesUnordered<BoxFuture<'static, CheckedWatch>>,
    open: Vec<OpenWatch>,
    /// Whose turn it is, if several have something to tell.
    turn: usize,
}

/// What is asked for: all changes of keys with the prefix, after this index or from now on.
#[derive(Debug)]
pub(crate) struct WatchRequest {
    /// The request.
    pub(crate) id: u64,
    pub(crate) prefix: Bytes,
    pub(crate) after: Option<u64>,
}

/// A watch of which it is known now whether it can begin.
struct CheckedWatch {
    wanted: WatchRequest,
    /// Where the log ends, if that is before the watch begins.
    beyond: Option<u64>,
}

#[derive(Debug)]
struct OpenWatch {
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
    pub(crate) fn new(ring: Arc<Ring>, cluster: Client) -> Self {
        let newest = ring.newest();
        Self { ring, newest, cluster, checked: FuturesUnordered::new(), open: Vec::new(), turn: 0 }
    }

    /// One more is asked for: gives the answer, or `None` if that comes later ([`Watches::due`]).
    pub(crate) fn ask(&mut self, wanted: WatchRequest) -> Option<Response> {
        let fail = |failure| Some(Response { id: wanted.id, body: ResponseBody::Failed(failure) });
        if let Err(limit) = check_prefix(&wanted.prefix) {
            return fail(Failure::Limit(limit));
        }
        if self.open.len() + self.checked.len() >= MAX_WATCHES {
            return fail(Failure::Invalid(format!(
                "one connection can have at most {MAX_WATCHES} watches: open another connection"
            )));
        }
        let newest = *self.newest.borrow();
        match wanted.after {
            None if !self.ring.is_caught_up() => {
                self.checked.push(caught_up(Arc::clone(&self.ring), wanted).boxed());
                None
            }
            Some(after) if after > newest => {
                self.checked.push(reached(self.newest.clone(), self.cluster.clone(), wanted, after).boxed());
                None
            }
            _ => Some(self.open(wanted)),
        }
    }

    /// The answer to a watch that could not be answered immediately.
    fn answer(&mut self, CheckedWatch { wanted, beyond }: CheckedWatch) -> Response {
        match beyond {
            None => self.open(wanted),
            Some(newest) => {
                Response { id: wanted.id, body: ResponseBody::Failed(Failure::BeyondLog { newest }) }
            }
        }
    }

    fn open(&mut self, WatchRequest { id, prefix, after }: WatchRequest) -> Response {
        let after = after.unwrap_or(*self.newest.borrow());
        if let Err(Forgotten { oldest }) = self.ring.after(after) {
            return Response { id, body: ResponseBody::Failed(Failure::Forgotten { oldest }) };
        }
        let now = Instant::now();
        let speaks = now + SIGN_OF_LIFE;
        self.open.push(OpenWatch { id, prefix, through: after, told: after, looks: now, speaks });
        Response { id, body: ResponseBody::Watching { after } }
    }

    /// Waits until one may have something to tell, or, with its answer, until one that was not answered at once is; forever if
    /// there is none. Cancel-safe.
    pub(crate) async fn due(&mut self) -> Option<Response> {
        loop {
            let newest = *self.newest.borrow_and_update();
            let next = self.open.iter().map(|open| open.due(newest)).min();
            if next.is_some_and(|next| next <= Instant::now()) {
                return None;
            }
            // If one is to look anyway, the others may wait for it.
            let looks = self.open.iter().any(|open| newest > open.through);
            tokio::select! {
                Some(checked) = self.checked.next() => return Some(self.answer(checked)),
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
                // An error only says that the node stops.
                changed = self.newest.changed(), if next.is_some() && !looks => if changed.is_err() {
                    return std::future::pending().await;
                },
                else => return std::future::pending().await,
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
                if let Some(body) = open.take_in(&piece, self.ring.is_led(), now) {
                    frame::put(&Response { id: open.id, body }, buffer);
                }
            }
            Err(Forgotten { oldest }) => {
                let body = ResponseBody::Failed(Failure::Forgotten { oldest });
                frame::put(&Response { id: open.id, body }, buffer);
                self.open.remove(at);
            }
        }
    }
}

impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watches").field("open", &self.open).finish_non_exhaustive()
    }
}

/// A watch from now on begins when this node knows what "now" is.
async fn caught_up(ring: Arc<Ring>, wanted: WatchRequest) -> CheckedWatch {
    let mut newest = ring.newest();
    while !ring.is_caught_up() {
        // An error only says that the node stops.
        if newest.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
    CheckedWatch { wanted, beyond: None }
}

/// A watch after an index that this node has not reached begins when it has, or when the leader says that the log goes that far.
/// Whatever index a client has was committed before it asked, so the leader's answer includes it.
async fn reached(
    mut newest: watch::Receiver<u64>,
    cluster: Client,
    wanted: WatchRequest,
    after: u64,
) -> CheckedWatch {
    let end = async {
        loop {
            // Whether there is such a key is of no interest.
            if let Ok(done) = cluster.read(Read::Get { key: vec![0].into() }, ASKS_FOR).await {
                return done.at.index.0;
            }
        }
    };
    let beyond = tokio::select! {
        end = end => (end < after).then_some(end),
        // An error only says that the node stops.
        Ok(_) = newest.wait_for(|newest| *newest >= after) => None,
    };
    CheckedWatch { wanted, beyond }
}

impl OpenWatch {
    /// When it wants to look, if this is the newest entry.
    fn due(&self, newest: u64) -> Instant {
        if newest > self.through { self.looks.min(self.speaks) } else { self.speaks }
    }

    /// What it says of these changes, if it says anything.
    fn take_in(&mut self, piece: &ChangeBatch, is_led: bool, now: Instant) -> Option<ResponseBody> {
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
        let is_due = now >= self.speaks;
        if is_due {
            self.speaks = now + SIGN_OF_LIFE;
        }
        let is_news = !changes.is_empty() || self.through - self.told >= UNTOLD;
        if !(is_news || is_due && is_led) {
            return None;
        }
        self.told = self.through;
        self.speaks = now + SIGN_OF_LIFE;
        Some(ResponseBody::Changes { changes, through: self.told })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::tests::ChangeSource;
    use raftdeck_client::Options;
    use raftdeck_protocol::frame::MAX_FRAME;
    use tokio::time::timeout;

    /// How long anything may take on a busy machine.
    const LONG: Duration = Duration::from_mins(1);

    /// The watches of a connection to a node whose cluster cannot be reached.
    fn watches(ring: &Arc<Ring>) -> Watches {
        let nobody = Client::new(&["127.0.0.1:1"], Options::default()).unwrap();
        Watches::new(Arc::clone(ring), nobody)
    }

    impl Watches {
        /// The answer to one that is answered immediately.
        fn open_now(&mut self, id: u64, prefix: Bytes, after: Option<u64>) -> ResponseBody {
            self.ask(WatchRequest { id, prefix, after }).expect("is answered at once").body
        }
    }

    /// What is told until a watch has come through an index: each answer with the request's id.
    async fn told(watches: &mut Watches, id: u64, until: u64) -> Vec<(u64, Vec<u64>)> {
        let mut told = Vec::new();
        loop {
            assert_eq!(timeout(LONG, watches.due()).await, Ok(None));
            let mut frames = BytesMut::new();
            watches.tell(&mut frames);
            while let Some(content) = frame::take(&mut frames, MAX_FRAME).unwrap() {
                let response: Response = frame::decode("response", &content).unwrap();
                let ResponseBody::Changes { changes, through } = response.body else {
                    panic!("{response:?}")
                };
                told.push((response.id, changes.iter().map(|change| change.index).collect()));
                if (response.id, through) == (id, until) {
                    return told;
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_watch_is_told_what_it_asked_for() {
        let mut source = ChangeSource::new();
        source.put(&["a1", "b1"], 1);
        let mut watches = watches(&source.ring);
        assert_eq!(watches.open_now(7, "a".into(), Some(0)), ResponseBody::Watching { after: 0 });
        assert_eq!(watches.open_now(8, "b".into(), None), ResponseBody::Watching { after: 3 });
        source.put(&["a2", "c2", "b2"], 1);
        let told = told(&mut watches, 8, 6).await;
        assert!(told.contains(&(7, vec![2, 4])) && told.contains(&(8, vec![6])), "{told:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_wants_nothing_of_what_changes_is_told_how_far_that_is() {
        let mut source = ChangeSource::new();
        let mut watches = watches(&source.ring);
        watches.open_now(7, "none".into(), Some(0));
        for _ in 0..=UNTOLD / 64 {
            source.put(&["k"; 64], 1);
        }
        let started = Instant::now();
        let told = told(&mut watches, 7, source.applied()).await;
        assert_eq!(told, [(7, vec![])]);
        assert!(started.elapsed() < SIGN_OF_LIFE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_watch_gives_a_sign_of_life() {
        let source = ChangeSource::new();
        let mut watches = watches(&source.ring);
        let started = Instant::now();
        watches.open_now(7, Bytes::new(), None);
        assert_eq!(told(&mut watches, 7, source.applied()).await, [(7, vec![])]);
        assert!(started.elapsed() >= SIGN_OF_LIFE);
    }

    #[tokio::test(start_paused = true)]
    async fn who_knows_no_leader_gives_no_sign_and_tells_what_it_has() {
        let mut source = ChangeSource::new();
        source.ring.set_led(false);
        let mut watches = watches(&source.ring);
        watches.open_now(7, Bytes::new(), None);
        let mut frames = BytesMut::new();
        assert_eq!(timeout(LONG, watches.due()).await, Ok(None));
        watches.tell(&mut frames);
        assert!(frames.is_empty());
        assert!(watches.due().now_or_never().is_none(), "it waits for the next time");
        source.put(&["k"], 1);
        assert_eq!(told(&mut watches, 7, source.applied()).await, [(7, vec![source.applied()])]);
    }

    #[test]
    fn watches_are_bounded_in_number_and_prefix() {
        let mut watches = watches(&ChangeSource::new().ring);
        let too_long = watches.open_now(1, vec![b'k'; 5000].into(), None);
        assert!(matches!(too_long, ResponseBody::Failed(Failure::Limit(_))), "{too_long:?}");
        for id in 0..MAX_WATCHES as u64 {
            assert!(matches!(watches.open_now(id, Bytes::new(), None), ResponseBody::Watching { .. }));
        }
        let one_more = watches.open_now(99, Bytes::new(), None);
        assert!(matches!(one_more, ResponseBody::Failed(Failure::Invalid(_))), "{one_more:?}");
    }

    #[tokio::test]
    async fn a_watch_that_is_ahead_of_its_node_begins_when_the_node_has_come_so_far() {
        let mut source = ChangeSource::new();
        let mut watches = watches(&source.ring);
        let after = Some(source.applied() + 2);
        assert_eq!(watches.ask(WatchRequest { id: 7, prefix: Bytes::new(), after }), None);
        source.put(&["a"], 1);
        assert!(watches.due().now_or_never().is_none(), "nobody says where the log ends");
        source.put(&["b"], 1);
        let body = ResponseBody::Watching { after: source.applied() };
        assert_eq!(watches.due().await, Some(Response { id: 7, body }));
    }

    #[tokio::test]
    async fn a_watch_from_now_on_begins_when_its_node_knows_what_is_committed() {
        let ring = Ring::new(0);
        let mut watches = watches(&ring);
        assert_eq!(watches.ask(WatchRequest { id: 7, prefix: Bytes::new(), after: None }), None);
        ring.record(&[], 9);
        assert!(watches.due().now_or_never().is_none(), "more may be committed");
        ring.set_caught_up();
        let body = ResponseBody::Watching { after: 9 };
        assert_eq!(watches.due().await, Some(Response { id: 7, body }));
    }

    #[test]
    fn a_watch_that_falls_behind_ends_and_leaves_its_place() {
        let mut source = ChangeSource::new();
        let mut watches = watches(&source.ring);
        watches.open_now(7, Bytes::new(), Some(0));
        for _ in 0..5 {
            source.put(&["k"; 64], 64 << 10);
        }
        let mut frames = BytesMut::new();
        watches.tell(&mut frames);
        let content = frame::take(&mut frames, MAX_FRAME).unwrap().unwrap();
        let Response { id, body } = frame::decode("response", &content).unwrap();
        let ResponseBody::Failed(Failure::Forgotten { oldest }) = body else { panic!("{body:?}") };
        assert!(id == 7 && oldest > 0 && watches.open.is_empty());
        assert_eq!(watches.open_now(8, Bytes::new(), Some(oldest)), ResponseBody::Watching { after: oldest });
    }
}
