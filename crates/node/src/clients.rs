//! Client connections: requests in, answers and telemetry out. A client that sends faster than it reads answers is
//! read no further; one that breaks a rule is closed; neither is ever felt by the driver.

use crate::driver::ClientInput;
use crate::listen::Guest;
use crate::telemetry::{Hub, Watcher};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use raftdeck_client::Frames;
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Read, Request, RequestBody, Response, ResponseBody, Telemetry, frame};
use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Requests of one connection that are under way, or answered and not yet sent.
const IN_FLIGHT: usize = 1024;

/// Of these, questions whose answer may be long. The next one is taken in when an answer has been sent: a client that asks
/// and does not read must neither fill the memory nor keep the driver busy.
const LONG_IN_FLIGHT: usize = 4;

/// Telemetry frames that go out with one flush.
const BATCH: usize = 256;

/// A stopping node gives a client this long to take its last answers.
const FAREWELL: Duration = Duration::from_millis(300);

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

/// A request with the place for its answer.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) connection: ConnectionId,
    /// Whether the process that started this node asks, as far as its handshake says.
    pub(crate) by_manager: bool,
    pub(crate) id: u64,
    pub(crate) body: RequestBody,
    pub(crate) place: Place,
}

/// Where an answer goes; it can always be given at once.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) queue: OwnedPermit<Answer>,
    /// For a long answer, its turn among those.
    pub(crate) turn: Option<OwnedSemaphorePermit>,
}

/// An answer that waits to be sent, and keeps its turn until then.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Place {
    pub(crate) fn send(self, response: Response) {
        self.queue.send(Answer { response, _turn: self.turn });
    }
}

/// What every client connection needs.
#[derive(Clone, Debug)]
pub(crate) struct Reception {
    pub(crate) driver: mpsc::Sender<ClientInput>,
    pub(crate) hub: Hub,
    pub(crate) stop: CancellationToken,
}

impl Reception {
    /// Serves one client until it leaves, breaks a rule, or the node stops.
    pub(crate) async fn serve(self, guest: Guest) {
        let connection = ConnectionId::next();
        let by_manager = guest.role == Role::Manager;
        let (sink, stream) = guest.frames.split();
        let (answers, queue) = mpsc::channel(IN_FLIGHT);
        // One newest subscription at a time.
        let (subscribe, subscriptions) = mpsc::channel(1);
        let turns = Arc::new(Semaphore::new(LONG_IN_FLIGHT));
        let mut desk = Desk {
            connection,
            by_manager,
            driver: self.driver.clone(),
            hub: self.hub,
            answers,
            turns,
            subscribe,
        };
        let mut writing = std::pin::pin!(write(sink, queue, subscriptions));
        let why = tokio::select! {
            result = &mut writing => result.err().map_or_else(|| "done".to_owned(), |error| error.to_string()),
            why = desk.read(stream) => why,
            () = self.stop.cancelled() => {
                // The driver has answered all it had; when the last place is given back the writer is done.
                drop(desk);
                let _ = timeout(FAREWELL, writing).await;
                return;
            }
        };
        tracing::debug!("client {} left: {why}", guest.address);
        // An error only says that the node stops.
        let _ = self.driver.send(ClientInput::Gone(connection)).await;
    }
}

/// The reading half.
struct Desk {
    connection: ConnectionId,
    by_manager: bool,
    driver: mpsc::Sender<ClientInput>,
    hub: Hub,
    answers: mpsc::Sender<Answer>,
    turns: Arc<Semaphore>,
    subscribe: mpsc::Sender<(u64, Watcher)>,
}

impl Desk {
    /// Takes requests in, each only when there is a place for its answer. Says why it ended.
    async fn read(&mut self, mut stream: SplitStream<Frames>) -> String {
        let stops = || "this node stops".to_owned();
        loop {
            let Ok(queue) = self.answers.clone().reserve_owned().await else { return stops() };
            let bytes = match stream.next().await {
                Some(Ok(bytes)) => bytes,
                Some(Err(error)) => return broke(&error),
                None => return "the client closed it".to_owned(),
            };
            let Request { id, body } = match frame::decode("request", &bytes) {
                Ok(request) => request,
                Err(error) => return broke(&error),
            };
            let input = if body == RequestBody::Subscribe {
                drop(queue);
                if self.subscribe.send((id, self.hub.watch())).await.is_err() {
                    return stops();
                }
                ClientInput::Watched
            } else {
                let turn = match &body {
                    RequestBody::Log { .. }
                    | RequestBody::Read(Read::List { .. })
                    | RequestBody::ReadWith { read: Read::List { .. }, .. } => {
                        let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await else { return stops() };
                        Some(turn)
                    }
                    _ => None,
                };
                let place = Place { queue, turn };
                let Self { connection, by_manager, .. } = *self;
                ClientInput::Asked(Asked { connection, by_manager, id, body, place })
            };
            if self.driver.send(input).await.is_err() {
                return stops();
            }
        }
    }
}

fn broke(why: &dyn Display) -> String {
    tracing::warn!("closed a client's connection: {why}");
    why.to_string()
}

/// Sends answers and, once subscribed, telemetry; returns when there can be no more answers.
async fn write(
    mut sink: SplitSink<Frames, bytes::Bytes>,
    mut answers: mpsc::Receiver<Answer>,
    mut subscriptions: mpsc::Receiver<(u64, Watcher)>,
) -> io::Result<()> {
    let mut watching: Option<(u64, Watcher)> = None;
    loop {
        tokio::select! {
            answer = answers.recv() => {
                let Some(answer) = answer else { return Ok(()) };
                sink.feed(frame::encode(&answer.response)).await?;
                while let Ok(answer) = answers.try_recv() {
                    sink.feed(frame::encode(&answer.response)).await?;
                }
            }
            Some(subscription) = subscriptions.recv() => watching = Some(subscription),
            telemetry = next(&mut watching) => send_telemetry(&mut sink, &mut watching, telemetry).await?,
        }
        sink.flush().await?;
    }
}

/// The next telemetry frame; waits for ever without a subscription.
async fn next(watching: &mut Option<(u64, Watcher)>) -> Option<Telemetry> {
    match watching {
        Some((_, watcher)) => watcher.next().await,
        None => std::future::pending().await,
    }
}

/// Sends this frame and what events there are by now.
async fn send_telemetry(
    sink: &mut SplitSink<Frames, bytes::Bytes>,
    watching: &mut Option<(u64, Watcher)>,
    first: Option<Telemetry>,
) -> io::Result<()> {
    let (Some((id, watcher)), Some(first)) = (watching.as_mut(), first) else {
        *watching = None;
        return Ok(());
    };
    let more = std::iter::from_fn(|| watcher.try_event()).take(BATCH);
    for telemetry in std::iter::once(first).chain(more) {
        let response = Response { id: *id, body: ResponseBody::Telemetry(Box::new(telemetry)) };
        sink.feed(frame::encode(&response)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Publisher;
    use raftdeck_client::codec;
    use raftdeck_protocol::frame::MAX_FRAME;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_util::codec::Framed;

    #[tokio::test]
    async fn long_answers_that_are_not_taken_hold_up_further_questions() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut client = Framed::new(client, codec(MAX_FRAME));
        let (accepted, _) = listener.accept().await.unwrap();
        let frames: Frames = Framed::new(accepted, codec(MAX_FRAME));
        let (_sink, stream): (SplitSink<Frames, bytes::Bytes>, _) = frames.split();
        let (driver, mut asked) = mpsc::channel(64);
        let (answers, mut answered) = mpsc::channel(64);
        let mut desk = Desk {
            connection: ConnectionId::next(),
            by_manager: false,
            driver,
            hub: Publisher::new().hub(),
            answers,
            turns: Arc::new(Semaphore::new(LONG_IN_FLIGHT)),
            subscribe: mpsc::channel(1).0,
        };
        tokio::spawn(async move { desk.read(stream).await });
        for id in 0..10 {
            let body = RequestBody::Log { first: 1, limit: 512 };
            client.send(frame::encode(&Request { id, body })).await.unwrap();
        }
        for id in 0..LONG_IN_FLIGHT as u64 {
            let Some(ClientInput::Asked(log)) = asked.recv().await else { panic!("it asks for the log") };
            log.place.send(Response { id, body: ResponseBody::Log(Vec::new()) });
        }
        assert!(timeout(Duration::from_millis(200), asked.recv()).await.is_err(), "nothing was sent yet");
        drop(answered.recv().await);
        let next = timeout(Duration::from_secs(30), asked.recv()).await;
        assert!(matches!(next, Ok(Some(ClientInput::Asked(Asked { id: 4, .. })))), "{next:?}");
    }
}
