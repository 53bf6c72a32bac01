//! Asking both ends of a job, where no server is needed: files, and clusters that do not answer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use exactly_once::ExactlyOnceJobProcessor;
use exactly_once::config::{JobFile, ProcessVariables};
use exactly_once::core::Code;
use exactly_once::live::{Live, Severity, Side, SinkSeen, SourceSeen, look};

/// A job over files in a directory.
fn files(name: &str, dir: &Path) -> JobFile {
    let dir = dir.display();
    let text = format!(
        "job: {name}\nsource: {{ file: {{ path: \"{dir}/in/*\" }} }}\nsink: {{ file: {{ path: \"{dir}/out/a\" }} }}\nstate_dir: \"{dir}/state\"\n"
    );
    JobFile::parse("j.yaml", &text, &ProcessVariables::new(".")).unwrap()
}

fn blocked(live: &Live) -> Vec<(Side, Code)> {
    live.problems.iter().filter(|p| p.severity == Severity::Blocks).map(|p| (p.side, p.code)).collect()
}

#[tokio::test]
async fn files_are_counted_and_looking_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("in")).unwrap();
    fs::write(dir.path().join("in/a"), "1\n2\n").unwrap();
    fs::write(dir.path().join("in/b"), "3\n").unwrap();
    let live = look(&files("j", dir.path())).await;
    assert_eq!(live.problems, []);
    assert_eq!(live.blocked_by(), None);
    let (SourceSeen::File(source), SinkSeen::File(sink)) = (&live.source, &live.sink) else { panic!() };
    assert_eq!((source.files.len(), source.bytes), (2, 6));
    assert_eq!((sink.exists, sink.writable, sink.commits), (false, true, 0));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn missing_files_and_a_directory_that_cannot_be_made_block_the_job() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("out"), "a file").unwrap();
    fs::write(dir.path().join("state"), "a file").unwrap();
    let live = look(&files("j", dir.path())).await;
    assert_eq!(
        blocked(&live),
        [(Side::Source, Code::FileIo), (Side::Sink, Code::FileIo), (Side::Host, Code::StateIo)]
    );
    assert!(live.problems[0].text.starts_with("no file matches"), "{:?}", live.problems[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn directory_of_another_job_blocks_and_its_own_shows_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("in")).unwrap();
    fs::write(dir.path().join("in/a"), "1\n2\n").unwrap();
    let job = files("j", dir.path());
    ExactlyOnceJobProcessor::new(job.clone()).unwrap().run().await.unwrap();
    let live = look(&job).await;
    assert_eq!(live.problems, []);
    let SinkSeen::File(sink) = &live.sink else { panic!() };
    assert!(sink.exists && sink.commits > 0 && sink.committed_bytes == 4, "{sink:?}");
    assert_eq!(blocked(&look(&files("other", dir.path())).await), [(Side::Sink, Code::JobConflict)]);
}

#[tokio::test]
async fn clusters_that_do_not_answer_are_both_named() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "job: j\nsource: {{ kafka: {{ bootstrap_servers: 'localhost:1', topics: [t] }} }}\nsink: {{ kafka: {{ bootstrap_servers: 'localhost:2' }} }}\nstate_dir: \"{}\"\n",
        dir.path().display()
    );
    let live = look(&JobFile::parse("j.yaml", &text, &ProcessVariables::new(".")).unwrap()).await;
    assert_eq!(blocked(&live), [(Side::Source, Code::Unreachable), (Side::Sink, Code::Unreachable)]);
    let (SourceSeen::Kafka(source), SinkSeen::Kafka(sink)) = (&live.source, &live.sink) else { panic!() };
    assert!(!source.cluster.reachable && !sink.cluster.reachable);
    assert_eq!(source.cluster.bootstrap_servers, "localhost:1");
}
