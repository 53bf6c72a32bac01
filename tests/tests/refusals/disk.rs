//! A full disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use velostream_testkit::nemesis::{Job, ends_well};

use crate::refusal::expect;

/// A file system of a chosen size; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this process may not mount.
    fn mount(at: &Path, options: &str) -> Result<Option<Self>> {
        fs::create_dir_all(at)?;
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output()?;
        if !mounted.status.success() {
            println!("not run: {}", String::from_utf8_lossy(&mounted.stderr).trim());
            return Ok(None);
        }
        Ok(Some(Self(at.to_owned())))
    }

    fn grow(&self, options: &str) -> Result<()> {
        let status =
            Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status()?;
        ensure!(status.success(), "remount: {status}");
        Ok(())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Nothing can be reported from here.
        drop(Command::new("umount").arg(&self.0).status());
    }
}

fn file_job(dir: &Path, out: &Path) -> Result<(Job, String)> {
    let text: String = (0..40_000).map(|n| format!("line {n:07} {}\n", "z".repeat(n % 60))).collect();
    let from = dir.join("in.txt");
    fs::write(&from, &text)?;
    let job = Job::files("copies", dir, &from, &out.join("lines.txt"))
        .source("max_chunk_bytes: 16KB")
        .top("exactly_once: { transaction: { max_interval: 5ms, max_bytes: 64KB } }");
    Ok((job, text))
}

#[test]
fn file_sink_on_a_full_disk_stops_the_job_and_goes_on_once_there_is_room() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let out = dir.path().join("out");
    let Some(disk) = SmallDisk::mount(&out, "size=512k")? else { return Ok(()) };
    let (job, text) = file_job(dir.path(), &out)?;
    let ended = job.run_until_caught_up("w0")?;
    expect(&ended, "VS-0060", 1, &[&out.display().to_string(), "No space left on device"])?;
    let written = || -> Result<String> {
        let mut paths = fs::read_dir(&out)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        paths.retain(|path| path.is_file());
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).context("not text")).collect()
    };
    ensure!(
        text.starts_with(&written()?),
        "what a stopped job leaves behind is committed lines and no others"
    );
    disk.grow("size=16m")?;
    ends_well(&job.run_until_caught_up("w0")?)?;
    ensure!(written()? == text, "every line once, in order");
    drop(disk);
    Ok(())
}

#[test]
fn state_directory_on_a_full_disk_is_named() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let state = dir.path().join("state");
    // The root directory takes one inode: nothing can be created.
    let Some(disk) = SmallDisk::mount(&state, "size=64k,nr_inodes=1")? else { return Ok(()) };
    let (job, _) = file_job(dir.path(), &dir.path().join("out"))?;
    let place = state.display().to_string();
    expect(&job.run_until_caught_up("w0")?, "VS-0052", 1, &[&place, "No space left on device"])?;
    ensure!(!dir.path().join("out").exists(), "nothing was begun");
    drop(disk);
    Ok(())
}
