//! Whether a worker does its work.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use velostream_processor::{IdHealth, LaneStatus};

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
    /// What: `lane-0`, `lane-1`, ...; `state_store`, `checkpoint_freshness` and `memory_usage` where records are told
    /// apart by what they hold.
    pub name: String,
    /// True where it is as it must be.
    pub healthy: bool,
    /// What was seen.
    pub detail: String,
}

impl HealthCheckResult {
    /// From what a worker has seen. No dependency is asked.
    pub(crate) fn of(lanes: &[LaneStatus], ids: Option<&IdHealth>, unix_ms: i64) -> Self {
        let mut checks: Vec<HealthCheck> =
            (0_u32..).zip(lanes).map(|(index, lane)| check(index, lane)).collect();
        if let (Some(ids), false) = (ids, checks.is_empty()) {
            checks.extend([state_store(ids), checkpoint_freshness(ids, unix_ms), memory_usage(ids)]);
        }
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

fn state_store(ids: &IdHealth) -> HealthCheck {
    HealthCheck {
        name: "state_store".to_owned(),
        healthy: ids.store_error.is_none(),
        detail: ids.store_error.clone().unwrap_or_else(|| "answered the last call".to_owned()),
    }
}

/// A checkpoint comes with the first transaction after it is due, so that one which is overdue twice never came.
fn checkpoint_freshness(ids: &IdHealth, unix_ms: i64) -> HealthCheck {
    let age_ms = ids.uncovered_since_ms.map_or(0, |since| unix_ms.saturating_sub(since));
    let age = Duration::from_millis(u64::try_from(age_ms).unwrap_or(0));
    HealthCheck {
        name: "checkpoint_freshness".to_owned(),
        healthy: age <= ids.checkpoint_interval.saturating_mul(2).max(Duration::from_secs(10)),
        detail: format!("the newest checkpoint lacks the last {} s", age.as_secs()),
    }
}

/// A job that stops at its bound should be looked at before.
fn memory_usage(ids: &IdHealth) -> HealthCheck {
    let (tracked, max) = (ids.tracked_records, ids.max_tracked_records);
    HealthCheck {
        name: "memory_usage".to_owned(),
        healthy: !ids.stops_at_bound || u128::from(tracked) * 100 <= u128::from(max) * 95,
        detail: format!("{tracked} of {max} ids, about {} MiB", tracked.saturating_mul(24) >> 20),
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
        let healthy = |lanes: &[LaneStatus]| HealthCheckResult::of(lanes, None, 0).healthy;
        assert!(healthy(&[lane("open", 3), lane("committing", 3), lane("ready", 3), lane("unassigned", 3)]));
        assert!(!healthy(&[]));
        for phase in ["unassigned", "claiming", "resetting", "superseded", "stopped"] {
            assert!(!healthy(&[lane("open", 3), lane(phase, 0)]), "{phase}");
        }
    }

    #[test]
    fn text_has_a_line_per_check() {
        let result = HealthCheckResult::of(&[lane("claiming", 1), lane("unassigned", 1)], None, 0);
        let text = "[-] lane-0: claiming, owns 0 splits\n[+] lane-1: stands by, owns no split\nnot ready\n";
        assert_eq!(result.to_string(), text);
    }

    #[test]
    fn ids_are_healthy_while_the_store_answers_checkpoints_come_and_there_is_room() {
        let good = IdHealth {
            store_error: None,
            tracked_records: 95,
            max_tracked_records: 100,
            stops_at_bound: true,
            uncovered_since_ms: Some(1_000),
            checkpoint_interval: Duration::from_secs(30),
        };
        let unhealthy = |ids: IdHealth| {
            let result = HealthCheckResult::of(&[lane("open", 1)], Some(&ids), 61_000);
            let names = result.checks.iter().filter(|check| !check.healthy).map(|check| check.name.clone());
            (result.healthy, names.collect::<Vec<_>>().join(" "))
        };
        assert_eq!(unhealthy(good.clone()), (true, String::new()));
        for (bad, name) in [
            (IdHealth { store_error: Some("away".to_owned()), ..good.clone() }, "state_store"),
            (IdHealth { uncovered_since_ms: Some(999), ..good.clone() }, "checkpoint_freshness"),
            (IdHealth { tracked_records: 96, ..good.clone() }, "memory_usage"),
        ] {
            assert_eq!(unhealthy(bad), (false, name.to_owned()));
        }
        assert!(unhealthy(IdHealth { tracked_records: 100, stops_at_bound: false, ..good }).0);
    }
}
