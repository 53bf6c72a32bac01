//! Ids of clusters.

use std::hash::{BuildHasher, RandomState};

/// A cluster id that differs between clusters: 22 characters of URL-safe base64 that decode to 16 bytes, as Kafka
/// demands, made from the name and the moment so that a cluster formatted anew is a new cluster.
pub(super) fn cluster_id(name: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits =
        (u128::from(RandomState::new().hash_one(name)) << 64) | u128::from(RandomState::new().hash_one(name));
    let mut text: String = (0..21)
        .map(|at| {
            let index = usize::try_from((bits >> (at * 6)) & 63).unwrap_or_default();
            char::from(ALPHABET.get(index).copied().unwrap_or(b'A'))
        })
        .collect();
    // The last character carries two bits: only these four are canonical; a leading dash looks like an option.
    text.push(if bits >> 126 & 1 == 0 { 'A' } else { 'Q' });
    text.replace_range(0..1, "v");
    text
}

#[cfg(test)]
mod tests {
    use super::cluster_id;

    #[test]
    fn cluster_ids_differ_and_have_kafkas_shape() {
        let first = cluster_id("a");
        assert_eq!(first.len(), 22);
        assert!(first.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        assert_ne!(first, cluster_id("a"));
    }
}
