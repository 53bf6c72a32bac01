//! Cutting a buffer into lines: the first byte bounds the lines, the second the records of a cut.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [longest, records, buffer @ ..] = data else { return };
    // An empty line, one byte, becomes a record.
    velostream_fuzz::within(512, data, || {
        velostream_connector_file::fuzzing::lines(
            buffer,
            usize::from(*longest),
            usize::from(*records).max(1),
        );
    });
});
