//! Rules of the Cargo.toml files.

use cargo_metadata::{DependencyKind, Package};

use super::violation::Violation;

/// The texts of the licences, beside every manifest.
const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// Categories of crates.io that are in use; it drops what it does not know.
const CATEGORIES: &[&str] = &[
    "algorithms",
    "asynchronous",
    "command-line-utilities",
    "compression",
    "data-structures",
    "database",
    "development-tools::testing",
    "encoding",
    "filesystem",
    "network-programming",
    "parser-implementations",
];

/// Checks what cargo knows of a package: metadata that a registry page needs, and how our crates refer to each other.
pub(crate) fn check_package(package: &Package) -> Vec<Violation> {
    if package.publish.as_ref().is_some_and(Vec::is_empty) {
        return Vec::new();
    }
    let place = package.manifest_path.as_str();
    let mut found = Vec::new();
    let mut lacks = |missing: bool, what: &str, remedy: &str| {
        if missing {
            found.push(Violation::new(place, what, remedy));
        }
    };
    lacks(
        package.description.as_ref().is_none_or(String::is_empty),
        "no description",
        "say in one line what it is",
    );
    lacks(package.keywords.is_empty(), "no keywords", "give one to five");
    lacks(package.keywords.len() > 5, "more than five keywords", "registries take five");
    lacks(package.license.is_none(), "no license", "license.workspace = true");
    lacks(package.repository.is_none(), "no repository", "repository.workspace = true");
    lacks(package.rust_version.is_none(), "no rust-version", "rust-version.workspace = true");
    lacks(package.categories.is_empty(), "no categories", "give one to five");
    lacks(package.categories.len() > 5, "more than five categories", "registries take five");
    for slug in package.categories.iter().filter(|slug| !CATEGORIES.contains(&slug.as_str())) {
        lacks(
            true,
            &format!("unknown category {slug}"),
            "take one of crates.io/category_slugs, and list it here",
        );
    }
    for name in LICENCES {
        let path = package.manifest_path.with_file_name(name);
        let remedy = format!("ln -s ../../{name} {path}: a package brings its licence with it");
        lacks(!path.exists(), &format!("no {name}"), &remedy);
    }
    let readme = package.readme().is_some_and(|path| path.exists());
    lacks(!readme, "no README.md", "write what it is, where it sits, and a short example");
    lacks(
        !examples_compile(package),
        "the README's Rust example is not compiled",
        "include it in lib.rs: #[cfg(doctest)] #[doc = include_str!(\"../README.md\")] struct Readme;",
    );
    for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
        let any_version = dependency.req.to_string() == "*";
        let name = &dependency.name;
        if dependency.kind == DependencyKind::Development && !any_version {
            let remedy = format!("write `{name} = {{ path = \"..\" }}`: a version makes publishing circular");
            found.push(Violation::new(place, format!("dev-dependency {name} has a version"), remedy));
        } else if dependency.kind != DependencyKind::Development && any_version {
            let remedy = format!("write `{name}.workspace = true`: it cannot be published without a version");
            found.push(Violation::new(place, format!("dependency {name} has no version"), remedy));
        }
    }
    found
}

/// True where the README has no Rust example, or a doc test compiles it.
fn examples_compile(package: &Package) -> bool {
    let read = |name: &str| std::fs::read_to_string(package.manifest_path.with_file_name(name));
    let has_example = read("README.md").is_ok_and(|text| text.contains("```rust"));
    !has_example || read("src/lib.rs").is_ok_and(|text| text.contains("include_str!(\"../README.md\")"))
}

/// Checks a manifest's text: third-party versions stand in the workspace's table and nowhere else.
pub(crate) fn check_text(place: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut section = "";
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
            if is_dependency_table(section.rsplit_once('.').map_or("", |(table, _)| table)) {
                let remedy = "write it on one line in the dependency table";
                found.push(Violation::new(format!("{place}:{number}"), format!("table [{section}]"), remedy));
            }
            continue;
        }
        if !is_dependency_table(section) || line.is_empty() || line.starts_with('#') {
            continue;
        }
        let ours = line.contains("path = \"");
        // The inside of a feature list that goes over several lines.
        let continues = !line.contains('=');
        if !ours && !continues && !line.contains("workspace = true") {
            let name = line.split([' ', '=', '.']).next().unwrap_or_default();
            let what = format!("{name} names its own version");
            let remedy =
                "put the version into [workspace.dependencies] of the root and write `.workspace = true`";
            found.push(Violation::new(format!("{place}:{number}"), what, remedy));
        }
    }
    found
}

fn is_dependency_table(section: &str) -> bool {
    let table = section
        .rsplit_once('.')
        .filter(|(head, _)| head.starts_with("target"))
        .map_or(section, |(_, table)| table);
    matches!(table, "dependencies" | "dev-dependencies" | "build-dependencies")
}

#[cfg(test)]
mod tests {
    use super::check_text;

    fn whats(text: &str) -> Vec<String> {
        check_text("Cargo.toml", text).iter().map(|one| one.what().to_owned()).collect()
    }

    #[test]
    fn version_in_a_member_is_refused() {
        assert_eq!(whats("[dependencies]\nserde = \"1\"\n"), ["serde names its own version"]);
        assert_eq!(
            whats("[dev-dependencies]\nserde = { version = \"1\" }\n"),
            ["serde names its own version"]
        );
        assert_eq!(
            whats("[target.'cfg(unix)'.dependencies]\nrustix = \"1\"\n"),
            ["rustix names its own version"]
        );
    }

    #[test]
    fn dependency_of_its_own_table_is_refused() {
        assert_eq!(whats("[dependencies.serde]\nworkspace = true\n"), ["table [dependencies.serde]"]);
    }

    #[test]
    fn inherited_and_local_dependencies_are_taken() {
        let text = "[package]\nversion = \"1\"\n[dependencies]\n# why\nserde.workspace = true\n\
                    miette = { workspace = true, features = [\"fancy\"] }\n[dev-dependencies]\n\
                    velostream-core = { path = \"../core\" }\n[[bin]]\nname = \"x\"\n";
        assert!(whats(text).is_empty(), "{:?}", whats(text));
    }
}
