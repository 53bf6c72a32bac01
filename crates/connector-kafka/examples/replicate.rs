//! Replicates one topic: `replicate SOURCE SINK TOPIC INSTANCE`.
#![allow(clippy::print_stdout, reason = "an example")]

use std::sync::Arc;

use velostream_connector_kafka::{
    KafkaLane, KafkaMembership, KafkaReader, MembershipParts, Names, Registry, SinkConfig, SourceConfig,
    TopicPattern, client,
};
use velostream_core::{Clock, DeliveryLevel, InstanceName, JobName, LaneIndex};
use velostream_processor::{
    Backoff, ExactlyOnceMetrics, LaneParts, SystemClock, Transactions, Worker, WorkerConfig,
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let args: Vec<String> = std::env::args().collect();
    let [_, from, to, topic, instance] = args.as_slice() else { anyhow::bail!("SOURCE SINK TOPIC INSTANCE") };
    let lanes: u16 = std::env::var("LANES").ok().and_then(|l| l.parse().ok()).unwrap_or(1);
    let names = Names::new(JobName::new(format!("copy-{topic}")), InstanceName::new(instance.as_str()));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let reach =
        |address: &str| client::Config { bootstrap_servers: vec![address.to_owned()], ..Default::default() };
    let mut source = SourceConfig::new(reach(from), vec![TopicPattern::Name(topic.clone())]);
    source.bounded = true;
    let (source_config, sink_config) = (Arc::new(source), Arc::new(SinkConfig::new(reach(to))));
    let source = client::Cluster::connect(source_config.client.clone()).await?;
    let sink = client::Cluster::connect(sink_config.client.clone()).await?;
    let registry = Registry::new(
        (source.clone(), Arc::clone(&source_config)),
        (sink.clone(), Arc::clone(&sink_config)),
        names.clone(),
        Arc::clone(&clock),
    );
    let membership = KafkaMembership::start(MembershipParts {
        cluster: sink.clone(),
        names: names.clone(),
        config: Arc::clone(&sink_config),
        registry,
        clock: Arc::clone(&clock),
        lanes,
    });
    let parts = (0..lanes)
        .map(|lane| LaneParts {
            reader: Box::new(KafkaReader::new(
                source.clone(),
                Arc::clone(&source_config),
                Arc::clone(&clock),
            )),
            lane: Box::new(KafkaLane::new(
                LaneIndex(lane),
                &names,
                &sink,
                Arc::clone(&sink_config),
                Arc::clone(&membership),
                Arc::clone(&clock),
                128 << 20,
            )),
        })
        .collect();
    let metrics = ExactlyOnceMetrics::new("copy", instance, DeliveryLevel::ExactlyOnceTransactional);
    let config = WorkerConfig {
        transactions: Transactions::default(),
        backoff: Backoff::default(),
        bounded: true,
        max_decoded_bytes: 128 << 20,
    };
    let worker = Worker::new(config, membership, Arc::clone(&clock), metrics.clone(), parts);
    let began = clock.monotonic();
    let outcome = worker.run(tokio::sync::watch::Sender::new(Vec::new())).await;
    let took = clock.monotonic() - began;
    let totals = metrics.totals();
    println!("{totals:?} in {took:?}: {:.0} records/s", totals.records as f64 / took.as_secs_f64());
    if let Err(error) = &outcome {
        println!("{error}\n{:?}\n{}", std::error::Error::source(error), error.remedy());
    }
    Ok(outcome?)
}
