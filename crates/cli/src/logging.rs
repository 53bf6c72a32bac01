//! The log: on stderr, as text or as JSON.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::arguments::{Global, LogForm};

/// Names the filter in the environment, for example `velostream_connector_kafka=debug,info`.
const FILTER: &str = "VELOSTREAM_LOG";

/// Starts the log of this process.
pub(crate) fn start(global: &Global) {
    let level = match global.verbose {
        // librdkafka calls the end of a partition an error; what matters of it comes back as one.
        0 => "info,librdkafka=off,rdkafka=off",
        1 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match global.log_format {
        LogForm::Json => builder.json().flatten_event(true).init(),
        LogForm::Text => {
            let colors =
                io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
            builder.with_ansi(colors).with_target(global.verbose > 0).init();
        }
    }
}
