//! This node's own identity for handshakes, and what it verifies others against. Listeners and dialers read it at
//! each handshake. Opens no socket and decides nothing that depends on time.

use crate::tokens::{RequiredProof, Tokens};
use raftdeck_client::{nonce, prove};
use raftdeck_protocol::handshake::{Challenge, Proof, Side, Standing};
use raftdeck_protocol::{Hello, RefusalReason, RefusedPeer, Role, Secret};
use raftdeck_raft::{Boot, ClusterId, Incarnation, LogId, Membership, NodeId};
use raftdeck_replica::{ClusterView, NewestStarts, Objection};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Shared by all that shake hands.
#[derive(Clone, Debug)]
pub(crate) struct Trust(Arc<Mutex<TrustState>>);

#[derive(Debug)]
struct TrustState {
    id: NodeId,
    cluster: String,
    tokens: Tokens,
    /// What the members of the cluster share; `None`: not known here yet.
    secret: Option<Secret>,
    standing: Option<Standing>,
    /// The membership in force, and its place in the log.
    membership: (Membership, LogId),
    met: NewestStarts,
    /// Whether a start was met that is not kept yet.
    is_unkept: bool,
    refused: BTreeMap<NodeId, Refusal>,
}

/// Why no connection comes about with a node.
#[derive(Debug)]
struct Refusal {
    reason: RefusalReason,
    since_unix_ms: u64,
    first: Instant,
    last: Instant,
    /// Whether it is shown, and was worth a line in the log.
    is_told: bool,
}

/// A refusal that may be transient is reported when it has lasted this long.
const PASSES_WITHIN: Duration = Duration::from_secs(2);

/// A refusal that is not repeated for this long has ended: nodes dial each other all the time.
const OVER_AFTER: Duration = Duration::from_secs(30);

/// The maximum number of nodes whose refusals are kept: ids are unauthenticated.
const MAX_REFUSED: usize = 32;

/// What a listener asks of one connection: its own part of the handshake, and what it will judge the dialer's by.
#[derive(Debug)]
pub(crate) struct HandshakeTerms {
    pub(crate) challenge: Challenge,
    /// The dialer's proof under each of the tokens, and whether that token permits membership changes.
    expected: Vec<(Proof, bool)>,
    /// The refusal for a dialer that does not prove what it must; `None`: no proof is required.
    refusal: Option<RefusalReason>,
    governs_without: bool,
}

/// What a dialer has proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proved {
    /// That it knows a token or the secret.
    pub(crate) is_proved: bool,
    /// Whether it may change the membership and transfer the leadership.
    pub(crate) governs: bool,
}

impl Trust {
    pub(crate) fn new(id: NodeId, cluster: String, tokens: Tokens) -> Self {
        let state = TrustState {
            id,
            cluster,
            tokens,
            secret: None,
            standing: None,
            membership: (Membership::default(), LogId::default()),
            met: NewestStarts::default(),
            is_unkept: false,
            refused: BTreeMap::new(),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// This node's name for its cluster.
    pub(crate) fn cluster(&self) -> String {
        self.lock().cluster.clone()
    }

    /// The cluster that its data directory belongs to is known from now on.
    pub(crate) fn set_cluster(&self, cluster: ClusterId) {
        if let Some(standing) = &mut self.lock().standing {
            standing.cluster = Some(cluster);
        }
    }

    /// The peer token, if there is one.
    pub(crate) fn peer_token(&self) -> Option<Secret> {
        self.lock().tokens.peer.clone()
    }

    /// What this node says of its data directory from now on.
    pub(crate) fn set_standing(&self, standing: Standing) {
        self.lock().standing = Some(standing);
    }

    /// The members' secret is known from now on. A peer token takes precedence over it.
    pub(crate) fn set_secret(&self, secret: Secret) {
        self.lock().secret = Some(secret);
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
    pub(crate) fn question(&self, hello: &Hello, said: &[u8]) -> io::Result<HandshakeTerms> {
        let state = self.lock();
        let RequiredProof { tokens, is_required } = state.tokens.asked_of(&hello.role, state.secret.as_ref());
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
        Ok(HandshakeTerms { challenge, expected, refusal, governs_without })
    }
}

impl HandshakeTerms {
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

/// The refused nodes, and why.
impl Trust {
    /// Another membership is in force, at this place in the log. `named_at`: the place of the one by which this node is a member.
    pub(crate) fn follow(&self, membership: &Membership, at: LogId, named_at: Option<LogId>) {
        let mut state = self.lock();
        if let Some(standing) = &mut state.standing {
            standing.named_at = named_at;
            standing.cluster = standing.cluster.or(membership.cluster);
        }
        state.is_unkept |= state.met.forget_strangers(membership);
        state.membership = (membership.clone(), at);
    }

    /// The starts that were met in earlier lives.
    pub(crate) fn remember(&self, met: BTreeMap<Incarnation, Boot>) {
        self.lock().met = NewestStarts::new(met);
    }

    /// Whether a node with this standing may be talked to. A node that shows none is one of a cluster without identities, or
    /// says so: which data directory a message counts for is in the message. Of a node that has proved nothing no start is
    /// remembered: a made-up one would shut the real node out.
    pub(crate) fn judge(
        &self,
        id: NodeId,
        standing: Option<&Standing>,
        is_proved: bool,
    ) -> Result<(), RefusalReason> {
        let Some(theirs) = standing else { return Ok(()) };
        let mut state = self.lock();
        let cluster = state.standing.and_then(|standing| standing.cluster);
        let (membership, membership_at) = &state.membership;
        let view = ClusterView { cluster, membership, membership_at: *membership_at };
        view.check(id, theirs).map_err(reason)?;
        if is_proved {
            let is_new = state.met.meet(id, theirs).map_err(reason)?;
            state.is_unkept |= is_new;
        }
        Ok(())
    }

    /// Both sides have let each other in. `true`: the starts that were [met](Self::met) are to be kept.
    pub(crate) fn welcomed(&self, id: NodeId) -> bool {
        let mut state = self.lock();
        state.refused.remove(&id);
        std::mem::take(&mut state.is_unkept)
    }

    /// The newest start that was met of each data directory.
    pub(crate) fn met(&self) -> BTreeMap<Incarnation, Boot> {
        self.lock().met.to_keep().clone()
    }

    /// No connection comes about with this node. `true`: that is news, and worth a line in the log.
    pub(crate) fn refused(&self, id: NodeId, reason: &RefusalReason) -> bool {
        let (mut state, now) = (self.lock(), Instant::now());
        state.refused.retain(|_, refusal| now.duration_since(refusal.last) < OVER_AFTER);
        if let Some(known) = state.refused.get_mut(&id)
            && known.reason == *reason
        {
            known.last = now;
            let is_news = !known.is_told && now.duration_since(known.first) >= PASSES_WITHIN;
            known.is_told |= is_news;
            return is_news;
        }
        if state.refused.len() >= MAX_REFUSED && !state.refused.contains_key(&id) {
            return false;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let since_unix_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let is_told = !may_pass(reason);
        let reason = reason.clone();
        state.refused.insert(id, Refusal { reason, since_unix_ms, first: now, last: now, is_told });
        is_told
    }

    /// The nodes that no connection comes about with at the moment.
    pub(crate) fn all_refused(&self) -> Vec<RefusedPeer> {
        let (state, now) = (self.lock(), Instant::now());
        let current = |refusal: &Refusal| refusal.is_told && now.duration_since(refusal.last) < OVER_AFTER;
        let peer = |(id, refusal): (&NodeId, &Refusal)| RefusedPeer {
            id: *id,
            reason: refusal.reason.clone(),
            since_unix_ms: refusal.since_unix_ms,
        };
        state.refused.iter().filter(|(_, refusal)| current(refusal)).map(peer).collect()
    }
}

/// Whether it may be over in a moment: while a cluster is founded or a member is taken in, some know the secret before others.
fn may_pass(reason: &RefusalReason) -> bool {
    matches!(reason, RefusalReason::Secret { .. } | RefusalReason::Unproven)
}

/// As the other side is told.
fn reason(objection: Objection) -> RefusalReason {
    match objection {
        Objection::OtherCluster { peer: _, ours, theirs } => RefusalReason::OtherCluster { ours, theirs },
        Objection::OtherDisk { peer: id, known, shown } => RefusalReason::Incarnation { id, known, shown },
        Objection::OlderStart { peer: id, met, shown } => {
            RefusalReason::OldBoot { id, met: met.number, shown: shown.number }
        }
    }
}

impl Trust {
    fn lock(&self) -> MutexGuard<'_, TrustState> {
        // Nothing that holds this lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::{ClusterId, LogIndex, Term};

    const YOU: NodeId = NodeId(2);
    const DISK: Incarnation = Incarnation([2; 16]);
    const OTHER: Incarnation = Incarnation([3; 16]);

    fn standing(incarnation: Incarnation, number: u64, nonce: u64, cluster: u8) -> Standing {
        let cluster = (cluster > 0).then_some(ClusterId([cluster; 16]));
        Standing { incarnation, boot: Boot { number, nonce }, cluster, named_at: None }
    }

    fn trust() -> Trust {
        let trust = Trust::new(NodeId(1), "test".to_owned(), Tokens::default());
        trust.set_standing(standing(Incarnation([1; 16]), 1, 1, 0));
        trust
    }

    #[test]
    fn a_peer_of_another_cluster_or_with_another_disk_than_the_membership_names_is_refused() {
        let trust = trust();
        assert_eq!(
            trust.judge(YOU, Some(&standing(DISK, 1, 1, 9)), true),
            Ok(()),
            "this node knows no cluster yet"
        );
        let mut membership = Membership::of([NodeId(1), YOU].into());
        membership.cluster = Some(ClusterId([7; 16]));
        membership.incarnations.insert(YOU, DISK);
        let first = LogId { term: Term(1), index: LogIndex(1) };
        trust.follow(&membership, first, Some(first));
        assert_eq!(trust.judge(YOU, Some(&standing(DISK, 1, 1, 7)), true), Ok(()));
        assert_eq!(trust.judge(YOU, Some(&standing(DISK, 1, 1, 0)), true), Ok(()), "it does not know yet");
        let (ours, theirs) = (ClusterId([7; 16]), ClusterId([9; 16]));
        assert_eq!(
            trust.judge(YOU, Some(&standing(DISK, 1, 1, 9)), true),
            Err(RefusalReason::OtherCluster { ours, theirs })
        );
        let refused = trust.judge(YOU, Some(&standing(OTHER, 1, 1, 7)), true).unwrap_err();
        assert_eq!(refused, RefusalReason::Incarnation { id: YOU, known: DISK, shown: OTHER });
        assert!(refused.to_string().contains("raftdeck client member replace n2"), "{refused}");
        assert_eq!(
            trust.judge(NodeId(3), Some(&standing(OTHER, 1, 1, 7)), true),
            Ok(()),
            "not known with a disk"
        );
    }

    #[test]
    fn a_directory_that_was_restored_or_copied_is_refused_by_all_that_met_a_later_start() {
        let trust = trust();
        assert_eq!(trust.judge(YOU, Some(&standing(DISK, 9, 90, 0)), false), Ok(()), "it proves nothing");
        assert!(!trust.welcomed(YOU), "so nothing is remembered of it");
        assert_eq!(trust.judge(YOU, Some(&standing(DISK, 5, 50, 0)), true), Ok(()));
        assert!(trust.welcomed(YOU), "it is new");
        let met = trust.met();
        assert_eq!(met, [(DISK, Boot { number: 5, nonce: 50 })].into());
        assert!(!trust.welcomed(YOU), "it is kept by now");
        assert_eq!(
            trust.judge(YOU, Some(&standing(DISK, 5, 50, 0)), true),
            Ok(()),
            "the same start dials again"
        );
        for (number, nonce) in [(4, 40), (5, 51)] {
            let refused = trust.judge(YOU, Some(&standing(DISK, number, nonce, 0)), true);
            assert_eq!(refused, Err(RefusalReason::OldBoot { id: YOU, met: 5, shown: number }));
        }
        assert_eq!(trust.judge(YOU, Some(&standing(OTHER, 1, 1, 0)), true), Ok(()), "another directory");
        assert_eq!(trust.judge(YOU, Some(&standing(DISK, 6, 60, 0)), true), Ok(()), "its next start");
        let later = self::trust();
        later.remember(met);
        assert!(
            later.judge(YOU, Some(&standing(DISK, 4, 40, 0)), true).is_err(),
            "a restart forgets nothing"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn that_somebody_does_not_know_the_secret_is_news_when_it_does_not_pass() {
        let (trust, reason) = (trust(), RefusalReason::Secret { id: YOU });
        assert!(!trust.refused(YOU, &reason), "the cluster may just be founded");
        assert_eq!(trust.all_refused(), []);
        tokio::time::advance(PASSES_WITHIN).await;
        assert!(trust.refused(YOU, &reason));
        assert!(!trust.refused(YOU, &reason), "said already");
        assert_eq!(trust.all_refused().len(), 1);
    }

    #[test]
    fn a_refusal_is_news_once_and_over_with_the_next_welcome() {
        let trust = trust();
        assert!(trust.refused(YOU, &RefusalReason::Token));
        assert!(!trust.refused(YOU, &RefusalReason::Token), "said already");
        assert!(trust.refused(YOU, &RefusalReason::UnknownPeer { id: YOU }), "another reason");
        let [shown] = &trust.all_refused()[..] else { panic!("one is refused") };
        assert_eq!((shown.id, &shown.reason), (YOU, &RefusalReason::UnknownPeer { id: YOU }));
        trust.welcomed(YOU);
        assert_eq!(trust.all_refused(), []);
        for id in 100..1000 {
            trust.refused(NodeId(id), &RefusalReason::Token);
        }
        assert_eq!(trust.all_refused().len(), MAX_REFUSED, "ids are what a stranger says");
    }
}
