//! The part of the demo's load that librdkafka cannot send.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use velostream_testkit::load::{ODD_TOPIC, create_topic, odd_batches_of, produce_batches};

const PARTITIONS: i32 = 2;
/// Rounds before any worker runs.
const FIRST_ROUNDS: u32 = 8;
const GAP: Duration = Duration::from_millis(500);

/// A topic of batches written byte by byte: names of headers that are not UTF-8, empty or repeated; timestamps 0 and far
/// ahead; null keys, tombstones, empty values; every codec. Each round of them is another one.
#[derive(Debug)]
pub(crate) struct Oddities {
    bootstrap: String,
    rounds: u32,
    records: u64,
    names_not_utf8: u64,
}

impl Oddities {
    /// Its name.
    pub(crate) const TOPIC: &str = "oddities";

    /// Creates the topic and sends the first rounds.
    ///
    /// # Errors
    /// When the broker refuses the topic or a batch.
    pub(crate) fn create(bootstrap: String) -> Result<Self> {
        create_topic(&bootstrap, Self::TOPIC, PARTITIONS, &ODD_TOPIC)?;
        let mut oddities = Self { bootstrap, rounds: 0, records: 0, names_not_utf8: 0 };
        for _ in 0..FIRST_ROUNDS {
            oddities.send_round()?;
        }
        Ok(oddities)
    }

    /// Sends a round now and then until it is told to stop.
    ///
    /// # Errors
    /// When the broker refuses a batch.
    pub(crate) fn send_until(&mut self, stop: &AtomicBool) -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            self.send_round()?;
            thread::sleep(GAP);
        }
        Ok(())
    }

    /// Records sent so far.
    pub(crate) const fn records(&self) -> u64 {
        self.records
    }

    /// Those of them with a header whose name is not UTF-8.
    pub(crate) const fn names_not_utf8(&self) -> u64 {
        self.names_not_utf8
    }

    fn send_round(&mut self) -> Result<()> {
        let odd = odd_batches_of(self.rounds)?;
        let partition = i32::try_from(self.rounds)? % PARTITIONS;
        produce_batches(&self.bootstrap, Self::TOPIC, partition, &odd.batches)?;
        self.rounds += 1;
        self.records += odd.records;
        self.names_not_utf8 += odd.names_not_utf8;
        Ok(())
    }
}
