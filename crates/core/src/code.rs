//! Stable error codes and their pages.

#[macro_use]
mod define;

use std::fmt;

codes! {
    Config = 1, "the job file is not valid",
        "A field is unknown, misspelt, of the wrong type, out of range, or a variable it names is not set.",
        "Correct the place that the message points at; `velostream check JOB.yaml` tries it without running.",
        "orders-dr.yaml:5:5: source.kafka: unknown field `topcis`";
    ConfigFile = 2, "the job file cannot be read",
        "The path does not exist, is not readable, or is not UTF-8.",
        "Check the path and its permissions.",
        "orders-dr.yaml: the job file cannot be read\n  cause: No such file or directory (os error 2)";
    Usage = 3, "the command line is not valid",
        "Options contradict each other or one is missing.",
        "See `velostream help COMMAND`.",
        "nobody to ask";
    Guarantee = 4, "the required guarantee is not met",
        "`--require` asked for more than the job file can give.",
        "`velostream explain JOB.yaml` names what lowers the level.",
        "job orders-dr: exactly_once is required, the job file gives at_least_once";
    NotClean = 5, "the sink does not hold what the source holds",
        "`velostream verify` found missing, duplicated, reordered or changed records.",
        "The report names each with its partition and offset; keep the report before anything is repaired.",
        "source and sink differ in 3 records";
    Unreachable = 10, "a server cannot be reached",
        "No bootstrap server answered: wrong address, not running, or a firewall.",
        "Check `bootstrap_servers` and that the listener is reachable from this host.",
        "the source cluster at kafka-a:9092 does not answer\n  cause: no bootstrap server answered; kafka-a:9092: bootstrap broker: connect: connection to kafka-a:9092 failed (nothing was sent): Connection refused (os error 111)";
    KafkaIo = 11, "the connection to a broker failed",
        "The broker closed the connection, is restarting, or the network dropped it.",
        "Passing faults are retried; if it stays, look at the broker's log.",
        "sink dr.orders-3\n  cause: broker 2: Produce: connection to kafka-b:9092 failed\n  cause: Connection reset by peer (os error 104)";
    KafkaTimeout = 12, "a broker did not answer in time",
        "The broker is overloaded, paused or cut off, or a transaction that was left open stands in the way of a claim.",
        "Passing faults are retried; if it stays, look at the broker's load and `client.request_timeout`. Never abort a transaction that the message names before it is known what was decided: the message says where that stands.",
        "group velostream.orders-dr: heartbeat\n  cause: broker 2: Heartbeat: no answer from kafka-b:9092 within 30s";
    KafkaProtocol = 13, "a broker's answer cannot be understood",
        "The bytes do not follow the protocol: a proxy, a defect, or not a Kafka broker.",
        "Check that the address is a Kafka listener without TLS; report it with the broker's version.",
        "source: list of topics\n  cause: broker 2: Metadata: answer cannot be understood: string length at byte 41";
    KafkaRefused = 14, "a broker refused a request",
        "The broker answered with an error code; the message names it.",
        "Look the error's name up in the Kafka documentation; missing ACLs are the usual cause.",
        "group velostream.orders-dr: join\n  cause: broker 2: JoinGroup: GROUP_AUTHORIZATION_FAILED (30)";
    KafkaUnsupported = 15, "a broker is too old for a request",
        "The broker does not offer the needed version of an API.",
        "Upgrade the broker: the source needs Kafka 0.11 or newer, the sink 2.5 or newer.",
        "the sink's brokers cannot fence a stale worker: TxnOffsetCommit is too old (KIP-447)";
    NoTransactions = 16, "the sink broker cannot do transactions",
        "The transaction coordinator is not available or the API is switched off.",
        "Enable transactions on the sink: transaction.state.log.replication.factor must not exceed the number of brokers.",
        "sink cluster 4L6g3nShT-eMCtK--X86sw cannot do transactions";
    TopicMissing = 20, "a topic does not exist",
        "The job names a topic that the cluster does not have.",
        "Create the topic, correct the name, or set `create_topics: true` for the sink.",
        "topic orders does not exist on the source cluster 4L6g3nShT-eMCtK--X86sw";
    NoTopicMatches = 21, "no topic matches",
        "A regular expression in `topics` matches nothing, so that the job would do nothing for ever.",
        "Correct the expression; `velostream check --live` lists what each one matches.",
        "/ordres\\..*/ matches none of the 42 topics of the source cluster 4L6g3nShT-eMCtK--X86sw";
    SinkPartitions = 22, "the sink topic has too few partitions",
        "With `partition: same` each source partition needs its own on the sink.",
        "Add partitions to the sink topic, or let the job create it.",
        "sink topic dr.orders has 3 partitions, source topic orders has 6";
    SinkTopicConfig = 23, "a setting of the sink topic would refuse records",
        "message.timestamp.type, max.message.bytes, message.timestamp.*.max.ms, cleanup.policy or retention.* of the sink topic do not fit the source.",
        "Change the setting that the message names, or let the job create the topic.",
        "sink topic dr.orders: message.timestamp.type=LogAppendTime, needs CreateTime, else the broker replaces every timestamp";
    SourceGap = 30, "the source lost records in front of the position",
        "Retention deleted them, the log was truncated, or the topic was re-created.",
        "Decide whether the loss is acceptable; `gap_policy: continue` logs the range and goes on behind it.",
        "orders-3@5b2f0c1e9d8a4b7c8e1f2a3b4c5d6e7f: position 1200 cannot be read on: retention deleted everything below offset 5000";
    SinkWentBack = 31, "the sink lost committed records",
        "The destination topic was re-created or truncated, or an unclean leader election dropped acknowledged data; or the sink was emptied beside a state store that knows what it held.",
        "Restore the sink or start a new job with a new name; the message names the partition and offsets. Where the sink was emptied on purpose, `velostream state reset JOB.yaml --execute` forgets the ids.",
        "sink dr.orders-3: offset 1199 was acknowledged and committed, but the log ends at 900";
    CorruptBatch = 32, "a source batch fails its checksum",
        "The broker's disk or the network changed bytes; it was fetched twice.",
        "Repair the source partition (for example from a replica); nothing was skipped.",
        "orders-3@5b2f0c1e9d8a4b7c8e1f2a3b4c5d6e7f: batch at offset 1200 cannot be used\n  cause: batch at offset 1200 is corrupt: stored CRC-32C 0x5f1a9b03, computed 0x77c0d1e4";
    OldFormat = 33, "the message format is older than Kafka 0.11",
        "The source partition holds batches of magic 0 or 1, which carry no producer data.",
        "Rewrite the topic with a newer message format.",
        "orders-3@5b2f0c1e9d8a4b7c8e1f2a3b4c5d6e7f: batch at offset 1200 cannot be used\n  cause: batch at offset 1200 has magic 1: message formats older than Kafka 0.11 are not read";
    RecordRefused = 34, "the sink refuses a record",
        "The record is larger than the sink's max.message.bytes, has a timestamp that it refuses, or a null key in a compacted topic.",
        "Change the sink topic's setting that the message names, or the record's owner.",
        "orders-3@5b2f0c1e9d8a4b7c8e1f2a3b4c5d6e7f: record at offset 1200 is refused by dr.orders-3: MESSAGE_TOO_LARGE (10)";
    OffsetsReset = 35, "the group's offset and the job's own progress differ",
        "Somebody reset the offsets of the job's consumer group by hand.",
        "Set the group's offset back to what the message names as progress; to start over, give the job a new name.",
        "orders-3@5b2f0c1e9d8a4b7c8e1f2a3b4c5d6e7f: progress says 1200, the offsets of group velostream.orders-dr say 0";
    JobConflict = 40, "another job uses this name",
        "The job's internal topic belongs to another source or mapping.",
        "Give this job another name.",
        "job orders-dr replicates from cluster 4L6g3nShT-eMCtK--X86sw, not from 9mJ0pB2yQ3Kq1cVdTtXw7A";
    InstanceConflict = 41, "another worker uses this instance name",
        "Two live processes were started with one instance name.",
        "Give each its own `--instance`, or none at all.",
        "job orders-dr: a live process on this host is worker blue already";
    InternalTopic = 42, "the job's internal topic is not as it must be",
        "It was deleted, re-created, or its cleanup.policy is not compact.",
        "Restore it, or give the job a new name to start over; the sink topics then hold the records twice unless they are emptied.",
        "internal topic __velostream.orders-dr: cleanup.policy is \"delete\" and must be \"compact\"";
    JobConfigChanged = 43, "the job's mapping has changed",
        "A job that has run was started with another source, topic mapping or partitioning, or with another `deduplication_time`.",
        "Use a new job name for a new mapping. Ids are dated anew once they are forgotten: `velostream state reset JOB.yaml --execute`.",
        "orders-3@5b2f0c1e9d8a4b7c8e1f2a3b4c5d6e7f was delivered to orders so far, the job file now says dr.orders";
    IdsHeld = 49, "another job holds ids that this one waits for",
        "Jobs share ids (`shared_ids`), and the one that is named has taken some without saying yet whether it delivers their records: it is at work, or it was killed and not started again.",
        "Start the job that is named: it settles first what it holds. One that never comes back is removed by `velostream state reset JOB.yaml --execute`; what it had in hand passes then, also where it was delivered.",
        "shared ids payments: orders-eu.lane-0 has taken ids and has not said whether it delivers their records";
    StateCorrupt = 50, "a state file is damaged",
        "Magic, length or checksum do not fit: a torn disk or a foreign file.",
        "Keep it as evidence and restore it from a copy. Where it holds a job's progress, a job without it starts over.",
        "orders-dr.redb: the value of orders-dr.lane-0/root is damaged: checksum is 0x0000002a but the header says 0x00000017";
    StateVersion = 51, "a state file is newer than this program",
        "It was written by a later version.",
        "Use the version that wrote it, or a later one.",
        "internal topic partition 3, offset 1200 was written by a later version\n  cause: format version 3 is newer than 2, the newest that this program reads";
    StateIo = 52, "a state file cannot be read or written",
        "Disk full, no permission, or the directory is gone.",
        "Free space or correct the permissions; nothing was lost.",
        "state directory: /var/lib/velostream/orders-dr/host-0 cannot be used\n  cause: Permission denied (os error 13)";
    StoreUnavailable = 53, "the state store does not answer",
        "It is down, slow or cut off.",
        "Passing faults are retried; if it stays, look at the store's own log.",
        "orders-dr.redb: no answer in 5000 ms";
    StoreFenced = 54, "another owner has taken the task",
        "A newer epoch or nonce stands in the store.",
        "None needed: this worker stops the task and claims again.",
        "orders-dr.lane-0: epoch 7 was taken over by host-1 with epoch 8";
    StoreInUse = 55, "another process has the state store open",
        "Two processes use one embedded store file; it belongs to one at a time. Or the store is one that hosts share, and the worker that holds the job's task showed life while it was watched. The ids of a job belong to one worker.",
        "Stop the other process. Do not give a second worker of the same job another store: it would not know what the first has delivered.",
        "orders-dr.redb: another process has it open";
    StateLost = 56, "the state store lost acknowledged writes",
        "A listed id chunk, checkpoint or the task's root is gone, or the sink has committed more than the store has ids of: a failover to a lagging replica, a restored backup, a removed file.",
        "Restore the store from its replica, or set `on_id_loss: rebuild` to read the range again that the message names; what a transactional sink has committed stays right either way.",
        "orders-dr.lane-0/o/ids/0000000000000001/0000000000000007-0000000000000042-0000000000000012: a listed id chunk is missing";
    StoreWeak = 57, "the state store does not keep its claim",
        "A setting of the server (replication, durability, eviction) is weaker than the job was told.",
        "Correct the setting that the message names, or configure the weaker class.",
        "";
    StateTooLarge = 58, "the state does not fit into the store",
        "A value, or the number of values in one commit, exceeds what the store takes; or more records lie inside the deduplication window than `max_tracked_records`.",
        "Use smaller batches, fewer splits per lane, or a shorter deduplication window; raise `max_tracked_records`, about 24 bytes of memory each, or set `on_tracking_limit: shrink_window`.",
        "orders-dr.lane-0: 2000000 bytes of root exceed the store's limit of 1000000";
    RecordId = 59, "a record has no id",
        "A field of the record id is missing, too long or has no exact text, or an id is not one of this strategy.",
        "Correct `record_id_strategy`.",
        "an id of 70000 bytes is longer than 65536; use content_hash for large fields";
    FileIo = 60, "a data file cannot be read or written",
        "Disk full, no permission, or the file is gone.",
        "Free space or correct the permissions; nothing was lost.",
        "no file matches \"in/*.ndjson\"";
    FileChanged = 61, "a source file is shorter than what was read from it",
        "It was truncated or replaced while the job uses it.",
        "Give replaced files new names; restore the file to go on.",
        "in/orders-1.ndjson: it is shorter than what was read from it; position 1200 (line 40), size 900 bytes";
    FileLocked = 62, "another process owns the output directory",
        "A live process holds the lock of the file sink.",
        "Stop it, or give each job its own directory.",
        "out is in use by process 4711";
    Internal = 99, "an invariant of the program does not hold",
        "A defect: the program stops rather than go on.",
        "Please report it with the log.",
        "the reader left a gap or an overlap between two chunks";
}

impl Code {
    /// Finds a code by its text, with or without `VS-`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("VS-").or_else(|| text.strip_prefix("vs-")).unwrap_or(text);
        let number: u16 = digits.parse().ok()?;
        Self::ALL.iter().copied().find(|c| c.number() == number)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VS-{:04}", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page() {
        for code in Code::ALL {
            for text in [code.title(), code.cause(), code.remedy()] {
                assert!(!text.is_empty() && !text.ends_with(' '), "{code}");
            }
            for sentence in [code.cause(), code.remedy()] {
                assert!(sentence.ends_with('.'), "{code}: {sentence}");
            }
            assert!(code.example().is_none_or(|example| !example.starts_with("VS-")), "{code}");
        }
    }

    #[test]
    fn every_code_parses_back_from_its_text_and_numbers_ascend() {
        for pair in Code::ALL.windows(2) {
            assert!(pair[0].number() < pair[1].number());
        }
        for code in Code::ALL {
            assert_eq!(Code::parse(&code.to_string()), Some(*code));
        }
    }
}
