//! Whole processes: killed, and stopped by a full disk.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use velostream_connector_file::CommittedReader;
use velostream_core::{Code, Disposition};

use crate::job;

/// Directory that the child works in; without it the child's test does nothing.
const CHILD_DIR: &str = "VELOSTREAM_FILE_CHILD";
/// The child stopped with the error that a full disk must give.
const DISK_FULL: i32 = 42;

struct Rig(tempfile::TempDir);

impl Rig {
    fn new(files: usize, lines: usize) -> Self {
        let rig = Self(tempfile::tempdir().unwrap());
        fs::create_dir(rig.input()).unwrap();
        for file in 0..files {
            let line =
                |n| format!("{{\"file\":{file},\"line\":{n},\"pad\":\"{}\"}}\n", "p".repeat(n * 7 % 90));
            let content: String = (0..lines).map(line).collect();
            fs::write(rig.input().join(format!("{file:03}.ndjson")), content).unwrap();
        }
        rig
    }

    fn input(&self) -> PathBuf {
        self.0.path().join("in")
    }

    fn output(&self) -> PathBuf {
        self.0.path().join("out")
    }

    fn expected(&self) -> String {
        concatenated(&self.input())
    }

    /// This test program as another process that copies; `wrapper` is a shell command that ends in `exec "$@"`.
    fn child(&self, wrapper: &str) -> Child {
        Command::new("sh")
            .args(["-c", wrapper, "sh"])
            .arg(env::current_exe().unwrap())
            .args(["--exact", "process::child_copies", "--nocapture"])
            .env(CHILD_DIR, self.0.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn run(&self, wrapper: &str) -> ExitStatus {
        self.child(wrapper).wait().unwrap()
    }

    /// Committed output; nothing where no claim was made yet. Always a prefix of the input.
    fn committed(&self) -> String {
        let Ok(reader) = CommittedReader::open(self.output()) else { return String::new() };
        let committed = std::io::read_to_string(reader).unwrap();
        assert!(self.expected().starts_with(&committed), "not a prefix of the input");
        committed
    }
}

/// `cat DIR/*`.
fn concatenated(dir: &Path) -> String {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[tokio::test]
async fn child_copies() {
    let Some(dir) = env::var_os(CHILD_DIR).map(PathBuf::from) else { return };
    let mut lane = job::sink(&dir.join("out"));
    match job::copy(&job::source(&dir.join("in"), 16), &mut lane).await {
        Ok(()) => lane.close().await.unwrap(),
        Err(error) => {
            let full = error.code() == Code::FileIo && error.disposition() == Disposition::Reject;
            drop(lane);
            std::process::exit(if full { DISK_FULL } else { 1 });
        }
    }
}

#[test]
fn process_killed_at_any_time_and_started_again_copies_each_line_once_in_order() {
    let rig = Rig::new(4, 3000);
    let mut random: u32 = 2_463_534_242;
    let mut killed_in_the_middle = 0;
    for _ in 0..60 {
        let mut child = rig.child("exec \"$@\"");
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        thread::sleep(Duration::from_millis(u64::from(random % 80)));
        child.kill().unwrap();
        child.wait().unwrap();
        let committed = rig.committed();
        if !committed.is_empty() && committed.len() < rig.expected().len() {
            killed_in_the_middle += 1;
        }
    }
    println!("{killed_in_the_middle} of 60 kills hit the copying");
    assert!(killed_in_the_middle >= 5, "only {killed_in_the_middle} kills hit the copying");
    assert!(rig.run("exec \"$@\"").success());
    assert_eq!(rig.committed(), rig.expected());
    assert_eq!(concatenated(&rig.output()), rig.expected());
}

#[test]
fn full_disk_stops_with_a_file_error_and_loses_nothing() {
    let rig = Rig::new(1, 3000);
    // The largest file that may be written, 64 KiB; the signal that goes with it is ignored as on a full disk.
    let limited = "trap '' XFSZ; ulimit -f 128; exec \"$@\"";
    assert_eq!(rig.run(limited).code(), Some(DISK_FULL));
    let committed = rig.committed();
    assert!(!committed.is_empty() && committed.len() < rig.expected().len());
    assert_eq!(concatenated(&rig.output()), committed, "the failed transaction was rolled back");
    assert!(rig.run("exec \"$@\"").success());
    assert_eq!(rig.committed(), rig.expected());
    assert_eq!(concatenated(&rig.output()), rig.expected());
}
