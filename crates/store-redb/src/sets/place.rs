//! What the tables of shared ids keep. The layouts are frozen.

use bytes::{Buf, BufMut, Bytes};
use velostream_core::{Epoch, Member, MemberState, Nonce, RootVersion, Turn};
use velostream_envelope::entry;

const HELD: u8 = b'h';
const DELIVERED: u8 = b'd';

/// Where an id stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    HeldBy(String),
    /// Milliseconds since the Unix epoch.
    DeliveredAt(i64),
}

impl Place {
    /// `h` and the member, or `d` and 8 bytes big-endian.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut value = Vec::new();
        match self {
            Self::HeldBy(name) => {
                value.push(HELD);
                value.extend_from_slice(name.as_bytes());
            }
            Self::DeliveredAt(at_ms) => {
                value.push(DELIVERED);
                value.extend_from_slice(&at_ms.to_be_bytes());
            }
        }
        value
    }

    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        match value.split_first()? {
            (&HELD, name) => Some(Self::HeldBy(std::str::from_utf8(name).ok()?.to_owned())),
            (&DELIVERED, at_ms) => Some(Self::DeliveredAt(i64::from_be_bytes(at_ms.try_into().ok()?))),
            _ => None,
        }
    }
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) turn: Turn,
    pub(super) settled: Option<Bytes>,
    pub(super) promised: Option<Bytes>,
}

impl Known {
    /// An entry with a checksum: the turn's three numbers, then both notes, each behind 1 and its length or as 0.
    pub(super) fn encode(&self, member: &Member) -> Vec<u8> {
        let mut value = Vec::new();
        value.put_u64(self.turn.epoch.0);
        value.put_u64(self.turn.nonce.0);
        value.put_u64(self.turn.number);
        for note in [&self.settled, &self.promised] {
            value.put_u8(u8::from(note.is_some()));
            if let Some(note) = note {
                value.put_u64(u64::try_from(note.len()).unwrap_or(u64::MAX));
                value.put_slice(note);
            }
        }
        entry::encode(&member.to_string(), RootVersion(0), &value)
    }

    pub(super) fn decode(member: &Member, value: &[u8]) -> Result<Self, &'static str> {
        let mut value = entry::decode(&member.to_string(), value)?.value;
        let short = |_| "it is too short";
        let mut number = || value.try_get_u64().map_err(short);
        let turn = Turn { epoch: Epoch(number()?), nonce: Nonce(number()?), number: number()? };
        let mut note = || -> Result<Option<Bytes>, &'static str> {
            if value.try_get_u8().map_err(short)? == 0 {
                return Ok(None);
            }
            let length = usize::try_from(value.try_get_u64().map_err(short)?).unwrap_or(usize::MAX);
            if length > value.len() { Err("it is too short") } else { Ok(Some(value.split_to(length))) }
        };
        Ok(Self { turn, settled: note()?, promised: note()? })
    }

    pub(super) fn with(self, held: u64) -> MemberState {
        let Self { turn, settled, promised } = self;
        MemberState { turn, settled, promised, held }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_comes_back_and_any_other_bytes_are_refused() {
        for place in [Place::HeldBy("a.b-1".into()), Place::DeliveredAt(-7), Place::DeliveredAt(i64::MAX)] {
            assert_eq!(Place::decode(&place.encode()), Some(place));
        }
        assert_eq!(Place::DeliveredAt(258).encode(), b"d\0\0\0\0\0\0\x01\x02");
        for bytes in [&b""[..], b"d", b"d1234567", b"x12345678", b"h\xff"] {
            assert_eq!(Place::decode(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn member_comes_back_and_damage_anywhere_is_found() {
        let member = Member::new("s", "m").unwrap();
        let turn = Turn { epoch: Epoch(u64::MAX), nonce: Nonce(2), number: 3 };
        let known = Known { turn, settled: Some(Bytes::from_static(b"at 9")), promised: None };
        let bytes = known.encode(&member);
        assert_eq!(Known::decode(&member, &bytes), Ok(known));
        assert!(Known::decode(&Member::new("s", "other").unwrap(), &bytes).is_err());
        for n in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[n] ^= 1;
            assert!(Known::decode(&member, &damaged).is_err(), "{n}");
            assert!(Known::decode(&member, &bytes[..n]).is_err(), "{n}");
        }
    }
}
