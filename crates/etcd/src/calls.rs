//! What one member can be asked besides requests to the store: its state, the members and their changes, the leadership.

use crate::connection::CallOptions;
use crate::endpoint::Endpoint;
use crate::error::CallError;
use crate::member::{Member, MemberId, line};
use crate::wire::{
    AlarmRequest, HashKvRequest, MemberAddRequest, MemberListRequest, MemberPromoteRequest,
    MemberRemoveRequest, MoveLeaderRequest, ResponseHeader, StatusRequest,
};
use raftdeck_raft::Term;
use std::time::Duration;

/// What every answer says of the member that gave it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answerer {
    /// The cluster's id.
    pub cluster: u64,
    /// The member; `None`: the answer does not say.
    pub member: Option<MemberId>,
    /// Its term.
    pub term: Term,
    /// Its store's revision. This counts changes of keys, and is no index of the log.
    pub revision: u64,
}

/// A member's state by `Maintenance.Status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStatus {
    /// Who says so.
    pub by: Answerer,
    /// Its version, such as `3.5.1`.
    pub version: String,
    /// The size of its database in bytes.
    pub db_size: u64,
    /// The part of it that is in use; 0: it does not say.
    pub db_size_in_use: u64,
    /// The leader as it knows it.
    pub leader: Option<MemberId>,
    /// Its commit index.
    pub commit: u64,
    /// Applied to its store through here.
    pub applied: u64,
    /// Its term.
    pub term: Term,
    /// Whether it does not vote.
    pub is_learner: bool,
    /// What is wrong, in etcd's words: alarms, and `etcdserver: no leader`.
    pub errors: Vec<String>,
}

/// A hash over a member's store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreHash {
    /// Who says so.
    pub by: Answerer,
    /// The hash. Members with equal revisions and equal compacted revisions have equal hashes.
    pub hash: u32,
    /// Revisions up to this one are compacted; -1: none.
    pub compacted: i64,
}

/// Something that etcd says needs an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlarmKind {
    /// The member's database is full, and the cluster takes no writes until the alarm is disarmed.
    NoSpace,
    /// The member's store differs from that of the others.
    Corrupt,
    /// One that this program does not know.
    Other(i32),
}

impl Endpoint {
    /// The member's state. Any member answers, also without a leader.
    pub async fn status(&self, deadline: Duration) -> Result<MemberStatus, CallError> {
        let said = self.call(StatusRequest {}, CallOptions::default(), deadline).await?;
        let by = answerer(said.header);
        Ok(MemberStatus {
            by,
            version: line(&said.version),
            db_size: unsigned(said.db_size),
            db_size_in_use: unsigned(said.db_size_in_use),
            leader: MemberId::some(said.leader),
            commit: said.raft_index,
            applied: said.raft_applied_index,
            term: Term(said.raft_term),
            is_learner: said.is_learner,
            errors: said.errors.iter().map(|error| line(error)).collect(),
        })
    }

    /// The members. `linearizable`: as of now, which takes a leader; otherwise as the member knows them, which may be old. etcd 3.4
    /// knows only the latter.
    pub async fn members(
        &self,
        linearizable: bool,
        deadline: Duration,
    ) -> Result<(Answerer, Vec<Member>), CallError> {
        let options = CallOptions { needs_leader: linearizable };
        let said = self.call(MemberListRequest { linearizable }, options, deadline).await?;
        Ok((answerer(said.header), said.members.into_iter().map(Member::from).collect()))
    }

    /// Adds a member that other members will reach at these URLs. It is started afterwards, with the returned members as its
    /// `--initial-cluster`. Before it is started, a voter counts as one that is down.
    pub async fn add_member(
        &self,
        peer_urls: Vec<String>,
        is_learner: bool,
        deadline: Duration,
    ) -> Result<(Member, Vec<Member>), CallError> {
        let said = self.call(MemberAddRequest { peer_urls, is_learner }, NEEDS_LEADER, deadline).await?;
        let added = said.member.map(Member::from);
        let added = added.ok_or_else(|| self.connection().lost("its answer lacks the added member"))?;
        Ok((added, said.members.into_iter().map(Member::from).collect()))
    }

    /// Makes a learner a voter. [`Refusal::LearnerNotReady`](crate::Refusal::LearnerNotReady) until it has caught up.
    pub async fn promote_member(
        &self,
        member: MemberId,
        deadline: Duration,
    ) -> Result<Vec<Member>, CallError> {
        let said = self.call(MemberPromoteRequest { id: member.0 }, NEEDS_LEADER, deadline).await?;
        Ok(said.members.into_iter().map(Member::from).collect())
    }

    /// Removes a voter or learner. Its process ends by itself when it learns of that.
    pub async fn remove_member(
        &self,
        member: MemberId,
        deadline: Duration,
    ) -> Result<Vec<Member>, CallError> {
        let said = self.call(MemberRemoveRequest { id: member.0 }, NEEDS_LEADER, deadline).await?;
        Ok(said.members.into_iter().map(Member::from).collect())
    }

    /// Hands the leadership to a voter. Only the leader does this; it answers when the other one leads.
    pub async fn move_leader(&self, to: MemberId, deadline: Duration) -> Result<Answerer, CallError> {
        let said = self.call(MoveLeaderRequest { target_id: to.0 }, NEEDS_LEADER, deadline).await?;
        Ok(answerer(said.header))
    }

    /// A hash over the member's store as it is. This reads the whole store.
    pub async fn hash_kv(&self, deadline: Duration) -> Result<StoreHash, CallError> {
        let said = self.call(HashKvRequest { revision: 0 }, CallOptions::default(), deadline).await?;
        let by = answerer(said.header);
        Ok(StoreHash { by, hash: said.hash, compacted: said.compact_revision })
    }

    /// The alarms in force, of all members.
    pub async fn alarms(&self, deadline: Duration) -> Result<Vec<(MemberId, AlarmKind)>, CallError> {
        let said = self.call(AlarmRequest {}, NEEDS_LEADER, deadline).await?;
        let alarm = |kind| match kind {
            1 => AlarmKind::NoSpace,
            2 => AlarmKind::Corrupt,
            other => AlarmKind::Other(other),
        };
        Ok(said.alarms.iter().map(|one| (MemberId(one.member_id), alarm(one.alarm))).collect())
    }
}

const NEEDS_LEADER: CallOptions = CallOptions { needs_leader: true };

pub(crate) fn answerer(header: Option<ResponseHeader>) -> Answerer {
    let header = header.unwrap_or_default();
    Answerer {
        cluster: header.cluster_id,
        member: MemberId::some(header.member_id),
        term: Term(header.raft_term),
        revision: unsigned(header.revision),
    }
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
