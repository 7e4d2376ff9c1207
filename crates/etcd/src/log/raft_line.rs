//! What Raft's lines in etcd's log say, in the words of `raft.go` and `node.go`. They are the same in 3.4, 3.5 and 3.6.

use crate::member::MemberId;
use raftdeck_raft::{LogId, LogIndex, Role, Term};

/// A line of Raft. The member that writes it is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RaftLine {
    /// It starts, from what its disk held.
    Started {
        term: Term,
        last: LogId,
    },
    Became {
        role: Role,
        term: Term,
    },
    /// A message with a higher term arrived; it becomes a follower next.
    HigherTerm,
    /// CheckQuorum; it becomes a follower next.
    QuorumLost,
    /// It counts its configuration's voters. `None`: a joint configuration.
    Configuration {
        voters: Option<usize>,
    },
    VoteReceived {
        from: MemberId,
        granted: bool,
        pre_vote: bool,
    },
    /// After each vote that it receives.
    Poll {
        rejections: usize,
    },
    VoteGranted {
        candidate: MemberId,
        term: Term,
    },
    VoteRefused {
        candidate: MemberId,
        term: Term,
        own: LogId,
        theirs: LogId,
        vote: Option<MemberId>,
    },
    /// `None`: it knows none any more.
    Leader {
        leader: Option<MemberId>,
        term: Term,
    },
    TransferStarted {
        to: MemberId,
    },
    TransferGivenUp {
        to: MemberId,
    },
    TimeoutNow {
        leader: MemberId,
    },
    SnapshotInstalled {
        last: LogId,
    },
}

/// Reads a message; `None`: Raft says nothing there that is of use here.
pub(crate) fn parse(message: &str) -> Option<RaftLine> {
    if let Some(rest) = message.strip_prefix("newRaft ") {
        return started(rest);
    }
    if let Some(rest) = message.strip_prefix("raft.node: ") {
        return leader(rest);
    }
    let (id, rest) = message.split_once(' ')?;
    MemberId::parse(id)?;
    // `[logterm: 1, index: 3, vote: 0] `: what the member has itself.
    let (own, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once("] ")?,
        None => ("", rest),
    };
    let words: Vec<&str> = rest.split(' ').collect();
    election(own, &words).or_else(|| others(own, &words))
}

fn started(rest: &str) -> Option<RaftLine> {
    let (_, values) = rest.split_once("], ")?;
    let last =
        LogId { term: Term(number(values, "lastterm")?), index: LogIndex(number(values, "lastindex")?) };
    Some(RaftLine::Started { term: Term(number(values, "term")?), last })
}

/// `ID elected leader ID at term 2`
fn leader(rest: &str) -> Option<RaftLine> {
    let (leader, term) = match rest.split(' ').collect::<Vec<_>>()[..] {
        [_, "elected", "leader", leader, "at", "term", term]
        | [_, "changed", "leader", "from", _, "to", leader, "at", "term", term] => {
            (Some(MemberId::parse(leader)?), term)
        }
        [_, "lost", "leader", _, "at", "term", term] => (None, term),
        _ => return None,
    };
    Some(RaftLine::Leader { leader, term: self::term(term)? })
}

fn election(own: &str, words: &[&str]) -> Option<RaftLine> {
    Some(match *words {
        ["became", role, "at", "term", term] => {
            let role = match role {
                "follower" => Role::Follower,
                "pre-candidate" => Role::PreCandidate,
                "candidate" => Role::Candidate,
                "leader" => Role::Leader,
                _ => return None,
            };
            RaftLine::Became { role, term: self::term(term)? }
        }
        ["received", kind, "from", from, "at", "term", _] => vote_received(kind, from, true)?,
        ["received", kind, "rejection", "from", from, "at", "term", _] => vote_received(kind, from, false)?,
        ["has", "received", _, _, "votes", "and", rejections, "vote", "rejections"] => {
            RaftLine::Poll { rejections: rejections.parse().ok()? }
        }
        // Of a pre-vote they tell the voter's term and not the one that is asked for.
        ["cast", "MsgVote", "for", candidate, .., "term", term] => {
            RaftLine::VoteGranted { candidate: MemberId::parse(candidate)?, term: self::term(term)? }
        }
        [
            "rejected",
            "MsgVote",
            "from",
            candidate,
            "[logterm:",
            log_term,
            "index:",
            index,
            "at",
            "term",
            term,
        ] => RaftLine::VoteRefused {
            candidate: MemberId::parse(candidate)?,
            term: self::term(term)?,
            own: LogId { term: Term(number(own, "logterm")?), index: LogIndex(number(own, "index")?) },
            theirs: log_id(log_term, index)?,
            vote: own.rsplit_once("vote: ").and_then(|(_, vote)| MemberId::parse(vote)),
        },
        _ => return None,
    })
}

fn vote_received(kind: &str, from: &str, granted: bool) -> Option<RaftLine> {
    let pre_vote = match kind {
        "MsgVoteResp" => false,
        "MsgPreVoteResp" => true,
        _ => return None,
    };
    Some(RaftLine::VoteReceived { from: MemberId::parse(from)?, granted, pre_vote })
}

fn others(own: &str, words: &[&str]) -> Option<RaftLine> {
    Some(match *words {
        ["received", "a", _, "message", "with", "higher", "term", ..] => RaftLine::HigherTerm,
        ["stepped", "down", "to", "follower", "since", "quorum", "is", "not", "active"] => {
            RaftLine::QuorumLost
        }
        ["switched", "to", "configuration", ref configuration @ ..] => {
            RaftLine::Configuration { voters: voters(&configuration.join(" ")) }
        }
        ["starts", "to", "transfer", "leadership", "to", to] => {
            RaftLine::TransferStarted { to: MemberId::parse(to)? }
        }
        ["abort", "previous", "transferring", "leadership", "to", to] => {
            RaftLine::TransferGivenUp { to: MemberId::parse(to)? }
        }
        ["received", "MsgTimeoutNow", "from", leader, "and", "starts", ..] => {
            RaftLine::TimeoutNow { leader: MemberId::parse(leader)? }
        }
        // It is said twice, the other time without the last index.
        ["restored", "snapshot", "[index:", index, "term:", term] if own.contains("lastindex") => {
            RaftLine::SnapshotInstalled { last: log_id(term, index)? }
        }
        _ => return None,
    })
}

/// How many there are in `voters=(1 2 3) learners=(4)`; `None` of `voters=(1 2 3)&&(1 2)`.
fn voters(configuration: &str) -> Option<usize> {
    let (voters, rest) = configuration.strip_prefix("voters=(")?.split_once(')')?;
    if rest.starts_with("&&") { None } else { Some(voters.split_whitespace().count()) }
}

/// `lastindex: 9` among others.
fn number(values: &str, name: &str) -> Option<u64> {
    let mut pairs = values.split(", ").filter_map(|pair| pair.split_once(": "));
    let (_, value) = pairs.find(|(found, _)| *found == name)?;
    count(value.trim_end_matches(']'))
}

/// A term or an index. Such as have no next one are none: nothing may be counted on from there.
fn count(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number < u64::MAX)
}

fn log_id(term: &str, index: &str) -> Option<LogId> {
    let number = |text: &str| count(text.trim_end_matches([',', ']']));
    Some(LogId { term: Term(number(term)?), index: LogIndex(number(index)?) })
}

fn term(text: &str) -> Option<Term> {
    count(text).map(Term)
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: MemberId = MemberId(0xa1);

    fn id(term: u64, index: u64) -> LogId {
        LogId { term: Term(term), index: LogIndex(index) }
    }

    #[test]
    fn each_line_says_one_thing() {
        for (line, said) in [
            (
                "newRaft b1 [peers: [a1,b1], term: 3, commit: 8, applied: 0, lastindex: 9, lastterm: 2]",
                RaftLine::Started { term: Term(3), last: id(2, 9) },
            ),
            (
                "b1 became pre-candidate at term 4",
                RaftLine::Became { role: Role::PreCandidate, term: Term(4) },
            ),
            (
                "raft.node: b1 elected leader a1 at term 2",
                RaftLine::Leader { leader: Some(X), term: Term(2) },
            ),
            (
                "raft.node: b1 changed leader from c1 to a1 at term 5",
                RaftLine::Leader { leader: Some(X), term: Term(5) },
            ),
            ("raft.node: b1 lost leader a1 at term 3", RaftLine::Leader { leader: None, term: Term(3) }),
            (
                "b1 received MsgPreVoteResp rejection from a1 at term 2",
                RaftLine::VoteReceived { from: X, granted: false, pre_vote: true },
            ),
            (
                "b1 [logterm: 1, index: 3, vote: 0] cast MsgVote for a1 [logterm: 1, index: 3] at term 2",
                RaftLine::VoteGranted { candidate: X, term: Term(2) },
            ),
            (
                "b1 [logterm: 2, index: 3, vote: c1] rejected MsgVote from a1 [logterm: 1, index: 4] at term 3",
                RaftLine::VoteRefused {
                    candidate: X,
                    term: Term(3),
                    own: id(2, 3),
                    theirs: id(1, 4),
                    vote: Some(MemberId(0xc1)),
                },
            ),
            ("b1 [term 2] starts to transfer leadership to a1", RaftLine::TransferStarted { to: X }),
            (
                "b1 [term 2] received MsgTimeoutNow from a1 and starts an election to get leadership.",
                RaftLine::TimeoutNow { leader: X },
            ),
            (
                "b1 [commit: 1, lastindex: 2, lastterm: 1] restored snapshot [index: 7, term: 2]",
                RaftLine::SnapshotInstalled { last: id(2, 7) },
            ),
            (
                "b1 switched to configuration voters=(1 2 3) learners=(4)",
                RaftLine::Configuration { voters: Some(3) },
            ),
            ("b1 switched to configuration voters=(1 2)&&(1)", RaftLine::Configuration { voters: None }),
        ] {
            assert_eq!(parse(line), Some(said), "{line}");
        }
    }

    #[test]
    fn what_says_less_than_it_seems_says_nothing() {
        for line in [
            "b1 [logterm: 1, index: 3, vote: 0] cast MsgPreVote for a1 [logterm: 1, index: 3] at term 2",
            "b1 [commit: 1] restored snapshot [index: 7, term: 2]",
            "b1 became king at term 2",
            "b1 became leader at term x",
            "b1 became pre-candidate at term 18446744073709551615",
            "somebody became leader at term 2",
            "newRaft b1",
            "raft.node: b1 elected leader 0 at term 2",
            "",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
