//! One server with one table; each test has keys of its own.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use velostream_conformance::Fixture;
use velostream_core::ConditionalStore;
use velostream_store_dynamodb::{Config, DynamoStore, Regions};
use velostream_testkit::run_name;
use velostream_testkit::services::{DynamoDb, foreign_url};

use crate::seam::{Fault, Seam};

/// What the signing keys hold; no error may show it.
pub(crate) const CANARY: &str = "canary4711";

/// Calls of each client in the history of the linearizability case: the server takes milliseconds for one.
const HISTORY: usize = 100;

/// How the store believes the table to be spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    One,
    Strong,
}

impl Mode {
    /// What its trials are called.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Strong => "strong",
        }
    }
}

pub(crate) struct Stage {
    /// Ours, where it is not somebody else's.
    server: Option<DynamoDb>,
    url: String,
    tests: u32,
}

impl Stage {
    pub(crate) fn start() -> Result<Self> {
        let stage = match foreign_url("DYNAMODB") {
            Some(url) => Self { server: None, url, tests: 0 },
            None => {
                let server = DynamoDb::start()?;
                Self { url: server.url(), server: Some(server), tests: 0 }
            }
        };
        let (store, _) = stage.store("velostream", Mode::One);
        block_on(store.create_table())?;
        Ok(stage)
    }

    /// Our server.
    pub(crate) fn server(&mut self) -> &mut DynamoDb {
        self.server.as_mut().unwrap()
    }

    /// A store on a table, and the seam under it.
    pub(crate) fn store(&self, table: &str, mode: Mode) -> (DynamoStore, Seam) {
        let seam = Seam::new();
        let mut config = Config::new(table);
        if mode == Mode::Strong {
            let replicas = ["us-east-1", "us-east-2", "us-west-2"].map(String::from).to_vec();
            config.regions = Regions::Strong { replicas, witness: None };
            // Nobody emulates such a table: what the service would say of it, and what it would refuse.
            seam.always("DescribeTable", Fault::Answer(200, STRONG_TABLE.into()));
            for operation in
                ["TransactWriteItems", "TransactGetItems", "DescribeTimeToLive", "UpdateTimeToLive"]
            {
                seam.always(operation, Fault::error("ValidationException", "not for strong tables"));
            }
        }
        (DynamoStore::with_client(config, self.client(seam.clone())).unwrap(), seam)
    }

    pub(crate) fn client(&self, seam: Seam) -> Client {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(20)).build();
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("velostream", CANARY, None, None, "test"))
            .endpoint_url(&self.url)
            .timeout_config(timeouts)
            .http_client(seam);
        Client::from_conf(config.build())
    }

    /// A prefix that no other test has.
    pub(crate) fn prefix(&mut self) -> String {
        self.tests += 1;
        format!("test-{}-{}/", run_name(), self.tests)
    }

    /// The fixture of a conformance case.
    pub(crate) fn fixture(&mut self, mode: Mode) -> impl Future<Output = Fixture> + use<> {
        let (prefix, store) = (self.prefix(), self.store("velostream", mode).0);
        let again = self.store("velostream", mode).0;
        async move {
            let reopen = move |_| {
                let again: Arc<dyn ConditionalStore> = Arc::new(again.clone());
                let ready: futures::future::BoxFuture<'static, _> = Box::pin(std::future::ready(again));
                ready
            };
            Fixture::new(Arc::new(store))
                .with_history(HISTORY)
                .with_prefix(prefix)
                .with_reopen(Box::new(reopen))
        }
    }
}

pub(crate) fn block_on<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(work)
}

/// By the API reference of DescribeTable.
const STRONG_TABLE: &str = r#"{"Table":{"TableName":"velostream","TableStatus":"ACTIVE",
"KeySchema":[{"AttributeName":"p","KeyType":"HASH"},{"AttributeName":"k","KeyType":"RANGE"}],
"AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"},{"AttributeName":"k","AttributeType":"S"}],
"GlobalTableVersion":"2019.11.21","MultiRegionConsistency":"STRONG",
"Replicas":[{"RegionName":"us-east-2"},{"RegionName":"us-west-2"}]}}"#;
