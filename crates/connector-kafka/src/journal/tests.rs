use super::*;

/// Version 1 of each kind for ever: head of the envelope up to the length, checksum, body. A change of these bytes is
/// a change of the format and needs a new version.
const SPLIT_1: &str = concat!(
    r#"{"cluster_id":"c-1","topic":"orders","topic_id":"07070707070707070707070707070707","partition":3,"#,
    r#""start":41,"destination":"orders.copy","destination_partition":2}"#
);
const CLAIM_1: &str = r#"{"lane":"velostream.j.w0.0","worker":"w0","generation":5}"#;
const PROGRESS_1: &str = concat!(
    r#"{"next":-1,"leader_epoch":-1,"batch":18446744073709551615,"worker":"w0","generation":5,"#,
    r#""lane":"velostream.j.w0.0","released":true,"destinations":{"#,
    r#""orders.copy-2":{"topic_id":"09090909090909090909090909090909","highest":-1,"previous":null},"#,
    r#""orders.copy-3":{"topic_id":"09090909090909090909090909090909","highest":7,"previous":[8,12]}}}"#
);

/// What stands in front of a body: magic, version 1, codec JSON, no flags, length, checksum.
fn sealed(magic: &[u8; 4], checksum: u32, body: &str) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [magic, &[0, 1, 2, 0], &length, &checksum.to_be_bytes(), body.as_bytes()].concat()
}

fn delivered(highest: i64, previous: Option<(i64, i64)>) -> Delivered {
    Delivered { topic_id: "09".repeat(16), highest, previous }
}

fn examples() -> [(Entry, &'static str, Vec<u8>); 3] {
    let split = Descriptor {
        cluster_id: "c-1".to_owned(),
        topic: "orders".to_owned(),
        topic_id: "07".repeat(16),
        partition: 3,
        start: 41,
        destination: "orders.copy".to_owned(),
        destination_partition: 2,
    };
    let (lane, worker) = ("velostream.j.w0.0".to_owned(), "w0".to_owned());
    let claim = ClaimRecord { lane: lane.clone(), worker: worker.clone(), generation: 5 };
    let progress = ProgressRecord {
        next: -1,
        leader_epoch: -1,
        batch: u64::MAX,
        worker,
        generation: 5,
        lane,
        released: true,
        destinations: BTreeMap::from([
            ("orders.copy-2".to_owned(), delivered(-1, None)),
            ("orders.copy-3".to_owned(), delivered(7, Some((8, 12)))),
        ]),
    };
    [
        (Entry::Split(split), "split", sealed(b"VSsp", 0x500c_a6ce, SPLIT_1)),
        (Entry::Claim(claim), "claim/velostream.j.w0.0", sealed(b"VScl", 0xbf2e_4472, CLAIM_1)),
        (Entry::Progress(progress), "progress", sealed(b"VSpg", 0x2963_3375, PROGRESS_1)),
    ]
}

fn record(key: &str, value: Vec<u8>) -> Record {
    Record { key: Some(key.to_owned().into()), value: Some(value.into()), ..Record::default() }
}

#[test]
fn entries_of_version_1_are_these_bytes_for_ever() {
    for (entry, key, value) in examples() {
        let written = entry.to_record(0).unwrap();
        assert_eq!(written.key.as_deref(), Some(key.as_bytes()));
        assert_eq!(written.value.as_deref(), Some(value.as_slice()), "{key}");
        assert_eq!(Entry::from_record(0, &record(key, value)).unwrap(), Some(entry));
    }
}

#[test]
fn entry_with_a_cut_or_a_changed_bit_is_an_error() {
    for (_, key, value) in examples() {
        for len in 0..value.len() {
            assert!(
                Entry::from_record(0, &record(key, value[..len].to_vec())).is_err(),
                "{key}, {len} bytes"
            );
        }
        for at in 0..value.len() {
            let mut damaged = value.clone();
            damaged[at] ^= 1;
            assert!(Entry::from_record(0, &record(key, damaged)).is_err(), "{key}, byte {at}");
        }
    }
}

#[test]
fn entry_of_a_later_version_is_refused_as_such() {
    let newer = Format::new(*b"VSpg", 2);
    let value = encode(newer, BodyCodec::Json, b"{}").unwrap();
    let refused = Entry::from_record(4, &record("progress", value)).unwrap_err();
    assert!(matches!(refused, Error::JournalVersion { partition: 4, .. }), "{refused}");
}
