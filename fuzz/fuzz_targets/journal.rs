//! A job's internal topic (descriptor, claim, progress) and the messages of its consumer group.
//!
//! The first byte chooses the format; the rest is the value as found, and the body of a value that is sealed right.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velostream_connector_kafka::fuzzing;
use velostream_envelope::BodyCodec;
use velostream_fuzz::{sealed, selected, within};

fuzz_target!(|data: &[u8]| {
    let (choice, value) = selected(data);
    let (key, magic) = match choice % 5 {
        0 => ("split", *b"VSsp"),
        1 => ("claim/lane", *b"VScl"),
        2 => ("progress", *b"VSpg"),
        3 => return within(128, data, || fuzzing::group_message(value)),
        _ => return within(128, data, || fuzzing::group_message(&with_user_data(value))),
    };
    for value in [value.to_vec(), sealed(magic, BodyCodec::Json, value)] {
        within(128, data, || fuzzing::journal_entry(key, &value));
    }
});

/// The outer form of Kafka's own consumers, without topics, around a message of ours.
fn with_user_data(json: &[u8]) -> Vec<u8> {
    [&[0; 6][..], &(json.len() as u32).to_be_bytes(), json].concat()
}
