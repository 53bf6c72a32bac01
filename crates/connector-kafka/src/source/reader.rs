//! The reader of one lane.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinHandle;
use velostream_core::{Clock, Read, Result, SourcePosition, SplitId, SplitReader};
use velostream_kafka_client::Cluster;

use super::discovery::resolve_start;
use super::ends::Ends;
use super::fetcher::Fetcher;
use super::partition::Partition;
use super::queue::Queue;
use crate::Error;
use crate::config::{SourceConfig, Start};

/// Reads the splits of one lane, ahead of the sink, within a bound of bytes.
#[derive(Debug)]
pub struct KafkaReader {
    cluster: Cluster,
    start: Start,
    queue: Arc<Queue>,
    fetcher: JoinHandle<()>,
}

impl KafkaReader {
    /// A reader with its own connections to the brokers of `cluster`; a bounded one ends each split at its place in
    /// `ends`. Must be called inside a tokio runtime.
    #[must_use]
    pub fn new(cluster: Cluster, config: Arc<SourceConfig>, clock: Arc<dyn Clock>, ends: Ends) -> Self {
        let queue = Arc::new(Queue::default());
        let (start, own) = (config.start, cluster.clone());
        let fetcher = tokio::spawn(Fetcher::new(cluster, config, clock, Arc::clone(&queue), ends).run());
        Self { cluster: own, start, queue, fetcher }
    }
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.fetcher.abort();
    }
}

#[async_trait]
impl SplitReader for KafkaReader {
    async fn assign(&mut self, splits: &[(SplitId, SourcePosition)]) -> Result<()> {
        {
            let mut state = self.queue.lock();
            for (split, position) in splits {
                let SourcePosition::Kafka { partition, offset, leader_epoch } = position else {
                    return Err(
                        Error::Defect("a position of another source was assigned to a Kafka reader").into()
                    );
                };
                state.last_token += 1;
                let token = state.last_token;
                let partition =
                    Partition::new(split.clone(), Arc::clone(partition), *offset, *leader_epoch, token);
                state.partitions.insert(split.clone(), partition);
            }
        }
        self.queue.wanted.notify_one();
        Ok(())
    }

    async fn revoke(&mut self, splits: &[SplitId]) -> Result<()> {
        let mut state = self.queue.lock();
        for split in splits {
            state.partitions.remove(split);
        }
        Ok(())
    }

    /// The first offset that is left: records in front of it cannot be read again, and so their ids cannot be rebuilt.
    async fn beginning(&mut self, split: &SplitId, committed: &SourcePosition) -> Result<SourcePosition> {
        let SourcePosition::Kafka { partition, offset, .. } = committed else {
            return Err(Error::Defect("the beginning of a split of another source").into());
        };
        if self.start != Start::Earliest {
            // Records in front of the start were never delivered; equal ones must not be filtered.
            return Err(Error::BeginningUnknown { split: split.clone() }.into());
        }
        let first = resolve_start(&self.cluster, partition, Start::Earliest).await?;
        let partition = Arc::clone(partition);
        Ok(SourcePosition::Kafka { partition, offset: first.min(*offset), leader_epoch: -1 })
    }

    async fn next(&mut self, wait: Duration) -> Result<Read> {
        let arrived = async {
            loop {
                // Registered before the look, so that an arrival in between is not slept through.
                let arrival = self.queue.arrived.notified();
                if let Some(item) = self.queue.pop() {
                    return item.read;
                }
                arrival.await;
            }
        };
        tokio::time::timeout(wait, arrived).await.unwrap_or(Ok(Read::Idle))
    }

    fn lag_records(&self) -> Option<u64> {
        let state = self.queue.lock();
        Some(
            state.partitions.values().map(|p| u64::try_from(p.last_stable - p.handed_out).unwrap_or(0)).sum(),
        )
    }
}
