//! What a read_committed reader sees of a topic, content by content.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use velostream_testkit::load::read_all;

/// How often each content is there: key and value, null and empty told apart.
pub(crate) type Contents = BTreeMap<(Option<Vec<u8>>, Option<Vec<u8>>), u64>;

/// Reads every partition of a topic from its start to its present end.
pub(crate) fn read(bootstrap: &str, topic: &str) -> Result<Contents> {
    let mut contents = Contents::new();
    read_all(bootstrap, topic, |key, value| {
        *contents.entry((key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec))).or_default() += 1;
    })?;
    Ok(contents)
}

/// Fails where a content is missing, foreign, or there more often than once.
pub(crate) fn expect_each_once(source: &Contents, sink: &Contents) -> Result<()> {
    let missing = source.keys().find(|content| !sink.contains_key(*content));
    ensure!(missing.is_none(), "{missing:?} is missing; {} of {} are there", sink.len(), source.len());
    let foreign = sink.keys().find(|content| !source.contains_key(*content));
    ensure!(foreign.is_none(), "{foreign:?} was never in the source");
    let again = sink.iter().find(|(_, times)| **times > 1);
    ensure!(again.is_none(), "{again:?} is there more than once");
    Ok(())
}
