//! Decoders and bytes that nobody wrote.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::frame::decode_response;
use crate::{Reader, Request};

macro_rules! decode_all {
    ($bytes:expr => $($request:ty),+ $(,)?) => {
        $(for version in <$request>::MIN..=<$request>::MAX {
            drop(decode_response::<$request>($bytes.clone(), version));
        })+
    };
}

fn decode_in_every_way(bytes: &Bytes) {
    decode_all!(bytes =>
        AddOffsetsToTxn, AddPartitionsToTxn, ApiVersions, CreatePartitions, CreateTopics, DeleteTopics,
        DescribeConfigs, DescribeGroups, DescribeProducers, DescribeTransactions, EndTxn, Fetch, FindCoordinator, Heartbeat,
        InitProducerId, JoinGroup, LeaveGroup, ListOffsets, Metadata, OffsetCommit, OffsetFetch,
        OffsetForLeaderEpoch, Produce, SyncGroup, TxnOffsetCommit, WriteTxnMarkers,
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn decoders_given_garbage_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        decode_in_every_way(&bytes.into());
    }

    // Small values make plausible counts and lengths, so that decoders get far.
    #[test]
    fn decoders_given_small_numbers_do_not_panic(bytes in proptest::collection::vec(0_u8..4, 0..300)) {
        decode_in_every_way(&bytes.into());
    }
}

/// The 13 bytes on which a decoder that believes array counts asks for 206 GB and aborts the process.
#[test]
fn metadata_with_a_false_broker_count_is_malformed_before_anything_is_allocated() {
    let bytes = Bytes::from_static(&[0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0]);
    for version in Metadata::MIN..=Metadata::MAX {
        assert!(decode_response::<Metadata>(bytes.clone(), version).is_err());
    }
}

#[test]
fn array_count_beyond_the_bytes_left_is_malformed_before_an_element_is_read() {
    let mut read = 0;
    let mut r = Reader::new(Bytes::from_static(&[0, 0, 0, 4, 1, 2, 3]), 0, false);
    let result = r.array(|r| {
        read += 1;
        r.i8()
    });
    assert_eq!(result.unwrap_err().what, "array count");
    assert_eq!(read, 0);
}

/// The two structs that can be packed most densely on the wire, as often as the bytes allow.
#[test]
fn memory_of_a_response_stays_within_64_times_its_bytes() {
    let count = 100_000;
    let packed_count = [0xa1, 0x8d, 0x06]; // count + 1
    // JoinGroup 9: header tags, throttle, error, generation, two nulls, leader, flag, member; then empty members.
    let head = [&[0; 1 + 4 + 2 + 4 + 2][..], &[1, 0, 1], &packed_count].concat();
    let bytes = Bytes::from([head, [1, 0, 1, 0].repeat(count), vec![0]].concat());
    let response = decode_response::<JoinGroup>(bytes.clone(), 9).unwrap();
    assert_eq!(response.members.len(), count);
    assert!(response.members.capacity() * size_of::<JoinedMember>() <= 64 * bytes.len());
    // DescribeTransactions 0: one state with empty topics.
    let head = [&[0; 1 + 4][..], &[2, 0, 0, 1, 1], &[0; 4 + 8 + 8 + 2], &packed_count].concat();
    let bytes = Bytes::from([head, [1, 1, 0].repeat(count), vec![0, 0]].concat());
    let response = decode_response::<DescribeTransactions>(bytes.clone(), 0).unwrap();
    assert_eq!(response.states[0].topics.len(), count);
    assert!(response.states[0].topics.capacity() * size_of::<crate::TopicPartitions>() <= 64 * bytes.len());
}

#[test]
fn varint_longer_than_32_bits_is_malformed() {
    for bytes in [&[0xff, 0xff, 0xff, 0xff, 0x1f][..], &[0x80; 6], &[0x80, 0x80]] {
        assert!(Reader::new(Bytes::copy_from_slice(bytes), 0, true).uvarint().is_err(), "{bytes:?}");
    }
    assert_eq!(
        Reader::new(Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x0f]), 0, true).uvarint(),
        Ok(u32::MAX)
    );
}

#[test]
fn string_that_is_not_utf8_or_longer_than_the_rest_is_malformed() {
    for (bytes, flexible) in
        [(&[0, 1, 0xff][..], false), (&[0, 2, b'a'], false), (&[9, b'a'], true), (&[0xff, 0xfe], false)]
    {
        assert!(Reader::new(Bytes::copy_from_slice(bytes), 0, flexible).string().is_err(), "{bytes:?}");
    }
}

#[test]
fn unknown_tagged_fields_are_skipped_and_known_ones_are_confined() {
    let mut r = Reader::new(Bytes::from_static(&[2, 9, 2, 1, 2, 5, 1, 7, 42]), 0, true);
    let mut seen = Vec::new();
    r.tags(|tag, r| {
        if tag == 5 {
            seen.push(r.i8()?);
            assert!(r.i8().is_err(), "a field must not read past its own bytes");
        }
        Ok(())
    })
    .unwrap();
    assert_eq!((seen, r.i8()), (vec![7], Ok(42)));
}

#[test]
fn error_inside_a_tagged_field_counts_from_the_start_of_the_response() {
    let mut r = Reader::new(Bytes::from_static(&[0, 0, 1, 0, 1, 7, 0, 0]), 0, true);
    r.i16().unwrap();
    let error = r.tags(|_, r| r.i32().map(drop)).unwrap_err();
    assert_eq!((error.what, error.at), ("int32", 5));
}
