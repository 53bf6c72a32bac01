//! Records of which a fifth come again, at any distance.

use crate::load::{MadeRecord, Random};

/// Makes records that tell their number; after each, one time in four, an earlier one comes again. A record and its
/// repetition may stand in different partitions.
#[derive(Debug)]
pub struct Repeated {
    random: Random,
    partitions: i32,
    next: u64,
    made: u64,
}

impl Repeated {
    /// From record 0 on.
    #[must_use]
    pub fn new(seed: u64, partitions: i32) -> Self {
        Self { random: Random::new(seed, 11), partitions, next: 0, made: 0 }
    }

    /// Record `n`: the same whenever it is made.
    #[must_use]
    pub fn record(n: u64) -> MadeRecord {
        let filler = "x".repeat(usize::try_from(n % 50).unwrap_or(0));
        MadeRecord {
            key: Some(format!("key {}", n % 97).into_bytes()),
            value: Some(format!("value {n} {filler}").into_bytes()),
            ..MadeRecord::default()
        }
    }

    /// The number in a value that [`Repeated::record`] made.
    #[must_use]
    pub fn number(value: &[u8]) -> Option<u64> {
        std::str::from_utf8(value).ok()?.strip_prefix("value ")?.split(' ').next()?.parse().ok()
    }

    /// The next `count` different records, with repetitions among them.
    pub fn part(&mut self, count: u64) -> Vec<(i32, MadeRecord)> {
        let mut records = Vec::new();
        for n in self.next..self.next.saturating_add(count) {
            let partition = self.anywhere();
            records.push((partition, Self::record(n)));
            if self.random.one_in(4) {
                let earlier = self.random.below(n.saturating_add(1));
                let partition = self.anywhere();
                records.push((partition, Self::record(earlier)));
            }
        }
        self.next = self.next.saturating_add(count);
        self.made = self.made.saturating_add(u64::try_from(records.len()).unwrap_or(u64::MAX));
        records
    }

    /// Different records so far.
    #[must_use]
    pub const fn different(&self) -> u64 {
        self.next
    }

    /// All records so far.
    #[must_use]
    pub const fn made(&self) -> u64 {
        self.made
    }

    fn anywhere(&mut self) -> i32 {
        let partitions = u64::from(self.partitions.unsigned_abs());
        i32::try_from(self.random.below(partitions)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::Repeated;

    #[test]
    fn a_fifth_of_all_records_are_repetitions() {
        let mut repeated = Repeated::new(3, 4);
        let records = repeated.part(100_000);
        let again = records.len() - 100_000;
        assert!((24_000..26_000).contains(&again), "{again}");
        assert_eq!(Repeated::number(&Repeated::record(77).value.unwrap()), Some(77));
    }
}
