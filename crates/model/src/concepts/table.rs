//! The table of terms, in the order of [`Concept`].

use super::Concept as C;
use super::{Article, Section};

const fn article(
    concept: C,
    name: &'static str,
    section: Option<Section>,
    text: &'static str,
    related: &'static [C],
) -> Article {
    Article { concept, name, also: &[], text, section, related }
}

impl Article {
    /// The same with other names.
    const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }
}

/// What each term means, in the order of the terms.
pub static ARTICLES: &[Article] = &[
    article(
        C::ReplicatedStateMachine,
        "replicated state machine",
        Some(Section::paper("2")),
        "Every node applies the same commands in the same order to its own copy of the state, here a key-value store. \
         The log fixes that order, so all copies come to the same state.",
        &[C::Log, C::StateMachineSafety, C::Linearizability],
    )
    .also(&["state machine"]),
    article(
        C::Term,
        "term",
        Some(Section::paper("5.1")),
        "Raft numbers time in terms; each begins with an election and has at most one leader. A message from an older term \
         is refused, and a node that sees a newer term takes it over and becomes a follower.",
        &[C::Election, C::ElectionSafety, C::StaleLeader],
    ),
    article(
        C::Leader,
        "leader",
        Some(Section::paper("5.3")),
        "The node that takes all writes in its term. It appends each as an entry to its own log, sends it to the others, \
         and commits it once a majority has it.",
        &[C::Election, C::AppendEntries, C::CommitIndex, C::CheckQuorum],
    ),
    article(
        C::Follower,
        "follower",
        Some(Section::paper("5.2")),
        "A node that only answers: it takes entries from the leader and votes when asked. If it hears nothing for an election \
         timeout, it campaigns.",
        &[C::ElectionTimeout, C::Heartbeat, C::Candidate],
    ),
    article(
        C::Candidate,
        "candidate",
        Some(Section::paper("5.2")),
        "A node that wants to lead: it has raised its term, voted for itself, and asks every other voter for its vote. \
         With the votes of a majority it is the leader of that term.",
        &[C::Vote, C::Quorum, C::SplitVote, C::Term],
    ),
    article(
        C::PreCandidate,
        "pre-candidate",
        Some(Section::thesis("9.6")),
        "A node that asks whether it could win an election before it raises its term. Without a majority of yes it stays at its \
         term, so it disturbs nobody.",
        &[C::PreVote, C::Candidate, C::Quorum],
    ),
    article(
        C::Learner,
        "learner",
        Some(Section::thesis("4.2.1")),
        "A member that gets the log but does not vote and counts for no majority. A new node is a learner until it has caught up, \
         so that it does not slow down commits.",
        &[C::Membership, C::Quorum, C::Snapshot],
    )
    .also(&["non-voting member"]),
    article(
        C::Election,
        "election",
        Some(Section::paper("5.2")),
        "How a term gets its leader: a candidate asks all voters, each gives one vote a term, and a majority decides. \
         A term may end without a leader; then the next one begins.",
        &[C::ElectionTimeout, C::Vote, C::SplitVote, C::LeaderCompleteness],
    )
    .also(&["campaign"]),
    article(
        C::ElectionTimeout,
        "election timeout",
        Some(Section::paper("5.2")),
        "How long a follower waits for its leader before it campaigns. It is drawn at random each time, so that usually one node \
         runs out first and wins before the others try.",
        &[C::Heartbeat, C::SplitVote, C::Availability],
    ),
    article(
        C::Heartbeat,
        "heartbeat",
        Some(Section::paper("5.2")),
        "An AppendEntries without entries, which the leader sends to every other member at a fixed interval. It resets the \
         followers' election timeouts and tells them the commit index.",
        &[C::ElectionTimeout, C::Follower, C::AppendEntries, C::CheckQuorum],
    ),
    article(
        C::Vote,
        "vote",
        Some(Section::paper("5.2")),
        "Each node gives at most one vote in a term, to the first candidate that asks and whose log is at least as up to date as \
         its own. The vote is on disk before the answer leaves, so a restart cannot give it twice.",
        &[C::ElectionSafety, C::LeaderCompleteness, C::Quorum],
    )
    .also(&["RequestVote"]),
    article(
        C::PreVote,
        "pre-vote",
        Some(Section::thesis("9.6")),
        "The question \"would you vote for me?\", asked before a node raises its term. A voter that hears a leader says no, so a \
         node that was cut off cannot depose a working leader when it comes back.",
        &[C::PreCandidate, C::Vote, C::Term],
    )
    .also(&["prevote"]),
    article(
        C::SplitVote,
        "split vote",
        Some(Section::paper("5.2")),
        "Several candidates ask in the same term and none gets a majority. Nobody leads in that term; random election timeouts make \
         it unlikely that the next one is split too.",
        &[C::ElectionTimeout, C::Quorum, C::Candidate],
    ),
    article(
        C::Log,
        "log",
        Some(Section::paper("5.3")),
        "The ordered list of entries of a node. The leader only appends to its log; a follower's log is made equal to the leader's, \
         entry by entry.",
        &[C::Entry, C::LogMatching, C::Conflict, C::Snapshot],
    ),
    article(
        C::Entry,
        "entry",
        Some(Section::paper("5.3")),
        "One command in the log, with the term in which a leader appended it and its index. Term and index identify it: two entries \
         that agree in both are the same.",
        &[C::Index, C::Term, C::CommitIndex, C::LogMatching],
    )
    .also(&["log entry"]),
    article(
        C::Index,
        "index",
        Some(Section::paper("5.3")),
        "The position of an entry in the log, counted from 1. Entries of different terms can stand at the same index of two logs; \
         at most one of them is ever committed.",
        &[C::Entry, C::Conflict, C::CommitIndex],
    )
    .also(&["log index"]),
    article(
        C::NoOp,
        "no-op entry",
        Some(Section::thesis("6.4")),
        "An entry without a command, which a leader appends first in its term. Once it is committed, so are all entries before it, \
         and the leader knows how far the log is committed.",
        &[C::CommitIndex, C::ReadIndex, C::Leader],
    )
    .also(&["no-op"]),
    article(
        C::AppendEntries,
        "AppendEntries",
        Some(Section::paper("5.3")),
        "The message with which the leader sends entries. It names the entry just before them, and a follower that does not have \
         that one refuses.",
        &[C::Heartbeat, C::LogMatching, C::NextIndex, C::MatchIndex],
    ),
    article(
        C::Conflict,
        "conflict",
        Some(Section::paper("5.3")),
        "A follower has another entry at an index than its leader. The leader's log decides: the follower removes its entry and \
         all after it, none of which was committed.",
        &[C::LogMatching, C::NextIndex, C::LeaderCompleteness],
    )
    .also(&["truncation"]),
    article(
        C::CommitIndex,
        "commit index",
        Some(Section::paper("5.3")),
        "All entries up to here are committed: they are never lost as long as a majority keeps its disks. The leader commits an \
         entry of its own term once a majority has it, and with it all entries before it.",
        &[C::Quorum, C::AppliedIndex, C::LeaderCompleteness, C::NoOp],
    )
    .also(&["committed"]),
    article(
        C::AppliedIndex,
        "applied index",
        Some(Section::paper("5.3")),
        "All entries up to here have been carried out by this node's state machine. Only committed entries are applied, in order, \
         so it never passes the commit index.",
        &[C::CommitIndex, C::ReplicatedStateMachine, C::StateMachineSafety],
    )
    .also(&["applied"]),
    article(
        C::MatchIndex,
        "match index",
        Some(Section::paper("5.3")),
        "As far as the leader knows, the follower's log equals its own up to here. An entry is on a majority when \
         enough match indices have reached it.",
        &[C::NextIndex, C::CommitIndex, C::ReplicationLag],
    ),
    article(
        C::NextIndex,
        "next index",
        Some(Section::paper("5.3")),
        "The entry that the leader sends this follower next. A new leader starts after the end of its own log and goes back each \
         time the follower refuses.",
        &[C::MatchIndex, C::Conflict, C::AppendEntries],
    ),
    article(
        C::Quorum,
        "quorum",
        Some(Section::paper("5.1")),
        "More than half of the voters: 2 of 3, 3 of 5. Any two majorities share a node, so two cannot decide differently \
         without one node knowing both.",
        &[C::Vote, C::CommitIndex, C::JointConsensus, C::Partition],
    )
    .also(&["majority"]),
    article(
        C::ElectionSafety,
        "election safety",
        Some(Section::paper("5.2")),
        "At most one leader is elected in a term. Each voter gives one vote a term, and two majorities would share a voter.",
        &[C::Vote, C::Quorum, C::Term],
    ),
    article(
        C::LogMatching,
        "log matching",
        Some(Section::paper("5.3")),
        "If two logs have an entry with the same index and term, they are equal up to that entry. AppendEntries keeps this: \
         it is accepted only where the entry before it matches.",
        &[C::AppendEntries, C::Conflict, C::Entry],
    ),
    article(
        C::LeaderCompleteness,
        "leader completeness",
        Some(Section::paper("5.4")),
        "Every later leader has every committed entry. A voter refuses a candidate whose log is behind its own, and some voter of \
         every majority has the entry.",
        &[C::Vote, C::Quorum, C::CommitIndex],
    )
    .also(&["election restriction"]),
    article(
        C::StateMachineSafety,
        "state machine safety",
        Some(Section::paper("5.4.3")),
        "If a node has applied an entry at an index, no node ever applies another one there. It follows from leader completeness.",
        &[C::LeaderCompleteness, C::AppliedIndex, C::ReplicatedStateMachine],
    ),
    article(
        C::Snapshot,
        "snapshot",
        Some(Section::paper("7")),
        "The state of the store after some entry, saved so that the log before it can be dropped. A follower that needs entries \
         the leader has dropped gets the snapshot instead (InstallSnapshot).",
        &[C::Log, C::AppliedIndex, C::Learner],
    )
    .also(&["InstallSnapshot", "compaction"]),
    article(
        C::Membership,
        "membership",
        Some(Section::paper("6")),
        "Which nodes belong to the cluster, and which of them vote. It is an entry of the log itself, and a node uses the newest one \
         it has, committed or not.",
        &[C::JointConsensus, C::Learner, C::Quorum],
    )
    .also(&["configuration"]),
    article(
        C::JointConsensus,
        "joint consensus",
        Some(Section::paper("6")),
        "The step between two memberships. While it lasts, elections and commits need a majority of the old voters and a majority of the \
         new ones, so the two can never decide separately.",
        &[C::Membership, C::Quorum, C::Learner],
    )
    .also(&["joint configuration"]),
    article(
        C::LeadershipTransfer,
        "leadership transfer",
        Some(Section::thesis("3.10")),
        "The leader hands over on purpose: it takes no new writes, brings the target's log up to date, and sends it TimeoutNow. \
         The target campaigns at once and normally wins.",
        &[C::Election, C::Leader, C::Availability],
    )
    .also(&["TimeoutNow", "transfer"]),
    article(
        C::CheckQuorum,
        "CheckQuorum",
        Some(Section::thesis("6.2")),
        "A leader that has not heard from a majority for an election timeout steps down. So its clients look for another leader \
         instead of waiting for one that can commit nothing.",
        &[C::StaleLeader, C::Heartbeat, C::Quorum],
    )
    .also(&["check quorum"]),
    article(
        C::StaleLeader,
        "stale leader",
        Some(Section::paper("5.1")),
        "A node that still believes it leads an old term, because it has not heard of the newer one. Once a \
         majority has voted in a newer term, it can commit nothing: those nodes refuse its messages.",
        &[C::Term, C::CheckQuorum, C::Lease, C::ReadIndex],
    ),
    article(
        C::Linearizability,
        "linearizability",
        Some(Section::paper("8")),
        "Every operation seems to happen at one instant between its call and its answer. So a read sees every write that was \
         acknowledged before the read began.",
        &[C::ReadIndex, C::Session, C::StaleRead],
    ),
    article(
        C::ReadIndex,
        "ReadIndex",
        Some(Section::thesis("6.4")),
        "How a leader answers a read without a log entry: it notes its commit index, proves by a round of heartbeats that it still \
         leads, and answers once it has applied that index.",
        &[C::Lease, C::NoOp, C::Linearizability],
    )
    .also(&["read index"]),
    article(
        C::Lease,
        "lease",
        Some(Section::thesis("6.4.1")),
        "For some time after a majority has answered its heartbeat, no other node can be elected, so the leader answers reads without asking. \
         That relies on clocks that run at nearly the same rate.",
        &[C::ReadIndex, C::StaleRead, C::Linearizability],
    ),
    article(
        C::StaleRead,
        "stale read",
        Some(Section::thesis("6.4")),
        "An answer that lacks an acknowledged write, because the node that gave it was behind. raftdeck gives one only when it is \
         asked for, and says which entry the answer includes.",
        &[C::Linearizability, C::ReadIndex, C::Lease],
    ),
    article(
        C::Session,
        "session",
        Some(Section::thesis("6.3")),
        "A client numbers its writes within a session that the state machine knows. A write that is sent again is carried out once, \
         and gets the first answer again.",
        &[C::InDoubt, C::Linearizability],
    ),
    article(
        C::InDoubt,
        "in doubt",
        Some(Section::thesis("6.3")),
        "A write without an answer: its entry may have been committed, may still be, or may be lost. Only a retry within the \
         same session is safe.",
        &[C::Session, C::CommitIndex, C::Linearizability],
    ),
    article(
        C::Fsync,
        "fsync",
        Some(Section::paper("5.6")),
        "The system call after which data survives a power loss. A node answers a vote request or an AppendEntries only when what it \
         promises is on its disk, so each fsync adds to the latency.",
        &[C::StalledDisk, C::Latency, C::Vote],
    ),
    article(
        C::StalledDisk,
        "stalled disk",
        None,
        "A disk that has finished no write for at least the greatest election timeout while one waits. raftdeck's leader then hands over, \
         because it could accept writes and commit them but never make its own copy safe.",
        &[C::Fsync, C::LeadershipTransfer],
    ),
    article(
        C::LostDisk,
        "lost disk",
        Some(Section::thesis("3.8")),
        "A node that lost its term, its vote or its log may not come back under its old identity: it could vote twice or forget what it \
         confirmed. It has to be removed and added again.",
        &[C::Vote, C::Membership, C::Quorum],
    )
    .also(&["empty disk"]),
    article(
        C::Kill,
        "kill",
        Some(Section::paper("5.5")),
        "SIGKILL ends the process at once, as a crash does: its memory is lost, its disk stays. After a restart it goes on with the term, the \
         vote and the log that it had saved.",
        &[C::Pause, C::Fsync, C::LostDisk],
    )
    .also(&["SIGKILL", "crash"]),
    article(
        C::Pause,
        "pause",
        Some(Section::paper("2")),
        "SIGSTOP halts the process, which keeps its memory and its connections, as a long garbage collection does. When it \
         goes on, it still believes what it knew before, until it hears of a newer term.",
        &[C::Kill, C::StaleLeader, C::Lease],
    )
    .also(&["SIGSTOP"]),
    article(
        C::Partition,
        "partition",
        Some(Section::paper("2")),
        "Messages between two groups of nodes are lost, in both directions. At most one of the groups has a majority; only that one can \
         elect a leader and commit.",
        &[C::OneWayPartition, C::RefusedConnection, C::Quorum, C::StaleLeader],
    )
    .also(&["cut link"]),
    article(
        C::OneWayPartition,
        "one-way partition",
        Some(Section::paper("2")),
        "Messages are lost in one direction only. A node may send and hear no answer, or hear and not be heard; CheckQuorum and pre-vote \
         keep it from blocking or disturbing the others.",
        &[C::Partition, C::CheckQuorum, C::PreVote],
    )
    .also(&["one-way link"]),
    article(
        C::RefusedConnection,
        "refused connection",
        None,
        "A connection breaks, and each new attempt fails at once, as when a process has ended and its host still runs. A partition is silent; \
         here the sender knows at once that its messages do not arrive. Raft does not rely on that: it repeats what is not answered.",
        &[C::Partition, C::Loss, C::Kill],
    )
    .also(&["connection refused", "broken connection"]),
    article(
        C::Delay,
        "delay",
        Some(Section::paper("5.6")),
        "Messages arrive later. Raft stays safe however late they are; it makes progress while a round trip is much shorter than \
         the election timeout.",
        &[C::ElectionTimeout, C::Loss, C::Latency],
    ),
    article(
        C::Loss,
        "loss",
        Some(Section::paper("2")),
        "Some messages never arrive, or arrive twice or out of order. Raft repeats what is not answered, and a repeated message does no \
         harm.",
        &[C::Delay, C::AppendEntries, C::Partition],
    )
    .also(&["packet loss"]),
    article(
        C::Availability,
        "availability",
        Some(Section::paper("5.6")),
        "The cluster answers writes while a leader reaches a majority. After a leader fails there is a gap of about an election timeout, \
         until the next one is elected.",
        &[C::ElectionTimeout, C::Quorum, C::Latency],
    ),
    article(
        C::Latency,
        "latency",
        Some(Section::thesis("10.2")),
        "How long a client waits for the answer to its write: normally one round trip from the leader to the fastest majority, \
         and the fsync on those disks.",
        &[C::Fsync, C::Availability, C::ReplicationLag],
    ),
    article(
        C::ReplicationLag,
        "replication lag",
        Some(Section::paper("5.3")),
        "How many entries a follower's log is behind the leader's. A follower that lags counts for no majority of the newest entries, \
         and as a voter it cannot win an election against those.",
        &[C::MatchIndex, C::Snapshot, C::LeaderCompleteness],
    )
    .also(&["lag"]),
];
