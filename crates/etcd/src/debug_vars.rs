//! A member's Raft state by `raft.status` in `/debug/vars`: what etcd's own library says of itself.

use crate::endpoint::Endpoint;
use crate::error::CallError;
use crate::member::MemberId;
use raftdeck_raft::{LogIndex, ReplicationState, Role, Term};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A member's Raft state, by its own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaftStatus {
    /// The member.
    pub member: MemberId,
    /// Its term.
    pub term: Term,
    /// Its role.
    pub role: Role,
    /// Its vote in this term.
    pub vote: Option<MemberId>,
    /// The leader as it knows it.
    pub leader: Option<MemberId>,
    /// Its commit index.
    pub commit: LogIndex,
    /// Handed to the store through here, which may not have applied all of it yet.
    pub applied: LogIndex,
    /// As a leader: the members of its configuration, itself included.
    pub progress: BTreeMap<MemberId, MemberProgress>,
    /// As a leader: the member it is handing over to.
    pub transferee: Option<MemberId>,
}

/// A member as the leader tracks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberProgress {
    /// The highest index known to be in its log and equal to the leader's. Of the leader itself: the last index of its log, in etcd 3.6
    /// of the part that is on its disk.
    pub matched: LogIndex,
    /// The next index to send.
    pub next: LogIndex,
    /// How entries are sent to it.
    pub state: ReplicationState,
}

/// Why a text is no Raft state.
#[derive(Debug, thiserror::Error)]
pub enum RaftStatusError {
    /// It is no JSON, or lacks a field.
    #[error("it is not what etcd writes: {0}")]
    Json(#[from] serde_json::Error),
    /// A field has a value that is not known.
    #[error("\"{value}\" is no {what}")]
    Value {
        /// What it should be.
        what: &'static str,
        /// What it is.
        value: String,
    },
}

#[derive(Deserialize)]
struct DebugVars {
    #[serde(rename = "raft.status")]
    status: StatusJson,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusJson {
    id: String,
    term: Count,
    vote: String,
    commit: Count,
    lead: String,
    raft_state: String,
    applied: Count,
    #[serde(default)]
    progress: BTreeMap<String, ProgressJson>,
    #[serde(rename = "leadtransferee")]
    transferee: String,
}

#[derive(Deserialize)]
struct ProgressJson {
    #[serde(rename = "match")]
    matched: Count,
    next: Count,
    state: String,
}

/// A term or an index, which must have a next one: whoever reads it counts on from there.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
struct Count(u64);

impl TryFrom<u64> for Count {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        if number < u64::MAX { Ok(Self(number)) } else { Err(format!("{number} is no term and no index")) }
    }
}

impl RaftStatus {
    /// Reads the answer of `/debug/vars`.
    pub fn from_debug_vars(json: &[u8]) -> Result<Self, RaftStatusError> {
        let DebugVars { status } = serde_json::from_slice(json)?;
        let member = MemberId::parse(&status.id).ok_or_else(|| wrong("member id", &status.id))?;
        let progress = status.progress.iter().map(|(id, progress)| {
            let member = MemberId::parse(id).ok_or_else(|| wrong("member id", id))?;
            Ok((member, progress.read()?))
        });
        Ok(Self {
            member,
            term: Term(status.term.0),
            role: role(&status.raft_state)?,
            vote: MemberId::parse(&status.vote),
            leader: MemberId::parse(&status.lead),
            commit: LogIndex(status.commit.0),
            applied: LogIndex(status.applied.0),
            progress: progress.collect::<Result<_, RaftStatusError>>()?,
            transferee: MemberId::parse(&status.transferee),
        })
    }
}

impl ProgressJson {
    fn read(&self) -> Result<MemberProgress, RaftStatusError> {
        let state = match self.state.as_str() {
            "StateProbe" => ReplicationState::Probe,
            "StateReplicate" => ReplicationState::Replicate,
            "StateSnapshot" => ReplicationState::Snapshot,
            other => return Err(wrong("replication state", other)),
        };
        Ok(MemberProgress { matched: LogIndex(self.matched.0), next: LogIndex(self.next.0), state })
    }
}

fn role(state: &str) -> Result<Role, RaftStatusError> {
    Ok(match state {
        "StateFollower" => Role::Follower,
        "StatePreCandidate" => Role::PreCandidate,
        "StateCandidate" => Role::Candidate,
        "StateLeader" => Role::Leader,
        other => return Err(wrong("role", other)),
    })
}

fn wrong(what: &'static str, value: &str) -> RaftStatusError {
    RaftStatusError::Value { what, value: raftdeck_protocol::printable::line(value).into_owned() }
}

impl Endpoint {
    /// The member's Raft state. Any member answers over HTTP, also without a leader.
    pub async fn raft_status(&self, deadline: Duration) -> Result<RaftStatus, CallError> {
        let body = self.get("/debug/vars", deadline).await?;
        RaftStatus::from_debug_vars(&body)
            .map_err(|error| self.connection().lost(format!("/debug/vars: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEADER: &str = r#"{"cmdline":["etcd"],"raft.status":{"id":"3530a0221e8e4322","term":2,"vote":"3530a0221e8e4322","commit":8,"lead":"3530a0221e8e4322","raftState":"StateLeader","applied":7,"progress":{"3a596b5dfce9d296":{"match":8,"next":9,"state":"StateReplicate"},"45c12c68241a4c72":{"match":0,"next":1,"state":"StateProbe"},"3530a0221e8e4322":{"match":8,"next":9,"state":"StateReplicate"}},"leadtransferee":"0"}}"#;

    #[test]
    fn a_leaders_state_is_read() {
        let status = RaftStatus::from_debug_vars(LEADER.as_bytes()).expect("a state");
        let me = MemberId(0x3530_a022_1e8e_4322);
        assert_eq!((status.member, status.term, status.role), (me, Term(2), Role::Leader));
        assert_eq!((status.vote, status.leader, status.transferee), (Some(me), Some(me), None));
        assert_eq!((status.commit, status.applied), (LogIndex(8), LogIndex(7)));
        let other = &status.progress[&MemberId(0x45c1_2c68_241a_4c72)];
        assert_eq!(
            (other.matched, other.next, other.state),
            (LogIndex(0), LogIndex(1), ReplicationState::Probe)
        );
    }

    #[test]
    fn a_state_of_another_form_is_refused_and_not_guessed() {
        for (from, to) in [
            ("StateLeader", "StateKing"),
            ("StateProbe", "StateOdd"),
            ("\"term\":2,", ""),
            ("\"commit\":8", "\"commit\":18446744073709551615"),
        ] {
            assert!(RaftStatus::from_debug_vars(LEADER.replace(from, to).as_bytes()).is_err(), "{to}");
        }
        let nobody = LEADER.replace("\"vote\":\"3530a0221e8e4322\"", "\"vote\":\"0\"");
        assert_eq!(RaftStatus::from_debug_vars(nobody.as_bytes()).expect("a state").vote, None);
    }
}
