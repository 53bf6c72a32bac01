//! Text that compresses about as well as JSON events do.

use super::random::Random;

const LENGTH: usize = 1 << 20;
const WORDS: [&str; 24] = [
    "\"customer\":",
    "\"amount\":",
    "\"currency\":\"EUR\"",
    "\"currency\":\"USD\"",
    "\"status\":\"paid\"",
    "\"status\":\"open\"",
    "\"sku\":",
    "\"quantity\":",
    "\"warehouse\":",
    "\"country\":\"DE\"",
    "\"country\":\"US\"",
    "\"channel\":\"web\"",
    "\"created_at\":\"2026-",
    "\"email\":\"user",
    "@example.com\"",
    "\"note\":null",
    "\"items\":[",
    "],",
    "{",
    "}",
    "\"tax\":",
    "\"total\":",
    "\"session\":\"",
    "\"reference\":\"",
];

/// One megabyte of words and numbers, wider than the windows of gzip, snappy and lz4: slices of it compress on their
/// own merits and not because the same slice came before.
#[derive(Debug)]
pub(super) struct Filler(Vec<u8>);

impl Filler {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, 0x0f11);
        let mut text = Vec::with_capacity(LENGTH + 64);
        while text.len() < LENGTH {
            let word = WORDS.get(random.index(WORDS.len())).copied().unwrap_or_default();
            text.extend_from_slice(word.as_bytes());
            text.extend_from_slice(format!("{:x},", random.next() >> 24).as_bytes());
        }
        Self(text)
    }

    /// `length` bytes (at most 64 KiB) from somewhere in the text.
    pub(super) fn slice(&self, random: &mut Random, length: usize) -> &[u8] {
        let length = length.min(1 << 16);
        let start = random.index(self.0.len() - length);
        self.0.get(start..start + length).unwrap_or_default()
    }
}
