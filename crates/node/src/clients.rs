//! Client connections: requests in, answers, telemetry and changes out. All requests that one read brings go to the
//! driver together, and all answers that wait go out with one write. There is backpressure: a client that sends
//! faster than it reads answers is not read from. One that violates the protocol is disconnected. Neither affects the
//! driver.

use crate::arrivals::{ArrivalError, Arrivals, Arriving};
use crate::changes::Ring;
use crate::driver::ClientInput;
use crate::listen::{AdmittedConnection, Wire};
use crate::outbox::{AnswerSlot, ConnectionId, Outbox, OutboxPart};
use crate::ports::{Activity, Seat};
use crate::refusals;
use crate::telemetry::{Hub, Watcher};
use crate::watches::{WatchRequest, Watches};
use bytes::BytesMut;
use raftdeck_client::{Client, Transport};
use raftdeck_protocol::frame::{self, FrameError};
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Failure, Read, Request, RequestBody, Response, ResponseBody, Telemetry, shared};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// One read brings at most about this many bytes. A connection has one message under way to the driver, so these, or one
/// longer frame, are what a connection's requests take up before they are taken in.
const READ: usize = 16 << 10;

/// Telemetry frames that go out with one write.
const BATCH: usize = 256;

/// A stopping node gives a client this long to take its last answers.
const FAREWELL: Duration = Duration::from_millis(300);

/// Requests that arrived together on one connection, each with the place for its answer.
#[derive(Debug, Default)]
pub(crate) struct RequestBatch {
    pub(crate) requests: Vec<(AnswerSlot, RequestBody)>,
}

/// What every client connection needs.
#[derive(Clone, Debug)]
pub(crate) struct Reception {
    pub(crate) driver: mpsc::Sender<ClientInput>,
    pub(crate) hub: Hub,
    pub(crate) changes: Arc<Ring>,
    /// Of all clients together.
    pub(crate) arrivals: Arc<Arrivals>,
    /// For asking the leader what only it knows.
    pub(crate) cluster: Client,
    pub(crate) stop: CancellationToken,
}

impl Reception {
    /// Serves one client until it leaves, breaks a rule, makes room for another while it does nothing, or the node stops.
    pub(crate) async fn serve(self, guest: AdmittedConnection) {
        let AdmittedConnection { wire: Wire { stream, read }, role, proved, address, place, standing: _ } =
            guest;
        let caller = Caller { by_manager: role == Role::Manager, governs: proved.governs, address, place };
        match stream {
            Transport::Plain(mut stream) => {
                let (reader, writer) = stream.split();
                self.exchange(reader, writer, read, caller).await;
            }
            Transport::Tls(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                self.exchange(reader, writer, read, caller).await;
            }
        }
    }

    async fn exchange(
        self,
        reader: impl AsyncRead + Unpin,
        writer: impl AsyncWrite + Unpin,
        read: BytesMut,
        Caller { by_manager, governs, address, place }: Caller,
    ) {
        let activity = Arc::clone(place.activity());
        let outbox = Outbox::new(ConnectionId::next(), by_manager, Arc::clone(&activity));
        let (subscribe, subscriptions) = mpsc::channel(1);
        let mut desk = RequestReader {
            outbox: Arc::clone(&outbox),
            governs,
            driver: self.driver.clone(),
            hub: self.hub,
            subscribe,
        };
        let arriving = Arriving::new(&self.arrivals, read, READ);
        let told = ClientSubscriptions { watching: None, watches: Watches::new(self.changes, self.cluster) };
        let mut writing = std::pin::pin!(write(writer, &outbox, &activity, subscriptions, told));
        let why = tokio::select! {
            result = &mut writing => result.err().map_or_else(|| "done".to_owned(), |error| error.to_string()),
            why = desk.read(reader, arriving) => {
                if let Some(broken) = why.broken() {
                    refusals::log("Client", address.ip(), format_args!("closed the connection of the client {address}: {broken}"));
                }
                why.to_string()
            }
            () = place.asked_to_leave() => {
                // What it has asked meanwhile is answered.
                drop(desk);
                let _ = timeout(FAREWELL, writing).await;
                "it is idle, and other clients wait for a connection".to_owned()
            }
            () = self.stop.cancelled() => {
                // The driver answers all it had, or drops it; then the writer is done.
                drop(desk);
                let _ = timeout(FAREWELL, writing).await;
                return;
            }
        };
        tracing::debug!("client {address} left: {why}");
        // An error only says that the node stops.
        let _ = self.driver.send(ClientInput::Gone(outbox.connection)).await;
    }
}

/// The client that asks.
struct Caller {
    by_manager: bool,
    governs: bool,
    address: SocketAddr,
    place: Seat,
}

/// The reading half.
struct RequestReader {
    outbox: Arc<Outbox>,
    /// Whether it may change the membership and transfer the leadership.
    governs: bool,
    driver: mpsc::Sender<ClientInput>,
    hub: Hub,
    subscribe: mpsc::Sender<Subscription>,
}

/// A question that is answered again and again.
enum Subscription {
    /// The newest one takes the place of the one before.
    Telemetry { id: u64, watcher: Watcher },
    /// Of several each is answered.
    Changes(WatchRequest),
}

/// What a connection is told without asking again.
struct ClientSubscriptions {
    watching: Option<(u64, Watcher)>,
    watches: Watches,
}

/// The node stops, so nothing more can be asked.
struct Stops;

/// Why no more is read.
#[derive(Debug, thiserror::Error)]
enum ReadEnd {
    #[error("the client closed it")]
    Closed,
    #[error("this node stops")]
    Stops,
    #[error(transparent)]
    Broken(#[from] ArrivalError),
}

impl ReadEnd {
    /// What it did that it must not.
    fn broken(&self) -> Option<&ArrivalError> {
        match self {
            Self::Broken(error) => Some(error),
            Self::Closed | Self::Stops => None,
        }
    }
}

impl RequestReader {
    /// Takes requests in, each only when there is a place for its answer, until that ends.
    async fn read(&mut self, mut reader: impl AsyncRead + Unpin, mut arriving: Arriving) -> ReadEnd {
        loop {
            match self.take_in(&mut arriving).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return ReadEnd::Broken(error.into()),
                Err(Stops) => return ReadEnd::Stops,
            }
            match arriving.read(&mut reader).await {
                Ok(0) => return ReadEnd::Closed,
                Ok(_) => {}
                // TLS says so when the connection's end was not announced. Frames are whole or not, so nothing depends on it.
                Err(ArrivalError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return ReadEnd::Closed;
                }
                Err(error) => return error.into(),
            }
        }
    }

    /// Hands all whole frames to the driver.
    async fn take_in(&mut self, arriving: &mut Arriving) -> Result<Result<(), FrameError>, Stops> {
        let mut asked = RequestBatch::default();
        loop {
            let request = match arriving.take() {
                Ok(Some(content)) => shared::request(&content),
                Ok(None) => break,
                Err(error) => Err(error),
            };
            let Request { id, body } = match request {
                Ok(request) => request,
                Err(error) => {
                    // What came before it was well-formed.
                    self.hand_over(&mut asked).await?;
                    return Ok(Err(error));
                }
            };
            match body {
                RequestBody::Subscribe => {
                    let telemetry = Subscription::Telemetry { id, watcher: self.hub.watch() };
                    self.subscribe.send(telemetry).await.map_err(|_| Stops)?;
                    self.driver.send(ClientInput::Watched).await.map_err(|_| Stops)?;
                }
                RequestBody::Watch { prefix, after } => {
                    let changes = Subscription::Changes(WatchRequest { id, prefix, after });
                    self.subscribe.send(changes).await.map_err(|_| Stops)?;
                }
                body => {
                    let place = self.place(id, is_long(&body), &mut asked).await?;
                    if self.governs || !is_governing(&body) {
                        asked.requests.push((place, body));
                    } else {
                        place.fail(Failure::NotPermitted);
                    }
                }
            }
        }
        self.hand_over(&mut asked).await?;
        Ok(Ok(()))
    }

    /// The place for an answer. While there is none, the requests read before continue.
    async fn place(&self, id: u64, long: bool, asked: &mut RequestBatch) -> Result<AnswerSlot, Stops> {
        loop {
            if let Some(place) = self.outbox.place(id, long) {
                return Ok(place);
            }
            self.hand_over(asked).await?;
            self.outbox.freed().await;
        }
    }

    async fn hand_over(&self, asked: &mut RequestBatch) -> Result<(), Stops> {
        if asked.requests.is_empty() {
            return Ok(());
        }
        self.driver.send(ClientInput::Asked(std::mem::take(asked))).await.map_err(|_| Stops)
    }
}

/// Whether this changes the membership or transfers the leadership.
fn is_governing(body: &RequestBody) -> bool {
    matches!(body, RequestBody::ChangeMembership(_) | RequestBody::TransferLeadership { .. })
}

/// Whether the answer may be long.
fn is_long(body: &RequestBody) -> bool {
    matches!(
        body,
        RequestBody::Log { .. }
            | RequestBody::Read(Read::List { .. })
            | RequestBody::ReadWith { read: Read::List { .. }, .. }
    )
}

/// The writing half, which leaves a mark of whether the client takes what is written.
struct Writer<'a, W> {
    stream: &'a mut W,
    activity: &'a Activity,
}

impl<W: AsyncWrite + Unpin> Writer<'_, W> {
    async fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.activity.write();
            match self.stream.write(bytes).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => bytes = &bytes[written..],
            }
        }
        // TLS may keep some of it back until then.
        self.stream.flush().await?;
        self.activity.written();
        Ok(())
    }
}

/// Sends answers and, once subscribed, telemetry and changes; returns when there can be no more answers.
async fn write(
    mut writer: impl AsyncWrite + Unpin,
    outbox: &Outbox,
    activity: &Activity,
    mut subscriptions: mpsc::Receiver<Subscription>,
    ClientSubscriptions { mut watching, mut watches }: ClientSubscriptions,
) -> io::Result<()> {
    let mut writer = Writer { stream: &mut writer, activity };
    let mut scratch = BytesMut::new();
    loop {
        tokio::select! {
            () = outbox.filled() => send_answers(&mut writer, outbox, &mut scratch).await?,
            subscription = subscriptions.recv() => match subscription {
                Some(Subscription::Telemetry { id, watcher }) => {
                    activity.listen();
                    watching = Some((id, watcher));
                }
                Some(Subscription::Changes(wanted)) => {
                    activity.listen();
                    if let Some(answer) = watches.ask(wanted) {
                        send(&mut writer, &answer).await?;
                    }
                }
                // The reader is gone: nothing more is asked.
                None => return send_last(&mut writer, outbox, &mut scratch).await,
            },
            telemetry = next(&mut watching) => send_telemetry(&mut writer, &mut watching, telemetry).await?,
            answer = watches.due() => match answer {
                Some(answer) => send(&mut writer, &answer).await?,
                None => send_changes(&mut writer, &mut watches).await?,
            },
        }
    }
}

/// Sends the answers that are still to come.
async fn send_last(
    writer: &mut Writer<'_, impl AsyncWrite + Unpin>,
    outbox: &Outbox,
    scratch: &mut BytesMut,
) -> io::Result<()> {
    loop {
        send_answers(writer, outbox, scratch).await?;
        if outbox.is_done() {
            return Ok(());
        }
        outbox.filled().await;
    }
}

async fn send_answers(
    writer: &mut Writer<'_, impl AsyncWrite + Unpin>,
    outbox: &Outbox,
    scratch: &mut BytesMut,
) -> io::Result<()> {
    for parcel in outbox.take() {
        match &parcel {
            OutboxPart::Encoded { frames, .. } => writer.send(frames).await?,
            OutboxPart::Whole { response, .. } => {
                scratch.clear();
                frame::put(response, scratch);
                writer.send(scratch).await?;
            }
        }
        outbox.sent(parcel);
    }
    if scratch.capacity() > READ {
        *scratch = BytesMut::new();
    }
    Ok(())
}

/// Sends what one watch has to tell: answers wait for no more than that.
async fn send_changes(
    writer: &mut Writer<'_, impl AsyncWrite + Unpin>,
    watches: &mut Watches,
) -> io::Result<()> {
    let mut frames = BytesMut::new();
    watches.tell(&mut frames);
    if frames.is_empty() {
        // It scanned many changes that it does not want: others first.
        tokio::task::yield_now().await;
        return Ok(());
    }
    writer.send(&frames).await
}

async fn send(writer: &mut Writer<'_, impl AsyncWrite + Unpin>, response: &Response) -> io::Result<()> {
    let mut frame = BytesMut::new();
    frame::put(response, &mut frame);
    writer.send(&frame).await
}

/// The next telemetry frame; waits forever without a subscription.
async fn next(watching: &mut Option<(u64, Watcher)>) -> Option<Telemetry> {
    match watching {
        Some((_, watcher)) => watcher.next().await,
        None => std::future::pending().await,
    }
}

/// Sends this frame and what events there are by now.
async fn send_telemetry(
    writer: &mut Writer<'_, impl AsyncWrite + Unpin>,
    watching: &mut Option<(u64, Watcher)>,
    first: Option<Telemetry>,
) -> io::Result<()> {
    let (Some((id, watcher)), Some(first)) = (watching.as_mut(), first) else {
        *watching = None;
        return Ok(());
    };
    let more = std::iter::from_fn(|| watcher.try_event()).take(BATCH);
    let mut frames = BytesMut::new();
    for telemetry in std::iter::once(first).chain(more) {
        frame::put(&Response { id: *id, body: ResponseBody::Telemetry(Box::new(telemetry)) }, &mut frames);
    }
    writer.send(&frames).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::LONG_IN_FLIGHT;
    use crate::telemetry::Publisher;
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn long_answers_that_are_not_taken_hold_up_further_questions() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut accepted, _) = listener.accept().await.unwrap();
        let (driver, mut asked) = mpsc::channel(64);
        let outbox = Outbox::new(ConnectionId::next(), false, Arc::default());
        let mut desk = RequestReader {
            outbox: Arc::clone(&outbox),
            governs: true,
            driver,
            hub: Publisher::new().hub(),
            subscribe: mpsc::channel(1).0,
        };
        let arriving = Arriving::new(&Arc::default(), BytesMut::new(), READ);
        tokio::spawn(async move { desk.read(accepted.split().0, arriving).await });
        let mut requests = BytesMut::new();
        for id in 0..10 {
            frame::put(&Request { id, body: RequestBody::Log { first: 1, limit: 512 } }, &mut requests);
        }
        client.write_all(&requests).await.unwrap();
        let first = timeout(Duration::from_mins(1), asked.recv()).await.expect("something is asked");
        let Some(ClientInput::Asked(RequestBatch { requests })) = first else {
            panic!("it asks for the log")
        };
        assert_eq!(requests.len(), LONG_IN_FLIGHT);
        for (place, _) in requests {
            place.answer(ResponseBody::Log(Vec::new()));
        }
        assert!(timeout(Duration::from_millis(200), asked.recv()).await.is_err(), "nothing was sent yet");
        let parcel = outbox.take().pop().unwrap();
        outbox.sent(parcel);
        let next = timeout(Duration::from_mins(1), asked.recv()).await;
        assert!(matches!(next, Ok(Some(ClientInput::Asked(asked))) if asked.requests.len() == 1));
    }
}
