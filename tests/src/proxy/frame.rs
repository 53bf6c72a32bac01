//! Length-prefixed frames, and the few fields of them that matter here.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::sync::Arc;

use super::Api;

/// Longest frame that is believed, in bytes (the broker's default of `socket.request.max.bytes`).
const MAX_FRAME: usize = 100 << 20;

/// A frame that does not follow the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub what: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl std::error::Error for Malformed {}

/// Reads one frame without its length; `None` where the stream ends between two frames. Memory grows as bytes arrive,
/// whatever the length says.
///
/// # Errors
/// Those of the stream; `InvalidData` for a length that is negative or beyond 100 MiB; `UnexpectedEof` inside a frame.
pub fn read_frame(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut prefix = Vec::with_capacity(4);
    stream.by_ref().take(4).read_to_end(&mut prefix)?;
    if prefix.is_empty() {
        return Ok(None);
    }
    let prefix: [u8; 4] = prefix.try_into().map_err(|_| io::Error::from(ErrorKind::UnexpectedEof))?;
    let length = usize::try_from(i32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
    if length > MAX_FRAME {
        return Err(io::Error::new(ErrorKind::InvalidData, Malformed { what: "frame length" }));
    }
    let mut frame = Vec::new();
    stream.by_ref().take(u64::try_from(length).unwrap_or(u64::MAX)).read_to_end(&mut frame)?;
    if frame.len() < length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(frame))
}

/// A frame with its length in front, as it goes over the wire.
pub(super) fn framed(frame: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(frame.len() + 4);
    bytes.extend_from_slice(&i32::try_from(frame.len()).unwrap_or(i32::MAX).to_be_bytes());
    bytes.extend_from_slice(frame);
    bytes
}

/// The header of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What is asked.
    pub api: Api,
    /// In which version.
    pub version: i16,
    /// Number that the reply repeats.
    pub correlation: i32,
    /// Name that the client gives itself; empty where it gives none.
    pub client: Arc<str>,
}

/// A request: its header and where its body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// Its header.
    pub head: Head,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads the header (version 1, or 2 with tagged fields; RequestHeader.json).
    ///
    /// # Errors
    /// Where the frame is too short for what it says.
    pub fn parse(frame: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Fields(frame);
        let api = Api::of(fields.i16()?);
        let version = fields.i16()?;
        let correlation = fields.i32()?;
        // In both header versions the client id is an old, not a compact, string.
        let client = fields.string()?.unwrap_or_default();
        let client = Arc::from(String::from_utf8_lossy(client).as_ref());
        if flexible(api, version) {
            fields.tagged()?;
        }
        Ok(Self { head: Head { api, version, correlation, client }, body: fields.0 })
    }

    /// The transactional id of a Produce, EndTxn, TxnOffsetCommit, InitProducerId, AddPartitionsToTxn or
    /// AddOffsetsToTxn; `None` where there is none.
    #[must_use]
    pub fn transactional_id(&self) -> Option<&'a [u8]> {
        use Api::{AddOffsetsToTxn, AddPartitionsToTxn, EndTxn, InitProducerId, Produce, TxnOffsetCommit};
        let Head { api, version, .. } = self.head;
        let has_id = match api {
            Produce => version >= 3,
            // From version 4 on brokers verify several transactions at once.
            AddPartitionsToTxn => version <= 3,
            EndTxn | TxnOffsetCommit | InitProducerId | AddOffsetsToTxn => true,
            _ => false,
        };
        let mut fields = Fields(self.body);
        let id = if !has_id {
            return None;
        } else if flexible(api, version) {
            fields.compact_string()
        } else {
            fields.string()
        };
        id.ok().flatten()
    }

    /// Whether an EndTxn commits; `None` for any other request.
    #[must_use]
    pub fn commits(&self) -> Option<bool> {
        if self.head.api != Api::EndTxn {
            return None;
        }
        let id = self.transactional_id()?;
        // Its length takes two bytes as an old string, and one as a compact one of up to 126 bytes.
        let prefix = match flexible(Api::EndTxn, self.head.version) {
            true if id.len() > 126 => return None,
            true => 1,
            false => 2,
        };
        // Producer id and epoch stand between.
        self.body.get(prefix + id.len() + 10).map(|commits| *commits != 0)
    }
}

/// A reply, read with what its request says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply<'a> {
    frame: &'a [u8],
}

impl<'a> Reply<'a> {
    /// A reply's frame.
    #[must_use]
    pub const fn new(frame: &'a [u8]) -> Self {
        Self { frame }
    }

    /// The number of the request that it answers.
    #[must_use]
    pub fn correlation(&self) -> Option<i32> {
        Fields(self.frame).i32().ok()
    }

    /// The error code, for requests that have one for the whole or, as TxnOffsetCommit, per partition (the first that
    /// is not 0). `None` for other requests and for what cannot be read.
    #[must_use]
    pub fn error(&self, api: Api, version: i16) -> Option<i16> {
        let at = self.fields_at(api, version)?;
        let mut fields = Fields(self.frame.get(at..)?);
        match api {
            Api::EndTxn | Api::InitProducerId | Api::AddOffsetsToTxn => {}
            Api::Heartbeat | Api::SyncGroup | Api::LeaveGroup if version >= 1 => {}
            Api::JoinGroup if version >= 2 => {}
            Api::TxnOffsetCommit => return fields.worst_partition(flexible(api, version)).ok(),
            _ => return None,
        }
        // After the time for which the broker throttles the client.
        fields.i32().and_then(|_| fields.i16()).ok()
    }

    /// Where the body begins: after the correlation id, and after the tagged fields where the version has them.
    fn fields_at(&self, api: Api, version: i16) -> Option<usize> {
        let mut fields = Fields(self.frame.get(4..)?);
        if flexible(api, version) && api != Api::ApiVersions {
            fields.tagged().ok()?;
        }
        Some(self.frame.len() - fields.0.len())
    }
}

/// Bytes of the correlation id in a reply.
pub(super) const CORRELATION: Range<usize> = 0..4;

fn flexible(api: Api, version: i16) -> bool {
    api.first_flexible().is_some_and(|first| version >= first)
}

/// What is left of a frame.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed { what: "frame cut short" })?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.bytes(N)?.try_into().map_err(|_| Malformed { what: "frame cut short" })
    }

    fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    fn varint(&mut self) -> Result<usize, Malformed> {
        let mut value = 0_usize;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed { what: "varint too long" })
    }

    fn string(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        usize::try_from(self.i16()?).map_or(Ok(None), |length| self.bytes(length).map(Some))
    }

    fn compact_string(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        self.varint()?.checked_sub(1).map_or(Ok(None), |length| self.bytes(length).map(Some))
    }

    fn tagged(&mut self) -> Result<(), Malformed> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let length = self.varint()?;
            self.bytes(length)?;
        }
        Ok(())
    }

    fn count(&mut self, flexible: bool) -> Result<usize, Malformed> {
        if flexible {
            return Ok(self.varint()?.saturating_sub(1));
        }
        Ok(usize::try_from(self.i32()?).unwrap_or_default())
    }

    /// The first error of a TxnOffsetCommit, 0 where there is none.
    fn worst_partition(&mut self, flexible: bool) -> Result<i16, Malformed> {
        self.i32()?;
        let mut worst = 0;
        for _ in 0..self.count(flexible)? {
            if flexible {
                self.compact_string()?
            } else {
                self.string()?
            };
            for _ in 0..self.count(flexible)? {
                self.i32()?;
                let error = self.i16()?;
                worst = if worst == 0 { error } else { worst };
                if flexible {
                    self.tagged()?;
                }
            }
            if flexible {
                self.tagged()?;
            }
        }
        Ok(worst)
    }
}

#[cfg(test)]
mod tests;
