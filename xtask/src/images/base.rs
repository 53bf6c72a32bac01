//! The image that the others stand on: a small Debian with the servers of its packages.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use velostream_testkit::services::{Prerequisite, ensure as ensure_installed};

use super::{is_here, run};
use crate::engine::Engine;

const NAME: &str = "velostream-test/base:latest";
const SUITE: &str = "bookworm";
const PACKAGES: &str = "redis-server,postgresql,openjdk-17-jre-headless,ca-certificates";

/// Makes it where it is not there yet; takes a minute or two.
pub(super) fn ensure(engine: &Engine) -> Result<()> {
    if is_here(engine, NAME) {
        return Ok(());
    }
    ensure_installed(&[Prerequisite::Debootstrap])?;
    let dir = tempfile::tempdir().context("cannot make a directory")?;
    let root = dir.path().join("root");
    let mut bootstrap = Command::new("debootstrap");
    bootstrap.args(["--variant=minbase", &format!("--include={PACKAGES}"), SUITE]).arg(&root).args(mirror());
    println!("{NAME}  from packages of Debian {SUITE} ...");
    run(&mut bootstrap)?;
    let mut tar = Command::new("tar")
        .arg("--directory")
        .arg(&root)
        .args(["--exclude=./proc/*", "--exclude=./sys/*", "--create", "."])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start tar")?;
    let packed = tar.stdout.take().context("the output is piped")?;
    let imported =
        engine.command("docker").args(["import", "-", NAME]).stdin(packed).stdout(Stdio::null()).status();
    let packed = tar.wait().context("cannot wait for tar")?;
    let imported = imported.context("cannot start docker")?;
    if !packed.success() || !imported.success() {
        bail!("tar ended with {packed}, docker import with {imported}");
    }
    println!("{NAME}  built");
    Ok(())
}

/// The mirror that this machine installs from; none where apt does not say, and then debootstrap takes its own.
fn mirror() -> Option<String> {
    let asked = Command::new("apt-get")
        .args([
            "indextargets",
            "--format",
            "$(CREATED_BY) $(CODENAME) $(COMPONENT) $(SITE)",
            "Identifier: Packages",
        ])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    mirror_in(&String::from_utf8_lossy(&asked.stdout))
}

fn mirror_in(targets: &str) -> Option<String> {
    let wanted = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["Packages", SUITE, "main", site] => Some(site.to_owned()),
            _ => None,
        }
    };
    targets.lines().find_map(wanted)
}

#[cfg(test)]
mod tests {
    use super::mirror_in;

    #[test]
    fn mirror_is_the_one_of_the_suite_itself() {
        let targets = "Packages bookworm-updates main http://updates.example/debian\n\
                       Translations bookworm main http://other.example/debian\n\
                       Packages bookworm main http://mirror.example/debian\n";
        assert_eq!(mirror_in(targets).as_deref(), Some("http://mirror.example/debian"));
        assert_eq!(mirror_in(""), None);
    }
}
