//! Kafka's jars, fetched by Maven, and the JVM command lines that run them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::location::services_dir;
use super::prerequisites::{Prerequisite, ensure};

/// The Kafka release that the suites run.
pub const KAFKA_VERSION: &str = "4.3.1";

/// Server, command-line tools, MirrorMaker 2 and a logger that prints to stderr.
const ARTIFACTS: [(&str, &str, &str); 5] = [
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
            fetch(&libs)?;
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

/// Fetches into a sibling directory and renames it, so that `libs` is complete whenever it exists, also when several
/// processes install at once or one is killed half way.
fn fetch(libs: &Path) -> Result<()> {
    let home = libs.parent().context("the jar directory has a parent")?;
    let staging = home.join(format!("staging-{}", std::process::id()));
    fs::create_dir_all(&staging).with_context(|| format!("cannot create {}", staging.display()))?;
    let pom = staging.join("pom.xml");
    fs::write(&pom, pom_text())?;
    let fetched = staging.join("libs");
    let output = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(&pom)
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", fetched.display()))
        .stdin(Stdio::null())
        .output()
        .context("cannot start mvn")?;
    if !output.status.success() {
        bail!("maven cannot fetch Kafka {KAFKA_VERSION}:\n{}", String::from_utf8_lossy(&output.stdout));
    }
    if let Err(error) = fs::rename(&fetched, libs)
        && !libs.is_dir()
    {
        return Err(error).with_context(|| format!("cannot move the jars to {}", libs.display()));
    }
    fs::remove_dir_all(&staging).with_context(|| format!("cannot remove {}", staging.display()))
}

fn pom_text() -> String {
    let dependencies: String = ARTIFACTS
        .iter()
        .map(|(group, artifact, version)| {
            format!(
                "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
                 <version>{version}</version></dependency>\n"
            )
        })
        .collect();
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  \
         <groupId>velostream</groupId><artifactId>services</artifactId><version>1</version>\n  \
         <packaging>pom</packaging>\n  <dependencies>\n{dependencies}  </dependencies>\n</project>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::{ARTIFACTS, pom_text};

    #[test]
    fn pom_names_every_artifact_once() {
        let pom = pom_text();
        for (_, artifact, _) in ARTIFACTS {
            assert_eq!(pom.matches(&format!("<artifactId>{artifact}</artifactId>")).count(), 1, "{artifact}");
        }
    }
}
