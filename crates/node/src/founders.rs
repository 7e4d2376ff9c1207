//! The warning for a node that is started with other founding members than its data directory has recorded. The
//! recorded ones always take precedence.

use raftdeck_raft::NodeId;
use raftdeck_storage::Founders;
use std::collections::BTreeSet;
use std::path::Path;

/// A warning for the person who started the node: what was recorded, what was asked for, what counts, what to do. `None` if
/// there is nothing to say, also because the voters in force are those asked for.
pub(crate) fn warning(
    dir: &Path,
    recorded: &Founders,
    asked: &Founders,
    in_force: &BTreeSet<NodeId>,
) -> Option<String> {
    // A member of a cluster was asked to join one, or joined one: its directory knows which, so nothing is meant otherwise.
    let is_member = !in_force.is_empty() && (asked.is_empty() || recorded.is_empty());
    let are_voters = !asked.is_empty() && asked.keys().eq(in_force);
    if is_member || are_voters || recorded.keys().eq(asked.keys()) {
        return None;
    }
    let first = match in_words(recorded) {
        None => "to join a cluster".to_owned(),
        Some(cluster) => format!("as {cluster}"),
    };
    let now = match in_words(asked) {
        None => "to join a cluster".to_owned(),
        Some(cluster) => format!("for {cluster}"),
    };
    Some(format!(
        "data directory {} was first started {first}, and this start asks {now}: the recorded founding members \
         and the changes in the log since take precedence; to change members, use `raftdeck client member ...`, and for a new cluster \
         an empty data directory",
        dir.display()
    ))
}

/// The cluster of these members, if there are any.
fn in_words(founders: &Founders) -> Option<String> {
    let names: Vec<String> = founders.keys().map(NodeId::to_string).collect();
    match &names[..] {
        [] => None,
        [name] => Some(format!("a cluster of {name} alone")),
        [names @ .., last] => Some(format!("a cluster of {} and {last}", names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn founders(ids: &[u64]) -> Founders {
        ids.iter().map(|id| (NodeId(*id), format!("host{id}:8080"))).collect()
    }

    fn said(recorded: &[u64], asked: &[u64], in_force: &[u64]) -> Option<String> {
        let in_force = in_force.iter().copied().map(NodeId).collect();
        warning(Path::new("./data1"), &founders(recorded), &founders(asked), &in_force)
    }

    #[test]
    fn a_start_with_other_founding_members_is_told_what_counts_and_what_to_do() {
        assert_eq!(
            said(&[1, 2, 3], &[1], &[1, 2, 3]).unwrap(),
            "data directory ./data1 was first started as a cluster of n1, n2 and n3, and this start asks for a cluster of \
             n1 alone: the recorded founding members and the changes in the log since take precedence; to change members, use \
             `raftdeck client member ...`, and for a new cluster an empty data directory"
        );
        let joined = said(&[], &[1, 2], &[]).unwrap();
        assert!(
            joined
                .contains("first started to join a cluster, and this start asks for a cluster of n1 and n2:")
        );
        let to_join = said(&[1, 2], &[], &[]).unwrap();
        assert!(to_join.contains("as a cluster of n1 and n2, and this start asks to join a cluster:"));
    }

    #[test]
    fn nothing_is_said_of_the_same_members_at_other_addresses_nor_of_those_that_are_voters_now() {
        let mut moved = founders(&[1, 2]);
        moved.insert(NodeId(2), "elsewhere:8080".to_owned());
        assert_eq!(warning(Path::new("d"), &founders(&[1, 2]), &moved, &BTreeSet::new()), None);
        assert_eq!(said(&[], &[], &[1, 2, 3]), None);
        assert_eq!(said(&[1, 2, 3], &[1, 2, 3], &[1, 2, 3, 4]), None);
        assert_eq!(said(&[1, 2, 3], &[1, 2, 3, 4], &[1, 2, 3, 4]), None);
        assert_eq!(said(&[], &[1, 2, 3, 4], &[1, 2, 3, 4]), None);
        assert_eq!(said(&[], &[1, 2, 3], &[1, 2, 3, 4]), None);
        assert_eq!(said(&[1, 2, 3], &[], &[1, 2, 3]), None);
    }
}
