//! State that is damaged or of a later version: the job's internal topic, the member file, the manifest of files.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use velostream_envelope::{BodyCodec, Format, encode};
use velostream_testkit::load::{Codec, LoadPlan, MadeRecord, delete_topic, produce, send};
use velostream_testkit::nemesis::{Job, NO_EXPIRY, Scene};

use crate::refusal::{expect, expect_untouched};

fn delivered(name: &str) -> Result<Scene> {
    let scene = Scene::new(name)?;
    scene.create(1, &NO_EXPIRY)?;
    produce(&scene.source, &LoadPlan::realistic(&scene.name, 1, 1_000, 3))?;
    scene.deliver(&scene.job())?;
    Ok(scene)
}

/// Appends a record to the job's internal topic.
fn append(scene: &Scene, key: &str, value: Vec<u8>) -> Result<()> {
    let record = MadeRecord { key: Some(key.into()), value: Some(value), ..MadeRecord::default() };
    send(&scene.sink, &format!("__velostream.{}", scene.name), Codec::None, [(0, record)])
}

#[test]
fn progress_of_a_later_version_stops_the_job() -> Result<()> {
    let scene = delivered("later-version")?;
    append(&scene, "progress", encode(Format::new(*b"VSpg", 9), BodyCodec::Json, b"{}")?)?;
    let places = ["internal topic", "partition 0", "offset"];
    expect_untouched(&scene, &scene.job(), &scene.name, "VS-0051", &places)
}

#[test]
fn damaged_progress_stops_the_job() -> Result<()> {
    let scene = delivered("damaged")?;
    let mut value = encode(Format::new(*b"VSpg", 1), BodyCodec::Json, b"{\"next\":0}")?;
    if let Some(last) = value.last_mut() {
        *last ^= 1;
    }
    append(&scene, "progress", value)?;
    let places = ["internal topic", "partition 0", "offset"];
    expect_untouched(&scene, &scene.job(), &scene.name, "VS-0050", &places)
}

/// Without its internal topic a job would start over and deliver everything again.
#[test]
fn deleted_internal_topic_of_a_job_that_has_run_stops_the_job() -> Result<()> {
    let scene = delivered("no-journal")?;
    let journal = format!("__velostream.{}", scene.name);
    delete_topic(&scene.sink, &journal)?;
    expect_untouched(&scene, &scene.job(), &scene.name, "VS-0042", &[&journal, "does not exist", "has run"])
}

/// The member id only makes a restart faster: nothing depends on it.
#[test]
fn garbage_in_the_member_file_is_no_reason_to_stop() -> Result<()> {
    let scene = delivered("member-file")?;
    let member = scene.dir().join("state").join(&scene.name).join("last/member");
    ensure!(member.is_file());
    for garbage in [b"\xff\xfe\x00garbage".as_slice(), b"", b"no-such-member\n", &[b'm'; 100_000]] {
        fs::write(&member, garbage)?;
        scene.deliver(&scene.job())?;
    }
    scene.expect_identical(&scene.name, 1_000)?;
    Ok(())
}

/// A file job that has run, its manifest, and its output.
fn copied(dir: &Path) -> Result<(Job, std::path::PathBuf)> {
    let (from, out) = (dir.join("in.txt"), dir.join("out"));
    fs::write(&from, "one\ntwo\nthree\n")?;
    let job = Job::files("copies", dir, &from, &out.join("lines.txt"));
    let ended = job.run_until_caught_up("w0")?;
    ensure!(ended.code == Some(0), "{}", ended.stderr);
    let mut manifests = Vec::new();
    for entry in fs::read_dir(out.join(".velostream"))? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("manifest.")) {
            manifests.push(path);
        }
    }
    manifests.sort();
    Ok((job, manifests.pop().context("a manifest")?))
}

#[test]
fn damaged_manifest_stops_the_job_and_is_named() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (job, manifest) = copied(dir.path())?;
    let text = fs::read_to_string(&manifest)?.replace("copies", "copiez");
    fs::write(&manifest, text)?;
    let name = manifest.file_name().context("a name")?.to_string_lossy().into_owned();
    expect(&job.run_until_caught_up("w0")?, "VS-0050", 1, &[&name])
}

#[test]
fn manifest_of_a_later_version_stops_the_job_and_is_named() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (job, manifest) = copied(dir.path())?;
    let text = fs::read_to_string(&manifest)?.replacen(
        "velostream-file-manifest 1 ",
        "velostream-file-manifest 7 ",
        1,
    );
    fs::write(&manifest, text)?;
    let name = manifest.file_name().context("a name")?.to_string_lossy().into_owned();
    expect(&job.run_until_caught_up("w0")?, "VS-0051", 1, &[&name])
}
