//! Jars from Maven Central.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// What Maven calls an artifact: group, name, version.
pub(super) type Artifact = (&'static str, &'static str, &'static str);

/// Fetches artifacts with all they need into a sibling directory and renames it, so that `libs` is complete whenever it
/// exists, also when several processes install at once or one is killed half way.
pub(super) fn fetch(libs: &Path, artifacts: &[Artifact]) -> Result<()> {
    let home = libs.parent().context("the jar directory has a parent")?;
    let staging = home.join(format!("staging-{}", std::process::id()));
    fs::create_dir_all(&staging).with_context(|| format!("cannot create {}", staging.display()))?;
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
    if let Err(error) = fs::rename(&fetched, libs)
        && !libs.is_dir()
    {
        return Err(error).with_context(|| format!("cannot move the jars to {}", libs.display()));
    }
    fs::remove_dir_all(&staging).with_context(|| format!("cannot remove {}", staging.display()))
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
