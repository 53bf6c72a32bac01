//! The batches of a Fetch reply.

use std::iter::FusedIterator;

use bytes::{Buf, Bytes};

use crate::batch::check_magic;
use crate::header;
use crate::{Batch, Error, Result};

/// Splits the `records` field of a Fetch reply into its batches, without copying.
///
/// A broker cuts its reply at a byte count and may cut a batch: that ends the iteration silently, see
/// [`truncated`](Self::truncated). The first batch is always sent whole (KIP-74), so a reply that yields nothing and
/// is truncated is not progress. After an error the iteration ends.
#[derive(Debug, Clone)]
pub struct Batches {
    rest: Bytes,
    truncated: bool,
}

impl Batches {
    /// Over the bytes of a `records` field.
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        Self { rest: bytes, truncated: false }
    }

    /// True once the iteration ended at a batch that was cut.
    #[must_use]
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    fn split(&mut self) -> Result<Option<Batch>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        // Base offset, length, leader epoch, magic; magic 0 and 1 keep offset, length and magic in the same places.
        let Some(head) = self.rest.first_chunk::<17>() else {
            self.truncated = true;
            return Ok(None);
        };
        let mut from = &head[..];
        let (offset, length, _, magic) = (from.get_i64(), from.get_i32(), from.get_i32(), from.get_i8());
        check_magic(offset, magic)?;
        let available = self.rest.len() - header::LENGTH_PREFIX;
        match usize::try_from(length) {
            Ok(length) if length >= header::LEN - header::LENGTH_PREFIX => {
                if length > available {
                    self.truncated = true;
                    return Ok(None);
                }
                Batch::parse(self.rest.split_to(header::LENGTH_PREFIX + length)).map(Some)
            }
            _ => Err(Error::Length { offset, length: length.into(), available }),
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.split().transpose();
        if !matches!(item, Some(Ok(_))) {
            self.rest = Bytes::new();
        }
        item
    }
}

impl FusedIterator for Batches {}
