//! Four opinions on a round: the verifier, Kafka's console consumer, a reader that was there all the time, and one that
//! came last.

use std::collections::BTreeMap;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use velostream_testkit::nemesis::{Side, Tally};
use velostream_testkit::services::KafkaInstall;
use velostream_testkit::{RealClock, Sighting, Witness, read_all};
use velostream_verifier::{Cluster, Config, TopicPair, verify};

use super::console::{self, Printed};

/// A topic of a round, of the same name in source and sink.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) partitions: i32,
    /// Committed records that were sent to it.
    pub(crate) records: u64,
}

/// Fails where anything is lost, doubled, changed or in another order, by anybody's opinion. What is wrong is counted.
pub(crate) fn judge(
    (source, sink): (&Side, &Side),
    topics: &[Topic],
    witness: Witness,
    tally: &mut Tally,
) -> Result<()> {
    let install = source.cluster().install().clone();
    thread::scope(|scope| {
        let install = &install;
        let reading = [source, sink].map(|side| scope.spawn(move || print(install, side, topics)));
        let matched = by_verifier(source, sink, topics, tally)?;
        by_witness(sink, topics, witness)?;
        let mut printed = Vec::new();
        for one in reading {
            printed.push(one.join().map_err(|_| anyhow!("the console consumer's thread panicked"))??);
        }
        ensure!(
            printed.first() == printed.last(),
            "Kafka's console consumer prints something else for the sink"
        );
        tally.records += matched;
        Ok(())
    })
}

fn print(install: &KafkaInstall, side: &Side, topics: &[Topic]) -> Result<Printed> {
    let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
    let records = topics.iter().map(|topic| topic.records).sum();
    console::read(install, &side.direct, &names.join("|"), records)
}

fn by_verifier(source: &Side, sink: &Side, topics: &[Topic], tally: &mut Tally) -> Result<u64> {
    let pairs = topics.iter().map(|topic| TopicPair::new(&topic.name, &topic.name)).collect();
    let config = Config::new(Cluster::new(&source.direct), Cluster::new(&sink.direct), pairs);
    let report = verify(&config, &RealClock::start(), &|_| {})?;
    tally.lost += report.counts.missing;
    tally.doubled += report.counts.duplicated + report.counts.unexpected;
    tally.reordered += report.counts.reordered;
    let sent: u64 = topics.iter().map(|topic| topic.records).sum();
    ensure!(report.is_identical(), "the verifier: {report:#?}");
    ensure!(report.counts.matched == sent, "{} of {sent} records: {report:#?}", report.counts.matched);
    Ok(sent)
}

/// What was seen as it happened has to be what is there now.
fn by_witness(sink: &Side, topics: &[Topic], witness: Witness) -> Result<()> {
    let places: Vec<(String, i32)> = topics.iter().map(|one| (one.name.clone(), one.partitions)).collect();
    let after = read_all(&sink.direct, &places)?;
    let during = witness.finish()?;
    compare(&during, &after)
}

fn compare(
    during: &BTreeMap<(String, i32), Sighting>,
    after: &BTreeMap<(String, i32), Sighting>,
) -> Result<()> {
    ensure!(during.keys().eq(after.keys()), "the concurrent reader has seen other partitions");
    for (place, last) in after {
        let (topic, partition) = place;
        let first = during.get(place).context("a partition")?;
        if let Some(difference) = first.difference(last) {
            return Err(anyhow!(
                "{topic}-{partition}: a reader has seen what is not there now: {difference}"
            ));
        }
        if let Some(wrong) = last.out_of_order() {
            return Err(anyhow!("{topic}-{partition}: {wrong}"));
        }
    }
    Ok(())
}
