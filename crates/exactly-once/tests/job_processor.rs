//! A worker as a program runs it, over files: no server is needed.

#![cfg(feature = "connector-file")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use exactly_once::ExactlyOnceJobProcessor;
use exactly_once::config::{FileSink, FileSource, HttpConfig, JobFile, Sink, Source, StateDir};
use exactly_once::core::{Code, JobName};
use exactly_once::explain::Required;

/// Three lines in one file, to be copied.
fn job(dir: &Path) -> JobFile {
    fs::create_dir_all(dir.join("in")).unwrap();
    fs::write(dir.join("in/a"), "1\n2\n3\n").unwrap();
    let path = |name: &str| dir.join(name).display().to_string();
    let source = Source::File(FileSource::new(path("in/*")));
    let mut job = JobFile::new(JobName::new("j"), source, Sink::File(FileSink::new(path("out/lines"))));
    job.state_dir = StateDir::new(path("state"));
    job
}

fn following(dir: &Path) -> JobFile {
    let mut job = job(dir);
    let Source::File(source) = &mut job.source else { panic!() };
    source.follow = true;
    job
}

fn delivered(dir: &Path) -> String {
    let mut files: Vec<_> = fs::read_dir(dir.join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

/// Status code and body of a GET, or `None` where nobody answers: a connection that the listener no longer takes from
/// its queue is reset.
fn get(address: SocketAddr, path: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.to_owned(), body.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn bounded_worker_ends_with_what_it_has_done_and_the_next_one_finds_nothing_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let processor = ExactlyOnceJobProcessor::new(job(dir.path()))
        .unwrap()
        .require(Required::ExactlyOnce)
        .unwrap()
        .instance("blue")
        .unwrap();
    let stats = processor.run().await.unwrap();
    assert_eq!((stats.job.as_str(), stats.instance.as_str(), stats.records), ("j", "blue", 3));
    assert!(stats.transactions >= 1 && stats.level.starts_with("exactly_once"), "{stats:?}");
    assert_eq!(processor.run().await.unwrap().records, 0);
    assert_eq!(delivered(dir.path()), "1\n2\n3\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_asked_to_shut_down_ends_in_an_orderly_way() {
    let dir = tempfile::tempdir().unwrap();
    let processor = ExactlyOnceJobProcessor::new(following(dir.path())).unwrap();
    processor.run_until(async {}).await.unwrap();
    processor.clone().until_caught_up().run().await.unwrap();
    assert_eq!(delivered(dir.path()), "1\n2\n3\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_answers_over_http_until_it_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let mut job = following(dir.path());
    job.http = Some(HttpConfig::new("127.0.0.1:0".parse().unwrap()));
    let running = ExactlyOnceJobProcessor::new(job).unwrap().start().await.unwrap();
    let address = running.http_address().unwrap();
    let view = running.view();
    while view.execution_stats().records < 3 || !view.health_check().healthy {
        tokio::task::yield_now().await;
    }
    let ask = move |path: &'static str| tokio::task::spawn_blocking(move || get(address, path));
    assert_eq!(ask("/livez").await.unwrap().unwrap(), ("200".to_owned(), "ok\n".to_owned()));
    assert_eq!(ask("/readyz").await.unwrap().unwrap(), ("200".to_owned(), "ok\n".to_owned()));
    let (code, lines) = ask("/readyz?verbose").await.unwrap().unwrap();
    assert!(code == "200" && lines.starts_with("[+] lane-0: ") && lines.ends_with("\nready\n"), "{lines}");
    let (_, metrics) = ask("/metrics").await.unwrap().unwrap();
    assert!(metrics.contains("exactly_once_records_processed_total"), "{metrics}");
    assert_eq!(running.stop().await.unwrap().records, 3);
    while ask("/livez").await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    assert!(!view.health_check().healthy);
}

#[tokio::test]
async fn address_in_use_is_refused_before_a_worker_is_at_work() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut job = job(dir.path());
    job.http = Some(HttpConfig::new(taken.local_addr().unwrap()));
    let error = ExactlyOnceJobProcessor::new(job).unwrap().start().await.unwrap_err();
    assert_eq!(error.code(), Code::Config);
    assert!(!dir.path().join("state").exists() && !dir.path().join("out").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn name_of_a_worker_that_lives_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let blue = ExactlyOnceJobProcessor::new(following(dir.path())).unwrap().instance("blue").unwrap();
    let running = blue.start().await.unwrap();
    assert_eq!(blue.start().await.unwrap_err().code(), Code::InstanceConflict);
    running.stop().await.unwrap();
}

#[test]
fn job_or_name_that_is_not_valid_is_refused_when_it_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let mut bad = job(dir.path());
    bad.lanes = 0;
    let error = ExactlyOnceJobProcessor::new(bad).unwrap_err();
    assert_eq!(error.to_string(), "lanes: out of range");
    let good = ExactlyOnceJobProcessor::new(job(dir.path())).unwrap();
    for name in ["", "../x", "registrar"] {
        assert!(good.clone().instance(name).unwrap_err().to_string().starts_with("instance: "), "{name}");
    }
}
