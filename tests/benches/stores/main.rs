//! State stores side by side: what a batch of ids costs, packed by the ledger and as one key per id in the same server.
//!
//! `cargo xtask bench stores` runs it and puts the table into docs/PERFORMANCE.md.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints")]
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

mod dynamodb;
mod keys;
mod local;
mod packed;
mod postgres;
mod redis;
mod subject;
mod table;

use anyhow::{Result, bail};

use keys::Keys;
use subject::{Figures, Sizes, Subject};

/// Ids of a batch.
const BATCHES: [usize; 2] = [1_000, 10_000];

fn main() -> Result<()> {
    // `cargo test --benches` only wants to know that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    let mut rows = Vec::new();
    if is_wanted("memory") {
        rows.push(runtime.block_on(async { measure(&local::Memory::new()).await })?);
    }
    if is_wanted("redb") {
        rows.push(runtime.block_on(async { measure(&local::Redb::open().await?).await })?);
    }
    if is_wanted("redis") {
        rows.push(runtime.block_on(async { measure(&redis::Redis::open().await?).await })?);
    }
    if is_wanted("postgres") {
        rows.push(runtime.block_on(async { measure(&postgres::Postgres::open().await?).await })?);
    }
    if is_wanted("dynamodb") {
        rows.push(runtime.block_on(async { measure(&dynamodb::Dynamo::open().await?).await })?);
    }
    println!("{}", table::render(&rows));
    Ok(())
}

/// One store: small batches, what they take in the server, then large ones.
async fn measure(subject: &dyn Subject) -> Result<(String, Vec<Figures>, Sizes)> {
    let mut figures = Vec::new();
    let mut sizes = Sizes::default();
    for ids in BATCHES {
        let packed = packed::run(subject, ids).await?;
        if figures.is_empty() {
            sizes.packed = per_id(subject.packed_bytes().await?, packed.stored);
        }
        let mut naive = Vec::new();
        for keys in Keys::ALL {
            let found = keys::run(subject, keys, ids).await?;
            if figures.is_empty() {
                let bytes = per_id(subject.naive_bytes(keys).await?, found.stored);
                match keys {
                    Keys::Short => sizes.short = bytes,
                    Keys::Whole => sizes.whole = bytes,
                }
            }
            naive.push(found);
        }
        let [short, whole] = naive[..] else { bail!("two kinds of keys are measured") };
        eprintln!("{}: {ids} ids: {packed:?} {short:?} {whole:?} {sizes:?}", subject.name());
        figures.push(Figures { ids, packed, short, whole });
    }
    Ok((subject.name().to_owned(), figures, sizes))
}

#[allow(clippy::cast_precision_loss, reason = "sizes fit 53 bits")]
fn per_id(bytes: Option<u64>, ids: usize) -> Option<f64> {
    bytes.map(|bytes| bytes as f64 / ids as f64)
}
