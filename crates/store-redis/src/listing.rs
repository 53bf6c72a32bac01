//! Keys in their order.

use std::collections::BTreeSet;

use redis::{cmd, from_redis_value};

use crate::caller::{Caller, To};
use crate::doing::{LIST, failed};
use crate::{Error, RedisConfig, key};

/// How many names SCAN looks at in a call.
const SCAN_COUNT: usize = 1000;

/// At most `max` keys that begin with `prefix`, from behind `after`.
pub(crate) async fn keys(
    caller: &Caller,
    config: &RedisConfig,
    prefix: &str,
    after: Option<&str>,
    max: usize,
) -> Result<Vec<String>, Error> {
    if max == 0 {
        return Ok(Vec::new());
    }
    let tags = match prefix.contains('/') {
        true => BTreeSet::from([key::tag(prefix).to_owned()]),
        false => tags(caller, config, prefix).await?,
    };
    let start = match after.filter(|after| *after >= prefix) {
        Some(after) => format!("({after}"),
        None => format!("[{prefix}"),
    };
    // Behind every key with this prefix: keys are ASCII.
    let end = [b"(", prefix.as_bytes(), b"\xff"].concat();
    let mut keys = Vec::new();
    for tag in tags {
        let mut command = cmd("ZRANGEBYLEX");
        command.arg(key::index(&config.prefix, &tag)).arg(&start).arg(end.as_slice());
        command.arg("LIMIT").arg(0).arg(i64::try_from(max).unwrap_or(i64::MAX));
        let commands = |_| vec![command.clone()];
        let answered = caller.call(LIST, To::Task(&tag), config.request_timeout, commands).await?;
        let found = from_redis_value::<Vec<String>>(answered.first);
        keys.extend(found.map_err(|error| failed(LIST, &answered.server, error.into()))?);
    }
    // Tasks whose names begin alike are not in the order of their keys: `a.b/x` sorts before `a/x`.
    keys.sort_unstable();
    keys.truncate(max);
    Ok(keys)
}

/// The tags of tasks that begin with `start`, on all servers. A task that moves from one server to another meanwhile
/// may be missed.
async fn tags(caller: &Caller, config: &RedisConfig, start: &str) -> Result<BTreeSet<String>, Error> {
    let prefix = &config.prefix;
    let mut found = BTreeSet::new();
    for primary in caller.primaries(LIST, config.request_timeout).await? {
        let mut cursor = 0u64;
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(key::indexes(prefix, start)).arg("COUNT").arg(SCAN_COUNT);
            let commands = |_| vec![scan.clone()];
            let answered = caller.call(LIST, To::Server(&primary), config.request_timeout, commands).await?;
            let parsed = from_redis_value::<(u64, Vec<String>)>(answered.first);
            let (next, names) = parsed.map_err(|error| failed(LIST, &answered.server, error.into()))?;
            found.extend(names.iter().filter_map(|name| key::tag_of_index(prefix, name)).map(str::to_owned));
            if next == 0 {
                break;
            }
            cursor = next;
        }
    }
    Ok(found)
}
