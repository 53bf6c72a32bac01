//! Records of one side that wait for a verdict.

use std::collections::{HashMap, VecDeque};

use crate::compare::Item;

/// Unmatched records by content, the oldest first. Holds at most `limit`; the oldest beyond that leave with the
/// verdict that stands then.
#[derive(Debug)]
pub(crate) struct Pending {
    by_content: HashMap<u128, VecDeque<i64>>,
    /// In order of arrival; entries whose record was taken since are skipped.
    order: VecDeque<(u128, i64)>,
    limit: usize,
}

impl Pending {
    pub(crate) fn new(limit: usize) -> Self {
        Self { by_content: HashMap::new(), order: VecDeque::new(), limit }
    }

    /// Adds a record; returns one that had to leave for it.
    pub(crate) fn put(&mut self, item: &Item) -> Option<(u128, i64)> {
        self.by_content.entry(item.print.whole).or_default().push_back(item.offset);
        self.order.push_back((item.print.whole, item.offset));
        if self.order.len() > self.limit { self.pop_oldest_slot() } else { None }
    }

    /// Takes the oldest record with this content.
    pub(crate) fn take(&mut self, whole: u128) -> Option<i64> {
        if self.by_content.is_empty() {
            return None;
        }
        let offsets = self.by_content.get_mut(&whole)?;
        let offset = offsets.pop_front();
        if offsets.is_empty() {
            self.by_content.remove(&whole);
        }
        offset
    }

    pub(crate) fn contains(&self, whole: u128) -> bool {
        self.by_content.contains_key(&whole)
    }

    /// Empties it, the oldest first.
    pub(crate) fn drain(mut self) -> Vec<(u128, i64)> {
        let mut left = Vec::new();
        while !self.order.is_empty() {
            left.extend(self.pop_oldest_slot());
        }
        left
    }

    fn pop_oldest_slot(&mut self) -> Option<(u128, i64)> {
        let (whole, offset) = self.order.pop_front()?;
        let still_there = self.by_content.get(&whole).and_then(VecDeque::front) == Some(&offset);
        if still_there { self.take(whole).map(|offset| (whole, offset)) } else { None }
    }
}
