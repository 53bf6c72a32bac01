//! What a job notes beside the ids that it shares with others.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use bytes::Bytes;
use velostream_checkpoint::frozen::{
    PositionsV1, decode_body, encode_body, freeze_positions, thaw_positions,
};
use velostream_core::{SourcePosition, SplitId};
use velostream_envelope::{BodyCodec, Format};

use crate::{Error, Result};

/// Magic and newest version of a note.
pub const SHARED_NOTE_FORMAT: Format = Format::new(*b"VSsn", 1);

/// Largest note that is read.
const MAX_NOTE_BYTES: usize = 16 * 1024 * 1024;

/// How far a job has come in the source with the ids that it delivered or promises to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedNote {
    /// Position next to be read, by split: the ids of all records in front of it are in the set.
    pub positions: BTreeMap<SplitId, SourcePosition>,
    /// The job's window in milliseconds; all jobs of a set have the same.
    pub window_ms: i64,
}

/// Version 1; frozen.
#[derive(Debug, Encode, Decode)]
struct NoteV1 {
    window_ms: i64,
    positions: PositionsV1,
}

impl SharedNote {
    /// The bytes that a set keeps.
    ///
    /// # Errors
    /// `Undecodable` -> Reject where a position has no frozen form.
    pub fn encode(&self, member: &str) -> Result<Bytes> {
        let failed = |source| undecodable(member, source);
        let positions = freeze_positions(&self.positions).map_err(failed)?;
        let body = encode_body(&NoteV1 { window_ms: self.window_ms, positions }).map_err(failed)?;
        let bytes = velostream_envelope::encode(SHARED_NOTE_FORMAT, BodyCodec::Bincode2, &body);
        bytes.map(Bytes::from).map_err(|source| failed(source.into()))
    }

    /// Reads them back. `member` is only for the error.
    ///
    /// # Errors
    /// `Undecodable`: Corrupt where the bytes are damaged, Reject where a later release wrote them.
    pub fn decode(member: &str, bytes: &[u8]) -> Result<Self> {
        let failed = |source| undecodable(member, source);
        let frame = velostream_envelope::decode(SHARED_NOTE_FORMAT, bytes, MAX_NOTE_BYTES);
        let frame = frame.map_err(|source| failed(source.into()))?;
        if frame.codec != BodyCodec::Bincode2 {
            return Err(failed(velostream_checkpoint::Error::Codec { version: frame.version }));
        }
        let NoteV1 { window_ms, positions } = decode_body(frame.body, frame.version).map_err(failed)?;
        Ok(Self { positions: thaw_positions(positions), window_ms })
    }
}

fn undecodable(member: &str, source: velostream_checkpoint::Error) -> Error {
    Error::Undecodable { key: member.to_owned(), what: "the note beside shared ids", source }
}
