//! First inputs of the fuzz targets, from the golden files of the formats.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Bytes in front of an envelope's body: targets seal bodies themselves.
const ENVELOPE: usize = 16;

const IDS: [&str; 5] = [
    "kafka://c/orders/07070707070707070707070707070707/3/41",
    "file://in%2Fa.ndjson/9",
    "database://public.o/00ff",
    "custom://k/",
    "sha256:87593ed65f6d7511fdbc8eb07685b3858fb4f53019e337ca73f9a6c919668e26",
];

/// The seeds of a target; none where the format is simple enough to be found.
///
/// # Errors
/// When a golden file cannot be read.
pub(crate) fn of(root: &Path, target: &str) -> Result<Vec<Vec<u8>>> {
    let file = |path: &str| fs::read(root.join(path)).with_context(|| format!("cannot read {path}"));
    Ok(match target {
        "config" => ["file-to-file", "kafka-to-file", "kafka-to-kafka"]
            .iter()
            .map(|name| file(&format!("examples/{name}.yaml")))
            .collect::<Result<_>>()?,
        "envelope" => vec![bytes_of(&file("crates/envelope/tests/golden/frame.hex")?)],
        "checkpoint" => {
            let mut seeds = Vec::new();
            for path in [
                "checkpoint/tests/golden/checkpoint_v1",
                "ledger/tests/golden/root_v1",
                "ledger/tests/golden/chunk_v1",
            ] {
                let whole = bytes_of(&file(&format!("crates/{path}.hex"))?);
                seeds.extend(whole.get(ENVELOPE..).map(<[u8]>::to_vec));
                seeds.push(whole);
            }
            seeds
        }
        "record_id" | "position" => IDS.iter().map(|id| id.as_bytes().to_vec()).collect(),
        "record_batch" => ["none", "gzip", "snappy", "lz4", "zstd", "holes", "log_append_time", "commit"]
            .iter()
            .map(|name| Ok([vec![0], file(&format!("crates/kafka-batch/tests/golden/{name}.bin"))?].concat()))
            .collect::<Result<_>>()?,
        _ => Vec::new(),
    })
}

/// Bytes of a golden file in hexadecimal digits.
fn bytes_of(text: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = text
        .iter()
        .filter_map(|c| char::from(*c).to_digit(16))
        .filter_map(|d| u8::try_from(d).ok())
        .collect();
    digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect()
}
