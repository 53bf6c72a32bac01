//! The layers of tests, from cheap to dear.

use clap::ValueEnum;

use super::programs::Program;

/// A layer of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Layer {
    /// Unit, property and scenario tests of the crate that is broken.
    Unit,
    /// The worker over ends in memory.
    Worker,
    /// Simulated histories.
    Sim,
    /// The model of the protocol.
    Model,
    /// Suites on real Kafka.
    Servers,
}

impl Layer {
    /// Its name in the table.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Model => "model",
            Self::Worker => "worker",
            Self::Sim => "sim",
            Self::Servers => "servers",
        }
    }

    /// The layer at which a program can see a defect of a crate; `None` where it cannot.
    pub(crate) fn of(program: &Program, broken: &str) -> Option<Self> {
        match (program.home.as_str(), program.target.as_str()) {
            ("protocol", "model") => (broken == "protocol").then_some(Self::Model),
            ("processor", "worker") => matches!(broken, "protocol" | "processor").then_some(Self::Worker),
            ("sim", "histories") => matches!(broken, "protocol" | "processor").then_some(Self::Sim),
            ("sim", _) => None,
            (home, _) => (home == broken).then_some(Self::Unit),
        }
    }

    /// Tests to run of a program of this layer; none for all.
    pub(crate) const fn filter(self) -> &'static [&'static str] {
        match self {
            Self::Sim => &["every_single_fault_", "drawn_plan_", "job_without_faults_"],
            _ => &[],
        }
    }
}
