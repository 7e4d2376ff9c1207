//! What this node shows in handshakes, and what it judges others by. Whoever learns something new puts it in here; listeners and
//! dialers look at each handshake. Opens no socket and decides nothing that depends on time.

use crate::tokens::{Asked, Tokens};
use raftdeck_client::{nonce, prove};
use raftdeck_protocol::handshake::{Challenge, Note, Proof, Side, Standing};
use raftdeck_protocol::{Hello, RefusalReason, Role, Secret};
use raftdeck_raft::NodeId;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared by all that shake hands.
#[derive(Clone, Debug)]
pub(crate) struct Trust(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    id: NodeId,
    cluster: String,
    tokens: Tokens,
    /// What the members of the cluster share; `None`: not known here yet.
    secret: Option<Secret>,
    standing: Option<Standing>,
    /// For founders.
    note: Option<Note>,
}

/// What a listener asks of one connection: its own part of the handshake, and what it will judge the dialer's by.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) challenge: Challenge,
    /// The dialer's proof under each of the tokens, and whether that token lets it change who belongs to the cluster.
    expected: Vec<(Proof, bool)>,
    /// What a dialer is told that does not prove what it has to; `None`: nothing is asked of it.
    refusal: Option<RefusalReason>,
    governs_without: bool,
}

/// What a dialer has proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proved {
    /// That it knows a token or the secret.
    pub(crate) is_proved: bool,
    /// Whether it may change who belongs to the cluster and who leads it.
    pub(crate) governs: bool,
}

#[allow(dead_code, reason = "the founding fills in what this node shows")]
impl Trust {
    pub(crate) fn new(id: NodeId, cluster: String, tokens: Tokens) -> Self {
        Self(Arc::new(Mutex::new(State { id, cluster, tokens, secret: None, standing: None, note: None })))
    }

    /// This node's name for its cluster.
    pub(crate) fn cluster(&self) -> String {
        self.lock().cluster.clone()
    }

    /// What this node says of its data directory from now on.
    pub(crate) fn set_standing(&self, standing: Standing) {
        self.lock().standing = Some(standing);
    }

    /// The members' secret is known from now on. A peer token goes before it.
    pub(crate) fn set_secret(&self, secret: Secret) {
        self.lock().secret = Some(secret);
    }

    /// What founders are answered from now on.
    pub(crate) fn set_note(&self, note: Note) {
        self.lock().note = Some(note);
    }

    /// What founders are answered.
    pub(crate) fn note(&self) -> Option<Note> {
        self.lock().note.clone()
    }

    /// What this node says first to another one, and the token that both have to prove to know.
    pub(crate) fn hello(&self, role: Role) -> (Hello, Option<Secret>) {
        let state = self.lock();
        let hello = Hello { standing: state.standing, ..Hello::new(state.cluster.clone(), role) };
        // A founder looks for nodes that do not know the secret yet.
        let secret = state.secret.as_ref().filter(|_| !matches!(hello.role, Role::Founder { .. }));
        let token = state.tokens.peer.as_ref().or(secret).cloned();
        (hello, token)
    }

    /// The answer to a hello, as it was received.
    pub(crate) fn question(&self, hello: &Hello, said: &[u8]) -> io::Result<Question> {
        let state = self.lock();
        let Asked { tokens, is_required } = state.tokens.asked_of(&hello.role, state.secret.as_ref());
        let is_node = matches!(hello.role, Role::Peer { .. } | Role::Founder { .. });
        let standing = state.standing.filter(|_| is_node);
        let mut challenge = Challenge { id: state.id, standing, challenge: nonce()?, proofs: Vec::new() };
        let proofs =
            |side| tokens.iter().map(|token| prove(token, said, &challenge, side)).collect::<Vec<_>>();
        let governs = tokens.iter().map(|token| state.tokens.lets_govern(Some(token)));
        let expected = proofs(Side::Dialer).into_iter().zip(governs).collect();
        challenge.proofs = proofs(Side::Listener);
        let refusal = is_required.then(|| match hello.role {
            Role::Peer { id, .. } if state.tokens.peer.is_none() => RefusalReason::Secret { id },
            _ => RefusalReason::Token,
        });
        let governs_without = state.tokens.lets_govern(None);
        Ok(Question { challenge, expected, refusal, governs_without })
    }
}

impl Question {
    /// Whether nothing is asked of this role.
    pub(crate) fn asks_nothing(&self) -> bool {
        self.refusal.is_none()
    }

    /// What the dialer's proof is good for.
    pub(crate) fn judge(&self, shown: Option<Proof>) -> Result<Proved, RefusalReason> {
        let found = shown.and_then(|shown| self.expected.iter().find(|(proof, _)| *proof == shown));
        match (found, &self.refusal) {
            (Some((_, governs)), _) => {
                Ok(Proved { is_proved: true, governs: *governs || self.governs_without })
            }
            (None, Some(reason)) => Err(reason.clone()),
            // A proof under a token that is not asked for proves nothing, and harms nothing.
            (None, None) => Ok(Proved { is_proved: false, governs: self.governs_without }),
        }
    }
}

impl Trust {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds this lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
