//! `cargo xtask tidy`: the rules of the tree that no compiler checks.

mod layers;
mod lints;
mod manifest;
mod mentions;
mod source;
mod violation;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;
use velostream_testkit::services::repository_root;

use mentions::Source;
use violation::Violation;

use crate::error_pages;

/// Checks the tree and prints every violation with its place and its remedy.
///
/// # Errors
/// When there is a violation, or the tree cannot be read.
pub(crate) fn run() -> Result<()> {
    let root = repository_root();
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata failed")?;
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).context("cannot read Cargo.toml")?;
    let mut violations: Vec<Violation> = Vec::new();
    for package in &metadata.packages {
        violations.extend(layers::check(package));
        violations.extend(manifest::check_package(package));
        let text = std::fs::read_to_string(&package.manifest_path)
            .with_context(|| format!("cannot read {}", package.manifest_path))?;
        violations.extend(manifest::check_text(package.manifest_path.as_str(), &text));
        violations.extend(lints::check(package.manifest_path.as_str(), &text, &manifest));
    }
    let files = files(&root)?;
    let (mut sources, mut pages) = (Vec::new(), Vec::new());
    for file in &files {
        // A file that git lists and that is gone is being deleted.
        let Ok(bytes) = std::fs::read(root.join(file)) else { continue };
        violations.extend(source::check(file, &bytes));
        if file.extension().is_some_and(|extension| extension == "rs") {
            sources.push(Source::new(file, &bytes));
        } else if is_page(file) {
            pages.push((file.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    violations.extend(pages.iter().flat_map(|(page, text)| mentions::check(page, text, &sources)));
    violations
        .extend(error_pages::stale(&root).map(|(place, what, remedy)| Violation::new(place, what, remedy)));
    violations.sort();
    for violation in &violations {
        println!("{violation}");
    }
    println!(
        "tidy: {} packages, {} files, {} violations",
        metadata.packages.len(),
        files.len(),
        violations.len()
    );
    if violations.is_empty() { Ok(()) } else { bail!("{} violations of the tree's rules", violations.len()) }
}

/// A page that describes the code as it is.
fn is_page(file: &Path) -> bool {
    file.starts_with("docs")
        && !file.starts_with("docs/adr")
        && file.extension().is_some_and(|extension| extension == "md")
}

/// Files that git tracks or would track.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root)
        .output()
        .context("cannot start git")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    Ok(text.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect())
}
