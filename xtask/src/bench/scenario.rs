//! What is moved.

use anyhow::{Result, bail};

/// Bytes of a value, bytes of a source batch, partitions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scenario {
    pub(super) size: usize,
    pub(super) batch: usize,
    pub(super) partitions: i32,
}

pub(super) const SCENARIOS: [Scenario; 6] = [
    Scenario { size: 100, batch: 1_000_000, partitions: 4 },
    Scenario { size: 100, batch: 16_000, partitions: 4 },
    Scenario { size: 1000, batch: 1_000_000, partitions: 4 },
    Scenario { size: 1000, batch: 16_000, partitions: 4 },
    Scenario { size: 100, batch: 1_000_000, partitions: 32 },
    Scenario { size: 100, batch: 1_000_000, partitions: 256 },
];

impl Scenario {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split('x').collect();
        let [size, batch, partitions] = parts.as_slice() else {
            bail!("{text:?} is not SIZExBATCHxPARTITIONS, for example 100x1000000x4");
        };
        Ok(Self { size: size.parse()?, batch: batch.parse()?, partitions: partitions.parse()? })
    }

    pub(super) fn name(self) -> String {
        format!("{}x{}x{}", self.size, self.batch, self.partitions)
    }

    /// The same amount of bytes, not of records.
    pub(super) fn records(self, of_100_bytes: u64) -> u64 {
        if self.size > 100 { of_100_bytes / 4 } else { of_100_bytes }
    }
}
