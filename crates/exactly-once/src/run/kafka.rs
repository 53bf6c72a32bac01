//! Jobs that read Kafka.

use std::sync::Arc;

use velostream_connector_kafka::client::{Cluster, Config};
use velostream_connector_kafka::{
    Ends as SourceEnds, Error, KafkaLane, KafkaMembership, KafkaReader, MembershipParts, Names, Registry,
};
use velostream_core::{Clock, LaneIndex, Result};
use velostream_processor::LaneParts;

use super::{Ends, Instance, RunOptions};
use crate::config::{JobFile, KafkaSink, KafkaSource};
use crate::settings;

/// File in the instance's directory that keeps its last member id.
const MEMBER_FILE: &str = "member";

pub(super) async fn to_kafka(
    job: &JobFile,
    source: &KafkaSource,
    sink: &KafkaSink,
    options: &RunOptions,
    instance: &Instance,
    clock: &Arc<dyn Clock>,
) -> Result<Ends> {
    let source_config = Arc::new(settings::kafka::source(job, source, options.until_caught_up));
    let member_file = instance.directory().join(MEMBER_FILE);
    let sink_config = Arc::new(settings::kafka::sink(sink, Some(member_file)));
    let source = connect("source", &source_config.client).await?;
    let sink = connect("sink", &sink_config.client).await?;
    let names = Names::new(job.job.clone(), instance.name().clone());
    let registry = Registry::new(
        (source.clone(), Arc::clone(&source_config)),
        (sink.clone(), Arc::clone(&sink_config)),
        names.clone(),
        Arc::clone(clock),
    );
    let ends = SourceEnds::start(&source, &source_config, clock);
    let membership = KafkaMembership::start(MembershipParts {
        cluster: sink.clone(),
        names: names.clone(),
        config: Arc::clone(&sink_config),
        registry,
        clock: Arc::clone(clock),
        lanes: job.lanes,
        ends: ends.clone(),
    });
    let lane = |index| LaneParts {
        reader: Box::new(KafkaReader::new(
            source.clone(),
            Arc::clone(&source_config),
            Arc::clone(clock),
            ends.clone(),
        )),
        lane: Box::new(KafkaLane::new(
            LaneIndex(index),
            &names,
            &sink,
            Arc::clone(&sink_config),
            Arc::clone(&membership),
            Arc::clone(clock),
            source_config.max_decoded_bytes,
        )),
        deduplication: None,
    };
    let lanes = (0..job.lanes).map(lane).collect();
    Ok(Ends { membership, lanes })
}

async fn connect(side: &str, config: &Config) -> Result<Cluster> {
    let servers = config.bootstrap_servers.join(",");
    Cluster::connect(config.clone())
        .await
        .map_err(|e| Error::client(format!("the {side} cluster at {servers} does not answer"))(e).into())
}

/// The file sink pins the start of each split in its manifest; one process owns the directory, so that no group is
/// needed.
#[cfg(feature = "connector-file")]
pub(super) async fn to_file(
    job: &JobFile,
    source: &KafkaSource,
    sink: &crate::config::FileSink,
    options: &RunOptions,
    clock: &Arc<dyn Clock>,
) -> Result<Ends> {
    use std::collections::BTreeMap;

    use velostream_connector_file::{FileLane, LocalMembership, Start};
    use velostream_connector_kafka::starting_positions;
    use velostream_core::{Code, Disposition, Error};

    let config = Arc::new(settings::kafka::source(job, source, options.until_caught_up));
    let cluster = connect("source", &config.client).await?;
    let starts: BTreeMap<_, _> = starting_positions(&cluster, &config).await?.into_iter().collect();
    let splits = starts.keys().cloned().collect();
    let start = Start::new(move |split| {
        starts.get(split).cloned().ok_or_else(|| {
            Error::new(Code::Internal, Disposition::Corrupt, format!("{split} has no starting position"))
        })
    });
    let lane = FileLane::new(settings::file::sink(job, sink), start)?;
    let ends = SourceEnds::start(&cluster, &config, clock);
    let reader = KafkaReader::new(cluster, config, Arc::clone(clock), ends);
    let parts = LaneParts { reader: Box::new(reader), lane: Box::new(lane), deduplication: None };
    Ok(Ends { membership: Arc::new(LocalMembership::fixed(splits)), lanes: vec![parts] })
}
