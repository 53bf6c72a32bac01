//! Record batches: split, checked, decompressed, read, rewritten, written again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use velostream_fuzz::{selected, within};
use velostream_kafka_batch::{
    Batch, Batches, Compression, Limits, ProducerStamp, Record, WriteOptions, merge, rewrite, write_batch,
};

/// What decompression may bring out; it bounds the memory together with the input.
const LIMITS: Limits = Limits { max_decompressed_bytes: 64 << 10 };
const STAMP: ProducerStamp = ProducerStamp { id: 7, epoch: 1, base_sequence: i32::MAX };
const CRC: std::ops::Range<usize> = 17..21;

fuzz_target!(|data: &[u8]| {
    let (choice, data) = selected(data);
    let input = Bytes::copy_from_slice(data);
    within(64, data, || {
        let mut batches = Batches::new(input.clone());
        for batch in batches.by_ref().flatten() {
            drop((
                batch.verify_crc(),
                batch.validate(),
                batch.fallback(batch.base_offset()),
                batch.control_marker(),
            ));
        }
        std::hint::black_box(batches.truncated());
    });
    // A length and a checksum that fit: the fuzzer's work is what stands between them.
    let Some(batch) = fitted(data) else { return };
    let mut read = None;
    // 64 KiB of empty records, 7 bytes each, take 17 times as much.
    within(256, data, || read = read_all(&batch));
    if batch.validate().is_ok()
        && let Ok(rewritten) = rewrite(&batch, STAMP)
    {
        let rewritten = Batch::parse(rewritten.to_bytes()).expect("what was rewritten parses");
        rewritten.verify_crc().expect("the derived checksum is right");
        assert_eq!(rewritten.body(), batch.body());
    }
    within(256, data, || {
        if let Ok(twice) = merge(&[batch.clone(), batch.clone()], LIMITS) {
            let twice = Batch::parse(twice).expect("what was merged parses");
            twice.verify_crc().expect("what was merged has its checksum");
            assert_eq!(twice.count(), 2 * batch.count());
        }
    });
    if let Some(records) = read.filter(|records| !records.is_empty()) {
        round_trip(records, Compression::ALL[usize::from(choice) % Compression::ALL.len()]);
    }
});

fn fitted(data: &[u8]) -> Option<Batch> {
    let mut bytes = data.to_vec();
    let length = i32::try_from(bytes.len().checked_sub(12)?).ok()?;
    bytes.get_mut(8..12)?.copy_from_slice(&length.to_be_bytes());
    let crc = crc32c::crc32c(bytes.get(CRC.end..)?);
    bytes.get_mut(CRC)?.copy_from_slice(&crc.to_be_bytes());
    let batch = Batch::parse(bytes.into()).ok()?;
    // A header that contradicts itself is refused here too.
    batch.verify_crc().is_ok().then_some(batch)
}

fn read_all(batch: &Batch) -> Option<Vec<Record>> {
    let whole = batch.records(LIMITS);
    if let Ok(reader) = batch.reader(LIMITS) {
        let one_by_one: Result<Vec<_>, _> = reader.collect();
        assert_eq!(one_by_one.is_ok(), whole.is_ok());
        if let (Ok(one_by_one), Ok(whole)) = (one_by_one, &whole) {
            assert_eq!(&one_by_one, whole);
        }
    }
    whole.ok()
}

fn round_trip(records: Vec<Record>, compression: Compression) {
    let options = WriteOptions { compression, ..WriteOptions::default() };
    let batch =
        Batch::parse(write_batch(&records, options).expect("what was read can be written")).expect("parses");
    batch.verify_crc().expect("what was written has its checksum");
    let limits = Limits { max_decompressed_bytes: 1 << 24 };
    let again = batch.records(limits).expect("what was written is read");
    let dense = records.into_iter().zip(0..).map(|(record, offset)| Record { offset, ..record });
    assert_eq!(again, dense.collect::<Vec<_>>());
}
