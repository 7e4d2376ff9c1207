//! Connections that bring one message and nothing else: the link answers them itself, and how the message travels on depends on no
//! connection of its sender. Only a message with a body is bound to its connection, since a body is never kept.

use super::relay::{Greeting, Relay, pass_back};
use super::{Reader, RelayEnd};
use crate::whereabouts::{NodeLocation, Whereabouts, life_over};
use crate::wire::{Session, Side, Wire};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// A message must be all there within this time after its head.
const MESSAGE_WITHIN: Duration = Duration::from_secs(5);

impl<W: Wire> Relay<W> {
    /// Takes in one message, and answers.
    pub(super) async fn one_message(self, greeting: Greeting<W::Session>, answer: Bytes) -> io::Result<()> {
        let Greeting { session, mut dialer, .. } = greeting;
        dialer.reframe(&session, Side::Dialer);
        let Some((life, _)) = self.present() else { return Ok(()) };
        if self.taken(life, &mut dialer.reader, None).await?.is_some() {
            dialer.writer.send(answer).await?;
        }
        Ok(())
    }

    /// Takes in a message, and lets its body flow when the message has arrived. Nothing of the body is read before.
    pub(super) async fn message_with_body(
        self,
        greeting: Greeting<W::Session>,
        answer: Bytes,
    ) -> io::Result<()> {
        let Greeting { session, hello, mut dialer, .. } = greeting;
        dialer.reframe(&session, Side::Dialer);
        let Some((life, _)) = self.present() else { return Ok(()) };
        let (ticket, arrival) = oneshot::channel();
        let Some(message) = self.taken(life, &mut dialer.reader, Some(ticket)).await? else { return Ok(()) };
        tokio::select! {
            biased;
            () = life_over(self.target.clone(), life) => Ok(()),
            carried = async {
                if arrival.await.is_err() {
                    while dialer.reader.next().await.transpose()?.is_some_and(|piece| !piece.is_empty()) {}
                    return dialer.writer.send(answer).await;
                }
                let Some((_, Some(address))) = self.present() else { return Ok(()) };
                deliver(address, session, hello, message, dialer).await
            } => carried,
        }
    }

    /// The next frame, which is on its way now. `None`: the dialer has gone, or has no link here.
    async fn taken(
        &self,
        life: u64,
        frames: &mut Reader<W::Session>,
        ticket: Option<oneshot::Sender<()>>,
    ) -> io::Result<Option<Bytes>> {
        let Some(road) = &self.road else { return Ok(None) };
        let Some(frame) = timeout(MESSAGE_WITHIN, frames.next()).await?.transpose()? else { return Ok(None) };
        let glance = self.link.wire.glance(&frame);
        self.link.traffic.take_in(road.forth.pair, (life, None), frame.clone(), glance, ticket);
        Ok(Some(frame))
    }

    /// The listener's life, and where it listens if it does. `None`: it has no process, so the connection is closed, as the system would
    /// refuse it.
    fn present(&self) -> Option<(u64, Option<SocketAddr>)> {
        let Whereabouts { life, place } = *self.target.borrow();
        match place {
            NodeLocation::Down => None,
            NodeLocation::Starting => Some((life, None)),
            NodeLocation::Serving { raft, .. } => Some((life, Some(raft))),
        }
    }
}

/// Sends a message with its body to the listener, and passes its answer back.
async fn deliver<S: Session>(
    address: SocketAddr,
    session: S,
    hello: Bytes,
    message: Bytes,
    mut dialer: RelayEnd<S>,
) -> io::Result<()> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(&hello).await?;
    let mut listener = RelayEnd::new(connection, &session, Side::Listener)?;
    listener.writer.send(message).await?;
    while let Some(piece) = dialer.reader.next().await.transpose()? {
        let is_last = piece.is_empty();
        listener.writer.send(piece).await?;
        if is_last {
            return pass_back(&mut listener.reader, &mut dialer.writer).await;
        }
    }
    // The dialer has gone in the middle of the body. The listener sees that, since its connection is closed too.
    Ok(())
}
