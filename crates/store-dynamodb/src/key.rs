//! Where an item of a key lies, and how large it may be.

/// Largest value in bytes: an item is at most 400 KiB with its names, its key twice and three numbers (DynamoDB
/// Developer Guide, "Service quotas").
pub(crate) const MAX_VALUE_BYTES: usize = 398 * 1024;

/// Most puts in one commit: each is a request of its own.
pub(crate) const MAX_PUTS: usize = 1024;

/// The partition of a key: everything in front of its first slash, so that a task's items lie together.
pub(crate) fn partition(key: &str) -> &str {
    key.split_once('/').map_or(key, |(head, _)| head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_ends_at_the_first_slash() {
        assert_eq!(partition("orders-dr.lane-0/o/ids/1"), "orders-dr.lane-0");
        assert_eq!(partition("alone"), "alone");
    }
}
