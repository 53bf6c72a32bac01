//! Kafka's jars, fetched by Maven, and the JVM command lines that run them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::jars::{Artifact, fetch};
use super::location::services_dir;
use super::prerequisites::{Prerequisite, ensure};

/// The Kafka release that the suites run.
pub const KAFKA_VERSION: &str = "4.3.1";

/// Server, command-line tools, MirrorMaker 2 and a logger that prints to stderr.
const ARTIFACTS: [Artifact; 5] = [
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    ("org.apache.kafka", "kafka-tools", KAFKA_VERSION),
    ("org.apache.kafka", "connect-mirror", KAFKA_VERSION),
    ("org.apache.kafka", "connect-json", KAFKA_VERSION),
    ("org.slf4j", "slf4j-simple", "1.7.36"),
];

/// A directory of jars: Kafka server, tools, Connect and MirrorMaker 2.
#[derive(Debug, Clone)]
pub struct KafkaInstall {
    libs: PathBuf,
}

impl KafkaInstall {
    /// The jars under [`services_dir`], fetched first if they are not there (94 jars, 55 MB).
    ///
    /// # Errors
    /// When Java or Maven is missing and cannot be installed, or Maven cannot fetch the jars.
    pub fn ensure() -> Result<Self> {
        Self::ensure_in(&services_dir())
    }

    /// As [`KafkaInstall::ensure`], in another directory.
    ///
    /// # Errors
    /// As [`KafkaInstall::ensure`].
    pub fn ensure_in(root: &Path) -> Result<Self> {
        let libs = root.join(format!("kafka-{KAFKA_VERSION}")).join("libs");
        if !libs.is_dir() {
            ensure(&[Prerequisite::Java, Prerequisite::Maven])?;
            fetch(&libs, &ARTIFACTS)?;
        } else {
            ensure(&[Prerequisite::Java])?;
        }
        Ok(Self { libs })
    }

    /// A `java` command with the jars on its class path, a heap bound in MiB, and `main` as the class to run.
    #[must_use]
    pub fn java(&self, heap_mib: u32, main: &str) -> Command {
        let mut command = Command::new("java");
        command
            .arg(format!("-Xmx{heap_mib}m"))
            .args(if heap_mib < 512 { FRUGAL } else { &[] })
            .args(["-Djava.net.preferIPv4Stack=true", "-Djava.awt.headless=true"])
            .args(["-Dorg.slf4j.simpleLogger.showDateTime=true", "-XX:-UsePerfData"])
            .args(["-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS"])
            .arg("-cp")
            .arg(self.libs.join("*"))
            .arg(main);
        command
    }

    /// The directory of the jars.
    #[must_use]
    pub fn libs(&self) -> &Path {
        &self.libs
    }
}

/// What small and short-lived JVMs are started with: they cost less to start than what they would be better at later.
const FRUGAL: &[&str] = &["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
