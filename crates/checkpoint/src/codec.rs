//! A checkpoint as bytes: envelope around a frozen body.

use velostream_envelope::{BodyCodec, Format};

use crate::frozen::{CheckpointV1, decode_body, encode_body};
use crate::{Error, ProcessingCheckpoint, Result};

/// Magic and newest version of a checkpoint.
pub const FORMAT: Format = Format::new(*b"VSck", 1);

/// Largest body that is read or written, 16 MiB: 100 times a checkpoint of 1,000 Kafka partitions.
pub const MAX_CHECKPOINT_BYTES: usize = 16 * 1024 * 1024;

/// The bytes of a checkpoint, in the newest format.
///
/// # Errors
/// `Encode`, `UnknownPosition`, `Frame` (too large) -> Reject.
pub fn encode(checkpoint: &ProcessingCheckpoint) -> Result<Vec<u8>> {
    let body = encode_body(&CheckpointV1::try_from(checkpoint)?)?;
    if body.len() > MAX_CHECKPOINT_BYTES {
        let limit_bytes = MAX_CHECKPOINT_BYTES;
        return Err(velostream_envelope::Error::TooLarge { found_bytes: body.len(), limit_bytes }.into());
    }
    Ok(velostream_envelope::encode(FORMAT, BodyCodec::Bincode2, &body)?)
}

/// Reads a checkpoint of any version up to the newest.
///
/// # Errors
/// `Frame` -> Corrupt, or Reject where it is newer or too large; `Body`, `LeftOver`, `Codec` -> Corrupt.
pub fn decode(bytes: &[u8]) -> Result<ProcessingCheckpoint> {
    let frame = velostream_envelope::decode(FORMAT, bytes, MAX_CHECKPOINT_BYTES)?;
    let version = frame.version;
    if frame.codec != BodyCodec::Bincode2 {
        return Err(Error::Codec { version });
    }
    // Versions above the newest were refused with the frame.
    let checkpoint: CheckpointV1 = decode_body(frame.body, version)?;
    Ok(checkpoint.into())
}
