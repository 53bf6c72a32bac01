//! What the ledger keeps in a store: checkpoint, root, id chunk. As found, and with a right envelope around any body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velostream_checkpoint::{decode, encode};
use velostream_envelope::{BodyCodec, Format};
use velostream_fuzz::{sealed, sealed_as, within};

fn checkpoint(bytes: &[u8]) {
    let mut read = None;
    within(160, bytes, || read = decode(bytes).ok());
    if let Some(checkpoint) = read {
        let written = encode(&checkpoint).expect("what was read can be written");
        assert_eq!(decode(&written).expect("what was written is read"), checkpoint);
    }
}

fuzz_target!(|data: &[u8]| {
    checkpoint(data);
    checkpoint(&sealed(*b"VSck", BodyCodec::Bincode2, data));
    let root = |bytes: &[u8]| within(160, bytes, || velostream_ledger::fuzzing::root(bytes));
    let chunk = |bytes: &[u8]| within(4, bytes, || velostream_ledger::fuzzing::chunk(bytes));
    root(data);
    chunk(data);
    for version in 1..=3 {
        root(&sealed_as(Format::new(*b"VSrt", version), BodyCodec::Bincode2, data));
        chunk(&sealed_as(Format::new(*b"VSid", version), BodyCodec::Raw, data));
    }
});
