//! A founder's connection: one node asks another how far its founding is, or sends it the cluster's identity. Decides
//! nothing about foundings.

use crate::ledger::{Ledger, NodeIdentity};
use crate::listen::{AdmittedConnection, HANDSHAKE, Wire};
use crate::trust::Trust;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use raftdeck_client::{Access, DialError, Frames, Tls, codec};
use raftdeck_protocol::founding::{FounderReply, FounderRequest, Invitation, Note, NoteStage};
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Secret, frame};
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::codec::{Framed, FramedParts};

/// The largest frame: a note names every member.
const MAX_FRAME: usize = 64 << 10;

/// An answer that takes longer is none. To keep an invitation takes a dial back.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// A connection without a request for this long is closed.
const IDLE: Duration = Duration::from_secs(5);

/// How this node reaches others as a founder.
#[derive(Clone, Debug)]
pub(crate) struct FounderLines {
    pub(crate) me: NodeId,
    /// What it shows. A founder proves that it knows the peer token, if there is one, and never the secret: a node that is asked
    /// may not have it yet.
    pub(crate) trust: Trust,
    pub(crate) tls: Option<Tls>,
    /// Where the nodes of the command line are.
    pub(crate) configured: BTreeMap<NodeId, String>,
}

/// Why a node that was asked has not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("it closed the connection")]
    Closed,
    #[error("it does not answer")]
    Silent,
    #[error("its answer is invalid: {0}")]
    Nonsense(String),
    #[error("it identifies itself as {0}")]
    Another(NodeId),
}

/// An open connection to one node.
#[derive(Debug)]
pub(crate) struct FounderLine {
    to: NodeId,
    frames: Frames,
}

impl FounderLines {
    pub(crate) async fn dial(&self, to: NodeId, address: &str) -> Result<FounderLine, AskError> {
        self.dial_with(self.trust.peer_token(), to, address).await
    }

    async fn dial_with(
        &self,
        token: Option<Secret>,
        to: NodeId,
        address: &str,
    ) -> Result<FounderLine, AskError> {
        let (hello, _) = self.trust.hello(Role::Founder { id: self.me, to });
        // Whatever is there has to be this node; where that is does not matter.
        let access = Access { token, tls: self.tls.as_ref().map(|tls| tls.to_node(to)) };
        let mut frames = access.dial(address, &hello, HANDSHAKE).await?.frames;
        frames.codec_mut().set_max_frame_length(MAX_FRAME);
        Ok(FounderLine { to, frames })
    }

    /// Dials back a member that sent an invitation: whether a node that is configured as that member holds the cluster's secret,
    /// and counts this node, with its disk, among the members. Only then is it believed.
    async fn verify(&self, me: &NodeIdentity, invitation: &Invitation) -> Result<(), String> {
        let Invitation { from, address, cluster, secret } = invitation;
        let address = self.configured.get(from).unwrap_or(address);
        let token = secret.clone().or_else(|| self.trust.peer_token());
        let failed = |error: AskError| format!("{from} at {address}, dialed back, {error}");
        let mut line = self.dial_with(token, *from, address).await.map_err(failed)?;
        let Note { stage, .. } = line.note().await.map_err(failed)?;
        let is_mine = |disk: &_| *disk == me.incarnation;
        let names_me = match &stage {
            NoteStage::Member { cluster: theirs, members, .. } => {
                *theirs == Some(*cluster)
                    && members.get(&me.id).is_some_and(|disk| disk.as_ref().is_none_or(is_mine))
            }
            NoteStage::Adopted(record) => {
                raftdeck_replica::founding::cluster_id(record, &me.name) == *cluster
                    && record.0.get(&me.id).is_some_and(is_mine)
            }
            NoteStage::Gathering { .. } | NoteStage::Joining { .. } => false,
        };
        if names_me {
            Ok(())
        } else {
            Err(format!("{from} does not list this disk among the members of {cluster}"))
        }
    }
}

impl FounderLine {
    /// How far the node has come.
    pub(crate) async fn note(&mut self) -> Result<Note, AskError> {
        match self.ask(&FounderRequest::Note).await? {
            FounderReply::Note(note) if note.id == self.to => Ok(note),
            FounderReply::Note(note) => Err(AskError::Another(note.id)),
            other => Err(AskError::Nonsense(format!("{other:?}"))),
        }
    }

    /// Hands over what a member needs; `Err` in the reply: why the node has not kept it.
    pub(crate) async fn invite(&mut self, invitation: Invitation) -> Result<Result<(), String>, AskError> {
        match self.ask(&FounderRequest::Invite(invitation)).await? {
            FounderReply::Kept => Ok(Ok(())),
            FounderReply::NotKept(why) => Ok(Err(why)),
            FounderReply::Note(_) => Err(AskError::Nonsense("a note".to_owned())),
        }
    }

    async fn ask(&mut self, request: &FounderRequest) -> Result<FounderReply, AskError> {
        let asked = async {
            self.frames.send(frame::encode(request)).await.map_err(|_| AskError::Closed)?;
            let reply = self.frames.next().await.and_then(Result::ok).ok_or(AskError::Closed)?;
            frame::decode("founder's reply", &reply).map_err(|error| AskError::Nonsense(error.to_string()))
        };
        timeout(ANSWERS_WITHIN, asked).await.map_err(|_| AskError::Silent)?
    }
}

/// Answers a node that has dialed this one as a founder. It learns how far this node has come; nothing that it says of itself is
/// believed.
pub(crate) async fn serve(guest: AdmittedConnection, ledger: Arc<Ledger>, lines: FounderLines) {
    let Role::Founder { id, .. } = guest.role else { return };
    let Wire { stream, read } = guest.wire;
    let mut parts = FramedParts::new::<Bytes>(stream, codec(MAX_FRAME));
    parts.read_buf = read;
    let mut frames: Frames = Framed::from_parts(parts);
    while let Ok(Some(Ok(request))) = timeout(IDLE, frames.next()).await {
        let Ok(request) = frame::decode("founder's request", &request) else {
            tracing::warn!("closed the connection of {id} at {}: its request is invalid", guest.address);
            return;
        };
        let reply = answer(request, &ledger, &lines).await;
        let sent: io::Result<()> = frames.send(frame::encode(&reply)).await;
        if sent.is_err() {
            return;
        }
    }
}

async fn answer(request: FounderRequest, ledger: &Arc<Ledger>, lines: &FounderLines) -> FounderReply {
    let invitation = match request {
        FounderRequest::Note => return FounderReply::Note(ledger.note()),
        FounderRequest::Invite(invitation) => invitation,
    };
    let from = invitation.from;
    match accept(invitation, ledger, lines).await {
        Ok(()) => FounderReply::Kept,
        Err(why) => {
            tracing::warn!("an invitation by {from} was not accepted: {why}");
            FounderReply::NotKept(why)
        }
    }
}

async fn accept(invitation: Invitation, ledger: &Arc<Ledger>, lines: &FounderLines) -> Result<(), String> {
    let cluster = invitation.cluster;
    if let Some(own) = ledger.cluster().filter(|own| *own != cluster) {
        return Err(format!("{} belongs to cluster {own}, not to {cluster}", ledger.me().id));
    }
    if ledger.cluster().is_some() && ledger.has_key() {
        return Ok(());
    }
    lines.verify(ledger.me(), &invitation).await?;
    let Invitation { from, secret, .. } = invitation;
    let kept = Arc::clone(ledger);
    let keeping = tokio::task::spawn_blocking(move || {
        if let Some(secret) = secret.filter(|_| !kept.me().has_peer_token) {
            kept.keep_secret(&secret)?;
        }
        // One that has adopted a founding is founded by that, when all others have.
        if kept.founding().is_none_or(|founding| {
            matches!(founding.stage(), raftdeck_replica::founding::FoundingStage::Gathering)
        }) {
            kept.join(cluster)?;
        }
        Ok::<_, raftdeck_storage::OpenError>(())
    });
    match keeping.await {
        Ok(Ok(())) => {
            tracing::info!("{from} has added this node to cluster {cluster}");
            Ok(())
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("internal error".to_owned()),
    }
}
