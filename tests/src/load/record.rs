//! Makes the records of a plan.

use super::filler::Filler;
use super::plan::{LoadPlan, Sizes};
use super::random::Random;
use super::stamp::Stamp;

/// Value of a header: null, or bytes.
pub type HeaderValue = Option<Vec<u8>>;

/// One record, in buffers that are used again for the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MadeRecord {
    /// Key; `None` is a null key.
    pub key: Option<Vec<u8>>,
    /// Value; `None` is a tombstone, which differs from an empty value.
    pub value: Option<Vec<u8>>,
    /// Headers in order; names may repeat.
    pub headers: Vec<(String, HeaderValue)>,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
}

/// Makes the records of one plan. The content depends on seed, partition and sequence only, not on threads or speed.
#[derive(Debug)]
pub struct RecordMaker {
    seed: u64,
    run: u32,
    sizes: Sizes,
    first_timestamp_ms: i64,
    filler: Filler,
}

impl RecordMaker {
    /// A maker for the plan.
    #[must_use]
    pub fn new(plan: &LoadPlan) -> Self {
        Self {
            seed: plan.seed,
            run: plan.run,
            sizes: plan.sizes,
            first_timestamp_ms: plan.first_timestamp_ms,
            filler: Filler::new(plan.seed),
        }
    }

    /// Overwrites `record` with the record of that place.
    pub fn make(&self, partition: i32, sequence: u64, aborted: bool, record: &mut MadeRecord) {
        let place = (u64::from(partition.unsigned_abs()) << 48) ^ sequence ^ (u64::from(aborted) << 47);
        let mut random = Random::new(self.seed, place);
        let stamp = Stamp { run: self.run, partition, sequence, aborted };
        record.headers.clear();
        record.timestamp_ms = self.timestamp(sequence, &mut random);
        match self.sizes {
            Sizes::Fixed(size) => self.plain(stamp, size, &mut random, record),
            Sizes::Mixed => self.mixed(stamp, &mut random, record),
        }
    }

    /// Grows by 1 ms per 100 records and steps back by up to 50 ms now and then, as merged streams do.
    fn timestamp(&self, sequence: u64, random: &mut Random) -> i64 {
        let forward = i64::try_from(sequence / 100).unwrap_or_default();
        let back = if random.one_in(50) { i64::try_from(random.below(50)).unwrap_or_default() } else { 0 };
        self.first_timestamp_ms + forward - back
    }

    fn plain(&self, stamp: Stamp, size: usize, random: &mut Random, record: &mut MadeRecord) {
        let key = record.key.get_or_insert_default();
        key.clear();
        push_key(key, random);
        let value = record.value.get_or_insert_default();
        self.fill(value, stamp, size, random);
    }

    fn mixed(&self, stamp: Stamp, random: &mut Random, record: &mut MadeRecord) {
        match random.below(100) {
            // A tombstone or an empty value has room for the stamp in its key only.
            0..2 => {
                set(&mut record.key, stamp.to_string().as_bytes());
                record.value = None;
            }
            2..4 => {
                set(&mut record.key, stamp.to_string().as_bytes());
                set(&mut record.value, b"");
            }
            shape => {
                match shape {
                    4..30 => record.key = None,
                    30..32 => set(&mut record.key, b""),
                    32..36 => set(&mut record.key, &random.next().to_be_bytes()),
                    _ => {
                        let key = record.key.get_or_insert_default();
                        key.clear();
                        push_key(key, random);
                    }
                }
                let size = mixed_size(random);
                self.fill(record.value.get_or_insert_default(), stamp, size, random);
            }
        }
        push_headers(&mut record.headers, random);
    }

    fn fill(&self, value: &mut Vec<u8>, stamp: Stamp, size: usize, random: &mut Random) {
        value.clear();
        value.extend_from_slice(stamp.to_string().as_bytes());
        if value.len() < size {
            value.extend_from_slice(self.filler.slice(random, size - value.len()));
        }
    }
}

/// Most events are small, a few are not: the mean is about 250 bytes.
fn mixed_size(random: &mut Random) -> usize {
    match random.below(100) {
        0..70 => 20 + random.index(130),
        70..95 => 150 + random.index(450),
        _ => 600 + random.index(3_496),
    }
}

fn push_key(key: &mut Vec<u8>, random: &mut Random) {
    key.extend_from_slice(format!("customer-{}", random.below(1_000_000)).as_bytes());
}

fn push_headers(headers: &mut Vec<(String, HeaderValue)>, random: &mut Random) {
    if random.below(100) >= 20 {
        return;
    }
    for _ in 0..=random.below(3) {
        let value = match random.below(8) {
            0 => None,
            1 => Some(Vec::new()),
            2 => Some(vec![0xff, 0x00, 0xfe, 0x80]),
            _ => Some(format!("{:032x}", random.next()).into_bytes()),
        };
        // Few names: a record often carries the same one twice, and order then matters.
        let name =
            ["trace", "trace", "source", "", "caf\u{e9}"].get(random.index(5)).copied().unwrap_or_default();
        headers.push((name.to_owned(), value));
    }
}

fn set(field: &mut Option<Vec<u8>>, bytes: &[u8]) {
    let buffer = field.get_or_insert_default();
    buffer.clear();
    buffer.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::super::plan::LoadPlan;
    use super::super::stamp::Stamp;
    use super::{MadeRecord, RecordMaker};

    fn records(seed: u64) -> Vec<MadeRecord> {
        let mut plan = LoadPlan::realistic("t", 1, 0, seed);
        plan.first_timestamp_ms = 1_000_000;
        let maker = RecordMaker::new(&plan);
        let mut one = MadeRecord::default();
        (0..5_000)
            .map(|sequence| {
                maker.make(3, sequence, false, &mut one);
                one.clone()
            })
            .collect()
    }

    #[test]
    fn maker_same_seed_makes_the_same_records() {
        assert_eq!(records(9), records(9));
        assert_ne!(records(9), records(10));
    }

    #[test]
    fn maker_stamps_every_record_whatever_its_shape() {
        for (sequence, record) in records(9).iter().enumerate() {
            let stamp = Stamp::of(record.key.as_deref(), record.value.as_deref()).expect("a stamp");
            assert_eq!((stamp.partition, stamp.sequence), (3, u64::try_from(sequence).expect("small")));
        }
    }

    #[test]
    fn maker_mixed_has_every_oddity() {
        let all = records(9);
        assert!(all.iter().any(|record| record.key.is_none()));
        assert!(all.iter().any(|record| record.key.as_deref() == Some(b"")));
        assert!(all.iter().any(|record| record.value.is_none()));
        assert!(all.iter().any(|record| record.value.as_deref() == Some(b"")));
        assert!(all.iter().any(|record| record.value.as_ref().is_some_and(|value| value.len() > 3_000)));
        let twice =
            |record: &MadeRecord| record.headers.iter().filter(|(name, _)| name == "trace").count() > 1;
        assert!(all.iter().any(twice));
        let headers = || all.iter().flat_map(|record| &record.headers);
        assert!(headers().any(|(_, value)| value.is_none()));
        assert!(headers().any(|(_, value)| value.as_deref() == Some(b"")));
        assert!(
            headers().any(|(_, value)| value.as_deref().is_some_and(|v| std::str::from_utf8(v).is_err()))
        );
        assert!(all.windows(2).any(|pair| pair[1].timestamp_ms < pair[0].timestamp_ms));
    }
}
