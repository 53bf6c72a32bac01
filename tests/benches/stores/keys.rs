//! The layout that comes to mind first: one key per id.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::packed::{Random, median};
use crate::subject::{Naive, Subject};

/// What of an id is the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// 16 bytes, as the ledger packs them.
    Short,
    /// The whole SHA-256 in hexadecimal, as it is usually written: 64 characters.
    Whole,
}

impl Keys {
    pub(crate) const ALL: [Self; 2] = [Self::Short, Self::Whole];

    /// So many keys that were not there before.
    fn make(self, random: &mut Random, count: usize) -> Vec<Vec<u8>> {
        let key = |random: &mut Random| match self {
            Self::Short => random.id().0.to_vec(),
            Self::Whole => hex(&[random.id().0, random.id().0].concat()).into_bytes(),
        };
        (0..count).map(|_| key(random)).collect()
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One key per id, with batches of `count` ids.
pub(crate) async fn run(subject: &dyn Subject, keys: Keys, count: usize) -> Result<Naive> {
    // Other ids than the packed ones, and other ones for each size.
    let mut random = Random::new(0x5EED_0000 + count as u64);
    let rounds = subject.naive_rounds(count);
    let (mut mark, mut check) = (vec![], vec![]);
    let mut known = Vec::new();
    for _ in 0..rounds {
        known = keys.make(&mut random, count);
        let began = Instant::now();
        subject.naive_mark(keys, &known).await?;
        mark.push(began.elapsed());
    }
    let mut asked = keys.make(&mut random, count);
    asked.splice(..count / 2, known.iter().take(count / 2).cloned());
    for _ in 0..rounds {
        let began = Instant::now();
        let found = subject.naive_check(keys, &asked).await?;
        check.push(began.elapsed());
        ensure!(found == count / 2, "{found} of {} keys were found", count / 2);
    }
    Ok(Naive { mark: median(mark), check: median(check), stored: rounds * count })
}
