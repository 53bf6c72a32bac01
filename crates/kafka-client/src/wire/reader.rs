//! Reading responses. No count and no length is believed before it is compared with the bytes that are left.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use velostream_core::TopicId;

use crate::ErrorCode;

/// Bytes that do not follow the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct Malformed {
    /// What was being read.
    pub what: &'static str,
    /// Offset in the response, in bytes, header not counted.
    pub at: usize,
}

/// Reads one response of a known version.
///
/// Memory: an array grows as its elements are read, and every element takes at least one byte, so that what a decoder
/// allocates is bounded by a multiple of the bytes read: 64 at worst, for the struct that packs most densely.
#[derive(Debug, Clone)]
pub struct Reader {
    bytes: Bytes,
    len: usize,
    version: i16,
    flexible: bool,
}

impl Reader {
    /// Reads `bytes` as `version` of a response; `flexible` says whether that version has compact types.
    #[must_use]
    pub fn new(bytes: Bytes, version: i16, flexible: bool) -> Self {
        Self { len: bytes.len(), bytes, version, flexible }
    }

    /// The version being read.
    #[must_use]
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Bytes not read yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// An error at the current place.
    #[must_use]
    pub fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { what, at: self.len.saturating_sub(self.bytes.len()) }
    }

    fn fixed<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Malformed> {
        let found = self.bytes.first_chunk::<N>().copied().ok_or_else(|| self.malformed(what))?;
        self.bytes.advance(N);
        Ok(found)
    }

    /// A run of `len` bytes, sharing the response's memory.
    fn take(&mut self, len: usize, what: &'static str) -> Result<Bytes, Malformed> {
        if len > self.bytes.len() {
            return Err(self.malformed(what));
        }
        Ok(self.bytes.split_to(len))
    }

    /// An INT8.
    ///
    /// # Errors
    /// [`Malformed`] past the end; so for every method of this type.
    pub fn i8(&mut self) -> Result<i8, Malformed> {
        self.fixed("int8").map(i8::from_be_bytes)
    }

    /// An INT16.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn i16(&mut self) -> Result<i16, Malformed> {
        self.fixed("int16").map(i16::from_be_bytes)
    }

    /// An INT32.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn i32(&mut self) -> Result<i32, Malformed> {
        self.fixed("int32").map(i32::from_be_bytes)
    }

    /// An INT64.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn i64(&mut self) -> Result<i64, Malformed> {
        self.fixed("int64").map(i64::from_be_bytes)
    }

    /// A BOOLEAN; every byte but 0 is true.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn bool(&mut self) -> Result<bool, Malformed> {
        self.fixed::<1>("boolean").map(|b| b != [0])
    }

    /// A UUID.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn topic_id(&mut self) -> Result<TopicId, Malformed> {
        self.fixed("uuid").map(TopicId)
    }

    /// An INT16 error code.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn error_code(&mut self) -> Result<ErrorCode, Malformed> {
        self.i16().map(ErrorCode)
    }

    /// An INT32 of milliseconds; negative counts as zero.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn millis(&mut self) -> Result<Duration, Malformed> {
        self.i32().map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
    }

    /// An UNSIGNED_VARINT.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn uvarint(&mut self) -> Result<u32, Malformed> {
        let mut value: u64 = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.fixed("varint")?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| self.malformed("varint"));
            }
        }
        Err(self.malformed("varint"))
    }

    /// A length: compact (value + 1) in flexible versions, else INT16 or INT32. `None` is null.
    fn length(&mut self, short: bool, what: &'static str) -> Result<Option<usize>, Malformed> {
        let len = if self.flexible {
            i64::from(self.uvarint()?).saturating_sub(1)
        } else if short {
            i64::from(self.i16()?)
        } else {
            i64::from(self.i32()?)
        };
        match len {
            -1 => Ok(None),
            _ => usize::try_from(len).map(Some).map_err(|_| self.malformed(what)),
        }
    }

    fn text(&mut self, len: usize) -> Result<Bytes, Malformed> {
        let raw = self.take(len, "string length")?;
        if std::str::from_utf8(&raw).is_err() {
            return Err(self.malformed("string that is not utf-8"));
        }
        Ok(raw)
    }

    /// A string or null.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn nullable_string(&mut self) -> Result<Option<String>, Malformed> {
        match self.length(true, "string length")? {
            None => Ok(None),
            Some(len) => {
                let raw = self.text(len)?;
                Ok(Some(String::from_utf8_lossy(&raw).into_owned()))
            }
        }
    }

    /// A string.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn string(&mut self) -> Result<String, Malformed> {
        self.nullable_string()?.ok_or_else(|| self.malformed("null string"))
    }

    /// A string that many owners share.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn shared_string(&mut self) -> Result<Arc<str>, Malformed> {
        self.string().map(Arc::from)
    }

    /// Bytes or null, sharing the response's memory.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn nullable_bytes(&mut self) -> Result<Option<Bytes>, Malformed> {
        match self.length(false, "bytes length")? {
            None => Ok(None),
            Some(len) => self.take(len, "bytes length").map(Some),
        }
    }

    /// Bytes, sharing the response's memory.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn bytes(&mut self) -> Result<Bytes, Malformed> {
        self.nullable_bytes()?.ok_or_else(|| self.malformed("null bytes"))
    }

    /// An array or null; `element` reads one element with its tagged fields.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn nullable_array<T>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<Vec<T>>, Malformed> {
        let Some(count) = self.length(false, "array count")? else { return Ok(None) };
        // The smallest element of any schema is one byte long.
        if count > self.remaining() {
            return Err(self.malformed("array count"));
        }
        let mut elements = Vec::new();
        for _ in 0..count {
            elements.push(element(self)?);
        }
        Ok(Some(elements))
    }

    /// An array.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn array<T>(
        &mut self,
        element: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        self.nullable_array(element)?.ok_or_else(|| self.malformed("null array"))
    }

    /// The tagged fields at the end of a struct: `field` gets each tag with a reader of just that field; tags it does
    /// not know it leaves alone. Nothing in versions without tagged fields.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn tags(
        &mut self,
        mut field: impl FnMut(u32, &mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        if !self.flexible {
            return Ok(());
        }
        let count = self.uvarint()?;
        for _ in 0..count {
            let tag = self.uvarint()?;
            let len = usize::try_from(self.uvarint()?).map_err(|_| self.malformed("tag length"))?;
            let bytes = self.take(len, "tag length")?;
            // `len` is where the field ends, so that errors inside it still count from the start of the response.
            let len = self.len.saturating_sub(self.bytes.len());
            let mut inner = Self { bytes, len, version: self.version, flexible: self.flexible };
            field(tag, &mut inner)?;
        }
        Ok(())
    }

    /// Skips the tagged fields at the end of a struct.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn end_struct(&mut self) -> Result<(), Malformed> {
        self.tags(|_, _| Ok(()))
    }

    /// Leaves the rest unread.
    pub fn skip_rest(&mut self) {
        self.bytes.clear();
    }

    /// Checks that nothing is left.
    #[allow(clippy::missing_errors_doc, reason = "see i8")]
    pub fn finish(&self) -> Result<(), Malformed> {
        if self.bytes.is_empty() { Ok(()) } else { Err(self.malformed("trailing bytes")) }
    }
}
