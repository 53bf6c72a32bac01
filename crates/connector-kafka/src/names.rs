//! Every name that a job puts on the sink cluster.

use velostream_core::{InstanceName, JobName, LaneIndex};

/// Names of one job.
#[derive(Debug, Clone)]
pub struct Names {
    job: JobName,
    instance: InstanceName,
}

impl Names {
    /// Names of `job` as seen by the worker `instance`.
    #[must_use]
    pub const fn new(job: JobName, instance: InstanceName) -> Self {
        Self { job, instance }
    }

    /// The internal topic: partition i stands for source split i.
    #[must_use]
    pub fn journal(&self) -> String {
        format!("__velostream.{}", self.job)
    }

    /// The consumer group, on the sink cluster.
    #[must_use]
    pub fn group(&self) -> String {
        format!("velostream.{}", self.job)
    }

    /// Transactional id of a lane of this worker. Stable over restarts, so that a restart fences what it left behind.
    #[must_use]
    pub fn lane(&self, lane: LaneIndex) -> String {
        format!("velostream.{}.{}.{lane}", self.job, self.instance)
    }

    /// Transactional id of the registrar: only its holder appends split descriptors.
    #[must_use]
    pub fn registrar(&self) -> String {
        format!("velostream.{}.registrar", self.job)
    }

    /// The worker's name.
    #[must_use]
    pub const fn instance(&self) -> &InstanceName {
        &self.instance
    }

    /// The job's name.
    #[must_use]
    pub const fn job(&self) -> &JobName {
        &self.job
    }
}
