//! Majorities (paper §5.2: any two of them share a member), also of a joint configuration (thesis §4.3: a decision
//! needs a majority of each half). Counts agreement only, and does not know what is agreed on.

use crate::membership::Membership;
use crate::mutants::{Mutant, is_active};
use crate::types::NodeId;
use std::collections::BTreeSet;

/// Fewer members than this are counted without memory from the heap.
const FEW: usize = 12;

/// How many of `members` make a majority.
fn majority(members: usize) -> usize {
    members / 2 + 1
}

/// The halves that decide: one, or in a joint configuration two. Empty if there are no voters.
fn halves(membership: &Membership) -> impl Iterator<Item = &BTreeSet<NodeId>> {
    let outgoing = (!is_active(Mutant::JointNeedsOneMajority)).then_some(&membership.outgoing);
    [Some(&membership.voters), outgoing].into_iter().flatten().filter(|half| !half.is_empty())
}

/// A half without voters has no votes to count. `this` is the member that counts.
fn guests(membership: &Membership, half: &BTreeSet<NodeId>, this: NodeId) -> impl Iterator<Item = NodeId> {
    let learners = is_active(Mutant::LearnersCount).then_some(&membership.learners);
    let removed = is_active(Mutant::RemovedLeaderCountsItself) && !half.contains(&this);
    learners.into_iter().flatten().copied().chain(removed.then_some(this))
}

/// How many votes are needed; in a joint configuration, in the half that needs more.
pub(crate) fn needed(membership: &Membership) -> usize {
    halves(membership).map(|half| majority(half.len())).max().unwrap_or(1)
}

/// The greatest value that a majority of each half has reached, as `this` member counts; `None` if there are no voters.
pub(crate) fn reached_by_majority<T: Ord + Copy>(
    membership: &Membership,
    this: NodeId,
    value: impl Fn(NodeId) -> T,
) -> Option<T> {
    let of_half = |half: &BTreeSet<NodeId>| {
        let values = half.iter().copied().chain(guests(membership, half, this)).map(&value);
        nth_greatest(values, majority(half.len()) - 1)
    };
    halves(membership).map(of_half).min()
}

/// The value that is exceeded or equaled by `n` others. Computed for every message, so the usual case allocates
/// nothing.
///
/// # Panics
/// If there are no more than `n` values.
fn nth_greatest<T: Ord + Copy>(mut values: impl Iterator<Item = T>, n: usize) -> T {
    let first = values.next().expect("invariant: a half that decides has members");
    let (mut few, mut count) = ([first; FEW], 1);
    for value in values.by_ref() {
        few[count] = value;
        count += 1;
        if count == FEW {
            break;
        }
    }
    let few = &mut few[..count];
    if count < FEW {
        few.sort_unstable_by(|a, b| b.cmp(a));
        return few[n];
    }
    let mut many: Vec<T> = few.iter().copied().chain(values).collect();
    many.sort_unstable_by(|a, b| b.cmp(a));
    many[n]
}

/// Whether `yes` holds a majority of each half, as `this` member counts. Ids without a vote do not count.
pub(crate) fn is_majority(membership: &Membership, this: NodeId, yes: &BTreeSet<NodeId>) -> bool {
    reached_by_majority(membership, this, |id| yes.contains(&id)).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THIS: NodeId = NodeId(1);

    #[test]
    fn a_majority_is_more_than_half() {
        assert_eq!([1, 2, 3, 4, 5, 6, 7].map(majority), [1, 2, 2, 3, 3, 4, 4]);
    }

    fn set(ids: impl IntoIterator<Item = u64>) -> BTreeSet<NodeId> {
        ids.into_iter().map(NodeId).collect()
    }

    /// All configurations of up to five voters in each half: every way in which two halves can lie in five ids, and,
    /// as ids mean nothing, one for each size and overlap of halves that do not fit there. Two learners each.
    fn configurations() -> Vec<Membership> {
        let subset = |code: u64| set((1..=5).filter(move |i| code >> (i - 1) & 1 == 1));
        let within_five =
            (0..32).flat_map(|voters| (0..32).map(move |outgoing| (subset(voters), subset(outgoing))));
        let wider = (1..=5_u64).flat_map(|voters| {
            (1..=5_u64).flat_map(move |outgoing| {
                (0..=voters.min(outgoing)).filter(move |shared| voters + outgoing - shared > 5).map(
                    move |shared| (set(1..=voters), set(voters - shared + 1..=voters - shared + outgoing)),
                )
            })
        });
        let learners = set([11, 12]);
        within_five
            .chain(wider)
            .map(|(voters, outgoing)| Membership {
                voters,
                outgoing,
                learners: learners.clone(),
                ..Membership::default()
            })
            .collect()
    }

    /// The definition, spelled out: more than half of each half that there is, and at least one half.
    fn agree(membership: &Membership, says_yes: impl Fn(NodeId) -> bool) -> bool {
        let half_agrees = |half: &BTreeSet<NodeId>| {
            half.is_empty() || 2 * half.iter().filter(|id| says_yes(**id)).count() > half.len()
        };
        let anyone = !(membership.voters.is_empty() && membership.outgoing.is_empty());
        anyone && half_agrees(&membership.voters) && half_agrees(&membership.outgoing)
    }

    #[test]
    fn a_joint_majority_agrees_with_its_definition_in_all_configurations_of_up_to_five_and_five() {
        for membership in configurations() {
            let voters: Vec<NodeId> = membership.voters.union(&membership.outgoing).copied().collect();
            for code in 0..1_u32 << voters.len() {
                let mut yes: BTreeSet<NodeId> =
                    (0..voters.len()).filter(|i| code >> i & 1 == 1).map(|i| voters[i]).collect();
                // Neither learners nor strangers help.
                yes.extend(set([11, 12, 99]));
                let expected = agree(&membership, |id| yes.contains(&id));
                assert_eq!(is_majority(&membership, THIS, &yes), expected, "{yes:?} of {membership:?}");
            }
        }
    }

    #[test]
    fn the_value_reached_by_a_joint_majority_agrees_with_its_definition() {
        for membership in configurations() {
            let voters: Vec<NodeId> = membership.voters.union(&membership.outgoing).copied().collect();
            for code in 0..3_usize.pow(u32::try_from(voters.len()).unwrap()) {
                let value = |id: NodeId| match voters.iter().position(|voter| *voter == id) {
                    Some(place) => code / 3_usize.pow(u32::try_from(place).unwrap()) % 3,
                    None => 9,
                };
                let expected = (0..3).rev().find(|v| agree(&membership, |id| value(id) >= *v));
                assert_eq!(
                    reached_by_majority(&membership, THIS, value),
                    expected,
                    "{code} in {membership:?}"
                );
            }
        }
    }

    /// However many there are, and in whatever order their values come.
    #[test]
    fn a_large_cluster_agrees_as_a_small_one_does() {
        for members in 1..=3 * FEW as u64 {
            let membership = Membership::of(set(1..=members));
            let needed = majority(membership.voters.len()) as u64;
            let up = reached_by_majority(&membership, THIS, |id| id.0);
            let down = reached_by_majority(&membership, THIS, |id| members - id.0);
            assert_eq!((up, down), (Some(members - needed + 1), Some(members - needed)), "{members}");
        }
    }

    #[test]
    fn where_nobody_votes_nothing_is_agreed() {
        let nobody = Membership::default();
        assert!(!is_majority(&nobody, THIS, &set([1, 2, 3])));
        assert_eq!(reached_by_majority(&nobody, THIS, |_| 7), None);
        let learners_only = Membership { learners: set([1]), ..Membership::default() };
        assert!(!is_majority(&learners_only, THIS, &set([1])));
    }

    #[test]
    fn a_joint_configuration_needs_the_larger_majority_at_least() {
        let joint = Membership { voters: set(1..=5), outgoing: set([1]), ..Membership::default() };
        assert_eq!(needed(&joint), 3);
        assert_eq!(needed(&Membership::of(set([1]))), 1);
    }
}
