//! Which server of a cluster serves which slot.

use std::collections::BTreeMap;

use redis::{ErrorKind, RedisError, Value, from_redis_value};

/// Number of slots, and the checksum that picks one (Redis cluster specification, "Key distribution model").
pub(crate) const SLOTS: u16 = 16384;
const CRC: crc::Crc<u16> = crc::Crc::<u16>::new(&crc::CRC_16_XMODEM);

/// Host and port as the cluster names them.
pub(crate) type Address = (String, u16);

/// The slot of a hash tag.
pub(crate) fn slot(tag: &str) -> u16 {
    CRC.checksum(tag.as_bytes()) % SLOTS
}

/// Ranges of slots with the primary that serves each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Slots {
    /// By the first slot of a range: its last slot, and the primary.
    ranges: BTreeMap<u16, (u16, Address)>,
}

impl Slots {
    /// Reads an answer of CLUSTER SLOTS that the server at `asked` gave.
    ///
    /// # Errors
    /// When it has another shape, or slots are served by nobody.
    pub(crate) fn parse(answer: Value, asked: &Address) -> Result<Self, RedisError> {
        let mut ranges = BTreeMap::new();
        for range in from_redis_value::<Vec<Vec<Value>>>(answer)? {
            let mut parts = range.into_iter();
            let mut part = || parts.next().unwrap_or(Value::Nil);
            let (first, last): (u16, u16) = (from_redis_value(part())?, from_redis_value(part())?);
            let mut primary = from_redis_value::<Vec<Value>>(part())?.into_iter();
            let mut part = || primary.next().unwrap_or(Value::Nil);
            let (host, port): (Option<String>, u16) = (from_redis_value(part())?, from_redis_value(part())?);
            ranges.insert(first, (last, (host_or(host.as_deref(), asked), port)));
        }
        let slots = Self { ranges };
        match slots.served() == u32::from(SLOTS) {
            true => Ok(slots),
            false => {
                Err((ErrorKind::Server(redis::ServerErrorKind::ClusterDown), "slots without a server").into())
            }
        }
    }

    /// How many slots are served.
    fn served(&self) -> u32 {
        let lengths = self.ranges.iter().map(|(first, (last, _))| u32::from(last.saturating_sub(*first)) + 1);
        lengths.sum()
    }

    /// Who serves `slot`.
    pub(crate) fn primary(&self, slot: u16) -> Option<&Address> {
        let (_, (last, primary)) = self.ranges.range(..=slot).next_back()?;
        (slot <= *last).then_some(primary)
    }

    /// Every primary that serves a slot, once.
    pub(crate) fn primaries(&self) -> Vec<&Address> {
        let mut all: Vec<&Address> = self.ranges.values().map(|(_, primary)| primary).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The host that is meant: a server that does not know its own name leaves it out or says `?`.
fn host_or(host: Option<&str>, asked: &Address) -> String {
    match host {
        None | Some("" | "?") => asked.0.clone(),
        Some(host) => host.to_owned(),
    }
}

/// Where a refusal sends the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Redirect {
    /// The slot is served there now.
    Moved(Address),
    /// This call only: the slot is on its way there.
    Ask(Address),
}

impl Redirect {
    /// The redirection in a refusal by the server at `asked`.
    pub(crate) fn parse(refusal: &RedisError, asked: &Address) -> Option<Self> {
        let (place, _) = refusal.redirect_node()?;
        let (host, port) = place.rsplit_once(':')?;
        let address = (host_or(Some(host), asked), port.parse().ok()?);
        match refusal.code() {
            Some("MOVED") => Some(Self::Moved(address)),
            Some("ASK") => Some(Self::Ask(address)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Address {
        ("here".into(), 1)
    }

    fn range(first: i64, last: i64, host: Value, port: i64) -> Value {
        let server = Value::Array(vec![host, Value::Int(port), Value::SimpleString("id".into())]);
        Value::Array(vec![Value::Int(first), Value::Int(last), server])
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn slot_of_a_tag_is_that_of_the_specification() {
        // Appendix A of the specification: the checksum of "123456789" is 0x31C3.
        assert_eq!(slot("123456789"), 0x31C3);
    }

    #[test]
    fn slots_name_the_primary_of_each() {
        let answer = Value::Array(vec![range(5000, 16383, text("b"), 7), range(0, 4999, Value::Nil, 6)]);
        let slots = Slots::parse(answer, &here()).unwrap();
        assert_eq!(slots.primary(0), Some(&("here".into(), 6)));
        assert_eq!(slots.primary(4999), Some(&("here".into(), 6)));
        assert_eq!(slots.primary(16383), Some(&("b".into(), 7)));
        assert_eq!(slots.primaries().len(), 2);
    }

    #[test]
    fn slots_with_a_gap_are_refused() {
        let answer = Value::Array(vec![range(0, 4999, text("a"), 6), range(5001, 16383, text("b"), 7)]);
        assert_eq!(Slots::parse(answer, &here()).unwrap_err().code(), Some("CLUSTERDOWN"));
    }

    #[test]
    fn redirect_names_where_to_go() {
        let refusal = |line: &[u8]| {
            RedisError::from(match redis::parse_redis_value(line).unwrap() {
                Value::ServerError(error) => error,
                other => panic!("{other:?}"),
            })
        };
        let moved = Redirect::parse(&refusal(b"-MOVED 3999 127.0.0.1:6381\r\n"), &here());
        assert_eq!(moved, Some(Redirect::Moved(("127.0.0.1".into(), 6381))));
        let ask = Redirect::parse(&refusal(b"-ASK 3999 :6381\r\n"), &here());
        assert_eq!(ask, Some(Redirect::Ask(("here".into(), 6381))));
        assert_eq!(Redirect::parse(&refusal(b"-TRYAGAIN later\r\n"), &here()), None);
    }
}
