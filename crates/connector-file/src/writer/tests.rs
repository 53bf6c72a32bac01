use std::fs;
use std::path::Path;

use bytes::Bytes;
use velostream_core::{BatchId, Claim, Codec, Disposition, JobName, StreamRecord};

use super::*;
use crate::CommittedReader;
use crate::disk::unreliable::UnreliableDisk;
use crate::disk::{Disk, SystemDisk};
use crate::lane::Start;

mod power_loss;

const SPLIT: &str = "file:in";

fn line(number: u64) -> String {
    format!("line {number}{}", "x".repeat(usize::try_from(number % 5).unwrap()))
}

/// What lines `from..to` look like in the output.
fn lines(from: u64, to: u64) -> String {
    (from..to).map(|n| line(n) + "\n").collect()
}

fn position(number: u64) -> SourcePosition {
    SourcePosition::File { path: "in".into(), offset: lines(0, number).len() as u64, line: number }
}

fn line_of(claim: &Claim) -> u64 {
    let SourcePosition::File { line, .. } = claim.position else { panic!("{claim:?}") };
    line
}

fn chunk(from: u64, to: u64) -> Chunk {
    let record = |n| StreamRecord {
        key: None,
        value: Some(Bytes::from(line(n))),
        headers: Vec::new(),
        timestamp_ms: -1,
        position: position(n),
    };
    Chunk {
        split: SplitId::new(SPLIT),
        from: position(from),
        next: position(to),
        records: to - from,
        bytes: 0,
        payload: Payload::Records { records: (from..to).map(record).collect(), codec: Codec::None },
    }
}

fn progress(next: u64, batch: u64) -> Progress {
    Progress { split: SplitId::new(SPLIT), next: position(next), batch: BatchId(batch), released: false }
}

fn claim_on(disk: Arc<dyn Disk>, dir: &Path) -> Result<(Writer, Claim)> {
    let config = SinkConfig::new(JobName::new("job"), dir.join("o.ndjson"));
    let mut writer = Writer::claim(disk, Arc::new(config))?;
    let claim = writer.add(&[SplitId::new(SPLIT)], &Start::of_files())?.remove(0);
    Ok((writer, claim))
}

fn claim(dir: &Path) -> (Writer, Claim) {
    claim_on(Arc::new(SystemDisk), dir).unwrap()
}

/// One transaction: lines `from..to`.
fn copy(writer: &mut Writer, from: u64, to: u64, batch: u64) -> Result<()> {
    writer.begin()?;
    writer.write(chunk(from, to))?;
    writer.commit(&[progress(to, batch)])
}

fn committed(dir: &Path) -> String {
    std::io::read_to_string(CommittedReader::open(dir).unwrap()).unwrap()
}

/// `cat DIR/*`, as somebody who knows nothing of manifests would read.
fn plain(dir: &Path) -> String {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn uncommitted_lines_are_not_read_and_a_restart_goes_on_behind_the_committed_ones() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, first) = claim(dir.path());
    assert_eq!((line_of(&first), first.batch), (0, BatchId(0)));
    copy(&mut writer, 0, 10, 1).unwrap();
    writer.begin().unwrap();
    writer.write(chunk(10, 20)).unwrap();
    assert_eq!(committed(dir.path()), lines(0, 10));
    drop(writer);
    assert_eq!(plain(dir.path()), lines(0, 10));

    let (mut writer, second) = claim(dir.path());
    assert_eq!((line_of(&second), second.batch, writer.epoch()), (10, BatchId(1), Epoch(2)));
    copy(&mut writer, 10, 20, 2).unwrap();
    assert_eq!(committed(dir.path()), lines(0, 20));
    drop(writer);
    assert_eq!(plain(dir.path()), lines(0, 20));
}

#[test]
fn claim_leaves_no_manifest_but_its_own() {
    let dir = tempfile::tempdir().unwrap();
    for epoch in 1..=3 {
        let (writer, _) = claim(dir.path());
        assert_eq!(writer.store.layout.dir.epochs().unwrap(), [Epoch(epoch)]);
        assert!(writer.store.layout.dir.temporaries().unwrap().is_empty());
    }
}

#[test]
fn aborted_lines_leave_no_trace_even_when_they_were_written() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = claim(dir.path());
    copy(&mut writer, 0, 3, 1).unwrap();
    writer.begin().unwrap();
    writer.write(chunk(3, 9)).unwrap();
    writer.write_gathered().unwrap();
    assert!(plain(dir.path()).len() > lines(0, 3).len());
    writer.abort().unwrap();
    assert_eq!(plain(dir.path()), lines(0, 3));
    copy(&mut writer, 3, 5, 2).unwrap();
    assert_eq!(plain(dir.path()), lines(0, 5));
}

#[test]
fn position_without_lines_is_committed_and_makes_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = claim(dir.path());
    writer.begin().unwrap();
    writer.commit(&[progress(7, 1)]).unwrap();
    drop(writer);
    assert_eq!(plain(dir.path()), "");
    assert_eq!(line_of(&claim(dir.path()).1), 7);
}

#[test]
fn start_of_a_split_is_resolved_once_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let config = Arc::new(SinkConfig::new(JobName::new("job"), dir.path().join("o")));
    for answer in [5, 9] {
        let mut writer = Writer::claim(Arc::new(SystemDisk), Arc::clone(&config)).unwrap();
        let start = Start::new(move |_| Ok(position(answer)));
        let claims = writer.add(&[SplitId::new(SPLIT)], &start).unwrap();
        assert_eq!(line_of(&claims[0]), 5);
    }
}

#[test]
fn second_owner_is_refused_while_the_first_holds_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let (_writer, _) = claim(dir.path());
    let refused = claim_on(Arc::new(SystemDisk), dir.path()).unwrap_err();
    assert!(matches!(refused, Error::Locked { pid: Some(_), .. }), "{refused}");
}

/// The lock fails in the one way it can: somebody deleted its file.
fn break_lock(dir: &Path) {
    fs::remove_file(dir.join(".velostream/lock")).unwrap();
}

#[test]
fn superseded_owner_cannot_commit_and_what_it_wrote_is_never_read() {
    let dir = tempfile::tempdir().unwrap();
    let (mut zombie, _) = claim(dir.path());
    copy(&mut zombie, 0, 2, 1).unwrap();
    zombie.begin().unwrap();
    zombie.write(chunk(2, 4)).unwrap();
    break_lock(dir.path());
    let (mut owner, claim) = claim(dir.path());
    assert_eq!(line_of(&claim), 2);
    let fenced = zombie.commit(&[progress(4, 2)]).unwrap_err();
    assert_eq!(fenced.disposition(), Disposition::Fenced, "{fenced}");
    drop(zombie);
    copy(&mut owner, 2, 5, 2).unwrap();
    assert_eq!(committed(dir.path()), lines(0, 5));
}

#[test]
fn commit_that_falls_between_the_reading_and_the_claim_of_a_new_owner_stands() {
    let dir = tempfile::tempdir().unwrap();
    let (mut zombie, _) = claim(dir.path());
    copy(&mut zombie, 0, 2, 1).unwrap();
    break_lock(dir.path());
    let disk = UnreliableDisk::new(dir.path(), None, None);
    let (send, receive) = std::sync::mpsc::channel();
    disk.interrupt_with(move || send.send((copy(&mut zombie, 2, 4, 2), zombie)).unwrap());
    let (owner, claim) = claim_on(Arc::new(disk), dir.path()).unwrap();
    let (confirmed, zombie) = receive.recv().unwrap();
    confirmed.unwrap();
    assert_eq!((line_of(&claim), claim.batch), (4, BatchId(2)));
    assert_eq!(committed(dir.path()), lines(0, 4));
    drop((owner, zombie));
}

#[test]
fn commit_that_was_overtaken_after_its_check_is_not_confirmed() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(UnreliableDisk::new(dir.path(), None, None));
    let (mut zombie, _) = claim_on(Arc::clone(&disk) as Arc<dyn Disk>, dir.path()).unwrap();
    zombie.begin().unwrap();
    zombie.write(chunk(0, 4)).unwrap();
    break_lock(dir.path());
    let root = dir.path().to_owned();
    let (send, receive) = std::sync::mpsc::channel();
    disk.interrupt_with(move || send.send(claim(&root)).unwrap());
    let fenced = zombie.commit(&[progress(4, 1)]).unwrap_err();
    assert!(matches!(fenced, Error::Fenced { .. }), "{fenced}");
    let (mut owner, claim) = receive.recv().unwrap();
    assert_eq!(line_of(&claim), 0);
    copy(&mut owner, 0, 3, 1).unwrap();
    drop(zombie);
    assert_eq!(committed(dir.path()), lines(0, 3));
}

#[test]
fn commit_whose_rename_falls_behind_a_newer_manifest_is_not_confirmed() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(UnreliableDisk::new(dir.path(), None, None));
    let (mut zombie, _) = claim_on(Arc::clone(&disk) as Arc<dyn Disk>, dir.path()).unwrap();
    zombie.begin().unwrap();
    zombie.write(chunk(0, 4)).unwrap();
    // The newer owner is stopped right after its manifest is there.
    let store = ManifestStore { disk: Arc::new(SystemDisk), layout: zombie.store.layout.clone() };
    let newer = Manifest { epoch: Epoch(2), ..zombie.manifest.clone() };
    disk.interrupt_with(move || store.create(&newer).unwrap());
    let fenced = zombie.commit(&[progress(4, 1)]).unwrap_err();
    assert!(matches!(fenced, Error::Fenced { ours: Epoch(1), newest: Epoch(2), .. }), "{fenced}");
    assert_eq!(
        Manifest::read(&zombie.store.layout.dir, Epoch(1)).unwrap().unwrap().commits,
        1,
        "it was renamed"
    );
    drop(zombie);
    assert_eq!(line_of(&claim(dir.path()).1), 0);
}

#[test]
fn foreign_files_jobs_and_names_are_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let foreign = dir.path().join("o.0000000001.ndjson");
    fs::write(&foreign, "mine\n").unwrap();
    assert!(matches!(claim_on(Arc::new(SystemDisk), dir.path()), Err(Error::Foreign { .. })));
    assert_eq!(fs::read_to_string(&foreign).unwrap(), "mine\n");
    fs::remove_file(foreign).unwrap();

    drop(claim(dir.path()));
    let disk = || Arc::new(SystemDisk);
    let other = SinkConfig::new(JobName::new("other"), dir.path().join("o.ndjson"));
    assert!(matches!(Writer::claim(disk(), Arc::new(other)), Err(Error::OtherJob { .. })));
    let renamed = SinkConfig::new(JobName::new("job"), dir.path().join("p.ndjson"));
    assert!(matches!(Writer::claim(disk(), Arc::new(renamed)), Err(Error::OtherName { .. })));
}

#[test]
fn lost_output_is_an_error_and_not_a_fresh_start() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = claim(dir.path());
    copy(&mut writer, 0, 5, 1).unwrap();
    drop(writer);
    let data = dir.path().join("o.0000000001.ndjson");
    let whole = fs::read(&data).unwrap();
    fs::write(&data, &whole[1..]).unwrap();
    assert!(matches!(claim_on(Arc::new(SystemDisk), dir.path()), Err(Error::WentBack { .. })));
    fs::remove_file(&data).unwrap();
    assert!(matches!(claim_on(Arc::new(SystemDisk), dir.path()), Err(Error::WentBack { found: 0, .. })));
    fs::write(&data, &whole).unwrap();
    let later = dir.path().join("o.0000000009.ndjson");
    fs::write(&later, "x\n").unwrap();
    assert!(matches!(claim_on(Arc::new(SystemDisk), dir.path()), Err(Error::ManifestGone { .. })));
    fs::remove_file(later).unwrap();
    assert_eq!(line_of(&claim(dir.path()).1), 5);
}

#[test]
fn deleted_manifest_stops_a_running_owner() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = claim(dir.path());
    fs::remove_file(dir.path().join(".velostream/manifest.0000000001")).unwrap();
    assert!(matches!(writer.begin(), Err(Error::ManifestGone { .. })));
    assert!(matches!(writer.begin(), Err(Error::InDoubt { .. })));
}

#[test]
fn misuse_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = claim(dir.path());
    assert!(matches!(writer.write(chunk(0, 1)), Err(Error::Misuse { .. })));
    assert!(matches!(writer.commit(&[]), Err(Error::Misuse { .. })));
    writer.begin().unwrap();
    assert!(matches!(writer.begin(), Err(Error::Misuse { .. })));
    writer.write(chunk(0, 4)).unwrap();
    assert!(matches!(writer.write(chunk(2, 5)), Err(Error::Misuse { .. })), "overlap");
    assert!(matches!(writer.commit(&[]), Err(Error::Misuse { .. })), "records without progress");
    assert!(
        matches!(writer.commit(&[progress(3, 1)]), Err(Error::Misuse { .. })),
        "position before the records"
    );
    assert!(matches!(writer.commit(&[progress(4, 0)]), Err(Error::Misuse { .. })), "delivery number");
    let strange = Progress { split: SplitId::new("file:other"), ..progress(4, 1) };
    assert!(matches!(writer.commit(&[strange]), Err(Error::Unclaimed { .. })));
    writer.commit(&[progress(4, 1)]).unwrap();
    assert_eq!(committed(dir.path()), lines(0, 4));
}

#[test]
fn released_split_cannot_be_written_before_it_is_claimed_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = claim(dir.path());
    writer.begin().unwrap();
    writer.write(chunk(0, 1)).unwrap();
    writer.commit(&[Progress { released: true, ..progress(1, 1) }]).unwrap();
    writer.begin().unwrap();
    assert!(matches!(writer.write(chunk(1, 2)), Err(Error::Unclaimed { .. })));
    writer.add(&[SplitId::new(SPLIT)], &Start::of_files()).unwrap();
    writer.write(chunk(1, 2)).unwrap();
}
