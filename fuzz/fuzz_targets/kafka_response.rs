//! Responses of Kafka brokers: the first byte chooses the API, the second the version.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use velostream_kafka_client::*;

fn decode<R: Request>(version: u8, body: &[u8]) {
    let version = R::MIN + i16::from(version) % (R::MAX - R::MIN + 1);
    let bytes = Bytes::copy_from_slice(body);
    velostream_fuzz::within(64, body, || {
        let mut reader = Reader::new(bytes, version, version >= R::FLEXIBLE);
        match R::decode(&mut reader) {
            Ok(response) => {
                R::throttle(&response);
                reader.finish().ok();
            }
            Err(malformed) => assert!(malformed.at <= body.len(), "the place lies in the response"),
        }
    });
}

macro_rules! choose {
    ($choice:expr, $version:expr, $body:expr => $($request:ty),+ $(,)?) => {{
        let decoders: &[fn(u8, &[u8])] = &[$(decode::<$request>),+];
        decoders[usize::from($choice) % decoders.len()]($version, $body);
    }};
}

fuzz_target!(|data: &[u8]| {
    let [choice, version, body @ ..] = data else { return };
    choose!(*choice, *version, body =>
        AddOffsetsToTxn, AddPartitionsToTxn, ApiVersions, CreatePartitions, CreateTopics, DeleteTopics,
        DescribeConfigs, DescribeGroups, DescribeProducers, DescribeTransactions, EndTxn, Fetch, FindCoordinator,
        Heartbeat, InitProducerId, JoinGroup, LeaveGroup, ListOffsets, Metadata, OffsetCommit, OffsetFetch,
        OffsetForLeaderEpoch, Produce, SyncGroup, TxnOffsetCommit, WriteTxnMarkers,
    );
});
