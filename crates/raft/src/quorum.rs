//! Majorities (paper §5.2: any two of them share a member).

use std::collections::BTreeSet;

/// How many of `members` make a majority.
///
/// # Panics
/// If `members` is 0: a cluster has at least one.
pub(crate) fn majority(members: usize) -> usize {
    assert!(members > 0, "a cluster has at least one member");
    members / 2 + 1
}

/// The greatest value that a majority has reached, one value for each member.
///
/// # Panics
/// If there are no values.
pub(crate) fn reached_by_majority<T: Ord + Copy>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable_by(|a, b| b.cmp(a));
    values[majority(values.len()) - 1]
}

/// Whether `yes` holds a majority of `voters`; ids that are no voters do not count.
pub(crate) fn is_majority<T: Ord>(yes: &BTreeSet<T>, voters: &BTreeSet<T>) -> bool {
    yes.intersection(voters).count() >= majority(voters.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_is_more_than_half() {
        assert_eq!([1, 2, 3, 4, 5, 6, 7].map(majority), [1, 2, 2, 3, 3, 4, 4]);
    }

    /// The definition, spelled out: v is reached by a majority, and nothing greater is.
    #[test]
    fn the_value_reached_by_a_majority_agrees_with_its_definition() {
        for members in 1..=5_u32 {
            for code in 0..4_usize.pow(members) {
                let values: Vec<usize> = (0..members).map(|i| code / 4_usize.pow(i) % 4).collect();
                let by_definition = (0..4)
                    .rev()
                    .find(|v| values.iter().filter(|x| *x >= v).count() * 2 > values.len())
                    .unwrap();
                assert_eq!(reached_by_majority(values.iter().copied()), by_definition, "{values:?}");
            }
        }
    }

    #[test]
    fn strangers_do_not_count() {
        let voters = BTreeSet::from([1, 2, 3]);
        assert!(!is_majority(&BTreeSet::from([1, 8, 9]), &voters));
        assert!(is_majority(&BTreeSet::from([1, 3, 9]), &voters));
    }
}
