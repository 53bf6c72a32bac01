//! Damaged, forged and hostile bytes: an error each time, no panic, and no memory beyond the bound.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assertion is the point of a test")]

#[path = "sealed/batch.rs"]
mod sealed;

use allocation_counter::measure;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sealed::{Head, sealed};
use velostream_core::Disposition;
use velostream_kafka_batch::{
    Batch, Batches, Compression, Error, Limits, ProducerStamp, Record, WriteOptions, merge, rewrite,
    write_batch,
};

const LIMIT: usize = 64 << 10;
const LIMITS: Limits = Limits { max_decompressed_bytes: LIMIT };
/// Buffers of the decompressors themselves.
const DECODER: usize = 256 << 10;
const STAMP: ProducerStamp = ProducerStamp { id: 1, epoch: 2, base_sequence: 3 };

fn written(compression: Compression, value: Vec<u8>) -> Bytes {
    let record =
        Record { key: Some(Bytes::from_static(b"key")), value: Some(value.into()), ..Record::default() };
    write_batch(&[record.clone(), record], WriteOptions { compression, ..WriteOptions::default() }).unwrap()
}

fn section_of(compression: Compression, value: Vec<u8>) -> Bytes {
    Batch::parse(written(compression, value)).unwrap().body()
}

/// Everything that reads, one after the other; returns the most bytes held at once.
fn read_all(bytes: &Bytes) -> usize {
    let info = measure(|| {
        for batch in Batches::new(bytes.clone()) {
            let Ok(batch) = batch else { break };
            drop((batch.verify_crc(), batch.fallback(0), batch.control_marker(), rewrite(&batch, STAMP)));
            drop(batch.records(LIMITS));
            drop(merge(&[batch.clone(), batch], LIMITS));
        }
    });
    usize::try_from(info.bytes_max).unwrap()
}

/// A record takes 104 bytes and 7 in its section, a header 64 and 2.
fn bound(input: usize) -> usize {
    50 * (input + LIMIT) + DECODER
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn garbage_never_panics_and_never_allocates_beyond_the_bound(bytes in vec(any::<u8>(), 0..2000)) {
        let bytes = Bytes::from(bytes);
        prop_assert!(read_all(&bytes) <= bound(bytes.len()));
    }

    #[test]
    fn garbage_section_under_a_true_checksum_never_panics_and_never_allocates_beyond_the_bound(
        section in vec(any::<u8>(), 0..2000), attributes in 0..128_u16, count in -1..i32::MAX, more in 0..1000_i32,
    ) {
        let last_offset_delta = count.saturating_add(more);
        let bytes = sealed(Head { attributes, count, last_offset_delta, ..Head::of(1) }, &section);
        prop_assert!(read_all(&bytes) <= bound(bytes.len()));
    }

    #[test]
    fn forged_compressed_section_never_panics_and_never_allocates_beyond_the_bound(
        compression in select(&Compression::ALL[..]), value in vec(0..4_u8, 0..9000),
        edits in vec((any::<Index>(), any::<u8>()), 1..6), cut in any::<Index>(), truncate: bool,
    ) {
        let mut section = section_of(compression, value).to_vec();
        for (at, byte) in edits {
            let at = at.index(section.len().min(if truncate { 64 } else { usize::MAX }));
            section[at] = byte;
        }
        if truncate {
            section.truncate(cut.index(section.len()));
        }
        let bytes = sealed(Head { attributes: compression.id().into(), ..Head::of(2) }, &section);
        prop_assert!(read_all(&bytes) <= bound(bytes.len()));
    }

    #[test]
    fn flipped_bit_is_never_accepted_where_the_checksum_reaches(
        compression in select(&Compression::ALL[..]), value in vec(any::<u8>(), 0..300), at in any::<Index>(), bit in 0..8_u32,
    ) {
        let mut bytes = written(compression, value).to_vec();
        // Base offset and leader epoch are set by the broker and not covered.
        let covered: Vec<usize> = (8..12).chain(16..bytes.len()).collect();
        bytes[covered[at.index(covered.len())]] ^= 1_u8 << bit;
        let result = Batch::parse(bytes.into()).and_then(|batch| batch.verify_crc());
        prop_assert!(result.is_err());
    }

    #[test]
    fn rewrite_never_signs_a_body_that_its_checksum_does_not_cover(
        value in vec(any::<u8>(), 1..300), at in any::<Index>(), bit in 0..8_u32,
    ) {
        let mut bytes = written(Compression::None, value).to_vec();
        let at = Batch::HEADER_LEN + at.index(bytes.len() - Batch::HEADER_LEN);
        bytes[at] ^= 1_u8 << bit;
        let rewritten = rewrite(&Batch::parse(bytes.into()).unwrap(), STAMP).unwrap();
        let result = Batch::parse(rewritten.to_bytes()).unwrap().verify_crc();
        let refused = matches!(result, Err(Error::Crc { .. }));
        prop_assert!(refused);
    }
}

#[test]
fn every_single_bit_flip_of_a_small_batch_is_detected() {
    let good = written(Compression::Lz4, vec![b'a'; 200]);
    for at in (8..12).chain(16..good.len()) {
        for bit in 0..8 {
            let mut bytes = good.to_vec();
            bytes[at] ^= 1_u8 << bit;
            let error = Batch::parse(bytes.into()).and_then(|batch| batch.verify_crc()).unwrap_err();
            assert!(
                matches!(error.disposition(), Disposition::Corrupt | Disposition::Reject),
                "{at} {bit} {error}"
            );
        }
    }
}

#[test]
fn small_section_that_inflates_is_an_error_and_costs_no_more_than_the_limit() {
    for compression in &Compression::ALL[1..] {
        let section = section_of(*compression, vec![0; 64 << 20]);
        let bytes = sealed(Head { attributes: compression.id().into(), ..Head::of(2) }, &section);
        let batch = Batch::parse(bytes).unwrap();
        let limits = Limits { max_decompressed_bytes: 1 << 20 };
        let mut result = Ok(Vec::new());
        let info = measure(|| result = batch.records(limits));
        assert!(
            matches!(result, Err(Error::TooLarge { limit_bytes: 0x10_0000, .. })),
            "{compression} {result:?}"
        );
        assert!(info.bytes_max <= (4 << 20), "{compression}: {} bytes", info.bytes_max);
    }
}

#[test]
fn section_of_exactly_the_limit_is_read_and_one_byte_less_is_refused() {
    for compression in Compression::ALL {
        let batch = Batch::parse(written(compression, vec![7; 100_000])).unwrap();
        let size = section_of(Compression::None, vec![7; 100_000]).len();
        assert_eq!(batch.records(Limits { max_decompressed_bytes: size }).unwrap().len(), 2, "{compression}");
        let result = batch.records(Limits { max_decompressed_bytes: size - 1 });
        assert!(matches!(result, Err(Error::TooLarge { .. })), "{compression}");
    }
}
