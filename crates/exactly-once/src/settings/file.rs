//! Settings of the file connector.

use velostream_connector_file as connector;

use super::length;
use crate::config::{FileSink, FileSource, Format, JobFile};

/// Settings of the source; `bounded` ends each file at its end, whatever `follow` says.
#[must_use]
pub fn source(source: &FileSource, bounded: bool) -> connector::SourceConfig {
    let mut settings = connector::SourceConfig::new(source.path.as_str());
    settings.format = format(source.format);
    settings.follow = source.follow && !bounded;
    settings.poll_interval = source.poll_interval;
    settings.max_chunk_bytes = length(source.max_chunk_bytes);
    settings.max_line_bytes = length(source.max_line_bytes);
    settings
}

/// Settings of the sink.
#[must_use]
pub fn sink(job: &JobFile, sink: &FileSink) -> connector::SinkConfig {
    let mut settings = connector::SinkConfig::new(job.job.clone(), sink.path.as_str());
    settings.format = format(sink.format);
    settings.max_decoded_bytes = length(job.processing.max_decoded_bytes);
    settings
}

const fn format(format: Format) -> connector::Format {
    match format {
        Format::Lines => connector::Format::Lines,
    }
}
