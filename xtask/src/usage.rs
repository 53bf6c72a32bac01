//! What a process used, as the kernel counts it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// CPU time since the start of a process, and the most memory it ever held.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) peak_kib: u64,
}

impl Usage {
    /// Of a live process.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // After the name in parentheses: fields 14 and 15 are user and system time in ticks of 10 ms.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
        Ok(Self {
            cpu: Duration::from_millis((ticks(11) + ticks(12)) * 10),
            peak_kib: peak.trim().trim_end_matches("kB").trim().parse()?,
        })
    }

    /// Most memory in MB.
    pub(crate) fn peak_mb(&self) -> f64 {
        f64::from(u32::try_from(self.peak_kib).unwrap_or(u32::MAX)) / 1024.0
    }
}
