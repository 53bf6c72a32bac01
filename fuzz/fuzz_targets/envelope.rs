//! The envelope around every persisted value: as found, and with a right checksum around any body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velostream_envelope::{BodyCodec, Format, decode, encode};

const FORMAT: Format = Format::new(*b"VSck", 3);

fuzz_target!(|data: &[u8]| {
    velostream_fuzz::within(1, data, || {
        if let Ok(frame) = decode(FORMAT, data, 1 << 16) {
            let again = encode(Format::new(*b"VSck", frame.version), frame.codec, frame.body).expect("fits");
            assert_eq!(again, data);
        }
    });
    let written = encode(FORMAT, BodyCodec::Raw, data).expect("fits");
    assert_eq!(decode(FORMAT, &written, data.len()).expect("what was written is read").body, data);
});
