//! The source records that were found in the sink lately, to tell a duplicate from a foreign record.

use std::collections::{HashMap, VecDeque};

use crate::compare::Item;

/// The last `limit` source records that the sink holds. Like the windows, it is indexed only once somebody asks.
#[derive(Debug)]
pub(crate) struct History {
    recent: VecDeque<(u128, i64)>,
    /// Latest offset and number of records of each content.
    index: Option<HashMap<u128, (i64, u32)>>,
    limit: usize,
}

impl History {
    pub(crate) fn new(limit: usize) -> Self {
        Self { recent: VecDeque::new(), index: None, limit }
    }

    pub(crate) fn push(&mut self, source: &Item) {
        self.recent.push_back((source.print.whole, source.offset));
        if let Some(index) = &mut self.index {
            count_in(index, source.print.whole, source.offset);
        }
        if self.recent.len() > self.limit
            && let Some((whole, _)) = self.recent.pop_front()
            && let Some(index) = &mut self.index
            && let Some((_, count)) = index.get_mut(&whole)
        {
            *count -= 1;
            if *count == 0 {
                index.remove(&whole);
            }
        }
    }

    /// Offset of the latest source record with this content.
    pub(crate) fn offset(&mut self, whole: u128) -> Option<i64> {
        let recent = &self.recent;
        let index = self.index.get_or_insert_with(|| {
            let mut index = HashMap::with_capacity(recent.len());
            recent.iter().for_each(|(whole, offset)| count_in(&mut index, *whole, *offset));
            index
        });
        index.get(&whole).map(|(offset, _)| *offset)
    }
}

fn count_in(index: &mut HashMap<u128, (i64, u32)>, whole: u128, offset: i64) {
    let (latest, count) = index.entry(whole).or_insert((offset, 0));
    *latest = offset;
    *count += 1;
}
