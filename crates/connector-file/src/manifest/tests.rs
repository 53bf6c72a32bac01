use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use velostream_core::{KafkaPartition, TopicId};

use super::*;

/// Format 1 for ever: a change of these bytes is a change of the format and needs a new version.
const GOLDEN: &str = concat!(
    "velostream-file-manifest 1 crc32c=8c23eb20 bytes=587\n",
    r#"{"job":"orders","name":"o.ndjson","epoch":4,"commits":17,"#,
    r#""files":[{"name":"o.0000000001.ndjson","bytes":18446744073709551615},{"name":"o.0000000004.ndjson","bytes":7}],"#,
    r#""splits":[{"split":"a","batch":1,"position":{"kafka":{"cluster":"c","topic":"t","#,
    r#""topic_id":"07070707070707070707070707070707","partition":3,"offset":-1,"leader_epoch":-1}}},"#,
    r#"{"split":"b","batch":2,"position":{"file":{"path":"in/\"a\".ndjson","offset":9,"line":2}}},"#,
    r#"{"split":"c","batch":3,"position":{"database":{"table":"public.o","after":"00ff"}}},"#,
    r#"{"split":"d","batch":0,"position":{"custom":{"kind":"k","bytes":""}}}]}"#,
    "\n"
);

fn example() -> Manifest {
    let partition = KafkaPartition {
        cluster_id: "c".into(),
        topic: "t".into(),
        topic_id: TopicId([7; 16]),
        partition: 3,
    };
    let positions = [
        SourcePosition::Kafka { partition: Arc::new(partition), offset: -1, leader_epoch: -1 },
        SourcePosition::File { path: "in/\"a\".ndjson".into(), offset: 9, line: 2 },
        SourcePosition::Database { table: "public.o".into(), after: Bytes::from_static(&[0, 255]) },
        SourcePosition::Custom { kind: "k".into(), bytes: Bytes::new() },
    ];
    let batches = [1, 2, 3, 0];
    let splits = ["a", "b", "c", "d"].into_iter().zip(positions).zip(batches);
    Manifest {
        job: "orders".into(),
        name: "o.ndjson".into(),
        epoch: Epoch(4),
        commits: 17,
        files: vec![
            DataFile { name: "o.0000000001.ndjson".into(), bytes: u64::MAX },
            DataFile { name: "o.0000000004.ndjson".into(), bytes: 7 },
        ],
        splits: splits
            .map(|((split, position), batch)| {
                (SplitId::new(split), Committed { position, batch: BatchId(batch) })
            })
            .collect(),
    }
}

fn decode(bytes: &[u8]) -> Result<Manifest> {
    Manifest::decode(bytes, Path::new("m"))
}

fn sealed(version: u32, body: &str) -> Vec<u8> {
    let crc = crc32c::crc32c(body.as_bytes());
    format!("{MAGIC} {version} crc32c={crc:08x} bytes={}\n{body}\n", body.len()).into_bytes()
}

#[test]
fn format_1_is_these_bytes_for_ever() {
    assert_eq!(String::from_utf8(example().encode().unwrap()).unwrap(), GOLDEN);
    assert_eq!(decode(GOLDEN.as_bytes()).unwrap(), example());
}

#[test]
fn newer_format_is_refused_by_its_number() {
    let newer = GOLDEN.replacen(" 1 ", " 2 ", 1);
    assert!(matches!(decode(newer.as_bytes()), Err(Error::ManifestVersion { found: 2, known: 1, .. })));
}

#[test]
fn every_cut_and_every_changed_bit_is_found() {
    let golden = GOLDEN.as_bytes();
    for length in 0..golden.len() {
        assert!(matches!(decode(&golden[..length]), Err(Error::ManifestCorrupt { .. })), "cut at {length}");
    }
    for at in 0..golden.len() {
        for bit in 0..8 {
            let mut bytes = golden.to_vec();
            bytes[at] ^= 1 << bit;
            assert!(decode(&bytes).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn data_file_outside_the_directory_or_out_of_order_is_corrupt() {
    for files in [
        r#"[{"name":"../o.0000000001.ndjson","bytes":1}]"#,
        r#"[{"name":"/etc/passwd","bytes":1}]"#,
        r#"[{"name":"o.0000000002.ndjson","bytes":1}]"#,
        r#"[{"name":"o.0000000001.ndjson","bytes":1},{"name":"o.0000000001.ndjson","bytes":1}]"#,
    ] {
        let body =
            format!(r#"{{"job":"j","name":"o.ndjson","epoch":1,"commits":0,"files":{files},"splits":[]}}"#);
        assert!(matches!(decode(&sealed(1, &body)), Err(Error::ManifestCorrupt { .. })), "{files}");
    }
}

proptest! {
    #[test]
    fn garbage_is_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn sealed_garbage_is_an_error_and_never_a_panic(body in "[\\{\\}\\[\\]\":,a-z0-9]{0,200}") {
        prop_assert!(decode(&sealed(1, &body)).is_err());
    }
}
