//! Which suites there are, and how each is run.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use velostream_testkit::services::repository_root;
use velostream_testkit::states::StoreKind;

use crate::images::Image;
use crate::test_run::cargo;

/// What its server comes from in containers; none where the store is a part of this process.
pub(super) const fn image(store: StoreKind) -> Option<Image> {
    match store {
        StoreKind::Memory | StoreKind::Redb => None,
        StoreKind::Redis => Some(Image::Redis),
        StoreKind::Postgres => Some(Image::Postgres),
        StoreKind::DynamoDb => Some(Image::DynamoDb),
    }
}

/// Its suites: of its own crate, or all those in `tests/tests` that are called after it.
pub(super) fn suites(store: StoreKind) -> Result<Vec<Suite>> {
    if image(store).is_none() {
        let package = format!("velostream-store-{}", store.key());
        return Ok(vec![Suite { name: package.clone(), package, test: "*".to_owned(), servers: false }]);
    }
    let (stem, dir) = (format!("store_{}", store.key()), repository_root().join("tests/tests"));
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name == stem || name.starts_with(&format!("{stem}_")) {
            names.push(name);
        }
    }
    names.sort();
    let suite = |name: String| Suite {
        test: name.clone(),
        name,
        package: "velostream-testkit".to_owned(),
        servers: true,
    };
    Ok(names.into_iter().map(suite).collect())
}

/// One `cargo test`.
#[derive(Debug)]
pub(super) struct Suite {
    name: String,
    package: String,
    test: String,
    servers: bool,
}

impl Suite {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Why it cannot be run with servers in containers.
    pub(super) fn native_only(&self) -> Option<&'static str> {
        NATIVE_ONLY.iter().find(|(name, _)| *name == self.name).map(|(_, why)| *why)
    }

    pub(super) fn command(&self, containers: bool) -> Command {
        let features = match (self.servers, containers) {
            (false, _) => "",
            (true, false) => "servers",
            (true, true) => "servers,containers",
        };
        let mut command =
            cargo(["test", "--no-fail-fast", "--package", &self.package, "--features", features]);
        command.args(["--test", &self.test]);
        if !self.servers {
            // So that cases which do not apply say why.
            command.args(["--", "--nocapture"]);
        }
        command
    }
}

/// Suites whose servers cannot be containers, and why.
const NATIVE_ONLY: &[(&str, &str)] = &[(
    "store_redis_topologies",
    "nodes of a cluster and sentinels tell each other and their clients addresses, which hold on one network only; \
     run it with --provider native",
)];
