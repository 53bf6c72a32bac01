//! The file sink's manifest: as found, and with a right header over any body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use velostream_connector_file::fuzzing;
use velostream_fuzz::within;

fuzz_target!(|data: &[u8]| {
    within(128, data, || fuzzing::manifest(data));
    let crc = crc32c::crc32c(data);
    let head = format!("velostream-file-manifest 1 crc32c={crc:08x} bytes={}\n", data.len());
    let sealed = [head.as_bytes(), data, b"\n"].concat();
    within(128, data, || fuzzing::manifest(&sealed));
});
