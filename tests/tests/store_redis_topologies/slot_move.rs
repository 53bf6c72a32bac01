//! The slot of a task on its way from one server of a cluster to another, by hand as `redis-cli --cluster reshard`
//! does it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use velostream_testkit::services::{RedisCluster, RedisNode};

const OPERATOR: [&str; 3] = ["AUTH2", "operator", "only-for-tests"];

/// A slot between two servers.
#[derive(Debug)]
pub(crate) struct SlotMove<'a> {
    cluster: &'a RedisCluster,
    pub(crate) slot: String,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl<'a> SlotMove<'a> {
    /// The slot of a task; nothing moves yet.
    pub(crate) fn of(cluster: &'a RedisCluster, task: &str) -> Result<Self> {
        let first = cluster.nodes.first().context("no servers")?;
        let slot: u16 = redis::from_redis_value(first.run(&["CLUSTER", "KEYSLOT", task])?)?;
        // Three primaries share the slots evenly.
        let from = usize::from(slot / 5461).min(2);
        Ok(Self { cluster, slot: slot.to_string(), from, to: (from + 1) % 3 })
    }

    pub(crate) fn node(&self, number: usize) -> Result<&RedisNode> {
        self.cluster.nodes.get(number).context("no such server")
    }

    /// From here the old server sends on what it does not have.
    pub(crate) fn begin(&self) -> Result<()> {
        let (from, to) = (self.cluster.id(self.from)?, self.cluster.id(self.to)?);
        self.node(self.to)?.run(&["CLUSTER", "SETSLOT", &self.slot, "IMPORTING", &from])?;
        self.node(self.from)?.run(&["CLUSTER", "SETSLOT", &self.slot, "MIGRATING", &to])?;
        Ok(())
    }

    /// Keys that are still on the old server.
    pub(crate) fn left(&self, most: u32) -> Result<Vec<String>> {
        let keys = ["CLUSTER", "GETKEYSINSLOT", &self.slot, &most.to_string()].map(str::to_owned);
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        Ok(redis::from_redis_value(self.node(self.from)?.run(&keys)?)?)
    }

    /// Moves the whole slot, so many keys at a time with a pause behind each, and turns the move round.
    pub(crate) fn there(&mut self, at_a_time: u32) -> Result<()> {
        self.begin()?;
        loop {
            let keys = self.left(at_a_time)?;
            if keys.is_empty() {
                break;
            }
            self.migrate(&keys)?;
            std::thread::sleep(Duration::from_millis(10));
        }
        self.end()?;
        self.turn();
        Ok(())
    }

    /// Moves these keys.
    pub(crate) fn migrate(&self, keys: &[String]) -> Result<()> {
        let port = self.node(self.to)?.port().to_string();
        let mut words = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000"];
        words.extend(OPERATOR);
        words.push("KEYS");
        words.extend(keys.iter().map(String::as_str));
        ensure!(self.node(self.from)?.text(&words)? == "OK", "keys were not moved");
        Ok(())
    }

    /// From here the slot is served by the new server.
    pub(crate) fn end(&self) -> Result<()> {
        ensure!(self.left(1)?.is_empty(), "keys are left behind");
        let to = self.cluster.id(self.to)?;
        let others = (0..self.cluster.nodes.len()).filter(|number| *number != self.to);
        for number in std::iter::once(self.to).chain(others) {
            self.node(number)?.run(&["CLUSTER", "SETSLOT", &self.slot, "NODE", &to])?;
        }
        Ok(())
    }

    /// The way back.
    pub(crate) fn turn(&mut self) {
        std::mem::swap(&mut self.from, &mut self.to);
    }
}
