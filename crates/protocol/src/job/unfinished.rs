//! What a bounded job still has to deliver, seen from a worker whose own share is done.

use std::cmp::Ordering;

use velostream_core::{Standing, mutant};

/// The splits that somebody still has to deliver: their committed position is not at their end yet, by the rule with
/// which a reader reports the end. The worker ends once there is none. A split that this worker cannot place (not
/// taken up yet, or named by a position of something else) counts as unfinished: waiting is safe, ending is not.
#[must_use]
pub fn unfinished(standings: Vec<Standing>) -> Vec<Standing> {
    let is_done = |standing: &Standing| {
        let order = standing.position.as_ref().and_then(|position| position.order(&standing.end));
        matches!(order, Some(Ordering::Equal | Ordering::Greater))
    };
    standings.into_iter().filter(|standing| !is_done(standing) && !mutant!(OwnShareOnly)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use velostream_core::{SourcePosition, SplitId};

    use super::*;

    fn at(path: &str, offset: u64) -> SourcePosition {
        SourcePosition::File { path: Arc::from(path), offset, line: 0 }
    }

    fn standing(split: &str, position: Option<SourcePosition>, end: u64) -> Standing {
        Standing { split: SplitId::new(split), position, end: at(split, end) }
    }

    #[test]
    fn split_counts_as_unfinished_until_its_position_is_at_or_past_its_end() {
        let standings = vec![
            standing("short", Some(at("short", 4)), 5),
            standing("done", Some(at("done", 5)), 5),
            standing("past", Some(at("past", 6)), 5),
            standing("new", None, 5),
            standing("foreign", Some(at("another", 9)), 5),
        ];
        let left: Vec<String> = unfinished(standings).into_iter().map(|s| s.split.to_string()).collect();
        assert_eq!(left, ["short", "new", "foreign"]);
        assert!(unfinished(Vec::new()).is_empty());
    }
}
