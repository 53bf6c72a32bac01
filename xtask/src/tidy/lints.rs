//! Which lints a package has: the workspace's, also where it has to list them itself.

use super::violation::Violation;

/// The one crate with unsafe code, which `forbid` would not let it allow in a single file.
const UNSAFE: &str = "crates/verifier/Cargo.toml";
const FORBID: &str = "unsafe_code = \"forbid\"";
const DENY: &str = "unsafe_code = \"deny\"";

/// Checks a manifest: it takes the workspace's lints, or is the one that may list the same ones with unsafe code denied
/// in place of forbidden.
pub(crate) fn check(place: &str, text: &str, root: &str) -> Vec<Violation> {
    let own = lints(text, "[lints");
    if own == ["[lints]", "workspace = true"] {
        return Vec::new();
    }
    if !place.ends_with(UNSAFE) {
        let remedy = "write `[lints]` with `workspace = true`";
        return vec![Violation::new(place, "lints of its own", remedy)];
    }
    let expected: Vec<String> = lints(root, "[workspace.lints")
        .iter()
        .map(|line| line.replace("[workspace.", "[").replace(FORBID, DENY))
        .collect();
    if own == expected {
        return Vec::new();
    }
    let remedy = "copy the root's tables; only unsafe_code may differ";
    vec![Violation::new(place, "other lints than the workspace", remedy)]
}

/// The lines of the tables whose names begin so, without comments.
fn lints<'a>(text: &'a str, table: &str) -> Vec<&'a str> {
    let mut inside = false;
    text.lines()
        .map(|line| line.split(" #").next().unwrap_or_default().trim())
        .filter(|line| {
            if line.starts_with('[') {
                inside = line.starts_with(table);
            }
            inside && !line.is_empty() && !line.starts_with('#')
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;

    const ROOT: &str = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n\n[workspace.lints.clippy]\ntodo = \"deny\"\n\
                        [profile.dev]\ndebug = 1\n";
    const OWN: &str =
        "[lints.rust]\nunsafe_code = \"deny\" # why\n\n[lints.clippy]\ntodo = \"deny\"\n[dependencies]\n";

    fn whats(place: &str, text: &str) -> Vec<String> {
        check(place, text, ROOT).iter().map(|one| one.what().to_owned()).collect()
    }

    #[test]
    fn lints_of_the_workspace_are_taken() {
        assert!(whats("crates/core/Cargo.toml", "[lints]\nworkspace = true\n\n[dependencies]\n").is_empty());
    }

    #[test]
    fn package_without_lints_or_with_its_own_is_refused() {
        assert_eq!(whats("crates/core/Cargo.toml", "[dependencies]\n"), ["lints of its own"]);
        assert_eq!(whats("crates/core/Cargo.toml", OWN), ["lints of its own"]);
    }

    #[test]
    fn verifier_may_differ_in_unsafe_code_alone() {
        assert!(whats("/tree/crates/verifier/Cargo.toml", OWN).is_empty());
        let lax = OWN.replace("todo = \"deny\"", "todo = \"warn\"");
        assert_eq!(whats("/tree/crates/verifier/Cargo.toml", &lax), ["other lints than the workspace"]);
        let open = OWN.replace("\"deny\" # why", "\"allow\"");
        assert_eq!(whats("/tree/crates/verifier/Cargo.toml", &open), ["other lints than the workspace"]);
    }
}
