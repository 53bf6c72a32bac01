//! Jars from Maven Central.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::install::install;

/// What Maven calls an artifact: group, name, version.
pub(super) type Artifact = (&'static str, &'static str, &'static str);

/// Fetches artifacts with all they need into a directory that is not there yet.
pub(super) fn fetch(libs: &Path, artifacts: &[Artifact]) -> Result<()> {
    install(libs, |staging| {
        let pom = staging.join("pom.xml");
        fs::write(&pom, pom_text(artifacts))?;
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
            bail!("maven cannot fetch {artifacts:?}:\n{}", String::from_utf8_lossy(&output.stdout));
        }
        Ok(fetched)
    })
}

fn pom_text(artifacts: &[Artifact]) -> String {
    let dependencies: String = artifacts
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
    use super::pom_text;

    #[test]
    fn pom_names_every_artifact_once() {
        let pom = pom_text(&[("org.a", "one", "1"), ("org.b", "two", "2")]);
        for artifact in ["one", "two"] {
            assert_eq!(pom.matches(&format!("<artifactId>{artifact}</artifactId>")).count(), 1, "{artifact}");
        }
    }
}
