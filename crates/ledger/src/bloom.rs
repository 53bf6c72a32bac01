//! A filter in front of the index: says of almost every new id with one look into memory that it is new.
//!
//! Split blocks of one cache line: the leading half of a key chooses the block, so that sorted keys fill it from front to
//! back; 6-bit slices of the other half choose one bit in each of its eight words. Only for ids that this process has in
//! its exact index at the same time: absent here means absent there, present means nothing.

use velostream_record_id::TrackerKey;

/// With so many bits an id or up to half as many more, fewer than 8 % of the guesses are wrong, and all stay below 24 bytes
/// an id together with the exact index.
const LEAST_BITS_AN_ID: usize = 7;
const BLOCK_BITS: usize = 512;
/// Blocks of the smallest filter.
const LEAST_BLOCKS: usize = 16;

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Block([u64; 8]);

/// A set that may hold more than was added to it.
#[derive(Debug)]
pub(crate) struct Bloom {
    blocks: Vec<Block>,
    len: usize,
}

impl Default for Bloom {
    fn default() -> Self {
        Self::for_ids(0)
    }
}

impl Bloom {
    /// An empty filter with room for half as many ids again.
    pub(crate) fn for_ids(ids: usize) -> Self {
        let bits = ids.saturating_mul(LEAST_BITS_AN_ID * 3 / 2);
        let blocks = (bits / BLOCK_BITS).max(LEAST_BLOCKS);
        Self { blocks: vec![Block::default(); blocks], len: 0 }
    }

    /// More ids were added than it is good for.
    pub(crate) fn is_full(&self) -> bool {
        self.len.saturating_mul(LEAST_BITS_AN_ID) > self.blocks.len().saturating_mul(BLOCK_BITS)
    }

    pub(crate) fn insert(&mut self, key: &TrackerKey) {
        let (block, bits) = self.place_of(key);
        if let Some(Block(words)) = self.blocks.get_mut(block) {
            for (word, bit) in words.iter_mut().zip(masks(bits)) {
                *word |= bit;
            }
            self.len = self.len.saturating_add(1);
        }
    }

    /// False: certainly not added.
    pub(crate) fn may_contain(&self, key: &TrackerKey) -> bool {
        let (block, bits) = self.place_of(key);
        self.blocks
            .get(block)
            .is_some_and(|Block(words)| words.iter().zip(masks(bits)).all(|(word, bit)| word & bit != 0))
    }

    fn place_of(&self, key: &TrackerKey) -> (usize, u64) {
        let key = u128::from_be_bytes(key.0);
        // Below the number of blocks, whatever the key.
        let block = ((key >> 64) * self.blocks.len() as u128) >> 64;
        (usize::try_from(block).unwrap_or(0), u64::try_from(key & u128::from(u64::MAX)).unwrap_or(0))
    }
}

/// One bit for each word of a block.
fn masks(bits: u64) -> impl Iterator<Item = u64> {
    (0..8).map(move |word| 1 << ((bits >> (word * 6)) & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two halves that are spread as those of a hash.
    fn key(n: u32) -> TrackerKey {
        let mixed = |n: u64| {
            let n = (n ^ n >> 31).wrapping_mul(0x7FB5_D329_728E_A185);
            (n ^ n >> 27).wrapping_mul(0x81DA_DEF4_BC2D_D44D)
        };
        let (high, low) = (mixed(u64::from(n) + 1), mixed(u64::from(n) + (1 << 40)));
        TrackerKey((u128::from(high) << 64 | u128::from(low ^ low >> 33)).to_be_bytes())
    }

    #[test]
    fn what_was_added_is_never_absent_and_of_the_rest_few_are_present() {
        for ids in [1, 1000, 20_000] {
            let mut bloom = Bloom::for_ids(ids);
            let mut added = 0;
            while !bloom.is_full() {
                bloom.insert(&key(added));
                added += 1;
            }
            assert!((0..added).all(|n| bloom.may_contain(&key(n))));
            let wrong = (added..added + 10_000).filter(|n| bloom.may_contain(&key(*n))).count();
            assert!(wrong < 800, "{wrong} of 10,000 at {added} ids");
        }
    }
}
