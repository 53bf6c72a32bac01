//! How often each number is in a topic.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use velostream_testkit::load::read_all;

/// Fails unless each number below `different` is there once, and nothing else. `number` takes it out of key and value,
/// where the record is as it was sent.
pub(crate) fn expect_once(
    bootstrap: &str,
    topic: &str,
    different: u64,
    number: impl Fn(&str, &str) -> Option<u64>,
) -> Result<()> {
    let (mut times, mut foreign) = (BTreeMap::<u64, u64>::new(), None);
    read_all(bootstrap, topic, |key, value| {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let (key, value) = (text(key), text(value));
        match number(&key, &value) {
            Some(n) => *times.entry(n).or_default() += 1,
            None => drop(foreign.get_or_insert((key, value))),
        }
    })
    .context("the destination cannot be read")?;
    ensure!(foreign.is_none(), "a record that was never sent: {foreign:?}");
    let again = times.iter().find(|(_, times)| **times > 1);
    ensure!(again.is_none(), "{again:?} is there more than once");
    let missing = (0..different).find(|n| !times.contains_key(n));
    ensure!(missing.is_none(), "{missing:?} is missing; {} of {different} are there", times.len());
    ensure!(times.len() as u64 == different, "{} numbers, not {different}", times.len());
    Ok(())
}
