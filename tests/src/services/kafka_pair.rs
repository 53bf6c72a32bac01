//! The two clusters that most suites need.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::Result;

use super::kafka_cluster::{ClusterOptions, KafkaCluster};

static SHARED: Mutex<Weak<Vec<KafkaCluster>>> = Mutex::new(Weak::new());
static TOPICS: AtomicU32 = AtomicU32::new(0);

/// A source and a sink cluster that the tests of a process share. They stop when the last test lets go of them.
///
/// Where `VELOSTREAM_TEST_KAFKA_A` and `VELOSTREAM_TEST_KAFKA_B` hold bootstrap servers (as under `cargo xtask test`,
/// which starts one pair for all suites), those are used instead. Topics are therefore named by
/// [`KafkaPair::topic`], and whoever kills brokers starts clusters of its own.
#[derive(Debug)]
pub struct KafkaPair {
    /// Bootstrap servers of the source.
    pub source: String,
    /// Bootstrap servers of the sink.
    pub sink: String,
    _owned: Option<Arc<Vec<KafkaCluster>>>,
}

impl KafkaPair {
    /// The pair of this process.
    ///
    /// # Errors
    /// When the clusters do not start.
    pub fn get() -> Result<Self> {
        let given = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let (Some(source), Some(sink)) =
            (given("VELOSTREAM_TEST_KAFKA_A"), given("VELOSTREAM_TEST_KAFKA_B"))
        {
            return Ok(Self { source, sink, _owned: None });
        }
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let clusters = match shared.upgrade() {
            Some(clusters) => clusters,
            None => Arc::new(KafkaCluster::start_all(vec![
                ClusterOptions::for_test("source"),
                ClusterOptions::for_test("sink"),
            ])?),
        };
        *shared = Arc::downgrade(&clusters);
        let bootstrap = |at: usize| clusters.get(at).map(KafkaCluster::bootstrap).unwrap_or_default();
        Ok(Self { source: bootstrap(0), sink: bootstrap(1), _owned: Some(clusters) })
    }

    /// A topic name that no other test uses.
    #[must_use]
    pub fn topic(&self, prefix: &str) -> String {
        format!("{prefix}-{}-{}", std::process::id(), TOPICS.fetch_add(1, Ordering::Relaxed))
    }
}
