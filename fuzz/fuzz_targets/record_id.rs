//! Record ids from text, and the list of fields of a composite id.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velostream_record_id::{CompositeFields, RecordId};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    velostream_fuzz::within(64, data, || {
        if let Ok(id) = RecordId::from_text(text) {
            assert_eq!(RecordId::from_text(&id.to_string()).expect("an id's text is an id"), id);
            std::hint::black_box(id.tracker_key());
        }
        let fields: Vec<&str> = text.split('\n').collect();
        drop(CompositeFields::parse(&fields));
    });
});
