//! What a load is made of.

use std::fmt;
use std::str::FromStr;

use anyhow::{Error, Result, bail};

/// Compression of a producer's batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Uncompressed.
    None,
    /// gzip.
    Gzip,
    /// snappy, in the framing of librdkafka (raw, without Xerial's chunks).
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// zstd.
    Zstd,
}

impl Codec {
    /// Every codec that Kafka knows.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The name that librdkafka and Kafka use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Codec {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|codec| codec.as_str() == name) {
            Some(codec) => Ok(codec),
            None => bail!("no codec {name}; there are none, gzip, snappy, lz4 and zstd"),
        }
    }
}

/// How large the values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// All values have this many bytes (at least the stamp), all records a key and no headers: for throughput.
    Fixed(usize),
    /// 20 bytes to 4 KB, mostly small, with every oddity that librdkafka can send.
    Mixed,
}

/// Transactions of the load's producers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transactions {
    /// Records per transaction.
    pub records: u64,
    /// Beside every n-th committed transaction one of the same size is written and aborted; 0 for never.
    pub abort_every: u64,
}

/// A load: the same plan makes the same records.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    /// Topic, which exists already.
    pub topic: String,
    /// Records go to partitions `0..partitions` in turn.
    pub partitions: i32,
    /// Committed records in total.
    pub records: u64,
    /// Seed of all that is random.
    pub seed: u64,
    /// Run id in each record's stamp.
    pub run: u32,
    /// The first sequence number of each partition: 0, or where an earlier load of the same run ended.
    pub first_sequence: u64,
    /// Timestamp of the first record, milliseconds since the Unix epoch; later ones grow by 1 ms per 100 records.
    pub first_timestamp_ms: i64,
    /// Value sizes.
    pub sizes: Sizes,
    /// Codecs, one producer each; they alternate every [`LoadPlan::run_length`] records.
    pub codecs: Vec<Codec>,
    /// Bytes (before compression) that a batch grows to, at most 1,000,000.
    pub batch_bytes: usize,
    /// Records that one producer sends before the next takes over, where there are several.
    pub run_length: u64,
    /// Transactional producers, else idempotent ones.
    pub transactions: Option<Transactions>,
    /// Threads; each owns a share of the partitions.
    pub threads: usize,
    /// Records per second in total, at most; 0 for as fast as it goes.
    pub records_per_second: u64,
    /// Further librdkafka properties.
    pub properties: Vec<(String, String)>,
}

impl LoadPlan {
    /// A plan with mixed sizes and all codecs, as realistic as librdkafka allows.
    #[must_use]
    pub fn realistic(topic: &str, partitions: i32, records: u64, seed: u64) -> Self {
        Self {
            topic: topic.to_owned(),
            partitions,
            records,
            seed,
            run: run_of(seed),
            first_sequence: 0,
            first_timestamp_ms: rdkafka::util::current_time_millis(),
            sizes: Sizes::Mixed,
            codecs: Codec::ALL.to_vec(),
            batch_bytes: 64 << 10,
            run_length: 25_000,
            transactions: None,
            threads: 2,
            records_per_second: 0,
            properties: Vec::new(),
        }
    }

    /// A plan for throughput: one codec, one size, large batches.
    #[must_use]
    pub fn uniform(
        topic: &str,
        partitions: i32,
        records: u64,
        size: usize,
        codec: Codec,
        batch_bytes: usize,
    ) -> Self {
        Self {
            sizes: Sizes::Fixed(size),
            codecs: vec![codec],
            batch_bytes,
            ..Self::realistic(topic, partitions, records, 1)
        }
    }

    /// With transactional producers that abort now and then.
    #[must_use]
    pub fn transactional(mut self, records: u64, abort_every: u64) -> Self {
        self.transactions = Some(Transactions { records, abort_every });
        self
    }

    /// Refuses what cannot be made.
    pub(super) fn check(&self) -> Result<()> {
        if self.partitions < 1 || self.codecs.is_empty() || self.threads == 0 || self.run_length == 0 {
            bail!("a load has at least one partition, one codec, one thread and one record in a run");
        }
        if self.transactions.is_some_and(|transactions| transactions.records == 0) {
            bail!("a transaction has at least one record");
        }
        if self.batch_bytes > 1_000_000 {
            bail!("batch_bytes {} is above the 1,000,000 that brokers take by default", self.batch_bytes);
        }
        Ok(())
    }
}

/// The low half of the seed, spread so that neighbouring seeds give unlike runs.
fn run_of(seed: u64) -> u32 {
    u32::try_from(super::random::Random::new(seed, 0x05ee).next() >> 32).unwrap_or_default()
}
