//! Who gets which splits: balanced, and sticky so that a healthy worker keeps what it has.

use std::collections::{BTreeMap, BTreeSet};

/// A member of the group as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Member id that the coordinator gave.
    pub(super) member_id: String,
    /// Splits that it holds now.
    pub(super) holds: Vec<u32>,
}

/// Shares `splits` out: every member gets the floor or the ceiling of the mean, and keeps what it holds as far as
/// that allows. A function of its arguments, so that any leader decides alike.
pub(super) fn assign(candidates: &[Candidate], splits: &BTreeSet<u32>) -> BTreeMap<String, Vec<u32>> {
    let mut members: Vec<&Candidate> = candidates.iter().collect();
    members.sort_by(|a, b| a.member_id.cmp(&b.member_id));
    if members.is_empty() {
        return BTreeMap::new();
    }
    let floor = splits.len() / members.len();
    let mut extra = splits.len() % members.len();
    // Members that hold more than the floor get the extra split first, else one would be moved for nothing.
    members.sort_by_key(|m| std::cmp::Reverse(m.holds.len()));
    let mut left: BTreeSet<u32> = splits.clone();
    let mut shares = Vec::new();
    for member in &members {
        let quota = floor + usize::from(extra > 0);
        extra = extra.saturating_sub(1);
        let mut kept = Vec::new();
        for split in &member.holds {
            // A split that two members claim to hold goes to the first: the other's claim is from an older generation.
            if kept.len() < quota && left.remove(split) {
                kept.push(*split);
            }
        }
        shares.push((member, quota, kept));
    }
    let mut result = BTreeMap::new();
    for (member, quota, mut kept) in shares {
        while kept.len() < quota {
            let Some(split) = left.pop_first() else { break };
            kept.push(split);
        }
        kept.sort_unstable();
        result.insert(member.member_id.clone(), kept);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: &str, holds: &[u32]) -> Candidate {
        Candidate { member_id: id.to_owned(), holds: holds.to_vec() }
    }

    fn all(n: u32) -> BTreeSet<u32> {
        (0..n).collect()
    }

    #[test]
    fn every_split_is_given_to_exactly_one_member_and_shares_differ_by_at_most_one() {
        for members in 1..6_u32 {
            for splits in 0..20_u32 {
                let candidates: Vec<_> = (0..members).map(|m| candidate(&format!("m{m}"), &[])).collect();
                let result = assign(&candidates, &all(splits));
                let mut given: Vec<u32> = result.values().flatten().copied().collect();
                given.sort_unstable();
                assert_eq!(given, (0..splits).collect::<Vec<_>>());
                let sizes: Vec<_> = result.values().map(Vec::len).collect();
                assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            }
        }
    }

    #[test]
    fn a_joining_member_takes_only_what_balance_demands() {
        let result =
            assign(&[candidate("a", &[0, 1, 2]), candidate("b", &[3, 4, 5]), candidate("c", &[])], &all(6));
        assert_eq!(result["a"], [0, 1]);
        assert_eq!(result["b"], [3, 4]);
        assert_eq!(result["c"], [2, 5]);
    }

    #[test]
    fn the_splits_of_a_member_that_left_are_spread_and_the_others_keep_theirs() {
        let result = assign(&[candidate("a", &[0, 1]), candidate("b", &[2, 3])], &all(6));
        assert!(result["a"].starts_with(&[0, 1]) && result["a"].len() == 3);
        assert!(result["b"].starts_with(&[2, 3]) && result["b"].len() == 3);
    }

    #[test]
    fn a_split_that_two_members_hold_goes_to_one() {
        let result = assign(&[candidate("a", &[0]), candidate("b", &[0])], &all(1));
        assert_eq!(result.values().flatten().count(), 1);
    }
}
