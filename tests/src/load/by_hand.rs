//! Records that a test chose one by one.

use anyhow::Result;

use super::plan::{Codec, LoadPlan};
use super::producer::LoadProducer;
use super::record::MadeRecord;

/// Sends records to the partitions that they name, in order, through one idempotent producer, and waits until all are
/// acknowledged.
///
/// # Errors
/// When a broker refuses a record.
pub fn send(
    bootstrap: &str,
    topic: &str,
    codec: Codec,
    records: impl IntoIterator<Item = (i32, MadeRecord)>,
) -> Result<()> {
    let producer = LoadProducer::new(bootstrap, &LoadPlan::realistic(topic, 1, 0, 0), codec, 0)?;
    for (partition, record) in records {
        producer.send(partition, &record)?;
    }
    producer.flush()
}

/// Sends records inside a transaction that stays open until the guard is told what to do. Dropping it leaves the
/// transaction to the broker's timeout.
///
/// # Errors
/// When a broker refuses a record.
pub fn send_open(
    bootstrap: &str,
    topic: &str,
    id: &str,
    records: impl IntoIterator<Item = (i32, MadeRecord)>,
) -> Result<OpenTransaction> {
    let mut plan = LoadPlan::realistic(topic, 1, 0, 0).transactional(1, 0);
    plan.properties.push(("transactional.id".to_owned(), id.to_owned()));
    let producer = LoadProducer::new(bootstrap, &plan, Codec::None, 0)?;
    OpenTransaction(producer).open(records)
}

/// A transaction whose records are on the broker and whose end is not.
pub struct OpenTransaction(LoadProducer);

impl OpenTransaction {
    /// Commits it and opens the next one of the same producer.
    ///
    /// # Errors
    /// When the coordinator or a broker refuses.
    pub fn commit_and_open(self, records: impl IntoIterator<Item = (i32, MadeRecord)>) -> Result<Self> {
        self.0.commit()?;
        self.open(records)
    }

    fn open(self, records: impl IntoIterator<Item = (i32, MadeRecord)>) -> Result<Self> {
        self.0.begin()?;
        for (partition, record) in records {
            self.0.send(partition, &record)?;
        }
        self.0.flush()?;
        Ok(self)
    }

    /// Commits it.
    ///
    /// # Errors
    /// When the coordinator refuses.
    pub fn commit(self) -> Result<()> {
        self.0.commit()
    }

    /// Aborts it.
    ///
    /// # Errors
    /// When the coordinator refuses.
    pub fn abort(self) -> Result<()> {
        self.0.abort()
    }
}

impl std::fmt::Debug for OpenTransaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenTransaction")
    }
}
