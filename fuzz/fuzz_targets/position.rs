//! Positions in record ids: what parses is spelt the one way that is generated.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velostream_record_id::{RecordId, parse_position, position_id};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    velostream_fuzz::within(64, data, || {
        let Ok(id) = RecordId::from_text(text) else { return };
        match parse_position(&id) {
            Ok(position) => assert_eq!(position_id(&position).expect("it came from an id"), id),
            Err(error) => drop(error.to_string()),
        }
    });
});
