//! Every encoder is read by, and every decoder is fed from, an independent implementation (the `kafka-protocol`
//! crate, generated from Kafka's own schemas), in every version.

use std::fmt::Debug;

use bytes::{Buf, Bytes, BytesMut};
pub(super) use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};
pub(super) use uuid::Uuid;

use crate::frame::{Frame, decode_response};
use crate::{ApiKey, Request};

pub(super) fn text(s: &'static str) -> StrBytes {
    StrBytes::from_static_str(s)
}

pub(super) fn topic_name(s: &'static str) -> theirs::TopicName {
    theirs::TopicName(text(s))
}

pub(super) fn group_id(s: &'static str) -> theirs::GroupId {
    theirs::GroupId(text(s))
}

pub(super) fn transactional_id(s: &'static str) -> theirs::TransactionalId {
    theirs::TransactionalId(text(s))
}

/// Writes `request` in every version that it admits, header included, and compares what they read with `expected`.
pub(super) fn request<R: Request, K>(request: &R, expected: impl Fn(i16) -> K)
where
    K: Decodable + HeaderVersion + PartialEq + Debug,
{
    for version in request.min_version()..=request.max_version() {
        let mut bytes = Frame::encode(request, version, "client").unwrap().into_segments(77).to_bytes();
        assert_eq!(usize::try_from(bytes.get_i32()).unwrap(), bytes.len(), "size in version {version}");
        let header = theirs::RequestHeader::decode(&mut bytes, K::header_version(version)).unwrap();
        assert_eq!(header.request_api_key, R::KEY.number());
        assert_eq!(header.request_api_version, version);
        assert_eq!(header.correlation_id, 77);
        assert_eq!(header.client_id, Some(text("client")));
        let read = K::decode(&mut bytes, version).unwrap();
        assert_eq!(read, expected(version), "version {version}");
        assert!(bytes.is_empty(), "{} bytes left in version {version}", bytes.len());
    }
}

/// Reads what they write in every version and compares it with `expected`; then reads every beginning of it, which
/// must be an error, and damaged copies, which must not panic.
pub(super) fn response<R: Request, K>(written: impl Fn(i16) -> K, expected: impl Fn(i16) -> R::Response)
where
    K: Encodable + HeaderVersion,
    R::Response: PartialEq,
{
    for version in R::MIN..=R::MAX {
        let bytes = encode_response::<R, K>(&written(version), version);
        let read =
            decode_response::<R>(bytes.clone(), version).unwrap_or_else(|e| panic!("version {version}: {e}"));
        assert_eq!(read, expected(version), "version {version}");
        for len in 0..bytes.len() {
            let cut = decode_response::<R>(bytes.slice(..len), version);
            assert!(cut.is_err(), "version {version}: first {len} bytes of {} were accepted", bytes.len());
        }
        for at in 0..bytes.len() {
            for damage in [0x01, 0x7f, 0x80, 0xff] {
                let mut damaged = BytesMut::from(&*bytes);
                damaged[at] ^= damage;
                drop(decode_response::<R>(damaged.freeze(), version));
            }
        }
    }
}

fn encode_response<R: Request, K: Encodable + HeaderVersion>(written: &K, version: i16) -> Bytes {
    let mut bytes = BytesMut::new();
    let header_version = K::header_version(version);
    theirs::ResponseHeader::default().encode(&mut bytes, header_version).unwrap();
    let flexible_header = version >= R::FLEXIBLE && R::KEY != ApiKey::ApiVersions;
    assert_eq!(header_version == 1, flexible_header, "header of version {version}");
    bytes.advance(4); // the correlation id is read with the frame
    written.encode(&mut bytes, version).unwrap();
    bytes.freeze()
}
