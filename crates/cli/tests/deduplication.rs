//! Jobs that tell records apart by what they hold, as whole processes: killed, robbed of their state, and started
//! again. What is committed is compared with the first occurrences of the input, line by line.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

struct Place {
    dir: tempfile::TempDir,
    random: StdRng,
}

impl Place {
    /// A directory with a job and, in three files, so many different lines of which every fifth comes again.
    fn new(lines: usize, ids: &str) -> Self {
        let mut place = Self { dir: tempfile::tempdir().unwrap(), random: StdRng::seed_from_u64(7) };
        fs::create_dir(place.path("in")).unwrap();
        let job = format!(
            "job: dedup\nsource: {{ file: {{ path: 'in/*.ndjson', max_chunk_bytes: 2KiB }} }}\n\
             sink: {{ file: {{ path: out/o.ndjson }} }}\n\
             exactly_once: {{ record_id_strategy: content_hash, transaction: {{ max_bytes: 16KiB }}, {ids} }}\n"
        );
        fs::write(place.path("job.yaml"), job).unwrap();
        let mut written: Vec<String> = Vec::new();
        for n in 0..lines {
            written.push(format!("line {n}"));
            if place.random.random_ratio(1, 5) {
                written.extend(written.choose(&mut place.random).cloned());
            }
        }
        for (n, part) in written.chunks(written.len().div_ceil(3)).enumerate() {
            place.input(&n.to_string(), part);
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn store(&self) -> PathBuf {
        self.path(".velostream/dedup/state.redb")
    }

    fn input(&self, name: &str, lines: &[String]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.path(&format!("in/{name}.ndjson")), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cargo_bin("velostream"));
        command
            .current_dir(self.dir.path())
            .args(arguments)
            .env_remove("VELOSTREAM_LOG")
            .stdin(Stdio::null());
        command
    }

    fn start(&self) -> Child {
        let mut command = self.command(&["run", "job.yaml", "--no-progress"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs to the end; the error, if any, in its own words.
    fn run(&self) -> Result<(), String> {
        let ran = self.command(&["run", "job.yaml", "--no-progress"]).output().unwrap();
        if ran.status.success() { Ok(()) } else { Err(String::from_utf8(ran.stderr).unwrap()) }
    }

    fn committed(&self) -> Vec<String> {
        let Output { stdout, .. } = self.command(&["cat", "out"]).output().unwrap();
        String::from_utf8(stdout).unwrap().lines().map(ToOwned::to_owned).collect()
    }

    /// The first occurrence of each line, in the order in which the files are read.
    fn expected(&self) -> Vec<String> {
        let mut files: Vec<_> = fs::read_dir(self.path("in")).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        let mut seen = HashSet::new();
        let text: String = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        text.lines().filter(|line| seen.insert(line.to_string())).map(ToOwned::to_owned).collect()
    }

    fn assert_each_line_once(&self) {
        let (committed, expected) = (self.committed(), self.expected());
        let first = committed.iter().zip(&expected).find(|(a, b)| a != b);
        assert!(committed == expected, "{} of {} lines, {first:?}", committed.len(), expected.len());
    }

    /// Starts a worker and kills it with -9 once it has committed something.
    fn kill_in_the_middle(&mut self) {
        let before = size(&self.path("out"));
        let mut child = self.start();
        while size(&self.path("out")) == before && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(self.random.random_range(0..15)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Bytes of the files of a directory; 0 where there is none.
fn size(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).filter(|m| m.is_file()).map(|m| m.len()).sum()
}

#[test]
fn worker_killed_again_and_again_delivers_each_content_once_in_order() {
    let mut place = Place::new(30_000, "");
    for _ in 0..8 {
        place.kill_in_the_middle();
    }
    place.run().unwrap();
    place.assert_each_line_once();
    // Whatever comes later and was delivered before any of the kills is recognised.
    let again: Vec<String> = place.expected().into_iter().step_by(7).chain(["fresh".to_owned()]).collect();
    place.input("9", &again);
    place.run().unwrap();
    place.assert_each_line_once();
    assert_eq!(place.committed().last().map(String::as_str), Some("fresh"));
}

#[test]
fn ids_of_a_lost_or_older_store_are_rebuilt_from_the_source() {
    let mut place = Place::new(4000, "on_id_loss: rebuild");
    place.kill_in_the_middle();
    let older = fs::read(place.store()).unwrap();
    place.run().unwrap();
    let again: Vec<String> = place.expected().into_iter().step_by(3).collect();
    place.input("7", &again);
    fs::remove_file(place.store()).unwrap();
    place.run().unwrap();
    place.assert_each_line_once();
    place.input("8", &again);
    fs::write(place.store(), older).unwrap();
    place.run().unwrap();
    place.assert_each_line_once();
}

#[test]
fn worker_killed_while_it_rebuilds_ids_goes_on_rebuilding() {
    let mut place = Place::new(30_000, "");
    place.run().unwrap();
    let again: Vec<String> = place.expected().into_iter().step_by(3).collect();
    place.input("7", &again);
    fs::remove_file(place.store()).unwrap();
    for _ in 0..4 {
        let mut child = place.start();
        thread::sleep(Duration::from_millis(place.random.random_range(20..120)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    place.run().unwrap();
    place.assert_each_line_once();
}

#[test]
fn lost_ids_stop_the_job_where_it_says_so() {
    let place = Place::new(300, "on_id_loss: stop");
    place.run().unwrap();
    fs::remove_file(place.store()).unwrap();
    let error = place.run().unwrap_err();
    assert!(error.contains("VS-0056") && error.contains("in/0.ndjson"), "{error}");
    place.assert_each_line_once();
}

#[test]
fn emptied_sink_beside_a_full_store_stops_the_job_instead_of_losing_records() {
    let place = Place::new(300, "");
    place.run().unwrap();
    fs::remove_dir_all(place.path("out")).unwrap();
    let error = place.run().unwrap_err();
    assert!(error.contains("VS-0031") && error.contains("state reset"), "{error}");
    let state = |arguments: &[&str]| {
        let ran = place.command(&[&["state"], arguments].concat()).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    let list = state(&["ls", "job.yaml"]);
    assert!(list.contains("dedup.lane-0") && list.contains("300"), "{list}");
    let shown = state(&["show", "job.yaml"]);
    assert!(shown.contains("file:in/2.ndjson") && shown.contains("open batches"), "{shown}");
    assert!(shown.contains("dated by") && shown.contains("arrival"), "{shown}");
    let dry = state(&["reset", "job.yaml"]);
    assert_eq!(
        dry,
        "dedup.lane-0: 300 ids and the positions of 3 splits would be forgotten; add --execute to do it\n"
    );
    assert!(place.run().unwrap_err().contains("VS-0031"), "a dry run changes nothing");
    let done = state(&["reset", "job.yaml", "--execute"]);
    assert!(done.ends_with("are forgotten\n"), "{done}");
    place.run().unwrap();
    place.assert_each_line_once();
}

#[test]
fn second_worker_of_a_job_with_content_ids_is_refused() {
    let place = Place::new(300, "");
    let job = fs::read_to_string(place.path("job.yaml")).unwrap();
    fs::write(place.path("job.yaml"), job.replace("2KiB", "2KiB, follow: true")).unwrap();
    let mut first = place.start();
    while size(&place.path("out")) == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    let error = place.run().unwrap_err();
    assert!(error.contains("VS-0055"), "{error}");
    let reset = place.command(&["state", "reset", "job.yaml", "--execute"]).output().unwrap();
    assert!(String::from_utf8(reset.stderr).unwrap().contains("VS-0055"), "a live worker holds the ids");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn more_records_in_the_window_than_may_be_tracked_stop_the_job_or_shrink_the_window() {
    let place = Place::new(3000, "max_tracked_records: 1000");
    let error = place.run().unwrap_err();
    assert!(error.contains("VS-0058") && error.contains("max_tracked_records"), "{error}");
    let job = fs::read_to_string(place.path("job.yaml")).unwrap();
    let job = job.replace("max_tracked_records", "on_tracking_limit: shrink_window, max_tracked_records");
    fs::write(place.path("job.yaml"), job).unwrap();
    place.run().unwrap();
    let (committed, expected) = (place.committed(), place.expected());
    let distinct: HashSet<&String> = committed.iter().collect();
    assert_eq!(distinct.len(), expected.len(), "nothing is lost");
}

#[test]
fn exported_state_goes_on_in_another_store_as_if_it_were_the_same() {
    let place = Place::new(300, "on_id_loss: stop");
    place.run().unwrap();
    let exported = place.command(&["state", "export", "job.yaml"]).output().unwrap();
    assert!(exported.status.success());
    fs::write(place.path("dump"), &exported.stdout).unwrap();
    let job = fs::read_to_string(place.path("job.yaml")).unwrap();
    fs::write(place.path("job.yaml"), format!("{job}state_store: {{ redb: {{ path: moved.redb }} }}\n"))
        .unwrap();
    let import = |arguments: &[&str]| {
        let ran = place.command(&[&["state", "import", "job.yaml"], arguments].concat()).output().unwrap();
        (ran.status.success(), String::from_utf8([ran.stdout, ran.stderr].concat()).unwrap())
    };
    let (ended, dry) = import(&["dump"]);
    assert!(ended && dry.contains("would be imported"), "{dry}");
    assert!(place.run().unwrap_err().contains("VS-0056"), "a dry run changes nothing");
    let cut: Vec<u8> = exported.stdout.iter().take(exported.stdout.len() / 2).copied().collect();
    fs::write(place.path("cut"), cut).unwrap();
    assert!(import(&["cut", "--execute"]).1.contains("VS-0050"));
    fs::remove_file(place.path("moved.redb")).unwrap();
    let (ended, done) = import(&["dump", "--execute"]);
    assert!(ended && done.ends_with("are imported\n"), "{done}");
    assert!(import(&["dump", "--execute"]).1.contains("has it already"));
    let again: Vec<String> = place.expected().into_iter().step_by(2).collect();
    place.input("9", &again);
    place.run().unwrap();
    place.assert_each_line_once();
}
