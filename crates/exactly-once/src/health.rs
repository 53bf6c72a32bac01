//! Whether a worker does its work.

use std::fmt;

use serde::Serialize;
use velostream_processor::LaneStatus;

/// Whether a worker does its work, with one check per lane. `/readyz` answers from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HealthCheckResult {
    /// Every check is healthy, and there is at least one.
    pub healthy: bool,
    /// The checks.
    pub checks: Vec<HealthCheck>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HealthCheck {
    /// What: `lane-0`, `lane-1`, ...
    pub name: String,
    /// True where it is as it must be.
    pub healthy: bool,
    /// What was seen.
    pub detail: String,
}

impl HealthCheckResult {
    /// From the lanes of a worker. No dependency is asked.
    pub(crate) fn of_lanes<'a>(lanes: impl IntoIterator<Item = &'a LaneStatus>) -> Self {
        let checks: Vec<HealthCheck> = (0_u32..).zip(lanes).map(|(index, lane)| check(index, lane)).collect();
        Self { healthy: !checks.is_empty() && checks.iter().all(|check| check.healthy), checks }
    }
}

fn check(index: u32, lane: &LaneStatus) -> HealthCheck {
    // A lane that was given nothing stands by: it has its assignment.
    let stands_by = lane.phase == "unassigned" && lane.assignment > 0;
    HealthCheck {
        name: format!("lane-{index}"),
        healthy: stands_by || matches!(lane.phase, "ready" | "open" | "committing"),
        detail: if stands_by {
            "stands by, owns no split".to_owned()
        } else {
            format!("{}, owns {} splits", lane.phase, lane.splits.len())
        },
    }
}

/// One line per check, as Kubernetes' own components write them.
impl fmt::Display for HealthCheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for HealthCheck { name, healthy, detail } in &self.checks {
            writeln!(f, "[{}] {name}: {detail}", if *healthy { '+' } else { '-' })?;
        }
        writeln!(f, "{}", if self.healthy { "ready" } else { "not ready" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(phase: &'static str, assignment: u64) -> LaneStatus {
        LaneStatus { phase, assignment, ..LaneStatus::default() }
    }

    #[test]
    fn worker_is_healthy_where_every_lane_works_or_stands_by() {
        let healthy = |lanes: &[LaneStatus]| HealthCheckResult::of_lanes(lanes).healthy;
        assert!(healthy(&[lane("open", 3), lane("committing", 3), lane("ready", 3), lane("unassigned", 3)]));
        assert!(!healthy(&[]));
        for phase in ["unassigned", "claiming", "resetting", "superseded", "stopped"] {
            assert!(!healthy(&[lane("open", 3), lane(phase, 0)]), "{phase}");
        }
    }

    #[test]
    fn text_has_a_line_per_check() {
        let result = HealthCheckResult::of_lanes(&[lane("claiming", 1), lane("unassigned", 1)]);
        let text = "[-] lane-0: claiming, owns 0 splits\n[+] lane-1: stands by, owns no split\nnot ready\n";
        assert_eq!(result.to_string(), text);
    }
}
