//! Roots of earlier releases are read for ever, roots of later ones are refused.

use std::sync::Arc;
use std::time::Duration;

use velostream_core::{BatchId, Code, ConditionalStore, Disposition, RootWrite, SourcePosition, SplitId};
use velostream_envelope::{BodyCodec, Format};
use velostream_ledger::{BatchIds, Commit, Ledger, ROOT_FORMAT, SHARED_NOTE_FORMAT, SharedNote, StateStore};

use crate::rig::{Rig, TestClock, batch, checkpoint, config, key, keys, task};

const GOLDEN_ROOT: &str = include_str!("../golden/root_v1.hex");
const GOLDEN_ROOT_2: &str = include_str!("../golden/root_v2.hex");
const GOLDEN_NOTE: &str = include_str!("../golden/shared_note_v1.hex");
const ROOT: &str = "orders-dr.lane-0/root";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
}

async fn write(rig: &Rig, value: Vec<u8>) {
    let root = RootWrite { key: ROOT.into(), expected: None, value: value.into() };
    rig.store.commit(&[], root).await.unwrap();
}

#[tokio::test]
async fn golden_bytes_of_a_root_of_version_1_decode_for_ever() {
    let rig = Rig::default();
    let mut config = config();
    // The bucket of the beginning of time is the first millisecond.
    config.bucket_width = Duration::from_millis(1);
    let store = Arc::new(rig.store.clone());
    let ledger = Ledger::new(store, Arc::<TestClock>::clone(&rig.clock), config);
    let by = rig.claim(&ledger).await;
    ledger.begin_batch_processing(&by, batch(1, keys(0..9))).await.unwrap();
    let commit = Commit::of(BatchId(1)).and_begin(batch(2, keys(9..11))).and_save(checkpoint(1));
    ledger.commit_batch_processing(&by, commit).await.unwrap();
    let bytes = rig.store.read(&[ROOT]).await.unwrap().remove(0).unwrap().value;
    let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(text, GOLDEN_ROOT.trim(), "the encoding of version 1 is frozen");
    let wanted = ledger.observe(&task()).await.unwrap();
    let other = Rig::default();
    write(&other, hex(GOLDEN_ROOT)).await;
    assert_eq!(other.ledger().observe(&task()).await.unwrap(), wanted);
}

#[tokio::test]
async fn golden_bytes_of_a_root_of_version_2_decode_for_ever() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    let dated = |n: u64| BatchIds::Dated(vec![(key(n), 1000), (key(n + 1), 2500)]);
    ledger.begin_batch_processing(&by, batch(1, dated(0))).await.unwrap();
    let commit = Commit::of(BatchId(1)).and_begin(batch(2, dated(2))).and_save(checkpoint(1));
    ledger.commit_batch_processing(&by, commit).await.unwrap();
    let bytes = rig.store.read(&[ROOT]).await.unwrap().remove(0).unwrap().value;
    let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(text, GOLDEN_ROOT_2.trim(), "the encoding of version 2 is frozen");
    let other = Rig::default();
    write(&other, hex(GOLDEN_ROOT_2)).await;
    assert_eq!(other.ledger().observe(&task()).await.unwrap(), ledger.observe(&task()).await.unwrap());
}

#[tokio::test]
async fn a_root_of_a_later_release_stops_every_call() {
    let rig = Rig::default();
    let newer = Format::new(ROOT_FORMAT.magic, ROOT_FORMAT.version + 1);
    write(&rig, velostream_envelope::encode(newer, BodyCodec::Bincode2, b"?").unwrap()).await;
    let before = rig.store.snapshot();
    let ledger = rig.ledger();
    for error in [
        ledger.claim(&task(), &rig.claimant()).await.unwrap_err(),
        ledger.observe(&task()).await.unwrap_err(),
        ledger.batch_is_processed(&task(), BatchId(1)).await.unwrap_err(),
        ledger.load_latest_checkpoint(&task()).await.unwrap_err(),
    ] {
        assert_eq!((error.code(), error.disposition()), (Code::StateVersion, Disposition::Reject), "{error}");
        assert!(error.to_string().contains(ROOT), "{error}");
    }
    assert_eq!(rig.store.snapshot(), before);
}

#[tokio::test]
async fn a_damaged_root_is_corrupt_for_claimants_and_for_its_owner() {
    let rig = Rig::default();
    let (ledger, by) = rig.owner().await;
    let mut bytes = rig.store.read(&[ROOT]).await.unwrap().remove(0).unwrap().value.to_vec();
    bytes[20] ^= 1;
    rig.store.damage(ROOT, bytes);
    for error in [
        rig.ledger().claim(&task(), &rig.claimant()).await.unwrap_err(),
        ledger.abort_batch_processing(&by, BatchId(5)).await.unwrap_err(),
        ledger.observe(&task()).await.unwrap_err(),
    ] {
        assert_eq!(
            (error.code(), error.disposition()),
            (Code::StateCorrupt, Disposition::Corrupt),
            "{error}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn garbage_as_a_note_never_panics(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..120)) {
        let bytes = velostream_envelope::encode(SHARED_NOTE_FORMAT, BodyCodec::Bincode2, &body).unwrap();
        SharedNote::decode("job", &bytes).ok();
    }

    #[test]
    fn garbage_as_a_root_or_a_chunk_never_panics(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let rig = Rig::default();
            write(&rig, velostream_envelope::encode(ROOT_FORMAT, BodyCodec::Bincode2, &body).unwrap()).await;
            rig.ledger().observe(&task()).await.ok();

            let rig = Rig::default();
            let (ledger, by) = rig.owner().await;
            ledger.begin_batch_processing(&by, batch(1, keys(0..2))).await.unwrap();
            let chunk = rig.store.list("orders-dr.lane-0/o/", None, 1).await.unwrap().remove(0);
            let bytes = velostream_envelope::encode(velostream_ledger::CHUNK_FORMAT, BodyCodec::Raw, &body);
            rig.store.damage(&chunk, bytes.unwrap());
            let (second, by) = rig.owner().await;
            second.is_record_processed(&by, &key(0)).await.unwrap_err();
        });
    }
}

#[test]
fn golden_bytes_of_a_note_beside_shared_ids_decode_for_ever() {
    let position = |offset| SourcePosition::File { path: "in/a".into(), offset, line: 2 };
    let positions = [(SplitId::new("in/a"), position(10)), (SplitId::new("in/b"), position(u64::MAX))].into();
    let note = SharedNote { positions, window_ms: 86_400_000 };
    let text: String = note.encode("job").unwrap().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(text, GOLDEN_NOTE.trim(), "the encoding of version 1 is frozen");
    assert_eq!(SharedNote::decode("job", &hex(GOLDEN_NOTE)).unwrap(), note);
}

#[test]
fn note_of_a_later_release_or_of_damaged_bytes_is_refused_by_name() {
    let newer = Format::new(SHARED_NOTE_FORMAT.magic, SHARED_NOTE_FORMAT.version + 1);
    let newer = velostream_envelope::encode(newer, BodyCodec::Bincode2, b"?").unwrap();
    let mut damaged = hex(GOLDEN_NOTE);
    damaged[20] ^= 1;
    for (bytes, code) in [(newer, Code::StateVersion), (damaged, Code::StateCorrupt)] {
        let error = velostream_core::Error::from(SharedNote::decode("eu.lane-0", &bytes).unwrap_err());
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains("eu.lane-0"), "{error}");
    }
}
