//! Frames: a request with its header, and the bytes of one response.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::{ApiKey, Error, Malformed, Reader, Request, Result, Segments, Writer};

/// Size, API key, version, correlation id: what stands in front of every request.
const PREFIX_LEN: usize = 12;
/// Memory taken on the word of a length field alone; more only as bytes arrive.
const TRUSTED_LEN: usize = 1 << 20;

/// A request that only lacks its correlation id.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    body: Segments,
}

impl Frame {
    /// Writes `request` in `version`; header 1, or 2 where the version is flexible (RequestHeader.json).
    pub(crate) fn encode<R: Request>(request: &R, version: i16, client_id: &str) -> Result<Self> {
        // In both header versions the client id is an old, not a compact, string.
        let mut header = Writer::new(version, false);
        header.nullable_string(Some(client_id));
        let flexible = version >= R::FLEXIBLE;
        if flexible {
            header.i8(0);
        }
        let mut w = Writer::new(version, flexible);
        request.encode(&mut w)?;
        let encode = |what| Error::Encode { api: R::KEY, what };
        let mut body = w.finish().map_err(encode)?;
        body.push_front(header.finish().map_err(encode)?.to_bytes());
        if i32::try_from(body.len()).is_err() {
            return Err(encode("request longer than 2 GiB"));
        }
        Ok(Self { api: R::KEY, version, body })
    }

    /// Bytes on the wire.
    pub(crate) fn len(&self) -> usize {
        self.body.len().saturating_add(PREFIX_LEN)
    }

    /// The bytes on the wire.
    pub(crate) fn into_segments(mut self, correlation: i32) -> Segments {
        let mut prefix = BytesMut::with_capacity(PREFIX_LEN);
        // The size does not count itself. `encode` has checked that it fits.
        let size = self.body.len().saturating_add(PREFIX_LEN - 4);
        prefix.put_i32(i32::try_from(size).unwrap_or(i32::MAX));
        prefix.put_i16(self.api.number());
        prefix.put_i16(self.version);
        prefix.put_i32(correlation);
        self.body.push_front(prefix.freeze());
        self.body
    }
}

/// Why no further response comes.
#[derive(Debug)]
pub(crate) enum Broken {
    Io(io::Error),
    Malformed(Malformed),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads one response: its correlation id and the rest.
pub(crate) async fn read_response(
    stream: &mut (impl AsyncRead + Unpin),
    max_bytes: usize,
) -> Result<(i32, Bytes), Broken> {
    let malformed = |what| Broken::Malformed(Malformed { what, at: 0 });
    let size = stream.read_i32().await?;
    let len = usize::try_from(size).map_err(|_| malformed("negative frame length"))?;
    if len > max_bytes {
        return Err(malformed("frame longer than max_response_bytes"));
    }
    let Some(len) = len.checked_sub(4) else { return Err(malformed("frame without a correlation id")) };
    let correlation = stream.read_i32().await?;
    let mut frame = BytesMut::with_capacity(len.min(TRUSTED_LEN));
    while frame.len() < len {
        let missing = len.saturating_sub(frame.len());
        if frame.capacity() == frame.len() {
            frame.reserve(missing.min(frame.len()));
        }
        if stream.read_buf(&mut (&mut frame).limit(missing)).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    Ok((correlation, frame.freeze()))
}

/// Reads the rest of a response header and the body. Header 1 where the version is flexible, except for ApiVersions,
/// which always has header 0 because it is asked before versions are known (KIP-511).
pub(crate) fn decode_response<R: Request>(frame: Bytes, version: i16) -> Result<R::Response, Malformed> {
    let flexible = version >= R::FLEXIBLE;
    let mut r = Reader::new(frame, version, flexible);
    if R::KEY != ApiKey::ApiVersions {
        r.end_struct()?;
    }
    let response = R::decode(&mut r)?;
    r.finish()?;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(len: i32, body: &[u8]) -> Vec<u8> {
        [&len.to_be_bytes()[..], body].concat()
    }

    #[tokio::test]
    async fn frame_is_read_exactly_and_the_next_one_stays() {
        let bytes = [framed(6, b"\0\0\0\x07ab"), framed(4, b"\0\0\0\x08")].concat();
        let mut stream = bytes.as_slice();
        let (id, body) = read_response(&mut stream, 100).await.unwrap();
        assert_eq!((id, &*body), (7, &b"ab"[..]));
        let (id, body) = read_response(&mut stream, 100).await.unwrap();
        assert_eq!((id, body.len()), (8, 0));
    }

    #[tokio::test]
    async fn frame_length_beyond_bound_or_negative_or_too_short_is_malformed() {
        for len in [-1, 0, 3, 101, i32::MAX] {
            let bytes = framed(len, b"\0\0\0\x07abcdef");
            assert!(
                matches!(read_response(&mut bytes.as_slice(), 100).await, Err(Broken::Malformed(_))),
                "{len}"
            );
        }
    }

    #[tokio::test]
    async fn frame_cut_short_is_an_io_error() {
        let bytes = framed(1 << 30, b"\0\0\0\x07abc");
        assert!(matches!(read_response(&mut bytes.as_slice(), 1 << 31).await, Err(Broken::Io(_))));
    }

    #[tokio::test]
    async fn frame_larger_than_trusted_length_is_read_whole() {
        let body = vec![7_u8; 3 * TRUSTED_LEN + 11];
        let len = i32::try_from(body.len() + 4).unwrap();
        let bytes = [framed(len, b"\0\0\0\x01"), body.clone()].concat();
        let (_, read) = read_response(&mut bytes.as_slice(), 8 << 20).await.unwrap();
        assert_eq!(read, body);
    }
}
