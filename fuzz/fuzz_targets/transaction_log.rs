//! Values of `__transaction_state`, the log of Kafka's transaction coordinators.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    velostream_fuzz::within(64, data, || velostream_connector_kafka::fuzzing::transaction_log(data));
});
