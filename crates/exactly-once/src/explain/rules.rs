//! The rules that turn a job file into reasons. One function per end of the job; no rule asks a server.

use super::reason::{Reason, Role};
use super::{ids, kafka_sink};
use crate::config::{
    FileSource, GapPolicy, Isolation, JobFile, KafkaSource, PassThrough, Sink, Source, Start,
};

pub(crate) fn reasons(job: &JobFile) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if !job.has_parts() {
        // Such a job cannot be loaded or run; one that a program put together must not look good either.
        reasons.push(
            Reason::new(Role::Lowers, "lines of files cannot be delivered to Kafka yet: the job is refused")
                .from("sink.kafka"),
        );
        return reasons;
    }
    match &job.sink {
        Sink::Kafka(sink) => kafka_sink::reasons(job, sink, &mut reasons),
        Sink::File(_) => file_sink(&mut reasons),
    }
    ids::reasons(job, &mut reasons);
    match &job.source {
        Source::Kafka(source) => kafka_source(source, &mut reasons),
        Source::File(source) => file_source(source, &mut reasons),
    }
    if matches!((&job.source, &job.sink), (Source::Kafka(_), Sink::File(_))) {
        reasons.push(Reason::new(
            Role::Warns,
            "a line holds the value only: keys, headers and timestamps are left out",
        ));
    }
    if job.exactly_once.pass_through == PassThrough::Off {
        reasons.push(
            Reason::new(
                Role::Warns,
                "every batch is decoded and encoded again: slower, same level; meant for comparison",
            )
            .from("exactly_once.pass_through"),
        );
    }
    reasons
}

fn file_sink(reasons: &mut Vec<Reason>) {
    reasons.push(Reason::new(
        Role::Gives,
        "the file sink commits lines and progress with one rename of its manifest: both are there or neither is",
    ));
    reasons.push(Reason::new(
        Role::Gives,
        "a stale writer is fenced: the directory's lock keeps a second process out, and a manifest of an older epoch \
         is refused",
    ));
    reasons.push(Reason::new(
        Role::Assumes,
        "the directory is on a local POSIX file system of this host: rename and link are atomic, fsync reaches the \
         disk",
    ));
    reasons.push(Reason::new(
        Role::Assumes,
        "readers follow the manifest, or read the files after the job has stopped: beyond the committed length a \
         file may hold lines that will be taken back",
    ));
}

fn kafka_source(source: &KafkaSource, reasons: &mut Vec<Reason>) {
    match source.gap_policy {
        GapPolicy::Stop => reasons.push(
            Reason::new(
                Role::Gives,
                "records that the source loses in front of the position (retention, truncation, a re-created topic) \
                 stop the job with a named error",
            )
            .from("source.kafka.gap_policy"),
        ),
        GapPolicy::Continue => reasons.push(
            Reason::new(
                Role::Lowers,
                "`continue` goes on behind records that the source has lost: they are logged but never delivered, so \
                 the sink may miss records",
            )
            .from("source.kafka.gap_policy"),
        ),
    }
    if source.isolation == Isolation::ReadUncommitted {
        reasons.push(
            Reason::new(
                Role::Warns,
                "records of aborted source transactions are delivered too, each exactly once; readers of the source \
                 with read_committed never see them",
            )
            .from("source.kafka.isolation"),
        );
    }
    if source.start == Start::Latest {
        reasons.push(
            Reason::new(
                Role::Warns,
                "records from before the job is created are not part of it; partitions that appear later start at \
                 the earliest offset",
            )
            .from("source.kafka.start"),
        );
    }
    reasons.push(Reason::new(
        Role::Assumes,
        "the source keeps records longer than the longest stop of the job (retention.ms, retention.bytes)",
    ));
    reasons.push(Reason::new(
        Role::Assumes,
        "the source brokers report leader epochs and topic ids (Kafka 2.8 or newer); older ones hide some truncations",
    ));
    reasons.push(Reason::new(
        Role::Assumes,
        "the source topics are not compacted below the position, or only the newest value of a key matters",
    ));
}

fn file_source(source: &FileSource, reasons: &mut Vec<Reason>) {
    reasons.push(Reason::new(
        Role::Assumes,
        "source files only grow: one that gets shorter stops the job, one that is rewritten in place is not noticed",
    ));
    reasons.push(Reason::new(
        Role::Assumes,
        "one process runs the job: files have no group that would share them out",
    ));
    if source.follow {
        reasons.push(
            Reason::new(Role::Warns, "the job never ends by itself: it waits for more lines")
                .from("source.file.follow"),
        );
    }
}
