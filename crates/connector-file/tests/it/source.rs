//! The source over real files: what comes out, where it goes on, and what it refuses.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use velostream_connector_file::{FileReader, FileSource, LocalMembership, SourceConfig, start_of};
use velostream_core::{
    AssignmentVersion, Chunk, Clock, Code, Disposition, Membership, Payload, Read, SourcePosition, SplitId,
    SplitReader,
};

use crate::clock::ManualClock;

const WAIT: Duration = Duration::from_secs(1);

struct Rig {
    dir: tempfile::TempDir,
    config: SourceConfig,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = SourceConfig::new(format!("{}/*.ndjson", dir.path().display()));
        Self { dir, config }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> SplitId {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        SplitId::new(format!("file:{}", path.display()))
    }

    fn append(&self, name: &str, content: &str) {
        let mut file = OpenOptions::new().append(true).open(self.path(name)).unwrap();
        file.write_all(content.as_bytes()).unwrap();
    }

    fn source(&self) -> FileSource {
        FileSource::new(self.config.clone(), Arc::new(ManualClock::default())).unwrap()
    }

    async fn reader(&self, splits: &[&SplitId]) -> FileReader {
        let mut reader = self.source().reader();
        let starts: Vec<_> = splits.iter().map(|s| ((*s).clone(), start_of(s).unwrap())).collect();
        reader.assign(&starts).await.unwrap();
        reader
    }
}

fn lines(chunk: &Chunk) -> Vec<String> {
    let Payload::Records { records, .. } = &chunk.payload else { panic!("{chunk:?}") };
    assert_eq!(chunk.records, records.len() as u64);
    assert_eq!(chunk.from, records[0].position);
    records.iter().map(|r| String::from_utf8(r.value.clone().unwrap().to_vec()).unwrap()).collect()
}

async fn chunk(reader: &mut FileReader) -> Chunk {
    match reader.next(WAIT).await.unwrap() {
        Read::Chunk(chunk) => chunk,
        other => panic!("{other:?}"),
    }
}

async fn next_lines(reader: &mut FileReader) -> Vec<String> {
    lines(&chunk(reader).await)
}

fn at(path: &Path, offset: u64, line: u64) -> SourcePosition {
    SourcePosition::File { path: path.to_str().unwrap().into(), offset, line }
}

#[tokio::test]
async fn complete_files_come_one_after_the_other_and_end() {
    let rig = Rig::new();
    let (a, b) = (rig.write("a.ndjson", "1\n2\n"), rig.write("b.ndjson", "3\nlast"));
    let mut reader = rig.reader(&[&a, &b]).await;
    assert_eq!(next_lines(&mut reader).await, ["1", "2"]);
    assert!(matches!(reader.next(WAIT).await.unwrap(), Read::End(split) if split == a));
    assert_eq!(next_lines(&mut reader).await, ["3", "last"]);
    assert!(matches!(reader.next(WAIT).await.unwrap(), Read::End(split) if split == b));
    assert!(matches!(reader.next(WAIT).await.unwrap(), Read::Idle));
}

#[tokio::test]
async fn chunks_follow_each_other_without_gap_and_keep_their_bounds() {
    let mut rig = Rig::new();
    let content: String = (0..500).map(|n| format!("{}\n", "x".repeat(n % 40))).collect();
    let split = rig.write("a.ndjson", &content);
    rig.config.max_chunk_bytes = 100;
    rig.config.max_chunk_records = 7;
    let mut reader = rig.reader(&[&split]).await;
    let mut expected = start_of(&split).unwrap();
    let mut got = String::new();
    while let Read::Chunk(chunk) = reader.next(WAIT).await.unwrap() {
        assert_eq!(chunk.from, expected);
        expected = chunk.next.clone();
        let lines = lines(&chunk);
        assert!(lines.len() <= 7 && lines.iter().map(|l| l.len() + 1).sum::<usize>() <= 100);
        lines.iter().for_each(|line| got += &(line.clone() + "\n"));
    }
    assert_eq!(got, content);
    assert_eq!(expected, at(&rig.path("a.ndjson"), content.len() as u64, 500));
}

#[tokio::test]
async fn line_longer_than_a_chunk_travels_and_one_over_the_bound_is_refused_with_its_place() {
    let mut rig = Rig::new();
    rig.config.max_chunk_bytes = 4;
    rig.config.max_line_bytes = 50;
    let split = rig.write("a.ndjson", &format!("ok\n{}\n{}\n", "y".repeat(50), "z".repeat(51)));
    let mut reader = rig.reader(&[&split]).await;
    assert_eq!(next_lines(&mut reader).await, ["ok"]);
    assert_eq!(next_lines(&mut reader).await, ["y".repeat(50)]);
    for _ in 0..2 {
        let error = reader.next(WAIT).await.unwrap_err();
        assert_eq!((error.code(), error.disposition()), (Code::RecordRefused, Disposition::Reject));
        let text = error.to_string();
        assert!(text.contains("a.ndjson: line 2 at byte 54"), "{text}");
    }
}

#[tokio::test]
async fn assignment_in_the_middle_goes_on_there_and_moves_a_split_that_was_read_before() {
    let rig = Rig::new();
    let split = rig.write("a.ndjson", "1\n2\n3\n");
    let mut reader = rig.reader(&[&split]).await;
    assert_eq!(next_lines(&mut reader).await, ["1", "2", "3"]);
    let middle = at(&rig.path("a.ndjson"), 2, 1);
    reader.assign(&[(split.clone(), middle.clone())]).await.unwrap();
    let chunk = chunk(&mut reader).await;
    assert_eq!((chunk.from.clone(), lines(&chunk)), (middle, vec!["2".to_owned(), "3".to_owned()]));
    reader.revoke(&[split]).await.unwrap();
    assert!(matches!(reader.next(WAIT).await.unwrap(), Read::Idle));
}

#[tokio::test]
async fn following_waits_for_the_line_feed_and_takes_turns() {
    let mut rig = Rig::new();
    rig.config.follow = true;
    rig.config.max_chunk_records = 1;
    let (a, b) = (rig.write("a.ndjson", "a1\na2\npart"), rig.write("b.ndjson", "b1\n"));
    let mut reader = rig.reader(&[&a, &b]).await;
    for expected in ["a1", "b1", "a2"] {
        assert_eq!(next_lines(&mut reader).await, [expected]);
    }
    assert!(matches!(reader.next(WAIT).await.unwrap(), Read::Idle));
    rig.append("a.ndjson", "ial\n");
    assert_eq!(next_lines(&mut reader).await, ["partial"]);
    assert!(matches!(reader.next(WAIT).await.unwrap(), Read::Idle));
}

#[tokio::test]
async fn file_that_shrank_was_replaced_or_removed_is_an_error_that_names_it() {
    let mut rig = Rig::new();
    rig.config.follow = true;
    let split = rig.write("a.ndjson", "1\n2\n");
    let path = rig.path("a.ndjson");

    let mut reader = rig.reader(&[&split]).await;
    next_lines(&mut reader).await;
    OpenOptions::new().write(true).open(&path).unwrap().set_len(2).unwrap();
    let shrunk = reader.next(WAIT).await.unwrap_err();
    assert_eq!((shrunk.code(), shrunk.disposition()), (Code::FileChanged, Disposition::Reject));
    let text = shrunk.to_string();
    assert!(text.contains("a.ndjson") && text.contains("position 4 (line 2), size 2 bytes"), "{text}");

    rig.append("a.ndjson", "2\n");
    let mut reader = rig.reader(&[&split]).await;
    next_lines(&mut reader).await;
    fs::rename(&path, rig.path("a.old")).unwrap();
    assert_eq!(reader.next(WAIT).await.unwrap_err().code(), Code::FileIo);
    rig.write("a.ndjson", "1\n2\n3\n");
    assert_eq!(reader.next(WAIT).await.unwrap_err().code(), Code::FileChanged);
}

#[tokio::test]
async fn position_that_is_not_at_a_line_start_is_refused() {
    let rig = Rig::new();
    let split = rig.write("a.ndjson", "one\ntwo\n");
    let mut reader = rig.source().reader();
    reader.assign(&[(split, at(&rig.path("a.ndjson"), 5, 1))]).await.unwrap();
    assert_eq!(reader.next(WAIT).await.unwrap_err().code(), Code::FileChanged);
}

#[tokio::test]
async fn file_that_ended_without_line_feed_may_get_it_later_but_no_more_of_that_line() {
    let rig = Rig::new();
    let split = rig.write("a.ndjson", "1\nlast");
    let end = at(&rig.path("a.ndjson"), 6, 2);
    for (added, expected) in [("", None), ("\n", None), ("2\n", Some("2"))] {
        rig.append("a.ndjson", added);
        let mut reader = rig.source().reader();
        reader.assign(&[(split.clone(), end.clone())]).await.unwrap();
        match (reader.next(WAIT).await.unwrap(), expected) {
            (Read::End(_), None) => {}
            (Read::Chunk(chunk), Some(line)) => {
                let Payload::Records { records, .. } = &chunk.payload else { panic!() };
                assert_eq!(records[0].value.as_deref(), Some(line.as_bytes()));
                assert_eq!(records[0].position, at(&rig.path("a.ndjson"), 7, 2));
                assert_eq!(chunk.from, end);
            }
            other => panic!("{other:?}"),
        }
    }
    rig.write("a.ndjson", "1\nlast and more\n");
    let mut reader = rig.source().reader();
    reader.assign(&[(split, end)]).await.unwrap();
    assert_eq!(reader.next(WAIT).await.unwrap_err().code(), Code::FileChanged);
}

#[tokio::test]
async fn split_of_another_source_is_refused() {
    let rig = Rig::new();
    let mut reader = rig.source().reader();
    let foreign = (SplitId::new("orders-3"), at(Path::new("x"), 0, 0));
    assert_eq!(reader.assign(&[foreign]).await.unwrap_err().disposition(), Disposition::Reject);
}

#[tokio::test]
async fn pattern_that_cannot_be_parsed_is_a_config_error() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let error = FileSource::new(SourceConfig::new("in/[a"), clock).unwrap_err();
    assert_eq!(error.code(), Code::Config);
}

#[tokio::test]
async fn membership_of_a_following_job_publishes_new_files_behind_the_known_ones() {
    let mut rig = Rig::new();
    rig.config.follow = true;
    let b = rig.write("b.ndjson", "");
    let membership = LocalMembership::of(&rig.source()).await.unwrap();
    let first = membership.current();
    assert_eq!((first.version, &first.splits), (AssignmentVersion(1), &vec![b.clone()]));
    let a = rig.write("a.ndjson", "");
    let second = membership.changed(first.version).await.unwrap();
    assert_eq!((second.version, &second.splits), (AssignmentVersion(2), &vec![b, a]));
    membership.leave().await.unwrap();
}

#[tokio::test]
async fn membership_of_a_job_that_ends_never_changes() {
    let rig = Rig::new();
    rig.write("a.ndjson", "");
    let membership = LocalMembership::of(&rig.source()).await.unwrap();
    rig.write("b.ndjson", "");
    let version = membership.current().version;
    let changed = tokio::time::timeout(Duration::from_millis(20), membership.changed(version)).await;
    assert!(changed.is_err());
}
