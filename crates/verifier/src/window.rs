//! The records of one side that were read and not matched yet.

use std::collections::{HashMap, VecDeque};

use crate::compare::Item;

/// No further record with the same content in the window.
const NONE: u64 = u64::MAX;

#[derive(Debug)]
struct Slot {
    item: Item,
    next_same: u64,
}

/// A queue that can say how far away the first record of some content is. The index exists only while it is asked
/// for: a topic without differences never pays for it.
#[derive(Debug, Default)]
pub(crate) struct Window {
    slots: VecDeque<Slot>,
    /// Sequence number of the front slot.
    first: u64,
    /// First and last sequence number of each content; slots in between are chained.
    index: Option<HashMap<u128, (u64, u64)>>,
    ended: bool,
}

impl Window {
    pub(crate) fn push(&mut self, item: Item) {
        self.slots.push_back(Slot { item, next_same: NONE });
        if self.index.is_some() {
            self.chain(self.slots.len() - 1);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Item> {
        let slot = self.slots.pop_front()?;
        let sequence = self.first;
        self.first += 1;
        if let Some(index) = &mut self.index {
            if self.slots.is_empty() {
                self.index = None;
            } else if slot.next_same == NONE {
                index.remove(&slot.item.print.whole);
            } else if let Some((first, _)) = index.get_mut(&slot.item.print.whole) {
                debug_assert_eq!(*first, sequence, "only the front leaves");
                *first = slot.next_same;
            }
        }
        Some(slot.item)
    }

    pub(crate) fn front(&self) -> Option<&Item> {
        self.slots.front().map(|slot| &slot.item)
    }

    pub(crate) fn second(&self) -> Option<&Item> {
        self.slots.get(1).map(|slot| &slot.item)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many records stand before the first one with this content.
    pub(crate) fn distance(&mut self, whole: u128) -> Option<u64> {
        if self.index.is_none() {
            self.index = Some(HashMap::with_capacity(self.slots.len()));
            for at in 0..self.slots.len() {
                self.chain(at);
            }
        }
        let (first, _) = self.index.as_ref()?.get(&whole)?;
        Some(first - self.first)
    }

    /// True if at least two records with this content are in the window. Only known after [`Window::distance`].
    pub(crate) fn has_twin(&self, whole: u128) -> bool {
        self.index.as_ref().and_then(|index| index.get(&whole)).is_some_and(|(first, last)| first != last)
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// True if nothing follows what the window holds.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    fn chain(&mut self, at: usize) {
        let sequence = self.first + at as u64;
        let (Some(index), Some(slot)) = (&mut self.index, self.slots.get(at)) else { return };
        let mut previous = None;
        index
            .entry(slot.item.print.whole)
            .and_modify(|(_, last)| previous = Some(std::mem::replace(last, sequence)))
            .or_insert((sequence, sequence));
        let previous = previous.and_then(|last| usize::try_from(last - self.first).ok());
        if let Some(slot) = previous.and_then(|last| self.slots.get_mut(last)) {
            slot.next_same = sequence;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Window;
    use crate::compare::Item;

    fn item(content: u8) -> Item {
        Item::new(0, crate::Fingerprint::new(None, Some(&[content]), [], 0))
    }

    #[test]
    fn distance_finds_the_first_of_twins_as_the_front_leaves() {
        let mut window = Window::default();
        for content in [1, 2, 1, 3, 1] {
            window.push(item(content));
        }
        let one = item(1).print.whole;
        let mut seen = vec![window.distance(one)];
        window.push(item(2));
        while window.pop().is_some() {
            seen.push(window.distance(one));
        }
        assert_eq!(seen, [Some(0), Some(1), Some(0), Some(1), Some(0), None, None]);
    }
}
