//! Cutting a buffer into lines: pure, and the only place that knows what a line is.

use std::sync::Arc;

use bytes::Bytes;
use velostream_core::{SourcePosition, StreamRecord};

/// Where a buffer stands in its file, and the bounds that cutting keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span<'a> {
    /// Path for the positions.
    pub(crate) path: &'a Arc<str>,
    /// Byte offset of the buffer's first byte.
    pub(crate) offset: u64,
    /// Number of the buffer's first line.
    pub(crate) line: u64,
    /// Most records.
    pub(crate) max_records: usize,
    /// Longest line in bytes.
    pub(crate) max_line_bytes: usize,
    /// The buffer reaches the end of the file and the file is complete: what follows the last line feed is a line.
    pub(crate) last: bool,
}

/// What was cut.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Cut {
    /// The lines.
    pub(crate) records: Vec<StreamRecord>,
    /// Bytes that they and their line feeds took.
    pub(crate) used: usize,
    /// The last line had no line feed.
    pub(crate) unterminated: bool,
    /// The next line (after `used`) is longer than the bound. Set only where no record stands in front of it, so
    /// that everything before it is delivered first.
    pub(crate) too_long: bool,
}

/// Cuts whole lines off the front of `buffer`; values share its memory.
pub(crate) fn cut(buffer: &Bytes, span: Span<'_>) -> Cut {
    let mut out = Cut::default();
    while out.used < buffer.len() && out.records.len() < span.max_records {
        let rest = buffer.slice(out.used..);
        let (length, terminated) = match memchr::memchr(b'\n', &rest) {
            Some(length) => (length, true),
            None => (rest.len(), false),
        };
        if length > span.max_line_bytes {
            out.too_long = out.records.is_empty();
            break;
        }
        if !terminated && !span.last {
            break;
        }
        out.records.push(StreamRecord {
            key: None,
            value: Some(rest.slice(..length)),
            headers: Vec::new(),
            timestamp_ms: -1,
            position: SourcePosition::File {
                path: Arc::clone(span.path),
                offset: span.offset.saturating_add(out.used as u64),
                line: span.line.saturating_add(out.records.len() as u64),
            },
        });
        out.used = out.used.saturating_add(length).saturating_add(usize::from(terminated));
        out.unterminated = !terminated;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(path: &Arc<str>, last: bool) -> Span<'_> {
        Span { path, offset: 100, line: 7, max_records: 1000, max_line_bytes: 50, last }
    }

    fn values(cut: &Cut) -> Vec<&[u8]> {
        cut.records.iter().map(|r| r.value.as_deref().unwrap()).collect()
    }

    #[test]
    fn cut_keeps_empty_lines_and_carriage_returns_and_leaves_the_partial_line() {
        let path: Arc<str> = "f".into();
        let cut = cut(&Bytes::from_static(b"a\n\nb\r\npart"), span(&path, false));
        assert_eq!(values(&cut), [&b"a"[..], b"", b"b\r"]);
        assert_eq!((cut.used, cut.unterminated), (6, false));
        assert_eq!(cut.records[2].position, SourcePosition::File { path, offset: 103, line: 9 });
    }

    #[test]
    fn cut_at_the_end_of_a_complete_file_takes_the_line_without_line_feed() {
        let path: Arc<str> = "f".into();
        let cut = cut(&Bytes::from_static(b"a\npart"), span(&path, true));
        assert_eq!(values(&cut), [&b"a"[..], b"part"]);
        assert_eq!((cut.used, cut.unterminated), (6, true));
    }

    #[test]
    fn line_over_the_bound_is_reported_only_once_it_is_first() {
        let path: Arc<str> = "f".into();
        let long = Bytes::from([b"ok\n".as_slice(), &[b'x'; 51], b"\n"].concat());
        let first = cut(&long, span(&path, false));
        assert_eq!((values(&first), first.used, first.too_long), (vec![&b"ok"[..]], 3, false));
        let second = cut(&long.slice(3..), span(&path, false));
        assert_eq!((second.records.len(), second.too_long), (0, true));
    }

    proptest! {
        #[test]
        fn cut_of_any_bytes_in_any_steps_is_split_at_line_feeds(
            bytes in prop::collection::vec(prop::sample::select(vec![b'\n', b'\r', b'a', 0xff]), 0..200),
            max_records in 1..5usize,
        ) {
            let path: Arc<str> = "f".into();
            let all = Bytes::from(bytes.clone());
            let mut got = Vec::new();
            let mut at = 0;
            while at < all.len() {
                let cut = cut(&all.slice(at..), Span { max_records, max_line_bytes: 500, offset: at as u64,
                    line: got.len() as u64, path: &path, last: true });
                prop_assert!(cut.used > 0);
                for record in &cut.records {
                    let SourcePosition::File { offset, line, .. } = &record.position else { unreachable!() };
                    prop_assert_eq!(*line, got.len() as u64);
                    let value = record.value.clone().unwrap();
                    let offset = usize::try_from(*offset).unwrap();
                    prop_assert_eq!(&all[offset..offset + value.len()], &value[..]);
                    got.push(value.to_vec());
                }
                at += cut.used;
            }
            let mut want: Vec<Vec<u8>> = bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
            if want.last().is_some_and(Vec::is_empty) {
                want.pop();
            }
            prop_assert_eq!(got, want);
        }
    }
}
