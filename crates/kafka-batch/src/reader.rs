//! Records of one batch, one by one.

use std::iter::FusedIterator;

use bytes::Bytes;
use velostream_core::mutant;

use crate::attributes::LOG_APPEND_TIME;
use crate::header::Header;
use crate::record::{Record, RecordHeader};
use crate::{Error, RecordFault, Result, varint};

/// Bytes of the smallest record: length, attributes, two deltas, two null lengths, no headers.
const MIN_RECORD_LEN: usize = 7;
/// Bytes of the smallest header: two lengths.
const MIN_HEADER_LEN: usize = 2;

/// Reads the records of a decompressed section in order, sharing its memory. After an error it ends.
///
/// The record-level attribute byte is ignored, as by Kafka's own reader: no bit of it is in use.
#[derive(Debug, Clone)]
pub struct RecordReader {
    section: Bytes,
    at: usize,
    index: usize,
    count: usize,
    base_offset: i64,
    next_delta: i64,
    last_delta: i64,
    base_timestamp: i64,
    append_time: Option<i64>,
    done: bool,
}

impl RecordReader {
    pub(crate) fn new(section: Bytes, header: &Header) -> Self {
        Self {
            section,
            at: 0,
            index: 0,
            count: usize::try_from(header.count).unwrap_or(0),
            base_offset: header.base_offset,
            next_delta: 0,
            last_delta: header.last_offset_delta.into(),
            base_timestamp: header.base_timestamp,
            append_time: (header.attributes & LOG_APPEND_TIME != 0 && !mutant!(AppendTimeIgnored))
                .then_some(header.max_timestamp),
            done: false,
        }
    }

    fn read(&mut self) -> Result<Record, RecordFault> {
        let mut fields = Fields::record(&self.section, self.at)?;
        let timestamp_delta = fields.number("timestamp delta")?;
        let delta = fields.number("offset delta")?;
        if delta < self.next_delta || delta > self.last_delta {
            let (expected_min, expected_max) = (self.next_delta, self.last_delta);
            return Err(RecordFault::OffsetDelta { delta, expected_min, expected_max });
        }
        let key = fields.nullable("key length")?;
        let value = fields.nullable("value length")?;
        let headers = fields.headers()?;
        if fields.at != fields.end {
            return Err(RecordFault::LeftOver { bytes: fields.end - fields.at });
        }
        self.at = fields.end;
        self.next_delta = delta + 1;
        Ok(Record {
            offset: self.base_offset + delta,
            // Kafka's writer wraps too, so that every pair of 64-bit times survives.
            timestamp: self.append_time.unwrap_or_else(|| self.base_timestamp.wrapping_add(timestamp_delta)),
            key,
            value,
            headers,
        })
    }

    fn read_or_end(&mut self) -> Option<Result<Record, RecordFault>> {
        if self.index < self.count {
            return Some(self.read());
        }
        let bytes = self.section.len() - self.at;
        (bytes > 0).then_some(Err(RecordFault::LeftOver { bytes }))
    }
}

impl Iterator for RecordReader {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.read_or_end() {
            Some(Ok(record)) => {
                self.index += 1;
                Some(Ok(record))
            }
            Some(Err(source)) => {
                self.done = true;
                Some(Err(Error::Record { offset: self.base_offset, index: self.index, source }))
            }
            None => {
                self.done = true;
                None
            }
        }
    }

    /// The upper bound is what the section can hold, whatever the header says.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let rest = (self.section.len() - self.at) / MIN_RECORD_LEN;
        (0, Some(rest.min(self.count - self.index) + 1))
    }
}

impl FusedIterator for RecordReader {}

/// Reads fields between `at` and `end`; `end` never exceeds the section.
pub(crate) struct Fields<'a> {
    section: &'a Bytes,
    at: usize,
    end: usize,
}

impl<'a> Fields<'a> {
    /// Of the record at `at`, behind its length and attributes.
    pub(crate) fn record(section: &'a Bytes, at: usize) -> Result<Self, RecordFault> {
        let mut length = Self { section, at, end: section.len() };
        let end = length.length("length")?;
        let mut fields = Self { section, at: length.at, end: length.at + end };
        fields.skip_byte("attributes")?;
        Ok(fields)
    }

    /// Where the last of them ends.
    pub(crate) const fn end(&self) -> usize {
        self.end
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.section.get(self.at..self.end).unwrap_or_default()
    }

    fn remaining(&self) -> usize {
        self.end - self.at
    }

    fn skip_byte(&mut self, field: &'static str) -> Result<(), RecordFault> {
        if self.remaining() == 0 {
            return Err(RecordFault::Truncated { field });
        }
        self.at += 1;
        Ok(())
    }

    pub(crate) fn number(&mut self, field: &'static str) -> Result<i64, RecordFault> {
        match varint::decode(self.rest()) {
            Ok((value, taken)) => {
                self.at += taken;
                Ok(value)
            }
            Err(varint::Bad::Truncated) => Err(RecordFault::Truncated { field }),
            Err(varint::Bad::Overlong) => Err(RecordFault::Varint { field }),
        }
    }

    /// A length that may not be null and lies within what is left.
    fn length(&mut self, field: &'static str) -> Result<usize, RecordFault> {
        let length = self.number(field)?;
        match usize::try_from(length) {
            Ok(taken) if taken <= self.remaining() => Ok(taken),
            Ok(_) => Err(RecordFault::Truncated { field }),
            Err(_) => Err(RecordFault::Length { field, length }),
        }
    }

    fn bytes(&mut self, field: &'static str) -> Result<Bytes, RecordFault> {
        let length = self.length(field)?;
        let bytes = self.section.slice(self.at..self.at + length);
        self.at += length;
        Ok(bytes)
    }

    fn nullable(&mut self, field: &'static str) -> Result<Option<Bytes>, RecordFault> {
        // -1 is one byte, 0x01.
        if self.rest().first() == Some(&1) {
            self.at += 1;
            return Ok(mutant!(NullReadAsEmpty).then(Bytes::new));
        }
        self.bytes(field).map(Some)
    }

    fn headers(&mut self) -> Result<Vec<RecordHeader>, RecordFault> {
        let count = self.number("header count")?;
        let remaining = self.remaining();
        let bounded = usize::try_from(count).ok().filter(|count| *count <= remaining / MIN_HEADER_LEN);
        let bounded = bounded.ok_or(RecordFault::HeaderCount { count, remaining })?;
        let mut headers = Vec::with_capacity(bounded);
        for _ in 0..bounded {
            let name = self.bytes("header name length")?;
            let value = self.nullable("header value length")?;
            headers.push(RecordHeader { name, value });
        }
        Ok(headers)
    }
}
