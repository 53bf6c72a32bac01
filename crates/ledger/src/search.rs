//! Searching sorted keys that are spread evenly, as the ends of hashes are: their value says about where they stand.
//!
//! A binary search of a long run touches a new cache line with almost every step, and that is what a look-up costs. The
//! guess is off by about the root of the length, so that one or two lines are enough.

/// Finds `key` among ascending keys that agree in their leading `bits`, as `binary_search` does. Right for any ascending
/// keys, fast for evenly spread ones.
pub(crate) fn search<T>(
    sorted: &[T],
    bits: u32,
    key: u128,
    key_of: impl Fn(&T) -> u128,
) -> Result<usize, usize> {
    let len = sorted.len();
    let is_below = |place: usize| sorted.get(place).is_some_and(|found| key_of(found) < key);
    let mut step = len.isqrt() / 2 + 1;
    let guess = place_of(key, bits, len);
    // Everything in front of `low` is below the key, and nothing from `high` on.
    let (low, high) = if is_below(guess) {
        let mut low = guess + 1;
        while low + step < len && is_below(low + step) {
            low += step + 1;
            step *= 2;
        }
        (low, len.min(low + step))
    } else {
        let mut high = guess;
        while high > step && !is_below(high - step) {
            high -= step;
            step *= 2;
        }
        (high.saturating_sub(step), high)
    };
    let between = sorted.get(low..high).unwrap_or_default();
    let place = low + between.partition_point(|found| key_of(found) < key);
    match sorted.get(place) {
        Some(found) if key_of(found) == key => Ok(place),
        _ => Err(place),
    }
}

/// Where a key should stand among `len` keys.
fn place_of(key: u128, bits: u32, len: usize) -> usize {
    let behind_the_prefix = key.checked_shl(bits).unwrap_or(0) >> 96;
    // Below 2^32 times a length: fits.
    usize::try_from(behind_the_prefix.saturating_mul(len as u128) >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn place_is_that_of_a_binary_search_whatever_the_keys(
            mut keys in prop_oneof![
                proptest::collection::vec(any::<u128>(), 0..600),
                proptest::collection::vec(0..50_u128, 0..600),
                proptest::collection::vec((u128::MAX - 900)..=u128::MAX, 0..600),
            ],
            others in proptest::collection::vec(any::<u128>(), 0..20),
            bits in 0..130_u32,
        ) {
            keys.sort_unstable();
            keys.dedup();
            let near = keys.iter().flat_map(|k| [k.saturating_sub(1), *k, k.saturating_add(1)]);
            for key in near.chain(others).chain([0, u128::MAX]) {
                prop_assert_eq!(search(&keys, bits, key, |k| *k), keys.binary_search(&key));
            }
        }
    }
}
