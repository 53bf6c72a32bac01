//! `cargo xtask features`: the facade with each feature alone, with none and with all of them.

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;
use velostream_testkit::services::repository_root;

use crate::test_run::cargo;

/// The facade; its features are the ones that users pick.
const PACKAGE: &str = "velostream-exactly-once";

/// Lints the library with each set of features.
///
/// # Errors
/// When a set of features does not build, or has a warning.
pub(crate) fn run() -> Result<()> {
    let mut broken = Vec::new();
    let sets = sets()?;
    for set in &sets {
        println!("-- {}", if set.is_empty() { "no feature" } else { set });
        // clippy in place of check: a warning counts, without a build of its own for every dependency.
        let arguments =
            ["clippy", "--quiet", "--package", PACKAGE, "--lib", "--no-default-features", "--features", set];
        let status =
            cargo(arguments).args(["--", "-D", "warnings"]).status().context("cannot start cargo")?;
        if !status.success() {
            broken.push(set.as_str());
        }
    }
    if !broken.is_empty() {
        bail!("{PACKAGE} is broken with the features {broken:?}");
    }
    println!("features: {} sets of {PACKAGE} are clean", sets.len());
    Ok(())
}

/// None, each alone, all.
fn sets() -> Result<Vec<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(repository_root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata failed")?;
    let package = metadata.packages.iter().find(|package| package.name == PACKAGE);
    let features = &package.with_context(|| format!("there is no package {PACKAGE}"))?.features;
    let names: Vec<String> = features.keys().filter(|name| *name != "default").cloned().collect();
    let all = names.join(",");
    Ok(std::iter::once(String::new()).chain(names).chain([all]).collect())
}

#[cfg(test)]
mod tests {
    use super::sets;

    #[test]
    fn sets_are_none_each_alone_and_all() {
        let sets = sets().unwrap();
        assert_eq!(sets.first().map(String::as_str), Some(""));
        assert!(
            sets.iter().any(|set| set == "connector-kafka") && sets.iter().any(|set| set == "store-redb")
        );
        assert_eq!(sets.last().unwrap().split(',').count(), sets.len() - 2);
    }
}
