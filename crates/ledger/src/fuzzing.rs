//! Entries for fuzz targets: the decoders that the crate keeps to itself. Built with `--cfg fuzzing` alone.

use velostream_core::{Epoch, Nonce};
use velostream_envelope::HEADER_BYTES;

use crate::TaskId;
use crate::chunk::{self, ChunkId};
use crate::root::Root;

/// The root of a task. What is read can be written and reads back equal.
pub fn root(bytes: &[u8]) {
    let task = TaskId::new("t").expect("a good name");
    let Ok(root) = Root::decode(&task, bytes) else { return };
    let written = root.encode(&task).expect("what was read can be written");
    assert_eq!(Root::decode(&task, &written).expect("what was written is read"), root);
}

/// A chunk, read as the one that it says it is. What is read is written as the same bytes.
pub fn chunk(bytes: &[u8]) {
    let words = bytes.get(HEADER_BYTES..).unwrap_or_default().as_chunks::<8>().0;
    let word = |n: usize| words.get(n).map_or(0, |word| u64::from_be_bytes(*word));
    let id = ChunkId { bucket: word(0), epoch: Epoch(word(1)), nonce: Nonce(word(2)), number: word(3) };
    if let Ok(read) = chunk::decode("k", id, bytes)
        && matches!(bytes.get(4..6), Some([0, 2 | 3]))
        && bytes.get(6) == Some(&velostream_envelope::BodyCodec::Raw.id())
    {
        assert_eq!(chunk::encode(id, &read).expect("what was read can be written"), bytes);
    }
}
