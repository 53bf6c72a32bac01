//! Where the product's code asks for a deliberate defect.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::list::MUTANTS;

/// The crate (directory below `crates`) of each name that the code asks for.
///
/// # Errors
/// When a name has two places or is not listed, or a listed one has no place.
pub(crate) fn places(root: &Path) -> Result<BTreeMap<String, String>> {
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    for entry in std::fs::read_dir(root.join("crates")).context("crates")? {
        let directory = entry?.path();
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for file in sources(&directory.join("src"))? {
            if file.ends_with("core/src/mutant.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            for asked in asked_for(&text) {
                if places.insert(asked.clone(), name.clone()).is_some() {
                    bail!("{asked} is asked for in two places; the second: {}", file.display());
                }
            }
        }
    }
    if let Some(missing) = MUTANTS.iter().find(|m| !places.contains_key(m.name)) {
        bail!("{} is listed, but nothing asks for it", missing.name);
    }
    if let Some(unlisted) = places.keys().find(|name| MUTANTS.iter().all(|m| m.name != **name)) {
        bail!("{unlisted} is not in xtask/src/mutants/list.rs");
    }
    Ok(places)
}

fn asked_for(text: &str) -> Vec<String> {
    let asked = text.split("mutant!(").skip(1);
    asked.filter_map(|rest| rest.split(')').next()).map(str::to_owned).collect()
}

fn sources(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use velostream_testkit::services::repository_root;

    use super::{MUTANTS, asked_for, places};

    #[test]
    fn every_listed_mutant_has_one_place_and_every_place_is_listed() {
        assert_eq!(places(&repository_root()).unwrap().len(), MUTANTS.len());
    }

    #[test]
    fn every_rule_is_broken_by_one_at_least() {
        for rule in 1..=16 {
            let rule = format!("R{rule}");
            assert!(MUTANTS.iter().any(|m| m.rule == rule), "{rule}");
        }
    }

    #[test]
    fn names_are_found_wherever_a_line_breaks() {
        let text = "if a && !mutant!(One) {\n    b(velostream_core::mutant!(Two))";
        assert_eq!(asked_for(text), ["One", "Two"]);
    }
}
