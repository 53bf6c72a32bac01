//! Fetch responses, down to the batches in them: the first byte chooses the version.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use velostream_kafka_batch::Batches;
use velostream_kafka_client::{Fetch, Reader, Request};

fuzz_target!(|data: &[u8]| {
    let (version, body) = velostream_fuzz::selected(data);
    let version = Fetch::MIN + i16::from(version) % (Fetch::MAX - Fetch::MIN + 1);
    let bytes = Bytes::copy_from_slice(body);
    velostream_fuzz::within(64, body, || {
        let mut reader = Reader::new(bytes, version, version >= Fetch::FLEXIBLE);
        let Ok(response) = Fetch::decode(&mut reader) else { return };
        for partition in &response.partitions {
            for batch in Batches::new(partition.records.clone()).flatten() {
                drop((batch.verify_crc(), batch.validate()));
            }
        }
    });
});
