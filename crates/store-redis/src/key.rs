//! Names in Redis: one hash tag per task, so that all of its keys share a slot of a cluster.

/// Ends the name of a task's index. Not in the grammar of keys, so that no key is taken for an index.
const INDEX: &str = "!keys";

/// What is in front of the first `/`: the task, and the hash tag. A key that begins with `/` has the slash for a tag,
/// as Redis ignores an empty one.
pub(crate) fn tag(key: &str) -> &str {
    match key.split_once('/') {
        Some(("", _)) => "/",
        Some((task, _)) => task,
        None => key,
    }
}

/// `orders.lane-0/root` with prefix `velostream:` is `velostream:{orders.lane-0}/root`.
pub(crate) fn name(prefix: &str, key: &str) -> String {
    let tag = tag(key);
    format!("{prefix}{{{tag}}}{}", key.strip_prefix(tag).unwrap_or_default())
}

/// The sorted set of a task's keys.
pub(crate) fn index(prefix: &str, tag: &str) -> String {
    format!("{prefix}{{{tag}}}{INDEX}")
}

/// The hash tag of a set of shared ids. Not in the grammar of keys, so that no task has it.
pub(crate) fn tag_of_set(set: &str) -> String {
    format!("!{set}")
}

/// What a set keeps under `part`: all of a set shares a slot.
pub(crate) fn of_set(prefix: &str, set: &str, part: &str) -> String {
    format!("{prefix}{{{}}}{part}", tag_of_set(set))
}

/// The pattern of all indexes whose tag begins with `start`. Neither prefix nor tag can hold a character that is
/// special in patterns.
pub(crate) fn indexes(prefix: &str, start: &str) -> String {
    format!("{prefix}{{{start}*}}{INDEX}")
}

/// The tag in the name of an index.
pub(crate) fn tag_of_index<'a>(prefix: &str, index: &'a str) -> Option<&'a str> {
    index.strip_prefix(prefix)?.strip_prefix('{')?.strip_suffix(INDEX)?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_of_a_task_shares_its_hash_tag() {
        assert_eq!(name("v:", "a.lane-0/root"), "v:{a.lane-0}/root");
        assert_eq!(name("v:", "a.lane-0/o/ids/1"), "v:{a.lane-0}/o/ids/1");
        assert_eq!(name("v:", "health"), "v:{health}");
        assert_eq!(name("v:", "/x"), "v:{/}x");
        assert_eq!(index("v:", "a"), "v:{a}!keys");
        assert_eq!(tag_of_index("v:", "v:{a}!keys"), Some("a"));
        assert_eq!(tag_of_index("v:", "v:{a}/root"), None);
    }

    #[test]
    fn set_of_ids_is_no_task_of_the_same_name() {
        let held = of_set("v:", "a", "held");
        assert_eq!(held, "v:{!a}held");
        assert_ne!(held, name("v:", "a"));
        assert_eq!(tag_of_index("v:", &held), None);
    }
}
