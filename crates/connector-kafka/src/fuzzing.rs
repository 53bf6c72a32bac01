//! Entries for fuzz targets: the decoders that the crate keeps to itself. Built with `--cfg fuzzing` alone.

pub use crate::membership::fuzz_group_message as group_message;
pub use crate::sink::fuzz_transaction_log as transaction_log;

use bytes::Bytes;
use velostream_kafka_batch::Record;

use crate::journal::Entry;

/// A record of the internal topic. What is read can be written and reads back equal.
pub fn journal_entry(key: &str, value: &[u8]) {
    let key = Some(Bytes::copy_from_slice(key.as_bytes()));
    let record = Record { key, value: Some(Bytes::copy_from_slice(value)), ..Record::default() };
    let Ok(Some(entry)) = Entry::from_record(0, &record) else { return };
    if let Entry::Split(descriptor) = &entry {
        drop(descriptor.split());
    }
    let written = entry.to_record(0).expect("what was read can be written");
    assert_eq!(Entry::from_record(0, &written).expect("what was written is read"), Some(entry));
}
