//! What one node does, of several nodes.

use crate::sentences::runs;
use raftdeck_raft::NodeId;

/// `n1, n3`; four or more in a row are `n5 to n9`.
pub(super) fn names(ids: &[NodeId]) -> String {
    if ids.len() < LEAST_RUN {
        return ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    }
    let mut names = Vec::new();
    for (first, last) in runs(ids.iter().copied()) {
        if last - first < LEAST_RUN as u64 - 1 {
            names.extend((first..=last).map(|id| NodeId(id).to_string()));
        } else {
            names.push(format!("n{first} to n{last}"));
        }
    }
    names.join(", ")
}

/// As many nodes in a row are named by the first and the last.
const LEAST_RUN: usize = 4;

/// `votes for n1` becomes `vote for n1`, and `gives up its campaign: it saw term 5` becomes
/// `give up their campaigns: they saw term 5`.
pub(super) fn plural(deed: &str) -> String {
    /// Other words about the node that did it.
    const OF_ONE: [(&str, &str); 12] = [
        ("its campaign", "their campaigns"),
        (": it saw ", ": they saw "),
        (": it still stands by ", ": they still stand by "),
        (": it is ", ": they are "),
        (": it belongs ", ": they belong "),
        (" it had ", " they had "),
        (" and asks for ", " and ask for "),
        (" a follower: ", " followers: "),
        (" that it was stopped", " that they were stopped"),
        (" its clock jumped", " their clocks jumped"),
        (" lists another disk for it", " lists other disks for them"),
        (" its ", " their "),
    ];
    let (verb, rest) = deed.split_once(' ').unwrap_or((deed, ""));
    let verb = match verb {
        "is" => "are",
        "has" => "have",
        "was" => "were",
        "does" => "do",
        other => other.strip_suffix('s').unwrap_or(other),
    };
    let mut text = format!("{verb} {rest}").trim_end().to_owned();
    for (one, several) in OF_ONE {
        text = text.replace(one, several);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_nodes_in_a_row_are_named_by_the_first_and_the_last() {
        for (ids, text) in [
            (vec![3, 1], "n3, n1"),
            (vec![1, 3, 4, 5], "n1, n3, n4, n5"),
            (vec![5, 4, 2, 3], "n2 to n5"),
            (vec![1, 3, 4, 5, 6, 9, 10], "n1, n3 to n6, n9, n10"),
        ] {
            assert_eq!(names(&ids.into_iter().map(NodeId).collect::<Vec<_>>()), text);
        }
    }

    #[test]
    fn several_are_spoken_of_as_several() {
        for (one, several) in [
            ("gives up its campaign: it saw term 5", "give up their campaigns: they saw term 5"),
            ("becomes a follower: it saw term 5", "become followers: they saw term 5"),
            (
                "would not vote for n1 in term 4 (pre-vote): it still stands by a leader",
                "would not vote for n1 in term 4 (pre-vote): they still stand by a leader",
            ),
            (
                "would not vote for n1 in term 4 (pre-vote): it is already in term 4 or a later one",
                "would not vote for n1 in term 4 (pre-vote): they are already in term 4 or a later one",
            ),
            (
                "refuses n3 its vote in term 4: the log of n3 is behind its own",
                "refuse n3 their vote in term 4: the log of n3 is behind their own",
            ),
            (
                "heard no leader for 214 ms and asks for votes in term 3",
                "heard no leader for 214 ms and ask for votes in term 3",
            ),
            ("is set to a heartbeat of 50 ms", "are set to a heartbeat of 50 ms"),
            (
                "notices that it was stopped, or that its clock jumped",
                "notice that they were stopped, or that their clocks jumped",
            ),
        ] {
            assert_eq!(plural(one), several);
        }
    }
}
