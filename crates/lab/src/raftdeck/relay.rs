//! How a client's frames pass a relay: whole, in both directions, by the rules in force there.
//!
//! It takes part in no handshake: the first frames each way, which set a connection up, always pass unless the path is cut.

use crate::requests::relay::{Passage, PathRules};
use futures::{SinkExt, StreamExt};
use raftdeck_client::codec;
use raftdeck_protocol::frame::{self, MAX_FRAME};
use raftdeck_protocol::{Answer, Response, ResponseBody};
use std::io;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio_util::codec::{FramedRead, FramedWrite};

/// A connection's handshake has this many frames each way.
const HANDSHAKE: usize = 2;

/// Frames of raftdeck's own protocol.
#[derive(Debug)]
pub(crate) enum Frames {}

impl Passage for Frames {
    async fn requests(
        from: OwnedReadHalf,
        to: OwnedWriteHalf,
        mut gate: watch::Receiver<PathRules>,
    ) -> io::Result<()> {
        let mut from = FramedRead::new(from, codec(MAX_FRAME));
        let mut to = FramedWrite::new(to, codec(MAX_FRAME));
        let mut passed = 0;
        while let Some(request) = from.next().await {
            let request = request?.freeze();
            if passed >= HANDSHAKE && gate.wait_for(|gate| !gate.holds).await.is_err() {
                return Ok(());
            }
            passed += 1;
            to.send(request).await?;
        }
        Ok(())
    }

    async fn answers(
        from: OwnedReadHalf,
        to: OwnedWriteHalf,
        mut gate: watch::Receiver<PathRules>,
    ) -> io::Result<()> {
        let mut from = FramedRead::new(from, codec(MAX_FRAME));
        let mut to = FramedWrite::new(to, codec(MAX_FRAME));
        let (mut passed, mut has_lost) = (0, false);
        loop {
            let answer = tokio::select! {
                answer = from.next() => answer,
                _ = gate.wait_for(|gate| !gate.loses_answers), if has_lost => return Ok(()),
            };
            let Some(answer) = answer else { return Ok(()) };
            let answer = answer?.freeze();
            let is_lost = passed >= HANDSHAKE && gate.borrow().loses_answers && !opens_session(&answer);
            passed += 1;
            has_lost |= is_lost;
            if !is_lost {
                to.send(answer).await?;
            }
        }
    }
}

/// Opening a session counts as setting up a connection: without a session, no request could be sent whose answer is lost.
fn opens_session(answer: &[u8]) -> bool {
    let answer = frame::decode::<Response>("response", answer).map(|response| response.body);
    matches!(answer, Ok(ResponseBody::Done { answer: Answer::SessionOpened(_), .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_client::LocalUsers;
    use raftdeck_links::Presence;
    use std::net::Ipv4Addr;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    type Relay = crate::requests::relay::Relay<Frames>;

    const SOON: Duration = Duration::from_secs(10);

    /// A node that is asked by hand, its relay, and a connection through it on which the handshake is done.
    async fn connected() -> (Presence, Relay, TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let presence = Presence::default();
        presence.starting();
        let address = listener.local_addr().unwrap();
        presence.serving(address, address);
        let relay =
            Relay::open(presence.watch(), PathRules::default(), LocalUsers::only_own().unwrap()).unwrap();
        let mut client = TcpStream::connect(relay.address()).await.unwrap();
        let (mut node, _) = listener.accept().await.unwrap();
        for text in ["hello", "proof"] {
            say(&mut client, text).await;
            assert_eq!(hear(&mut node).await, text);
            say(&mut node, text).await;
            assert_eq!(hear(&mut client).await, text);
        }
        (presence, relay, client, node)
    }

    async fn say(to: &mut TcpStream, text: &str) {
        to.write_u32(u32::try_from(text.len()).unwrap()).await.unwrap();
        to.write_all(text.as_bytes()).await.unwrap();
    }

    async fn hear(from: &mut TcpStream) -> String {
        let heard = async {
            let mut text = vec![0; from.read_u32().await.unwrap() as usize];
            from.read_exact(&mut text).await.unwrap();
            String::from_utf8(text).unwrap()
        };
        timeout(SOON, heard).await.expect("something to hear")
    }

    #[tokio::test]
    async fn requests_are_kept_until_that_is_undone_and_answers_still_come() {
        let (_presence, relay, mut client, mut node) = connected().await;
        relay.set(PathRules { holds: true, ..PathRules::default() });
        say(&mut client, "first").await;
        say(&mut client, "second").await;
        say(&mut node, "an answer").await;
        assert_eq!(hear(&mut client).await, "an answer");
        let mut byte = [0];
        assert_eq!(node.try_read(&mut byte).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        relay.set(PathRules::default());
        assert_eq!(hear(&mut node).await, "first");
        assert_eq!(hear(&mut node).await, "second");
    }

    #[tokio::test]
    async fn answers_are_lost_and_then_the_connection_breaks() {
        let (_presence, relay, mut client, mut node) = connected().await;
        relay.set(PathRules { loses_answers: true, ..PathRules::default() });
        say(&mut node, "lost").await;
        let session = ResponseBody::Done {
            answer: Answer::SessionOpened(raftdeck_protocol::SessionId(7)),
            at: raftdeck_raft::LogId::default(),
        };
        let opened = frame::encode(&Response { id: 1, body: session });
        node.write_u32(u32::try_from(opened.len()).unwrap()).await.unwrap();
        node.write_all(&opened).await.unwrap();
        // What passes comes after what was lost.
        assert_eq!(hear(&mut client).await.as_bytes(), &opened[..]);
        say(&mut client, "a request").await;
        assert_eq!(hear(&mut node).await, "a request");
        relay.set(PathRules::default());
        let ended = async { (client.read_u8().await.is_err(), node.read_u8().await.is_err()) };
        assert_eq!(timeout(SOON, ended).await.expect("both ends"), (true, true));
    }

    #[tokio::test]
    async fn a_connection_on_which_no_answer_was_lost_stays() {
        let (_presence, relay, mut client, mut node) = connected().await;
        relay.set(PathRules { loses_answers: true, ..PathRules::default() });
        say(&mut client, "a request").await;
        assert_eq!(hear(&mut node).await, "a request");
        relay.set(PathRules::default());
        say(&mut node, "an answer").await;
        assert_eq!(hear(&mut client).await, "an answer");
    }

    #[tokio::test]
    async fn a_cut_breaks_connections_and_lets_none_come_about_until_it_is_mended() {
        let (_presence, relay, mut client, mut node) = connected().await;
        relay.set(PathRules { cut: true, ..PathRules::default() });
        let ended = async { (client.read_u8().await.is_err(), node.read_u8().await.is_err()) };
        assert_eq!(timeout(SOON, ended).await.expect("both ends"), (true, true));
        let mut again = TcpStream::connect(relay.address()).await.unwrap();
        say(&mut again, "hello").await;
        relay.set(PathRules::default());
        let closed = timeout(SOON, again.read_u8()).await.expect("an end");
        assert!(closed.is_err(), "it has to be tried again");
    }
}
