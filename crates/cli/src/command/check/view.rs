//! Both ends of a job as they answered, for people.

use exactly_once::live::{
    ClusterSeen, DestinationSeen, DirectorySeen, FilesSeen, KafkaSinkSeen, KafkaSourceSeen, Live, Severity,
    SinkSeen, SourceSeen, StoreSeen, TopicState,
};
use indicatif::{HumanBytes, HumanCount};

use crate::output::columns;

/// Rows of a list that are shown; JSON has all.
const SHOWN: usize = 50;

pub(super) fn live(live: &Live) -> String {
    let source = match &live.source {
        SourceSeen::Kafka(seen) => kafka_source(seen),
        SourceSeen::File(seen) => files(seen),
        _ => String::new(),
    };
    let sink = match &live.sink {
        SinkSeen::Kafka(seen) => kafka_sink(seen),
        SinkSeen::File(seen) => directory(seen),
        _ => String::new(),
    };
    let mut text = format!("\nsource\n{source}\nsink\n{sink}");
    if let Some(seen) = &live.state_store {
        text.push_str(&format!("\nstate store\n{}", state_store(seen)));
    }
    text.push_str(&problems(live, Severity::Blocks, "What stands in the way"));
    text.push_str(&problems(live, Severity::Warns, "What to know"));
    if live.blocked_by().is_none() {
        text.push_str("\nready: nothing stands in the way of the job\n");
    }
    text
}

fn problems(live: &Live, severity: Severity, title: &str) -> String {
    let mut text = String::new();
    for problem in live.problems.iter().filter(|p| p.severity == severity) {
        if text.is_empty() {
            text = format!("\n{title}\n");
        }
        text.push_str(&format!(
            "  - {} {}: {}\n    remedy: {}\n",
            problem.code, problem.side, problem.text, problem.remedy
        ));
    }
    text
}

/// Rows below each other with their names in front.
fn fields(rows: &[(&str, String)]) -> String {
    columns(&[], rows.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]))
}

fn list(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let hidden = rows.len().saturating_sub(SHOWN);
    let mut text = columns(header, rows.into_iter().take(SHOWN));
    if hidden > 0 {
        text.push_str(&format!("and {hidden} more: -o json has them all\n"));
    }
    text
}

fn cluster(seen: &ClusterSeen) -> Vec<(&'static str, String)> {
    let mut rows = vec![("kafka", seen.bootstrap_servers.clone())];
    if !seen.reachable {
        rows.push(("cluster", "not reachable".to_owned()));
        return rows;
    }
    rows.push(("cluster", seen.cluster_id.clone().unwrap_or_else(|| "without an id".to_owned())));
    let brokers = seen.brokers.iter().map(|b| format!("{} {}", b.id, b.address)).collect::<Vec<_>>();
    rows.push(("brokers", brokers.join(", ")));
    rows.push(("controller", number(seen.controller)));
    rows
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn number(id: Option<i32>) -> String {
    id.map_or_else(|| "none".to_owned(), |id| id.to_string())
}

fn kafka_source(seen: &KafkaSourceSeen) -> String {
    let mut text = fields(&cluster(&seen.cluster));
    if !seen.cluster.reachable {
        return text;
    }
    let partitions: usize = seen.topics.iter().map(|t| t.partitions).sum();
    text.push_str(&format!(
        "\n{}, {}\n",
        counted(seen.topics.len(), "topic"),
        counted(partitions, "partition")
    ));
    let rows = seen.patterns.iter().map(|pattern| {
        vec![
            pattern.pattern.clone(),
            pattern.topics.len().to_string(),
            pattern.excluded.len().to_string(),
            pattern.topics.iter().take(5).cloned().collect::<Vec<_>>().join(", "),
        ]
    });
    text.push_str(&list(&["topics", "match", "excluded", "for example"], rows.collect()));
    let known = |value: Option<&str>| value.unwrap_or("?").to_owned();
    let rows = seen.topics.iter().map(|topic| {
        vec![
            topic.topic.clone(),
            topic.partitions.to_string(),
            known(topic.max_message_bytes.map(|bytes| bytes.to_string()).as_deref()),
            known(topic.retention.get("cleanup.policy")),
            known(topic.retention.get("retention.ms")),
        ]
    });
    text.push('\n');
    let columns = ["topic", "partitions", "max.message.bytes", "cleanup.policy", "retention.ms"];
    text.push_str(&list(&columns, rows.collect()));
    text
}

fn kafka_sink(seen: &KafkaSinkSeen) -> String {
    let mut rows = cluster(&seen.cluster);
    if let Some(transactions) = &seen.transactions {
        let possible = if transactions.possible { "possible" } else { "NOT possible" };
        rows.push(("transactions", format!("{possible}, transaction.version {}", transactions.version)));
        rows.push((
            "coordinators",
            format!(
                "transactions {}, group {}",
                number(transactions.coordinator),
                number(transactions.group_coordinator)
            ),
        ));
    }
    if let Some(internal) = &seen.internal_topic {
        let state = match internal.state {
            TopicState::Present => {
                format!("{}: the job has run before", counted(internal.partitions, "partition"))
            }
            _ => "to be created".to_owned(),
        };
        rows.push(("progress", format!("{}, {state}", internal.topic)));
    }
    let mut text = fields(&rows);
    if !seen.destinations.is_empty() {
        text.push('\n');
        let header =
            ["destination", "from", "state", "partitions", "replicas", "max.message.bytes", "timestamps"];
        text.push_str(&list(&header, seen.destinations.iter().map(destination).collect()));
    }
    text
}

fn destination(seen: &DestinationSeen) -> Vec<String> {
    let setting = |name: &str| seen.settings.get(name).cloned().unwrap_or_else(|| "-".to_owned());
    let state = match seen.state {
        TopicState::Present => "present",
        TopicState::ToBeCreated => "to be created",
        _ => "missing",
    };
    let partitions = if seen.partitions == seen.needs_partitions {
        seen.partitions.to_string()
    } else {
        format!("{} of {}", seen.partitions, seen.needs_partitions)
    };
    vec![
        seen.topic.clone(),
        seen.source_topic.clone(),
        state.to_owned(),
        partitions,
        seen.replicas.map_or_else(|| "-".to_owned(), |copies| copies.to_string()),
        setting("max.message.bytes"),
        setting("message.timestamp.type"),
    ]
}

fn files(seen: &FilesSeen) -> String {
    let mut text = fields(&[
        ("files", seen.path.clone()),
        ("matched", format!("{}, {}", counted(seen.files.len(), "file"), HumanBytes(seen.bytes))),
    ]);
    if !seen.files.is_empty() {
        text.push('\n');
        let rows = seen.files.iter().map(|file| vec![file.path.clone(), file.bytes.to_string()]);
        text.push_str(&list(&["file", "bytes"], rows.collect()));
    }
    text
}

fn directory(seen: &DirectorySeen) -> String {
    let state = match (seen.writable, seen.exists) {
        (false, _) => "NOT writable",
        (true, true) => "writable",
        (true, false) => "to be made",
    };
    fields(&[
        ("directory", format!("{}, {state}", seen.directory)),
        (
            "committed",
            format!("{} in {} commits so far", HumanBytes(seen.committed_bytes), HumanCount(seen.commits)),
        ),
    ])
}

fn state_store(seen: &StoreSeen) -> String {
    let asked = if seen.attested { "checked against the server" } else { "not asked" };
    let mut rows = vec![("store", seen.store.to_owned()), ("class", format!("{}, {asked}", seen.class))];
    if let Some(ids) = seen.tracked_records {
        rows.push(("ids", ids.to_string()));
        rows.push(("held by", seen.owner.clone().unwrap_or_else(|| "nobody".to_owned())));
    }
    fields(&rows)
}
