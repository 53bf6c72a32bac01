//! Writing records as lines.

use velostream_core::StreamRecord;

use crate::{Error, Result};

/// Appends value and line feed of each record; on an error `out` is as before.
///
/// # Errors
/// `NewlineInValue`, `Tombstone`, naming the record.
pub(crate) fn append(records: &[StreamRecord], out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    let bytes: usize =
        records.iter().map(|r| r.value.as_ref().map_or(1, |v| v.len().saturating_add(1))).sum();
    out.reserve(bytes);
    for record in records {
        let refused = match &record.value {
            None => Error::Tombstone { position: record.position.clone() },
            Some(value) if memchr::memchr(b'\n', value).is_some() => {
                Error::NewlineInValue { position: record.position.clone() }
            }
            Some(value) => {
                out.extend_from_slice(value);
                out.push(b'\n');
                continue;
            }
        };
        out.truncate(start);
        return Err(refused);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use velostream_core::SourcePosition;

    use super::*;

    fn record(value: Option<&'static str>) -> StreamRecord {
        StreamRecord {
            key: Some(Bytes::from_static(b"k")),
            value: value.map(|v| Bytes::from_static(v.as_bytes())),
            headers: Vec::new(),
            timestamp_ms: 0,
            position: SourcePosition::File { path: "f".into(), offset: 3, line: 1 },
        }
    }

    #[test]
    fn values_stand_one_per_line_and_empty_ones_too() {
        let mut out = b"x\n".to_vec();
        append(&[record(Some("a\r")), record(Some("")), record(Some("b"))], &mut out).unwrap();
        assert_eq!(out, b"x\na\r\n\nb\n");
    }

    #[test]
    fn refused_record_leaves_nothing_of_its_chunk() {
        let mut out = b"x\n".to_vec();
        let refused = append(&[record(Some("a")), record(Some("b\nc"))], &mut out).unwrap_err();
        assert!(matches!(&refused, Error::NewlineInValue { .. }));
        assert!(refused.to_string().contains("f@3 (line 1)"), "{refused}");
        assert!(matches!(append(&[record(Some("a")), record(None)], &mut out), Err(Error::Tombstone { .. })));
        assert_eq!(out, b"x\n");
    }
}
