//! What Kafka's own console consumer reads.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anyhow::{Context, Result, bail, ensure};
use velostream_testkit::services::{KafkaInstall, KafkaTool};

/// What ends a record. Nothing that the load makes holds it.
const END: &str = "~end~7f3a9c1b~of~record~";
/// What stands for null, so that it differs from empty.
const NULL: &str = "~null~7f3a9c1b~";
/// How long the consumer waits for a record before it takes what it has for all.
const PATIENCE_MS: &str = "60000";

/// Fingerprints of the records of each partition, sorted: timestamp, headers, key and value as the tool prints them.
/// Topics are read together, and the tool does not say which is whose: partitions of one number are one.
pub(crate) type Printed = BTreeMap<i32, Vec<u64>>;

/// Reads so many records of topics, read_committed. A record that is there once too often takes the place of another
/// one, so that it shows in the comparison with the other side.
///
/// # Errors
/// When the tool fails or there are fewer.
pub(crate) fn read(install: &KafkaInstall, bootstrap: &str, topics: &str, records: u64) -> Result<Printed> {
    let printed = parse(&print(install, bootstrap, topics, records)?)?;
    let count = printed.values().map(Vec::len).sum::<usize>();
    ensure!(
        u64::try_from(count)? == records,
        "Kafka's console consumer reads {count} records of {topics} at {bootstrap}, {records} are right"
    );
    Ok(printed)
}

fn print(install: &KafkaInstall, bootstrap: &str, topics: &str, records: u64) -> Result<Vec<u8>> {
    let records = records.to_string();
    let end = format!("line.separator={END}");
    let null = format!("null.literal={NULL}");
    let mut arguments = vec![
        "--bootstrap-server",
        bootstrap,
        "--include",
        topics,
        "--from-beginning",
        "--isolation-level",
        "read_committed",
        "--timeout-ms",
        PATIENCE_MS,
        "--max-messages",
        &records,
    ];
    for property in
        ["print.partition=true", "print.timestamp=true", "print.headers=true", "print.key=true", &end, &null]
    {
        arguments.extend(["--formatter-property", property]);
    }
    KafkaTool::ConsoleConsumer.run(install, arguments)
}

fn parse(output: &[u8]) -> Result<Printed> {
    let mut printed = Printed::new();
    let mut rest = output;
    while let Some(at) = find(rest, END.as_bytes()) {
        let (record, behind) = rest.split_at(at);
        rest = behind.get(END.len()..).unwrap_or_default();
        let partition = partition(record)
            .with_context(|| format!("no partition in {}", String::from_utf8_lossy(record)))?;
        let mut hasher = DefaultHasher::new();
        record.hash(&mut hasher);
        printed.entry(partition).or_default().push(hasher.finish());
    }
    if !rest.is_empty() {
        bail!("the console consumer's output ends inside a record");
    }
    printed.values_mut().for_each(|one| one.sort_unstable());
    Ok(printed)
}

/// `CreateTime:1700000000000<tab>Partition:3<tab>...`
fn partition(record: &[u8]) -> Option<i32> {
    let field = record.split(|byte| *byte == b'\t').nth(1)?;
    std::str::from_utf8(field).ok()?.strip_prefix("Partition:")?.parse().ok()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|byte| *byte == first)?;
        if bytes.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{END, parse};

    #[test]
    fn output_is_split_into_records_by_partition_whatever_their_bytes() {
        let one = |partition: i32, value: &str| {
            format!("CreateTime:1\tPartition:{partition}\tNO_HEADERS\tk\t{value}{END}").into_bytes()
        };
        let all = [one(0, "a\nb\t~"), one(1, ""), one(0, "c")].concat();
        let printed = parse(&all).expect("records");
        assert_eq!(printed.values().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        assert!(parse(&all[..all.len() - 3]).is_err());
        assert!(parse(format!("no partition{END}").as_bytes()).is_err());
    }
}
