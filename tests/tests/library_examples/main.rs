//! The examples of the library as their readers run them: real brokers on both sides, Redis and PostgreSQL with the users
//! and settings that operators are told to give. The verdict is that of a read_committed reader on librdkafka.

#![allow(clippy::print_stdout, reason = "stats are shown")]

mod audit;
mod census;
mod financial;

#[path = "../../../crates/exactly-once/examples/audit.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod audit_example;
#[path = "../../../crates/exactly-once/examples/financial.rs"]
#[allow(dead_code, reason = "its main is for people")]
mod financial_example;

const PARTITIONS: i32 = 3;

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// A partition that has nothing to do with what the record holds.
fn partition(n: u64) -> i32 {
    i32::try_from(n.wrapping_mul(2_654_435_761) >> 7 & 0xFFFF).unwrap_or(0) % PARTITIONS
}
