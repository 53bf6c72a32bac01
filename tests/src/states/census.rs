//! How often each record is in a topic, as a read_committed reader on librdkafka sees it.

use anyhow::{Result, ensure};

use super::Repeated;
use crate::load::read_all;

/// How often each record of [`Repeated`] is there. Every one is compared with the whole record of its number.
#[derive(Debug)]
pub struct Census {
    times: Vec<u32>,
    /// Records that are none, or differ from the one of their number; the first of them.
    foreign: Option<String>,
    /// All records.
    pub records: u64,
}

impl Census {
    /// Reads every partition of a topic from its start to its present end.
    ///
    /// # Errors
    /// When the topic cannot be read.
    pub fn read(bootstrap: &str, topic: &str) -> Result<Self> {
        Self::of(bootstrap, &[topic])
    }

    /// Reads several topics as if they were one.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn of<S: AsRef<str>>(bootstrap: &str, topics: &[S]) -> Result<Self> {
        let mut census = Self { times: Vec::new(), foreign: None, records: 0 };
        for topic in topics {
            read_all(bootstrap, topic.as_ref(), |key, value| census.take(key, value))?;
        }
        Ok(census)
    }

    fn take(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) {
        self.records += 1;
        let number = value.and_then(Repeated::number).filter(|number| {
            let made = Repeated::record(*number);
            made.key.as_deref() == key && made.value.as_deref() == value
        });
        let Some(at) = number.and_then(|number| usize::try_from(number).ok()).filter(|at| *at < 1 << 28)
        else {
            self.foreign.get_or_insert_with(|| format!("{key:?} {value:?}"));
            return;
        };
        if self.times.len() <= at {
            self.times.resize(at + 1, 0);
        }
        if let Some(times) = self.times.get_mut(at) {
            *times += 1;
        }
    }

    /// Records that are there, each counted once.
    #[must_use]
    pub fn different(&self) -> u64 {
        u64::try_from(self.times.iter().filter(|times| **times > 0).count()).unwrap_or(u64::MAX)
    }

    /// Fails where one of the records below `different` is not there as often as `times` says, or another one is there.
    ///
    /// # Errors
    /// When it is so, with the first such record.
    pub fn expect(&self, different: u64, times: impl Fn(u64) -> u32) -> Result<()> {
        ensure!(self.foreign.is_none(), "a record that was never sent: {:?}", self.foreign);
        let found = u64::try_from(self.times.len())?;
        ensure!(found <= different, "record {} was never sent", found.saturating_sub(1));
        let wrong = (0..different).find(|n| self.times_of(*n) != times(*n));
        let Some(wrong) = wrong else { return Ok(()) };
        let count = (0..different).filter(|n| self.times_of(*n) != times(*n)).count();
        let (is, should) = (self.times_of(wrong), times(wrong));
        anyhow::bail!("record {wrong} is there {is} times, not {should}; so are {count} of {different}")
    }

    fn times_of(&self, n: u64) -> u32 {
        usize::try_from(n).ok().and_then(|at| self.times.get(at)).copied().unwrap_or(0)
    }
}
