//! A new header for a body that stays as it is.

use bytes::{BufMut, Bytes, BytesMut};

use crate::attributes;
use crate::header::{self, Header};
use crate::{Batch, Error, Result, crc};

/// What a producer signs a batch with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProducerStamp {
    /// Producer id, as InitProducerId or EndTxn returned it.
    pub id: i64,
    /// Producer epoch.
    pub epoch: i16,
    /// Sequence number of the batch's first record; wraps from `i32::MAX` to 0 (KIP-98).
    pub base_sequence: i32,
}

/// A batch ready to be produced: two pieces, so that the body is not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// The new header.
    pub header: [u8; Batch::HEADER_LEN],
    /// The records section; shares memory with the source batch.
    pub body: Bytes,
}

impl Rewritten {
    /// Size of both pieces in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a batch is never shorter than its header")]
    pub fn len(&self) -> usize {
        self.header.len() + self.body.len()
    }

    /// Both pieces in one buffer; copies the body.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.len());
        bytes.put_slice(&self.header);
        bytes.put_slice(&self.body);
        bytes.freeze()
    }
}

/// Signs a batch for the sink: base offset 0, leader epoch -1, transactional bit, the producer's stamp. Codec,
/// timestamps and body stay. A batch that [`write_batch`](crate::write_batch) made can be signed anew the same way.
///
/// Costs the same for every size: the new checksum is derived from the stored one, not from another pass over the
/// body. So it is right exactly if the stored one is; call [`Batch::verify_crc`] once before, when the batch arrives.
///
/// # Errors
/// [`Error::NotPassThrough`] (Reject) where [`Batch::fallback`] names a reason whatever the position, and those of
/// [`Batch::validate`].
pub fn rewrite(batch: &Batch, stamp: ProducerStamp) -> Result<Rewritten> {
    batch.validate()?;
    if let Some(reason) = batch.fallback(batch.base_offset()) {
        return Err(Error::NotPassThrough { offset: batch.base_offset(), reason });
    }
    let old = batch.header();
    let mut new = Header {
        base_offset: 0,
        partition_leader_epoch: header::NO_LEADER_EPOCH,
        attributes: old.attributes | attributes::TRANSACTIONAL,
        producer_id: stamp.id,
        producer_epoch: stamp.epoch,
        base_sequence: stamp.base_sequence,
        ..*old
    };
    let body = batch.body();
    new.crc = crc::with_new_header(old.crc, old.crc_of_covered(), new.crc_of_covered(), body.len());
    Ok(Rewritten { header: new.encode(), body })
}
