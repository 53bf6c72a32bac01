//! Kafka's own command-line tools, as a second opinion.

use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::kafka_install::KafkaInstall;

/// One of the tools in Kafka's jars. They share no code with us or with librdkafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KafkaTool {
    /// `kafka-console-consumer`.
    ConsoleConsumer,
    /// `kafka-transactions`.
    Transactions,
    /// `kafka-get-offsets`.
    GetOffsets,
    /// `kafka-consumer-groups`.
    ConsumerGroups,
    /// `kafka-dump-log`.
    DumpLog,
    /// `kafka-features`.
    Features,
    /// `kafka-leader-election`.
    LeaderElection,
}

impl KafkaTool {
    const fn main_class(self) -> &'static str {
        match self {
            Self::ConsoleConsumer => "org.apache.kafka.tools.consumer.ConsoleConsumer",
            Self::Transactions => "org.apache.kafka.tools.TransactionsCommand",
            Self::GetOffsets => "org.apache.kafka.tools.GetOffsetShell",
            Self::ConsumerGroups => "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
            Self::DumpLog => "kafka.tools.DumpLogSegments",
            Self::Features => "org.apache.kafka.tools.FeatureCommand",
            Self::LeaderElection => "org.apache.kafka.tools.LeaderElectionCommand",
        }
    }

    /// Runs the tool and returns what it wrote to stdout, byte for byte.
    ///
    /// # Errors
    /// When it cannot be started or exits non-zero; the message holds its stderr.
    pub fn run<I, S>(self, install: &KafkaInstall, arguments: I) -> Result<Vec<u8>>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<std::ffi::OsStr>,
    {
        let output = install
            .java(256, self.main_class())
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("cannot start java")?;
        if !output.status.success() {
            bail!("{self:?} failed with {}:\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(output.stdout)
    }
}
