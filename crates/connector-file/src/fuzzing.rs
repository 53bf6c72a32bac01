//! Entries for fuzz targets: the decoders that the crate keeps to itself. Built with `--cfg fuzzing` alone.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::Manifest;
use crate::lines::{Span, cut};

/// A manifest. What is read can be written and reads back equal.
pub fn manifest(bytes: &[u8]) {
    let path = Path::new("m");
    let Ok(manifest) = Manifest::decode(bytes, path) else { return };
    let written = manifest.encode().expect("what was read can be written");
    assert_eq!(Manifest::decode(&written, path).expect("what was written is read"), manifest);
}

/// Cuts a whole buffer in steps; the lines and their line feeds are the buffer again.
pub fn lines(buffer: &[u8], max_line_bytes: usize, max_records: usize) {
    let path: Arc<str> = "f".into();
    let all = Bytes::copy_from_slice(buffer);
    let (mut used, mut line) = (0, 0);
    while used < all.len() {
        let span = Span { path: &path, offset: used as u64, line, max_records, max_line_bytes, last: true };
        let cut = cut(&all.slice(used..), span);
        let mut again = Vec::new();
        for record in &cut.records {
            let value = record.value.as_deref().expect("a line has a value");
            assert!(value.len() <= max_line_bytes);
            again.extend_from_slice(value);
            again.push(b'\n');
        }
        if cut.unterminated {
            again.pop();
        }
        assert_eq!(again, all.slice(used..used + cut.used));
        if cut.too_long {
            assert!(cut.records.is_empty());
            return;
        }
        assert!(cut.used > 0, "cutting goes on");
        used += cut.used;
        line += cut.records.len() as u64;
    }
}
