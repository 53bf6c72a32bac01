//! Headers as librdkafka hands them out.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use rdkafka::message::{BorrowedHeaders, Headers as _};

use crate::fingerprint::FingerprintBuilder;

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

static QUIET: Once = Once::new();

/// Adds a record's headers to its fingerprint, in order. Returns false if one could not be read.
///
/// Kafka's protocol says that a header's name is a string, but brokers store whatever bytes a producer sent. The
/// `rdkafka` crate panics on a name that is not UTF-8 and has no other way to the header. The panic is caught here, the
/// header counts as "there, unread", and the caller reports how many there were. A process that is built with
/// `panic = "abort"` would end instead.
pub(crate) fn add_headers(builder: &mut FingerprintBuilder, headers: &BorrowedHeaders) -> bool {
    let mut all_read = true;
    for at in 0..headers.count() {
        EXPECTED.set(true);
        let header = panic::catch_unwind(AssertUnwindSafe(|| headers.try_get(at)));
        EXPECTED.set(false);
        if let Ok(Some(header)) = header {
            builder.header(Some(header.key.as_bytes()), header.value);
        } else {
            all_read = false;
            builder.header(None, None);
        }
    }
    all_read
}

/// Keeps the panics that [`add_headers`] catches off stderr; all others are printed as before.
pub(crate) fn keep_expected_panics_quiet() {
    QUIET.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !EXPECTED.get() {
                usual(info);
            }
        }));
    });
}
