//! Small batches of the open transaction that wait for their neighbours.
//!
//! A Produce request carries one batch per partition, and a broker spends about as long on a batch of 16 KB as on one of
//! 256 KB. So batches that are small and touch are joined before they are sent. Large ones are never looked into.

use std::collections::BTreeMap;

use velostream_core::SplitId;
use velostream_kafka_batch::{Batch, Compression, Limits, merge};

use super::outgoing::Ranged;

/// Bytes, still compressed, that are joined to one batch: what more does not make a broker faster.
const ENOUGH: usize = 256 << 10;

/// Bytes that joining may decompress at once: where so little holds more, the batches are large ones for the broker.
const MAX_DECODED: usize = 8 << 20;

/// Batches that wait, by split and in order.
#[derive(Debug, Default)]
pub(super) struct Small {
    waiting: BTreeMap<SplitId, Vec<Ranged>>,
    bytes: usize,
}

impl Small {
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a batch; true once its split has enough of them.
    pub(super) fn add(&mut self, split: &SplitId, ranged: Ranged, max_batch_bytes: usize) -> bool {
        self.bytes += ranged.batch.len();
        let of_split = self.waiting.entry(split.clone()).or_default();
        of_split.push(ranged);
        of_split.iter().map(|r| r.batch.len()).sum::<usize>() >= ENOUGH.min(max_batch_bytes / 2)
    }

    /// The splits that have some.
    pub(super) fn splits(&self) -> Vec<SplitId> {
        self.waiting.keys().cloned().collect()
    }

    /// Takes those of a split out, joined where that can be done.
    pub(super) fn take(
        &mut self,
        split: &SplitId,
        max_batch_bytes: usize,
        max_decoded_bytes: usize,
    ) -> Vec<Ranged> {
        let waiting = self.waiting.remove(split).unwrap_or_default();
        self.bytes -= waiting.iter().map(|r| r.batch.len()).sum::<usize>();
        let mut out = Vec::new();
        let mut run: Vec<Ranged> = Vec::new();
        for ranged in waiting {
            if run.last().is_some_and(|last| codec(last) != codec(&ranged)) {
                join(std::mem::take(&mut run), max_batch_bytes, max_decoded_bytes, &mut out);
            }
            run.push(ranged);
        }
        join(run, max_batch_bytes, max_decoded_bytes, &mut out);
        out
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.bytes = 0;
    }
}

fn codec(ranged: &Ranged) -> Option<Compression> {
    ranged.batch.compression().ok()
}

/// Joins a run of one codec. Where that fails, or makes more than the topic takes, each goes on as it came: what is wrong
/// with it is the broker's to say, as it would be for a large one.
fn join(run: Vec<Ranged>, max_batch_bytes: usize, max_decoded_bytes: usize, out: &mut Vec<Ranged>) {
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
    let (from, next) = (first.from, last.next);
    if run.len() > 1 {
        let batches: Vec<Batch> = run.iter().map(|r| r.batch.clone()).collect();
        let joined = merge(&batches, Limits { max_decompressed_bytes: max_decoded_bytes.min(MAX_DECODED) });
        let fits = joined.ok().filter(|bytes| bytes.len() <= max_batch_bytes);
        if let Some(batch) = fits.and_then(|bytes| Batch::parse(bytes).ok()) {
            out.push(Ranged { from, next, batch });
            return;
        }
    }
    out.extend(run);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]
mod tests {
    use velostream_kafka_batch::{Record, WriteOptions, write_batch};

    use super::*;

    const LIMIT: usize = 1 << 20;

    fn ranged(from: i64, count: usize, compression: Compression) -> Ranged {
        let record = Record { value: Some(vec![7; 100].into()), timestamp: from, ..Record::default() };
        let options = WriteOptions { compression, ..WriteOptions::default() };
        let batch = Batch::parse(write_batch(&vec![record; count], options).unwrap()).unwrap();
        Ranged { from, next: from + i64::try_from(count).unwrap(), batch }
    }

    fn shape(taken: &[Ranged]) -> Vec<(i64, i64, i32)> {
        taken.iter().map(|r| (r.from, r.next, r.batch.count())).collect()
    }

    #[test]
    fn batches_of_one_codec_are_joined_and_others_stay_in_order() {
        let (mut small, split) = (Small::default(), SplitId::new("s"));
        for one in [
            ranged(0, 2, Compression::Lz4),
            ranged(2, 3, Compression::Lz4),
            ranged(9, 1, Compression::None),
            ranged(10, 1, Compression::Lz4),
        ] {
            assert!(!small.add(&split, one, LIMIT));
        }
        let taken = small.take(&split, LIMIT, LIMIT);
        assert_eq!(shape(&taken), [(0, 5, 5), (9, 10, 1), (10, 11, 1)]);
        assert_eq!((small.bytes(), small.splits()), (0, Vec::new()));
    }

    #[test]
    fn run_that_would_be_too_large_goes_on_as_it_came() {
        let (mut small, split) = (Small::default(), SplitId::new("s"));
        let one = ranged(0, 10, Compression::None);
        let limit = one.batch.len();
        small.add(&split, one, limit);
        small.add(&split, ranged(10, 10, Compression::None), limit);
        assert_eq!(shape(&small.take(&split, limit, LIMIT)), [(0, 10, 10), (10, 20, 10)]);
        small.add(&split, ranged(20, 10, Compression::Lz4), LIMIT);
        small.add(&split, ranged(30, 10, Compression::Lz4), LIMIT);
        assert_eq!(shape(&small.take(&split, LIMIT, 10)), [(20, 30, 10), (30, 40, 10)]);
    }

    #[test]
    fn split_with_enough_says_so() {
        let (mut small, split) = (Small::default(), SplitId::new("s"));
        let mut from = 0;
        while !small.add(&split, ranged(from, 100, Compression::None), LIMIT) {
            from += 100;
        }
        assert!(small.bytes() >= ENOUGH && small.bytes() < ENOUGH + 20_000, "{}", small.bytes());
    }
}
