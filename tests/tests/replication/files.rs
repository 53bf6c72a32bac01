//! Jobs that write files, killed with -9 again and again.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use velostream_testkit::load::{Codec, MadeRecord, Random, create_topic, send};
use velostream_testkit::nemesis::{Job, NO_EXPIRY, Scene, Worker, ends_well};

/// Starts a worker and kills it, `kills` times, then lets one finish.
fn run_under_kills(job: &Job, kills: u32, seed: u64) -> Result<()> {
    println!("seed {seed}");
    let mut random = Random::new(seed, 9);
    for _ in 0..kills {
        let worker = Worker::of(job, "w0")?;
        sleep(Duration::from_millis(40 + random.below(500)));
        let ended = worker.kill()?;
        // A worker that reads files may have come to their end before it was killed.
        ensure!(matches!(ended.code, None | Some(0)), "{:?}\n{}", ended.code, ended.stderr);
    }
    ends_well(&job.run_until_caught_up("w0")?)
}

/// What `cat` of the sink's files shows, in the order of their names.
fn lines(dir: &Path) -> Result<Vec<String>> {
    let mut paths = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.is_file());
    paths.sort();
    let mut lines = Vec::new();
    for path in paths {
        lines.extend(fs::read_to_string(path)?.lines().map(str::to_owned));
    }
    Ok(lines)
}

#[test]
fn kafka_to_file_killed_again_and_again_writes_each_record_once_in_order() -> Result<()> {
    let scene = Scene::new("to-file")?;
    create_topic(&scene.source, &scene.name, 3, &NO_EXPIRY)?;
    const EACH: usize = 20_000;
    for codec in [Codec::Lz4, Codec::Zstd] {
        let records = (0..EACH * 3).map(|n| {
            let partition = i32::try_from(n % 3).unwrap_or_default();
            let value = format!("{codec} {partition} {:06} {}", n / 3, "x".repeat(n % 90));
            (partition, MadeRecord { value: Some(value.into_bytes()), ..MadeRecord::default() })
        });
        send(&scene.source, &scene.name, codec, records)?;
    }
    let out = scene.dir().join("out");
    let job = scene
        .job()
        .to_file(&out.join("records.txt"))
        .top("exactly_once: { transaction: { max_interval: 20ms, max_bytes: 64KB } }");
    run_under_kills(&job, 12, 31)?;
    let lines = lines(&out)?;
    ensure!(lines.len() == EACH * 6, "{} lines instead of {}", lines.len(), EACH * 6);
    for partition in 0..3 {
        let of = lines.iter().filter(|line| line.split(' ').nth(1) == Some(&partition.to_string()));
        let expected = [Codec::Lz4, Codec::Zstd].into_iter().flat_map(|codec| {
            (0..EACH)
                .map(move |n| format!("{codec} {partition} {n:06} {}", "x".repeat((n * 3 + partition) % 90)))
        });
        ensure!(of.map(String::as_str).eq(expected.collect::<Vec<_>>().iter().map(String::as_str)));
    }
    Ok(())
}

#[test]
fn file_to_file_killed_again_and_again_copies_each_line_once_in_order() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let text: String = (0..400_000).map(|n| format!("line {n:07} {}\n", "y".repeat(n % 120))).collect();
    let (from, out) = (dir.path().join("in.txt"), dir.path().join("out"));
    fs::write(&from, &text)?;
    let job = Job::files("copies", dir.path(), &from, &out.join("lines.txt"))
        .source("max_chunk_bytes: 16KB")
        .top("exactly_once: { transaction: { max_interval: 5ms, max_bytes: 64KB } }");
    run_under_kills(&job, 12, 33)?;
    let lines = lines(&out)?;
    ensure!(lines.len() == 400_000, "{} lines", lines.len());
    ensure!(lines.iter().map(String::as_str).eq(text.lines()), "the lines are others or in another order");
    Ok(())
}
