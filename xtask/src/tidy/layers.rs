//! Which of our crates may depend on which: the table of docs/ARCHITECTURE.md as data.

use cargo_metadata::{Dependency, DependencyKind, Package};

use super::violation::Violation;

const LAYER_0: &[&str] = &["core"];
const LAYER_1: &[&str] = &["protocol", "checkpoint", "envelope", "record-id", "kafka-batch"];
const LAYER_2: &[&str] = &["ledger", "query", "processor"];
const BACKENDS: &[&str] = &[
    "store-memory",
    "store-redb",
    "store-redis",
    "store-postgres",
    "store-dynamodb",
    "store-mongodb",
    "store-cosmos",
    "kafka-client",
    "connector-kafka",
    "connector-file",
    "connector-postgres",
];

/// What a backend may stand on: nothing that another backend or the processor is made of.
const UNDER_BACKENDS: &[&str] = &["core", "protocol", "kafka-batch", "envelope"];

/// Published crates that may bring librdkafka: the ones that judge the product from outside. The command line's
/// `verify` is one of them.
const MAY_USE_RDKAFKA: &[&str] = &["verifier", "cli"];

/// Third-party crates that have no place in the pure layers 0 and 1.
const IMPURE: &[&str] = &["tokio", "futures", "rdkafka", "rand", "uuid", "reqwest", "tracing"];

/// The rows that a crate's dependencies may come from; `None` for a crate that has no row.
fn allowed(name: &str) -> Option<Vec<&'static [&'static str]>> {
    Some(match name {
        "core" => vec![],
        // The checkpoint's bytes are wrapped in the envelope.
        "checkpoint" => vec![LAYER_0, &["envelope"]],
        "ledger" | "query" => vec![LAYER_0, LAYER_1],
        "processor" => vec![LAYER_0, LAYER_1, &["ledger", "query"]],
        "connector-kafka" => vec![UNDER_BACKENDS, &["kafka-client"]],
        "verifier" => vec![LAYER_0],
        "conformance" | "sim" => vec![LAYER_0, LAYER_1, LAYER_2],
        "exactly-once" => vec![LAYER_0, LAYER_1, LAYER_2, BACKENDS],
        "cli" => vec![&["exactly-once", "verifier", "conformance", "sim"]],
        _ if LAYER_1.contains(&name) => vec![LAYER_0],
        _ if BACKENDS.contains(&name) => vec![UNDER_BACKENDS],
        _ => return None,
    })
}

/// Checks a package's normal and build dependencies. Dev-dependencies are free, and so are packages that are never
/// published (tests, benches, xtask).
pub(crate) fn check(package: &Package) -> Vec<Violation> {
    if package.publish.as_ref().is_some_and(Vec::is_empty) {
        return Vec::new();
    }
    let place = place(package);
    let Some(own) = package.name.strip_prefix("velostream-") else {
        let what = format!("package {} does not start with velostream-", package.name);
        return vec![Violation::new(place, what, "name it velostream-<directory>")];
    };
    let normal: Vec<&str> = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .map(|dependency: &Dependency| dependency.name.as_str())
        .collect();
    check_names(&place, own, &normal)
}

fn check_names(place: &str, own: &str, normal: &[&str]) -> Vec<Violation> {
    let Some(rows) = allowed(own) else {
        let remedy = "give it a row in xtask/src/tidy/layers.rs and in docs/ARCHITECTURE.md";
        return vec![Violation::new(place, format!("crate {own} has no layer"), remedy)];
    };
    let mut found = Vec::new();
    for name in normal {
        if let Some(ours) = name.strip_prefix("velostream-") {
            if !rows.iter().any(|row| row.contains(&ours)) {
                let may: Vec<&str> = rows.iter().flat_map(|row| row.iter()).copied().collect();
                let what = format!("{own} may not depend on {ours}");
                let remedy = format!("it may depend on: {}; dev-dependencies are free", or_nothing(&may));
                found.push(Violation::new(place, what, remedy));
            }
        } else if *name == "rdkafka" && !MAY_USE_RDKAFKA.contains(&own) {
            let what = format!("{own} may not depend on rdkafka");
            let remedy = "the product's data path is velostream-kafka-client; librdkafka is for the verifier and the suites";
            found.push(Violation::new(place, what, remedy));
        } else if IMPURE.contains(name) && (LAYER_0.contains(&own) || LAYER_1.contains(&own)) {
            let what = format!("{own} is pure and may not depend on {name}");
            found.push(Violation::new(
                place,
                what,
                "move what needs it to a layer above, or take it as an argument",
            ));
        }
    }
    found
}

fn place(package: &Package) -> String {
    format!("{}", package.manifest_path)
}

fn or_nothing(names: &[&str]) -> String {
    if names.is_empty() { "nothing of ours".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::{BACKENDS, LAYER_1, LAYER_2, allowed, check_names};

    fn whats(own: &str, normal: &[&str]) -> Vec<String> {
        check_names("here", own, normal).iter().map(|one| one.what().to_owned()).collect()
    }

    #[test]
    fn edge_up_the_layers_is_refused() {
        assert_eq!(whats("core", &["velostream-protocol"]), ["core may not depend on protocol"]);
        assert_eq!(whats("protocol", &["velostream-processor"]), ["protocol may not depend on processor"]);
        assert_eq!(
            whats("store-redb", &["velostream-store-memory"]),
            ["store-redb may not depend on store-memory"]
        );
        assert_eq!(whats("connector-file", &["velostream-kafka-client"]).len(), 1);
        assert_eq!(whats("verifier", &["velostream-kafka-batch"]).len(), 1);
        assert_eq!(whats("cli", &["velostream-processor"]).len(), 1);
    }

    #[test]
    fn edge_of_the_table_is_taken() {
        assert!(
            whats("connector-kafka", &["velostream-kafka-client", "velostream-kafka-batch", "tokio"])
                .is_empty()
        );
        assert!(
            whats("processor", &["velostream-ledger", "velostream-protocol", "velostream-core"]).is_empty()
        );
        assert!(whats("cli", &["velostream-exactly-once", "velostream-verifier", "clap"]).is_empty());
    }

    #[test]
    fn rdkafka_in_the_product_is_refused() {
        assert_eq!(whats("connector-kafka", &["rdkafka"]), ["connector-kafka may not depend on rdkafka"]);
        assert!(whats("verifier", &["rdkafka"]).is_empty());
    }

    #[test]
    fn runtime_in_a_pure_layer_is_refused() {
        assert_eq!(whats("protocol", &["tokio"]), ["protocol is pure and may not depend on tokio"]);
    }

    #[test]
    fn crate_without_a_row_is_refused() {
        assert_eq!(whats("mystery", &[]), ["crate mystery has no layer"]);
    }

    #[test]
    fn every_named_crate_has_a_row() {
        for name in [LAYER_1, LAYER_2, BACKENDS].concat() {
            assert!(allowed(name).is_some(), "{name}");
        }
    }
}
