//! What the ledger keeps in a store: checkpoint, root, id chunk. As found, and with a right envelope around any body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velostream_checkpoint::{decode, encode};
use velostream_envelope::BodyCodec;
use velostream_fuzz::{sealed, within};

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
    for root in [data, &sealed(*b"VSrt", BodyCodec::Bincode2, data)] {
        within(160, root, || velostream_ledger::fuzzing::root(root));
    }
    for chunk in [data, &sealed(*b"VSid", BodyCodec::Raw, data)] {
        within(4, chunk, || velostream_ledger::fuzzing::chunk(chunk));
    }
});
