//! Which nodes a node dials, and where: against real sockets, with the listeners played by the test.

use super::*;
use crate::tokens::Tokens;
use futures::{SinkExt, StreamExt};
use raftdeck_client::Frames;
use raftdeck_client::codec;
use raftdeck_protocol::frame::MAX_FRAME;
use raftdeck_protocol::handshake::{Challenge, Confirmation, Nonce};
use raftdeck_protocol::{Hello, HelloReply};
use raftdeck_raft::{AppendOutcome, AppendReply, LogIndex, Term};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::codec::Framed;

const ME: NodeId = NodeId(1);
const YOU: NodeId = NodeId(4);
const LONG: Duration = Duration::from_mins(1);

/// A node that others dial.
struct Listener(TcpListener);

impl Listener {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (Self(listener), address)
    }

    /// The next connection past its handshake.
    async fn dialed(&self) -> Frames {
        let (stream, _) = timeout(LONG, self.0.accept()).await.expect("is dialed").unwrap();
        let mut frames = Framed::new(Transport::Plain(stream), codec(MAX_FRAME));
        let said = timeout(LONG, frames.next()).await.expect("a hello").unwrap().unwrap();
        let hello: Hello = frame::decode("hello", &said).unwrap();
        assert!(matches!(hello.role, Role::Peer { id: ME, to: YOU, .. }), "{hello:?}");
        let challenge =
            Challenge { id: YOU, standing: None, challenge: Nonce::default(), proofs: Vec::new() };
        frames.send(frame::encode(&HelloReply::Challenge(challenge))).await.unwrap();
        let confirmation = frames.next().await.unwrap().unwrap();
        let confirmation: Confirmation = frame::decode("confirmation", &confirmation).unwrap();
        assert_eq!(confirmation, Confirmation::Proof(None));
        let welcome = HelloReply::Accepted { id: YOU, cluster: "test".to_owned() };
        frames.send(frame::encode(&welcome)).await.unwrap();
        frames
    }
}

async fn assert_closed(mut frames: Frames) {
    let end = async { while let Some(Ok(_)) = frames.next().await {} };
    timeout(LONG, end).await.expect("the connection is closed");
}

fn outgoing() -> Outgoing {
    let me = Sender {
        id: ME,
        incarnation: raftdeck_raft::Incarnation([1; 16]),
        client_address: "127.0.0.1:1".to_owned(),
        raft_address: String::new(),
        trust: Trust::new(ME, "test".to_owned(), Tokens::default()),
        memory: crate::memory::StartMemory::default(),
        tls: None,
    };
    Outgoing::new(me, Book::default())
}

fn membership(address: Option<&str>) -> Membership {
    let mut membership = Membership::of([ME].into());
    if let Some(address) = address {
        membership.learners.insert(YOU);
        membership.addresses.insert(YOU, address.to_owned());
    }
    membership
}

fn said(round: u64) -> Envelope {
    let outcome = AppendOutcome::Matched { through: LogIndex(1) };
    Envelope {
        to: YOU,
        message: Message::AppendReply(AppendReply { term: Term(1), round, outcome, stands_by: true }),
    }
}

/// What arrives next.
async fn heard(frames: &mut Frames) -> PeerFrame {
    let heard = timeout(LONG, frames.next()).await.expect("something").unwrap().unwrap();
    frame::decode("peer", &heard).unwrap()
}

/// Sends, and sees it arrive.
async fn say(outgoing: &mut Outgoing, frames: &mut Frames, round: u64) {
    outgoing.send(vec![said(round)]);
    let heard = heard(frames).await;
    assert_eq!((heard.from, heard.message), (ME, said(round).message));
}

#[tokio::test]
async fn connections_follow_the_membership_and_its_addresses() {
    let (first, first_address) = Listener::start().await;
    let (second, second_address) = Listener::start().await;
    let mut outgoing = outgoing();
    outgoing.follow(&membership(Some(&first_address)));
    let mut at_first = first.dialed().await;
    say(&mut outgoing, &mut at_first, 1).await;
    outgoing.follow(&membership(Some(&second_address)));
    assert_closed(at_first).await;
    let mut at_second = second.dialed().await;
    say(&mut outgoing, &mut at_second, 2).await;
    outgoing.follow(&membership(None));
    assert_closed(at_second).await;
    outgoing.send(vec![said(3)]);
    assert!(outgoing.post.lanes().is_empty(), "nobody knows where it is any more");
}

#[tokio::test]
async fn what_is_said_to_a_member_that_is_not_reached_yet_waits_for_the_next_attempt() {
    let (listener, address) = Listener::start().await;
    let mut outgoing = outgoing();
    outgoing.follow(&membership(Some(&address)));
    outgoing.send(vec![said(1)]);
    // The first attempt fails: the listener is not ready.
    drop(timeout(LONG, listener.0.accept()).await.expect("is dialed").unwrap());
    outgoing.send(vec![said(2)]);
    let mut frames = listener.dialed().await;
    for round in [1, 2] {
        assert_eq!(heard(&mut frames).await.message, said(round).message);
    }
}

#[tokio::test]
async fn what_is_said_while_a_lost_member_is_away_is_lost_and_when_it_is_back_it_is_dialed_at_once() {
    let (listener, address) = Listener::start().await;
    let mut outgoing = outgoing();
    outgoing.follow(&membership(Some(&address)));
    let frames = listener.dialed().await;
    drop(frames);
    // It is away for long: enough attempts fail that the pauses are at their longest.
    for _ in 0..6 {
        drop(timeout(LONG, listener.0.accept()).await.expect("is dialed").unwrap());
    }
    let lane = outgoing.post.lane(YOU).unwrap();
    let away = async {
        while lane.accepts() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, away).await.expect("the attempt has failed");
    outgoing.send(vec![said(1)]);
    let introduction = Introduction { connection: 5, client_address: String::new(), raft_address: address };
    outgoing.arrived(YOU, introduction);
    outgoing.send(vec![said(2)]);
    let mut frames = listener.dialed().await;
    assert_eq!(heard(&mut frames).await.message, said(2).message);
}

#[tokio::test]
async fn what_was_said_to_a_member_before_it_left_is_still_sent() {
    let (listener, address) = Listener::start().await;
    let mut outgoing = outgoing();
    outgoing.follow(&membership(Some(&address)));
    let mut frames = listener.dialed().await;
    say(&mut outgoing, &mut frames, 1).await;
    outgoing.send(vec![said(77)]);
    outgoing.follow(&membership(None));
    let last = async {
        let mut last = None;
        while let Some(Ok(bytes)) = frames.next().await {
            last = Some(frame::decode::<PeerFrame>("peer", &bytes).unwrap().message);
        }
        last
    };
    assert_eq!(timeout(LONG, last).await.expect("it ends"), Some(said(77).message));
}

#[tokio::test]
async fn a_stranger_is_answered_where_it_says_it_is_while_it_is_connected() {
    let (listener, address) = Listener::start().await;
    let mut outgoing = outgoing();
    let introduction =
        Introduction { connection: 5, client_address: "127.0.0.1:2".to_owned(), raft_address: address };
    outgoing.arrived(YOU, introduction);
    assert!(outgoing.post.lanes().is_empty(), "nobody is dialed to whom there is nothing to say");
    outgoing.send(vec![said(1)]);
    let mut frames = listener.dialed().await;
    assert_eq!(heard(&mut frames).await.message, said(1).message);
    assert_eq!(outgoing.client_address(YOU).as_deref(), Some("127.0.0.1:2"));
    outgoing.left(YOU, 5);
    assert_closed(frames).await;
}

#[tokio::test]
async fn an_address_that_was_set_goes_before_all_others() {
    let (wrong, wrong_address) = Listener::start().await;
    let (right, right_address) = Listener::start().await;
    let mut outgoing = outgoing();
    outgoing.follow(&membership(Some(&wrong_address)));
    let stale = wrong.dialed().await;
    assert!(outgoing.set_address(YOU, right_address));
    assert_closed(stale).await;
    let mut frames = right.dialed().await;
    outgoing.follow(&membership(Some(&wrong_address)));
    say(&mut outgoing, &mut frames, 1).await;
}

#[test]
fn a_node_that_listens_everywhere_is_where_it_comes_from() {
    let from = "10.0.0.4".parse().unwrap();
    for (given, seen) in [
        ("0.0.0.0:8083", "10.0.0.4:8083"),
        ("[::]:8083", "10.0.0.4:8083"),
        ("10.0.0.5:8083", "10.0.0.5:8083"),
        ("node-d:8083", "node-d:8083"),
        ("", ""),
    ] {
        assert_eq!(seen_from(from, given.to_owned()), seen);
    }
}

#[test]
fn a_message_counts_only_in_the_name_of_the_node_and_the_disk_that_the_connection_is_of() {
    let (mine, other) = (Incarnation([4; 16]), Incarnation([5; 16]));
    let take = |disk: Option<Incarnation>, frames: &[(NodeId, Incarnation)]| {
        let mut bytes = BytesMut::new();
        for (from, incarnation) in frames {
            let message = said(1).message;
            frame::put(&PeerFrame { from: *from, incarnation: *incarnation, message }, &mut bytes);
        }
        let mut arriving = Arriving::new(&Arc::default(), bytes, READ);
        let mut messages = Vec::new();
        let taken = take_messages((YOU, disk), &mut arriving, &mut messages);
        (messages.into_iter().map(|(sender, _)| sender).collect::<Vec<_>>(), taken)
    };
    let sender = |disk| raftdeck_raft::Sender::new(YOU, disk);
    let (taken, end) = take(Some(mine), &[(YOU, mine), (YOU, mine)]);
    assert_eq!((taken, end), (vec![sender(mine); 2], Ok(())));
    // What came before the lie was no lie.
    let (taken, end) = take(Some(mine), &[(YOU, mine), (YOU, other), (YOU, mine)]);
    assert_eq!(taken, [sender(mine)]);
    assert_eq!(end.unwrap_err(), format!("it runs on disk {mine} and sent a message as disk {other}"));
    let (taken, end) = take(Some(mine), &[(NodeId(5), mine)]);
    assert_eq!((taken.len(), end.unwrap_err().as_str()), (0, "it sent a message as n5"));
    // A node that shows no disk belongs to a cluster without identities: which disk it speaks for is in the message.
    assert_eq!(take(None, &[(YOU, other)]), (vec![sender(other)], Ok(())));
}
