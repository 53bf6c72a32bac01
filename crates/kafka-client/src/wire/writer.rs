//! Writing requests.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use velostream_core::TopicId;

use crate::Segments;

/// Writes one request of a known version. A value that does not fit its field is remembered and refused when the
/// request is finished, so that encoders need not check every name.
#[derive(Debug)]
pub struct Writer {
    done: Segments,
    open: BytesMut,
    version: i16,
    flexible: bool,
    misfit: Option<&'static str>,
}

impl Writer {
    /// Writes `version` of a request; `flexible` says whether that version has compact types.
    #[must_use]
    pub fn new(version: i16, flexible: bool) -> Self {
        Self { done: Segments::new(), open: BytesMut::with_capacity(256), version, flexible, misfit: None }
    }

    /// The version being written.
    #[must_use]
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Everything written, or what did not fit.
    pub(crate) fn finish(mut self) -> Result<Segments, &'static str> {
        self.done.push(self.open.freeze());
        match self.misfit {
            Some(what) => Err(what),
            None => Ok(self.done),
        }
    }

    /// Remembers that a field does not fit.
    pub(crate) fn refuse(&mut self, what: &'static str) {
        self.misfit.get_or_insert(what);
    }

    /// An INT8.
    pub fn i8(&mut self, value: i8) {
        self.open.put_i8(value);
    }

    /// An INT16.
    pub fn i16(&mut self, value: i16) {
        self.open.put_i16(value);
    }

    /// An INT32.
    pub fn i32(&mut self, value: i32) {
        self.open.put_i32(value);
    }

    /// An INT64.
    pub fn i64(&mut self, value: i64) {
        self.open.put_i64(value);
    }

    /// A BOOLEAN.
    pub fn bool(&mut self, value: bool) {
        self.open.put_u8(u8::from(value));
    }

    /// A UUID.
    pub fn topic_id(&mut self, value: TopicId) {
        self.open.put_slice(&value.0);
    }

    /// An INT32 of milliseconds, at most `i32::MAX`.
    pub fn millis(&mut self, value: Duration) {
        self.open.put_i32(i32::try_from(value.as_millis()).unwrap_or(i32::MAX));
    }

    /// An UNSIGNED_VARINT.
    pub fn uvarint(&mut self, mut value: u32) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                self.open.put_u8(low & 0x7f);
                return;
            }
            self.open.put_u8(low | 0x80);
        }
    }

    fn length(&mut self, len: Option<usize>, short: bool, what: &'static str) {
        let len = match len {
            None => Ok(-1),
            Some(len) => i32::try_from(len),
        };
        let Ok(len) = len else { return self.refuse(what) };
        if self.flexible {
            self.uvarint(len.saturating_add(1).unsigned_abs());
        } else if !short {
            self.i32(len);
        } else if let Ok(len) = i16::try_from(len) {
            self.i16(len);
        } else {
            self.refuse(what);
        }
    }

    /// A string or null.
    pub fn nullable_string(&mut self, value: Option<&str>) {
        self.length(value.map(str::len), true, "string too long");
        self.open.put_slice(value.unwrap_or_default().as_bytes());
    }

    /// A string.
    pub fn string(&mut self, value: &str) {
        self.nullable_string(Some(value));
    }

    /// Bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.length(Some(value.len()), false, "bytes too long");
        self.open.put_slice(value);
    }

    /// Record batches, not copied.
    pub fn records(&mut self, value: &Segments) {
        self.length(Some(value.len()), false, "records too long");
        let before = self.open.split().freeze();
        self.done.push(before);
        value.iter().for_each(|piece| self.done.push(piece.clone()));
    }

    /// An array; `element` writes one element with its tagged fields.
    pub fn array<T>(&mut self, elements: &[T], mut element: impl FnMut(&mut Self, &T)) {
        self.length(Some(elements.len()), false, "array too long");
        elements.iter().for_each(|e| element(self, e));
    }

    /// An array or null.
    pub fn nullable_array<T>(&mut self, elements: Option<&[T]>, element: impl FnMut(&mut Self, &T)) {
        match elements {
            Some(elements) => self.array(elements, element),
            None => self.length(None, false, "array too long"),
        }
    }

    /// The (absent) tagged fields at the end of a struct.
    pub fn end_struct(&mut self) {
        if self.flexible {
            self.uvarint(0);
        }
    }
}
