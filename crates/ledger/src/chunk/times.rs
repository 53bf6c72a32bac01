//! Times of their own for the ids of a chunk: the earliest, and for each its distance from it, in as few bytes as the
//! largest distance needs. One hour takes 3 bytes an id, one minute 2, one instant none.

/// Most bytes of a distance: times have 48 bits.
pub(super) const MAX_WIDTH: usize = 6;

/// Bytes in front: the earliest time, and the width of a distance.
const HEADER_BYTES: usize = 9;

/// Times about to be written. Each set of times has one such form.
pub(super) struct Packed<'a> {
    times: &'a [i64],
    earliest: i64,
    width: u8,
}

impl<'a> Packed<'a> {
    pub(super) fn of(times: &'a [i64]) -> Self {
        let earliest = times.iter().copied().min().unwrap_or(0);
        let farthest = times.iter().map(|at_ms| at_ms.abs_diff(earliest)).max().unwrap_or(0);
        Self { times, earliest, width: width_of(farthest) }
    }

    /// What stands in front of the keys.
    pub(super) fn header(&self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        let (earliest, width) = header.split_at_mut(8);
        earliest.copy_from_slice(&u64::try_from(self.earliest).unwrap_or(0).to_be_bytes());
        width.fill(self.width);
        header
    }

    /// What stands behind the keys.
    pub(super) fn distances(&self) -> impl Iterator<Item = u8> {
        let unused = 8_usize.saturating_sub(self.width.into());
        let bytes = move |at_ms: &i64| at_ms.abs_diff(self.earliest).to_be_bytes().into_iter().skip(unused);
        self.times.iter().flat_map(bytes)
    }
}

/// Bytes that a distance needs.
fn width_of(distance: u64) -> u8 {
    // At most 8.
    u8::try_from((u64::BITS - distance.leading_zeros()).div_ceil(8)).unwrap_or(u8::MAX)
}

/// The times, and the keys that stand between their two parts.
pub(super) fn split(bytes: &[u8]) -> Result<(Box<[i64]>, &[u8]), &'static str> {
    let no_header = "it has no header";
    let (earliest, rest) = bytes.split_first_chunk::<8>().ok_or(no_header)?;
    let (width, rest) = rest.split_first().ok_or(no_header)?;
    let size = usize::from(*width);
    if size > MAX_WIDTH {
        return Err("its times are too wide");
    }
    let each = size.saturating_add(16);
    let ids = rest.len().checked_div(each).unwrap_or(0);
    if ids == 0 || ids.saturating_mul(each) != rest.len() {
        return Err("its ids are not whole");
    }
    let (keys, distances) = rest.split_at_checked(ids.saturating_mul(16)).ok_or("its ids are not whole")?;
    let earliest = i64::try_from(u64::from_be_bytes(*earliest)).map_err(|_| "its earliest time is none")?;
    let time = |distance: &[u8]| distance.iter().fold(0, |ms: i64, byte| (ms << 8) | i64::from(*byte));
    let times: Box<[i64]> = if size == 0 {
        std::iter::repeat_n(earliest, ids).collect()
    } else {
        distances.chunks_exact(size).map(|distance| earliest.saturating_add(time(distance))).collect()
    };
    let packed = Packed::of(&times);
    match (packed.earliest, packed.width) == (earliest, *width) {
        true => Ok((times, keys)),
        false => Err("its times are written in another way"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(times: &[i64]) -> Vec<u8> {
        let packed = Packed::of(times);
        let keys = vec![7; times.len() * 16];
        packed.header().into_iter().chain(keys).chain(packed.distances()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn times_read_back_as_they_were_and_have_one_form(
            first in 0..(1_i64 << 47),
            reach in 0..47_u32,
            distances in proptest::collection::vec(any::<u64>(), 1..40),
        ) {
            let far = |d: u64| i64::try_from(d % (1 << reach)).unwrap();
            let times: Vec<i64> = distances.into_iter().map(|d| first + far(d)).collect();
            let bytes = written(&times);
            let (read, keys) = split(&bytes).unwrap();
            prop_assert_eq!((&read[..], keys.len()), (&times[..], times.len() * 16));
            for other in [1, -1] {
                let mut moved = bytes.clone();
                moved[7] = moved[7].wrapping_add_signed(other);
                prop_assert!(split(&moved).map_or(true, |(read, _)| read[..] != times[..]));
            }
        }

        #[test]
        fn bytes_that_are_read_are_written_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..80), width in 0..8_u8) {
            let mut bytes = bytes;
            if let Some(found) = bytes.get_mut(8) {
                *found = width;
            }
            if let Ok((times, keys)) = split(&bytes) {
                let packed = Packed::of(&times);
                let again: Vec<u8> =
                    packed.header().into_iter().chain(keys.iter().copied()).chain(packed.distances()).collect();
                prop_assert_eq!(again, bytes);
            }
        }
    }

    #[test]
    fn distance_takes_as_few_bytes_as_the_largest_needs() {
        for (farthest, width) in [(0, 0), (255, 1), (256, 2), (65_535, 2), (3_600_000, 3), ((1 << 48) - 1, 6)]
        {
            assert_eq!(written(&[0, farthest]).len(), 9 + 2 * (16 + width), "{farthest}");
        }
    }

    #[test]
    fn times_in_another_form_than_the_shortest_are_refused() {
        let wide = [&[0; 8][..], &[2], &[1; 32], &[0, 0, 0, 5]].concat();
        let late = [&[0; 8][..], &[1], &[1; 32], &[1, 5]].concat();
        for other in [wide, late, written(&[]), vec![0; 3], [&[0; 8][..], &[7], &[1; 23]].concat()] {
            assert!(split(&other).is_err(), "{other:?}");
        }
    }
}
