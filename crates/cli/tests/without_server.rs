//! The commands that need no server: a demo with its kills, and what is committed of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(cargo_bin("velostream"))
        .current_dir(directory)
        .args(arguments)
        .env_remove("VELOSTREAM_LOG")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn demo_with_kills_is_clean_and_cat_shows_each_of_its_lines() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["demo", "--records", "6000", "--kills", "6", "--seed", "1", "--dir", "d", "-o", "json"];
    let ran = run(dir.path(), &arguments);
    assert_eq!((code(&ran), err(&ran).as_str()), (0, ""));
    let verdict: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&verdict["clean"], &verdict["matched"]), (&Value::Bool(true), &Value::from(6000)));
    // On a slow machine the work may be done before the last kill, never before the first.
    let kills = verdict["kills"].as_u64().unwrap();
    assert!((1..=6).contains(&kills), "{verdict}");
    let lives = verdict["lives"].as_array().unwrap();
    assert_eq!(lives.len() as u64, kills + 1);
    assert_eq!(lives.last().unwrap()["committed_records"], 6000);

    let inside = dir.path().join("d");
    let mut expected: Vec<String> = (1..=3)
        .flat_map(|n| {
            let text = fs::read_to_string(inside.join(format!("in/orders-{n}.ndjson"))).unwrap();
            text.lines().map(ToOwned::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let by_directory = run(dir.path(), &["cat", "d/out"]);
    let by_job = run(&inside, &["cat", "demo.yaml"]);
    assert_eq!((code(&by_directory), code(&by_job)), (0, 0));
    assert_eq!(by_directory.stdout, by_job.stdout);
    let mut found: Vec<String> = out(&by_directory).lines().map(ToOwned::to_owned).collect();
    expected.sort();
    found.sort();
    assert!(found == expected, "{} lines", found.len());
}

#[test]
fn demo_tells_people_what_happened_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let ran = Command::new(cargo_bin("velostream"))
        .args(["demo", "--records", "900", "--kills", "1", "--seed", "3"])
        .env("TMPDIR", dir.path())
        .output()
        .unwrap();
    let text = out(&ran);
    assert_eq!((code(&ran), err(&ran).as_str()), (0, ""));
    assert!(text.starts_with("900 lines ("), "{text}");
    for words in ["worker 1: killed with -9 after ", "worker 2: ended by itself after ", "no state store"] {
        assert!(text.contains(words), "{text}");
    }
    assert!(text.contains("\nclean: 900 records, each once, in order per file; 1 kills, "), "{text}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn demo_in_a_directory_that_holds_something_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine"), "x").unwrap();
    let ran = run(dir.path(), &["demo", "--dir", "."]);
    assert_eq!((code(&ran), out(&ran).as_str()), (2, ""));
    assert_eq!(
        err(&ran),
        "error: VS-0003: . is not empty\n  remedy: Name a directory that is new or empty.\n"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// A directory in which the job `demo` delivered two lines to `out`.
fn delivered() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("in")).unwrap();
    fs::write(dir.path().join("in/a.ndjson"), "{\"a\":1}\n{\"a\":2}\n").unwrap();
    let job = "job: demo\nsource: { file: { path: \"in/*\" } }\nsink: { file: { path: out/a.ndjson } }\n";
    fs::write(dir.path().join("demo.yaml"), job).unwrap();
    fs::write(dir.path().join("other.yaml"), job.replace("demo", "other")).unwrap();
    assert_eq!(code(&run(dir.path(), &["run", "demo.yaml", "--no-progress"])), 0);
    dir
}

#[test]
fn cat_leaves_out_what_is_not_committed() {
    let dir = delivered();
    let data = fs::read_dir(dir.path().join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_file())
        .unwrap();
    OpenOptions::new().append(true).open(data).unwrap().write_all(b"{\"a\":3}\n{\"a").unwrap();
    assert_eq!(out(&run(dir.path(), &["cat", "out"])), "{\"a\":1}\n{\"a\":2}\n");
}

#[test]
fn cat_of_something_else_is_refused_with_its_reason() {
    let dir = delivered();
    let kafka = "job: k\nsource: { kafka: { bootstrap_servers: \"a:1\", topics: [t] } }\nsink: { kafka: { bootstrap_servers: \"b:1\" } }\n";
    fs::write(dir.path().join("kafka.yaml"), kafka).unwrap();
    for (place, exit, words) in [
        ("in", 1, "VS-0060"),
        ("none", 1, "VS-0060"),
        ("in/a.ndjson", 78, "VS-0001"),
        ("kafka.yaml", 2, "kafka.yaml: the sink is not a directory of files"),
        ("other.yaml", 1, "VS-0040: out belongs to job demo, not to other"),
    ] {
        let ran = run(dir.path(), &["cat", place]);
        assert_eq!((code(&ran), out(&ran).as_str()), (exit, ""), "{place}: {}", err(&ran));
        assert!(err(&ran).contains(words), "{place}: {}", err(&ran));
    }
}

#[test]
fn check_live_of_a_job_over_files_says_what_is_there() {
    let dir = delivered();
    let ran = run(dir.path(), &["check", "demo.yaml", "--live"]);
    assert_eq!((code(&ran), err(&ran).as_str()), (0, ""));
    for words in
        ["matched  1 file, 16 B\n", "directory  out, writable\n", "\nready: nothing stands in the way"]
    {
        assert!(out(&ran).contains(words), "{words}: {}", out(&ran));
    }
    let ran = run(dir.path(), &["check", "other.yaml", "--live"]);
    assert_eq!(code(&ran), 1);
    assert!(err(&ran).starts_with("error: VS-0040: out belongs to job demo\n"), "{}", err(&ran));
    let ran = run(dir.path(), &["check", "other.yaml", "--live", "-o", "json"]);
    assert_eq!((code(&ran), err(&ran).as_str()), (1, ""));
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(report["live"]["source"]["file"]["bytes"], 16);
    assert_eq!(report["live"]["problems"][0]["code"], "VS-0040");
}

#[test]
fn check_live_of_clusters_that_do_not_answer_exits_69() {
    let dir = tempfile::tempdir().unwrap();
    let job = "job: k\nsource: { kafka: { bootstrap_servers: \"localhost:1\", topics: [t] } }\nsink: { kafka: { bootstrap_servers: \"localhost:2\" } }\n";
    fs::write(dir.path().join("k.yaml"), job).unwrap();
    let ran = run(dir.path(), &["check", "k.yaml", "--live"]);
    assert_eq!(code(&ran), 69);
    assert!(out(&ran).contains("VS-0010 source: ") && out(&ran).contains("VS-0010 sink: "), "{}", out(&ran));
    assert!(err(&ran).starts_with("error: VS-0010: "), "{}", err(&ran));
    assert_eq!(code(&run(dir.path(), &["check", "k.yaml"])), 0);
}

#[test]
fn man_writes_one_page_per_command() {
    let dir = tempfile::tempdir().unwrap();
    let ran = run(dir.path(), &["man", "m/man1"]);
    assert_eq!((code(&ran), err(&ran).as_str()), (0, ""));
    let page = |name: &str| fs::read_to_string(dir.path().join("m/man1").join(name)).unwrap();
    assert!(page("velostream.1").contains("velostream\\-explain\\-error(1)"));
    for command in ["cat", "check", "demo", "explain-error", "man", "replicate", "run", "verify"] {
        let page = page(&format!("velostream-{command}.1"));
        assert!(page.contains("Examples:"), "{page}");
    }
}

#[test]
fn verify_of_nobody_exits_69_without_noise() {
    let dir = tempfile::tempdir().unwrap();
    for topic in ["orders", "/orders.*/"] {
        // Port 1 of this host: nobody listens there.
        let ran =
            run(dir.path(), &["verify", "--from", "127.0.0.1:1", "--to", "127.0.0.1:1", "--topic", topic]);
        assert_eq!((code(&ran), out(&ran).as_str()), (69, ""));
        assert!(err(&ran).starts_with("error: VS-0010: "), "{}", err(&ran));
        assert!(!err(&ran).contains("ERROR"), "{}", err(&ran));
    }
}
