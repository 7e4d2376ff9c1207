//! A node as a script: it shakes hands and answers each request as a function says. Nothing of a real node is in it.
#![allow(dead_code, reason = "each test file uses a part of this")]

use futures::{SinkExt, StreamExt};
use raftdeck_client::{Client, Options, codec};
use raftdeck_protocol::frame::{self, MAX_FRAME};
use raftdeck_protocol::handshake::{Challenge, Confirmation, Nonce, decode_hello};
use raftdeck_protocol::{
    Answer, ClockRate, Failure, Hello, HelloReply, NodeStatus, RefusalReason, Request, RequestBody, Response,
    ResponseBody, SessionId,
};
use raftdeck_raft::{LogId, LogIndex, Membership, NodeId, Role, Status, Term, Timing, Tuning};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// An address that refuses connections: nobody is given this port, and no system of today serves it.
pub(crate) const NOBODY: &str = "127.0.0.1:1";

/// What the node does about a request.
pub(crate) enum Act {
    Say(ResponseBody),
    SayAll(Vec<ResponseBody>),
    SayAfter(Duration, ResponseBody),
    Nothing,
    Close,
}

type Script = Arc<dyn Fn(&RequestBody) -> Act + Send + Sync>;
type Door = Arc<dyn Fn(&Hello) -> Option<RefusalReason> + Send + Sync>;

/// A port that the system gives out.
pub(crate) async fn free_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("the system has a port")
}

/// A running script.
pub(crate) struct Scripted {
    pub(crate) address: String,
    /// All requests so far, probes included.
    heard: Arc<Mutex<Vec<RequestBody>>>,
    connections: Arc<Mutex<usize>>,
    serves: tokio::task::AbortHandle,
}

impl Scripted {
    /// A node that opens sessions for whoever asks; all else is up to the script.
    pub(crate) async fn start(id: u64, script: impl Fn(&RequestBody) -> Act + Send + Sync + 'static) -> Self {
        Self::start_bare(id, move |body| match body {
            RequestBody::OpenSession => Act::Say(opened(1)),
            _ => script(body),
        })
        .await
    }

    /// A node that does nothing without the script.
    pub(crate) async fn start_bare(
        id: u64,
        script: impl Fn(&RequestBody) -> Act + Send + Sync + 'static,
    ) -> Self {
        Self::start_on(free_port().await, id, |_| None, script)
    }

    pub(crate) fn start_on(
        listener: TcpListener,
        id: u64,
        door: impl Fn(&Hello) -> Option<RefusalReason> + Send + Sync + 'static,
        script: impl Fn(&RequestBody) -> Act + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("is bound").to_string();
        let (heard, connections) =
            (Arc::<Mutex<Vec<RequestBody>>>::default(), Arc::<Mutex<usize>>::default());
        let (door, script): (Door, Script) = (Arc::new(door), Arc::new(script));
        let (noted, counted) = (Arc::clone(&heard), Arc::clone(&connections));
        let serves = tokio::spawn(async move {
            let mut conversations = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                *counted.lock().expect("no panic") += 1;
                let (door, script) = (Arc::clone(&door), Arc::clone(&script));
                conversations.spawn(converse(stream, id, door, script, Arc::clone(&noted)));
            }
        });
        Self { address, heard, connections, serves: serves.abort_handle() }
    }

    /// Ends the node and its connections.
    pub(crate) fn stop(self) {
        self.serves.abort();
    }

    /// Session, number and acknowledged number of each write that was heard, in order.
    pub(crate) fn numbers_heard(&self) -> Vec<(u64, u64, u64)> {
        let numbers = |body: &RequestBody| match body {
            RequestBody::SessionWrite(write) => Some((write.session.0, write.sequence, write.acknowledged)),
            _ => None,
        };
        self.heard.lock().expect("no panic").iter().filter_map(numbers).collect()
    }

    pub(crate) fn writes_heard(&self) -> usize {
        self.count(|body| matches!(body, RequestBody::SessionWrite(_)))
    }

    pub(crate) fn reads_heard(&self) -> usize {
        self.count(|body| matches!(body, RequestBody::Read(_)))
    }

    pub(crate) fn count(&self, which: impl Fn(&RequestBody) -> bool) -> usize {
        self.heard.lock().expect("no panic").iter().filter(|body| which(body)).count()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().expect("no panic")
    }
}

/// Lets one client in and then reads nothing.
pub(crate) async fn let_in(listener: TcpListener) -> Framed<TcpStream, LengthDelimitedCodec> {
    let mut frames = Framed::new(listener.accept().await.expect("somebody comes").0, codec(MAX_FRAME));
    frames.next().await.expect("it says hello").expect("in a frame");
    welcome(&mut frames, 1).await.expect("it listens");
    frames
}

/// The rest of a handshake with a dialer that said hello, which has nothing to prove.
async fn welcome(frames: &mut Framed<TcpStream, LengthDelimitedCodec>, id: u64) -> Option<()> {
    let challenge =
        Challenge { id: NodeId(id), standing: None, challenge: Nonce::default(), proofs: Vec::new() };
    frames.send(frame::encode(&HelloReply::Challenge(challenge))).await.ok()?;
    let confirmation: Confirmation = frame::decode("confirmation", &frames.next().await?.ok()?).ok()?;
    assert_eq!(confirmation, Confirmation::Proof(None));
    let accepted = HelloReply::Accepted { id: NodeId(id), cluster: "raftdeck".to_owned() };
    frames.send(frame::encode(&accepted)).await.ok()
}

async fn converse(
    stream: TcpStream,
    id: u64,
    door: Door,
    script: Script,
    heard: Arc<Mutex<Vec<RequestBody>>>,
) -> Option<()> {
    let mut frames = Framed::new(stream, codec(MAX_FRAME));
    let hello = decode_hello(&frames.next().await?.ok()?).ok()?;
    if let Some(reason) = door(&hello) {
        frames.send(frame::encode(&HelloReply::Refused(reason))).await.ok()?;
        return None;
    }
    welcome(&mut frames, id).await?;
    let (mut sink, mut stream) = frames.split();
    let (answers, mut queue) = tokio::sync::mpsc::unbounded_channel::<Response>();
    tokio::spawn(async move {
        while let Some(answer) = queue.recv().await {
            let _ = sink.send(frame::encode(&answer)).await;
        }
    });
    while let Some(Ok(bytes)) = stream.next().await {
        let Request { id, body } = frame::decode("request", &bytes).ok()?;
        let act = script(&body);
        heard.lock().expect("no panic").push(body);
        match act {
            Act::Say(body) => answers.send(Response { id, body }).ok()?,
            Act::SayAll(bodies) => {
                bodies.into_iter().try_for_each(|body| answers.send(Response { id, body }).ok())?;
            }
            Act::SayAfter(pause, body) => {
                let answers = answers.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(pause).await;
                    let _ = answers.send(Response { id, body });
                });
            }
            Act::Nothing => {}
            Act::Close => return None,
        }
    }
    None
}

pub(crate) fn done() -> ResponseBody {
    let at = LogId { term: Term(1), index: LogIndex(5) };
    ResponseBody::Done { answer: Answer::Stored, at }
}

pub(crate) fn opened(session: u64) -> ResponseBody {
    let at = LogId { term: Term(1), index: LogIndex(session) };
    ResponseBody::Done { answer: Answer::SessionOpened(SessionId(session)), at }
}

/// What a follower says to everything but a question for its state.
pub(crate) fn follower_of(
    leader: u64,
    address: Option<String>,
) -> impl Fn(&RequestBody) -> Act + Send + Sync {
    move |body| match body {
        RequestBody::Status => Act::Say(status(2)),
        _ => failed(Failure::NotLeader { leader: Some(NodeId(leader)), address: address.clone() }),
    }
}

/// What a leader says.
pub(crate) fn leader(body: &RequestBody) -> Act {
    match body {
        RequestBody::Status => Act::Say(status(1)),
        RequestBody::OpenSession => Act::Say(opened(1)),
        _ => Act::Say(done()),
    }
}

pub(crate) fn failed(failure: Failure) -> Act {
    Act::Say(ResponseBody::Failed(failure))
}

pub(crate) fn status(id: u64) -> ResponseBody {
    ResponseBody::Status(Box::new(node_status(id)))
}

pub(crate) fn node_status(id: u64) -> NodeStatus {
    let raft = Status {
        id: NodeId(id),
        term: Term(1),
        role: Role::Follower,
        vote: None,
        leader: None,
        last: LogId::default(),
        durable: LogIndex::ZERO,
        disk_wait: None,
        disk_stalled: false,
        committed: LogIndex::ZERO,
        applied: LogIndex::ZERO,
        membership: Membership::default(),
        membership_index: LogIndex::ZERO,
        snapshot: LogId::default(),
        purged: LogIndex::ZERO,
        tuning: Tuning { timing: Timing::FAST, pre_vote: true, check_quorum: true },
        transfer: None,
        lease: Duration::ZERO,
        election_timeout: Duration::ZERO,
        election_remaining: Duration::ZERO,
        heartbeat_age: None,
        has_quorum: false,
        votes: Vec::new(),
        peers: Vec::new(),
        term_runs: Vec::new(),
    };
    NodeStatus {
        raft,
        keys: 0,
        state_hash: 0,
        uptime_micros: 1,
        fsync_micros: 0,
        sessions: 0,
        clock_rate: ClockRate::REAL,
        next_timer_micros: 0,
        fsyncs: 0,
        refused: Vec::new(),
        incarnation: None,
        cluster: None,
        address: String::new(),
        notices: Vec::new(),
    }
}

/// A client that has all the patience that a busy machine may need.
pub(crate) fn client(addresses: &[&str]) -> Client {
    client_with(addresses, LONG / 3)
}

/// A client for tests of silence.
pub(crate) fn hasty(addresses: &[&str]) -> Client {
    client_with(addresses, PATIENCE)
}

fn client_with(addresses: &[&str], patience: Duration) -> Client {
    let addresses: Vec<String> = addresses.iter().map(|address| (*address).to_owned()).collect();
    Client::new(&addresses, Options { patience, ..Options::default() }).expect("addresses")
}

/// How long a hasty client bears with a silent node.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// Far longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Long enough to try everything a few times, for operations that are bound to fail.
pub(crate) const SHORT: Duration = Duration::from_millis(800);
